"""What a payment of a day in the past or today would change: worked out by the step that would book it, and dropped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.loan import Intent, Posting, Repaid, record
from mingqu.domain.operator import Permission
from mingqu.domain.refusal import Refusal
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.services.loans.read_loan_at import Balances, balances_at, visible_loan
from mingqu.store.loans import loan

_NO_ID: Final = UUID(int=2**128 - 1)  # behind every real id in the order of events


class PreviewAhead(Refusal):
    """A payment is tried on a day up to today: what comes later rests on what nobody knows yet."""

    code: ClassVar[str] = "preview_ahead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would change: the balances of today before and after, and the lines the ledger would gain."""

    on: date
    amount_fen: int
    before: Balances
    after: Balances
    overpaid_fen: int
    postings: tuple[Posting, ...]
    replayed: bool


def preview_payment(
    house: House, *, seat: Seat, loan_id: UUID, on: date, amount_fen: int, intent: Intent = Intent.DUE
) -> Preview:
    """Return what a payment with value date `on`, heard of today, would change. Nothing is written.

    Errors: OperatorForbidden, NotFound, PreviewAhead, those of `mingqu.domain.loan.record`.
    """
    seat.operator.require(Permission.LOAN)
    today = house.clock.business_date()
    if on > today:
        raise PreviewAhead("A payment is tried on a day up to today.")
    with house.database.transaction() as tx:
        of = visible_loan(tx, seat=seat, loan_id=loan_id)
        history = loan.events(tx, loan=of)
    event = Repaid(event_id=_NO_ID, value_date=on, amount_fen=amount_fen, intent=intent)
    outcome = record(terms=of.terms, events=history, state=of.state, event=event, business_date=today)
    return Preview(
        on=on,
        amount_fen=amount_fen,
        before=balances_at(terms=of.terms, state=of.state, day=today),
        after=balances_at(terms=of.terms, state=outcome.state, day=today),
        overpaid_fen=outcome.state.overpayment_fen - of.state.overpayment_fen,
        postings=outcome.postings,
        replayed=outcome.replayed,
    )
