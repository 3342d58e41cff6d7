"""Reconcile: fetch bills, compare, ask about what differs, settle what agrees. On demand, and each morning by itself.

Every step is done again without harm: a bill with the same contents changes nothing, breaks are what the comparison
says, an order is settled once. A process that dies in between is followed by one that begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from mingqu.domain.moment import start_of
from mingqu.domain.reconciliation import BreakState
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.reconciliation.ask_about_breaks import ask_about_breaks
from mingqu.services.reconciliation.compare_day import LENDER, Compared, compare_day
from mingqu.services.reconciliation.fetch_bill import BillRefused, fetch_bill, ready_at, require_over
from mingqu.services.reconciliation.settle_bill import Settled, settle_bill
from mingqu.store.bills import bill, reconciliation
from mingqu.store.bills.reconciliation import KnownBreak as KnownBreak
from mingqu.store.server.database import DatabaseUnavailable, Transaction

LEASE: Final = timedelta(minutes=15)  # a fetch, a comparison and a hundred questions take less
# A worker that was away for longer is no worker: older days are for `mingqu reconcile --date`.
DAYS_BACK_MAX: Final = 7
# Days with breaks that are looked at again each morning, the newest first: a month of a channel in trouble.
DAYS_AGAIN_MAX: Final = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """A day of a source, reconciled. `fetched` is false when the bill that was in the book had to do."""

    compared: Compared
    settled: Settled
    fetched: bool

    @property
    def open(self) -> int:
        """How many breaks of the day wait for an explanation."""
        return sum(one.state is BreakState.OPEN for one in self.compared.breaks)


def sources_of(house: House, *, on: date) -> list[str]:
    """Return whose bills of a day are there or can be asked for, by name."""
    with house.database.transaction() as tx:
        stored = {one.source for one in bill.of_day(tx, on=on) if one.is_read}
    return sorted(stored | set(house.bills))


def reconcile_day(house: House, *, on: date, sources: Sequence[str] | None = None) -> list[Reconciled]:
    """Reconcile a day that is over with every source, or some. Errors: DayNotOver, and those of `reconcile_one`."""
    require_over(house, on=on)
    return [reconcile_one(house, source=source, on=on) for source in sources or sources_of(house, on=on)]


def reconcile_one(house: House, *, source: str, on: date) -> Reconciled:
    """Reconcile a day with one source. Without a new bill the one in the book counts; a broken one is a refusal.

    Errors: BillRefused, BillMissing, BillTakesBack, and those of `compare_day`.
    """
    fetched = False
    if source in house.bills:
        try:
            fetch_bill(house, source=source, on=on)
            fetched = True
        except BillRefused:
            with house.database.transaction() as tx:
                known = bill.load(tx, source=source, on=on)
            if known is None or not known.is_read:
                raise
    return _compare(house, source=source, on=on, fetched=fetched)


def _compare(house: House, *, source: str, on: date, fetched: bool) -> Reconciled:
    compared = compare_day(house, source=source, on=on)
    if not source.startswith(LENDER):  # of a lender's ledger no channel can be asked, and nothing is settled by it
        if ask_about_breaks(house, breaks=compared.breaks):
            compared = compare_day(house, source=source, on=on)
        with house.database.transaction() as tx:  # with what the channel answered
            compared = replace(compared, breaks=tuple(reconciliation.of_day(tx, source=source, on=on)))
        known = house.bills.get(source)
        settles = known is None or known.settles
        settled = settle_bill(house, source=source, on=on) if settles else Settled()
        return Reconciled(compared=compared, settled=settled, fetched=fetched)
    return Reconciled(compared=compared, settled=Settled(), fetched=fetched)


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """What a worker did: days reconciled, breaks opened by them that are open still, and what could not be read."""

    days: int = 0
    open: int = 0
    refused: tuple[str, ...] = ()


def reconcile_due(house: House) -> Morning:
    """Reconcile what is due: each day that is over, once its bill is ready; and days whose breaks are left.

    A bill that cannot be had is tried again later. Several workers may do so at once: each day is leased.
    """
    if not house.bills:
        return Morning()
    now, today = house.clock.now(), house.clock.business_date()
    first = today - timedelta(days=DAYS_BACK_MAX)
    with house.database.transaction() as tx:
        known = bill.between(tx, first=first, last=today)
    waits = {(one.source, one.on): one.next_at for one in known}
    done_with = {(one.source, one.on) for one in known if one.reconciled_at is not None}
    days, opened, refused = 0, 0, list[str]()
    for source in sorted(house.bills):
        for on in (first + timedelta(days=day) for day in range(DAYS_BACK_MAX)):
            is_ready = now >= max(start_of(on) + ready_at(on), waits.get((source, on), now))
            if (source, on) in done_with or not is_ready or not _leased(house, source=source, on=on):
                continue
            try:
                done = [reconcile_one(house, source=source, on=on), *_again(house, source=source, but=on)]
            except DatabaseUnavailable:
                raise
            except Refusal as refusal:
                refused.append(refusal.message)
                continue
            days += len(done)
            opened += sum(one.open for one in done)
    return Morning(days=days, open=opened, refused=tuple(refused))


def _leased(house: House, *, source: str, on: date) -> bool:
    """Whether this worker is to reconcile a day: it is due, and nobody else is at it."""
    now = house.clock.now()

    def take(tx: Transaction) -> bool:
        bill.expect(tx, source=source, on=on, at=now)
        return bill.lease(tx, source=source, on=on, now=now, until=now + LEASE)

    return house.database.run(take)


def _again(house: House, *, source: str, but: date) -> list[Reconciled]:
    """Compare the days again whose breaks are left: what arrived since closes them."""
    with house.database.transaction() as tx:
        left = reconciliation.days_left(tx, source=source, limit=DAYS_AGAIN_MAX)
    return [_compare(house, source=source, on=on, fetched=False) for on in left if on != but]
