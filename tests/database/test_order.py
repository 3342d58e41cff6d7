"""Orders in the database: stored before they are sent, changed by one at a time, borne out by their words."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.sms import FakeSms
from mingqu.domain.identifier import fresh
from mingqu.domain.order import Action, AlertHuman, Order, OrderAlreadySent, OrderKind, OrderState, Send, Wait, reserve
from mingqu.domain.ownership import NotFound as Unknown
from mingqu.domain.personal import Personal
from mingqu.domain.word import Failed, NotFound, Paid, Silent, Word
from mingqu.services.orders import keep_order
from mingqu.services.orders.chase_order import PayoutErrand, chase, chase_order
from mingqu.store.orders import order as orders
from mingqu.store.orders import order_proof
from mingqu.store.orders.order import OrderChanged, OrderExists
from mingqu.store.proof import word as word_proof
from mingqu.store.server.database import Database, Transaction

START = datetime(2026, 8, 15, 2, 0, tzinfo=UTC)
SLOT = 300  # of 1,024: cell 1 of 4
PERSON_ID = fresh(milliseconds=1_786_759_200_000, slot=SLOT, entropy=1)
OTHER_PERSON_ID = fresh(milliseconds=1_786_759_200_000, slot=SLOT, entropy=2)
CARD, NAME = Personal("6200001234567892"), Personal("林知夏")
PAID = Paid(at=START, amount_fen=1_050_000, currency="CNY", reference="B1")


def an_order(count: int = 3, *, amount_fen: int = 1_050_000, run_at: datetime = START) -> Order:
    return reserve(
        order_id=fresh(milliseconds=1_786_759_200_000, slot=SLOT, entropy=count),
        kind=OrderKind.PAYOUT,
        person_id=PERSON_ID,
        loan_id=None,
        instrument_id=None,
        amount_fen=amount_fen,
        channel="bank",
        run_at=run_at,
    )


@contextmanager
def committed(database: Database) -> Iterator[Transaction]:
    with database.transaction() as tx:
        yield tx
        tx.commit()


@pytest.fixture
def book(database: Database) -> Database:
    with committed(database) as tx:
        for person_id in (PERSON_ID, OTHER_PERSON_ID):
            tx.execute(
                "INSERT INTO person (cell, person_id, identity_level, created_at) VALUES (%s, %s, 4, %s)",
                (tx.cell_of(person_id), person_id, START),
            )
    return database


def insert(database: Database, order: Order) -> bool:
    with committed(database) as tx:
        return orders.insert(tx, order=order)


def load(database: Database, order_id: UUID) -> Order:
    with database.transaction() as tx:
        return orders.load(tx, order_id=order_id)


class BookOrders:
    """The `Orders` of a service, on the database: a transaction for each of its two methods."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.paid: list[UUID] = []

    def announce(self, *, order_id: UUID, now: datetime, resend_is_safe: bool) -> tuple[Order, Action]:
        with committed(self.database) as tx:
            return keep_order.announce(tx, order_id=order_id, now=now, resend_is_safe=resend_is_safe)

    def hear(self, *, order_id: UUID, word: Word, at: datetime) -> Order:
        with committed(self.database) as tx:
            heard = keep_order.hear(tx, order_id=order_id, word=word, at=at)
            if heard.paid:
                self.paid.append(order_id)
            return heard.after


def test_an_order_reads_back_as_it_was_written(book: Database) -> None:
    order = an_order()
    assert insert(book, order)
    assert load(book, order.order_id) == order


def test_the_same_order_again_is_one_order_and_another_body_is_refused(book: Database) -> None:
    order = an_order()
    assert insert(book, order)
    assert not insert(book, order)
    with pytest.raises(OrderExists):
        insert(book, replace(order, amount_fen=1))
    assert load(book, order.order_id) == order
    with book.transaction() as tx:
        assert len(orders.words(tx, order_id=order.order_id)) == 1


def test_another_persons_order_answers_like_one_that_never_was(book: Database) -> None:
    order = an_order()
    insert(book, order)
    with book.transaction() as tx:
        assert orders.load_for(tx, person_id=PERSON_ID, order_id=order.order_id) == order
        said = []
        for person_id, order_id in ((OTHER_PERSON_ID, order.order_id), (PERSON_ID, an_order(9).order_id)):
            with pytest.raises(Unknown) as refusal:
                orders.load_for(tx, person_id=person_id, order_id=order_id)
            said.append((refusal.value.message, refusal.value.details))
    assert said[0] == said[1]


def test_an_order_somebody_else_changed_is_not_written_over(book: Database) -> None:
    order, desk = an_order(), BookOrders(book)
    insert(book, order)
    loaded, _ = desk.announce(order_id=order.order_id, now=START, resend_is_safe=True)
    asked, _ = desk.announce(order_id=order.order_id, now=START + timedelta(minutes=1), resend_is_safe=True)
    assert asked.state is loaded.state, "only the version tells that it changed"
    with book.transaction() as tx, pytest.raises(OrderChanged):
        orders.update(tx, before=loaded, after=replace(loaded, asks=7, version=loaded.version + 1))
    assert load(book, order.order_id) == asked


