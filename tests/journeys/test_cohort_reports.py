"""What became of loans: vintages, roll rates and the funnel, against an independent count day by day."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import pytest

from mingqu import cli
from mingqu.console import report
from mingqu.demo.journey import be_assessed, introduce
from mingqu.demo.made_book import made_book
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.domain.loan import ChargedOff, Receipt, Repaid, WrittenOff, quote
from mingqu.domain.taking_over import COLUMNS, HEADER
from mingqu.services.books.take_over_book import Source, take_over_book
from mingqu.services.changes.change_loan import change_loan
from mingqu.services.close.close_day import close_through
from mingqu.services.house import House
from mingqu.services.reports.read_reports import REPORTS
from mingqu.services.reports.report_cohorts import (
    CLASSES,
    FunnelOfLender,
    FunnelRow,
    ProductUnknown,
    RollRateRow,
    TurnsNotKept,
    VintageRow,
    report_funnel,
    report_roll_rate,
    report_vintage,
)
from mingqu.services.reports.report_days import Asked, DayNotClosed, PortfolioRow, report_portfolio
from mingqu.services.write_rows import as_csv, as_parquet, as_text
from mingqu.store import proof
from mingqu.store.decisions.policy import load_pack
from mingqu.store.loans import loan
from mingqu.store.server.database import Database
from mingqu.store.server.postgres import Server
from tests.conftest import OPENED_ON, database_named
from tests.console import signed_in
from tests.journeys.reading import arrive, assert_coherent, borrow, do_morning
from tests.world import OpenWorld, open_world, pass_over_funding

LINES: Final = tuple(made_book(pack=load_pack(), as_of=OPENED_ON - timedelta(days=1), loans=400, seed=11))
LAST: Final = date(2026, 9, 8)
MIDDLE: Final = date(2026, 8, 31)


class Seen(NamedTuple):
    """A loan as a day ended, by its own row."""

    stage: str
    late_days: int
    principal_fen: int
    product: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A book that lived, and what its loans' own rows said as each day ended."""

    world: OpenWorld
    began: dict[UUID, tuple[date, int]]
    seen: dict[date, dict[UUID, Seen]] = field(default_factory=dict)

    @property
    def house(self) -> House:
        """The house it happened in."""
        return self.world.house

    def look(self, *, on: date) -> None:
        """Read how every loan stands as a day ended; turns are not read."""
        with self.house.database.transaction() as tx:
            rows = tx.execute(
                """SELECT loan_id, stage, overdue_since, principal_unbilled_fen + payable_principal_fen, product_id
                   FROM loan WHERE stage <> 'planned'"""
            ).fetchall()
        self.seen[on] = {
            row[0]: Seen(row[1], max(0, (on - row[2]).days) if row[2] else 0, row[3], row[4]) for row in rows
        }


def late_lines() -> list[str]:
    """Forty lines of a made-up book: every late one up to twenty-five, and others."""
    since = COLUMNS.index("overdue_since")
    late = [line for line in LINES[1:] if line.split(",")[since]][:25]
    return late + [line for line in LINES[1:] if not line.split(",")[since]][: 40 - len(late)]


