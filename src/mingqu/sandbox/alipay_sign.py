"""Signatures and certificate numbers of Alipay's open platform, from Alipay's side.

Source: opendocs.alipay.com as it stood in 2026: RSA2, what a request's, an answer's and a notice's signature covers,
and the numbers (SN) of certificates.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.x509.oid import NameOID

RSA_BITS: Final = 2048
# Certificates outlive every story: some libraries ask the machine's clock, others the sandbox's.
_BEGINS: Final = datetime(2020, 1, 1, tzinfo=UTC)
_ENDS: Final = datetime(2050, 1, 1, tzinfo=UTC)


def to_sign(parameters: Mapping[str, str], *, notice: bool = False) -> bytes:
    """Return what is signed of a request, or of a notice, whose `sign_type` does not count."""
    left_out = {"sign", "sign_type"} if notice else {"sign"}
    kept = [name for name in parameters if parameters[name] != "" and name not in left_out]
    return "&".join(name + "=" + parameters[name] for name in sorted(kept)).encode("utf-8")


def sign(content: bytes, *, key: RSAPrivateKey) -> str:
    """Return the RSA2 signature in base64."""
    return base64.b64encode(key.sign(content, padding.PKCS1v15(), hashes.SHA256())).decode("ascii")


def fits(content: bytes, signature: str, *, key: RSAPublicKey) -> bool:
    """Return whether a signature is this key's."""
    try:
        key.verify(base64.b64decode(signature, validate=True), content, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def written(value: Mapping[str, Any]) -> bytes:
    """Return an answer's value as the platform writes it: slashes escaped, so that who writes it anew fails."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/").encode("utf-8")


def enveloped(value: bytes, *, name: str, key: RSAPrivateKey, certificate: x509.Certificate | None) -> bytes:
    """Return a whole answer: the value under its name, the certificate's number in that mode, the signature."""
    number = b"" if certificate is None else b',"alipay_cert_sn":"' + number_of(certificate).encode() + b'"'
    signature = sign(value, key=key).replace("/", "\\/").encode()
    return b'{"' + name.encode() + b'":' + value + number + b',"sign":"' + signature + b'"}'


def number_of(certificate: x509.Certificate) -> str:
    """Return a certificate's number: the MD5 of its issuer (CN=…,OU=…,O=…,C=…) and its serial in decimal."""
    parts = {attribute.oid: str(attribute.value) for attribute in certificate.issuer}
    oids = (
        ("CN", NameOID.COMMON_NAME),
        ("OU", NameOID.ORGANIZATIONAL_UNIT_NAME),
        ("O", NameOID.ORGANIZATION_NAME),
        ("C", NameOID.COUNTRY_NAME),
    )
    issuer = ",".join(f"{short}={parts[oid]}" for short, oid in oids if oid in parts)
    return hashlib.md5(f"{issuer}{certificate.serial_number}".encode()).hexdigest()  # noqa: S324 (Alipay's choice)


def new_root(key: RSAPrivateKey) -> x509.Certificate:
    """Return the root that issues everybody's certificates here."""
    name = _name("Sandbox Certification Authority R1", unit="Certification Authority")
    return _certificate(key.public_key(), subject=name, issuer=name, by=key)


def issue(
    key: RSAPublicKey, *, to: str, root: x509.Certificate, root_key: RSAPrivateKey, ends: datetime = _ENDS
) -> x509.Certificate:
    """Return a certificate for a key, issued by the root."""
    return _certificate(key, subject=_name(to, unit="Sandbox"), issuer=root.subject, by=root_key, ends=ends)


def new_key() -> RSAPrivateKey:
    """Return a fresh private key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def private_pem(key: RSAPrivateKey) -> str:
    """Return a private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(key: RSAPublicKey) -> str:
    """Return a public key as PEM."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def certificate_pem(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def load_private(text: str) -> RSAPrivateKey:
    """Return the private key of a PEM text."""
    # Our own text: proving its primes again would take longer than starting everything else.
    key = serialization.load_pem_private_key(text.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey)
    return key


def _name(common: str, *, unit: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sandbox Alipay"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(
    key: RSAPublicKey, *, subject: x509.Name, issuer: x509.Name, by: RSAPrivateKey, ends: datetime = _ENDS
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number((1 << 124) + secrets.randbits(120))
        .not_valid_before(_BEGINS)
        .not_valid_after(ends)
        .sign(by, hashes.SHA256())
    )
