"""Deductions by agreement (商家扣款): the person signs on a page of Alipay's, and each deduction is a trade under it.

Source: opendocs.alipay.com, "alipay.user.agreement.page.sign", ".query", ".unsign" and "alipay.trade.pay" with
`agreement_params` (2026). The largest amount and what the money is for are part of the contract with Alipay.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from mingqu.channels.alipay.amount import yuan_of
from mingqu.channels.alipay.bill import TRADES, bill_of
from mingqu.channels.alipay.payment import SUBJECT, ask_trade, close_trade
from mingqu.channels.alipay.speech import OK, UNDER_WAY, Application
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import Agreed, DeductionRequest, HostedAgreementRequest, HostedPage
from mingqu.ports.payout import StatementLine
from mingqu.ports.silence import ChannelSilent

PAGE: Final = "alipay.user.agreement.page.sign"
QUERY: Final = "alipay.user.agreement.query"
UNSIGN: Final = "alipay.user.agreement.unsign"
DEDUCT: Final = "alipay.trade.pay"
LAST_DAY: Final = 28  # the first deduction is on a day that every month has
PERIODIC: Final = {"personal_product_code": "CYCLE_PAY_AUTH_P", "product_code": "CYCLE_PAY_AUTH"}
_NO_AGREEMENT: Final = ("USER_AGREEMENT_NOT_EXIST", "ACQ.AGREEMENT_NOT_EXIST")
# An agreement that is over does not come back, so a number under it can never be paid, however late it arrives.
_AGREEMENT_OVER: Final = frozenset({"ACQ.AGREEMENT_NOT_EXIST", "ACQ.AGREEMENT_INVALID", "ACQ.AGREEMENT_ERROR"})
# A no of today: the trade stays open and could be paid tomorrow, so it is closed before the no is taken for an end.
_NOT_NOW: Final = {
    "ACQ.BUYER_BALANCE_NOT_ENOUGH": "insufficient_funds",
    "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH": "insufficient_funds",
    "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR": "over_limit",
    "ACQ.BUYER_ENABLE_STATUS_FORBID": "account_blocked",
    "ACQ.PAYMENT_FAIL": "payment_failed",
}
_OTHERWISE: Final = frozenset({"ACQ.CONTEXT_INCONSISTENT", "ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_HAS_CLOSE"})


class _Agreement(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    agreement_no: str = ""


class _Taken(msgspec.Struct, frozen=True, kw_only=True):
    out_trade_no: str


class AlipayDeductions:
    """Implements `HostedAgreementChannel`; an agreement begins with a page of Alipay's and is then asked for."""

    def __init__(self, *, application: Application) -> None:
        self._application = application

    @property
    def resend_is_safe(self) -> bool:
        """A number said again with the same parameters is the same trade."""
        return True

    def agreement_page(self, request: HostedAgreementRequest) -> HostedPage | Refused | NumberTaken:
        """Return the page on which a person signs: an address that bears our signature; nothing is said to anybody.

        Alipay compares name and ID number with those of whoever signs, and shows a number that was signed or has ended
        as what it is.
        """
        content: dict[str, object] = {
            **PERIODIC,
            "external_agreement_no": request.agreement_number,
            "sign_scene": "INDUSTRY|LOAN",
            "access_params": {"channel": "ALIPAYAPP"},
            "identity_params": {
                "user_name": request.holder_name.reveal(),
                "cert_no": request.id_number.reveal(),
            },
            "period_rule_params": {
                "period_type": "MONTH",
                "period": "1",
                "execute_time": _first_on(self._application.clock.business_date()).isoformat(),
                "single_amount": yuan_of(request.amount_fen_max),
            },
        }
        return HostedPage(address=self._application.address(PAGE, content, back=request.back))

    def ask_agreement(self, agreement_number: str) -> Agreed | InProgress | Failed | NotFound:
        """Tell what became of an agreement; one that has ended is `Failed`. Errors: ChannelSilent."""
        said = self._application.ask(
            QUERY, {**_named(PERIODIC), "sign_scene": "INDUSTRY|LOAN", "external_agreement_no": agreement_number}
        )
        if said.sub_code in _NO_AGREEMENT:
            return NotFound()
        if said.code != OK:
            raise ChannelSilent(reason="rejected")
        told = said.read(_Agreement)
        match told.status:
            case "NORMAL" if told.agreement_no:
                return Agreed(token=Personal(told.agreement_no))
            case "TEMP":
                return InProgress()
            case "STOP":
                return Failed(code="agreement_ended")
            case _:
                raise ChannelSilent(reason="unreadable")

    def cancel_agreement(self, *, agreement_token: Personal[str]) -> Accepted | Refused:
        """End an agreement. One that has ended already is ended again. Errors: ChannelSilent."""
        said = self._application.ask(UNSIGN, {**_named(PERIODIC), "agreement_no": agreement_token.reveal()})
        if said.code == OK or said.sub_code in _NO_AGREEMENT:
            return Accepted()
        raise ChannelSilent(reason="rejected")

    def deduct(self, request: DeductionRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a deduction. Errors: ChannelSilent, after which it may or may not have been done."""
        if request.currency != "CNY":
            raise ChannelSilent(reason="rejected")
        said = self._application.ask(
            DEDUCT,
            {
                "out_trade_no": request.order_number,
                "total_amount": yuan_of(request.amount_fen),
                "subject": SUBJECT,
                "product_code": PERIODIC["product_code"],
                "agreement_params": {"agreement_no": request.agreement_token.reveal()},
            },
            tells=True,
        )
        if said.code in (OK, UNDER_WAY):
            if said.read(_Taken).out_trade_no != request.order_number:
                raise ChannelSilent(reason="unreadable")
            return self._taken(request)
        if said.sub_code in _AGREEMENT_OVER:
            return Refused(code="agreement_ended")
        if said.sub_code in _OTHERWISE:
            return self._otherwise(request)
        if said.sub_code in _NOT_NOW and close_trade(self._application, request.order_number):
            return Refused(code=_NOT_NOW[said.sub_code])
        raise ChannelSilent(reason="rejected")

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of a deduction. Errors: ChannelSilent."""
        return ask_trade(self._application, order_number)

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return the bill of a day that is over, from ten in the morning after. Errors: ChannelSilent."""
        return bill_of(application=self._application, business_date=business_date, kind=TRADES)

    def _taken(self, request: DeductionRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Tell what the trade says that was taken: the moment and the amount of a payment are the question's."""
        match self.ask(request.order_number):
            case Paid() as paid:
                return paid if paid.amount_fen == request.amount_fen else NumberTaken()
            case Failed(code=code):
                return Refused(code=code)
            case _:
                return Accepted()

    def _otherwise(self, request: DeductionRequest) -> Paid | Refused | NumberTaken:
        """Tell what a number means that has another body or has ended."""
        match self.ask(request.order_number):
            case Paid() as paid if paid.amount_fen == request.amount_fen:
                return paid
            case Failed(code=code):
                return Refused(code=code)
            case _:
                return NumberTaken()


def _named(codes: dict[str, str]) -> dict[str, str]:
    return {"personal_product_code": codes["personal_product_code"]}


def _first_on(today: date) -> date:
    """Return tomorrow, or the first of the month after, where tomorrow is a day that not every month has."""
    day = today + timedelta(days=1)
    while day.day > LAST_DAY:  # ends: a month has three such days at most
        day += timedelta(days=1)
    return day
