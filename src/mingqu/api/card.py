"""What a card issuer's network asks and says of cards whose money is bound to a purpose.

The network is a program of its own, known by a token of the operator's setting, not by a person's session.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import Enum
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

import msgspec
from litestar import Request
from litestar.params import JSONBody

from mingqu.api.gate import HouseHere, KeyHere
from mingqu.api.operation import writes
from mingqu.api.shape import PLAIN, Answer, Body, Fen, FenAsked
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.domain.session import NotSignedIn
from mingqu.services.house import House
from mingqu.services.purpose.spend_card import ADVISE, AUTHORISE, Asked, CardReferenceReused, Word, hear_card
from mingqu.web.signed_in import bearer

TAG: Final = "Card network"
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=32, pattern=PLAIN, examples=["DLR-MINGHE-001"])]
Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=PLAIN, examples=["812345678901"])]


class CardNetworkUnknown(Refusal):
    """Only the card issuer's network speaks here, with the token that the operator set."""

    code: ClassVar[str] = "card_network_unknown"
    status: ClassVar[int] = 401


REFUSES: Final = (CardNetworkUnknown, NotSignedIn, NotFound, CardReferenceReused)


class Saying(Enum):
    """What is said of a spend that was authorized."""

    CAPTURE = "capture"
    RELEASE = "release"
    REVERSE = "reverse"
    REFUND = "refund"


class NewAuthorisation(Body, frozen=True, kw_only=True):
    """A spend that a merchant asks for; `advice` says that the network answered in our place already."""

    card_id: UUID
    amount_fen: FenAsked
    currency: Code
    merchant: Code
    category: Code
    channel: Code
    device: Code
    place: Code
    vin: Code | None = None
    advice: bool = False


class NewCardMessage(Body, frozen=True, kw_only=True):
    """What follows the authorization whose reference is `of`; `to` names where a refund goes if not to the card."""

    card_id: UUID
    says: Saying
    of: Reference
    amount_fen: Fen = 0
    to: Code | None = None


class CardAnswer(Answer, frozen=True, kw_only=True):
    """What was answered. A "no" names the clause, why, what helps, and from which day if that is known."""

    outcome: Annotated[str, msgspec.Meta(examples=["approved"])]
    clause: str
    reason: str
    remedy: str
    from_on: str | None
    held_until: str | None
    flagged: bool


@writes(
    "/card/authorisations",
    tag=TAG,
    public=True,
    refuses=REFUSES,
)
def authorize_spend(
    request: Request[Any, Any, Any], data: JSONBody[NewAuthorisation], key: KeyHere, house: HouseHere
) -> CardAnswer:
    """Decide a spend by the card's funds contract, and hold the money.

    The key is the network's own reference. A "no" is an answer as well, and asked again it is the same.
    """
    _require_network(house, request)
    asked = Asked(
        merchant=data.merchant,
        category=data.category,
        currency=data.currency,
        channel=data.channel,
        device=data.device,
        place=data.place,
        vin=data.vin,
    )
    kind = ADVISE if data.advice else AUTHORISE
    word = Word(card_id=data.card_id, kind=kind, reference=key, amount_fen=data.amount_fen, asked=asked)
    return msgspec.convert(hear_card(house, word=word), CardAnswer)


@writes("/card/messages", tag=TAG, public=True, refuses=REFUSES)
def follow_spend(
    request: Request[Any, Any, Any], data: JSONBody[NewCardMessage], key: KeyHere, house: HouseHere
) -> CardAnswer:
    """Capture what an authorization holds, release it, reverse it, or refund what was captured."""
    _require_network(house, request)
    word = Word(
        card_id=data.card_id, kind=data.says.value, reference=key, amount_fen=data.amount_fen, of=data.of, to=data.to
    )
    return msgspec.convert(hear_card(house, word=word), CardAnswer)


def _require_network(house: House, request: Request[Any, Any, Any]) -> None:
    """Return when the network's token came. Errors: NotSignedIn, CardNetworkUnknown."""
    wanted, given = house.settings.card_network_hash, hashlib.sha256(bearer(request).reveal().encode()).digest()
    if wanted is None or not hmac.compare_digest(wanted, given):
        raise CardNetworkUnknown("Only the card issuer's network speaks here.")


HANDLERS: Final = (authorize_spend, follow_spend)
