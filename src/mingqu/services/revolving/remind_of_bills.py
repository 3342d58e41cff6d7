"""Remind people of the bills of their revolving accounts: when one is made, before it is due, and when it was not paid.

One piece of work a bill, written in the transaction that makes it, has its three moments one after the other. What is
said is read at each of them: a bill that is paid, or one behind which another was made, is not spoken of any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.contact import Denied
from mingqu.domain.identifier import beside
from mingqu.domain.moment import business_date_of, start_of
from mingqu.domain.money import format_fen
from mingqu.domain.personal import Personal
from mingqu.domain.spend import Statement, next_morning
from mingqu.services.collection.pass_contact_gate import gate_message, keep_denial
from mingqu.services.house import House
from mingqu.services.loans.follow_up import NOTICE_AT, awake
from mingqu.services.messages.tell_person import tell_person
from mingqu.store import spend, work
from mingqu.store.spend import SpendAccount
from mingqu.store.work import NewWork, Work

BILL_NOTICE: Final = "bill_notice"
REMIND_BEFORE: Final = timedelta(days=3)  # as payers of loans are told what will be deducted
LEASE_SECONDS: Final = 60  # far longer than a send takes; a worker that died is followed after it
BATCH: Final = 100
AGAIN_AFTER: Final = timedelta(minutes=5)
_DAY: Final = timedelta(days=1)
BILLED: Final = "spend.billed"
DUE: Final = "spend.due"
OVERDUE: Final = "spend.overdue"


def notices_of(bills: Sequence[tuple[UUID, Statement]], *, now: datetime) -> list[NewWork]:
    """Return the work of telling people of bills that were just made, each with its account's id."""
    return [
        NewWork(
            work_id=beside(spend.statement_id(account_id, billed_on=bill.billed_on), purpose=BILL_NOTICE),
            kind=BILL_NOTICE,
            subject_id=account_id,
            run_at=awake(max(now, start_of(bill.billed_on + _DAY) + NOTICE_AT)),
            payload={"number": bill.number, "due": bill.due.isoformat(), "template": BILLED},
        )
        for account_id, bill in bills
    ]


def remind_of_bills(house: House, *, cell: int) -> int:
    """Take up what is to be said of bills in a cell, at most BATCH, and return how much it was.

    Each passes the contact gate at the moment it would be sent; one that is denied waits for the moment that allows it.
    """
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[BILL_NOTICE], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    for piece in leased:
        _remind(house, piece)
    return len(leased)


def _remind(house: House, piece: Work) -> None:
    with house.database.transaction() as tx:
        account = spend.get(tx, account_id=piece.subject_id)
    now, template = house.clock.now(), str(piece.payload["template"])
    if next_morning(account.state) <= house.clock.business_date():  # whether it was paid is not judged yet
        _go_on(house, piece, template=template, at=now + AGAIN_AFTER)
        return
    amount_fen = _left_fen(account, number=int(str(piece.payload["number"])), template=template)
    if amount_fen:
        answer = gate_message(house, lender_id=account.lender_id, product_id=account.product_id, at=now)
        if isinstance(answer, Denied):
            _put_off(house, piece, account, answer, template=template, at=now)
            return
        if not _tell(house, piece, account, template=template, amount_fen=amount_fen):
            _go_on(house, piece, template=template, at=now + AGAIN_AFTER)
            return
    following, at = _following(template, due=date.fromisoformat(str(piece.payload["due"])), now=now)
    _go_on(house, piece, template=following, at=at if amount_fen else None)


def _left_fen(account: SpendAccount, *, number: int, template: str) -> int:
    """Return what there is to say of a bill: what is left of it, or what is lacking once it is late; 0: nothing."""
    bill = account.state.bill
    if bill is None or bill.number != number:
        return 0
    return account.state.lacking_fen if template == OVERDUE else account.state.bill_left_fen


def _following(template: str, *, due: date, now: datetime) -> tuple[str, datetime | None]:
    """Return what is said next of a bill, and when; None when nothing is. A moment that is over is passed by."""
    moments = {BILLED: (DUE, due - REMIND_BEFORE), DUE: (OVERDUE, due + _DAY)}
    while template in moments:  # each turn goes on to a later one of three
        template, on = moments[template]
        if on >= business_date_of(now):
            return template, awake(start_of(on) + NOTICE_AT)
    return template, None


def _go_on(house: House, piece: Work, *, template: str, at: datetime | None) -> None:
    with house.database.transaction() as tx:
        if at is None:
            work.complete(tx, work=piece, now=house.clock.now())
        else:
            work.reschedule(tx, work=piece, run_at=at, payload={**piece.payload, "template": template})
        tx.commit()


def _put_off(house: House, piece: Work, about: SpendAccount, denied: Denied, *, template: str, at: datetime) -> None:
    """Keep the denial and let what is to be said wait, in one commit; what no day allows is not said at all."""
    with house.database.transaction() as tx:
        keep_denial(tx, work_id=piece.work_id, about=about, denied=denied, at=at)
        if denied.next_at is None:
            work.complete(tx, work=piece, now=at)
        else:
            work.reschedule(tx, work=piece, run_at=denied.next_at, payload={**piece.payload, "template": template})
        tx.commit()


def _tell(house: House, piece: Work, account: SpendAccount, *, template: str, amount_fen: int) -> bool:
    """Tell the account's owner; return whether that is over: also where nobody can be told."""
    return tell_person(
        house,
        person_id=account.person_id,
        number=beside(piece.work_id, purpose=template).hex,  # the same number again is delivered once
        template=template,
        values={"on": Personal(str(piece.payload["due"])), "amount": Personal(format_fen(amount_fen))},
    )
