"""Accrual of a whole group of loans in one figure a day.

All loans of one cell, product, lender, currency and stage accrue along straight lines, so together they
accrue the sum of their slopes: one ledger transfer a day for each group, however many loans it has.
Whole fen are posted; what is below one fen is carried, income and rounding apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mingqu.domain.money import MICRO_PER_FEN


@dataclass(frozen=True, slots=True, kw_only=True)
class AccrualGroup:
    """A group's running figures in micro-fen; `accrued_to` is the last day it was accrued for."""

    group_id: UUID
    kind: str
    lender_id: UUID
    currency: str
    slope_micro: int
    income_carry_micro: int
    rounding_carry_micro: int
    accrued_to: date


@dataclass(frozen=True, slots=True, kw_only=True)
class AccrualDelta:
    """What one change of one loan adds on `on_date`: to the slope from that day on, and at once."""

    on_date: date
    slope_micro: int
    income_micro: int
    rounding_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayAccrued:
    """A group after a day, with the whole fen to post; either may be negative (a correction)."""

    group: AccrualGroup
    income_fen: int
    rounding_fen: int


def accrue_day(*, group: AccrualGroup, deltas: Iterable[AccrualDelta], on: date) -> DayAccrued:
    """Return the group after day `on`, whose changes are `deltas`.

    Example: a slope of 5,000,000 (0.05 yuan a day) and a carry of 700,000 after a change of +500,000 a day:
    6,200,000 micro-fen are 6 fen to post and 200,000 to carry.
    """
    listed = list(deltas)
    assert all(delta.on_date == on for delta in listed)
    slope = group.slope_micro + sum(delta.slope_micro for delta in listed)
    income = group.income_carry_micro + slope + sum(delta.income_micro for delta in listed)
    rounding = group.rounding_carry_micro + sum(delta.rounding_micro for delta in listed)
    # Floor on both: the carries are then never negative, and account + carries is exact at any time.
    income_fen, income_carry = divmod(income, MICRO_PER_FEN)
    rounding_fen, rounding_carry = divmod(rounding, MICRO_PER_FEN)
    after = AccrualGroup(
        group_id=group.group_id,
        kind=group.kind,
        lender_id=group.lender_id,
        currency=group.currency,
        slope_micro=slope,
        income_carry_micro=income_carry,
        rounding_carry_micro=rounding_carry,
        accrued_to=on,
    )
    return DayAccrued(group=after, income_fen=income_fen, rounding_fen=rounding_fen)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTotal:
    """A group seen from both sides on one day, in micro-fen: the books' figure and the sum of its loans' lines.

    `is_kept`: whether the books have the group at all; loans of one that they lack accrue nowhere.
    """

    cell: int
    group_id: UUID
    kind: str
    books_micro: int
    loans_micro: int
    books_slope_micro: int
    loans_slope_micro: int
    is_kept: bool = True

    @property
    def agrees(self) -> bool:
        """Whether the books have the group, and both sides are the same, to the micro-fen."""
        return self.is_kept and (self.books_micro, self.books_slope_micro) == (self.loans_micro, self.loans_slope_micro)
