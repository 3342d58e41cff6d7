"""Notices: leased from the work table, sent once each, with nothing personal but the phone they go to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from mingqu.domain.contact import Denied
from mingqu.domain.money import format_fen
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import Message, MessageKind
from mingqu.services.follow_up import NOTICE
from mingqu.services.house import House
from mingqu.services.message_in_app import told_in_app
from mingqu.services.pass_contact_gate import gate_message, keep_denial
from mingqu.services.send_message import send_message
from mingqu.store import life, loan, vault, work
from mingqu.store.loan import Loan
from mingqu.store.vault import PersonErased
from mingqu.store.work import Work

LEASE_SECONDS: Final = 60  # far longer than a send takes; a worker that died is followed after it
BATCH: Final = 100
AGAIN_AFTER: Final = timedelta(minutes=5)


def send_due_notices(house: House, *, cell: int) -> int:
    """Take up the notices of a cell that are due, at most BATCH of them, and return how many.

    Each passes the contact gate at the moment it would be sent; one that is denied waits for the moment that allows it.
    """
    now = house.clock.now()
    with house.database.transaction() as tx:
        leased = work.lease(tx, cell=cell, kinds=[NOTICE], now=now, lease_seconds=LEASE_SECONDS, limit=BATCH)
        tx.commit()
    for piece in leased:
        _send(house, piece, cell)
    return len(leased)


def _send(house: House, piece: Work, cell: int) -> None:
    with house.database.transaction() as tx:
        about = loan.get(tx, cell=cell, loan_id=piece.subject_id)
    at = house.clock.now()
    answer = gate_message(house, about=about, at=at)
    if isinstance(answer, Denied):
        _put_off(house, piece, about, answer, at)
        return
    phone = _phone(house, about)
    sent, template = True, str(piece.payload["template"])
    values = {
        "on": Personal(str(piece.payload["on"])),
        "amount": Personal(format_fen(int(str(piece.payload["amount_fen"])))),
    }
    if phone is not None and not told_in_app(house, person_id=about.person_id, template=template, values=values):
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


def _put_off(house: House, piece: Work, about: Loan, denied: Denied, at: datetime) -> None:
    """Keep the denial and let the notice wait, in one commit; what no day allows is not sent at all."""
    with house.database.transaction() as tx:
        keep_denial(tx, work_id=piece.work_id, about=about, denied=denied, at=at)
        if denied.next_at is None:
            work.complete(tx, work=piece, now=at)
        else:
            work.reschedule(tx, work=piece, run_at=denied.next_at)
        tx.commit()


def _phone(house: House, about: Loan) -> Personal[str] | None:
    """The phone of the loan's borrower; None when they died, were erased, or came without one: nobody is told then."""
    with house.database.transaction() as tx:
        if life.is_deceased(tx, person_id=about.person_id):
            return None
        try:
            return vault.open_field(tx, keyring=house.keyring, person_id=about.person_id, field="phone")
        except (NotFound, PersonErased):
            return None
