"""An account under the hand: its lots as they change, and the lines they bring. Nobody outside this package sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.ledger import Reason
from mingqu.domain.revolving import UnpaidBill
from mingqu.domain.spend.state import Lot, Plan, SpendOutcome, SpendPosting, SpendState, Statement
from mingqu.domain.spend.terms import SpendTerms

_DUE: Final = {
    "fee": (Code.SPEND_FEE_DUE, Code.SPEND_FEE_INCOME),
    "penalty": (Code.SPEND_PENALTY_DUE, Code.SPEND_PENALTY_INCOME),
    "interest": (Code.SPEND_INTEREST_DUE, Code.SPEND_INTEREST_INCOME),
}

Said = Mapping[date, Statement]
NOTHING_SAID: Final[Said] = MappingProxyType({})


@dataclass(slots=True)
class OpenLot:
    """A lot that changes."""

    lot_id: UUID
    posted_on: date
    principal_fen: int
    refunded_fen: int
    since: date
    area_fen_days: int
    bears: bool
    billed_on: date | None
    instalment: bool

    @property
    def net_fen(self) -> int:
        """What of it bears: what came back after the bill does not."""
        return self.principal_fen - self.refunded_fen

    def grow(self, day: date) -> None:
        """Count what the balance bore up to a day, that day excluded."""
        if self.since < day:
            self.area_fen_days += self.net_fen * (day - self.since).days
            self.since = day


class Working:
    """A state that changes. `postings`, `drawn_fen`, `released_fen` and `statements` are what it has brought so far.

    `said` are bills that were issued, by their days, where an account is told again: one stays a bill, also if
    nothing is left of it, and asks no more at least than it did.
    """

    def __init__(self, *, terms: SpendTerms, state: SpendState, said: Said = NOTHING_SAID) -> None:
        self.terms = terms
        self.state = state
        self.said = said
        self.lots = [
            OpenLot(
                lot_id=lot.lot_id,
                posted_on=lot.posted_on,
                principal_fen=lot.principal_fen,
                refunded_fen=lot.refunded_fen,
                since=lot.since,
                area_fen_days=lot.area_fen_days,
                bears=lot.bears,
                billed_on=lot.billed_on,
                instalment=lot.instalment,
            )
            for lot in state.lots
        ]
        self.plans = list(state.plans)
        self.due = {"fee": state.fee_fen, "penalty": state.penalty_fen, "interest": state.interest_fen}
        self.day = state.day
        self.next_bill_on = state.next_bill_on
        self.limit_fen = state.limit_fen
        self.credit_fen = state.credit_fen
        self.bill: Statement | None = state.bill
        self.due_open = state.due_open
        self.paid_fen = state.paid_fen
        self.converted_fen = state.converted_fen
        self.asked_fen = state.asked_fen
        self.overdue_fen = state.overdue_fen
        self.lacking_fen = state.lacking_fen
        self.overdue_since = state.overdue_since
        self.penalty_since = state.penalty_since
        self.penalty_area_fen_days = state.penalty_area_fen_days
        self.lates = list(state.lates)
        self.postings: list[SpendPosting] = []
        self.drawn_fen = 0
        self.released_fen = 0
        self.statements: list[Statement] = []

    def outcome(self) -> SpendOutcome:
        """Return what became of the account."""
        lots = tuple(
            Lot(
                lot_id=lot.lot_id,
                posted_on=lot.posted_on,
                principal_fen=lot.principal_fen,
                refunded_fen=lot.refunded_fen,
                since=lot.since,
                area_fen_days=lot.area_fen_days,
                bears=lot.bears,
                billed_on=lot.billed_on,
                instalment=lot.instalment,
            )
            for lot in self.lots
            if lot.principal_fen or lot.area_fen_days
        )
        state = SpendState(
            day=self.day,
            next_bill_on=self.next_bill_on,
            limit_fen=self.limit_fen,
            lots=lots,
            plans=tuple(self.plans),
            interest_fen=self.due["interest"],
            fee_fen=self.due["fee"],
            penalty_fen=self.due["penalty"],
            credit_fen=self.credit_fen,
            bill=self.bill,
            due_open=self.due_open,
            paid_fen=self.paid_fen,
            converted_fen=self.converted_fen,
            asked_fen=self.asked_fen,
            overdue_fen=self.overdue_fen,
            lacking_fen=self.lacking_fen,
            overdue_since=self.overdue_since,
            penalty_since=self.penalty_since,
            penalty_area_fen_days=self.penalty_area_fen_days,
            lates=tuple(self.lates),
        )
        return SpendOutcome(
            state=state,
            postings=tuple(self.postings),
            drawn_fen=self.drawn_fen,
            released_fen=self.released_fen,
            statements=tuple(self.statements),
        )

    def end_lateness(self, on: date) -> None:
        """Say that nothing of a least payment is lacking any more, and keep from when to when something was."""
        if self.overdue_since is not None:
            self.lates.append((self.overdue_since - timedelta(days=1), on))
        self.overdue_since = None

    def post(self, debit: Code, credit: Code, amount_fen: int, reason: Reason, on: date) -> None:
        """Add a line, unless it is of nothing."""
        if amount_fen:
            self.postings.append(
                SpendPosting(debit=debit, credit=credit, amount_fen=amount_fen, reason=reason, value_date=on)
            )

    def charge(self, component: str, amount_fen: int, on: date) -> None:
        """Let a fee, a penalty or interest be owed from a day on: it is income, and bears nothing itself."""
        owed, income = _DUE[component]
        self.due[component] += amount_fen
        self.post(owed, income, amount_fen, Reason.SPEND_BILL, on)

    def owe_again(self, component: str, amount_fen: int, on: date) -> None:
        """Let a fee, a penalty or interest be owed again that a repayment had paid which did not come."""
        self.due[component] += amount_fen
        self.post(_DUE[component][0], Code.COLLECTION_CLEARING, amount_fen, Reason.SPEND_REPAY, on)

    def pay_due(self, component: str, amount_fen: int, on: date) -> int:
        """Use up to an amount for a component that is owed and return how much was."""
        paid_fen = min(amount_fen, self.due[component])
        self.due[component] -= paid_fen
        self.post(Code.COLLECTION_CLEARING, _DUE[component][0], paid_fen, Reason.SPEND_REPAY, on)
        return paid_fen

    def add_lot(self, lot_id: UUID, *, on: date, principal_fen: int, billed_on: date | None = None) -> None:
        """Owe a purchase or draw from a day on, or with `billed_on` an instalment of that bill."""
        instalment = billed_on is not None
        self.lots.append(
            OpenLot(
                lot_id=lot_id,
                posted_on=on,
                principal_fen=principal_fen,
                refunded_fen=0,
                since=on,
                area_fen_days=0,
                bears=not self.terms.free_period and not instalment,
                billed_on=billed_on,
                instalment=instalment,
            )
        )

    def lower(self, lot: OpenLot, amount_fen: int, on: date) -> None:
        """Take principal off a lot; what had come back of it and is more than it owes is the borrower's now."""
        self.touch(lot, on)
        lot.principal_fen -= amount_fen
        if lot.refunded_fen > lot.principal_fen:
            self.credit_fen += lot.refunded_fen - lot.principal_fen
            lot.refunded_fen = lot.principal_fen
        assert lot.principal_fen >= 0

    def touch(self, lot: OpenLot, on: date) -> None:
        """Bring what a lot bore up to a day before its balance changes."""
        if lot.bears or (self.terms.unpaid_bill is UnpaidBill.ALL_OF_IT and not lot.instalment):
            lot.grow(on)
        else:
            lot.since = max(lot.since, on)

    def in_order(self) -> list[OpenLot]:
        """Return lots as money pays them: billed before unbilled, instalments first, then the oldest."""
        return sorted(self.lots, key=lambda lot: (lot.billed_on is None, not lot.instalment, lot.posted_on, lot.lot_id))

    def grow_penalty(self, on: date) -> None:
        """Count what overdue principal bore up to a day."""
        if self.penalty_since is not None and self.penalty_since < on:
            self.penalty_area_fen_days += self.overdue_fen * (on - self.penalty_since).days
            self.penalty_since = on

    def principal_paid(self, amount_fen: int, on: date) -> None:
        """Let principal that came in answer first what is overdue, then what the bill asks at least."""
        self.grow_penalty(on)
        overdue_fen = min(amount_fen, self.overdue_fen)
        self.overdue_fen -= overdue_fen
        self.asked_fen -= min(amount_fen - overdue_fen, self.asked_fen)
        if not self.overdue_fen:
            self.penalty_since = None

    def use_credit(self, lot: OpenLot, on: date) -> None:
        """Let what is the borrower's pay a lot."""
        used_fen = min(self.credit_fen, lot.net_fen)
        if used_fen:
            self.credit_fen -= used_fen
            self.lower(lot, used_fen, on)
            self.released_fen += used_fen
            self.post(Code.SPEND_CREDIT, Code.SPEND_PRINCIPAL, used_fen, Reason.SPEND_CREDIT_USED, on)

    def reduce_plan(self, place: int, amount_fen: int) -> int:
        """Take up to an amount off a plan, the last instalments first, and return how much was taken."""
        plan, left = self.plans[place], amount_fen
        parts = list(plan.parts)
        while parts and left:  # each turn takes an instalment or ends
            principal_fen, fee_fen = parts.pop()
            if principal_fen > left:
                parts.append((principal_fen - left, fee_fen))
                left = 0
            else:
                left -= principal_fen
        self.plans[place : place + 1] = [replace(plan, parts=tuple(parts))] if parts else []
        return amount_fen - left

    def add_plan(self, plan: Plan) -> None:
        """Owe instalments."""
        self.plans.append(plan)
