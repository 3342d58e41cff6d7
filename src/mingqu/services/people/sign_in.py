"""Sign in with a code sent to a phone. A login is not a person: several may lead to the same one."""

from __future__ import annotations

from uuid import UUID

from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.party import LoginProvider, read_phone
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.signal import Signal, SignalKind
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import Message, MessageKind
from mingqu.services.house import House
from mingqu.services.messages.send_message import send_message
from mingqu.services.people.note_signals import (
    NOWHERE,
    Origin,
    keys_of_asking,
    keys_of_origin,
    note_signals,
    phone_key,
    signal_id,
)
from mingqu.services.require_pace import CODE_STOPS, SIGN_IN_STOPS, require_pace_of
from mingqu.store.parties import party
from mingqu.store.people import directory, one_time_code
from mingqu.store.server.database import Transaction


def send_code(house: House, *, phone: Personal[str], purpose: CodePurpose, origin: Origin = NOWHERE) -> None:
    """Send a code to a phone, in place of one sent before.

    The code is stored (as a keyed hash), and its signal noted, before it is sent; if the message is lost the person
    asks for another. Errors: PhoneMalformed, CodeTooSoon, CodeSendsExhausted, VelocityStopped.
    """
    phone = read_phone(phone)
    digits, number = house.codes.digits(), house.identifiers.fresh(0)
    keys = keys_of_asking(house, phone=phone, origin=origin)
    require_pace_of(house, stops=CODE_STOPS, keys=keys)
    with house.database.transaction() as tx:
        one_time_code.issue(
            tx, keyring=house.keyring, phone=phone, purpose=purpose, digits=digits, at=house.clock.now()
        )
        tx.commit()
    kind, at = SignalKind.CODE_SENT, house.clock.now()
    sent = Signal(signal_id=signal_id(event_id=number, kind=kind), kind=kind, at=at, keys=keys)
    note_signals(house, signals=[sent])
    message = Message(
        message_number=number.hex,
        kind=MessageKind.CODE,
        phone=phone,
        template=f"code.{purpose.value}",
        values={"code": digits},
    )
    try:
        send_message(house, message=message)
    except ChannelSilent:
        return  # it may have arrived; if not, a new code can be had after a minute


def check_code(house: House, *, phone: Personal[str], purpose: CodePurpose, digits: Personal[str]) -> None:
    """Use up a code. A wrong one is counted, so the count is committed before the refusal is raised.

    Errors: CodeExpired, CodeUsed, CodeWrong, CodeTriesExhausted.
    """
    refusal = house.database.run(
        lambda tx: one_time_code.attempt(
            tx,
            keyring=house.keyring,
            phone=read_phone(phone),
            purpose=purpose,
            digits=digits,
            at=house.clock.now(),
        )
    )
    if isinstance(refusal, Refusal):
        raise refusal


def sign_in(house: House, *, phone: Personal[str], digits: Personal[str], origin: Origin = NOWHERE) -> UUID:
    """Return the person that a phone leads to; a phone never seen before makes a new person.

    Errors: those of `check_code`, VelocityStopped.
    """
    phone = read_phone(phone)
    require_pace_of(house, stops=SIGN_IN_STOPS, keys=keys_of_asking(house, phone=phone, origin=origin))
    check_code(house, phone=phone, purpose=CodePurpose.SIGN_IN, digits=digits)
    person_id = person_of_login(house, provider=LoginProvider.PHONE, subject=phone)
    note_sign_in(house, person_id=person_id, origin=origin, phone=phone)
    return person_id


def note_sign_in(house: House, *, person_id: UUID, origin: Origin, phone: Personal[str] | None = None) -> None:
    """Note that somebody signed in, before they get a session."""
    with house.database.transaction() as tx:
        keys = keys_of_origin(tx, house, person_id=person_id, origin=origin)
    if phone is not None:
        keys = (phone_key(house, phone=phone), *keys)
    kind, event_id, at = SignalKind.SIGN_IN, house.id_for(person_id), house.clock.now()
    came = Signal(signal_id=signal_id(event_id=event_id, kind=kind), kind=kind, at=at, keys=keys, person_id=person_id)
    note_signals(house, signals=[came])


def person_of_login(house: House, *, provider: LoginProvider, subject: Personal[str]) -> UUID:
    """Return the person that a login leads to, making one for a login never seen; its provider vouched for it."""

    def enter(tx: Transaction) -> UUID:
        known = party.find_by_login(tx, keyring=house.keyring, provider=provider, subject=subject)
        if known is not None:
            return known.person_id
        person_id, at = house.identifiers.fresh(house.identifiers.slot()), house.clock.now()
        party.create_person(tx, keyring=house.keyring, person_id=person_id, at=at)
        directory.add_login(tx, keyring=house.keyring, provider=provider, subject=subject, person_id=person_id, at=at)
        return person_id

    try:
        return house.database.run(enter)
    except directory.DirectoryTaken:
        return house.database.run(enter)  # two first sign-ins at once: the other one made the person
