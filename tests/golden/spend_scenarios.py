"""Worked statements of revolving accounts, told as a page that an accountant can check with a pocket calculator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mingqu.domain.calendar import DayCount, add_months
from mingqu.domain.cost import annual_cost
from mingqu.domain.money import Rounding, format_fen
from mingqu.domain.rate import Rate, format_percent
from mingqu.domain.revolving import Charge, MinimumRule, UnpaidBill
from mingqu.domain.spend import (
    SpendEvent,
    SpendKind,
    SpendState,
    SpendTerms,
    Statement,
    accrued_fen,
    advance,
    cut,
    open_account,
    step,
    yearly_cost,
)

HALF_UP = Rounding.HALF_UP


def terms_of(
    *,
    unpaid: UnpaidBill = UnpaidBill.UNPAID_PART,
    free_period: bool = True,
    bill_day: int = 5,
    due_day: int = 25,
    rate_ppm: int = 500,
    late_fee: Charge | None = None,
    whole_up_to_fen: int = 0,
) -> SpendTerms:
    """Return the terms of the examples: 0.05 % a day, a tenth at least, one and a half times the rate when overdue."""
    return SpendTerms(
        product_id="spend",
        product_version=1,
        bill_day=bill_day,
        due_day=due_day,
        rate=Rate.per_day(ppm=rate_ppm),
        day_count=DayCount.ACT_365,
        rounding=HALF_UP,
        free_period=free_period,
        unpaid_bill=unpaid,
        minimum=MinimumRule(share_ppm=100_000, rounding=HALF_UP, whole_up_to_fen=whole_up_to_fen),
        penalty_multiple_ppm=1_500_000,
        late_fee=late_fee,
        instalment_fees=((3, 25_000), (6, 45_000), (9, 65_000), (12, 88_000)),
        instalment_least_fen=10_000,
    )


@dataclass
class Story:
    """An account that is told line by line."""

    terms: SpendTerms
    state: SpendState
    lines: list[str]
    number: int = 0

    @classmethod
    def begun(cls, title: str, terms: SpendTerms, on: date, limit_fen: int = 10_000_000) -> Story:
        return cls(terms, open_account(terms=terms, on=on, limit_fen=limit_fen), [title, ""])

    def tell(self, kind: SpendKind, on: date, amount_fen: int, **more: object) -> UUID:
        """Let something happen and write it down; its id is the place in the story."""
        self.pass_to(on)
        self.number += 1
        event = SpendEvent(event_id=UUID(int=self.number), kind=kind, on=on, amount_fen=amount_fen, **more)  # type: ignore[arg-type]
        self.state = step(terms=self.terms, state=self.state, event=event).state
        count = f" in {event.count}" if event.count else ""
        self.lines.append(f"{on}  {kind.value}{count} {format_fen(amount_fen)}: {self.standing()}")
        return event.event_id

    def pass_to(self, day: date) -> None:
        """Let days pass and write down the bills."""
        outcome = advance(terms=self.terms, state=self.state, to=day)
        self.state = outcome.state
        self.lines += [f"{bill.billed_on}  {written(bill)}" for bill in outcome.statements]

    def look(self, day: date) -> None:
        """Write down how the account stands on a morning."""
        self.pass_to(day)
        accrued = format_fen(accrued_fen(terms=self.terms, state=self.state, on=day))
        self.lines.append(f"{day}  {self.standing()}, borne since the bill {accrued}")

    def standing(self) -> str:
        state = self.state
        text = f"used {format_fen(state.used_fen)}"
        if state.bill_left_fen:
            left, least = format_fen(state.bill_left_fen), format_fen(state.minimum_left_fen)
            text += f", of the bill {left} is left, at least {least}"
        if state.credit_fen:
            text += f", the borrower's own {format_fen(state.credit_fen)}"
        if state.lacking_fen:
            text += f", overdue {format_fen(state.lacking_fen)}"
        return text


def written(bill: Statement) -> str:
    """Write a bill as a line: what there is of it."""
    named = (
        ("principal", bill.principal_fen),
        ("interest", bill.interest_fen),
        ("fees", bill.fee_fen),
        ("penalty", bill.penalty_fen),
        ("instalments", bill.instalment_fen),
        ("overdue", bill.overdue_fen),
        ("above the limit", bill.over_limit_fen),
    )
    parts = " + ".join(f"{name} {format_fen(fen)}" for name, fen in named if fen)
    whole, least = format_fen(bill.total_fen), format_fen(bill.minimum_fen)
    return f"bill {bill.number}: {parts} = {whole}; at least {least}, due {bill.due}"


def e_all_of_it() -> list[str]:
    """Vector E: 10,000.00 billed, the least payment paid, everything bears from its posting."""
    story = Story.begun(
        "E. The bill is not paid whole, and all of it bears from the day it was posted on (225.00 + 49.50)",
        terms_of(unpaid=UnpaidBill.ALL_OF_IT),
        date(2026, 6, 6),
    )
    story.tell(SpendKind.PURCHASED, date(2026, 6, 10), 1_000_000)
    story.tell(SpendKind.REPAID, date(2026, 7, 25), 100_000)
    story.look(date(2026, 8, 6))
    return story.lines


def e_unpaid_part() -> list[str]:
    """Vector E, the other way: only what is left bears, from the due day; with too little paid, a late fee."""
    terms = terms_of(late_fee=Charge(share_ppm=50_000))
    story = Story.begun("E. Only the unpaid part bears, from the due day (49.50)", terms, date(2026, 6, 6))
    story.tell(SpendKind.PURCHASED, date(2026, 6, 10), 1_000_000)
    story.tell(SpendKind.REPAID, date(2026, 7, 25), 100_000)
    story.look(date(2026, 8, 6))
    story.lines += ["", "The same with 400.00 paid: 600.00 lack, the late fee is 30.00"]
    other = Story.begun("", terms, date(2026, 6, 6))
    other.tell(SpendKind.PURCHASED, date(2026, 6, 10), 1_000_000)
    other.tell(SpendKind.REPAID, date(2026, 7, 25), 40_000)
    other.look(date(2026, 7, 26))
    other.look(date(2026, 8, 6))
    other.tell(SpendKind.REPAID, date(2026, 8, 10), other.state.lacking_fen)
    return story.lines + other.lines[2:]


def g_instalments() -> list[str]:
    """Vector G: the fee of instalments as a yearly cost, from the cash flows."""
    terms, begin = terms_of(), date(2026, 9, 1)
    lines = ["G. 12,000.00 in instalments: fee, each instalment, cost a year simple and effective", ""]
    for count, ppm in terms.instalment_fees:
        parts = cut(terms=terms, amount_fen=1_200_000, count=count)
        flows = [(begin, 1_200_000)]
        flows += [(add_months(day=begin, months=at), -sum(part)) for at, part in enumerate(parts, start=1)]
        cost = annual_cost(flows=flows)
        told = yearly_cost(terms=terms, count=count, on=begin)
        assert format_percent(told.simple_ppm) == format_percent(cost.simple_ppm), "what the terms say beforehand"
        fee = format_fen(sum(fee for _, fee in parts))
        simple, effective = format_percent(cost.simple_ppm), format_percent(cost.effective_ppm)
        lines.append(
            f"{count:>2} at {format_percent(ppm)}: fee {fee}, each {format_fen(sum(parts[0]))},"
            f" {simple} simple, {effective} effective"
        )
    return lines


def m_no_free_period() -> list[str]:
    """Vector M: no free period, a tenth of what is used and all of last month's interest."""
    story = Story.begun(
        "M. No free period: 5,000.00 for 30 days, then 4,500.00 for 31 (560.00, 505.80)",
        terms_of(free_period=False, bill_day=1, due_day=10, rate_ppm=400, whole_up_to_fen=10_000),
        date(2026, 8, 20),
    )
    story.tell(SpendKind.DRAWN, date(2026, 9, 1), 500_000)
    story.lines.append("(drawn on a bill day: that day's bill has the principal and no interest yet)")
    story.pass_to(date(2026, 9, 2))
    story.tell(SpendKind.REPAID, date(2026, 9, 10), 50_000)
    story.pass_to(date(2026, 10, 2))
    story.lines.append("(9 days of 5,000.00 and 21 days of 4,500.00 bear what 31 days of 4,500.00 do)")
    again = Story.begun("", story.terms, date(2026, 11, 20))
    again.tell(SpendKind.DRAWN, date(2026, 12, 2), 500_000)
    again.look(date(2027, 1, 2))
    return [*story.lines, "", "Drawn on the day after a bill day, 30 days before the next:", *again.lines[2:]]


