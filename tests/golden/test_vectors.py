"""Every worked vector, A to M, is what the code works out; the figures stand in `vectors.txt` for people to read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.golden.vectors import VECTORS, Lines

PAGE = Path(__file__).with_name("vectors.txt")
HEAD = re.compile(r"([A-Z]\d?) +\S")
LINE = re.compile(r"   (\S.{20}) (\S.*)")


def _vectors() -> dict[str, Lines]:
    """Return the lines of the page under each letter; a line that is neither is a fault of the page."""
    found: dict[str, Lines] = {}
    letter = ""
    for text in PAGE.read_text("utf-8").splitlines()[3:]:
        if head := HEAD.match(text):
            letter = head[1]
            found[letter] = {}
        elif line := LINE.fullmatch(text):
            found[letter][line[1].strip()] = line[2]
        else:
            assert text == ""
    return found


@pytest.mark.parametrize("letter", VECTORS)
def test_a_worked_vector_is_what_the_code_works_out(letter: str) -> None:
    assert VECTORS[letter]() == _vectors()[letter]


def test_every_vector_of_the_page_is_worked_out() -> None:
    assert list(VECTORS) == list(_vectors()) == [*"AB", "B2", *"CDEFGHIJKLM"]
