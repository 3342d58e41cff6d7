"""An instalment is told of three days before it is due, once, whoever works; what is paid by then is not spoken of."""

from __future__ import annotations

from datetime import date

import pytest

from mingqu.demo.journey import pay_by_hand, work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.loan import Intent
from mingqu.jobs.worker import Resting, work_once
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.notices import remind_of_dues
from mingqu.services.notices.remind_of_dues import plan_reminders
from tests.journeys.reading import arrive, assert_coherent, borrow, live_until
from tests.world import OpenWorld


def told(world: OpenWorld) -> list[tuple[str, str]]:
    """Return what was said of instalments to come: due day, amount."""
    return [
        (one.values["on"].reveal(), one.values["amount"].reveal())
        for one in world.sms.inbox(phone=XIA.phone)
        if one.template == "loan.coming"
    ]


def morning(world: OpenWorld, on: date) -> list[tuple[str, str]]:
    """Live until a day, plan twice, as two workers would, and do what is due; return what was said by then."""
    live_until(world, on)
    plan_reminders(world.house)
    plan_reminders(world.house)
    work_until_idle(world)
    return told(world)


def test_a_borrower_is_reminded_once_three_days_before_and_of_what_will_be_due(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remind_of_dues, "PAGE", 1)  # two loans are two pages
    world.go_to_date(date(2026, 9, 2))
    known = arrive(world)
    loans = [borrow(world, known, amount_fen=300_000).signed.loan_id for _ in range(2)]
    assert morning(world, date(2026, 9, 28)) == []
    first = morning(world, date(2026, 9, 29))
    assert [on for on, _ in first] == ["2026-10-02"] * 2
    assert morning(world, date(2026, 9, 30)) == first
    live_until(world, date(2026, 10, 3))  # deducted on its day

    # The second instalment of one loan is paid after the notice was written and before it is sent: nothing is said.
    live_until(world, date(2026, 10, 29))
    assert told(world) == first
    world.go_to_date(date(2026, 10, 30))
    close_through(world.house, to=date(2026, 10, 29))
    bring_up_today(world.house)
    plan_reminders(world.house)
    work_until_idle(world)  # it is midnight: written, and nobody is woken
    world.deposit(XIA, 9_000_000)
    pay_by_hand(world, known, loan_id=loans[0], intent=Intent.PAYOFF)
    assert told(world) == first
    assert [on for on, _ in morning(world, date(2026, 10, 30))] == ["2026-10-02", "2026-10-02", "2026-11-02"]
    assert_coherent(world.house)


def test_a_loan_that_is_late_is_told_all_that_will_be_due(world: OpenWorld) -> None:
    world.go_to_date(date(2026, 9, 2))
    known = arrive(world, balance_fen=0)
    borrow(world, known, amount_fen=300_000)
    (_, first), *_ = morning(world, date(2026, 9, 29))
    world.deposit(XIA, -world.balance_fen(XIA))
    _, (on, second) = morning(world, date(2026, 10, 30))
    assert on == "2026-11-02"
    assert float(second.replace(",", "")) > 2 * float(first.replace(",", ""))  # two instalments and the penalty
    morning(world, date(2026, 11, 29))
    # On 12-31 its income is suspended: it stands in the diary there, and is told of its due day all the same.
    assert [on for on, _ in morning(world, date(2026, 12, 30))][2:] == ["2026-12-02", "2027-01-02"]


def test_a_worker_plans_behind_the_close(world: OpenWorld) -> None:
    world.go_to_date(date(2026, 9, 2))
    borrow(world, arrive(world), amount_fen=300_000)
    live_until(world, date(2026, 9, 28))
    world.go_to_date(date(2026, 9, 29))
    reports: list[str] = []
    while work_once(world.house, report=reports.append, resting=Resting()).busy:
        pass
    assert told(world) == []  # it is midnight: nobody is woken
    work_until_idle(world)
    live_until(world, date(2026, 9, 30))
    assert [on for on, _ in told(world)] == ["2026-10-02"]
