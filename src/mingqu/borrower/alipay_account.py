"""Alipay on the pages: come in with it, and bind one's own account there for money that is drawn."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mingqu.borrower.device import origin
from mingqu.borrower.door import Door, Visit
from mingqu.borrower.sign_in import let_in
from mingqu.borrower.super_app import came_back, send_away, spent
from mingqu.domain.personal import Personal
from mingqu.services.people.bind_wallet import bind_alipay_account
from mingqu.services.people.read_person import is_verified
from mingqu.services.people.sign_in import note_sign_in
from mingqu.services.people.sign_in_with_alipay import sign_in_with_alipay

_SIGN_IN: Final = "/sign-in"
_WALLET: Final = "/wallet"


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """Return the handlers of Alipay's login and account, where the house has an application there."""
    if door.alipay is None:
        return []
    return [
        door.page("/sign-in/alipay", to_sign_in, is_open=True),
        door.page("/sign-in/alipay/back", sign_in, is_open=True, acts=True),
        door.page("/wallet/alipay", to_bind),
        door.page("/wallet/alipay/back", bind, acts=True),
    ]


def to_sign_in(visit: Visit) -> Response[Any]:
    """Send the person to Alipay, to be signed in here."""
    return send_away(visit, address=lambda state: _address(visit, "/sign-in/alipay/back", state), place=_SIGN_IN)


def sign_in(visit: Visit) -> Response[Any]:
    """Let the person in whom Alipay sent back. Errors: ForgedRequest, and those of `sign_in_with_alipay`."""
    there = came_back(visit)
    person_id = sign_in_with_alipay(visit.house, code=Personal(visit.query("auth_code")))
    note_sign_in(visit.house, person_id=person_id, origin=origin(visit))
    answer = visit.go(there)
    let_in(visit, answer, person_id=person_id)
    return spent(answer, place=_SIGN_IN)


def to_bind(visit: Visit) -> Response[Any]:
    """Send a person who is verified to Alipay, to say which account is theirs; others prove who they are first."""
    if not is_verified(visit.house, person_id=visit.person_id):
        return visit.go("/identity")
    return send_away(visit, address=lambda state: _address(visit, "/wallet/alipay/back", state), place=_WALLET)


def bind(visit: Visit) -> Response[Any]:
    """Bind the account whose owner came back. Errors: ForgedRequest, and those of `bind_alipay_account`."""
    there = came_back(visit)
    bind_alipay_account(visit.house, person_id=visit.person_id, code=Personal(visit.query("auth_code")))
    return spent(visit.go(there), place=_WALLET)


def _address(visit: Visit, path: str, state: str) -> str:
    assert visit.door.alipay is not None
    return visit.door.alipay.address(path=path, state=state)
