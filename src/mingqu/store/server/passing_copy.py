"""A copy of a whole database that goes away: for whoever lives the same story from the same beginning many times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

_ADMINISTERED: Final = "postgres"  # the database that one is connected to while another is made


@contextmanager
def passing_copy(url: str, *, name: str, in_memory: bool) -> Iterator[str]:
    """Copy the database at `url`, to which nobody is connected, as `name`; give its address, take it away in the end.

    With `in_memory` files are copied, which needs two checkpoints and no log: quick where no disk waits for them.
    """
    source = urlsplit(url).path.removeprefix("/")
    strategy = sql.SQL("FILE_COPY" if in_memory else "WAL_LOG")
    with psycopg.connect(_addressed(url, _ADMINISTERED), autocommit=True) as administrator:
        administrator.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(
                sql.Identifier(name), sql.Identifier(source), strategy
            )
        )
        try:
            yield _addressed(url, name)
        finally:
            administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _addressed(url: str, name: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"
