"""`mingqu bench decide`: one decision in memory, its score, and a whole application over HTTP.

decide_memory   JSON in and the full record out, on one core; the yardstick is what nobody can save: decoding the same
                input bytes, encoding the same record and hashing it, measured in turn in the same run
score_reasons   points, probability, band and the factors that cost most
apply_api       see bench/apply.py
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from datetime import date
from typing import Any, Final

import msgspec

from bench import apply
from mingqu.domain.decision import decide
from mingqu.domain.decision.card import score_values
from mingqu.store.decisions.policy import load_pack

BUSINESS_DATE: Final = date(2026, 8, 15)
ROUNDS: Final = 5  # taken in turn with the yardstick; the best of each counts, for a busy machine only ever slows
CALLS: Final = 4_000  # about a quarter of a second a round
PEOPLE: Final = 64


def _people() -> list[bytes]:
    """Return different people as JSON: approved and refused ones in all bands."""
    people = []
    for number in range(PEOPLE):
        late = -1 if number % 3 else number % 4
        person: dict[str, Any] = {
            "identity_level": 4,
            "age_years": 22 + number % 40,
            "consents_given": True,
            "lenders_count": number % 6,
            "total_exposure_fen": number * 10_000,
            "overdue_now": False,
            "overdue_days_max": number % 30,
            "monthly_income_fen": 300_000 + number * 20_000,
            "requested_amount_fen": 1_000_000,
            "credit_line_fen": 500_000 + number * 100_000,
        }
        for month in range(1, 7):
            person[f"months_late_{month}"] = late
            person[f"statement_{month}_fen"] = number * 30_000 + month
            person[f"paid_{month}_fen"] = number * 9_000 + month
        people.append(json.dumps(person).encode())
    return people


def run() -> list[dict[str, Any]]:
    """Return the rows `decide_memory`, `score_reasons` and `apply_api`."""
    return [*in_memory(), apply.row()]


def in_memory() -> list[dict[str, Any]]:
    """Return what decisions cost without a database: a whole one from bytes to bytes, and its score with reasons."""
    pack = load_pack()
    products = tuple(product.id for product in pack.offered(business_date=BUSINESS_DATE))
    strategy = pack.on(business_date=BUSINESS_DATE, product_ids=products)
    people = _people()
    # The API reads bodies with msgspec; so do both sides here.
    read = msgspec.json.Decoder(dict[str, int | bool]).decode

    def one(raw: bytes) -> bytes:
        decision = decide(inputs=read(raw), pack=pack, product_ids=products, business_date=BUSINESS_DATE)
        record = decision.record_bytes()
        hashlib.sha256(record).digest()
        return record

    records = {raw: json.loads(one(raw)) for raw in people}
    write = msgspec.json.Encoder(order="sorted").encode

    def bare(raw: bytes) -> None:
        read(raw)
        hashlib.sha256(write(records[raw])).digest()

    features = {raw: strategy.pick_card(strategy.fields.read(inputs=read(raw))) for raw in people}

    def scored(raw: bytes) -> None:
        score_values(card=strategy.card, values=features[raw])

    decided, bared, points = [], [], []
    for _ in range(ROUNDS):
        for taken, work in ((decided, one), (bared, bare), (points, scored)):
            taken.append(_seconds(work, people))
    bare_us = min(bared) / CALLS * 1e6
    return [
        {
            "name": "decide_memory",
            "value": round(CALLS / min(decided), 1),
            "unit": "decisions/s/core",
            "yardstick": "decode, encode and hash of the same bytes",
            "yardstick_value": round(CALLS / min(bared), 1),
            "ratio": round(min(bared) / min(decided), 4),
        },
        {
            "name": "score_reasons",
            "value": round(min(points) / CALLS * 1e6, 2),
            "unit": "µs, points, probability, band and reasons",
            "yardstick": "µs, decode, encode and hash of a decision's bytes",
            "yardstick_value": round(bare_us, 2),
            "ratio": round(min(points) / min(bared), 4),
        },
    ]


def _seconds(work: Callable[[bytes], object], people: list[bytes]) -> float:
    """Return the processor seconds of CALLS calls."""
    start = time.process_time()
    for call in range(CALLS):
        work(people[call % PEOPLE])
    return time.process_time() - start


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
