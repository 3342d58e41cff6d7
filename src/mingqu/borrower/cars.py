"""A loan for a car on the phone: what is asked, a quote with its reasons, and then the way of any other offer."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.decision.auto_loan import AutoProduct, CarRate
from mingqu.domain.purpose.contract import EVIDENCE
from mingqu.domain.refusal import Refusal
from mingqu.services.decisions.read_limit import limit_view
from mingqu.services.purpose.quote_car import CarWish, car_products, dealers_of, quote_car
from mingqu.services.purpose.read_car import CarView, car_view

TO_QUOTED: Final = "quoted"  # what the form of a contract says in its field `to`: whom the quote names
_FIELDS: Final = ("product", "merchant", "price", "down", "instalments", "method")


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of loans for a car, up to the cost table."""
    return [
        door.page("/cars", show),
        door.step("/cars", ask),
        door.page("/cars/{offer_id:str}", show_quote),
    ]


def show(visit: Visit) -> Response[Any]:
    """Show in which ways a car is lent for, and ask which car it is."""
    return _page(visit)


def ask(visit: Visit, form: Form) -> Response[Any]:
    """Quote the loan; a form sent twice is one quote."""
    papers = {kind: form.secret(kind) for kind in EVIDENCE if form.optional(kind)}
    try:
        made = quote_car(
            visit.house,
            person_id=visit.person_id,
            wish=CarWish(
                product_id=form.text("product"),
                merchant=form.text("merchant"),
                price_fen=form.fen("price"),
                down_payment_fen=form.fen("down"),
                instalments=form.number("instalments"),
                method=form.text("method"),
                papers=papers,
            ),
            key=form.key,
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _page(visit, form=form, refusal=refusal)
    return visit.go(f"/cars/{made.offered.offer.offer_id.hex}")


def show_quote(visit: Visit) -> Response[Any]:
    """Show a quote: what is lent at which price and why, whom the money goes to, what it may be used for."""
    view = car_view(visit.house, person_id=visit.person_id, offer_id=visit.identifier("offer_id"))
    if view.signed and view.quoted.loan_id is not None:
        return visit.go(f"/loans/{view.quoted.loan_id.hex}/payout")
    rows = view.offered.payments
    return visit.show(
        "car_quote.html",
        quote=bound_values(visit, view),
        price_fen=view.quoted.price_fen,
        down_fen=view.quoted.down_payment_fen,
        down_ppm=view.down_payment_ppm,
        papers=view.quoted.papers,
        band=view.band,
        rate_ppm=view.quoted.rate_year_ppm,
        simple_ppm=view.offered.cost.annual.simple_ppm,
        effective_ppm=view.offered.cost.annual.effective_ppm,
        cost_fen=view.offered.cost.cost_fen,
        first_fen=rows[0].payment_fen,
        last_fen=rows[-1].payment_fen,
        count=len(rows),
        method=view.offered.offer.terms.method.value,
        rates=_rates(view),
        expires_at=view.expires_at,
        over=visit.house.clock.now() >= view.expires_at,
    )


def bound_values(visit: Visit, view: CarView) -> dict[str, Any]:
    """Return what pages show of the purpose that a quote's money is bound to."""
    contract = view.contract
    return {
        "id": view.quoted.offer_id.hex,
        "name": visit.words.pick(view.product.product.name_zh, view.product.product.name_en),
        "way": view.quoted.way,
        "amount_fen": view.quoted.amount_fen,
        "dealer": view.dealer,
        "payee": view.payee,
        "contract": visit.words.pick(contract.name_zh, contract.name_en),
        "hash": contract.hash,
        "per_spend_fen": contract.per_spend_fen,
        "per_day_fen": contract.per_day_fen,
        "due": [(one.kind, one.days) for one in contract.evidence],
    }


def _page(visit: Visit, *, form: Form | None = None, refusal: Refusal | None = None) -> Response[Any]:
    limit = limit_view(visit.house, person_id=visit.person_id)
    offered = car_products(visit.house)
    filled = {name: "" if form is None else form.optional(name) for name in (*_FIELDS, *EVIDENCE)}
    return visit.show(
        "cars.html",
        status=200 if refusal is None else refusal.status,
        assessed=limit is not None,
        products=[_product(visit, one) for one in offered],
        dealers=_dealers(visit, offered),
        counts=sorted({count for one in offered for count in one.product.instalment_counts}),
        methods=list(dict.fromkeys(name for one in offered for name in one.product.methods)),
        kinds=EVIDENCE,
        filled=filled,
        key=form.key if form is not None else visit.form_key(),
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _product(visit: Visit, one: AutoProduct) -> dict[str, Any]:
    lender = visit.house.pack.lender(lender_id=one.product.lender_id)
    return {
        "id": one.product.id,
        "name": visit.words.pick(one.product.name_zh, one.product.name_en),
        "lender": visit.words.pick(lender.name_zh, lender.name_en),
        "way": one.way,
        "down_ppm": one.down_payment_ppm_min,
        "least_fen": one.product.amount_min_fen,
        "most_fen": one.product.amount_max_fen,
    }


def _dealers(visit: Visit, offered: tuple[AutoProduct, ...]) -> list[tuple[str, str]]:
    """Return the sellers that any of the products pays, each once."""
    found = {
        code: company.name
        for one in offered
        for code, company in dealers_of(visit.house, of=one).items()
        if code != one.card_account
    }
    return sorted(found.items())


def _rates(view: CarView) -> list[dict[str, Any]]:
    """Return the prices of the person's band, a line for each step of the down payment, the own price marked."""
    steps = sorted({one.down_payment_from_ppm for one in view.rates})

    def cell(one: CarRate) -> dict[str, Any]:
        return {"ppm": one.rate_year_ppm, "papers": one.papers_from, "own": one == view.own}

    return [
        {
            "from_ppm": max(step, view.product.down_payment_ppm_min),
            "cells": [cell(one) for one in view.rates if one.down_payment_from_ppm == step],
        }
        for step in steps
    ]
