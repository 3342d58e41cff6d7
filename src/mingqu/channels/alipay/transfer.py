"""Payouts to a person's own Alipay account (转账到支付宝账户).

Source: opendocs.alipay.com, "alipay.fund.trans.uni.transfer" and "alipay.fund.trans.common.query" (2026); certificate
mode is compulsory for it. From 0.10 yuan. The real name travels along, and Alipay refuses another's account.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from mingqu.channels.alipay.amount import fen_of, moment_of, yuan_of
from mingqu.channels.alipay.bill import ACCOUNT, bill_of
from mingqu.channels.alipay.speech import OK, Application
from mingqu.channels.alipay.trade import Text
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.payout import PayoutRequest, StatementLine
from mingqu.ports.silence import ChannelSilent

TRANSFER: Final = "alipay.fund.trans.uni.transfer"
QUERY: Final = "alipay.fund.trans.common.query"
TITLE: Final = "放款"
SCENE: Final = {"product_code": "TRANS_ACCOUNT_NO_PWD", "biz_scene": "DIRECT_TRANSFER"}
_OTHERWISE: Final = "PAYMENT_INFO_INCONSISTENCY"
_NOT_THERE: Final = ("ORDER_NOT_EXIST", "isv.order-not-exist")
_USER_ID: Final = re.compile(r"2088\d{12}", re.ASCII)
_LOGON_ID: Final = re.compile(r"1\d{10}|[^@\s]+@[^@\s]+", re.ASCII)


class _Sent(msgspec.Struct, frozen=True, kw_only=True):
    out_biz_no: str
    order_id: Text
    status: str = ""
    trans_date: str = ""


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    out_biz_no: str
    order_id: str = ""
    status: str = ""
    trans_amount: str = ""
    pay_date: str = ""
    error_code: str = ""


class AlipayTransfers:
    """Implements `PayoutChannel`; the request's card number is the account: a user id, an open_id, a logon id."""

    def __init__(self, *, application: Application) -> None:
        assert application.platform.has_certificates, "transfers take certificate mode"
        self._application = application

    @property
    def resend_is_safe(self) -> bool:
        """`out_biz_no` makes a transfer one transfer."""
        return True

    def send(self, request: PayoutRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a transfer. Errors: ChannelSilent, after which it may or may not have been done.

        A no in the answer ends nothing by itself: the question says whether the number has failed for good.
        """
        if request.currency != "CNY":
            raise ChannelSilent(reason="rejected")
        account = request.card_number.reveal()
        payee = {
            "identity": account,
            "identity_type": identity_type(account),
            "name": request.holder_name.reveal(),
        }
        said = self._application.ask(
            TRANSFER,
            {
                "out_biz_no": request.order_number,
                "trans_amount": yuan_of(request.amount_fen),
                **SCENE,
                "order_title": TITLE,
                "payee_info": payee,
            },
        )
        if said.sub_code == _OTHERWISE:
            return NumberTaken()
        if said.code != OK:
            return self._refused(request.order_number)
        sent = said.read(_Sent)
        if sent.out_biz_no != request.order_number:
            raise ChannelSilent(reason="unreadable")
        match self.ask(request.order_number) if sent.status == "SUCCESS" else None:
            case Paid() as paid:
                return paid
            case _:
                return Accepted(reference=sent.order_id)

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of a transfer. Errors: ChannelSilent.

        Final are SUCCESS, FAIL, CLOSED (nobody confirmed it in time) and REFUND (the money came back to us).
        """
        said = self._application.ask(QUERY, {"out_biz_no": order_number, **SCENE})
        if said.sub_code in _NOT_THERE:
            return NotFound()
        if said.code != OK:
            raise ChannelSilent(reason="rejected")
        told = said.read(_Told)
        if told.out_biz_no != order_number:
            raise ChannelSilent(reason="unreadable")
        match told.status:
            case "SUCCESS" if told.order_id and (amount_fen := fen_of(told.trans_amount)):
                return Paid(at=moment_of(told.pay_date), amount_fen=amount_fen, currency="CNY", reference=told.order_id)
            case "FAIL":
                return Failed(code=told.error_code.lower() or "failed")
            case "CLOSED" | "REFUND":
                return Failed(code=told.status.lower())
            case "DEALING" | "INIT" | "WAIT_PAY":
                return InProgress()
            case _:
                raise ChannelSilent(reason="unreadable")

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return the account's bill of a day that is over, from ten in the morning after. Errors: ChannelSilent."""
        return bill_of(application=self._application, business_date=business_date, kind=ACCOUNT)

    def _refused(self, order_number: str) -> Accepted | Paid | Refused:
        match self.ask(order_number):
            case Failed(code=code):
                return Refused(code=code)
            case Paid() as paid:
                return paid
            case InProgress():
                return Accepted()
            case NotFound():
                # It said no and keeps no record: a request of this number that comes late might still be done.
                raise ChannelSilent(reason="rejected")


def identity_type(account: str) -> str:
    """Return how Alipay calls a kind of account. Examples: 2088… (16 digits), 13800138000 or a@b.cn, any other."""
    if _USER_ID.fullmatch(account):
        return "ALIPAY_USER_ID"
    return "ALIPAY_LOGON_ID" if _LOGON_ID.fullmatch(account) else "ALIPAY_OPEN_ID"
