"""Tell people that a lender which decides by itself gave no answer that counts in its time, so that they ask elsewhere.

The work of telling is written in the transaction in which the question expires. Whoever took the consent back since,
died or was erased is not told.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from mingqu.domain.consent import ConsentMissing
from mingqu.domain.consent import require as require_consent
from mingqu.domain.contact import Denied
from mingqu.domain.identifier import beside
from mingqu.domain.lender_answer import LenderQuestion
from mingqu.domain.moment import business_date_of
from mingqu.domain.money import format_fen
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import Message, MessageKind
from mingqu.services.collection.pass_contact_gate import gate_message
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.services.loans.follow_up import awake
from mingqu.services.messages.message_in_app import told_in_app
from mingqu.services.messages.send_message import send_message
from mingqu.store.lenders import lender_question
from mingqu.store.loans import offer
from mingqu.store.parties import consent
from mingqu.store.people import life, vault
from mingqu.store.people.vault import PersonErased
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import Work

TELL: Final = "lender_expired"
TEMPLATE: Final = "lender.expired"
BATCH: Final = 100
LEASE_SECONDS: Final = 60  # far longer than a send takes; a worker that died is followed after it
AGAIN_AFTER: Final = timedelta(minutes=5)


def promise_to_tell(tx: Transaction, house: House, *, question: LenderQuestion) -> None:
    """Write the work of telling, in the transaction in which a question expires. The caller commits."""
    work.enqueue(
        tx,
        cell=tx.cell_of(question.person_id),
        work_id=beside(question.question_id, purpose=TELL),
        kind=TELL,
        subject_id=question.question_id,
        run_at=awake(house.clock.now()),
        payload={},
    )


def tell_expired(house: House, *, cell: int) -> int:
    """Tell the people of a cell whose questions expired, at most BATCH, and return how many there were.

    Each passes the contact gate at the moment it would be sent; one that is denied waits for the moment that allows it.
    """
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[TELL], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    return do_each(house, leased, lambda piece: _tell(house, piece))


def _tell(house: House, piece: Work) -> None:
    now = house.clock.now()
    with house.database.transaction() as tx:
        known = lender_question.load(tx, question_id=piece.subject_id)
        lines = offer.facilities(tx, person_id=known.person_id)
        phone = _phone(tx, house, known)
    line = next(one for one in lines if one.facility_id == known.facility_id)
    denied = gate_message(house, lender_id=line.lender_id, product_id=known.product_id, at=now)
    is_over = not isinstance(denied, Denied) and (phone is None or _sent(house, piece, known, phone))
    again_at = denied.next_at if isinstance(denied, Denied) else None if is_over else now + AGAIN_AFTER
    with house.database.transaction() as tx:
        if again_at is None:
            work.complete(tx, work=piece, now=house.clock.now())
        else:
            work.reschedule(tx, work=piece, run_at=again_at)
        tx.commit()


def _phone(tx: Transaction, house: House, known: LenderQuestion) -> Personal[str] | None:
    """Return where somebody is told; None where they died, were erased, or let this lender have nothing any more."""
    consents = consent.of_person(tx, person_id=known.person_id)
    given = next(one for one in consents if one.consent_id == known.consent_id)
    try:
        require_consent(consents=consents, purpose=given.purpose, recipient=given.recipient, at=house.clock.now())
        if life.is_deceased(tx, person_id=known.person_id):
            return None
        return vault.open_field(tx, keyring=house.keyring, person_id=known.person_id, field="phone")
    except (ConsentMissing, NotFound, PersonErased):
        return None


def _sent(house: House, piece: Work, known: LenderQuestion, phone: Personal[str]) -> bool:
    """Send the message, inside WeChat or as a text; return whether it went out."""
    lender = next(one for one in house.pack.lenders if one.code == known.lender)
    values = {
        "on": Personal(business_date_of(known.asked_at).isoformat()),
        "amount": Personal(format_fen(known.amount_fen)),
        "lender": Personal(lender.name_zh),
    }
    if told_in_app(house, person_id=known.person_id, template=TEMPLATE, values=values):
        return True
    message = Message(
        message_number=piece.work_id.hex,  # the same number again is delivered once
        kind=MessageKind.NOTICE,
        phone=phone,
        template=TEMPLATE,
        values=values,
    )
    try:
        send_message(house, message=message)
    except ChannelSilent:
        return False
    return True
