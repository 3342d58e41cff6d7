"""Another system's book comes over: all of a file or nothing, reconciled to the fen, and it goes back as it came."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final, LiteralString
from uuid import UUID

import pytest

from mingqu.channels.fake.clock import SettableClock
from mingqu.demo.made_book import made_book
from mingqu.domain.loan import ChargedOff, ChargeOffUndone, Intent, Repaid, Stage, quote
from mingqu.domain.moment import start_of
from mingqu.domain.personal import Personal
from mingqu.domain.taking_over import COLUMNS, HEADER, HEADERS
from mingqu.services.books.hand_over_book import HandedOver, hand_over_book
from mingqu.services.books.take_over_book import (
    FAULTS_MAX,
    BookFileRefused,
    BookTakenOver,
    ControlTotalsDiffer,
    DaysNotClosed,
    Expected,
    Source,
    take_over_book,
)
from mingqu.services.changes.change_loan import change_loan
from mingqu.services.close.close_day import close_through
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.loans.record_event import record_event
from mingqu.services.reports.report_days import (
    Asked,
    DayNotClosed,
    report_income,
    report_portfolio,
    report_trial_balance,
)
from mingqu.store import proof
from mingqu.store.decisions.policy import load_pack
from mingqu.store.loans import loan
from mingqu.store.loans.taking_over import ImportRunning
from mingqu.store.parties import party
from mingqu.store.people.vault import ErasureHeld
from mingqu.store.server.database import Database
from mingqu.store.server.postgres import Server
from tests.conftest import OPENED_ON, database_named
from tests.journeys.fingerprint import fingerprint, refused
from tests.journeys.reading import arrive, borrow, live_until
from tests.world import OpenWorld, open_world

AS_OF: Final = OPENED_ON - timedelta(days=1)
LOANS: Final = 250
LINES: Final = tuple(made_book(pack=load_pack(), as_of=AS_OF, loans=LOANS, seed=7))
# Loans on a course and loans taken for lost, as the book they come from hands them over.
OTHERS: Final = (
    # paid out in two parts, spread anew and paid early in part
    (
        "X-a,of-X-a,chengchuan-milestone,1,chengchuan,CNY,1700000,2026-03-31,equal_instalment,6,2026-04-30,144000,"
        "2026-08-14,0,1457143,229649,0,3720,0,0,0,2026-07-19,0,2026-06-09 2026-07-19:242857:0:3720:0:13208 2026-08"
        "-19:242857:0 2026-09-19:242857:0 2026-10-19:242857:0 2026-11-19:242857:0 2026-12-19:242857:0 2027-01-19:2"
        "42858:0,2000000,2,,,\n"
    ),
    # taken for lost in June, of which something was recovered
    (
        "X-b,of-X-b,chengchuan-instalment,1,chengchuan,CNY,2000000,2026-03-31,equal_instalment,6,2026-04-30,144000"
        ",2026-08-14,1,1349174,318142,0,6108,0,0,0,2026-05-31,0,2026-04-30 2026-05-31:327354:20118:14750:0:9212:20"
        "118:8642 2026-06-30:331282:16190 2026-07-31:335257:12215 2026-08-31:339280:8192 2026-09-30:343355:4120,,,"
        ",2026-06-14,0:0 2026-04-30 2026-05-31:327354:20118:14750:0:9212:20118:8642 2026-06-30:331282:16190:9144 2"
        "026-07-31:335257:12215:3017 2026-08-31:339280:8192 2026-09-30:343355:4120\n"
    ),
    # paid out in part, taken for lost, with income that would have stopped
    (
        "X-c,of-X-c,chengchuan-milestone,1,chengchuan,CNY,600000,2026-03-31,equal_instalment,6,2026-04-30,144000,2"
        "026-08-14,0,305366,294634,18092,13451,0,0,0,2026-04-30,0,2026-03-31 2026-04-30:97042:7200:6230 2026-05-31"
        ":98207:6035:4478 2026-06-30:99385:4857:2743 2026-07-31:100578:3664 2026-08-31:101785:2457 2026-09-30:1030"
        "03:1236,2000000,,,2026-07-09,0:1 2026-03-31 2026-04-30:97042:7200:6230 2026-05-31:98207:6035:4478 2026-06"
        "-30:99385:4857:2743 2026-07-31:100578:3664:905 2026-08-31:101785:2457 2026-09-30:103003:1236\n"
    ),
    # with instalments moved, and interest paid that nobody has borne yet
    (
        "X-d,of-X-d,chengchuan-milestone,1,chengchuan,CNY,2000000,2026-03-31,equal_instalment,6,2026-04-30,144000,"
        "2026-08-14,4,609982,0,0,0,0,-5568,0,,0,2026-08-15 2026-09-15:341904:5568:0:0:78563:5568 2026-10-15:346641"
        ":2713,,,,,\n"
    ),
)
CHUNK: Final = 60  # so that a book of this size has several
# Tables with the column by which, behind the cell, their rows lie when a file was taken over.
IN_ORDER: Final[tuple[tuple[LiteralString, LiteralString], ...]] = (
    ("loan", "loan_id"),
    ("loan_snapshot", "loan_id"),
    ("loan_event", "loan_id"),
    ("loan_turn", "loan_id"),
    ("(SELECT a.ctid, a.* FROM account a JOIN loan l ON l.cell = a.cell AND l.loan_id = a.owner) own", "owner"),
    ("transfer", "reference"),
    ("loan_reference", "reference"),
    ("person_reference", "reference"),
)


def take(world: OpenWorld, *lines: str, expected: Expected | None = None) -> BookTakenOver:
    """Take lines over, the header before them."""
    source = Source(lines=[f"{HEADER}\n", *lines], file_hash=hashlib.sha256("".join(lines).encode()).digest())
    return take_over_book(world.house, source=source, expected=expected, chunk_lines=CHUNK)


def handed(world: OpenWorld) -> tuple[list[str], HandedOver]:
    """Return the book as lines, and the report."""
    report = HandedOver()
    return list(hand_over_book(world.house, report=report)), report


def changed(line: str, **cells: str) -> str:
    """Return a line with other cells."""
    values = dict(zip(COLUMNS, line.rstrip("\n").split(","), strict=True))
    assert set(cells) <= set(values)
    return ",".join((values | cells).values()) + "\n"


def assert_proved(world: OpenWorld) -> None:
    report = verify_book(database=world.house.database, keyring=world.house.keyring)
    assert report.all_hold, report.findings


@pytest.fixture
def empty(database: Database, tmp_path: Path) -> Iterator[OpenWorld]:
    """A house on a fresh book into which no lender has put anything."""
    with open_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        yield opened


def test_a_book_comes_over_reconciled_proves_itself_and_goes_back_as_it_came(empty: OpenWorld) -> None:
    done = take(empty, *LINES[1:])
    report = done.report
    assert (done.again, report["loans"], report["as_of"]) == (False, LOANS, AS_OF.isoformat())
    assert report["people"] == len({line.split(",")[1] for line in LINES[1:]})
    cells = [dict(zip(COLUMNS, line.rstrip("\n").split(","), strict=True)) for line in LINES[1:]]
    for one in report["ledger"]:
        assert one["file"] == sum(int(cell[one["name"]]) for cell in cells), one
        assert one["difference"] == 0
    for one in (total for book in report["books"] for total in book["totals"]):
        assert one["book"] == one["file"] + one["morning"]
    late = sum(book["buckets"][place]["book"] for book in report["books"] for place in range(2, 10, 2))
    assert late == sum(cell["overdue_since"] != "" for cell in cells) > 0
    assert_proved(empty)
    lines, back = handed(empty)
    assert lines == [LINES[0], *sorted(LINES[1:])]
    assert (back.loans, back.left_out_count, back.as_of) == (LOANS, 0, AS_OF)


def test_loans_on_a_course_and_lost_ones_come_over_live_on_and_go_back_as_they_came(empty: OpenWorld) -> None:
    house = empty.house
    take(empty, *OTHERS)
    assert_proved(empty)
    lines, back = handed(empty)
    assert (lines[1:], back.left_out) == (list(OTHERS), [])
    live_until(empty, OPENED_ON + timedelta(days=33))
    told = {
        "X-a": (ChargedOff, Stage.CHARGED_OFF), "X-b": (ChargeOffUndone, Stage.ACTIVE),
        "X-c": (ChargeOffUndone, Stage.ACTIVE),
    }  # fmt: skip
    for reference, (kind, stage) in told.items():
        with house.database.transaction() as tx:
            sql = "SELECT loan_id, person_id FROM loan_reference JOIN loan USING (loan_id) WHERE reference = %s"
            loan_id, person_id = tx.execute(sql, (reference,)).fetchone() or (None, None)
        assert isinstance(loan_id, UUID)
        assert isinstance(person_id, UUID)
        event = kind(event_id=house.id_for(person_id), value_date=house.clock.business_date())
        change_loan(house, loan_id=loan_id, event=event, key=reference)
        with house.database.transaction() as tx:
            assert loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id).state.stage is stage
    assert_proved(empty)


@pytest.mark.parametrize(
    ("tampering", "sentence"),
    [
        ("DELETE FROM loan_reference WHERE reference = 'G7-00000001'", "without a reference"),
        ("UPDATE book_import SET loans = loans + 1", "files brought 11"),
        ("UPDATE transfer SET amount_fen = amount_fen + 1 WHERE debit_code = 1101", "files say"),
        ("UPDATE loan SET facility_id = person_id", "do not belong together"),
    ],
)
def test_what_somebody_changes_of_it_afterwards_is_found(
    empty: OpenWorld, tampering: LiteralString, sentence: str
) -> None:
    take(empty, *LINES[1:11])
    with empty.house.database.transaction() as tx:
        assert proof.taken_over(tx) + proof.contracts(tx) == []
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute(tampering)
        assert any(sentence in found for found in proof.taken_over(tx) + proof.contracts(tx))


def test_the_same_file_again_changes_nothing_and_is_answered_as_it_was(empty: OpenWorld) -> None:
    first = take(empty, *LINES[1:21])
    before = fingerprint(empty.house.database)
    again = take(empty, *LINES[1:21])
    assert again == replace(first, again=True)
    assert fingerprint(empty.house.database) == before


def test_loans_that_fall_due_on_one_day_lie_together(empty: OpenWorld) -> None:
    take(empty, *LINES[1 : 1 + CHUNK])

    with empty.house.database.transaction() as tx:
        days: dict[int, list[date]] = {}
        for cell, day in tx.execute("SELECT cell, next_event FROM loan ORDER BY cell, loan_id"):
            days.setdefault(cell, []).append(day or date.max)
        assert len({day for listed in days.values() for day in listed}) > 10
        assert all(listed == sorted(listed) for listed in days.values())


def test_rows_of_a_chunk_lie_in_the_order_of_their_indexes(empty: OpenWorld) -> None:
    cells = {f"L{number:04d}": LINES[1 + number % 30] for number in range(1_200)}
    lines = [changed(line, loan_reference=name, person_reference=f"of-{name}") for name, line in cells.items()]
    take_over_book(empty.house, source=Source(lines=[f"{HEADER}\n", *lines]))

    with empty.house.database.transaction() as tx:
        for table, key in IN_ORDER:
            found = tx.execute(f"SELECT cell, {key} FROM {table} ORDER BY ctid").fetchall()
            assert len(found) >= len(lines)
            back = sum(one > other for one, other in pairwise(found))  # long rows leave gaps for short ones
            assert back <= len(found) // 8, table


def test_what_came_over_is_in_the_reports_of_its_day_and_until_then_they_say_where_it_is(empty: OpenWorld) -> None:
    take(empty, *LINES[1:41])
    for report in (report_portfolio, report_trial_balance, report_income):
        with pytest.raises(DayNotClosed, match=rf"its first, {OPENED_ON}, is not over.*mingqu import"):
            report(empty.house, asked=Asked())
    empty.clock.advance_to(start_of(OPENED_ON + timedelta(days=1)))
    with pytest.raises(DayNotClosed, match="closes the days that are over"):
        report_portfolio(empty.house, asked=Asked())
    close_through(empty.house, to=OPENED_ON)
    assert sum(row.loans for row in report_portfolio(empty.house, asked=Asked())) == 40
    assert {row.as_of for row in report_trial_balance(empty.house, asked=Asked())} == {OPENED_ON}


def test_a_file_without_the_last_columns_means_what_it_would_if_they_were_empty(empty: OpenWorld) -> None:
    short = [line.rstrip("\n").removesuffix(",,,,,") + "\n" for line in LINES[1:4]]
    assert take_over_book(empty.house, source=Source(lines=[HEADERS[1], *short])).report["loans"] == 3
    assert handed(empty)[0][1:] == sorted(LINES[1:4])


def test_a_person_of_two_files_is_one_person(empty: OpenWorld) -> None:
    one, other = (changed(LINES[1], loan_reference=name, person_reference="one-person") for name in ("A", "B"))
    assert take(empty, one).report["people"] == 1
    assert take(empty, other).report["people"] == 0
    with empty.house.database.transaction() as tx:
        assert tx.execute("SELECT count(*), count(DISTINCT person_id) FROM loan").fetchone() == (2, 1)
    assert_proved(empty)


def test_a_person_of_many_chunks_of_one_file_is_one_person(empty: OpenWorld) -> None:
    lines = [changed(line, person_reference="one-person") for line in LINES[1 : 2 * CHUNK + 3]]
    assert take(empty, *lines).report["people"] == 1
    with empty.house.database.transaction() as tx:
        assert tx.execute("SELECT count(*), count(DISTINCT person_id) FROM loan").fetchone() == (2 * CHUNK + 2, 1)
        assert tx.execute("SELECT count(*) FROM person").fetchone() == (1,)


def faults_of(world: OpenWorld, *lines: str) -> list[tuple[int, str, str]]:
    """Return what is wrong with lines that are refused and change nothing."""
    before = fingerprint(world.house.database)
    with pytest.raises(BookFileRefused) as caught:
        take(world, *lines)
    assert fingerprint(world.house.database) == before
    return [(fault.line, fault.column, fault.code) for fault in caught.value.faults]


def test_another_file_with_a_reference_that_is_here_is_refused_whole(empty: OpenWorld) -> None:
    take(empty, *LINES[1:5])
    # With another person the loan would lie in another cell: its reference meets itself all the same.
    stranger = changed(LINES[3], person_reference="somebody-else")
    assert faults_of(empty, *LINES[5:9], stranger) == [(6, "loan_reference", "reference_taken")]


def test_every_faulty_line_is_named_and_nothing_is_taken_over(empty: OpenWorld) -> None:
    lines = list(LINES[1:101])
    lines[3] = changed(lines[3], loan_reference="with space")
    lines[10] = changed(lines[10], person_reference="13912345678")
    lines[20] = changed(lines[20], rate_year_ppm="twelve")
    lines[21] = changed(lines[21], lender="nobody")
    lines[70] = changed(lines[70], principal_not_due_fen="1")
    lines[71] = changed(lines[72], person_reference="another")
    assert faults_of(empty, *lines) == [
        (5, "loan_reference", "value_malformed"),
        (12, "person_reference", "reference_personal"),
        (22, "rate_year_ppm", "value_malformed"),
        (23, "lender", "lender_unknown"),
        (72, "principal_not_due_fen", "migration_unsound"),
        (74, "loan_reference", "reference_taken"),
    ]


def test_a_file_that_is_wrong_throughout_is_not_read_to_its_end(empty: OpenWorld) -> None:
    read: list[str] = []

    def endless() -> Iterator[str]:
        yield f"{HEADER}\n"
        while True:
            read.append("")
            yield "x,y\n"

    with pytest.raises(BookFileRefused) as caught:
        take_over_book(empty.house, source=Source(lines=endless()), chunk_lines=CHUNK)
    assert len(caught.value.faults) == FAULTS_MAX
    assert len(read) <= 4 * CHUNK


@pytest.mark.parametrize("lines", [["a,b\n"], [HEADER.replace("method", "way") + "\n"], [f"{HEADER}\n"], []])
def test_a_file_without_the_columns_or_without_a_loan_is_refused(empty: OpenWorld, lines: list[str]) -> None:
    with refused(empty.house.database, "book_file_refused"):
        take_over_book(empty.house, source=Source(lines=lines))


def test_control_totals_that_came_another_way_must_be_the_files(empty: OpenWorld) -> None:
    cells = dict(zip(COLUMNS, LINES[1].rstrip("\n").split(","), strict=True))
    principal = int(cells["principal_not_due_fen"]) + int(cells["principal_due_fen"])
    for wrong in (Expected(count=2), Expected(count=1, principal_fen=principal + 1)):
        with refused(empty.house.database, ControlTotalsDiffer.code):
            take(empty, LINES[1], expected=wrong)
    assert take(empty, LINES[1], expected=Expected(count=1, principal_fen=principal)).report["loans"] == 1


def test_books_come_and_go_only_when_yesterday_is_closed(empty: OpenWorld) -> None:
    empty.clock.advance_to(start_of(OPENED_ON + timedelta(days=1)))
    with refused(empty.house.database, "days_not_closed"):
        take(empty, LINES[1])
    with pytest.raises(Exception, match="Close the days"):
        handed(empty)
    close_through(empty.house, to=OPENED_ON)
    behind = replace(empty.house, clock=SettableClock(start=start_of(OPENED_ON)))
    with pytest.raises(DaysNotClosed, match="closed up to"):
        list(hand_over_book(behind, report=HandedOver()))


CHILD: Final = """
import sys, time
from datetime import date
from pathlib import Path
from mingqu.services.books.take_over_book import Source, take_over_book
from mingqu.store.server.database import Database
from tests.conftest import OPENED_ON
from tests.journeys.test_taking_over_a_book import CHUNK, LINES
from tests.world import open_world

