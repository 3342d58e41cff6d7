"""The terms that a product gives a loan: what the product's version says, and what is agreed for the one loan."""

from __future__ import annotations

from datetime import date
from typing import Final

from mingqu.domain.calendar import DayCount, Period, PeriodUnit
from mingqu.domain.loan.fee import FeeBasis, FeeDue, FeeRule, FeeTaker
from mingqu.domain.loan.guarantee import BillGuarantee
from mingqu.domain.loan.terms import Component, LoanTerms, Timing
from mingqu.domain.partner import PartnerFee
from mingqu.domain.product import Product
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import InterestBasis, Method

_DAY_COUNTS: Final = {
    "thirty_360": DayCount.THIRTY_360,
    "act_360": DayCount.ACT_360,
    "act_365": DayCount.ACT_365,
    "act_act": DayCount.ACT_ACT_1_JANUARY,
}


def terms_of_product(
    *,
    product: Product,
    rate_year_ppm: int,
    amount_fen: int,
    instalments: int,
    method: str,
    first_due: date | None = None,
) -> LoanTerms:
    """Return the terms of a loan of a product, whether or not the product would offer it today.

    Errors: LoanTermsImpossible, RateOutOfRange.
    """
    order = tuple((Timing(step.timing), Component(step.component)) for step in product.allocation)
    return LoanTerms(
        principal_fen=amount_fen,
        currency="CNY",
        method=Method(method),
        rate=Rate.per_year(ppm=rate_year_ppm),
        instalments=instalments,
        period=Period(every=12 // product.periods_per_year, unit=PeriodUnit.MONTH),
        interest_basis=InterestBasis.PERIOD if product.interest_basis == "per_period" else InterestBasis.DAILY,
        day_count=_DAY_COUNTS[product.day_count],
        rounding=product.rounding,
        penalty_multiple_ppm=product.penalty_multiple_ppm,
        grace_days=product.grace_days,
        allocation=order,
        first_due=first_due,
        suspends_income=True,
        disbursements_max=max(1, len(product.stages)),
        fees=tuple(_fee_of(one, product.periods_per_year) for one in product.partner_fees),
        bill_guarantee=_bill_guarantee(product),
    )


def _bill_guarantee(product: Product) -> BillGuarantee | None:
    """Return how a product's guarantor pays bill by bill, None where it does not."""
    for fee in product.partner_fees:
        if fee.compensates_bill_after_days is not None:
            return BillGuarantee(
                after_days=fee.compensates_bill_after_days, whole_after_bills=fee.compensates_whole_after_bills
            )
    return None


def _fee_of(fee: PartnerFee, periods_per_year: int) -> FeeRule:
    """Return a partner's fee as a rule of the loan: 3.6 % a year is 0.3 % of what is owed in each of twelve periods."""
    return FeeRule(
        due=FeeDue.INSTALMENT,
        basis=FeeBasis.BALANCE,
        share_ppm=fee.year_ppm // periods_per_year,  # whole: the product's file says so
        taker=FeeTaker(fee.role.value),
        partner=fee.partner,
    )
