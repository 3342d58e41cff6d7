"""The part of the client that speaks of orders at merchants' checkouts, for their buyer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mingqu.client.answers import Answer, Offer, Offers
from mingqu.client.connection import Connection, written


class Bought(Answer, frozen=True, kw_only=True):
    """One of the goods."""

    name: str
    quantity: int
    price_fen: int


class MerchantOrder(Answer, frozen=True, kw_only=True):
    """An order to be paid by a loan."""

    checkout_id: UUID
    merchant_zh: str
    merchant_en: str
    number: str
    items: list[Bought]
    amount_fen: int
    currency: str
    order_hash: str
    state: str
    expires_at: datetime
    loan_id: UUID | None


class Buying:
    """Orders at a merchant's checkout."""

    _at: Connection

    def checkout(self, *, checkout_id: UUID) -> MerchantOrder:
        """Return an order that nobody took, or that is one's own."""
        return self._at.read(f"/v1/checkouts/{checkout_id}", MerchantOrder)

    def take_checkout(self, *, checkout_id: UUID, key: str | None = None) -> MerchantOrder:
        """Take an order: from then on nobody else pays it."""
        return self._at.write(f"/v1/checkouts/{checkout_id}/take", MerchantOrder, key=key)

    def ask_for_order_offers(
        self, *, checkout_id: UUID, instalments: int, method: str, key: str | None = None
    ) -> list[Offer]:
        """Return offers for an order, the cheapest first; one is signed with the order's hash."""
        body = written(instalments=instalments, method=method)
        return self._at.write(f"/v1/checkouts/{checkout_id}/offers", Offers, key=key, body=body).offers
