"""Repay by hand: what is due, everything, or a part; then the bank's page, and back to "we are confirming"."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import FieldMissing, Form
from mingqu.borrower.loans import loan_values
from mingqu.domain.loan import Intent
from mingqu.domain.money import parse_yuan
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.access.keep_session import login_of
from mingqu.services.house import ALIPAY, COMBINED, HOSTED
from mingqu.services.loans.withdraw_loan import cooling_off
from mingqu.services.orders.run_errand import Payer
from mingqu.services.repayment.preview_repayment import PaymentPreview, preview_payment, ways_of
from mingqu.services.repayment.read_loans import LoanView, OrderView, loan_view, order_view
from mingqu.services.repayment.repay import NOBODY, ChannelUnavailable, NothingDue, open_page, repay_by_hand
from mingqu.services.repayment.repay_together import combined_of

DUE, ALL, PART, WITHDRAW = "due", "all", "part", "withdraw"
_INTENTS: Final = {DUE: Intent.DUE, ALL: Intent.PAYOFF, PART: Intent.PREPAY, WITHDRAW: Intent.WITHDRAW}
_INSIDE_WECHAT: Final = "MicroMessenger"  # in the name of WeChat's own browser
# A link to one of these would run in our page or lead nowhere.
_NO_LINKS: Final = ("javascript", "data", "vbscript", "file", "")


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of repaying."""
    return [
        door.page("/loans/{loan_id:str}/repay", show),
        door.step("/loans/{loan_id:str}/repay", pay),
        door.page("/payments/{order_id:str}", show_payment, acts=True),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show what paying today comes to, each way."""
    return _page(visit)


def pay(visit: Visit, form: Form) -> Response[Any]:
    """Make the order and its page; the same form again leads to the same page."""
    how = form.optional("how")
    loan_id = visit.identifier("loan_id")
    channel = form.optional("channel") or HOSTED
    try:
        if how not in _INTENTS:
            raise FieldMissing("Choose one of the ways.", field="how")
        order = repay_by_hand(
            visit.house,
            person_id=visit.person_id,
            loan_id=loan_id,
            intent=_INTENTS[how],
            amount_fen=form.fen("amount") if how == PART else None,
            payer=_payer(visit) if channel == HOSTED else NOBODY,
            channel=channel,
            key=form.key,
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _page(visit, form=form, refusal=refusal)
    return visit.go(f"/payments/{order.order_id.hex}")


def show_payment(visit: Visit) -> Response[Any]:
    """Show a payment: its page at the bank while it is open, what was heard when it ended, never a guess."""
    order_id = visit.identifier("order_id")
    order, loan = _payment(visit, order_id)
    if order.channel == COMBINED:  # a part has no page of its own
        combined_id = combined_of(visit.house, person_id=visit.person_id, order_id=order_id)
        return visit.go(f"/repay-together/{combined_id.hex}")
    back = visit.query("back") == "1"
    address, handover, silent = None, None, False
    if order.open and visit.house.page_of(order.channel) is not None and not back:
        try:
            page = open_page(visit.house, person_id=visit.person_id, order_id=order_id)
            address, handover = link_of(page.address), dict(page.handover) or None
        except ChannelUnavailable:
            silent = True
        order, loan = _payment(visit, order_id)
    return visit.show(
        "payment.html",
        loan=loan_values(visit, loan),
        id=order_id.hex,
        amount_fen=order.amount_fen,
        state="paid" if order.state == "PAID" else "failed" if order.state == "FAILED" else "open",
        paid_at=order.paid_at,
        bank_page=address,
        at_alipay=order.channel == ALIPAY,
        handover=handover,
        inside=is_inside_wechat(visit),
        silent=silent,
        back=back,
    )


def _payer(visit: Visit) -> Payer:
    """Return who pays, or from where; whoever came in by WeChat and stands inside it pays there."""
    assert visit.caller is not None
    login = login_of(visit.house, caller=visit.caller) if is_inside_wechat(visit) else None
    return Payer(login=login, address=network_address(visit) if login is None else None)


def is_inside_wechat(visit: Visit) -> bool:
    """Return whether a visit comes from WeChat's own browser."""
    return _INSIDE_WECHAT in visit.request.headers.get("user-agent", "")


def network_address(visit: Visit) -> Personal[str] | None:
    """Return the network address that a visit comes from, which a page in a browser is made for."""
    try:
        return Personal(str(ip_address(visit.request.client.host))) if visit.request.client else None
    except ValueError:
        return None


def _payment(visit: Visit, order_id: UUID) -> tuple[OrderView, LoanView]:
    """Return a payment and its loan as they stand at one moment. Errors: NotFound."""
    with visit.house.reading() as house:
        order = order_view(house, person_id=visit.person_id, order_id=order_id)
        if order.loan_id is None or order.kind != "collection":
            raise NotFound
        return order, loan_view(house, person_id=visit.person_id, loan_id=order.loan_id, with_payout=False)


def _page(visit: Visit, *, form: Form | None = None, refusal: Refusal | None = None) -> Response[Any]:
    loan = loan_view(visit.house, person_id=visit.person_id, loan_id=visit.identifier("loan_id"), with_payout=False)
    if loan.quote is None:
        return visit.go(f"/loans/{loan.loan_id.hex}")
    ways = ways_of(terms=loan.terms, state=loan.state, today=loan.as_of)
    text = form.optional("amount") if form else visit.query("amount")
    how = (form.optional("how") if form else visit.query("how")) or (DUE if loan.quote.in_order_fen else "")
    split, problem = _split(visit, loan.loan_id, text) if text else (None, None)
    refusal = refusal or problem
    return visit.show(
        "repay.html",
        status=200 if refusal is None or form is None else refusal.status,
        loan=loan_values(visit, loan),
        quote=ways.quote,
        due_fen=ways.quote.in_order_fen,
        payoff_fen=ways.quote.free_fen,
        spared_fen=ways.spared_fen,
        free=cooling_off(visit.house, person_id=visit.person_id, loan_id=loan.loan_id)
        if loan.cooling_off_days
        else None,
        rows=[row for row in loan.rows if row.state != "paid"][:1],
        how=how,
        # WeChat's browser opens no page of Alipay's.
        alipay=ALIPAY in visit.house.pages and not is_inside_wechat(visit),
        channel=(form.optional("channel") if form else "") or HOSTED,
        text=text,
        split=split,
        key=form.key if form and refusal is not None and not isinstance(refusal, NothingDue) else visit.form_key(),
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _split(visit: Visit, loan_id: UUID, text: str) -> tuple[PaymentPreview | None, Refusal | None]:
    """Return what an amount would be used for, or why it cannot be paid."""
    try:
        amount_fen = parse_yuan(text).fen
        return (
            preview_payment(
                visit.house, person_id=visit.person_id, loan_id=loan_id, amount_fen=amount_fen, intent=Intent.PREPAY
            ),
            None,
        )
    except Refusal as refusal:
        return None, refusal


def link_of(address: str) -> str | None:
    """Return the address of a channel's page, unless it is of a kind that a page must not link to."""
    return None if urlsplit(address).scheme.lower() in _NO_LINKS else address
