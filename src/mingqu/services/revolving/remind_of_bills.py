"""Remind people of the bills of their revolving accounts: when one is made, before it is due, and when it was not paid.

One piece of work a bill, written in the transaction that makes it, has its three moments one after the other. What is
said is read at each of them: a bill that is paid, or one behind which another was made, is not spoken of any more.
The bills of a chunk of a morning are one round (`store/revolving/bill_round.py`); one that has to wait leaves it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from mingqu.services.do_each import do_each, say_failed
from mingqu.services.house import House
from mingqu.services.loans.follow_up import NOTICE_AT, awake
from mingqu.services.messages.tell_person import Told, tell_person
from mingqu.store.revolving import bill_round, late, spend
from mingqu.store.revolving.bill_round import BillRound
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server import column, work
from mingqu.store.server.column import Column
from mingqu.store.server.connection import Statement as Asked
from mingqu.store.server.database import TROUBLE, Transaction
from mingqu.store.server.work import NewWork, Work

BILL_NOTICE: Final = "bill_notice"
REMIND_BEFORE: Final = timedelta(days=3)  # as payers of loans are told what will be deducted
LEASE_SECONDS: Final = 60  # far longer than a send takes; a worker that died is followed after it
BATCH: Final = 100
AGAIN_AFTER: Final = timedelta(minutes=5)
ROUND_MIN: Final = 20  # from so many on, bills of one day are a round: fewer are rows of work
_DAY: Final = timedelta(days=1)
BILLED: Final = "spend.billed"
DUE: Final = "spend.due"
OVERDUE: Final = "spend.overdue"
# Writes what became of a reminder: which moment of its bill is next, and when (None: no more of it); and when that was.
End = Callable[[Transaction, Work, str, datetime | None, datetime], None]


def notices_of(*, cell: int, bills: Sequence[tuple[UUID, Statement]], now: datetime) -> list[Asked]:
    """Return the statements that plan to tell people of bills that were just made, each with its account's id."""
    by_day: dict[tuple[date, date], list[tuple[UUID, int]]] = {}
    for account_id, bill in bills:
        by_day.setdefault((bill.billed_on, bill.due), []).append((account_id, bill.number))
    planned, alone = [], []
    for (billed_on, due), billed in by_day.items():
        if len(billed) >= ROUND_MIN:
            planned.append(
                round_of(
                    cell=cell,
                    first_id=billed[0][0],
                    billed_on=billed_on,
                    due=due,
                    account_ids=column.of_uuids([account_id for account_id, _ in billed]),
                    numbers=column.of_bigints([number for _, number in billed]),
                    now=now,
                )
            )
            continue
        alone += [
            _work_of(account_id, number, billed_on=billed_on, due=due, template=BILLED, run_at=_from(billed_on, now))
            for account_id, number in billed
        ]
    return [*planned, work.enqueued(cell=cell, rows=alone)] if alone else planned


def round_of(
    *, cell: int, first_id: UUID, billed_on: date, due: date, account_ids: Column, numbers: Column, now: datetime
) -> Asked:
    """Return the statement that plans to tell people of the bills of one day; `first_id` is the first account's."""
    return bill_round.inserted(
        cell=cell,
        round_id=beside(spend.statement_id(first_id, billed_on=billed_on), purpose="round"),
        template=BILLED,
        billed_on=billed_on,
        due=due,
        run_at=_from(billed_on, now),
        account_ids=account_ids,
        numbers=numbers,
    )


def _from(billed_on: date, now: datetime) -> datetime:
    """Return from when on a bill is told of."""
    return awake(max(now, start_of(billed_on + _DAY) + NOTICE_AT))


def _work_of(account_id: UUID, number: int, *, billed_on: date, due: date, template: str, run_at: datetime) -> NewWork:
    return NewWork(
        work_id=beside(spend.statement_id(account_id, billed_on=billed_on), purpose=BILL_NOTICE),
        kind=BILL_NOTICE,
        subject_id=account_id,
        run_at=run_at,
        payload={"number": number, "due": due.isoformat(), "template": template},
    )


def remind_of_bills(house: House, *, cell: int) -> int:
    """Take up what is to be said of bills in a cell, at most BATCH and BATCH of a round, and return how much it was.

    Each passes the contact gate at the moment it would be sent; one that is denied waits for the moment that allows it.
    """
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[BILL_NOTICE], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    return do_each(house, leased, lambda piece: _remind(house, piece, _ended)) + _remind_round(house, cell=cell)


