"""`mingqu bench notify`: what taking a wallet's word and signing a request cost, beside the bare cryptography.

The counterparties of the sandbox sign; our channels read. The yardstick does with the same bytes what nobody can save:
verify, open and parse for a notice, sign for a request. Rows are microseconds of one core; less is better.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench import notify_committed
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.wechatpay.signature import authorization
from mingqu.counterparties.channels import connect
from mingqu.counterparties.credentials import check_credentials
from mingqu.ports.collection import HostedPage, HostedPaymentRequest
from mingqu.sandbox import Sandbox

ROUNDS: Final = 7  # taken in turn with the yardstick; the best of each counts, for a busy machine only ever slows
VERIFIES: Final = 1_500  # about a tenth of a second a round
SIGNS: Final = 150
START: Final = datetime(2026, 8, 15, 2, tzinfo=UTC)
NUMBER: Final = UUID(int=1).hex
PAGE: Final = HostedPaymentRequest(
    order_number=NUMBER, amount_fen=30_000, currency="CNY", expires_at=START + timedelta(hours=1)
)
Rows = list[dict[str, Any]]


def run() -> Rows:
    """Return `notify_verify` and `request_sign`, each for WeChat Pay and for Alipay, and `notify_committed`."""
    return [*_cryptography(), *notify_committed.run()]


def _cryptography() -> Rows:
    clock = SettableClock(start=START)
    with Sandbox(clock=clock.now, tells=False, only=("wechatpay", "alipay")) as sandbox:
        credentials = check_credentials(value=sandbox.credentials)
        with closing(connect(credentials=credentials, public_url="http://127.0.0.1:1", clock=clock)) as there:
            assert there.alipay is not None
            page = there.alipay.payments.create(PAGE)
            assert isinstance(page, HostedPage)
            httpx.get(page.address)
            there.hosted.create(PAGE)
            sandbox.control.wechatpay.pay(out_trade_no=NUMBER)
            sandbox.control.alipay.trades.pay(out_trade_no=NUMBER)
            told = {row["party"]: row["body"] for row in sandbox.control.wechatpay.book.rows("SELECT * FROM notice")}
            body = told["wechatpay"].encode()
            headers = sandbox.control.wechatpay.dress("", "", body)
            form = sandbox.control.alipay.write_notice(told["alipay"])
            wechat, alipay = there.notices["wechatpay"], there.notices["alipay"]
            return [
                _row(
                    "notify_verify_wechatpay",
                    lambda: wechat.read(target="/", headers=headers, body=body),
                    _bare_wechat(sandbox, headers=dict(headers), body=body),
                    yardstick="verify, decrypt and parse of the same bytes",
                    calls=VERIFIES,
                ),
                _row(
                    "notify_verify_alipay",
                    lambda: alipay.read(target="/", headers={}, body=form),
                    _bare_alipay(sandbox, form=form),
                    yardstick="parse and verify of the same bytes",
                    calls=VERIFIES,
                ),
                *_signing(there.alipay.payments._application, sandbox),
            ]


def _bare_wechat(sandbox: Sandbox, *, headers: dict[str, str], body: bytes) -> Callable[[], object]:
    key: RSAPublicKey = sandbox.control.wechatpay.merchant.keys[0].private_key.public_key()
    opener = sandbox.control.wechatpay.merchant.api_v3_key.encode()

    def bare() -> object:
        content = f"{headers['wechatpay-timestamp']}\n{headers['wechatpay-nonce']}\n".encode() + body + b"\n"
        signature = base64.b64decode(headers["wechatpay-signature"])
        key.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
        sealed = json.loads(body)["resource"]
        opened = AESGCM(opener).decrypt(
            sealed["nonce"].encode(), base64.b64decode(sealed["ciphertext"]), sealed["associated_data"].encode()
        )
        return json.loads(opened)

    return bare


def _bare_alipay(sandbox: Sandbox, *, form: bytes) -> Callable[[], object]:
    key: RSAPublicKey = sandbox.control.alipay.application.signer.private_key.public_key()

    def bare() -> object:
        said = dict(parse_qsl(form.decode()))
        content = "&".join(f"{name}={said[name]}" for name in sorted(said) if name not in ("sign", "sign_type"))
        key.verify(base64.b64decode(said["sign"]), content.encode(), padding.PKCS1v15(), hashes.SHA256())
        return said

    return bare


def _signing(application: Any, sandbox: Sandbox) -> Rows:
    given = sandbox.credentials["wechatpay"]
    merchant = serialization.load_pem_private_key(given["merchant_private_key"].encode(), password=None)
    assert isinstance(merchant, RSAPrivateKey)
    content = {"out_trade_no": NUMBER, "total_amount": "300.00", "subject": "还款", "product_code": "QUICK_WAP_WAY"}
    body = json.dumps(content).encode()

    def bare(key: RSAPrivateKey) -> Callable[[], object]:
        return lambda: base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA256()))

    return [
        _row(
            "request_sign_wechatpay",
            lambda: authorization(
                key=merchant, serial="S", mchid="M", method="POST", target="/v3/pay/transactions/h5", body=body,
                at=START, nonce="n" * 32,
            ),
            bare(merchant),
            yardstick="a signature over the same body",
            calls=SIGNS,
        ),
        _row(
            "request_sign_alipay",
            lambda: application.address("alipay.trade.wap.pay", content),
            bare(application.key),
            yardstick="a signature over the same body",
            calls=SIGNS,
        ),
    ]  # fmt: skip


def _row(
    name: str, work: Callable[[], object], bare: Callable[[], object], *, yardstick: str, calls: int
) -> dict[str, Any]:
    worked, bared = [], []
    for _ in range(ROUNDS):
        worked.append(_microseconds(work, calls))
        bared.append(_microseconds(bare, calls))
    value, yardstick_value = min(worked), min(bared)
    return {
        "name": name,
        "value": round(value, 1),
        "unit": "µs/call/core",
        "yardstick": yardstick,
        "yardstick_value": round(yardstick_value, 1),
        "ratio": round(value / yardstick_value, 4),
    }


def _microseconds(work: Callable[[], object], calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - start) / calls * 1_000_000


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
