"""How much and how to repay it, what each lender offers for that, and the choice of one."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.asked import Wish, address, asked_values, wish_of, wish_put
from mingqu.borrower.compare import differences_fen
from mingqu.borrower.cost_table import collector_of
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.drawing import share
from mingqu.borrower.form import Form, own_path
from mingqu.borrower.stopped import stopped
from mingqu.domain.identifier import parse
from mingqu.domain.money import parse_yuan
from mingqu.domain.product import METHODS
from mingqu.domain.refusal import Refusal
from mingqu.services.checkout.take_checkout import order_of_offer
from mingqu.services.customers.read_papers import offer_view
from mingqu.services.decisions.read_limit import LimitView, limit_view
from mingqu.services.lenders.ask_lenders import ask_lenders
from mingqu.services.offers.disclose_cost import OfferStale, show_cost_table
from mingqu.services.offers.make_offers import LendersUndecided, make_offers
from mingqu.services.offers.preview_offers import preview_offers
from mingqu.services.offers.price_offer import Offered
from mingqu.services.offers.read_cost_table import loan_of_offer, renew_offer
from mingqu.services.purpose.read_car import is_car_quote

OFFERS_SHOWN_MAX: Final = 20  # one for each product of a person; an address that names more is not ours
_FIRST_AMOUNT_FEN: Final = 1_000_000  # what the calculator opens with, if the limit reaches so far


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers from the calculator to the chosen offer."""
    return [
        door.page("/draw", show_calculator),
        door.page("/offers", show_offers),
        door.step("/offers", ask_for_offers),
        door.step("/offers/choose", choose),
        door.step("/offers/{offer_id:str}/renew", renew),
    ]


def show_calculator(visit: Visit) -> Response[Any]:
    """Show what an amount would cost, worked out here for each change; the cheapest lender's plan."""
    limit = limit_view(visit.house, person_id=visit.person_id)
    if limit is None:
        return visit.go("/apply")
    choice = _Choice(visit, limit)
    plan, problem = _plan(visit, choice)
    return visit.show(
        "draw.html",
        choice=choice.shown(),
        stopped=stopped(visit) if choice.nothing_left else None,
        plan=plan,
        problem=None if problem is None else visit.words.refusal(problem),
    )


def ask_for_offers(visit: Visit, form: Form) -> Response[Any]:
    """Ask every lender with a line for an offer, those that decide by themselves as well."""
    amount_fen, instalments, method = form.fen("amount"), form.number("instalments"), form.text("method")
    wish: Wish | None = None
    if visit.house.lenders:
        asked = ask_lenders(
            visit.house,
            person_id=visit.person_id,
            amount_fen=amount_fen,
            instalments=instalments,
            method=method,
            key=visit.form_key(),  # a wish that is under way is not put twice
        )
        wish = wish_put(asked, amount_fen=amount_fen, instalments=instalments, method=method)
    try:
        made = make_offers(
            visit.house, person_id=visit.person_id, amount_fen=amount_fen, instalments=instalments, method=method
        )
    except LendersUndecided:
        if wish is None:
            raise
        made = []  # the page says how each stands
    return visit.go(address([one.offer.offer_id for one in made], wish))


def show_offers(visit: Visit) -> Response[Any]:
    """Show offers, the cheapest first, none chosen; what cannot be taken any more is said so, and who was asked."""
    ids = [parse(one) for one in visit.request.query_params.getall("o", [])[:OFFERS_SHOWN_MAX]]
    wish = wish_of(visit)
    if not ids and wish is None:
        return visit.go("/draw")
    live: list[Offered] = []
    for offer_id in ids:
        try:
            live.append(offer_view(visit.house, person_id=visit.person_id, offer_id=offer_id))
        except OfferStale:
            loan_id = loan_of_offer(visit.house, person_id=visit.person_id, offer_id=offer_id)
            if loan_id is not None:
                return visit.go(f"/loans/{loan_id.hex}/payout")
    if not live and ids:
        return visit.show("offer_stale.html", status=409, offer_id=ids[0].hex)
    asked = None if wish is None else asked_values(visit, wish=wish, ids=ids, live=live)
    if not live:
        assert wish is not None
        return visit.show("offers_asked.html", asked=asked, amount_fen=wish.amount_fen)
    live.sort(key=lambda one: (one.cost.annual.effective_ppm, one.product.id))
    most_fen = max(one.cost.cost_fen for one in live)
    first = live[0]
    return visit.show(
        "offers.html",
        offers=[
            {**_card(visit, one, most_fen), "difference_fen": fen}
            for one, fen in zip(live, differences_fen(live), strict=True)
        ],
        compare=address([one.offer.offer_id for one in live], wish).replace("/offers?", "/offers/compare?"),
        asked=asked,
        wish="" if wish is None else wish.tail,
        amount_fen=first.offer.terms.principal_fen,
        instalments=first.offer.terms.instalments,
        method=first.offer.terms.method.value,
        expires_at=min(one.offer.expires_at for one in live),
        gone=len(ids) - len(live),
        choose=visit.query("choose") == "1",
        renewed=visit.query("renewed") == "1",
        others=[one.hex for one in ids],
    )


