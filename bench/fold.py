"""`mingqu bench fold`: a loan of 24 instalments and 40 events, in processor time, best of many rounds; less is better.

fold_step      one repayment at the end of the line, in the middle of the loan's life
fold_whole     the whole story: 24 instalments, 40 events, brought up to the last day
fold_course    the same story with interest along what is really owed: each payment works the course out anew
fold_reversal  a repayment of the tenth month turns out to have bounced, heard of on the last day: the loan is told
               again twice, and the ledger gets the difference

morning_batch  a morning's bill for each of many loans at once, from columns; yardstick: `bring_up`, loan by loan

The yardstick of the others is the snapshot after all events, to JSON and back, as the store keeps it: what every change
of a loan costs on top of the arithmetic.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from mingqu.domain.batch import morning, morning_columns
from mingqu.domain.calendar import MONTHLY, DayCount
from mingqu.domain.loan import (
    Disbursed,
    Event,
    Intent,
    LoanState,
    LoanTerms,
    OverpaymentReturned,
    Repaid,
    Reversed,
    bring_up,
    fold,
    record,
    step,
)
from mingqu.domain.loan.posting import Change
from mingqu.domain.loan.terms import ALLOCATION_IN_ADVANCE, Recalculation, Surplus
from mingqu.domain.money import Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import InterestBasis, Method

START: Final = date(2026, 1, 15)
PRINCIPAL_FEN: Final = 2_400_000
INSTALMENTS: Final = 24
EVENTS: Final = 40
# Which payment bounces, and which is the one whose step is measured.
BOUNCED: Final = 10
MIDDLE: Final = 12
# A thousand different loans, and each of them so many times over: columns are made of snapshots only once here.
MORNING_LOANS: Final = 1_000
MORNING_COPIES: Final = 50
# Many short rounds: a neighbour on the machine spoils some of them, and not the best.
SECONDS: Final = 0.02
ROUNDS: Final = 30
BEST: Final = f"best of {ROUNDS} rounds"
TERMS: Final = LoanTerms(
    principal_fen=PRINCIPAL_FEN,
    currency="CNY",
    method=Method.EQUAL_INSTALMENT,
    rate=Rate.per_year(ppm=180_000),
    instalments=INSTALMENTS,
    period=MONTHLY,
    interest_basis=InterestBasis.PERIOD,
    day_count=DayCount.ACT_360,
    rounding=Rounding.HALF_UP,
    penalty_multiple_ppm=1_500_000,
    grace_days=3,
)

ON_COURSE: Final = replace(
    TERMS,
    recalculation=Recalculation.DAILY,
    allocation=ALLOCATION_IN_ADVANCE,
    surplus=Surplus.NEXT_INSTALMENT,
    penalty_multiple_ppm=0,
)


def run() -> list[dict[str, Any]]:
    """Return one row for each: microseconds of processor, those of the yardstick, and their ratio."""
    events = story()
    last_day = events[-1].value_date + timedelta(days=1)
    state, _ = fold(terms=TERMS, events=events, as_of=last_day)
    before, middle = _middle(events)
    bounced = next(event for event in events if event.event_id == UUID(int=BOUNCED))
    reversal = Reversed(event_id=UUID(int=999), value_date=last_day, target=bounced.event_id)
    encode, decode = msgspec.json.encode, msgspec.json.Decoder(LoanState).decode

    def reverse() -> object:
        return record(terms=TERMS, events=events, state=state, event=reversal, business_date=last_day)

    rows = _rows(
        {
            "fold_step": lambda: step(terms=TERMS, state=before, event=middle, change=Change()),
            "fold_whole": lambda: fold(terms=TERMS, events=events, as_of=last_day),
            "fold_course": lambda: fold(terms=ON_COURSE, events=events, as_of=last_day),
            "fold_reversal": reverse,
        },
        lambda: decode(encode(state)),
        "the snapshot to JSON and back, µs",
    )
    return [*rows, _morning_row()]


def _morning_row() -> dict[str, Any]:
    loans = [replace(TERMS, principal_fen=PRINCIPAL_FEN + 1_000 * number) for number in range(MORNING_LOANS)]
    money = [Disbursed(event_id=UUID(int=1), value_date=START, amount_fen=terms.principal_fen) for terms in loans]
    book = [
        (terms, fold(terms=terms, events=[event], as_of=START)[0]) for terms, event in zip(loans, money, strict=True)
    ]
    on = book[0][1].instalments[0].due
    few = morning_columns(loans=book)
    many = morning_columns(loans=book * MORNING_COPIES)
    assert not morning(loans=few, on=on).scalar.any()
    assert morning(loans=many, on=on).billed.all()
    terms, state = book[0]
    row = _rows(
        {"morning_batch": lambda: morning(loans=many, on=on)},
        lambda: bring_up(terms=terms, state=state, business_date=on),
        "bring_up, µs a loan",
    )[0]
    micro = row["value"] / len(many)
    return row | {
        "value": round(micro, 3),
        "unit": f"µs of processor a loan, {BEST}",
        "ratio": round(micro / row["yardstick_value"], 4),
    }


def story() -> tuple[Event, ...]:
    """Return 40 events of a borrower now late, now early, who pays in two parts and whom money is returned to."""
    plan, _ = fold(
        terms=TERMS,
        events=[Disbursed(event_id=UUID(int=1_000), value_date=START, amount_fen=PRINCIPAL_FEN)],
        as_of=START,
    )
    events: list[Event] = [Disbursed(event_id=UUID(int=1_000), value_date=START, amount_fen=PRINCIPAL_FEN)]
    for number, line in enumerate(plan.instalments, start=1):
        half_fen = line.unpaid_fen // 2
        in_parts = number % 2 == 0 and number < INSTALMENTS
        late_days = 8 if number % 6 == 0 else 0
        on = line.due + timedelta(days=late_days)
        if in_parts:
            events.append(_repaid(500 + number, line.due, half_fen))
            events.append(
                _repaid(number, line.due + timedelta(days=late_days + 1), line.unpaid_fen - half_fen + 20_000)
            )
        else:
            events.append(_repaid(number, on, line.unpaid_fen + 10_000))
    last = events[-1].value_date
    events.append(_repaid(701, START + timedelta(days=100), 100_000, Intent.PREPAY))
    events.append(OverpaymentReturned(event_id=UUID(int=702), value_date=last + timedelta(days=2), amount_fen=5_000))
    events += [
        _repaid(703 + number, last + timedelta(days=3 + number), 1_000) for number in range(EVENTS - len(events))
    ]
    assert len(events) == EVENTS
    return tuple(sorted(events, key=lambda event: event.value_date))


def _repaid(number: int, on: date, amount_fen: int, intent: Intent = Intent.DUE) -> Repaid:
    return Repaid(event_id=UUID(int=number), value_date=on, amount_fen=amount_fen, intent=intent)


def _middle(events: tuple[Event, ...]) -> tuple[LoanState, Event]:
    """Return a payment in the middle of the loan's life and the state before it."""
    at = next(place for place, event in enumerate(events) if event.event_id == UUID(int=500 + MIDDLE))
    return fold(terms=TERMS, events=events[:at], as_of=events[at].value_date)[0], events[at]


def _rows(
    works: dict[str, Callable[[], object]], yardstick: Callable[[], object], yardstick_name: str
) -> list[dict[str, Any]]:
    # Alternating rounds see the same machine; the best of each is the one least disturbed.
    rounds = [[_micro(work) for work in (*works.values(), yardstick)] for _ in range(ROUNDS)]
    best = [min(column) for column in zip(*rounds, strict=True)]
    return [
        {
            "name": name,
            "value": round(value, 1),
            "unit": f"µs of processor, {BEST}",
            "yardstick": yardstick_name,
            "yardstick_value": round(best[-1], 1),
            "ratio": round(value / best[-1], 2),
        }
        for name, value in zip(works, best, strict=False)
    ]


def _micro(work: Callable[[], object]) -> float:
    """Return the microseconds of processor that the work takes once."""
    done, begin = 0, time.process_time()
    while (spent := time.process_time() - begin) < SECONDS:
        work()
        done += 1
    return 1_000_000 * spent / done


if __name__ == "__main__":
    for row in run():
        print(row)
