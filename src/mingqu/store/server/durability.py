"""Whether a server keeps what it answered, also through a power cut: every promise of the house rests on it."""

from __future__ import annotations

import psycopg

from mingqu.domain.refusal import Refusal
from mingqu.store.server.binaries import VERSION_MIN, PostgresqlUnavailable


class DatabaseNotDurable(Refusal):
    """The server answers before what it answered is on disk, or is too old to be used."""

    code = "database_not_durable"
    status = 503


def assert_durable(url: str) -> None:
    """Check what every promise rests on, also on a server that is not ours.

    Errors: DatabaseNotDurable, PostgresqlUnavailable.
    """
    try:
        with psycopg.connect(url) as connection:
            for name in ("synchronous_commit", "fsync", "full_page_writes"):
                row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
                if row is None or row[0] not in ("on", "remote_apply"):
                    raise DatabaseNotDurable(f"The server has {name} off: what it answers may be lost.", setting=name)
            if connection.info.server_version < VERSION_MIN * 10_000:
                raise DatabaseNotDurable(f"The server is older than PostgreSQL {VERSION_MIN}.")
    except (psycopg.OperationalError, psycopg.ProgrammingError):  # their words may repeat a password of the address
        raise PostgresqlUnavailable("The server named in MINGQU_DATABASE_URL cannot be reached.") from None
