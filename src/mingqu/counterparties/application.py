"""An application at Alipay made from its credentials, in one of its two modes."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from mingqu.channels.alipay.platform import Platform, certificate_number, root_number
from mingqu.channels.alipay.speech import Application
from mingqu.channels.wire import Wire
from mingqu.counterparties.credentials import AlipayCredentials, ChannelCredentialsMalformed
from mingqu.ports.clock import Clock


def application_of(*, given: AlipayCredentials, wire: Wire, bills: Wire, notify_url: str, clock: Clock) -> Application:
    """Return who we are at Alipay. Errors: ChannelCredentialsMalformed, when a key cannot be read or is missing."""
    own = _private(given.app_private_key)
    number, root = "", ""
    if given.mode == "certificate":
        if given.app_certificate is None or given.alipay_certificate is None or given.root_certificates is None:
            raise _malformed("Alipay in certificate mode needs three certificates: ours, its own, its root's.", "mode")
        (certificate,) = _certificates(given.app_certificate, "app_certificate")[:1]
        roots = _certificates(given.root_certificates, "root_certificates")
        if certificate.public_key() != own.public_key():
            raise _malformed("The certificate is of another key than ours.", "app_certificate")
        number, root = certificate_number(certificate), root_number(roots)
        platform = Platform(roots=roots)
        if not all(platform.learn(one) for one in _certificates(given.alipay_certificate, "alipay_certificate")):
            raise _malformed("Alipay's certificate is not issued by its root.", "alipay_certificate")
    else:
        if given.alipay_public_key is None:
            raise _malformed("Alipay in public-key mode needs its public key.", "alipay_public_key")
        platform = Platform(keys=[_public(text) for text in (given.alipay_public_key, *given.next_keys)])
    return Application(
        wire=wire,
        bills=bills,
        gateway=given.base_url,
        app_id=given.app_id,
        seller_id=given.seller_id,
        key=own,
        platform=platform,
        certificate_number=number,
        root_number=root,
        notify_url=notify_url,
        clock=clock,
    )


def _private(text: str) -> RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unreadable("app_private_key") from None
    if not isinstance(key, RSAPrivateKey):
        raise _unreadable("app_private_key")
    return key


def _public(text: str) -> RSAPublicKey:
    try:
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _unreadable("alipay_public_key") from None
    if not isinstance(key, RSAPublicKey):
        raise _unreadable("alipay_public_key")
    return key


def _certificates(text: str, field: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise _malformed("A certificate cannot be read: it takes PEM.", field) from None


def _unreadable(field: str) -> ChannelCredentialsMalformed:
    return _malformed("A key cannot be read: it takes PEM, of the right kind.", field)


def _malformed(text: str, field: str) -> ChannelCredentialsMalformed:
    return ChannelCredentialsMalformed(text, field=f"alipay.{field}")
