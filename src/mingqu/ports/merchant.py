"""What merchants say of their orders: requests that each signs with a key of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

from mingqu.domain.refusal import Refusal


class MerchantUnsigned(Refusal):
    """The request is not signed by a merchant that is known here."""

    code: ClassVar[str] = "merchant_unsigned"
    status: ClassVar[int] = 403


class MerchantStale(Refusal):
    """The request was signed too long ago, or ahead of our clock: sign it anew."""

    code: ClassVar[str] = "merchant_stale"
    status: ClassVar[int] = 403


class MerchantReplayed(Refusal):
    """This very signature came before: sign each request anew, also one that is sent again."""

    code: ClassVar[str] = "merchant_replayed"
    status: ClassVar[int] = 403


class MerchantRequests(Protocol):
    """Tells which merchant a request is of."""

    def read(
        self, *, keys: Mapping[str, bytes], method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> str:
        """Return the code of the merchant that signed: one of `keys`, whose Ed25519 keys are 32 bytes each.

        `target` is path and query as sent. Errors: MerchantUnsigned, MerchantStale, MerchantReplayed.
        """
        ...
