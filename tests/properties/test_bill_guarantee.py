"""A guarantor pays bill by bill: each fen has one creditor at any time, whatever comes late or is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain import schedule
from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.loan import (
    ChargedBack,
    ChargedOff,
    ChargeOffUndone,
    Disbursed,
    Event,
    Intent,
    LoanState,
    LoanTermsImpossible,
    Receipt,
    Repaid,
    Reversed,
    Stage,
    quote,
)
from mingqu.domain.loan.charge import planned_fees
from mingqu.domain.loan.fee import FeeBasis, FeeDue, FeeRule, FeeTaker
from mingqu.domain.loan.guarantee import BillGuarantee
from mingqu.domain.loan.hand_over import NotHandedOver, hand_over
from mingqu.domain.loan.terms import Component, Recalculation
from mingqu.domain.refusal import Refusal
from tests.models.bill_guarantee import Money, tell
from tests.models.loan_on_course_book import Book, an_id
from tests.models.loan_on_course_terms import START
from tests.models.loan_terms import monthly_terms
from tests.soak import examples

AFTER_DAYS = 10
FEE = FeeRule(
    due=FeeDue.INSTALMENT, basis=FeeBasis.BALANCE, share_ppm=2_000, taker=FeeTaker.GUARANTOR, partner="hengwen"
)
TERMS = replace(
    monthly_terms(principal_fen=600_000, months=6),
    fees=(FEE,),
    bill_guarantee=BillGuarantee(after_days=AFTER_DAYS),
)
WHOLE = replace(TERMS, bill_guarantee=None)
PLAIN = replace(TERMS, penalty_multiple_ppm=0)
ROWS = schedule.build(terms=PLAIN.schedule_terms(start=START)).rows
ASKED = [
    (row.due, row.payment_fen + fee_fen)
    for row, (_, fee_fen) in zip(ROWS, planned_fees(rule=FEE, rows=ROWS, rounding=PLAIN.rounding), strict=True)
]


def lent(terms: object = TERMS) -> Book:
    """Return a loan whose money has just arrived."""
    assert isinstance(terms, type(TERMS))
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=600_000))
    return book


def oldest(book: Book) -> tuple[date, int] | None:
    """Return the oldest bill whose day of compensation has come, and what is unpaid of it with penalty to the day."""
    late = next(book.state.unpaid_billed, None)
    if late is None or (book.today - late.due).days < AFTER_DAYS or book.state.stage is not Stage.ACTIVE:
        return None
    others = sum(line.unpaid_fen for line in book.state.unpaid_billed) - late.unpaid_fen
    owed = quote(terms=book.terms, state=book.state, on=book.today)
    return (late.due, late.unpaid_fen if others else owed.due_fen)


steps = st.lists(
    st.tuples(
        st.integers(0, 25),
        st.sampled_from(["pay", "late", "guarantor", "guarantor", "bounce"]),
        st.integers(1, 260_000),
    ),
    min_size=1,
    max_size=14,
)


@given(told=steps)
@settings(max_examples=examples(120))
def test_each_fen_of_a_bill_is_the_lenders_or_the_guarantors_as_a_model_of_its_own_says(
    told: list[tuple[int, str, int]],
) -> None:
    book, money = lent(PLAIN), dict[int, Money]()
    for number, (days, what, amount_fen) in enumerate(told, start=2):
        book.live(days)
        book.look()
        event: Event | None = None
        if what in ("pay", "late"):
            on = max(START, book.today - timedelta(days=amount_fen % 40 if what == "late" else 0))
            event = Repaid(event_id=an_id(number), value_date=on, amount_fen=amount_fen)
            money[number] = Money(on=on, place=number, amount_fen=amount_fen)
        elif what == "guarantor" and (due := oldest(book)) is not None:
            event = compensated(number, book.today, *due)
            money[number] = Money(on=book.today, place=number, amount_fen=due[1], bill=due[0])
        elif what == "bounce" and (paid := [n for n, one in money.items() if one.bill is None]):
            taken = paid[amount_fen % len(paid)]
            event = Reversed(event_id=an_id(number), value_date=book.today, target=an_id(taken))
            del money[taken]
        if event is not None:
            book.happen(event)
            book.check()
            agree(book, list(money.values()))


def compensated(number: int, on: date, bill: date, amount_fen: int) -> Repaid:
    """Return a guarantor's payment of one bill."""
    return Repaid(event_id=an_id(number), value_date=on, amount_fen=amount_fen, receipt=Receipt.COMPENSATION, bill=bill)


