"""What must hold of revolving accounts: events are borne out from outside, and sums are those of a plain account.

Outside are the bank's own book and what people and sellers wrote down. An event that nobody there knows of never was;
what they know of is an event, once. The account's own arithmetic is compared with heaps that are told the long way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.loan import Stage
from mingqu.domain.moment import business_date_of
from mingqu.domain.order import Order, OrderKind
from mingqu.domain.ownership import NotFound
from mingqu.domain.spend import DeductedPart, SpendEvent, SpendKind, Statement
from mingqu.domain.word import Paid
from mingqu.simulation.notebook import Bought, Cut, Moved, Notebook
from mingqu.simulation.people import Person
from mingqu.simulation.plain_account import PlainAccount, PlainBill
from mingqu.simulation.plain_story import plain_story
from mingqu.simulation.playhouse import Playhouse
from mingqu.store.loans import loan
from mingqu.store.orders import order
from mingqu.store.revolving import purchase, spend
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction

ACCOUNTS_MAX: Final = 200  # of a cell: a history has some
_DAY: Final = timedelta(days=1)
_OWING: Final = (Stage.ACTIVE, Stage.CHARGED_OFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """An account with its events, told the long way on the side."""

    account: SpendAccount
    events: Sequence[SpendEvent]
    notebook: Notebook
    plain: PlainAccount


class AccountTruth:
    """The proofs of revolving accounts in one history."""

    def __init__(self, *, play: Playhouse, people: Sequence[Person], returned: set[str]) -> None:
        self._play, self._people, self._returned = play, people, returned

    def found(self, tx: Transaction) -> list[str]:
        """Return a sentence for everything that is not as it must be."""
        said = []
        for told in self._all(tx):
            said += [f"account …{told.account.account_id.hex[-6:]}: {sentence}" for sentence in self._of(tx, told)]
        return said

    def missing(self, tx: Transaction) -> list[str]:
        """Return what the bank moved for accounts and no account was told of; asked when all is over."""
        told = {event.event_id for one in self._all(tx) for event in one.events}
        notes = [person.notebook for person in self._people]
        moved = {UUID(number) for number in self._play.bank.moved()}
        meant = {order_id for one in notes for order_id in (*one.draws, *one.payments)}
        return [f"order {order_id.hex} moved and is no event" for order_id in sorted((meant & moved) - told)]

    def ends(self, tx: Transaction) -> Counter[str]:
        """Return what became of accounts: events by kind, bills, deductions, and how many accounts are late."""
        found = Counter[str]()
        for told in self._all(tx):
            found.update(f"account {event.kind.value}" for event in told.events)
            found["account billed"] += len(told.plain.bills)
            found["account late"] += told.plain.late_since is not None
            paid = (one.event_id for one in told.events if one.kind is SpendKind.REPAID)
            found["account deducted"] += sum(one not in told.notebook.payments for one in paid)
        return found

    def above_ceiling(self, tx: Transaction, *, person: Person, account_id: UUID) -> list[str]:
        """Return how what was just held of an account is above its limit, or above the one over all products."""
        notes, today = person.notebook, self._play.clock.business_date()
        waiting = order.open_orders_of_person(tx, person_id=person.own_id)
        held = Counter[UUID]()
        for bought in notes.purchases:
            held[bought.account_id] += bought.held_fen if bought.is_held(today) else 0
        for one in waiting:
            held[notes.draws.get(one.order_id, person.own_id)] += one.amount_fen if one.kind is OrderKind.PAYOUT else 0
        used = Counter(
            {told.account.account_id: told.plain.used_fen for told in self._all(tx) if told.notebook is notes}
        )
        limits = {told.account.account_id: told.plain.limit_fen for told in self._all(tx)}
        lent_fen = sum(
            one.state.principal_outstanding_fen
            for one in loan.of_person(tx, person_id=person.own_id)
            if one.state.stage in _OWING
        )
        all_fen = used.total() + held.total() + lent_fen
        found = []
        if used[account_id] + held[account_id] > limits[account_id]:
            found.append(f"{used[account_id]} used and {held[account_id]} held of a limit of {limits[account_id]}")
        if notes.ceiling_fen is not None and all_fen > notes.ceiling_fen:
            found.append(f"{all_fen} used and held over all products, of {notes.ceiling_fen}")
        return found

    def _all(self, tx: Transaction) -> Iterator[_Told]:
        owners = {account_id: one.notebook for one in self._people for account_id in one.notebook.accounts.values()}
        for cell in range(tx.cells):
            for account in spend.page(tx, cell=cell, after=UUID(int=0), limit=ACCOUNTS_MAX):
                notebook = owners.get(account.account_id, Notebook())
                events = spend.events_of(tx, account_id=account.account_id)
                plain = plain_story(
                    terms=account.terms,
                    opened_on=account.opened_on,
                    limit_fen=account.granted_fen,
                    events=events,
                    to=account.state.day,
                )
                yield _Told(account=account, events=events, notebook=notebook, plain=plain)

    def _of(self, tx: Transaction, told: _Told) -> Iterator[str]:
        if told.account.account_id not in told.notebook.accounts.values():
            yield "nobody opened it"
        yield from _against_plain(tx, told)
        yield from _against_sellers(tx, told)
        cuts = [one for one in told.events if one.kind is SpendKind.CONVERTED]
        agreed = {plan: cut for plan, cut in told.notebook.cuts.items() if cut.account_id == told.account.account_id}
        if agreed != {one.event_id: _as_cut(told, one) for one in cuts}:
            yield "its instalments are not those that were agreed to"
        for place, event in enumerate(told.events):
            if event.kind in (SpendKind.DRAWN, SpendKind.REPAID):
                yield from self._against_bank(tx, told, event, before=told.events[:place])
            if event.kind is SpendKind.DRAW_RETURNED:
                yield from self._came_back(told.events[:place], event)

    def _against_bank(
        self, tx: Transaction, told: _Told, event: SpendEvent, *, before: Sequence[SpendEvent]
    ) -> Iterator[str]:
        number = event.event_id.hex
        try:
            known = order.load(tx, order_id=event.event_id)
        except NotFound:
            yield f"{event.kind.value} {event.amount_fen} by {number}, which is no order"
            return
        if number in self._returned:
            return
        word = self._play.bank.told(number)
        if not isinstance(word, Paid) or word.amount_fen != event.amount_fen:
            yield f"{event.kind.value} {event.amount_fen} by order {number}, of which the bank says {word}"
            return
        yield from _dated(told, event, before, paid_on=business_date_of(word.at))
        notes, account_id = told.notebook, told.account.account_id
        if event.kind is SpendKind.DRAWN:
            if notes.draws.get(event.event_id) != account_id:
                yield f"order {number} was drawn, and nobody asked for it"
        elif event.event_id not in notes.payments:
            yield from self._deducted(told, known, event, before)
        elif notes.payments[event.event_id] != account_id:
            yield f"order {number} was paid for another account"

    def _came_back(self, before: Sequence[SpendEvent], event: SpendEvent) -> Iterator[str]:
        """Yield what is wrong with a draw that came back: the bank does not know of it, or the account does not."""
        assert event.target is not None
        if event.target.hex not in self._returned:
            yield f"draw {event.target.hex} came back, and the bank did not take it back"
        drawn = [one for one in before if one.kind is SpendKind.DRAWN and one.event_id == event.target]
        if [one.amount_fen for one in drawn] != [event.amount_fen]:
            yield f"of draw {event.target.hex} came back {event.amount_fen}, and drawn was {drawn}"
        if any(one.kind is SpendKind.DRAW_RETURNED and one.target == event.target for one in before):
            yield f"draw {event.target.hex} came back twice"

    def _deducted(self, told: _Told, known: Order, event: SpendEvent, before: Sequence[SpendEvent]) -> Iterator[str]:
        """Yield what is wrong with a deduction: nobody agreed to it, or it asked for more than was left by then."""
        assert known.sent_at is not None
        part = told.notebook.lets(told.account.account_id, at=known.sent_at)
        if part is None:
            yield f"order {known.number} was deducted, and nobody let it be"
            return
        left_fen = self._left_fen(told, part, at=known.sent_at, events=before, but=event)
        if known.amount_fen > left_fen:
            yield f"order {known.number} deducted {known.amount_fen}, and {left_fen} were left of the bill"

    def _left_fen(
        self, told: _Told, part: DeductedPart, *, at: datetime, events: Sequence[SpendEvent], but: SpendEvent
    ) -> int:
        """Return what was left of a bill's part by the bank's own book when a deduction was sent.

        Until the day on which a draw came back that was the bill as it was sent, from then on the one without it.
        """
        on = business_date_of(at)
        later = any(one.kind is SpendKind.DRAW_RETURNED and one.on >= on for one in told.events)
        bills = told.plain.sent if later else told.plain.bills
        bill = next((one for one in reversed(bills) if one.billed_on < on), None)
        if bill is None:
            return 0
        asked_fen = bill.total_fen if part is DeductedPart.BILL else bill.least_fen
        for one in told.events:
            if one is but or one.on <= bill.billed_on:
                continue
            if one.kind is SpendKind.REPAID and self._paid_at(one) < at:
                asked_fen -= one.amount_fen
            if one.kind is SpendKind.CONVERTED and one.target is None and part is DeductedPart.BILL and one in events:
                asked_fen -= one.amount_fen
        return max(0, asked_fen)

    def _paid_at(self, event: SpendEvent) -> datetime:
        word = self._play.bank.told(event.event_id.hex)
        assert isinstance(word, Paid)
        return word.at


def _dated(told: _Told, event: SpendEvent, before: Sequence[SpendEvent], *, paid_on: date) -> Iterator[str]:
    """Yield what is wrong with the day from which an order counts: the bank's, or the one that the account had reached.

    A draw may be heard of when a bill was made or judged meanwhile; a payment keeps both waiting, so that whoever paid
    in time is not late, and another that is heard meanwhile counts from the evening that waits.
    """
    terms, number = told.account.terms, event.event_id.hex
    reached = max((one.on for one in before), default=told.account.opened_on)
    bills_on = terms.bill_after(paid_on - _DAY)
    evenings = (terms.bill_after(event.on - _DAY), terms.due_of(event.on - _DAY))
    heard_behind = event.kind is SpendKind.DRAWN and min(bills_on, terms.due_of(paid_on - _DAY)) < event.on
    heard_before = event.kind is SpendKind.REPAID and reached <= event.on < paid_on and event.on in evenings
    if event.on != max(paid_on, reached) and not heard_behind and not heard_before:
        yield f"order {number} was paid on {paid_on} and counts from {event.on}"
    late = [one for one in told.plain.bills if one.billed_on < paid_on <= terms.due_of(one.billed_on) < event.on]
    if late and event.kind is SpendKind.REPAID:
        yield f"order {number} was paid on {paid_on}, in time, and its bill was judged before it counted"


def _as_cut(told: _Told, event: SpendEvent) -> Cut:
    assert event.count is not None
    return Cut(account_id=told.account.account_id, fen=event.amount_fen, target=event.target, count=event.count)


def _against_plain(tx: Transaction, told: _Told) -> Iterator[str]:
    """Yield where an account and the plain one differ: fen by fen, and bill by bill."""
    state, plain = told.account.state, told.plain
    yield from (f"fen of {of.hex} are lost" for of in plain.lost())
    mine = {
        "heaps": sorted(
            (one.of, one.on, one.fen, one.back_fen, one.billed, one.instalment) for one in plain.heaps if one.fen
        ),
        "instalments": [(one.of, tuple(one.parts)) for one in plain.plans],
        "due": (plain.due["interest"], plain.due["fee"], plain.due["penalty"], plain.credit_fen),
        "late": (plain.asked_fen, plain.overdue_fen, plain.lacking_fen, plain.late_since, plain.limit_fen),
    }
    theirs = {
        "heaps": sorted(
            (one.lot_id, one.posted_on, one.principal_fen, one.refunded_fen, one.billed_on is not None, one.instalment)
            for one in state.lots
            if one.principal_fen
        ),
        "instalments": [(one.plan_id, one.parts) for one in state.plans],
        "due": (state.interest_fen, state.fee_fen, state.penalty_fen, state.credit_fen),
        "late": (state.asked_fen, state.overdue_fen, state.lacking_fen, state.overdue_since, state.limit_fen),
    }
    yield from (
        f"{what}: {mine[what]} by heaps, {theirs[what]} in the book" for what in mine if mine[what] != theirs[what]
    )
    issued = spend.statements_of(tx, account_id=told.account.account_id)[::-1]
    for bill, known in zip(plain.sent, map(_as_plain, issued), strict=False):
        if bill != known:
            yield f"bill {bill.number}: {bill} by heaps, {known} in the book"
    totals = [bill.total_fen for bill in plain.sent]
    if totals != [known.total_fen for known in issued]:
        yield f"bills of {totals} by heaps, and {len(issued)} in the book"


def _as_plain(known: Statement) -> PlainBill:
    return PlainBill(
        number=known.number,
        billed_on=known.billed_on,
        principal_fen=known.principal_fen,
        interest_fen=known.interest_fen,
        fee_fen=known.fee_fen,
        penalty_fen=known.penalty_fen,
        instalment_fen=known.instalment_fen,
        overdue_fen=known.overdue_fen,
        over_limit_fen=known.over_limit_fen,
        least_fen=known.minimum_fen,
    )


def _against_sellers(tx: Transaction, told: _Told) -> Iterator[str]:
    """Yield where purchases and refunds are not those that sellers know of."""
    account_id = told.account.account_id
    bought = {one.purchase_id: one for one in told.notebook.purchases if one.account_id == account_id}
    kept = {one.purchase_id: one for one in purchase.of_account(tx, account_id=account_id)}
    yield from (f"purchase {one.hex} is no seller's" for one in kept.keys() - bought.keys())
    yield from (f"purchase {one.hex} is only its seller's" for one in bought.keys() - kept.keys())
    for purchase_id in bought.keys() & kept.keys():
        yield from _of_purchase(bought[purchase_id], kept[purchase_id], told.events)
    strange = [
        one
        for one in told.events
        if (one.kind is SpendKind.PURCHASED and one.event_id not in bought)
        or (one.kind is SpendKind.REFUNDED and one.target not in bought)
    ]
    yield from (f"{one.kind.value} {one.amount_fen} on {one.on}, and no seller knows of it" for one in strange)


def _of_purchase(bought: Bought, kept: purchase.Purchase, events: Sequence[SpendEvent]) -> Iterator[str]:
    taken = [one for one in events if one.event_id == bought.purchase_id]
    back = sorted(
        (one.amount_fen, one.on)
        for one in events
        if one.target == bought.purchase_id and one.kind is SpendKind.REFUNDED
    )
    if not _are([bought.captured] if bought.captured else [], [(one.amount_fen, one.on) for one in taken]):
        yield f"of purchase {bought.number} its seller took {bought.captured}, and the account says {taken}"
    if not _are(list(bought.refunds.values()), back):
        yield f"of purchase {bought.number} came back {list(bought.refunds.values())}, and the account says {back}"
    if kept.held_fen != bought.held_fen:
        yield f"{kept.held_fen} are held for purchase {bought.number} of {bought.held_fen}"
    if bought.released and kept.state != purchase.RELEASED:
        yield f"purchase {bought.number} was given up and is {kept.state}"


def _are(noted: Sequence[Moved], told: Sequence[tuple[int, date]]) -> bool:
    """Whether amounts of events are those that were written down, each in the days between which it was done."""
    left = sorted(told)
    for one in sorted(noted, key=lambda each: (each.fen, each.first)):
        match = next((each for each in left if each[0] == one.fen and one.first <= each[1] <= one.last), None)
        if match is None:
            return False
        left.remove(match)
    return not left
