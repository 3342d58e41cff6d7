"""What a cost means, worked with a person's own offer or loan, or with what their own line would offer today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mingqu.domain.cost import DelayCost, cost_of_delay
from mingqu.domain.cost.meaning import CostMeaning, meaning
from mingqu.domain.refusal import Refusal
from mingqu.services.decisions.read_limit import limit_view
from mingqu.services.house import House
from mingqu.services.offers.preview_offers import preview_offers
from mingqu.services.offers.price_offer import Offered, delay_terms, priced
from mingqu.store.loans import loan, offer

_EXAMPLE_FEN: Final = 1_000_000  # 10,000.00, or as much of it as the line leaves
_EXAMPLE_INSTALMENTS: Final = 12
LATE_DAYS: Final = 30  # what a month of being late with the first payment would cost


@dataclass(frozen=True, slots=True, kw_only=True)
class CostExplained:
    """One offer and what its cost means; `late` is what a month of being late with the first payment would add.

    `own` says whether it is an offer or a loan of the person's own, or only what their line would offer today.
    """

    offered: Offered
    meaning: CostMeaning
    late: DelayCost
    own: bool


def explain_cost(
    house: House, *, person_id: UUID, offer_id: UUID | None = None, loan_id: UUID | None = None
) -> CostExplained | None:
    """Return what the cost of an offer, or of the offer that a loan was signed on, means; signed or run out it is
    the same. Without either, of what the cheapest line would offer today; None when nothing can be drawn.

    Errors: NotFound, also for somebody else's.
    """
    if offer_id is None and loan_id is None:
        found = _example(house, person_id=person_id)
        return None if found is None else _explained(found, own=False)
    with house.database.transaction() as tx:
        if offer_id is None:
            assert loan_id is not None
            of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
            signed = offer.load_contract(tx, person_id=person_id, contract_id=of.contract_id)
            offer_id = signed.offer_id
        stored = offer.load_offer(tx, person_id=person_id, offer_id=offer_id)
        lines = offer.facilities(tx, person_id=person_id)
    line = next(one for one in lines if one.facility_id == stored.facility_id)
    return _explained(priced(house, stored=stored, facility=line), own=True)


def _example(house: House, *, person_id: UUID) -> Offered | None:
    limit = limit_view(house, person_id=person_id)
    if limit is None:
        return None
    for line in limit.products:
        amount_fen = min(_EXAMPLE_FEN, line.available_fen - line.available_fen % line.amount_step_fen)
        counts = [count for count in line.instalment_counts if count <= _EXAMPLE_INSTALMENTS]
        if amount_fen < line.amount_min_fen or not counts:
            continue
        try:
            found = preview_offers(
                house, person_id=person_id, amount_fen=amount_fen, instalments=max(counts), method=line.methods[0]
            )
        except Refusal:  # drawing is stopped, so nothing would be offered
            return None
        if found:
            return found[0]
    return None


def _explained(offered: Offered, *, own: bool) -> CostExplained:
    return CostExplained(
        offered=offered,
        meaning=meaning(schedule=offered.schedule, cost=offered.cost),
        late=cost_of_delay(
            schedule=offered.schedule,
            first_missed=offered.schedule.rows[0].number,
            days=LATE_DAYS,
            terms=delay_terms(terms=offered.offer.terms, lender=offered.lender_name_zh),
        ),
        own=own,
    )
