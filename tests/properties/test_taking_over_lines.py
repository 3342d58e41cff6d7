"""A line and the loan it means are one: written and read again, through the engine and back, to the letter."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.loan import (
    ChargedOff,
    Disbursed,
    Event,
    Intent,
    LoanState,
    Repaid,
    bring_up,
    record,
)
from mingqu.domain.loan.hand_over import NotHandedOver, hand_over
from mingqu.domain.loan.of_product import terms_of_product
from mingqu.domain.taking_over import Content, Fault, TakenOver, content_of, parse_content, taken_over
from mingqu.store.decisions.policy import load_pack
from tests.models.loan_on_course_book import an_id
from tests.soak import examples

PACK: Final = load_pack()
PRODUCTS: Final = {(product.id, product.version): product for product in PACK.products}
PRODUCT: Final = PRODUCTS["chengchuan-instalment", 1]
START: Final = date(2026, 1, 31)
NOBODY: Final = UUID(int=0)


def read(text: str, *, as_of: date) -> TakenOver | list[Fault]:
    """Return what a line means."""
    content = parse_content(text)
    if isinstance(content, list):
        return content
    return taken_over(content=content, products=PRODUCTS, lenders=PACK.lenders, as_of=as_of, event_id=NOBODY)


def told(one: TakenOver, *, on: date) -> Content | None:
    """Return what a line says of a loan that was taken over, as it stands on the same morning."""
    event = hand_over(
        terms=one.terms, state=one.outcome.state, on=on, event_id=NOBODY, product_version=1,
        disbursed_on=one.event.disbursed_on,
    )  # fmt: skip
    return content_of(product=one.product, lender="chengchuan", terms=one.terms, event=event)


@settings(max_examples=examples(150), deadline=None)
@given(
    amount=st.integers(5_000, 2_000_000),
    ppm=st.sampled_from([0, 72_000, 144_001, 240_000]),
    instalments=st.integers(1, 12),
    method=st.sampled_from(["equal_instalment", "equal_principal", "interest_only", "single_payment"]),
    first_due=st.sampled_from([None, date(2026, 3, 10), date(2026, 2, 5)]),
    story=st.lists(
        st.tuples(st.integers(0, 45), st.sampled_from([0, 37, 100, 130]), st.sampled_from(Intent)), max_size=6
    ),
    wait=st.integers(1, 120),
)
def test_a_loan_that_is_handed_over_comes_back_as_the_same_line(
    amount: int,
    ppm: int,
    instalments: int,
    method: str,
    first_due: date | None,
    story: list[tuple[int, int, Intent]],
    wait: int,
) -> None:
    terms = terms_of_product(
        product=PRODUCT, rate_year_ppm=ppm, amount_fen=amount, instalments=instalments, method=method,
        first_due=first_due,
    )  # fmt: skip
    events: list[Event] = [Disbursed(event_id=an_id(1), value_date=START, amount_fen=amount)]
    state = record(terms=terms, events=(), state=LoanState(), event=events[0], business_date=START).state
    on = START
    for number, (days, share, intent) in enumerate(story, start=2):
        on += timedelta(days=days)
        state = bring_up(terms=terms, state=state, business_date=on).state
        fen = max(1, state.payable.total_fen * share // 100)
        event = Repaid(event_id=an_id(number), value_date=on, amount_fen=fen, intent=intent)
        state = record(terms=terms, events=tuple(events), state=state, event=event, business_date=on).state
        events.append(event)
    on += timedelta(days=wait)
    try:
        event = hand_over(terms=terms, state=state, on=on, event_id=NOBODY, product_version=1)
    except NotHandedOver:
        return
    content = content_of(product=PRODUCT, lender="chengchuan", terms=terms, event=event)
    assert content is not None
    one = read(content.text(), as_of=on - timedelta(days=1))
    assert isinstance(one, TakenOver), one
    assert one.terms == terms
    # Interest of an instalment due that morning is due in the event, whatever the line says of its accrual.
    assert replace(one.event, accrued_fen=event.accrued_fen) == event
    assert told(one, on=on) == content


def line(**changes: str) -> str:
    """Return a sound line of a loan that missed its second instalment, with some cells changed."""
    cells = {
        "product": "chengchuan-instalment", "product_version": "1", "lender": "chengchuan", "currency": "CNY",
        "paid_out_fen": "1200000", "disbursed_on": "2026-05-15", "method": "equal_principal", "instalments": "12",
        "first_due": "2026-06-15", "rate_year_ppm": "120000", "as_of": "2026-08-14", "instalments_paid": "1",
        "principal_not_due_fen": "1000000", "principal_due_fen": "100000", "interest_due_fen": "11000",
        "penalty_due_fen": "1500", "fee_due_fen": "0", "accrued_interest_fen": "9800", "overpayment_fen": "0",
        "overdue_since": "2026-07-15", "non_accrual": "0", "plan": "",
    }  # fmt: skip
    assert set(changes) <= set(cells)
    return ",".join((cells | changes).values())


SOUND_AND_CURRENT: Final = {
    "instalments_paid": "2",
    "principal_due_fen": "0",
    "interest_due_fen": "0",
    "penalty_due_fen": "0",
    "overdue_since": "",
}


def test_a_line_without_a_plan_means_what_is_left_of_the_plan_with_the_rest_paid_in_the_oldest_row() -> None:
    one = read(line(principal_due_fen="60000", interest_due_fen="1000"), as_of=date(2026, 8, 14))
    assert isinstance(one, TakenOver)
    oldest, due_now, running = one.event.rows[:3]
    assert (oldest.principal_fen, oldest.principal_paid_fen, oldest.interest_paid_fen) == (100_000, 40_000, 10_000)
    assert (oldest.penalty_fen, oldest.due, due_now.due) == (1_500, date(2026, 7, 15), date(2026, 8, 15))
    # What falls due on the morning of the taking over is billed by it.
    assert (one.event.principal_due_fen, one.event.principal_unbilled_fen) == (160_000, 900_000)
    assert (one.event.interest_due_fen, one.event.accrued_fen) == (1_000 + due_now.interest_fen, 0)
    assert running.start == due_now.due
    assert len(one.event.rows) == 11
    assert isinstance(read(line(**SOUND_AND_CURRENT), as_of=date(2026, 8, 14)), TakenOver)


@pytest.mark.parametrize(
    ("changes", "column", "code"),
    [
        ({"product_version": "9"}, "product", "product_unknown"),
        ({"lender": "tinglan"}, "lender", "lender_unknown"),
        ({"currency": "USD"}, "currency", "currency_unknown"),
        ({"method": "by_heart"}, "method", "method_unknown"),
        ({"as_of": "2026-08-13"}, "as_of", "as_of_differs"),
        ({"disbursed_on": "2026-08-15"}, "disbursed_on", "value_out_of_range"),
        ({"paid_out_fen": "12000.00"}, "paid_out_fen", "value_malformed"),
        ({"paid_out_fen": "-1"}, "paid_out_fen", "value_malformed"),
        ({"paid_out_fen": "9223372036854775808"}, "paid_out_fen", "value_out_of_range"),
        ({"instalments": "1201"}, "instalments", "value_out_of_range"),
        ({"disbursed_on": "2026-02-30"}, "disbursed_on", "value_malformed"),
        ({"overdue_since": "soon"}, "overdue_since", "value_malformed"),
        ({"plan": "2026-08-15"}, "plan", "value_malformed"),
        ({"rate_year_ppm": ""}, "rate_year_ppm", "value_missing"),
        ({"plan": "a,b"}, "line", "columns_differ"),
        ({"paid_out_fen": "0"}, "plan", "loan_terms_impossible"),
        ({"rate_year_ppm": "900000000"}, "plan", "rate_out_of_range"),
        ({"principal_not_due_fen": "1000001"}, "principal_not_due_fen", "migration_unsound"),
        ({"principal_due_fen": "100001"}, "principal_due_fen", "migration_unsound"),
        ({"interest_due_fen": "11001"}, "interest_due_fen", "migration_unsound"),
        (
            {**SOUND_AND_CURRENT, "fee_due_fen": "1"},
            "fee_due_fen",
            "migration_unsound",
        ),
        ({"accrued_interest_fen": "10001"}, "accrued_interest_fen", "migration_unsound"),
        ({"overdue_since": ""}, "plan", "migration_unsound"),
        ({"non_accrual": "2"}, "non_accrual", "value_out_of_range"),
        ({**SOUND_AND_CURRENT, "non_accrual": "1"}, "plan", "migration_unsound"),
        ({"instalments_paid": "12"}, "plan", "migration_unsound"),
    ],
    ids=repr,
)
def test_what_is_wrong_with_a_line_has_its_column_and_its_code(changes: dict[str, str], column: str, code: str) -> None:
    found = read(line(**changes), as_of=date(2026, 8, 14))
    assert isinstance(found, list)
    assert (column, code) in [(fault.column, fault.code) for fault in found]


def test_a_loan_that_rows_cannot_say_is_not_handed_over() -> None:
    terms = terms_of_product(
        product=PRODUCT, rate_year_ppm=120_000, amount_fen=1_200_000, instalments=6, method="equal_instalment"
    )
    lent = Disbursed(event_id=an_id(1), value_date=START, amount_fen=1_200_000)
    state = record(terms=terms, events=(), state=LoanState(), event=lent, business_date=START).state
    on = START + timedelta(days=40)
    state = bring_up(terms=terms, state=state, business_date=on).state
    lost = ChargedOff(event_id=an_id(2), value_date=on)
    state = record(terms=terms, events=(lent,), state=state, event=lost, business_date=on).state
    with pytest.raises(NotHandedOver):
        hand_over(terms=terms, state=state, on=on, event_id=NOBODY, product_version=1)
