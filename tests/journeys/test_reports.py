"""Reports of closed days: an accountant can read them, they tie to the books, and a closed day never changes."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, LiteralString, get_type_hints

import pytest

from mingqu import cli
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.loan import Receipt, Repaid
from mingqu.domain.moment import start_of
from mingqu.services.changes.change_loan import change_loan
from mingqu.services.close import close_day
from mingqu.services.close.close_day import close_through
from mingqu.services.close.sum_days import sum_all_days
from mingqu.services.house import House
from mingqu.services.reports.report_days import (
    Asked,
    DayBeforeBook,
    DayNotClosed,
    DaysOutOfOrder,
    IncomeRow,
    LenderUnknown,
    PortfolioNotKept,
    PortfolioRow,
    TrialBalanceRow,
    report_income,
    report_portfolio,
    report_trial_balance,
)
from mingqu.services.write_rows import as_csv, as_parquet, as_text
from mingqu.store import proof
from mingqu.store.days.day_sum import sum_next_day
from mingqu.store.server.database import Database
from mingqu.store.server.postgres import Server
from tests.conftest import OPENED_ON, database_named
from tests.journeys.reading import arrive, assert_coherent, borrow
from tests.world import OpenWorld, open_world, pass_over_funding

arro3_io = pytest.importorskip("arro3.io")

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "reports"
BEFORE: Final = date(2026, 9, 16)  # the last day that was closed when the favor was granted, on the 18th at noon
FAVOR_ON: Final = date(2026, 9, 16)  # its value date: two days before it was booked
LAST: Final = date(2026, 9, 18)
WHOLE: Final = Asked(as_of=LAST, first=OPENED_ON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The story as it ended, and the reports of the day before the favor as they were before it."""

    world: OpenWorld
    as_it_was: dict[str, list[Any]]
    favor_fen: int

    @property
    def house(self) -> House:
        """The house it happened in."""
        return self.world.house


def reports(house: House, *, on: date) -> dict[str, list[Any]]:
    """Every report of a day, from the first one on."""
    since = Asked(as_of=on, first=OPENED_ON)
    return {
        "trial-balance": report_trial_balance(house, asked=since),
        "income": report_income(house, asked=since),
        "portfolio": report_portfolio(house, asked=Asked(as_of=on)),
    }


