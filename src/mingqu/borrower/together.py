"""Repay by one payment what is due on several loans: what it is split over, its page, and what became of each part."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.borrower.repay import is_inside_wechat, link_of, network_address
from mingqu.domain.refusal import Refusal
from mingqu.services.orders.run_errand import Payer
from mingqu.services.repayment.repay import ChannelUnavailable, NothingDue
from mingqu.services.repayment.repay_together import combined_payment, due_together, open_combined, repay_together


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of repaying several loans at once."""
    return [
        door.page("/repay-together", show),
        door.step("/repay-together", pay),
        door.page("/repay-together/{combined_id:str}", show_payment, acts=True),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show what is due to whom; without several loans due there is nothing to choose here."""
    return _page(visit)


def pay(visit: Visit, form: Form) -> Response[Any]:
    """Make the payment and go to it; the same form again leads to the same payment."""
    payer = Payer(address=network_address(visit))
    try:
        made = repay_together(visit.house, person_id=visit.person_id, payer=payer, key=form.key)
    except Refusal as refusal:
        return _page(visit, refusal=refusal)
    return visit.go(f"/repay-together/{made.combined_id.hex}")


def show_payment(visit: Visit) -> Response[Any]:
    """Show a payment: its page while it is open, then what became of each part, never a guess."""
    combined_id = visit.identifier("combined_id")
    made = combined_payment(visit.house, person_id=visit.person_id, combined_id=combined_id)
    back, address, silent = visit.query("back") == "1", None, False
    if made.open and not back:
        try:
            page = open_combined(visit.house, person_id=visit.person_id, combined_id=combined_id)
            address = link_of(page.address)
        except ChannelUnavailable:
            silent = True
        except NothingDue:  # a part ended between two looks, or has: the others are asked for
            back = True
        made = combined_payment(visit.house, person_id=visit.person_id, combined_id=combined_id)
    return visit.show(
        "together_payment.html",
        id=combined_id.hex,
        total_fen=made.total_fen,
        paid_fen=made.paid_fen,
        state="open" if made.open else "paid" if made.paid_fen == made.total_fen else "failed",
        parts=[
            {
                "loan_id": part.loan_id.hex,
                "lender": visit.words.pick(part.lender_zh, part.lender_en),
                "fen": part.amount_fen,
                "state": part.state.value if part.state.ended else "OPEN",
            }
            for part in made.parts
        ],
        pay_page=address,
        silent=silent,
        back=back,
    )


def _page(visit: Visit, *, refusal: Refusal | None = None) -> Response[Any]:
    due = due_together(visit.house, person_id=visit.person_id)
    if not due and refusal is None:
        return visit.go("/loans")
    return visit.show(
        "together.html",
        status=200 if refusal is None else refusal.status,
        parts=[
            {
                "loan_id": one.loan_id.hex,
                "lender": visit.words.pick(one.lender_zh, one.lender_en),
                "fen": one.due_fen,
            }
            for one in due
        ],
        total_fen=sum(one.due_fen for one in due),
        inside=is_inside_wechat(visit),
        key=visit.form_key(),
        problem=None if refusal is None else visit.words.refusal(refusal),
    )
