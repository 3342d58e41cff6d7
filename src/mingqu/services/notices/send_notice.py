"""Notices: leased from the work table or from a round of many, sent once each, with nothing personal but the phone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from mingqu.domain.contact import Denied
from mingqu.domain.identifier import dated
from mingqu.domain.money import format_fen
from mingqu.domain.personal import Personal
from mingqu.services.collection.pass_contact_gate import gate_message, keep_denial
from mingqu.services.do_each import do_each, say_failed
from mingqu.services.house import House
from mingqu.services.loans.follow_up import NOTICE, UNTOLD, notice_purpose
from mingqu.services.messages.tell_person import Told, tell_person
from mingqu.services.notices.remind_of_dues import COMING
from mingqu.services.orders.announce_deductions import due_fen_on
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.messages import notice_round
from mingqu.store.messages.notice_round import Notice
from mingqu.store.server import work
from mingqu.store.server.database import TROUBLE, Transaction
from mingqu.store.server.work import NewWork, Work

LEASE_SECONDS: Final = 60  # far longer than a send takes; a worker that died is followed after it
BATCH: Final = 100
AGAIN_AFTER: Final = timedelta(minutes=5)
# Writes what became of a notice: over, or to be tried again at a moment; and when that was.
End = Callable[[Transaction, Work, datetime | None, datetime], None]


def send_due_notices(house: House, *, cell: int) -> int:
    """Take up the notices of a cell that are due, at most BATCH of them and BATCH of a round, and return how many.

    Each passes the contact gate at the moment it would be sent; one that is denied waits for the moment that allows it.
    """
    now = house.clock.now()
    with house.database.transaction() as tx:
        leased = work.lease(tx, cell=cell, kinds=[NOTICE], now=now, lease_seconds=LEASE_SECONDS, limit=BATCH)
        tx.commit()
    sent = do_each(house, leased, lambda piece: _send(house, piece, cell, _ended))
    return sent + _send_round(house, cell=cell, now=now)


def _send_round(house: House, *, cell: int, now: datetime) -> int:
    """Send the next notices of a round that is due; return how many. Who dies in between left each one sent or not."""
    with house.database.transaction() as tx:
        of = notice_round.lease(tx, cell=cell, now=now, lease_seconds=LEASE_SECONDS, limit=BATCH)
        tx.commit()
    if of is None:
        return 0
    for each in of.notices:

        def end(tx: Transaction, piece: Work, again_at: datetime | None, at: datetime, place: int = each.place) -> None:
            notice_round.end(tx, of=of, place=place, work=piece, again_at=again_at, now=at)

        new = _work_of(template=of.template, on=of.on, run_at=of.run_at, notice=each)
        piece = Work(
            cell=cell, work_id=new.work_id, kind=new.kind, subject_id=new.subject_id, run_at=new.run_at, fence=0,
            payload=new.payload,
        )  # fmt: skip
        try:
            _send(house, piece, cell, end)
        except (*TROUBLE, work.LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001 - it leaves the round, and is set aside by itself if it fails again
            say_failed(piece, error)
            with house.database.transaction() as tx:
                end(tx, piece, house.clock.now() + AGAIN_AFTER, house.clock.now())
                tx.commit()
    with house.database.transaction() as tx:
        notice_round.give_back(tx, of=of)
        tx.commit()
    return len(of.notices)


def spread_rounds(tx: Transaction) -> None:
    """Make what rounds have left to tell work, each by itself: for whoever takes their cells apart."""
    left: dict[int, list[NewWork]] = {}
    for cell, run_at, template, on, notice in notice_round.all_left(tx):
        left.setdefault(cell, []).append(_work_of(template=template, on=on, run_at=run_at, notice=notice))
    for cell, rows in left.items():
        work.enqueue_many(tx, cell=cell, rows=rows)
    notice_round.drop_all(tx)


def _work_of(*, template: str, on: date, run_at: datetime, notice: Notice) -> NewWork:
    """Return a notice of a round as the work that a loan brought up by itself would have written."""
    return NewWork(
        work_id=dated(notice.loan_id, on=on, purpose=notice_purpose(template=template, mark=str(notice.mark))),
        kind=NOTICE,
        subject_id=notice.loan_id,
        run_at=run_at,
        payload={"template": template, "on": on.isoformat(), "amount_fen": notice.amount_fen},
    )


def _ended(tx: Transaction, piece: Work, again_at: datetime | None, at: datetime) -> None:
    """Mark a notice that was leased by itself as done, or let it wait until `again_at`."""
    if again_at is None:
        work.complete(tx, work=piece, now=at, payload=piece.payload)
    else:
        work.reschedule(tx, work=piece, run_at=again_at)


def _send(house: House, piece: Work, cell: int, end: End) -> None:
    with house.database.transaction() as tx:
        about = loan.get(tx, cell=cell, loan_id=piece.subject_id)
    at = house.clock.now()
    answer = gate_message(house, lender_id=about.lender_id, product_id=about.product_id, at=at)
    if isinstance(answer, Denied):
        _put_off(house, piece, about, answer, at, end)
        return
    told, template = Told.YES, str(piece.payload["template"])
    amount_fen, over = int(str(piece.payload["amount_fen"])), False
    if template == COMING:  # what was paid since is not asked for
        amount_fen = due_fen_on(about, on=date.fromisoformat(str(piece.payload["on"])))
        over = amount_fen == 0
    if not over:
        told = tell_person(
            house,
            person_id=about.person_id,
            number=piece.work_id.hex,  # the same number again is delivered once
            template=template,
            values=_values(piece, amount_fen),
        )
    now = house.clock.now()
    with house.database.transaction() as tx:
        ended = _untold(piece) if told is Told.NOBODY else piece
        end(tx, ended, None if told.is_over else now + AGAIN_AFTER, now)
        tx.commit()


def _untold(piece: Work) -> Work:
    """Let a notice say of itself that it reached nobody: of what it would have said nobody was told."""
    return replace(piece, payload={**piece.payload, UNTOLD: True})


def _values(piece: Work, amount_fen: int) -> dict[str, Personal[str]]:
    """Return what a notice says: its day, the amount, and of a claim that passed to somebody else whose it is, whose it
    was, and for which bill.
    """
    said = {"on": str(piece.payload["on"]), "amount": format_fen(amount_fen)}
    for name in ("creditor", "bill", "seller"):
        if name in piece.payload:
            said[name] = str(piece.payload[name])
    return {name: Personal(value) for name, value in said.items()}


def _put_off(house: House, piece: Work, about: Loan, denied: Denied, at: datetime, end: End) -> None:
    """Keep the denial and let the notice wait, in one commit; what no day allows is not sent at all."""
    with house.database.transaction() as tx:
        keep_denial(tx, work_id=piece.work_id, about=about, denied=denied, at=at)
        end(tx, _untold(piece) if denied.next_at is None else piece, denied.next_at, at)
        tx.commit()