def choose(visit: Visit, form: Form) -> Response[Any]:
    """Show the cost table of the chosen offer."""
    chosen = form.optional("offer")
    if not chosen:
        shown = form.identifiers("others")
        wish = form.optional("wish")
        there = address(shown, None) + "&choose=1" + (f"&{wish}" if wish else "")
        return visit.go(own_path(there) if shown else "/draw")
    offer_id = parse(chosen)
    try:
        table = show_cost_table(visit.house, person_id=visit.person_id, offer_id=offer_id)
    except OfferStale:
        return renewed(visit, offer_id)
    return visit.go(f"/cost-tables/{table.disclosure_id.hex}")


def renew(visit: Visit, _: Form) -> Response[Any]:
    """Offer again what an offer that is gone was for."""
    return renewed(visit, visit.identifier("offer_id"))


def renewed(visit: Visit, offer_id: UUID) -> Response[Any]:
    """Lead to the new table in place of an offer that cannot be taken any more, or to what was signed on it."""
    loan_id = loan_of_offer(visit.house, person_id=visit.person_id, offer_id=offer_id)
    if loan_id is not None:
        return visit.go(f"/loans/{loan_id.hex}/payout")
    bought = order_of_offer(visit.house, person_id=visit.person_id, offer_id=offer_id)
    if bought is not None:
        return visit.go(f"/checkout/{bought.checkout_id.hex}")
    new = renew_offer(visit.house, person_id=visit.person_id, offer_id=offer_id)
    if new is None:  # a car is quoted anew, by what holds now
        is_car = is_car_quote(visit.house, person_id=visit.person_id, offer_id=offer_id)
        return visit.go("/cars" if is_car else "/draw")
    table = show_cost_table(visit.house, person_id=visit.person_id, offer_id=new.offer.offer_id)
    return visit.go(f"/cost-tables/{table.disclosure_id.hex}?renewed=1")


class _Choice:
    """What the address of the calculator asks for, with what may be asked for."""

    def __init__(self, visit: Visit, limit: LimitView) -> None:
        lines = limit.products
        self.step_fen = min(one.amount_step_fen for one in lines)
        self.least_fen = min(one.amount_min_fen for one in lines)
        most_fen = max(one.available_fen for one in lines)
        self.most_fen = most_fen - most_fen % self.step_fen
        self.methods = [name for name in METHODS if any(name in one.methods for one in lines)]
        self.counts = sorted({count for one in lines for count in one.instalment_counts})
        self.text = visit.query("amount")
        self.refusal: Refusal | None = None
        self.amount_fen = min(_FIRST_AMOUNT_FEN, self.most_fen)
        if self.text:
            try:
                self.amount_fen = parse_yuan(self.text).fen
            except Refusal as refusal:
                self.refusal = refusal
        asked = visit.query("instalments")
        self.instalments = int(asked) if asked in map(str, self.counts) else self.counts[-1]
        wish = visit.query("method")
        self.method = wish if wish in self.methods else self.methods[0]

    @property
    def nothing_left(self) -> bool:
        """Whether not even the least amount can be drawn."""
        return self.most_fen < self.least_fen

    def shown(self) -> dict[str, Any]:
        """Return what the page shows of it."""
        return {
            "amount_fen": self.amount_fen,
            "text": self.text,
            "least_fen": self.least_fen,
            "most_fen": self.most_fen,
            "step_fen": self.step_fen,
            "methods": self.methods,
            "counts": self.counts,
            "instalments": self.instalments,
            "method": self.method,
            "nothing_left": self.nothing_left,
            "too_much": self.amount_fen > self.most_fen,
        }


def _plan(visit: Visit, choice: _Choice) -> tuple[dict[str, Any] | None, Refusal | None]:
    """Return the cheapest plan for a choice, or why there is none."""
    if choice.refusal is not None:
        return None, choice.refusal
    try:
        found = preview_offers(
            visit.house,
            person_id=visit.person_id,
            amount_fen=choice.amount_fen,
            instalments=choice.instalments,
            method=choice.method,
        )
    except Refusal as refusal:
        return None, refusal
    if not found:
        return None, None
    return {**_card(visit, found[0], found[0].cost.cost_fen), "rows": found[0].payments}, None


def _card(visit: Visit, one: Offered, most_fen: int) -> dict[str, Any]:
    rows = one.payments
    interest_fen = one.schedule.interest_fen
    return {
        "id": one.offer.offer_id.hex,
        "lender": visit.words.pick(one.lender_name_zh, one.lender_name_en),
        "licence": one.licence.value,
        "simple_ppm": one.cost.annual.simple_ppm,
        "effective_ppm": one.cost.annual.effective_ppm,
        "cost_fen": one.cost.cost_fen,
        "interest_fen": interest_fen,
        "fees": [
            (item.code, collector_of(visit, item.collector), item.amount_fen)
            for item in one.cost.items
            if item.code != "interest"
        ],
        "interest_permille": share(interest_fen, most_fen),
        "cost_permille": share(one.cost.cost_fen, most_fen),
        "first_fen": rows[0].payment_fen,
        "last_fen": rows[-1].payment_fen,
        "total_fen": one.cost.principal_fen + one.cost.cost_fen,
        "even": one.offer.terms.method.value == "equal_instalment",
        "prohibited": one.product.prohibited_uses,
        "by_stages": bool(one.product.stages),
    }
