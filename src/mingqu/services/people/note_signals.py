"""Signals are noted: what happened, with every key it happened with.

A signal lies with its key, on whichever machine that is, and never in its person's transaction. Two ways keep it whole:

- **Intents** (an application, a code, a sign-in) are noted *before* what they lead to, in a short transaction of their
  own, under an id that follows from the event's. A process that dies in between has noted an intent that was one; sent
  again, the event has the same id and counts once. And because it is committed before anything is counted, of several
  applications at the same moment each sees those that were noted before it: of a hundred, the last sees a hundred.
- **Facts** (a card was bound, a contract signed) are true only once their transaction is. Their work row is written
  in it (`promise_signal`), and a worker writes the signal from that: after a death at any point the row is still there,
  and done twice it is the same id.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.identifier import beside
from mingqu.domain.instrument import InstrumentState
from mingqu.domain.party import read_phone
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.signal import DEVICE_LENGTH_MAX, Key, KeyKind, Signal, SignalKind, network_of
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.store.decisions import signal
from mingqu.store.parties import consent, party
from mingqu.store.people import instrument, vault
from mingqu.store.people.instrument import OpenedCard
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import SealBroken
from mingqu.store.server.work import Work

PROMISED: Final = "signal"  # the kind of work
LEASE_SECONDS: Final = 30
BATCH: Final = 200


_log: Final = logging.getLogger("mingqu.signals")
# The fields by which a person is known beside their cards.
KNOWN_BY: Final = {KeyKind.PHONE: party.FIELD_PHONE, KeyKind.ID_NUMBER: party.FIELD_ID_NUMBER}


class DeviceMalformed(Refusal):
    """A device number has 8 to 128 printable characters without blanks."""

    code: ClassVar[str] = "device_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request came from: the number of the device, as far as it said one, and the network address."""

    device: Personal[str] | None = None
    address: Personal[str] | None = None


NOWHERE: Final = Origin()  # a program of the house's own


def read_device(text: str) -> Personal[str]:
    """Return the number of a device as an app sends it. Errors: DeviceMalformed."""
    if not 8 <= len(text) <= DEVICE_LENGTH_MAX or not (text.isascii() and text.isprintable()) or " " in text:
        raise DeviceMalformed(f"A device number has 8 to {DEVICE_LENGTH_MAX} printable characters, no blanks.")
    return Personal(text)


def keys_of_person(tx: Transaction, house: House, *, person_id: UUID) -> tuple[Key, ...]:
    """Return the keys that are a person's own: their id, and phone, ID number and cards as far as they are proven."""
    return _keys(house, known_of_person(tx, house, person_id=person_id))


def known_of_person(tx: Transaction, house: House, *, person_id: UUID) -> list[tuple[KeyKind, Personal[str]]]:
    """Return what a person is known by: their id, and phone, ID number and cards as far as they are proven."""
    cell = tx.cell_of(person_id)
    fields = vault.fields_asked(cell=cell, fields=[(person_id, name) for name in KNOWN_BY.values()])
    opened, cards = tx.together([fields, instrument.asked(cell=cell, person_id=person_id)])
    return known_in(
        person_id=person_id,
        opened=vault.opened_in(opened, keyring=house.keyring),
        cards=instrument.opened_in(cards, keyring=house.keyring, person_id=person_id),
    )


def known_in(
    *,
    person_id: UUID,
    opened: Mapping[tuple[UUID, str], Personal[str] | None],
    cards: Sequence[OpenedCard],
) -> list[tuple[KeyKind, Personal[str]]]:
    """Return what a person is known by, from what was opened of them. Errors: SealBroken.

    What does not open is not passed over: whoever is on a list by it would be on none.
    """
    require_opened(opened)
    found = [(KeyKind.PERSON, Personal(person_id.hex))]
    found += [(kind, value) for kind, name in KNOWN_BY.items() if (value := opened.get((person_id, name))) is not None]
    found += [(KeyKind.CARD, one.number) for one in cards if one.card.state is InstrumentState.VERIFIED]
    return found


def require_opened(opened: Mapping[tuple[UUID, str], Personal[str] | None]) -> None:
    """Return when all that was sealed opened; what did not is an alert for the house. Errors: SealBroken."""
    for (person_id, name), value in opened.items():
        if value is None:
            _log.error("vault.seal_broken", extra={"fields": {"person_id": person_id.hex, "field": name}})
            raise SealBroken("What is known of this person does not open: nothing is decided.")


def keys_in(house: House, *, known: Iterable[tuple[KeyKind, Personal[str]]], origin: Origin) -> tuple[Key, ...]:
    """Return the keys of what somebody is known by, and of where they ask from as far as `origin` may be used."""
    return _keys(house, (*known, *origin_known(origin)))


