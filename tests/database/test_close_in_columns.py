"""A close in columns writes what a close loan by loan writes; a loan that fails waits, and the others do not."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Final, LiteralString
from uuid import UUID

import pytest

from mingqu.domain.batch.standing import kind_of
from mingqu.services.close import bring_up_mornings, follow_mornings
from mingqu.services.close.close_day import close_through
from mingqu.services.notices.send_notice import spread_rounds
from mingqu.store import proof
from mingqu.store.loans import loan
from mingqu.store.server import migration
from mingqu.store.server.database import Database, Transaction
from mingqu.store.server.postgres import Server
from tests.conftest import CELLS, OPENED_ON
from tests.database.lived_in import DAYS, LAST, LOANS, a_house, assert_proved, portrait

MIGRATIONS: Final = Path(migration.__file__).parents[1] / "migrations"


# What classes and what was added to them since say of each product's loans, and what the loans themselves say.
_BY_CLASS: Final[LiteralString] = """
    SELECT cell, lender_id, product_id, currency, stage, overdue_since::text, sum(loans), sum(principal_unbilled_fen),
           sum(principal_billed_fen), sum(interest_fen)
    FROM (SELECT cell, lender_id, product_id, currency, stage, overdue_since, loans, principal_unbilled_fen,
                 principal_billed_fen, interest_fen FROM portfolio_class UNION ALL
          SELECT cell, lender_id, product_id, currency, stage, overdue_since, loans, principal_unbilled_fen,
                 principal_billed_fen, interest_fen FROM portfolio_delta) AS c
    GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(loans) <> 0 ORDER BY 1, 2, 3, 4, 5, 6"""
_BY_LOAN: Final[LiteralString] = """
    SELECT cell, lender_id, product_id, currency, stage, coalesce(overdue_since, '-infinity')::text, count(*),
           sum(principal_unbilled_fen), sum(payable_principal_fen), sum(payable_interest_fen)
    FROM loan WHERE stage IN ('active', 'charged_off') GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6"""


def assert_classes_are_of_their_products(tx: Transaction) -> None:
    """See that a chunk of loans of several products adds to the classes of each, as a scan of the loans says."""
    scanned = tx.execute(_BY_LOAN).fetchall()
    assert len({product_id for _, _, product_id, *_ in scanned}) > 1, "one product would prove nothing"
    assert tx.execute(_BY_CLASS).fetchall() == scanned


def without_plans(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute("UPDATE loan SET plain = false")
        tx.execute("UPDATE loan_diary SET plain = false")
        tx.commit()


def test_a_close_in_columns_by_two_is_that_of_one_loan_by_loan(
    server: Server, lived_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_mornings, "ROUND_MIN", 2)
    opened_to_deduct: list[UUID] = []
    monkeypatch.setattr(follow_mornings, "deduction_of", lambda of, *_, **__: opened_to_deduct.append(of.loan_id))
    with a_house(server, lived_in, tmp_path, name="columns") as world:
        done = close_through(world.house, to=LAST, workers=2)
        with world.house.database.transaction() as tx:
            opened = tx.execute("SELECT count(*) FROM loan WHERE plain AND passed > 0").fetchone()
            assert opened is not None
            assert opened[0] > LOANS * 9 // 10, "nearly all were carried in columns"
            assert opened_to_deduct == [], "penalties were worked out in columns as well"
            assert_proved(tx)
            assert_classes_are_of_their_products(tx)
            rounds = tx.execute("SELECT sum(cardinality(loan_ids)) FROM notice_round").fetchone()
            assert rounds is not None
            assert rounds[0] > LOANS // 2, "many notices were written in rounds"
            spread_rounds(tx)
            tx.commit()
        in_columns = portrait(world.house.database)
    with a_house(server, lived_in, tmp_path, name="one_by_one") as world:
        for day in range(DAYS):
            without_plans(world.house.database)
            close_through(world.house, to=OPENED_ON + timedelta(days=day))
        assert portrait(world.house.database) == in_columns
    assert done.loan_events > 2 * LOANS * 9 // 10


def break_two(tx: Transaction) -> dict[object, date]:
    """Let the ledger refuse the bill of one loan, and make the snapshot of another unreadable."""
    first, second = tx.execute(
        """SELECT loan_id, next_event FROM loan WHERE cell = 1 AND overdue_since IS NULL AND waiting_due IS NULL
           ORDER BY next_event, loan_id LIMIT 2"""
    ).fetchall()
    tx.execute("UPDATE account SET closed_on = '2026-01-01' WHERE owner = %s AND code = 1102", (first[0],))
    tx.execute("UPDATE loan SET plain = false WHERE loan_id = %s", (second[0],))
    tx.execute("UPDATE loan_snapshot SET state = '{\"stage\": 1}' WHERE loan_id = %s", (second[0],))
    return {first[0]: first[1], second[0]: second[1]}


def test_a_loan_that_fails_waits_and_the_others_do_not(server: Server, lived_in: str, tmp_path: Path) -> None:
    with a_house(server, lived_in, tmp_path, name="whole") as world:
        close_through(world.house, to=LAST)
        whole = portrait(world.house.database)
    with a_house(server, lived_in, tmp_path, name="broken") as world:
        house, database = world.house, world.house.database
        with database.transaction() as tx:
            snapshots = dict(tx.execute("SELECT loan_id, state::text FROM loan_snapshot WHERE cell = 1").fetchall())
            broken = break_two(tx)
            tx.commit()
        waits_on = min(broken.values())
        for tries in (1, 2):
            done = close_through(house, to=LAST)
            assert {each.loan_id: each.on for each in done.set_aside} == broken
            assert {each.tries for each in done.set_aside} == {tries}
            assert (done.last_closed_on, done.stopped) == (waits_on - timedelta(days=1), ())
        # Nobody but the two waits: whatever a morning writes of the others is what it writes when all is well.
        waiting = portrait(database)
        for name, place in (("loan", 1), ("order", 5), ("work", 3)):
            assert [row for row in waiting[name] if row[place] not in broken] == [
                row for row in whole[name] if row[place] not in broken
            ]
        with database.transaction() as tx:
            rows = tx.execute("SELECT cell, last_closed_on FROM cell WHERE cell <> 1").fetchall()
            assert {on for _, on in rows} == {LAST}, "the other cells have nothing to do with it"
            assert proof.loans_and_ledger(tx) == []
            assert all(total.agrees for total in proof.group_totals(tx))
            left = tx.execute("SELECT loan_id, next_event FROM loan WHERE cell = 1 AND next_event <= %s", (LAST,))
            assert dict(left.fetchall()) == broken
            # Somebody mends it.
            tx.execute("UPDATE account SET closed_on = NULL")
            for loan_id in broken:
                tx.execute("UPDATE loan_snapshot SET state = %s WHERE loan_id = %s", (snapshots[loan_id], loan_id))
            tx.commit()
        later = close_through(house, to=LAST, retry_after=timedelta(minutes=5))
        assert later.last_closed_on == waits_on - timedelta(days=1), "it was tried a moment ago"
        done = close_through(house, to=LAST)
        assert (done.set_aside, done.last_closed_on) == ((), LAST)
        assert portrait(database) == whole
        assert close_through(house, to=LAST).cell_days == 0
        assert portrait(database) == whole


def test_a_close_whose_loans_all_fail_stops_and_sets_few_aside(
    server: Server, lived_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bring_up_mornings, "SET_ASIDE_MAX", 2)
    with a_house(server, lived_in, tmp_path, name="failing") as world:
        database = world.house.database
        with database.transaction() as tx:
            tx.execute("UPDATE loan SET plain = false")
            tx.execute("UPDATE loan_snapshot SET state = '{\"stage\": 1}'")
            tx.commit()
        done = close_through(world.house, to=LAST)
        assert {(one.cell, one.code) for one in done.stopped} == {(cell, "close_stopped") for cell in range(CELLS)}
        with database.transaction() as tx:
            assert tx.execute(
                "SELECT max(n) FROM (SELECT count(*) AS n FROM loan_set_aside GROUP BY cell, on_date)"
            ).fetchone() == (2,)


def test_loans_from_before_the_columns_learn_when_their_income_would_stop(
    server: Server, lived_in: str, tmp_path: Path
) -> None:
    counted: LiteralString = """SELECT non_accrual, sum(loans) FROM (
        SELECT non_accrual, loans FROM portfolio_class UNION ALL SELECT non_accrual, loans FROM portfolio_delta
        ) AS k GROUP BY 1 HAVING sum(loans) <> 0"""
    waiting: LiteralString = """stage = 'active' AND suspends_on IS NOT NULL
        AND payable_principal_fen + payable_interest_fen + payable_penalty_fen + payable_fee_fen > 0"""
    with a_house(server, lived_in, tmp_path, name="old", days_later=12) as world:
        database = world.house.database
        for day in range(12):
            without_plans(database)  # as before 0017, when mornings wrote snapshots
            close_through(world.house, to=OPENED_ON + timedelta(days=day))
        with database.transaction() as tx:
            right = dict(tx.execute(f"SELECT loan_id, suspends_on FROM loan WHERE {waiting}").fetchall())
            as_it_was = dict(tx.execute(counted).fetchall())
            # The last instalment is billed, and its grace runs: nothing is borne, and 0017 knew no day.
            tx.execute(
                f"""UPDATE loan SET suspends_on = NULL, terms_kind = 0, interest_on = NULL, penalty_on = NULL
                    WHERE {waiting}"""
            )
            wrong = dict(tx.execute(counted).fetchall())
            assert wrong[True] - as_it_was.get(True, 0) == len(right) > 5
            stopped = min(right)
            tx.execute(
                "UPDATE loan_snapshot SET state = jsonb_set(state::jsonb, '{suspended}', 'true')::json"
                " WHERE loan_id = %s",
                (stopped,),
            )
            tx.script((MIGRATIONS / "0024_income_of_old_loans.sql").read_text())
            assert dict(
                tx.execute("SELECT loan_id, suspends_on FROM loan WHERE loan_id = ANY (%s)", (list(right),)).fetchall()
            ) == right | {stopped: None}
            mended = dict(tx.execute(counted).fetchall())
            assert mended[True] == as_it_was.get(True, 0) + 1


def forget_what_is_passed(tx: Transaction) -> None:
    """Let plans begin with what is not billed yet, as before they said what is late."""
    tx.execute(
        """UPDATE loan_snapshot s SET plan = substr(s.plan, 1 + 24 * l.passed) FROM loan l
           WHERE l.cell = s.cell AND l.loan_id = s.loan_id"""
    )
    assert tx.execute("UPDATE loan SET passed = 0 WHERE passed > 0").rowcount > 1


def test_a_row_of_a_plan_that_says_otherwise_what_is_late_makes_its_loan_wrong(
    server: Server, lived_in: str, tmp_path: Path
) -> None:
    with (
        a_house(server, lived_in, tmp_path, name="late", days_later=3) as world,
        world.house.database.transaction() as tx,
    ):
        late = tx.execute("SELECT cell, loan_id FROM loan WHERE plain AND passed > 0 ORDER BY loan_id").fetchone()
        assert late is not None
        cell, loan_id = late
        found = loan.some(tx, cell=cell, loan_ids=[loan_id])
        assert loan.summary_differs(tx, loans=found) == []
        tx.execute("UPDATE loan_snapshot SET plan = set_byte(plan, 0, 1) WHERE cell = %s AND loan_id = %s", late)
        assert loan.summary_differs(tx, loans=found) == [loan_id]


def test_a_number_of_terms_of_another_version_makes_no_loan_wrong_and_closes_alike(
    server: Server, lived_in: str, tmp_path: Path
) -> None:
    with a_house(server, lived_in, tmp_path, name="numbers", days_later=3) as world:
        database = world.house.database
        with database.transaction() as tx:
            page = loan.page(tx, cell=1, after=UUID(int=0), limit=5)
            assert all(kind_of(one.terms) < 0 for one in page)
            tx.execute("UPDATE loan SET terms_kind = -terms_kind")  # as before there were versions
            assert loan.summary_differs(tx, loans=page) == []
            tx.execute("UPDATE loan SET terms_kind = terms_kind + 1")
            assert loan.summary_differs(tx, loans=page) == []
            tx.execute("UPDATE loan SET terms_kind = -terms_kind")
            assert loan.summary_differs(tx, loans=page) == [one.loan_id for one in page], "of the version of now"
            tx.execute("UPDATE loan SET terms_kind = -terms_kind")
            forget_what_is_passed(tx)
            assert loan.summary_differs(tx, loans=page) == []
            tx.commit()
        assert close_through(world.house, to=OPENED_ON + timedelta(days=2)).failed_chunks == 0
        with database.transaction() as tx:
            assert_proved(tx)
