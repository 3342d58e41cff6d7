"""`mingqu bench spend`: one spend decided in memory, and spends committed with their hold and evidence.

spend_decide      by a contract of 200 clauses and 10,000 payees, on one core; the yardstick is the 50 µs that an
                  answer to a card's network may cost
spend_committed   authorisations by 8 clients, each on cards of its own, as the door hears them: read, decided, held,
                  kept and witnessed; against pgbench's TPC-B on the same server
spend_cpu         processor microseconds of everybody, server included, for one of these; yardstick: of one TPC-B
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from bench.close import row_of
from bench.meter import Meter
from bench.pgbench import CLIENTS, SCALE, prepare_pgbench
from bench.repay import PROCESSES, Task, _children, _together, metered_tps
from mingqu.demo.journey import introduce
from mingqu.demo.people import neighbor
from mingqu.domain.identifier import cell_of
from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.policy_file import Document, Plain
from mingqu.domain.purpose import CardState, Spend, authorise, compiled, read_contract
from mingqu.main import Wiring
from mingqu.services.house import House
from mingqu.services.purpose.open_card import open_card, publish_contract
from mingqu.services.purpose.spend_card import AUTHORISE, Asked, Word, hear_card

CLAUSES: Final = 200
PAYEES: Final = 10_000
CALLS: Final = 20_000
ROUNDS: Final = 5
BUDGET_US: Final = 50
SECONDS: Final = 5
PEOPLE: Final = 8
CARDS_EACH: Final = 16
LIMIT_FEN: Final = 1_000_000_000


def contract() -> Document:
    """Return a contract of 200 clauses and 10,000 payees, of which most spends reach one of the last clauses."""
    payees: list[Plain] = [f"DLR-{number:05}" for number in range(PAYEES)]
    rows: list[Plain] = [
        {
            "id": f"deny-{number}",
            "effect": "deny",
            "merchants": payees[number * 40 : number * 40 + 40],
            "minute_from": 0,
            "minute_to": 1,
            "reason": "closed",
            "remedy": "wait",
        }
        for number in range(CLAUSES - 2)
    ]
    rows.append({"id": "dealers", "effect": "allow", "listed_payee": True, "categories": ["5511", "5521"]})
    rows.append({"id": "rest", "effect": "deny", "reason": "not_a_dealer", "remedy": "pay_a_dealer"})
    return Document(
        file="bench",
        body={
            "kind": "funds_contract",
            "id": "bench",
            "version": 1,
            "name_zh": "测",
            "name_en": "Bench",
            "currency": "CNY",
            "from": "2020-01-01",
            "to": "2099-01-01",
            "hold_days": 7,
            "per_spend_fen": LIMIT_FEN,
            "per_day_fen": LIMIT_FEN,
            "total_fen": LIMIT_FEN,
            "payees": payees,
            "clause": rows,
            "stage": [],
            "evidence": [{"kind": "invoice", "days": 15}],
        },
    )


def run() -> list[dict[str, Any]]:
    """Return the rows."""
    return [_decided(), *_committed()]


def _decided() -> dict[str, Any]:
    by, dice = compiled(read_contract(contract())), random.Random(1)
    state = CardState(limit_fen=LIMIT_FEN, day=date(2026, 8, 15))
    spends = [
        Spend(
            merchant=f"DLR-{dice.randrange(PAYEES + 500):05}",
            category=dice.choice(("5511", "5521", "6011")),
            amount_fen=dice.randrange(1, 1_000_000),
            currency="CNY",
            channel="pos",
            device="D1",
            place="CN",
            at=datetime(2026, 8, 15, dice.randrange(24), 0, tzinfo=MARKET_TIME),
        )
        for _ in range(CALLS)
    ]
    took = []
    for _ in range(ROUNDS):
        begins = time.process_time()
        for spend in spends:
            authorise(by, state=state, spend=spend)
        took.append(time.process_time() - begins)
    unit = f"µs of processor a spend; {CLAUSES} clauses, {PAYEES:,} payees"
    return row_of("spend_decide", 1_000_000 * min(took) / CALLS, unit, "µs it may take", BUDGET_US)


def _committed() -> list[dict[str, Any]]:
    with Wiring().demo_world(data=None, seed=1) as world:
        read = publish_contract(world.house, document=contract())
        cards: list[UUID] = []
        for number in range(1, PEOPLE + 1):
            known = introduce(world, neighbor(number=number, months_late=-1, lenders=1), balance_fen=0)
            said: dict[str, Any] = {
                "contract_id": read.id,
                "version": 1,
                "agreed_hash": read.hash,
                "limit_fen": LIMIT_FEN,
            }
            cards += [
                open_card(world.house, person_id=known.person_id, key=f"open {card}", **said)
                for card in range(CARDS_EACH)
            ]
        with world.house.database.transaction() as tx:
            cells = tx.cells
        prepare_pgbench(world.house.database.url)
        before, tpc_b_cpu = metered_tps(world.house)
        meter = Meter(world.house.database)
        each = _children(world.house, [_busy(cards, cell, cells) for cell in _fullest(cards, cells)])
        done = sum(spends for (spends,) in each)
        cpu = 1_000_000 * meter.spent().cpu / done
        after, tpc_b_cpu_after = metered_tps(world.house)
    unit = f"spends/s by {CLIENTS} clients, threads of {PROCESSES} processes, synchronous_commit on"
    yardstick = f"pgbench TPC-B (scale {SCALE}, {CLIENTS} clients, prepared), tps"
    of_tpc_b = (tpc_b_cpu + tpc_b_cpu_after) / 2
    return [
        row_of("spend_committed", done / SECONDS, unit, yardstick, (before + after) / 2),
        row_of("spend_cpu", cpu, "µs of processor a spend, of everybody", "of one TPC-B, µs", of_tpc_b),
    ]


def _fullest(cards: Sequence[UUID], cells: int) -> list[int]:
    """Return a cell for each process: those with most cards."""
    many = Counter(cell_of(card, cells=cells) for card in cards)
    return [cell for cell, _ in many.most_common(PROCESSES)]


def _busy(cards: Sequence[UUID], number: int, cells: int) -> Task:
    """Let this process's clients spend on cards of one cell for SECONDS; say how many were done."""

    def task(house: House) -> list[float]:
        clients = CLIENTS // PROCESSES
        mine = [card for card in cards if cell_of(card, cells=cells) == number]
        done = [0] * clients
        until = time.monotonic() + SECONDS

        def client(at: int) -> None:
            own = mine[at::clients]
            while time.monotonic() < until:
                asked = Asked(
                    merchant=f"DLR-{done[at] % PAYEES:05}",
                    category="5511",
                    currency="CNY",
                    channel="pos",
                    device="D1",
                    place="CN",
                )
                word = Word(
                    card_id=own[done[at] % len(own)],
                    kind=AUTHORISE,
                    reference=f"{number}-{at}-{done[at]}",
                    amount_fen=100,
                    asked=asked,
                )
                assert hear_card(house, word=word)["outcome"] == "approved"
                done[at] += 1

        _together([lambda at=at: client(at) for at in range(clients)])  # type: ignore[misc]
        return [float(sum(done))]

    return task
