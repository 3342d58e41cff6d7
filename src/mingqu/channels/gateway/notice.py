"""What the bank tells unasked: the end of an order, signed as a request."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from mingqu.channels.gateway.order import Code, Currency, Fen, Moment, Number, Text, paid
from mingqu.channels.gateway.signature import Fault, TheirKeys, check_request
from mingqu.domain.word import Failed
from mingqu.ports.clock import Clock
from mingqu.ports.notice import Notice, NoticeMalformed, NoticeReplayed, NoticeStale, NoticeUnsigned

NONCES_KEPT_SECONDS: Final = 600
# Only the bank's own signature gets a nonce in here; this many in ten minutes is more than one process takes.
NONCES_KEPT_MAX: Final = 200_000


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
        self._theirs, self._clock = theirs, clock
        self._seen: dict[str, float] = {}  # nonce → when it may be forgotten, oldest first
        self._lock = threading.Lock()

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
        self._once(stamp.nonce)
        try:
            said = msgspec.json.decode(body, type=_Ended)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise NoticeMalformed("The content of this notice is not as agreed.") from None
        word = paid(said) if said.state == "paid" else Failed(code=said.code) if said.code else None
        if word is None:
            raise NoticeMalformed("This notice does not tell the end of the order in full.")
        return Notice(notice_id=said.notice_id, order_number=said.order_number, word=word)

    def _once(self, nonce: str) -> None:
        now = self._clock.now().timestamp()
        with self._lock:
            while self._seen:  # ends: each turn forgets one
                oldest = next(iter(self._seen))
                if self._seen[oldest] > now and len(self._seen) < NONCES_KEPT_MAX:
                    break
                del self._seen[oldest]
            if nonce in self._seen:
                raise NoticeReplayed("This very message came before.")
            self._seen[nonce] = now + NONCES_KEPT_SECONDS
