"""Loans written many at a time: those that agree in all but whose they are share a model, which is copied for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, LiteralString

from mingqu.store.database import Transaction
from mingqu.store.lean import lean_text
from mingqu.store.loan import ALIKE, IDS, Loan, row_of

_TERMS: Final = 9  # the place of the terms in a row; the snapshot's is the next
_OF_MODEL: Final[LiteralString] = ", ".join(["m." + name.strip() for name in ALIKE.split(",")])


def insert_models(tx: Transaction, *, loans: Iterable[Loan]) -> None:
    """Store loans as models of others, in the temporary table `loan_model`; a model is found by its loan id.

    What a model's snapshot says of its own id is written as THIS_LOAN, and read as that of whichever loan it is.
    """
    tx.copy(
        f"COPY loan_model ({IDS}, {ALIKE}) FROM STDIN",
        (
            (*row[:_TERMS], lean_text(loan.terms), lean_text(loan.state), *row[_TERMS + 2 :])
            for loan in loans
            for row in (row_of(loan, []),)
        ),
    )


def insert_like_models(tx: Transaction) -> None:
    """Store a loan for each row of the temporary table `newcomer` (cell, loan_id, person_id, model).

    Contract and line are none of ours: both have the loan's own id.
    """
    tx.execute(
        f"""INSERT INTO loan ({IDS}, {ALIKE})
            SELECT n.cell, n.loan_id, n.person_id, n.loan_id, n.loan_id, {_OF_MODEL}
            FROM newcomer n JOIN loan_model m ON m.loan_id = n.model"""  # noqa: S608  Our own lists of columns.
    )
    tx.execute(
        """INSERT INTO loan_diary (cell, on_date, loan_id, plain)
           SELECT n.cell, m.next_event, n.loan_id, m.plan IS NOT NULL
           FROM newcomer n JOIN loan_model m ON m.loan_id = n.model WHERE m.next_event IS NOT NULL"""
    )