@pytest.fixture(scope="module")
def told(server: Server, funded: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Two loans are paid out and not paid; on the third day something is given up as of the day before last.

    It is booked while yesterday is still open. The process dies on the first day and on the last, after a cell marked
    it and before it is added up.
    """
    with (
        database_named(server, "reported", copy_of=funded) as address,
        Database(address, ensure=server.ensure) as database,
        open_world(database=database, folder=tmp_path_factory.mktemp("reported"), opened_on=OPENED_ON) as world,
    ):
        house = world.house
        pass_over_funding(world)
        known = arrive(world)
        loan_id = borrow(world, known).signed.loan_id
        borrow(world, arrive(world, ZHOU), amount_fen=500_000, instalments=6)
        world.deposit(XIA, -world.balance_fen(XIA))
        world.go_to(start_of(LAST) + timedelta(hours=12))
        close_and_die(house, on=OPENED_ON)
        close_through(house, to=BEFORE)
        as_it_was = reports(house, on=BEFORE)
        favor = Repaid(
            event_id=house.id_for(known.person_id), value_date=FAVOR_ON, amount_fen=20_000, receipt=Receipt.GOODWILL
        )
        change_loan(house, loan_id=loan_id, event=favor, key="a favor")
        world.go_to_date(LAST + timedelta(days=1))
        close_through(house, to=LAST - timedelta(days=1))
        close_and_die(house, on=LAST)
        close_through(house, to=LAST)
        yield Told(world=world, as_it_was=as_it_was, favor_fen=favor.amount_fen)


class Killed(BaseException):
    """Stands for a death that no code sees."""


def dies(house: House, *, cell: int, to: date) -> int:
    """Die before anything is added up."""
    raise Killed


def close_and_die(house: House, *, on: date) -> None:
    """Close a day of the first cell, and die before it is added up."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(close_day, "sum_days", dies)
        with pytest.raises(Killed):
            close_through(house, to=on)


@pytest.mark.parametrize(
    ("name", "kind"), [("trial-balance", TrialBalanceRow), ("income", IncomeRow), ("portfolio", PortfolioRow)]
)
def test_a_small_story_reads_as_an_accountant_would_write_it(told: Told, name: str, kind: type[Any]) -> None:
    assert as_text(kind, reports(told.house, on=LAST)[name]).decode() == (GOLDEN / f"{name}.txt").read_text()


def test_late_news_changes_no_closed_day_and_shows_on_the_day_it_was_booked(told: Told) -> None:
    assert reports(told.house, on=BEFORE) == told.as_it_was
    on_the_day = report_income(told.house, asked=Asked(as_of=LAST))
    assert [(one.on, one.concession_fen) for one in on_the_day if one.concession_fen] == [(LAST, told.favor_fen)]
    with told.house.database.transaction() as tx:
        valued = tx.execute("SELECT sum(amount_fen) FROM transfer WHERE reason = 26 AND value_date = %s", (FAVOR_ON,))
        assert valued.fetchone() == (told.favor_fen,)


def test_days_added_up_are_the_ledgers_balances(told: Told) -> None:
    rows = report_trial_balance(told.house, asked=WHOLE)
    assert sum(row.debits_fen for row in rows) == sum(row.credits_fen for row in rows) > 0
    for lender in {row.lender for row in rows}:
        own = [row for row in rows if row.lender == lender]
        assert sum(row.closing_debit_fen - row.closing_credit_fen for row in own) == 0, "each part balances by itself"
    with told.house.database.transaction() as tx:
        ledger = dict(
            tx.execute("SELECT code, sum(debits_posted_fen - credits_posted_fen) FROM account GROUP BY code").fetchall()
        )
    for code, held in ledger.items():
        assert sum(row.closing_debit_fen - row.closing_credit_fen for row in rows if row.code == code) == held
    known = {lender.id: lender.code for lender in told.house.pack.lenders}
    with told.house.database.transaction() as tx:
        for owner, code, held in tx.execute(
            """SELECT owner, code, sum(debits_posted_fen - credits_posted_fen) FROM account WHERE owner = ANY (%s)
               GROUP BY 1, 2""",
            (list(known),),
        ):
            row = [one for one in rows if (one.lender, one.code) == (known[owner], code)]
            assert sum(one.closing_debit_fen - one.closing_credit_fen for one in row) == held


def test_each_closed_days_portfolio_is_what_its_trial_balance_says(told: Told) -> None:
    assert_coherent(told.house)
    for days in range((LAST - OPENED_ON).days + 1):
        on = OPENED_ON + timedelta(days=days)
        books = {row.code: 0 for row in report_trial_balance(told.house, asked=WHOLE)}
        for row in report_trial_balance(told.house, asked=Asked(as_of=on)):
            books[row.code] += row.closing_debit_fen - row.closing_credit_fen
        loans = report_portfolio(told.house, asked=Asked(as_of=on))
        assert sum(row.principal_fen for row in loans) == books[1101] + books[1102]
        assert sum(row.interest_fen for row in loans) == books[1103]
        assert sum(row.loans for row in loans) == 2


# (what is forged, SQL that does it, which proof says so)
FORGED: Final[list[tuple[LiteralString, str]]] = [
    ("UPDATE day_balance SET debits_fen = debits_fen + 1 WHERE code = 4001", "balances"),
    ("DELETE FROM day_balance WHERE on_date = '2026-09-15'", "balances"),
    ("UPDATE day_balance SET product_id = 'another' WHERE code = 1101", "balances"),
    (
        """INSERT INTO transfer SELECT cell, gen_random_uuid(), debit_owner, credit_owner, 1, value_date, posted_on,
           debit_code, credit_code, 1, reason, currency, reference FROM transfer WHERE reason = 30 LIMIT 1""",
        "balances",
    ),
    ("UPDATE day_portfolio SET principal_billed_fen = principal_billed_fen + 1 WHERE loans > 0", "portfolios"),
    ("UPDATE day_portfolio SET accrued_interest_micro = accrued_interest_micro + 8000000", "portfolios"),
    ("DELETE FROM day_portfolio WHERE on_date = '2026-09-15'", "portfolios"),
    ("UPDATE portfolio_class SET loans = loans + 1", "portfolios"),
    ("UPDATE portfolio_class SET interest_slope = interest_slope - 1", "portfolios"),
    ("UPDATE portfolio_class SET overdue_since = '2026-09-14' WHERE overdue_since > '2026-01-01'", "portfolios"),
    ("DELETE FROM portfolio_class", "portfolios"),
]


@pytest.mark.parametrize(("sql", "broken"), FORGED)
def test_what_somebody_changes_of_closed_days_is_found(told: Told, sql: LiteralString, broken: str) -> None:
    with told.house.database.transaction() as tx:
        assert proof.day_balances(tx) + proof.day_portfolios(tx) == []
        tx.execute("SET LOCAL session_replication_role = replica")
        assert tx.execute(sql).rowcount
        found = {"balances": proof.day_balances(tx), "portfolios": proof.day_portfolios(tx)}
        assert found[broken], found


def test_loans_of_a_book_that_is_older_than_reports_are_counted_from_then_on(told: Told) -> None:
    whole = (files("mingqu.store") / "migrations" / "0022_day_sums.sql").read_text()
    opening = whole[whole.index("-- Loans that are there already") : whole.index("CREATE TRIGGER")]
    before = report_trial_balance(told.house, asked=WHOLE)
    with told.house.database.transaction() as tx:
        for table in ("day_sum", "day_balance", "day_portfolio", "portfolio_class", "portfolio_delta"):
            tx.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]
        tx.script(opening)
        assert proof.day_portfolios(tx) == []
        assert tx.execute("SELECT DISTINCT portfolio_from FROM day_sum").fetchall() == [(LAST + timedelta(days=1),)]
        for cell in range(tx.cells):
            while sum_next_day(tx, cell=cell):
                pass
        assert proof.day_balances(tx) + proof.day_portfolios(tx) == []
        assert tx.execute("SELECT count(*) FROM day_portfolio").fetchone() == (0,)
        assert tx.execute("SELECT sum(loans) FROM portfolio_delta").fetchone() == (2,)
    assert report_trial_balance(told.house, asked=WHOLE) == before


