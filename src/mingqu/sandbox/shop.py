"""A merchant of the story with a small shop: what it sells is paid by instalments at the house.

docs/reference/merchant-checkout.md, from the merchant's side: it signs what it asks, hears what became of its orders
from signed messages, and asks again under the same number where an answer was lost.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.gateway import Signer
from mingqu.sandbox.time import BEIJING, Time, utc
from mingqu.sandbox.wire import Call, Reply

MERCHANT: Final = "riverside-furniture"
GOODS: Final = {  # what it sells: name in both languages, price of one in fen
    "table": ("橡木餐桌", "Oak table", 299_950),
    "chair": ("餐椅", "Dining chair", 150_000),
    "lamp": ("落地灯", "Floor lamp", 39_900),
}
COUNT_MAX: Final = 9  # of one kind of goods in an order
ANSWER_SECONDS_MAX: Final = 10.0
MESSAGE_AGE_SECONDS_MAX: Final = 300
_API: Final = "/v1/merchant"
_HOUSE, _ADDRESS, _HOOK = "shop.house", "shop.address", "shop.hook"


class HouseRefused(Exception):  # noqa: N818 (a word for what came, not for a fault of ours)
    """The house said no, or nothing; `code` is its word for it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def merchant_key(code: str) -> Ed25519PrivateKey:
    """Return the private key of a merchant of the story; the file of merchants has its public half."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"a merchant of the story: {code}".encode()).digest())


class Shop:
    """The merchant's orders, and how it speaks with the house."""

    def __init__(self, *, book: Book, time: Time, address: str) -> None:
        self._book, self._time = book, time
        self._signer = Signer(key_id=MERCHANT, private_key=merchant_key(MERCHANT), time=time)
        book.keep(_ADDRESS, address)

    @property
    def house(self) -> str:
        """Where the house is; empty while nobody said."""
        return str(self._book.kept(_HOUSE, ""))

    def sell_at(self, house: str) -> None:
        """Let orders be paid at a house. Errors: ValueError."""
        if not house.startswith(("http://", "https://")):
            raise ValueError("an address begins with http:// or https://")
        self._book.keep(_HOUSE, house.rstrip("/"))

    def open(self, counts: Mapping[str, int]) -> str:
        """Open an order of so many of each of the goods; return its number. Errors: HouseRefused, ValueError."""
        items = [
            {"name": GOODS[code][0], "quantity": count, "price_fen": GOODS[code][2]}
            for code, count in counts.items()
            if count
        ]
        if not items or not all(code in GOODS and 0 <= count <= COUNT_MAX for code, count in counts.items()):
            raise ValueError("choose what you want")
        now = self._time.now()
        number = f"S-{now.astimezone(BEIJING):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"
        body = {
            "number": number,
            "items": items,
            "amount_fen": sum(count * GOODS[code][2] for code, count in counts.items()),
            "currency": "CNY",
            "return_url": f"{self._book.kept(_ADDRESS, '')}/orders/{number}",
        }
        self._book.write(
            "INSERT INTO shop_order (number, body, made_at) VALUES (?, ?, ?)", (number, json.dumps(body), utc(now))
        )
        self.look(number)
        return number

    def look(self, number: str) -> dict[str, Any]:
        """Return an order as the house has it; one whose opening was lost is opened again. Errors: HouseRefused."""
        self._be_told()
        row = self.order(number)
        if row is None:
            raise HouseRefused("not_found")
        if row["checkout_id"] is None:
            seen = self._ask("POST", "/checkouts", json.loads(row["body"]), key=number)
            self._book.write("UPDATE shop_order SET checkout_id = ? WHERE number = ?", (seen["checkout_id"], number))
            return seen
        return self._ask("GET", f"/checkouts/{row['checkout_id']}")

    def cancel(self, number: str) -> None:
        """Cancel an order that nobody took. Errors: HouseRefused."""
        self._ask("POST", f"/checkouts/{self.look(number)['checkout_id']}/cancel", key=f"cancel-{number}")

    def give_back(self, number: str, amount_fen: int) -> tuple[str, str | None]:
        """Give money of an order back; return the house's number of that, and the page on which the shop pays it.

        Errors: HouseRefused.
        """
        seen = self.look(number)
        refund = f"{number}-{len(seen['refunds']) + 1}"
        made = self._ask("POST", f"/checkouts/{seen['checkout_id']}/refunds", {"amount_fen": amount_fen}, key=refund)
        return str(made["order_id"]).replace("-", ""), made["pay_at"]

    def hear(self, call: Call) -> Reply:
        """Take a message of the house: its signature first, then its age, then its content; the same one once."""
        name, sent = call.headers.get("webhook-id", ""), call.headers.get("webhook-timestamp", "")
        secret = str((self._book.kept(_HOOK, None) or {}).get("secret", ""))
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, f"{name}.{sent}.".encode() + call.body, hashlib.sha256).digest()
        wanted = "v1," + base64.b64encode(digest).decode()
        if not secret or not hmac.compare_digest(wanted, call.headers.get("webhook-signature", "")):
            return Reply(status=401)
        if not sent.isdigit() or abs(self._time.now().timestamp() - int(sent)) > MESSAGE_AGE_SECONDS_MAX:
            return Reply(status=401)
        said = json.loads(call.body)
        self._book.write(
            "INSERT OR IGNORE INTO shop_message (message_id, number, type, body, at) VALUES (?, ?, ?, ?, ?)",
            (name, said["data"]["number"], said["type"], json.dumps(said["data"]), utc(self._time.now())),
        )
        return Reply(status=204)

    def order(self, number: str) -> Row | None:
        """Return an order of the shop's own book."""
        return self._book.row("SELECT * FROM shop_order WHERE number = ?", (number,))

    def orders(self) -> list[Row]:
        """Return the newest orders."""
        return self._book.rows("SELECT * FROM shop_order ORDER BY rowid DESC LIMIT 20")

    def messages(self, number: str) -> list[Row]:
        """Return what the house told of an order, the oldest first."""
        return self._book.rows("SELECT * FROM shop_message WHERE number = ? ORDER BY rowid", (number,))

    def _be_told(self) -> None:
        """Have the house tell this shop of its orders, once for each house; a house that will not is looked at."""
        url = f"{self._book.kept(_ADDRESS, '')}/messages"
        known = self._book.kept(_HOOK, None)
        if known is not None and (known["house"], known["url"]) == (self.house, url):
            return
        try:
            made = self._ask("POST", "/webhooks", {"url": url}, key=url)  # the same secret again
        except HouseRefused as refused:
            if refused.code == "house_unknown":
                raise
            return
        self._book.keep(_HOOK, {"house": self.house, "url": url, "secret": made["secret"]})

    def _ask(self, method: str, path: str, body: object = None, *, key: str = "") -> dict[str, Any]:
        if not self.house:
            raise HouseRefused("house_unknown")
        target, content = _API + path, b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = self._signer.request(method=method, path=target, query="", body=content)
        if body is None:
            headers.pop("content-type")
        if key:
            headers["idempotency-key"] = key
        try:
            answer = httpx.request(
                method, self.house + target, content=content, headers=headers, timeout=ANSWER_SECONDS_MAX
            )
        except httpx.HTTPError:
            raise HouseRefused("house_silent") from None
        said: dict[str, Any] = answer.json()
        if not answer.is_success:
            raise HouseRefused(str(said.get("code", answer.status_code)))
        return said


def moment(text: str) -> str:
    """Return a moment of the house's as people here read it."""
    return f"{datetime.fromisoformat(text).astimezone(BEIJING):%m-%d %H:%M}"
