"""Holds lapse by a job: on their day, once, whoever runs it and how often; what comes later is refused by name."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest

from mingqu.domain import identifier
from mingqu.domain.ledger import Account, AccountCode, Balance, Reason, Result, Transfer, TransferKind
from mingqu.services.ledger.expire_holds import expire_holds
from mingqu.services.run_due_work import run_due_work
from mingqu.store.ledgers import hold, ledger
from tests.world import OpenWorld

PERSON = UUID("0199a000-0000-7000-8000-000000000200")
GRANTED = Account(owner=PERSON, code=AccountCode.LIMIT_GRANTED)
AVAILABLE = Account(owner=PERSON, code=AccountCode.LIMIT_AVAILABLE)
DRAWN = Account(owner=PERSON, code=AccountCode.LIMIT_DRAWN)
numbers = count(1)


def holds_of(world: OpenWorld, days: list[int | None]) -> list[Transfer]:
    """Post a hold of 10 fen for each, which lapses so many days from today, or never."""
    today = world.clock.business_date()
    grant, *made = (
        Transfer(
            id=identifier.fresh(milliseconds=next(numbers), slot=0, entropy=0),
            kind=TransferKind.PENDING if at else TransferKind.POSTED,
            debit=AVAILABLE if at else GRANTED,
            credit=DRAWN if at else AVAILABLE,
            amount_fen=10 if at else 1_000,
            reason=Reason.LIMIT_DRAW if at else Reason.LIMIT_GRANT,
            value_date=today,
            posted_on=today,
            reference=PERSON,
            expires_on=None if lapses is None else today + timedelta(days=lapses),
        )
        for at, lapses in enumerate([None, *days])
    )
    with world.house.database.transaction() as tx:
        ledger.open_accounts(tx, cell=0, accounts=[GRANTED, AVAILABLE, DRAWN])
        ledger.post(tx, cell=0, transfers=[grant, *made])
        tx.commit()
    return made


def states(world: OpenWorld, made: list[Transfer]) -> list[str | None]:
    with world.house.database.transaction() as tx:
        assert ledger.prove(tx) == []
        return [hold.state_of(tx, cell=0, hold_id=one.id) for one in made]


def test_a_hold_lapses_on_its_day_by_the_worker_and_is_refused_by_name_from_then_on(world: OpenWorld) -> None:
    made = holds_of(world, [1, 2, None])
    run_due_work(world.house)
    assert states(world, made) == ["open"] * 3
    world.clock.advance(timedelta(days=1))
    assert [run_due_work(world.house).booked for _ in range(2)] == [1, 0]
    assert states(world, made) == ["expired", "open", "open"]
    late = Transfer(
        id=identifier.fresh(milliseconds=next(numbers), slot=0, entropy=0), kind=TransferKind.POST, debit=AVAILABLE,
        credit=DRAWN, amount_fen=10, reason=Reason.LIMIT_DRAW, value_date=world.clock.business_date(),
        posted_on=world.clock.business_date(), reference=PERSON, pending_id=made[0].id,
    )  # fmt: skip
    assert ledger.post_single(world.house.database, cell=0, transfer=late) is Result.PENDING_EXPIRED
    with world.house.database.transaction() as tx:
        held = ledger.balance(tx, cell=0, account=AVAILABLE)
        assert hold.state_of(tx, cell=0, hold_id=PERSON) is None
    assert held == Balance(credits_posted_fen=1_000, debits_pending_fen=20)


def test_workers_at_once_end_each_hold_once_and_all_of_them(world: OpenWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mingqu.services.ledger.expire_holds.CHUNK", 3)
    made = holds_of(world, [1] * 10)
    world.clock.advance(timedelta(days=3))
    done: list[int] = []
    workers = [threading.Thread(target=lambda: done.append(expire_holds(world.house, cell=0))) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(done) == 10
    assert states(world, made) == ["expired"] * 10