def test_two_that_add_the_same_day_up_take_turns(told: Told) -> None:
    before = reports(told.house, on=LAST)
    database = told.house.database
    with database.transaction() as tx:  # the cell with the loans, one day back
        ((cell,),) = tx.execute(
            "SELECT DISTINCT cell FROM day_portfolio WHERE on_date = %s LIMIT 1", (LAST,)
        ).fetchall()
        tx.execute("UPDATE day_sum SET summed_to = summed_to - 1 WHERE cell = %s", (cell,))
        for table in ("day_balance", "day_portfolio"):
            tx.execute(f"DELETE FROM {table} WHERE cell = %s AND on_date = %s", (cell, LAST))  # type: ignore[arg-type]
        tx.commit()
    with ThreadPoolExecutor(1) as pool, database.transaction() as tx:
        assert sum_next_day(tx, cell=cell) == LAST
        other = pool.submit(sum_all_days, told.house)
        while not other.done() and not waits_for_a_lock(database):
            pass
        tx.commit()
        assert other.result() == 0, "the one that waited found nothing left to do"
    assert reports(told.house, on=LAST) == before


def waits_for_a_lock(database: Database) -> bool:
    """Whether some transaction of the server waits for another."""
    with database.transaction() as tx:
        return tx.execute("SELECT FROM pg_locks WHERE NOT granted LIMIT 1").fetchone() is not None


def test_a_loan_is_late_from_the_day_after_its_due_date(told: Told) -> None:
    for on, arrears in ((date(2026, 9, 15), "current"), (date(2026, 9, 16), "1-30")):
        assert {row.arrears for row in report_portfolio(told.house, asked=Asked(as_of=on))} == {arrears}


@pytest.mark.parametrize("asked", [{"as_of": LAST + timedelta(days=1)}, {"as_of": date(2026, 8, 14)}])
def test_a_day_without_a_report_is_refused(told: Told, asked: dict[str, date]) -> None:
    refused = DayNotClosed if asked["as_of"] > LAST else DayBeforeBook
    for report in (report_trial_balance, report_portfolio, report_income):
        with pytest.raises(refused):
            report(told.house, asked=Asked(**asked))  # type: ignore[arg-type]


