"""`mingqu bench signals`: what it costs to count what turned up before, on a table of a million signals.

    signals_read       one read of what the fields declare, eleven features of six keys; yardstick: one row by its key,
                       over the same connection
    signals_read_hot   the same for somebody whose address has a hundred thousand signals and whose device has six
                       hundred people; yardstick: `signals_read`, for it is bounded
    signals_note       an application noted with its six keys, committed; yardstick: one row inserted and committed
    signals_buffers    8-kB buffers that one read touches; yardstick: those of one row by its key

The first three are processor microseconds of this process and the server, the best of rounds taken in turn. People,
devices and addresses are spread as they are: three people to a device, two hundred to an address, a hundred and fifty
thousand applications, sign-ins and cards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from bench.meter import Meter
from mingqu.domain.signal import Feature, Key, KeyKind, Signal, SignalKind, read_feature
from mingqu.main import Wiring
from mingqu.services.house import House
from mingqu.store.decisions import signal, signal_tally
from mingqu.store.parties import party
from mingqu.store.server.database import Transaction

EVENTS: Final = 150_000  # of six keys each; the hot address brings it to a million
PEOPLE: Final = 100_000
HOT: Final = 100_000
CALLS: Final = 300  # of a round: a fraction of a second of processor time
ROUNDS: Final = 4  # a busy machine only ever slows, so the best counts
_CELL: Final[LiteralString] = "((get_byte(key_hash, 0) << 8 | get_byte(key_hash, 1)) >> 6) * {cells} / 1024"
_FILL: Final[LiteralString] = (
    """
    CREATE TEMP TABLE told ON COMMIT DROP AS
    SELECT k.key_kind::smallint, substr(sha256(convert_to(k.word || k.n, 'UTF8')), 1, 16) AS key_hash,
           (CASE WHEN i % 5 = 0 THEN 1 WHEN i % 5 = 1 THEN 4 ELSE 2 END)::smallint AS kind,
           {now} - interval '1 minute' * (i * 7919 % 57600) AS at, md5('s' || i)::uuid AS signal_id,
           md5('p' || i % {people})::uuid AS person_id
    FROM generate_series(1, {events}) AS i CROSS JOIN LATERAL (VALUES
        (1, 'device', i % {people} / 3), (2, 'phone', i % {people}), (3, 'card', i % {people}),
        (4, 'id_number', i % {people}), (5, 'address', i % {people} / 200), (6, 'person', i % {people})
    ) AS k (key_kind, word, n);
    INSERT INTO told SELECT 5, substr(sha256('hot'), 1, 16), 2, {now} - interval '1 second' * i, md5('h' || i)::uuid,
                            md5('p' || i % 600)::uuid FROM generate_series(1, {hot}) AS i;
    INSERT INTO told SELECT 1, substr(sha256('hot'), 1, 16), 2, {now} - interval '1 second' * i, md5('d' || i)::uuid,
                            md5('p' || i)::uuid FROM generate_series(1, 600) AS i;
    INSERT INTO signal (cell, key_kind, key_hash, kind, at, signal_id, person_id)
    SELECT """
    + _CELL
    + """, * FROM told;
    INSERT INTO signal_link SELECT """
    + _CELL
    + """, key_kind, key_hash, person_id, max(at) FROM told GROUP BY 2, 3, 4;
    INSERT INTO signal_key
    SELECT (('x' || substr(person_id::text, 15, 4))::bit(16)::int >> 2 & 1023) * {cells} / 1024, person_id, key_kind,
           key_hash, max(at) FROM told GROUP BY 2, 3, 4"""
)


def run() -> list[dict[str, Any]]:
    """Return the rows."""
    with Wiring().demo_world(data=None, seed=1) as world:
        house, now = world.house, world.house.clock.now()
        _fill(house, now)
        with house.database.transaction() as tx:
            asked = _declared(house)
            usual, hot = _usual(tx, asked, now), _hot(tx, asked, now)
            one = _one_row(tx)
            read, bare = _in_turn(house, usual, one)
            heavy, again = _in_turn(house, hot, usual)
            buffers, few = _buffers(tx, usual), _buffers(tx, one)
        note, insert = _in_turn(house, _noting(house, now), _inserting(house))
    rows = "1,000,000 signals"
    return [
        _row("signals_read", read, f"µs of processor a read, {rows}", "one row by its key", bare),
        _row(
            "signals_read_hot",
            heavy,
            f"µs of processor a read, hot, {rows}",
            "signals_read",
            again,
        ),
        _row(
            "signals_note",
            note,
            "µs of processor, six keys noted, committed",
            "one row inserted",
            insert,
        ),
        _row("signals_buffers", buffers, f"buffers a read touches, {rows}", "buffers of one row by its key", few),
    ]


def _declared(house: House) -> list[Feature]:
    """Return what the newest file of fields asks for."""
    body = house.pack.document(kind="fields", name="applicant").body["field"]
    assert isinstance(body, list)
    names = [str(one["name"]) for one in body if isinstance(one, dict) and one["source"] == "signal"]
    return [feature for name in names if (feature := read_feature(name)) is not None]


def _fill(house: House, now: datetime) -> None:
    with house.database.transaction() as tx:
        given = {"now": f"'{now.isoformat()}'::timestamptz", "people": PEOPLE, "events": EVENTS, "hot": HOT}
        tx.script(_FILL.format(cells=tx.cells, **given))
        tx.commit()
    with house.database.transaction() as tx:
        tx.script("ANALYZE signal, signal_link, signal_key")
        tx.commit()


def _key(kind: KeyKind, word: str) -> Key:
    return Key(kind=kind, hash=hashlib.sha256(word.encode()).digest()[: signal.HASH_BYTES])


def _keys(person: int) -> list[Key]:
    shared = {KeyKind.DEVICE: person // 3, KeyKind.ADDRESS: person // 200}
    return [_key(kind, f"{kind.name.lower()}{shared.get(kind, person)}") for kind in KeyKind]


def _usual(tx: Transaction, asked: Sequence[Feature], now: datetime) -> Callable[[int], object]:
    return lambda at: signal_tally.tally(
        tx, person_id=_person(at), keys=_keys(at * 97 % PEOPLE), features=asked, now=now
    )


def _hot(tx: Transaction, asked: Sequence[Feature], now: datetime) -> Callable[[int], object]:
    own = [_key(KeyKind.DEVICE, "hot"), _key(KeyKind.ADDRESS, "hot")]
    return lambda at: signal_tally.tally(
        tx, person_id=_person(at), keys=[*_keys(at)[1:4], *own], features=asked, now=now
    )


def _one_row(tx: Transaction) -> Callable[[int], object]:
    def read(at: int) -> object:
        (key,) = (each for each in _keys(at) if each.kind is KeyKind.PERSON)
        return tx.execute(
            "SELECT last_at FROM signal_link WHERE cell = %s AND key_kind = 6 AND key_hash = %s AND person_id = %s",
            (signal.cell_of_key(tx, key.hash), key.hash, _person(at)),
        ).fetchone()

    return read


def _person(at: int) -> UUID:
    return UUID(hashlib.md5(f"p{at * 97 % PEOPLE}".encode(), usedforsecurity=False).hexdigest())


def _noting(house: House, now: datetime) -> Callable[[int], object]:
    person_id = house.identifiers.fresh(0)
    house.database.run(lambda tx: party.create_person(tx, keyring=house.keyring, person_id=person_id, at=now))

    def note(at: int) -> object:
        told = Signal(
            signal_id=house.identifiers.fresh(0),
            kind=SignalKind.APPLICATION,
            at=now,
            keys=tuple(_keys(at)),
            person_id=person_id,
        )
        return house.database.run(lambda tx: signal.note(tx, signals=[told]))

    return note


def _inserting(house: House) -> Callable[[int], object]:
    def insert(_: int) -> object:
        return house.database.run(
            lambda tx: tx.execute(
                "INSERT INTO card_attempt (cell, number_hash, attempted_at) VALUES (0, %s, '{}')",
                (house.identifiers.fresh(0).bytes * 2,),
            )
        )

    return insert


def _in_turn(house: House, one: Callable[[int], object], other: Callable[[int], object]) -> tuple[float, float]:
    """Return the processor microseconds of each of two, the best of a few rounds taken in turn."""
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for place, work in enumerate((one, other)):
            meter = Meter(house.database)
            for at in range(CALLS):
                work(at)
            best[place] = min(best[place], meter.spent().cpu / CALLS)
    return best[0] * 1e6, best[1] * 1e6


def _buffers(tx: Transaction, work: Callable[[int], object]) -> float:
    """Return how many shared buffers a call touches, found or read, in the mean of fifty."""
    before = _touched(tx)
    for at in range(50):
        work(at)
    return max(1.0, (_touched(tx) - before) / 50)


def _touched(tx: Transaction) -> int:
    row = tx.execute(
        """SELECT sum(pg_stat_get_xact_blocks_fetched(c.oid)) FROM pg_class c
           WHERE c.relname LIKE 'signal%' OR c.relname IN ('loan', 'loan_person')"""
    ).fetchone()
    assert row is not None
    return int(row[0])


def _row(name: str, value: float, unit: str, yardstick: str, yardstick_value: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "yardstick": yardstick,
        "yardstick_value": round(yardstick_value, 1),
        "ratio": round(value / yardstick_value, 3),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2, ensure_ascii=False))
