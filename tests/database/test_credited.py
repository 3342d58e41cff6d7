"""What credits an owner is found by indexes, whether it debits the same owner or another."""

from __future__ import annotations

from typing import Final, LiteralString
from uuid import UUID

import pytest

from mingqu.domain.abs_pool import trust_id
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.store.funders.pool_book import MOVED
from mingqu.store.ledgers import ledger
from mingqu.store.ledgers.credited import CREDITED
from mingqu.store.proof import trust
from mingqu.store.server.database import Database
from tests.conftest import OPENED_ON

OWNER: Final = UUID("0199a000-0000-7000-8000-000000000200")
OTHER: Final = UUID("0199a000-0000-7000-8000-000000000300")
NOT_DUE, DUE = AccountCode.LOAN_PRINCIPAL, AccountCode.LOAN_PRINCIPAL_DUE
_FOUND: Final[LiteralString] = f"SELECT id FROM {CREDITED} WHERE cell = %(cell)s AND credit_owner = %(owner)s"
_ASKED: Final[tuple[LiteralString, ...]] = (f"{_FOUND} AND amount_fen > 0", f"{MOVED} GROUP BY 1, 2, 3", trust._DAYS)


def moved(number: int, debit: Account, credit: Account, reason: Reason) -> Transfer:
    return Transfer(
        id=UUID(int=number), debit=debit, credit=credit, amount_fen=number, reason=reason, value_date=OPENED_ON,
        posted_on=OPENED_ON, reference=OWNER,
    )  # fmt: skip


def test_what_credits_an_owner_is_found_once_from_whomever_it_comes(database: Database) -> None:
    not_due, due = (Account(owner=OWNER, code=code) for code in (NOT_DUE, DUE))
    cash = Account(owner=OTHER, code=AccountCode.COLLECTION_CLEARING)
    lent = moved(70, not_due, cash, Reason.DISBURSE)
    billed = moved(50, due, not_due, Reason.BILL_PRINCIPAL)
    repaid = moved(20, cash, due, Reason.REPAY_PRINCIPAL)
    with database.transaction() as tx:
        ledger.open_accounts(tx, cell=0, accounts=[not_due, due, cash])
        ledger.post(tx, cell=0, transfers=[lent, billed, repaid])
        found = tx.execute(f"{_FOUND} ORDER BY id", {"cell": 0, "owner": OWNER}).fetchall()
        assert found == [(repaid.id,), (billed.id,)]
        sides = [(entry.transfer_id, entry.side.value) for entry in ledger.entries(tx, cell=0, owner=OWNER)]
        assert sorted(sides) == [
            (repaid.id, "credit"), (billed.id, "credit"), (billed.id, "debit"), (lent.id, "debit"),
        ]  # fmt: skip


@pytest.mark.parametrize("asked", _ASKED)
def test_no_transfer_of_others_is_read_for_it(database: Database, asked: LiteralString) -> None:
    said = {"cell": 0, "owner": OWNER, "pools": ["a"], "owners": [trust_id(pool_id="a")]}
    with database.transaction() as tx:
        tx.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        plan = "\n".join(line for (line,) in tx.execute(f"EXPLAIN {asked}", said))
    assert "Seq Scan on transfer" not in plan, plan
    assert plan.count("transfer_credit_owner") == 1, plan
    assert plan.count("transfer_debit_owner") >= 1, plan
