"""Announce what will be deducted: a wallet that tells its people of it hears of each due day some days ahead.

Every agreement with such a wallet has one piece of work that looks each morning at the loans of its person, and at the
bills of which they let a part be deducted. What falls due within DAYS_AHEAD gets an announcement of its own, whose
number follows from loan or account, day, amount and agreement, so that any number of workers make it once and say it
again as the same. An announcement is at most what is deducted:

- a loan that was paid, or of which less will be due, needs no other; nothing, or less, is deducted under it;
- one of which more will be due is announced again, and the deduction rests on the announcement that covers it;
- what is not true any more when it would be said is not said, unless it becomes true again before its day;
- with the agreement's end nothing more is announced, and the wallet, told of the end, forgets what was.

No document knows of a way to take an announcement back, so none is made up here. A deduction that no announcement
covers (more fell due on the last day, a payment was reversed) goes out without one.

Source: pay.weixin.qq.com, APIv3, "信贷还款", schedule-records/batch-create (2025-09 to 2025-12): from tomorrow to the
fourteenth day from now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import dated
from mingqu.domain.loan import Stage, brought_up, quote
from mingqu.domain.moment import start_of
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Refused
from mingqu.ports.collection import AnnouncingChannel, DeductionAnnouncement, least_fen
from mingqu.ports.silence import ChannelSilent
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.services.orders.drop_agreement import end_agreement
from mingqu.services.orders.find_announcement import TELL, TOLD, announced_of
from mingqu.services.orders.find_bill_due import bill_due_fen, bills_due
from mingqu.services.orders.run_errand import token_field
from mingqu.store.loans import loan, repayment
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.repayment import Agreement
from mingqu.store.people import vault
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import NewWork, Work

PLAN: Final = "plan_announcements"  # the work of looking at what an agreement will be asked for, each morning
# Long enough to fill a wallet or to pay by hand, short enough that little changes until then; the wallet takes 14.
DAYS_AHEAD: Final = 3
PLAN_AT: Final = timedelta(hours=9)
LEASE_SECONDS: Final = 60  # far longer than a call takes
BATCH: Final = 100
AGAIN_AFTER: Final = timedelta(hours=1)  # so at most 72 times within DAYS_AHEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """One announcement as its work bears it."""

    number: str
    person_id: UUID
    agreement_id: UUID
    amount_fen: int
    on: date

    @classmethod
    def read(cls, payload: Mapping[str, object]) -> _Wanted:
        return cls(
            number=str(payload["number"]),
            person_id=UUID(str(payload["person_id"])),
            agreement_id=UUID(str(payload["agreement_id"])),
            amount_fen=int(str(payload["amount_fen"])),
            on=date.fromisoformat(str(payload["on"])),
        )

    def payload(self) -> dict[str, object]:
        return {
            "number": self.number,
            "person_id": self.person_id.hex,
            "agreement_id": self.agreement_id.hex,
            "amount_fen": self.amount_fen,
            "on": self.on.isoformat(),
        }


def watch_agreement(tx: Transaction, house: House, *, agreement: Agreement) -> None:
    """Write the work of announcing what an agreement will be asked for, where its channel is told. The caller commits.

    The work has the agreement's id: whoever writes it again writes nothing.
    """
    if agreement.channel in house.announcing:
        work.enqueue(
            tx,
            cell=tx.cell_of(agreement.person_id),
            work_id=agreement.agreement_id,
            kind=PLAN,
            subject_id=agreement.agreement_id,
            run_at=house.clock.now(),
            payload={"person_id": agreement.person_id.hex},
        )


def next_due_of(of: Loan, *, after: date) -> tuple[date, int] | None:
    """Return a loan's next due day after a day and what will be due on it, in fen, if nothing happens until then."""
    if of.state.stage is not Stage.ACTIVE:
        return None
    on = min((line.due for line in of.state.instalments if not line.billed and line.due > after), default=None)
    return None if on is None else (on, due_fen_on(of, on=on))


def due_fen_on(of: Loan, *, on: date) -> int:
    """Return what will be due on a day to come, in fen: what its deduction will ask for if nothing happens until then.

    It is worked out by the mornings themselves, which take in what is overdue and its penalty.
    """
    if of.state.stage is not Stage.ACTIVE:
        return 0
    return quote(terms=of.terms, state=brought_up(terms=of.terms, state=of.state, business_date=on), on=on).due_fen


def plan_announcements(house: House, *, cell: int) -> int:
    """Write an announcement for what falls due soon under agreements of a cell, at most BATCH of them; return how many.

    An agreement that has ended is looked at no more.
    """
    leased = _lease(house, cell=cell, kind=PLAN)
    return do_each(house, leased, lambda piece: house.database.run(lambda tx: _write_plan(tx, house, piece)))


