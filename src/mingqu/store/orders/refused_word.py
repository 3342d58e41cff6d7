"""Rows of what was refused or parked: counted up where it comes again, and no more of them than anybody can cause."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from mingqu.domain.refused_word import DISTINCT_MAX, KEPT_FOR, RefusedKind, RefusedWord
from mingqu.store.server.database import Transaction

SHOWN_MAX: Final = 200  # on one page: the latest
SWEEP_ROWS_MAX: Final = 5_000
_COLUMNS: Final = "word_id, kind, source, reason, on_date, subject_id, facts, digest, times, first_at, last_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How often something was refused: of one kind, source and reason, since a day."""

    kind: RefusedKind
    source: str
    reason: str
    times: int


def note(tx: Transaction, *, word: RefusedWord, others_id: UUID) -> None:
    """Store a word, or count it up. Where its day has DISTINCT_MAX already it is counted under `others_id`."""
    tx.execute(
        f"""
        WITH room AS (
            SELECT EXISTS (SELECT FROM refused_word WHERE cell = %(cell)s AND word_id = %(word_id)s)
                OR %(most)s > (SELECT count(*) FROM (
                       SELECT FROM refused_word WHERE cell = %(cell)s AND on_date = %(on)s AND kind = %(kind)s
                         AND source = %(source)s AND reason = %(reason)s LIMIT %(most)s) AS of_day) AS left_over
        )
        INSERT INTO refused_word AS known (cell, {_COLUMNS})
        SELECT %(cell)s, CASE WHEN left_over THEN %(word_id)s ELSE %(others_id)s END, %(kind)s, %(source)s, %(reason)s,
               %(on)s, CASE WHEN left_over THEN %(subject_id)s::uuid END,
               CASE WHEN left_over THEN %(facts)s::json ELSE '{{}}' END,
               CASE WHEN left_over THEN %(digest)s::bytea END, %(times)s, %(first_at)s, %(last_at)s
        FROM room
        ON CONFLICT (cell, word_id) DO UPDATE
        SET times = known.times + EXCLUDED.times, last_at = greatest(known.last_at, EXCLUDED.last_at)
        """,  # noqa: S608
        {
            "cell": tx.cell_of(word.word_id),
            "word_id": word.word_id,
            "others_id": others_id,
            "most": DISTINCT_MAX,
            "kind": word.kind.value,
            "source": word.source,
            "reason": word.reason,
            "on": word.on,
            "subject_id": word.subject_id,
            "facts": json.dumps(dict(word.facts), ensure_ascii=False),
            "digest": word.digest,
            "times": word.times,
            "first_at": word.first_at,
            "last_at": word.last_at,
        },
    )


def latest(
    tx: Transaction, *, since: date, kind: str = "", source: str = "", reason: str = "", limit: int = SHOWN_MAX
) -> list[RefusedWord]:
    """Return the words of the days from `since` on, the latest first; an empty filter lets everything through."""
    rows = tx.execute(
        f"""SELECT {_COLUMNS} FROM refused_word
            WHERE on_date >= %(since)s AND %(kind)s::text IN ('', kind) AND %(source)s::text IN ('', source)
              AND %(reason)s::text IN ('', reason)
            ORDER BY last_at DESC, word_id LIMIT %(limit)s""",  # noqa: S608
        {"since": since, "kind": kind, "source": source, "reason": reason, "limit": limit},
    )
    return [_word(row) for row in rows]


def counts(tx: Transaction, *, since: date) -> list[Count]:
    """Return how often what was refused from a day on, the most frequent first."""
    rows = tx.execute(
        """SELECT kind, source, reason, sum(times)::bigint FROM refused_word WHERE on_date >= %s
           GROUP BY kind, source, reason ORDER BY 4 DESC, 1, 2, 3""",
        (since,),
    )
    return [Count(kind=RefusedKind(kind), source=source, reason=why, times=times) for kind, source, why, times in rows]


def sweep(tx: Transaction, *, cell: int, now: datetime) -> int:
    """Delete what is older than is kept, at most SWEEP_ROWS_MAX rows; return how many went."""
    return tx.execute(
        """DELETE FROM refused_word WHERE cell = %(cell)s AND ctid = ANY (ARRAY(
               SELECT ctid FROM refused_word WHERE cell = %(cell)s AND on_date < %(before)s LIMIT %(limit)s))""",
        {"cell": cell, "before": (now - KEPT_FOR).date(), "limit": SWEEP_ROWS_MAX},
    ).rowcount


def _word(row: Sequence[Any]) -> RefusedWord:
    return RefusedWord(
        word_id=row[0],
        kind=RefusedKind(row[1]),
        source=row[2],
        reason=row[3],
        on=row[4],
        subject_id=row[5],
        facts=row[6],
        digest=None if row[7] is None else bytes(row[7]),
        times=row[8],
        first_at=row[9],
        last_at=row[10],
    )
