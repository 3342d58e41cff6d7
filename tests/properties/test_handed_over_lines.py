"""Loans on a course and loans taken for lost go through a line and come back the same, and go on as they would have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.calendar import Period
from mingqu.domain.loan import (
    ChargedOff,
    ChargeOffUndone,
    Disbursed,
    Event,
    Intent,
    LoanState,
    LoanTerms,
    MigratedIn,
    Paused,
    RateChanged,
    ReAged,
    ReAmortized,
    Receipt,
    Repaid,
    Rescheduled,
    Reversed,
    Stage,
    bring_up,
    record,
)
from mingqu.domain.loan.billing import with_penalties_billed
from mingqu.domain.loan.hand_over import NotHandedOver, hand_over, lost_on
from mingqu.domain.loan.of_product import terms_of_product
from mingqu.domain.loan.replay import brought_up
from mingqu.domain.product import Product
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal
from mingqu.domain.taking_over import HEADERS, TakenOver, content_of, parse_content, taken_over
from mingqu.store.decisions.policy import load_pack
from tests.models.loan_on_course_book import an_id
from tests.soak import examples

PACK: Final = load_pack()
PRODUCTS: Final = {(product.id, product.version): product for product in PACK.products}
IN_PARTS: Final = PRODUCTS["chengchuan-milestone", 1]
AT_ONCE: Final = PRODUCTS["chengchuan-instalment", 1]
START: Final = date(2027, 6, 30)
AMOUNT: Final = 2_000_000
NOBODY: Final = UUID(int=0)


class Kept:
    """A loan with its story, as a book keeps it."""

    def __init__(self, terms: LoanTerms, on: date) -> None:
        self.terms, self.today = terms, on
        self.events: list[Event] = []
        self.state = LoanState()

    def live(self, days: int) -> None:
        self.today += timedelta(days=days)
        self.state = bring_up(terms=self.terms, state=self.state, business_date=self.today).state

    def happens(self, event: Event) -> bool:
        told = tuple(self.events)
        try:
            done = record(terms=self.terms, events=told, state=self.state, event=event, business_date=self.today)
        except Refusal:
            return False
        self.events.append(event)
        self.state = done.state
        return True

    def handed(self, *, disbursed_on: date | None = None) -> MigratedIn:
        lost = lost_on(self.events) if self.state.stage is Stage.CHARGED_OFF else None
        return hand_over(
            terms=self.terms, state=self.state, on=self.today, event_id=NOBODY, product_version=1,
            disbursed_on=disbursed_on, lost=lost,
        )  # fmt: skip


def lent(product: Product, *, first_fen: int = AMOUNT) -> Kept:
    """Return a loan of six instalments, of which so much was paid out."""
    terms = terms_of_product(
        product=product, rate_year_ppm=144_000, amount_fen=AMOUNT, instalments=6, method="equal_instalment"
    )
    kept = Kept(terms, START)
    assert kept.happens(Disbursed(event_id=an_id(1), value_date=START, amount_fen=first_fen))
    return kept


def through_a_line(kept: Kept, product: Product) -> tuple[Kept, str]:
    """Return the loan as another book has it that reads what this one writes, and the line."""
    event = kept.handed()
    content = content_of(product=product, lender="chengchuan", terms=kept.terms, event=event)
    assert content is not None
    read = parse_content(content.text())
    assert not isinstance(read, list), read
    as_of = kept.today - timedelta(days=1)
    one = taken_over(content=read, products=PRODUCTS, lenders=PACK.lenders, as_of=as_of, event_id=NOBODY)
    assert isinstance(one, TakenOver), one
    assert (one.terms, one.event) == (kept.terms, event)
    other = Kept(one.terms, kept.today)
    other.happens(one.event)
    assert other.state == one.outcome.state
    state, *otherwise = penalties_billed(kept)  # the other book rounds them on the day on which it takes them over
    kept.state = replace(state, otherwise=otherwise[0] if otherwise else None)
    again = other.handed(disbursed_on=event.disbursed_on)
    assert content_of(product=product, lender="chengchuan", terms=kept.terms, event=again) == content
    return other, content.text()


_Make = Callable[[date, int], Event]
_PAID: Final = (Intent.DUE.value, Intent.DUE.value, Intent.PREPAY.value)
_AGREED: Final = ("more", "anew", "spread", "moved", "longer", "rate", "pause", "bounced")
_LOST: Final = ("lost", "lost", "recovered", "recovered", "found")


def _made(kind: str, amount: int) -> _Make:
    def make(on: date, number: int) -> Event:
        said: dict[str, Any] = {"event_id": an_id(100 + number), "value_date": on}
        match kind:
            case "more":
                return Disbursed(**said, amount_fen=amount, tranche=2)
            case "anew":
                first = on + timedelta(days=1 + amount % 40)
                return ReAged(**said, first_due=first, period=Period(), instalments=1 + amount % 7)
            case "spread":
                return ReAmortized(**said)
            case "moved":
                return Rescheduled(**said, due=on + timedelta(days=1), due_to=on + timedelta(days=1 + amount % 50))
            case "longer":
                return Rescheduled(**said, due=on + timedelta(days=1), added=1 + amount % 3)
            case "rate":
                return RateChanged(**said, since=on, rate=Rate.per_year(ppm=amount % 240_000))
            case "pause":
                return Paused(**said, since=on, until=on + timedelta(days=1 + amount % 30))
            case "lost":
                return ChargedOff(**said)
            case "found":
                return ChargeOffUndone(**said)
            case "recovered":
                return Repaid(**said, amount_fen=amount, intent=Intent.PREPAY, receipt=Receipt.RECOVERY)
            case "bounced":
                return Reversed(**said, target=an_id(99 + number))
            case _:
                return Repaid(**said, amount_fen=amount, intent=Intent(kind))

    return make


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[int, _Make]]:
    """Return what happens to a loan, each some days after the one before."""
    kinds = st.sampled_from((*_PAID, *_AGREED, *_LOST))
    listed = draw(st.lists(st.tuples(st.integers(0, 50), kinds, st.integers(1, 700_000)), max_size=6))
    return [(days, _made(kind, amount)) for days, kind, amount in listed]


@settings(max_examples=examples(200), deadline=None)
@given(
    product=st.sampled_from((IN_PARTS, IN_PARTS, AT_ONCE)),
    first=st.integers(300_000, AMOUNT),
    story=stories(),
    wait=st.integers(1, 120),
    later=st.lists(st.tuples(st.integers(1, 45), st.integers(0, 300_000)), max_size=3),
)
def test_whatever_is_handed_over_comes_back_as_the_same_line_and_goes_on_alike(
    product: Product, first: int, story: list[tuple[int, _Make]], wait: int, later: list[tuple[int, int]]
) -> None:
    kept = lent(product, first_fen=first if product is IN_PARTS else AMOUNT)
    for number, (days, make) in enumerate(story):
        kept.live(days)
        kept.happens(make(kept.today, number))
    kept.live(wait)
    try:
        kept.handed()
    except NotHandedOver:
        return
    other, _ = through_a_line(kept, product)
    for number, (days, fen) in enumerate(later):
        for one in (kept, other):
            one.live(days)
            receipt = Receipt.RECOVERY if one.state.lost else Receipt.REPAYMENT
            said: dict[str, Any] = {"event_id": an_id(200 + number), "value_date": one.today, "receipt": receipt}
            assert not fen or one.happens(Repaid(**said, amount_fen=fen, intent=Intent.PREPAY))
        assert standing(kept) == standing(other)


def penalties_billed(kept: Kept) -> list[LoanState]:
    """Return a loan, and how it would stand, with the penalties of the day billed: each is rounded as it is."""
    states = [kept.state] if kept.state.otherwise is None else [kept.state, kept.state.otherwise]
    terms, on = kept.terms, kept.today
    seen = [brought_up(terms=terms, state=state, business_date=on) for state in states]
    return [with_penalties_billed(terms=terms, state=state, on=on) for state in seen]


def standing(kept: Kept) -> list[tuple[object, ...]]:
    """Return what a loan owes, and what it would owe if it were not lost."""
    return [
        (state.stage, state.payable, state.principal_unbilled_fen, state.overpayment_fen, state.suspended)
        for state in penalties_billed(kept)
    ]


def test_a_loan_paid_out_in_parts_says_what_its_contract_is_of() -> None:
    kept = lent(IN_PARTS, first_fen=600_000)
    kept.live(40)
    assert kept.happens(Disbursed(event_id=an_id(2), value_date=kept.today, amount_fen=800_000, tranche=2))
    kept.live(5)
    other, text = through_a_line(kept, IN_PARTS)
    assert text.endswith(",2000000,2,,,")
    assert (other.state.disbursed_fen, other.state.disbursements) == (1_400_000, 2)
    assert other.happens(Disbursed(event_id=an_id(3), value_date=other.today, amount_fen=600_000, tranche=3))
    assert not other.happens(Disbursed(event_id=an_id(4), value_date=other.today, amount_fen=1, tranche=4))


def test_instalments_that_were_moved_and_interest_paid_before_it_was_borne_come_over() -> None:
    kept = lent(IN_PARTS)
    kept.live(10)
    moved_to = kept.today + timedelta(days=50)
    assert kept.happens(Rescheduled(event_id=an_id(2), value_date=kept.today, due=kept.today, due_to=moved_to))
    kept.live(5)
    assert kept.happens(Repaid(event_id=an_id(3), value_date=kept.today, amount_fen=100_000, intent=Intent.PREPAY))
    rate = Rate.per_year(ppm=100_000)
    assert kept.happens(RateChanged(event_id=an_id(4), value_date=kept.today, since=kept.today, rate=rate))
    kept.live(1)
    other, text = through_a_line(kept, IN_PARTS)
    cells = dict(zip(HEADERS[0].split(",")[2:], text.split(","), strict=True))
    assert int(cells["accrued_interest_fen"]) < 0
    assert (cells["rate_now_year_ppm"], cells["contract_fen"], cells["charged_off_on"]) == ("100000", "", "")
    assert other.state.current is not None
    assert other.state.current.due == moved_to


def test_a_lost_loan_brings_how_it_would_stand_and_is_found_again() -> None:
    kept = lent(AT_ONCE)
    kept.live(75)
    assert kept.happens(ChargedOff(event_id=an_id(2), value_date=kept.today))
    lost = kept.today
    kept.live(40)
    recovered = Repaid(event_id=an_id(3), value_date=kept.today, amount_fen=400_000, receipt=Receipt.RECOVERY)
    assert kept.happens(recovered)
    kept.live(20)
    other, text = through_a_line(kept, AT_ONCE)
    assert f",{lost.isoformat()},0:" in text
    for one in (kept, other):
        assert one.state.stage is Stage.CHARGED_OFF
        assert one.happens(ChargeOffUndone(event_id=an_id(4), value_date=one.today))
        assert one.state.stage is Stage.ACTIVE
    assert standing(kept) == standing(other)


def test_a_lost_loan_is_told_from_the_first_row_that_would_be_left_otherwise() -> None:
    kept = lent(AT_ONCE)
    kept.live(75)
    assert kept.happens(ChargedOff(event_id=an_id(2), value_date=kept.today))
    kept.live(40)
    first = penalties_billed(kept)[0].instalments[:3]
    whole_fen = sum(line.unpaid_fen for line in first)
    recovered = Repaid(
        event_id=an_id(3), value_date=kept.today, amount_fen=whole_fen, intent=Intent.PREPAY, receipt=Receipt.RECOVERY
    )
    assert kept.happens(recovered)
    other, _ = through_a_line(kept, AT_ONCE)
    (event,) = other.events
    assert isinstance(event, MigratedIn)
    assert event.otherwise is not None
    assert (event.rows[0].due, event.otherwise.rows[0].due) == (first[2].due, first[2].due)
    lost_paid, otherwise_paid = event.rows[0].principal_paid_fen, event.otherwise.rows[0].principal_paid_fen
    assert lost_paid == first[2].principal_fen > otherwise_paid


def test_a_lost_loan_on_a_course_can_be_spread_anew_when_it_was_found_again() -> None:
    kept = lent(IN_PARTS)
    kept.live(75)
    assert kept.happens(ChargedOff(event_id=an_id(2), value_date=kept.today))
    kept.live(20)
    other, _ = through_a_line(kept, IN_PARTS)
    for one in (kept, other):
        assert one.happens(ChargeOffUndone(event_id=an_id(3), value_date=one.today))
        said: dict[str, Any] = {"event_id": an_id(4), "value_date": one.today, "period": Period(), "instalments": 4}
        assert one.happens(ReAged(**said, first_due=one.today + timedelta(days=30)))
    assert standing(kept) == standing(other)


def test_nobody_finds_a_loan_again_of_which_no_line_says_how_it_would_stand() -> None:
    kept = lent(AT_ONCE)
    kept.live(75)
    lost = kept.today
    assert kept.happens(ChargedOff(event_id=an_id(2), value_date=lost))
    kept.live(1)
    kept.state = replace(kept.state, otherwise=None)
    other, text = through_a_line(kept, AT_ONCE)
    assert text.endswith(f",{lost.isoformat()},")
    assert not other.happens(ChargeOffUndone(event_id=an_id(3), value_date=other.today))


LOST_LINE: Final = {
    "product": "chengchuan-instalment", "product_version": "1", "lender": "chengchuan", "currency": "CNY",
    "paid_out_fen": "200000", "disbursed_on": "2026-05-15", "method": "equal_principal", "instalments": "2",
    "first_due": "2026-06-15", "rate_year_ppm": "120000", "as_of": "2026-08-14", "instalments_paid": "0",
    "principal_not_due_fen": "100000", "principal_due_fen": "100000", "interest_due_fen": "2000",
    "penalty_due_fen": "0", "fee_due_fen": "0", "accrued_interest_fen": "0", "overpayment_fen": "0",
    "overdue_since": "2026-06-15", "non_accrual": "0",
    "plan": "2026-05-15 2026-06-15:100000:2000 2026-07-15:100000:1000", "contract_fen": "", "disbursements": "",
    "rate_now_year_ppm": "", "charged_off_on": "2026-07-01",
    "otherwise": "0:0 2026-05-15 2026-06-15:100000:2000 2026-07-15:100000:1000",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "column", "code"),
    [
        ({}, "", ""),
        ({"otherwise": ""}, "", ""),
        ({"charged_off_on": ""}, "otherwise", "migration_unsound"),
        ({"charged_off_on": "", "otherwise": ""}, "principal_due_fen", "migration_unsound"),
        ({"charged_off_on": "2026-08-15"}, "charged_off_on", "migration_unsound"),
        ({"charged_off_on": "2026-05-14"}, "charged_off_on", "migration_unsound"),
        ({"charged_off_on": "2026-07-15"}, "principal_due_fen", "migration_unsound"),
        ({"charged_off_on": "someday"}, "charged_off_on", "value_malformed"),
        ({"plan": ""}, "plan", "value_missing"),
        ({"accrued_interest_fen": "1"}, "accrued_interest_fen", "migration_unsound"),
        ({"accrued_interest_fen": "-1"}, "accrued_interest_fen", "migration_unsound"),
        ({"accrued_interest_fen": "-0"}, "accrued_interest_fen", "value_malformed"),
        ({"otherwise": "0:2 2026-05-15 2026-06-15:1:1"}, "otherwise", "value_malformed"),
        ({"otherwise": "0:0 2026-05-15 2026-06-15:1:1"}, "plan", "migration_unsound"),
        ({"otherwise": "0:0 2026-06-15 2026-07-15:100000:1000"}, "otherwise", "migration_unsound"),
        ({"otherwise": "0:0 2026-05-15 2026-06-15:200000:0:0:0:200000"}, "otherwise", "migration_unsound"),
        ({"contract_fen": "200001"}, "contract_fen", "migration_unsound"),
        ({"disbursements": "2"}, "disbursements", "migration_unsound"),
        ({"rate_now_year_ppm": "1"}, "rate_now_year_ppm", "migration_unsound"),
        ({"rate_now_year_ppm": "-1"}, "rate_now_year_ppm", "value_malformed"),
    ],
    ids=repr,
)
def test_a_line_of_a_lost_loan_adds_up_or_names_the_column(changes: dict[str, str], column: str, code: str) -> None:
    content = parse_content(",".join((LOST_LINE | changes).values()))
    found = (
        content
        if isinstance(content, list)
        else taken_over(
            content=content, products=PRODUCTS, lenders=PACK.lenders, as_of=date(2026, 8, 14), event_id=NOBODY
        )
    )
    if isinstance(found, list):
        assert [(fault.column, fault.code) for fault in found] == [(column, code)]
    else:
        assert code == ""
        assert found.outcome.state.stage is Stage.CHARGED_OFF
        assert (found.outcome.state.otherwise is not None) is ("otherwise" not in changes)
