"""What is known of somebody who applies, before anybody else is asked: one round trip, without a lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from mingqu.domain.consent import Consent, ConsentPurpose
from mingqu.domain.party import Person
from mingqu.domain.personal import Personal
from mingqu.domain.signal import KeyKind
from mingqu.services.house import House
from mingqu.services.people.note_signals import KNOWN_BY, known_in, require_opened
from mingqu.store.decisions import decision, publication
from mingqu.store.decisions.current_policies import Current
from mingqu.store.decisions.decision import Decided
from mingqu.store.loans import offer
from mingqu.store.parties import consent, party
from mingqu.store.people import instrument, vault
from mingqu.store.server import idempotency
from mingqu.store.server.idempotency import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """Who applies as the book knew them a moment ago; what is decided by it is looked at again under the lock.

    `decided` is the decision on this application, if it was made before. `known` is what the person is known by.
    """

    person: Person
    consents: Sequence[Consent]
    holds_limits: bool
    was_decided: bool
    decided: Decided | None
    current: Current
    name: Personal[str] | None
    id_number: Personal[str] | None
    phone: Personal[str] | None
    known: Sequence[tuple[KeyKind, Personal[str]]] = field(repr=False)

    @property
    def person_id(self) -> UUID:
        """Whose they are."""
        return self.person.person_id


def know_applicant(house: House, *, person_id: UUID, application_id: UUID, claim: Claim | None) -> Applicant:
    """Return what is known of a person who applies under this id, and under this idempotency key if there is one.

    Errors: NotFound (no such person, or the id is another's), IdempotencyKeyMalformed, IdempotencyKeyReused,
    SealBroken, KeyUnknown.
    """
    named = [(person_id, name) for name in (party.FIELD_NAME, *KNOWN_BY.values())]
    answers = house.database.ask(
        lambda book: [
            publication.generation_asked(),
            decision.of_application_asked(
                cell=(cell := book.cell_of(person_id)), person_id=person_id, application_id=application_id
            ),
            offer.facilities_asked(cell=cell, person_id=person_id),
            decision.latest_asked(cell=cell, person_id=person_id),
            party.person_asked(cell=cell, person_id=person_id),
            consent.asked(cell=cell, person_id=person_id),
            vault.fields_asked(cell=cell, fields=named),
            instrument.asked(cell=cell, person_id=person_id),
            *([] if claim is None else [idempotency.looked_up(cell=cell, claim=claim)]),
        ]
    )
    generation, decided, lines, latest, person, given, fields, cards, *looked_up = answers
    if claim is not None:
        idempotency.replay_in(looked_up[0], claim=claim)  # of another body it raises; its decision is `decided`
    opened = vault.opened_in(fields, keyring=house.keyring)
    require_opened(opened)
    return Applicant(
        decided=decision.of_application_in(decided, person_id=person_id),
        person=party.person_in(person),
        consents=consent.given_in(given, person_id=person_id),
        holds_limits=bool(offer.facilities_in(lines)),
        was_decided=decision.latest_in(latest) is not None,
        current=house.policies.as_asked(house.database, generation=publication.generation_in(generation)),
        name=opened.get((person_id, party.FIELD_NAME)),
        id_number=opened.get((person_id, party.FIELD_ID_NUMBER)),
        phone=opened.get((person_id, party.FIELD_PHONE)),
        known=known_in(
            person_id=person_id,
            opened=opened,
            cards=instrument.opened_in(cards, keyring=house.keyring, person_id=person_id),
        ),
    )


def standing(house: House, *, consents: Sequence[Consent], purpose: ConsentPurpose) -> Consent | None:
    """Return the latest consent to a purpose that stands now, or None."""
    now = house.clock.now()
    held = [one for one in consents if one.purpose is purpose and one.holds(at=now)]
    return max(held, key=lambda one: (one.given_at, one.consent_id), default=None)
