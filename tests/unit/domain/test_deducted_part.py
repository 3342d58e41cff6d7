"""What is deducted of a bill, and when it is tried: never more than is owed, never beside the hours of the day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from mingqu.domain.moment import start_of
from mingqu.domain.spend import DeductedPart, PaymentWish, SpendState, Statement, deducted_fen, next_try

DAY = date(2026, 9, 10)


def at(hour: int, minute: int = 0) -> datetime:
    return start_of(DAY) + timedelta(hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("after", "expected"),
    [(at(0), at(9)), (at(8, 59), at(9)), (at(9), at(14)), (at(13, 59), at(14)), (at(14), at(19)), (at(19), None)],
)
def test_a_day_has_three_tries_and_none_on_its_last_minute(after: datetime, expected: datetime | None) -> None:
    assert next_try(after) == expected
    assert next_try(datetime(2026, 9, 10, 15, 59, tzinfo=UTC)) is None  # 23:59 in the market


def owing(*, paid_fen: int, whole_fen: int, lacking_fen: int = 0) -> SpendState:
    bill = Statement(
        number=1, billed_on=date(2026, 9, 1), due=DAY, principal_fen=10_000, interest_fen=0, fee_fen=0, penalty_fen=0,
        instalment_fen=0, overdue_fen=0, over_limit_fen=0, minimum_fen=1_000, total_fen=10_000,
    )  # fmt: skip
    return SpendState(
        day=DAY, next_bill_on=date(2026, 10, 1), limit_fen=50_000, bill=bill, paid_fen=paid_fen,
        interest_fen=max(0, whole_fen), credit_fen=max(0, -whole_fen), lacking_fen=lacking_fen,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("part", "state", "expected"),
    [
        (DeductedPart.BILL, owing(paid_fen=0, whole_fen=10_000), 10_000),
        (DeductedPart.BILL, owing(paid_fen=4_000, whole_fen=6_000), 6_000),
        (DeductedPart.MINIMUM, owing(paid_fen=0, whole_fen=10_000), 1_000),
        (DeductedPart.MINIMUM, owing(paid_fen=999, whole_fen=9_001), 1),
        (DeductedPart.MINIMUM, owing(paid_fen=1_000, whole_fen=9_000), 0),
        (DeductedPart.MINIMUM, owing(paid_fen=0, whole_fen=10_050, lacking_fen=1_050), 1_050),
        (DeductedPart.BILL, owing(paid_fen=0, whole_fen=0), 0),
        (DeductedPart.BILL, owing(paid_fen=0, whole_fen=-5), 0),
    ],
)
def test_what_is_deducted_is_what_is_left_of_the_part(part: DeductedPart, state: SpendState, expected: int) -> None:
    assert deducted_fen(state, part) == expected
    assert part.wish in (PaymentWish.BILL, PaymentWish.MINIMUM)
