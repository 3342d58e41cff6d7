"""Offers side by side: what each would cost, who takes which part of it, and which is the lowest line by line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.asked import address, wish_of
from mingqu.borrower.cost_table import collector_of
from mingqu.borrower.door import Door, Visit
from mingqu.domain.identifier import parse
from mingqu.services.customers.read_papers import offer_view
from mingqu.services.offers.disclose_cost import OfferStale
from mingqu.services.offers.price_offer import Offered, delay_terms

OFFERS_MAX: Final = 20  # one for each product of a person; an address that names more is not ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that offers are compared by; `values` are in the order of the offers, `lowest` is the least of them."""

    name: str
    values: tuple[int, ...]
    unit: str

    @property
    def lowest(self) -> int | None:
        """The least value, or None where all are the same: then none stands out."""
        return min(self.values) if len(set(self.values)) > 1 else None


# What every offer says as a number, as (name, unit, reading): money in fen, rates in ppm, days.
_LINES: Final[tuple[tuple[str, str, Callable[[Offered], int]], ...]] = (
    ("yearly", "percent", lambda one: one.cost.annual.simple_ppm),
    ("cost", "money", lambda one: one.cost.cost_fen),
    ("interest", "money", lambda one: one.schedule.interest_fen),
    ("fees", "money", lambda one: one.fees_fen),
    ("first", "money", lambda one: one.payments[0].payment_fen),
    ("last", "money", lambda one: one.payments[-1].payment_fen),
    ("penalty", "percent", lambda one: delay_terms(terms=one.offer.terms, lender=one.lender_name_zh).yearly_ppm),
)


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handler of the comparison."""
    return [door.page("/offers/compare", show_comparison)]


def lines_of(offers: Sequence[Offered]) -> list[Line]:
    """Return offers line by line."""
    return [Line(name=name, unit=unit, values=tuple(read(one) for one in offers)) for name, unit, read in _LINES]


def differences_fen(offers: Sequence[Offered]) -> list[int]:
    """Return by how much each offer costs more than the first, in fen; of the first, how much less than the next.

    Example: whole costs of 659.50, 1,001.61 and 1,096.92 are 342.11, 342.11 and 437.42.
    """
    costs = [one.cost.cost_fen for one in offers]
    return [abs(costs[min(1, len(costs) - 1)] - costs[0]), *(cost - costs[0] for cost in costs[1:])]


def show_comparison(visit: Visit) -> Response[Any]:
    """Show offers that still stand side by side, the cheapest first; here nothing is chosen."""
    ids = [parse(one) for one in visit.request.query_params.getall("o", [])[:OFFERS_MAX]]
    live: list[Offered] = []
    for offer_id in ids:
        try:
            live.append(offer_view(visit.house, person_id=visit.person_id, offer_id=offer_id))
        except OfferStale:
            continue  # the list of offers says that it is gone
    if not live:
        return visit.go("/draw")
    live.sort(key=lambda one: (one.cost.annual.effective_ppm, one.product.id))
    return visit.show(
        "compare.html",
        offers=[
            {
                "lender": visit.words.pick(one.lender_name_zh, one.lender_name_en),
                "product": visit.words.pick(one.product.name_zh, one.product.name_en),
                "licence": one.licence.value,
                "takers": [
                    (item.code, collector_of(visit, item.collector), item.amount_fen) for item in one.cost.items
                ],
                "early_ppm": one.product.early_repayment_fee_ppm,
                "cooling_off_days": one.product.cooling_off_days,
            }
            for one in live
        ],
        lines=lines_of(live),
        back=address(ids, wish_of(visit)),
    )
