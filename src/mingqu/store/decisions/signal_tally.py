"""Signals counted: every feature of a person with some keys, in one round trip of bounded cost.

For each key and kind at most COUNT_MAX rows of an index are read, whatever lies behind them; a ring is followed over
at most RING_MAX people and KEYS_OF_PERSON_MAX keys of each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.identifier import cell_of_slot
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
from mingqu.store.people.instrument import slot_of_hash
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction

_PLACES: Final = {window: place for place, window in enumerate(WINDOWS)}
_MEASURES: Final = {int(kind): measure for measure, kind in COUNTED.items()}
_NAMED: Final = {
    "lenders": Measure.LENDERS, "people": Measure.PEOPLE, "ring": Measure.RING, "own": Measure.OWN_LENDERS,
}  # fmt: skip
_RING: Final = "'{" + ",".join(f"{kind:d}" for kind in RING_KEYS) + "}'"
# The slot of a key and of a person, as `store.books.recut` knows them, and from it the cell.
_KEY_CELL: Final[LiteralString] = "((get_byte(k.key_hash, 0) << 8 | get_byte(k.key_hash, 1)) >> 6) * $17::bigint / 1024"
_PERSON_CELL: Final[LiteralString] = (
    "(('x' || substr(n.person_id::text, 15, 4))::bit(16)::int >> 2 & 1023) * $17::bigint / 1024"
)
_TALLY: Final[LiteralString] = f"""
WITH counted AS (
    SELECT k.key_kind, k.kind, s.*
    FROM unnest($2::smallint[], $3::smallint[], $4::bytea[], $5::smallint[])
         AS k (cell, key_kind, key_hash, kind)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE at > $1::timestamptz - interval '1 hour') AS hour,
               count(*) FILTER (WHERE at > $1::timestamptz - interval '1 day') AS day,
               count(*) FILTER (WHERE at > $1::timestamptz - interval '7 days') AS week, count(*) AS month
        FROM (SELECT at FROM signal
              WHERE cell = k.cell AND key_kind = k.key_kind AND key_hash = k.key_hash AND kind = k.kind
                AND at > $1::timestamptz - interval '{LONGEST.days} days'
              ORDER BY at DESC LIMIT {COUNT_MAX}) newest
    ) s
), lent AS (
    SELECT k.key_kind, s.*
    FROM unnest($6::smallint[], $7::smallint[], $8::bytea[])
         AS k (cell, key_kind, key_hash)
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT lender_id) FILTER (WHERE at > $1::timestamptz - interval '1 hour') AS hour,
               count(DISTINCT lender_id) FILTER (WHERE at > $1::timestamptz - interval '1 day') AS day,
               count(DISTINCT lender_id) FILTER (WHERE at > $1::timestamptz - interval '7 days') AS week,
               count(DISTINCT lender_id) AS month
        FROM (SELECT at, lender_id FROM signal
              WHERE cell = k.cell AND key_kind = k.key_kind AND key_hash = k.key_hash AND kind = {SignalKind.CONTRACT:d}
                AND at > $1::timestamptz - interval '{LONGEST.days} days'
              ORDER BY at DESC LIMIT {COUNT_MAX}) newest
    ) s
), linked AS (
    SELECT k.key_kind, l.*
    FROM unnest($9::smallint[], $10::smallint[], $11::bytea[])
         AS k (cell, key_kind, key_hash)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE last_at > $1::timestamptz - interval '1 hour') AS hour,
               count(*) FILTER (WHERE last_at > $1::timestamptz - interval '1 day') AS day,
               count(*) FILTER (WHERE last_at > $1::timestamptz - interval '7 days') AS week, count(*) AS month
        FROM (SELECT last_at FROM signal_link
              WHERE cell = k.cell AND key_kind = k.key_kind AND key_hash = k.key_hash
                AND last_at > $1::timestamptz - interval '{LONGEST.days} days'
              ORDER BY last_at DESC LIMIT {COUNT_MAX}) newest
    ) l
), near AS MATERIALIZED (
    SELECT DISTINCT l.person_id
    FROM unnest($12::smallint[], $13::smallint[], $14::bytea[])
         AS k (cell, key_kind, key_hash)
    CROSS JOIN LATERAL (
        SELECT person_id FROM signal_link
        WHERE cell = k.cell AND key_kind = k.key_kind AND key_hash = k.key_hash
          AND last_at > $1::timestamptz - interval '{LONGEST.days} days'
        ORDER BY last_at DESC LIMIT {RING_MAX} + 1
    ) l
    WHERE l.person_id <> $15::uuid
    LIMIT {RING_MAX}
), far AS (
    SELECT DISTINCT l.person_id
    FROM near n CROSS JOIN LATERAL (
        SELECT key_kind, key_hash FROM signal_key
        WHERE cell = {_PERSON_CELL} AND person_id = n.person_id AND key_kind = ANY ({_RING}::smallint[])
          AND last_at > $1::timestamptz - interval '{LONGEST.days} days'
        ORDER BY last_at DESC, key_kind, key_hash LIMIT {KEYS_OF_PERSON_MAX}
    ) k CROSS JOIN LATERAL (
        SELECT person_id FROM signal_link
        WHERE cell = {_KEY_CELL} AND key_kind = k.key_kind AND key_hash = k.key_hash
          AND last_at > $1::timestamptz - interval '{LONGEST.days} days'
        ORDER BY last_at DESC LIMIT {RING_MAX} + 1
    ) l
    WHERE l.person_id <> $15::uuid
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
FROM loan WHERE cell = $16::smallint AND person_id = $15::uuid AND stage IN ('planned', 'active', 'charged_off')
"""  # noqa: S608 - the names are this file's own


def tally(
    tx: Transaction, *, person_id: UUID, keys: Sequence[Key], features: Collection[Feature], now: datetime
) -> dict[Feature, int]:
    """Return these features of a person with these keys, counted up to `now`, in one round trip.

    What happened after `now` by another machine's clock counts as well: a clock that is behind must not hide anything.
    What has no key to be counted by is left out.
    """
    cell = tx.cell_of(person_id)
    statement = asked(cell=cell, cells=tx.cells, person_id=person_id, keys=keys, features=features, now=now)
    return tally_in(tx.together([statement])[0], features=features)


def asked(
    *, cell: int, cells: int, person_id: UUID, keys: Sequence[Key], features: Collection[Feature], now: datetime
) -> Statement:
    """Return the statement of `tally`, whose answer `tally_in` reads; the book has so many `cells`."""
    measured: dict[Measure, set[KeyKind | None]] = {}
    for feature in features:
        measured.setdefault(feature.measure, set()).add(feature.key)
    counted = [(key, int(kind)) for measure, kind in COUNTED.items() for key in _of(keys, measured.get(measure, ()))]
    parameters = (
        column.moment(now),
        *_columns(cells, [key for key, _ in counted]),
        column.of_smallints([kind for _, kind in counted]).packed,
        *_columns(cells, _of(keys, measured.get(Measure.LENDERS, ()))),
        *_columns(cells, _of(keys, measured.get(Measure.PEOPLE, ()))),
        *_columns(cells, _of(keys, RING_KEYS) if Measure.RING in measured else []),
        person_id.bytes,
        column.smallint(cell),
        column.bigint(cells),
    )
    return Statement(_TALLY, parameters)


def tally_in(answer: Answer, *, features: Collection[Feature]) -> dict[Feature, int]:
    """Return what `tally` does from the answer to `asked`."""
    found: dict[tuple[Measure, int | None], Sequence[int]] = {}
    for what, key_kind, kind, *windows in answer:
        found[_MEASURES[int(kind)] if what == "signals" else _NAMED[what], key_kind] = windows
    return {feature: value for feature in features if (value := _value(feature, found)) is not None}


def _of(keys: Sequence[Key], kinds: Collection[KeyKind | None]) -> list[Key]:
    return [key for key in keys if key.kind in kinds]


def _columns(cells: int, keys: Sequence[Key]) -> list[bytes]:
    columns = (
        column.of_smallints([cell_of_slot(slot_of_hash(key.hash), cells=cells) for key in keys]),
        column.of_smallints([int(key.kind) for key in keys]),
        column.of_bytes_or_nulls([key.hash for key in keys]),
    )
    return [each.packed for each in columns]


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
