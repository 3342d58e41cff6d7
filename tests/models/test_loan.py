"""The loan against its independent model, event by event, with the ledger and the accrual groups beside it."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mingqu.domain import identifier
from mingqu.domain.accrual import AccrualDelta, AccrualGroup, accrue_day
from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.loan import (
    Disbursed,
    Event,
    EventExists,
    Intent,
    LoanState,
    LoanTerms,
    NothingToReverse,
    Outcome,
    OverpaymentReturned,
    Repaid,
    Reversed,
    Stage,
    bring_up,
    fold,
    interest_line,
    order_key,
    penalty_line,
    quote,
    record,
)
from mingqu.domain.money import MICRO_PER_FEN
from tests.models.loan_day_by_day import DayByDay
from tests.models.loan_terms import monthly_terms
from tests.soak import examples

START = date(2026, 8, 15)
ZERO = identifier.fresh(milliseconds=0, slot=0, entropy=0)


class LoanMachine(RuleBasedStateMachine):
    """Days pass, money comes in every way, payments bounce; at each step all books agree."""

    terms: LoanTerms
    model: DayByDay

    def __init__(self) -> None:
        super().__init__()
        self.ids = 0
        self.history: list[Event] = []
        self.state = LoanState()
        self.today = START
        self.books: Counter[Code] = Counter()
        self.groups = {
            kind: AccrualGroup(
                group_id=ZERO, kind=kind, lender_id=ZERO, currency="CNY", slope_micro=0, income_carry_micro=0,
                rounding_carry_micro=0, accrued_to=START - timedelta(days=1),
            )
            for kind in ("interest", "penalty")
        }  # fmt: skip
        self.deltas: dict[str, list[AccrualDelta]] = {"interest": [], "penalty": []}

    def event_id(self):
        self.ids += 1
        return identifier.fresh(milliseconds=1_800_000_000_000 + self.ids, slot=3, entropy=self.ids)

    def take(self, outcome: Outcome) -> None:
        for posting in outcome.postings:
            assert posting.amount_fen > 0
            self.books[posting.debit] += posting.amount_fen
            self.books[posting.credit] -= posting.amount_fen
        for kind, gain in (("interest", outcome.interest), ("penalty", outcome.penalty)):
            self.deltas[kind].append(
                AccrualDelta(
                    on_date=self.today,
                    slope_micro=gain.slope_micro,
                    income_micro=gain.income_micro,
                    rounding_micro=gain.rounding_micro,
                )
            )
        self.state = outcome.state

    def happen(self, event: Event) -> None:
        outcome = record(
            terms=self.terms, events=tuple(self.history), state=self.state, event=event, business_date=self.today
        )
        self.history.append(event)
        self.take(outcome)

    @initialize(
        principal=st.integers(50_000, 20_000_000),
        months=st.integers(1, 12),
        ppm=st.sampled_from([0, 72_000, 126_000, 180_000, 240_000]),
    )
    def pay_out(self, principal: int, months: int, ppm: int) -> None:
        self.terms = monthly_terms(principal_fen=principal, months=months, ppm=ppm)
        self.model = DayByDay(principal=principal, rate=Fraction(ppm, 1_000_000), months=months)
        self.model.disburse(START)
        self.happen(Disbursed(event_id=self.event_id(), value_date=START, amount_fen=principal))

    @rule(days=st.one_of(st.integers(1, 40), st.integers(80, 130)))
    def days_pass(self, days: int) -> None:
        for _ in range(days):
            self.close_day()

    def close_day(self) -> None:
        for kind, (accrued, income) in {
            "interest": (Code.ACCRUED_INTEREST, Code.INTEREST_INCOME),
            "penalty": (Code.ACCRUED_PENALTY, Code.PENALTY_INCOME),
        }.items():
            day = accrue_day(group=self.groups[kind], deltas=self.deltas[kind], on=self.today)
            self.deltas[kind] = []
            self.groups[kind] = day.group
            self.books[accrued] += day.income_fen + day.rounding_fen
            self.books[income] -= day.income_fen
            self.books[Code.ROUNDING_DIFFERENCE] -= day.rounding_fen
        self.today += timedelta(days=1)
        self.model.live_until(self.today)
        due = self.state.next_event(self.terms)
        if due is not None and due <= self.today:
            self.take(bring_up(terms=self.terms, state=self.state, business_date=self.today))

    @rule(share=st.integers(1, 150))
    def pay_part_of_what_is_due(self, share: int) -> None:
        owed = quote(terms=self.terms, state=self.state, on=self.today).due_fen
        self.pay(max(1, owed * share // 100), Intent.DUE)

    # Giving a loan back is no way to pay that the model knows: tests/journeys/test_cooling_off.py.
    @rule(amount=st.integers(1, 5_000_000), intent=st.sampled_from([Intent.DUE, Intent.PREPAY, Intent.PAYOFF]))
    def pay_something(self, amount: int, intent: Intent) -> None:
        self.pay(amount, intent)

    @precondition(lambda self: not isinstance(self.history[-1], Reversed))
    @rule()
    def a_reversal_cannot_be_reversed(self) -> None:
        """A payout that came back can: tests/unit/domain/test_returned_payout.py."""
        for event in self.history:
            if isinstance(event, Reversed):
                before = (self.state, Counter(self.books))
                try:
                    self.happen(Reversed(event_id=self.event_id(), value_date=self.today, target=event.event_id))
                except NothingToReverse:
                    assert (self.state, self.books) == before
                else:
                    raise AssertionError("what stands was reversed")

    @rule()
    def pay_everything(self) -> None:
        self.pay(max(1, quote(terms=self.terms, state=self.state, on=self.today).payoff_fen), Intent.PAYOFF)
        assert self.state.stage is Stage.SETTLED

    def pay(self, amount: int, intent: Intent) -> None:
        event = Repaid(event_id=self.event_id(), value_date=self.today, amount_fen=amount, intent=intent)
        self.happen(event)
        if any(isinstance(other, OverpaymentReturned) and other.value_date == self.today for other in self.history):
            self.rebuild_model()  # within a day payments come before returns, whichever we heard of first
        else:
            self.model.pay(amount, intent.value)
        before = (self.state, Counter(self.books))
        try:
            self.happen(event)
        except EventExists:
            assert (self.state, self.books) == before
        else:
            raise AssertionError("the same payment was taken twice")

    @precondition(lambda self: self.state.overpayment_fen > 0)
    @rule()
    def give_back_what_was_too_much(self) -> None:
        amount = self.state.overpayment_fen
        self.happen(OverpaymentReturned(event_id=self.event_id(), value_date=self.today, amount_fen=amount))
        self.model.give_back(amount)

    @precondition(lambda self: self.payments())
    @rule(data=st.data())
    def a_payment_bounces(self, data: st.DataObject) -> None:
        target = data.draw(st.sampled_from(self.payments()))
        self.happen(Reversed(event_id=self.event_id(), value_date=self.today, target=target.event_id))
        self.rebuild_model()
        try:
            self.happen(Reversed(event_id=self.event_id(), value_date=self.today, target=target.event_id))
        except NothingToReverse:
            return
        raise AssertionError("one payment was reversed twice")

    def payments(self) -> list[Repaid]:
        undone = {event.target for event in self.history if isinstance(event, Reversed)}
        return [event for event in self.history if isinstance(event, Repaid) and event.event_id not in undone]

    def rebuild_model(self) -> None:
        """The model knows no reversal and no late news: it is told the story again, in order, without what bounced."""
        self.model = DayByDay(principal=self.model.principal, rate=self.model.rate, months=self.model.months)
        self.model.disburse(START)
        returned = [event for event in self.history if isinstance(event, OverpaymentReturned)]
        for event in sorted([*self.payments(), *returned], key=order_key):
            self.model.live_until(event.value_date)
            if isinstance(event, Repaid):
                self.model.pay(event.amount_fen, event.intent.value)
            else:
                self.model.give_back(event.amount_fen)
        self.model.live_until(self.today)

    @invariant()
    def the_model_agrees(self) -> None:
        if not self.history:
            return
        payable = self.state.payable
        assert {
            "principal": payable.principal_fen,
            "interest": payable.interest_fen,
            "penalty": payable.penalty_fen,
            "fee": payable.fee_fen,
        } == self.model.due_now()
        running = self.model.running()
        assert self.state.principal_unbilled_fen == sum(row.owed["principal"] for row in running)
        assert self.state.overpayment_fen == self.model.overpaid
        assert (self.state.stage is Stage.SETTLED) == self.model.settled

    @invariant()
    def the_books_agree(self) -> None:
        payable = self.state.payable
        assert self.books[Code.LOAN_PRINCIPAL] == self.state.principal_unbilled_fen
        assert self.books[Code.LOAN_PRINCIPAL_DUE] == payable.principal_fen >= 0
        assert self.books[Code.LOAN_INTEREST_DUE] == payable.interest_fen >= 0
        assert self.books[Code.LOAN_PENALTY_DUE] == payable.penalty_fen >= 0
        assert self.books[Code.LOAN_FEE_DUE] == payable.fee_fen >= 0
        assert -self.books[Code.OVERPAYMENT] == self.state.overpayment_fen >= 0
        assert sum(self.books.values()) == 0
        assert -self.books[Code.LIMIT_DRAWN] == self.state.principal_outstanding_fen

    @invariant()
    def the_groups_agree(self) -> None:
        if not self.history:
            return
        for kind, account, line in (
            ("interest", Code.ACCRUED_INTEREST, interest_line(self.state, self.terms)),
            ("penalty", Code.ACCRUED_PENALTY, penalty_line(self.state, self.terms)),
        ):
            group = self.groups[kind]
            total = self.books[account] * MICRO_PER_FEN + group.income_carry_micro + group.rounding_carry_micro
            total += sum(delta.income_micro + delta.rounding_micro for delta in self.deltas[kind])
            assert total == (line.at(self.today) if line else 0), kind
            slope = group.slope_micro + sum(delta.slope_micro for delta in self.deltas[kind])
            assert slope == (line.daily_micro if line else 0)

    @invariant()
    def telling_it_again_gives_the_same(self) -> None:
        if not self.history:
            return
        again, _ = fold(terms=self.terms, events=self.history, as_of=self.state.as_of)
        assert again == self.state
        due = self.state.next_event(self.terms)
        assert due is None or due > self.today


TestLoan = LoanMachine.TestCase
TestLoan.settings = settings(max_examples=examples(60), stateful_step_count=18, deadline=None)
