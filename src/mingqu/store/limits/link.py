"""Links between accounts in the book: each decision on one, and what such a decision counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from mingqu.store.server.database import Transaction

LINKS_SHOWN_MAX = 50  # decisions of a person, the newest first


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLink:
    """A decision on a link as it lies in the book."""

    link_id: UUID
    person_id: UUID
    first_id: UUID
    second_id: UUID
    outcome: str
    limit_share_ppm: int
    record: bytes
    table_version: int
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCounts:
    """How often a person borrowed in some days, and was late in a year."""

    borrowings: int
    times_late: int


def insert(tx: Transaction, *, link: StoredLink) -> None:
    """Store a decision on a link; the caller holds the cell's lock."""
    tx.execute(
        """INSERT INTO account_link (cell, link_id, person_id, first_id, second_id, outcome, limit_share_ppm, record,
               table_version, decided_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            tx.cell_of(link.person_id),
            link.link_id,
            link.person_id,
            link.first_id,
            link.second_id,
            link.outcome,
            link.limit_share_ppm,
            link.record,
            link.table_version,
            link.decided_at,
        ),
    )


def of_person(tx: Transaction, *, person_id: UUID) -> list[StoredLink]:
    """Return what was decided on links of a person, the newest first."""
    rows = tx.execute(
        """SELECT link_id, person_id, first_id, second_id, outcome, limit_share_ppm, record, table_version, decided_at
           FROM account_link WHERE cell = %s AND person_id = %s ORDER BY decided_at DESC, link_id DESC LIMIT %s""",
        (tx.cell_of(person_id), person_id, LINKS_SHOWN_MAX),
    )
    return [
        StoredLink(
            link_id=row[0],
            person_id=row[1],
            first_id=row[2],
            second_id=row[3],
            outcome=row[4],
            limit_share_ppm=row[5],
            record=bytes(row[6]),
            table_version=row[7],
            decided_at=row[8],
        )
        for row in rows
    ]


def standing(tx: Transaction, *, person_id: UUID) -> list[tuple[UUID, UUID, str, int]]:
    """Return the last decision on each two accounts of a person: both, the outcome, the share of the ceiling in ppm."""
    rows = tx.execute(
        """SELECT DISTINCT ON (least(first_id, second_id), greatest(first_id, second_id))
               first_id, second_id, outcome, limit_share_ppm
           FROM account_link WHERE cell = %s AND person_id = %s
           ORDER BY least(first_id, second_id), greatest(first_id, second_id), decided_at DESC, link_id DESC""",
        (tx.cell_of(person_id), person_id),
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def counts(tx: Transaction, *, person_id: UUID, since: date, year_since: date) -> LinkCounts:
    """Return a person's draws, purchases and payouts from a day on, and bills with an overdue part in a year.

    A draw that came back is none, and a bill counts as it stands without it.
    """
    row = tx.execute(
        """SELECT
               (SELECT count(*) FROM spend_event e JOIN spend_account a ON a.cell = e.cell
                  AND a.account_id = e.account_id
                WHERE a.cell = %(cell)s AND a.person_id = %(person)s AND e.kind IN ('purchased', 'drawn')
                  AND e.on_date >= %(since)s AND NOT EXISTS (
                    SELECT FROM spend_event b WHERE b.cell = e.cell AND b.account_id = e.account_id
                      AND b.target = e.event_id AND b.kind = 'draw_returned'))
               + (SELECT count(*) FROM channel_order WHERE cell = %(cell)s AND person_id = %(person)s
                  AND kind = 'payout' AND loan_id IS NOT NULL AND state = 'PAID' AND value_date >= %(since)s),
               (SELECT count(*) FROM spend_statement b JOIN spend_account a ON a.cell = b.cell
                  AND a.account_id = b.account_id
                LEFT JOIN LATERAL (SELECT body FROM spend_bill_corrected c
                                   WHERE c.cell = b.cell AND c.account_id = b.account_id AND c.number = b.number
                                   ORDER BY event_number DESC LIMIT 1) AS c ON true
                CROSS JOIN LATERAL bill_amounts(coalesce(c.body, b.body)) AS late
                WHERE a.cell = %(cell)s AND a.person_id = %(person)s AND b.billed_on >= %(year)s
                  AND (late.overdue_fen > 0 OR late.penalty_fen > 0))""",
        {"cell": tx.cell_of(person_id), "person": person_id, "since": since, "year": year_since},
    ).fetchone()
    assert row is not None
    return LinkCounts(borrowings=int(row[0]), times_late=int(row[1]))
