"""Revolving credit to the fen: what a moving balance bears, what a bill asks at least, what being late and cash cost.

A balance moves by postings (a purchase, a repayment, a refund), each counted from the day it was posted on. What the
balance bears stays an exact fraction until a bill asks for it; then it is rounded once. Every share, least amount
and rate is a term of the product, so none stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from mingqu.domain.calendar import DatesOutOfOrder, DayCount
from mingqu.domain.money import Rounding, divide
from mingqu.domain.rate import PPM, Rate
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import interest_ratio


class MovementMalformed(Refusal):
    """A movement of a balance is of at least one fen; its kind says which way it goes."""

    code = "movement_malformed"


class RevolvingTermsImpossible(Refusal):
    """A share lies outside 0 to 100 %, an amount is negative, or the most of a charge lies below its least."""

    code = "revolving_terms_impossible"


class MovementKind(Enum):
    """Which way a posting moves the balance, and whether it pays a bill."""

    SPENT = "spent"  # a purchase or a draw
    REPAID = "repaid"
    REFUNDED = "refunded"  # a seller gave back; after the bill day it lowers the balance but pays no bill


class UnpaidBill(Enum):
    """What bears interest when a bill is not paid whole by its due date. Paid whole, nothing does."""

    ALL_OF_IT = "all_of_it"  # 全额计息: every purchase in it, from the day it was posted on
    UNPAID_PART = "unpaid_part"  # 未还部分计息: what is left of it, from the due date


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One posting: `amount_fen` above zero, and its kind. Errors: MovementMalformed."""

    posted_on: date
    amount_fen: int
    kind: MovementKind

    def __post_init__(self) -> None:
        if self.amount_fen <= 0:
            raise MovementMalformed("A movement is of at least one fen.", amount_fen=self.amount_fen)

    @property
    def change_fen(self) -> int:
        """What the balance gains."""
        return self.amount_fen if self.kind is MovementKind.SPENT else -self.amount_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The two days of a bill: what was posted up to `billed_on` is in it, and it is to be paid by `due`.

    Errors: DatesOutOfOrder.
    """

    billed_on: date
    due: date

    def __post_init__(self) -> None:
        if self.due <= self.billed_on:
            raise DatesOutOfOrder("A bill is due after its bill day.", billed_on=str(self.billed_on), due=str(self.due))


def balance_interest(
    *, movements: Sequence[Movement], rate: Rate, day_count: DayCount, start: date, end: date
) -> tuple[int, int]:
    """Return what the balance bears in `[start, end)` in fen, as (numerator, denominator), not rounded.

    A movement counts from its day; those before `start` make the opening balance. A balance in the borrower's
    favor (溢缴款) bears nothing. Interest is not added to the balance.
    Example: 10,000.00 on 10 June, 1,000.00 repaid on 25 July, 0.05 % a day, to 5 August: 225.00 + 49.50 = 274.50.
    Errors: DatesOutOfOrder.
    """
    if end < start:
        raise DatesOutOfOrder("A span ends on or after its start.", start=str(start), end=str(end))
    numerator, denominator = 0, 1
    balance, since = 0, start
    for movement in [*sorted(movements, key=_posted_on), None]:
        until = end if movement is None else min(max(movement.posted_on, start), end)
        if balance > 0 and since < until:
            part, part_denominator = interest_ratio(
                principal_fen=balance, rate=rate, day_count=day_count, start=since, end=until
            )
            if part_denominator == denominator:  # days of one quotation, nearly always: the numbers stay small
                numerator += part
            else:
                numerator = numerator * part_denominator + part * denominator
                denominator *= part_denominator
        since = until
        balance += 0 if movement is None else movement.change_fen
    return numerator, denominator


def _posted_on(movement: Movement) -> date:
    return movement.posted_on


def card_interest(
    *,
    movements: Sequence[Movement],
    statement: Statement,
    until: date,
    unpaid_bill: UnpaidBill,
    rate: Rate,
    day_count: DayCount,
    rounding: Rounding,
) -> int:
    """Return the interest, in fen, that one bill has borne when the day `until` begins; usually the next bill day.

    A bill that repayments cover by its due date, that day included, bears nothing (免息还款期). Otherwise
    `unpaid_bill` says what bears and from when. Purchases after the bill day belong to the next bill; refunds
    after it lower the balance and do not pay the bill.
    Source: 银发〔2016〕111号 (free period and least repayment are agreed, no interest on service fees); which of the
    two ways holds is printed in the contract and explained, 法释〔2021〕10号 art. 2.
    Example: 10,000.00 posted on 10 June, billed on 5 July, due on 25 July, 1,000.00 paid on that day, 0.05 % a
    day, until 5 August: 274.50 of all of it, 49.50 of the unpaid part.
    Errors: DatesOutOfOrder when `until` lies before the due date, for then nobody knows yet.
    """
    if until < statement.due:
        raise DatesOutOfOrder("Whether a bill was paid whole is known on its due date.", until=str(until))
    billed = [movement for movement in movements if movement.posted_on <= statement.billed_on]
    after = [
        movement
        for movement in movements
        if movement.posted_on > statement.billed_on and movement.kind is not MovementKind.SPENT
    ]
    repaid_fen = sum(
        movement.amount_fen
        for movement in after
        if movement.kind is MovementKind.REPAID and movement.posted_on <= statement.due
    )
    if repaid_fen >= sum(movement.change_fen for movement in billed):
        return 0
    start = statement.due if unpaid_bill is UnpaidBill.UNPAID_PART else min(map(_posted_on, billed))
    numerator, denominator = balance_interest(
        movements=[*billed, *after], rate=rate, day_count=day_count, start=start, end=until
    )
    return divide(numerator, denominator, rounding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A fee of `share_ppm` of an amount, at least `least_fen` and, where there is one, at most `most_fen`.

    Errors: RevolvingTermsImpossible.
    """

    share_ppm: int
    least_fen: int = 0
    most_fen: int | None = None

    def __post_init__(self) -> None:
        _check_share(self.share_ppm)
        if self.least_fen < 0 or (self.most_fen is not None and self.most_fen < self.least_fen):
            raise RevolvingTermsImpossible("A charge is at least nothing, and at most no less than its least.")

    def of(self, amount_fen: int, *, rounding: Rounding) -> int:
        """Return the fee on an amount, in fen; on nothing it is nothing, whatever its least.

        Example: 1 %, at least 10.00: 50.00 of 5,000.00, 10.00 of 300.00, 0.00 of 0.00.
        """
        if amount_fen <= 0:
            return 0
        fen = max(divide(amount_fen * self.share_ppm, PPM, rounding), self.least_fen)
        return fen if self.most_fen is None else min(fen, self.most_fen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What one bill asks for, in fen. Only `principal_fen` may be carried on; every other part is asked in full.

    `instalment_fen` are instalments due (they have no least payment, 银保监规〔2022〕13号), `overdue_fen` is what
    earlier bills asked at least and did not get, `over_limit_fen` what is used above the limit.
    Errors: RevolvingTermsImpossible.
    """

    principal_fen: int
    interest_fen: int = 0
    fee_fen: int = 0
    instalment_fen: int = 0
    overdue_fen: int = 0
    over_limit_fen: int = 0

    def __post_init__(self) -> None:
        if min(self.principal_fen, self.in_full_fen, *self._parts_in_full) < 0:
            raise RevolvingTermsImpossible("No part of a bill is negative.")

    @property
    def _parts_in_full(self) -> tuple[int, ...]:
        return (self.interest_fen, self.fee_fen, self.instalment_fen, self.overdue_fen, self.over_limit_fen)

    @property
    def in_full_fen(self) -> int:
        """What is asked in full, whatever the least payment."""
        return sum(self._parts_in_full)

    @property
    def total_fen(self) -> int:
        """Everything the bill asks for."""
        return self.principal_fen + self.in_full_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumRule:
    """The least payment: `share_ppm` of principal and all the rest; principal up to `whole_up_to_fen` is asked whole.

    Errors: RevolvingTermsImpossible.
    """

    share_ppm: int
    rounding: Rounding
    whole_up_to_fen: int = 0

    def __post_init__(self) -> None:
        _check_share(self.share_ppm)
        if self.whole_up_to_fen < 0:
            raise RevolvingTermsImpossible("An amount that is asked whole is not negative.")


def minimum_payment(*, bill: Bill, rule: MinimumRule) -> int:
    """Return the least payment (最低还款额) that keeps an account in order, in fen; never above the whole bill.

    Example: 5,000.00 used and 60.00 interest, 10 %: 560.00. Of 100.00 used or less, where that is asked whole: all.
    """
    if bill.principal_fen <= rule.whole_up_to_fen:
        return bill.total_fen
    return divide(bill.principal_fen * rule.share_ppm, PPM, rule.rounding) + bill.in_full_fen


def late_fee(*, minimum_fen: int, paid_fen: int, charge: Charge, rounding: Rounding) -> int:
    """Return the late fee (违约金) on what the least payment lacks by its due date, in fen; 0 if nothing lacks.

    Source: 银发〔2016〕111号 (an agreed fee takes the place of the former 滞纳金; it bears no interest).
    Example: 1,000.00 asked at least, 400.00 paid, 5 %: 30.00.
    """
    assert minimum_fen >= 0 <= paid_fen
    return charge.of(minimum_fen - paid_fen, rounding=rounding)


@dataclass(frozen=True, slots=True, kw_only=True)
class CashAdvanceCost:
    """What a cash advance costs, in fen: the fee on its day, and interest from that day on."""

    fee_fen: int
    interest_fen: int

    @property
    def cost_fen(self) -> int:
        """Fee and interest."""
        return self.fee_fen + self.interest_fen


def cash_advance_cost(
    *, amount_fen: int, drawn_on: date, days: int, fee: Charge, rate: Rate, day_count: DayCount, rounding: Rounding
) -> CashAdvanceCost:
    """Return what it costs to take cash (取现) and repay it after `days` days; there is no free period.

    The fee bears no interest. Example: 5,000.00 for 20 days, 1 % and 0.05 % a day: 50.00 and 50.00.
    Source: 银发〔2016〕111号. Errors: MovementMalformed; DatesOutOfOrder when `days` is negative.
    """
    drawn = Movement(posted_on=drawn_on, amount_fen=amount_fen, kind=MovementKind.SPENT)
    end = drawn_on + timedelta(days=days)
    numerator, denominator = balance_interest(
        movements=[drawn], rate=rate, day_count=day_count, start=drawn_on, end=end
    )
    return CashAdvanceCost(
        fee_fen=fee.of(amount_fen, rounding=rounding), interest_fen=divide(numerator, denominator, rounding)
    )


def _check_share(share_ppm: int) -> None:
    if not 0 <= share_ppm <= PPM:
        raise RevolvingTermsImpossible("A share is between 0 and 100 %.", share_ppm=share_ppm)
