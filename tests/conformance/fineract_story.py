"""What the steps of a published scenario have said so far, told to the loan engine as dated events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from mingqu.domain.loan import (
    Disbursed,
    Event,
    LoanState,
    LoanTerms,
    OverpaymentReturned,
    Reversed,
    fold,
    order_key,
)
from mingqu.domain.loan.event import ChargedBack, FeeCharged, Receipt, Repaid
from mingqu.domain.loan.fee import FeeDue, FeeRule
from mingqu.domain.loan.refund import interest_to_refund_fen
from mingqu.domain.loan.state import Allocation
from mingqu.domain.loan.terms import Recalculation
from tests.conformance.fineract import fen
from tests.conformance.fineract_charges import Definition
from tests.conformance.fineract_terms import ADVANCED, loan_terms
from tests.conformance.outcome import NotApplicableError

# Ids of events that are only tried lie behind all others, so that they come last on their day.
TRIAL_ID: Final = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The loan as the engine sees it: its state, and what each event was used for, in order."""

    state: LoanState
    allocations: tuple[Allocation, ...]
    events: tuple[Event, ...]


@dataclass(slots=True, kw_only=True)
class Tranche:
    """A disbursement that was agreed on beforehand."""

    expected_on: date
    amount_fen: int
    disbursed_on: date | None = None