def origin_known(origin: Origin) -> list[tuple[KeyKind, Personal[str]]]:
    """Return what an origin is known by; its device is left out by who may not recognize it."""
    device = [] if origin.device is None else [(KeyKind.DEVICE, origin.device)]
    return device + _network(origin)


def keys_of_origin(tx: Transaction, house: House, *, person_id: UUID, origin: Origin) -> tuple[Key, ...]:
    """Return the keys of where a request came from: the device only while its person allows that, at this moment."""
    if origin.device is not None and not may_recognize_device(tx, house, person_id=person_id):
        origin = replace(origin, device=None)
    return _keys(house, origin_known(origin))


def keys_of_asking(house: House, *, phone: Personal[str], origin: Origin) -> tuple[Key, ...]:
    """Return the keys of somebody who is not known yet: their phone and their network, never their device.

    Errors: PhoneMalformed.
    """
    return (phone_key(house, phone=phone), *_keys(house, _network(origin)))


def _network(origin: Origin) -> list[tuple[KeyKind, Personal[str]]]:
    network = None if origin.address is None else network_of(origin.address.reveal())
    return [] if network is None else [(KeyKind.ADDRESS, Personal(network))]


def _keys(house: House, known: Iterable[tuple[KeyKind, Personal[str]]]) -> tuple[Key, ...]:
    return tuple(signal.key_of(keyring=house.keyring, kind=kind, value=value) for kind, value in known)


def may_recognize_device(tx: Transaction, house: House, *, person_id: UUID) -> bool:
    """Return whether a person allows that their device is recognized, now."""
    given, now = consent.of_person(tx, person_id=person_id), house.clock.now()
    return any(one.purpose is ConsentPurpose.FRAUD_PREVENTION and one.holds(at=now) for one in given)


def allows_device(house: House, *, person_id: UUID) -> bool:
    """Return whether a person allows that their device is recognized, now."""
    with house.database.transaction() as tx:
        return may_recognize_device(tx, house, person_id=person_id)


def phone_key(house: House, *, phone: Personal[str]) -> Key:
    """Return the key of a phone. Errors: PhoneMalformed."""
    return signal.key_of(keyring=house.keyring, kind=KeyKind.PHONE, value=read_phone(phone))


def note_signals(house: House, *, signals: Sequence[Signal]) -> None:
    """Write signals in a transaction of their own, which is committed when this returns; again, they are the same."""
    house.database.run(lambda tx: signal.note(tx, signals=signals), planned=True)


def signal_id(*, event_id: UUID, kind: SignalKind) -> UUID:
    """Return the id of the signal that an event is: the same each time."""
    return beside(event_id, purpose=f"signal/{kind.name.lower()}")


def promise_signal(
    tx: Transaction,
    *,
    person_id: UUID,
    event_id: UUID,
    kind: SignalKind,
    at: datetime,
    lender_id: UUID | None = None,
    amount_fen: int | None = None,
) -> None:
    """Write, with a fact and in its transaction, that its signal is still to be noted. The caller commits.

    The keys are found when it is noted: by then they are the person's, and none of them stands in the work row.
    """
    work.enqueue(
        tx,
        cell=tx.cell_of(person_id),
        work_id=signal_id(event_id=event_id, kind=kind),
        kind=PROMISED,
        subject_id=person_id,
        run_at=at,
        payload={
            "kind": int(kind),
            "at": at.isoformat(),
            "lender_id": None if lender_id is None else lender_id.hex,
            "amount_fen": amount_fen,
        },
    )


def note_promised(house: House, *, cell: int) -> int:
    """Note the signals that a cell's facts promised, at most BATCH of them; return how many."""
    now = house.clock.now()
    with house.database.transaction() as tx:
        leased = work.lease(tx, cell=cell, kinds=[PROMISED], now=now, lease_seconds=LEASE_SECONDS, limit=BATCH)
        tx.commit()
    return do_each(house, leased, lambda piece: _note_promised(house, piece))


def _note_promised(house: House, piece: Work) -> None:
    with house.database.transaction() as tx:
        keys = keys_of_person(tx, house, person_id=piece.subject_id)
    note_signals(house, signals=[_promised(piece.payload, piece.work_id, piece.subject_id, keys)])
    with house.database.transaction() as tx:
        work.complete(tx, work=piece, now=house.clock.now())
        tx.commit()


def _promised(payload: dict[str, Any], identity: UUID, person_id: UUID, keys: tuple[Key, ...]) -> Signal:
    lender = payload["lender_id"]
    return Signal(
        signal_id=identity,
        kind=SignalKind(payload["kind"]),
        at=datetime.fromisoformat(payload["at"]),
        keys=keys,
        person_id=person_id,
        lender_id=None if lender is None else UUID(lender),
        amount_fen=payload["amount_fen"],
    )
