"""How published charges become fees of ours, and what they are called where they are listed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from mingqu.domain.loan.fee import FeeBasis, FeeDue, FeeRule
from tests.conformance import fineract
from tests.conformance.outcome import NotApplicableError

PPM_PER_PERCENT: Final = 10_000
# The step "adds an NSF fee" names no amount; the scenarios that use it expect ten.
NSF_FEE_AMOUNT: Final = "10"
DUE: Final = {
    "DISBURSEMENT": FeeDue.OPENING,
    "TRANCHE_DISBURSEMENT": FeeDue.DISBURSEMENT,
    "INSTALLMENT_FEE": FeeDue.INSTALMENT,
    "SPECIFIED_DUE_DATE": FeeDue.DATE,
    "OVERDUE_FEES": FeeDue.DATE,
}
BASES: Final = {
    "FLAT": FeeBasis.FLAT,
    "PERCENTAGE_AMOUNT": FeeBasis.PRINCIPAL,
    "PERCENTAGE_INTEREST": FeeBasis.INTEREST,
    "PERCENTAGE_LOAN_AMOUNT_PLUS_INTEREST": FeeBasis.PRINCIPAL_AND_INTEREST,
    "PERCENTAGE_DISBURSEMENT_AMOUNT": FeeBasis.DISBURSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A published kind of charge; a loan's own charge may have another amount."""

    name: str
    time: str
    calculation: str
    amount: str
    penalty: bool

    def rule(self, amount: str | None = None) -> FeeRule:
        """Return the fee of an amount, or a percentage, of this kind. Errors: NotApplicableError."""
        due = DUE.get(self.time)
        if due is None:
            raise NotApplicableError(f"a charge due at {self.time}")
        basis = BASES[self.calculation]
        value = amount or self.amount
        if basis is FeeBasis.FLAT:
            return FeeRule(due=due, amount_fen=fineract.money(value).fen, penalty=self.penalty)
        return FeeRule(due=due, basis=basis, share_ppm=_ppm(value), penalty=self.penalty)


def _ppm(percent: str) -> int:
    ppm = Decimal(percent) * PPM_PER_PERCENT
    if ppm != int(ppm):
        raise NotApplicableError("a percentage finer than a millionth")
    return int(ppm)


def definitions(published: dict[str, Any]) -> dict[str, Definition]:
    """Return the kinds of charges by their names."""
    return {
        name: Definition(
            name=name,
            time=item["time"],
            calculation=item["calculation"],
            amount=str(item["amount"]),
            penalty=bool(item["penalty"]),
        )
        for name, item in published.items()
    }
