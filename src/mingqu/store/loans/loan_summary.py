"""The columns beside a loan's snapshot: what set-based checks and the close read of it without opening it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, LiteralString

import msgspec

from mingqu.domain.batch import standing
from mingqu.domain.batch.standing import PLAN_ROW_BYTES, kind_version, principal_in
from mingqu.domain.loan import LoanState, LoanTerms
from mingqu.store.server import column

# How each value of `summary` beside the snapshot is sent when many are.
PACKED: Final[tuple[Callable[[Sequence[Any]], column.Column], ...]] = (
    column.of_texts,
    *(column.of_dates_or_nulls,) * 3,
    *(column.of_bigints,) * 8,
    column.of_dates_or_nulls,
    *(column.of_bigints,) * 2,
    column.of_dates_or_nulls,
    *(column.of_bigints,) * 4,
    column.of_dates_or_nulls,
    *(column.of_bigints,) * 2,
    column.of_dates_or_nulls,
)
SUMMARY: Final[LiteralString] = """stage, as_of, next_event, overdue_since, principal_unbilled_fen,
    payable_principal_fen, payable_interest_fen, payable_penalty_fen, payable_fee_fen, overpayment_fen,
    interest_daily_micro, interest_base_micro, interest_on, penalty_daily_micro, penalty_base_micro, penalty_on"""
STANDING: Final[LiteralString] = """plain, passed, terms_kind, waiting_number, waiting_due, waiting_principal_fen,
    waiting_unpaid_fen, suspends_on"""
_OF_STANDING: Final = 8
_PASSED, _KIND = 1, 2  # the places of how much of the plan is passed, and of the number of the terms, among them
_PRINCIPAL: Final = 6  # the place of what is payable of the principal, counted from the plan
STATE, PLAN, BESIDE = 0, 1, 2  # places in `summary`: what is in the snapshot, and where the columns beside it begin
NEXT_EVENT: Final = 4
NEW: Final[LiteralString] = """u.stage, u.as_of, u.next_event, u.overdue_since, u.principal_unbilled_fen,
    u.payable_principal_fen, u.payable_interest_fen, u.payable_penalty_fen, u.payable_fee_fen, u.overpayment_fen,
    u.interest_daily_micro, u.interest_base_micro, u.interest_on, u.penalty_daily_micro, u.penalty_base_micro,
    u.penalty_on, u.plain <> 0, u.passed, u.terms_kind, u.waiting_number, u.waiting_due, u.waiting_principal_fen,
    u.waiting_unpaid_fen, u.suspends_on"""
# What writes loans, their snapshots and the days of their next events back, a column an array.
SAVE: Final[LiteralString] = f"""UPDATE loan SET ({SUMMARY}, {STANDING}) = ROW ({NEW})
    FROM unnest($2::uuid[], $3::text[], $4::date[], $5::date[], $6::date[], $7::bigint[], $8::bigint[], $9::bigint[],
                $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::date[], $16::bigint[],
                $17::bigint[], $18::date[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[], $23::date[],
                $24::bigint[], $25::bigint[], $26::date[])
         AS u (loan_id, {SUMMARY}, {STANDING})
    WHERE loan.cell = $1::smallint AND loan.loan_id = u.loan_id"""  # noqa: S608  Our own lists of columns.
SAVE_SNAPSHOT: Final[LiteralString] = """UPDATE loan_snapshot SET state = u.state::json, plan = u.plan
    FROM unnest($2::uuid[], $3::text[], $4::bytea[]) AS u (loan_id, state, plan)
    WHERE loan_snapshot.cell = $1::smallint AND loan_snapshot.loan_id = u.loan_id"""
NOTE: Final[LiteralString] = """INSERT INTO loan_diary
    SELECT $1::smallint, u.* FROM unnest($2::date[], $3::uuid[], $4::boolean[]) AS u
    ON CONFLICT (cell, on_date, loan_id) DO UPDATE SET plain = EXCLUDED.plain
    WHERE loan_diary.plain <> EXCLUDED.plain"""


def summary(*, terms: LoanTerms, state: LoanState) -> tuple[object, ...]:
    """Return the snapshot and the columns beside it, in order."""
    payable = state.payable
    oldest = next(state.unpaid_billed, None)
    overdue = oldest.due if oldest is not None and oldest.penalty_from is not None else None
    stands = standing(terms=terms, state=state)
    interest, penalty = stands.interest, stands.penalty
    return (
        msgspec.json.encode(state).decode(),
        stands.plan,
        state.stage.value,
        state.as_of,
        state.next_event(terms),
        overdue,
        state.principal_unbilled_fen,
        payable.principal_fen,
        payable.interest_fen,
        payable.penalty_fen,
        payable.fee_fen,
        state.overpayment_fen,
        interest.daily_micro if interest else 0,
        interest.base_micro if interest else 0,
        interest.on if interest else None,
        penalty.daily_micro if penalty else 0,
        penalty.base_micro if penalty else 0,
        penalty.on if penalty else None,
        int(stands.plan is not None),
        stands.passed,
        stands.kind,
        stands.waiting_number,
        stands.waiting_due,
        stands.waiting_principal_fen,
        stands.waiting_unpaid_fen,
        stands.suspends_on,
    )


def as_told(*, told: tuple[object, ...], stored: tuple[object, ...] | None) -> bool:
    """Whether columns are what the snapshot says; both begin with the plan.

    A row from before there were plans has none, and needs none. One from before plans said what is billed and not paid
    lacks some of it, which is seen from what is payable. The number of the terms is ours alone: one of another version
    says the same in another way, and no loan is wrong for it.
    """
    if stored is None:
        return False
    beside = len(told) - _OF_STANDING
    if told[1:beside] != stored[1:beside]:
        return False
    plan, plain = stored[0], stored[beside]
    if plan is None and not plain:
        return True
    (told_behind, told_ahead), (behind, ahead) = _parted(told), _parted(stored)
    if ahead != told_ahead or (behind != told_behind and principal_in(behind) == stored[_PRINCIPAL]):
        return False
    aside, kind = {0, beside + _PASSED}, beside + _KIND
    differing = [place for place, (one, other) in enumerate(zip(told, stored, strict=True)) if one != other]
    left = [place for place in differing if place not in aside]
    return not left or (left == [kind] and _version(told[kind]) != _version(stored[kind]))


def _parted(columns: tuple[object, ...]) -> tuple[bytes, bytes | None]:
    """Return the rows of a plan that are passed, and those that are not; None: there is no plan."""
    plan, passed = columns[0], columns[len(columns) - _OF_STANDING + _PASSED]
    assert isinstance(passed, int)
    if plan is None:
        return b"", None
    assert isinstance(plan, bytes)
    return plan[: PLAN_ROW_BYTES * passed], plan[PLAN_ROW_BYTES * passed :]


def _version(kind: object) -> int:
    """Return the version of a number of terms as a column has it."""
    assert isinstance(kind, int)
    return kind_version(kind)
