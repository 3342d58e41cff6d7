"""Lenders that decide by themselves on the page of offers: who is still asked, who answered what, and what can be done.

The address of the page says what was wished for, so that it can be looked at again. A lender that is shown with its
offer is not named twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from mingqu.borrower.consents import ask_address, stands
from mingqu.borrower.door import Visit
from mingqu.domain.checkout import CheckoutState
from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.domain.identifier import parse
from mingqu.domain.lender_answer import OPEN, LenderQuestion, QuestionState
from mingqu.domain.money import format_fen, parse_yuan
from mingqu.services.checkout.take_checkout import order_view_of
from mingqu.services.lenders.ask_lenders import Asked
from mingqu.services.lenders.read_lender_answers import answers_of, answers_shown
from mingqu.services.offers.price_offer import Offered

LENDERS_SHOWN_MAX: Final = 20  # an address that names more is not ours
# What a lender may be asked again for, or its offer be looked at, by one more press.
_AGAIN: Final = ("answered", "ran_out", "expired", "agreed")
# What the page waits for.
_WAITS: Final = ("asked", "parked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What lenders were asked for; `unasked` are the codes of those that lacked the person's consent."""

    amount_fen: int
    instalments: int
    method: str
    checkout_id: UUID | None = None
    unasked: tuple[str, ...] = ()

    @property
    def tail(self) -> str:
        """The part of the address that says it."""
        named = [("amount", format_fen(self.amount_fen).replace(",", "")), ("n", self.instalments), ("m", self.method)]
        if self.checkout_id is not None:
            named.append(("for", self.checkout_id.hex))
        return urlencode([*named, *(("c", code) for code in self.unasked)])


def wish_of(visit: Visit) -> Wish | None:
    """Return what the address says was wished for, or None. Errors: AmountMalformed, MalformedIdentifier."""
    amount, count = visit.query("amount"), visit.query("n")
    if not (amount and count.isascii() and count.isdigit()):
        return None
    order = visit.query("for")
    return Wish(
        amount_fen=parse_yuan(amount).fen,
        instalments=int(count[:6]),
        method=visit.query("m"),
        checkout_id=parse(order) if order else None,
        unasked=tuple(visit.request.query_params.getall("c", [])[:LENDERS_SHOWN_MAX]),
    )


def wish_put(
    asked: Asked, *, amount_fen: int, instalments: int, method: str, checkout_id: UUID | None = None
) -> Wish | None:
    """Return the wish that was put to lenders, or None where none of them was asked or lacks only a consent."""
    unasked = tuple(one.lender for one in asked.left_out if one.code == ConsentMissing.code)
    if not asked.questions and not unasked:
        return None
    return Wish(amount_fen=amount_fen, instalments=instalments, method=method, checkout_id=checkout_id, unasked=unasked)


def address(ids: Sequence[UUID], wish: Wish | None) -> str:
    """Return the address of the page that shows offers, and how lenders stand to a wish."""
    named = "&".join(f"o={one.hex}" for one in ids)
    return "/offers?" + "&".join(part for part in (named, "" if wish is None else wish.tail) if part)


def asked_values(visit: Visit, *, wish: Wish, ids: Sequence[UUID], live: Sequence[Offered]) -> dict[str, Any]:
    """Return what the page says of lenders beside their offers. Errors: NotFound for somebody else's order."""
    here = address(ids, wish)
    shown = answers_shown(visit.house, person_id=visit.person_id, offer_ids=[one.offer.offer_id for one in live])
    lenders = [
        _lender(visit, one.lender, _standing(visit, one), reasons=one)
        for one in _questions(visit, wish)
        if one.question_id not in shown
    ]
    lenders += [_unasked(visit, code, here) for code in wish.unasked if code in visit.house.lenders]
    is_over = False
    if wish.checkout_id is not None:
        order = order_view_of(visit.house, person_id=visit.person_id, checkout_id=wish.checkout_id)
        is_over = order.state is not CheckoutState.TAKEN
    if is_over:
        lenders = [one if one["state"] == "refused" else {**one, "state": "closed"} for one in lenders]
    return {
        "lenders": lenders,
        "waits": any(one["state"] in _WAITS for one in lenders),
        "again": any(one["state"] in _AGAIN for one in lenders),
        "here": here,
        "order": None if wish.checkout_id is None else wish.checkout_id.hex,
        "over": is_over,
        "amount": format_fen(wish.amount_fen).replace(",", ""),
        "instalments": wish.instalments,
        "method": wish.method,
        "key": visit.form_key(),
    }


def _questions(visit: Visit, wish: Wish) -> list[LenderQuestion]:
    """Return the latest question to each line for a wish."""
    found: dict[UUID, LenderQuestion] = {}
    for one in answers_of(visit.house, person_id=visit.person_id):  # the latest first
        asked = (one.amount_fen, one.instalments, one.method, one.checkout_id)
        if asked == (wish.amount_fen, wish.instalments, wish.method, wish.checkout_id):
            found.setdefault(one.facility_id, one)
    return list(found.values())


def _standing(visit: Visit, one: LenderQuestion) -> str:
    """Return in one word how a question stands for whoever asked it."""
    now = visit.house.clock.now()
    if one.state in OPEN:
        if now >= one.open_until:
            return "expired"
        return "parked" if one.state is QuestionState.PARKED else "asked"
    if one.state is QuestionState.OFFERED:
        return "answered" if one.stands(at=now) else "ran_out"
    return one.state.value


def _lender(visit: Visit, code: str, state: str, *, reasons: LenderQuestion | None = None) -> dict[str, Any]:
    lender = next(one for one in visit.house.pack.lenders if one.code == code)
    pick = visit.words.pick
    said = () if reasons is None else reasons.reasons
    return {
        "name": pick(lender.name_zh, lender.name_en),
        "state": state,
        "reasons": [(pick(one.text_zh, one.text_en), pick(one.remedy_zh, one.remedy_en)) for one in said],
        "agree": "",
    }


def _unasked(visit: Visit, code: str, here: str) -> dict[str, Any]:
    """Return a lender that was not asked for want of a consent, which may be there by now."""
    lender = next(one for one in visit.house.pack.lenders if one.code == code)
    purpose = ConsentPurpose.PASS_TO_LENDER
    if stands(visit, purpose=purpose, recipient=lender.name_zh):
        return _lender(visit, code, "agreed")
    return {**_lender(visit, code, "unasked"), "agree": ask_address(purpose=purpose, there=here, lender=code)}
