"""Transactions end as they say, and a lost server is a refusal and not a riddle."""

from __future__ import annotations

import threading
from datetime import date
from uuid import UUID

import psycopg
import pytest

from mingqu.domain import identifier
from mingqu.store.books import book
from mingqu.store.server import column, transaction
from mingqu.store.server.connection import Answer, Connection, Statement
from mingqu.store.server.database import (
    ATTEMPTS_MAX,
    TRANSIENT,
    BookMissing,
    Database,
    DatabaseUnavailable,
    Transaction,
)

PERSON = UUID("0199a000-0000-7abc-8000-000000000100")


def work_rows(database: Database) -> int:
    with database.transaction() as tx:
        row = tx.execute("SELECT count(*) FROM hold").fetchone()
    assert row is not None
    return int(row[0])


def write(tx: Transaction, number: int = 1) -> None:
    tx.execute("INSERT INTO hold (cell, id, amount_fen) VALUES (0, %s, 5)", (UUID(int=number),))


def test_what_was_not_committed_is_rolled_back(database: Database) -> None:
    with database.transaction() as tx:
        write(tx)

    def write_and_fail() -> None:
        with database.transaction() as tx:
            write(tx)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert work_rows(database) == 0


def test_what_was_committed_stays_and_the_transaction_is_over(database: Database) -> None:
    with database.transaction() as tx:
        write(tx)
        tx.commit()
        with pytest.raises(AssertionError):
            write(tx, 2)
        with pytest.raises(AssertionError):
            tx.commit()
    assert work_rows(database) == 1


def test_a_transaction_with_an_error_in_it_cannot_be_committed(database: Database) -> None:
    with database.transaction() as tx:
        write(tx)
        with pytest.raises(psycopg.errors.UniqueViolation):
            write(tx)
        with pytest.raises(AssertionError):
            tx.commit()
    assert work_rows(database) == 0


def test_rows_stream_in_and_statements_run_in_bulk(database: Database) -> None:
    with database.transaction() as tx:
        assert tx.copy("COPY hold (cell, id, amount_fen) FROM STDIN", [(1, UUID(int=n), n) for n in range(1, 9)]) == 8
        tx.executemany(
            "UPDATE hold SET amount_fen = %s WHERE cell = 1 AND id = %s", [(50, UUID(int=3)), (60, UUID(int=4))]
        )
        row = tx.execute("SELECT sum(amount_fen) FROM hold").fetchone()
    assert row == (36 - 3 - 4 + 50 + 60,)


def test_an_id_finds_its_cell_by_the_books_own_number_of_cells(database: Database) -> None:
    with database.transaction() as tx:
        assert tx.cells == 4
        assert tx.cell_of(PERSON) == identifier.cell_of(PERSON, cells=4)


def test_a_database_without_a_book_says_so(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute("DELETE FROM book")
        with pytest.raises(BookMissing):
            _ = tx.cells


def test_a_book_is_created_once_and_closed_until_the_day_before_it_opens(database: Database) -> None:
    with database.transaction() as tx:
        with pytest.raises(book.BookExists):
            book.create(tx, business_date=date(2026, 8, 15))
        tx.execute("DELETE FROM book")
        tx.execute("DELETE FROM cell")
        with pytest.raises(book.CellsOutOfRange):
            book.create(tx, business_date=date(2026, 8, 15), cells=1_025)
        created = book.create(tx, business_date=date(2026, 3, 1), cells=3)
        assert book.load(tx) == created
        assert tx.execute("SELECT cell, last_closed_on, leaf_count FROM cell ORDER BY cell").fetchall() == [
            (cell, date(2026, 2, 28), 0) for cell in range(3)
        ]


def test_a_locked_cell_makes_its_writers_take_turns(database: Database) -> None:
    said: list[str] = []

    def second() -> None:
        with database.transaction() as tx:
            tx.lock_cell(2)
            said.append("second")

    with database.transaction() as tx:
        tx.lock_cell(2)
        thread = threading.Thread(target=second)
        thread.start()
        waiting = None
        while waiting != (1,):
            waiting = tx.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
        said.append("first")
    thread.join()
    assert said == ["first", "second"]


def test_a_connection_that_died_between_transactions_is_replaced_unnoticed(database: Database) -> None:
    for _ in range(3):
        with database.transaction() as tx:
            (own,) = tx.execute("SELECT pg_backend_pid()").fetchone() or (None,)
        with psycopg.connect(database.url) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (own,))
        assert work_rows(database) == 0


