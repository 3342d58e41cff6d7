"""What a cost means, worked with one schedule: what goes back, where it goes, and what the yearly rate is a rate of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mingqu.domain.cost.annual import AnnualCost
from mingqu.domain.cost.composition import AllInCost
from mingqu.domain.money import Rounding, divide
from mingqu.domain.schedule import Schedule

_HUNDRED_FEN: Final = 10_000  # 100.00


@dataclass(frozen=True, slots=True, kw_only=True)
class CostMeaning:
    """What somebody receives, pays back, and pays for it, in fen.

    `average_fen` is what is owed on average while the loan runs: the rate is of that, not of what was received, since
    principal goes back on the way. `each_hundred_fen` is what each 100.00 received costs over the whole term, rounded
    half up.
    """

    received_fen: int
    paid_back_fen: int
    cost_fen: int
    average_fen: int
    each_hundred_fen: int
    annual: AnnualCost


def meaning(*, schedule: Schedule, cost: AllInCost) -> CostMeaning:
    """Return what a cost means.

    Worked example: 10,000.00 in twelve equal instalments at 18 % a year is 11,001.61 back: 1,001.61 more, 10.02 for
    each 100.00. On average 5,564.44 are owed, of which 1,001.61 are 18 %.
    """
    owed = [row.closing_fen + row.principal_fen for row in schedule.rows]
    return CostMeaning(
        received_fen=cost.principal_fen,
        paid_back_fen=cost.principal_fen + cost.cost_fen,
        cost_fen=cost.cost_fen,
        average_fen=divide(sum(owed), len(owed), Rounding.HALF_UP),
        each_hundred_fen=divide(cost.cost_fen * _HUNDRED_FEN, cost.principal_fen, Rounding.HALF_UP),
        annual=cost.annual,
    )
