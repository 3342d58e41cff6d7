"""Look after loans that wait for a payout again: the borrower is reminded, and later the loan is called off.

A contract of which nothing is owed does not stay open for ever. How long it waits is said by dated rows
(`payout_again_reminded_days`, `payout_again_closed_days`); each try of a payout and each version of the contract lets
the days begin anew. Nobody's loan is closed sooner after the reminder than the rows say, however late a worker came.
Who dies in between did all of a step or nothing.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.moment import start_of
from mingqu.services.changes.call_off_loan import call_off_in, waiting_of
from mingqu.services.changes.draw_more import PayoutWaiting
from mingqu.services.changes.take_payout_back import PAYOUT_WAITS, NoPayoutReturned
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.services.loans.follow_up import NOTICE_AT, notice_of
from mingqu.store.loans import loan
from mingqu.store.loans.called_off import Cause
from mingqu.store.purposes import funds_version
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import Work

REMINDER: Final = "loan.payout_waits"
LEASE_SECONDS: Final = 60  # far longer than one look takes
BATCH: Final = 100
LOOK_AGAIN: Final = timedelta(days=1)  # a payout that is on its way ends mostly within one


def follow_returned(house: House, *, cell: int) -> int:
    """Look after the loans of a cell that are due for it, at most BATCH, and return how many."""
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[PAYOUT_WAITS], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    return do_each(house, leased, lambda piece: house.database.run(lambda tx: _look(tx, house, piece)))


def _look(tx: Transaction, house: House, piece: Work) -> None:
    tx.lock_cell(piece.cell)
    of, now = loan.get(tx, cell=piece.cell, loan_id=piece.subject_id), house.clock.now()
    try:
        waits = waiting_of(tx, house, of=of)
    except PayoutWaiting:
        work.reschedule(tx, work=piece, run_at=now + LOOK_AGAIN)
        return
    except NoPayoutReturned:  # it was paid out, or called off
        work.complete(tx, work=piece, now=now)
        return
    if waits.returned.order_id != UUID(str(piece.payload["returned"])):  # what came back since has its own look
        work.complete(tx, work=piece, now=now)
        return
    open_version = funds_version.waiting(tx, loan_id=of.loan_id, at=now)
    if open_version is not None:
        work.reschedule(tx, work=piece, run_at=open_version.lapses_at)
        return
    today = house.clock.business_date()
    announced = date.fromisoformat(str(piece.payload["closes_on"])) if "closes_on" in piece.payload else None
    if today < waits.remind_on:
        _look_on(tx, piece, waits.remind_on)
    elif announced is None or announced < waits.closes_on:
        closes_on = max(waits.closes_on, today + waits.notice)
        told = notice_of(
            of,
            template=REMINDER,
            on=closes_on,
            mark=waits.returned.order_id.hex,
            amount_fen=waits.returned.amount_fen,
            at=now,
        )
        work.enqueue_many(tx, cell=of.cell, rows=[told])
        _look_on(tx, piece, closes_on, announced=closes_on)
    elif today < announced:
        _look_on(tx, piece, announced)
    else:
        call_off_in(tx, house, of=of, returned=waits.returned, cause=Cause.TIME)
        work.complete(tx, work=piece, now=now)


def _look_on(tx: Transaction, piece: Work, on: date, *, announced: date | None = None) -> None:
    payload = None if announced is None else {**piece.payload, "closes_on": announced.isoformat()}
    work.reschedule(tx, work=piece, run_at=start_of(on) + NOTICE_AT, payload=payload)
