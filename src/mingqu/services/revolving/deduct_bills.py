"""Deduct, on a bill's due day, the part that the account's owner chose, from the card or wallet of their agreement.

Each choice has one piece of work, under the choice's own id, which goes from due day to due day and on each from try to
try (`DEDUCTION_TRIES`). A try looks, under the cell's lock, at what is left of the part by then: what was paid by hand
lessens or ends it, and while a payment may still succeed unheard, by hand or deducted, nothing is asked for and the try
waits until its end is known. What is left is an order of the account, with its agreement, and lives like the deduction
of a loan: UNKNOWN is asked for, a refusal ends it, and its end is told to the owner. A worker that slept over the due
day tries once, as soon as it wakes. What was not sent on the day of its try is not sent any more: its owner agreed to
no other (`end_over`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from mingqu.domain.moment import start_of
from mingqu.domain.spend import DEDUCTION_TRIES, deducted_fen, next_morning, next_try
from mingqu.domain.spend import Statement as Bill
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.services.revolving.record_spend import bring_up_all
from mingqu.services.revolving.reserve_deduction import reserve_deduction
from mingqu.services.revolving.tell_of_deductions import tell_not_deducted
from mingqu.store.loans import repayment
from mingqu.store.parties import consent
from mingqu.store.revolving import bill_deduction, spend
from mingqu.store.revolving.bill_deduction import Choice
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import Work

DEDUCT: Final = "deduct_bill"
LEASE_SECONDS: Final = 60  # far longer than a transaction takes
BATCH: Final = 100
PAGE_HOUR: Final = timedelta(minutes=70)  # a page can be paid for an hour, and what was paid is heard minutes later
AGAIN_AFTER: Final = timedelta(minutes=5)  # while a payment on its way keeps a morning from being told
_DAY: Final = timedelta(days=1)
_NUMBER: Final = "number"  # in the work's payload: the last bill that was taken up


def begin_work(tx: Transaction, house: House, *, account: SpendAccount, choice: Choice) -> None:
    """Write the work of a new choice; a bill whose due day is over counts as taken up. The caller commits."""
    bill = account.state.bill
    over = bill is not None and bill.due < house.clock.business_date()
    work.enqueue(
        tx,
        cell=account.cell,
        work_id=choice.choice_id,
        kind=DEDUCT,
        subject_id=choice.account_id,
        run_at=house.clock.now(),
        payload={_NUMBER: bill.number if bill is not None and over else 0},
    )


def deduct_bills(house: House, *, cell: int) -> int:
    """Take up the choices of a cell that are due, at most BATCH of them, and return how many."""
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[DEDUCT], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    return do_each(house, leased, lambda piece: house.database.run(partial(_take_up, house=house, piece=piece)))


def _take_up(tx: Transaction, *, house: House, piece: Work) -> None:
    """Reserve what is to be deducted now, if anything is, and let the work wait for its next moment: in one commit."""
    tx.lock_cell(piece.cell)
    now, today = house.clock.now(), house.clock.business_date()
    choice = bill_deduction.load(tx, choice_id=piece.work_id)
    if choice.ended_at is not None:
        work.complete(tx, work=piece, now=now)
        return
    account = spend.get(tx, account_id=choice.account_id)
    if next_morning(account.state) <= today:
        if spend.is_paying(tx, account_id=account.account_id):
            work.reschedule(tx, work=piece, run_at=now + AGAIN_AFTER)
            return
        account = bring_up_all(tx, house, accounts=[account], to=today)[0]
    bill, done = account.state.bill, int(str(piece.payload[_NUMBER]))
    at = start_of(account.state.next_bill_on + _DAY) + DEDUCTION_TRIES[0]  # the next bill is made by then
    if bill is not None and (bill.number > done or bill.due == today):
        due_at = start_of(bill.due) + DEDUCTION_TRIES[0]
        if now < due_at:
            at = due_at
        elif _is_paying(tx, account, now=now):
            work.reschedule(tx, work=piece, run_at=now + AGAIN_AFTER)  # this try is still to come
            return
        else:
            _try(tx, house, account, choice, bill)
            done = bill.number
            at = (next_try(now) if bill.due == today else None) or at
    work.reschedule(tx, work=piece, run_at=at, payload={_NUMBER: done})


def _is_paying(tx: Transaction, account: SpendAccount, *, now: datetime) -> bool:
    """Whether money may be on its way: said to a channel, or asked for on a page that somebody is about to open."""
    account_id = account.account_id
    return spend.is_paying(tx, account_id=account_id) or spend.has_page(
        tx, account_id=account_id, since=now - PAGE_HOUR
    )


def _try(tx: Transaction, house: House, account: SpendAccount, choice: Choice, bill: Bill) -> None:
    """Reserve the deduction of what is left of a bill's part, unless one is open; the caller commits."""
    amount_fen = deducted_fen(account.state, choice.part)
    if not amount_fen or bill_deduction.open_orders(tx, account_id=account.account_id):
        return
    given = consent.load(tx, person_id=choice.person_id, consent_id=choice.consent_id)
    assert given.withdrawn_at is None, "a choice ends with its consent"
    agreement = repayment.active_agreements(tx, cell=account.cell, person_ids=[account.person_id]).get(
        account.person_id
    )
    if agreement is not None:
        reserve_deduction(tx, account=account, choice=choice, agreement=agreement, at=house.clock.now())
    else:  # the card or wallet was given up; of one bill this is told once
        tell_not_deducted(tx, house, account=account, bill=bill, amount_fen=amount_fen)
