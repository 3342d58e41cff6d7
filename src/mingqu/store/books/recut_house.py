"""The house's side of a recut: accounts of lenders and accrual groups in every cell, evened out through clearing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import SLOTS, cell_of_slot, dated, derived
from mingqu.domain.ledger import TRANSFERS_MAX, Account, AccountCode, Reason, Transfer
from mingqu.domain.recut import share_cash, share_group
from mingqu.store import proof
from mingqu.store.ledgers import accrual, ledger
from mingqu.store.server.database import Transaction

# Accounts of lenders and accrual groups: all that are not of a person, a loan, a revolving account or a limit.
CODES: Final = [
    int(code)
    for code in AccountCode
    if code < AccountCode.LIMIT_GRANTED
    and not AccountCode.LOAN_PRINCIPAL <= code <= AccountCode.LOAN_FEE_DUE
    and not AccountCode.DUE_GUARANTEE_FEE <= code <= AccountCode.PARTNER_FEE
    and not AccountCode.SPEND_PRINCIPAL <= code <= AccountCode.SPEND_PENALTY_DUE
    and code
    not in (
        AccountCode.OVERPAYMENT,
        AccountCode.DUE_TO_GUARANTOR,
        AccountCode.INTEREST_SUSPENDED,
        AccountCode.SPEND_CREDIT,
        AccountCode.SPEND_RETURNING,
    )
]
_ACCRUED: Final = {accrual.INTEREST: AccountCode.ACCRUED_INTEREST, accrual.PENALTY: AccountCode.ACCRUED_PENALTY}
_Group = tuple[UUID, str]  # a group's id and the kind of what accrues


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a group carried in all cells together, in micro-fen, and whose it is."""

    lender_id: UUID
    currency: str
    income_micro: int
    rounding_micro: int


def carried(tx: Transaction) -> dict[_Group, Carried]:
    """Return what each accrual group carries over all cells, before they change."""
    rows = tx.execute(
        """SELECT group_id, kind, lender_id, currency, sum(income_carry_micro), sum(rounding_carry_micro)
           FROM accrual_group GROUP BY 1, 2, 3, 4"""
    )
    return {
        (row[0], row[1]): Carried(
            lender_id=row[2], currency=row[3], income_micro=int(row[4]), rounding_micro=int(row[5])
        )
        for row in rows
    }


def even_out(tx: Transaction, *, cells: int, carried: Mapping[_Group, Carried], recut_id: UUID, on: date) -> int | None:
    """Give every cell its house accounts and groups, once the people's rows have moved; return how many transfers.

    None when a group was not the sum of its loans: then nothing can be shared out.
    """
    _make_accounts(tx, cells=cells)
    groups = _group_moves(tx, cells=cells, carried=carried)
    if groups is None:
        return None
    moves = [*_cash_moves(tx, cells=cells), *groups]
    by_cell: dict[int, list[Transfer]] = defaultdict(list)
    for cell, lender_id, account, fen in moves:
        clearing = Account(owner=lender_id, code=AccountCode.CLEARING, currency=account.currency)
        ledger.open_accounts(tx, cell=cell, accounts=[account, clearing])
        what = f"{cell} {account.owner.hex} {account.code.value} {account.currency}"
        by_cell[cell].append(
            Transfer(
                id=derived(dated(recut_id, on=on, purpose=what), 1),
                debit=account if fen > 0 else clearing,
                credit=clearing if fen > 0 else account,
                amount_fen=abs(fen),
                reason=Reason.RECUT,
                value_date=on,
                posted_on=on,
                reference=recut_id,
            )
        )
    for cell, transfers in sorted(by_cell.items()):
        for place in range(0, len(transfers), TRANSFERS_MAX):
            ledger.post(tx, cell=cell, transfers=transfers[place : place + TRANSFERS_MAX])
    return len(moves)


def _make_accounts(tx: Transaction, *, cells: int) -> None:
    """Open every house account in every cell, and let each balance be the sum of the transfers that lie there now."""
    tx.execute(
        """
        INSERT INTO account (cell, owner, code, currency, strict_side)
        SELECT n, a.owner, a.code, a.currency, a.strict_side
        FROM (SELECT DISTINCT owner, code, currency, strict_side FROM account WHERE code = ANY (%(house)s)) a
        CROSS JOIN generate_series(0, %(cells)s - 1) AS n ON CONFLICT (cell, owner, code, currency) DO NOTHING
        """,
        {"house": CODES, "cells": cells},
    )
    tx.execute(
        """
        WITH moved AS (
            SELECT t.*, t.kind IN (1, 3) AS posted, t.kind = 2 AND h.state = 1 AS held
            FROM transfer t LEFT JOIN hold h ON t.kind = 2 AND h.cell = t.cell AND h.id = t.id
        ), side AS (
            SELECT cell, debit_owner AS owner, debit_code AS code, currency, posted, held, amount_fen AS debit_fen,
                   0 AS credit_fen FROM moved WHERE debit_code = ANY (%(house)s)
            UNION ALL
            SELECT cell, credit_owner, credit_code, currency, posted, held, 0, amount_fen
            FROM moved WHERE credit_code = ANY (%(house)s)
        ), total AS (
            SELECT cell, owner, code, currency,
                   sum(debit_fen) FILTER (WHERE posted) AS debits, sum(credit_fen) FILTER (WHERE posted) AS credits,
                   sum(debit_fen) FILTER (WHERE held) AS debits_held,
                   sum(credit_fen) FILTER (WHERE held) AS credits_held
            FROM side GROUP BY 1, 2, 3, 4
        )
        UPDATE account a
        SET debits_posted_fen = coalesce(t.debits, 0), credits_posted_fen = coalesce(t.credits, 0),
            debits_pending_fen = coalesce(t.debits_held, 0), credits_pending_fen = coalesce(t.credits_held, 0)
        FROM account k LEFT JOIN total t
            ON t.cell = k.cell AND t.owner = k.owner AND t.code = k.code AND t.currency = k.currency
        WHERE k.code = ANY (%(house)s)
          AND (a.cell, a.owner, a.code, a.currency) = (k.cell, k.owner, k.code, k.currency)
        """,
        {"house": CODES},
    )


