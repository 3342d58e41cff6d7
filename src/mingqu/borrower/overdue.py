"""When a payment is late: what it costs, what it stops, how it ends, and whom to ask."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.borrower.loans import loan_values
from mingqu.borrower.rebuild import band_values
from mingqu.domain.review import OF_LOAN
from mingqu.services.appeals.ask_for_person import ask_for_person
from mingqu.services.appeals.read_review import review_about
from mingqu.services.limits.stand_in_band import band_view
from mingqu.services.repayment.preview_repayment import ways_of
from mingqu.services.repayment.read_loans import OVERDUE, loan_view


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of help with an overdue loan."""
    return [
        door.page("/loans/{loan_id:str}/help", show),
        door.step("/loans/{loan_id:str}/help", ask),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show cost, consequences, cure and choices; a loan that is not late leads to repaying."""
    loan = loan_view(visit.house, person_id=visit.person_id, loan_id=visit.identifier("loan_id"), with_payout=False)
    late = next((row for row in loan.rows if row.state == OVERDUE), None)
    if late is None or loan.quote is None:
        return visit.go(f"/loans/{loan.loan_id.hex}/repay")
    ways = ways_of(terms=loan.terms, state=loan.state, today=loan.as_of)
    band = band_view(visit.house, person_id=visit.person_id)
    return visit.show(
        "help.html",
        loan=loan_values(visit, loan),
        due=ways.quote.due,
        due_fen=ways.quote.due_fen,
        next_day_fen=ways.next_day_fen,
        number=late.number,
        late_due=late.due,
        band=None if band is None else band_values(band),
        wishes=OF_LOAN,
        review=review_about(visit.house, person_id=visit.person_id, subject_id=loan.loan_id),
        chosen=visit.query("choose") == "1",
        key=visit.form_key(),
    )


def ask(visit: Visit, form: Form) -> Response[Any]:
    """Put the wish before people."""
    loan_id = visit.identifier("loan_id")
    wish = form.optional("wish")
    if not wish:
        return visit.go(f"/loans/{loan_id.hex}/help?choose=1")
    asked = ask_for_person(visit.house, person_id=visit.person_id, wish=wish, loan_id=loan_id, key=form.key)
    return visit.go(f"/received/{asked.request_id.hex}")
