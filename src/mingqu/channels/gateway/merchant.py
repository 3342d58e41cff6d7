"""Requests of merchants, signed as those of the gateway are: its profile of RFC 9421, the merchant's code as key id."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mingqu.channels.gateway.seen import SeenNonces
from mingqu.channels.gateway.signature import Fault, TheirKeys, check_request, key_id_of
from mingqu.ports.clock import Clock
from mingqu.ports.merchant import MerchantReplayed, MerchantStale, MerchantUnsigned
from mingqu.ports.notice import NoticeReplayed


class SignedMerchantRequests:
    """Implements `MerchantRequests`."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock, self._seen = clock, SeenNonces(clock=clock)

    def read(
        self, *, keys: Mapping[str, bytes], method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> str:
        """Return the code of the merchant that signed. Errors: MerchantUnsigned, MerchantStale, MerchantReplayed."""
        lower = {name.lower(): value for name, value in headers.items()}
        code = key_id_of(lower)
        if code not in keys:
            raise MerchantUnsigned("This request is not signed by a merchant that is known here.")
        theirs = TheirKeys(keys={code: Ed25519PublicKey.from_public_bytes(keys[code])})
        stamp = check_request(
            theirs=theirs, method=method, target=target, headers=lower, body=body, at=self._clock.now()
        )
        if stamp is Fault.AGE:
            raise MerchantStale("This request is not from now: sign it anew.")
        if isinstance(stamp, Fault):
            raise MerchantUnsigned("This request is not signed by a merchant that is known here.")
        try:
            self._seen.once(f"{code} {stamp.nonce}")
        except NoticeReplayed:
            raise MerchantReplayed("This very request came before: sign it anew.") from None
        return code
