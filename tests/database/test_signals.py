"""Signals are counted as their definition says, once however often they are told, by everybody at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any, LiteralString
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.identifier import fresh
from mingqu.domain.personal import Personal
from mingqu.domain.signal import (
    COUNT_MAX,
    RING_MAX,
    WINDOWS,
    Feature,
    Key,
    KeyKind,
    Measure,
    Signal,
    SignalKind,
    read_feature,
    value_of,
)
from mingqu.store.decisions import signal, signal_tally
from mingqu.store.parties import party
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Database, Rows, Transaction
from mingqu.store.server.keyring import Keyring
from tests.database.people import AT, fresh_id, fresh_keyring, fresh_person
from tests.models import signal_model
from tests.models.signal_model import Told
from tests.soak import SOAK

NOW = AT + timedelta(days=45)
PEOPLE = 6
FEATURES = [
    feature
    for name in (
        "ring_people_30d",
        *(
            f"{measure}_{kind}_{window}"
            for measure in (*signal_model.KINDS, "people", "lenders")
            for kind in signal_model.KEYS
            for window in signal_model.HOURS
        ),
    )
    if (feature := read_feature(name)) is not None
]
TABLES = ("signal", "signal_link", "signal_key")
_entropy = count(1)


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    return fresh_keyring()


def key(keyring: Keyring, kind: str, value: str) -> Key:
    return signal.key_of(keyring=keyring, kind=KeyKind[kind.upper()], value=Personal(value))


def told(
    keyring: Keyring, one: Told, *, people: Sequence[UUID], lenders: Sequence[UUID] = (), number: int | None = None
) -> Signal:
    return Signal(
        signal_id=fresh(milliseconds=one.number if number is None else number, slot=0, entropy=9),
        kind=SignalKind(one.kind),
        at=one.at,
        keys=tuple(key(keyring, *each) for each in sorted(one.keys)),
        person_id=None if one.person is None else people[one.person],
        lender_id=None if one.lender is None else lenders[one.lender],
    )


def some_people(database: Database, keyring: Keyring, number: int) -> list[UUID]:
    with database.transaction() as tx:
        made = [fresh_person(tx, keyring=keyring, cell=place % 4) for place in range(number)]
        tx.commit()
    return made


def note(database: Database, *signals: Signal) -> int:
    return database.run(lambda tx: signal.note(tx, signals=signals))


def counted(database: Database, *, person_id: UUID, keys: Sequence[Key], now: datetime = NOW) -> dict[Feature, int]:
    with database.transaction() as tx:
        return signal_tally.tally(tx, person_id=person_id, keys=keys, features=FEATURES, now=now)


def rows_of(database: Database, table: str) -> list[tuple[object, ...]]:
    assert table in TABLES
    with database.transaction() as tx:
        return [tuple(row) for row in tx.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4")]  # type: ignore[arg-type]


a_key = st.tuples(st.sampled_from(signal_model.KEYS), st.sampled_from("ab"))
# Moments on either side of each window's edge, and the edge itself.
moments = st.builds(
    lambda hours, seconds: NOW - timedelta(hours=hours, seconds=seconds),
    st.sampled_from((0, 1, 24, 7 * 24, 30 * 24, 40 * 24)),
    st.sampled_from((-1, 0, 1, 1800)),
)
histories = st.lists(
    st.builds(
        Told,
        number=st.integers(0, 12),
        kind=st.integers(1, 5),
        at=moments,
        keys=st.frozensets(a_key, min_size=1, max_size=5),
        person=st.none() | st.integers(0, PEOPLE - 1),
        lender=st.none() | st.integers(0, 2),
    ),
    max_size=14,
    unique_by=lambda one: one.number,
)


def test_every_count_is_that_of_an_independent_model(database: Database, keyring: Keyring) -> None:
    people, lenders = some_people(database, keyring, PEOPLE), [fresh_id(), fresh_id(), fresh_id()]

    @settings(max_examples=600 if SOAK else 60)
    @given(history=histories, mine=st.frozensets(a_key, min_size=1, max_size=6), who=st.integers(0, PEOPLE - 1))
    def holds(history: list[Told], mine: frozenset[tuple[str, str]], who: int) -> None:
        with database.transaction() as tx:
            tx.execute("TRUNCATE signal, signal_link, signal_key")
            signal.note(tx, signals=[told(keyring, one, people=people, lenders=lenders) for one in history])
            # One is told again at another moment, as a request that was sent again.
            again = [told(keyring, one, people=people, lenders=lenders) for one in history[:1]]
            assert signal.note(tx, signals=again) == 0
            tx.commit()
        keys = [key(keyring, *each) for each in sorted(mine)]
        tally = counted(database, person_id=people[who], keys=keys)
        expected = signal_model.features(history, person=who, keys=mine, now=NOW)
        kinds = frozenset(one.kind for one in keys)
        for name, value in expected.items():
            feature = read_feature(name)
            assert feature is not None, name
            has_key = feature.key is None or feature.key in kinds
            assert value_of(feature=feature, tally=tally, keys=kinds) == (value if has_key else None), name

    holds()


@pytest.mark.parametrize("measure", ["contracts", "people", "lenders"])
def test_a_window_ends_where_it_says_to_the_microsecond(database: Database, keyring: Keyring, measure: str) -> None:
    people = some_people(database, keyring, 2 * len(WINDOWS))
    shared, moments = key(keyring, "device", "edges"), dict[str, tuple[datetime, datetime]]()
    for window, length in WINDOWS.items():
        moments[window] = (NOW - length, NOW - length + timedelta(microseconds=1))  # the first is outside
    note(
        database,
        *(
            Signal(
                signal_id=fresh_id(),
                kind=SignalKind.CONTRACT,
                at=at,
                keys=(shared,),
                person_id=who,
                lender_id=fresh_id(),
            )
            for who, at in zip(people, [at for pair in moments.values() for at in pair], strict=True)
        ),
    )
    found = counted(database, person_id=people[0], keys=[shared])
    for place, window in enumerate(WINDOWS):
        feature = read_feature(f"{measure}_device_{window}")
        assert feature is not None
        assert found[feature] == 2 * place + 1, window


def test_everything_is_read_in_one_round_trip(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    (person_id,) = some_people(database, keyring, 1)
    keys = [key(keyring, kind, "x") for kind in signal_model.KEYS]
    with database.transaction() as tx:
        assert tx.cells == 4
        asked: list[str] = []
        say, together = Transaction.execute, Transaction.together

        def spy(self: Transaction, sql: LiteralString, *given: Any, **more: Any) -> Rows:
            asked.append(sql)
            return say(self, sql, *given, **more)

        def spy_together(self: Transaction, statements: Sequence[Statement]) -> list[Answer]:
            asked.append(" ".join(each.sql for each in statements))
            return together(self, statements)

        monkeypatch.setattr(Transaction, "execute", spy)
        monkeypatch.setattr(Transaction, "together", spy_together)
        found = signal_tally.tally(tx, person_id=person_id, keys=keys, features=FEATURES, now=NOW)
    assert len(asked) == 1
    assert set(found) == set(FEATURES)


def test_a_name_that_counts_nothing_is_no_feature() -> None:
    for name in ("applications_device_2d", "people_house_1d", "ring_people_7d", "applications_device", "", "own_x"):
        assert read_feature(name) is None


def test_of_many_at_the_same_moment_each_counts_those_before_it(database: Database, keyring: Keyring) -> None:
    together = 12
    people = some_people(database, keyring, together)
    shared = key(keyring, "device", "one")
    seen: list[int] = []
    ready = threading.Barrier(together)

    def apply(place: int) -> None:
        one = Signal(signal_id=fresh_id(), kind=SignalKind.APPLICATION, at=NOW, keys=(shared,), person_id=people[place])
        ready.wait()
        note(database, one)
        tally = counted(database, person_id=people[place], keys=[shared])
        seen.append(tally[Feature(measure=Measure.APPLICATIONS, key=KeyKind.DEVICE, window="1h")])
        seen.append(tally[Feature(measure=Measure.PEOPLE, key=KeyKind.DEVICE, window="30d")])

    threads = [threading.Thread(target=apply, args=(place,)) for place in range(together)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # So a rule "at most n" lets at most n through, however they are timed.
    assert len(seen) == 2 * together
    assert all(found >= place // 2 + 1 for place, found in enumerate(sorted(seen)))


def test_a_signal_told_again_by_many_at_once_is_one(database: Database, keyring: Keyring) -> None:
    (person_id,) = some_people(database, keyring, 1)
    keys = tuple(key(keyring, kind, "x") for kind in signal_model.KEYS)
    one = Signal(signal_id=fresh_id(), kind=SignalKind.SIGN_IN, at=NOW, keys=keys, person_id=person_id)
    fresh_rows: list[int] = []
    threads = [threading.Thread(target=lambda: fresh_rows.append(note(database, one))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fresh_rows) == [0] * 7 + [len(keys)]
    assert len(rows_of(database, "signal")) == len(keys)


def test_counts_stop_where_they_say_and_no_later_flood_hides_a_person(database: Database, keyring: Keyring) -> None:
    people = some_people(database, keyring, RING_MAX + 5)
    shared = key(keyring, "device", "flooded")
    flood = [
        Signal(signal_id=fresh_id(), kind=SignalKind.SIGN_IN, at=NOW, keys=(shared,), person_id=people[0])
        for _ in range(COUNT_MAX + 50)
    ]
    before = [
        Signal(
            signal_id=fresh_id(), kind=SignalKind.APPLICATION, at=NOW - timedelta(days=3), keys=(shared,), person_id=who
        )
        for who in people
    ]
    note(database, *before)
    note(database, *flood)
    tally = counted(database, person_id=people[0], keys=[shared])
    device = KeyKind.DEVICE
    assert tally[Feature(measure=Measure.SIGN_INS, key=device, window="1h")] == COUNT_MAX
    assert tally[Feature(measure=Measure.APPLICATIONS, key=device, window="7d")] == len(people)
    assert tally[Feature(measure=Measure.PEOPLE, key=device, window="30d")] == len(people)
    assert tally[Feature(measure=Measure.RING, window="30d")] == RING_MAX


def _settle(tx: Transaction, keyring: Keyring, person_id: UUID, own: Key, shared: Key) -> None:
    signal.note(
        tx,
        signals=[
            Signal(signal_id=fresh_id(), kind=SignalKind.APPLICATION, at=NOW, keys=(own, shared), person_id=person_id),
            Signal(signal_id=fresh_id(), kind=SignalKind.CODE_SENT, at=NOW, keys=(own,)),
        ],
    )


def test_an_erased_person_is_counted_nowhere_and_their_own_keys_are_gone(database: Database, keyring: Keyring) -> None:
    xia, zhou = some_people(database, keyring, 2)
    shared = key(keyring, "device", "family")
    with database.transaction() as tx:
        _settle(tx, keyring, xia, key(keyring, "phone", "xia"), shared)
        _settle(tx, keyring, zhou, key(keyring, "phone", "zhou"), shared)
        tx.commit()
    others = [
        row for row in rows_of(database, "signal") if row[6] == zhou or row[2] == key(keyring, "phone", "zhou").hash
    ]
    with database.transaction() as tx:
        tx.lock_cell(tx.cell_of(xia))
        party.erase(tx, person_id=xia, at=AT + timedelta(days=4_000))
        tx.commit()
    rows = rows_of(database, "signal")
    assert all(xia not in row for table in TABLES for row in rows_of(database, table))
    assert all(row[2] != key(keyring, "phone", "xia").hash for row in rows), "their phone is told of nowhere"
    assert [row for row in rows if row in others] == others, "nobody else lost anything"
    assert len(rows) == len(others) + 1, "the device keeps that somebody applied"
    tally = counted(database, person_id=zhou, keys=[shared])
    assert tally[Feature(measure=Measure.PEOPLE, key=KeyKind.DEVICE, window="30d")] == 1
    assert tally[Feature(measure=Measure.APPLICATIONS, key=KeyKind.DEVICE, window="30d")] == 2
    # What comes late, from a worker that had read them before, is not written.
    late = Signal(signal_id=fresh_id(), kind=SignalKind.CARD_BOUND, at=NOW, keys=(shared,), person_id=xia)
    assert note(database, late) == 0
    assert rows_of(database, "signal") == rows


def test_two_who_turn_out_to_be_one_count_once(database: Database, keyring: Keyring) -> None:
    xia, again = some_people(database, keyring, 2)
    shared = key(keyring, "card", "hers")
    with database.transaction() as tx:
        for who, name in ((xia, "one"), (again, "two")):
            _settle(tx, keyring, who, key(keyring, "phone", name), shared)
        tx.commit()
    people = Feature(measure=Measure.PEOPLE, key=KeyKind.CARD, window="30d")
    assert counted(database, person_id=xia, keys=[shared])[people] == 2
    with database.transaction() as tx:
        for cell in sorted({tx.cell_of(xia), tx.cell_of(again)}):
            tx.lock_cell(cell)
        party.merge(tx, from_person_id=again, to_person_id=xia, owes_money=lambda _: False, at=NOW)
        tx.commit()
    tally = counted(database, person_id=xia, keys=[shared])
    assert tally[people] == 1
    assert tally[Feature(measure=Measure.RING, window="30d")] == 0
    assert all(again not in row for table in TABLES for row in rows_of(database, table))


def test_what_is_older_than_it_is_kept_is_swept_up(database: Database, keyring: Keyring) -> None:
    (person_id,) = some_people(database, keyring, 1)
    old, young = key(keyring, "address", "old"), key(keyring, "address", "young")
    for each, days in ((old, 401), (young, 399)):
        note(
            database,
            Signal(
                signal_id=fresh_id(), kind=SignalKind.SIGN_IN, at=NOW - timedelta(days=days), keys=(each,),
                person_id=person_id,
            ),
        )  # fmt: skip
    gone = sum(database.run(lambda tx, cell=cell: signal.sweep(tx, cell=cell, now=NOW)) for cell in range(4))
    assert gone == 3, "the signal, and that they were seen with it, told on both sides"
    assert [row[2] for row in rows_of(database, "signal")] == [young.hash]
    assert [row[2] for row in rows_of(database, "signal_link")] == [young.hash]


def test_keys_are_hashed_apart_from_every_other_use(keyring: Keyring) -> None:
    phone = Personal("13800138000")
    known = {keyring.lookup_hash(kind=kind, value=phone)[:16] for kind in ("phone", "code_phone", "pace")}
    assert key(keyring, "phone", phone.reveal()).hash not in known
    assert key(keyring, "phone", "1").hash != key(keyring, "device", "1").hash
