"""A signed word that a browser carries from one site to the other.

It is `PAYLOAD.SIGNATURE`, both base64url without padding: the payload is JSON with `keyid`, `created`, `expires` and
what is said; the signature is Ed25519 over `mingqu-token-1.` and the payload as it stands in the token.
Source: docs/reference/lender-gateway.md, "Tokens".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature

from mingqu.channels.gateway.signature import AGE_SECONDS_MAX, SigningKey, TheirKeys

PREFIX: Final = b"mingqu-token-1."
LASTS: Final = timedelta(minutes=15)  # from one site to the other, with a person who reads in between
TOKEN_LENGTH_MAX: Final = 2_048  # an address that is longer is cut by some browsers
Said = TypeVar("Said", bound="Token")


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every token says: by which key it is signed, since when and until when, in seconds since 1970 (UTC)."""

    keyid: str
    created: int
    expires: int


def make(*, own: SigningKey, said: Mapping[str, object], at: datetime) -> str:
    """Return a token that says something until it runs out."""
    created = int(at.timestamp())
    content = {"keyid": own.key_id, "created": created, "expires": created + int(LASTS.total_seconds()), **said}
    payload = _text(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())
    return f"{payload}.{_text(own.key.sign(PREFIX + payload.encode()))}"


def read(*, theirs: TheirKeys, token: str, of: type[Said], at: datetime) -> Said | None:
    """Return what a token says, or None when it is not signed by them, not of this form, or not of now."""
    payload, dot, signature = token.partition(".")
    if not dot or len(token) > TOKEN_LENGTH_MAX:
        return None
    try:
        said = msgspec.json.decode(_bytes(payload), type=of)
        key = theirs.keys.get(said.keyid)
        if key is None:
            return None
        key.verify(_bytes(signature), PREFIX + payload.encode())
    except (ValueError, binascii.Error, msgspec.MsgspecError, InvalidSignature):
        return None
    now = at.timestamp()
    return said if said.created - AGE_SECONDS_MAX <= now < said.expires else None


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
