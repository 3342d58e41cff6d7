"""Send a card holder to the bank that issued their card, for cash out of it (信用卡取现). The bank does the rest.

What is asked here is whether somebody may be sent: the bank is connected and open to them, their wish is within the
rules, the money would go to a debit card of their own, they read the guidance, and they agreed that this bank gets
their data. Then the bank is told, and the person goes there. No account is opened, no amount is booked, and nothing is
charged: a test holds that no module of a referral knows the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.cash_advance import Referral, ReferralState, Wish, check_wish, counts_today
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.consent import require as require_consent
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.institution import (
    Institution,
    InstitutionNotConnected,
    Service,
    require_open,
    require_region,
)
from mingqu.domain.instrument import require_payout
from mingqu.domain.party import IdentityLevel
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.ports.cash_advance import CardHolder, CashAdvanceBank, PageOpened, ReferralRequest, Standing
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.services.referrals.follow_referrals import hear, promise_to_ask
from mingqu.services.repayment.repay import ChannelUnavailable
from mingqu.store.lenders import referral
from mingqu.store.parties import consent, party
from mingqu.store.people import instrument, vault
from mingqu.store.server.database import Transaction

PAGE_LASTS: Final = timedelta(days=1)  # of a bank: whoever comes later is referred anew


class GuidanceNotRead(Refusal):
    """What is said about using such money was not read, or is another since: read it and say so."""

    code: ClassVar[str] = "guidance_not_read"
    status: ClassVar[int] = 409


class IdentityNotProved(Refusal):
    """Only who proved their name and a card of their own is sent to a bank: prove it first."""

    code: ClassVar[str] = "identity_not_proved"
    status: ClassVar[int] = 409


class ReferralOver(Refusal):
    """The referral has ended, or its page at the bank has run out: ask to be referred anew."""

    code: ClassVar[str] = "referral_over"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A referral, and where its person goes now; None when the bank declined."""

    referral: Referral
    address: str | None


def refer_cash_advance(
    house: House, *, person_id: UUID, bank: str, instrument_id: UUID, wish: Wish, guidance_hash: str, key: str
) -> Left:
    """Refer a person to a bank with a wish and return where they go; with the same `key` it is one referral.

    Sources: 银发〔2016〕111号, 银保监规〔2022〕13号 (amounts, months, own settlement account); PIPL art. 23 (consent).
    Errors: InstitutionUnknown, InstitutionNotConnected, PartnerNotListed, PilotExcludes, RegionNotServed,
    LendingSwitchedOff, IdentityNotProved, NotFound, InstrumentNotVerified, CardNotSupported, GuidanceNotRead,
    ConsentMissing, those of `check_wish`, ChannelUnavailable (nothing is lost: send it again), and those of the key.
    """

    def work(tx: Transaction) -> Response:
        now, today = house.clock.now(), house.clock.business_date()
        # Whose card it is comes first: of somebody else's nothing is told, not even about the bank.
        card = instrument.load(tx, person_id=person_id, instrument_id=instrument_id)
        entry = require_bank(tx, house, person_id=person_id, bank=bank)
        require_payout(instrument=card)
        if house.guidance is None or guidance_hash != house.guidance.hash:
            raise GuidanceNotRead("Read what is said about using such money, and confirm it.")
        agreed = require_consent(
            consents=consent.of_person(tx, person_id=person_id),
            purpose=ConsentPurpose.REFER_TO_BANK,
            recipient=entry.name_zh,
            at=now,
        )
        before = [one for one in referral.of_person(tx, person_id=person_id) if one.bank == bank]
        used_fen = sum(counts_today(one, on=today) for one in before)
        rules = house.policies.current(tx).pack.rules
        check_wish(wish=wish, used_today_fen=used_fen, rules=rules, business_date=today)
        made = Referral(
            referral_id=house.id_for(person_id),
            person_id=person_id,
            bank=bank,
            entry_version=entry.version,
            entry_hash=entry.hash,
            instrument_id=instrument_id,
            wish=wish,
            consent_id=agreed.consent_id,
            guidance_hash=guidance_hash,
            state=ReferralState.REFERRED,
            made_on=today,
            made_at=now,
            heard_at=now,
        )
        referral.insert(tx, keyring=house.keyring, referral=made)
        promise_to_ask(tx, house, referral=made)
        return {"referral_id": made.referral_id.hex}

    request: dict[str, Canonical] = {
        "bank": bank,
        "instrument_id": instrument_id.hex,
        "amount_fen": wish.amount_fen,
        "repayment": wish.repayment.value,
        "months": wish.months,
        "guidance_hash": guidance_hash,
    }
    answer = once(house, person_id=person_id, command="refer_cash_advance", key=key, request=request, work=work)
    return _announce(house, person_id=person_id, referral_id=UUID(str(answer["referral_id"])))


