"""A merchant of WeChat Pay and the platform's keys: public-key mode, certificate mode, and a change from key to key."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from mingqu.sandbox.book import Book
from mingqu.sandbox.wechatpay_sign import PlatformKey, certificate_of, pem, serial_of

PUBLIC_KEY: Final = "public_key"
CERTIFICATE: Final = "certificate"
MODES: Final = (PUBLIC_KEY, CERTIFICATE)
RSA_BITS: Final = 2048
_KEPT: Final = "wechatpay.keys"


@dataclass(slots=True, kw_only=True)
class Merchant:
    """The one merchant. All of `keys` are valid: one, or two while the platform changes from the first to the last."""

    appid: str
    mchid: str
    serial: str
    public_key: RSAPublicKey
    api_v3_key: str
    api_v2_key: str
    keys: list[PlatformKey]
    book: Book

    @property
    def mode(self) -> str:
        """The mode of the first key: what the merchant has been told of."""
        return mode_of(self.keys[0])

    def key_for(self, serial: str | None) -> PlatformKey:
        """Return the key that an answer is signed with: the one that the request names, if it is valid.

        A request that names none is answered under the newest key; but under the certificate, while a merchant changes
        to public-key mode: until it names the new key, it is taken for one that does not know it yet.
        """
        named = next((key for key in self.keys if key.serial == serial), None)
        if named is not None:
            return named
        is_changing_mode = self.mode == CERTIFICATE and mode_of(self.keys[-1]) == PUBLIC_KEY
        return self.keys[0] if is_changing_mode else self.keys[-1]

    def rotate(self, *, now: datetime, key_id: str | None = None, mode: str | None = None) -> PlatformKey:
        """Add a key that signs from now on, and return it; the one before stays valid beside it. Errors: ValueError."""
        self._keep([self.keys[-1], new_key(mode=mode or mode_of(self.keys[-1]), now=now, key_id=key_id)])
        return self.keys[-1]

    def end_rotation(self) -> None:
        """Let the last key alone be valid."""
        self._keep(self.keys[-1:])

    def set_mode(self, *, now: datetime, mode: str) -> None:
        """Sign with a new key of a mode at once, without a time in which both are valid. Errors: ValueError."""
        self._keep([new_key(mode=mode, now=now)])

    def told(self) -> dict[str, Any]:
        """Return what the house is told of the platform's keys."""
        first, *others = self.keys
        return {
            "mode": self.mode,
            "platform_key_id": first.serial,
            "platform_public_key": public_pem(first),
            "next_keys": {key.serial: public_pem(key) for key in others},
        }

    def _keep(self, keys: list[PlatformKey]) -> None:
        self.keys = keys
        keep_keys(self.book, keys)


def mode_of(key: PlatformKey) -> str:
    """Return the mode that a key belongs to."""
    return PUBLIC_KEY if key.certificate is None else CERTIFICATE


def new_key(
    *, mode: str, now: datetime, key_id: str | None = None, private_key: RSAPrivateKey | None = None
) -> PlatformKey:
    """Return a key: in certificate mode under the certificate's serial, else under `key_id`. Errors: ValueError."""
    if mode not in MODES:
        raise ValueError(f"a mode is one of {', '.join(MODES)}")
    key = private_key or rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    if mode == CERTIFICATE:
        certificate = certificate_of(key, now=now)
        return PlatformKey(serial=serial_of(certificate), private_key=key, certificate=certificate)
    return PlatformKey(serial=key_id or fresh_key_id(), private_key=key)


def fresh_key_id() -> str:
    """Return the id of a key in public-key mode."""
    return f"PUB_KEY_ID_01{secrets.randbelow(10**28):028d}"


def keep_keys(book: Book, keys: list[PlatformKey]) -> None:
    """Write the valid keys into the book, so that they outlive the process."""
    written = [
        {
            "serial": key.serial,
            "private_key": key.private_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
            "certificate": None if key.certificate is None else pem(key.certificate),
        }
        for key in keys
    ]
    with book.writing():
        book.keep(_KEPT, written)


def kept_keys(book: Book) -> list[PlatformKey]:
    """Return the valid keys that the book knows; none in a new one."""
    return [
        PlatformKey(
            serial=row["serial"],
            private_key=_private(row["private_key"]),
            certificate=row["certificate"] and x509.load_pem_x509_certificate(row["certificate"].encode()),
        )
        for row in book.kept(_KEPT, [])
    ]


def public_pem(key: PlatformKey) -> str:
    """Return a key's public half as PEM."""
    public = key.private_key.public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _private(text: str) -> RSAPrivateKey:
    key = serialization.load_pem_private_key(text.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key
