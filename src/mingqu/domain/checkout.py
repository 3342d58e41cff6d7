"""An order at a merchant's checkout that is paid by a loan: who the merchants are, what an order says, and its hash.

The borrower agrees to an order by its hash; the money goes to the merchant's account and nowhere else (受托支付).
Source: 《个人贷款管理办法》(NFRA 令 2024 年第 3 号): what a loan is for is agreed, and the lender pays the seller.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar, Final

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.domain.policy_file import Document
from mingqu.domain.refusal import Refusal

CURRENCY: Final = "CNY"
MERCHANTS_MAX: Final = 2_000  # who brings more has a register of their own
ITEMS_MAX: Final = 50  # of an order; a cart that is longer is several orders
QUANTITY_MAX: Final = 9_999
NUMBER_LENGTH_MAX: Final = 64
NAME_LENGTH_MAX: Final = 120
_ACCOUNT: Final = re.compile(r"[0-9]{8,34}", re.ASCII)
_KEY: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class MerchantUnknown(Refusal):
    """No merchant of this name sells by instalments here today."""

    code: ClassVar[str] = "merchant_unknown"
    status: ClassVar[int] = 403


class CheckoutMalformed(Refusal):
    """An order has a number, 1 to 50 goods with quantity and price, and an amount in CNY that is what they come to."""

    code: ClassVar[str] = "checkout_malformed"


class CheckoutState(StrEnum):
    """Where an order stands. Words are shown and answered."""

    OPEN = "open"  # nobody took it
    TAKEN = "taken"  # somebody looks at offers for it
    SIGNED = "signed"  # its contract is signed, and the merchant's money on its way
    PAID = "paid"  # the merchant has the money
    FAILED = "failed"  # the money did not reach the merchant, or came back
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """Somebody who sells: `key` is the Ed25519 key by which its requests are known, as 32 bytes."""

    code: str
    name_zh: str
    name_en: str
    account: str
    bank: str
    key: bytes
    valid_from: date
    valid_to: date

    def sells_on(self, day: date) -> bool:
        """Return whether orders of this merchant are taken on a day."""
        return self.valid_from <= day < self.valid_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One of the goods: `price_fen` is that of a single one."""

    name: str
    quantity: int
    price_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An order as its merchant gave it, with a number of the merchant's own."""

    merchant: str
    number: str
    items: tuple[Item, ...]
    amount_fen: int
    currency: str
    return_url: str | None = None  # where its buyer goes on afterwards

    def body(self) -> bytes:
        """Return the order as it is hashed: canonical JSON, with an address to return to only where there is one."""
        items: list[Canonical] = [
            {"name": one.name, "quantity": one.quantity, "price_fen": one.price_fen} for one in self.items
        ]
        return canonical(
            {
                "merchant": self.merchant,
                "number": self.number,
                "items": items,
                "amount_fen": self.amount_fen,
                "currency": self.currency,
                **({} if self.return_url is None else {"return_url": self.return_url}),
            }
        )

    @property
    def hash(self) -> bytes:
        """What a borrower agrees to: the SHA-256 of the order."""
        return hashlib.sha256(self.body()).digest()


def check_order(
    *,
    merchant: str,
    number: str,
    items: Sequence[Item],
    amount_fen: int,
    currency: str,
    return_url: str | None = None,
) -> Wanted:
    """Return an order that can be paid. Errors: CheckoutMalformed.

    Example: two chairs at 1,500.00 and a table at 2,999.00 come to 5,999.00; any other amount is refused.
    """
    if currency != CURRENCY:
        raise CheckoutMalformed("An order here is in CNY.", field="currency")
    if not (0 < len(number) <= NUMBER_LENGTH_MAX and number.isprintable()):
        raise CheckoutMalformed("An order has a number of 1 to 64 letters, digits and signs.", field="number")
    if not 0 < len(items) <= ITEMS_MAX:
        raise CheckoutMalformed("An order has 1 to 50 goods.", field="items")
    for one in items:
        if not (0 < len(one.name) <= NAME_LENGTH_MAX and one.name.isprintable()):
            raise CheckoutMalformed("Goods have a name of 1 to 120 letters.", field="items")
        if not (0 < one.quantity <= QUANTITY_MAX and 0 < one.price_fen <= AMOUNT_FEN_MAX):
            raise CheckoutMalformed("Goods have a quantity and a price above nothing.", field="items")
    comes_to_fen = sum(one.quantity * one.price_fen for one in items)
    if comes_to_fen != amount_fen or amount_fen > AMOUNT_FEN_MAX:
        raise CheckoutMalformed("The goods do not come to this amount.", field="amount_fen", comes_to_fen=comes_to_fen)
    return Wanted(
        merchant=merchant,
        number=number,
        items=tuple(items),
        amount_fen=amount_fen,
        currency=currency,
        return_url=return_url,
    )


def parse_merchants(*, document: Document) -> dict[str, Merchant]:
    """Return the merchants of a file by their code. Errors: PolicyFault."""
    reader = document.reader()
    reader.only(("kind", "id", "version", "merchant"))
    found: dict[str, Merchant] = {}
    for row in reader.tables("merchant", label="code"):
        row.only(("code", "name_zh", "name_en", "account", "bank", "key", "valid_from", "valid_to"))
        valid_from, valid_to = row.period()
        account, key = row.text("account"), row.text("key")
        if not _ACCOUNT.fullmatch(account):
            raise row.fault("account", "not an account.", "Write 8 to 34 digits in quotes.")
        if not _KEY.fullmatch(key):
            raise row.fault("key", "not an Ed25519 key.", "Write its 32 bytes as 64 hexadecimal digits.")
        made = Merchant(
            code=row.name("code"),
            name_zh=row.text("name_zh"),
            name_en=row.text("name_en"),
            account=account,
            bank=row.text("bank"),
            key=bytes.fromhex(key),
            valid_from=valid_from,
            valid_to=valid_to,
        )
        if made.code in found or len(found) >= MERCHANTS_MAX:
            raise row.fault("code", "there twice, or one too many.", "Write each merchant once.")
        found[made.code] = made
    return found
