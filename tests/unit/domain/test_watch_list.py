"""A listed value is written as the rest of the book writes it, or refused."""

from __future__ import annotations

from datetime import date

import pytest

from mingqu.domain.personal import Personal
from mingqu.domain.watch_list import ListEntryMalformed, read_listed

TODAY = date(2026, 10, 20)


def written(kind: str, value: str) -> str:
    return read_listed(list_name="black", kind=kind, value=Personal(value), on=TODAY)[2].reveal()


@pytest.mark.parametrize(
    ("kind", "typed", "looked_up"),
    [
        ("phone", "+86 138 0013 8000", "13800138000"),
        ("phone", "138-0013-8000", "13800138000"),
        ("id_number", "110105-19491231-002x", "11010519491231002X"),
        ("card", "6222-0212 3456-7894", "6222021234567894"),
        ("device", " device-0001 ", "device-0001"),
    ],
)
def test_a_value_is_listed_as_it_is_looked_up(kind: str, typed: str, looked_up: str) -> None:
    assert written(kind, typed) == looked_up


@pytest.mark.parametrize("kind", ["phone", "id_number", "card", "device", "address"])
def test_what_is_not_of_its_kind_is_refused(kind: str) -> None:
    with pytest.raises(ListEntryMalformed):
        written(kind, "not a phone")
