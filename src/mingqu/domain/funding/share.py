"""Who funds a loan: shares in parts per million, and every line of the loan split by them to the fen.

A line is split by running totals. What a funder has had of a loan so far is its share of all that the loan has paid
so far, rounded down; the last funder has the rest. So each line's parts sum to the line, and each funder's lines sum
to its share of the whole. Rounding line by line would keep the first promise and break the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from mingqu.domain.money import Money
from mingqu.domain.rate import PPM
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import Schedule


class SharesMalformed(Refusal):
    """The shares of a loan do not sum to the whole, one is nothing, or a lender is named twice."""

    code = "shares_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The part of a loan that one lender funds, in parts per million: 300_000 is 30 %."""

    lender_id: UUID
    ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """All shares of a loan, in order; the last one takes what rounding leaves over (usually the bank).

    How small a partner's share may be is a dated row of the rule pack (银保监办发〔2021〕24号), checked when a loan is
    routed. Errors: SharesMalformed.
    """

    shares: tuple[Share, ...]

    def __post_init__(self) -> None:
        if not self.shares or min(share.ppm for share in self.shares) < 1:
            raise SharesMalformed("Each lender funds at least a millionth.")
        if sum(share.ppm for share in self.shares) != PPM:
            raise SharesMalformed("The shares of a loan sum to the whole.", ppm=sum(share.ppm for share in self.shares))
        if len({share.lender_id for share in self.shares}) != len(self.shares):
            raise SharesMalformed("A lender has one share of a loan.")

    def split(self, amount_fen: int) -> tuple[int, ...]:
        """Return each lender's part of one amount, in fen, in the order of the shares; they sum to it.

        Example: 784.34 by 30 % and 70 %: 235.30 and 549.04.
        """
        assert amount_fen >= 0
        return tuple(part.fen for part in Money(amount_fen).allocate([share.ppm for share in self.shares]))


def split_lines(*, amounts_fen: Iterable[int], funding: Funding) -> tuple[tuple[int, ...], ...]:
    """Return the parts of each of a loan's amounts in turn: rows are amounts, columns lenders.

    Each row sums to its amount, and no part is negative. Each column, and each beginning of it, sums to its
    lender's `split` of the sum, so a part may be a fen above its own share rounded down. (With three lenders or
    more a line of a few fen may be too small for that; the next lines make it good.)
    Example: 0.99, 0.99, 0.99 by 30 % and 70 %: 0.29 + 0.70, 0.30 + 0.69, 0.30 + 0.69; 0.89 + 2.08 in all.
    """
    lines = []
    total_fen = 0
    had = [0] * len(funding.shares)
    for amount_fen in amounts_fen:
        total_fen += amount_fen
        parts, left = [], amount_fen
        for target, before in zip(funding.split(total_fen)[:-1], had[:-1], strict=True):
            part = min(max(target - before, 0), left)
            parts.append(part)
            left -= part
        parts.append(left)
        had = [before + part for before, part in zip(had, parts, strict=True)]
        lines.append(tuple(parts))
    return tuple(lines)


def split_schedule(*, schedule: Schedule, funding: Funding) -> tuple[Schedule, ...]:
    """Return one schedule for each lender, with the same days; line by line they sum to the whole one.

    Each lender's principal sums to what it paid out, its `split` of the loan; its interest to its `split` of all
    interest. Example: 10,000.00 at 18 % in twelve, 30 % and 70 %: 3,000.00 and 7,000.00 of principal, 300.48 and
    701.13 of interest.
    """
    principal = split_lines(amounts_fen=[row.principal_fen for row in schedule.rows], funding=funding)
    interest = split_lines(amounts_fen=[row.interest_fen for row in schedule.rows], funding=funding)
    return tuple(_slice(schedule, principal, interest, place) for place in range(len(funding.shares)))


def _slice(
    schedule: Schedule, principal: Sequence[Sequence[int]], interest: Sequence[Sequence[int]], place: int
) -> Schedule:
    rows = []
    balance = sum(parts[place] for parts in principal)
    for row, principal_parts, interest_parts in zip(schedule.rows, principal, interest, strict=True):
        rows.append(
            row._replace(opening_fen=balance, principal_fen=principal_parts[place], interest_fen=interest_parts[place])
        )
        balance -= principal_parts[place]
    return Schedule(rows=tuple(rows))
