"""Notices: leased from the work table, sent once each, with nothing personal but the phone they go to."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.money import format_fen
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import Message, MessageKind
from mingqu.services.follow_up import NOTICE, awake
from mingqu.services.house import House
from mingqu.services.message_in_app import told_in_app
from mingqu.services.send_message import send_message
from mingqu.store import loan, vault, work
from mingqu.store.vault import PersonErased
from mingqu.store.work import Work

LEASE_SECONDS: Final = 60  # far longer than a send takes; a worker that died is followed after it
BATCH: Final = 100
AGAIN_AFTER: Final = timedelta(minutes=5)


def send_due_notices(house: House, *, cell: int) -> int:
    """Send the notices of a cell that are due, at most BATCH of them, and return how many; none at night."""
    now = house.clock.now()
    if awake(now) != now:
        return 0  # written in time or not, nobody is woken
    with house.database.transaction() as tx:
        leased = work.lease(tx, cell=cell, kinds=[NOTICE], now=now, lease_seconds=LEASE_SECONDS, limit=BATCH)
        tx.commit()
    for piece in leased:
        _send(house, piece, cell)
    return len(leased)


def _send(house: House, piece: Work, cell: int) -> None:
    person_id, phone = _addressee(house, piece, cell)
    sent, template = True, str(piece.payload["template"])
    values = {
        "on": Personal(str(piece.payload["on"])),
        "amount": Personal(format_fen(int(str(piece.payload["amount_fen"])))),
    }
    if phone is not None and not told_in_app(house, person_id=person_id, template=template, values=values):
        message = Message(
            message_number=piece.work_id.hex,  # the same number again is delivered once
            kind=MessageKind.NOTICE,
            phone=phone,
            template=template,
            values=values,
        )
        try:
            send_message(house, message=message)
        except ChannelSilent:
            sent = False
    with house.database.transaction() as tx:
        if sent:
            work.complete(tx, work=piece, now=house.clock.now())
        else:
            work.reschedule(tx, work=piece, run_at=house.clock.now() + AGAIN_AFTER)
        tx.commit()


def _addressee(house: House, piece: Work, cell: int) -> tuple[UUID, Personal[str] | None]:
    """The loan's borrower with their phone; None when they were erased or came without one: nobody is told then."""
    with house.database.transaction() as tx:
        of = loan.get(tx, cell=cell, loan_id=piece.subject_id)
        try:
            return of.person_id, vault.open_field(tx, keyring=house.keyring, person_id=of.person_id, field="phone")
        except (NotFound, PersonErased):
            return of.person_id, None
