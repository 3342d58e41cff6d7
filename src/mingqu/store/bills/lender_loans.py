"""A lender's loans for its files: those to which something was booked on a day, and all of them, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final, LiteralString
from uuid import UUID

from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.server.database import Transaction

PAGE: Final = 500  # loans with their snapshots: some megabytes

_BOOKED: Final[LiteralString] = """
    SELECT DISTINCT l.loan_id FROM loan_event e JOIN loan l ON l.cell = e.cell AND l.loan_id = e.loan_id
    WHERE e.cell = %s AND e.posted_on = %s AND l.lender_id = %s ORDER BY l.loan_id"""
_ALL: Final[LiteralString] = """
    SELECT loan_id FROM loan WHERE cell = %s AND lender_id = %s AND loan_id > %s ORDER BY loan_id LIMIT %s"""


def booked_on(tx: Transaction, *, lender_id: UUID, on: date) -> Iterator[Loan]:
    """Yield a lender's loans to which an event was booked on a day, by cell and id."""
    for cell in range(tx.cells):
        ids = [row[0] for row in tx.execute(_BOOKED, (cell, on, lender_id))]
        for start in range(0, len(ids), PAGE):
            yield from _in_order(tx, cell, ids[start : start + PAGE])


def all_of(tx: Transaction, *, lender_id: UUID) -> Iterator[Loan]:
    """Yield every loan of a lender, by cell and id."""
    for cell in range(tx.cells):
        after = UUID(int=0)
        while ids := [row[0] for row in tx.execute(_ALL, (cell, lender_id, after, PAGE))]:  # each page moves on
            after = ids[-1]
            yield from _in_order(tx, cell, ids)


def _in_order(tx: Transaction, cell: int, ids: list[UUID]) -> list[Loan]:
    return sorted(loan.some(tx, cell=cell, loan_ids=ids), key=lambda one: one.loan_id)
