"""On the page of a revolving account: let its bills be deducted, the least payment or the whole, or no more."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.consents import ask_address
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import FieldMissing, Form
from mingqu.borrower.spend import account_page
from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend import DeductedPart
from mingqu.services.repayment.choose_deduction import AgreementMissing, choose_deduction, stop_deduction

_PARTS: Final = {part.value: part for part in DeductedPart}
_OFF: Final = "off"


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handler of the choice."""
    return [door.step("/spend/{account_id:str}/deduction", choose)]


def choose(visit: Visit, form: Form) -> Response[Any]:
    """Choose what is deducted; the card or wallet and the consent that it takes are asked for first, each alone."""
    account_id, wish = visit.identifier("account_id"), form.optional("part")
    here = f"/spend/{account_id.hex}"
    try:
        if wish == _OFF:
            stop_deduction(visit.house, person_id=visit.person_id, account_id=account_id)
        elif (part := _PARTS.get(wish)) is not None:
            choose_deduction(visit.house, person_id=visit.person_id, account_id=account_id, part=part, key=form.key)
        else:
            raise FieldMissing("Choose one of the ways.", field="part")
    except ConsentMissing:
        return visit.go(ask_address(purpose=ConsentPurpose.BILL_REPAYMENT, there=here))
    except AgreementMissing:
        return visit.go(f"/agreement?next={quote(here, safe='')}")
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return account_page(visit, refusal=refusal)
    return visit.go(here)
