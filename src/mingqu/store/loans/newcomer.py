"""Those who come with a file: persons and loans, known by the other system's references, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from mingqu.store.server import column
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomers:
    """Loans that come, a list a column: whose each is, and the model it is like. Ids in hexadecimal.

    They are written in this order, which is best that of (cell, loan): as they lie in the indexes.
    """

    cells: Sequence[int]
    loan_ids: Sequence[str]
    person_ids: Sequence[str]
    model_ids: Sequence[str]


class Person(NamedTuple):
    """A person of whom nothing is known but a reference. The id is in hexadecimal."""

    cell: int
    reference: str
    person_id: str


class Referred(NamedTuple):
    """A reference and the loan that it names; in order of them is how they lie in the index. Ids in hexadecimal."""

    cell: int
    reference: str
    loan_cell: int
    loan_id: str
    line: int


def people(tx: Transaction, *, references: Sequence[tuple[int, str]]) -> dict[str, str]:
    """Return the ids, in hexadecimal, of persons known by references (cell, reference); a merged one is the other."""
    rows = tx.execute(
        """SELECT r.reference, coalesce(p.merged_into, p.person_id)
           FROM unnest(%b::smallint[], %b::text[]) AS wanted (cell, reference)
           JOIN person_reference r ON r.cell = wanted.cell AND r.reference = wanted.reference
           JOIN person p ON p.cell = r.cell AND p.person_id = r.person_id""",
        _columns(references),
    )
    return {reference: person_id.hex for reference, person_id in rows}


def _columns(references: Sequence[tuple[int, str]]) -> tuple[column.Column, column.Column]:
    return column.of_smallints([cell for cell, _ in references]), column.of_texts([text for _, text in references])


def add_people(tx: Transaction, *, rows: Sequence[Person], at: datetime, law: str, until: date) -> None:
    """Add persons. What the law keeps of them is kept until the day.

    A person gets a key with the first thing that is sealed.
    """
    known = f"\t0\t{at.isoformat()}\n"
    tx.copy_lines(
        "COPY person (cell, person_id, identity_level, created_at) FROM STDIN",
        [f"{cell}\t{person_id}{known}" for cell, _, person_id in rows],
    )
    held = f"\t{law}\t{until}\n"
    tx.copy_lines(
        "COPY person_reference (cell, reference, person_id, law, held_until) FROM STDIN",
        [f"{cell}\t{reference}\t{person_id}{held}" for cell, reference, person_id in sorted(rows)],
    )


def keep_people(tx: Transaction, *, references: Sequence[tuple[int, str]], law: str, until: date) -> None:
    """Keep what is known of persons, given as (cell, reference), until the day; never shorter than before."""
    tx.execute(
        """UPDATE person_reference r SET law = %s, held_until = %s
           FROM unnest(%b::smallint[], %b::text[]) AS w (cell, reference)
           WHERE r.cell = w.cell AND r.reference = w.reference AND r.held_until < %s""",
        (law, until, *_columns(references), until),
    )


def refer(tx: Transaction, *, rows: Sequence[Referred]) -> list[int]:
    """Let references name their loans; return the lines whose reference is taken already, by the book or a line before.

    Nobody else writes references meanwhile: `taking_over.begin`.
    """
    listed = sorted(rows)
    known = _known(tx, references=[(one.cell, one.reference) for one in listed])
    taken: list[int] = []
    if known or len({one.reference for one in listed}) < len(listed):
        for one in sorted(listed, key=lambda each: each.line):
            if one.reference in known:
                taken.append(one.line)
            known.add(one.reference)
        refused = set(taken)
        listed = [one for one in listed if one.line not in refused]
    tx.copy_lines(
        "COPY loan_reference (cell, reference, loan_cell, loan_id) FROM STDIN",
        [f"{cell}\t{reference}\t{loan_cell}\t{loan_id}\n" for cell, reference, loan_cell, loan_id, _ in listed],
    )
    return taken


def _known(tx: Transaction, *, references: Sequence[tuple[int, str]]) -> set[str]:
    rows = tx.execute(
        """SELECT r.reference FROM unnest(%b::smallint[], %b::text[]) AS wanted (cell, reference)
           JOIN loan_reference r ON r.cell = wanted.cell AND r.reference = wanted.reference""",
        _columns(references),
    )
    return {reference for (reference,) in rows}


def come(tx: Transaction, *, newcomers: Newcomers) -> None:
    """Take note of the loans that come; `taking_over.write` writes them."""
    tx.execute("TRUNCATE newcomer")
    columns = (newcomers.cells, newcomers.loan_ids, newcomers.person_ids, newcomers.model_ids)
    tx.copy_lines(
        "COPY newcomer (place, cell, loan_id, head, person_id, model) FROM STDIN",
        [
            f"{place}\t{cell}\t{loan_id}\t{loan_id[:30]}\t{person_id}\t{model_id}\n"
            for place, (cell, loan_id, person_id, model_id) in enumerate(zip(*columns, strict=True))
        ],
    )
