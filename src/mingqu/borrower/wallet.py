"""Automatic repayment from a wallet: sent to its page, and what became of it when the person is back."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.consents import ask_address
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.form import Form, own_path
from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.domain.refusal import Refusal
from mingqu.services.agree_at_wallet import ask_newest, begin_at_wallet, wallet_of
from mingqu.services.house import House
from mingqu.services.repay import ChannelUnavailable

PATH: Final = "/wallet-agreement"


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of the two steps."""
    return [door.page(PATH, come_back, acts=True), door.step(PATH, begin)]


def offered(house: House) -> str | None:
    """Return the channel of the wallet that is offered, or None when there is none."""
    return next(iter(house.wallets), None)


def deducting(visit: Visit, *, from_card: bool) -> bool:
    """Return whether what is due is deducted from a wallet; whoever has a card for it has no wallet as well."""
    return not from_card and wallet_of(visit.house, person_id=visit.person_id) is not None


def begin(visit: Visit, form: Form) -> Response[Any]:
    """Make the wallet's page and show the way there; a form cannot lead off this site by itself."""
    there = form.back_to
    back = f"{str(visit.request.base_url).rstrip('/')}{PATH}?next={quote(there, safe='')}"
    try:
        begun = begin_at_wallet(
            visit.house, person_id=visit.person_id, channel=offered(visit.house) or "", back=back, key=form.key
        )
    except ConsentMissing:
        here = f"/agreement?next={quote(there, safe='')}"
        return visit.go(ask_address(purpose=ConsentPurpose.AUTO_REPAYMENT, there=here))
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _page(visit, there=there, state="failed", status=refusal.status, problem=visit.words.refusal(refusal))
    address = begun.page.address
    return _page(visit, there=there, state="begun", sign_at=address if address.startswith("http") else None)


def come_back(visit: Visit) -> Response[Any]:
    """Ask the wallet, and say what it said."""
    there = own_path(visit.query("next"))
    try:
        state = ask_newest(visit.house, person_id=visit.person_id)
    except ChannelUnavailable:
        state = "pending"
    except ConsentMissing:
        state = "ended"
    return visit.go(there) if state == "active" else _page(visit, there=there, state=state)


def _page(
    visit: Visit,
    *,
    there: str,
    state: str,
    status: int = 200,
    sign_at: str | None = None,
    problem: object = None,
) -> Response[str]:
    return visit.show(
        "agreement_wallet.html", status=status, there=there, state=state, sign_at=sign_at, problem=problem
    )
