"""A month of a pool, from what came in to who has it, what is bought again and where the next month begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from mingqu.domain.abs_pool.loan import OfferedLoan, PooledLoan
from mingqu.domain.abs_pool.purchase import Proposal, propose
from mingqu.domain.abs_pool.static_view import Vintage, by_month_of_purchase
from mingqu.domain.abs_pool.terms import PoolTerms
from mingqu.domain.abs_pool.trigger import Phase, Watched, watch
from mingqu.domain.abs_pool.waterfall import Claim, Distribution, borne_fen, distribute


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a pool stands between two months, in fen: notes, cash, what could not be paid, since when it ends early."""

    senior_fen: int
    subordinate_fen: int
    cash_fen: int
    fees_short_fen: Mapping[str, int]
    senior_interest_short_fen: int
    amortizing_since: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolMonth:
    """[start, end) of a pool, its payment day being `end`: every loan it ever bought, and what is offered to it."""

    pool_id: str
    start: date
    end: date
    opening: Standing
    loans: tuple[PooledLoan, ...]
    offered: tuple[OfferedLoan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolReport:
    """What a month came to, in fen. `closing.cash_fen` is before the proposal is bought."""

    terms: PoolTerms
    month: PoolMonth
    interest_fen: int
    repaid_fen: int
    performing_fen: int
    defaulted_new_fen: int
    watched: Watched
    distribution: Distribution
    proposal: Proposal
    vintages: tuple[Vintage, ...]
    closing: Standing

    @property
    def available_fen(self) -> int:
        """What there was to distribute: the month's money and the cash of earlier ones."""
        return self.interest_fen + self.repaid_fen + self.month.opening.cash_fen


def report_month(*, terms: PoolTerms, month: PoolMonth) -> PoolReport:
    """Return what a month of a pool came to.

    First the triggers are read, of the loans as they stand at the month's end; then the money is distributed as that
    phase says; then loans are proposed for the cash that was kept. Fees bear on the loans that were not in default as
    the month began, senior interest on the notes of that day.
    """
    opening, asked = month.opening, terms.triggers
    watched = watch(
        terms=terms,
        loans=month.loans,
        on=month.end,
        amortizing_since=opening.amortizing_since,
        interest_short_fen=opening.senior_interest_short_fen,
    )
    performing_fen = sum(one.performing_fen(triggers=asked) for one in month.loans)
    interest_fen = sum(one.interest_fen for one in month.loans)
    repaid_fen = sum(one.repaid_fen for one in month.loans)
    available_fen = interest_fen + repaid_fen + opening.cash_fen
    buys = watched.phase is Phase.BUYING
    fees, senior_interest = _claims(terms, month)
    made = distribute(
        available_fen=max(0, available_fen),
        fees=fees,
        senior_interest=senior_interest,
        senior_fen=opening.senior_fen,
        subordinate_fen=opening.subordinate_fen,
        performing_fen=performing_fen,
        buys=buys,
    )
    early = watched.phase is Phase.AMORTIZING_EARLY
    return PoolReport(
        terms=terms,
        month=month,
        interest_fen=interest_fen,
        repaid_fen=repaid_fen,
        performing_fen=performing_fen,
        defaulted_new_fen=sum(one.lost_fen(triggers=asked) for one in month.loans if not one.defaulted_fen),
        watched=watched,
        distribution=made,
        proposal=propose(terms=terms, held=month.loans, offered=month.offered, cash_fen=made.kept_fen, buys=buys),
        vintages=by_month_of_purchase(loans=month.loans, triggers=asked, on=month.end),
        closing=Standing(
            senior_fen=opening.senior_fen - made.senior_principal_fen,
            subordinate_fen=opening.subordinate_fen - made.subordinate_principal_fen,
            cash_fen=made.kept_fen + min(0, available_fen),
            fees_short_fen={one.claim.id: one.short_fen for one in made.fees},
            senior_interest_short_fen=made.senior_interest.short_fen,
            amortizing_since=(opening.amortizing_since or month.end) if early else None,
        ),
    )


def _claims(terms: PoolTerms, month: PoolMonth) -> tuple[list[Claim], Claim]:
    opening = month.opening
    base_fen = sum(one.opening_fen for one in month.loans if not one.defaulted_fen)

    def borne(amount_fen: int, rate_ppm: int) -> int:
        return borne_fen(
            base_fen=amount_fen, rate_ppm=rate_ppm, start=month.start, end=month.end, day_count=terms.day_count
        )

    fees = [
        Claim(id=fee.id, new_fen=borne(base_fen, fee.rate_ppm), carried_fen=opening.fees_short_fen.get(fee.id, 0))
        for fee in terms.fees
    ]
    senior_interest = Claim(
        id="senior_interest",
        new_fen=borne(opening.senior_fen, terms.senior_rate_ppm),
        carried_fen=opening.senior_interest_short_fen,
    )
    return fees, senior_interest
