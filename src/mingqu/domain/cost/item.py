"""One part of what a loan costs, and who collects it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mingqu.domain.refusal import Refusal


class CostItemMalformed(Refusal):
    """A part of the cost is negative, unnamed, without a collector, named twice, or of an instalment there is not."""

    code = "cost_item_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostItem:
    """One part of the cost: `charges` are (date, fen) that the borrower pays to `collector`.

    `code` names the part ("guarantee_fee"), `standard` says in words how it is charged. A charge on the day the
    money is paid out counts as paid at once, whether it is kept back or not.
    Errors: CostItemMalformed.
    """

    code: str
    collector: str
    standard: str
    charges: tuple[tuple[date, int], ...]

    def __post_init__(self) -> None:
        if not self.code or not self.collector:
            raise CostItemMalformed("A part of the cost names itself and who collects it.")
        if any(fen < 0 for _, fen in self.charges):
            raise CostItemMalformed("A part of the cost is not negative.", item=self.code)

    @property
    def amount_fen(self) -> int:
        """The sum of the charges."""
        return sum(fen for _, fen in self.charges)
