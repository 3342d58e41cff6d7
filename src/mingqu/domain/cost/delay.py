"""What being late would cost: shown beside the all-in cost and never inside it, for nobody agrees to be late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from mingqu.domain.calendar import DAYS_MAX, DayCount
from mingqu.domain.cost.item import CostItem, CostItemMalformed
from mingqu.domain.money import Rounding, divide
from mingqu.domain.rate import PPM, Rate
from mingqu.domain.schedule import Row, Schedule, interest_ratio

PENALTY: Final = "penalty"


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayFee:
    """A fee charged once for each late instalment: `flat_fen` and `share_ppm` of what the instalment asks for.

    `code` names it ("late_fee"), `standard` says in words how it is charged. Errors: CostItemMalformed.
    """

    code: str
    collector: str
    standard: str
    flat_fen: int = 0
    share_ppm: int = 0

    def __post_init__(self) -> None:
        if not self.code or not self.collector or self.code == PENALTY:
            raise CostItemMalformed("A fee for being late names itself, not as the penalty, and who collects it.")
        if self.flat_fen < 0 or not 0 <= self.share_ppm <= PPM:
            raise CostItemMalformed("A fee for being late is no gift, and at most the whole instalment.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayTerms:
    """What the contract says of being late: the loan's rate, the multiple of it that overdue principal bears, fees.

    `multiple_ppm` is in parts per million, 1_500_000 is one and a half times; `standard` says it in words.
    Errors: CostItemMalformed.
    """

    collector: str
    standard: str
    rate: Rate
    multiple_ppm: int
    day_count: DayCount
    rounding: Rounding
    grace_days: int = 0
    fees: tuple[DelayFee, ...] = ()

    def __post_init__(self) -> None:
        if not self.collector or self.multiple_ppm < 0 or self.grace_days < 0:
            raise CostItemMalformed("A penalty names its collector; multiple and grace are not negative.")
        if len({fee.code for fee in self.fees}) != len(self.fees):
            raise CostItemMalformed("Each fee for being late is named once.")

    @property
    def yearly_ppm(self) -> int:
        """What overdue principal bears a year, in parts per million, as it is shown beside the rate."""
        return self.rate.times(numerator=self.multiple_ppm, denominator=PPM).yearly_ppm(rounding=self.rounding)


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayCost:
    """What `days` of falling behind cost: each part, who collects it, and their sum."""

    days: int
    items: tuple[CostItem, ...]

    @property
    def cost_fen(self) -> int:
        """The sum of the parts."""
        return sum(item.amount_fen for item in self.items)


def cost_of_delay(*, schedule: Schedule, first_missed: int, days: int, terms: DelayTerms) -> DelayCost:
    """Return what it costs to stop paying with instalment number `first_missed` and to pay `days` after its due date.

    Instalments that fall due meanwhile are late as well. Each one's principal bears the penalty from its own due
    date, rounded once; within grace it bears none and no fee. What was owed anyway is not counted.
    Source: 《个人贷款业务明示综合融资成本规定》, 2026-03-15 (what default may cost, and who collects it);
    银发〔2003〕251号 (the multiple, on overdue principal).
    Example: 10,000.00 at 18 % in twelve months, act/360, one and a half times, the first instalment 17 days late:
    766.80 of principal bear 9.78.
    Errors: CostItemMalformed when the days are not within a century, or there is no such instalment.
    """
    if not 0 <= days <= DAYS_MAX:
        raise CostItemMalformed(f"Falling behind takes 0 to {DAYS_MAX} days.", days=days)
    due = next((row.due for row in schedule.rows if row.number == first_missed), None)
    if due is None:
        raise CostItemMalformed("The schedule has no instalment of this number.", number=first_missed)
    on = due + timedelta(days=days)
    latest = on - timedelta(days=terms.grace_days)
    late = [row for row in schedule.rows if row.number >= first_missed and row.due < latest]
    penalty = CostItem(
        code=PENALTY,
        collector=terms.collector,
        standard=terms.standard,
        charges=tuple((on, _penalty_fen(row, on, terms)) for row in late),
    )
    return DelayCost(days=days, items=(penalty, *(_charged(fee, late, on, terms.rounding) for fee in terms.fees)))


def _penalty_fen(row: Row, on: date, terms: DelayTerms) -> int:
    numerator, denominator = interest_ratio(
        principal_fen=row.principal_fen, rate=terms.rate, day_count=terms.day_count, start=row.due, end=on
    )
    return divide(numerator * terms.multiple_ppm, denominator * PPM, terms.rounding)


def _charged(fee: DelayFee, late: list[Row], on: date, rounding: Rounding) -> CostItem:
    return CostItem(
        code=fee.code,
        collector=fee.collector,
        standard=fee.standard,
        charges=tuple((on, fee.flat_fen + divide(row.payment_fen * fee.share_ppm, PPM, rounding)) for row in late),
    )
