"""Drafts and publications of policies in the book. Rows are only ever added; the generation counts each change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from mingqu.domain.decision.publication import Publication, key_of, version_of
from mingqu.domain.ownership import NotFound
from mingqu.domain.policy_file import Document, canonical, plain
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction

_GENERATION: Final = "SELECT generation FROM policy_generation"
ROWS_MAX: Final = 200  # drafts and publications shown; a person reads no more
_DRAFT: Final[LiteralString] = """
    SELECT d.draft_id, d.file, d.body, d.drafted_by, d.drafted_at, o.name,
           EXISTS (SELECT FROM policy_version v WHERE (v.kind, v.id, v.version) = (d.kind, d.id, d.version))
    FROM policy_draft d JOIN operator o ON o.operator_id = d.drafted_by"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A policy that somebody would like to publish; `taken` when that version was published since."""

    draft_id: UUID
    document: Document
    drafted_by: UUID
    drafted_at: datetime
    author: str = ""
    taken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A publication with when it was made and by which proposal; without one it came with the program."""

    publication: Publication
    published_at: datetime
    proposal_id: UUID | None
    maker: str | None
    checker: str | None


def generation(tx: Transaction) -> int:
    """Return the count of publications and switches so far: unchanged means that everything decides as before."""
    return generation_in(tx.together([generation_asked()])[0])


def generation_asked() -> Statement:
    """Return the statement of `generation`, whose answer `generation_in` reads."""
    return Statement(_GENERATION, ())


def generation_in(answer: Answer) -> int:
    """Return the count from the answer to `generation_asked`."""
    row = answer.fetchone()
    assert row is not None, "the migration made the one row"
    count: int = row[0]
    return count


def next_generation(tx: Transaction) -> None:
    """Count one change; whoever changes what decides waits here until the other has committed."""
    tx.execute("UPDATE policy_generation SET generation = generation + 1")


def insert_draft(tx: Transaction, *, draft: Draft) -> UUID:
    """Store a draft and return its id; the same content again is the draft that is there."""
    document = draft.document
    key = (str(document.body["kind"]), str(document.body["id"]), version_of(document), document.hash)
    tx.execute(
        """
        INSERT INTO policy_draft (draft_id, kind, id, version, hash, file, body, drafted_by, drafted_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (kind, id, version, hash) DO NOTHING
        """,
        (draft.draft_id, *key, document.file, canonical(document.body), draft.drafted_by, draft.drafted_at),
    )
    row = tx.execute(
        "SELECT draft_id FROM policy_draft WHERE kind = %s AND id = %s AND version = %s AND hash = %s", key
    ).fetchone()
    assert row is not None
    draft_id: UUID = row[0]
    return draft_id


def load_draft(tx: Transaction, *, draft_id: UUID) -> Draft:
    """Return a draft. Errors: NotFound."""
    row = tx.execute(_DRAFT + " WHERE d.draft_id = %s", (draft_id,)).fetchone()
    if row is None:
        raise NotFound
    return _draft(row)


def author_of(tx: Transaction, *, kind: str, name: str, version: int, content: str) -> UUID | None:
    """Return who drafted just this content, or None when it came with the program."""
    row = tx.execute(
        "SELECT drafted_by FROM policy_draft WHERE kind = %s AND id = %s AND version = %s AND hash = %s",
        (kind, name, version, content),
    ).fetchone()
    return None if row is None else row[0]


def drafts(tx: Transaction) -> list[Draft]:
    """Return the latest drafts, the newest first."""
    rows = tx.execute(_DRAFT + " ORDER BY d.drafted_at DESC, d.draft_id DESC LIMIT %s", (ROWS_MAX,))
    return [_draft(row) for row in rows]


def insert(
    tx: Transaction, *, kind: str, name: str, version: int, from_date: date | None, at: datetime, proposal_id: UUID
) -> None:
    """Store a publication as the last word on its policy, and count it."""
    next_generation(tx)
    tx.execute(
        """
        INSERT INTO policy_publication (sequence, kind, id, version, from_date, published_at, proposal_id)
        SELECT coalesce(max(sequence), 0) + 1, %s, %s, %s, %s, %s, %s FROM policy_publication
        """,
        (kind, name, version, from_date, at, proposal_id),
    )


def publish_as_it_came(tx: Transaction, *, documents: Sequence[Document], at: datetime) -> None:
    """Publish versions that came with the program, each from the day it names.

    Not those of a policy that somebody published: two people decide about that, not an upgrade (`as_it_came`).
    """
    if not documents:
        return
    next_generation(tx)
    for one in as_it_came(tx, documents=documents):
        tx.execute(
            """
            INSERT INTO policy_publication (sequence, kind, id, version, from_date, published_at)
            VALUES (%s, %s, %s, %s, %s, %s)
            """,
            (one.sequence, one.kind, one.name, one.version, one.from_date, at),
        )


def as_it_came(tx: Transaction, *, documents: Sequence[Document]) -> tuple[Publication, ...]:
    """Return what would be published of versions that came with the program, where nobody has published that policy."""
    rows = tx.execute("SELECT DISTINCT kind || '/' || id FROM policy_publication WHERE proposal_id IS NOT NULL")
    by_people = {row[0] for row in rows.fetchall()}
    last = tx.execute("SELECT coalesce(max(sequence), 0) FROM policy_publication").fetchone()
    assert last is not None
    coming = [one for one in documents if key_of(one) not in by_people]
    return tuple(
        Publication(
            sequence=sequence,
            kind=str(one.body["kind"]),
            name=str(one.body["id"]),
            version=version_of(one),
            from_date=one.reader().day("valid_from") if one.reader().has("valid_from") else date.min,
        )
        for sequence, one in enumerate(coming, start=last[0] + 1)
    )


def publications(tx: Transaction) -> tuple[Publication, ...]:
    """Return every publication of the book, in order."""
    rows = tx.execute("SELECT sequence, kind, id, version, from_date FROM policy_publication ORDER BY sequence")
    return tuple(_publication(row) for row in rows)


def history(tx: Transaction, *, kind: str, name: str) -> list[Published]:
    """Return the publications of one policy, the last word first, with who proposed and who checked them."""
    rows = tx.execute(
        """
        SELECT u.sequence, u.kind, u.id, u.version, u.from_date, u.published_at, u.proposal_id, m.name, c.name
        FROM policy_publication u
        LEFT JOIN proposal p ON p.cell = 0 AND p.proposal_id = u.proposal_id
        LEFT JOIN operator m ON m.operator_id = p.maker_id LEFT JOIN operator c ON c.operator_id = p.checker_id
        WHERE u.kind = %s AND u.id = %s ORDER BY u.sequence DESC LIMIT %s
        """,
        (kind, name, ROWS_MAX),
    )
    return [
        Published(publication=_publication(row), published_at=row[5], proposal_id=row[6], maker=row[7], checker=row[8])
        for row in rows
    ]


def _publication(row: TupleRow) -> Publication:
    return Publication(sequence=row[0], kind=row[1], name=row[2], version=row[3], from_date=row[4])


def _draft(row: TupleRow) -> Draft:
    body = plain(json.loads(bytes(row[2])), file=row[1])
    assert isinstance(body, dict), "only tables are drafted"
    return Draft(
        draft_id=row[0],
        document=Document(file=row[1], body=body),
        drafted_by=row[3],
        drafted_at=row[4],
        author=row[5],
        taken=row[6],
    )
