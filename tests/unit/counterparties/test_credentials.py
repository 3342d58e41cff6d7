"""Credentials are whole or refused at the start, with a stable code and without a secret in the message."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mingqu.channels.fake.clock import SettableClock
from mingqu.counterparties.channels import connect
from mingqu.counterparties.credentials import (
    ChannelCredentialsExposed,
    ChannelCredentialsMalformed,
    ChannelCredentialsMissing,
    PublicAddressMissing,
    check_credentials,
    choose,
)
from tests.contracts.people import START
from tests.unit.channels.wechatpay_party import rsa_key

Change = Callable[[dict[str, Any]], object]


def pem(key: Any, *, public: bool = False) -> str:
    if public:
        written: bytes = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    else:
        written = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    return written.decode()


ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(32))
GATEWAY = {
    "base_url": "https://bank.example",
    "key_id": "house-1",
    "private_key": pem(ED25519),
    "their_key_id": "bank-1",
    "their_public_key": pem(ED25519, public=True),
}
WHOLE: dict[str, Any] = {
    **{name: dict(GATEWAY) for name in ("bank", "identity", "sms", "bureau")},
    "wechatpay": {
        "base_url": "https://pay.example",
        "appid": "wx1",
        "mchid": "1900000001",
        "merchant_serial": "5157F09E",
        "merchant_private_key": pem(rsa_key("merchant")),
        "api_v3_key": "0123456789abcdef0123456789abcdef",
        "mode": "public_key",
        "platform_key_id": "PUB_KEY_ID_1",
        "platform_public_key": pem(rsa_key("platform"), public=True),
    },
    "wechat": {
        "base_url": "https://wx.example",
        "authorize_url": "https://open.example/connect/oauth2/authorize",
        "appid": "wx1",
        "secret": "f1c0ffee",
    },
}


def with_change(change: Change) -> dict[str, Any]:
    changed = copy.deepcopy(WHOLE)
    change(changed)
    return changed


def connected(value: object) -> set[str]:
    clock = SettableClock(start=START)
    credentials = check_credentials(value=value)
    with closing(connect(credentials=credentials, public_url="https://house.example", clock=clock)) as there:
        return set(there.notices)


def test_whole_credentials_make_channels_and_wechat_may_be_left_out() -> None:
    assert connected(WHOLE) == {"bank", "wechatpay"}
    assert connected(with_change(lambda given: (given.pop("wechatpay"), given.pop("wechat")))) == {"bank"}
    on_this_machine = with_change(lambda given: given["bank"].update(base_url="http://127.0.0.1:9103"))
    assert connected(on_this_machine) == {"bank", "wechatpay"}


@pytest.mark.parametrize(
    "change",
    [
        lambda given: given.pop("bank"),
        lambda given: given.update(alipay={}),
        lambda given: given["bank"].pop("key_id"),
        lambda given: given["bank"].update(keyid="x"),
        lambda given: given["bank"].update(base_url="bank.example"),
        lambda given: given["bank"].update(base_url="https://bank.example/?x=1"),
        lambda given: given["bank"].update(base_url="http://bank.example"),  # in the clear
        lambda given: given["wechat"].update(base_url="http://127.0.0.1.example"),
        lambda given: given["bank"].update(private_key="f1c0ffee"),
        lambda given: given["bank"].update(private_key=pem(rsa_key("merchant"))),
        lambda given: given["bank"].update(their_public_key=pem(rsa_key("merchant"), public=True)),
        lambda given: given["bank"].update(next_keys={"bank-2": "f1c0ffee"}),
        lambda given: given["wechatpay"].update(merchant_private_key=pem(ED25519)),
        lambda given: given["wechatpay"].update(api_v3_key="f1c0ffee"),
        lambda given: given["wechatpay"].update(mode="psychic"),
        lambda given: given["wechatpay"].update(platform_public_key=None),
        lambda given: given["wechatpay"].update(platform_public_key=pem(ED25519, public=True)),
        lambda given: given["wechat"].pop("secret"),
    ],
)
def test_what_is_missing_unknown_or_wrong_is_refused_without_a_secret(change: Change) -> None:
    with pytest.raises(ChannelCredentialsMalformed) as refusal:
        connected(with_change(change))
    assert refusal.value.code == "channel_credentials_malformed"
    assert "f1c0ffee" not in f"{refusal.value} {refusal.value.details}"


def test_credentials_do_not_print() -> None:
    assert "f1c0ffee" not in repr(check_credentials(value=WHOLE))
    assert "PRIVATE" not in repr(check_credentials(value=WHOLE))


def test_a_file_is_read_if_nobody_else_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    chosen_by = {"MINGQU_CHANNELS": str(file), "MINGQU_PUBLIC_URL": "https://house.example/"}
    with pytest.raises(ChannelCredentialsMissing):
        choose(environment=chosen_by)
    file.write_text(json.dumps(WHOLE))
    file.chmod(0o640)
    with pytest.raises(ChannelCredentialsExposed):
        choose(environment=chosen_by)
    file.chmod(0o600)
    chosen = choose(environment=chosen_by)
    assert chosen is not None
    assert (chosen.public_url, chosen.credentials) == ("https://house.example", check_credentials(value=WHOLE))
    for text in ("{", '"\ud800"'.encode("utf-8", "surrogatepass").decode("latin-1"), "[]", "null"):
        file.write_text(text)
        with pytest.raises(ChannelCredentialsMalformed):
            choose(environment=chosen_by)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ChannelCredentialsMalformed):
        choose(environment=chosen_by)


def test_channels_need_our_address_and_without_a_name_there_are_none(tmp_path: Path) -> None:
    assert choose(environment={}) is None
    assert choose(environment={"MINGQU_CHANNELS": ""}) is None
    for address in ("", "house.example", "https://house.example/path", "https://house.example?x=1"):
        with pytest.raises(PublicAddressMissing):
            choose(environment={"MINGQU_CHANNELS": str(tmp_path), "MINGQU_PUBLIC_URL": address})
