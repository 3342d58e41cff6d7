"""Let a merchant say where it is told of its orders, see what became of that, and end it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.identifier import fresh
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.messages.subscribe_webhook import Subscribed, WebhookEventUnknown, require_sound, written
from mingqu.services.messages.tell_merchant import MerchantEvent
from mingqu.services.once import IdempotencyKeyReused
from mingqu.store.messages import webhook
from mingqu.store.messages.webhook import Subscription
from mingqu.store.server.database import Transaction

MERCHANT_WEBHOOKS_MAX: Final = 5  # addresses of one merchant at a time: an old and a new one, and some to try


class TooManyMerchantWebhooks(Refusal):
    """This merchant is told at as many addresses as it may: end one first."""

    code: ClassVar[str] = "too_many_merchant_webhooks"
    status: ClassVar[int] = 409


def subscribe_merchant(house: House, *, merchant: str, url: str, events: Sequence[str], key: str) -> Subscribed:
    """Tell a merchant of its orders at an address (of all events, when none is named); return the secret.

    The same `key` again is the same subscription, and answers the same secret. Errors: WebhookUrlRefused,
    WebhookEventUnknown, TooManyMerchantWebhooks, IdempotencyKeyReused.
    """
    require_sound(url, to_loopback=house.settings.webhooks_to_loopback)
    known = [event.value for event in MerchantEvent]
    if any(event not in known for event in events):
        raise WebhookEventUnknown(f"The events are: {', '.join(known)}.")
    chosen = tuple(dict.fromkeys(events)) or tuple(known)
    subscription_id, secret, now = _id_of(merchant=merchant, key=key), house.codes.secret(), house.clock.now()

    def work(tx: Transaction) -> Subscribed:
        webhook.lock(tx)
        before = webhook.of_merchant(tx, merchant=merchant)
        known = next((one for one in before if one.subscription_id == subscription_id), None)
        if known is None:
            if sum(one.ended_at is None for one in before) >= MERCHANT_WEBHOOKS_MAX:
                raise TooManyMerchantWebhooks(f"There are {MERCHANT_WEBHOOKS_MAX} addresses already.")
            webhook.insert(
                tx,
                keyring=house.keyring,
                subscription_id=subscription_id,
                url=url,
                events=chosen,
                secret=secret,
                at=now,
                merchant=merchant,
            )
            return Subscribed(subscription_id=subscription_id, secret=written(secret))
        if (known.url, known.events) != (url, chosen):
            raise IdempotencyKeyReused("This key was sent with another address.")
        kept = webhook.open_secret(tx, keyring=house.keyring, subscription_id=subscription_id)
        return Subscribed(subscription_id=subscription_id, secret=written(kept))

    return house.database.run(work)


def merchant_webhooks(house: House, *, merchant: str) -> list[Subscription]:
    """Return where a merchant is told, and was, the oldest first."""
    with house.database.transaction() as tx:
        return webhook.of_merchant(tx, merchant=merchant)


def end_merchant_webhook(house: House, *, merchant: str, subscription_id: UUID) -> None:
    """End a subscription of a merchant's own; what waits for it is dropped. Errors: NotFound."""

    def work(tx: Transaction) -> None:
        if webhook.load(tx, subscription_id=subscription_id).merchant != merchant:
            raise NotFound
        webhook.end(tx, subscription_id=subscription_id, at=house.clock.now())

    house.database.run(work)


def _id_of(*, merchant: str, key: str) -> UUID:
    """Return the id of what a merchant asks for under a key: the same each time."""
    digest = hashlib.blake2b(f"merchant webhook {merchant} {key}".encode(), digest_size=8).digest()
    return fresh(milliseconds=0, slot=0, entropy=int.from_bytes(digest, "big"))
