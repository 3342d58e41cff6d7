"""The worked tables of revolving credit, joint loans, recalculation and of what being late costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.calendar import DayCount
from mingqu.domain.cost import DelayFee, DelayTerms, cost_of_delay
from mingqu.domain.funding import Funding, PricePart, Share, Totals, price_of, share_moves, split_lines
from mingqu.domain.ledger import AccountCode, Reason
from mingqu.domain.loan import Payable, Quote
from mingqu.domain.money import Money, Rounding, divide
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
from mingqu.domain.schedule import Method, Schedule, Terms, build, interest_ratio, rebuild
from tests.docs.table import Line, day, fen, multiple_ppm, rate, share_ppm, yuan

HALF_UP: Final = Rounding.HALF_UP


def _card_bill(line: Line) -> Line:
    moved = [
        Movement(posted_on=day(line["posted"]), amount_fen=fen(line["amount"]), kind=MovementKind.SPENT),
        Movement(posted_on=day(line["on"]), amount_fen=fen(line["paid"]), kind=MovementKind.REPAID),
    ]

    def charged(unpaid_bill: UnpaidBill) -> str:
        interest_fen = card_interest(
            movements=moved,
            statement=Statement(billed_on=day(line["billed on"]), due=day(line["due"])),
            until=day(line["until"]),
            unpaid_bill=unpaid_bill,
            rate=rate(line["rate"]),
            day_count=DayCount.ACT_365,
            rounding=HALF_UP,
        )
        return yuan(interest_fen)

    return {"all of it": charged(UnpaidBill.ALL_OF_IT), "unpaid part": charged(UnpaidBill.UNPAID_PART)}


def _least_payment(line: Line) -> Line:
    start, used = date(2026, 9, 1), fen(line["used"])
    borne = balance_interest(
        movements=[Movement(posted_on=start, amount_fen=used, kind=MovementKind.SPENT)],
        rate=rate(line["rate"]),
        day_count=DayCount.ACT_365,
        start=start,
        end=start + timedelta(days=int(line["days"])),
    )
    bill = Bill(principal_fen=used, interest_fen=divide(*borne, HALF_UP))
    rule = MinimumRule(share_ppm=share_ppm(line["share"]), rounding=HALF_UP, whole_up_to_fen=fen(line["whole up to"]))
    return {
        "interest": yuan(bill.interest_fen),
        "least payment": yuan(minimum_payment(bill=bill, rule=rule)),
        "whole bill": yuan(bill.total_fen),
    }


def _late_fee(line: Line) -> Line:
    charge = Charge(share_ppm=share_ppm(line["share"]), least_fen=fen(line["at least"]))
    asked, paid = fen(line["asked at least"]), fen(line["paid"])
    return {"late fee": yuan(late_fee(minimum_fen=asked, paid_fen=paid, charge=charge, rounding=HALF_UP))}


def _cash(line: Line) -> Line:
    cost = cash_advance_cost(
        amount_fen=fen(line["drawn"]),
        drawn_on=date(2026, 8, 15),
        days=int(line["days"]),
        fee=Charge(share_ppm=share_ppm(line["fee"]), least_fen=fen(line["at least"])),
        rate=rate(line["rate"]),
        day_count=DayCount.ACT_365,
        rounding=HALF_UP,
    )
    return {"fee charged": yuan(cost.fee_fen), "interest": yuan(cost.interest_fen)}


def _joint_lines(line: Line) -> Line:
    percents = [int(part) for part in line["shares"].split(" : ")]
    funding = Funding(
        shares=tuple(Share(lender_id=UUID(int=place), ppm=each * 10_000) for place, each in enumerate(percents))
    )
    parts = split_lines(amounts_fen=[fen(amount) for amount in line["lines"].split(" + ")], funding=funding)
    partner, bank = zip(*parts, strict=True)
    return {
        "partner": yuan(*partner),
        "bank": yuan(*bank),
        "partner in all": yuan(sum(partner)),
        "bank in all": yuan(sum(bank)),
    }


def _joint_price(line: Line) -> Line:
    shares = (Share(lender_id=UUID(int=1), ppm=300_000), Share(lender_id=UUID(int=2), ppm=700_000))
    due = Payable(
        principal_fen=0, interest_fen=fen(line["interest owed"]), penalty_fen=fen(line["penalty owed"]), fee_fen=0
    )
    price = price_of(
        funding=Funding(shares=shares),
        place=1,
        totals=Totals(
            lent_fen=fen(line["lent"]),
            gone_fen=fen(line["came back"]),
            interest_fen=fen(line["interest had"]),
            penalty_fen=fen(line["penalty had"]),
        ),
        owed=Quote(on=date(2026, 10, 20), due=due, early_interest_fen=0, principal_unbilled_fen=0),
        parts=tuple(PricePart),
    )
    return {
        "principal": yuan(price.principal_fen),
        "interest": yuan(price.interest_fen),
        "penalty": yuan(price.penalty_fen),
    }


def _joint_account(line: Line) -> Line:
    shares = (Share(lender_id=UUID(int=1), ppm=300_000), Share(lender_id=UUID(int=2), ppm=700_000))
    on = date(2026, 8, 15)
    moved = {(on, Reason.SHARE_LEND): fen(line["lent"]), (on, Reason.SHARE_REPAY): fen(line["came back"])}
    moves, _ = share_moves(funding=Funding(shares=shares), before=Totals(), moved=moved)
    claims = [0, 0]
    for one in moves:
        claims[one.place] += one.amount_fen if one.debit is AccountCode.SHARE_PRINCIPAL else -one.amount_fen
    return {"partner's claim": yuan(claims[0]), "bank's claim": yuan(claims[1])}


def _equal_instalments(line: Line) -> tuple[Terms, Schedule]:
    terms = Terms(
        principal=Money(fen(line["principal"])),
        method=Method.EQUAL_INSTALMENT,
        rate=rate(line["rate"]),
        start=date(2026, 8, 15),
        instalments=int(line["months"]),
        day_count=DayCount(line.get("base", "act/360")),
    )
    return terms, build(terms=terms)


def _delay(line: Line) -> Line:
    _, schedule = _equal_instalments(line)
    fee = DelayFee(code="late_fee", collector="lender", standard="once each", flat_fen=fen(line["late fee"]))
    cost = cost_of_delay(
        schedule=schedule,
        first_missed=int(line["first missed"]),
        days=int(line["days"]),
        terms=DelayTerms(
            collector="lender",
            standard="on overdue principal",
            rate=rate(line["rate"]),
            multiple_ppm=multiple_ppm(line["multiple"]),
            day_count=DayCount(line["base"]),
            rounding=HALF_UP,
            fees=(fee,),
        ),
    )
    penalty, fees = cost.items
    return {"penalty": yuan(penalty.amount_fen), "late fees": yuan(fees.amount_fen), "cost": yuan(cost.cost_fen)}


def _rebuilt(line: Line) -> Line:
    terms, schedule = _equal_instalments(line)
    paid_with = schedule.rows[int(line["with"]) - 1]
    lower, same = (
        rebuild(
            terms=terms,
            principal_fen=paid_with.closing_fen - fen(line["paid"]),
            start=paid_with.due,
            dues=[row.due for row in schedule.rows[paid_with.number :]],
            instalment_fen=instalment_fen,
            first_number=paid_with.number + 1,
        )
        for instalment_fen in (None, paid_with.payment_fen)
    )
    return {
        "falls to": yuan(lower.rows[0].payment_fen),
        "last payment": yuan(lower.rows[-1].payment_fen),
        "interest left": yuan(lower.interest_fen),
        "or stays": yuan(paid_with.payment_fen),
        "until": str(same.rows[-1].number),
        "last one": yuan(same.rows[-1].payment_fen),
        "interest less": yuan(lower.interest_fen - same.interest_fen),
    }


def _cut_period(line: Line) -> Line:
    start, on, end = day(line["from"]), day(line["on"]), day(line["to"])
    whole = fen(line["principal"])

    def borne(spans: list[tuple[int, date, date]]) -> str:
        numerator, denominator = 0, 1
        for principal, since, until in spans:
            part, part_denominator = interest_ratio(
                principal_fen=principal,
                rate=rate(line["rate"]),
                day_count=DayCount(line["day count"]),
                start=since,
                end=until,
            )
            numerator, denominator = (
                numerator * part_denominator + part * denominator,
                denominator * part_denominator,
            )
        return yuan(divide(numerator, denominator, HALF_UP))

    left = whole - fen(line["paid early"])
    return {"plan": borne([(whole, start, end)]), "early": borne([(whole, start, on), (left, on, end)])}


def _late_principal(line: Line) -> Line:
    bears = rate(line["rate"])
    bears_late = bears.times(numerator=multiple_ppm(line["multiple"]), denominator=1_000_000)
    interest, penalty = (
        yuan(
            divide(
                *interest_ratio(
                    principal_fen=fen(line["overdue principal"]),
                    rate=each,
                    day_count=DayCount(line["day count"]),
                    start=day(line["due"]),
                    end=day(line["paid on"]),
                ),
                HALF_UP,
            )
        )
        for each in (bears, bears_late)
    )
    return {"plan and early: penalty": penalty, "daily: interest": interest}


CREDIT_TABLES: Final[dict[str, Callable[[Line], Line]]] = {
    "card-bill": _card_bill,
    "least-payment": _least_payment,
    "late-fee": _late_fee,
    "cash": _cash,
    "joint-lines": _joint_lines,
    "joint-account": _joint_account,
    "joint-price": _joint_price,
    "delay": _delay,
    "rebuilt": _rebuilt,
    "cut-period": _cut_period,
    "late-principal": _late_principal,
}