def test_what_cannot_be_asked_is_refused(told: Told) -> None:
    house = told.house
    for asked, refused in (
        (Asked(first=LAST, as_of=BEFORE), DaysOutOfOrder),
        (Asked(first=date(2026, 8, 1)), DayBeforeBook),
        (Asked(lender="nobody"), LenderUnknown),
    ):
        with pytest.raises(refused):
            report_income(house, asked=asked)
    with house.database.transaction() as tx:
        tx.execute("UPDATE day_sum SET portfolio_from = %s", (LAST,))
        tx.commit()
    try:
        with pytest.raises(PortfolioNotKept):
            report_portfolio(house, asked=Asked(as_of=BEFORE))
        assert report_portfolio(house, asked=Asked(as_of=LAST))
    finally:
        with house.database.transaction() as tx:
            tx.execute("UPDATE day_sum SET portfolio_from = %s", (OPENED_ON,))
            tx.commit()


def test_a_lender_sees_its_own_part_by_code_or_by_id(told: Told) -> None:
    everything = report_trial_balance(told.house, asked=WHOLE)
    for lender in told.house.pack.lenders:
        own = [row for row in everything if row.lender == lender.code]
        for named in (lender.code, str(lender.id)):
            assert report_trial_balance(told.house, asked=Asked(as_of=LAST, first=OPENED_ON, lender=named)) == own


ROWS: Final = {"trial-balance": TrialBalanceRow, "income": IncomeRow, "portfolio": PortfolioRow}


@pytest.mark.parametrize("name", list(ROWS))
def test_csv_and_parquet_read_back_equal(told: Told, name: str) -> None:
    kind, rows = ROWS[name], reports(told.house, on=LAST)[name]
    hints = get_type_hints(kind)
    read = {int: int, str: str, date: date.fromisoformat, bool: lambda text: {"0": False, "1": True}[text]}
    lines = csv.DictReader(io.StringIO(as_csv(kind, rows).decode(), newline=""))
    assert [kind(**{column: read[hints[column]](text) for column, text in line.items()}) for line in lines] == rows
    table = arro3_io.read_parquet(io.BytesIO(as_parquet(kind, rows))).read_all()
    types = {int: "Int64", str: "Utf8", date: "Date32", bool: "Boolean"}
    assert [(field.name, types[hints[field.name]] in str(field.type)) for field in table.schema] == [
        (field.name, True) for field in fields(kind)
    ]
    columns = {column: table.column(column).to_pylist() for column in hints}
    assert [kind(**dict(zip(columns, values, strict=True))) for values in zip(*columns.values(), strict=True)] == rows
    assert arro3_io.read_parquet(io.BytesIO(as_parquet(kind, []))).read_all().num_rows == 0


class Books:
    """What `main` opens for a command, with the one house of this story."""

    def __init__(self, house: House) -> None:
        self._house = house

    @contextmanager
    def live_house(self, *, data: Path, makes_book: bool) -> Iterator[House]:
        """Open the house, wherever it is asked for."""
        yield self._house


def test_the_command_writes_whole_files_and_refuses_in_one_line(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        code = cli.run(Books(told.house), ["report", *words])  # type: ignore[arg-type]
        said = capsys.readouterr()
        return code, said.out, said.err

    since = ("--from", OPENED_ON.isoformat())
    for name, kind in ROWS.items():
        rows = reports(told.house, on=LAST)[name]
        days = () if name == "portfolio" else since
        assert run(name, *days) == (0, as_text(kind, rows).decode(), "")
        out = tmp_path / name
        assert run(name, *days, "--format", "parquet", "--out", str(out))[:2] == (0, "")
        assert out.read_bytes() == as_parquet(kind, rows)
    assert run("income", "--as-of", "2027-01-01")[0:2] == (cli.EXIT_REFUSED, "")
    assert run("income", "--as-of", "2027-01-01")[2].startswith("mingqu: day_not_closed: ")
    assert run("income", "--format", "parquet")[2].startswith("mingqu: command_malformed: ")
    monkeypatch.setitem(sys.modules, "arro3.core", None)
    code, _, said = run("income", "--format", "parquet", "--out", str(tmp_path / "never"))
    assert code == cli.EXIT_REFUSED
    assert said.startswith("mingqu: parquet_missing: ")
    assert "mingqu[parquet]" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(ROWS), "nothing else, and no draft, is left"
