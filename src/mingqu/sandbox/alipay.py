"""Alipay's open platform as an application meets it: one gateway, many methods, a cashier, notices, bills.

Methods, fields, states and codes are those of the documentation (opendocs.alipay.com, 2026); nothing is claimed beyond
them. Call names for the fault knobs are those of `METHODS`, and alipay.bill_file for the file of a bill.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from mingqu.sandbox import alipay_cashier
from mingqu.sandbox.alipay_agreement import Agreements, Transfers
from mingqu.sandbox.alipay_bill import PATH as BILL_PATH
from mingqu.sandbox.alipay_bill import Bills
from mingqu.sandbox.alipay_keys import AlipayApplication
from mingqu.sandbox.alipay_sign import certificate_pem, enveloped, fits, new_key, number_of, sign, to_sign, written
from mingqu.sandbox.alipay_trade import Trades
from mingqu.sandbox.alipay_wire import OK, Asked, Wrong, clock, content_of, failure, parameters_of, read_moment, yuan
from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.faults import Faults
from mingqu.sandbox.notices import Notices
from mingqu.sandbox.time import Time, read
from mingqu.sandbox.wire import Call, Reply, redirect

GATEWAY_PATH: Final = "/gateway.do"
RETRY_SECONDS: Final = (240, 600, 600, 3_600, 7_200, 21_600, 54_000)
TIMESTAMP_OFF_MAX: Final = timedelta(hours=24)  # clocks that forgot their zone are let in
METHODS: Final = {
    "alipay.trade.wap.pay": "alipay.wap_pay",
    "alipay.trade.create": "alipay.create",
    "alipay.trade.query": "alipay.query",
    "alipay.trade.close": "alipay.close",
    "alipay.trade.refund": "alipay.refund",
    "alipay.trade.fastpay.refund.query": "alipay.refund_query",
    "alipay.trade.pay": "alipay.deduct",
    "alipay.user.agreement.page.sign": "alipay.agreement_page",
    "alipay.user.agreement.query": "alipay.agreement_query",
    "alipay.user.agreement.unsign": "alipay.unsign",
    "alipay.fund.trans.uni.transfer": "alipay.transfer",
    "alipay.fund.trans.common.query": "alipay.transfer_query",
    "alipay.system.oauth.token": "alipay.token",
    "alipay.user.info.share": "alipay.person",
    "alipay.data.dataservice.bill.downloadurl.query": "alipay.bill",
    "alipay.open.app.alipaycert.download": "alipay.certificate",
}
BILL_FILE: Final = "alipay.bill_file"
_PAGES: Final = ("alipay.trade.wap.pay", "alipay.user.agreement.page.sign")
_BY_FORM: Final = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
Value = dict[str, Any]


class Alipay:
    """One application's Alipay."""

    def __init__(
        self, *, book: Book, time: Time, application: AlipayApplication, faults: Faults, notices: Notices, address: str
    ) -> None:
        self.book, self.time, self.application, self.faults = book, time, application, faults
        self._notices = notices
        seller_id = application.seller_id
        self.trades = Trades(book=book, time=time, seller_id=seller_id, tell=self._tell_trade)
        self.agreements = Agreements(book=book, time=time, trades=self.trades, tell=self._tell_agreement)
        self.transfers = Transfers(book=book, time=time, trades=self.trades)
        self.bills = Bills(book=book, time=time, seller_id=seller_id, address=address)
        self.pages = alipay_cashier.Pages(
            book=book, time=time, trades=self.trades, agreements=self.agreements, app_id=application.app_id
        )
        self._do: dict[str, Callable[[Asked], Value]] = {
            "alipay.trade.create": self._create,
            "alipay.trade.query": self.trades.query,
            "alipay.trade.close": self.trades.close,
            "alipay.trade.refund": self.trades.refund,
            "alipay.trade.fastpay.refund.query": self.trades.ask_refund,
            "alipay.trade.pay": self.agreements.deduct,
            "alipay.user.agreement.query": self.agreements.query,
            "alipay.user.agreement.unsign": self.agreements.unsign,
            "alipay.fund.trans.uni.transfer": self._transfer,
            "alipay.fund.trans.common.query": self.transfers.ask,
            "alipay.system.oauth.token": self._token,
            "alipay.user.info.share": self._person,
            "alipay.data.dataservice.bill.downloadurl.query": self.bills.link,
            "alipay.open.app.alipaycert.download": self._certificate,
        }
        # What may be refused for good; a question is not, or its answer would be taken for an order's end.
        self._refuse: dict[str, Callable[[Asked], Value]] = {
            "alipay.trade.pay": self.agreements.refuse_deduction,
            "alipay.fund.trans.uni.transfer": lambda asked: self.transfers.take(
                asked, refusal="PAYER_BALANCE_NOT_ENOUGH"
            ),
            "alipay.trade.refund": lambda _: failure("40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH", "商户余额不足"),
        }

    def handle(self, call: Call) -> Reply:
        """Return the answer to a request of the application's, or of a browser that it sent."""
        if call.path == BILL_PATH:
            return self._carry(BILL_FILE, lambda: self.bills.download(call))
        if call.path != GATEWAY_PATH or call.method not in ("GET", "POST"):
            return Reply(status=404, body=b"not found")
        try:
            asked = self._asked(call)
        except Wrong as wrong:  # who it is that asks is not known, so nothing is signed
            return Reply(headers=_JSON, body=written({"error_response": wrong.value}))
        return self._open(asked) if asked.method in _PAGES else self._answer(asked)

    def moved(self) -> dict[str, int]:
        """Return the amount in fen, by the application's number, of everything that was paid or transferred."""
        return {**self.trades.moved(), **self.transfers.moved()}

    def write_notice(self, body: str) -> bytes:
        """Return the form of one try of a notice, of this moment and signed now."""
        said = {**json.loads(body), "notify_time": clock(self.time.now())}
        if said.pop("certified", ""):
            said["alipay_cert_sn"] = number_of(self.application.signer.certificate)
        signature = sign(to_sign(said, notice=True), key=self.application.signer.private_key)
        return urlencode({**said, "sign": signature, "sign_type": "RSA2"}).encode()

    def dress(self, _path: str, _query: str, _body: bytes) -> Mapping[str, str]:
        """Return the headers of one try of a notice: what is signed stands in the form."""
        return _BY_FORM

    # What comes in.

    def _asked(self, call: Call) -> Asked:
        """Return a request that is the application's. Errors: Wrong."""
        parameters = parameters_of(call)
        for name in ("app_id", "method", "sign", "sign_type", "charset", "timestamp", "version"):
            if not parameters.get(name):
                raise Wrong("40001", f"isv.missing-{name.replace('_', '-')}", f"缺少参数 {name}")
        if parameters["app_id"] != self.application.app_id:
            raise Wrong("40002", "isv.invalid-app-id", "无效的AppID参数")
        if parameters["sign_type"] != "RSA2" or not fits(
            to_sign(parameters), parameters["sign"], key=self.application.public_key
        ):
            raise Wrong("40002", "isv.invalid-signature", "验签出错")
        if parameters["method"] not in METHODS:
            raise Wrong("40002", "isv.invalid-method", "不存在的方法名")
        if abs(read_moment(parameters["timestamp"]) - self.time.now()) > TIMESTAMP_OFF_MAX:
            raise Wrong("40002", "isv.invalid-timestamp", "非法的时间戳参数")
        self._require_certificates(parameters)
        return Asked(parameters=parameters, content=content_of(parameters))

    def _require_certificates(self, parameters: Mapping[str, str]) -> None:
        if "app_cert_sn" not in parameters:
            return
        ours = (number_of(self.application.certificate), number_of(self.application.root))
        if (parameters["app_cert_sn"], parameters.get("alipay_root_cert_sn")) != ours:
            raise Wrong("40002", "isv.invalid-app-cert-sn", "应用证书序列号或根证书序列号不正确")

    # What goes out.

    def _open(self, asked: Asked) -> Reply:
        """Let a browser in that the application sent with a signed link."""

        def opened() -> Reply:
            back = asked.parameters.get("return_url", "")
            try:
                with self.book.writing():
                    if asked.method == "alipay.trade.wap.pay":
                        return redirect(self.pages.pay_address(self._page_trade(asked), back=back))
                    return redirect(self.pages.sign_address(self.agreements.begin(asked), back=back))
            except Wrong as wrong:
                return alipay_cashier.refused(wrong.value["sub_code"], str(wrong))

        return self._carry(METHODS[asked.method], opened)

    def _answer(self, asked: Asked) -> Reply:
        do, refuse = self._do[asked.method], self._refuse.get(asked.method)
        return self.faults.carry(
            METHODS[asked.method],
            do=lambda: self._done(do, asked),
            refuse=None if refuse is None else lambda: self._done(refuse, asked),
            sign=lambda reply: self._signed(reply, asked),
            missign=lambda reply: self._signed(reply, asked, forged=True),
        )

    def _carry(self, name: str, do: Callable[[], Reply]) -> Reply:
        """Meet a fault with an answer that nobody signs."""
        return self.faults.carry(name, do=do, refuse=None, sign=lambda reply: reply, missign=lambda reply: reply)

    def _done(self, do: Callable[[Asked], Value], asked: Asked) -> Reply:
        with self.book.writing():  # a no is kept as well: of a transfer for good, of a deduction with its open trade
            try:
                value = do(asked)
            except Wrong as wrong:
                value = wrong.value
        return Reply(headers=_JSON, body=written(value))

    def _signed(self, reply: Reply, asked: Asked, *, forged: bool = False) -> Reply:
        signer = self.application.signer
        is_token = asked.method == "alipay.system.oauth.token" and b'"sub_code"' in reply.body
        name = "error_response" if is_token else f"{asked.method.replace('.', '_')}_response"
        body = enveloped(
            reply.body,
            name=name,
            key=_stranger() if forged else signer.private_key,
            certificate=signer.certificate if asked.in_certificate_mode else None,
        )
        return replace(reply, body=body)

    # Methods that belong to none of its parts.

    def _page_trade(self, asked: Asked) -> Row:
        product = asked.text("product_code")
        if product not in ("QUICK_WAP_WAY", "QUICK_WAP_PAY"):  # the document's word, and an old library's
            raise Wrong("40004", "ACQ.INVALID_PARAMETER", "参数 product_code 无效")
        return self.trades.open(asked, product="QUICK_WAP_WAY", subject=asked.text("subject", maximum=256))

    def _create(self, asked: Asked) -> Value:
        buyer = asked.content.get("buyer_open_id") or asked.content.get("buyer_id")
        if not isinstance(buyer, str) or self.trades.account(buyer) is None:
            raise Wrong("40004", "ACQ.BUYER_NOT_EXIST", "买家不存在")
        trade = self.trades.open(asked, product="JSAPI_PAY", subject=asked.text("subject", maximum=256))
        match self.trades.status(trade):
            case "WAIT_BUYER_PAY":
                return {**OK, "trade_no": trade["trade_no"], "out_trade_no": trade["out_trade_no"]}
            case "TRADE_CLOSED" if trade["paid_at"] is None:
                raise Wrong("40004", "ACQ.TRADE_HAS_CLOSE", "交易已关闭")
            case _:
                raise Wrong("40004", "ACQ.TRADE_HAS_SUCCESS", "交易已被支付")

    def _transfer(self, asked: Asked) -> Value:
        if not asked.in_certificate_mode:
            raise Wrong("40006", "isv.insufficient-isv-permissions", "转账须使用公钥证书模式")
        return self.transfers.take(asked)

    def _token(self, asked: Asked) -> Value:
        if asked.parameters.get("grant_type") != "authorization_code":
            raise Wrong("40002", "isv.grant-type-invalid", "grant_type 无效")
        user_id = self.pages.use_code(asked.parameters.get("code", ""))
        person = None if user_id is None else self.trades.account(user_id)
        if person is None:
            raise Wrong("40002", "isv.code-invalid", "授权码code无效")
        token = f"authusrB{secrets.token_hex(16)}"
        self.book.keep(f"alipay.token.{token}", person["user_id"])
        return {
            "user_id": person["user_id"], "open_id": person["open_id"], "access_token": token, "expires_in": 1296000,
            "refresh_token": f"authusrR{secrets.token_hex(16)}", "re_expires_in": 2592000,
        }  # fmt: skip

    def _person(self, asked: Asked) -> Value:
        user_id = self.book.kept(f"alipay.token.{asked.parameters.get('auth_token', '')}", None)
        person = None if user_id is None else self.trades.account(user_id)
        if person is None:
            raise Wrong("20001", "aop.invalid-auth-token", "无效的访问令牌")
        return {**OK, "user_id": person["user_id"], "open_id": person["open_id"], "nick_name": person["name"]}

    def _certificate(self, asked: Asked) -> Value:
        found = self.application.find(asked.text("alipay_cert_sn"))
        if found is None:
            raise Wrong("40004", "isv.cert-not-exist", "证书不存在")
        content = base64.b64encode(certificate_pem(found.certificate).encode()).decode()
        return {**OK, "alipay_cert_content": content}

    # What it tells.

    def _tell_trade(self, trade: Row, beside: Mapping[str, str], at: datetime) -> None:
        said = {
            **self._common("trade_status_sync"), "trade_no": trade["trade_no"], "out_trade_no": trade["out_trade_no"],
            "trade_status": self.trades.status(trade), "total_amount": yuan(trade["total"]),
            "receipt_amount": yuan(trade["total"]), "subject": trade["subject"], "buyer_id": trade["buyer_id"],
            "seller_id": self.application.seller_id, "gmt_create": clock(read(trade["made_at"])),
            "gmt_payment": clock(read(trade["paid_at"])), **beside,
        }  # fmt: skip
        self._tell(said, trade, at)

    def _tell_agreement(self, agreement: Row, kind: str, at: datetime) -> None:
        said = {
            **self._common(kind), "agreement_no": agreement["agreement_no"],
            "external_agreement_no": agreement["external_agreement_no"], "status": agreement["state"],
            "personal_product_code": "CYCLE_PAY_AUTH_P", "alipay_user_id": agreement["user_id"],
        }  # fmt: skip
        self._tell(said, agreement, at)

    def _common(self, kind: str) -> dict[str, str]:
        return {
            "notify_type": kind, "notify_id": secrets.token_hex(17), "app_id": self.application.app_id,
            "auth_app_id": self.application.app_id, "charset": "utf-8", "version": "1.0",
        }  # fmt: skip

    def _tell(self, said: Mapping[str, str], of: Row, at: datetime) -> None:
        if not of["notify_url"]:
            return
        body = json.dumps({**said, "certified": "1" if of["certified"] else ""})
        self._notices.add(party="alipay", notice_id=said["notify_id"], body=body, at=at, url=of["notify_url"])


@cache
def _stranger() -> RSAPrivateKey:
    """Return a key that is nobody's; made when first it is needed, as that takes a while."""
    return new_key()


_JSON: Final = {"content-type": "text/html;charset=utf-8"}  # as Alipay itself calls its JSON