@dataclass(slots=True, kw_only=True)
class Story:
    """A scenario being told. Before the money goes out, `approved` says how far the application has come."""

    products: dict[str, Any]
    definitions: dict[str, Definition]
    requested: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, dict[str, str]] = field(default_factory=dict)
    business_date: date = date.min
    looked_at: date = date.min  # when the published system last worked the loan out
    expected_on: date | None = None
    approved: bool = False
    principal_fen: int = 0  # requested, or approved
    fees: list[FeeRule] = field(default_factory=list)
    late_fees: list[FeeRule] = field(default_factory=list)  # the lender's clerk charges them at the end of a day
    waiting: list[FeeCharged] = field(default_factory=list)
    tranches: list[Tranche] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    reverted: list[tuple[Event, Allocation]] = field(default_factory=list)
    refunded: list[tuple[Repaid, UUID]] = field(default_factory=list)
    linked: dict[UUID, list[Event]] = field(default_factory=dict)
    trial: Event | None = None
    _ids: int = 0
    _views: dict[tuple[object, ...], View] = field(default_factory=dict)
    _charged_last: FeeCharged | None = None

    @property
    def product(self) -> dict[str, Any]:
        """The settings of the loan's product."""
        settings: dict[str, Any] = self.products[self.requested["product"]]
        return settings

    @property
    def terms(self) -> LoanTerms:
        """The terms of the loan as they stand."""
        terms = loan_terms(
            requested=self.requested,
            product=self.product,
            rules=self.rules.get(self.requested["product"], {}),
            principal_fen=self._lent_at_most_fen(),
            fees=tuple(self.fees),
        )
        if self.tranches:
            terms = replace(terms, disbursements_max=len(self.tranches))
        return terms

    def _lent_at_most_fen(self) -> int:
        """Return what the contract lends: the one amount paid out, or what several may come to."""
        if not self.product.get("multiDisburseLoan"):
            return sum(event.amount_fen for event in self.disbursements) or self.principal_fen
        if not self.product.get("allowApprovedDisbursedAmountsOverApplied"):
            return self.principal_fen
        beyond = Decimal(str(self.product["overAppliedNumber"]))
        applied_fen = max(self.principal_fen, fen(self.requested["principal"]))
        if self.product["overAppliedCalculationType"] == "PERCENTAGE":
            return applied_fen + int(applied_fen * beyond / 100)
        return applied_fen + int(beyond * 100)

    def next_id(self) -> UUID:
        """Return an id behind all before it, so that the order of a day is the order of the steps."""
        self._ids += 1
        return UUID(int=self._ids)

    @property
    def live(self) -> list[Event]:
        """Events that were not undone, in the order of their making."""
        undone = {event.target for event in self.events if isinstance(event, Reversed)}
        return [event for event in self.events if not isinstance(event, Reversed) and event.event_id not in undone]

    @property
    def disbursements(self) -> list[Disbursed]:
        """The money that went out, in the order of the days."""
        return sorted((event for event in self.live if isinstance(event, Disbursed)), key=order_key)

    @property
    def is_disbursed(self) -> bool:
        """Whether any money went out."""
        return bool(self.disbursements)

    def view(self, *, trial: Event | None = None) -> View:
        """Return the loan as it was last looked at; before any money went out, on the day that it is expected to."""
        if not self.is_disbursed:
            events = self._expected()
            return self._folded(events, min(event.value_date for event in events), planned=True)
        events = tuple(self.events)
        if trial is not None:
            return self._folded((*events, trial), self.business_date)
        return self._folded(events, self.looked_at)

    def view_on(self, day: date) -> View:
        """Return the loan on a day, as if nothing had been agreed for later days."""
        return self._folded(tuple(event for event in self.events if event.value_date <= day), day)

    def _folded(self, events: tuple[Event, ...], day: date, *, planned: bool = False) -> View:
        terms = self.terms
        if planned and terms.recalculation is Recalculation.DAILY:  # nobody is late in a plan
            terms = replace(terms, recalculation=Recalculation.EARLY)
        key = (events, terms, day)
        if key not in self._views:
            state, change = fold(terms=terms, events=events, as_of=day)
            self._views[key] = View(state=state, allocations=tuple(change.allocations), events=events)
        return self._views[key]

    def _expected(self) -> tuple[Event, ...]:
        """Return the events that would make the plan: all tranches expected, or the whole principal at once."""
        if self.expected_on is None:
            raise NotApplicableError("a schedule without a date")
        dated = [(tranche.expected_on, tranche.amount_fen) for tranche in self.tranches]
        dated = dated or [(self.expected_on, self.principal_fen)]
        disbursed = [
            Disbursed(event_id=UUID(int=TRIAL_ID + number), value_date=day, amount_fen=amount_fen, tranche=number)
            for number, (day, amount_fen) in enumerate(dated, start=1)
        ]
        first = min(day for day, _ in dated)
        charged = [
            replace(fee, event_id=UUID(int=TRIAL_ID + number), value_date=max(first, fee.value_date))
            for number, fee in enumerate(self.waiting, start=len(disbursed) + 1)
        ]
        return (*disbursed, *charged)

    def charge(self, *, rule: FeeRule, due: date, unnamed: bool = False) -> None:
        """Charge a fee now, or with the first money if none went out.

        Where payments follow an order of their own for each kind, a fee is owed from the day it was charged, or from
        its due date if that lies before it. The older strategies tell every payment again as if each fee had been
        owed all along.
        """
        seen = min(due, self.business_date)
        if self.is_disbursed:  # charging a fee is not looking at the loan: nothing else becomes known on the way
            seen = min(seen, self.looked_at + timedelta(days=1))
        fee = FeeCharged(event_id=self.next_id(), value_date=seen, rule=rule, due=due)
        if self.is_disbursed:
            first = self.disbursements[0].value_date
            strategy = self.requested.get("payment_strategy") or self.product["transactionProcessingStrategyCode"]
            advanced = strategy == ADVANCED and fee.value_date > first
            self.events.append(fee if advanced else replace(fee, value_date=first))
        else:
            self.waiting.append(fee)
        if not unnamed or self._charged_last is None:
            self._charged_last = fee

    @property
    def charged_last(self) -> FeeCharged:
        """The fee charged last."""
        if self._charged_last is None:
            raise NotApplicableError("no charge was added before")
        return self._charged_last

    def disburse(self, *, on: date, amount_fen: int) -> None:
        """Send money out; fees that were waiting for it are charged."""
        number = len(self.disbursements) + 1
        disbursed = Disbursed(event_id=self.next_id(), value_date=on, amount_fen=amount_fen, tranche=number)
        self.events.append(disbursed)
        for fee in self.waiting:
            charged = replace(fee, event_id=self.next_id(), value_date=max(on, fee.value_date))
            self.events.append(charged)
            if fee is self._charged_last:
                self._charged_last = charged
        self.waiting.clear()
        for tranche in self.tranches:
            if tranche.disbursed_on is None:
                tranche.disbursed_on, tranche.amount_fen = on, amount_fen
                break
        if self.terms.down_payment_ppm and self.product.get("enableAutoRepaymentForDownPayment"):
            self._take_down_payment(disbursed)

    def _take_down_payment(self, disbursed: Disbursed) -> None:
        """Pay what the money paid out asks for at once; money owed back to the payer may have paid it already."""
        on = disbursed.value_date
        lines = self.view_on(on).state.instalments
        unpaid_fen = sum(line.unpaid_fen for line in lines if line.down_payment and line.due == on)
        if unpaid_fen:
            paid = Repaid(event_id=self.next_id(), value_date=on, amount_fen=unpaid_fen, receipt=Receipt.DOWN_PAYMENT)
            self.linked.setdefault(disbursed.event_id, []).append(paid)
            self.events.append(paid)

    def give_interest_back(self, refund: Event) -> None:
        """Give the interest of a refund back beside it; its amount follows the story when that is told again."""
        assert isinstance(refund, Repaid)
        self.refunded.append((refund, self.next_id()))
        self.refresh_refunds()

    def refresh_refunds(self) -> None:
        """Work out anew what is given back beside each refund that stands."""
        for refund, event_id in self.refunded:
            self.events = [event for event in self.events if event.event_id != event_id]
            if refund not in self.live:
                continue
            terms = replace(self.terms, refund_interest=(*self.terms.refund_interest, refund.receipt))
            amount_fen = interest_to_refund_fen(terms=terms, events=self.events, refund=refund)
            if amount_fen:
                self.events.append(
                    Repaid(
                        event_id=event_id,
                        value_date=refund.value_date,
                        amount_fen=amount_fen,
                        receipt=Receipt.INTEREST_REFUND,
                    )
                )

    def undo(self, event: Event) -> None:
        """Take an event back, and whatever hangs on it; its use stays on record as it was."""
        live = self.live
        given_back = {event_id for refund, event_id in self.refunded if refund is event}
        hanging = [*self.linked.get(event.event_id, ()), *(other for other in live if other.event_id in given_back)]
        both = [event, *(other for other in hanging if other in live)]
        for undone in both:
            self.reverted.extend((undone, used) for used in self.uses_of(undone))
        self._owe_fees_first(since=min(undone.value_date for undone in both))
        for undone in both:
            on = max(self.business_date, undone.value_date)
            self.events.append(Reversed(event_id=self.next_id(), value_date=on, target=undone.event_id))

    def _owe_fees_first(self, *, since: date) -> None:
        """Let fees of days that are told again be owed from the evening before, as a clerk would charge them anew.

        There a fee comes before the money of its day once the day is told again, and behind it until then.
        """
        earliest = max(since, self.disbursements[0].value_date + timedelta(days=1)) if self.is_disbursed else since
        for index, event in enumerate(self.events):
            dated = isinstance(event, FeeCharged) and event.rule.due is FeeDue.DATE and event.due == event.value_date
            if dated and event.value_date >= earliest:
                self.events[index] = replace(event, value_date=event.value_date - timedelta(days=1))

    def uses_of(self, event: Event) -> list[Allocation]:
        """Return what an event was used for as the loan stands."""
        if isinstance(event, Disbursed):
            return []  # money that is taken back as a whole leaves no trace in the published lists
        return [used for used in self.view().allocations if used.event_id == event.event_id]

    def undo_disbursements(self) -> None:
        """Take everything back; the fees charged wait for the next money."""
        fees = [event for event in self.live if isinstance(event, FeeCharged)]
        for event in reversed(self.live):
            self.events.append(Reversed(event_id=self.next_id(), value_date=self.business_date, target=event.event_id))
        self.waiting.extend(replace(fee, event_id=self.next_id()) for fee in fees)
        self.reverted.clear()
        for tranche in self.tranches:
            tranche.disbursed_on = None

    def undo_last_disbursement(self) -> None:
        """Take the last money back, and every movement of money that came after it: they leave no trace."""
        last = self.disbursements[-1]
        later = self.events[self.events.index(last) :]
        listed = list(self.reverted)
        for event in reversed([event for event in self.live if event in later]):
            if event is last or isinstance(event, Repaid | ChargedBack | OverpaymentReturned):
                self.undo(event)
        self.reverted = listed
        for tranche in self.tranches:
            if tranche.disbursed_on == last.value_date and tranche.amount_fen == last.amount_fen:
                self.tranches.remove(tranche)
                break

    def payments(self, *receipts: Receipt) -> Iterator[Repaid]:
        """Yield the payments that stand, in the order of the days; of some kinds only, if any are named."""
        for event in sorted(self.live, key=order_key):
            if isinstance(event, Repaid) and (not receipts or event.receipt in receipts):
                yield event

    def last(self, wanted: Callable[[Event], bool]) -> Event:
        """Return the last event that stands and is wanted."""
        for event in reversed(self.live):
            if wanted(event):
                return event
        raise NotApplicableError("nothing to undo")
