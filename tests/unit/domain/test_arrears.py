"""The penalty that runs on late instalments, for many loans at once: each rounded by itself, or left to the quote."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import numpy as np

from mingqu.domain.batch import standing
from mingqu.domain.batch.arrears import ArrearsColumns, PenaltyColumns, running_penalty
from mingqu.domain.batch.columns import as_day
from mingqu.domain.batch.morning import FEN_MAX
from mingqu.domain.batch.standing import PLAN_ROW
from mingqu.domain.calendar import DayCount, Period
from mingqu.domain.loan import Disbursed, Intent, LoanState, LoanTerms, Repaid, fold, quote
from mingqu.domain.money import Rounding
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import InterestBasis, Method

DUE = date(2026, 9, 15)
ON = date(2026, 10, 2)  # 17 days later
TERMS = LoanTerms(
    principal_fen=1_000_000,
    currency="CNY",
    method=Method.EQUAL_INSTALMENT,
    rate=Rate.per_year(ppm=180_000),
    instalments=12,
    period=Period(),
    interest_basis=InterestBasis.PERIOD,
    day_count=DayCount.ACT_360,
    rounding=Rounding.HALF_UP,
    penalty_multiple_ppm=1_500_000,
)
TO_EVEN = replace(TERMS, rounding=Rounding.HALF_EVEN)


def penalty_of(*lines: tuple[int, date, int], on: date = ON, waiting: int = 0, payable: int | None = None) -> list[int]:
    """The penalty of one loan with late lines (number, since, principal): [] where it is not known."""
    principal = [principal_fen for _, _, principal_fen in lines]
    made = running_penalty(
        arrears=ArrearsColumns(
            loan=np.zeros(len(lines), dtype=np.int64),
            since=np.array([as_day(since) for _, since, _ in lines], dtype=np.int64),
            number=np.array([number for number, _, _ in lines], dtype=np.int64),
            principal_fen=np.array(principal, dtype=np.int64),
        ),
        terms=(TERMS,),
        template=np.zeros(1, dtype=np.int64),
        payable_principal_fen=np.array([sum(principal) if payable is None else payable]),
        waiting_number=np.array([waiting]),
        on=on,
    )
    return made.fen.tolist() if made.known.all() else []


def test_each_late_instalment_is_rounded_by_itself() -> None:
    assert penalty_of((1, DUE, 83_334)) == [1_063]
    assert penalty_of((1, DUE, 83_334), (2, DUE, 83_334)) == [2_126], "together they bear 2,125.017"
    assert penalty_of((1, DUE, 83_334), (2, ON, 90_000)) == [1_063], "nothing bears on the day it counts from"


def test_what_waits_to_be_overdue_bears_nothing() -> None:
    assert penalty_of((1, DUE, 83_334), (2, DUE, 83_334), waiting=2) == [1_063]


def test_a_loan_whose_rows_do_not_add_up_or_do_not_fit_is_not_known() -> None:
    assert penalty_of((1, DUE, 83_334), payable=83_335) == []
    assert penalty_of(payable=1) == []
    assert penalty_of() == [0]
    assert penalty_of((1, DUE, FEN_MAX)) == [FEN_MAX * 51 // 4_000 + 1]
    assert penalty_of((1, DUE, FEN_MAX + 1)) == []


def two_loans(first: LoanTerms, second: LoanTerms, *, on: date) -> PenaltyColumns:
    """The penalty of 20.00 since DUE of two loans."""
    return running_penalty(
        arrears=ArrearsColumns(
            loan=np.array([0, 1]),
            since=np.full(2, as_day(DUE)),
            number=np.ones(2, dtype=np.int64),
            principal_fen=np.full(2, 2_000),
        ),
        terms=(first, second),
        template=np.array([0, 1]),
        payable_principal_fen=np.full(2, 2_000),
        waiting_number=np.zeros(2, dtype=np.int64),
        on=on,
    )


def test_a_tie_goes_as_each_loans_terms_say() -> None:
    third_day = date(2026, 9, 18)  # 4.5 fen
    assert two_loans(TERMS, TO_EVEN, on=third_day).fen.tolist() == [5, 4]
    assert two_loans(TO_EVEN, TERMS, on=third_day).fen.tolist() == [4, 5]


def test_what_was_paid_in_part_bears_from_that_day_as_the_quote_says() -> None:
    state = part_paid()
    stands = standing(terms=TERMS, state=state)
    rows = np.frombuffer(stands.plan or b"", dtype=PLAN_ROW)[: stands.passed].tolist()
    paid_on = as_day(date(2026, 11, 20))
    assert [row[:3] for row in rows] == [(paid_on, 1, 55_476), (paid_on, 2, 77_830), (paid_on, 3, 78_998)]
    on = date(2026, 12, 10)
    owed = quote(terms=TERMS, state=state, on=on).due.penalty_fen - state.payable.penalty_fen
    lines = [(number, date.fromordinal(since + date(1970, 1, 1).toordinal()), fen) for since, number, fen, _ in rows]
    assert penalty_of(*lines, on=on) == [owed]
    assert owed > 0


def part_paid() -> LoanState:
    """A loan of which three bills were late when a part of the first was paid."""
    events = [
        Disbursed(event_id=UUID(int=1), value_date=date(2026, 8, 15), amount_fen=TERMS.principal_fen),
        Repaid(event_id=UUID(int=2), value_date=date(2026, 11, 20), amount_fen=40_000, intent=Intent.DUE),
    ]
    return fold(terms=TERMS, events=events, as_of=date(2026, 12, 10))[0]
