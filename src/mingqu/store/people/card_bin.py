"""Tables of card prefixes in the book: loaded whole, each from a business date on, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from mingqu.domain.instrument import Bin, InstrumentKind
from mingqu.store.server.database import Transaction

_LOCK: Final = 4_500_001  # of whoever loads a table: versions are given one by one


def insert(
    tx: Transaction, *, bins: Sequence[Bin], holds_from: date, file_hash: bytes, at: datetime
) -> tuple[int, bool]:
    """Store a table and return its version and whether it is new: the same file from the same day is loaded once."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    known = tx.execute(
        "SELECT version FROM card_bin_table WHERE holds_from = %s AND file_hash = %s", (holds_from, file_hash)
    ).fetchone()
    if known is not None:
        return int(known[0]), False
    row = tx.execute(
        """
        INSERT INTO card_bin_table (version, holds_from, loaded_at, rows, file_hash)
        SELECT coalesce(max(version), 0) + 1, %s, %s, %s, %s FROM card_bin_table RETURNING version
        """,
        (holds_from, at, len(bins), file_hash),
    ).fetchone()
    assert row is not None
    columns = list(
        zip(
            *((one.prefix, one.digits, one.issuer, one.name_zh, one.name_en, one.kind.value) for one in bins),
            strict=True,
        )
    )
    tx.execute(
        """
        INSERT INTO card_bin (version, prefix, digits, issuer, name_zh, name_en, kind)
        SELECT %s, * FROM unnest(%s::text[], %s::smallint[], %s::text[], %s::text[], %s::text[], %s::text[])
        """,
        (row[0], *map(list, columns)),
    )
    return int(row[0]), True


def in_force(tx: Transaction, *, on: date) -> tuple[Bin, ...]:
    """Return the rows of the newest table that holds on a day; none when none was loaded."""
    rows = tx.execute(
        """
        SELECT prefix, digits, issuer, name_zh, name_en, kind FROM card_bin WHERE version = (
            SELECT version FROM card_bin_table WHERE holds_from <= %s ORDER BY holds_from DESC, version DESC LIMIT 1)
        ORDER BY prefix, digits
        """,
        (on,),
    )
    return tuple(
        Bin(prefix=row[0], digits=row[1], issuer=row[2], name_zh=row[3], name_en=row[4], kind=InstrumentKind(row[5]))
        for row in rows
    )


def names(tx: Transaction, *, issuers: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return how the newest table that knows an issuer calls it, by issuer, in both languages."""
    rows = tx.execute(
        """
        SELECT DISTINCT ON (issuer) issuer, name_zh, name_en FROM card_bin WHERE issuer = ANY (%s)
        ORDER BY issuer, version DESC
        """,
        (list(issuers),),
    )
    return {row[0]: (row[1], row[2]) for row in rows}
