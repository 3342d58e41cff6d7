"""Remind borrowers some days before an instalment is due: once for each loan and day, whoever works and dies meanwhile.

Behind the close each cell gets one piece of work for each day that comes near. It reads the diary of that day, some
loans at a time, and writes a notice for each that will owe something; how far it came lies in the piece itself. The
notice's id follows from loan and day, so it is written once; what it says is worked out again when it is sent, and
nothing is said of what was paid by then.

A loan stands in the diary on the day of its next event. For a loan in order that is its due day; one to which something
else happens before (its income stops, a new rate begins) is met on that nearer day.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import SLOTS, dated, fresh
from mingqu.domain.moment import start_of
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.services.loans.follow_up import NOTICE, NOTICE_AT, awake, notice_purpose
from mingqu.services.orders.announce_deductions import next_due_of
from mingqu.store.days import close
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import NewWork, Work

REMIND: Final = "remind_of_dues"
COMING: Final = "loan.coming"
DAYS_AHEAD: Final = 3  # as payers by wallet are told what will be deducted
LEASE_SECONDS: Final = 60  # far longer than a page takes
PAGE: Final = 500  # loans of one transaction: some tenths of a second
_DAY: Final = timedelta(days=1)
_FIRST: Final = UUID(int=0)


def plan_reminders(house: House) -> int:
    """Write the work of reminding of each day that is near, in every cell; return how much of it is new."""
    today = house.clock.business_date()
    days = [today + ahead * _DAY for ahead in range(1, DAYS_AHEAD + 1)]
    with house.database.transaction() as tx:
        new = sum(
            work.enqueue_many(tx, cell=cell, rows=[_day_of(house, due, cell=cell, cells=tx.cells) for due in days])
            for cell in range(tx.cells)
        )
        tx.commit()
    return new


def _day_of(house: House, due: date, *, cell: int, cells: int) -> NewWork:
    """Return the work of one cell and day. Its id lies in the first slot of the cell, and is the same each time."""
    entropy = int.from_bytes(hashlib.blake2b(f"{REMIND}:{due}".encode(), digest_size=8).digest(), "big")
    milliseconds = int(start_of(due).timestamp() * 1_000)
    made = fresh(milliseconds=milliseconds, slot=-(-cell * SLOTS // cells), entropy=entropy)
    return NewWork(
        work_id=made,
        kind=REMIND,
        subject_id=made,
        run_at=house.clock.now(),
        payload={"due": due.isoformat(), "on": due.isoformat(), "after": _FIRST.hex},
    )


def remind_of_dues(house: House, *, cell: int) -> int:
    """Write the next notices of the days that are near, a page of each; return how many days there was work for."""
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[REMIND], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=DAYS_AHEAD
        )
        tx.commit()
    return do_each(house, leased, lambda piece: house.database.run(lambda tx: _write_page(tx, house, piece)))


def _write_page(tx: Transaction, house: House, piece: Work) -> None:
    """Write the notices of the next loans of a day's diary, and go on there or to the day before it."""
    due, on = (date.fromisoformat(str(piece.payload[name])) for name in ("due", "on"))
    today, now = house.clock.business_date(), house.clock.now()
    if on <= today:
        work.complete(tx, work=piece, now=now)
        return
    after = UUID(str(piece.payload["after"]))
    read = close.noted if on == due else close.noted_otherwise
    noted = read(tx, cell=piece.cell, on=on, after=after, loans_max=PAGE)
    loans = loan.some(tx, cell=piece.cell, loan_ids=noted) if noted else []
    rows = [row for of in loans if (row := _notice(of, due=due, today=today, house=house)) is not None]
    work.enqueue_many(tx, cell=piece.cell, rows=rows)
    further = {"on": on.isoformat(), "after": noted[-1].hex} if len(noted) == PAGE else {
        "on": (on - _DAY).isoformat(), "after": _FIRST.hex
    }  # fmt: skip
    work.reschedule(tx, work=piece, run_at=now, payload={**piece.payload, **further})


def _notice(of: Loan, *, due: date, today: date, house: House) -> NewWork | None:
    coming = next_due_of(of, after=today)
    if coming is None or coming[0] != due or coming[1] == 0:
        return None
    return NewWork(
        work_id=dated(of.loan_id, on=due, purpose=notice_purpose(template=COMING, mark="")),
        kind=NOTICE,
        subject_id=of.loan_id,
        run_at=awake(max(house.clock.now(), start_of(today) + NOTICE_AT)),
        payload={"template": COMING, "on": due.isoformat(), "amount_fen": coming[1]},
    )