def statement_rules() -> list[str]:
    """3.4: refunds before and after the bill, instalments outside the least payment, over the limit."""
    story = Story.begun(
        "3.4 Refunds before and after the bill, instalments, a limit that was cut",
        terms_of(bill_day=1, due_day=10),
        date(2026, 8, 15),
        limit_fen=1_000_000,
    )
    first = story.tell(SpendKind.PURCHASED, date(2026, 8, 16), 300_000)
    second = story.tell(SpendKind.PURCHASED, date(2026, 8, 20), 200_000)
    third = story.tell(SpendKind.PURCHASED, date(2026, 8, 25), 240_000)
    story.tell(SpendKind.REFUNDED, date(2026, 8, 28), 50_000, target=first)
    story.tell(SpendKind.CONVERTED, date(2026, 8, 29), 240_000, target=third, count=6)
    story.tell(SpendKind.REFUNDED, date(2026, 9, 5), 30_000, target=second)
    story.tell(SpendKind.CONVERTED, date(2026, 9, 8), 300_000, count=3)
    story.tell(SpendKind.REPAID, date(2026, 9, 10), story.state.bill_left_fen)
    story.tell(SpendKind.PURCHASED, date(2026, 9, 15), 40_000)
    story.tell(SpendKind.LIMITED, date(2026, 9, 20), 495_000)
    story.tell(SpendKind.REFUNDED, date(2026, 10, 5), 30_000, target=third)
    story.tell(SpendKind.REPAID, date(2026, 10, 10), story.state.bill_left_fen)
    story.look(date(2026, 11, 2))
    return story.lines


SCENARIOS: dict[str, Callable[[], list[str]]] = {
    "e-all-of-it": e_all_of_it,
    "e-unpaid-part": e_unpaid_part,
    "g-instalments": g_instalments,
    "m-no-free-period": m_no_free_period,
    "3-4-statement-rules": statement_rules,
}
