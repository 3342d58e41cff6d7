"""Past applications as they were decided, a batch at a time: the record, and what the vault still holds of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

BATCH_DECISIONS: Final = 2_000  # records of some kilobytes each: a few megabytes in memory at a time
_FIRST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDecision:
    """One decision: the public part of its record as plain data, and the sealed part, None if the person is erased."""

    business_date: date
    outcome: str
    record: dict[str, Any]
    sealed: Personal[str] | None


def count_decisions(tx: Transaction, *, since: date, until: date) -> int:
    """Return how many decisions were made on the days [since, until)."""
    row = tx.execute(
        "SELECT count(*) FROM decision WHERE business_date >= %s AND business_date < %s", (since, until)
    ).fetchone()
    assert row is not None
    count: int = row[0]
    return count


def past_decisions(tx: Transaction, *, keyring: Keyring, since: date, until: date) -> Iterator[PastDecision]:
    """Yield every decision of the days [since, until), cell by cell in order of id, which is that of time.

    Errors: KeyUnknown, SealBroken.
    """
    after: tuple[int, UUID] = (-1, _FIRST)
    while True:
        rows = tx.execute(
            """
            SELECT d.cell, d.decision_id, d.person_id, d.business_date, d.outcome, d.record, d.sealed,
                   k.wrapping_id, k.wrapped_key, f.sealed
            FROM decision d
            LEFT JOIN person_key k ON k.cell = d.cell AND k.person_id = d.person_id
            LEFT JOIN vault_field f ON f.cell = d.cell AND f.person_id = d.person_id
                                   AND f.field = convert_from(d.sealed, 'UTF8')
            WHERE (d.cell, d.decision_id) > (%s, %s) AND d.business_date >= %s AND d.business_date < %s
            ORDER BY d.cell, d.decision_id LIMIT %s
            """,
            (*after, since, until, BATCH_DECISIONS),
        ).fetchall()
        for row in rows:
            erased = row[8] is None or row[9] is None
            yield PastDecision(
                business_date=row[3],
                outcome=row[4],
                record=json.loads(bytes(row[5])),
                sealed=None
                if erased
                else vault.unlock(
                    keyring=keyring,
                    person_id=row[2],
                    field=bytes(row[6]).decode(),
                    sealed=row[9],
                    wrapping_id=row[7],
                    wrapped=row[8],
                ),
            )
        if len(rows) < BATCH_DECISIONS:
            return
        after = (rows[-1][0], rows[-1][1])