@pytest.fixture(scope="module")
def told(server: Server, small_funded: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Forty loans come over, two begin here, one applicant gets nothing; some pay, some are lost; a month passes."""
    lines = late_lines()
    with (
        database_named(server, "cohorts", copy_of=small_funded) as address,
        Database(address, ensure=server.ensure) as database,
        open_world(database=database, folder=tmp_path_factory.mktemp("cohorts"), opened_on=OPENED_ON) as world,
    ):
        house = world.house
        pass_over_funding(world)
        source = Source(lines=[f"{HEADER}\n", *lines], file_hash=hashlib.sha256(b"cohorts").digest())
        take_over_book(house, source=source)
        by_reference = {line.split(",")[0]: dict(zip(COLUMNS, line.split(","), strict=True)) for line in lines}
        with database.transaction() as tx:
            began = {
                loan_id: (
                    date.fromisoformat(by_reference[reference]["disbursed_on"]),
                    int(by_reference[reference]["paid_out_fen"]),
                )
                for reference, loan_id in tx.execute("SELECT reference, loan_id FROM loan_reference")
            }
        for newcomer, amount_fen in ((XIA, 1_000_000), (ZHOU, 500_000)):
            borrowed = borrow(world, arrive(world, newcomer), amount_fen=amount_fen)
            began[borrowed.signed.loan_id] = (OPENED_ON, amount_fen)
        world.deposit(XIA, -world.balance_fen(XIA))
        be_assessed(world, introduce(world, CHUAN, balance_fen=0), amount_fen=800_000)
        told = Told(world=world, began=began)
        while (today := house.clock.business_date()) <= LAST:
            do_morning(world)
            live(world, today)
            world.go_to_date(today + timedelta(days=1))
            close_through(house, to=today)
            told.look(on=today)
        yield told


def live(world: OpenWorld, today: date) -> None:
    """Let somebody pay, or be lost, on certain days."""
    if today in (date(2026, 8, 20), date(2026, 9, 3), date(2026, 9, 6)):
        pay(world, today, in_part=today.day == 3)
    if today == date(2026, 9, 5):
        lose(world, late_loan(world, longest=True), ChargedOff)
    if today == date(2026, 9, 6):
        lose(world, late_loan(world, longest=True, stage="charged_off"), WrittenOff)


def lose(world: OpenWorld, lost: loan.Loan, how: type[ChargedOff | WrittenOff]) -> None:
    """Take a loan for lost, or give up its claim."""
    event = how(event_id=world.house.id_for(lost.person_id), value_date=world.house.clock.business_date())
    change_loan(world.house, loan_id=lost.loan_id, event=event, key=how.__name__)


def late_loan(world: OpenWorld, *, longest: bool, stage: str = "active") -> loan.Loan:
    """A loan that is late, the longest or the shortest time."""
    with world.house.database.transaction() as tx:
        rows = tx.execute(
            "SELECT cell, loan_id FROM loan WHERE overdue_since IS NOT NULL AND stage = %s ORDER BY overdue_since, 2",
            (stage,),
        ).fetchall()
        cell, loan_id = rows[0 if longest else -1]
        return loan.get(tx, cell=cell, loan_id=loan_id)


def pay(world: OpenWorld, today: date, *, in_part: bool) -> None:
    """Let the lender give up what a late loan owes, or half of it: no channel is needed for that."""
    before = late_loan(world, longest=in_part)
    owed_fen = quote(terms=before.terms, state=before.state, on=today).due_fen
    given = Repaid(
        event_id=world.house.id_for(before.person_id),
        value_date=today,
        amount_fen=owed_fen // 2 if in_part else owed_fen,
        receipt=Receipt.GOODWILL,
    )
    change_loan(world.house, loan_id=before.loan_id, event=given, key=f"given on {today}")


def class_of(seen: Seen) -> str:
    """The class of a loan, counted by hand."""
    if seen.stage in ("settled", "cancelled", "written_off"):
        return "written_off" if seen.stage == "written_off" else "ended"
    return next(name for name, most in zip(CLASSES, (0, 30, 60, 90, 10_000), strict=True) if seen.late_days <= most)


def counted(told: Told, *, on: date) -> dict[str, list[int]]:
    """Every month of start, counted by hand as a day ended."""
    months: dict[str, list[int]] = {}
    for loan_id, (began, paid_out_fen) in told.began.items():
        one = told.seen[on][loan_id]
        lost = one.stage == "written_off"
        cell = months.setdefault(f"{began:%Y-%m}", [0] * 9)
        cell[0] += 1
        cell[1] += paid_out_fen
        cell[8] += lost
        for place, mark in enumerate((30, 60, 90)):
            cell[2 + place] += lost or one.late_days > mark
            cell[5 + place] += one.principal_fen if not lost and one.late_days > mark else 0
    return months


def test_vintages_are_what_a_count_of_all_loans_says(told: Told) -> None:
    for on in told.seen:
        rows = report_vintage(told.house, asked=Asked(as_of=on))
        for looked in {MIDDLE, on} if on > MIDDLE else {on}:
            assert {
                row.vintage: [
                    row.loans, row.started_fen, row.late_30_loans, row.late_60_loans, row.late_90_loans,
                    row.late_30_principal_fen, row.late_60_principal_fen, row.late_90_principal_fen,
                    row.written_off_loans,
                ]
                for row in rows if row.on == looked
            } == counted(told, on=looked)  # fmt: skip
    assert sum(row.late_30_loans for row in rows) > sum(row.late_90_loans for row in rows) > 0
    own = [row for row in rows if row.vintage == "2026-08"]
    assert [(row.month_on_book, row.on) for row in own] == [(0, MIDDLE), (1, LAST)]


def test_roll_rates_are_what_each_loan_did(told: Told) -> None:
    for first, last in ((MIDDLE, LAST), (OPENED_ON, LAST), (date(2026, 9, 4), date(2026, 9, 6))):
        rows = report_roll_rate(told.house, asked=Asked(first=first, as_of=last))
        counted = Counter(
            (class_of(before), class_of(told.seen[last][loan_id]))
            for loan_id, before in told.seen[first].items()
            if before.stage in ("active", "charged_off")
        )
        assert {(row.before, row.after): row.loans for row in rows if row.loans} == counted
        portfolio = Counter[str]()
        for row in report_portfolio(told.house, asked=Asked(as_of=first)):
            portfolio[row.arrears] += row.loans
        assert {one: sum(row.loans for row in rows if row.before == one) for one in portfolio} == portfolio
    assert report_roll_rate(told.house, asked=Asked(as_of=LAST)) == report_roll_rate(
        told.house, asked=Asked(first=MIDDLE, as_of=LAST)
    ), "by default since the last month ended"
    worst = [row for row in rows if row.before == "90+"]
    assert [row.loans for row in worst if row.after == "written_off"] == [1]
    assert 999_990 <= sum(row.share_ppm for row in worst) <= 1_000_000


def test_the_funnel_says_how_far_each_application_came(told: Told) -> None:
    assert report_funnel(told.house, asked=Asked(as_of=LAST)) == [
        FunnelRow(month="2026-08", as_of=LAST, applied=3, decided=3, approved=2, offered=2, signed=2, paid=2, repaid=0)
    ]
    assert report_funnel(told.house, asked=Asked(as_of=LAST, first=date(2026, 9, 2))) == []
    product = told.seen[LAST][next(one for one, began in told.began.items() if began[0] == OPENED_ON)].product
    (own,) = report_funnel(told.house, asked=Asked(as_of=LAST, product=product))
    assert (own.applied, own.approved, own.signed) == (3, 2, 2)


def test_a_closed_days_report_stays_and_parts_add_up_to_the_whole(told: Told) -> None:
    assert_coherent(told.house)
    whole = report_vintage(told.house, asked=Asked(as_of=LAST))
    parts = [
        row
        for lender in told.house.pack.lenders
        for row in report_vintage(told.house, asked=Asked(as_of=LAST, lender=lender.code))
    ]
    assert sum(row.late_60_loans for row in parts) == sum(row.late_60_loans for row in whole)
    products = {product.id for product in told.house.pack.products}
    by_product = [row for one in products for row in report_roll_rate(told.house, asked=Asked(as_of=LAST, product=one))]
    assert sum(row.loans for row in by_product) == sum(
        row.loans for row in report_roll_rate(told.house, asked=Asked(as_of=LAST))
    )


def test_what_somebody_changes_of_turns_is_found(told: Told) -> None:
    for sql in (
        "UPDATE loan_turn SET overdue_since = NULL WHERE overdue_since = (SELECT max(overdue_since) FROM loan)",
        "DELETE FROM loan_turn WHERE started_on = '2026-08-15'",
        "UPDATE loan_turn SET stage = 'settled' WHERE stage = 'active'",
    ):
        with told.house.database.transaction() as tx:
            assert proof.day_portfolios(tx) == []
            tx.execute("SET LOCAL session_replication_role = replica")
            assert tx.execute(sql).rowcount  # type: ignore[arg-type]
            assert proof.day_portfolios(tx)


def test_what_cannot_be_asked_of_cohorts_is_refused(told: Told) -> None:
    house = told.house
    with pytest.raises(FunnelOfLender):
        report_funnel(house, asked=Asked(lender=house.pack.lenders[0].code))
    with pytest.raises(ProductUnknown):
        report_vintage(house, asked=Asked(product="nothing"))
    with pytest.raises(DayNotClosed):
        report_roll_rate(house, asked=Asked(as_of=date(2027, 1, 1)))
    with house.database.transaction() as tx:
        tx.execute("UPDATE day_sum SET turns_from = %s", (date(2026, 9, 1),))
        tx.commit()
    try:
        with pytest.raises(TurnsNotKept):
            report_roll_rate(house, asked=Asked(first=MIDDLE, as_of=LAST))
        assert {row.on for row in report_vintage(house, asked=Asked(as_of=LAST))} == {LAST}
    finally:
        with house.database.transaction() as tx:
            tx.execute("UPDATE day_sum SET turns_from = NULL")
            tx.commit()


class Books:
    """What `main` opens for a command, with the one house of this story."""

    def __init__(self, house: House) -> None:
        self._house = house

    @contextmanager
    def live_house(self, *, data: Path, makes_book: bool) -> Iterator[House]:
        """Open the house, wherever it is asked for."""
        yield self._house


def test_the_commands_print_what_the_reports_say(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    kinds: dict[str, tuple[type[Any], list[Any]]] = {
        "vintage": (VintageRow, report_vintage(told.house, asked=Asked())),
        "roll-rate": (RollRateRow, report_roll_rate(told.house, asked=Asked())),
        "funnel": (FunnelRow, report_funnel(told.house, asked=Asked())),
    }
    for name, (kind, rows) in kinds.items():
        assert cli.run(Books(told.house), ["report", name]) == 0  # type: ignore[arg-type]
        assert capsys.readouterr().out == as_text(kind, rows).decode()


def test_the_console_shows_each_report_with_its_files_and_lenders_see_their_part(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "LINE_LOANS_MIN", 1)
    desk = signed_in(told.house, "auditor")
    assert desk.get("/console/reports").headers["location"] == "/console/reports/portfolio"
    for name, kind in REPORTS.items():
        shown = desk.get(f"/console/reports/{name}", as_of=LAST.isoformat())
        assert shown.status_code == 200, name
        rows = kind.make(told.house, asked=Asked(as_of=LAST))
        file = desk.get(f"/console/reports/{name}/csv", as_of=LAST.isoformat())
        assert file.content == as_csv(kind.kind, rows)
        assert f'filename="{name}.csv"' in file.headers["content-disposition"]
        drawn = {"portfolio": "<rect", "vintage": "<polyline", "funnel": "<rect", "roll-rate": 'class="heat"'}
        assert drawn.get(name, "<table") in shown.text
    whole = desk.get("/console/reports/portfolio/parquet")
    assert whole.content == as_parquet(PortfolioRow, report_portfolio(told.house, asked=Asked()))
    lender = told.house.pack.lenders[0].code
    insider = signed_in(told.house, f"lender:{lender}")
    own = as_csv(PortfolioRow, report_portfolio(told.house, asked=Asked(lender=lender)))
    other = told.house.pack.lenders[1].code
    assert insider.get("/console/reports/portfolio/csv", lender=other).content == own
    assert insider.get("/console/reports/funnel").status_code == 404
    assert insider.get("/console/reports/funnel/csv").status_code == 404
    refused = desk.get("/console/reports/vintage", as_of="2027-01-01")
    assert (refused.status_code, "day_not_closed" in refused.text) == (409, True)
    assert desk.get("/console/reports/income", since="soon").status_code == 422
    assert desk.get("/console/reports/income/exe").status_code == 404
