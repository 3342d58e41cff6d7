"""Where a merchant is told of its orders: it says so itself, in requests signed as all of its requests are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import HouseHere, KeyHere
from mingqu.api.merchant import SIGNED, TAG, MerchantHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import Answer, Body, shaped
from mingqu.domain.checkout import Merchant
from mingqu.services.house import House
from mingqu.services.messages.subscribe_merchant import (
    TooManyMerchantWebhooks,
    end_merchant_webhook,
    merchant_webhooks,
    subscribe_merchant,
)
from mingqu.services.messages.subscribe_webhook import URL_LENGTH_MAX, WebhookEventUnknown, WebhookUrlRefused
from mingqu.services.messages.tell_merchant import MerchantEvent

Address = Annotated[
    str, msgspec.Meta(min_length=1, max_length=URL_LENGTH_MAX, examples=["https://shop.example/mingqu"])
]


class NewMerchantWebhook(Body, frozen=True, kw_only=True):
    """An address, and of what it is told; of everything where no event is named."""

    url: Address
    events: Annotated[tuple[MerchantEvent, ...], msgspec.Meta(max_length=len(MerchantEvent))] = ()


class MerchantSecret(Answer, frozen=True, kw_only=True):
    """A new address, with the secret by which its messages are signed."""

    subscription_id: UUID
    secret: Annotated[str, msgspec.Meta(examples=["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="])]


class MerchantWebhook(Answer, frozen=True, kw_only=True):
    """An address of the merchant's, and how many messages it took; `given_up` counts those that it never did."""

    subscription_id: UUID
    url: Address
    events: list[MerchantEvent]
    created_at: datetime
    ended_at: datetime | None
    delivered: Annotated[int, msgspec.Meta(examples=[3])]
    given_up: Annotated[int, msgspec.Meta(examples=[0])]


class MerchantWebhooks(Answer, frozen=True, kw_only=True):
    """All addresses of the merchant, those that were ended as well, the oldest first."""

    webhooks: list[MerchantWebhook]


@writes(
    "/merchant/webhooks",
    tag=TAG,
    public=True,
    refuses=(*SIGNED, WebhookUrlRefused, WebhookEventUnknown, TooManyMerchantWebhooks),
)
def add_merchant_webhook(
    data: JSONBody[NewMerchantWebhook], key: KeyHere, house: HouseHere, merchant: MerchantHere
) -> MerchantSecret:
    """Be told at an address what becomes of one's orders: paid, not paid, money back, time over.

    Messages are signed as webhooks are, with the secret answered here. The same key again answers the same secret.
    """
    made = subscribe_merchant(
        house, merchant=merchant.code, url=data.url, events=[one.value for one in data.events], key=key
    )
    return MerchantSecret(subscription_id=made.subscription_id, secret=made.secret.reveal())


@reads("/merchant/webhooks", tag=TAG, public=True, refuses=SIGNED)
def list_merchant_webhooks(house: HouseHere, merchant: MerchantHere) -> MerchantWebhooks:
    """List where the merchant is told, and was."""
    return _listed(house, merchant)


@writes("/merchant/webhooks/{subscription_id:uuid}/end", tag=TAG, public=True, body=False, status=200, refuses=SIGNED)
def end_webhook_of_merchant(
    subscription_id: FromPath[UUID], key: KeyHere, house: HouseHere, merchant: MerchantHere
) -> MerchantWebhooks:
    """Be told no more at an address; what waits for it is dropped."""
    assert key, "ended again it stays so"
    end_merchant_webhook(house, merchant=merchant.code, subscription_id=subscription_id)
    return _listed(house, merchant)


def _listed(house: House, merchant: Merchant) -> MerchantWebhooks:
    found = merchant_webhooks(house, merchant=merchant.code)
    return MerchantWebhooks(
        webhooks=[shaped(one, MerchantWebhook, events=[MerchantEvent(name) for name in one.events]) for one in found]
    )


HANDLERS: Final = (add_merchant_webhook, list_merchant_webhooks, end_webhook_of_merchant)
