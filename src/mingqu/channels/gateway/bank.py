"""A bank behind the gateway protocol: pays out, deducts by agreement, offers pages, shows its books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Final, Literal

import msgspec

from mingqu.channels.gateway.batch import ANSWER_BYTES_MAX as BATCH_BYTES_MAX
from mingqu.channels.gateway.batch import BankBatch, body_of, taken, told
from mingqu.channels.gateway.order import BankOrder, Code, after_question, after_send, word_of
from mingqu.channels.gateway.speech import NotKnown, Party, Taken
from mingqu.channels.gateway.statement import AccountStatement, OrderStatement, account_of, lines_of
from mingqu.channels.wire import FILE_BYTES_MAX
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.bank_statement import BankStatement
from mingqu.ports.batch import Batch, BatchTaken, BatchTold
from mingqu.ports.collection import (
    Agreed,
    AgreementRequest,
    CodeSent,
    CodeWrong,
    DeductionRequest,
    HostedPage,
    HostedPaymentRequest,
)
from mingqu.ports.entrusted import EntrustedRequest
from mingqu.ports.payout import PayoutRequest, StatementLine
from mingqu.ports.silence import ChannelSilent

BASE: Final = "/gateway/v1"
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field the document does not name makes a message malformed."""


class _Page(_Strict, frozen=True, kw_only=True):
    state: Literal["created", "refused"]
    address: Annotated[str, msgspec.Meta(pattern="^https?://", max_length=2048)] | None = None
    code: Code | None = None


class _Begun(_Strict, frozen=True, kw_only=True):
    state: Literal["code_sent", "refused"]
    code: Code | None = None


class _Confirmed(_Strict, frozen=True, kw_only=True):
    state: Literal["agreed", "code_wrong", "refused"]
    protocol_no: Token | None = None
    tries_left: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None
    code: Code | None = None


class _Canceled(_Strict, frozen=True, kw_only=True):
    state: Literal["accepted", "refused"]
    code: Code | None = None