def agree(book: Book, money: list[Money]) -> None:
    """Assert that loan, books and model say the same of each bill."""
    told, state = tell(ASKED, money), book.state
    lines = {line.due: line for line in state.instalments}
    assert [lines[bill.due].unpaid_fen for bill in told.bills] == [bill.lenders_fen for bill in told.bills]
    left = dict.fromkeys(lines, 0)
    for claim in state.bill_claims:
        left[claim.due] += claim.left_fen
    assert [left[bill.due] for bill in told.bills] == [bill.guarantors_fen for bill in told.bills]
    claim_fen = sum(bill.guarantors_fen for bill in told.bills)
    assert state.guarantor_claim_fen == book.accounts[Code.GUARANTOR_CLAIM] == claim_fen
    back_fen = sum(bill.back_fen for bill in told.bills) + told.returned_fen
    assert -book.accounts[Code.DUE_TO_GUARANTOR] == back_fen
    assert state.overpayment_fen == told.too_much_fen
    assert book.accounts[Code.COLLECTION_CLEARING] == sum(one.amount_fen for one in money)


hard_steps = st.lists(
    st.tuples(
        st.integers(0, 25),
        st.sampled_from(
            ["due", "prepay", "payoff", "guarantor", "guarantor", "whole", "bounce", "back", "lost", "undone"]
        ),
        st.integers(1, 260_000),
    ),
    min_size=1,
    max_size=14,
)


@given(told=hard_steps)
@settings(max_examples=examples(120))
def test_a_guarantor_has_back_or_may_claim_all_that_it_paid(told: list[tuple[int, str, int]]) -> None:
    """Early money, payoffs, all of the loan compensated, chargebacks, a loss and its undoing, in any order."""
    book = lent()
    for number, (days, what, amount_fen) in enumerate(told, start=2):
        book.live(days)
        book.look()
        event = hard_event(book, number, what, amount_fen)
        if event is None:
            continue
        try:
            book.happen(event)
        except Refusal:
            continue
        book.check()
        paid_fen = sum(
            one.amount_fen for one in book.standing() if isinstance(one, Repaid) and one.receipt is Receipt.COMPENSATION
        )
        claim_fen = book.state.guarantor_claim_fen
        assert claim_fen - book.accounts[Code.DUE_TO_GUARANTOR] == paid_fen
        bills_fen = sum(one.left_fen for one in book.state.bill_claims)
        whole = any(
            isinstance(one, Repaid) and one.receipt is Receipt.COMPENSATION and not one.bill for one in book.history
        )
        assert bills_fen == claim_fen or (whole and bills_fen < claim_fen)
        assert all(0 <= one.left_fen <= one.paid_fen for one in book.state.bill_claims)


def hard_event(book: Book, number: int, what: str, amount_fen: int) -> Event | None:
    event_id, on = an_id(number), book.today
    money = [one for one in book.standing() if isinstance(one, Repaid) and one.receipt is not Receipt.COMPENSATION]
    receipt = Receipt.RECOVERY if book.state.stage is Stage.CHARGED_OFF else Receipt.REPAYMENT
    if what in ("due", "prepay", "payoff"):
        if what == "payoff":
            amount_fen = quote(terms=book.terms, state=book.state, on=on).payoff_fen + book.state.guarantor_claim_fen
        return Repaid(
            event_id=event_id, value_date=on, amount_fen=max(1, amount_fen), intent=Intent(what), receipt=receipt
        )
    if what in ("guarantor", "whole"):
        due = oldest(book)
        if due is None:
            return None
        if what == "guarantor":
            return compensated(number, on, *due)
        payoff_fen = quote(terms=book.terms, state=book.state, on=on).payoff_fen
        return Repaid(
            event_id=event_id,
            value_date=on,
            amount_fen=payoff_fen,
            intent=Intent.PAYOFF,
            receipt=Receipt.COMPENSATION,
        )
    if what == "lost":
        return ChargedOff(event_id=event_id, value_date=on)
    if what == "undone":
        return ChargeOffUndone(event_id=event_id, value_date=on)
    if not money:
        return None
    target = money[amount_fen % len(money)]
    if what == "back":
        part_fen = min(amount_fen, target.amount_fen)
        return ChargedBack(event_id=event_id, value_date=on, amount_fen=part_fen, target=target.event_id)
    return Reversed(event_id=event_id, value_date=on, target=target.event_id)


