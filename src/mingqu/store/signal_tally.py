"""Signals counted: every feature of a person with some keys, in one round trip of bounded cost.

For each key and kind at most COUNT_MAX rows of an index are read, whatever lies behind them; a ring is followed over
at most RING_MAX people and KEYS_OF_PERSON_MAX keys of each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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

_PLACES: Final = {window: place for place, window in enumerate(WINDOWS)}
_MEASURES: Final = {int(kind): measure for measure, kind in COUNTED.items()}
_NAMED: Final = {
    "lenders": Measure.LENDERS, "people": Measure.PEOPLE, "ring": Measure.RING, "own": Measure.OWN_LENDERS,
}  # fmt: skip
_RING: Final = [int(kind) for kind in RING_KEYS]
# The slot of a key and of a person, as `store.recut` knows them, and from it the cell.
_KEY_CELL: Final[LiteralString] = "((get_byte(k.key_hash, 0) << 8 | get_byte(k.key_hash, 1)) >> 6) * %(cells)s / 1024"
_PERSON_CELL: Final[LiteralString] = (
    "(('x' || substr(n.person_id::text, 15, 4))::bit(16)::int >> 2 & 1023) * %(cells)s / 1024"
)
_TALLY: Final[LiteralString] = f"""
WITH counted AS (
    SELECT k.key_kind, k.kind, s.*
    FROM unnest(%(c_cells)s::smallint[], %(c_key_kinds)s::smallint[], %(c_hashes)s::bytea[], %(c_kinds)s::smallint[])
         AS k (cell, key_kind, key_hash, kind)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE at > %(now)s - interval '1 hour') AS hour,
               count(*) FILTER (WHERE at > %(now)s - interval '1 day') AS day,
               count(*) FILTER (WHERE at > %(now)s - interval '7 days') AS week, count(*) AS month
        FROM (SELECT at FROM signal
              WHERE cell = k.cell AND key_kind = k.key_kind AND key_hash = k.key_hash AND kind = k.kind
                AND at > %(now)s - %(longest)s
              ORDER BY at DESC LIMIT %(count_max)s) newest
    ) s
), lent AS (
    SELECT k.key_kind, s.*
    FROM unnest(%(t_cells)s::smallint[], %(t_key_kinds)s::smallint[], %(t_hashes)s::bytea[])
         AS k (cell, key_kind, key_hash)
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT lender_id) FILTER (WHERE at > %(now)s - interval '1 hour') AS hour,
               count(DISTINCT lender_id) FILTER (WHERE at > %(now)s - interval '1 day') AS day,
               count(DISTINCT lender_id) FILTER (WHERE at > %(now)s - interval '7 days') AS week,
               count(DISTINCT lender_id) AS month
        FROM (SELECT at, lender_id FROM signal
              WHERE cell = k.cell AND key_kind = k.key_kind AND key_hash = k.key_hash AND kind = %(contract)s
                AND at > %(now)s - %(longest)s
              ORDER BY at DESC LIMIT %(count_max)s) newest
    ) s
), linked AS (
    SELECT k.key_kind, l.*
    FROM unnest(%(l_cells)s::smallint[], %(l_key_kinds)s::smallint[], %(l_hashes)s::bytea[])
         AS k (cell, key_kind, key_hash)
    CROSS JOIN LATERAL (
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
    FROM unnest(%(r_cells)s::smallint[], %(r_key_kinds)s::smallint[], %(r_hashes)s::bytea[])
         AS k (cell, key_kind, key_hash)
    CROSS JOIN LATERAL (
        SELECT person_id FROM signal_link
        WHERE cell = k.cell AND key_kind = k.key_kind AND key_hash = k.key_hash AND last_at > %(now)s - %(longest)s
        ORDER BY last_at DESC LIMIT %(ring_max)s + 1
    ) l
    WHERE l.person_id <> %(person)s
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
SELECT 'lenders', key_kind, NULL, max(hour), max(day), max(week), max(month) FROM lent GROUP BY 2
UNION ALL
SELECT 'people', key_kind, NULL, max(hour), max(day), max(week), max(month) FROM linked GROUP BY 2
UNION ALL
SELECT 'ring', NULL, NULL, NULL, NULL, NULL, count(*) FROM (SELECT * FROM near UNION SELECT * FROM far) AS ring
UNION ALL
SELECT 'own', NULL, NULL, NULL, NULL, count(DISTINCT lender_id),
       coalesce(sum(principal_unbilled_fen + payable_principal_fen), 0)::bigint
FROM loan WHERE cell = %(cell)s AND person_id = %(person)s AND stage IN ('planned', 'active', 'charged_off')
"""  # noqa: S608 - the names are this file's own


def tally(
    tx: Transaction, *, person_id: UUID, keys: Sequence[Key], features: Collection[Feature], now: datetime
) -> dict[Feature, int]:
    """Return these features of a person with these keys, counted up to `now`, in one round trip.

    What happened after `now` by another machine's clock counts as well: a clock that is behind must not hide anything.
    What has no key to be counted by is left out.
    """
    measured: dict[Measure, set[KeyKind | None]] = {}
    for feature in features:
        measured.setdefault(feature.measure, set()).add(feature.key)
    given: dict[str, object] = {
        "contract": int(SignalKind.CONTRACT),
        "ring_keys": _RING,
        "person": person_id,
        "cell": tx.cell_of(person_id),
        "cells": tx.cells,
        "now": now,
        "longest": LONGEST,
        "count_max": COUNT_MAX,
        "ring_max": RING_MAX,
        "keys_max": KEYS_OF_PERSON_MAX,
    }
    counted = [(key, int(kind)) for measure, kind in COUNTED.items() for key in _of(keys, measured.get(measure, ()))]
    given |= _columns(tx, "c", [key for key, _ in counted]) | {"c_kinds": [kind for _, kind in counted]}
    given |= _columns(tx, "t", _of(keys, measured.get(Measure.LENDERS, ())))
    given |= _columns(tx, "l", _of(keys, measured.get(Measure.PEOPLE, ())))
    given |= _columns(tx, "r", _of(keys, RING_KEYS) if Measure.RING in measured else [])
    found: dict[tuple[Measure, int | None], Sequence[int]] = {}
    for what, key_kind, kind, *windows in tx.execute(_TALLY, given):
        found[_MEASURES[int(kind)] if what == "signals" else _NAMED[what], key_kind] = windows
    return {feature: value for feature in features if (value := _value(feature, found)) is not None}


def _of(keys: Sequence[Key], kinds: Collection[KeyKind | None]) -> list[Key]:
    return [key for key in keys if key.kind in kinds]


def _columns(tx: Transaction, letter: str, keys: Sequence[Key]) -> dict[str, object]:
    return {
        f"{letter}_cells": [cell_of_key(tx, key.hash) for key in keys],
        f"{letter}_key_kinds": [int(key.kind) for key in keys],
        f"{letter}_hashes": [key.hash for key in keys],
    }


def _value(feature: Feature, found: Mapping[tuple[Measure, int | None], Sequence[int]]) -> int | None:
    match feature.measure:
        case Measure.RING:
            return min(found[Measure.RING, None][-1], RING_MAX)
        case Measure.OWN_LENDERS:
            return found[Measure.OWN_LENDERS, None][-2]
        case Measure.OWN_EXPOSURE:
            return found[Measure.OWN_LENDERS, None][-1]
        case measure:
            windows = found.get((measure, None if feature.key is None else int(feature.key)))
            return None if windows is None else windows[_PLACES[feature.window or ""]]
