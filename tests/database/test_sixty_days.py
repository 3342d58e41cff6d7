"""Sixty closed days of a large book in which people pay, late and backdated, and payments bounce: nothing drifts.

Nobody pays through a channel here: events meet their loans as a settled order makes them. What a loan's columns carry
from morning to morning is compared with its whole story told again; the ledger with the loans; the groups with a scan.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

from bench import book as bench_book
from mingqu.domain.loan import Event, Intent, Receipt, Repaid, Reversed, Stage, fold, payoff_fen, quote
from mingqu.domain.refusal import Refusal
from mingqu.services.close.close_day import close_through
from mingqu.services.house import House
from mingqu.services.loans.record_event import record_event
from mingqu.store import proof
from mingqu.store.ledgers import ledger_proof
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.server.database import Database
from tests.conftest import OPENED_ON
from tests.soak import SOAK
from tests.world import OpenWorld, open_world

LOANS = 50_000 if SOAK else 5_000
DAYS = 60
A_DAY = 400 if SOAK else 24  # payments and the like
PAGE = 500


def test_sixty_days_with_payments_late_news_and_reversals_end_as_told_from_the_start(
    database: Database, tmp_path: Path
) -> None:
    with open_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as world:
        bench_book.fill(world.house, loans=LOANS)
        done = live(world, random.Random(20_260_815))
        assert min(done.values()) > A_DAY, done
        with database.transaction() as tx:
            assert ledger_proof.prove(tx) == []
            assert proof.loans_and_ledger(tx) == []
            totals = proof.group_totals(tx)
            assert len(totals) > 4
            assert [total for total in totals if not total.agrees] == []
        assert told_again(database) == LOANS


def live(world: OpenWorld, chance: random.Random) -> Counter[str]:
    """Let every day have its news and be closed; return how often what happened."""
    house, done = world.house, Counter[str]()
    paid: dict[UUID, list[UUID]] = defaultdict(list)
    with house.database.transaction() as tx:
        ids = [row[0] for row in tx.execute("SELECT loan_id FROM loan ORDER BY loan_id")]
    for number in range(DAYS):
        today = OPENED_ON + timedelta(days=number)
        world.go_to_date(today)
        for loan_id in chance.choices(ids, k=A_DAY):
            done[happen(house, loan_id, today, chance, paid)] += 1
        world.go_to_date(today + timedelta(days=1))
        assert close_through(house, to=today).set_aside == ()
    return done


def happen(house: House, loan_id: UUID, today: date, chance: random.Random, paid: dict[UUID, list[UUID]]) -> str:
    """Let something happen to a loan and say what."""
    with one(house, loan_id) as (tx, of):
        what, event = some_event(house, of, today, chance, paid[loan_id])
        if event is None:
            return "nothing"
        try:
            record_event(tx, house, before=of, event=event)
        except Refusal:
            return "refused"  # a payment of before the loan came over, for instance
        tx.commit()
    if isinstance(event, Repaid):
        paid[loan_id].append(event.event_id)
    return what


def some_event(
    house: House, of: Loan, today: date, chance: random.Random, paid: list[UUID]
) -> tuple[str, Event | None]:
    """Choose an event that may well happen to a loan as it stands."""
    event_id = house.id_for(of.person_id)
    if paid and chance.random() < 0.4:
        return "reversed", Reversed(event_id=event_id, value_date=today, target=paid.pop(chance.randrange(len(paid))))
    if of.state.stage is not Stage.ACTIVE:
        return "nothing", None
    late_by = chance.choice((0, 0, 1, 3, 9))
    on = max(today - timedelta(days=late_by), OPENED_ON)
    due_fen = quote(terms=of.terms, state=of.state, on=today).due_fen
    whole_fen = payoff_fen(terms=of.terms, state=of.state, on=today)
    intent, amount_fen = chance.choice(
        (
            (Intent.DUE, due_fen or whole_fen // 7 + 1),
            (Intent.DUE, due_fen // 3 + 1),
            (Intent.PREPAY, due_fen + whole_fen // 5 + 1),
            (Intent.PAYOFF, whole_fen),
        )
    )
    receipt = Receipt.GOODWILL if chance.random() < 0.1 else Receipt.REPAYMENT
    name = "backdated" if on < today else "paid"
    return name, Repaid(event_id=event_id, value_date=on, amount_fen=amount_fen, intent=intent, receipt=receipt)


@contextmanager
def one(house: House, loan_id: UUID) -> Iterator[tuple[loan.Transaction, Loan]]:
    """Open a transaction with a loan's cell locked and the loan read."""
    with house.database.transaction() as tx:
        cell = tx.cell_of(loan_id)
        tx.lock_cell(cell)
        yield tx, loan.get(tx, cell=cell, loan_id=loan_id)


def told_again(database: Database) -> int:
    """Tell every loan again and compare snapshot and columns; return how many there are."""
    compared = 0
    with database.transaction() as tx:
        for cell in range(tx.cells):
            after = UUID(int=0)
            while page := loan.page(tx, cell=cell, after=after, limit=PAGE):
                after = page[-1].loan_id
                events = loan.histories(tx, loans=page)
                for of in page:
                    again, _ = fold(terms=of.terms, events=events[of.loan_id], as_of=of.state.as_of)
                    assert again == of.state, of.loan_id
                assert loan.summary_differs(tx, loans=page) == []
                compared += len(page)
    return compared
