"""The cost table that must be read, the contract that is signed after it, and the agreement to deductions beside it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.cars import TO_QUOTED, bound_values
from mingqu.borrower.checkout import order_values
from mingqu.borrower.consents import ask_address, recipient_of, stands
from mingqu.borrower.cost_table import table_values
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import FieldMissing, Form, own_path
from mingqu.borrower.offers import renewed
from mingqu.borrower.payee import TO_MERCHANT, TO_PAYEE, payee_fields, payee_of, stages_of_offer
from mingqu.borrower.wallet import deductible, may_bind_wallet, offered, payable
from mingqu.domain.business import KIND as BUSINESS_KIND
from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.domain.decision.auto_loan import KIND as CAR_KIND
from mingqu.domain.identifier import parse
from mingqu.domain.moment import start_of
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.checkout.take_checkout import order_of_offer
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import sign_contract
from mingqu.services.customers.read_papers import offer_view
from mingqu.services.lenders.sign_with_lender import PriceChanged
from mingqu.services.offers.disclose_cost import CostTableNotRead, OfferStale, confirm_cost_table, show_cost_table
from mingqu.services.offers.price_offer import Offered, delay_terms
from mingqu.services.offers.read_cost_table import confirmed_cost_table, loan_of_offer, shown_cost_table
from mingqu.services.people.read_person import cards_of, names_of
from mingqu.services.people.state_business import business_view
from mingqu.services.privacy.withdraw_erasure import wish_until
from mingqu.services.purpose.read_car import car_view
from mingqu.services.repayment.repay import confirm_agreement, request_agreement

TO_OTHERS: Final = (TO_PAYEE, TO_QUOTED, TO_MERCHANT)  # whose money goes to no card
PAYOUT_DAYS: Final = 6  # days ahead on which the money may be asked for, beside "at once"
_PAYOUT_AT: Final = timedelta(hours=10)


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers from the cost table to the signature."""
    return [
        door.page("/cost-tables/{disclosure_id:str}", show_table),
        door.step("/cost-tables/{disclosure_id:str}", confirm),
        door.page("/offers/{offer_id:str}/contract", show_contract),
        door.step("/offers/{offer_id:str}/contract", sign),
        door.step("/offers/{offer_id:str}/contract/code", send_code),
        door.page("/offers/{offer_id:str}/contract/code", back_to_contract),
        door.page("/agreement", show_agreement),
        door.step("/agreement", begin_agreement),
        door.page("/agreement/{agreement_id:str}", show_agreement_code),
        door.step("/agreement/{agreement_id:str}", end_agreement),
    ]


def show_table(visit: Visit) -> Response[Any]:
    """Show the cost table as it was stored, over what it belongs to."""
    return _table_page(visit)


def confirm(visit: Visit, _: Form) -> Response[Any]:
    """Record that it was read; the time is measured on this side, whatever the page did."""
    disclosure_id = visit.identifier("disclosure_id")
    shown = shown_cost_table(visit.house, person_id=visit.person_id, disclosure_id=disclosure_id)
    try:
        confirm_cost_table(visit.house, person_id=visit.person_id, disclosure_id=disclosure_id)
    except CostTableNotRead as refusal:
        return _table_page(visit, refusal=refusal)
    except OfferStale:
        return renewed(visit, shown.offer_id)
    return visit.go(f"/offers/{shown.offer_id.hex}/contract")


def show_contract(visit: Visit) -> Response[Any]:
    """Show the contract's points, what belongs to it, and what is still to be agreed to."""
    return _contract_page(visit)


def send_code(visit: Visit, form: Form) -> Response[Any]:
    """Send the code that signs this offer, and show the page again as it was filled in."""
    offer_id = visit.identifier("offer_id")
    try:
        send_signing_code(visit.house, person_id=visit.person_id, offer_id=offer_id)
    except (OfferStale, CostTableNotRead):
        return renewed(visit, offer_id)
    except PriceChanged as changed:
        return _at_new_price(visit, changed)
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _contract_page(visit, form=form, refusal=refusal)
    return _contract_page(visit, form=form, code_sent=True)


def _at_new_price(visit: Visit, changed: PriceChanged) -> Response[Any]:
    """Show the cost table of the offer at the lender's new price: what was read before signs nothing."""
    new_id = parse(str(changed.details["offer_id"]))
    table = show_cost_table(visit.house, person_id=visit.person_id, offer_id=new_id)
    return visit.go(f"/cost-tables/{table.disclosure_id.hex}?renewed=1")


