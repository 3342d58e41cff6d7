"""Take a channel's unasked word about an order, once, by the same path as the answer to a question.

A notice only makes things quicker. It may never come, come twice, come late, or come while the question is under
way: whichever word takes the cell's lock first ends the order, and the other one changes nothing. Every order goes
on being asked for until it has ended, notice or none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import canonical
from mingqu.domain.consent import ConsentMissing
from mingqu.domain.identifier import MalformedIdentifier, parse
from mingqu.domain.order import Order
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Paid, code_of, name_of
from mingqu.ports.notice import AgreementNotice, CombinedNotice, Notice, NoticeRefused
from mingqu.services.access.note_refused import Genuine, note_conflict, note_notice
from mingqu.services.house import House, NoticeSource
from mingqu.services.orders import keep_order
from mingqu.services.orders.hear_order import Said, hear_paid, response_of
from mingqu.services.orders.settle_order import hear_whole
from mingqu.services.repayment.agree_at_wallet import AgreementNoticeUnknown, take_agreement_notice
from mingqu.store.orders import order
from mingqu.store.server import idempotency
from mingqu.store.server.database import Transaction
from mingqu.store.server.idempotency import Claim, IdempotencyKeyMalformed, IdempotencyKeyReused


class NoticesNotTaken(Refusal):
    """No notices are taken here of anybody of this name."""

    code: ClassVar[str] = "notices_not_taken"
    status: ClassVar[int] = 404


class NoticeOrderUnknown(Refusal):
    """A genuine notice tells of an order that its sender was never given."""

    code: ClassVar[str] = "notice_order_unknown"
    status: ClassVar[int] = 404


def take_notice(house: House, *, source: str, target: str, headers: Mapping[str, str], body: bytes) -> Order | None:
    """Read a POST to `/notices/{source}`, take it as a word, and return the order after it; None after an
    agreement, or after one payment for several orders, which are then asked for.

    `source` is a name in `house.notices` ("bank", "wechatpay", "alipay"); `target`, `headers` and `body` are as they
    came. A word that does not fit its order (another amount or currency, paid after failed) is written down, books
    nothing, and leaves the order to a person; what is refused is noted for people with its reason. The door answers in
    time: nobody outside is asked, but perhaps for a certificate. Errors: NoticesNotTaken, NoticeRefused and its kinds,
    NoticeOrderUnknown, IdempotencyKeyReused (the notice id came with another word), IdempotencyKeyBusy.
    """
    told_by = house.notices.get(source)
    if told_by is None:
        raise NoticesNotTaken("No notices are taken here of anybody of this name.")
    heard: Genuine | None = None
    try:
        heard = told_by.reader.read(target=target, headers=headers, body=body)
        if isinstance(heard, AgreementNotice):
            number, word = heard.agreement_number, heard.word
            take_agreement_notice(house, channels=told_by.channels, number=number, word=word)
            return None
        if isinstance(heard, CombinedNotice):
            _hasten_all(house, told_by=told_by, numbers=heard.order_numbers)
            return None
        return _settle(house, source=source, told_by=told_by, notice=heard)
    except _NOTED as refusal:
        note_notice(house, source=source, refusal=refusal, body=body, heard=heard)
        raise


# What is refused for what the notice is. The others (a busy key, a database that is away) are over in a moment.
_NOTED: Final = (
    NoticeRefused, NoticeOrderUnknown, AgreementNoticeUnknown, ConsentMissing, IdempotencyKeyMalformed,
    IdempotencyKeyReused,
)  # fmt: skip


def _settle(house: House, *, source: str, told_by: NoticeSource, notice: Notice) -> Order:
    """Hear a genuine word about an order, once, and return the order after it."""
    order_id = _parsed(notice.order_number)
    caller, at = f"notice {source}", house.clock.now()
    if isinstance(notice.word, Paid):
        claim = Claim(caller=caller, key=notice.notice_id, body_hash=_hash(notice))
        said = Said(order_id=order_id, word=notice.word, at=at, claim=claim, channels=told_by.channels)
        heard = hear_paid(house, said=said)
        if heard is not None:
            return heard

    def take(tx: Transaction) -> Order:
        cell = tx.cell_of(order_id)
        known = _known(tx, order_id, told_by)
        if idempotency.begin(tx, cell=cell, caller=caller, key=notice.notice_id, body_hash=_hash(notice)) is not None:
            return known
        heard = hear_whole(tx, house, order_id=order_id, word=notice.word, at=at)
        if heard.conflict is not None:
            note_conflict(tx, house, source=source, notice=notice, order_id=order_id, conflict=heard.conflict)
        idempotency.finish(tx, cell=cell, caller=caller, key=notice.notice_id, response=response_of(heard.after))
        return heard.after

    return house.database.run(take)


def _hasten_all(house: House, *, told_by: NoticeSource, numbers: Sequence[str]) -> None:
    """Let orders that are still open be asked for at once, whichever of them; all of them are known, or none is."""
    order_ids = sorted({_parsed(number) for number in numbers})

    def hasten(tx: Transaction) -> None:
        known = [_known(tx, order_id, told_by) for order_id in order_ids]
        for each in known:
            if each.open:
                keep_order.hasten(tx, order_id=each.order_id, at=house.clock.now())

    house.database.run(hasten)


def _parsed(number: str) -> UUID:
    try:
        return parse(number)
    except MalformedIdentifier:
        raise _unknown() from None


def _known(tx: Transaction, order_id: UUID, told_by: NoticeSource) -> Order:
    """Return the order, if it was given to whoever tells of it."""
    try:
        known = order.load(tx, order_id=order_id)
    except NotFound:
        raise _unknown() from None
    if known.channel not in told_by.channels:
        raise _unknown()
    return known


def _unknown() -> NoticeOrderUnknown:
    return NoticeOrderUnknown("No order of this number was given to whoever tells of it.")


def _hash(notice: Notice) -> bytes:
    """Return a hash of what the notice says, by which the same id with another word is told apart."""
    word = notice.word
    said: dict[str, str | int | None] = {"order": notice.order_number, "word": name_of(word), "code": code_of(word)}
    if isinstance(word, Paid):
        said |= {
            "at": word.at.isoformat(),
            "amount_fen": word.amount_fen,
            "currency": word.currency,
            "reference": word.reference,
        }
    return hashlib.sha256(canonical(dict(said))).digest()
