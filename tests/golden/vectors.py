"""The worked vectors, as the code works them out: for each letter, the lines of `vectors.txt` under it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.calendar import DayCount, add_months
from mingqu.domain.cost import AnnualCost, CostItem, all_in_cost, annual_cost
from mingqu.domain.funding import Funding, Share, split_schedule
from mingqu.domain.money import Rounding, divide, format_fen
from mingqu.domain.rate import Rate, format_percent
from mingqu.domain.revolving import (
    Bill,
    Charge,
    MinimumRule,
    Movement,
    MovementKind,
    Statement,
    UnpaidBill,
    balance_interest,
    card_interest,
    cash_advance_cost,
    late_fee,
    minimum_payment,
)
from mingqu.domain.schedule import Terms, accrued_ratio, build, interest_ratio
from tests.golden.one_bill import paid_against
from tests.golden.scenarios import BUILT, EQUAL_INSTALMENT, PUBLISHED_EQUAL_PRINCIPAL

Lines = dict[str, str]
HALF_UP: Final = Rounding.HALF_UP
FIVE_TENTHOUSANDTHS: Final = Rate.per_day(ppm=500)


def _yuan(*fen: int) -> str:
    return " ".join(map(format_fen, fen))


def _interest(terms: Terms) -> Lines:
    schedule = build(terms=terms)
    return {
        "interest": _yuan(*(row.interest_fen for row in schedule.rows)),
        "interest in all": _yuan(schedule.interest_fen),
    }


def _equal_instalments() -> Lines:
    payments = [row.payment_fen for row in build(terms=EQUAL_INSTALMENT).rows]
    assert len({*payments[:-1]}) == 1
    return {
        "instalment": _yuan(payments[0]),
        "last instalment": _yuan(payments[-1]),
        **_interest(EQUAL_INSTALMENT),
    }


def _interest_first() -> Lines:
    by_360, by_365 = (build(terms=BUILT[f"interest-only-{base}"][1]) for base in (360, 365))
    return {
        "over 360": _yuan(*(row.payment_fen for row in by_360.rows)),
        "interest over 360": _yuan(by_360.interest_fen),
        "interest over 365": _yuan(by_365.interest_fen),
    }


def _penalty_fen(amount_fen: int, days: int) -> int:
    start = date(2026, 9, 15)
    ratio = interest_ratio(
        principal_fen=amount_fen,
        rate=FIVE_TENTHOUSANDTHS.times(numerator=3, denominator=2),
        day_count=DayCount.ACT_360,
        start=start,
        end=start + timedelta(days=days),
    )
    return divide(*ratio, HALF_UP)


def _penalty() -> Lines:
    return {
        "rounded once": _yuan(_penalty_fen(83_334, 17)),
        "rounded each day": _yuan(sum(_penalty_fen(83_334, 1) for _ in range(17))),
        "on the interest": _yuan(_penalty_fen(10_000, 17)),
    }


def _moved(posted_on: date, amount_fen: int, kind: MovementKind = MovementKind.SPENT) -> Movement:
    return Movement(posted_on=posted_on, amount_fen=amount_fen, kind=kind)


def _borne(movements: Iterable[Movement], rate: Rate, start: date, end: date) -> int:
    numerator, denominator = balance_interest(
        movements=list(movements), rate=rate, day_count=DayCount.ACT_365, start=start, end=end
    )
    return divide(numerator, denominator, HALF_UP)


def _card_bill() -> Lines:
    posted, due, until = date(2026, 6, 10), date(2026, 7, 25), date(2026, 8, 5)
    spent = _moved(posted, 1_000_000)
    movements = (spent, _moved(due, 100_000, MovementKind.REPAID))

    def charged(unpaid_bill: UnpaidBill, *, paid_fen: int = 100_000) -> str:
        fen = card_interest(
            movements=(spent, _moved(due, paid_fen, MovementKind.REPAID)),
            statement=Statement(billed_on=date(2026, 7, 5), due=due),
            until=until,
            unpaid_bill=unpaid_bill,
            rate=FIVE_TENTHOUSANDTHS,
            day_count=DayCount.ACT_365,
            rounding=HALF_UP,
        )
        return _yuan(fen)

    rule = MinimumRule(share_ppm=100_000, rounding=HALF_UP)
    least = minimum_payment(bill=Bill(principal_fen=1_000_000), rule=rule)
    fees = [
        late_fee(minimum_fen=least, paid_fen=paid, charge=Charge(share_ppm=50_000), rounding=HALF_UP)
        for paid in (100_000, 40_000)
    ]
    return {
        "45 days of 10,000.00": _yuan(_borne(movements, FIVE_TENTHOUSANDTHS, posted, due)),
        "11 days of 9,000.00": _yuan(_borne(movements, FIVE_TENTHOUSANDTHS, due, until)),
        "all of it": charged(UnpaidBill.ALL_OF_IT),
        "unpaid part": charged(UnpaidBill.UNPAID_PART),
        "paid whole": charged(UnpaidBill.ALL_OF_IT, paid_fen=1_000_000),
        "least payment": _yuan(least),
        "late fee": _yuan(fees[0]),
        "late fee, 400.00 paid": _yuan(fees[1]),
    }


def _cash_advance() -> Lines:
    cost = cash_advance_cost(
        amount_fen=500_000,
        drawn_on=date(2026, 8, 15),
        days=20,
        fee=Charge(share_ppm=10_000, least_fen=1_000),
        rate=FIVE_TENTHOUSANDTHS,
        day_count=DayCount.ACT_365,
        rounding=HALF_UP,
    )
    return {"fee": _yuan(cost.fee_fen), "interest": _yuan(cost.interest_fen)}


def _fee_over(months: int, fee_ppm: int) -> AnnualCost:
    principal, start = 36_000_000, date(2026, 1, 31)
    instalment = (principal + principal * fee_ppm // 1_000_000) // months
    flows = [(start, principal)]
    flows += [(add_months(day=start, months=count), -instalment) for count in range(1, months + 1)]
    return annual_cost(flows=flows)


def _instalment_fees() -> Lines:
    fees = {(3, "2.5"): 25_000, (6, "4.5"): 45_000, (9, "6.5"): 65_000, (12, "8.8"): 88_000}
    found = {(months, percent): _fee_over(months, ppm) for (months, percent), ppm in fees.items()}
    return {
        f"{months} months, {percent} %": f"{format_percent(cost.simple_ppm)} {format_percent(cost.effective_ppm)}"
        for (months, percent), cost in found.items()
    }


def _disclosure() -> Lines:
    agreed = replace(EQUAL_INSTALMENT, rate=Rate.per_year(ppm=120_000), start=date(2026, 8, 15))
    schedule = build(terms=agreed)
    each_month = tuple((row.due, 6_000) for row in schedule.rows)
    guarantee = CostItem(
        code="guarantee_fee",
        collector="guarantor",
        standard="60.00 a month",
        charges=each_month,
    )
    membership = CostItem(
        code="membership", collector="platform", standard="99.00 once", charges=((agreed.start, 9_900),)
    )

    def a_year(*fees: CostItem) -> str:
        cost = all_in_cost(schedule=schedule, lender="bank", interest_standard="12 % a year", fees=fees)
        return format_percent(cost.annual.simple_ppm)

    return {
        "interest alone": a_year(),
        "with the guarantee": a_year(guarantee),
        "with the membership": a_year(guarantee, membership),
    }


def _flat() -> Lines:
    cost = all_in_cost(schedule=build(terms=BUILT["flat"][1]), lender="bank", interest_standard="1 % a month")
    return {"a year": format_percent(cost.annual.simple_ppm)}


def _paid(overdue_days: int) -> str:
    owed_fen = (2_000, 1_062 + 128, 10_000, 83_334)
    *got, too_much = paid_against(owed_fen=owed_fen, amount_fen=50_000, overdue_days=overdue_days)
    assert too_much == 0
    return _yuan(*got)


def _allocation() -> Lines:
    return {"10 days overdue": _paid(10), "91 days overdue": _paid(91)}


def _joint_loan() -> Lines:
    funding = Funding(
        shares=(Share(lender_id=UUID(int=1), ppm=300_000), Share(lender_id=UUID(int=2), ppm=700_000)),
    )
    slices = split_schedule(schedule=build(terms=EQUAL_INSTALMENT), funding=funding)
    return {
        "784.34": _yuan(*funding.split(78_434)),
        "principal of A": _yuan(*(part.principal_fen for part in slices)),
        "interest of A": _yuan(*(part.interest_fen for part in slices)),
    }


def _early_repayment() -> Lines:
    third, fourth = build(terms=EQUAL_INSTALMENT).rows[2:4]

    def ten_days(day_count: DayCount) -> str:
        numerator, denominator = accrued_ratio(
            principal_fen=third.closing_fen,
            terms=replace(EQUAL_INSTALMENT, day_count=day_count),
            period_start=fourth.start,
            period_due=fourth.due,
            whole=True,
            start=fourth.start,
            end=fourth.start + timedelta(days=10),
        )
        return _yuan(divide(numerator, denominator, HALF_UP))

    return {
        "principal left": _yuan(third.closing_fen),
        "interest over 360": ten_days(DayCount.ACT_360),
        "interest over 365": ten_days(DayCount.ACT_365),
    }


def _without_free_period() -> Lines:
    start, second, third = date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)
    rate = Rate.per_day(ppm=400)
    movements = (_moved(start, 500_000), _moved(second, 50_000, MovementKind.REPAID))
    rule = MinimumRule(share_ppm=100_000, rounding=HALF_UP, whole_up_to_fen=10_000)
    first, following = _borne(movements, rate, start, second), _borne(movements, rate, second, third)
    little = _borne([_moved(second, 10_000)], rate, second, third)

    def least(principal_fen: int, interest_fen: int) -> str:
        return _yuan(minimum_payment(bill=Bill(principal_fen=principal_fen, interest_fen=interest_fen), rule=rule))

    return {
        "first interest": _yuan(first),
        "first bill, least": least(500_000, first),
        "next interest": _yuan(following),
        "next bill, least": least(450_000, following),
        "100.00 used, least": least(10_000, little),
    }


VECTORS: Final[dict[str, Callable[[], Lines]]] = {
    "A": _equal_instalments,
    "B": lambda: _interest(BUILT["equal-principal-daily"][1]),
    "B2": lambda: _interest(PUBLISHED_EQUAL_PRINCIPAL),
    "C": _interest_first,
    "D": _penalty,
    "E": _card_bill,
    "F": _cash_advance,
    "G": _instalment_fees,
    "H": _disclosure,
    "I": _flat,
    "J": _allocation,
    "K": _joint_loan,
    "L": _early_repayment,
    "M": _without_free_period,
}
