"""What a person sees of themselves: how far they are known, their cards, their consents. Personal data is masked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.consent import ConsentPurpose, ShownText
from mingqu.domain.instrument import InstrumentKind, InstrumentState
from mingqu.domain.party import IdentityLevel
from mingqu.domain.personal import Personal, mask_id_number, mask_name, mask_phone
from mingqu.services.house import House
from mingqu.store.parties import consent, party
from mingqu.store.people import card_bin, instrument, vault
from mingqu.store.server.database import Transaction

WALLETS: Final = {"alipay": ("支付宝账户", "Alipay account")}  # by issuer, as the names of banks are


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """A card as a screen may show it: the bank, the last four digits (none of a wallet), whether money may go to it.

    `agreement_id` is that of the active agreement to deduct what is due from this card, or None.
    """

    instrument_id: UUID
    kind: str
    bank_zh: str
    bank_en: str
    tail: str
    verified: bool
    agreement_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """A person as a screen may show them; what is not known yet is None."""

    person_id: UUID
    identity_level: IdentityLevel
    name: str | None
    id_number: str | None
    phone: str | None
    cards: tuple[CardView, ...]
    since: datetime

    @property
    def verified(self) -> bool:
        """Whether name, number, phone and an own card were found to belong together."""
        return self.identity_level is IdentityLevel.FOUR_ELEMENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedNames:
    """A person's name, ID number and phone as a screen may show them."""

    name: str | None
    id_number: str | None
    phone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentView:
    """A consent that was given, with the text as it was then."""

    consent_id: UUID
    purpose: ConsentPurpose
    recipient: str | None
    version: int
    title_zh: str
    title_en: str
    given_at: datetime
    withdrawn_at: datetime | None


def person_view(house: House, *, person_id: UUID) -> PersonView:
    """Return what a person sees of themselves. Errors: NotFound."""
    with house.database.transaction() as tx:
        person = party.load_person(tx, person_id=person_id)
        names = (party.FIELD_NAME, party.FIELD_ID_NUMBER, party.FIELD_PHONE)
        fields = _opened(tx, house, person_id=person_id, fields=names)
        cards = _cards(tx, house, person_id=person_id)
    return PersonView(
        person_id=person_id,
        identity_level=person.identity_level,
        name=_masked(fields.get(party.FIELD_NAME), mask_name),
        id_number=_masked(fields.get(party.FIELD_ID_NUMBER), mask_id_number),
        phone=_masked(fields.get(party.FIELD_PHONE), mask_phone),
        cards=cards,
        since=person.created_at,
    )


def cards_of(house: House, *, person_id: UUID) -> tuple[CardView, ...]:
    """Return a person's cards, the oldest first; nothing else of the person is opened."""
    with house.database.transaction() as tx:
        return _cards(tx, house, person_id=person_id)


def names_of(house: House, *, person_id: UUID) -> MaskedNames:
    """Return how a screen names a person; what was erased or never known is None."""
    fields = (party.FIELD_NAME, party.FIELD_ID_NUMBER, party.FIELD_PHONE)
    with house.database.transaction() as tx:
        opened = _opened(tx, house, person_id=person_id, fields=fields)
    return MaskedNames(
        name=_masked(opened.get(party.FIELD_NAME), mask_name),
        id_number=_masked(opened.get(party.FIELD_ID_NUMBER), mask_id_number),
        phone=_masked(opened.get(party.FIELD_PHONE), mask_phone),
    )


def is_verified(house: House, *, person_id: UUID) -> bool:
    """Return whether name, number, phone and an own card were found to belong together. Errors: NotFound."""
    with house.database.transaction() as tx:
        return party.load_person(tx, person_id=person_id).identity_level is IdentityLevel.FOUR_ELEMENTS


def consents_of(house: House, *, person_id: UUID) -> list[ConsentView]:
    """Return every consent of a person, withdrawn ones as well, the oldest first."""
    with house.database.transaction() as tx:
        given = consent.of_person(tx, person_id=person_id)
    views = []
    for one in given:
        text = house.consent_texts[one.text_id, one.version]
        titles = text.titles(recipient=one.recipient)
        views.append(
            ConsentView(
                consent_id=one.consent_id,
                purpose=one.purpose,
                recipient=one.recipient,
                version=one.version,
                title_zh=titles[0],
                title_en=titles[1],
                given_at=one.given_at,
                withdrawn_at=one.withdrawn_at,
            )
        )
    return views


def consent_text(house: House, *, purpose: ConsentPurpose, recipient: str | None = None) -> ShownText:
    """Return the text that a person is asked to agree to now. Errors: ConsentRecipientWrong."""
    return consent.latest(house.consent_texts, purpose=purpose).shown(recipient=recipient)


def newest_version(house: House, *, purpose: ConsentPurpose) -> int:
    """Return the version of the text that a person is asked to agree to now."""
    return consent.latest(house.consent_texts, purpose=purpose).version


def _cards(tx: Transaction, house: House, *, person_id: UUID) -> tuple[CardView, ...]:
    names = {bank.issuer: (bank.name_zh, bank.name_en) for bank in house.bins} | WALLETS
    views = []
    held = instrument.opened_of_person(tx, keyring=house.keyring, person_id=person_id)
    unknown = [one.card.issuer for one in held if one.card.issuer not in names]
    if unknown:
        names |= card_bin.names(tx, issuers=unknown)
    for one in held:
        card = one.card
        bank_zh, bank_en = names.get(card.issuer, (card.issuer, card.issuer))
        views.append(
            CardView(
                instrument_id=card.instrument_id,
                kind=card.kind.value,
                bank_zh=bank_zh,
                bank_en=bank_en,
                # Of an account's name at an application the last letters tell nobody anything.
                tail="" if card.kind is InstrumentKind.WALLET else one.number.reveal()[-4:],
                verified=card.state is InstrumentState.VERIFIED,
                agreement_id=one.agreement_id,
            )
        )
    return tuple(views)


def _opened(tx: Transaction, house: House, *, person_id: UUID, fields: Sequence[str]) -> Mapping[str, Personal[str]]:
    """Return fields of a person by name, those that are known, in one round trip."""
    wanted = [(person_id, field) for field in fields]
    found = vault.open_many(tx, keyring=house.keyring, cell=tx.cell_of(person_id), fields=wanted)
    return {field: value for (_, field), value in found.items() if value is not None}


def _masked(value: Personal[str] | None, mask: Callable[[Personal[str]], str]) -> str | None:
    return None if value is None else mask(value)
