"""Cash out of one's own credit card: find the bank, read what to think of, agree that it gets the data, and go there.

The bank's own pages do the rest. They are a link and no form of ours, so that nothing is sent there but the browser.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.consents import ask_address, stands
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form
from mingqu.domain.cash_advance import Referral, Repayment, Wish
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.institution import Institution
from mingqu.domain.refusal import Refusal
from mingqu.ports.silence import ChannelSilent
from mingqu.services.people.read_person import cards_of, is_verified
from mingqu.services.referrals.follow_referrals import ReturnUnsigned, ask_bank, come_back
from mingqu.services.referrals.read_cash_advance import (
    bank_of,
    banks_for,
    guidance_of,
    limits_of,
    referral_of,
    referrals_of,
)
from mingqu.services.referrals.refer_cash_advance import ReferralOver, go_to_bank, refer_cash_advance
from mingqu.services.repayment.repay import ChannelUnavailable

_PLACE: Final = "/cash-advance"
MONTHS: Final = (1, 3, 6, 12, 24)  # the bank may know others; these are asked for here
DEBIT: Final = "debit_card"


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of cash out of a card."""
    return [
        door.page(_PLACE, show_banks),
        door.page("/cash-advance/back", take_back, acts=True),
        door.page("/cash-advance/banks/{bank:str}", show_wish),
        door.step("/cash-advance/banks/{bank:str}", ask),
        door.page("/cash-advance/referrals/{referral_id:str}", show_referral, acts=True),
    ]


def show_banks(visit: Visit) -> Response[Any]:
    """Show the directory of banks, found by name, and the referrals so far."""
    search = visit.query("search")[:100]
    words = visit.words
    return visit.show(
        "cash_advance.html",
        search=search,
        banks=[
            {
                "code": one.code,
                "name": words.pick(one.name_zh, one.name_en),
                "status": one.status,
                "closed": one.closed,
            }
            for one in banks_for(visit.house, person_id=visit.person_id, search=search)
        ],
        referrals=[_row(visit, one) for one in referrals_of(visit.house, person_id=visit.person_id)],
    )


def show_wish(visit: Visit) -> Response[Any]:
    """Ask for the wish, under what is to be thought of; first who one is, and that this bank gets the data."""
    bank = bank_of(visit.house, bank=str(visit.request.path_params["bank"]))
    here = f"/cash-advance/banks/{bank.code}"
    if not is_verified(visit.house, person_id=visit.person_id):
        return visit.go("/identity")
    if not stands(visit, purpose=ConsentPurpose.REFER_TO_BANK, recipient=bank.name_zh):
        return visit.go(ask_address(purpose=ConsentPurpose.REFER_TO_BANK, there=here, lender=bank.code))
    return _wish_page(visit, bank, form=None)


def ask(visit: Visit, form: Form) -> Response[Any]:
    """Refer the person, and show the way to the bank."""
    bank = bank_of(visit.house, bank=str(visit.request.path_params["bank"]))
    try:
        months = form.number("months")
        left = refer_cash_advance(
            visit.house,
            person_id=visit.person_id,
            bank=bank.code,
            instrument_id=form.identifier("card"),
            wish=Wish(
                amount_fen=form.fen("amount"),
                repayment=Repayment.SINGLE if months == 1 else Repayment.INSTALMENTS,
                months=months,
            ),
            guidance_hash=form.optional("guidance") if form.agreed("read") else "",
            key=form.key,
        )
    except ChannelUnavailable as refusal:
        return _wish_page(visit, bank, form=form, refusal=refusal, key=form.key)  # the same again is the same referral
    except Refusal as refusal:
        return _wish_page(visit, bank, form=form, refusal=refusal)
    return visit.go(f"/cash-advance/referrals/{left.referral.referral_id.hex}")


def show_referral(visit: Visit) -> Response[Any]:
    """Show how far a referral has come, asking the bank, and the way there while it is open."""
    referral_id = visit.identifier("referral_id")
    known = referral_of(visit.house, person_id=visit.person_id, referral_id=referral_id)
    address, silent = None, False
    if not known.is_final:
        try:
            known = ask_bank(visit.house, referral_id=referral_id)
            if not known.is_final:
                address = go_to_bank(visit.house, person_id=visit.person_id, referral_id=referral_id)
        except ReferralOver:
            address = None
        except (ChannelUnavailable, ChannelSilent):
            silent = True
    return visit.show("cash_advance_referral.html", one=_row(visit, known), way=address, silent=silent)


def take_back(visit: Visit) -> Response[Any]:
    """Hear what the bank sent the browser back with, and show the referral."""
    try:
        known = come_back(visit.house, person_id=visit.person_id, result=visit.query("result"))
    except ReturnUnsigned as refusal:
        return visit.door.refused(visit.request, refusal, visit=visit)
    return visit.go(f"/cash-advance/referrals/{known.referral_id.hex}")


def _row(visit: Visit, one: Referral) -> dict[str, object]:
    bank = bank_of(visit.house, bank=one.bank)
    return {
        "id": one.referral_id.hex,
        "bank": visit.words.pick(bank.name_zh, bank.name_en),
        "code": one.bank,
        "amount_fen": one.wish.amount_fen,
        "months": one.wish.months,
        "state": one.state.value,
        "made_at": one.made_at,
        "heard_at": one.heard_at,
        "paid_fen": one.amount_paid_fen,
        "reason": one.refusal_code,
    }


def _wish_page(
    visit: Visit, bank: Institution, *, form: Form | None, refusal: Refusal | None = None, key: str | None = None
) -> Response[str]:
    guidance, words = guidance_of(visit.house), visit.words
    cards = [
        {"id": one.instrument_id.hex, "bank": words.pick(one.bank_zh, one.bank_en), "tail": one.tail, "wallet": False}
        for one in cards_of(visit.house, person_id=visit.person_id)
        if one.verified and one.kind == DEBIT
    ]
    return visit.show(
        "cash_advance_wish.html",
        status=200 if refusal is None else refusal.status,
        code=bank.code,
        bank=words.pick(bank.name_zh, bank.name_en),
        status_word=bank.status.value,
        title=words.pick(guidance.title_zh, guidance.title_en),
        points=guidance.points_zh if visit.language == "zh" else guidance.points_en,
        guidance=guidance.hash,
        limits=limits_of(visit.house),
        cards=cards,
        chosen=form.optional("card") if form else (cards[0]["id"] if len(cards) == 1 else ""),
        months=MONTHS,
        month=form.optional("months") if form else "",
        amount=form.optional("amount") if form else "",
        key=key or visit.form_key(),
        problem=None if refusal is None else words.refusal(refusal),
    )
