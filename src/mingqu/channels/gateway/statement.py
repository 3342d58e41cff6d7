"""The bank's statements over the gateway protocol: of orders, and of the account with balances."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date
from itertools import pairwise
from typing import Annotated, Final, Literal

import msgspec

from mingqu.channels.gateway.order import Currency, Fen, Moment, Number, Text
from mingqu.domain.moment import business_date_of
from mingqu.ports.bank_statement import BankLine, BankLineKind, BankStatement
from mingqu.ports.payout import Direction, StatementLine
from mingqu.ports.silence import ChannelSilent

Balance = Annotated[int, msgspec.Meta(ge=-(10**17), le=10**17)]
_OUT: Final = Direction.OUT


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field the document does not name makes a message malformed."""


class OrderLine(_Strict, frozen=True, kw_only=True):
    """A movement by an order."""

    order_number: Number
    direction: Literal["out", "in"]
    amount_fen: Fen
    currency: Currency
    succeeded_at: Moment
    reference: Text


class OrderStatement(_Strict, frozen=True, kw_only=True):
    """`GET /statement`."""

    date: date
    lines: list[OrderLine]


class AccountLine(_Strict, frozen=True, kw_only=True):
    """A movement of the account."""

    sequence: Annotated[int, msgspec.Meta(ge=1)]
    kind: BankLineKind
    direction: Literal["out", "in"]
    amount_fen: Fen
    balance_fen: Balance
    at: Moment
    reference: Text
    order_number: Number | None = None


class AccountStatement(_Strict, frozen=True, kw_only=True):
    """`GET /account-statement`."""

    account: Text
    date: date
    currency: Currency
    opening_fen: Balance
    closing_fen: Balance
    lines: list[AccountLine]


def lines_of(said: OrderStatement, *, on: date) -> Sequence[StatementLine]:
    """Return the movements of a day by time. Errors: ChannelSilent, when a line or the whole is of another day."""
    if said.date != on or any(business_date_of(line.succeeded_at) != on for line in said.lines):
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


def account_of(said: AccountStatement, *, on: date) -> BankStatement:
    """Return the account's statement of a day.

    Errors: ChannelSilent, when it is of another day, a sequence is missing or comes twice, or a balance does not follow
    from the one before: such a statement says nothing, and is asked for again.
    Example: opening 100, out 30 with balance 70, in 5 with balance 75, closing 75.
    """
    lines = [
        BankLine(
            sequence=line.sequence,
            kind=line.kind,
            direction=Direction(line.direction),
            amount_fen=line.amount_fen,
            balance_fen=line.balance_fen,
            currency=said.currency,
            at=line.at.astimezone(UTC),
            reference=line.reference,
            order_number=line.order_number,
        )
        for line in said.lines
    ]
    balances = [said.opening_fen, *(line.balance_fen for line in lines)]
    moved = [-line.amount_fen if line.direction is _OUT else line.amount_fen for line in lines]
    whole = (
        said.date == on
        and all(business_date_of(line.at) == on for line in lines)
        and [line.sequence for line in lines] == list(range(1, len(lines) + 1))
        and [after - before for before, after in pairwise(balances)] == moved
        and balances[-1] == said.closing_fen
    )
    if not whole:
        raise ChannelSilent(reason="unreadable")
    return BankStatement(
        account=said.account,
        business_date=on,
        currency=said.currency,
        opening_fen=said.opening_fen,
        closing_fen=said.closing_fen,
        lines=lines,
    )
