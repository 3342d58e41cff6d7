"""A loan on its course lives at random: at each step books, groups, lines, payments and the story told again agree."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mingqu.domain.calendar import Period, PeriodUnit
from mingqu.domain.loan import (
    Accelerated,
    ChargedBack,
    ChargedOff,
    ChargeOffUndone,
    Disbursed,
    Event,
    FeeBasis,
    FeeCharged,
    FeeDue,
    FeeRule,
    FeeWaived,
    Intent,
    InterestHandling,
    LoanTerms,
    OverpaymentReturned,
    Paused,
    RateChanged,
    ReAged,
    ReAmortized,
    Receipt,
    Repaid,
    Rescheduled,
    Reversed,
    Stage,
    WrittenOff,
    payoff_fen,
)
from mingqu.domain.loan.event import order_key
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal
from tests.models.loan_on_course_book import START, Book, an_id
from tests.models.loan_on_course_terms import terms_on_course
from tests.soak import examples

RECEIPTS = [
    Receipt.REPAYMENT,
    Receipt.REPAYMENT,
    Receipt.MERCHANT_REFUND,
    Receipt.PAYOUT_REFUND,
    Receipt.GOODWILL,
    Receipt.RECOVERY,
    Receipt.COMPENSATION,
    Receipt.SUBROGATION,
]


class CourseMachine(RuleBasedStateMachine):
    """Money goes out and comes in, bounces, is given up; agreements are made; days pass."""

    book: Book

    def __init__(self) -> None:
        super().__init__()
        self.ids = 0

    def event_id(self) -> UUID:
        self.ids += 1
        return an_id(self.ids)

    @initialize(terms=terms_on_course(), share=st.integers(40, 100))
    def pay_out(self, terms: LoanTerms, share: int) -> None:
        self.book = Book(terms)
        amount = terms.principal_fen * share // 100
        self.book.happen(Disbursed(event_id=self.event_id(), value_date=START, amount_fen=amount))

    def try_to(self, event: Event) -> bool:
        """Record an event; if it is refused, nothing has changed."""
        before = (msgspec.json.encode(self.book.state), len(self.book.history))
        try:
            self.book.happen(event)
        except Refusal:
            assert (msgspec.json.encode(self.book.state), len(self.book.history)) == before
            return False
        return True

    @rule(days=st.one_of(st.integers(1, 20), st.integers(20, 50)))
    def days_pass(self, days: int) -> None:
        self.book.live(days)

    @rule()
    def somebody_looks(self) -> None:
        self.book.look()

    @rule(share=st.integers(1, 130), receipt=st.sampled_from(RECEIPTS))
    def pay_a_share_of_what_is_owed(self, share: int, receipt: Receipt) -> None:
        owed = sum(line.unpaid_fen for line in self.book.state.instalments)
        self.pay(max(1, owed * share // 100), receipt)

    @rule(amount=st.integers(1, 400_000), receipt=st.sampled_from(RECEIPTS))
    def pay_something(self, amount: int, receipt: Receipt) -> None:
        self.pay(amount, receipt)

    @rule(receipt=st.sampled_from(RECEIPTS))
    def pay_the_next_instalment(self, receipt: Receipt) -> None:
        line = next((line for line in self.book.state.instalments if line.unpaid_fen > 0), None)
        if line is not None:
            self.pay(line.unpaid_fen, receipt)

    def pay(self, amount: int, receipt: Receipt) -> None:
        event = Repaid(
            event_id=self.event_id(), value_date=self.book.today, amount_fen=amount, receipt=receipt, intent=Intent.DUE
        )
        assert self.try_to(event), "money is never refused"

    @precondition(lambda self: self.book.state.stage is Stage.ACTIVE)
    @rule()
    def pay_everything(self) -> None:
        book = self.book
        over = book.state.overpayment_fen
        owed = payoff_fen(terms=book.terms, state=book.state, on=book.today)
        event = Repaid(event_id=self.event_id(), value_date=book.today, amount_fen=owed, intent=Intent.PAYOFF)
        book.happen(event)
        assert book.state.stage is Stage.SETTLED
        # Money that went back today comes behind the payment in the day's order: told so, it was never owed again.
        behind = any(order_key(other) > order_key(event) for other in book.standing())
        assert book.state.overpayment_fen >= over if behind else book.state.overpayment_fen == over

    @rule(amount=st.integers(1, 1_000_000))
    def lend_more(self, amount: int) -> None:
        self.try_to(Disbursed(event_id=self.event_id(), value_date=self.book.today, amount_fen=amount, tranche=2))

    @rule(
        fee=st.sampled_from(
            [
                FeeRule(due=FeeDue.DATE, amount_fen=1_234),
                FeeRule(due=FeeDue.DATE, amount_fen=777, penalty=True),
                FeeRule(due=FeeDue.INSTALMENT, amount_fen=100),
                FeeRule(due=FeeDue.DATE, basis=FeeBasis.PRINCIPAL, share_ppm=10_000),
            ]
        ),
        days=st.integers(0, 70),
    )
    def charge_a_fee(self, fee: FeeRule, days: int) -> None:
        today = self.book.today
        event = FeeCharged(event_id=self.event_id(), value_date=today, rule=fee, due=today + timedelta(days=days))
        self.try_to(event)

    @precondition(lambda self: self.book.state.fees)
    @rule(data=st.data())
    def waive_a_fee(self, data: st.DataObject) -> None:
        target = data.draw(st.sampled_from(sorted({fee.fee_id for fee in self.book.state.fees})))
        self.try_to(FeeWaived(event_id=self.event_id(), value_date=self.book.today, target=target))

    @rule(ppm=st.sampled_from([0, 60_000, 180_000, 300_000]), days=st.integers(0, 40))
    def change_the_rate(self, ppm: int, days: int) -> None:
        today = self.book.today
        self.try_to(
            RateChanged(
                event_id=self.event_id(),
                value_date=today,
                since=today + timedelta(days=days),
                rate=Rate.per_year(ppm=ppm),
            )
        )

    @rule(wait=st.integers(0, 40), days=st.integers(0, 40))
    def pause(self, wait: int, days: int) -> None:
        since = self.book.today + timedelta(days=wait)
        self.try_to(
            Paused(
                event_id=self.event_id(),
                value_date=self.book.today,
                since=since,
                until=since + timedelta(days=days),
            )
        )

    @rule(place=st.integers(0, 4), days=st.integers(-10, 40), added=st.sampled_from([0, 0, 1, 3]))
    def move_due_dates(self, place: int, days: int, added: int) -> None:
        lines = [line for line in self.book.state.instalments if line.due > self.book.today]
        if not lines:
            return
        due = lines[place % len(lines)].due
        self.try_to(
            Rescheduled(
                event_id=self.event_id(),
                value_date=self.book.today,
                due=due,
                due_to=None if added else due + timedelta(days=days),
                added=added,
            )
        )

    @rule(place=st.integers(0, 4), principal=st.integers(0, 2), interest=st.integers(0, 2))
    def instalments_may_wait(self, place: int, principal: int, interest: int) -> None:
        lines = [line for line in self.book.state.instalments if line.due > self.book.today]
        if lines:
            self.try_to(
                Rescheduled(
                    event_id=self.event_id(),
                    value_date=self.book.today,
                    due=lines[place % len(lines)].due,
                    principal_grace=principal,
                    interest_grace=interest,
                )
            )

    @rule(
        days=st.integers(0, 40),
        instalments=st.integers(1, 5),
        interest=st.sampled_from(list(InterestHandling)),
    )
    def spread_everything_anew(self, days: int, instalments: int, interest: InterestHandling) -> None:
        self.try_to(
            ReAged(
                event_id=self.event_id(),
                value_date=self.book.today,
                first_due=self.book.today + timedelta(days=days),
                period=Period(every=1, unit=PeriodUnit.MONTH),
                instalments=instalments,
                interest=interest,
            )
        )

    @rule(interest=st.sampled_from(list(InterestHandling)))
    def spread_what_is_overdue(self, interest: InterestHandling) -> None:
        self.try_to(ReAmortized(event_id=self.event_id(), value_date=self.book.today, interest=interest))

    @rule(data=st.data(), share=st.integers(1, 100))
    def a_payment_is_charged_back(self, data: st.DataObject, share: int) -> None:
        payments = [event for event in self.book.standing() if isinstance(event, Repaid)]
        if not payments:
            return
        target = data.draw(st.sampled_from(payments))
        taken = sum(
            event.amount_fen
            for event in self.book.standing()
            if isinstance(event, ChargedBack) and event.target == target.event_id
        )
        amount = min(target.amount_fen - taken, max(1, target.amount_fen * share // 100))
        if amount > 0:
            self.try_to(
                ChargedBack(
                    event_id=self.event_id(),
                    value_date=self.book.today,
                    amount_fen=amount,
                    target=target.event_id,
                )
            )

    @precondition(lambda self: self.book.state.overpayment_fen > 0)
    @rule()
    def give_back_what_was_too_much(self) -> None:
        amount = self.book.state.overpayment_fen
        self.try_to(OverpaymentReturned(event_id=self.event_id(), value_date=self.book.today, amount_fen=amount))

    @precondition(lambda self: len(self.book.history) > 3)
    @rule(kind=st.sampled_from([Accelerated, ChargedOff, WrittenOff]))
    def end_it(self, kind: type[Accelerated | ChargedOff | WrittenOff]) -> None:
        self.try_to(kind(event_id=self.event_id(), value_date=self.book.today))

    @precondition(lambda self: self.book.state.stage is Stage.CHARGED_OFF)
    @rule()
    def it_is_not_lost_after_all(self) -> None:
        assert self.try_to(ChargeOffUndone(event_id=self.event_id(), value_date=self.book.today))
        assert self.book.state.stage is not Stage.CHARGED_OFF

    @rule(data=st.data())
    def an_event_turns_out_not_to_have_happened(self, data: st.DataObject) -> None:
        # A payout that came back leaves nothing to go on with: tests/unit/domain/test_returned_payout.py.
        standing = [one for one in self.book.standing() if not isinstance(one, Disbursed)]
        if not standing:
            return
        target = data.draw(st.sampled_from(standing))
        event = Reversed(event_id=self.event_id(), value_date=self.book.today, target=target.event_id)
        back = any(isinstance(other, ChargedBack) and other.target == target.event_id for other in self.book.standing())
        done = self.try_to(event)
        assert done or back or not isinstance(target, Repaid), "a bounced payment is never refused"

    @rule(days=st.integers(1, 60), amount=st.integers(1, 300_000))
    def money_turns_up_late(self, days: int, amount: int) -> None:
        on = max(START, self.book.today - timedelta(days=days))
        event = Repaid(event_id=self.event_id(), value_date=on, amount_fen=amount)
        assert self.try_to(event), "money is never refused"

    @invariant()
    def everything_agrees(self) -> None:
        if self.ids:
            self.book.check()


TestLoanOnCourse = CourseMachine.TestCase
TestLoanOnCourse.settings = settings(max_examples=examples(40), stateful_step_count=15, deadline=None)
