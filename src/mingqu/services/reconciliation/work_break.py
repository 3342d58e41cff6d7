"""Work the breaks of reconciliations: what is open and how old; and that two people explain or close one (`propose`).

Working a break moves no money. Money that a break shows to be missing or too much is placed by the deeds that are for
that (an order decided, a receipt booked); the break then vanishes by itself when its day is compared again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.proposal import HOUSE, Deed, Proposal
from mingqu.domain.reconciliation import BreakEvent, BreakState, Cause, next_state
from mingqu.domain.refusal import Refusal
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.store.bills import bill, reconciliation
from mingqu.store.bills.bill import Bill
from mingqu.store.bills.reconciliation import KnownBreak
from mingqu.store.operators import proposal
from mingqu.store.orders import order
from mingqu.store.server.database import Transaction

# What people may say. The rest is said by comparisons.
CAUSES: Final = (Cause.CHANNEL_LATE, Cause.CHANNEL_WRONG, Cause.OURS_WRONG, Cause.NOT_OURS, Cause.WRITTEN_OFF)
TO: Final = (BreakState.EXPLAINED, BreakState.CLOSED)
OLD_DAYS: Final = 3  # a break that lives longer is no matter of a late file
BILLS_SHOWN: Final = 30
_EVENTS: Final = {BreakState.EXPLAINED: BreakEvent.EXPLAINED, BreakState.CLOSED: BreakEvent.CLOSED}


class BreakWorkMalformed(Refusal):
    """A break is explained or closed, for one of the causes that people may give."""

    code: ClassVar[str] = "break_work_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakLine:
    """A break of the list, with how many days it has been there."""

    known: KnownBreak
    age_days: int

    @property
    def is_old(self) -> bool:
        """Whether it has been there for longer than a late file would explain."""
        return self.age_days >= OLD_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakView:
    """A break, whether its order is in the book (and in which state), and the proposal about it that waits."""

    line: BreakLine
    order_state: str | None
    waits: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What the screen shows: breaks that are left, the oldest first, how many stand how, and the latest bills."""

    lines: tuple[BreakLine, ...]
    counts: Mapping[str, int]
    bills: tuple[Bill, ...]
    today: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """What calls for somebody: breaks that are open, old ones among those shown, and bills that could not be read."""

    open: int
    old: int
    unread: int

    @property
    def any(self) -> bool:
        """Whether there is anything at all."""
        return bool(self.open or self.old or self.unread)


def list_breaks(house: House, *, seat: Seat) -> Reconciliation:
    """Return breaks that are left and the latest bills. Errors: OperatorForbidden."""
    seat.operator.require(Permission.QUEUE)
    with house.database.transaction() as tx:
        found = reconciliation.left(tx)
        return Reconciliation(
            lines=tuple(_line(house, one) for one in found),
            counts=reconciliation.counts(tx),
            bills=tuple(bill.latest(tx, limit=BILLS_SHOWN)),
            today=house.clock.business_date(),
        )


def read_break(house: House, *, seat: Seat, break_id: UUID) -> BreakView:
    """Return a break. Errors: OperatorForbidden, NotFound."""
    seat.operator.require(Permission.QUEUE)
    with house.database.transaction() as tx:
        known = reconciliation.load(tx, break_id=break_id)
        waits = proposal.waits_for(tx, deed=Deed.WORK_BREAK, subject_id=break_id, at=house.clock.now())
        return BreakView(
            line=_line(house, known),
            order_state=_order_state(tx, known),
            waits=waits.proposal_id if waits else None,
        )


def read_alerts(house: House) -> Alerts:
    """Return what Today says of reconciliation. A bill of yesterday is missed from noon on."""
    now, today = house.clock.now(), house.clock.business_date()
    with house.database.transaction() as tx:
        open_count = reconciliation.counts(tx).get(BreakState.OPEN.value, 0)
        old = sum(_line(house, one).is_old for one in reconciliation.left(tx)) if open_count else 0
        bills = bill.between(tx, first=today - timedelta(days=OLD_DAYS), last=today)
    unread = sum(one.fault is not None and not one.is_read and one.next_at > now - timedelta(days=1) for one in bills)
    return Alerts(open=open_count, old=old, unread=unread)


def say_work(
    tx: Transaction, _: House, break_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return what is to become of a break. Errors: NotFound, BreakStill, BreakWorkMalformed."""
    known = reconciliation.load(tx, break_id=break_id)
    to = next((one for one in TO if one.value == asked.get("to")), None)
    cause = next((one for one in CAUSES if one.value == asked.get("cause")), None)
    if to is None or cause is None:
        raise BreakWorkMalformed("Say what is to become of it, and why it is there.")
    next_state(state=known.state, event=_EVENTS[to])
    return HOUSE, {
        "what": f"{known.source} {known.on.isoformat()} {known.kind.value}",
        "to": to.value,
        "break_cause": cause.value,
        "amount_fen": known.amount_fen,
    }


def basis_of_work(tx: Transaction, proposal: Proposal) -> str:
    """Return what it rests on: the break as it stands, and what the channel said last. Errors: NotFound."""
    known = reconciliation.load(tx, break_id=proposal.subject_id)
    return f"{known.state.value} {known.changed_at.isoformat()} {known.ours_fen} {known.theirs_fen} {known.answer}"


def work_break(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Explain or close a break. Errors: NotFound, BreakStill."""
    known = reconciliation.load(tx, break_id=proposal.subject_id, lock=True)
    to, cause = BreakState(str(proposal.body["to"])), Cause(str(proposal.body["break_cause"]))
    after = next_state(state=known.state, event=_EVENTS[to])
    reconciliation.change(
        tx,
        break_id=known.break_id,
        state=after,
        cause=cause,
        at=house.clock.now(),
        proposal_id=proposal.proposal_id,
    )


def _line(house: House, known: KnownBreak) -> BreakLine:
    return BreakLine(known=known, age_days=(house.clock.business_date() - known.on).days)


def _order_state(tx: Transaction, known: KnownBreak) -> str | None:
    if known.order_id is None:
        return None
    try:
        return order.load(tx, order_id=known.order_id).state.value
    except NotFound:
        return None
