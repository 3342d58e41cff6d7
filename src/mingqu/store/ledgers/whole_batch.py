"""A batch of transfers that is posted as a whole or fails, for a last round trip in which nobody looks at answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg

from mingqu.domain.ledger import Result, Transfer
from mingqu.store.ledgers import ledger
from mingqu.store.server.connection import Statement

_REFUSED: Final = "MQ003"  # what post_batch fails with


def posted(*, cell: int, transfers: Sequence[Transfer]) -> Statement:
    """Return the statement of `ledger.post` for `tx.finish`: it fails if anything of it is refused.

    The round trip stands under `refusals`. Errors: BatchTooLarge.
    """
    sql, parameters = ledger.posted(cell=cell, transfers=transfers)
    return Statement(sql.removesuffix(")") + ", true)", parameters)


@contextmanager
def refusals(*, transfers: Sequence[Transfer]) -> Iterator[None]:
    """Raise TransferRefused, as `ledger.post` does, where the statement of `posted` fails."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate != _REFUSED:
            raise
        results = [Result(int(number)) for number in (error.diag.message_detail or "").split()]
        pairs = zip(transfers, results, strict=True)
        transfer, result = next((transfer, result) for transfer, result in pairs if not result.is_in_books)
        raise ledger.TransferRefused(transfer=transfer, result=result) from error
