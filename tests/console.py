"""A browser without a screen at the console: signs in, sends forms with their token, reads pages."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from httpx import Response
from litestar.testing import TestClient

from mingqu.console import make_router
from mingqu.domain.personal import Personal
from mingqu.services.access.keep_operator import add_operator, set_password_at_once
from mingqu.services.house import House
from mingqu.store.server.database import Transaction
from mingqu.web.site import make_site

PASSWORD: Final = "correct horse battery"
_SALT: Final = bytes(range(32))
ROLES: Final = ("operations", "risk", "lender:tinglan", "auditor", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody at a desk, signed in or not yet."""

    client: TestClient[Any]

    def get(self, path: str, **parameters: Any) -> Response:
        """Read a page; a redirection is not followed."""
        return self.client.get(path, follow_redirects=False, params=parameters or None)

    def post(
        self, path: str, /, *, seen_on: str = "", headers: dict[str, str] | None = None, **fields: str
    ) -> Response:
        """Send a form as the page at `seen_on` holds it, with the token of that page."""
        token = self.token(seen_on) if seen_on else ""
        return self.client.post(path, data={"csrf": token, **fields}, headers=headers, follow_redirects=False)

    def token(self, path: str) -> str:
        """Return the form token of a page."""
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.get(path).text)
        assert found is not None, f"no form token on {path}"
        return found[1]

    def sign_in(self, name: str, password: str = PASSWORD) -> Response:
        """Sign in on the page for it."""
        return self.post("/console/sign-in", seen_on="/console/sign-in", name=name, password=password)


def visitor(house: House) -> Visitor:
    """Return somebody who has just opened the console of a house."""
    site = make_site(house, routers=[make_router(house, secure_cookies=False)])
    return Visitor(client=TestClient(site, raise_server_exceptions=False))


def employ(house: House, role: str, *, name: str = "") -> str:
    """Make an operator of a role with the password of the tests, and return their name.

    The password is stored with a cost of its own, as each is: a thousandth of the usual one, which takes half a second
    to set and to give. `employ_at_full_cost` is for whoever asks what guessing costs.
    """
    name = name or role.replace(":", "-")
    add_operator(house, name=name, role=role)
    keyed = house.keyring.lookup_hash(kind="operator_password", value=Personal(PASSWORD))
    stored = hashlib.scrypt(keyed, salt=_SALT, n=1 << 6, r=8, p=1, dklen=32)

    def work(tx: Transaction) -> None:
        tx.execute(
            "UPDATE operator SET password_cost = 'scrypt:6:8:1', password_salt = %s, password_hash = %s,"
            " code_hash = NULL, code_expires_at = NULL WHERE name = %s",
            (_SALT, stored, name),
        )

    house.database.run(work)
    return name


def employ_at_full_cost(house: House, role: str, *, name: str) -> str:
    """Make an operator whose password is set as an operator's is, and return their name."""
    add_operator(house, name=name, role=role)
    set_password_at_once(house, name=name, password=Personal(PASSWORD))
    return name


def signed_in(house: House, role: str) -> Visitor:
    """Return somebody of a role at their desk."""
    came = visitor(house)
    assert came.sign_in(employ(house, role)).status_code == 303
    return came


def ids_in(text: str, kind: str) -> list[UUID]:
    """Return the ids of a kind that a page links to, e.g. "loans"."""
    return [UUID(found) for found in re.findall(rf"/console/{kind}/([0-9a-f]{{32}})", text)]
