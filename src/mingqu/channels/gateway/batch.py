"""Batches over the gateway protocol: one message, and a word for each item of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

from mingqu.channels.gateway.order import BankOrder, Code, Currency, Fen, Moment, Number, Text, after_question, word_of
from mingqu.domain.word import Accepted, Failed, InProgress, NumberTaken, Paid, Refused
from mingqu.ports.batch import BATCH_ITEMS_MAX, Batch, BatchTaken, BatchTold, ItemWord
from mingqu.ports.collection import DeductionRequest
from mingqu.ports.payout import PayoutRequest
from mingqu.ports.silence import ChannelSilent

ANSWER_BYTES_MAX: Final = 512 * 1024  # of BATCH_ITEMS_MAX orders
_TAKEN: Final = "number_taken"


class _Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order, as by itself, or a number that is known with another body."""

    order_number: Number
    state: Literal["accepted", "in_progress", "paid", "refused", "failed", "number_taken"]
    reference: Text | None = None
    succeeded_at: Moment | None = None
    amount_fen: Fen | None = None
    currency: Currency | None = None
    code: Code | None = None


class BankBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer to a batch and to a question about one."""

    batch_number: Number
    items: Annotated[list[_Item], msgspec.Meta(max_length=BATCH_ITEMS_MAX)]


def body_of(batch: Batch) -> Mapping[str, object]:
    """Return the body of `POST /batches`."""
    kind = "payout" if isinstance(batch.items[0], PayoutRequest) else "deduction"
    return {"batch_number": batch.batch_number, "kind": kind, "items": [_said(item) for item in batch.items]}


def _said(item: PayoutRequest | DeductionRequest) -> dict[str, object]:
    said: dict[str, object] = {
        "order_number": item.order_number,
        "amount_fen": item.amount_fen,
        "currency": item.currency,
    }
    if isinstance(item, PayoutRequest):
        return said | {"card_number": item.card_number.reveal(), "holder_name": item.holder_name.reveal()}
    return said | {"protocol_no": item.agreement_token.reveal()}


def taken(said: BankBatch, *, batch: Batch) -> BatchTaken:
    """Return what is said of each item of ours. Errors: ChannelSilent, for another batch.

    An item that is told in part or not at all has no word: its order is asked for. A number that is not of the batch is
    passed over.
    """
    _require_same(said, batch.batch_number)
    asked = {item.order_number for item in batch.items}
    words: dict[str, ItemWord] = {}
    for item in said.items:
        word = _word(item)
        if item.order_number in asked and word is not None:
            words[item.order_number] = Refused(code=word.code) if isinstance(word, Failed) else word
    return BatchTaken(words=words)


def told(said: BankBatch, *, batch_number: str) -> BatchTold:
    """Return what became of each item. Errors: ChannelSilent, for another batch."""
    _require_same(said, batch_number)
    words: dict[str, Paid | Failed | InProgress] = {}
    for item in said.items:
        word = _word(item)
        if word is not None and not isinstance(word, NumberTaken):
            words[item.order_number] = after_question(word)
    return BatchTold(words=words)


def _word(item: _Item) -> Accepted | Paid | Failed | NumberTaken | None:
    if item.state == _TAKEN:
        return NumberTaken()
    try:
        said = msgspec.convert(msgspec.to_builtins(item), type=BankOrder)
        return word_of(said, order_number=item.order_number)
    except (ChannelSilent, msgspec.MsgspecError):
        return None


def _require_same(said: BankBatch, batch_number: str) -> None:
    if said.batch_number != batch_number:
        raise ChannelSilent(reason="unreadable")
