"""An order as the bank of the gateway protocol tells it, and the word it stands for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Protocol

import msgspec

from mingqu.channels.wire import PRINTED
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.domain.word import Accepted, Failed, InProgress, Paid, Refused
from mingqu.ports.silence import ChannelSilent

Fen = Annotated[int, msgspec.Meta(ge=1, le=AMOUNT_FEN_MAX)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Number = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=PRINTED)]
Code = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]


class BankOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer to a send or a question. `paid`, `refused` and `failed` are final; the others end nothing."""

    order_number: Number
    state: Literal["accepted", "in_progress", "paid", "refused", "failed"]
    reference: Text | None = None
    succeeded_at: Moment | None = None
    amount_fen: Fen | None = None
    currency: Currency | None = None
    code: Code | None = None


class PaidFields(Protocol):
    """What an order and a notice tell of a success."""

    @property
    def reference(self) -> str | None: ...
    @property
    def succeeded_at(self) -> datetime | None: ...
    @property
    def amount_fen(self) -> int | None: ...
    @property
    def currency(self) -> str | None: ...


def paid(said: PaidFields) -> Paid | None:
    """Return the word of a success, or None when a part of it is missing."""
    if said.reference is None or said.succeeded_at is None or said.amount_fen is None or said.currency is None:
        return None
    return Paid(
        at=said.succeeded_at.astimezone(UTC),
        amount_fen=said.amount_fen,
        currency=said.currency,
        reference=said.reference,
    )


def word_of(said: BankOrder, *, order_number: str) -> Accepted | Paid | Failed:
    """Return the word for an order. Errors: ChannelSilent when it is another order or not told in full."""
    word: Accepted | Paid | Failed | None
    match said.state:
        case "accepted" | "in_progress":
            word = Accepted(reference=said.reference)
        case "paid":
            word = paid(said)
        case "refused" | "failed":
            word = None if said.code is None else Failed(code=said.code)
    if word is None or said.order_number != order_number:
        raise ChannelSilent(reason="unreadable")
    return word


def after_send(word: Accepted | Paid | Failed) -> Accepted | Paid | Refused:
    """Return the word as the answer to a send, where an order that will never be done is refused."""
    return Refused(code=word.code) if isinstance(word, Failed) else word


def after_question(word: Accepted | Paid | Failed) -> InProgress | Paid | Failed:
    """Return the word as the answer to a question, where an order that was taken is in progress."""
    return InProgress() if isinstance(word, Accepted) else word