def go_to_bank(house: House, *, person_id: UUID, referral_id: UUID) -> str:
    """Return where the person of a referral goes now, as often as they ask while it is open.

    Errors: NotFound, ReferralOver, InstitutionNotConnected, ChannelUnavailable.
    """
    left = _announce(house, person_id=person_id, referral_id=referral_id)
    if left.address is None:
        raise ReferralOver("The bank declined; its reason is shown with the referral.")
    return left.address


def require_bank(tx: Transaction, house: House, *, person_id: UUID, bank: str) -> Institution:
    """Return a bank's entry when this person may be sent there today; asked at each routing and never remembered.

    Errors: InstitutionUnknown, InstitutionNotConnected, PartnerNotListed, PilotExcludes, LendingSwitchedOff,
    IdentityNotProved, RegionNotServed.
    """
    today = house.clock.business_date()
    entry = house.directory.find(code=bank, service=Service.CARD_CASH_ADVANCE, business_date=today)
    require_open(entry=entry, person_id=person_id, partner=house.settings.operator_name, business_date=today)
    issuer_of(house, bank=bank)
    if house.policies.current(tx).switches(business_date=today).product_off(product_id="", lender_code=bank):
        raise LendingSwitchedOff("This bank is switched off for now: take another one, or come back later.")
    if party.load_person(tx, person_id=person_id).identity_level is not IdentityLevel.FOUR_ELEMENTS:
        raise IdentityNotProved("Prove your name and a debit card of your own first.")
    number = vault.open_field(tx, keyring=house.keyring, person_id=person_id, field=party.FIELD_ID_NUMBER)
    require_region(entry=entry, province=number.reveal()[:2])
    return entry


def issuer_of(house: House, *, bank: str) -> CashAdvanceBank:
    """Return the channel to a bank. Errors: InstitutionNotConnected, when no credentials name it."""
    found = house.issuers.get(bank)
    if found is None:
        raise InstitutionNotConnected(
            "This institution is not connected here: take one that is.", stands_at="connecting"
        )
    return found


def _announce(house: House, *, person_id: UUID, referral_id: UUID) -> Left:
    """Tell the bank of a referral, again if need be, and return where its person goes.

    Errors: NotFound, ReferralOver, InstitutionNotConnected, ChannelUnavailable.
    """
    with house.database.transaction() as tx:
        known = referral.load(tx, person_id=person_id, referral_id=referral_id)
        bank = issuer_of(house, bank=known.bank)
        if known.state is ReferralState.REFUSED and known.address is None:
            return Left(referral=known, address=None)
        _require_under_way(known, at=house.clock.now())
        holder = _holder(tx, house, referral=known)
    if known.address is not None:
        return Left(referral=known, address=bank.way_to(number=known.number, address=known.address))
    request = ReferralRequest(
        number=known.number, bank=known.bank, wish=known.wish, consent_id=known.consent_id.hex, holder=holder
    )
    try:
        said = bank.refer(request)
    except ChannelSilent:
        raise ChannelUnavailable("The bank did not answer: send the same again in a moment.") from None
    if not isinstance(said, PageOpened):
        standing = Standing(state=ReferralState.REFUSED, code=said.code)
        return Left(referral=hear(house, referral_id=referral_id, standing=standing), address=None)

    def keep(tx: Transaction) -> Referral:
        tx.lock_cell(tx.cell_of(person_id))
        found = replace(referral.load(tx, referral_id=referral_id), address=said.address)
        referral.update(tx, referral=found)
        return found

    kept = house.database.run(keep)
    return Left(referral=kept, address=bank.way_to(number=kept.number, address=said.address))


def _require_under_way(known: Referral, *, at: datetime) -> None:
    if known.is_final or at >= known.made_at + PAGE_LASTS:
        raise ReferralOver("This referral has ended; ask to be referred anew.")


def _holder(tx: Transaction, house: House, *, referral: Referral) -> CardHolder:
    person_id = referral.person_id

    def opened(name: str) -> Personal[str]:
        return vault.open_field(tx, keyring=house.keyring, person_id=person_id, field=name)

    consents = consent.of_person(tx, person_id=person_id)
    given = next(one for one in consents if one.consent_id == referral.consent_id)
    # Withdrawn since: the bank gets nothing any more (PIPL art. 15).
    require_consent(consents=consents, purpose=given.purpose, recipient=given.recipient, at=house.clock.now())
    card = instrument.load(tx, person_id=person_id, instrument_id=referral.instrument_id)
    require_payout(instrument=card)
    return CardHolder(
        name=opened(party.FIELD_NAME),
        id_number=opened(party.FIELD_ID_NUMBER),
        phone=opened(party.FIELD_PHONE),
        debit_card=instrument.open_number(
            tx, keyring=house.keyring, person_id=person_id, instrument_id=referral.instrument_id
        ),
    )
