"""What journeys share: the story of the demonstration, told once, and four applicants of a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.command import Said, mingqu, passing_folder, write_applicants


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What `mingqu demo --data DIR --json` answered, and where its book is."""

    said: Said
    data: Path


@pytest.fixture(scope="session")
def story() -> Iterator[Story]:
    """The whole demonstration, played once for all tests of a process."""
    with passing_folder() as folder:
        data = folder / "book"
        yield Story(said=mingqu("demo", "--data", data, "--json"), data=data)


@pytest.fixture(scope="session")
def applicants(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """Four people of a file: one sound, one who will not pay, one who is behind already, one older."""
    behind = {"PAY_0": "3", "PAY_2": "3", "PAY_3": "2"}
    people = ({}, {"class": "1"}, behind, {"AGE": "60"})
    file = write_applicants(tmp_path_factory.mktemp("applicants") / "people.csv", *people)
    return mingqu("demo", "--applicants", file, "--json")
