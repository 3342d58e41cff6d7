"""Words that come at the same moment are heard together, and the book is what it is when each is heard alone.

Threads gather while a test holds the cells' locks, so that the turns are large; what a turn does is judged by the
book's own proofs, which tell every loan again from its events, and by sums worked out here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from mingqu.demo.made_book import made_book
from mingqu.domain.ledger import AccountCode, Reason
from mingqu.domain.loan import quote
from mingqu.domain.order import Order, OrderKind, OrderState, reserve
from mingqu.domain.ownership import NotFound
from mingqu.domain.word import InProgress, Paid, Word
from mingqu.services.books.take_over_book import Source, take_over_book
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.house import BANK, HOSTED, House
from mingqu.services.orders import keep_order
from mingqu.services.orders.hear_order import BookOrders, Said, hear_all, hear_paid
from mingqu.services.orders.settle_order import PAID_ALREADY, hear_word
from mingqu.services.take_turns import Turns
from mingqu.store import evidence
from mingqu.store.ledgers.ledger import TransferRefused
from mingqu.store.loans import loan, loan_at_hand
from mingqu.store.loans.loan import Loan
from mingqu.store.orders import order
from mingqu.store.server import transaction
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Database, Transaction
from mingqu.store.server.idempotency import Claim
from mingqu.store.server.keyring import Keyring
from mingqu.store.server.postgres import Server
from tests.conftest import OPENED_ON, database_named
from tests.database.test_races import at_once
from tests.journeys.reading import assert_coherent
from tests.world import SEED, open_world, pass_over_funding

LOANS: Final = 90
DAYS: Final = 9
CALLERS: Final = 64
pytestmark = pytest.mark.xdist_group("heard together")  # the book is made once in a run
_FORK = get_context("fork")
_numbers = count(1)


class CountedTurns(Turns):
    """Turns that say how many askings each took, and how many were left to their callers."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.alone = 0

    def take(self, key: object, asked: Any, *, turn: Callable[[Sequence[Any]], Any]) -> Any:
        def counted(listed: Sequence[Any]) -> Any:
            self.sizes.append(len(listed))
            return turn(listed)

        answer = super().take(key, asked, turn=counted)
        self.alone += answer is None
        return answer


@dataclass(frozen=True, slots=True)
class Book:
    """A house with loans that owe something, and orders for it that were announced to the channel."""

    house: House
    turns: CountedTurns
    orders: list[Order]
    at: datetime

    def paid(self, which: Order, *, amount_fen: int | None = None) -> Paid:
        amount_fen = which.amount_fen if amount_fen is None else amount_fen
        return Paid(at=self.at, amount_fen=amount_fen, currency=which.currency, reference=f"p-{which.order_id.hex}")

    def hear(self, which: Order, word: Word) -> Order:
        return BookOrders(house=self.house).hear(order_id=which.order_id, word=word, at=self.at)


@dataclass(frozen=True, slots=True)
class Made:
    """A database with the book that every test has a copy of: its name, its keys, and its orders."""

    name: str
    keyring: Keyring
    orders: list[Order]
    at: datetime


