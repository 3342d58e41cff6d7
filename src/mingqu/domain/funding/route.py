"""Which source funds a loan: the first of the plan that may and has room, and why not each one before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from mingqu.domain.funding.limit import Limit, LimitKind, limits_of, share_is_enough
from mingqu.domain.funding.plan import Funder, FundingPlan, Source
from mingqu.domain.funding.share import Funding
from mingqu.domain.rule import RuleBook


class Skip(StrEnum):
    """Why a source does not fund a loan. Words are stored in evidence."""

    AMOUNT_TOO_SMALL = "amount_too_small"
    AMOUNT_TOO_LARGE = "amount_too_large"
    TERM_TOO_LONG = "term_too_long"
    PARTNER_SHARE_TOO_SMALL = "partner_share_too_small"
    LENDER_NOT_NAMED = "lender_not_named"  # when it was agreed to: nobody gets a lender they were not told of
    FIGURES_MISSING = "figures_missing"  # of who would lend: then no limit of theirs is known, and none may be passed
    NO_ROOM = "no_room"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A source that was passed over, and why; `limit` is the first limit without room, with what was left of it."""

    source_id: str
    why: Skip
    limit: LimitKind | None = None
    limit_name: str = ""
    free_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The source that funds a loan (None: none does), what the loan uses of each limit, and who was passed over."""

    source: Source | None
    uses: tuple[tuple[Limit, int], ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be funded: an amount now, of a loan of so much in all, in so many instalments.

    `named` are the joint lenders who were told before it was agreed to; None: they are told once they are chosen.
    """

    amount_fen: int
    principal_fen: int
    instalments: int
    named: frozenset[Funding] | None = None


def route(
    *,
    plan: FundingPlan,
    wanted: Wanted,
    free_fen: Mapping[UUID, int],
    funders: Mapping[UUID, Funder],
    rules: RuleBook,
    business_date: date,
    only: str | None = None,
) -> Route:
    """Return which source of a plan funds a loan. `free_fen` is what is left of limits; one that is missing is whole.

    A loan of several payouts stays with the source of its first: that is `only`, which no longer looks at the amount.
    Who would lend and has no figures that day funds nothing: its capital cannot be held against any rule.
    Example: own money for up to 50,000.00 and a joint loan above: 60,000.00 is joint, skipped own (amount_too_large).
    """
    skipped: list[Skipped] = []
    for source in plan.sources:
        if only is not None and source.id != only:
            continue
        if any(share.lender_id not in funders for share in source.funding.shares):
            skipped.append(Skipped(source_id=source.id, why=Skip.FIGURES_MISSING))
            continue
        why = None if only is not None else _not_meant(plan, source, wanted, funders, rules, business_date)
        if why is not None:
            skipped.append(Skipped(source_id=source.id, why=why))
            continue
        limits = limits_of(plan=plan, source=source, funders=funders, rules=rules, business_date=business_date)
        uses = tuple((one, one.used_by(source=source, amount_fen=wanted.amount_fen)) for one in limits)
        short = next(((one, use) for one, use in uses if use > free_fen.get(one.id, one.limit_fen)), None)
        if short is None:
            return Route(source=source, uses=uses, skipped=tuple(skipped))
        limit = short[0]
        skipped.append(
            Skipped(
                source_id=source.id,
                why=Skip.NO_ROOM,
                limit=limit.kind,
                limit_name=limit.name,
                free_fen=max(0, free_fen.get(limit.id, limit.limit_fen)),
            )
        )
    return Route(source=None, uses=(), skipped=tuple(skipped))


def _not_meant(
    plan: FundingPlan,
    source: Source,
    wanted: Wanted,
    funders: Mapping[UUID, Funder],
    rules: RuleBook,
    business_date: date,
) -> Skip | None:
    """Return why a source is not meant for a loan, whatever it has left; None when it is."""
    if source.is_joint and wanted.named is not None and source.funding not in wanted.named:
        return Skip.LENDER_NOT_NAMED
    if wanted.principal_fen < source.amount_min_fen:
        return Skip.AMOUNT_TOO_SMALL
    if wanted.principal_fen > source.amount_max_fen:
        return Skip.AMOUNT_TOO_LARGE
    if wanted.instalments > source.instalments_max:
        return Skip.TERM_TOO_LONG
    licence = funders[source.funding.shares[-1].lender_id].licence  # of a joint loan the bank's
    enough = share_is_enough(source=source, licence=licence, rules=rules, business_date=business_date)
    assert plan.lender_id == source.funding.shares[0].lender_id, "the partner of a joint loan is who makes it"
    return None if enough else Skip.PARTNER_SHARE_TOO_SMALL
