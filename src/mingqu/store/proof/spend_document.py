"""What the leaves of revolving accounts must say: their opening, what happened to them, how they are linked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.evidence import LeafKind

# What a row says: whose it is, when (None where the row does not know the leaf's moment), and the facts.
Witnessed = tuple[UUID, datetime | None, dict[str, Canonical]]

_SPEND_ACCOUNT: Final[LiteralString] = """
    SELECT account_id, person_id, opened_at, product_id, product_version, granted_fen, terms, named
    FROM spend_account
    WHERE cell = %s AND account_id = ANY (%s)"""


def _spend_account(
    person_id: UUID,
    at: datetime,
    product_id: str,
    product_version: int,
    granted_fen: int,
    terms: str,
    named: str | None,
) -> Witnessed:
    agreed = json.loads(terms) if named is None else {"joint": json.loads(named), "terms": json.loads(terms)}
    facts: dict[str, Canonical] = {
        "product_id": product_id,
        "product_version": product_version,
        "limit_fen": granted_fen,
        "terms_hash": hashlib.sha256(canonical(agreed)).hexdigest(),
    }
    return person_id, at, facts


_SPEND: Final[LiteralString] = """
    SELECT e.event_id, a.person_id, e.posted_at, e.account_id, e.kind, e.on_date, e.amount_fen, e.target, e.count
    FROM spend_event e JOIN spend_account a ON a.cell = e.cell AND a.account_id = e.account_id
    WHERE e.cell = %s AND e.event_id = ANY (%s)"""


def _spend(
    person_id: UUID,
    at: datetime,
    account_id: UUID,
    kind: str,
    on: date,
    amount_fen: int,
    target: UUID | None,
    count: int | None,
) -> Witnessed:
    facts: dict[str, Canonical] = {
        "account_id": account_id.hex,
        "event": kind,
        "on": on.isoformat(),
        "amount_fen": amount_fen,
        "target": None if target is None else target.hex,
        "count": count,
    }
    return person_id, at, facts


_LINK: Final[LiteralString] = """
    SELECT link_id, person_id, decided_at, outcome, first_id, second_id, record FROM account_link
    WHERE cell = %s AND link_id = ANY (%s)"""


def _link(person_id: UUID, at: datetime, outcome: str, first_id: UUID, second_id: UUID, record: bytes) -> Witnessed:
    facts: dict[str, Canonical] = {
        "outcome": outcome,
        "accounts": [first_id.hex, second_id.hex],
        "record_hash": hashlib.sha256(record).hexdigest(),
    }
    return person_id, at, facts


SPEND_DOCUMENTS: Final[dict[LeafKind, tuple[LiteralString, Callable[..., Witnessed]]]] = {
    LeafKind.SPEND_ACCOUNT: (_SPEND_ACCOUNT, _spend_account),
    LeafKind.LINK: (_LINK, _link),
    LeafKind.SPEND: (_SPEND, _spend),
}
