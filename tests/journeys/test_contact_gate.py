"""Reminders pass the contact gate: one that comes up at night is denied, kept with its reason, and sent at eight."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.contact import Denial, Medium
from mingqu.domain.moment import start_of
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.revolving.pay_merchant import authorize_purchase, capture_purchase
from mingqu.services.run_due_work import run_due_work
from mingqu.store.overdue import contact_denial
from mingqu.store.overdue.contact_denial import DeniedContact
from tests.journeys.reading import arrive, assert_coherent, borrow, live_until
from tests.journeys.test_spend_funding import accounts_of
from tests.world import OpenWorld

DUE = date(2026, 9, 15)


def reminders(world: OpenWorld) -> int:
    return [one.template for one in world.sms.inbox(phone=XIA.phone)].count("loan.due")


def test_a_reminder_that_comes_up_at_night_is_denied_once_kept_and_sent_at_eight(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    live_until(world, DUE - timedelta(days=1))
    night, morning = (start_of(DUE) + timedelta(hours=hour) for hour in (22, 32))
    world.go_to(night)
    close_through(house, to=DUE - timedelta(days=1))
    bring_up_today(house)
    work_until_idle(world)
    # Whoever wrote it planned for a later hour; one that was left over from the afternoon is due at night.
    with house.database.transaction() as tx:
        left = tx.execute(
            "UPDATE work SET run_at = %s"
            " WHERE kind = 'notice' AND done_at IS NULL AND payload ->> 'template' = 'loan.due'",
            (night - timedelta(hours=6),),
        ).rowcount
        tx.commit()
    assert left == 1
    run_due_work(house)
    world.go_to(morning - timedelta(seconds=1))
    run_due_work(house)
    assert reminders(world) == 0
    with house.database.transaction() as tx:
        denials = contact_denial.of_person(tx, person_id=known.person_id)
    assert denials == [
        DeniedContact(
            loan_id=loan_id,
            account_id=None,
            denied_at=night,
            medium=Medium.MESSAGE,
            reason=Denial.QUIET_HOURS,
            rule_id="contact_hours_to_minute",
            document="GB/T 45251-2025",
            next_at=morning,
        )
    ]
    world.go_to(morning)
    run_due_work(house)
    assert reminders(world) == 1
    with house.database.transaction() as tx:
        assert len(contact_denial.of_person(tx, person_id=known.person_id)) == 1
        with pytest.raises(psycopg.errors.RaiseException, match="neither changed nor deleted"):
            tx.execute("DELETE FROM contact_denial")
    assert_coherent(house)


def test_a_reminder_of_a_bill_that_comes_up_at_night_leaves_a_denial_as_well(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    account_id = accounts_of(house, known.person_id)["chengchuan-spend"]
    bought = authorize_purchase(
        house,
        person_id=known.person_id,
        account_id=account_id,
        merchant_id="m1",
        merchant_name="河畔书店",
        number="1",
        amount_fen=100_000,
        key="1",
    )
    capture_purchase(house, purchase_id=bought)
    night, morning = (start_of(date(2026, 9, 2)) + timedelta(hours=hour) for hour in (22, 32))
    world.go_to(night)
    work_until_idle(world)  # the bill is made, and to be told of in the morning
    with house.database.transaction() as tx:
        tx.execute("UPDATE work SET run_at = %s WHERE kind = 'bill_notice'", (night - timedelta(hours=6),))
        tx.commit()
    run_due_work(house)
    with house.database.transaction() as tx:
        assert contact_denial.of_person(tx, person_id=known.person_id) == [
            DeniedContact(
                loan_id=None,
                account_id=account_id,
                denied_at=night,
                medium=Medium.MESSAGE,
                reason=Denial.QUIET_HOURS,
                rule_id="contact_hours_to_minute",
                document="GB/T 45251-2025",
                next_at=morning,
            )
        ]
        with pytest.raises(psycopg.errors.CheckViolation, match="contact_denial_about"):
            tx.execute(
                "INSERT INTO contact_denial SELECT cell, work_id, now(), person_id, %s, medium, reason, rule_id,"
                " document, next_at, account_id FROM contact_denial",
                (known.person_id,),
            )
    assert [one.template for one in world.sms.inbox(phone=XIA.phone)].count("spend.billed") == 0
    world.go_to(morning)
    run_due_work(house)
    assert [one.template for one in world.sms.inbox(phone=XIA.phone)].count("spend.billed") == 1
    assert_coherent(house)
