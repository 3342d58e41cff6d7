"""Notices as they come to the door of the simulated platform: signed with a key, or forged with another."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mingqu.domain.word import Failed, Paid
from mingqu.ports.clock import Clock
from mingqu.ports.notice import CombinedNotice, Notice, NoticeStale, NoticeUnsigned

AGE_MAX: Final = timedelta(minutes=5)
TARGET: Final = "/notices/bank"
SIGNATURE: Final = "signature"
GENUINE: Final = b"the bank's key"
_FORGED: Final = b"somebody else's key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A notice on its way."""

    headers: Mapping[str, str]
    body: bytes


def post(notice: Notice | CombinedNotice, *, at: datetime, genuine: bool = True) -> Post:
    """Write and sign a notice, with the bank's key or with another."""
    said = {**_said(notice), "sent_at": at.isoformat()}
    body = json.dumps(said).encode()
    return Post(headers={SIGNATURE: signed(body, key=GENUINE if genuine else _FORGED)}, body=body)


def _said(notice: Notice | CombinedNotice) -> dict[str, object]:
    if isinstance(notice, CombinedNotice):
        return {"orders": list(notice.order_numbers)}
    said: dict[str, object] = {"id": notice.notice_id, "order": notice.order_number}
    match notice.word:
        case Paid() as paid:
            return said | {
                "paid_at": paid.at.isoformat(),
                "amount_fen": paid.amount_fen,
                "currency": paid.currency,
                "reference": paid.reference,
            }
        case Failed(code=code):
            return said | {"failed": code}


class SignedNotices:
    """Implements `NoticeReader` for what `post` writes."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    def read(self, *, target: str, headers: Mapping[str, str], body: bytes) -> Notice | CombinedNotice:  # noqa: ARG002 (one bank only)
        """Return what a notice says. Errors: NoticeUnsigned, NoticeStale."""
        if not hmac.compare_digest(headers[SIGNATURE], signed(body, key=GENUINE)):
            raise NoticeUnsigned("This is not signed by the bank.")
        said = json.loads(body)
        if abs(self._clock.now() - datetime.fromisoformat(said["sent_at"])) > AGE_MAX:
            raise NoticeStale("This was signed too long ago.")
        if "orders" in said:
            return CombinedNotice(order_numbers=tuple(said["orders"]))
        word: Paid | Failed
        if "failed" in said:
            word = Failed(code=said["failed"])
        else:
            word = Paid(
                at=datetime.fromisoformat(said["paid_at"]),
                amount_fen=said["amount_fen"],
                currency=said["currency"],
                reference=said["reference"],
            )
        return Notice(notice_id=said["id"], order_number=said["order"], word=word)


def signed(body: bytes, *, key: bytes) -> str:
    """Return the signature of a body by a key."""
    return hashlib.blake2b(body, key=key, digest_size=32).hexdigest()
