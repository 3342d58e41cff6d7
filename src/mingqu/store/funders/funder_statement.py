"""What joint loans and accounts moved for one funder in a period, one by one, read from the memorandum transfers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, LiteralString
from uuid import UUID

from mingqu.domain.ledger import AccountCode, Reason
from mingqu.domain.refusal import Refusal
from mingqu.store.server.database import Transaction

LINES_MAX: Final = 10_000  # of one statement: a program that wants more asks for shorter periods


class FunderStatementTooLong(Refusal):
    """More loans moved in the period than one statement holds: ask for a shorter one."""

    code = "funder_statement_too_long"


_LINES: Final[LiteralString] = """
    WITH routed AS (
        SELECT cell, loan_id AS claim_id, false AS revolving, slices, funders FROM loan_funding
        UNION ALL
        SELECT cell, account_id, true, slices, funders FROM spend_funding
    ), held AS ( -- whose a part is on which days: what is booked on the day it was bought back is the buyer's
        SELECT f.cell, f.claim_id, f.revolving, u.owner, '-infinity'::date AS since,
               coalesce(b.bought_on, 'infinity') AS until
        FROM routed f CROSS JOIN LATERAL unnest(f.slices, f.funders) AS u (owner, funder)
        LEFT JOIN loan_buy_back b ON b.cell = f.cell AND b.loan_id = f.claim_id AND b.slice = u.owner
        WHERE u.funder = %(funder)s
        UNION ALL
        SELECT cell, loan_id, false, slice, bought_on, 'infinity' FROM loan_buy_back WHERE buyer = %(funder)s
    ), moved AS (
        SELECT f.claim_id, f.revolving, t.reason, t.posted_on,
               CASE WHEN t.debit_code = %(principal)s AND t.reason = %(lend)s THEN t.amount_fen
                    WHEN t.reason = %(lend)s THEN -t.amount_fen
                    WHEN t.debit_code IN (%(received)s, %(lost)s) THEN t.amount_fen ELSE -t.amount_fen END AS fen
        FROM held f JOIN transfer t ON t.cell = f.cell AND t.debit_owner = f.owner
        WHERE t.posted_on <= %(last)s AND t.posted_on >= f.since AND t.posted_on < f.until AND t.kind IN (1, 3)
          AND t.reason BETWEEN %(lend)s AND %(fee)s
    ), sale AS ( -- principal bought or sold, and what is owed for it: to the seller, by the buyer
        SELECT loan_id AS claim_id, bought_on, principal_fen,
               CASE seller WHEN %(funder)s THEN -1 ELSE 1 END AS way,
               principal_fen + interest_fen + penalty_fen AS price
        FROM loan_buy_back WHERE %(funder)s IN (seller, buyer) AND bought_on <= %(last)s
    ), claim AS (
        SELECT claim_id, revolving,
               sum(CASE WHEN reason = %(lend)s THEN fen WHEN reason IN (%(repay)s, %(lose)s) THEN -fen ELSE 0 END)
                   FILTER (WHERE posted_on < %(first)s) AS opening,
               sum(fen) FILTER (WHERE posted_on >= %(first)s AND reason = %(lend)s) AS lent,
               sum(fen) FILTER (WHERE posted_on >= %(first)s AND reason = %(repay)s) AS repaid,
               sum(fen) FILTER (WHERE posted_on >= %(first)s AND reason = %(lose)s) AS lost,
               sum(fen) FILTER (WHERE posted_on >= %(first)s AND reason = %(interest)s) AS interest,
               sum(fen) FILTER (WHERE posted_on >= %(first)s AND reason = %(penalty)s) AS penalty,
               sum(fen) FILTER (WHERE posted_on >= %(first)s AND reason = %(fee)s) AS fee,
               bool_or(posted_on >= %(first)s) AS moved
        FROM moved GROUP BY 1, 2
    ), traded AS (
        SELECT coalesce(c.claim_id, s.claim_id) AS claim_id, coalesce(c.revolving, false) AS revolving,
               coalesce(c.opening, 0) + CASE WHEN s.bought_on < %(first)s THEN s.way * s.principal_fen ELSE 0 END
                   AS opening,
               lent, repaid, lost, interest, penalty, fee,
               coalesce(c.moved, false) OR coalesce(s.bought_on >= %(first)s, false) AS moved,
               CASE WHEN s.bought_on >= %(first)s AND s.way > 0 THEN s.principal_fen ELSE 0 END AS bought,
               CASE WHEN s.bought_on >= %(first)s AND s.way < 0 THEN s.principal_fen ELSE 0 END AS sold,
               CASE WHEN s.bought_on >= %(first)s THEN -s.way * s.price ELSE 0 END AS price
        FROM claim c FULL JOIN sale s ON s.claim_id = c.claim_id
    )
    SELECT claim_id, coalesce(opening, 0)::bigint, coalesce(lent, 0)::bigint, coalesce(repaid, 0)::bigint,
           coalesce(lost, 0)::bigint, coalesce(interest, 0)::bigint, coalesce(penalty, 0)::bigint,
           coalesce(fee, 0)::bigint, revolving, bought::bigint, sold::bigint, price::bigint
    FROM traded WHERE moved OR opening > 0 ORDER BY claim_id LIMIT %(most)s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunderLine:
    """One joint loan, or revolving account, in a funder's statement, that funder's part only, in fen.

    `price_fen` is what it is owed for a part that was bought back from it; below zero, what it owes for one it bought.
    """

    claim_id: UUID
    revolving: bool
    opening_fen: int
    lent_fen: int
    repaid_fen: int
    lost_fen: int
    closing_fen: int
    interest_fen: int
    penalty_fen: int
    fee_fen: int
    bought_fen: int = 0
    sold_fen: int = 0
    price_fen: int = 0

    @property
    def received_fen(self) -> int:
        """All the money that came in of the funder's part in the period."""
        return self.repaid_fen + self.interest_fen + self.penalty_fen + self.fee_fen


def of_funder(tx: Transaction, *, funder_id: UUID, first: date, last: date, most: int = LINES_MAX) -> list[FunderLine]:
    """Return a funder's part of each joint loan and account that owes it or moved in [first, last], by id.

    By the day of posting: a statement of closed days is the same for ever. It has `most` lines at most.
    Errors: FunderStatementTooLong.
    """
    rows = tx.execute(
        _LINES,
        {
            "funder": funder_id,
            "first": first,
            "last": last,
            "most": most + 1,
            "principal": int(AccountCode.SHARE_PRINCIPAL),
            "received": int(AccountCode.SHARE_RECEIVED),
            "lost": int(AccountCode.SHARE_LOST),
            "lend": int(Reason.SHARE_LEND),
            "repay": int(Reason.SHARE_REPAY),
            "lose": int(Reason.SHARE_LOSE),
            "interest": int(Reason.SHARE_INTEREST_PAID),
            "penalty": int(Reason.SHARE_PENALTY_PAID),
            "fee": int(Reason.SHARE_FEE_PAID),
        },
    ).fetchall()
    if len(rows) > most:
        raise FunderStatementTooLong("More loans moved than one statement holds: ask for a shorter period.")
    return [
        FunderLine(
            claim_id=row[0],
            revolving=row[8],
            opening_fen=row[1],
            lent_fen=row[2],
            repaid_fen=row[3],
            lost_fen=row[4],
            closing_fen=row[1] + row[2] + row[9] - row[10] - row[3] - row[4],
            interest_fen=row[5],
            penalty_fen=row[6],
            fee_fen=row[7],
            bought_fen=row[9],
            sold_fen=row[10],
            price_fen=row[11],
        )
        for row in rows
    ]
