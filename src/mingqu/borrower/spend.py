"""Revolving accounts on the phone: open one, see what is used and due, bills, pay, pay in instalments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import FieldMissing, Form
from mingqu.borrower.repay import link_of
from mingqu.domain.funding import NamedLender
from mingqu.domain.instrument import PAID_OUT_TO, InstrumentKind
from mingqu.domain.moment import business_date_of
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend import PaymentWish, Statement
from mingqu.domain.spend.product import CASH_LINE
from mingqu.services.people.read_person import cards_of
from mingqu.services.privacy.withdraw_erasure import wish_until
from mingqu.services.repayment.read_loans import order_view
from mingqu.services.repayment.repay import ChannelUnavailable, open_page
from mingqu.services.repayment.repay_spend import repay_spend
from mingqu.services.revolving.convert_spend import ConversionOffer, conversion_offers, convert_spend
from mingqu.services.revolving.draw_cash import draw_cash
from mingqu.services.revolving.open_spend import SpendOffer, open_spend, spend_offers
from mingqu.services.revolving.read_spend import (
    SpendView,
    credit_returns,
    spend_bills,
    spend_draws,
    spend_purchases,
    spend_view,
    spend_views,
)

_PAID_TO = {kind.value for kind in PAID_OUT_TO}
_WISHES = {wish.value: wish for wish in PaymentWish}


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of revolving accounts."""
    return [
        door.page("/spend", show_all),
        door.step("/spend", open_one),
        door.page("/spend/{account_id:str}", show),
        door.page("/spend/{account_id:str}/bills/{number:str}", show_bill),
        door.step("/spend/{account_id:str}/pay", pay),
        door.step("/spend/{account_id:str}/draw", draw),
        door.page("/spend/{account_id:str}/payments/{order_id:str}", show_payment, acts=True),
        door.page("/spend/{account_id:str}/instalments", show_instalments),
        door.step("/spend/{account_id:str}/instalments", agree),
    ]


def show_all(visit: Visit) -> Response[Any]:
    """Show the person's revolving accounts, and what can be opened with all its terms."""
    return _all(visit)


def open_one(visit: Visit, form: Form) -> Response[Any]:
    """Open an account by the terms that the form shows."""
    try:
        if not form.agreed("agree"):
            raise FieldMissing("Read the terms and agree to them.", field="agree")
        account_id = open_spend(
            visit.house,
            person_id=visit.person_id,
            product_id=form.text("product"),
            terms_hash=form.text("terms"),
            key=form.key,
        )
    except Refusal as refusal:
        return _all(visit, refusal=refusal)
    return visit.go(f"/spend/{account_id.hex}")


def show(visit: Visit) -> Response[Any]:
    """Show what is used and free, the bill and its due day, purchases and instalments."""
    return account_page(visit)


def show_bill(visit: Visit) -> Response[Any]:
    """Show one bill, part by part. Errors: NotFound."""
    account_id = visit.identifier("account_id")
    number = str(visit.request.path_params["number"])
    found = spend_bills(visit.house, person_id=visit.person_id, account_id=account_id)
    bill = next((one for one in found if str(one.issued.number) == number), None)
    if bill is None:
        raise NotFound
    view = spend_view(visit.house, person_id=visit.person_id, account_id=account_id)
    before = next((one.issued.billed_on for one in found if one.issued.number < bill.issued.number), date.min)
    return visit.show(
        "spend_bill.html",
        account=_account(visit, view),
        bill=bill.stands,
        parts=_parts(bill.stands),
        issued_fen=bill.issued.total_fen if bill.corrected else None,
        returns=[one for one in _returns(visit, view) if before <= one["on"] < bill.issued.billed_on],
    )


def pay(visit: Visit, form: Form) -> Response[Any]:
    """Make the order and go to its page; the same form again leads to the same page."""
    account_id = visit.identifier("account_id")
    try:
        wish = _WISHES.get(form.optional("wish"))
        if wish is None:
            raise FieldMissing("Choose one of the ways.", field="wish")
        order = repay_spend(visit.house, person_id=visit.person_id, account_id=account_id, wish=wish, key=form.key)
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return account_page(visit, refusal=refusal)
    return visit.go(f"/spend/{account_id.hex}/payments/{order.order_id.hex}")


