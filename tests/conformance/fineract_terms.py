"""How a published loan on a published product becomes terms of ours. Settings only, no cases."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final

from mingqu.domain.calendar import Period, add_periods
from mingqu.domain.loan import Component, LoanTerms, Timing
from mingqu.domain.loan.event import Receipt
from mingqu.domain.loan.fee import FeeRule
from mingqu.domain.loan.terms import (
    AllocationRule,
    AllocationStep,
    ChargeOffRule,
    Direction,
    Recalculation,
    Rest,
    Surplus,
)
from mingqu.domain.schedule import BrokenPeriod, Method, Smoothing
from tests.conformance import fineract
from tests.conformance.outcome import NotApplicableError

PPM_PER_PERCENT: Final = 10_000
ADVANCED: Final = "ADVANCED_PAYMENT_ALLOCATION"
SURPLUS: Final = {
    "NEXT_INSTALLMENT": Surplus.NEXT_INSTALMENT,
    "LAST_INSTALLMENT": Surplus.LAST_INSTALMENT,
    "NEXT_LAST_INSTALLMENT": Surplus.NEXT_THEN_LAST,
    "REAMORTIZATION": Surplus.EVERY_INSTALMENT,
}
# Where early money goes on schedules that are made again with every payment.
RESCHEDULED: Final = {
    "REDUCE_EMI_AMOUNT": Surplus.PRINCIPAL_LOWER,
    "RESCHEDULE_NEXT_REPAYMENTS": Surplus.PRINCIPAL_NEXT,
}
RECEIPTS: Final = {
    "REPAYMENT": Receipt.REPAYMENT,
    "DOWN_PAYMENT": Receipt.DOWN_PAYMENT,
    "MERCHANT_ISSUED_REFUND": Receipt.MERCHANT_REFUND,
    "PAYOUT_REFUND": Receipt.PAYOUT_REFUND,
    "GOODWILL_CREDIT": Receipt.GOODWILL,
    "CHARGE_ADJUSTMENT": Receipt.FEE_ADJUSTMENT,
    "INTEREST_PAYMENT_WAIVER": Receipt.INTEREST_WAIVED,
    "INTEREST_REFUND": Receipt.INTEREST_REFUND,
}
CHARGE_OFF: Final = {
    "REGULAR": ChargeOffRule.KEEP,
    "ZERO_INTEREST": ChargeOffRule.ZERO_INTEREST,
    "ACCELERATE_MATURITY": ChargeOffRule.ACCELERATE,
}
# Words of the names of strategies; a component stands in the singular or the plural.
COMPONENTS: Final = {
    "PENALTY": Component.PENALTY,
    "PENALTIES": Component.PENALTY,
    "FEE": Component.FEE,
    "FEES": Component.FEE,
    "INTEREST": Component.INTEREST,
    "PRINCIPAL": Component.PRINCIPAL,
}


def loan_terms(
    *,
    requested: dict[str, Any],
    product: dict[str, Any],
    rules: dict[str, str],
    principal_fen: int,
    fees: tuple[FeeRule, ...],
) -> LoanTerms:
    """Return the terms of a loan: what was `requested` of a `product`, with `fees`.

    `rules` are the places where a surplus goes that were changed for a kind of transaction after the product was
    made. Errors: NotApplicableError for settings the engine has no term for.
    """
    period = Period(every=int(requested["repay_every"]), unit=fineract.period_unit(requested["repay_unit"]))
    method = _method(requested)
    cumulative = product.get("loanScheduleType") != "PROGRESSIVE"
    even_out = product.get("loanScheduleType") == "PROGRESSIVE" and method is Method.EQUAL_INSTALMENT
    return LoanTerms(
        principal_fen=principal_fen,
        principal_grace=int(requested.get("grace_on_principal") or 0),
        interest_grace=int(requested.get("grace_on_interest") or 0),
        interest_free=int(requested.get("interest_free_periods") or 0),
        currency="CNY",
        method=method,
        rate=fineract.rate(
            requested["interest_rate"],
            frequency=requested.get("interest_rate_frequency") or product["interestRateFrequencyType"],
        ),
        instalments=int(requested["number_of_repayments"]),
        period=period,
        rounding=fineract.ROUNDING,
        penalty_multiple_ppm=0,
        broken_period=BrokenPeriod.PRO_RATA,
        multiple_fen=fineract.multiple_fen(product.get("installmentAmountInMultiplesOf")),
        multiple_gives_way=True,
        rate_digits=fineract.RATE_DIGITS,
        smoothing=fineract.SMOOTHING if even_out else Smoothing.NONE,
        fees=fees,
        start=_start(requested, product),
        length_days=_length_days(requested, product, period),
        disbursements_max=int(product.get("maxTrancheCount") or 1) if product.get("multiDisburseLoan") else 1,
        whole_plan_each=cumulative and (not product.get("isInterestRecalculationEnabled") or method is Method.FLAT),
        periods_alike=cumulative,
        rounded_at_changes=cumulative,
        **_interest(requested, product, period),
        **_allocation(requested, product, rules),
        **_down_payment(requested, product),
        **_credits(product),
    )


def _method(requested: dict[str, Any]) -> Method:
    if requested["interest_type"] == "FLAT":
        return Method.FLAT
    if requested["amortization_type"] == "EQUAL_PRINCIPAL":
        return Method.EQUAL_PRINCIPAL
    return Method.EQUAL_INSTALMENT


def _start(requested: dict[str, Any], product: dict[str, Any]) -> date | None:
    if product.get("repaymentStartDateType") == "SUBMITTED_ON_DATE":
        return date.fromisoformat(requested["submitted_on"])
    return None


def _length_days(requested: dict[str, Any], product: dict[str, Any], period: Period) -> int | None:
    """Return the length of the loan in days; it is given in the unit of the repayment period."""
    length = requested.get("fixed_length") or product.get("fixedLength")
    if not length:
        return None
    start = date.fromisoformat(requested["submitted_on"])
    return (add_periods(day=start, period=Period(every=int(length), unit=period.unit), times=1) - start).days


def _interest(requested: dict[str, Any], product: dict[str, Any], period: Period) -> dict[str, Any]:
    convention = fineract.interest_convention(
        interest_period=requested["interest_calculation_period"],
        year=product["daysInYearType"],
        month=product["daysInMonthType"],
        leap_rule=product.get("daysInYearCustomStrategy"),
        period=period,
    )
    terms: dict[str, Any] = {"interest_basis": convention["basis"], "day_count": convention["day_count"]}
    for name, setting in (("rate_min", "minInterestRatePerPeriod"), ("rate_max", "maxInterestRatePerPeriod")):
        if product.get(setting):
            terms[name] = fineract.rate(str(product[setting]), frequency=product["interestRateFrequencyType"])
    if requested["interest_calculation_period"] == "SAME_AS_REPAYMENT_PERIOD":
        terms["part_periods"] = bool(product.get("allowPartialPeriodInterestCalculation", True))
    if not product.get("isInterestRecalculationEnabled") or requested["interest_type"] == "FLAT":
        return terms  # flat interest is agreed for the whole term: there is nothing to recalculate
    early = product.get("disallowInterestCalculationOnPastDue")
    terms["recalculation"] = Recalculation.EARLY if early else Recalculation.DAILY
    if product.get("recalculationRestFrequencyType") == "SAME_AS_REPAYMENT":
        terms["rest"] = Rest.PERIOD
    if product.get("preClosureInterestCalculationStrategy") == "TILL_REST_FREQUENCY_DATE":
        terms["payoff_rest"] = Rest.PERIOD
    return terms


def _down_payment(requested: dict[str, Any], product: dict[str, Any]) -> dict[str, Any]:
    if not product.get("enableDownPayment") or requested.get("enable_down_payment") is False:
        return {}
    percent = Decimal(str(product["disbursedAmountPercentageForDownPayment"]))
    return {
        "down_payment_ppm": int(percent * PPM_PER_PERCENT),
    }


def _credits(product: dict[str, Any]) -> dict[str, Any]:
    """Return what charge backs, charge-offs and refunds do."""
    order: list[str] = next(
        (rule["order"] for rule in product.get("creditAllocation") or () if rule["transactionType"] == "CHARGEBACK"), []
    )
    refunds = product.get("supportedInterestRefundTypes") or ()
    return {
        "chargeback_order": tuple(COMPONENTS[name] for name in order),
        "charge_off": CHARGE_OFF[product.get("chargeOffBehaviour") or "REGULAR"],
        "refund_interest": tuple(RECEIPTS[name] for name in refunds),
        "parts_rounded_alone": True,
        "full_term_each": bool(product.get("allowFullTermForTranche")),
    }


def _allocation(requested: dict[str, Any], product: dict[str, Any], rules: dict[str, str]) -> dict[str, Any]:
    strategy = requested.get("payment_strategy") or product["transactionProcessingStrategyCode"]
    if strategy != ADVANCED:
        order = _order_of_strategy(strategy)
        recalculates = product.get("isInterestRecalculationEnabled") and requested["interest_type"] != "FLAT"
        surplus = RESCHEDULED[product["rescheduleStrategyMethod"]] if recalculates else Surplus.NEXT_INSTALMENT
        return {"allocation": order, "allocation_non_accrual": order, "surplus": surplus}
    listed = {rule["transactionType"]: rule for rule in product["paymentAllocation"]}
    default = listed["DEFAULT"]
    for name, surplus in rules.items():
        listed[name] = {**listed.get(name, default), "futureInstallmentAllocationRule": surplus}
    made = {name: _rule(rule) for name, rule in listed.items()}
    usual = made.pop("DEFAULT")
    return {
        "allocation": usual.order,
        "allocation_non_accrual": usual.order,
        "surplus": usual.surplus,
        "allocation_of": tuple((RECEIPTS[name], rule) for name, rule in made.items()),
        "direction": Direction.VERTICAL
        if product.get("loanScheduleProcessingType") == "VERTICAL"
        else Direction.HORIZONTAL,
    }


def _rule(rule: dict[str, Any]) -> AllocationRule:
    surplus = SURPLUS.get(rule["futureInstallmentAllocationRule"])
    if surplus is None:
        raise NotApplicableError(f"surplus to {rule['futureInstallmentAllocationRule']}")
    return AllocationRule(order=tuple(_step(name) for name in rule["order"]), surplus=surplus)


def _step(name: str) -> AllocationStep:
    """Return the step a name like PAST_DUE_PENALTY stands for."""
    timing, _, component = name.rpartition("_")
    return Timing[timing], COMPONENTS[component]


def _order_of_strategy(strategy: str) -> tuple[AllocationStep, ...]:
    """Return the order that the name of a strategy spells out: one order for all, or one for what is not due yet."""
    due, _, in_advance = strategy.removeprefix("DUE_").removesuffix("_ORDER").partition("_IN_ADVANCE_")
    first = _components(due, strategy)
    later = _components(in_advance, strategy) if in_advance else first
    return tuple(
        (timing, component)
        for timing, components in ((Timing.PAST_DUE, first), (Timing.DUE, first), (Timing.IN_ADVANCE, later))
        for component in components
    )


def _components(words: str, strategy: str) -> list[Component]:
    names = words.split("_")
    if sorted(COMPONENTS[name].value for name in names if name in COMPONENTS) != sorted(
        item.value for item in Component
    ):
        raise NotApplicableError(f"strategy {strategy}")
    return [COMPONENTS[name] for name in names]
