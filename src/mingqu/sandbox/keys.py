"""Keys of both sides, made once in the sandbox's folder; what the house needs of them goes into credentials.json."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from mingqu.sandbox import alipay_keys
from mingqu.sandbox.wechatpay_keys import PUBLIC_KEY, RSA_BITS

GATEWAYS: Final = ("bank", "identity", "sms", "bureau", "data")
# Those that a house may have several of; each is a section of `issuers` and `lenders`.
ISSUER, LENDER = "issuer", "lender"
ISSUERS: Final = ("qinghe", "wangshan")  # the sandbox plays both at one address
SUB_MERCHANTS: Final = {"chengchuan": "1900000101", "tinglan": "1900000102"}  # the lenders' own at WeChat Pay
SHOP: Final = "shop"  # of a merchant at whose checkout people pay by instalments
PARTIES: Final = ("wechatpay", "wechat", *GATEWAYS, "alipay", ISSUER, LENDER, SHOP)
SIGNING: Final = (*GATEWAYS, ISSUER, LENDER)  # whoever speaks with signatures of the gateway's kind
_SECRETS: Final = "secrets.json"  # both sides' keys; the house never reads it
CREDENTIALS: Final = "credentials.json"
Pem = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Everything secret, as text."""

    house: dict[str, Pem]  # the house's Ed25519 key at each gateway
    party: dict[str, Pem]  # each gateway's own
    merchant: Pem
    merchant_serial: str
    platform: Pem
    platform_key_id: str
    api_v3_key: str
    mchid: str
    appid: str
    app_secret: str
    alipay: dict[str, str]
    mode: str = PUBLIC_KEY

    @property
    def api_v2_key(self) -> str:
        """Return the shared key of V2; it follows from that of V3, so that older folders have one as well."""
        return hashlib.sha256(f"v2 {self.api_v3_key}".encode()).hexdigest()[:32]

    def house_public(self, party: str) -> Ed25519PublicKey:
        """Return the key by which a gateway knows the house."""
        return ed25519(self.house[party]).public_key()


def load_or_make(folder: Path | None) -> Secrets:
    """Return the secrets of a folder, made now if there are none; without a folder, made for this once."""
    place = None if folder is None else folder / _SECRETS
    if place is not None and place.exists():
        kept = json.loads(place.read_text())
        if "alipay" not in kept:  # of a folder that is older than the sandbox's Alipay
            kept["alipay"] = alipay_keys.make_secrets()
            _write(place, kept)
        return _with_newcomers(Secrets(**kept), place)
    made = Secrets(
        house={party: _pem(Ed25519PrivateKey.generate()) for party in SIGNING},
        party={party: _pem(Ed25519PrivateKey.generate()) for party in SIGNING},
        merchant=_pem(_rsa()),
        merchant_serial=secrets.token_hex(20).upper(),
        platform=_pem(_rsa()),
        platform_key_id=f"PUB_KEY_ID_01{secrets.randbelow(10**28):028d}",
        api_v3_key=secrets.token_hex(16),
        mchid=f"19{secrets.randbelow(10**8):08d}",
        appid="wx" + secrets.token_hex(8),
        app_secret=secrets.token_hex(16),
        alipay=alipay_keys.make_secrets(),
    )
    if place is not None:
        _write(place, {name: getattr(made, name) for name in Secrets.__slots__})
    return made


def _with_newcomers(known: Secrets, place: Path) -> Secrets:
    """Return secrets of a folder with those of parties that did not exist when it was made, and keep them."""
    missing = [party for party in SIGNING if party not in known.house]
    if not missing:
        return known
    for side in (known.house, known.party):
        side.update({party: _pem(Ed25519PrivateKey.generate()) for party in missing})
    _write(place, {name: getattr(known, name) for name in Secrets.__slots__})
    return known


def credentials(
    known: Secrets,
    *,
    addresses: dict[str, str],
    platform: Mapping[str, Any],
    alipay: Mapping[str, Any],
    lenders: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what the house is given when its accounts are opened.

    `platform` is what it is told of WeChat's keys, `alipay` of Alipay's; `lenders` are those of its lenders that decide
    by themselves, whom the sandbox's lender plays.
    """
    given: dict[str, Any] = {
        "wechatpay": {
            "base_url": addresses["wechatpay"],
            "appid": known.appid,
            "mchid": known.mchid,
            "merchant_serial": known.merchant_serial,
            "merchant_private_key": known.merchant,
            "api_v3_key": known.api_v3_key,
            "repayment_plan_id": "100001",
            "api_v2_key": known.api_v2_key,
            "papay_plan_id": "200001",
            "sub_merchants": SUB_MERCHANTS,
            **platform,
        },
        "wechat": {
            "base_url": addresses["wechat"],
            "authorize_url": f"{addresses['wechat']}/connect/oauth2/authorize",
            "appid": known.appid,
            "secret": known.app_secret,
        },
        "alipay": alipay_keys.credentials(known.alipay, address=addresses["alipay"], alipay=alipay),
    }
    for party in GATEWAYS:
        given[party] = _gateway(known, party, addresses[party])
    given["clearing"] = dict(given["bank"])  # the bank's other face: the same address, the same keys
    given["issuers"] = {code: _gateway(known, ISSUER, addresses[ISSUER]) for code in ISSUERS}
    given["lenders"] = {code: _gateway(known, LENDER, addresses[LENDER]) for code in lenders}
    given["control"] = {party: f"{address}/_sandbox" for party, address in addresses.items()}
    return given


def _gateway(known: Secrets, party: str, address: str) -> dict[str, str]:
    return {
        "base_url": address,
        "key_id": "house-1",
        "private_key": known.house[party],
        "their_key_id": f"{party}-1",
        "their_public_key": _public(ed25519(known.party[party]).public_key()),
    }


def write_credentials(folder: Path, given: dict[str, Any]) -> Path:
    """Write the house's credentials for its eyes only and return where."""
    return _write(folder / CREDENTIALS, given)


def ed25519(pem: Pem) -> Ed25519PrivateKey:
    """Return the private key of a PEM text."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


@cache
def load_rsa(pem: Pem) -> RSAPrivateKey:
    """Return the private key of a PEM text; reading one takes a fifth of a second, so each is read once."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


def _rsa() -> RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def _pem(key: Ed25519PrivateKey | RSAPrivateKey) -> Pem:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _public(key: Any) -> Pem:
    written: bytes = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return written.decode()


def _write(place: Path, content: dict[str, Any]) -> Path:
    draft = place.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=1)
    draft.replace(place)
    return place
