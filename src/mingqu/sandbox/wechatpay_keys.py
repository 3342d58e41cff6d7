"""A merchant of WeChat Pay and the platform's keys, in either of the two key modes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from mingqu.sandbox.wechatpay_sign import PlatformKey, certificate_of, serial_of

PUBLIC_KEY: Final = "public_key"
CERTIFICATE: Final = "certificate"
MODES: Final = (PUBLIC_KEY, CERTIFICATE)
RSA_BITS: Final = 2048


@dataclass(slots=True, kw_only=True)
class Merchant:
    """The one merchant. The last of `keys` signs; those before it are still told, for a rotation."""

    appid: str
    mchid: str
    serial: str
    public_key: RSAPublicKey
    api_v3_key: str
    mode: str
    keys: list[PlatformKey]

    def rotate(self, *, now: datetime, key_id: str) -> PlatformKey:
        """Add a key that signs from now on, and return it; the one before stays valid beside it."""
        self.keys = [self.keys[-1], new_key(mode=self.mode, now=now, key_id=key_id)]
        return self.keys[-1]


def new_key(*, mode: str, now: datetime, key_id: str, private_key: RSAPrivateKey | None = None) -> PlatformKey:
    """Return a platform key: in certificate mode under the certificate's serial, otherwise under `key_id`."""
    key = private_key or rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    if mode == CERTIFICATE:
        certificate = certificate_of(key, now=now)
        return PlatformKey(serial=serial_of(certificate), private_key=key, certificate=certificate)
    return PlatformKey(serial=key_id, private_key=key)