@pytest.fixture(scope="module")
def made(server: Server, funded: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Nine days of a book that was taken over: some loans owe their bill, some are late, of some nothing is due."""
    folder = tmp_path_factory.mktemp("heard")
    with database_named(server, "heard", copy_of=funded) as address:
        with Database(address) as database, open_world(database=database, folder=folder, opened_on=OPENED_ON) as world:
            pass_over_funding(world)
            house = world.house
            lines = made_book(pack=house.pack, as_of=OPENED_ON - timedelta(days=1), loans=LOANS, seed=5)
            take_over_book(house, source=Source(lines=lines))
            world.go_to_date(OPENED_ON + timedelta(days=DAYS))
            close_through(house, to=OPENED_ON + timedelta(days=DAYS - 1))
            bring_up_today(house)
            orders = _announced_orders(house)
            at = house.clock.now()
        yield Made("heard", house.keyring, orders, at)


@pytest.fixture
def book(server: Server, made: Made, tmp_path: Path) -> Iterator[Book]:
    """A copy of the book, and a house on it whose turns are counted."""
    with (
        database_named(server, f"heard_{next(_numbers)}", copy_of=made.name) as address,
        Database(address, ensure=server.ensure) as database,
        open_world(database=database, folder=tmp_path, opened_on=OPENED_ON, seed=SEED + 1) as world,
    ):
        world.go_to(made.at)
        turns = CountedTurns()
        house = replace(world.house, turns=turns, keyring=made.keyring)
        yield Book(house=house, turns=turns, orders=made.orders, at=made.at)


def _announced_orders(house: House) -> list[Order]:
    """Write one or two orders for each loan, announced to the channel."""
    orders = [
        order_for(house, of, share) for of in loans_of(house) for share in ((1,), (2, 3))[of.loan_id.int >> 8 & 1]
    ]
    with house.database.transaction() as tx:
        for cell in range(tx.cells):
            order.insert_many(tx, orders=[one for one in orders if tx.cell_of(one.order_id) == cell])
        for one in orders:
            keep_order.announce(tx, order_id=one.order_id, now=house.clock.now(), resend_is_safe=True)
        tx.commit()
    return orders


def loans_of(house: House) -> list[Loan]:
    with house.database.transaction() as tx:
        return [one for cell in range(tx.cells) for one in loan.page(tx, cell=cell, after=UUID(int=0), limit=LOANS)]


def order_for(house: House, of: Loan, share: int) -> Order:
    """What is due, or a part of everything: of a loan with two orders both are paid at the same moment."""
    owed = quote(terms=of.terms, state=of.state, on=house.clock.business_date())
    amount_fen = (owed.due_fen or owed.payoff_fen) // share + 1
    return reserve(
        order_id=house.id_for(of.person_id), kind=OrderKind.COLLECTION, person_id=of.person_id, loan_id=of.loan_id,
        instrument_id=None, amount_fen=amount_fen, currency=of.currency, channel=HOSTED, run_at=house.clock.now(),
    )  # fmt: skip


@contextmanager
def cells_held(house: House) -> Iterator[Callable[[], None]]:
    """Hold every cell's lock and give what lets go of it."""
    with house.database.transaction() as tx:
        for cell in range(tx.cells):
            tx.lock_cell(cell)
        yield tx.commit


def all_at_once(book: Book, calls: Sequence[Callable[[], object]]) -> list[object]:
    """Let everybody call while the cells are held, and let go when nearly all of them have a turn or wait for one."""
    before = len(book.turns.sizes)
    with cells_held(book.house) as let_go, book.house.database.transaction() as tx:
        keys = [("paid", cell) for cell in range(tx.cells)]

        def wait() -> None:
            tick = threading.Event()
            for _ in range(500):
                come = sum(book.turns.sizes[before:]) + sum(book.turns.waiting(key) for key in keys)
                if come >= len(calls) * 3 // 4:
                    break
                tick.wait(0.01)
            let_go()

        waiting = threading.Thread(target=wait)
        waiting.start()
        try:
            return at_once(calls)
        finally:
            waiting.join()


def collected_fen(house: House) -> int:
    """What the house accounts of collections say came in by repayments, all cells together."""
    with house.database.transaction() as tx:
        row = tx.execute(
            "SELECT coalesce(sum(amount_fen), 0)::bigint FROM transfer WHERE debit_code = %s AND reason <> %s",
            (int(AccountCode.COLLECTION_CLEARING), int(Reason.MIGRATE)),
        ).fetchone()
    assert row is not None
    return int(row[0])


def counts(house: House) -> dict[str, int]:
    with house.database.transaction() as tx:
        return {
            table: tx.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]  # type: ignore[arg-type]
            for table in ("loan_event", "evidence_leaf", "transfer", "channel_word", "work", "idempotency")
        }


