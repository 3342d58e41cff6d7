"""What the bank tells unasked: the end of an order, signed as a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from mingqu.channels.gateway.order import Code, Currency, Fen, Moment, Number, Text, paid
from mingqu.channels.gateway.seen import SeenNonces
from mingqu.channels.gateway.signature import Fault, TheirKeys, check_request
from mingqu.domain.word import Failed
from mingqu.ports.clock import Clock
from mingqu.ports.notice import Notice, NoticeMalformed, NoticeStale, NoticeUnsigned


class _Ended(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    notice_id: Text
    order_number: Number
    state: Literal["paid", "failed"]
    reference: Text | None = None
    succeeded_at: Moment | None = None
    amount_fen: Fen | None = None
    currency: Currency | None = None
    code: Code | None = None


class GatewayNotices:
    """Implements `NoticeReader` for the bank. It remembers nonces for as long as the process lives.

    After a restart an old message within its five minutes would be read once more: its `notice_id` is known to the
    book, so that it moves nothing.
    """

    def __init__(self, *, theirs: TheirKeys, clock: Clock) -> None:
        self._theirs, self._clock, self._seen = theirs, clock, SeenNonces(clock=clock)

    def read(self, *, target: str, headers: Mapping[str, str], body: bytes) -> Notice:
        """Return what the bank says. Errors: NoticeUnsigned, NoticeStale, NoticeReplayed, NoticeMalformed."""
        lower = {name.lower(): value for name, value in headers.items()}
        stamp = check_request(
            theirs=self._theirs, method="POST", target=target, headers=lower, body=body, at=self._clock.now()
        )
        if stamp is Fault.AGE:
            raise NoticeStale("This notice is not from now.")
        if isinstance(stamp, Fault):
            raise NoticeUnsigned("This notice is not signed by the bank.")
        self._seen.once(stamp.nonce)
        try:
            said = msgspec.json.decode(body, type=_Ended)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise NoticeMalformed("The content of this notice is not as agreed.") from None
        word = paid(said) if said.state == "paid" else Failed(code=said.code) if said.code else None
        if word is None:
            raise NoticeMalformed("This notice does not tell the end of the order in full.")
        return Notice(notice_id=said.notice_id, order_number=said.order_number, word=word)