def lines():
    for number, line in enumerate(LINES):
        if number == 3 * CHUNK + 1:  # two chunks are written by now, or nearly
            time.sleep(0.5)
            print("half", flush=True)
            time.sleep(600)
        yield line

with Database(sys.argv[1]) as database, open_world(
    database=database, folder=Path(sys.argv[2]), opened_on=OPENED_ON
) as world:
    take_over_book(world.house, source=Source(lines=lines()), chunk_lines=CHUNK)
"""


def test_a_taking_over_that_is_killed_in_the_middle_was_not_begun(empty: OpenWorld, tmp_path: Path) -> None:
    folder = tmp_path / "child"
    folder.mkdir()
    before = fingerprint(empty.house.database)
    words = [sys.executable, "-c", CHILD, empty.house.database.url, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2]) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"half\n"
        child.kill()
    assert fingerprint(empty.house.database) == before
    assert _when_free(empty).report["loans"] == LOANS
    assert_proved(empty)


def _when_free(world: OpenWorld) -> BookTakenOver:
    """Take the book over as soon as the server has taken back what a dead process wrote; until then it says so."""
    for _ in range(200):
        try:
            return take(world, *LINES[1:])
        except ImportRunning:
            time.sleep(0.1)
    raise AssertionError("a dead process holds the book")


def test_loans_that_came_over_live_on_beside_those_that_began_here_and_all_go_on_to_another_house(
    world: OpenWorld, server: Server, template: str, tmp_path: Path
) -> None:
    native = borrow(world, arrive(world))
    take(world, *LINES[1:41])
    live_until(world, OPENED_ON + timedelta(days=40))
    assert_proved(world)
    _pay_what_is_late(world)
    told, report = handed(world)
    assert (report.later, report.left_out_count) == (0, 0)
    assert native.signed.loan_id.hex in [line.split(",")[0] for line in told]
    folder = tmp_path / "other"
    folder.mkdir()
    with (
        database_named(server, "other_house", copy_of=template) as address,
        Database(address) as database,
        open_world(database=database, folder=folder, opened_on=OPENED_ON) as other,
    ):
        other.clock.advance_to(world.clock.now())
        close_through(other.house, to=other.house.clock.business_date() - timedelta(days=1))
        take(other, *told[1:])
        assert handed(other)[0] == told
        assert_proved(other)


def _pay_what_is_late(world: OpenWorld) -> None:
    """Pay a late loan that came over, and 0.07 too much: accounts that it had no need of until now are opened."""
    house = world.house
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        (loan_id,) = tx.execute(
            "SELECT loan_id FROM loan WHERE facility_id = loan_id AND overdue_since IS NOT NULL ORDER BY 1 LIMIT 1"
        ).fetchone() or (None,)
        assert isinstance(loan_id, UUID)
        before = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
        owed_fen = quote(terms=before.terms, state=before.state, on=today).due_fen
        tx.lock_cell(before.cell)
        event_id = house.id_for(before.person_id)
        paid = Repaid(event_id=event_id, value_date=today, amount_fen=owed_fen + 7, intent=Intent.DUE)
        after, _ = record_event(tx, house, before=before, event=paid)
        assert (after.state.overpayment_fen, after.state.overdue_days(today)) == (7, 0)


def test_a_person_who_came_over_gets_a_key_with_the_first_thing_that_is_known_of_them(empty: OpenWorld) -> None:
    take(empty, LINES[1])
    house = empty.house
    with house.database.transaction() as tx:
        (person_id,) = tx.execute("SELECT person_id FROM person").fetchone() or (None,)
        assert tx.execute("SELECT count(*) FROM person_key").fetchone() == (0,)
        with pytest.raises(ErasureHeld):
            party.erase(tx, person_id=person_id, at=house.clock.now())
        party.set_phone(
            tx, keyring=house.keyring, person_id=person_id, phone=Personal("13912345678"), at=house.clock.now()
        )
        assert tx.execute("SELECT count(*) FROM person_key").fetchone() == (1,)
        later = start_of(date(2060, 1, 1))
        party.erase(tx, person_id=person_id, at=later)
        assert tx.execute("SELECT count(*) FROM person_reference").fetchone() == (0,)