def back_to_contract(visit: Visit) -> Response[Any]:
    """Lead back to the contract whoever comes here without a form: by another language, or signed in anew."""
    return visit.go(f"/offers/{visit.identifier('offer_id').hex}/contract")


def sign(visit: Visit, form: Form) -> Response[Any]:
    """Sign. A form sent twice signs once; what changed meanwhile is shown instead of signed."""
    offer_id = visit.identifier("offer_id")
    if not form.agreed("agree"):
        return _contract_page(visit, form=form, refusal=FieldMissing("Tick the box.", field="agree"))
    payout = form.optional("payout")
    try:
        signed = sign_contract(
            visit.house,
            person_id=visit.person_id,
            offer_id=offer_id,
            instrument_id=None if form.optional("to") in TO_OTHERS else form.identifier("card"),
            payee=payee_of(form),
            agreed_hash=form.optional("use") or None,
            payout_at=_payout_at(visit, payout) if payout else None,
            code=form.digits("code"),
            key=form.key,
        )
    except (OfferStale, CostTableNotRead):
        return renewed(visit, offer_id)
    except ConsentMissing:
        return visit.go(f"/offers/{offer_id.hex}/contract")
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _contract_page(visit, form=form, refusal=refusal)
    bought = order_of_offer(visit.house, person_id=visit.person_id, offer_id=offer_id)
    if bought is not None:  # what becomes of the order, and the way back to its merchant
        return visit.go(f"/checkout/{bought.checkout_id.hex}")
    return visit.go(f"/loans/{signed.loan_id.hex}/payout")


def show_agreement(visit: Visit) -> Response[Any]:
    """Offer an agreement to deductions, once the person agreed to its text."""
    there = own_path(visit.query("next"))
    operator = recipient_of(visit.house, purpose=ConsentPurpose.AUTO_REPAYMENT)
    if not stands(visit, purpose=ConsentPurpose.AUTO_REPAYMENT, recipient=operator):
        here = f"/agreement?next={quote(there, safe='')}"
        return visit.go(ask_address(purpose=ConsentPurpose.AUTO_REPAYMENT, there=here))
    cards = deductible(visit, cards_of(visit.house, person_id=visit.person_id))
    if not cards:
        return visit.go("/identity")
    return visit.show("agreement.html", there=there, cards=cards, wallets=offered(visit), key=visit.form_key())


def begin_agreement(visit: Visit, form: Form) -> Response[Any]:
    """Let the bank send its code."""
    agreement_id = request_agreement(
        visit.house, person_id=visit.person_id, instrument_id=form.identifier("card"), key=form.key
    )
    return visit.go(f"/agreement/{agreement_id.hex}?next={quote(form.back_to, safe='')}")


def show_agreement_code(visit: Visit) -> Response[Any]:
    """Ask for the bank's code."""
    return visit.show(
        "agreement_code.html",
        there=own_path(visit.query("next")),
        id=visit.identifier("agreement_id").hex,
        problem=None,
    )


def end_agreement(visit: Visit, form: Form) -> Response[Any]:
    """Give the bank its code back; from then on due amounts are deducted."""
    agreement_id = visit.identifier("agreement_id")
    try:
        code = Personal(form.digits("code").reveal())
        confirm_agreement(visit.house, person_id=visit.person_id, agreement_id=agreement_id, code=code)
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return visit.show(
            "agreement_code.html",
            status=refusal.status,
            there=form.back_to,
            id=agreement_id.hex,
            problem=visit.words.refusal(refusal),
        )
    return visit.go(form.back_to)


