"""A decision as it was made beside the same person's as of another day: which row, which points, which price differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias

from mingqu.domain.decision.decide import decide, decide_again
from mingqu.domain.decision.pack import Pack
from mingqu.domain.decision.record import Decision
from mingqu.domain.policy_file import Plain
from mingqu.domain.refusal import Refusal

Told: TypeAlias = "int | str | None"
NONE_NOW: Final = "nothing is offered on this day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that differs: `what` is "outcome", "row/ID", "points/VARIABLE", "price/PRODUCT", "limit/PRODUCT",
    "policy/KIND/ID" and so on; None means: not there."""

    what: str
    then: Told
    now: Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Both decisions and their differences. Where nothing can be decided now, `now` is None and `problem` says why."""

    then: Decision
    now: Decision | None
    problem: str
    differences: tuple[Difference, ...]


def compare(*, record: Mapping[str, Plain], pack: Pack, business_date: date) -> Compared:
    """Decide again from a record with its own policies, and with those of a day on the very same inputs.

    Nothing new is asked about the person: that would take a consent of today. All products of the day are asked.
    Errors: those of `decide_again`; what `decide` refuses for the day is told as `problem`.
    """
    then = decide_again(record=record, pack=pack)
    products = tuple(one.id for one in pack.offered(business_date=business_date))
    if not products:
        return Compared(then=then, now=None, problem=NONE_NOW, differences=())
    try:
        now = decide(inputs=then.inputs, pack=pack, product_ids=products, business_date=business_date)
    except Refusal as refusal:
        return Compared(then=then, now=None, problem=refusal.message, differences=())
    return Compared(then=then, now=now, problem="", differences=differences(then=then, now=now))


def differences(*, then: Decision, now: Decision) -> tuple[Difference, ...]:
    """Return what differs between two decisions, the answer first and the policies last."""
    before, after = _told(then), _told(now)
    names = [*before, *(name for name in after if name not in before)]
    found = [Difference(what=name, then=before.get(name), now=after.get(name)) for name in names]
    kinds = {name: place for place, name in enumerate(_ORDER)}
    found.sort(key=lambda one: kinds[one.what.split("/")[0]])
    return tuple(one for one in found if one.then != one.now)


_ORDER: Final = ("outcome", "row", "score", "band", "points", "limit", "price", "policy")


def _told(made: Decision) -> dict[str, Told]:
    """Return everything that a decision says, each under a name of its own."""
    variables = [variable.name for variable in made.strategy.card.variables]
    return {
        "outcome": made.outcome,
        **{f"row/{reason.row}": reason.code for reason in made.reasons},
        "score": made.score,
        "band": made.band,
        **{f"points/{name}": points for name, points in zip(variables, made.contributions, strict=True)},
        "limit": made.limit_fen,
        **{f"limit/{price.product_id}": price.limit_fen for price in made.prices},
        **{f"price/{price.product_id}": price.rate_year_ppm for price in made.prices},
        **{f"policy/{name}": digest for name, digest in made.versions.items()},
    }
