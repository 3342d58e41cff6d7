"""Schedules a second, as a ratio to a plain textbook loop in Decimal for the same loans in the same run.

schedule_equal_instalment_12   12 months, equal instalments, a twelfth of the rate a month
schedule_equal_instalment_360  360 months, the same
annual_cost_12                 yearly cost of 12 dated flows, against a bisection of the same flows in Decimal
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from mingqu.domain.calendar import DayCount, add_months
from mingqu.domain.cost import annual_cost
from mingqu.domain.money import Money
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import Method, Terms, build

START = date(2026, 8, 15)
CENT = Decimal("0.01")
# Long enough to drown the clock, short enough to run beside everything else.
SECONDS = 0.5
ROUNDS = 3
# 10^-15 of a rate from a bracket of one takes 50 halvings.
BISECTIONS = 50


def run() -> list[dict[str, Any]]:
    """Return one row for each size: ours a second, the textbook's a second, and their ratio."""
    rows = [_schedules(instalments) for instalments in (12, 360)]
    flows = [(START, 1_000_000), *((add_months(day=START, months=month), -91_680) for month in range(1, 13))]
    amounts = [Decimal(amount) for _, amount in flows]
    rows.append(
        _row(
            "annual_cost_12",
            "yearly costs per second",
            lambda: annual_cost(flows=flows),
            lambda: _bisected(amounts),
            "bisection in Decimal, same flows",
        )
    )
    return rows


def _schedules(instalments: int) -> dict[str, Any]:
    terms = _terms(instalments)
    return _row(
        f"schedule_equal_instalment_{instalments}",
        "schedules per second",
        lambda: build(terms=terms),
        lambda: _textbook(Decimal(10_000), Decimal("0.015"), instalments),
        "plain Decimal loop, same terms",
    )


def _row(
    name: str, unit: str, ours: Callable[[], object], theirs: Callable[[], object], yardstick: str
) -> dict[str, Any]:
    # Alternating rounds see the same machine; the best of each is the one least disturbed.
    rates = [(_per_second(ours), _per_second(theirs)) for _ in range(ROUNDS)]
    value, yardstick_value = max(rate[0] for rate in rates), max(rate[1] for rate in rates)
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "yardstick": yardstick,
        "yardstick_value": round(yardstick_value, 1),
        "ratio": round(value / yardstick_value, 3),
    }


def _per_second(work: Callable[[], object]) -> float:
    done, begin = 0, time.process_time()
    while (spent := time.process_time() - begin) < SECONDS:
        work()
        done += 1
    return done / spent


def _terms(instalments: int) -> Terms:
    return Terms(
        principal=Money(1_000_000),
        method=Method.EQUAL_INSTALMENT,
        rate=Rate.per_year(ppm=180_000),
        start=START,
        instalments=instalments,
        day_count=DayCount.ACT_365,
    )


def _textbook(principal: Decimal, rate: Decimal, instalments: int) -> list[dict[str, object]]:
    growth = (1 + rate) ** instalments
    instalment = (principal * rate * growth / (growth - 1)).quantize(CENT, ROUND_HALF_UP)
    rows: list[dict[str, object]] = []
    balance = principal
    for number in range(1, instalments + 1):
        interest = (balance * rate).quantize(CENT, ROUND_HALF_UP)
        part = balance if number == instalments else instalment - interest
        due = add_months(day=START, months=number)
        rows.append(
            {"number": number, "due": due, "opening": balance, "principal": part, "interest": interest}
            | {"payment": part + interest, "closing": balance - part}
        )
        balance -= part
    return rows


def _bisected(flows: list[Decimal]) -> Decimal:
    with localcontext() as context:
        context.prec = 28
        low, high = Decimal(0), Decimal(1)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            total = Decimal(0)
            for amount in reversed(flows):
                total = total / (1 + middle) + amount
            low, high = (middle, high) if total < 0 else (low, middle)
        return low


if __name__ == "__main__":
    for row in run():
        print(row)
