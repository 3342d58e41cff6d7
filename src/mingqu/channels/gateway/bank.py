"""A bank behind the gateway protocol: pays out, deducts by agreement, offers pages, shows its books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Final, Literal

import msgspec

from mingqu.channels.gateway.order import (
    BankOrder,
    Code,
    Currency,
    Fen,
    Moment,
    Number,
    Text,
    after_question,
    after_send,
    word_of,
)
from mingqu.channels.gateway.speech import NotKnown, Party, Taken
from mingqu.channels.wire import FILE_BYTES_MAX
from mingqu.domain.moment import business_date_of
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import (
    Agreed,
    AgreementRequest,
    CodeSent,
    CodeWrong,
    DeductionRequest,
    HostedPage,
    HostedPaymentRequest,
)
from mingqu.ports.payout import Direction, PayoutRequest, StatementLine
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


class _Line(_Strict, frozen=True, kw_only=True):
    order_number: Number
    direction: Literal["out", "in"]
    amount_fen: Fen
    currency: Currency
    succeeded_at: Moment
    reference: Text


class _Statement(_Strict, frozen=True, kw_only=True):
    date: date
    lines: list[_Line]


class GatewayBank:
    """Implements `PayoutChannel`, `CollectionChannel` and `HostedPaymentChannel` over the gateway protocol."""

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
            said = self._party.ask(f"{BASE}/statement", query=query, answer=_Statement, bytes_max=FILE_BYTES_MAX)
        except NotKnown:
            raise ChannelSilent(reason="unreadable") from None
        if said.date != business_date or any(business_date_of(line.succeeded_at) != said.date for line in said.lines):
            raise ChannelSilent(reason="unreadable")
        lines = [
            StatementLine(
                order_number=line.order_number,
                direction=Direction(line.direction),
                amount_fen=line.amount_fen,
                currency=line.currency,
                succeeded_at=line.succeeded_at.astimezone(UTC),
                reference=line.reference,
            )
            for line in said.lines
        ]
        return sorted(lines, key=lambda line: (line.succeeded_at, line.order_number))

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