moves = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["late", "late", "pay", "bounce"]), st.integers(1, 700_000)),
    min_size=1,
    max_size=8,
)


@given(first_fen=st.integers(0, 90_000), told=moves)
@settings(max_examples=examples(120))
def test_whatever_is_heard_of_later_a_guarantor_of_the_whole_loan_has_its_own_and_pays_what_lacks_again(
    first_fen: int, told: list[tuple[int, str, int]]
) -> None:
    """Earlier payments that come to light, payments that bounce, the borrower's money for the claim, in any order."""
    book = lent(WHOLE)
    book.live(31)
    if first_fen:
        book.happen(Repaid(event_id=an_id(2), value_date=book.today, amount_fen=first_fen))
    book.live(AFTER_DAYS)
    for number, (days, what, amount_fen) in enumerate(told, start=2):
        pay_whole_again(book, number * 10)
        book.live(days)
        book.look()
        event = move(book, number * 10 + 1, what, amount_fen)
        if event is not None:
            book.happen(event)
            book.check()
            its_guarantor_has_its_own(book)
    book.live(62)
    pay_whole_again(book, 1_000)
    assert book.state.stage is Stage.SETTLED, "what lacked again was paid again on its day"


def its_guarantor_has_its_own(book: Book) -> None:
    """Assert that a guarantor claims or has back all it paid, and the borrower has back of their own money alone."""
    money = [one for one in book.standing() if isinstance(one, Repaid)]
    guarantors_fen = sum(one.amount_fen for one in money if one.receipt is Receipt.COMPENSATION)
    borrowers_fen = sum(one.amount_fen for one in money) - guarantors_fen
    assert book.state.guarantor_claim_fen - book.accounts[Code.DUE_TO_GUARANTOR] == guarantors_fen
    assert book.state.overpayment_fen <= borrowers_fen


def pay_whole_again(book: Book, number: int) -> None:
    """Let the guarantor pay the whole loan if it is late enough."""
    book.look()
    if oldest(book) is None:
        return
    payoff_fen = quote(terms=book.terms, state=book.state, on=book.today).payoff_fen
    paid = Repaid(
        event_id=an_id(number),
        value_date=book.today,
        amount_fen=payoff_fen,
        intent=Intent.PAYOFF,
        receipt=Receipt.COMPENSATION,
    )
    book.happen(paid)
    book.check()
    assert book.state.stage is Stage.SETTLED
    its_guarantor_has_its_own(book)


def move(book: Book, number: int, what: str, amount_fen: int) -> Event | None:
    money = [one for one in book.standing() if isinstance(one, Repaid) and one.receipt is not Receipt.COMPENSATION]
    if what == "bounce":
        taken = money[amount_fen % len(money)] if money else None
        return taken and Reversed(event_id=an_id(number), value_date=book.today, target=taken.event_id)
    on = max(START, book.today - timedelta(days=amount_fen % 40 if what == "late" else 0))
    return Repaid(event_id=an_id(number), value_date=on, amount_fen=amount_fen, receipt=receipt_on(book.state, on))


def receipt_on(state: LoanState, on: date) -> Receipt:
    """Return what the borrower's money of a day is taken for when it is heard of."""
    if state.stage is Stage.SETTLED and state.guarantor_claim_fen and state.settled_on is not None:
        return Receipt.SUBROGATION if state.settled_on <= on else Receipt.REPAYMENT
    return Receipt.REPAYMENT