def test_callers_at_the_same_moment_are_each_heard_and_the_book_proves_itself(book: Book) -> None:
    house, some = book.house, book.orders[:CALLERS]
    with house.database.transaction() as tx:  # of some orders more was said before than of others
        for one in some[::3]:
            keep_order.hear(tx, order_id=one.order_id, word=InProgress(), at=book.at)
        tx.commit()
    before = counts(house)
    answers = all_at_once(book, [lambda one=one: book.hear(one, book.paid(one)) for one in some])  # type: ignore[misc]
    assert [answer.state for answer in answers if isinstance(answer, Order)] == [OrderState.PAID] * CALLERS
    assert max(book.turns.sizes) > 4, "nobody was heard together"
    assert book.turns.alone == 0, "somebody was heard alone"
    assert collected_fen(house) == sum(one.amount_fen for one in some)
    with house.database.transaction() as tx:
        logs = [[(word.seq, word.word) for word in order.words(tx, order_id=one.order_id)] for one in some[:3]]
    assert [[seq for seq, _ in log] for log in logs] == [[1, 2, 3, 4], [1, 2, 3], [1, 2, 3]]
    assert [log[-1][1] for log in logs] == ["paid"] * 3
    after = counts(house)
    gains = {table: after[table] - before[table] for table in before}
    assert (gains["loan_event"], gains["evidence_leaf"], gains["channel_word"]) == (CALLERS, CALLERS, CALLERS)
    with house.database.transaction() as tx:
        for one in some:
            assert order.load(tx, order_id=one.order_id).state is OrderState.PAID
            assert len(evidence.leaves_of(tx, person_id=one.person_id, subject_id=one.order_id)) == 1
    assert_coherent(house)
    # Heard once more, at the same moment again: a word in the log, and nothing else.
    all_at_once(book, [lambda one=one: book.hear(one, book.paid(one)) for one in some[:16]])  # type: ignore[misc]
    again = counts(house)
    assert {t: again[t] - after[t] for t in after} == {**dict.fromkeys(after, 0), "channel_word": 16}
    assert collected_fen(house) == sum(one.amount_fen for one in some)


def test_what_was_heard_together_is_to_the_row_what_is_heard_alone(book: Book) -> None:
    """Of like loans half are heard alone, half together; the proofs say that the postings are those of the events."""
    first: dict[UUID, Order] = {}
    for one in book.orders:
        first.setdefault(one.person_id, one)
    alone, together = list(first.values())[::2], list(first.values())[1::2]

    def wrote(some: Sequence[Order]) -> set[object]:
        with book.house.database.transaction() as tx:
            listed = set()
            for one in some:
                ((columns,),) = tx.execute(
                    """SELECT (SELECT (to_jsonb(w) - 'order_id' - 'cell' - 'amount_fen' - 'reference')::text
                               FROM channel_word w WHERE order_id = %(id)s ORDER BY seq DESC LIMIT 1)
                           || (SELECT (missing, version, paid_at, value_date, length(reference))::text
                               FROM channel_order WHERE order_id = %(id)s)
                           || (SELECT (kind, value_date, intent, detail)::text FROM loan_event WHERE event_id = %(id)s)
                           || (SELECT jsonb_object_agg(key, jsonb_typeof(value))::text
                               FROM evidence_leaf, jsonb_each(convert_from(body, 'UTF8')::jsonb -> 'facts')
                               WHERE subject_id = %(id)s)""",
                    {"id": one.order_id},
                ).fetchall()
                listed.add(columns)
            return listed

    for one in alone:
        book.house.database.run(
            lambda tx, one=one: hear_word(tx, book.house, order_id=one.order_id, word=book.paid(one), at=book.at)  # type: ignore[misc]
        )
    all_at_once(book, [lambda one=one: book.hear(one, book.paid(one)) for one in together])  # type: ignore[misc]
    assert max(book.turns.sizes) > 4
    assert book.turns.alone == 0
    assert wrote(together) == wrote(alone)
    assert None not in wrote(together)
    assert_coherent(book.house)