def draw(visit: Visit, form: Form) -> Response[Any]:
    """Draw cash to a card of the person's own."""
    account_id = visit.identifier("account_id")
    try:
        draw_cash(
            visit.house,
            person_id=visit.person_id,
            account_id=account_id,
            instrument_id=form.identifier("card"),
            amount_fen=form.fen("amount"),
            key=form.key,
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return account_page(visit, refusal=refusal)
    return visit.go(f"/spend/{account_id.hex}")


def show_payment(visit: Visit) -> Response[Any]:
    """Show a payment: its page at the bank while it is open, what was heard when it ended, never a guess."""
    account_id, order_id = visit.identifier("account_id"), visit.identifier("order_id")
    view = spend_view(visit.house, person_id=visit.person_id, account_id=account_id)
    order = order_view(visit.house, person_id=visit.person_id, order_id=order_id)
    if order.loan_id is not None or order.kind != "collection":
        raise NotFound
    address, silent, back = None, False, visit.query("back") == "1"
    if order.open and not back:
        try:
            address = link_of(open_page(visit.house, person_id=visit.person_id, order_id=order_id).address)
        except ChannelUnavailable:
            silent = True
    return visit.show(
        "spend_payment.html",
        account=_account(visit, view),
        id=order_id.hex,
        amount_fen=order.amount_fen,
        state="paid" if order.state == "PAID" else "failed" if order.state == "FAILED" else "open",
        bank_page=address,
        silent=silent,
        back=back,
    )


def show_instalments(visit: Visit) -> Response[Any]:
    """Show what paying the bill, or a purchase, in instalments costs; nothing is chosen beforehand."""
    return _instalments(visit, purchase=visit.query("purchase"))


def agree(visit: Visit, form: Form) -> Response[Any]:
    """Agree to instalments by the cost table that was shown."""
    account_id = visit.identifier("account_id")
    purchase = form.optional("purchase")
    try:
        count, _, table_hash = form.text("count").partition(" ")
        if not form.agreed("agree") or not count.isdigit():
            raise FieldMissing("Read the cost table and agree to it.", field="agree")
        convert_spend(
            visit.house,
            person_id=visit.person_id,
            account_id=account_id,
            purchase_id=UUID(purchase) if purchase else None,
            amount_fen=form.number("amount_fen"),
            count=int(count),
            table_hash=table_hash,
            key=form.key,
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _instalments(visit, purchase=purchase, refusal=refusal)
    return visit.go(f"/spend/{account_id.hex}")


def _all(visit: Visit, *, refusal: Refusal | None = None) -> Response[Any]:
    accounts = spend_views(visit.house, person_id=visit.person_id)
    offers = spend_offers(visit.house, person_id=visit.person_id)
    return visit.show(
        "spend_all.html",
        status=200 if refusal is None else refusal.status,
        accounts=[_account(visit, one) for one in accounts],
        offers=[_offer(visit, one) for one in offers],
        wish=wish_until(visit.house, person_id=visit.person_id) if offers else None,
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _offer(visit: Visit, one: SpendOffer) -> dict[str, Any]:
    terms = one.product.terms
    return {
        "id": one.product.id,
        "name": visit.words.pick(one.product.name_zh, one.product.name_en),
        "lender": visit.words.pick(one.lender_zh, one.lender_en),
        "limit_fen": one.limit_fen,
        "rate_year_ppm": terms.rate.yearly_ppm(rounding=terms.rounding),
        "bill_day": terms.bill_day,
        "due_day": terms.due_day,
        "free_period": terms.free_period,
        "unpaid_bill": terms.unpaid_bill.value,
        "minimum_ppm": terms.minimum.share_ppm,
        "penalty_ppm": terms.penalty_multiple_ppm,
        "instalments": [(count, cost.simple_ppm, terms.fee_ppm(count)) for count, cost in one.parts],
        "joint": [_lenders(visit, source.lenders) for source in one.named],
        "uses": one.product.prohibited_uses,
        "terms_hash": one.terms_hash,
        "key": visit.form_key(),
    }


def _account(visit: Visit, view: SpendView) -> dict[str, Any]:
    return {
        "id": view.account_id.hex,
        "name": visit.words.pick(view.product_zh, view.product_en),
        "lender": visit.words.pick(view.lender_zh, view.lender_en),
        "joint": _lenders(visit, view.joint),
        "pays_cash": view.kind == CASH_LINE,
        "limit_fen": view.limit_fen,
        "used_fen": view.used_fen,
        "held_fen": view.held_fen,
        "available_fen": view.available_fen,
        "rate_year_ppm": view.rate_year_ppm,
        "next_bill_on": view.next_bill_on,
        "bill": view.bill,
        "bill_left_fen": view.bill_left_fen,
        "minimum_left_fen": view.minimum_left_fen,
        "whole_fen": view.whole_fen,
        "accrued_fen": view.accrued_fen,
        "credit_fen": view.credit_fen,
        "returnable_fen": view.returnable_fen,
        "returning_fen": view.returning_fen,
        "instalments_left_fen": view.instalments_left_fen,
        "deducts": None if view.deducts is None else view.deducts.value,
        "overdue_days": view.overdue_days,
        "overdue_fen": view.overdue_fen,
        "stopped": None if view.stopped is None or view.overdue_days else visit.words.refusal(view.stopped),
        "wishes": _wishes(view),
    }


def _lenders(visit: Visit, lenders: Sequence[NamedLender]) -> list[tuple[str, str, int]]:
    """Return each joint lender: its name, its licence, its share in ppm."""
    return [(visit.words.pick(one.name_zh, one.name_en), one.licence, one.share_ppm) for one in lenders]


def _wishes(view: SpendView) -> list[tuple[str, int]]:
    """Return the ways to pay and their amounts, each amount once: the bill before what says the same of it."""
    ways = (("bill", view.bill_left_fen), ("minimum", view.minimum_left_fen), ("all", view.whole_fen))
    told = {fen: name for name, fen in reversed(ways) if fen}
    return sorted(((name, fen) for fen, name in told.items()), key=lambda one: one[1])


def _returns(visit: Visit, view: SpendView) -> list[dict[str, Any]]:
    """Return what was paid back to the owner's card, the newest first; nothing is asked where nothing ever was."""
    if not view.was_returned:
        return []
    found = credit_returns(visit.house, person_id=visit.person_id, account_id=view.account_id)
    return [
        {
            "fen": one.order.amount_fen,
            "on": business_date_of(one.order.run_at),
            "state": "came_back" if one.came_back else one.order.state.value if one.order.state.ended else "open",
        }
        for one in found
    ]


def _parts(bill: Statement) -> list[tuple[str, int]]:
    """Return the parts of a bill that are not nothing, by name."""
    named = (
        ("principal", bill.principal_fen),
        ("instalment", bill.instalment_fen),
        ("interest", bill.interest_fen),
        ("fee", bill.fee_fen),
        ("penalty", bill.penalty_fen),
        ("overdue", bill.overdue_fen),
        ("over_limit", bill.over_limit_fen),
    )
    return [(name, fen) for name, fen in named if fen]


def account_page(visit: Visit, *, refusal: Refusal | None = None) -> Response[Any]:
    """Show an account, with what was refused, if anything was."""
    account_id = visit.identifier("account_id")
    view = spend_view(visit.house, person_id=visit.person_id, account_id=account_id)
    fresh = {lot.lot_id for lot in view.state.lots if lot.billed_on is None}
    cards = [one for one in cards_of(visit.house, person_id=visit.person_id) if one.verified and one.kind in _PAID_TO]
    return visit.show(
        "spend.html",
        status=200 if refusal is None else refusal.status,
        account=_account(visit, view),
        bills=[one.stands for one in spend_bills(visit.house, person_id=visit.person_id, account_id=account_id)],
        draws=[
            {"fen": one.amount_fen, "on": one.drawn_on, "returned_on": one.returned_on}
            for one in spend_draws(visit.house, person_id=visit.person_id, account_id=account_id)
        ],
        purchases=[
            {
                "id": one.purchase_id.hex,
                "name": one.merchant_name,
                "state": one.state,
                "fen": one.captured_fen or one.held_fen,
                "refunded_fen": one.refunded_fen,
                "at": one.authorized_at,
                "fresh": one.purchase_id in fresh,
            }
            for one in spend_purchases(visit.house, person_id=visit.person_id, account_id=account_id)
        ],
        cards=[
            {
                "id": one.instrument_id.hex,
                "bank": visit.words.pick(one.bank_zh, one.bank_en),
                "tail": one.tail,
                "wallet": one.kind == InstrumentKind.WALLET.value,
            }
            for one in cards
        ],
        key=visit.form_key(),
        draw_key=visit.form_key(),
        back_key=visit.form_key(),
        returns=_returns(visit, view),
        deduct_key=visit.form_key(),
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _instalments(visit: Visit, *, purchase: str, refusal: Refusal | None = None) -> Response[Any]:
    account_id = visit.identifier("account_id")
    view = spend_view(visit.house, person_id=visit.person_id, account_id=account_id)
    try:
        purchase_id = UUID(purchase) if purchase else None
    except ValueError:
        raise NotFound from None
    found = conversion_offers(visit.house, person_id=visit.person_id, account_id=account_id, purchase_id=purchase_id)
    return visit.show(
        "spend_instalments.html",
        status=200 if refusal is None else refusal.status,
        account=_account(visit, view),
        purchase=purchase,
        convertible_fen=found.convertible_fen,
        offers=[_table(one) for one in found.offers],
        key=visit.form_key(),
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _table(one: ConversionOffer) -> dict[str, Any]:
    return {
        "count": one.count,
        "amount_fen": one.amount_fen,
        "fee_fen": one.fee_fen,
        "fee_ppm": one.fee_ppm,
        "simple_ppm": one.cost.simple_ppm,
        "effective_ppm": one.cost.effective_ppm,
        "each_fen": one.parts[0].principal_fen + one.parts[0].fee_fen,
        "last_fen": one.parts[-1].principal_fen + one.parts[-1].fee_fen,
        "first_due": one.parts[0].due,
        "hash": one.table_hash,
    }
