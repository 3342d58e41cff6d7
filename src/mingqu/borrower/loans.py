"""Loans as they stand: what was signed, where the money is, row by row what was paid and what is due."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.cost_table import table_values
from mingqu.borrower.door import Door, Visit, file_of
from mingqu.borrower.form import Form
from mingqu.borrower.wallet import deducting, payable
from mingqu.domain.loan import Stage
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.answer_version import VersionView, versions_view
from mingqu.services.changes.take_payout_back import pay_out_again
from mingqu.services.customers.read_papers import SignedPaper, contract_view, party_of, signed_paper
from mingqu.services.house import ENTRUSTED
from mingqu.services.offers.price_offer import delay_terms
from mingqu.services.offers.read_cost_table import shown_cost_table
from mingqu.services.orders.entrust_payment import payee_view
from mingqu.services.partners.read_buy_back import BoughtBack, bought_back
from mingqu.services.people.read_person import cards_of
from mingqu.services.people.state_business import use_of
from mingqu.services.repayment.preview_repayment import ways_of
from mingqu.services.repayment.read_loans import GIVEN_UP, OVERDUE, PAID, LoanView, OrderView, loan_view, loans_of
from mingqu.services.repayment.repay_together import PARTS_MIN, due_together
from mingqu.web.print_paper import contract_pdf

# A payout that nobody heard the end of is on its way as far as anybody may say.
ARRIVED, FAILED, UNKNOWN, WAITING, SENT = "arrived", "failed", "unknown", "waiting", "sent"
PAYEE: Final = "payee"  # said in place of a card: whom the contract names
RETURNED: Final = "returned"  # it had been paid and came back: the loan waits for another card
CALLED_OFF: Final = "called_off"  # it had come back, and the loan ended unpaid
_STATES: Final = {"RESERVED": WAITING, "SENT": SENT, "UNKNOWN": UNKNOWN, "PAID": ARRIVED, "FAILED": FAILED}


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of what a person sees of their loans."""
    return [
        door.page("/loans", show_all),
        door.page("/loans/{loan_id:str}", show_schedule),
        door.page("/loans/{loan_id:str}/payout", show_payout),
        door.step("/loans/{loan_id:str}/payout", pay_again),
        door.page("/contracts/{contract_id:str}", show_contract),
        door.page("/contracts/{contract_id:str}/pdf", print_contract),
    ]


def show_all(visit: Visit) -> Response[Any]:
    """Show every loan, the newest first."""
    loans = loans_of(visit.house, person_id=visit.person_id)
    several = sum(one.quote is not None and one.quote.due_fen > 0 for one in loans) >= PARTS_MIN
    due = due_together(visit.house, person_id=visit.person_id) if several else ()
    return visit.show(
        "loans.html",
        loans=[loan_values(visit, one) for one in reversed(loans)],
        together={"count": len(due), "fen": sum(one.due_fen for one in due)} if due else None,
    )


def show_schedule(visit: Visit) -> Response[Any]:
    """Show a loan row by row."""
    one = loan_view(visit.house, person_id=visit.person_id, loan_id=visit.identifier("loan_id"), with_payout=False)
    if one.stage is Stage.PLANNED:
        return visit.go(f"/loans/{one.loan_id.hex}/payout")
    tail = _deducts(visit)
    counts = {state: sum(row.state == state for row in one.rows) for state in {row.state for row in one.rows}}
    late = next((row for row in one.rows if row.state == OVERDUE), None)
    ways = ways_of(terms=one.terms, state=one.state, today=one.as_of) if one.quote else None
    bought = bought_back(visit.house, person_id=visit.person_id, loan_id=one.loan_id)
    return visit.show(
        "loan.html",
        bought=None if bought is None else _bought(visit, bought),
        loan=loan_values(visit, one),
        key=visit.form_key(),
        rows=one.rows,
        paid=counts.get(PAID, 0),
        overdue=counts.get(OVERDUE, 0),
        coming=sum(rows for state, rows in counts.items() if state not in (PAID, OVERDUE, GIVEN_UP)),
        late=late,
        only_late=counts.get(OVERDUE, 0) == 1,
        penalty_fen=one.quote.due.penalty_fen if one.quote else 0,
        penalty_today_fen=_running_penalty_fen(one),
        next_day_fen=ways.next_day_fen if ways else 0,
        total_fen=sum(row.principal_fen + row.interest_fen for row in one.rows),
        penalty_year_ppm=delay_terms(terms=one.terms, lender=one.lender_zh).yearly_ppm,
        late_principal_fen=sum(row.principal_fen for row in one.rows if row.state == OVERDUE),
        deducts=tail,
        wallet=deducting(visit, from_card=bool(tail)),
    )