def test_each_refusal_is_its_own_and_touches_no_other(book: Book) -> None:
    house = book.house
    first: dict[UUID, Order] = {}
    for one in book.orders:
        first.setdefault(one.person_id, one)
    owing = {of.person_id for of in loans_of(house) if of.state.payable.principal_fen}
    refused = [one for person_id, one in first.items() if person_id in owing][:3]
    others = [one for one in first.values() if one not in refused]
    good, otherwise = others[:30], others[30:33]
    unknown = replace(good[0], order_id=house.id_for(good[0].person_id))
    with house.database.transaction() as tx:
        for one in refused:  # the ledger refuses what it is asked to post on them
            tx.execute("UPDATE account SET closed_on = %s WHERE owner = %s", (house.clock.business_date(), one.loan_id))
        tx.commit()
    calls = [
        *(lambda one=one: book.hear(one, book.paid(one)) for one in good),  # type: ignore[misc]
        *(lambda one=one: book.hear(one, book.paid(one, amount_fen=one.amount_fen + 1)) for one in otherwise),  # type: ignore[misc]
        *(lambda one=one: book.hear(one, book.paid(one)) for one in refused),  # type: ignore[misc]
        lambda: book.hear(unknown, book.paid(unknown)),
    ]
    answers = all_at_once(book, calls)
    assert [one.state for one in answers[:30] if isinstance(one, Order)] == [OrderState.PAID] * 30
    for one in answers[30:33]:
        assert isinstance(one, Order)
        assert (one.open, one.conflict_code) == (True, "order_paid_otherwise")
    assert [type(one) for one in answers[33:]] == [TransferRefused] * 3 + [NotFound]
    assert collected_fen(house) == sum(one.amount_fen for one in good)
    # Nothing would follow on less than is due, so the commit goes along with the posting: it must not come to it.
    little = replace(refused[0], order_id=house.id_for(refused[0].person_id), amount_fen=refused[0].amount_fen - 2)
    with house.database.transaction() as tx:
        order.insert(tx, order=replace(little, state=OrderState.RESERVED))
        keep_order.announce(tx, order_id=little.order_id, now=house.clock.now(), resend_is_safe=True)
        tx.commit()
    said, before = Said(order_id=little.order_id, word=book.paid(little), at=book.at), counts(house)
    with pytest.raises(TransferRefused):
        house.database.run(lambda tx: hear_all(tx, house, cell=tx.cell_of(little.order_id), said=[said]))
    assert counts(house) == before
    with house.database.transaction() as tx:
        for one in (*refused, little):
            assert order.load(tx, order_id=one.order_id).open
        tx.execute("UPDATE account SET closed_on = NULL WHERE closed_on IS NOT NULL")
        tx.commit()
    assert_coherent(house)