def _write_plan(tx: Transaction, house: House, piece: Work) -> None:
    today = house.clock.business_date()
    person_id = UUID(str(piece.payload["person_id"]))
    agreement = repayment.load_agreement(tx, person_id=person_id, agreement_id=piece.subject_id)
    if agreement.state != "active":
        work.complete(tx, work=piece, now=house.clock.now())
        return
    coming = [
        (of.loan_id, *found)
        for of in loan.of_person(tx, person_id=person_id)
        if (found := next_due_of(of, after=today)) is not None
    ]
    rows = [
        row
        for subject_id, on, amount_fen in (*coming, *bills_due(tx, person_id=person_id, after=today))
        if on <= today + timedelta(days=DAYS_AHEAD)
        if (row := _announcement(tx, house, subject_id, agreement=agreement, on=on, amount_fen=amount_fen)) is not None
    ]
    work.enqueue_many(tx, cell=piece.cell, rows=rows)
    work.reschedule(tx, work=piece, run_at=start_of(today + timedelta(days=1)) + PLAN_AT)


def _announcement(
    tx: Transaction, house: House, subject_id: UUID, *, agreement: Agreement, on: date, amount_fen: int
) -> NewWork | None:
    """Return the work of announcing a due day of a loan or account, or None: it is covered, or above the agreement."""
    if not 0 < amount_fen <= house.settings.wallet_deduction_fen_max:
        return None
    told = announced_of(tx, subject_id=subject_id, agreement_id=agreement.agreement_id, on=on)
    if any(one.amount_fen >= amount_fen for one in told):
        return None
    made = dated(subject_id, on=on, purpose=f"announce {amount_fen} {agreement.agreement_id.hex}")
    wanted = _Wanted(
        number=made.hex,
        person_id=agreement.person_id,
        agreement_id=agreement.agreement_id,
        amount_fen=amount_fen,
        on=on,
    )
    return NewWork(work_id=made, kind=TELL, subject_id=subject_id, run_at=house.clock.now(), payload=wanted.payload())


def tell_announcements(house: House, *, cell: int) -> int:
    """Tell wallets of deductions of a cell to come, at most BATCH of them, and return how many were looked at."""
    leased = _lease(house, cell=cell, kind=TELL)
    return do_each(house, leased, lambda piece: _tell(house, piece))


def _tell(house: House, piece: Work) -> None:
    """Say one announcement if it is true, and keep the answer. A worker that dies here leaves it to be said."""
    wanted, today = _Wanted.read(piece.payload), house.clock.business_date()
    with house.database.transaction() as tx:
        agreement = repayment.load_agreement(tx, person_id=wanted.person_id, agreement_id=wanted.agreement_id)
        due_fen = _due_fen(tx, piece, on=wanted.on, today=today)
        token = _token(tx, house, wanted) if agreement.state == "active" else None
    channel = house.announcing.get(agreement.channel)
    if token is None or wanted.on <= today:
        _end(house, piece, told=False)
    elif channel is None or due_fen != wanted.amount_fen:
        _later(house, piece)
    else:
        match _said(channel, wanted, token):
            case Accepted():
                _end(house, piece, told=True)
            case Refused():
                house.database.run(lambda tx: _drop(tx, house, wanted))
                _end(house, piece, told=False)
            case None:
                _later(house, piece)


def _due_fen(tx: Transaction, piece: Work, *, on: date, today: date) -> int:
    """Return what will be due on a day of the loan or account that an announcement is of."""
    of = loan.some(tx, cell=piece.cell, loan_ids=[piece.subject_id])
    return due_fen_on(of[0], on=on) if of else bill_due_fen(tx, account_id=piece.subject_id, on=on, after=today)


def _said(channel: AnnouncingChannel, wanted: _Wanted, token: Personal[str]) -> Accepted | Refused | None:
    """Say it and return the answer; None is silence, after which it is said again under the same number."""
    try:
        return channel.announce(
            DeductionAnnouncement(
                number=wanted.number,
                agreement_token=token,
                amount_fen=wanted.amount_fen,
                amount_fen_min=least_fen(wanted.amount_fen),
                on=wanted.on,
            )
        )
    except ChannelSilent:
        return None


def _drop(tx: Transaction, house: House, wanted: _Wanted) -> None:
    """End the agreement that has ended at its wallet, if it still holds here."""
    tx.lock_cell(tx.cell_of(wanted.person_id))
    agreement = repayment.load_agreement(tx, person_id=wanted.person_id, agreement_id=wanted.agreement_id)
    if agreement.state == "active":
        end_agreement(tx, house, person_id=wanted.person_id)


def _token(tx: Transaction, house: House, wanted: _Wanted) -> Personal[str] | None:
    field = token_field(wanted.agreement_id)
    try:
        return vault.open_field(tx, keyring=house.keyring, person_id=wanted.person_id, field=field)
    except (NotFound, vault.PersonErased):
        return None


def _lease(house: House, *, cell: int, kind: str) -> Sequence[Work]:
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[kind], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    return leased


def _end(house: House, piece: Work, *, told: bool) -> None:
    payload = {**piece.payload, TOLD: told}
    house.database.run(lambda tx: work.complete(tx, work=piece, now=house.clock.now(), payload=payload))


def _later(house: House, piece: Work) -> None:
    house.database.run(lambda tx: work.reschedule(tx, work=piece, run_at=house.clock.now() + AGAIN_AFTER))
