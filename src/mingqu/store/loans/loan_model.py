"""Loans that are alike in everything but their ids: sent once as a model, and stored as often as there are such loans.

The tables are temporary and belong to a take-over: see `store/loans/taking_over.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, LiteralString

from mingqu.store.loans.loan import ALIKE, IDS, SNAPSHOT, Loan, copy_in
from mingqu.store.server.database import Transaction

_OF_MODEL: Final[LiteralString] = ", ".join(["m." + name.strip() for name in ALIKE.split(",")])


def insert_models(tx: Transaction, *, loans: Iterable[Loan]) -> None:
    """Store loans as models of others, in the temporary tables `loan_model` and `snapshot_model`, found by loan id.

    What a model's snapshot says of its own id is written as THIS_LOAN, and read as that of whichever loan it is.
    """
    copy_in(tx, loans, into="loan_model", beside="snapshot_model", lean=True)


def insert_like_models(tx: Transaction) -> None:
    """Store a loan for each row of the temporary table `newcomer` (cell, loan_id, person_id, model).

    Contract and line are none of ours: both have the loan's own id.
    """
    tx.execute(
        f"""INSERT INTO loan ({IDS}, {ALIKE})
            SELECT n.cell, n.loan_id, n.person_id, n.loan_id, n.loan_id, {_OF_MODEL}
            FROM newcomer n JOIN loan_model m ON m.loan_id = n.model ORDER BY n.place"""  # noqa: S608  Our own lists of columns.
    )
    tx.execute(
        f"""INSERT INTO loan_snapshot ({SNAPSHOT})
            SELECT n.cell, n.loan_id, m.terms, m.state, m.plan
            FROM newcomer n JOIN snapshot_model m ON m.loan_id = n.model ORDER BY n.place"""  # noqa: S608  As above.
    )
    tx.execute(
        """INSERT INTO loan_diary (cell, on_date, loan_id, plain)
           SELECT n.cell, m.next_event, n.loan_id, m.plain
           FROM newcomer n JOIN loan_model m ON m.loan_id = n.model WHERE m.next_event IS NOT NULL ORDER BY n.place"""
    )
