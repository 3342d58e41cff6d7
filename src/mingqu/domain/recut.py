"""A book cut into another number of cells: what of the house's money and of its fractions each new cell gets.

Whatever belongs to a person goes where the person goes. What is left is the house's: the lenders' cash, and the accrual
groups, whose days were posted for a whole cell at once. Here is how those are shared out, to the fen and the micro-fen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mingqu.domain.money import MICRO_PER_FEN


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupShare:
    """What a cell's accrual group needs to be the sum of its loans: fen on its account, and what it carries."""

    fen: int
    income_carry_micro: int
    rounding_carry_micro: int


def share_group(
    *, missing_micro: Sequence[int], left_fen: int, income_micro: int, rounding_micro: int
) -> list[GroupShare] | None:
    """Return each cell's share of a group; None when the group was not the sum of its loans before.

    `missing_micro` is, for each cell, what its loans say above what its account says; `left_fen` what stands on
    accounts of cells that will have no loans; income and rounding are all that was carried. Fen add up to `left_fen`
    and both carries to what they were, so nothing is earned or lost.

    Example: 2,500,000 and 1,500,000 micro-fen missing, nothing left, 4,000,000 of income carried: 2 and 1 fen would
    take 3 fen from nowhere, so two are taken back at the first and one at the second, which carry them.
    """
    if sum(missing_micro) != left_fen * MICRO_PER_FEN + income_micro + rounding_micro:
        return None
    shares: list[GroupShare] = []
    for place, missing in enumerate(missing_micro):
        rounding = rounding_micro if place == 0 else 0  # below a few fen: the next close posts it there
        fen, income = divmod(missing - rounding, MICRO_PER_FEN)
        shares.append(GroupShare(fen=fen, income_carry_micro=income, rounding_carry_micro=rounding))
    each, first = divmod(sum(share.fen for share in shares) - left_fen, len(shares))
    return [
        GroupShare(
            fen=share.fen - back,
            income_carry_micro=share.income_carry_micro + back * MICRO_PER_FEN,
            rounding_carry_micro=share.rounding_carry_micro,
        )
        for place, share in enumerate(shares)
        for back in (each + (place < first),)
    ]


def share_cash(*, free_fen: Sequence[int], left_fen: int, slots: Sequence[int]) -> list[int]:
    """Return what each cell gets, or gives if below zero, so that free cash lies by the number of slots.

    `free_fen` is a lender's cash in each cell less what is held there; `left_fen` stands in cells that will have no
    people. The remainder of the division goes to the first cell. Example: 100 and -40 free, of equal size: -70 and 70.
    """
    total, all_slots = sum(free_fen) + left_fen, sum(slots)
    shares = [total * size // all_slots for size in slots]
    shares[0] += total - sum(shares)
    return [share - free for share, free in zip(shares, free_fen, strict=True)]
