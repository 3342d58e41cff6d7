"""What the wallet says of purchases: the seller captured one, will not, or gave something back.

Whoever runs the wallet is known by a secret of its own (`MINGQU_WALLET_TOKEN`); without one nobody is.
"""

from __future__ import annotations

import hmac
from typing import Annotated, ClassVar, Final
from uuid import UUID

from litestar.params import FromPath, HeaderParameter, JSONBody

from mingqu.api.gate import HouseHere, KeyHere
from mingqu.api.operation import writes
from mingqu.api.shape import PLAIN, Body, FenAsked, shaped
from mingqu.api.spend_shape import Purchase
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.revolving.pay_merchant import (
    CaptureAboveHold,
    PurchaseEnded,
    PurchaseExists,
    RefundAbovePurchase,
    capture_purchase,
    refund_purchase,
    release_purchase,
)
from mingqu.services.revolving.record_spend import RepaymentUnderWay

TAG: Final = "Wallet"
TokenHere = Annotated[
    str, HeaderParameter(name="Wallet-Token", description="The wallet's secret.", max_length=200, pattern=PLAIN)
]


class WalletUnknown(Refusal):
    """Only whoever runs the wallet says what became of a purchase, known by its secret."""

    code: ClassVar[str] = "wallet_unknown"
    status: ClassVar[int] = 403


class NewCapture(Body, frozen=True, kw_only=True):
    """How much the seller takes; without an amount all that was held."""

    amount_fen: FenAsked | None = None


class NewRefund(Body, frozen=True, kw_only=True):
    """How much comes back."""

    amount_fen: FenAsked


@writes(
    "/wallet/purchases/{purchase_id:uuid}/capture",
    tag=TAG,
    public=True,
    status=200,
    refuses=(WalletUnknown, CaptureAboveHold, PurchaseEnded, RepaymentUnderWay),
)
def capture(
    purchase_id: FromPath[UUID], data: JSONBody[NewCapture], key: KeyHere, house: HouseHere, token: TokenHere
) -> Purchase:
    """Let the seller take what was held, or part of it; what is not taken is free again."""
    assert key, "the purchase's own state makes two requests one"
    _require_wallet(house, token)
    return shaped(capture_purchase(house, purchase_id=purchase_id, amount_fen=data.amount_fen), Purchase)


@writes(
    "/wallet/purchases/{purchase_id:uuid}/release",
    tag=TAG,
    public=True,
    body=False,
    status=200,
    refuses=(WalletUnknown, PurchaseEnded),
)
def release(purchase_id: FromPath[UUID], key: KeyHere, house: HouseHere, token: TokenHere) -> Purchase:
    """Give back what was held for a seller who will not take it."""
    assert key, "the purchase's own state makes two requests one"
    _require_wallet(house, token)
    return shaped(release_purchase(house, purchase_id=purchase_id), Purchase)


@writes(
    "/wallet/purchases/{purchase_id:uuid}/refund",
    tag=TAG,
    public=True,
    status=200,
    refuses=(WalletUnknown, PurchaseEnded, PurchaseExists, RefundAbovePurchase, RepaymentUnderWay),
)
def refund(
    purchase_id: FromPath[UUID], data: JSONBody[NewRefund], key: KeyHere, house: HouseHere, token: TokenHere
) -> Purchase:
    """Let a seller give back part or all of a purchase; the key is this refund's number."""
    _require_wallet(house, token)
    found = refund_purchase(house, purchase_id=purchase_id, number=key, amount_fen=data.amount_fen)
    return shaped(found, Purchase)


def _require_wallet(house: House, token: str) -> None:
    known = house.settings.wallet_token
    if known is None or not hmac.compare_digest(known.reveal().encode(), token.encode("utf-8", "replace")):
        raise WalletUnknown("This is for whoever runs the wallet.")


HANDLERS: Final = (capture, release, refund)
