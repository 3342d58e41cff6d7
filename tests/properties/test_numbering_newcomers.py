"""Those who come with a file are numbered in columns just as one after the other, and so are a made-up book's dice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.demo.made_book import Dice
from mingqu.domain import identifier
from mingqu.domain.batch.ids import fresh_all, texts_of
from mingqu.domain.moment import milliseconds_of
from mingqu.domain.taking_over import reference_fault, references_sound
from mingqu.services.books.number_newcomers import Arrived, Numbering
from mingqu.services.loans.like_lines import Rows
from tests.soak import examples

AT: Final = datetime(2026, 8, 1, 9, tzinfo=UTC)
CELLS: Final = 3
REFERENCES: Final = st.text("aZ9._:/-", max_size=4) | st.sampled_from(
    ["", "x" * 64, "x" * 65, "with space", "13912345678", "11010119900307281X", "1391234567", "two\nlines", "ü", "a\n"]
)


class Counted:
    """Ids of which each is the next number."""

    def __init__(self) -> None:
        self._count = 0

    def fresh(self, slot: int) -> UUID:
        """Return the next id."""
        self._count += 1
        return identifier.fresh(milliseconds=1, slot=slot, entropy=self._count << 7)

    def slot(self) -> int:
        """Return a slot."""
        return 0


class OneByOne:
    """Numbers lines one after the other, as the module's head says."""

    def __init__(self) -> None:
        self._identifiers, self._milliseconds = Counted(), milliseconds_of(AT)

    def arrive(self, rows: Rows, known: Mapping[str, str]) -> tuple[dict[str, str], list[tuple[int, str, str, str]]]:
        """Return the new persons, and (cell, loan, person, model) in the order in which they lie."""
        order = sorted(range(len(rows.lines)), key=lambda place: rows.next_events[place])
        new: dict[str, int] = {}
        for place in order:
            if rows.person_references[place] not in known:
                new.setdefault(rows.person_references[place], rows.next_events[place])
        slots = [identifier.slot_of_reference(reference) for reference in new]
        people = dict(zip(new, self._ids(slots, list(new.values())), strict=True))
        owners = [{**known, **people}[rows.person_references[place]] for place in order]
        loan_ids = self._ids(
            [identifier.slot_of_text(owner) for owner in owners], [rows.next_events[place] for place in order]
        )
        lying = [
            (identifier.cell_of(UUID(loan_id), cells=CELLS), loan_id, owner, rows.model_ids[place])
            for place, owner, loan_id in zip(order, owners, loan_ids, strict=True)
        ]
        return people, sorted(lying)

    def _ids(self, slots: list[int], days: list[int]) -> list[str]:
        entropy = hashlib.shake_256(self._identifiers.fresh(0).bytes).digest(8 * len(slots))
        ids, last = [], None
        for place, (slot, day) in enumerate(zip(slots, days, strict=True)):
            self._milliseconds += day != last
            last, number = day, int.from_bytes(entropy[8 * place : 8 * place + 8], "big")
            ids.append(identifier.fresh_text(milliseconds=self._milliseconds, slot=slot, entropy=number))
        return ids


def rows_of(lines: list[tuple[int, int]], *, first: int) -> Rows:
    """Return rows of (person, day), each under a reference of its own."""
    rows = Rows()
    for number, (person, day) in enumerate(lines, start=first):
        rows.lines.append(number)
        rows.references.append(f"L{number}")
        rows.person_references.append(f"P{person}")
        rows.model_ids.append(f"{day:032x}")
        rows.next_events.append(day)
    return rows


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 6), st.sampled_from([740_000, 740_001, 3_652_059])), max_size=9), max_size=3
    )
)
def test_lines_are_numbered_in_columns_as_one_by_one(chunks: list[list[tuple[int, int]]]) -> None:
    numbering, one_by_one = Numbering(Counted(), cells=CELLS, at=AT), OneByOne()
    known: dict[str, str] = {}
    first = 2
    for lines in chunks:
        rows = rows_of(lines, first=first)
        first += len(lines)
        slots = numbering.slots(rows)
        wanted = numbering.wanted(slots)
        assert wanted == sorted(
            (identifier.cell_of_slot(identifier.slot_of_reference(each), cells=CELLS), each)
            for each in {*rows.person_references}
        )
        here = {reference: known[reference] for _, reference in wanted if reference in known}
        arrived = numbering.arrive(rows, slots=slots, known=here)
        people, lying = one_by_one.arrive(rows, here)
        assert {one.reference: one.person_id for one in arrived.people} == people
        assert all(one.cell == identifier.cell_of(UUID(one.person_id), cells=CELLS) for one in arrived.people)
        assert told(arrived) == lying
        assert {(one.line, one.reference) for one in arrived.references} == set(
            zip(rows.lines, rows.references, strict=True)
        )
        by_id = {loan_id: (cell, person_id) for cell, loan_id, person_id, _ in lying}
        people_of = dict(zip(rows.lines, rows.person_references, strict=True))
        for one in arrived.references:
            assert by_id[one.loan_id] == (one.loan_cell, {**known, **people}[people_of[one.line]])
            assert one.cell == identifier.cell_of_slot(identifier.slot_of_reference(one.reference), cells=CELLS)
        known |= people


def told(arrived: Arrived) -> list[tuple[int, str, str, str]]:
    """Return the newcomers as tuples."""
    newcomers = arrived.newcomers
    columns = (newcomers.cells, newcomers.loan_ids, newcomers.person_ids, newcomers.model_ids)
    return list(zip(*columns, strict=True))


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, (1 << 48) - 1), st.integers(0, 1_023), st.integers(0, (1 << 64) - 1)), max_size=5)
)
def test_ids_made_at_once_are_those_made_one_by_one(wanted: list[tuple[int, int, int]]) -> None:
    columns = np.array(wanted, dtype=np.uint64).reshape(-1, 3)
    made = fresh_all(milliseconds=columns[:, 0], slots=columns[:, 1], entropy=columns[:, 2])
    assert texts_of(made) == [
        identifier.fresh_text(milliseconds=milliseconds, slot=slot, entropy=entropy)
        for milliseconds, slot, entropy in wanted
    ]


@settings(max_examples=examples(120), deadline=None)
@given(column=st.sampled_from(["loan_reference", "person_reference"]), texts=st.lists(REFERENCES, max_size=4))
def test_references_are_sound_together_just_when_each_is(column: str, texts: list[str]) -> None:
    each = all(reference_fault(column=column, text=text) is None for text in texts)
    assert references_sound(column=column, texts=texts) == each


def test_dice_thrown_at_once_fall_as_one_by_one() -> None:
    one, many = Dice(4), Dice(4)
    for count, most in ((3, 7), (8_190, 1_000_003), (0, 5), (1, 2), (20_000, 4_294_967_295)):
        assert many.many_below(most, count=count).tolist() == [one.below(most) for _ in range(count)]
    assert one.below(1 << 31) == many.below(1 << 31)
