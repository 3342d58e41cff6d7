"""Every table whose rows change says how soon they are swept up, or why it can wait."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from mingqu.store.server import catalogue
from mingqu.store.server.database import Database

STORE: Final = Path(__file__).resolve().parents[2] / "src" / "mingqu" / "store"
# Tables whose rows change once or twice in years: a fifth of them is seldom dead.
SELDOM: Final = {
    "access_log": "forgets why, once, by an erasure",
    "accrual_delta": "goes to another cell in a recut",
    "business": "answered once",
    "bill_deduction": "ended once",
    "bill_line": "goes when its bill is issued anew",
    "card_attempt": "few tries for a card",
    "checkout": "taken or cancelled once",
    "checkout_offer": "signed once",
    "consent": "withdrawn once",
    "disclosure": "confirmed once",
    "drawing_freeze": "ends once",
    "grievance": "extended, escalated and answered once each",
    "instrument": "verified and removed once each",
    "lender_funding": "called off, and that is heard, once each",
    "life_event": "forgets its paper, once, by an erasure",
    "loan_reference": "goes to another cell in a recut",
    "loan_set_aside": "few rows at any time",
    "message_code": "goes a little a day, long after it was sent",
    "one_time_code": "a row for a phone, swept with the others",
    "person": "a level more, an erasure",
    "person_reference": "taken away by an erasure",
    "person_key": "wrapped anew when the book's key is",
    "pool_loan": "defaults once",
    "proposal": "decided once",
    "purpose_message": "forgets where, once, by an erasure",
    "repayment_agreement": "begins and ends once",
    "retention_hold": "lengthened by each new loan",
    "review": "answered once",
    "spend_funding": "said whose it is, once, by a migration",
    "vault_field": "a new address or phone",
    "work_set_aside": "few rows at any time",
}


def changed_tables() -> set[str]:
    """Return the tables whose rows any statement of the store changes or takes away."""
    source = "\n".join(file.read_text("utf-8") for file in STORE.rglob("*") if file.suffix in (".py", ".sql"))
    source = "\n".join(line for line in source.splitlines() if "BEFORE UPDATE" not in line)
    found = set(re.findall(r"\bUPDATE ([a-z_]+)\b", source))
    found |= set(re.findall(r"\bDELETE FROM ([a-z_]+)\b", source))
    return found | set(re.findall(r"INSERT INTO ([a-z_]+)(?:(?!INSERT INTO).)*?DO UPDATE", source, re.DOTALL))


def test_a_table_whose_rows_change_says_how_soon_it_is_swept(database: Database) -> None:
    with database.transaction() as tx:
        tables = set(catalogue.cell_tables(tx))
        settings = dict(
            tx.execute("SELECT relname, coalesce(array_to_string(reloptions, ' '), '') FROM pg_class").fetchall()
        )
    changed = changed_tables() & tables
    assert {"account", "loan", "work", "accrual_group", "cell_lease"} <= changed
    swept = {name for name in tables if "autovacuum_vacuum_scale_factor" in settings[name]}
    assert changed - swept == set(SELDOM)
    only_deleted = {"loan_diary", "signal"}  # a signal goes after its days
    assert all("fillfactor" in settings[name] for name in swept - only_deleted), "a changed row finds room in its page"
