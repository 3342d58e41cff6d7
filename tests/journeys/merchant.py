"""A merchant of the story at the API: signs its requests with its own key, and pays what it gives back."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from httpx import Response

from mingqu.channels.gateway.signature import SigningKey, sign_request
from mingqu.domain.personal import Personal
from mingqu.domain.word import Refused
from tests.journeys.api import Site

RIVERSIDE: Final = "riverside-furniture"
LAKESIDE: Final = "lakeside-digital"
TABLE: Final = (
    {"name": "橡木餐桌", "quantity": 1, "price_fen": 299_950},
    {"name": "餐椅", "quantity": 2, "price_fen": 150_000},
)
PRICE_FEN: Final = 599_950


def key_of(code: str) -> Ed25519PrivateKey:
    """Return the key of a merchant of the story, whose public half is in its file."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"a merchant of the story: {code}".encode()).digest())


class Seller:
    """Somebody who sells, at the API of a site."""

    def __init__(self, site: Site, code: str = RIVERSIDE) -> None:
        self.site, self.code = site, code
        named = site.world.house.merchants[code]
        self.account = Personal(named.account)
        site.world.bank.open_card(
            card_number=self.account,
            holder_name=Personal(named.name_zh),
            id_number=Personal("company"),
            phone=Personal("0210002"),
        )

    @property
    def has_fen(self) -> int:
        """What is on the merchant's account."""
        return self.site.world.bank.balance_fen(card_number=self.account)

    def signed(self, method: str, path: str, content: bytes, **change: Any) -> dict[str, str]:
        """Return the headers of a request as the merchant signs it."""
        own = SigningKey(key_id=change.get("key_id", self.code), key=change.get("own", key_of(self.code)))
        at = change.get("at", self.site.world.house.clock.now())
        return sign_request(own=own, method=method, target=path, body=content, at=at, nonce=uuid4().hex)

    def send(self, path: str, body: dict[str, Any] | None = None, *, key: str = "k", **change: Any) -> Response:
        """POST a signed request; what is changed in the body after it was signed is `tampered`."""
        content = b"" if body is None else json.dumps(body).encode()
        path = change.pop("at_path", f"/v1/merchant/checkouts{path}")
        headers = change.get("headers") or self.signed("POST", path, content, **change)
        headers = {**headers, "idempotency-key": key, "content-type": "application/json"}
        if body is None:
            headers.pop("content-type")
        return self.site.http.post(path, content=change.get("tampered", content), headers=headers)

    def open(self, number: str = "R-1", *, signing: dict[str, Any] | None = None, **change: Any) -> Response:
        """Open an order for a table and two chairs; `signing` is how it is signed otherwise than it should be."""
        order = {"number": number, "items": list(TABLE), "amount_fen": PRICE_FEN, "currency": "CNY"}
        return self.send("", {**order, **change}, **(signing or {}))

    def read(self, checkout_id: UUID) -> dict[str, Any]:
        """Read an order of one's own."""
        path = f"/v1/merchant/checkouts/{checkout_id}"
        return dict(self.site.http.get(path, headers=self.signed("GET", path, b"")).json())

    def pay_back(self, checkout_id: UUID, amount_fen: int, *, number: str) -> Response:
        """Ask to give money back, and pay it on the page."""
        answer = self.send(f"/{checkout_id}/refunds", {"amount_fen": amount_fen}, key=number)
        if answer.status_code == 201:
            order_id = UUID(answer.json()["order_id"])
            paid = self.site.world.bank.pay_by_hand(order_number=order_id.hex, card_number=self.account)
            assert not isinstance(paid, Refused)
        return answer
