"""Number those who come with a file: each line gets its loan's id, and its person's, a known one or a new one.

What a morning touches together lies together: loans get their ids, and their places, in the order in which they next
fall due.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from mingqu.domain import identifier
from mingqu.domain.batch.ids import HEX_DIGITS, Ids, Unsigned, fresh_all, texts_of
from mingqu.domain.moment import milliseconds_of
from mingqu.ports.identifiers import Identifiers
from mingqu.services.loans.like_lines import Rows
from mingqu.store.loans.newcomer import Newcomers, Person, Referred

_SLOT_SHIFT: Final = np.uint64(2)  # of an id's first half
_SLOT_BITS: Final = np.uint64(identifier.SLOTS - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """The loans of some lines with their ids, the references that name them, and the persons that are new."""

    newcomers: Newcomers
    references: list[Referred]
    people: list[Person]


class Numbering:
    """Numbers the lines of one file, chunk by chunk; knows no database, so that it can work while that writes."""

    def __init__(self, identifiers: Identifiers, *, cells: int, at: datetime) -> None:
        self._identifiers, self._cells = identifiers, cells
        self._milliseconds = milliseconds_of(at)

    def slots(self, rows: Rows) -> dict[str, int]:
        """Return the slot of each person's reference, in which a person who is new will be."""
        return {each: identifier.slot_of_reference(each) for each in set(rows.person_references)}

    def wanted(self, slots: Mapping[str, int]) -> list[tuple[int, str]]:
        """Return (cell, reference) of each person, in the order in which they lie."""
        return sorted(
            (identifier.cell_of_slot(slot, cells=self._cells), reference) for reference, slot in slots.items()
        )

    def arrive(self, rows: Rows, *, slots: Mapping[str, int], known: Mapping[str, str]) -> Arrived:
        """Number the loans of a chunk, and its persons; `known` are ids by the references that the book has."""
        days = np.array(rows.next_events, dtype=np.int64)
        order = np.argsort(days, kind="stable")
        days, listed = days[order], order.tolist()
        references = [rows.person_references[place] for place in listed]
        new = self._new_people(references, days.tolist(), slots, known)
        people = {**known, **{one.reference: one.person_id for one in new}}
        person_ids = [people[reference] for reference in references]
        owners = _slots_of(person_ids)
        ids = self._ids(owners, days=days)
        cells = owners * np.uint64(self._cells) // np.uint64(identifier.SLOTS)
        halves = ids.view(">u8").reshape(-1, 2)
        lying = np.lexsort((halves[:, 1], halves[:, 0], cells)).tolist()  # as they lie in the indexes
        loan_ids, in_cells = texts_of(ids), cells.tolist()
        named = [rows.references[place] for place in listed]
        lines = [rows.lines[place] for place in listed]
        return Arrived(
            newcomers=Newcomers(
                cells=[in_cells[place] for place in lying],
                loan_ids=[loan_ids[place] for place in lying],
                person_ids=[person_ids[place] for place in lying],
                model_ids=[rows.model_ids[listed[place]] for place in lying],
            ),
            references=list(map(Referred, map(self._cell_of, named), named, in_cells, loan_ids, lines)),
            people=new,
        )

    def _cell_of(self, reference: str) -> int:
        return identifier.cell_of_slot(identifier.slot_of_reference(reference), cells=self._cells)

    def _new_people(
        self, references: Sequence[str], days: Sequence[int], slots: Mapping[str, int], known: Mapping[str, str]
    ) -> list[Person]:
        """Give an id to each person who is not known, in the order in which their first loans fall due."""
        first_days = dict(zip(reversed(references), reversed(days), strict=True))
        new = [reference for reference in dict.fromkeys(references) if reference not in known]
        inside = [slots[reference] for reference in new]
        ids = self._ids(
            np.array(inside, dtype=np.uint64), days=np.array([first_days[each] for each in new], dtype=np.int64)
        )
        cells = [identifier.cell_of_slot(slot, cells=self._cells) for slot in inside]
        return list(map(Person, cells, new, texts_of(ids)))

    def _ids(self, slots: Unsigned, *, days: npt.NDArray[np.int64]) -> Ids:
        """Return a fresh id for each slot.

        Thousands at once come from one that nobody sees, which is their entropy. Each new day, in the order given, is a
        millisecond later: ids that come one after the other lie side by side in the indexes.
        """
        hidden = self._identifiers.fresh(0)
        entropy = np.frombuffer(hashlib.shake_256(hidden.bytes).digest(8 * len(slots)), dtype=">u8").astype(np.uint64)
        later = np.cumsum(np.diff(days, prepend=days[:1] - 1) != 0)
        moments = (self._milliseconds + later).astype(np.uint64)
        if len(later):
            self._milliseconds += int(later[-1])
        return fresh_all(milliseconds=moments, slots=slots, entropy=entropy)


def _slots_of(ids: Sequence[str]) -> Unsigned:
    """Return the slot that each id in hexadecimal carries."""
    halves = np.frombuffer(bytes.fromhex("".join(ids)), dtype=">u8")[:: HEX_DIGITS // 16]
    return (halves.astype(np.uint64) >> _SLOT_SHIFT) & _SLOT_BITS
