"""`mingqu bench reconcile`: a bill of a million lines beside a book of as many orders.

    reconcile_lines    a bill of a million lines compared with a million paid orders, a thousand breaks kept; yardstick:
                       the same two cursors read to their ends and nothing done with the rows
    reconcile_memory   what the comparison adds to the peak of resident memory; yardstick: what a tenth as many add

Processor seconds of this process and the server. Memory is measured in a process of its own each, so that neither
number holds what making the book took.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, LiteralString

from bench.meter import Meter
from mingqu.main import Wiring
from mingqu.services.house import BANK, House
from mingqu.services.reconciliation.compare_day import compare_day
from mingqu.store.server.database import Transaction

LINES: Final = 1_000_000
BREAKS: Final = 1_000
CPU_SECONDS_MAX: Final = 30  # for a million lines: what issue 7 asks for
_TENTH: Final = 10
_PERSON: Final = "00000000-0000-7000-8000-000000000000"
# Ids carry the slot in ten bits behind the version; here all orders are of slot 0, so of one person and one cell.
_FILL: Final[LiteralString] = """
    SET LOCAL session_replication_role = replica;
    TRUNCATE bill_line, reconciliation_break, bill;
    DELETE FROM channel_order;
    INSERT INTO person (cell, person_id, identity_level, created_at) VALUES (0, '{person}', 2, now())
    ON CONFLICT DO NOTHING;
    CREATE TEMP TABLE made ON COMMIT DROP AS
    SELECT (lpad(to_hex(i), 12, '0') || '70008000' || lpad(to_hex(i), 12, '0'))::uuid AS order_id, i,
           1000 + i % 9000 AS amount_fen
    FROM generate_series(1, {lines}) AS i;
    INSERT INTO channel_order (cell, order_id, kind, state, person_id, amount_fen, currency, channel, run_at, next_at,
                               sent_at, attempts, asks, missing, paid_at, value_date, reference, version)
    SELECT 0, order_id, 'collection', 'PAID', '{person}', amount_fen, 'CNY', 'bank', now(), now(), now(), 1, 0, false,
           now(), '{on}', 'r' || i, 3 FROM made;
    INSERT INTO bill_line (cell, source, on_date, order_number, line, order_key, direction, amount_fen, currency,
                           reference, fee_fen)
    SELECT 0, 'bank', '{on}', replace(order_id::text, '-', ''), i, order_id, 'in',
           amount_fen + CASE WHEN i % ({lines} / {breaks}) = 0 THEN 1 ELSE 0 END, 'CNY', 'r' || i, 6 FROM made;
    INSERT INTO bill (source, on_date, state, tries, next_at, hash, lines, read_at)
    VALUES ('bank', '{on}', 'read', 1, now(), sha256('bench'), {lines}, now())"""
_THEIRS: Final[LiteralString] = """
    SELECT order_number, direction, amount_fen, currency, on_date, reference, fee_fen FROM bill_line
    WHERE cell = 0 AND source = 'bank' AND on_date = %s ORDER BY order_number, on_date, line"""
_OURS: Final[LiteralString] = """
    SELECT encode(uuid_send(order_id), 'hex'), kind, amount_fen, currency, value_date, reference FROM channel_order
    WHERE cell = 0 AND state = 'PAID' AND value_date = %s AND channel = 'bank' ORDER BY order_id"""
Rows = list[dict[str, Any]]


def run(loans: int = LINES) -> Rows:
    """Return the rows; `loans` is how many lines and orders there are."""
    with tempfile.TemporaryDirectory(prefix="mingqu-bench-") as folder:
        data = Path(folder)
        with Wiring().live_house(data=data, makes_book=True) as house:
            on = house.clock.business_date() - timedelta(days=1)
            _fill(house, on, lines=loans)
            bare = _bare(house, on)
            spent = Meter(house.database)
            compared = compare_day(house, source=BANK, on=on)
            cpu = spent.spent().cpu
        assert compared.theirs.lines == loans
        assert len(compared.breaks) == BREAKS
        small, large = _grown(data, on, lines=loans // _TENTH), _grown(data, on, lines=loans)
    return [
        _row("reconcile_lines", cpu, f"s of processor, {loans:,} lines", "both cursors read to their ends", bare),
        _row("reconcile_memory", large, f"kB at the peak, {loans:,} lines", f"the same, {loans // _TENTH:,}", small),
    ]


def _fill(house: House, on: date, *, lines: int) -> None:
    with house.database.transaction() as tx:
        tx.script(_FILL.format(person=_PERSON, on=on, lines=lines, breaks=BREAKS))
        tx.commit()
    with house.database.transaction() as tx:
        tx.script("ANALYZE channel_order, bill_line")
        tx.commit()


def _bare(house: House, on: date) -> float:
    def read(tx: Transaction) -> None:
        for number, question in enumerate((_THEIRS, _OURS)):
            for _ in tx.stream(question, (on,), name=f"bench_{number}"):
                pass

    meter = Meter(house.database)
    house.database.run(read)
    return meter.spent().cpu


def _grown(data: Path, on: date, *, lines: int) -> int:
    """Return the kilobytes by which a comparison raises the peak of a process that does nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.reconcile", str(data), on.isoformat(), str(lines)],
        check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    return int(done.stdout.splitlines()[-1])


def _measure(data: Path, on: date, *, lines: int) -> int:
    with Wiring().live_house(data=data, makes_book=False) as house:
        _fill(house, on, lines=lines)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        compare_day(house, source=BANK, on=on)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def _row(name: str, value: float, unit: str, yardstick: str, yardstick_value: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "yardstick": yardstick,
        "yardstick_value": round(yardstick_value, 2),
        "ratio": round(value / max(yardstick_value, 1e-9), 4),
    }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(_measure(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), lines=int(sys.argv[3])))
    else:
        print(json.dumps(run(), indent=2))
