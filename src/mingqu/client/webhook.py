"""Read a webhook that Mingqu sent: is it theirs, is it whole, is it of now. For whoever receives them.

Source: Standard Webhooks 1.0. A message may come more than once: `message_id` is the same then.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import msgspec

TOLERANCE_SECONDS: Final = 300  # between their clock and ours; an older message may be a copy played again


class WebhookForged(Exception):  # noqa: N818 - what it is
    """The message is not theirs, was changed on the way, or is too old."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What happened: `type` such as "loan.disbursed", when, and its facts."""

    message_id: str
    type: str
    timestamp: str
    data: dict[str, Any]


def read_webhook(*, secret: str, headers: Mapping[str, str], body: bytes, now: float) -> Message:
    """Return the message of a request. `secret` is what `mingqu webhook add` printed.

    `now` is the time in seconds since 1970, as `time.time()` tells it. Errors: WebhookForged.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id, sent = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not sent.isdigit() or abs(now - int(sent)) > TOLERANCE_SECONDS:
        raise WebhookForged("The message is not of now.")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{sent}.".encode() + body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(digest).decode()
    signatures = given.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(wanted.encode(), one.encode()) for one in signatures):
        raise WebhookForged("The signature is not right.")
    content = msgspec.json.decode(body)
    return Message(message_id=message_id, type=content["type"], timestamp=content["timestamp"], data=content["data"])
