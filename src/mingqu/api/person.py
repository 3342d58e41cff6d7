"""Who the caller is, and proving it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.session import CODE_REFUSES
from mingqu.api.shape import PLAIN, Answer, Body, CardNumber, Digits, IdNumber, Name, Phone, shaped
from mingqu.domain.consent import ConsentMissing
from mingqu.domain.instrument import (
    CardCheckDigitWrong,
    CardClosed,
    CardNotOwn,
    CardNotSupported,
    CardNumberMalformed,
    CardTriesExhausted,
)
from mingqu.domain.party import IdNumberCheckDigitWrong, IdNumberMalformed, NameMalformed, PersonUnderAge
from mingqu.domain.personal import Personal
from mingqu.services.once import id_of_key, once_done
from mingqu.services.people.bind_wallet import IdentityNotVerified, WalletNotOwn, bind_alipay_account
from mingqu.services.people.read_person import PersonView, person_view
from mingqu.services.people.sign_in_with_alipay import (
    AlipayCodeWrong,
    AlipayLoginBlocked,
    AlipayLoginSilent,
    AlipayNotConnected,
)
from mingqu.services.people.verify_identity import IdentityCheckSilent, PersonMergeNeedsReview, verify_identity

TAG: Final = "Person"


class Card(Answer, frozen=True, kw_only=True):
    """A card. `agreement_id` is that of the agreement to deduct what is due from it, if there is one."""

    instrument_id: UUID
    kind: Annotated[str, msgspec.Meta(examples=["debit_card"])]
    bank_zh: Annotated[str, msgspec.Meta(examples=["清平银行"])]
    bank_en: Annotated[str, msgspec.Meta(examples=["Qingping Bank"])]
    tail: Annotated[str, msgspec.Meta(description="The last four digits.", examples=["0018"])]
    verified: bool
    agreement_id: UUID | None


class Person(Answer, frozen=True, kw_only=True):
    """The caller, with personal data masked. What is not known yet is null."""

    person_id: UUID
    verified: bool
    identity_level: Annotated[int, msgspec.Meta(examples=[3])]
    name: Annotated[str, msgspec.Meta(examples=["张*"])] | None
    id_number: Annotated[str, msgspec.Meta(examples=["1101**********002X"])] | None
    phone: Annotated[str, msgspec.Meta(examples=["138****8000"])] | None
    cards: list[Card]
    since: datetime


class Cards(Answer, frozen=True, kw_only=True):
    """The caller's cards."""

    cards: list[Card]


class NewVerification(Body, frozen=True, kw_only=True):
    """The four elements that must belong together, and the code sent to the card's phone (`verify_identity`)."""

    name: Name
    id_number: IdNumber
    phone: Phone
    card_number: CardNumber
    code: Digits


class Verification(Answer, frozen=True, kw_only=True):
    """Who the caller is: an older account of theirs, if they had one. The card is now theirs to use."""

    person_id: UUID
    instrument_id: UUID


class NewWallet(Body, frozen=True, kw_only=True):
    """The code by which Alipay says whose account it is (`auth_code`)."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=PLAIN, examples=["4b203fe6c11548bc"])]


class Wallet(Answer, frozen=True, kw_only=True):
    """The account, as an instrument that money can be paid out to."""

    instrument_id: UUID


@reads("/me", tag=TAG)
def read_me(house: HouseHere, caller: CallerHere) -> Person:
    """Read who the token speaks for."""
    view = person_view(house, person_id=caller.person_id)
    return shaped(view, Person, identity_level=int(view.identity_level), cards=cards_of(view))


@reads("/cards", tag=TAG)
def list_cards(house: HouseHere, caller: CallerHere) -> Cards:
    """List the caller's cards."""
    return Cards(cards=cards_of(person_view(house, person_id=caller.person_id)))


@writes(
    "/identity-verifications",
    tag=TAG,
    refuses=(
        *CODE_REFUSES,
        NameMalformed,
        IdNumberMalformed,
        IdNumberCheckDigitWrong,
        CardNumberMalformed,
        CardCheckDigitWrong,
        PersonUnderAge,
        ConsentMissing,
        CardTriesExhausted,
        CardNotOwn,
        CardNotSupported,
        CardClosed,
        IdentityCheckSilent,
        PersonMergeNeedsReview,
    ),
)
def prove_identity(data: JSONBody[NewVerification], key: KeyHere, house: HouseHere, caller: CallerHere) -> Verification:
    """Prove name, ID number, card and phone, and bind the card.

    Takes the consent `real_name_verification`. When the checker is silent (503) nothing is decided: send the same
    request again, with the same key. Another card of the same person is bound by doing this again.
    """
    scope = caller.session_id  # stays the same when the caller turns out to be somebody known before

    def act() -> dict[str, object]:
        proved = verify_identity(
            house,
            person_id=caller.person_id,
            request_id=id_of_key(scope=scope, command="prove_identity", key=key),
            name=Personal(data.name),
            id_number=Personal(data.id_number),
            phone=Personal(data.phone),
            card_number=Personal(data.card_number),
            digits=Personal(data.code),
        )
        return {"person_id": proved.person_id.hex, "instrument_id": proved.instrument_id.hex}

    answer = once_done(
        house, scope=scope, command="prove_identity", key=key, request=msgspec.to_builtins(data), act=act
    )
    return Verification(person_id=UUID(str(answer["person_id"])), instrument_id=UUID(str(answer["instrument_id"])))


@writes(
    "/wallets/alipay",
    tag=TAG,
    refuses=(
        AlipayNotConnected,
        AlipayCodeWrong,
        AlipayLoginBlocked,
        AlipayLoginSilent,
        IdentityNotVerified,
        WalletNotOwn,
    ),
)
def bind_wallet(data: JSONBody[NewWallet], key: KeyHere, house: HouseHere, caller: CallerHere) -> Wallet:
    """Bind the caller's own account at Alipay, so that a loan can be paid out to it; it signs them in from then on.

    With every payout the caller's real name goes along, and Alipay refuses an account of another name.
    """

    def act() -> dict[str, object]:
        bound = bind_alipay_account(house, person_id=caller.person_id, code=Personal(data.code))
        return {"instrument_id": bound.hex}

    request = msgspec.to_builtins(data)
    answer = once_done(house, scope=caller.person_id, command="bind_wallet", key=key, request=request, act=act)
    return Wallet(instrument_id=UUID(str(answer["instrument_id"])))


def cards_of(view: PersonView) -> list[Card]:
    """Return the cards of a person as they are answered."""
    return [shaped(card, Card) for card in view.cards]


HANDLERS: Final = (read_me, list_cards, prove_identity, bind_wallet)
