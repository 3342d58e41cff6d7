"""What we need to take a notice: somebody who knows whether a callback is a channel's word, and which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Failed, Paid
from mingqu.ports.collection import Agreed


class NoticeRefused(Refusal):
    """A callback that is not taken. Nothing was done; a genuine sender sends it again."""


class NoticeUnsigned(NoticeRefused):
    """The notice carries no signature of this channel that fits its bytes, as every probe and forgery does."""

    code: ClassVar[str] = "notice_unsigned"
    status: ClassVar[int] = 401


class NoticeCertificateOver(NoticeUnsigned):
    """The notice is signed under a certificate whose time is over; its sender has to sign with the next one."""

    code: ClassVar[str] = "notice_certificate_over"


class NoticeStale(NoticeRefused):
    """The notice is rightly signed, but not of now (Alipay: of a day): it may be an old one played again."""

    code: ClassVar[str] = "notice_stale"
    status: ClassVar[int] = 401


class NoticeReplayed(NoticeRefused):
    """This very message came before; a notice that is sent again is signed anew."""

    code: ClassVar[str] = "notice_replayed"
    status: ClassVar[int] = 401


class NoticeForeign(NoticeRefused):
    """The notice is genuine and meant for another merchant or another application."""

    code: ClassVar[str] = "notice_foreign"
    status: ClassVar[int] = 400


class NoticeMalformed(NoticeRefused):
    """The notice is genuine, and its content is not as the channel's document says."""

    code: ClassVar[str] = "notice_malformed"
    status: ClassVar[int] = 400


class NoticeUnsupported(NoticeRefused):
    """The notice is genuine and tells of a kind of thing that is not listened to here."""

    code: ClassVar[str] = "notice_unsupported"
    status: ClassVar[int] = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A channel's unasked word about an order. The same `notice_id` may come again."""

    notice_id: str
    order_number: str
    word: Paid | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementNotice:
    """A channel's unasked word about an agreement to deduct: it was signed, or it has ended. It may come again."""

    agreement_number: str
    word: Agreed | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedNotice:
    """A channel tells unasked that one payment for several orders has moved: each is asked for at once."""

    order_numbers: tuple[str, ...]


class NoticeReader(Protocol):
    """Reads callbacks of one channel."""

    def read(
        self, *, target: str, headers: Mapping[str, str], body: bytes
    ) -> Notice | AgreementNotice | CombinedNotice:
        """Return what a POST says. The signature is checked first, then the age, then the content is read.

        `target` is the path with its query as the request line had it, `body` the bytes as they came; the names of
        `headers` are compared without regard to case. Errors: NoticeRefused and its kinds.
        """
        ...