def test_of_many_workers_at_the_same_moment_one_sends(book: Database) -> None:
    order, desk = an_order(), BookOrders(book)
    insert(book, order)

    def announce(_: int) -> Action:
        return desk.announce(order_id=order.order_id, now=START, resend_is_safe=True)[1]

    with ThreadPoolExecutor(max_workers=8) as workers:
        actions = list(workers.map(announce, range(8)))
    assert actions.count(Send(again=False)) == 1
    assert sum(isinstance(action, Wait) for action in actions) == 7


def test_a_payout_that_goes_silent_is_asked_and_heals_and_is_paid_once(book: Database) -> None:
    order, clock, desk = an_order(), SettableClock(start=START), BookOrders(book)
    bank = FakeBank(clock=clock, sms=FakeSms())
    bank.open_card(card_number=CARD, holder_name=NAME, id_number=Personal("x"), phone=Personal("y"))
    bank.faults.plan("payout.send", Fault.LOSE_REPLY)
    errand = PayoutErrand(channel=bank, card_number=CARD, holder_name=NAME)
    insert(book, order)
    for _ in range(3):
        chase_order(order_id=order.order_id, orders=desk, errand=errand, clock=clock)
        clock.advance(timedelta(seconds=10))
    with book.transaction() as tx:
        assert [state.value for state in orders.states(tx, order_id=order.order_id)] == [
            "RESERVED",
            "SENT",
            "UNKNOWN",
            "PAID",
        ]
        assert [(word.direction.value, word.word, word.code) for word in orders.words(tx, order_id=order.order_id)] == [
            ("noted", "reserve", None),
            ("said", "send", None),
            ("heard", "silent", "timeout"),
            ("said", "ask", None),
            ("heard", "paid", None),
        ]
        assert orders.paid_amounts(tx) == [(order.order_id, 1_050_000)]
        assert orders.open_orders(tx, cell=1) == []
        assert order_proof.prove(tx) == []
    ended = load(book, order.order_id)
    assert (ended.value_date, ended.paid_at, ended.attempts) == (date(2026, 8, 15), START, 1)
    assert bank.moved() == {order.number: 1_050_000}
    assert desk.paid == [order.order_id]


@pytest.mark.parametrize("dies_after", ["announce", "call", "hear without commit", "hear"])
def test_a_process_that_dies_at_any_point_leaves_an_order_that_ends_paid_once(book: Database, dies_after: str) -> None:
    order, clock, desk = an_order(), SettableClock(start=START), BookOrders(book)
    bank = FakeBank(clock=clock, sms=FakeSms())
    bank.open_card(card_number=CARD, holder_name=NAME, id_number=Personal("x"), phone=Personal("y"))
    errand = PayoutErrand(channel=bank, card_number=CARD, holder_name=NAME)
    insert(book, order)
    announced, action = desk.announce(order_id=order.order_id, now=clock.now(), resend_is_safe=True)
    if dies_after != "announce":
        (word,) = chase(order=announced, action=action, errand=errand)
        if dies_after.startswith("hear"):
            with book.transaction() as tx:
                heard = keep_order.hear(tx, order_id=order.order_id, word=word, at=clock.now())
                assert heard.paid
                if dies_after == "hear":
                    tx.commit()
                    desk.paid.append(order.order_id)
    for _ in range(6):
        clock.advance(timedelta(minutes=30))
        chase_order(order_id=order.order_id, orders=desk, errand=errand, clock=clock)
    assert load(book, order.order_id).state is OrderState.PAID
    assert bank.moved() == {order.number: 1_050_000}
    assert desk.paid == [order.order_id]


def test_a_word_heard_twice_is_kept_twice_and_ends_the_order_once(book: Database) -> None:
    order, desk = an_order(), BookOrders(book)
    insert(book, order)
    desk.announce(order_id=order.order_id, now=START, resend_is_safe=True)
    for _ in range(3):
        desk.hear(order_id=order.order_id, word=PAID, at=START)
    with book.transaction() as tx:
        assert [word.word for word in orders.words(tx, order_id=order.order_id)][2:] == ["paid"] * 3
        assert order_proof.prove(tx) == []
    assert desk.paid == [order.order_id]


def test_a_conflict_is_marked_and_alerted_and_moves_nothing(book: Database) -> None:
    order, desk = an_order(), BookOrders(book)
    insert(book, order)
    desk.announce(order_id=order.order_id, now=START, resend_is_safe=True)
    desk.hear(order_id=order.order_id, word=Failed(code="card_closed"), at=START)
    disputed = desk.hear(order_id=order.order_id, word=PAID, at=START)
    assert (disputed.state, disputed.conflict_code) == (OrderState.FAILED, "order_paid_after_failed")
    assert load(book, order.order_id) == disputed
    assert desk.paid == []
    _, action = desk.announce(order_id=order.order_id, now=START, resend_is_safe=True)
    assert action == AlertHuman(code="order_paid_after_failed")


