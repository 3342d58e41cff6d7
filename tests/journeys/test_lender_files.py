"""What a lender gets of a day: adds up, is the same when it is made again, and shows a byte that was turned."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.domain.lender_file import FileKind, LenderFileBroken, file_name, read_rows
from mingqu.domain.reconciliation import BreakKind
from mingqu.services.changes.reverse_repayment import reverse_repayment
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.house import BANK, HOSTED, BillSource
from mingqu.services.reconciliation.check_lender_files import check_lender_files
from mingqu.services.reconciliation.compare_day import SourceUnknown
from mingqu.services.reconciliation.reconcile import reconcile_day
from mingqu.services.reconciliation.take_ledger import LedgerRefused, take_ledger
from mingqu.services.reconciliation.write_lender_files import write_lender_files
from mingqu.services.reports.report_days import DayNotClosed
from tests.conftest import OPENED_ON
from tests.journeys.reading import arrive, assert_coherent, borrow, live_until
from tests.journeys.test_reconciliation import pay
from tests.world import OpenWorld

PAID_ON = OPENED_ON + timedelta(days=1)
NEXT = PAID_ON + timedelta(days=1)


@pytest.fixture
def lived(world: OpenWorld) -> tuple[OpenWorld, str]:
    """A loan that was paid in part by hand the day after it was drawn, two days later; and its lender's code."""
    borrowed = borrow(world, arrive(world))
    work_until_idle(world)
    live_until(world, PAID_ON)
    pay(world, borrowed, amount_fen=250_000)
    live_until(world, NEXT + timedelta(days=1))
    publish_evidence(world.house)
    lender = world.house.pack.lender(lender_id=borrowed.offered.product.lender_id)
    return world, lender.code


def rows(world: OpenWorld, lender: str, on: date) -> dict[FileKind, list[dict[str, str]]]:
    files = write_lender_files(world.house, lender=lender, on=on)
    return {one.flag.kind: read_rows(one.content, kind=one.flag.kind) for one in files}


def test_the_files_of_a_day_tell_the_loan_and_add_up(lived: tuple[OpenWorld, str]) -> None:
    world, lender = lived
    first = rows(world, lender, OPENED_ON)
    (drawn,) = first[FileKind.DRAWDOWNS]
    assert (drawn["amount_fen"], drawn["value_date"]) == ("1000000", "2026-08-15")
    assert sum(int(row["principal_fen"]) for row in first[FileKind.PLANS]) == 1_000_000
    assert first[FileKind.REPAYMENTS] == []
    paid = rows(world, lender, PAID_ON)
    assert sum(int(row["total_fen"]) for row in paid[FileKind.REPAYMENTS]) == 250_000
    assert {row["receipt"] for row in paid[FileKind.REPAYMENTS]} == {"repayment"}
    assert {row["type"] for row in paid[FileKind.REPAYMENTS]} <= {"normal", "early", "overdue"}
    (left,) = paid[FileKind.BALANCES]
    repaid = sum(int(row["principal_fen"]) for row in paid[FileKind.REPAYMENTS])
    due = sum(int(row["principal_paid_fen"]) for row in rows(world, lender, PAID_ON)[FileKind.PLANS])
    assert repaid <= due
    assert int(left["principal_fen"]) == 1_000_000 - due
    assert left["customer_hash"] == drawn["customer_hash"]


def test_a_settlement_stands_in_the_files_of_the_day_it_was_posted_on(lived: tuple[OpenWorld, str]) -> None:
    world, lender = lived
    source = BillSource(channel=world.bank, channels=frozenset({BANK, HOSTED}))
    reconcile_day(replace(world.house, bills={BANK: source}), on=PAID_ON)
    today = world.house.clock.business_date()
    live_until(world, today + timedelta(days=1))
    (settled,) = rows(world, lender, today)[FileKind.SETTLEMENT]
    assert (settled["source"], settled["bill_date"]) == ("bank", PAID_ON.isoformat())
    assert (settled["gross_fen"], settled["net_fen"], settled["orders"]) == ("250000", "250000", "1")
    assert_coherent(world.house)


def test_files_read_back_agree_and_news_of_a_later_day_does_not_change_them(lived: tuple[OpenWorld, str]) -> None:
    world, lender = lived
    out = {}
    for one in write_lender_files(world.house, lender=lender, on=PAID_ON):
        out |= {one.name: one.content, f"{one.name}.ok": one.flag.written()}
    found = check_lender_files(world.house, lender=lender, on=PAID_ON, read=out.get)
    assert [one.differs for one in found] == [None] * len(FileKind)
    with world.house.database.transaction() as tx:
        (loan_id, paid_id) = (
            tx.execute("SELECT loan_id, event_id FROM loan_event WHERE kind = 'repaid'").fetchone() or ()
        )
    reverse_repayment(world.house, loan_id=loan_id, repayment_id=paid_id, key="back")
    live_until(world, world.house.clock.business_date() + timedelta(days=1))
    found = check_lender_files(world.house, lender=lender, on=PAID_ON, read=out.get)
    assert [one.differs for one in found] == [None] * len(FileKind)
    taken_back = rows(world, lender, world.house.clock.business_date() - timedelta(days=1))[FileKind.REPAYMENTS]
    assert sum(int(row["total_fen"]) for row in taken_back) == -250_000


