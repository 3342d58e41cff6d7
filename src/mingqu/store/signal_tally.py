"""Signals counted: every feature of a person with some keys, in one round trip of bounded cost.

For each key and kind at most COUNT_MAX rows of an index are read, whatever lies behind them; a ring is followed over
at most RING_MAX people and KEYS_OF_PERSON_MAX keys of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.signal import (
    COUNT_MAX,
    COUNTED,
    KEYS_OF_PERSON_MAX,
    LONGEST,
    RING_KEYS,
    RING_MAX,
    WINDOWS,
    Feature,
    Key,
    KeyKind,
    Measure,
    SignalKind,
)
from mingqu.store.database import Transaction
from mingqu.store.signal import cell_of_key

_WINDOWS: Final = tuple(WINDOWS)
_MEASURES: Final = {kind: measure for measure, kind in COUNTED.items()}
# The slot of a key and of a person, as `store.recut` knows them, and from it the cell.
_KEY_CELL: Final[LiteralString] = "((get_byte(k.key_hash, 0) << 8 | get_byte(k.key_hash, 1)) >> 6) * %(cells)s / 1024"
_PERSON_CELL: Final[LiteralString] = (
    "(('x' || substr(n.person_id::text, 15, 4))::bit(16)::int >> 2 & 1023) * %(cells)s / 1024"
)
_TALLY: Final[LiteralString] = f"""
WITH mine AS MATERIALIZED (
    SELECT * FROM unnest(%(key_cells)s::smallint[], %(key_kinds)s::smallint[], %(key_hashes)s::bytea[])
                  AS k (cell, key_kind, key_hash)
), counted AS (
    SELECT k.key_kind, k.key_hash, wanted.kind, s.*
    FROM mine k CROSS JOIN unnest(%(kinds)s::smallint[]) AS wanted (kind)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE at > %(now)s - interval '1 hour') AS hour,
               count(*) FILTER (WHERE at > %(now)s - interval '1 day') AS day,
               count(*) FILTER (WHERE at > %(now)s - interval '7 days') AS week, count(*) AS month,
               count(DISTINCT lender_id) FILTER (WHERE at > %(now)s - interval '1 hour') AS lenders_hour,
               count(DISTINCT lender_id) FILTER (WHERE at > %(now)s - interval '1 day') AS lenders_day,
               count(DISTINCT lender_id) FILTER (WHERE at > %(now)s - interval '7 days') AS lenders_week,
               count(DISTINCT lender_id) AS lenders_month
        FROM (SELECT at, lender_id FROM signal
              WHERE cell = k.cell AND key_kind = k.key_kind AND key_hash = k.key_hash AND kind = wanted.kind
                AND at > %(now)s - %(longest)s
              ORDER BY at DESC LIMIT %(count_max)s) newest
    ) s
), linked AS (
    SELECT k.key_kind, k.key_hash, l.*
    FROM mine k CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE last_at > %(now)s - interval '1 hour') AS hour,
               count(*) FILTER (WHERE last_at > %(now)s - interval '1 day') AS day,
               count(*) FILTER (WHERE last_at > %(now)s - interval '7 days') AS week, count(*) AS month
        FROM (SELECT last_at FROM signal_link
              WHERE cell = k.cell AND key_kind = k.key_kind AND key_hash = k.key_hash
                AND last_at > %(now)s - %(longest)s
              ORDER BY last_at DESC LIMIT %(count_max)s) newest
    ) l
), near AS MATERIALIZED (
    SELECT DISTINCT l.person_id
    FROM mine k CROSS JOIN LATERAL (
        SELECT person_id FROM signal_link
        WHERE cell = k.cell AND key_kind = k.key_kind AND key_hash = k.key_hash AND last_at > %(now)s - %(longest)s
        ORDER BY last_at DESC LIMIT %(ring_max)s + 1
    ) l
    WHERE k.key_kind = ANY (%(ring_keys)s) AND l.person_id <> %(person)s
    LIMIT %(ring_max)s
), far AS (
    SELECT DISTINCT l.person_id
    FROM near n CROSS JOIN LATERAL (
        SELECT key_kind, key_hash FROM signal_key
        WHERE cell = {_PERSON_CELL} AND person_id = n.person_id AND key_kind = ANY (%(ring_keys)s)
          AND last_at > %(now)s - %(longest)s
        ORDER BY last_at DESC, key_kind, key_hash LIMIT %(keys_max)s
    ) k CROSS JOIN LATERAL (
        SELECT person_id FROM signal_link
        WHERE cell = {_KEY_CELL} AND key_kind = k.key_kind AND key_hash = k.key_hash
          AND last_at > %(now)s - %(longest)s
        ORDER BY last_at DESC LIMIT %(ring_max)s + 1
    ) l
    WHERE l.person_id <> %(person)s
)
SELECT 'signals' AS what, key_kind, kind, max(hour), max(day), max(week), max(month) FROM counted GROUP BY 2, 3
UNION ALL
SELECT 'lenders', key_kind, kind, max(lenders_hour), max(lenders_day), max(lenders_week), max(lenders_month)
FROM counted WHERE kind = %(contract)s GROUP BY 2, 3
UNION ALL
SELECT 'people', key_kind, NULL, max(hour), max(day), max(week), max(month) FROM linked GROUP BY 2
UNION ALL
SELECT 'ring', NULL, NULL, NULL, NULL, NULL, count(*) FROM (SELECT * FROM near UNION SELECT * FROM far) AS ring
UNION ALL
SELECT 'own', NULL, NULL, NULL, NULL, count(DISTINCT lender_id),
       coalesce(sum(principal_unbilled_fen + payable_principal_fen), 0)::bigint
FROM loan WHERE cell = %(cell)s AND person_id = %(person)s AND stage IN ('planned', 'active', 'charged_off')
"""  # noqa: S608 - the names are this file's own


def tally(tx: Transaction, *, person_id: UUID, keys: Sequence[Key], now: datetime) -> dict[Feature, int]:
    """Return every feature of a person with these keys, counted up to `now`, in one round trip.

    What happened after `now` by another machine's clock counts as well: a clock that is behind must not hide anything.
    """
    found = tx.execute(
        _TALLY,
        {
            "key_cells": [cell_of_key(tx, key.hash) for key in keys],
            "key_kinds": [int(key.kind) for key in keys],
            "key_hashes": [key.hash for key in keys],
            "kinds": [int(kind) for kind in SignalKind],
            "contract": int(SignalKind.CONTRACT),
            "ring_keys": [int(kind) for kind in RING_KEYS],
            "person": person_id,
            "cell": tx.cell_of(person_id),
            "cells": tx.cells,
            "now": now,
            "longest": LONGEST,
            "count_max": COUNT_MAX,
            "ring_max": RING_MAX,
            "keys_max": KEYS_OF_PERSON_MAX,
        },
    )
    counts: dict[Feature, int] = {}
    for what, key_kind, kind, *windows in found:
        if what == "ring":
            counts[Feature(measure=Measure.RING, window="30d")] = min(windows[-1], RING_MAX)
        elif what == "own":
            counts[Feature(measure=Measure.OWN_LENDERS)] = windows[-2]
            counts[Feature(measure=Measure.OWN_EXPOSURE)] = windows[-1]
        else:
            measure = {"lenders": Measure.LENDERS, "people": Measure.PEOPLE}.get(what) or _MEASURES[SignalKind(kind)]
            for window, count in zip(_WINDOWS, windows, strict=True):
                counts[Feature(measure=measure, key=KeyKind(key_kind), window=window)] = count
    return counts