def test_who_pays_all_and_the_claim_owes_nobody_anything() -> None:
    book = lent()
    book.live(31 + AFTER_DAYS)
    due = oldest(book)
    assert due is not None
    book.happen(compensated(2, book.today, *due))
    assert book.state.overdue_days(book.today) == 0, "with its lender the loan is in order"
    all_fen = quote(terms=book.terms, state=book.state, on=book.today).payoff_fen + due[1]
    book.happen(Repaid(event_id=an_id(3), value_date=book.today, amount_fen=all_fen, intent=Intent.PAYOFF))
    book.check()
    assert (book.state.stage, book.state.guarantor_claim_fen, book.state.overpayment_fen) == (Stage.SETTLED, 0, 0)
    (claim,) = book.state.bill_claims
    assert (claim.paid_fen, claim.left_fen, claim.back_on) == (due[1], 0, book.today)


def guaranteed() -> tuple[Book, int]:
    """Return a loan of which the guarantor has just paid the first bill, and how much that was."""
    book = lent()
    book.live(31 + AFTER_DAYS)
    due = oldest(book)
    assert due is not None
    book.happen(compensated(2, book.today, *due))
    return book, due[1]


def test_no_line_says_what_a_guarantor_paid_or_is_owed_so_such_a_loan_is_handed_over_to_nobody() -> None:
    """The other book would count its bills from nought, and take its fees for the lender's."""
    book, claim_fen = guaranteed()
    book.happen(Repaid(event_id=an_id(3), value_date=book.today, amount_fen=claim_fen))
    assert book.state.guarantor_claim_fen == 0
    for one, why in ((book, "paid bills of it"), (lent(WHOLE), "whose a fee is")):
        one.look()
        with pytest.raises(NotHandedOver, match=why):
            handed_over(one)
    free = lent(replace(WHOLE, fees=()))
    free.look()
    handed_over(free)


def handed_over(book: Book) -> None:
    hand_over(terms=book.terms, state=book.state, on=book.today, event_id=an_id(9), product_version=1)


def test_a_payment_of_the_claim_that_is_charged_back_is_the_guarantors_again() -> None:
    book, claim_fen = guaranteed()
    book.happen(Repaid(event_id=an_id(3), value_date=book.today, amount_fen=claim_fen))
    assert book.state.guarantor_claim_fen == 0
    for number, part_fen in ((4, 10_000), (5, claim_fen - 10_000)):
        taken = ChargedBack(event_id=an_id(number), value_date=book.today, amount_fen=part_fen, target=an_id(3))
        book.happen(taken)
        book.check()
    assert (book.state.guarantor_claim_fen, book.state.payable.total_fen) == (claim_fen, 0), "and none is the lender's"
    (claim,) = book.state.bill_claims
    assert (claim.left_fen, claim.back_on) == (claim_fen, None)
    assert book.accounts[Code.DUE_TO_GUARANTOR] == 0


def test_a_loss_that_is_undone_leaves_each_what_it_would_have_had() -> None:
    """Lost, the loan bears no penalty, so more of a recovery is the guarantor's: undone, it is the lender's again."""
    book, claim_fen = guaranteed()
    other = lent()
    other.live(31 + AFTER_DAYS)
    other.happen(compensated(2, other.today, book.state.bill_claims[0].due, claim_fen))
    for each in (book, other):
        each.live(25)
        each.look()
    book.happen(ChargedOff(event_id=an_id(3), value_date=book.today))
    for each, receipt in ((book, Receipt.RECOVERY), (other, Receipt.REPAYMENT)):
        each.live(60)
        each.look()
        each.happen(Repaid(event_id=an_id(4), value_date=each.today, amount_fen=400_000, receipt=receipt))
    assert book.state.guarantor_claim_fen < other.state.guarantor_claim_fen
    book.happen(ChargeOffUndone(event_id=an_id(5), value_date=book.today))
    for each in (book, other):
        each.check()
        assert each.state.guarantor_claim_fen - each.accounts[Code.DUE_TO_GUARANTOR] == claim_fen
    assert book.state.guarantor_claim_fen == other.state.guarantor_claim_fen
    assert book.state.payable == other.state.payable


@pytest.mark.parametrize(
    "changes",
    [
        {"fees": ()},
        {"fees": (FEE, FEE)},
        {"recalculation": Recalculation.EARLY},
        {"chargeback_order": (Component.PRINCIPAL,)},
    ],
)
def test_terms_of_such_a_guarantee_name_one_guarantor_and_follow_a_plan(changes: dict[str, object]) -> None:
    with pytest.raises(LoanTermsImpossible):
        replace(TERMS, **changes)  # type: ignore[arg-type]
