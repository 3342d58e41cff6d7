"""A policy file that was published stays as it is: a book that holds it would not open with another content of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mingqu.store.decisions.policy import read_documents

# What each file came to when it was published, by the hash of what it says; comments are not part of it.
PUBLISHED = Path(__file__).with_name("published_policies.txt")


def edited(now: Mapping[str, str]) -> list[str]:
    """Return the published files that say something else by now, or are gone."""
    published = (line.split("  ", maxsplit=1) for line in PUBLISHED.read_text("utf-8").splitlines())
    return [file for said, file in published if now.get(file) != said]


def test_no_published_policy_says_something_else_by_now() -> None:
    now = {one.file: one.hash for one in read_documents()}
    assert edited(now) == [], "give the file a new version, or put new rows into a file of their own"
    some = PUBLISHED.read_text("utf-8").split()[1]
    assert edited({**now, some: "0" * 64}) == [some]
    assert edited({file: said for file, said in now.items() if file != some}) == [some]