def _remind_round(house: House, *, cell: int) -> int:
    """Say what is next of a round that is due; return of how many. Who dies in between left each one told or not.

    It waits as a whole while of none of these bills is known whether it was paid: the morning is still to be made. Once
    it is made, one whose account waits for a payment, or is in trouble, waits by itself.
    """
    now = house.clock.now()
    with house.database.transaction() as tx:
        of = bill_round.lease(tx, cell=cell, now=now, lease_seconds=LEASE_SECONDS, limit=BATCH)
        if of is None:
            return 0
        judged = not of.bills or spend.any_brought_up(
            tx, cell=cell, account_ids=[each.account_id for each in of.bills], to=house.clock.business_date()
        )
        if not judged:
            bill_round.put_off(tx, of=of, until=now + AGAIN_AFTER)
        tx.commit()
    if not judged:
        return 1
    for each in of.bills:
        new = _work_of(
            each.account_id, each.number, billed_on=of.billed_on, due=of.due, template=of.template, run_at=of.run_at
        )
        piece = Work(
            cell=cell, work_id=new.work_id, kind=new.kind, subject_id=new.subject_id, run_at=new.run_at, fence=0,
            payload=new.payload,
        )  # fmt: skip
        end = _counted(of, each.place)
        try:
            _remind(house, piece, end)
        except (*TROUBLE, work.LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001 - it leaves the round, and is set aside by itself if it fails again
            say_failed(piece, error)
            _go_on(house, piece, end, template=of.template, at=house.clock.now() + AGAIN_AFTER)
    following, at = _following(of.template, due=of.due, now=house.clock.now())
    with house.database.transaction() as tx:
        bill_round.go_on(tx, of=of, template=following, at=at)
        tx.commit()
    return len(of.bills)


def spread_bill_rounds(tx: Transaction, *, now: datetime) -> None:
    """Make what rounds have left to say work, each bill by itself: for whoever takes their cells apart."""
    for of, told in bill_round.all_left(tx):
        following, at = _following(of.template, due=of.due, now=now)
        moments = [(of.template, of.run_at) if each.place >= told else (following, at) for each in of.bills]
        rows = [
            _work_of(each.account_id, each.number, billed_on=of.billed_on, due=of.due, template=template, run_at=run_at)
            for each, (template, run_at) in zip(of.bills, moments, strict=True)
            if run_at is not None
        ]
        work.enqueue_many(tx, cell=of.cell, rows=rows)
    bill_round.drop_all(tx)


def _ended(tx: Transaction, piece: Work, template: str, again_at: datetime | None, at: datetime) -> None:
    """Let a reminder that was leased by itself wait for its next moment; without one it is done."""
    if again_at is None:
        work.complete(tx, work=piece, now=at)
    else:
        work.reschedule(tx, work=piece, run_at=again_at, payload={**piece.payload, "template": template})


def _counted(of: BillRound, place: int) -> End:
    """Return what ends a reminder of a round: it goes on with the others, waits by itself, or leaves them for good."""

    def end(tx: Transaction, piece: Work, template: str, again_at: datetime | None, _: datetime) -> None:
        if again_at is None:
            bill_round.leave(tx, of=of, place=place)
        elif template == of.template:
            waits = NewWork(
                work_id=piece.work_id, kind=piece.kind, subject_id=piece.subject_id, run_at=again_at,
                payload=piece.payload,
            )  # fmt: skip
            bill_round.leave(tx, of=of, place=place, waits=waits)
        else:
            bill_round.count(tx, of=of, place=place)

    return end


def _remind(house: House, piece: Work, end: End) -> None:
    with house.database.transaction() as tx:
        account = spend.get(tx, account_id=piece.subject_id)
    now, template = house.clock.now(), str(piece.payload["template"])
    if next_morning(account.state) <= house.clock.business_date():  # whether it was paid is not judged yet
        _go_on(house, piece, end, template=template, at=now + AGAIN_AFTER)
        return
    told, amount_fen = False, _left_fen(account, number=int(str(piece.payload["number"])), template=template)
    if amount_fen:
        answer = gate_message(house, lender_id=account.lender_id, product_id=account.product_id, at=now)
        if isinstance(answer, Denied):
            _put_off(house, piece, account, answer, end)
            return
        answered = _tell(house, piece, account, template=template, amount_fen=amount_fen)
        if not answered.is_over:
            _go_on(house, piece, end, template=template, at=now + AGAIN_AFTER)
            return
        told = template == OVERDUE and answered is Told.YES  # whom nothing reached is not reported
    following, at = _following(template, due=date.fromisoformat(str(piece.payload["due"])), now=now)
    _go_on(house, piece, end, template=following, at=at if amount_fen else None, told=told)


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


def _go_on(house: House, piece: Work, end: End, *, template: str, at: datetime | None, told: bool = False) -> None:
    """Let a bill's next moment wait; `told`: its owner was told that it is late, and may be reported from now on."""
    now = house.clock.now()
    with house.database.transaction() as tx:
        if told:
            late.note_told(tx, account_id=piece.subject_id, number=int(str(piece.payload["number"])), at=now)
        end(tx, piece, template, at, now)
        tx.commit()


def _put_off(house: House, piece: Work, about: SpendAccount, denied: Denied, end: End) -> None:
    """Keep the denial and let what is to be said wait, in one commit; what no day allows is not said at all."""
    now = house.clock.now()
    with house.database.transaction() as tx:
        keep_denial(tx, work_id=piece.work_id, about=about, denied=denied, at=now)
        end(tx, piece, str(piece.payload["template"]), denied.next_at, now)
        tx.commit()


def _tell(house: House, piece: Work, account: SpendAccount, *, template: str, amount_fen: int) -> Told:
    """Tell the account's owner, and return what became of it."""
    return tell_person(
        house,
        person_id=account.person_id,
        number=beside(piece.work_id, purpose=template).hex,  # the same number again is delivered once
        template=template,
        values={"on": Personal(str(piece.payload["due"])), "amount": Personal(format_fen(amount_fen))},
    )
