"""Find what turned out not to have been eligible for a pool: its originator buys it back at what a payoff would be.

A loan that was eligible and went bad is the pool's risk, and nobody takes it back: a promise to would be a guarantee by
whoever may give none. So what is asked is how the loan stood on the day it was bought, by everything that is known now;
only news that reaches back before that day can change it, and a day without such news asks nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from mingqu.domain.abs_pool import PoolTerms, unfit_for
from mingqu.domain.loan import Reversed, fold, quote
from mingqu.services.pools.offer_to_pool import offered_loan
from mingqu.store.funders.pool_book import Holding
from mingqu.store.loans import loan
from mingqu.store.loans.loan_event import known_events
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A loan that goes back to its originator: principal and all else that is owed, in fen, and what it had missed."""

    cell: int
    loan_id: UUID
    principal_fen: int
    other_fen: int
    reasons: tuple[str, ...]


def returned_of(tx: Transaction, *, terms: PoolTerms, one: Holding, on: date) -> Returned | None:
    """Return what a holding goes back for as a day ends, or None where it was eligible, or owes nothing any more.

    The price is what an early payoff would be on the next morning. Region is not asked again: no news changes it.
    """
    principal_fen = one.opening_fen - one.principal_fen - one.given_up_before_fen - one.given_up_fen
    if not (terms.originator_buys_back and one.reaches_back) or principal_fen <= 0:
        return None
    known = [each.event for each in known_events(tx, cell=one.cell, loan_id=one.loan_id) if each.posted_on <= on]
    undone = {event.target for event in known if isinstance(event, Reversed)}
    then = [
        event
        for event in known
        if not isinstance(event, Reversed) and event.event_id not in undone and event.value_date < one.bought_on
    ]
    agreed, end = loan.terms_of(tx, cell=one.cell, loan_id=one.loan_id), on + timedelta(days=1)
    was = offered_loan(
        loan_id=one.loan_id.hex,
        borrower=one.person_id.hex,
        region="",
        product=one.product_id,
        terms=agreed,
        state=fold(terms=agreed, events=then, as_of=one.bought_on)[0],
        on=one.bought_on,
    )
    reasons = unfit_for(eligibility=terms.eligibility, loan=was)
    if not reasons:
        return None
    state = fold(terms=agreed, events=known, as_of=end)[0]
    payoff_fen = quote(terms=agreed, state=state, on=end).payoff_fen
    return Returned(
        cell=one.cell,
        loan_id=one.loan_id,
        principal_fen=principal_fen,
        other_fen=max(0, payoff_fen - state.principal_outstanding_fen),
        reasons=tuple(reason.value for reason in reasons),
    )
