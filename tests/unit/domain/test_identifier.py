"""Identifiers: version 7, the slot inside, derived ones the same each time."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from mingqu.domain.identifier import (
    DERIVED_MAX,
    SLOTS,
    MalformedIdentifier,
    beside,
    cell_of,
    cell_of_slot,
    dated,
    derived,
    fresh,
    parse,
    slot_of,
)

MILLISECONDS = 1_786_752_000_000  # 15 August 2026


@pytest.mark.parametrize("slot", [0, 1, 255, 256, 1023])
def test_an_id_carries_its_slot_and_is_a_version_seven(slot: int) -> None:
    identifier = fresh(milliseconds=MILLISECONDS, slot=slot, entropy=(1 << 56) - 1)
    assert slot_of(identifier) == slot
    assert identifier.version == 7
    assert identifier.variant == "specified in RFC 4122"
    assert parse(identifier.hex) == identifier


def test_ids_sort_by_time_whatever_the_slot_and_the_entropy() -> None:
    early = fresh(milliseconds=MILLISECONDS, slot=1023, entropy=(1 << 56) - 1)
    late = fresh(milliseconds=MILLISECONDS + 1, slot=0, entropy=0)
    assert early < late


@pytest.mark.parametrize("cells", [1, 4, 64, 1000, 1024])
def test_cells_are_contiguous_ranges_that_cover_every_slot(cells: int) -> None:
    found = [cell_of_slot(slot, cells=cells) for slot in range(SLOTS)]
    assert found == sorted(found)
    assert set(found) == set(range(cells))


def test_derived_ids_keep_slot_and_cell_and_differ() -> None:
    parent = fresh(milliseconds=MILLISECONDS, slot=777, entropy=12345)
    children = [derived(parent, index) for index in range(1, DERIVED_MAX + 1)]
    assert len({parent, *children}) == DERIVED_MAX + 1
    assert children == sorted(children)
    assert {slot_of(child) for child in children} == {777}
    assert {cell_of(child, cells=4) for child in children} == {cell_of(parent, cells=4)}


def test_an_id_beside_another_keeps_moment_and_slot_and_derives_others() -> None:
    parent = fresh(milliseconds=1_770_000_000_000, slot=77, entropy=1 << 70 | 5)
    one, other = (beside(parent, purpose=purpose) for purpose in ("holds", "more"))
    assert one == beside(parent, purpose="holds")
    assert (one.int >> 80, slot_of(one)) == (parent.int >> 80, 77)
    assert len({parent, one, other, *(derived(each, 1) for each in (parent, one, other))}) == 6


def test_what_happens_on_a_date_has_the_same_id_each_time() -> None:
    parent = fresh(milliseconds=MILLISECONDS, slot=42, entropy=1)
    first = dated(parent, on=date(2026, 9, 15), purpose="due")
    assert first == dated(parent, on=date(2026, 9, 15), purpose="due")
    assert slot_of(first) == 42
    others = {
        dated(parent, on=date(2026, 9, 16), purpose="due"),
        dated(parent, on=date(2026, 9, 15), purpose="penalty"),
    }
    assert first not in others
    assert len(others) == 2


@pytest.mark.parametrize("text", ["", "x", "0" * 31, str(UUID(int=0)), "12345678-1234-4234-8234-123456789012"])
def test_other_texts_are_not_identifiers(text: str) -> None:
    with pytest.raises(MalformedIdentifier):
        parse(text)
