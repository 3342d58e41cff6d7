"""What a decision reads beside the bureau: signals, in one round trip, and behavior data, each under its consent.

A consent is looked at at the moment of the read and, where something was read under it, once more in the transaction
that keeps the decision (`require_still_given`). One that was withdrawn before the read leaves its features missing, and
each field says in its own file what that means; one that was withdrawn after it ends the application, unchanged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mingqu.domain.consent import Consent, ConsentMissing, ConsentPurpose
from mingqu.domain.decision.field import DATA_SOURCE, SIGNAL_SOURCE, Field, Fields
from mingqu.domain.signal import Key, Signal, SignalKind, read_feature, value_of
from mingqu.ports.data_provider import DataQuery, DataReport
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.note_signals import Origin, keys_of_origin, keys_of_person, note_signals, signal_id
from mingqu.services.require_pace import APPLICATION_STOPS, require_pace
from mingqu.store import consent, party, signal_tally, vault
from mingqu.store.database import Transaction

# What a field calls a consent, and which one that is; a field that names none of these is read without one.
CONSENTS: Final = {
    "automated_decision": ConsentPurpose.AUTOMATED_DECISION,
    "fraud_prevention": ConsentPurpose.FRAUD_PREVENTION,
    "behavior_data": ConsentPurpose.BEHAVIOR_DATA,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalsRead:
    """What was read, by the names of fields; None where a consent or the thing itself was missing.

    `read_under` names, for each value that took one, the consent it was read under.
    """

    values: Mapping[str, int | None]
    read_under: Mapping[str, UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applies:
    """Who applies, under which number, and for how much."""

    person_id: UUID
    application_id: UUID
    amount_fen: int


def read_signals(house: House, *, applies: Applies, fields: Fields, origin: Origin) -> SignalsRead:
    """Note that a person applies, then read what the declared fields ask for. No transaction may be open.

    The application is noted, and committed, first: of several at the same moment each counts those before it. The same
    application again counts once. A provider that is silent, or knows nothing, leaves its features missing.
    Errors: NotFound, PersonErased, VelocityStopped.
    """
    person_id = applies.person_id
    with house.database.transaction() as tx:
        keys = (
            *keys_of_person(tx, house, person_id=person_id),
            *keys_of_origin(tx, house, person_id=person_id, origin=origin),
        )
    told = Signal(
        signal_id=signal_id(event_id=applies.application_id, kind=SignalKind.APPLICATION),
        kind=SignalKind.APPLICATION,
        at=house.clock.now(),
        keys=keys,
        person_id=person_id,
        amount_fen=applies.amount_fen,
    )
    note_signals(house, signals=[told])
    declared = [field for field in fields.fields if field.source in (SIGNAL_SOURCE, DATA_SOURCE)]
    with house.database.transaction() as tx:
        given = consent.of_person(tx, person_id=person_id)
        standing = _standing(house, given, declared)
        values: dict[str, int | None] = _counted(tx, house, person_id, declared, keys, standing)
        asked = [field.name for field in declared if field.source == DATA_SOURCE and field.name in standing]
    if asked:
        values |= _asked(house, applies, standing[asked[0]], asked)
    everything = {field.name: values.get(field.name) for field in declared}
    read_under = {name: standing[name] for name, value in everything.items() if value is not None and name in standing}
    return SignalsRead(values=everything, read_under=read_under)


def require_still_given(tx: Transaction, house: House, *, person_id: UUID, consent_ids: Collection[UUID]) -> None:
    """Return when every consent that something was read under stands still. The caller holds the cell's lock.

    Errors: ConsentMissing, of the first that was withdrawn; the caller keeps nothing.
    """
    wanted, now = set(consent_ids), house.clock.now()
    if not wanted:
        return
    given = consent.of_person(tx, person_id=person_id)
    if wanted - {one.consent_id for one in given}:
        raise ConsentMissing("A consent that this was read under is not this person's: nothing was decided.")
    for one in given:
        if one.consent_id in wanted and not one.holds(at=now):
            raise ConsentMissing(
                "A consent that this was read under was withdrawn meanwhile: nothing was decided.",
                purpose=one.purpose.value,
                recipient=one.recipient,
            )


def _standing(house: House, given: Sequence[Consent], declared: Sequence[Field]) -> dict[str, UUID]:
    """Return, for each field whose consent stands now, which one it is; a field that takes none is not in it."""
    now = house.clock.now()
    held = {one.purpose: one.consent_id for one in given if one.holds(at=now)}
    return {
        field.name: held[CONSENTS[field.consent]]
        for field in declared
        if field.consent in CONSENTS and CONSENTS[field.consent] in held
    }


def _counted(
    tx: Transaction,
    house: House,
    person_id: UUID,
    declared: Sequence[Field],
    keys: Sequence[Key],
    standing: Mapping[str, UUID],
) -> dict[str, int | None]:
    wanted = {
        field.name: feature
        for field in declared
        if field.source == SIGNAL_SOURCE
        and (field.consent not in CONSENTS or field.name in standing)
        and (feature := read_feature(field.name)) is not None
    }
    asked = {*wanted.values(), *(stop.feature for stop in APPLICATION_STOPS)}
    tally = signal_tally.tally(tx, person_id=person_id, keys=keys, features=asked, now=house.clock.now())
    require_pace(stops=APPLICATION_STOPS, tally=tally, coming=0)
    kinds = frozenset(key.kind for key in keys)
    return {name: value_of(feature=feature, tally=tally, keys=kinds) for name, feature in wanted.items()}


def _asked(house: House, applies: Applies, consent_id: UUID, names: Sequence[str]) -> dict[str, int]:
    """Ask the provider for just these features; what it does not answer, or answers unasked, is not there."""
    if house.data_provider is None:
        return {}
    with house.database.transaction() as tx:
        phone = vault.open_field(tx, keyring=house.keyring, person_id=applies.person_id, field=party.FIELD_PHONE)
    query = DataQuery(
        query_number=applies.application_id.hex, consent_id=consent_id, phone=phone, features=tuple(sorted(names))
    )
    try:
        answer = house.data_provider.features(query)
    except ChannelSilent:
        return {}
    if not isinstance(answer, DataReport):
        return {}
    return {name: value for name, value in answer.features.items() if name in names}
