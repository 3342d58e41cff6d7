"""Breaks at rest: found and vanished by comparisons, explained and closed by two people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.ownership import NotFound
from mingqu.domain.reconciliation import (
    Break,
    BreakEvent,
    BreakKind,
    BreakState,
    Cause,
    Moved,
    break_id,
    is_ours,
    next_state,
)
from mingqu.store.server.database import Transaction

ROWS_MAX: Final = 200  # on a screen, from the oldest; the count beside it is of all of them

_SELECT: Final[LiteralString] = """
    SELECT break_id, source, on_date, kind, order_number, direction, currency, ours_fen, theirs_fen, ours_on, theirs_on,
           reference, state, cause, opened_at, changed_at, asked_at, answer, proposal_id FROM reconciliation_break"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBreak:
    """A break as it stands; a side that has nothing is None. Amounts in fen."""

    break_id: UUID
    source: str
    on: date
    kind: BreakKind
    order_number: str
    moved: Moved
    currency: str
    ours_fen: int | None
    theirs_fen: int | None
    ours_on: date | None
    theirs_on: date | None
    reference: str
    state: BreakState
    cause: Cause
    opened_at: datetime
    changed_at: datetime
    asked_at: datetime | None
    answer: str | None
    proposal_id: UUID | None

    @property
    def order_id(self) -> UUID | None:
        """The order it is about, if its number can be one of ours."""
        return UUID(hex=self.order_number) if is_ours(self.order_number) else None

    @property
    def amount_fen(self) -> int:
        """What is at stake: the difference where both sides have an amount, else the amount of the one that has."""
        if self.ours_fen is not None and self.theirs_fen is not None and self.kind is BreakKind.AMOUNT:
            return abs(self.ours_fen - self.theirs_fen)
        return self.theirs_fen or self.ours_fen or 0


def of_day(tx: Transaction, *, source: str, on: date) -> list[KnownBreak]:
    """Return every break of a source and day, closed ones too, in order of their ids."""
    rows = tx.execute(_SELECT + " WHERE source = %s AND on_date = %s ORDER BY break_id", (source, on))
    return [_known(row) for row in rows]


def left(tx: Transaction, *, limit: int = ROWS_MAX) -> list[KnownBreak]:
    """Return breaks that are not closed, the oldest first."""
    return [
        _known(row)
        for row in tx.execute(_SELECT + " WHERE state <> 'closed' ORDER BY opened_at, break_id LIMIT %s", (limit,))
    ]


def days_left(tx: Transaction, *, source: str, limit: int) -> list[date]:
    """Return the days of a source that have breaks which are not closed, the newest first."""
    rows = tx.execute(
        "SELECT DISTINCT on_date FROM reconciliation_break WHERE source = %s AND state <> 'closed'"
        " ORDER BY on_date DESC LIMIT %s",
        (source, limit),
    )
    return [row[0] for row in rows]


def counts(tx: Transaction) -> dict[str, int]:
    """Return how many breaks stand in each state that is not closed."""
    return dict(
        tx.execute(
            "SELECT state, count(*) FROM reconciliation_break WHERE state <> 'closed' GROUP BY state ORDER BY state"
        ).fetchall()
    )


def load(tx: Transaction, *, break_id: UUID, lock: bool = False) -> KnownBreak:
    """Return a break; with `lock` nobody else changes it until the transaction ends. Errors: NotFound."""
    suffix: LiteralString = " FOR UPDATE" if lock else ""
    row = tx.execute(_SELECT + " WHERE break_id = %s" + suffix, (break_id,)).fetchone()
    if row is None:
        raise NotFound
    return _known(row)