def test_due_orders_are_those_with_something_to_do_and_a_page_at_a_time(book: Database) -> None:
    later = START + timedelta(hours=1)
    for count in range(3, 8):
        insert(book, an_order(count))
    insert(book, an_order(8, run_at=later))
    with book.transaction() as tx:
        due = orders.due_orders(tx, cell=1, now=START)
        assert due == sorted(an_order(count).order_id for count in range(3, 8))
        assert orders.due_orders(tx, cell=1, now=START, limit=2) == due[:2]
        assert orders.due_orders(tx, cell=0, now=START) == []
        assert len(orders.due_orders(tx, cell=1, now=later)) == 6
        assert len(orders.open_orders(tx, cell=1)) == 6


def test_an_order_is_withdrawn_before_it_was_sent_and_not_afterwards(book: Database) -> None:
    for count in (3, 4):
        insert(book, an_order(count))
    BookOrders(book).announce(order_id=an_order(4).order_id, now=START, resend_is_safe=True)
    with committed(book) as tx:
        withdrawn = keep_order.withdraw(tx, order_id=an_order(3).order_id, code="offer_expired", at=START)
        assert withdrawn.state is OrderState.FAILED
        with pytest.raises(OrderAlreadySent):
            keep_order.withdraw(tx, order_id=an_order(4).order_id, code="offer_expired", at=START)
    with book.transaction() as tx:
        assert order_proof.prove(tx) == []
    assert load(book, an_order(4).order_id).state is OrderState.SENT


@pytest.mark.parametrize(
    "statement",
    ["UPDATE channel_word SET word = 'paid'", "DELETE FROM channel_word", "TRUNCATE channel_word"],
)
def test_what_was_said_and_heard_cannot_be_changed(book: Database, statement: str) -> None:
    insert(book, an_order())
    BookOrders(book).announce(order_id=an_order().order_id, now=START, resend_is_safe=True)
    with psycopg.connect(book.url) as connection, pytest.raises(psycopg.errors.RaiseException):
        connection.execute(statement)


@pytest.mark.parametrize(("first_at", "findings"), [(START, 0), (START + timedelta(seconds=1), 1)])
def test_the_log_of_an_order_from_before_begins_with_the_word_that_its_row_says(
    book: Database, first_at: datetime, findings: int
) -> None:
    order = an_order()
    insert(book, order)
    with book.transaction() as tx:
        assert [word.word for word in orders.words(tx, order_id=order.order_id)] == ["reserve"]
        assert order_proof.prove(tx) == []
        assert word_proof.words(tx) == []
    BookOrders(book).announce(order_id=order.order_id, now=START, resend_is_safe=True)
    with book.transaction() as tx:
        said = orders.words(tx, order_id=order.order_id)
        told = orders.load_told(tx, person_id=order.person_id, order_id=order.order_id)
        assert [(word.seq, word.word, word.at) for word in said] == [(1, "reserve", START), (2, "send", START)]
        assert told.steps == ((OrderState.RESERVED, START), (OrderState.SENT, START))
        tx.execute(
            """INSERT INTO channel_word (cell, order_id, seq, at, direction, word, state)
               VALUES (%s, %s, 1, %s, 'noted', 'reserve', 'RESERVED')""",
            (tx.cell_of(order.order_id), order.order_id, first_at),
        )
        assert orders.words(tx, order_id=order.order_id) == said
        assert orders.load_told(tx, person_id=order.person_id, order_id=order.order_id) == told
        assert order_proof.prove(tx) == []
        assert len(word_proof.words(tx)) == findings


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE channel_order SET state = 'PAID', paid_at = now(), value_date = now(), reference = 'B1'",
        "UPDATE channel_order SET state = 'FAILED', refusal_code = 'card_closed'",
        "UPDATE channel_order SET state = 'RESERVED'",
    ],
)
def test_a_state_that_its_words_do_not_bear_out_is_found(book: Database, tampering: str) -> None:
    order, desk = an_order(), BookOrders(book)
    insert(book, order)
    desk.announce(order_id=order.order_id, now=START, resend_is_safe=True)
    desk.hear(order_id=order.order_id, word=Silent(reason="timeout"), at=START)
    desk.hear(order_id=order.order_id, word=NotFound(), at=START)
    with psycopg.connect(book.url, autocommit=True) as connection:
        connection.execute(tampering)
    with book.transaction() as tx:
        (sentence,) = order_proof.prove(tx)
    assert order.number in sentence


def test_a_changed_amount_of_a_paid_order_is_found(book: Database) -> None:
    order, desk = an_order(), BookOrders(book)
    insert(book, order)
    desk.announce(order_id=order.order_id, now=START, resend_is_safe=True)
    desk.hear(order_id=order.order_id, word=PAID, at=START)
    with psycopg.connect(book.url, autocommit=True) as connection:
        connection.execute("UPDATE channel_order SET amount_fen = amount_fen + 1")
    with book.transaction() as tx:
        assert len(order_proof.prove(tx)) == 1
