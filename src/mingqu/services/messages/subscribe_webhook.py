"""Subscribe a program to what happens, see who is subscribed, end it."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import urlsplit
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.messages.tell_webhooks import Event
from mingqu.store.messages import webhook
from mingqu.store.messages.webhook import Subscription

URL_LENGTH_MAX: Final = 2_000
SUBSCRIPTIONS_MAX: Final = 50  # each is read whenever something happens


class WebhookUrlRefused(Refusal):
    """A webhook goes to an https address without a name or password in it; to this machine only if that is set."""

    code: ClassVar[str] = "webhook_url_refused"


class WebhookEventUnknown(Refusal):
    """There is no such event; the message names those there are."""

    code: ClassVar[str] = "webhook_event_unknown"


class TooManyWebhooks(Refusal):
    """There are as many subscriptions as there may be: end one first."""

    code: ClassVar[str] = "too_many_webhooks"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """A new subscription; its secret is told this once."""

    subscription_id: UUID
    secret: Personal[str]


def subscribe_webhook(house: House, *, url: str, events: Sequence[str] = ()) -> Subscribed:
    """Subscribe an address to events (all, when none is named); return the secret that its messages are signed with.

    Errors: WebhookUrlRefused, WebhookEventUnknown, TooManyWebhooks.
    """
    require_sound(url, to_loopback=house.settings.webhooks_to_loopback)
    known = [event.value for event in Event]
    unknown = [event for event in events if event not in known]
    if unknown:
        raise WebhookEventUnknown(f"The events are: {', '.join(known)}.")
    secret, subscription_id, now = house.codes.secret(), house.identifiers.fresh(0), house.clock.now()
    with house.database.transaction() as tx:
        webhook.lock(tx)
        if len(webhook.active(tx)) >= SUBSCRIPTIONS_MAX:
            raise TooManyWebhooks(f"There are {SUBSCRIPTIONS_MAX} subscriptions already.")
        webhook.insert(
            tx,
            keyring=house.keyring,
            subscription_id=subscription_id,
            url=url,
            events=tuple(dict.fromkeys(events)) or tuple(known),
            secret=secret,
            at=now,
        )
        tx.commit()
    return Subscribed(subscription_id=subscription_id, secret=written(secret))


def written(secret: Personal[bytes]) -> Personal[str]:
    """Return a secret as receivers are told it."""
    return Personal("whsec_" + base64.b64encode(secret.reveal()).decode())


def webhooks(house: House) -> list[Subscription]:
    """Return all subscriptions, those that ended as well."""
    with house.database.transaction() as tx:
        return webhook.every(tx)


def end_webhook(house: House, *, subscription_id: UUID) -> None:
    """End a subscription; what waits for it is dropped. Errors: NotFound."""
    with house.database.transaction() as tx:
        webhook.load(tx, subscription_id=subscription_id)
        webhook.end(tx, subscription_id=subscription_id, at=house.clock.now())
        tx.commit()


def require_sound(url: str, *, to_loopback: bool) -> None:
    """Refuse an address that can be seen to be wrong; where its name leads is looked at with each delivery.

    Errors: WebhookUrlRefused.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or len(url) > URL_LENGTH_MAX or not url.isascii() or any(character <= " " for character in url):
        raise WebhookUrlRefused("This is no address that a webhook can be sent to.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise WebhookUrlRefused("An address of a webhook has no user, password or fragment.")
    if to_loopback and (host == "localhost" or _is_loopback(host)) and parts.scheme in ("http", "https"):
        return
    if parts.scheme != "https" or host == "localhost" or _is_inside(host):
        raise WebhookUrlRefused("A webhook goes to an https address on the internet.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_inside(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
