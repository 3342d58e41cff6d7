"""Offer a loan of the book to a pool: what its terms and state say of what an eligibility asks."""

from __future__ import annotations

from datetime import date

from mingqu.domain.abs_pool import OfferedLoan
from mingqu.domain.loan import LoanState, LoanTerms, Stage
from mingqu.domain.loan.fee import FeeTaker
from mingqu.domain.money import Rounding


def may_be_sold(*, terms: LoanTerms, state: LoanState) -> bool:
    """Return whether a loan runs as agreed and was paid out in full, with nobody but its lender to be paid.

    A loan that was called in, taken for lost or paid for by a guarantor is not sold; neither is one of which a partner
    has fees, or that may still be drawn on.
    """
    return (
        state.stage is Stage.ACTIVE
        and not (state.ended or state.lost or state.guarantor_claim_fen)
        and state.disbursed_fen == terms.principal_fen
        and all(fee.taker is FeeTaker.LENDER for fee in terms.fees)
        and all(fee.taker is FeeTaker.LENDER for fee in state.fees)
    )


def offered_loan(
    *, loan_id: str, borrower: str, region: str, product: str, terms: LoanTerms, state: LoanState, on: date
) -> OfferedLoan:
    """Return what is offered of a loan as a day begins, by its schedule as it stands.

    How late it ever was is the worst of its instalments: those paid, by the day of it, and those still unpaid.
    """
    lines = [line for line in state.instalments if not line.down_payment]
    ever = [((line.paid_on or on) - line.due).days for line in lines if line.billed or line.paid_on is not None]
    today = state.overdue_days(on)
    return OfferedLoan(
        id=loan_id,
        borrower=borrower,
        region=region,
        product=product,
        principal_fen=state.principal_outstanding_fen,
        rate_ppm=terms.rate.yearly_ppm(rounding=Rounding.HALF_UP),
        paid_instalments=sum(line.paid_on is not None for line in lines),
        overdue_days=today,
        overdue_days_ever=max([today, 0, *ever]),
        last_due=max(line.due for line in state.instalments),
    )
