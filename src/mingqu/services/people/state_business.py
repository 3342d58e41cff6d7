"""State a business of one's own: a register says whether it is there, and whether this person is its legal person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from mingqu.domain import consent as consents
from mingqu.domain.business import (
    KIND,
    TRIES_HOURS,
    TRIES_MAX,
    BusinessAnswer,
    BusinessNotStated,
    read_business_name,
    read_use,
    require_match,
)
from mingqu.domain.canonical import Canonical
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.party import IdentityLevel, read_uscc
from mingqu.domain.personal import Personal
from mingqu.domain.product import Product
from mingqu.domain.refusal import Refusal
from mingqu.ports.identity import BusinessElements
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.once import IdempotencyKeyReused
from mingqu.services.people.bind_wallet import IdentityNotVerified
from mingqu.store.parties import consent, party
from mingqu.store.people import business, vault
from mingqu.store.people.business import Business
from mingqu.store.server.database import Transaction


class BusinessTriesExhausted(Refusal):
    """The same person stated businesses four times in 24 hours."""

    code: ClassVar[str] = "business_tries_exhausted"
    status: ClassVar[int] = 429


class BusinessCheckSilent(Refusal):
    """Whoever keeps the register did not answer; nothing is decided, and the same request may be sent again."""

    code: ClassVar[str] = "business_check_silent"
    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessView:
    """A verified business; of the code all but four and two characters are masked."""

    business_id: UUID
    name: str
    uscc: str
    use: str
    verified_at: datetime


def state_business(
    house: House, *, person_id: UUID, request_id: UUID, name: Personal[str], uscc: Personal[str], use: str
) -> UUID:
    """State that a business is the person's own and what its loan is for; return the business's id.

    `request_id` is made by the caller and is the same when the request is sent again. The try is counted before the
    register is asked, outside any transaction; a silent register decides nothing. What was verified last counts: a
    further statement says another use, or another business.
    Sources: GB 32100-2015 (the code); 个人贷款管理办法 (2024) art. 7 (use), PIPL art. 23 (consent).
    Errors: UsccMalformed, UsccCheckCharacterWrong, BusinessNameMalformed, UseOfMoneyUnknown, IdentityNotVerified,
    ConsentMissing, BusinessTriesExhausted, IdempotencyKeyReused, BusinessCheckSilent, BusinessUnknown, NotLegalPerson.
    """
    code, named, meant = Personal(read_uscc(uscc.reveal())), read_business_name(name), read_use(use)
    spoken = Personal("/".join((code.reveal(), meant, named.reveal())))
    stated = Business(
        business_id=house.id_for(person_id),
        person_id=person_id,
        request_id=request_id,
        uscc_hash=business.hash_of(house.keyring, uscc=code),
        stated_hash=house.keyring.lookup_hash(kind="business", value=spoken),
        use=meant,
        answer=None,
        stated_at=house.clock.now(),
    )
    kept, own_name, id_number = house.database.run(lambda tx: _stated(tx, house, stated=stated))
    if kept.answer is not None:
        require_match(kept.answer)
        return kept.business_id
    try:
        answer = house.identity.check_business(
            BusinessElements(
                request_number=request_id.hex, uscc=code, business_name=named, name=own_name, id_number=id_number
            )
        )
    except ChannelSilent:
        raise BusinessCheckSilent("The register did not answer. Nothing is decided; please try again.") from None

    def keep(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(person_id))
        business.answered(
            tx, keyring=house.keyring, business=kept, answer=answer, name=named, uscc=code, at=house.clock.now()
        )

    house.database.run(keep)
    require_match(answer)
    return kept.business_id


def _stated(tx: Transaction, house: House, *, stated: Business) -> tuple[Business, Personal[str], Personal[str]]:
    """Store a statement, once for a request; return it with the person's own name and number."""
    person_id = stated.person_id
    tx.lock_cell(tx.cell_of(person_id))
    if party.load_person(tx, person_id=person_id).identity_level is not IdentityLevel.FOUR_ELEMENTS:
        raise IdentityNotVerified("Prove your name and a card of your own first.")
    consents.require(
        consents=consent.of_person(tx, person_id=person_id),
        purpose=ConsentPurpose.BUSINESS_VERIFICATION,
        recipient=None,
        at=stated.stated_at,
    )
    name, id_number = (
        vault.open_field(tx, keyring=house.keyring, person_id=person_id, field=field)
        for field in (party.FIELD_NAME, party.FIELD_ID_NUMBER)
    )
    before = business.of_request(tx, person_id=person_id, request_id=stated.request_id)
    if before is not None:
        if before.stated_hash != stated.stated_hash:
            raise IdempotencyKeyReused("This idempotency key came with another request before.")
        return before, name, id_number
    since = stated.stated_at - timedelta(hours=TRIES_HOURS)
    if business.tries_since(tx, person_id=person_id, at=since) >= TRIES_MAX:
        raise BusinessTriesExhausted(f"{TRIES_MAX} tries in {TRIES_HOURS} hours are used up: try again tomorrow.")
    business.insert(tx, business=stated)
    return stated, name, id_number


def business_view(house: House, *, person_id: UUID) -> BusinessView | None:
    """Return the person's business as it was last verified, or None."""
    with house.database.transaction() as tx:
        known = business.standing(tx, person_id=person_id)
        if known is None:
            return None
        name, uscc = business.opened(tx, keyring=house.keyring, business=known)
    text = uscc.reveal()
    return BusinessView(
        business_id=known.business_id,
        name=name.reveal(),
        uscc=f"{text[:4]}{'*' * 12}{text[-2:]}",
        use=known.use,
        verified_at=known.stated_at,
    )


def lends_to(tx: Transaction, *, product: Product, person_id: UUID) -> bool:
    """Return whether a product may be lent to a person: a business loan takes a verified business."""
    return product.kind != KIND or business.standing(tx, person_id=person_id) is not None


def require_business(tx: Transaction, *, product: Product, person_id: UUID) -> None:
    """Return when a product may be lent to a person. Errors: BusinessNotStated."""
    if not lends_to(tx, product=product, person_id=person_id):
        raise BusinessNotStated("This loan is for a business of your own: state it first (/business).")


def business_of_contract(tx: Transaction, *, product: Product, person_id: UUID) -> dict[str, Canonical]:
    """Return what the contract of a business loan says of the business and its use. Errors: BusinessNotStated."""
    require_business(tx, product=product, person_id=person_id)
    known = business.standing(tx, person_id=person_id)
    if product.kind != KIND or known is None:
        return {}
    assert known.uscc_hash is not None, "an erased person signs nothing"
    assert known.answer is BusinessAnswer.MATCH
    return {"business": {"id": known.business_id.hex, "uscc_hash": known.uscc_hash.hex(), "use": known.use}}


def use_of(body: Mapping[str, Canonical]) -> str:
    """Return what the contract of a business loan says the money is for; of any other contract, nothing."""
    found = body.get("business")
    return str(found["use"]) if isinstance(found, Mapping) else ""