def test_any_turned_byte_is_found_and_so_is_a_file_that_fits_itself_but_not_the_book(
    lived: tuple[OpenWorld, str],
) -> None:
    world, lender = lived
    out = {}
    for one in write_lender_files(world.house, lender=lender, on=PAID_ON):
        out |= {one.name: one.content, f"{one.name}.ok": one.flag.written()}
    for name, content in out.items():
        for place in {0, len(content) // 3, len(content) // 2, len(content) - 1}:
            turned = bytearray(content)
            turned[place] ^= 1
            with pytest.raises(LenderFileBroken):
                check_lender_files(world.house, lender=lender, on=PAID_ON, read={**out, name: bytes(turned)}.get)
        with pytest.raises(LenderFileBroken):
            check_lender_files(world.house, lender=lender, on=PAID_ON, read={**out, name: None}.get)
    other = next(
        one for one in write_lender_files(world.house, lender=lender, on=NEXT) if one.flag.kind is FileKind.BALANCES
    )
    name = file_name(kind=FileKind.BALANCES, lender=lender, on=PAID_ON)
    false = {**out, name: other.content, f"{name}.ok": replace(other.flag, on=PAID_ON).written()}
    found = check_lender_files(world.house, lender=lender, on=PAID_ON, read=false.get)
    assert [one.name for one in found if one.differs] == [name]
    forged = {**out, f"{name}.ok": out[f"{name}.ok"].replace(b'"checkpoint_hash":"', b'"checkpoint_hash":"0')}
    with pytest.raises(LenderFileBroken, match="other_history"):
        check_lender_files(world.house, lender=lender, on=PAID_ON, read=forged.get)


def test_only_a_closed_day_of_a_known_lender_has_files(lived: tuple[OpenWorld, str]) -> None:
    world, lender = lived
    with pytest.raises(DayNotClosed):
        write_lender_files(world.house, lender=lender, on=world.house.clock.business_date())
    with pytest.raises(SourceUnknown):
        write_lender_files(world.house, lender="nobody", on=PAID_ON)


def test_a_lenders_own_ledger_is_one_side_and_a_broken_one_is_refused_with_its_place(
    lived: tuple[OpenWorld, str],
) -> None:
    world, lender = lived
    house = world.house
    with house.database.transaction() as tx:
        ((number, reference),) = tx.execute(
            "SELECT encode(uuid_send(order_id), 'hex'), reference FROM channel_order WHERE value_date = %s", (PAID_ON,)
        ).fetchall()
    head = "order_number,direction,amount_fen,currency,date,reference\n"
    line = f"{number},in,250000,CNY,{PAID_ON},{reference}\n"
    assert take_ledger(house, lender=lender, on=PAID_ON, name="l.csv", content=(head + line).encode()) == 1
    (done,) = reconcile_day(house, on=PAID_ON, sources=[f"lender:{lender}"])
    assert (done.compared.tally.agreed, done.open) == (1, 0)
    take_ledger(
        house, lender=lender, on=PAID_ON, name="l.csv", content=(head + line.replace("250000", "249999")).encode()
    )
    (done,) = reconcile_day(house, on=PAID_ON, sources=[f"lender:{lender}"])
    assert [one.kind for one in done.compared.breaks] == [BreakKind.AMOUNT]
    for content, row, column in (
        (head + line + line.replace(",in,", ",sideways,"), 2, "direction"),
        (head + line.replace("250000", "2,500.00"), 1, None),
        (head + line.replace("250000", "-1"), 1, "amount_fen"),
        (head + line.replace(str(PAID_ON), str(NEXT)), 1, "date"),
        (line, 0, None),
    ):
        with pytest.raises(LedgerRefused) as refused:
            take_ledger(house, lender=lender, on=PAID_ON, name="l.csv", content=content.encode())
        assert (refused.value.details["row"], refused.value.details["column"]) == (row, column)
    with pytest.raises(LedgerRefused, match="wrong_encoding"):
        take_ledger(house, lender=lender, on=PAID_ON, name="l.csv", content=(head + "账").encode("gbk"))
    assert_coherent(house)
