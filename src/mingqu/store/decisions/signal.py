"""Signals in the book: written with their keys, forgotten with their person; `signal_tally` beside this counts them.

A signal lies in the cell of its key's hash and so has nothing to do with its person's cell or lock: `note` is called in
a short transaction of its own (`services.people.note_signals` says why nothing is lost or doubled by that).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.identifier import cell_of_slot
from mingqu.domain.personal import Personal
from mingqu.domain.signal import (
    KEPT_FOR,
    Key,
    KeyKind,
    Signal,
)
from mingqu.store.people.instrument import slot_of_hash
from mingqu.store.server import column
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

HASH_BYTES: Final = 16  # two keys alike would take 2^64 of them
FORGET_ROWS_MAX: Final = 5_000  # rows of one transaction of the sweep: some tens of milliseconds
_NOTE: Final = """
    INSERT INTO signal (cell, key_kind, key_hash, kind, at, signal_id, person_id, lender_id, amount_fen)
    SELECT * FROM unnest($1::smallint[], $2::smallint[], $3::bytea[], $4::smallint[], $5::timestamptz[], $6::uuid[],
                         $7::uuid[], $8::uuid[], $9::bigint[])
    ON CONFLICT (cell, key_kind, key_hash, signal_id) DO NOTHING"""
_LINK: Final = """
    INSERT INTO signal_link AS known (cell, key_kind, key_hash, person_id, last_at)
    SELECT * FROM unnest($1::smallint[], $2::smallint[], $3::bytea[], $4::uuid[], $5::timestamptz[])
    ON CONFLICT (cell, key_kind, key_hash, person_id)
    DO UPDATE SET last_at = EXCLUDED.last_at WHERE known.last_at < EXCLUDED.last_at"""
_KEY: Final = """
    INSERT INTO signal_key AS known (cell, person_id, key_kind, key_hash, last_at)
    SELECT * FROM unnest($1::smallint[], $2::uuid[], $3::smallint[], $4::bytea[], $5::timestamptz[])
    ON CONFLICT (cell, person_id, key_kind, key_hash)
    DO UPDATE SET last_at = EXCLUDED.last_at WHERE known.last_at < EXCLUDED.last_at"""
_LIVING: Final = """
    SELECT p.person_id FROM unnest($1::smallint[], $2::uuid[]) AS w (cell, person_id)
    JOIN person p ON p.cell = w.cell AND p.person_id = w.person_id
    WHERE p.erased_at IS NULL ORDER BY p.person_id FOR SHARE OF p"""


def key_of(*, keyring: Keyring, kind: KeyKind, value: Personal[str]) -> Key:
    """Return the key of a value. It is hashed apart from every other use, so that no two tables can be joined by it."""
    digest = keyring.lookup_hash(kind=f"signal/{kind.name.lower()}", value=value)
    return Key(kind=kind, hash=digest[:HASH_BYTES])


def note(tx: Transaction, *, signals: Sequence[Signal]) -> int:
    """Write signals and return how many rows are new; told again, with the same ids, they are the same ones.

    Of somebody who was erased, or is erased at this moment, nothing is written.
    """
    signals = _of_the_living(tx, signals)
    rows = [
        (cell_of_key(tx, key.hash), int(key.kind), key.hash, int(one.kind), one.at, one.signal_id, one.person_id,
         one.lender_id, one.amount_fen)
        for one in signals
        for key in dict.fromkeys(one.keys)
    ]  # fmt: skip
    rows.sort(key=lambda row: row[:6])  # in one order for all, so that two writers never wait for each other
    if not rows:
        return 0
    cells, key_kinds, hashes, kinds, moments, ids, people, lenders, amounts = zip(*rows, strict=True)
    columns = (
        column.of_smallints(cells),
        column.of_smallints(key_kinds),
        column.of_bytes_or_nulls(hashes),
        column.of_smallints(kinds),
        column.of_moments(moments),
        column.of_uuids(ids),
        column.of_uuids(people),
        column.of_uuids(lenders),
        column.of_bigints_or_nulls(amounts),
    )
    fresh, *_ = tx.together([Statement(_NOTE, [each.packed for each in columns]), *_linked(tx, signals)])
    return fresh.rowcount


def _of_the_living(tx: Transaction, signals: Sequence[Signal]) -> list[Signal]:
    """Leave out who was erased, and keep the others from being erased until this is committed."""
    people = sorted({one.person_id for one in signals if one.person_id is not None})
    if not people:
        return list(signals)
    places = (column.of_smallints([tx.cell_of(who) for who in people]), column.of_uuids(people))
    (answer,) = tx.together([Statement(_LIVING, [each.packed for each in places])])
    living = {row[0].int for row in answer}
    return [one for one in signals if one.person_id is None or one.person_id.int in living]


def _linked(tx: Transaction, signals: Sequence[Signal]) -> list[Statement]:
    """Return the statements that note who was seen with which key, on both sides."""
    last: dict[tuple[Key, UUID], datetime] = {}
    for one in signals:
        for key in one.keys:
            if one.person_id is not None:
                last[key, one.person_id] = max(one.at, last.get((key, one.person_id), one.at))
    if not last:
        return []
    links = sorted((cell_of_key(tx, key.hash), int(key.kind), key.hash, who, at) for (key, who), at in last.items())
    keys = sorted((tx.cell_of(who), who, int(key.kind), key.hash, at) for (key, who), at in last.items())
    link_columns = (
        column.of_smallints([link[0] for link in links]),
        column.of_smallints([link[1] for link in links]),
        column.of_bytes_or_nulls([link[2] for link in links]),
        column.of_uuids([link[3] for link in links]),
        column.of_moments([link[4] for link in links]),
    )
    key_columns = (
        column.of_smallints([key[0] for key in keys]),
        column.of_uuids([key[1] for key in keys]),
        column.of_smallints([key[2] for key in keys]),
        column.of_bytes_or_nulls([key[3] for key in keys]),
        column.of_moments([key[4] for key in keys]),
    )
    return [
        Statement(_LINK, [each.packed for each in link_columns]),
        Statement(_KEY, [each.packed for each in key_columns]),
    ]


# The rows `s` of the keys by which a person was seen; conditions on `s` may follow.
_THEIRS: Final[LiteralString] = """
    unnest(%(cells)s::smallint[], %(kinds)s::smallint[], %(hashes)s::bytea[]) AS k (cell, key_kind, key_hash)
    WHERE s.cell = k.cell AND s.key_kind = k.key_kind AND s.key_hash = k.key_hash
