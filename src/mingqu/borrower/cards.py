"""Cards with a purpose on the phone: what they may be used for, what is left, papers, answers, and wallets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.refusal import Refusal
from mingqu.services.purpose.bind_card import BindingView, ask_for_binding, bindings_of, wallets_of
from mingqu.services.purpose.open_card import bring_evidence
from mingqu.services.purpose.read_card import CardView, WordView, card_view, card_views

# Codes of answers that the pages have words for; a contract may name others, which are shown as they are.
REASONS = frozenset(
    {"above_clause", "above_per_day", "above_per_spend", "above_total", "amount_not_positive", "authorisation_unknown"}
    | {"capture_above_hold", "captured_already", "card_frozen", "cash_like_merchant", "currency_differs"}
    | {"evidence_overdue", "hold_ended", "hold_lapsed", "nothing_captured", "outside_hours_or_place", "outside_term"}
    | {"payee_not_in_contract", "refund_above_captured", "refund_elsewhere", "reversed_already", "stage_not_released"}
)
REMEDIES = frozenset(
    {"ask_for_entrusted_payment", "ask_for_new_contract", "ask_to_unfreeze", "authorise_again", "bring_insurance"}
    | {"bring_invoice", "bring_registration", "pay_a_listed_dealer", "pay_between_8_and_22_in_china", "pay_the_dealer"}
    | {"pay_less", "pay_the_rest_yourself", "refund_to_the_card", "wait_for_next_day"}
)
KINDS = ("authorise", "advise", "capture", "release", "reverse", "refund")
FROZEN = frozenset(
    {"split_amounts", "cash_like", "refund_elsewhere", "paid_without_asking", "evidence_overdue", "payout_came_back"}
    | {"mixed_money", "unspent_at_end"}
)
USES = ("repay", "spend")
INSURANCE = "6300"  # ISO 18245; a car's insurer stands on no list of payees: no loan is sent to it


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of cards with a purpose."""
    return [
        door.page("/cards", show_all),
        door.page("/cards/{card_id:str}", show),
        door.step("/cards/{card_id:str}/papers", bring),
        door.page("/cards/{card_id:str}/wallets", show_wallets),
        door.step("/cards/{card_id:str}/wallets", ask),
    ]


def show_all(visit: Visit) -> Response[Any]:
    """Show the person's cards."""
    found = card_views(visit.house, person_id=visit.person_id)
    return visit.show("cards.html", cards=[_card(visit, one) for one in found])


def show(visit: Visit) -> Response[Any]:
    """Show a card. Errors: NotFound."""
    return _page(visit)


def bring(visit: Visit, form: Form) -> Response[Any]:
    """Take the number of a paper."""
    card_id = visit.identifier("card_id")
    try:
        bring_evidence(
            visit.house,
            person_id=visit.person_id,
            card_id=card_id,
            kind=form.text("kind"),
            number=form.secret("number"),
            key=form.key,
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _page(visit, refusal=refusal)
    return visit.go(f"/cards/{card_id.hex}")


def show_wallets(visit: Visit) -> Response[Any]:
    """Show which wallets may be asked for, and what was answered, with reasons and what helps. Errors: NotFound."""
    return _wallets(visit)


def ask(visit: Visit, form: Form) -> Response[Any]:
    """Ask whether the card may be used in a wallet."""
    card_id = visit.identifier("card_id")
    try:
        ask_for_binding(
            visit.house,
            person_id=visit.person_id,
            card_id=card_id,
            wallet=form.text("wallet"),
            use=form.text("use"),
            key=form.key,
        )
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _wallets(visit, refusal=refusal)
    return visit.go(f"/cards/{card_id.hex}/wallets")


def _page(visit: Visit, *, refusal: Refusal | None = None) -> Response[Any]:
    view = card_view(visit.house, person_id=visit.person_id, card_id=visit.identifier("card_id"))
    return visit.show(
        "card.html",
        status=200 if refusal is None else refusal.status,
        card=_card(visit, view),
        stages=view.stages,
        papers=view.papers,
        owed=[one.kind for one in view.papers if not one.brought],
        words=[_word(visit, view, one) for one in view.words],
        key=visit.form_key(),
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _wallets(visit: Visit, *, refusal: Refusal | None = None) -> Response[Any]:
    card_id = visit.identifier("card_id")
    made = bindings_of(visit.house, person_id=visit.person_id, card_id=card_id)
    known = {code: visit.words.pick(one.name_zh, one.name_en) for code, one in wallets_of(visit.house).items()}
    return visit.show(
        "card_wallets.html",
        status=200 if refusal is None else refusal.status,
        card_id=card_id.hex,
        wallets=known,
        uses=USES,
        bindings=[_binding(visit, one, known) for one in made],
        key=visit.form_key(),
        problem=None if refusal is None else visit.words.refusal(refusal),
    )


def _card(visit: Visit, view: CardView) -> dict[str, Any]:
    contract = view.contract
    loan_id: UUID | None = view.loan_id
    return {
        "id": view.card_id.hex,
        "loan_id": None if loan_id is None else loan_id.hex,
        "name": visit.words.pick(contract.name_zh, contract.name_en),
        "way": view.way,
        "limit_fen": view.limit_fen,
        "used_fen": view.used_fen,
        "held_fen": view.held_fen,
        "left_fen": view.left_fen,
        "today_fen": view.left_today_fen,
        "per_spend_fen": contract.per_spend_fen,
        "per_day_fen": contract.per_day_fen,
        "payees": [(_named(visit, view, one), one) for one in sorted(contract.payees)],
        "hash": contract.hash,
        "frozen": view.frozen_for is not None,
        "frozen_for": view.frozen_for if view.frozen_for in FROZEN else "",
    }


def _named(visit: Visit, view: CardView, merchant: str) -> str:
    """Return the name of a company, else that it is an insurer by the clause that names it alone, else its code."""
    if merchant in view.companies:
        return view.companies[merchant]
    sells = {
        kind for one in view.contract.clauses if one.merchants == frozenset({merchant}) for kind in one.categories or ()
    }
    return visit.words.say("bound.insurer") if sells == {INSURANCE} else merchant


def _word(visit: Visit, view: CardView, one: WordView) -> dict[str, Any]:
    return {
        "kind": one.kind if one.kind in KINDS else "authorise",
        "at": one.at,
        "fen": one.amount_fen,
        "merchant": _named(visit, view, one.merchant),
        "yes": one.outcome not in ("declined", "refused"),
        "reason": one.reason if one.reason in REASONS else "",
        "code": one.reason,
        "remedy": one.remedy if one.remedy in REMEDIES else "",
        "from_on": one.from_on,
    }


def _binding(visit: Visit, one: BindingView, known: dict[str, str]) -> dict[str, Any]:
    return {
        "wallet": known.get(one.wallet, one.wallet),
        "use": one.use,
        "outcome": one.outcome,
        "at": one.decided_at,
        "reasons": [
            {
                "text": visit.words.pick(reason.text_zh, reason.text_en),
                "remedy": visit.words.pick(reason.remedy_zh, reason.remedy_en),
            }
            for reason in one.reasons
        ],
    }
