"""A funder's statement: what joint loans and accounts moved for it in a period, to the fen, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from mingqu.domain.refusal import Refusal
from mingqu.services.funding.name_holder import Holder, holder_of
from mingqu.services.house import House
from mingqu.store.funders import funder_statement
from mingqu.store.funders.funder_statement import FunderLine as FunderLine


class FunderPeriodEmpty(Refusal):
    """A statement's last day lies before its first."""

    code: ClassVar[str] = "funder_period_empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunderStatement:
    """Joint loans and accounts of a funder, or of who bought parts of them, in [first, last]; sums are the lines'."""

    funder: Holder
    first: date
    last: date
    lines: tuple[FunderLine, ...]

    @property
    def sums(self) -> dict[str, int]:
        """Each column added up, in fen."""
        columns = (
            "opening_fen", "lent_fen", "bought_fen", "repaid_fen", "lost_fen", "sold_fen", "closing_fen",
            "interest_fen", "penalty_fen", "fee_fen", "received_fen", "price_fen",
        )  # fmt: skip
        return {column: sum(getattr(line, column) for line in self.lines) for column in columns}


def state_to_funder(house: House, *, funder: str, first: date, last: date) -> FunderStatement:
    """Return the statement of a funder, named by code or id, or of a partner who bought parts of joint loans.

    Errors: FunderUnknown, FunderPeriodEmpty, FunderStatementTooLong.
    """
    if last < first:
        raise FunderPeriodEmpty("The last day of a statement is not before its first.")
    found = holder_of(house, word=funder)
    with house.database.transaction() as tx:
        lines = funder_statement.of_funder(tx, funder_id=found.id, first=first, last=last)
    return FunderStatement(funder=found, first=first, last=last, lines=tuple(lines))
