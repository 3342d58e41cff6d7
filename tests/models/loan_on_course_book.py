"""A loan on its course with everything that must agree with it: books, accrual groups, history, conservation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from mingqu.domain import identifier
from mingqu.domain.accrual import AccrualDelta, AccrualGroup, accrue_day
from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.loan import (
    Allocation,
    ChargedBack,
    Component,
    Disbursed,
    Event,
    LoanState,
    LoanTerms,
    MigratedIn,
    Outcome,
    OverpaymentReturned,
    Posting,
    Repaid,
    Reversed,
    Stage,
    bring_up,
    fold,
    interest_line,
    penalty_line,
    record,
)
from mingqu.domain.money import MICRO_PER_FEN
from tests.models.loan_on_course_terms import START

_ZERO: Final = identifier.fresh(milliseconds=0, slot=0, entropy=0)
_STATE: Final = msgspec.json.Decoder(LoanState)
_ACCRUED: Final = {
    "interest": (Code.ACCRUED_INTEREST, Code.INTEREST_INCOME),
    "penalty": (Code.ACCRUED_PENALTY, Code.PENALTY_INCOME),
}


def an_id(number: int) -> UUID:
    """Return an id; a larger number is a later one in the order of events."""
    return identifier.fresh(milliseconds=1_800_000_000_000 + number, slot=3, entropy=number)


class Book:
    """One loan, told event by event as news arrives, and the ledger that its postings make."""

    def __init__(self, terms: LoanTerms) -> None:
        self.terms = terms
        self.history: list[Event] = []
        self.state = LoanState()
        self.today = START
        self.accounts: Counter[Code] = Counter()
        self.postings: list[Posting] = []
        self.groups = {
            kind: AccrualGroup(
                group_id=_ZERO,
                kind=kind,
                lender_id=_ZERO,
                currency="CNY",
                slope_micro=0,
                income_carry_micro=0,
                rounding_carry_micro=0,
                accrued_to=START - timedelta(days=1),
            )
            for kind in _ACCRUED
        }
        self.deltas: dict[str, list[AccrualDelta]] = {kind: [] for kind in _ACCRUED}

    def happen(self, event: Event) -> Outcome:
        """Record an event today. Errors: the engine's refusals, and nothing has changed then."""
        outcome = record(
            terms=self.terms, events=tuple(self.history), state=self.state, event=event, business_date=self.today
        )
        self.history.append(event)
        self._take(outcome)
        return outcome

    def live(self, days: int) -> None:
        """Let days pass; the close accrues each, and a morning brings the loan up if something falls on it."""
        for _ in range(days):
            for kind, (accrued, income) in _ACCRUED.items():
                day = accrue_day(group=self.groups[kind], deltas=self.deltas[kind], on=self.today)
                self.deltas[kind] = []
                self.groups[kind] = day.group
                self.accounts[accrued] += day.income_fen + day.rounding_fen
                self.accounts[income] -= day.income_fen
                self.accounts[Code.ROUNDING_DIFFERENCE] -= day.rounding_fen
            self.today += timedelta(days=1)
            due = self.state.next_event(self.terms)
            if due is not None and due <= self.today:
                self.look()

    def look(self) -> None:
        """Bring the loan up to today."""
        self._take(bring_up(terms=self.terms, state=self.state, business_date=self.today))

    def _take(self, outcome: Outcome) -> None:
        for posting in outcome.postings:
            assert posting.amount_fen > 0
            self.accounts[posting.debit] += posting.amount_fen
            self.accounts[posting.credit] -= posting.amount_fen
        self.postings += outcome.postings
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

    def standing(self) -> list[Event]:
        """Return what happened and was not reversed."""
        undone = {event.target for event in self.history if isinstance(event, Reversed)}
        return [event for event in self.history if event.event_id not in undone and not isinstance(event, Reversed)]

    def check(self) -> None:
        """Assert everything that holds after each step."""
        self._the_books_agree()
        self._the_groups_agree()
        self._no_line_is_impossible()
        self._it_survives_storing()
        self._money_is_conserved(self._telling_it_again_gives_the_same())

    def _the_books_agree(self) -> None:
        payable, books, state = self.state.payable, self.accounts, self.state
        claims = {
            Code.LOAN_PRINCIPAL: state.principal_unbilled_fen,
            Code.LOAN_PRINCIPAL_DUE: payable.principal_fen,
            Code.LOAN_INTEREST_DUE: payable.interest_fen,
            Code.LOAN_PENALTY_DUE: payable.penalty_fen,
            Code.LOAN_FEE_DUE: payable.fee_fen,
            Code.OVERPAYMENT: -state.overpayment_fen,
            Code.GUARANTOR_CLAIM: state.guarantor_claim_fen,
            Code.GUARANTOR: -state.guarantor_claim_fen,
            Code.INTEREST_SUSPENDED: -(payable.interest_fen + payable.penalty_fen) if state.suspended else 0,
        }
        assert {code.name: books[code] for code in claims} == {code.name: fen for code, fen in claims.items()}
        assert min([payable.principal_fen, payable.interest_fen, payable.penalty_fen, payable.fee_fen]) >= 0, payable
        assert state.principal_unbilled_fen >= 0
        assert state.overpayment_fen >= 0
        assert state.guarantor_claim_fen >= 0
        assert (state.otherwise is not None) <= state.lost
        assert (state.stage is Stage.CHARGED_OFF) <= state.lost
        if state.stage is Stage.ACTIVE and self.terms.suspends_income:
            assert state.as_of is not None
            late = state.overdue_days(state.as_of)
            assert state.suspended or late <= 90
            assert late or not state.suspended
        assert sum(books.values()) == 0
        if state.stage is not Stage.WRITTEN_OFF:
            assert -books[Code.LIMIT_DRAWN] == state.principal_outstanding_fen >= 0

    def _the_groups_agree(self) -> None:
        lines = {
            "interest": interest_line(self.state, self.terms),
            "penalty": penalty_line(self.state, self.terms),
        }
        for kind, line in lines.items():
            group, deltas = self.groups[kind], self.deltas[kind]
            total = self.accounts[_ACCRUED[kind][0]] * MICRO_PER_FEN
            total += group.income_carry_micro + group.rounding_carry_micro
            total += sum(delta.income_micro + delta.rounding_micro for delta in deltas)
            assert total == (line.at(self.today) if line else 0), kind
            slope = group.slope_micro + sum(delta.slope_micro for delta in deltas)
            assert slope == (line.daily_micro if line else 0)

    def _no_line_is_impossible(self) -> None:
        numbers = [line.number for line in self.state.instalments]
        if self.state.course is not None:  # on a plan an early repayment has the number of the instalment it cuts
            assert numbers == list(range(1, len(numbers) + 1))
        for line in self.state.instalments:
            for component in Component:
                due = getattr(line, f"{component.value}_fen")
                paid = getattr(line, f"{component.value}_paid_fen")
                assert 0 <= paid <= due, (component, line)
            assert line.start <= line.due
            assert (line.paid_on is not None) <= (line.unpaid_fen == 0), line

    def _it_survives_storing(self) -> None:
        assert _STATE.decode(msgspec.json.encode(self.state)) == self.state

    def _telling_it_again_gives_the_same(self) -> list[Allocation]:
        again, change = fold(terms=self.terms, events=self.history, as_of=self.state.as_of)
        assert again == self.state
        due = self.state.next_event(self.terms)
        assert due is None or due > self.today
        return change.allocations

    def _money_is_conserved(self, allocations: list[Allocation]) -> None:
        """Every fen of every payment is used once, and every fen lent is owed, paid, or lost."""
        used = {one.event_id: one for one in allocations}
        standing = self.standing()
        for event in standing:
            if isinstance(event, Repaid):
                assert used_fen(used[event.event_id]) == event.amount_fen, used[event.event_id]
        lent = sum(event.amount_fen for event in standing if isinstance(event, Disbursed))
        lent += sum(event.disbursed_fen for event in standing if isinstance(event, MigratedIn))
        assert self.state.disbursed_fen == lent
        cash = cash_fen(standing) + sum(_at_disbursement(allocations, standing))
        assert self.accounts[Code.COLLECTION_CLEARING] == cash


def used_fen(used: Allocation) -> int:
    """Return what an allocation says in all."""
    debt = used.principal_fen + used.interest_fen + used.fee_fen + used.penalty_fen
    return debt + used.overpaid_fen + used.guarantor_fen


def cash_fen(events: Iterable[Event]) -> int:
    """Return what cash came in, less what went back; concessions are none."""
    concessions = {"goodwill", "fee_adjustment", "interest_waived", "interest_refund"}
    total = 0
    for event in events:
        if isinstance(event, Repaid) and event.receipt.value not in concessions:
            total += event.amount_fen
        elif isinstance(event, ChargedBack | OverpaymentReturned):
            total -= event.amount_fen
    return total


def _at_disbursement(allocations: list[Allocation], events: list[Event]) -> list[int]:
    """Return the fees paid with disbursements."""
    lent = {event.event_id for event in events if isinstance(event, Disbursed)}
    return [one.fee_fen for one in allocations if one.event_id in lent]