"""
_OWN: Final = [int(kind) for kind in KeyKind if kind not in (KeyKind.DEVICE, KeyKind.ADDRESS)]


def forget(tx: Transaction, *, person_id: UUID, kinds: Collection[KeyKind] = tuple(KeyKind)) -> None:
    """Forget with which keys of some kinds a person was seen: of all in an erasure, of devices when they say so.

    Rows of keys that are theirs alone (phone, card, ID number, their own id) go. On a device or an address, which
    others use as well, the row stays and says no longer whose it was; the person is not counted there any more.
    """
    cells, key_kinds, hashes = _keys_of(tx, person_id=person_id, kinds=kinds)
    given = {"person": person_id, "cells": cells, "kinds": key_kinds, "hashes": hashes, "own": _OWN}
    # A code that was sent to their phone names nobody, but is about them.
    tx.execute(
        f"""DELETE FROM signal s USING {_THEIRS} AND s.key_kind = ANY (%(own)s)
            AND (s.person_id = %(person)s OR s.person_id IS NULL)""",  # noqa: S608 - the names are this file's own
        given,
    )
    tx.execute(f"UPDATE signal s SET person_id = NULL FROM {_THEIRS} AND s.person_id = %(person)s", given)  # noqa: S608
    tx.execute(f"DELETE FROM signal_link s USING {_THEIRS} AND s.person_id = %(person)s", given)  # noqa: S608
    tx.execute(
        "DELETE FROM signal_key WHERE cell = %s AND person_id = %s AND key_kind = ANY (%s)",
        (tx.cell_of(person_id), person_id, [int(kind) for kind in kinds]),
    )


def repoint(tx: Transaction, *, from_person_id: UUID, to_person_id: UUID) -> None:
    """Let what one person was seen with be another's, who is the same: part of a merger, so that none counts twice."""
    cells, kinds, hashes = _keys_of(tx, person_id=from_person_id, kinds=tuple(KeyKind))
    given = {"cells": cells, "kinds": kinds, "hashes": hashes, "person": from_person_id, "other": to_person_id}
    tx.execute(f"UPDATE signal s SET person_id = %(other)s FROM {_THEIRS} AND s.person_id = %(person)s", given)  # noqa: S608
    tx.execute(
        f"""
        INSERT INTO signal_link SELECT s.cell, s.key_kind, s.key_hash, %(other)s, s.last_at
        FROM signal_link s, {_THEIRS} AND s.person_id = %(person)s
        ON CONFLICT (cell, key_kind, key_hash, person_id)
        DO UPDATE SET last_at = greatest(signal_link.last_at, EXCLUDED.last_at)
        """,  # noqa: S608
        given,
    )
    tx.execute(f"DELETE FROM signal_link s USING {_THEIRS} AND s.person_id = %(person)s", given)  # noqa: S608
    there, here = tx.cell_of(to_person_id), tx.cell_of(from_person_id)
    tx.execute(
        """
        INSERT INTO signal_key SELECT %s, %s, key_kind, key_hash, last_at FROM signal_key
        WHERE cell = %s AND person_id = %s
        ON CONFLICT (cell, person_id, key_kind, key_hash)
        DO UPDATE SET last_at = greatest(signal_key.last_at, EXCLUDED.last_at)
        """,
        (there, to_person_id, here, from_person_id),
    )
    tx.execute("DELETE FROM signal_key WHERE cell = %s AND person_id = %s", (here, from_person_id))