_Move = tuple[int, UUID, Account, int]  # cell, lender, account, fen that it gets (above zero) or gives


def _cash_moves(tx: Transaction, *, cells: int) -> list[_Move]:
    """Let each lender's free cash lie in the cells by their number of slots."""
    slots = [0] * cells
    for slot in range(SLOTS):
        slots[cell_of_slot(slot, cells=cells)] += 1
    free: dict[tuple[UUID, str], dict[int, int]] = defaultdict(dict)
    for cell, owner, currency, fen in tx.execute(
        """SELECT cell, owner, currency, debits_posted_fen - credits_posted_fen - credits_pending_fen
           FROM account WHERE code = %s ORDER BY 1, 2, 3""",
        (int(AccountCode.LENDER_CASH),),
    ):
        free[owner, currency][cell] = fen
    moves: list[_Move] = []
    for (lender_id, currency), by_cell in free.items():
        left = {cell: fen for cell, fen in by_cell.items() if cell >= cells}
        shares = share_cash(free_fen=[by_cell[cell] for cell in range(cells)], left_fen=sum(left.values()), slots=slots)
        account = Account(owner=lender_id, code=AccountCode.LENDER_CASH, currency=currency)
        moves += [(cell, lender_id, account, fen) for cell, fen in enumerate(shares) if fen]
        moves += [(cell, lender_id, account, -fen) for cell, fen in left.items() if fen]
    return moves


def _group_moves(tx: Transaction, *, cells: int, carried: Mapping[_Group, Carried]) -> list[_Move] | None:
    """Make each group in every cell the sum of the loans that lie there now; None when it cannot be."""
    tx.execute(
        """
        INSERT INTO accrual_group (cell, group_id, kind, product_id, lender_id, currency, stage, accrued_to)
        SELECT DISTINCT ON (n, group_id, kind) n, group_id, kind, product_id, lender_id, currency, stage, accrued_to
        FROM accrual_group CROSS JOIN generate_series(0, %s - 1) AS n ON CONFLICT (cell, group_id, kind) DO NOTHING
        """,
        (cells,),
    )
    tx.execute("UPDATE accrual_group SET slope_micro = 0, income_carry_micro = 0, rounding_carry_micro = 0")
    tx.execute("UPDATE accrual_group g SET accrued_to = c.last_closed_on FROM cell c WHERE c.cell = g.cell")
    ahead: dict[int, int] = dict(
        tx.execute(
            """SELECT c.cell, greatest(0, coalesce(max(d.on_date), c.last_closed_on) - c.last_closed_on - 1)
               FROM cell c LEFT JOIN accrual_delta d ON d.cell = c.cell AND d.on_date > c.last_closed_on
               GROUP BY c.cell, c.last_closed_on"""
        ).fetchall()
    )
    missing: dict[_Group, dict[int, int]] = defaultdict(dict)
    for total in proof.group_totals(tx):
        slope = total.loans_slope_micro - total.books_slope_micro
        tx.execute(
            "UPDATE accrual_group SET slope_micro = %s WHERE cell = %s AND group_id = %s AND kind = %s",
            (slope, total.cell, total.group_id, total.kind),
        )
        missing[total.group_id, total.kind][total.cell] = (
            total.loans_micro - total.books_micro - slope * ahead[total.cell]
        )
    moves: list[_Move] = []
    for (group_id, kind), of in carried.items():
        account = Account(owner=group_id, code=_ACCRUED[kind], currency=of.currency)
        left: dict[int, int] = dict(
            tx.execute(
                """SELECT cell, debits_posted_fen - credits_posted_fen FROM account
                   WHERE cell >= %s AND owner = %s AND code = %s AND currency = %s""",
                (cells, group_id, int(account.code), of.currency),
            ).fetchall()
        )
        lacking = missing[group_id, kind]
        shares = share_group(
            missing_micro=[lacking[cell] for cell in range(cells)],
            left_fen=sum(left.values()),
            income_micro=of.income_micro,
            rounding_micro=of.rounding_micro,
        )
        if shares is None:
            return None
        for cell, share in enumerate(shares):
            tx.execute(
                """UPDATE accrual_group SET income_carry_micro = %s, rounding_carry_micro = %s
                   WHERE cell = %s AND group_id = %s AND kind = %s""",
                (share.income_carry_micro, share.rounding_carry_micro, cell, group_id, kind),
            )
        moves += [(cell, of.lender_id, account, share.fen) for cell, share in enumerate(shares) if share.fen]
        moves += [(cell, of.lender_id, account, -fen) for cell, fen in left.items() if fen]
    return moves