class GatewayBank:
    """Implements the ports of payouts, collection, entrusted payments, batches and statements over the protocol."""

    def __init__(self, *, party: Party) -> None:
        self._party = party

    @property
    def resend_is_safe(self) -> bool:
        """The protocol says: the same number with the same body is answered as the first time, for ever."""
        return True

    @property
    def unopened_page_ends(self) -> bool:
        """Return False: the payment is made when its page is."""
        return False

    # The payout port.

    def send(self, request: PayoutRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a payout. Errors: ChannelSilent."""
        body = {
            "order_number": request.order_number,
            "amount_fen": request.amount_fen,
            "currency": request.currency,
            "card_number": request.card_number.reveal(),
            "holder_name": request.holder_name.reveal(),
        }
        return self._order("/payouts", body, request.order_number)

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of an order of any kind. Errors: ChannelSilent."""
        try:
            said = self._party.ask(f"{BASE}/orders/{order_number}", answer=BankOrder)
        except NotKnown:
            return NotFound()
        return after_question(word_of(said, order_number=order_number))

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return every movement that succeeded on a date in Asia/Shanghai, by time. Errors: ChannelSilent."""
        query = f"date={business_date.isoformat()}"
        try:
            said = self._party.ask(f"{BASE}/statement", query=query, answer=OrderStatement, bytes_max=FILE_BYTES_MAX)
        except NotKnown:
            raise ChannelSilent(reason="unreadable") from None
        return lines_of(said, on=business_date)

    def account_statement(self, business_date: date) -> BankStatement:
        """Return the account's statement of a day that is over. Errors: ChannelSilent."""
        query = f"date={business_date.isoformat()}"
        try:
            said = self._party.ask(
                f"{BASE}/account-statement", query=query, answer=AccountStatement, bytes_max=FILE_BYTES_MAX
            )
        except NotKnown:
            raise ChannelSilent(reason="unreadable") from None
        return account_of(said, on=business_date)

    def entrust(self, request: EntrustedRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a payment to the payee of a contract. Errors: ChannelSilent."""
        body = {
            "order_number": request.order_number,
            "amount_fen": request.amount_fen,
            "currency": request.currency,
            "payee_account": request.payee_account.reveal(),
            "payee_name": request.payee_name.reveal(),
            "payee_bank": request.payee_bank,
            "contract_number": request.contract_number,
            "purpose": request.purpose,
        }
        return self._order("/entrusted-payments", body, request.order_number)

    # The batch port.

    def send_batch(self, batch: Batch) -> BatchTaken | NumberTaken:
        """Ask for all items of a batch. Errors: ChannelSilent."""
        try:
            said = self._party.say(f"{BASE}/batches", body=body_of(batch), answer=BankBatch, bytes_max=BATCH_BYTES_MAX)
        except Taken:
            return NumberTaken()
        except NotKnown:
            raise ChannelSilent(reason="unreadable") from None
        return taken(said, batch=batch)

    def ask_batch(self, batch_number: str) -> BatchTold | NotFound:
        """Tell what became of a batch. Errors: ChannelSilent."""
        try:
            said = self._party.ask(f"{BASE}/batches/{batch_number}", answer=BankBatch, bytes_max=BATCH_BYTES_MAX)
        except NotKnown:
            return NotFound()
        return told(said, batch_number=batch_number)

    # The collection ports.

    def request_agreement(self, request: AgreementRequest) -> CodeSent | Refused | NumberTaken:
        """Begin an agreement; the bank sends a code to the card's phone. Errors: ChannelSilent."""
        body = {
            "agreement_number": request.agreement_number,
            "card_number": request.card_number.reveal(),
            "holder_name": request.holder_name.reveal(),
            "id_number": request.id_number.reveal(),
            "phone": request.phone.reveal(),
        }
        try:
            said = self._party.say(f"{BASE}/agreements", body=body, answer=_Begun)
        except Taken:
            return NumberTaken()
        except NotKnown:
            raise ChannelSilent(reason="unreadable") from None
        return CodeSent() if said.state == "code_sent" else _refused(said.code)

    def confirm_agreement(self, *, agreement_number: str, code: Personal[str]) -> Agreed | CodeWrong | Refused:
        """End an agreement's beginning with the code. Errors: ChannelSilent."""
        path = f"{BASE}/agreements/{agreement_number}/confirm"
        try:
            said = self._party.say(path, body={"code": code.reveal()}, answer=_Confirmed)
        except NotKnown:
            return Refused(code="agreement_unknown")
        except Taken:
            raise ChannelSilent(reason="unreadable") from None
        if said.state == "agreed" and said.protocol_no is not None:
            return Agreed(token=Personal(said.protocol_no))
        if said.state == "code_wrong" and said.tries_left is not None:
            return CodeWrong(tries_left=said.tries_left)
        return _refused(said.code)

    def cancel_agreement(self, *, agreement_token: Personal[str]) -> Accepted | Refused:
        """End an agreement. Errors: ChannelSilent."""
        body = {"protocol_no": agreement_token.reveal()}
        try:
            said = self._party.say(f"{BASE}/agreements/cancel", body=body, answer=_Canceled)
        except NotKnown:
            return Refused(code="agreement_unknown")
        except Taken:
            raise ChannelSilent(reason="unreadable") from None
        return Accepted() if said.state == "accepted" else _refused(said.code)

    def deduct(self, request: DeductionRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a deduction. Errors: ChannelSilent."""
        body = {
            "order_number": request.order_number,
            "amount_fen": request.amount_fen,
            "currency": request.currency,
            "protocol_no": request.agreement_token.reveal(),
        }
        return self._order("/deductions", body, request.order_number)

    def create(self, request: HostedPaymentRequest) -> HostedPage | Refused | NumberTaken:
        """Make a page to pay on; it needs no payer. Errors: ChannelSilent."""
        body = {
            "order_number": request.order_number,
            "amount_fen": request.amount_fen,
            "currency": request.currency,
            "expires_at": rfc3339(request.expires_at),
        }
        try:
            said = self._party.say(f"{BASE}/pages", body=body, answer=_Page)
        except Taken:
            return NumberTaken()
        except NotKnown:
            raise ChannelSilent(reason="unreadable") from None
        if said.state == "created" and said.address is not None:
            return HostedPage(address=said.address)
        return _refused(said.code)

    def close_page(self, order_number: str) -> None:
        """Do nothing: the bank lets nobody pay after `expires_at`."""

    def _order(
        self, path: str, body: Mapping[str, object], order_number: str
    ) -> Accepted | Paid | Refused | NumberTaken:
        try:
            said = self._party.say(f"{BASE}{path}", body=body, answer=BankOrder)
        except Taken:
            return NumberTaken()
        except NotKnown:
            raise ChannelSilent(reason="unreadable") from None
        return after_send(word_of(said, order_number=order_number))


def rfc3339(moment: datetime) -> str:
    """Return a moment in UTC with `Z`; parts of a second only where there are any. Example: 2026-08-15T02:00:00Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _refused(code: str | None) -> Refused:
    """A refusal is final, so it must be one: without its code the answer is not understood."""
    if code is None:
        raise ChannelSilent(reason="unreadable")
    return Refused(code=code)
