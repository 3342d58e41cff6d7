"""The bank's bills on bad days: lines lost, told twice, or of another amount; the same each time they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from mingqu.channels.fake.bank import FakeBank
from mingqu.ports.payout import StatementLine
from mingqu.simulation.dice import Dice
from mingqu.simulation.weather import Trouble

_MIXED_UP_PPM: Final = 250_000  # of the lines of a bad bill


class MixedBills:
    """Implements `ports.bill.BillChannel` on a bank, with mistakes while `mixing` is on."""

    def __init__(self, *, bank: FakeBank, seed: int) -> None:
        self._bank, self._seed = bank, seed
        self.mixing = False
        self.met: Counter[str] = Counter()

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return the bill of a day, as it is or mixed up. Errors: ChannelSilent."""
        lines = self._bank.statement(business_date)
        if not self.mixing:
            return lines
        dice = Dice(seed=self._seed * 10_000 + business_date.toordinal())
        told: list[StatementLine] = []
        for line in lines:
            said = [line] if not dice.happens(_MIXED_UP_PPM) else self._mixed_up(line, dice)
            told += said
        return told

    def _mixed_up(self, line: StatementLine, dice: Dice) -> Sequence[StatementLine]:
        self.met[Trouble.BILL.value] += 1
        return dice.one_of(([], [line, line], [replace(line, amount_fen=line.amount_fen + 1)]))
