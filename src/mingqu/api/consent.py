"""Consents: the texts, who said yes to which, and taking it back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody, QueryParameter

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import PLAIN, Answer, Body, Hash, Recipient, shaped
from mingqu.domain.consent import ConsentAlreadyWithdrawn, ConsentPurpose, ConsentRecipientWrong, ConsentTextChanged
from mingqu.domain.refusal import Refusal
from mingqu.services.once import once_done
from mingqu.services.people.read_person import consent_text, consents_of
from mingqu.services.privacy.give_consent import give_consent as give
from mingqu.services.privacy.give_consent import withdraw_consent as withdraw

TAG: Final = "Consents"


class ConsentTextUnread(Refusal):
    """A yes over the API names the text that was shown by its hash; `read_at` is the path of the text and its hash."""

    code: ClassVar[str] = "consent_text_unread"


class ConsentText(Answer, frozen=True, kw_only=True):
    """A text as it is to be shown. `text_hash` is what a consent to it will carry."""

    text_id: Annotated[str, msgspec.Meta(examples=["bureau-query"])]
    version: int
    title_zh: str
    title_en: str
    body_zh: str
    body_en: str
    text_hash: Hash


class Consent(Answer, frozen=True, kw_only=True):
    """A consent that was given, with the title of the text as it was then."""

    consent_id: UUID
    purpose: ConsentPurpose
    recipient: str | None
    version: int
    title_zh: str
    title_en: str
    given_at: datetime
    withdrawn_at: datetime | None


class Consents(Answer, frozen=True, kw_only=True):
    """Every consent of the caller, the oldest first."""

    consents: list[Consent]


class NewConsent(Body, frozen=True, kw_only=True):
    """A yes to the newest text of a purpose. `recipient` is who is named in it, if the text names one.

    `text_hash` is that of the text as it was shown: one that was published since binds nobody, and a yes to a text that
    is not named by its hash is none.
    """

    # Whoever leaves it out is told where to read it, and not only that it is missing.
    must_say: ClassVar[tuple[str, ...]] = ("text_hash",)

    purpose: ConsentPurpose
    recipient: Recipient | None = None
    text_hash: Hash = ""


class GivenConsent(Answer, frozen=True, kw_only=True):
    """The consent's id."""

    consent_id: UUID


@reads("/consent-texts/{purpose:str}", tag=TAG, public=True, refuses=(ConsentRecipientWrong,))
def read_consent_text(
    purpose: FromPath[ConsentPurpose],
    house: HouseHere,
    recipient: Annotated[
        str | None, QueryParameter(min_length=1, max_length=200, pattern=PLAIN, description="Who is named in it.")
    ] = None,
) -> ConsentText:
    """Read the text that a person is asked to agree to now."""
    text = consent_text(house, purpose=purpose, recipient=recipient)
    return shaped(text, ConsentText, text_hash=text.text_hash.hex())


@reads("/consents", tag=TAG)
def list_consents(house: HouseHere, caller: CallerHere) -> Consents:
    """List the consents the caller gave, withdrawn ones as well."""
    return Consents(consents=[shaped(one, Consent) for one in consents_of(house, person_id=caller.person_id)])


@writes("/consents", tag=TAG, refuses=(ConsentRecipientWrong, ConsentTextChanged, ConsentTextUnread))
def give_consent(data: JSONBody[NewConsent], key: KeyHere, house: HouseHere, caller: CallerHere) -> GivenConsent:
    """Say yes to one purpose, and to one named recipient where the text names one.

    The text and its hash are read at `GET /v1/consent-texts/{purpose}`, with the same recipient.
    """
    if not data.text_hash:
        # Whether a recipient is named at all is told first: without it there is no text to read.
        consent_text(house, purpose=data.purpose, recipient=data.recipient)
        where = f"/v1/consent-texts/{data.purpose.value}" + _named(data.recipient)
        raise ConsentTextUnread(f"Show the text of GET {where}, and say its text_hash.", read_at=where)
    consent_id = give(
        house,
        person_id=caller.person_id,
        purpose=data.purpose,
        recipient=data.recipient,
        read=data.text_hash,
        key=key,
    )
    return GivenConsent(consent_id=consent_id)


def _named(recipient: str | None) -> str:
    return "" if recipient is None else f"?{urlencode({'recipient': recipient})}"


@writes("/consents/{consent_id:uuid}/withdrawal", tag=TAG, body=False, status=204, refuses=(ConsentAlreadyWithdrawn,))
def withdraw_consent(consent_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> None:
    """Take a consent back.

    What rests on it ends with it: without the consent to automatic repayment nothing more is deducted.
    """

    def act() -> dict[str, object]:
        withdraw(house, person_id=caller.person_id, consent_id=consent_id)
        return {}

    request = {"consent_id": consent_id.hex}
    once_done(house, scope=caller.person_id, command="withdraw_consent", key=key, request=request, act=act)


HANDLERS: Final = (read_consent_text, list_consents, give_consent, withdraw_consent)
