"""Whose each fen of a guaranteed loan is, by a model of its own: bills as plain amounts, served in plain loops.

It knows no engine: of a bill only what it asks for in all, what the borrower and the guarantor paid of it, and what the
guarantor had back. For loans that bear no penalty and are never paid early, so that no bill ever becomes another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(slots=True, kw_only=True)
class Bill:
    """A bill: what it asks for, and who paid what of it, in fen."""

    due: date
    asked_fen: int
    borrower_fen: int = 0  # paid to the lender
    guarantor_fen: int = 0  # paid to the lender
    back_fen: int = 0  # paid to the guarantor

    @property
    def lenders_fen(self) -> int:
        """What of it is the lender's."""
        return self.asked_fen - self.borrower_fen - self.guarantor_fen

    @property
    def guarantors_fen(self) -> int:
        """What of it is the guarantor's."""
        return self.guarantor_fen - self.back_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Money on a day: the borrower's, or the guarantor's for the bill due on a day; `place` orders those of one day."""

    on: date
    place: int
    amount_fen: int
    bill: date | None = None


@dataclass(slots=True, kw_only=True)
class Told:
    """Bills after all money, what went back to the guarantor at once, and what the borrower paid too much."""

    bills: list[Bill]
    returned_fen: int = 0
    too_much_fen: int = 0


def tell(bills: Sequence[tuple[date, int]], money: Sequence[Money]) -> Told:
    """Serve all money in its order: the borrower's pays the lender's bills that are due, then the guarantor's."""
    told = Told(bills=[Bill(due=due, asked_fen=asked) for due, asked in bills])
    for one in sorted(money, key=lambda each: (each.on, each.place)):
        rest = one.amount_fen
        if one.bill is not None:
            paid = [bill for bill in told.bills if bill.due == one.bill and bill.due <= one.on]
            for bill in paid:
                part = min(rest, bill.lenders_fen)
                bill.guarantor_fen += part
                rest -= part
            told.returned_fen += rest
            continue
        for bill in told.bills:
            if bill.due <= one.on:
                part = min(rest, bill.lenders_fen)
                bill.borrower_fen += part
                rest -= part
        for bill in told.bills:
            part = min(rest, bill.guarantors_fen)
            bill.back_fen += part
            rest -= part
        told.too_much_fen += rest
    return told
