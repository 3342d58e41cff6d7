"""Whether a person may draw now, and how much each of their lines still lends."""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from mingqu.domain.funding.route import Wanted
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.loan import LoanState
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend import advance, next_morning
from mingqu.services.funding.route_funding import FundingExhausted as FundingExhausted
from mingqu.services.funding.route_funding import require_funded
from mingqu.services.house import House
from mingqu.services.limits.cap_limit import left_under_cap
from mingqu.services.limits.check_assessment import require_assessed, withheld
from mingqu.services.limits.freeze_drawing import require_not_stopped
from mingqu.services.limits.keep_to_link import left_by_links
from mingqu.services.limits.stand_in_band import left_in_band
from mingqu.store.decisions import assessment
from mingqu.store.ledgers import ledger
from mingqu.store.loans import loan, offer
from mingqu.store.loans.offer import Facility
from mingqu.store.revolving import spend
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction


class DrawingFrozen(Refusal):
    """The person has an overdue amount: no new loan until it is paid. Paying it lifts this at once."""

    code: ClassVar[str] = "drawing_frozen"
    status: ClassVar[int] = 409


def require_drawing_open(tx: Transaction, house: House, *, person_id: UUID) -> None:
    """Return when a person may draw: nobody stopped it, their assessment holds, nothing of theirs is overdue today.

    What is overdue on a loan or a revolving account stops drawing on all of them, and so does what a guarantor paid
    and has not back. Repaying never asks here.
    Errors: DrawingStopped, AssessmentExpired, DrawingFrozen.
    """
    require_not_stopped(tx, person_id=person_id)
    require_assessed(tx, house, person_id=person_id)
    today = house.clock.business_date()
    overdue_days = max(
        (late_days(state, on=today) for state in loan.states_of_person(tx, person_id=person_id)), default=0
    )
    for account in spend.of_person(tx, person_id=person_id):
        overdue_days = max(overdue_days, spend_overdue_days(tx, account=account, on=today))
    if overdue_days:
        raise DrawingFrozen("An amount is overdue; pay it and new loans open again.", overdue_days=overdue_days)


def late_days(state: LoanState, *, on: date) -> int:
    """Return for how many days a loan's borrower owes what is past due: to the lender, or to a guarantor who paid it.

    A bill that a guarantor paid is late until the guarantor has it back. Example: due on 2026-12-01, paid by the
    guarantor on 2027-01-30 and not back: on 2027-02-04 it is 65 days late.
    """
    days = state.overdue_days(on)
    if not state.guarantor_claim_fen:
        return days
    bills = [claim.due for claim in state.bill_claims if claim.back_on is None]
    whole = [line.due for line in state.instalments if line.paid_on is not None and line.paid_on == state.settled_on]
    return max(1, days, (on - min([*bills, *whole], default=on)).days)


def stop_of(tx: Transaction, house: House, *, person_id: UUID) -> Refusal | None:
    """Return the refusal that anything drawn would meet now, or None when drawing is open."""
    try:
        require_drawing_open(tx, house, person_id=person_id)
    except Refusal as refusal:
        return refusal
    return None


def drawing_stopped(house: House, *, person_id: UUID) -> Refusal | None:
    """Return what stops a person's drawing now, for whoever shows what could be drawn; None when nothing does."""
    with house.database.transaction() as tx:
        return stop_of(tx, house, person_id=person_id)


def spend_overdue_days(tx: Transaction, *, account: SpendAccount, on: date) -> int:
    """Return for how many days a revolving account is overdue on a day, also when its morning is not booked yet.

    While a payment of it is on its way, what is booked counts.
    """
    if next_morning(account.state) > on or spend.is_paying(tx, account_id=account.account_id):
        return account.state.overdue_days(on)
    return advance(terms=account.terms, state=account.state, to=on).state.overdue_days(on)


def lines_of(tx: Transaction, house: House, *, person_id: UUID) -> list[tuple[Facility, int]]:
    """Return a person's lines, each with what may still be drawn of it: limit, cap, band and links asked.

    A raise that waits for its pause is not counted.
    """
    under_cap_fen = left_under_cap(tx, house, person_id=person_id)
    lines = offer.facilities(tx, person_id=person_id)
    owners = [person_id, *(line.facility_id for line in lines)]
    balances = ledger.balances_of(tx, cell=tx.cell_of(person_id), owners=owners)

    waiting = withheld(assessment.last_changes(tx, person_id=person_id), at=house.clock.now())

    def left_fen(owner: UUID, currency: str) -> int:
        code = AccountCode.LIMIT_AVAILABLE
        free_fen = balances[Account(owner=owner, code=code, currency=currency)].available_fen(code)
        return max(0, free_fen - waiting.get(owner, 0))

    left = [
        (line, min(left_fen(line.facility_id, line.currency), left_fen(person_id, line.currency))) for line in lines
    ]
    by_link = left_by_links(tx, person_id=person_id)
    left = [(line, min(fen, by_link.get(line.facility_id, fen))) for line, fen in left]
    bounds = [fen for fen in (under_cap_fen, left_in_band(tx, house, person_id=person_id)) if fen is not None]
    return [(line, min(fen, *bounds) if bounds else fen) for line, fen in left]


def require_source(tx: Transaction, house: House, *, facility: Facility, amount_fen: int, instalments: int) -> None:
    """Return when some source has money for a loan of a line, as things stand. Errors: FundingExhausted."""
    wanted = Wanted(amount_fen=amount_fen, principal_fen=amount_fen, instalments=instalments)
    cell = tx.cell_of(facility.person_id)
    require_funded(tx, house, cell=cell, product_id=facility.product_id, wanted=wanted)
