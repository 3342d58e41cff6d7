"""The waterfall: who has which fen of a month's money, one after the other, and what each could not have.

Fees in their order, interest of the senior notes, then, while the pool buys, cash for as much as the notes are not
covered by loans; when it buys no more, principal of the senior notes until nothing is left of them, then of the
subordinate ones. What is left is the subordinate holder's. Whoever stands later waits until all before have everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from mingqu.domain.calendar import DayCount, year_fraction
from mingqu.domain.money import Rounding, divide
from mingqu.domain.rate import PPM


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What somebody may have this month, in fen: what is new, and what earlier months left unpaid."""

    id: str
    new_fen: int
    carried_fen: int

    @property
    def due_fen(self) -> int:
        """All of it."""
        return self.new_fen + self.carried_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A claim and what it got, in fen. What is short is carried to the next month and bears nothing."""

    claim: Claim
    paid_fen: int

    @property
    def short_fen(self) -> int:
        """What it did not get."""
        return self.claim.due_fen - self.paid_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Where the money of a month went, in fen: the parts sum to what there was."""

    fees: tuple[Paid, ...]
    senior_interest: Paid
    kept_fen: int
    senior_principal_fen: int
    subordinate_principal_fen: int
    subordinate_excess_fen: int

    @property
    def sum_fen(self) -> int:
        """All parts together."""
        claims_fen = sum(one.paid_fen for one in (*self.fees, self.senior_interest))
        notes_fen = self.senior_principal_fen + self.subordinate_principal_fen + self.subordinate_excess_fen
        return claims_fen + self.kept_fen + notes_fen


def borne_fen(*, base_fen: int, rate_ppm: int, start: date, end: date, day_count: DayCount) -> int:
    """Return what a yearly rate of an amount comes to in [start, end), in fen, a half fen up.

    Example: 800 000.00 at 3.6 % for the 30 days of September 2026, act/365: 2 367.12.
    """
    part, whole = year_fraction(start=start, end=end, day_count=day_count)
    return divide(base_fen * rate_ppm * part, PPM * whole, Rounding.HALF_UP)


def distribute(
    *,
    available_fen: int,
    fees: Sequence[Claim],
    senior_interest: Claim,
    senior_fen: int,
    subordinate_fen: int,
    performing_fen: int,
    buys: bool,
) -> Distribution:
    """Return who has which part of the money of a month.

    `senior_fen` and `subordinate_fen` are what is left of the notes, `performing_fen` of the loans not in default.
    While the pool `buys`, cash is kept until loans and cash together are worth the notes: so what defaulted is made
    good before the subordinate holder has anything.
    Example, buying: 1 000 of money, fee 10, interest 100, notes 800 + 200, loans 300: 700 are kept, 190 are the
    subordinate holder's. Not buying: 800 of senior principal, 90 of subordinate principal.
    """
    assert min(available_fen, senior_fen, subordinate_fen, performing_fen) >= 0, "amounts are not negative"
    left_fen = available_fen
    paid = []
    for claim in (*fees, senior_interest):
        got_fen = min(claim.due_fen, left_fen)
        paid.append(Paid(claim=claim, paid_fen=got_fen))
        left_fen -= got_fen
    kept_fen = senior_principal_fen = subordinate_principal_fen = 0
    if buys:
        kept_fen = min(max(0, senior_fen + subordinate_fen - performing_fen), left_fen)
    else:
        senior_principal_fen = min(senior_fen, left_fen)
        subordinate_principal_fen = min(subordinate_fen, left_fen - senior_principal_fen)
    return Distribution(
        fees=tuple(paid[:-1]),
        senior_interest=paid[-1],
        kept_fen=kept_fen,
        senior_principal_fen=senior_principal_fen,
        subordinate_principal_fen=subordinate_principal_fen,
        subordinate_excess_fen=left_fen - kept_fen - senior_principal_fen - subordinate_principal_fen,
    )