def kill_others(database: Database, also: str = "SELECT 1") -> None:
    """End every connection to the database but one, on which something is said before."""
    with psycopg.connect(database.url, autocommit=True) as other:
        other.execute(also)  # type: ignore[arg-type]  # a text of this file
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


def held(number: int) -> Statement:
    return Statement("INSERT INTO hold (cell, id, amount_fen) VALUES (0, $1::uuid, 5)", (UUID(int=number).bytes,))


def test_a_transaction_begins_in_the_round_trip_of_its_first_statements(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[bytes] = []
    say = transaction.say

    def heard(connection: object, word: bytes) -> bytes | None:
        said.append(word)
        return say(connection, word)  # type: ignore[arg-type]

    monkeypatch.setattr(transaction, "say", heard)
    database.run(lambda tx: None)
    assert said == [], "who says nothing needs no transaction"
    database.run(lambda tx: tx.together([held(1), held(2)]))
    database.run(lambda tx: (tx.lock_cell(1), write(tx, 3)), planned=True)
    assert said == [b"COMMIT", b"COMMIT"]
    with database.transaction(planned=True) as tx:
        assert tx.together([Statement("SHOW plan_cache_mode", ())])[0].fetchone() == ("force_generic_plan",)
        write(tx, 4)
    assert work_rows(database) == 3


def test_a_plan_that_is_kept_finds_rows_by_their_keys_also_if_it_was_made_while_there_were_none(
    database: Database,
) -> None:
    """Sampled while it is empty, a table is read whole by a plan, however long it has become meanwhile."""
    key = (column.smallint(0), UUID(int=1).bytes)
    asked = Statement("EXPLAIN SELECT FROM channel_word WHERE cell = $1::smallint AND order_id = $2::uuid", key)

    def plan(answer: Answer) -> str:
        return "\n".join(line for (line,) in answer)

    with database.transaction() as tx:
        tx.script("ANALYZE channel_word")
        tx.commit()
    with database.transaction() as tx:
        assert "Seq Scan" in plan(tx.together([asked])[0]), "otherwise there is nothing to keep anybody from"
    with database.transaction(planned=True) as tx:
        assert "Seq Scan" not in plan(tx.together([asked])[0])
    with database.transaction(planned=True) as tx:
        tx.begin()
        assert "Seq Scan" not in plan(tx.together([asked])[0])
    assert "Seq Scan" not in plan(database.ask(lambda _: [asked])[0])
    with database.transaction() as tx:
        assert "Seq Scan" in plan(tx.together([asked])[0]), "what others are told is not changed"


def test_the_last_statements_take_the_commit_along_or_commit_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(tx: Transaction, *numbers: int) -> int:
        tx.lock_cell(0)
        (answer, _) = tx.finish([held(number) for number in numbers])
        return answer.rowcount

    with monkeypatch.context() as patched:
        patched.setattr(transaction, "say", None)
        assert database.run(lambda tx: written(tx, 1, 2)) == 1
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.run(lambda tx: written(tx, 3, 1))
    assert work_rows(database) == 2
    with database.transaction() as tx:
        assert len(tx.finish([held(4)])) == 1, "also as the first ones"
        with pytest.raises(AssertionError):
            write(tx, 5)
        with pytest.raises(AssertionError):
            tx.commit()
    with database.transaction() as tx:
        write(tx, 6)
        with pytest.raises(psycopg.errors.UniqueViolation):
            write(tx, 6)
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            tx.finish([held(7)])
    with database.transaction() as tx:
        write(tx, 8)
        with pytest.raises(AssertionError):
            tx.finish([])  # nothing would say that an error before was forgotten
    with database.snapshot() as then, then.transaction() as tx, pytest.raises(AssertionError):
        tx.finish([Statement("SELECT 1", ())])
    assert work_rows(database) == 3


def test_an_error_in_the_first_statements_leaves_nothing_to_commit(database: Database) -> None:
    with database.transaction() as tx:
        with pytest.raises(psycopg.errors.UniqueViolation):
            tx.together([held(1), held(1)])
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            write(tx, 2)
        with pytest.raises(AssertionError):
            tx.commit()
    assert work_rows(database) == 0


def test_first_statements_on_a_connection_that_died_are_said_on_another(database: Database) -> None:
    for number in range(3):
        assert work_rows(database) == number
        kill_others(database)
        database.run(lambda tx, number=number: (tx.lock_cell(2), tx.together([held(number)])))  # type: ignore[misc]
    with database.transaction() as tx:
        kill_others(database)
        tx.begin()
        assert tx.execute("SELECT count(*) FROM hold").fetchone() == (3,)


def test_what_waits_for_its_cell_when_its_connection_dies_waits_on_another(database: Database) -> None:
    locked: list[bool] = []
    thread = threading.Thread(target=lambda: database.run(lambda tx: (tx.lock_cell(2), locked.append(True))))
    waiting = "SELECT pid FROM pg_locks WHERE NOT granted AND pid <> %s"
    with psycopg.connect(database.url) as other:
        other.execute("SELECT FROM cell WHERE cell = 2 FOR UPDATE")
        thread.start()
        dead = 0
        for _ in range(2):
            found = None
            while found is None:
                found = other.execute(waiting, (dead,)).fetchone()
            if not dead:
                (dead,) = found
                other.execute("SELECT pg_terminate_backend(%s, 5000)", found)
        assert locked == []
    thread.join()
    assert locked == [True]


def test_first_statements_are_not_said_to_a_book_that_was_recut(database: Database) -> None:
    with database.transaction() as tx:
        assert tx.cells == 4

    def recut_meanwhile(tx: Transaction) -> None:
        cell = tx.cell_of(PERSON)
        kill_others(database, also="UPDATE book SET cells = 5")
        tx.lock_cell(cell)

    with pytest.raises(DatabaseUnavailable):
        database.run(recut_meanwhile)
    with database.transaction() as tx:
        assert tx.cells == 5


def test_a_cell_named_before_a_new_connection_is_not_written_to_in_a_book_that_was_recut(database: Database) -> None:
    with Database(database.url) as one:
        cell = one.cell_of(PERSON)
        kill_others(one, also="UPDATE book SET cells = 5")
        one._pool.drain()  # as after an hour without a request: nobody is connected, and the count is still known
        with pytest.raises(DatabaseUnavailable):
            one.run(lambda tx: tx.lock_cell(cell))
        one.run(lambda tx: tx.lock_cell(tx.cells - 2))
        assert one.cell_of(PERSON) == identifier.cell_of(PERSON, cells=5)


def test_a_count_that_another_connection_was_asked_for_is_held_against_the_one_that_replaces_it(
    database: Database,
) -> None:
    with (
        Database(database.url, connections_max=2) as one,
        one.transaction() as tx,
        one.transaction() as other,  # two new connections: nothing is known yet
    ):
        assert other.cells == 4
        cell = tx.cell_of(PERSON)  # of what the other heard
        kill_others(one, also="UPDATE book SET cells = 5")
        with pytest.raises(DatabaseUnavailable):
            tx.lock_cell(cell)


class Forsaken(Database):
    """A database that gives no connection while it is `gone`."""

    gone = False

    def _connection(self, begin: bytes | None) -> Connection:
        if self.gone:
            raise DatabaseUnavailable("There is none.")
        return super()._connection(begin)


def test_where_no_other_connection_is_had_the_dead_one_goes_back_all_the_same(database: Database) -> None:
    with Forsaken(database.url, connections_max=1) as one:
        with one.transaction() as tx:
            kill_others(one)
            one.gone = True
            with pytest.raises(DatabaseUnavailable):
                tx.begin()
        one.gone = False
        assert work_rows(one) == 0
        assert one._pool.get_stats()["returns_bad"] == 1, "once: for each the pool opens another"


def test_a_connection_that_dies_in_a_transaction_is_a_refusal_and_the_next_one_works(database: Database) -> None:
    def write_and_lose() -> None:
        with database.transaction() as tx:
            write(tx)
            (own,) = tx.execute("SELECT pg_backend_pid()").fetchone() or (None,)
            with psycopg.connect(database.url) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (own,))
            tx.commit()

    with pytest.raises(DatabaseUnavailable) as refused:
        write_and_lose()
    assert refused.value.code == "database_unavailable"
    assert work_rows(database) == 0