def keep(tx: Transaction, *, source: str, on: date, found: Sequence[Break], at: datetime) -> None:
    """Let the breaks of a day be those that were found: new ones are opened, those that vanished closed.

    The caller holds the day's bill, so two comparisons of a day come one after the other.
    """
    known = {one.break_id: one for one in of_day(tx, source=source, on=on)}
    seen: set[UUID] = set()
    for one in found:
        line = one.line
        identity = break_id(
            source=source, order_number=line.order_number, kind=one.kind.value, on=on, ordinal=one.ordinal
        )
        seen.add(identity)
        if identity not in known:
            _insert(tx, identity=identity, source=source, found=one, at=at)
            continue
        before = known[identity]
        after = next_state(state=before.state, event=BreakEvent.FOUND, mended=before.cause is Cause.MENDED)
        figures = _figures(one)
        if after is not before.state or figures != (
            before.ours_fen,
            before.theirs_fen,
            before.ours_on,
            before.theirs_on,
        ):
            tx.execute(
                "UPDATE reconciliation_break SET state = %s, cause = %s, ours_fen = %s, theirs_fen = %s, ours_on = %s,"
                " theirs_on = %s, changed_at = %s WHERE break_id = %s",
                (
                    after.value,
                    (before.cause if after is before.state else Cause.UNKNOWN).value,
                    *figures,
                    at,
                    identity,
                ),
            )
    for identity, gone in known.items():
        if identity not in seen and gone.state is not BreakState.CLOSED:
            after = next_state(state=gone.state, event=BreakEvent.VANISHED)
            change(tx, break_id=identity, state=after, cause=Cause.MENDED, at=at, proposal_id=None)


def change(
    tx: Transaction, *, break_id: UUID, state: BreakState, cause: Cause, at: datetime, proposal_id: UUID | None
) -> None:
    """Write a break's new state and why. The caller holds the break or its day."""
    tx.execute(
        "UPDATE reconciliation_break SET state = %s, cause = %s, changed_at = %s,"
        " proposal_id = coalesce(%s, proposal_id) WHERE break_id = %s",
        (state.value, cause.value, at, proposal_id, break_id),
    )


def asked(tx: Transaction, *, break_id: UUID, answer: str, at: datetime) -> None:
    """Write down what the channel said when it was asked about a break's order."""
    tx.execute("UPDATE reconciliation_break SET asked_at = %s, answer = %s WHERE break_id = %s", (at, answer, break_id))


def _insert(tx: Transaction, *, identity: UUID, source: str, found: Break, at: datetime) -> None:
    # Both sides have it and the comparison says why they differ: that is a note for people, not a question.
    is_known = found.kind is BreakKind.SHIFTED
    line = found.line
    tx.execute(
        """INSERT INTO reconciliation_break (break_id, source, on_date, kind, order_number, direction, currency,
               ours_fen, theirs_fen, ours_on, theirs_on, reference, state, cause, opened_at, changed_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
        (
            identity,
            source,
            found.on,
            found.kind.value,
            line.order_number,
            line.moved.value,
            line.currency,
            *_figures(found),
            line.reference,
            (BreakState.EXPLAINED if is_known else BreakState.OPEN).value,
            (Cause.OTHER_DAY if is_known else Cause.UNKNOWN).value,
            at,
            at,
        ),
    )


def _figures(found: Break) -> tuple[int | None, int | None, date | None, date | None]:
    ours, theirs = found.ours, found.theirs
    return (
        None if ours is None else ours.amount_fen,
        None if theirs is None else theirs.amount_fen,
        None if ours is None else ours.on,
        None if theirs is None else theirs.on,
    )


def _known(row: tuple[object, ...]) -> KnownBreak:
    (identity, source, on, kind, number, direction, currency, ours_fen, theirs_fen, ours_on, theirs_on, *rest) = row
    reference, state, cause, opened_at, changed_at, asked_at, answer, proposal_id = rest
    told = {
        "break_id": identity, "source": source, "on": on, "kind": BreakKind(kind), "order_number": number,
        "moved": Moved(direction), "currency": currency, "ours_fen": ours_fen, "theirs_fen": theirs_fen,
        "ours_on": ours_on, "theirs_on": theirs_on, "reference": reference, "state": BreakState(state),
        "cause": Cause(cause), "opened_at": opened_at, "changed_at": changed_at, "asked_at": asked_at,
        "answer": answer, "proposal_id": proposal_id,
    }  # fmt: skip
    return KnownBreak(**told)  # type: ignore[arg-type]  # as the columns of _SELECT are
