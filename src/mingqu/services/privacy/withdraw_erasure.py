"""Take back a wish to be erased: whoever signs a new contract wants to be known, and is told that the wish is gone."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from mingqu.domain.moment import business_date_of
from mingqu.services.house import House
from mingqu.services.loans.follow_up import notice_of
from mingqu.services.people.keep_for_the_law import keep_for_the_law
from mingqu.store.loans.loan import Loan
from mingqu.store.parties import erasure
from mingqu.store.server import work
from mingqu.store.server.database import Transaction


def wish_until(house: House, *, person_id: UUID) -> date | None:
    """Return the day of a wish to be erased that a signature would take back, or None."""
    with house.database.transaction() as tx:
        waits = erasure.waiting_until(tx, person_id=person_id)
    return None if waits is None else business_date_of(waits)


def keep_who_signs(tx: Transaction, house: House, *, signed: Loan) -> None:
    """Keep what is known of whoever signed a loan's contract for as long as the law says; a wish to be erased ends.

    They are told so. The caller holds the cell's lock and commits. Errors: RuleMissing, NotFound.
    """
    keep_for_the_law(tx, house, person_id=signed.person_id, on=house.clock.business_date())
    if not erasure.withdraw(tx, person_id=signed.person_id):
        return
    notice = notice_of(
        signed,
        template=erasure.WITHDRAWN,
        on=house.clock.business_date(),
        mark="",
        amount_fen=signed.terms.principal_fen,
        at=house.clock.now(),
    )
    work.enqueue_many(tx, cell=signed.cell, rows=[notice])
