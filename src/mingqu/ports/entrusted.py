"""What we need from whoever pays a loan's money to the merchant whom the contract names (受托支付).

Source: 《个人贷款管理办法》(NFRA 令 2024 年第 3 号): above a threshold, and wherever the product says so, the lender
pays the borrower's counterparty itself. The rule that money goes to the borrower's own name is replaced by another: it
goes to the payee named in the contract, and to nobody else (`mingqu.services.orders.entrust_payment`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.payout import StatementLine


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrustedRequest:
    """One payment to a merchant of record: account, its holder's name and its bank as the contract has them.

    `order_number` is 32 hex digits, `contract_number` the contract's own (32 hex digits), `purpose` a word of ours that
    the payee reads, e.g. "car_purchase". An account may be a person's (a sole trader's), so it is treated as personal.
    """

    order_number: str
    amount_fen: int
    currency: str
    payee_account: Personal[str]
    payee_name: Personal[str]
    payee_bank: str
    contract_number: str
    purpose: str


class EntrustedPaymentChannel(Protocol):
    """Pays merchants. Numbers, idempotency and finality are as for a payout (`mingqu.ports.payout`)."""

    @property
    def resend_is_safe(self) -> bool:
        """Whether the channel documents idempotency by order number."""
        ...

    def entrust(self, request: EntrustedRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Ask for a payment. Errors: ChannelSilent, after which it may or may not have been done."""
        ...

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of it. Errors: ChannelSilent."""
        ...

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return every movement that succeeded on a date in Asia/Shanghai, by time. Errors: ChannelSilent."""
        ...
