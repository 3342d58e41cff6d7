"""Entries of lists in the book: keyed hashes, found for many values in one round trip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.watch_list import ListedKind, ListEntry, ListName, NotListed
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

ROWS_MAX: Final = 200  # shown to a person
_SELECT: Final[LiteralString] = """
    SELECT entry_id, list, kind, hash, cause, owner_id, entered_at, expires_on, removed_at FROM list_entry"""
_ON_LISTS: Final = """
    SELECT hash, list FROM list_entry
    WHERE hash = ANY ($1::bytea[]) AND removed_at IS NULL AND expires_on > $2::date"""


def hash_of(*, keyring: Keyring, kind: ListedKind, value: Personal[str]) -> bytes:
    """Return the keyed hash by which a value is listed: the one under which the directory and the cards know it."""
    return keyring.lookup_hash(kind=kind.value, value=value)


def insert(tx: Transaction, *, entry: ListEntry) -> None:
    """Store an entry."""
    tx.execute(
        """
        INSERT INTO list_entry (entry_id, list, kind, hash, cause, owner_id, entered_at, expires_on,
                                entered_by_proposal)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            entry.entry_id,
            entry.list.value,
            entry.kind.value,
            entry.hash,
            entry.cause,
            entry.owner_id,
            entry.entered_at,
            entry.expires_on,
            entry.proposal_id,
        ),
    )


def load(tx: Transaction, *, entry_id: UUID) -> ListEntry:
    """Return an entry. Errors: NotFound."""
    row = tx.execute(_SELECT + " WHERE entry_id = %s", (entry_id,)).fetchone()
    if row is None:
        raise NotFound
    return _entry(row)


def remove(tx: Transaction, *, entry_id: UUID, proposal_id: UUID, at: datetime) -> None:
    """Store that two people took an entry off its list. Errors: NotListed."""
    ended = tx.execute(
        "UPDATE list_entry SET removed_at = %s, removed_by = %s WHERE entry_id = %s AND removed_at IS NULL",
        (at, proposal_id, entry_id),
    )
    if ended.rowcount == 0:
        raise NotListed("This is on no list any more.")


def lists_of(tx: Transaction, *, hashes: Sequence[bytes], on: date) -> Mapping[bytes, frozenset[ListName]]:
    """Return the lists that each of the hashes is on, on a date, in one round trip; one on none is left out."""
    return lists_in(tx.together([asked(hashes=hashes, on=on)])[0])


def asked(*, hashes: Sequence[bytes], on: date) -> Statement:
    """Return the statement of `lists_of`, whose answer `lists_in` reads."""
    return Statement(_ON_LISTS, (column.of_bytes_or_nulls(list(hashes)).packed, column.day(on)))


def lists_in(answer: Answer) -> Mapping[bytes, frozenset[ListName]]:
    """Return what `lists_of` does from the answer to `asked`."""
    found: dict[bytes, frozenset[ListName]] = {}
    for value, name in answer:
        found[bytes(value)] = found.get(bytes(value), frozenset()) | {ListName(name)}
    return found


def standing_of(tx: Transaction, *, hashed: bytes) -> list[str]:
    """Return the entries of a value that nobody took off, by their ids."""
    rows = tx.execute("SELECT entry_id FROM list_entry WHERE hash = %s AND removed_at IS NULL", (hashed,))
    return [row[0].hex for row in rows]


def latest(tx: Transaction) -> list[ListEntry]:
    """Return the entries made last, the newest first."""
    rows = tx.execute(_SELECT + " ORDER BY entered_at DESC, entry_id DESC LIMIT %s", (ROWS_MAX,))
    return [_entry(row) for row in rows]


def _entry(row: TupleRow) -> ListEntry:
    return ListEntry(
        entry_id=row[0],
        list=ListName(row[1]),
        kind=ListedKind(row[2]),
        hash=bytes(row[3]),
        cause=row[4],
        owner_id=row[5],
        entered_at=row[6],
        expires_on=row[7],
        removed_at=row[8],
    )
