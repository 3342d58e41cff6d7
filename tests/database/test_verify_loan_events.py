"""`verify` holds what was agreed, given up and lost on a loan against its evidence and its postings."""

from __future__ import annotations

from datetime import date
from typing import LiteralString

import pytest

from mingqu.demo.people import XIA
from mingqu.domain.loan import FeeCharged, FeeDue, FeeRule, Receipt, Repaid
from mingqu.services.changes.change_loan import change_loan
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.evidence.verify_book import verify_book
from tests.journeys.reading import arrive, assert_coherent, borrow, live_until
from tests.world import OpenWorld

# (what is forged, SQL that does it, the invariants that break)
FORGED: list[tuple[str, LiteralString, tuple[int, ...]]] = [
    (
        "a fee of another amount",
        """UPDATE loan_event SET detail = jsonb_set(detail, '{rule,amount_fen}', '1') WHERE kind = 'fee_charged'""",
        (4, 8),
    ),
    (
        "a fee that lost what it says",
        """UPDATE loan_event SET detail = jsonb_set(detail, '{due}', '"2026-12-01"') WHERE kind = 'fee_charged'""",
        (4, 8),
    ),
    (
        "a favor told as a payment",
        "UPDATE loan_event SET detail = NULL WHERE detail ->> 'receipt' = 'goodwill'",
        (4, 5, 8),
    ),
    (
        "a favor of another day",
        "UPDATE loan_event SET value_date = value_date - 1 WHERE detail ->> 'receipt' = 'goodwill'",
        (4, 8),
    ),
    (
        "a concession booked to another account",
        "UPDATE transfer SET debit_code = 4201 WHERE reason = 26",
        (1, 4),
    ),
]


@pytest.mark.parametrize(("what", "sql", "breaks"), FORGED, ids=[what for what, _, _ in FORGED])
def test_verify_finds_a_forged_event(world: OpenWorld, what: str, sql: LiteralString, breaks: tuple[int, ...]) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    live_until(world, date(2026, 8, 20))
    charged = FeeCharged(
        event_id=house.id_for(known.person_id),
        value_date=date(2026, 8, 20),
        rule=FeeRule(due=FeeDue.DATE, amount_fen=3_000),
        due=date(2026, 9, 10),
    )
    change_loan(house, loan_id=loan_id, event=charged, key="a fee")
    world.deposit(XIA, -world.balance_fen(XIA))  # so that something is owed which can be given up
    live_until(world, date(2026, 9, 15))
    favor = Repaid(
        event_id=house.id_for(known.person_id),
        value_date=date(2026, 9, 15),
        amount_fen=1_000,
        receipt=Receipt.GOODWILL,
    )
    change_loan(house, loan_id=loan_id, event=favor, key="a favor")
    assert_coherent(house)
    with house.database.transaction() as tx:
        tx.execute("SET LOCAL session_replication_role = replica")
        assert tx.execute(sql).rowcount == 1, what
        tx.commit()
    publish_evidence(house)
    report = verify_book(database=house.database, keyring=house.keyring)
    assert tuple(sorted(number for number, found in report.findings.items() if found)) == breaks, report.findings
