"""The one application at the sandbox's Alipay: its own certificate, and Alipay's keys, which may change.

A request says by its parameters in which mode it speaks, and is answered in that mode; the house's credentials name
certificate mode, which transfers take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from mingqu.sandbox import alipay_sign
from mingqu.sandbox.book import Book

_KEPT: Final = "alipay.keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlipayKey:
    """A key of Alipay's with its certificate."""

    private_key: RSAPrivateKey
    certificate: x509.Certificate


@dataclass(slots=True, kw_only=True)
class AlipayApplication:
    """Who speaks to Alipay here. The last of `keys` signs; the one before it stays known while it changes."""

    app_id: str
    seller_id: str
    public_key: RSAPublicKey
    certificate: x509.Certificate
    root: x509.Certificate
    root_key: str  # PEM: needed by a change of keys alone
    keys: list[AlipayKey]
    book: Book

    @property
    def signer(self) -> AlipayKey:
        """The key that signs from now on."""
        return self.keys[-1]

    def rotate(self, *, ends: datetime | None = None) -> AlipayKey:
        """Sign with a new key from now on, and return it; its certificate ends at a moment, if one is named."""
        self._keep([self.keys[-1], _new(root=self.root, root_key=alipay_sign.load_private(self.root_key), ends=ends)])
        return self.signer

    def end_rotation(self) -> None:
        """Let the last key alone be known."""
        self._keep(self.keys[-1:])

    def find(self, number: str) -> AlipayKey | None:
        """Return the key whose certificate has a number."""
        return next((one for one in self.keys if alipay_sign.number_of(one.certificate) == number), None)

    def told(self) -> dict[str, Any]:
        """Return what the house is told of Alipay's keys."""
        first, *others = self.keys
        return {
            "alipay_public_key": alipay_sign.public_pem(first.private_key.public_key()),
            "next_keys": [alipay_sign.public_pem(one.private_key.public_key()) for one in others],
            "alipay_certificate": alipay_sign.certificate_pem(first.certificate),
        }

    def _keep(self, keys: list[AlipayKey]) -> None:
        self.keys = keys
        written = [
            {
                "private_key": alipay_sign.private_pem(one.private_key),
                "certificate": alipay_sign.certificate_pem(one.certificate),
            }
            for one in keys
        ]
        with self.book.writing():
            self.book.keep(_KEPT, written)


def make_secrets() -> dict[str, str]:
    """Return everything secret of an application and of Alipay, as text: keys, certificates, the root's key."""
    root_key, app_key, alipay_key = alipay_sign.new_key(), alipay_sign.new_key(), alipay_sign.new_key()
    root = alipay_sign.new_root(root_key)
    app = alipay_sign.issue(app_key.public_key(), to="Sandbox application", root=root, root_key=root_key)
    alipay = alipay_sign.issue(alipay_key.public_key(), to="Sandbox Alipay", root=root, root_key=root_key)
    return {
        "root_key": alipay_sign.private_pem(root_key),
        "root_certificate": alipay_sign.certificate_pem(root),
        "app_key": alipay_sign.private_pem(app_key),
        "app_certificate": alipay_sign.certificate_pem(app),
        "alipay_key": alipay_sign.private_pem(alipay_key),
        "alipay_certificate": alipay_sign.certificate_pem(alipay),
        "app_id": f"2021{root.serial_number % 10**12:012d}",
        "seller_id": f"2088{app.serial_number % 10**12:012d}",
    }


def application(known: Mapping[str, str], *, book: Book) -> AlipayApplication:
    """Return the application of some secrets, with the keys that the book knows, or the first ones."""
    first = AlipayKey(
        private_key=alipay_sign.load_private(known["alipay_key"]), certificate=_certificate(known["alipay_certificate"])
    )
    kept = [
        AlipayKey(
            private_key=alipay_sign.load_private(row["private_key"]), certificate=_certificate(row["certificate"])
        )
        for row in book.kept(_KEPT, [])
    ]
    return AlipayApplication(
        app_id=known["app_id"],
        seller_id=known["seller_id"],
        public_key=alipay_sign.load_private(known["app_key"]).public_key(),
        certificate=_certificate(known["app_certificate"]),
        root=_certificate(known["root_certificate"]),
        root_key=known["root_key"],
        keys=kept or [first],
        book=book,
    )


def credentials(known: Mapping[str, str], *, address: str, alipay: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the house is given of Alipay; `alipay` is what it is told of Alipay's keys."""
    return {
        "base_url": f"{address}/gateway.do",
        "bill_url": address,
        "authorize_url": f"{address}/oauth2/publicAppAuthorize.htm",
        "app_id": known["app_id"],
        "seller_id": known["seller_id"],
        "app_private_key": known["app_key"],
        "mode": "certificate",
        "app_certificate": known["app_certificate"],
        "root_certificates": known["root_certificate"],
        **alipay,
    }


def _new(*, root: x509.Certificate, root_key: RSAPrivateKey, ends: datetime | None) -> AlipayKey:
    key = alipay_sign.new_key()
    named = {} if ends is None else {"ends": ends}
    certificate = alipay_sign.issue(key.public_key(), to="Sandbox Alipay", root=root, root_key=root_key, **named)
    return AlipayKey(private_key=key, certificate=certificate)


def _certificate(text: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(text.encode())
