"""What a decision reads beside the bureau: signals, in one round trip, and behavior data, each under its consent.

A consent is looked at at the moment of the read and, where something was read under it, once more in the transaction
that keeps the decision (`require_still_given`). One that was withdrawn before the read leaves its features missing, and
each field says in its own file what that means; one that was withdrawn after it ends the application, unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mingqu.domain.consent import Consent, ConsentMissing, ConsentPurpose
from mingqu.domain.decision.field import DATA_SOURCE, SIGNAL_SOURCE, Field, Fields
from mingqu.domain.signal import Key, Signal, SignalKind, read_feature, value_of
from mingqu.ports.data_provider import DataQuery, DataReport
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.people.know_applicant import Applicant
from mingqu.services.people.note_signals import Origin, keys_in, note_signals, signal_id
from mingqu.services.require_pace import APPLICATION_STOPS, require_pace
from mingqu.store.decisions import signal_tally
from mingqu.store.parties import consent

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
    """Under which number somebody applies, and for how much."""

    application_id: UUID
    amount_fen: int


def read_signals(
    house: House, *, applicant: Applicant, applies: Applies, fields: Fields, origin: Origin
) -> SignalsRead:
    """Note that a person applies, then read what the declared fields ask for. No transaction may be open.

    The application is noted, and committed, first: of several at the same moment each counts those before it. The same
    application again counts once. A provider that is silent, or knows nothing, leaves its features missing. The device
    of `origin` is left out by who may not recognize it.
    Errors: VelocityStopped.
    """
    keys = keys_in(house, known=applicant.known, origin=origin)
    told = Signal(
        signal_id=signal_id(event_id=applies.application_id, kind=SignalKind.APPLICATION),
        kind=SignalKind.APPLICATION,
        at=house.clock.now(),
        keys=keys,
        person_id=applicant.person_id,
        amount_fen=applies.amount_fen,
    )
    note_signals(house, signals=[told])
    declared = [field for field in fields.fields if field.source in (SIGNAL_SOURCE, DATA_SOURCE)]
    values, standing = _counted(house, applicant, declared, keys)
    asked = [field.name for field in declared if field.source == DATA_SOURCE and field.name in standing]
    if asked:
        values |= _asked(house, applicant, applies, standing[asked[0]], asked)
    everything = {field.name: values.get(field.name) for field in declared}
    read_under = {name: standing[name] for name, value in everything.items() if value is not None and name in standing}
    return SignalsRead(values=everything, read_under=read_under)


def require_still_given(house: House, *, given: Sequence[Consent], read_under: Mapping[str, UUID]) -> None:
    """Return when every consent that something was read under stands still, by the person's consents `given`.

    They were read under the cell's lock. Errors: ConsentMissing, of the first that does not stand (details: purpose,
    recipient; an id that is none of this person's is named by what was read under it); the caller keeps nothing.
    """
    now, known = house.clock.now(), {one.consent_id: one for one in given}
    for read, consent_id in read_under.items():
        one = known.get(consent_id)
        if one is None:
            raise ConsentMissing(
                "A consent that this was read under is not this person's: nothing was decided.",
                purpose=CONSENTS[read].value if read in CONSENTS else read,
                recipient=None,
            )
        if not one.holds(at=now):
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
    house: House, applicant: Applicant, declared: Sequence[Field], keys: Sequence[Key]
) -> tuple[dict[str, int | None], dict[str, UUID]]:
    """Return what was counted for each field whose consent stands at this moment, and those consents."""
    person_id, before = applicant.person_id, _standing(house, applicant.consents, declared)
    wanted = {
        field.name: feature
        for field in declared
        if field.source == SIGNAL_SOURCE
        and (field.consent not in CONSENTS or field.name in before)
        and (feature := read_feature(field.name)) is not None
    }
    features = {*wanted.values(), *(stop.feature for stop in APPLICATION_STOPS)}
    given, counted = house.database.ask(
        lambda book: [
            consent.asked(cell=(cell := book.cell_of(person_id)), person_id=person_id),
            signal_tally.asked(
                cell=cell,
                cells=book.cells,
                person_id=person_id,
                keys=keys,
                features=features,
                now=house.clock.now(),
            ),
        ]
    )
    standing = _standing(house, consent.given_in(given, person_id=person_id), declared)
    tally = signal_tally.tally_in(counted, features=features)
    require_pace(stops=APPLICATION_STOPS, tally=tally, coming=0)
    kinds = frozenset(key.kind for key in keys)
    open_to_us = {field.name for field in declared if field.consent not in CONSENTS or field.name in standing}
    values = {
        name: value_of(feature=feature, tally=tally, keys=kinds)
        for name, feature in wanted.items()
        if name in open_to_us
    }
    return values, standing


def _asked(
    house: House, applicant: Applicant, applies: Applies, consent_id: UUID, names: Sequence[str]
) -> dict[str, int]:
    """Ask the provider for just these features; what it does not answer, or answers unasked, is not there."""
    if house.data_provider is None or applicant.phone is None:
        return {}
    query = DataQuery(
        query_number=applies.application_id.hex,
        consent_id=consent_id,
        phone=applicant.phone,
        features=tuple(sorted(names)),
    )
    try:
        answer = house.data_provider.features(query)
    except ChannelSilent:
        return {}
    if not isinstance(answer, DataReport):
        return {}
    return {name: value for name, value in answer.features.items() if name in names}
