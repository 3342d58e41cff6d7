"""`mingqu bench decide`: one decision in memory, JSON in and the full record out, on one core.

The yardstick is what nobody can save: decoding the same input bytes, encoding the same record and hashing it,
with the standard library, measured in turn with the decisions in the same run.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from mingqu.domain.decision import decide
from mingqu.store.policy import load_pack

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
    """Return the row `decide_memory`: decisions a second on one core, against bare decoding, encoding and hashing."""
    pack = load_pack()
    products = tuple(product.id for product in pack.offered(business_date=BUSINESS_DATE))
    people = _people()

    def one(raw: bytes) -> bytes:
        decision = decide(inputs=json.loads(raw), pack=pack, product_ids=products, business_date=BUSINESS_DATE)
        record = decision.record_bytes()
        hashlib.sha256(record).digest()
        return record

    records = {raw: json.loads(one(raw)) for raw in people}
    encoder = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def bare(raw: bytes) -> None:
        json.loads(raw)
        hashlib.sha256(encoder.encode(records[raw]).encode()).digest()

    decided, bared = [], []
    for _ in range(ROUNDS):
        decided.append(_seconds(one, people))
        bared.append(_seconds(bare, people))
    value, yardstick_value = CALLS / min(decided), CALLS / min(bared)
    return [
        {
            "name": "decide_memory",
            "value": round(value, 1),
            "unit": "decisions/s/core",
            "yardstick": "decode, encode and hash of the same bytes",
            "yardstick_value": round(yardstick_value, 1),
            "ratio": round(value / yardstick_value, 4),
        }
    ]


def _seconds(work: Callable[[bytes], object], people: list[bytes]) -> float:
    """Return the processor seconds of CALLS calls."""
    start = time.process_time()
    for call in range(CALLS):
        work(people[call % PEOPLE])
    return time.process_time() - start


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
