"""Switches in the book: what is off, since when, why and by whom. A row ends once and is never changed otherwise."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.decision.switch import NotSwitchedOff, Switch, SwitchedOffAlready, SwitchKind
from mingqu.domain.ownership import NotFound
from mingqu.store.decisions import publication
from mingqu.store.server.database import Transaction

ROWS_MAX: Final = 200  # shown to a person
_SELECT: Final[LiteralString] = """
    SELECT switch_id, kind, name, cause, owner_id, off_at, ends_on, on_at, off_by_proposal FROM policy_switch"""


def insert(tx: Transaction, *, switch: Switch, business_date: date) -> None:
    """Store that something is off; one that ended by itself makes room. Errors: SwitchedOffAlready."""
    publication.next_generation(tx)
    tx.execute(
        """UPDATE policy_switch SET on_at = %s, on_by = owner_id
           WHERE kind = %s AND name = %s AND on_at IS NULL AND ends_on <= %s""",
        (switch.off_at, switch.kind.value, switch.name, business_date),
    )
    added = tx.execute(
        """
        INSERT INTO policy_switch (switch_id, kind, name, cause, owner_id, off_at, ends_on, off_by_proposal)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (kind, name) WHERE on_at IS NULL DO NOTHING
        """,
        (
            switch.switch_id,
            switch.kind.value,
            switch.name,
            switch.cause,
            switch.owner_id,
            switch.off_at,
            switch.ends_on,
            switch.proposal_id,
        ),
    )
    if added.rowcount == 0:
        raise SwitchedOffAlready("This is switched off already.")


def put_on(tx: Transaction, *, switch_id: UUID, by: UUID, at: datetime) -> None:
    """Store that something is on again; `by` is the operator, or the proposal of two. Errors: NotSwitchedOff."""
    publication.next_generation(tx)
    ended = tx.execute(
        "UPDATE policy_switch SET on_at = %s, on_by = %s WHERE switch_id = %s AND on_at IS NULL", (at, by, switch_id)
    )
    if ended.rowcount == 0:
        raise NotSwitchedOff("This is on.")


def load(tx: Transaction, *, switch_id: UUID) -> Switch:
    """Return a switch. Errors: NotFound."""
    row = tx.execute(_SELECT + " WHERE switch_id = %s", (switch_id,)).fetchone()
    if row is None:
        raise NotFound
    return _switch(row)


def standing(tx: Transaction) -> tuple[Switch, ...]:
    """Return what nobody has put on again, by kind and name; what ended by itself is for the caller to leave out."""
    return tuple(_switch(row) for row in tx.execute(_SELECT + " WHERE on_at IS NULL ORDER BY kind, name"))


def latest(tx: Transaction) -> list[Switch]:
    """Return the switches of the whole book, those off first, then the newest."""
    rows = tx.execute(_SELECT + " ORDER BY on_at IS NOT NULL, off_at DESC, switch_id DESC LIMIT %s", (ROWS_MAX,))
    return [_switch(row) for row in rows]


def _switch(row: TupleRow) -> Switch:
    return Switch(
        switch_id=row[0],
        kind=SwitchKind(row[1]),
        name=row[2],
        cause=row[3],
        owner_id=row[4],
        off_at=row[5],
        ends_on=row[6],
        on_at=row[7],
        proposal_id=row[8],
    )
