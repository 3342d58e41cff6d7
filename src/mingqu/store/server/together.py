"""Writes of several kinds in one round trip: each part brings its statements and looks at their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction


def _as_it_is(_: Sequence[Answer]) -> None:
    """A statement that only fails by raising has nothing to be looked at."""


class Part(NamedTuple):
    """Statements that belong together, and what raises unless their answers are what they must be."""

    statements: Sequence[Statement]
    check: Callable[[Sequence[Answer]], None] = _as_it_is


def write(tx: Transaction, *, parts: Sequence[Part]) -> None:
    """Run the statements of all parts in one round trip, in order, and check their answers.

    Errors: whatever a part's check raises; the caller then rolls back.
    """
    answers = tx.together([statement for part in parts for statement in part.statements])
    place = 0
    for part in parts:
        part.check(answers[place : place + len(part.statements)])
        place += len(part.statements)