def test_a_statement_alone_is_a_transaction_and_a_connection_dead_before_it_is_replaced(
    database: Database,
) -> None:
    def write_alone(number: int) -> int:
        sql = "SELECT write_alone($1::uuid)"
        return column.read_smallint(database.call(sql, [UUID(int=number).bytes]))

    with database.transaction() as tx:
        tx.script("""CREATE FUNCTION write_alone(p_id uuid) RETURNS smallint LANGUAGE sql
                     BEGIN ATOMIC INSERT INTO hold (cell, id, amount_fen) VALUES (0, p_id, 5) RETURNING state; END""")
        tx.commit()
    assert write_alone(1) == 1
    with database.transaction() as tx:
        for _ in range(7):  # from the sixth time on the driver has this one prepared, which it forgets after DDL
            tx.execute("SELECT 1 WHERE %s = 1", (1,))
        tx.script("DROP TABLE IF EXISTS gone")
        tx.execute("SELECT 1 WHERE %s = 1", (1,))
        tx.commit()
    assert write_alone(7) == 1
    with database.transaction() as tx:
        for _ in range(7):
            tx.execute("SELECT 1 / %s", (1,))
        with pytest.raises(psycopg.errors.DivisionByZero):
            tx.execute("SELECT 1 / %s", (0,))
    assert write_alone(8) == 1
    with psycopg.connect(database.url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        assert write_alone(2) == 1
        assert other.execute("SELECT count(*) FROM hold").fetchone() == (4,)
    with pytest.raises(psycopg.errors.UniqueViolation):
        write_alone(2)
    assert write_alone(3) == 1


def test_a_server_that_cannot_be_reached_is_a_refusal() -> None:
    nowhere = Database("postgresql:///mingqu?host=/nowhere", connection_seconds_max=0.2)
    with nowhere, pytest.raises(DatabaseUnavailable), nowhere.transaction():
        pass


def test_a_transient_error_is_tried_again_from_the_start_and_not_for_ever(database: Database) -> None:
    tried: list[int] = []

    def collide(tx: Transaction) -> str:
        write(tx)
        tried.append(1)
        if len(tried) < 3:
            raise psycopg.errors.DeadlockDetected
        return "done"

    assert database.run(collide) == "done"
    assert work_rows(database) == 1

    def collide_always(tx: Transaction) -> None:
        write(tx, 2)
        tried.append(1)
        raise TRANSIENT[1]

    tried.clear()
    with pytest.raises(psycopg.errors.SerializationFailure):
        database.run(collide_always)
    assert len(tried) == ATTEMPTS_MAX
    assert work_rows(database) == 1


def test_a_snapshot_is_one_moment_whoever_reads_it(database: Database) -> None:
    with database.snapshot() as then:
        assert work_rows(then) == 0
        with database.transaction() as tx:
            write(tx)
            tx.commit()
        with then.transaction() as tx:
            assert tx.execute("SELECT id FROM hold").fetchall() == [], "another question of the same moment"
        assert work_rows(then) == 0
    assert work_rows(database) == 1


def test_a_snapshot_answers_what_it_was_asked_before(database: Database) -> None:
    with database.transaction() as tx:
        for number in (1, 2, 3):
            write(tx, number)
        tx.commit()
    asked = "SELECT id FROM hold WHERE id = ANY (%s) ORDER BY id"
    ids = [UUID(int=number) for number in (1, 2)]
    with database.snapshot() as then, then.transaction() as tx:
        first, second = tx.execute(asked, (ids,)), tx.execute(asked, (ids,))
        assert first.fetchone() == (ids[0],), "two readers of one answer do not take each other's rows"
        assert second.fetchall() == [(ids[0],), (ids[1],)]
        assert first.fetchmany(5) == [(ids[1],)]
        assert first.fetchone() is None
        assert (list(tx.execute(asked, (ids,))), first.rowcount) == ([(ids[0],), (ids[1],)], 2)
        assert len(tx.execute(asked, ([*ids, UUID(int=3)],)).fetchall()) == 3, "other parameters, another answer"
        by_name = "SELECT %(one)s::int - %(other)s::int"
        assert tx.execute(by_name, {"one": 5, "other": 3}).fetchone() == (2,)
        assert tx.execute(by_name, {"other": 3, "one": 5}).fetchone() == (2,)
        assert tx.execute(by_name, {"other": 5, "one": 3}).fetchone() == (-2,)


def test_a_snapshot_is_not_written(database: Database) -> None:
    with (
        database.snapshot() as then,
        then.snapshot() as again,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        again.run(write)
    with database.snapshot() as then, then.transaction() as tx, pytest.raises(AssertionError):
        tx.commit()
    assert work_rows(database) == 0


def test_a_snapshot_that_is_over_says_nothing(database: Database) -> None:
    with database.snapshot() as then:
        assert work_rows(then) == 0
    with pytest.raises(AssertionError):
        work_rows(then)