def sweep(tx: Transaction, *, cell: int, now: datetime) -> int:
    """Delete what is older than is kept, at most FORGET_ROWS_MAX rows of each table; return how many went."""
    before, gone = now - KEPT_FOR, 0
    old: Collection[tuple[LiteralString, LiteralString]] = (
        ("signal", "at"), ("signal_link", "last_at"), ("signal_key", "last_at")
    )  # fmt: skip
    for table, moment in old:
        gone += tx.execute(
            f"""DELETE FROM {table} WHERE cell = %(cell)s AND ctid = ANY (ARRAY(
                    SELECT ctid FROM {table} WHERE cell = %(cell)s AND {moment} < %(before)s LIMIT %(limit)s))""",  # noqa: S608
            {"cell": cell, "before": before, "limit": FORGET_ROWS_MAX},
        ).rowcount  # names of our own, from the line above
    return gone


def _keys_of(
    tx: Transaction, *, person_id: UUID, kinds: Collection[KeyKind]
) -> tuple[list[int], list[int], list[bytes]]:
    rows = tx.execute(
        """SELECT key_kind, key_hash FROM signal_key WHERE cell = %s AND person_id = %s AND key_kind = ANY (%s)
           ORDER BY key_kind, key_hash""",
        (tx.cell_of(person_id), person_id, [int(kind) for kind in kinds]),
    ).fetchall()
    hashes = [bytes(key_hash) for _, key_hash in rows]
    return [cell_of_key(tx, key_hash) for key_hash in hashes], [kind for kind, _ in rows], hashes


def cell_of_key(tx: Transaction, key_hash: bytes) -> int:
    """Return the cell in which the signals of a key lie."""
    return cell_of_slot(slot_of_hash(key_hash), cells=tx.cells)
