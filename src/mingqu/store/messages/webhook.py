"""Webhook subscriptions in the book: few rows that belong to no cell, each with a sealed secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

_SELECT = """SELECT subscription_id, url, events, created_at, ended_at, delivered, given_up, merchant
    FROM webhook_subscription"""
_LOCK = 0x77656268  # "webh": whoever adds an address counts those that are there
_ACTIVE = _SELECT + " WHERE ended_at IS NULL AND merchant IS NULL ORDER BY subscription_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Who is told of which events. `given_up` counts what could not be delivered in the end.

    One of a `merchant` is told of that merchant's orders and of nothing else.
    """

    subscription_id: UUID
    url: str
    events: tuple[str, ...]
    created_at: datetime
    ended_at: datetime | None
    delivered: int
    given_up: int
    merchant: str | None = None


def lock(tx: Transaction) -> None:
    """Wait until nobody else counts and adds subscriptions; held until the transaction ends."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def insert(
    tx: Transaction,
    *,
    keyring: Keyring,
    subscription_id: UUID,
    url: str,
    events: tuple[str, ...],
    secret: Personal[bytes],
    at: datetime,
    merchant: str | None = None,
) -> bool:
    """Store a new subscription, its secret sealed; return whether its id is new."""
    wrapping_id, wrapped = keyring.wrap(key=secret.reveal(), place=subscription_id.bytes)
    added = tx.execute(
        """INSERT INTO webhook_subscription
               (subscription_id, url, events, wrapping_id, wrapped_secret, created_at, merchant)
           VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (subscription_id) DO NOTHING""",
        (subscription_id, url, list(events), wrapping_id, wrapped, at, merchant),
    )
    return added.rowcount == 1


def every(tx: Transaction) -> list[Subscription]:
    """Return all subscriptions, the oldest first."""
    return [_subscription(row) for row in tx.execute(_SELECT + " ORDER BY subscription_id")]


def active(tx: Transaction) -> list[Subscription]:
    """Return the subscriptions of the operator that have not ended."""
    return active_in(tx.together([asked()])[0])


def of_merchant(tx: Transaction, *, merchant: str) -> list[Subscription]:
    """Return the subscriptions of a merchant, those that ended as well, the oldest first."""
    rows = tx.execute(_SELECT + " WHERE merchant = %s ORDER BY created_at, subscription_id", (merchant,))
    return [_subscription(row) for row in rows]


def asked() -> Statement:
    """Return the statement of `active`, whose answer `active_in` reads."""
    return Statement(_ACTIVE, ())


def active_in(answer: Answer) -> list[Subscription]:
    """Return the subscriptions that the answer to `asked` holds."""
    return [_subscription(row) for row in answer]


def load(tx: Transaction, *, subscription_id: UUID) -> Subscription:
    """Return a subscription. Errors: NotFound."""
    row = tx.execute(_SELECT + " WHERE subscription_id = %s", (subscription_id,)).fetchone()
    if row is None:
        raise NotFound
    return _subscription(row)


def open_secret(tx: Transaction, *, keyring: Keyring, subscription_id: UUID) -> Personal[bytes]:
    """Return the secret of a subscription. Errors: NotFound, SealBroken, KeyUnknown."""
    row = tx.execute(
        "SELECT wrapping_id, wrapped_secret FROM webhook_subscription WHERE subscription_id = %s", (subscription_id,)
    ).fetchone()
    if row is None:
        raise NotFound
    return Personal(keyring.unwrap(key_id=str(row[0]), wrapped=bytes(row[1]), place=subscription_id.bytes))


def end(tx: Transaction, *, subscription_id: UUID, at: datetime) -> None:
    """End a subscription; one that has ended stays as it ended."""
    tx.execute(
        "UPDATE webhook_subscription SET ended_at = %s WHERE subscription_id = %s AND ended_at IS NULL",
        (at, subscription_id),
    )


def count(tx: Transaction, *, subscription_id: UUID, delivered: int = 0, given_up: int = 0) -> None:
    """Count what became of deliveries."""
    tx.execute(
        """UPDATE webhook_subscription SET delivered = delivered + %s, given_up = given_up + %s
           WHERE subscription_id = %s""",
        (delivered, given_up, subscription_id),
    )


def _subscription(row: tuple[object, ...]) -> Subscription:
    subscription_id, url, events, created_at, ended_at, delivered, given_up, merchant = row
    assert isinstance(subscription_id, UUID)
    assert isinstance(events, list)
    assert isinstance(created_at, datetime)
    assert ended_at is None or isinstance(ended_at, datetime)
    return Subscription(
        subscription_id=subscription_id,
        url=str(url),
        events=tuple(events),
        created_at=created_at,
        ended_at=ended_at,
        delivered=int(str(delivered)),
        given_up=int(str(given_up)),
        merchant=None if merchant is None else str(merchant),
    )
