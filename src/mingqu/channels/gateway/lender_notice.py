"""What a lender tells unasked: that it has something to say about an application, signed as a request."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mingqu.channels.gateway.order import Number, Text
from mingqu.channels.gateway.seen import SeenNonces
from mingqu.channels.gateway.signature import Fault, TheirKeys, check_request
from mingqu.ports.clock import Clock
from mingqu.ports.lender import LenderNotice
from mingqu.ports.notice import NoticeMalformed, NoticeStale, NoticeUnsigned


class _Answered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    notice_id: Text
    application_number: Number


class GatewayLenderNotices:
    """Implements `LenderNoticeReader` for one lender."""

    def __init__(self, *, theirs: TheirKeys, clock: Clock) -> None:
        self._theirs, self._clock, self._seen = theirs, clock, SeenNonces(clock=clock)

    def read(self, *, target: str, headers: Mapping[str, str], body: bytes) -> LenderNotice:
        """Return what the lender says. Errors: NoticeUnsigned, NoticeStale, NoticeReplayed, NoticeMalformed."""
        lower = {name.lower(): value for name, value in headers.items()}
        stamp = check_request(
            theirs=self._theirs, method="POST", target=target, headers=lower, body=body, at=self._clock.now()
        )
        if stamp is Fault.AGE:
            raise NoticeStale("This notice is not from now.")
        if isinstance(stamp, Fault):
            raise NoticeUnsigned("This notice is not signed by the lender.")
        self._seen.once(stamp.nonce)
        try:
            said = msgspec.json.decode(body, type=_Answered)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise NoticeMalformed("The content of this notice is not as agreed.") from None
        return LenderNotice(notice_id=said.notice_id, application_number=said.application_number)
