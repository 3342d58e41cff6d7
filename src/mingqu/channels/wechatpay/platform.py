"""The platform's keys: given as public keys, fetched as certificates, or both while one mode gives way to the other."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mingqu.channels.wechatpay.signature import open_resource
from mingqu.ports.silence import ChannelSilent

# An unknown serial makes us look for new certificates; a forger's serials must not make us ask all the time.
FETCH_AGAIN_AFTER: Final = timedelta(seconds=60)
PUBLIC_KEY_PREFIX: Final = "PUB_KEY_ID_"


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    algorithm: str
    nonce: str
    ciphertext: str
    associated_data: str = ""


class _Certificate(msgspec.Struct, frozen=True, kw_only=True):
    serial_no: str
    encrypt_certificate: _Sealed


class _Certificates(msgspec.Struct, frozen=True, kw_only=True):
    data: list[_Certificate]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformKey:
    """One key; a public key has no dates, a certificate is good from and until."""

    key_id: str
    key: RSAPublicKey
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def valid(self, at: datetime) -> bool:
        """Whether the key may be used at a moment."""
        return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or at < self.ends_at)


class PlatformKeys:
    """The keys known now. Several threads may look and one fetches."""

    def __init__(self, *, given: Mapping[str, RSAPublicKey], has_certificates: bool) -> None:
        assert given or has_certificates, "answers must be verified by something"
        self._keys = {key_id: PlatformKey(key_id=key_id, key=key) for key_id, key in given.items()}
        self._has_certificates = has_certificates
        self._fetched_at: datetime | None = None
        self._lock = threading.Lock()

    def find(self, key_id: str, *, at: datetime) -> RSAPublicKey | None:
        """Return the key of an id, or None if it is unknown or outside of its dates."""
        found = self._keys.get(key_id)
        return found.key if found is not None and found.valid(at) else None

    def over(self, key_id: str, *, at: datetime) -> RSAPublicKey | None:
        """Return the key of a certificate that we know and whose time is over, or None."""
        found = self._keys.get(key_id)
        return found.key if found is not None and found.ends_at is not None and found.ends_at <= at else None

    def current(self, *, at: datetime) -> PlatformKey | None:
        """Return the key to seal fields to: the public key where there is one, or else the newest certificate."""
        valid = [key for key in self._keys.values() if key.valid(at)]
        dated = sorted((key for key in valid if key.starts_at), key=lambda key: key.starts_at or at)
        return next((key for key in valid if key.starts_at is None), dated[-1] if dated else None)

    def may_fetch(self, key_id: str, *, at: datetime) -> bool:
        """Whether to look for new certificates because of an id; says yes once in `FETCH_AGAIN_AFTER`."""
        with self._lock:
            if not self._has_certificates or key_id.startswith(PUBLIC_KEY_PREFIX):
                return False
            if self._fetched_at is not None and at - self._fetched_at < FETCH_AGAIN_AFTER:
                return False
            self._fetched_at = at
            return True

    def learn(self, new: list[PlatformKey], *, at: datetime) -> None:
        """Know these as well; what was known stays until its own end, so that a rotation has both."""
        with self._lock:
            kept = {key.key_id: key for key in self._keys.values() if key.ends_at is None or key.valid(at)}
            self._keys = {**kept, **{key.key_id: key for key in new}}


def read_certificates(*, body: bytes, api_v3_key: bytes) -> list[PlatformKey]:
    """Return the certificates of an answer, opened with our own key. Errors: ChannelSilent when one is not whole."""
    try:
        listed = msgspec.json.decode(body, type=_Certificates).data
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ChannelSilent(reason="unreadable") from None
    return [_read_certificate(each, api_v3_key) for each in listed]


def _read_certificate(listed: _Certificate, api_v3_key: bytes) -> PlatformKey:
    sealed = listed.encrypt_certificate
    pem = open_resource(
        api_v3_key=api_v3_key,
        ciphertext=sealed.ciphertext,
        nonce=sealed.nonce,
        associated_data=sealed.associated_data,
    )
    if pem is None:
        raise ChannelSilent(reason="unreadable")
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise ChannelSilent(reason="unreadable") from None
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or certificate.serial_number != _serial(listed.serial_no):
        raise ChannelSilent(reason="unreadable")
    return PlatformKey(
        key_id=listed.serial_no,
        key=key,
        starts_at=certificate.not_valid_before_utc,
        ends_at=certificate.not_valid_after_utc,
    )


def _serial(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None
