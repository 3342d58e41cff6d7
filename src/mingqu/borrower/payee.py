"""The payee that a contract by stages names: what a person fills in before they sign, and what the stages are."""

from __future__ import annotations

from typing import Any, Final

from mingqu.borrower.door import Visit
from mingqu.borrower.form import Form
from mingqu.domain.milestone import amounts_of
from mingqu.domain.personal import Personal
from mingqu.services.offers.price_offer import Offered
from mingqu.services.orders.entrust_payment import Payee

PURPOSES: Final = ("workshop", "works", "equipment", "installation")
TO_PAYEE: Final = "payee"  # what a form says in its field `to`; without it money goes to a card of one's own
TO_MERCHANT: Final = "merchant"
_FIELDS: Final = ("payee_name", "payee_account", "payee_bank", "payee_purpose")


def payee_of(form: Form) -> Payee | None:
    """Return the payee that a form names, or None where it pays a card. Errors: FieldMissing."""
    if form.optional("to") != TO_PAYEE:
        return None
    return Payee(
        account=Personal("".join(form.text("payee_account").split())),
        name=form.secret("payee_name"),
        bank=form.text("payee_bank"),
        purpose=form.text("payee_purpose"),
    )


def payee_fields(offered: Offered, form: Form | None) -> dict[str, Any] | None:
    """Return what the form of a payee shows, filled in as it was sent; None where money goes to a card."""
    if not offered.product.stages:
        return None
    filled = {name: "" if form is None else form.optional(name) for name in _FIELDS}
    return {"filled": filled, "purposes": PURPOSES}


def stages_of_offer(visit: Visit, offered: Offered) -> list[tuple[str, int, tuple[str, ...]]]:
    """Return the stages of an offer: name, amount in fen, papers that it is due; none where it is paid out at once."""
    stages = offered.product.stages
    amounts = amounts_of(stages=stages, principal_fen=offered.offer.terms.principal_fen) if stages else ()
    return [
        (visit.words.pick(one.name_zh, one.name_en), fen, one.papers) for one, fen in zip(stages, amounts, strict=True)
    ]
