"""The platform's keys: somebody else's client is satisfied in both modes, and a change of keys outlives the process."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from wechatpayv3 import WeChatPay, WeChatPayType

from mingqu.sandbox import Sandbox
from mingqu.sandbox.time import BEIJING
from tests.unit.sandbox.house import House, made_once, playing

NUMBER = "R" * 32


@pytest.fixture
def house() -> Iterator[House]:
    """The oracle signs with the machine's clock, so the sandbox lives by it."""
    with playing() as house:
        house.clock.now = datetime.now(UTC)
        yield house


def oracle(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> WeChatPay:
    """Return a client that is not ours, pointed at the sandbox; it verifies every answer of status 2xx itself."""
    given = sandbox.credentials["wechatpay"]
    monkeypatch.setattr("wechatpayv3.core.requests", _Redirected(given["base_url"]))
    by_key = {"public_key": given["platform_public_key"], "public_key_id": given["platform_key_id"]}
    return WeChatPay(
        wechatpay_type=WeChatPayType.MINIPROG,
        mchid=given["mchid"],
        private_key=given["merchant_private_key"],
        cert_serial_no=given["merchant_serial"],
        apiv3_key=given["api_v3_key"],
        appid=given["appid"],
        notify_url="http://127.0.0.1:9/notify",
        **(by_key if given["mode"] == "public_key" else {}),
    )


class _Redirected:
    """Stands for `requests`: sends to the sandbox what the client means for WeChat, the same bytes."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def get(self, *, url: str, headers: dict[str, str], **_: Any) -> httpx.Response:
        return httpx.get(self._here(url), headers=headers)

    def post(self, *, url: str, json: Any, headers: dict[str, str], **_: Any) -> httpx.Response:
        return httpx.post(self._here(url), content=_dumped(json), headers=headers)

    def _here(self, url: str) -> str:
        return url.replace("https://api.mch.weixin.qq.com", self._base_url)


def _dumped(content: Any) -> bytes:
    return json.dumps(content).encode()


@pytest.mark.parametrize("mode", ["public_key", "certificate"])
def test_somebody_elses_client_is_accepted_and_accepts_every_answer(
    house: House, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode == "certificate":
        house.sandbox.control.set_key_mode(mode)
    client = oracle(house.sandbox, monkeypatch)
    status, said = client.pay(
        description="还款",
        out_trade_no=NUMBER,
        amount={"total": 100},
        payer={"openid": "o1"},
        pay_type=WeChatPayType.JSAPI,
    )
    assert status == 200
    assert json.loads(said)["prepay_id"].startswith("wx")
    house.sandbox.control.wechatpay.pay(out_trade_no=NUMBER)
    status, said = client.query(out_trade_no=NUMBER)
    assert (status, json.loads(said)["trade_state"]) == (200, "SUCCESS")
    status, said = client.refund(
        out_refund_no="B1", out_trade_no=NUMBER, amount={"refund": 40, "total": 100, "currency": "CNY"}
    )
    assert (status, json.loads(said)["out_refund_no"]) == (200, "B1")
    status, _ = client.close(out_trade_no=NUMBER)
    assert status == 400


def test_a_change_to_public_key_mode_leaves_nobody_behind(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.prepay(NUMBER)
    control, new = house.sandbox.control, "PUB_KEY_ID_0000000000000000000000000000002"
    control.set_key_mode("certificate")
    old_client = oracle(house.sandbox, monkeypatch)
    control.rotate(mode="public_key", key_id=new)
    given = house.sandbox.credentials["wechatpay"]
    assert (given["mode"], list(given["next_keys"])) == ("certificate", [new])
    assert old_client.query(out_trade_no=NUMBER)[0] == 200, "certificates are good while both are valid"
    control.end_rotation()
    given = house.sandbox.credentials["wechatpay"]
    assert (given["mode"], given["platform_key_id"], given["next_keys"]) == ("public_key", new, {})
    assert oracle(house.sandbox, monkeypatch).query(out_trade_no=NUMBER)[0] == 200


def test_the_key_that_a_request_names_signs_its_answer_while_two_are_valid(house: House) -> None:
    old = house.sandbox.credentials["wechatpay"]["platform_key_id"]
    house.sandbox.control.rotate()
    new = house.sandbox.control.wechatpay.merchant.keys[-1].serial
    said = [
        house.wechatpay("GET", "/v3/certificates", serial=serial).headers["wechatpay-serial"]
        for serial in (old, new, None, "PUB_KEY_ID_99")
    ]
    assert said == [old, new, new, new]


def test_keys_outlive_the_process_and_the_file_of_credentials_follows(tmp_path: Path) -> None:
    with playing(folder=tmp_path, secrets=made_once()) as house:
        house.sandbox.control.set_key_mode("certificate")
        house.sandbox.control.rotate()
        before = house.sandbox.credentials["wechatpay"]
    with playing(folder=tmp_path, secrets=made_once()) as house:
        assert house.sandbox.credentials["wechatpay"] == before
        file = tmp_path / "credentials.json"
        assert json.loads(file.read_text())["wechatpay"] == before
        modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("credentials.json", "sandbox.db")}
        assert modes == {"credentials.json": 0o600, "sandbox.db": 0o600}
        knobs = house.sandbox.credentials["control"]["wechatpay"]
        assert house.client.post(f"{knobs}/end-rotation").status_code == 200
        assert json.loads(file.read_text())["wechatpay"]["next_keys"] == {}
        assert house.client.post(f"{knobs}/key-mode", json={"mode": "sealing wax"}).status_code == 400


def test_somebody_elses_client_fetches_both_bills(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.prepay(NUMBER)
    house.sandbox.control.wechatpay.pay(out_trade_no=NUMBER)
    on = house.clock.now.astimezone(BEIJING).date().isoformat()
    client = oracle(house.sandbox, monkeypatch)
    # The oracle lives today, whenever that is.
    monkeypatch.setattr("mingqu.sandbox.wechatpay_bill.is_ready", lambda on, *, now: True)
    monkeypatch.setattr("mingqu.sandbox.wechatpay_bill.is_too_old", lambda on, *, now: False)
    for ask in (client.trade_bill, client.fundflow_bill):
        status, said = ask(bill_date=on)
        assert status == 200, said
        base_url = house.sandbox.credentials["wechatpay"]["base_url"]
        address = json.loads(said)["download_url"].replace(base_url, "https://api.mch.weixin.qq.com")
        status, file = client.download_bill(address)
        assert (status, NUMBER in gzip.decompress(file).decode()) == (200, True)