def show_payout(visit: Visit) -> Response[Any]:
    """Show where the money is, and say so when nobody knows."""
    return _payout_page(visit)


def pay_again(visit: Visit, form: Form) -> Response[Any]:
    """Send what came back to another card, or to the payee that the contract names; a form sent twice sends it once."""
    loan_id = visit.identifier("loan_id")
    try:
        pay_out_again(
            visit.house,
            person_id=visit.person_id,
            loan_id=loan_id,
            instrument_id=None if form.text("card") == PAYEE else form.identifier("card"),
            key=form.key,
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _payout_page(visit, refusal=refusal)
    return visit.go(f"/loans/{loan_id.hex}/payout")


def _payout_page(visit: Visit, *, refusal: Refusal | None = None) -> Response[Any]:
    one = loan_view(visit.house, person_id=visit.person_id, loan_id=visit.identifier("loan_id"))
    if one.payout is None:
        raise NotFound
    held, state = cards_of(visit.house, person_id=visit.person_id), payout_state(one.payout, stage=one.stage)
    named = None
    if one.payout.channel == ENTRUSTED:
        named = payee_view(visit.house, person_id=visit.person_id, loan_id=one.loan_id)
    card = next(
        (
            {"bank": visit.words.pick(each.bank_zh, each.bank_en), "tail": each.tail}
            for each in held
            if each.instrument_id == one.payout.instrument_id
        ),
        None,
    )
    return visit.show(
        "payout.html",
        status=200 if refusal is None else refusal.status,
        problem=None if refusal is None else visit.words.refusal(refusal),
        others=payable(visit, held, besides=one.payout.instrument_id) if state == RETURNED and named is None else [],
        payee=named,
        by_stages=one.terms.disbursements_max > 1,
        version=_waiting(visit, one) if state == RETURNED and named is not None else None,
        key=visit.form_key() if state == RETURNED else "",
        loan=loan_values(visit, one),
        state=state,
        open=one.payout.open,
        number=one.payout.order_id.hex,
        amount_fen=one.payout.amount_fen,
        run_at=one.payout.run_at,
        paid_at=one.payout.paid_at,
        signed_at=one.signed_at,
        sent_at=next((step.at for step in one.payout.steps if step.state == "SENT"), None),
        unknown_at=next((step.at for step in one.payout.steps if step.state == "UNKNOWN"), None),
        now=visit.house.clock.now(),
        card=card,
    )


def _waiting(visit: Visit, one: LoanView) -> VersionView | None:
    return versions_view(visit.house, person_id=visit.person_id, loan_id=one.loan_id).waiting


def show_contract(visit: Visit) -> Response[Any]:
    """Show a signed contract with its cost table and fingerprints."""
    signed = signed_paper(visit.house, person_id=visit.person_id, contract_id=visit.identifier("contract_id"))
    table = shown_cost_table(visit.house, person_id=visit.person_id, disclosure_id=signed.disclosure_id)
    return visit.show(
        "signed_contract.html",
        id=signed.paper.paper_id.hex,
        loan_id=signed.loan_id.hex,
        signed_at=signed.signed_at,
        table=table_values(visit, table),
        table_id=table.disclosure_id.hex,
        contract_hash=signed.paper.body_hash.hex(),
        parties=signed.paper.body.get("parties", []),  # a contract of an older version names none
        prohibited=signed.paper.body.get("prohibited_uses", []),
        use=use_of(signed.paper.body),
        versions=_versions(visit, signed),
    )


def _versions(visit: Visit, signed: SignedPaper) -> tuple[VersionView, ...]:
    """Return the versions after what was signed; only what is bound to a purpose has some."""
    if "funds_contract" not in signed.paper.body:
        return ()
    return versions_view(visit.house, person_id=visit.person_id, loan_id=signed.loan_id).versions


def print_contract(visit: Visit) -> Response[Any]:
    """Give a signed contract as PDF."""
    contract_id = visit.identifier("contract_id")
    signed = contract_view(visit.house, person_id=visit.person_id, contract_id=contract_id)
    party = party_of(visit.house, person_id=visit.person_id)
    visit.moment.close()  # printing takes a while, and needs nothing more of the book
    printed = contract_pdf(signed, party=party)
    return file_of(printed, name=f"contract-{contract_id.hex[:8]}.pdf", kind="application/pdf")


def payout_state(payout: OrderView, *, stage: Stage) -> str:
    """Return what may be said of a payout: silence is unknown, never failed.

    A loan that is still to be paid out after its payout ended had one that came back; so had one that was called off.
    """
    if stage is Stage.CANCELLED and payout.state == "PAID":
        return CALLED_OFF
    return RETURNED if stage is Stage.PLANNED and not payout.open else _STATES[payout.state]


def loan_values(visit: Visit, one: LoanView) -> dict[str, Any]:
    """Return what pages show of a loan."""
    return {
        "id": one.loan_id.hex,
        "contract_id": one.contract_id.hex,
        "lender": visit.words.pick(one.lender_zh, one.lender_en),
        "product": visit.words.pick(one.product_zh, one.product_en),
        "stage": one.stage.value,
        "principal_fen": one.principal_fen,
        "outstanding_fen": one.outstanding_fen,
        "overdue_days": one.overdue_days,
        "due_fen": one.quote.in_order_fen if one.quote else 0,
        "payoff_fen": one.quote.free_fen if one.quote else 0,
        "next_due": one.next_due,
        "next_due_fen": one.next_due_fen,
        "next_days": (one.next_due - one.as_of).days if one.next_due else 0,
        "as_of": one.as_of,
        "settled_on": one.settled_on,
        "instalments": len(one.rows) or one.terms.instalments,
        "paid": sum(row.state == PAID for row in one.rows),
        "payout": payout_state(one.payout, stage=one.stage) if one.payout else "",
        "payout_open": one.payout is not None and one.payout.open,
        "owing": one.quote is not None,
        "claim_fen": one.state.guarantor_claim_fen if one.stage is Stage.SETTLED else 0,
        "bills_claim_fen": one.quote.guarantor_fen if one.quote else 0,
        "by_stages": one.terms.disbursements_max > 1,
    }


def _bought(visit: Visit, one: BoughtBack) -> dict[str, Any]:
    """Return whose a part of a loan was, whose it is, and since when."""
    pick = visit.words.pick
    return {
        "seller": pick(one.seller.name_zh, one.seller.name_en),
        "buyer": pick(one.buyer.name_zh, one.buyer.name_en),
        "on": one.known.bought_on,
    }


def _running_penalty_fen(one: LoanView) -> int:
    """Return the penalty to the day that no row shows yet."""
    if one.quote is None:
        return 0
    return one.quote.due.penalty_fen - sum(row.penalty_fen for row in one.rows if row.state == OVERDUE)


def _deducts(visit: Visit) -> str:
    cards = cards_of(visit.house, person_id=visit.person_id)
    return next((card.tail for card in cards if card.agreement_id is not None), "")