def test_a_turn_is_few_round_trips_and_lets_no_unsent_deduction_ask_again(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round trip more a turn is a tenth fewer notices a second: if this number must rise, say here what is bought."""
    house, first = book.house, {one.person_id: one for one in book.orders}
    by_loan = {of.loan_id: of for of in loans_of(house)}
    partly = [
        (one, by_loan[loan_id])
        for one in first.values()
        if (loan_id := one.loan_id) is not None and by_loan[loan_id].state.payable.principal_fen
    ]
    partly, owing = partly[:2], partly[2:10]
    deductions = [replace(order_for(house, of, 1), channel=BANK) for _, of in partly]
    quiet = [replace(order_for(house, of, 1), amount_fen=1) for _, of in owing]  # nothing ends or begins by it
    others = [one for one in first.values() if one not in [paid for paid, _ in (*partly, *owing)]][:8]
    with house.database.transaction() as tx:
        for one in (*deductions, *quiet):
            order.insert(tx, order=one)
        for one in quiet:
            keep_order.announce(tx, order_id=one.order_id, now=house.clock.now(), resend_is_safe=True)
        tx.commit()
    trips: list[int] = []
    together, say = transaction.call_all, transaction.say
    monkeypatch.setattr(transaction, "call_all", lambda *args: (trips.append(len(args[1])), together(*args))[1])
    monkeypatch.setattr(transaction, "say", lambda *args: (trips.append(1), say(*args))[1])

    def hear(some: Sequence[Order]) -> int:
        trips.clear()
        for cell in sorted({house.database.cell_of(one.order_id) for one in some}):
            of_cell = [one for one in some if house.database.cell_of(one.order_id) == cell]
            said = [Said(order_id=one.order_id, word=book.paid(one), at=book.at) for one in of_cell]
            answers = house.database.run(lambda tx, c=cell, s=said: hear_all(tx, house, cell=c, said=s))  # type: ignore[misc]
            assert [answer.state for answer in answers if isinstance(answer, Order)] == [OrderState.PAID] * len(said)
        return len(trips)

    def cells(some: Sequence[Order]) -> int:
        return len({house.database.cell_of(one.order_id) for one in some})

    assert hear(quiet) == 3 * cells(quiet), "read, lock, write with the commit"
    assert hear(others) <= 5 * cells(others), "what follows, where something does, is one more, and the commit another"
    hear([one for one, _ in partly])
    with house.database.transaction() as tx:
        after = [order.load(tx, order_id=one.order_id) for one in deductions]
    assert [(one.state, one.refusal_code) for one in after] == [(OrderState.FAILED, PAID_ALREADY)] * len(partly)
    assert_coherent(house)


def test_a_notice_that_comes_many_times_at_once_moves_money_once(book: Book) -> None:
    house, some = book.house, book.orders[:6]

    def notice(one: Order, body: bytes) -> Callable[[], Order | None]:
        claim = Claim(caller="notice bank", key=f"n-{one.order_id.hex}", body_hash=body)
        channels = frozenset({HOSTED})
        said = Said(order_id=one.order_id, word=book.paid(one), at=book.at, claim=claim, channels=channels)
        return lambda: hear_paid(house, said=said)

    answers = all_at_once(book, [notice(one, b"same") for one in some for _ in range(6)])
    # None is for what its caller then hears alone: of an order that ended meanwhile there is nothing left to do here.
    assert {one.state for one in answers if isinstance(one, Order)} == {OrderState.PAID}
    assert all(any(isinstance(one, Order) and one.order_id == of.order_id for one in answers) for of in some)
    assert collected_fen(house) == sum(one.amount_fen for one in some)
    assert notice(some[0], b"other")() is None
    strange = Said(
        order_id=book.orders[9].order_id, word=book.paid(book.orders[9]), at=book.at, channels=frozenset({"bank"})
    )
    assert hear_paid(house, said=strange) is None
    with house.database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM idempotency WHERE response IS NULL").fetchall() == [(0,)]
        assert order.load(tx, order_id=book.orders[9].order_id).open
    assert_coherent(house)


def test_a_notice_that_another_server_heard_meanwhile_is_answered_as_the_order_stands(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, one = book.house, book.orders[0]
    claim = Claim(caller="notice bank", key="n-1", body_hash=b"body")
    said = Said(order_id=one.order_id, word=book.paid(one), at=book.at, claim=claim)
    other, locked = replace(house, turns=Turns()), loan_at_hand.locked

    def later(*args: Any, **given: Any) -> Any:
        monkeypatch.setattr(loan_at_hand, "locked", locked)
        assert hear_paid(other, said=said) is not None  # between our look at the order and our lock
        return locked(*args, **given)

    monkeypatch.setattr(loan_at_hand, "locked", later)
    answer = hear_paid(house, said=said)
    assert answer is not None
    assert (answer.state, answer.open) == (OrderState.PAID, False)
    assert collected_fen(house) == one.amount_fen
    assert_coherent(house)


def test_a_key_is_free_again_when_its_word_is_left_to_its_caller(book: Book) -> None:
    house, one = book.house, book.orders[0]
    claim = Claim(caller="notice bank", key="n-1", body_hash=b"body")
    wrong = Said(order_id=one.order_id, word=book.paid(one, amount_fen=1), at=book.at, claim=claim)
    right = next(other for other in book.orders if other.person_id != one.person_id)
    calls = [lambda: hear_paid(house, said=wrong), lambda: book.hear(right, book.paid(right))]
    assert all_at_once(book, calls)[0] is None
    with house.database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM idempotency WHERE key = 'n-1'").fetchall() == [(0,)]


@pytest.mark.parametrize("at", ["before it writes", "before it commits", "behind the commit"])
def test_a_program_that_dies_leaves_all_of_a_word_or_nothing(book: Book, at: str) -> None:
    house, some, before = book.house, book.orders[::2][:12], counts(book.house)
    finish = Transaction.finish

    def last(tx: Transaction, statements: Sequence[Statement]) -> list[Answer]:
        if at == "before it commits":
            tx.together(statements)
        if at == "behind the commit":
            finish(tx, statements)
        os._exit(9)

    def dying() -> None:
        with Database(house.database.url) as database, pytest.MonkeyPatch.context() as patch:
            patch.setattr(Transaction, "finish", last)
            mortal = replace(house, database=database, turns=Turns())
            hear_paid(mortal, said=Said(order_id=some[0].order_id, word=book.paid(some[0]), at=book.at))
        os._exit(0)

    process = _FORK.Process(target=dying)
    process.start()
    process.join()
    assert process.exitcode == 9, "the last round trip takes the commit along"
    assert (counts(house) == before) is (at != "behind the commit")
    for one in some:
        assert book.hear(one, book.paid(one)).state is OrderState.PAID
    assert collected_fen(house) == sum(one.amount_fen for one in some)
    assert_coherent(house)