def _table_page(visit: Visit, *, refusal: Refusal | None = None) -> Response[str]:
    disclosure_id = visit.identifier("disclosure_id")
    shown = shown_cost_table(visit.house, person_id=visit.person_id, disclosure_id=disclosure_id)
    return visit.show(
        "cost_table.html",
        status=200 if refusal is None else refusal.status,
        id=disclosure_id.hex,
        offer_id=shown.offer_id.hex,
        table=table_values(visit, shown),
        reading_seconds=int(visit.house.settings.cost_table_reading.total_seconds()),
        wait_seconds=0 if shown.confirmed_at else shown.wait_seconds,
        confirmed=shown.confirmed_at is not None,
        renewed=visit.query("renewed") == "1",
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _contract_page(
    visit: Visit, *, form: Form | None = None, refusal: Refusal | None = None, code_sent: bool = False
) -> Response[Any]:
    offer_id = visit.identifier("offer_id")
    loan_id = loan_of_offer(visit.house, person_id=visit.person_id, offer_id=offer_id)
    if loan_id is not None:
        return visit.go(f"/loans/{loan_id.hex}/payout")
    try:
        offered = offer_view(visit.house, person_id=visit.person_id, offer_id=offer_id)
    except OfferStale:
        return visit.show("offer_stale.html", status=409, offer_id=offer_id.hex)
    read = confirmed_cost_table(visit.house, person_id=visit.person_id, offer_id=offer_id)
    if read is None:
        return visit.show("cost_table_unread.html", offer_id=offer_id.hex)
    lender = visit.house.pack.lender(lender_id=offered.product.lender_id)
    if not stands(visit, purpose=ConsentPurpose.PASS_TO_LENDER, recipient=lender.name_zh):
        here = f"/offers/{offer_id.hex}/contract"
        return visit.go(ask_address(purpose=ConsentPurpose.PASS_TO_LENDER, there=here, lender=lender.code))
    held = cards_of(visit.house, person_id=visit.person_id)
    cards = payable(visit, held)
    if not cards:
        return visit.go("/identity")
    bought = order_of_offer(visit.house, person_id=visit.person_id, offer_id=offer_id)
    signer = names_of(visit.house, person_id=visit.person_id)
    is_bound = offered.product.kind == CAR_KIND
    car = car_view(visit.house, person_id=visit.person_id, offer_id=offer_id) if is_bound else None
    return visit.show(
        "contract.html",
        status=200 if refusal is None else refusal.status,
        offer_id=offer_id.hex,
        points=_points(visit, offered),
        table={"id": read.disclosure_id.hex, "at": read.confirmed_at, "hash": read.body_hash.hex()},
        dwell_seconds=0 if read.confirmed_at is None else int((read.confirmed_at - read.shown_at).total_seconds()),
        signer=signer.name,
        phone=signer.phone,
        code_sent=code_sent,
        agreed=form is not None and form.agreed("agree"),
        bound=None if car is None else bound_values(visit, car),
        agreed_use=form is not None and bool(form.optional("use")),
        stages=stages_of_offer(visit, offered),
        payee=payee_fields(offered, form),
        order=None if bought is None else order_values(visit, bought),
        cards=cards,
        bind_wallet=may_bind_wallet(visit, held),
        chosen=form.optional("card") if form else (cards[0]["id"] if len(cards) == 1 else ""),
        deducting=next((one for one in cards if one["deducts"]), None),
        days=[visit.house.clock.business_date() + timedelta(days=ahead) for ahead in range(1, PAYOUT_DAYS + 1)],
        payout=form.optional("payout") if form else "",
        wish=wish_until(visit.house, person_id=visit.person_id),
        key=form.key if form else visit.form_key(),
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _points(visit: Visit, offered: Offered) -> dict[str, Any]:
    terms, rows = offered.offer.terms, offered.payments
    lends_business = offered.product.kind == BUSINESS_KIND
    known = business_view(visit.house, person_id=visit.person_id) if lends_business else None
    order: list[str] = []
    for step in terms.allocation:
        if step[1].value not in order:
            order.append(step[1].value)
    return {
        "lender": visit.words.pick(offered.lender_name_zh, offered.lender_name_en),
        "licence": visit.house.pack.lender(lender_id=offered.product.lender_id).licence.value,
        "principal_fen": terms.principal_fen,
        "simple_ppm": offered.cost.annual.simple_ppm,
        "effective_ppm": offered.cost.annual.effective_ppm,
        "instalments": terms.instalments,
        "method": terms.method.value,
        "first_fen": rows[0].payment_fen,
        "last_fen": rows[-1].payment_fen,
        "first_due": rows[0].due,
        "last_due": rows[-1].due,
        "penalty_ppm": delay_terms(terms=terms, lender=offered.lender_name_zh).yearly_ppm,
        "order": order,
        "prohibited": offered.product.prohibited_uses,
        "use": None if known is None else {"name": known.name, "use": known.use},
    }


def _payout_at(visit: Visit, day: str) -> datetime:
    """Return ten in the morning of one of the days on offer. Errors: FieldMissing."""
    today = visit.house.clock.business_date()
    for ahead in range(1, PAYOUT_DAYS + 1):
        on = today + timedelta(days=ahead)
        if on.isoformat() == day:
            return start_of(on) + _PAYOUT_AT
    raise FieldMissing("Choose one of the days.", field="payout")
