"""Whose signature counts: keys that we were given, or certificates that Alipay's root vouches for.

Source: opendocs.alipay.com, "接口加签方式: 公钥模式, 公钥证书模式" and "alipay.open.app.alipaycert.download" (2026).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

# Of a certificate that is named to us and that we do not know: a forger must not make us ask for one with each notice.
FETCH_PAUSE: Final = timedelta(minutes=1)
# The root file names SM2 certificates as well; only those signed with RSA have their part in its number.
_RSA_SIGNED: Final = "1.2.840.113549.1.1."


class Platform:
    """Alipay's keys as one application knows them.

    In key mode every key given counts: one, or two while Alipay changes it. In certificate mode an answer and a notice
    name their certificate by its number, and it counts while it is valid.
    """

    def __init__(self, *, keys: Sequence[RSAPublicKey] = (), roots: Sequence[x509.Certificate] = ()) -> None:
        assert bool(keys) != bool(roots), "one of the two modes"
        self._keys, self._roots = tuple(keys), tuple(roots)
        self._certificates: dict[str, x509.Certificate] = {}
        self._fetched_at: datetime | None = None

    @property
    def has_certificates(self) -> bool:
        """Whether it is certificate mode."""
        return bool(self._roots)

    def keys_for(self, number: str, *, at: datetime) -> tuple[RSAPublicKey, ...]:
        """Return the keys that a signature may be of; `number` is that of the certificate it names, or ""."""
        if not self.has_certificates:
            return self._keys
        found = self._certificates.get(number)
        return () if found is None or not _is_valid(found, at) else _key_of(found)

    def over(self, number: str, *, at: datetime) -> tuple[RSAPublicKey, ...]:
        """Return the key of a certificate that we know and whose time is over, or nothing."""
        found = self._certificates.get(number)
        return _key_of(found) if found is not None and found.not_valid_after_utc < at else ()

    def may_fetch(self, number: str, *, at: datetime) -> bool:
        """Return whether a certificate may be asked for now; whoever hears yes does so."""
        if not self.has_certificates or not number or number in self._certificates:
            return False
        if self._fetched_at is not None and at < self._fetched_at + FETCH_PAUSE:
            return False
        self._fetched_at = at
        return True

    def learn(self, certificate: x509.Certificate) -> bool:
        """Take a certificate in, if one of the roots issued it; return whether it was taken.

        The roots issue certificates to applications as well. So whoever follows the first one, which we were given,
        must bear its name.
        """
        names = {one.subject for one in self._certificates.values()} or {certificate.subject}
        if certificate.subject not in names or not any(_issued(certificate, by=root) for root in self._roots):
            return False
        self._certificates[certificate_number(certificate)] = certificate
        return True


def certificate_number(certificate: x509.Certificate) -> str:
    """Return the number (SN) Alipay gives a certificate: the MD5 of its issuer's name and its serial number.

    The name is in the order of RFC 2253, the serial in decimal digits. Example: issuer CN=Sandbox,O=Ant,C=CN and serial
    17 → the MD5 of the text "CN=Sandbox,O=Ant,C=CN17", in hexadecimal.
    """
    named = f"{certificate.issuer.rfc4514_string()}{certificate.serial_number}"
    return hashlib.md5(named.encode(), usedforsecurity=False).hexdigest()


def root_number(roots: Sequence[x509.Certificate]) -> str:
    """Return the number of a file of root certificates: those of its RSA certificates, joined by "_"."""
    signed = [one for one in roots if one.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNED)]
    return "_".join(certificate_number(one) for one in signed)


def _is_valid(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _key_of(certificate: x509.Certificate) -> tuple[RSAPublicKey, ...]:
    key = certificate.public_key()
    return (key,) if isinstance(key, RSAPublicKey) else ()


def _issued(certificate: x509.Certificate, *, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
