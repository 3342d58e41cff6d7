"""The bank's statement of the account adds up, shows what came back, and is believed only whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import msgspec
import pytest

from mingqu.channels.gateway.statement import AccountStatement, account_of
from mingqu.domain.word import Failed
from mingqu.ports.bank_statement import BankLineKind
from mingqu.ports.payout import Direction, PayoutRequest
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import CARD, NAME, number
from tests.contracts.sandbox import played

FIRST = PayoutRequest(order_number=number(1), amount_fen=100, currency="CNY", card_number=CARD, holder_name=NAME)


def test_every_movement_of_the_day_is_on_it_also_a_payout_that_came_back() -> None:
    with played("bank") as here:
        source = here.there.statements
        assert source is not None
        here.there.payout.send(FIRST)
        here.there.payout.send(replace(FIRST, order_number=number(2), amount_fen=30))
        here.clock.advance_to_date(date(2026, 8, 16))
        here.clock.advance(timedelta(hours=9))
        bank = here.sandbox.control.bank
        assert bank.return_payout(order_number=number(1))
        assert not bank.return_payout(order_number=number(1)), "it comes back once"
        assert bank.balance_fen(number=CARD.reveal()) == 30
        said = here.there.payout.ask(number(1))
        assert said == Failed(code="returned")
        here.clock.advance(timedelta(days=1))
        first, second = source.account_statement(date(2026, 8, 15)), source.account_statement(date(2026, 8, 16))
        assert (first.opening_fen, first.closing_fen, len(first.lines)) == (0, -130, 2)
        assert (second.opening_fen, second.closing_fen) == (-130, -30)
        (line,) = second.lines
        assert (line.kind, line.direction, line.amount_fen, line.balance_fen, line.order_number) == (
            BankLineKind.RETURNED, Direction.IN, 100, -30, number(1),
        )  # fmt: skip
        assert source.account_statement(date(2026, 8, 17)).lines == []


WHOLE = {
    "account": "62", "date": "2026-08-15", "currency": "CNY", "opening_fen": 100, "closing_fen": 75,
    "lines": [
        {"sequence": 1, "kind": "payout", "direction": "out", "amount_fen": 30, "balance_fen": 70,
         "at": "2026-08-15T01:00:00Z", "reference": "a", "order_number": number(1)},
        {"sequence": 2, "kind": "receipt", "direction": "in", "amount_fen": 5, "balance_fen": 75,
         "at": "2026-08-15T02:00:00Z", "reference": "b"},
    ],
}  # fmt: skip


def read(content: dict[str, object]) -> AccountStatement:
    return msgspec.convert(content, type=AccountStatement, strict=False)


def test_a_statement_that_adds_up_is_read() -> None:
    told = account_of(read(WHOLE), on=date(2026, 8, 15))
    assert [line.kind for line in told.lines] == [BankLineKind.PAYOUT, BankLineKind.RECEIPT]
    assert told.lines[1].order_number is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("amount_fen", 31), ("balance_fen", 71), ("sequence", 2), ("direction", "in"), ("at", "2026-08-14T15:00:00Z")],
)
def test_one_that_does_not_add_up_says_nothing(field: str, value: object) -> None:
    lines = WHOLE["lines"]
    assert isinstance(lines, list)
    broken = {**WHOLE, "lines": [{**lines[0], field: value}, lines[1]]}
    for said in (read(broken), read({**WHOLE, "closing_fen": 76}), read({**WHOLE, "opening_fen": 99})):
        with pytest.raises(ChannelSilent, match="unreadable"):
            account_of(said, on=date(2026, 8, 15))
    with pytest.raises(ChannelSilent):
        account_of(read(WHOLE), on=date(2026, 8, 16))
