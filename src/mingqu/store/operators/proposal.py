"""Proposals in the book. The caller holds the lock of the person's cell for every write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.ownership import NotFound
from mingqu.domain.proposal import HOUSE, Deed, Proposal, ProposalState
from mingqu.domain.refusal import Refusal
from mingqu.store.server.database import Transaction

ROWS_MAX: Final = 100  # read by people, who begin with what runs out first
_SELECT: Final[LiteralString] = """
    SELECT proposal_id, deed, coalesce(person_id, '00000000-0000-0000-0000-000000000000'), subject_id, body, basis,
           reason, maker_id, made_at, expires_at, state, checker_id, decided_at, answer
    FROM proposal
"""


class ProposalWaits(Refusal):
    """The same is proposed already and waits to be checked."""

    code: ClassVar[str] = "proposal_waits"
    status: ClassVar[int] = 409


def insert(tx: Transaction, *, proposal: Proposal) -> None:
    """Store a new proposal; one on the same that ran out makes room. Errors: ProposalWaits."""
    cell = tx.cell_of(proposal.person_id)
    assert tx.cell_of(proposal.proposal_id) == tx.cell_of(proposal.subject_id) == cell
    tx.execute(
        """
        UPDATE proposal SET state = 'expired'
        WHERE cell = %s AND deed = %s AND subject_id = %s AND state = 'open' AND expires_at <= %s
        """,
        (cell, proposal.deed.value, proposal.subject_id, proposal.made_at),
    )
    added = tx.execute(
        """
        INSERT INTO proposal (cell, proposal_id, deed, person_id, subject_id, body, basis, reason, maker_id, made_at,
                              expires_at, state)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'open')
        ON CONFLICT (cell, deed, subject_id) WHERE state = 'open' DO NOTHING
        """,
        (
            cell,
            proposal.proposal_id,
            proposal.deed.value,
            None if proposal.person_id == HOUSE else proposal.person_id,
            proposal.subject_id,
            json.dumps(proposal.body),
            proposal.basis,
            proposal.reason,
            proposal.maker_id,
            proposal.made_at,
            proposal.expires_at,
        ),
    )
    if added.rowcount == 0:
        raise ProposalWaits("This is proposed already; it waits for a second person.")


def decide(
    tx: Transaction, *, proposal_id: UUID, state: ProposalState, checker_id: UUID, at: datetime, answer: str | None
) -> None:
    """Store how an open proposal was decided; the caller has seen that it is open, under the cell's lock."""
    decided = tx.execute(
        """
        UPDATE proposal SET state = %s, checker_id = %s, decided_at = %s, answer = %s
        WHERE cell = %s AND proposal_id = %s AND state = 'open'
        """,
        (state.value, checker_id, at, answer, tx.cell_of(proposal_id), proposal_id),
    )
    assert decided.rowcount == 1, "a proposal is decided under the lock of its cell"


def forget_words(tx: Transaction, *, person_id: UUID) -> None:
    """Empty what operators wrote in proposals about a person who was erased; what waits to be checked ends.

    Of the words only the hash stays that the leaf of the proposal says. The caller holds the cell's lock.
    """
    cell = tx.cell_of(person_id)
    rows = tx.execute(
        _SELECT + " WHERE cell = %s AND person_id = %s AND forgotten_hash IS NULL", (cell, person_id)
    ).fetchall()
    for known in map(_proposal, rows):
        tx.execute(
            """UPDATE proposal SET forgotten_hash = %s, body = body - 'paper', reason = '',
                   answer = CASE WHEN answer IS NOT NULL THEN '' END,
                   state = CASE state WHEN 'open' THEN 'expired' ELSE state END
               WHERE cell = %s AND proposal_id = %s""",
            (words_hash(body=known.body, basis=known.basis, reason=known.reason), cell, known.proposal_id),
        )


def words_hash(*, body: Mapping[str, Canonical], basis: str, reason: str) -> str:
    """Return the hash by which the leaf of a proposal says what was proposed, in hexadecimal."""
    said: dict[str, Canonical] = {"body": body, "basis": basis, "reason": reason}
    return hashlib.sha256(canonical(said)).hexdigest()


def load(tx: Transaction, *, proposal_id: UUID) -> Proposal:
    """Return a proposal. Errors: NotFound."""
    row = tx.execute(
        _SELECT + " WHERE cell = %s AND proposal_id = %s", (tx.cell_of(proposal_id), proposal_id)
    ).fetchone()
    if row is None:
        raise NotFound
    return _proposal(row)


def waiting(tx: Transaction, *, at: datetime) -> list[Proposal]:
    """Return proposals that wait to be checked, the one that runs out first first."""
    rows = tx.execute(
        _SELECT + " WHERE state = 'open' AND expires_at > %s ORDER BY expires_at, proposal_id LIMIT %s", (at, ROWS_MAX)
    )
    return [_proposal(row) for row in rows]


def waits_for(tx: Transaction, *, deed: Deed, subject_id: UUID, at: datetime) -> Proposal | None:
    """Return the proposal to do something to a subject that waits to be checked, or None."""
    row = tx.execute(
        _SELECT + " WHERE cell = %s AND deed = %s AND subject_id = %s AND state = 'open' AND expires_at > %s",
        (tx.cell_of(subject_id), deed.value, subject_id, at),
    ).fetchone()
    return None if row is None else _proposal(row)


def ended(tx: Transaction) -> list[Proposal]:
    """Return the proposals decided last, the newest first."""
    found: list[Proposal] = []
    for cell in range(tx.cells):  # each cell has its own index by time; together they are sorted here
        rows = tx.execute(
            _SELECT + " WHERE cell = %s AND decided_at IS NOT NULL ORDER BY decided_at DESC, proposal_id LIMIT %s",
            (cell, ROWS_MAX),
        )
        found += [_proposal(row) for row in rows]
    return sorted(found, key=lambda one: (one.decided_at or one.made_at, one.proposal_id), reverse=True)[:ROWS_MAX]


def _proposal(row: TupleRow) -> Proposal:
    return Proposal(
        proposal_id=row[0],
        deed=Deed(row[1]),
        person_id=row[2],
        subject_id=row[3],
        body=row[4],
        basis=row[5],
        reason=row[6],
        maker_id=row[7],
        made_at=row[8],
        expires_at=row[9],
        state=ProposalState(row[10]),
        checker_id=row[11],
        decided_at=row[12],
        answer=row[13],
    )
