"""A loan whose mornings are only ever carried in columns stands as its snapshot does once that is brought up."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta
from uuid import UUID

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain import identifier
from mingqu.domain.batch import LineColumns, StandingColumns, line_columns, morning, standing
from mingqu.domain.batch.arrears import ArrearsColumns, running_penalty
from mingqu.domain.batch.columns import NO_DAY, Days
from mingqu.domain.batch.ids import dated_all, with_index
from mingqu.domain.batch.morning import FEN_MAX
from mingqu.domain.batch.standing import PLAN_ROW, after, for_the_reference
from mingqu.domain.calendar import Period, PeriodUnit
from mingqu.domain.loan import Disbursed, LoanState, Stage, bring_up, fold, interest_line, penalty_line, quote
from tests.properties.test_batch_morning import MORNINGS_MAX, START, Loan, a_book, following_mornings, loans
from tests.soak import examples


def columns_of(book: list[Loan]) -> StandingColumns:
    """Read loans into columns as the store does: what a snapshot says of itself, and the plan from its first row."""
    stands = [standing(terms=terms, state=state) for terms, state in book]
    plans = [np.frombuffer(each.plan or b"", dtype=PLAN_ROW) for each in stands]
    payables = [state.payable for _, state in book]
    return StandingColumns(
        passed=integers([each.passed for each in stands]),
        running=np.array([plan[each.passed] for plan, each in zip(plans, stands, strict=True)], dtype=PLAN_ROW),
        following=np.array([plan[each.passed + 1] for plan, each in zip(plans, stands, strict=True)], dtype=PLAN_ROW),
        principal_unbilled_fen=integers([state.principal_unbilled_fen for _, state in book]),
        payable_principal_fen=integers([payable.principal_fen for payable in payables]),
        payable_interest_fen=integers([payable.interest_fen for payable in payables]),
        overdue_since=days([overdue_since(state) for _, state in book]),
        waiting_number=integers([each.waiting_number for each in stands]),
        waiting_due=days([each.waiting_due for each in stands]),
        waiting_principal_fen=integers([each.waiting_principal_fen for each in stands]),
        waiting_unpaid_fen=integers([each.waiting_unpaid_fen for each in stands]),
        suspends_on=days([each.suspends_on for each in stands]),
        interest=line_columns(lines=[interest_line(state, terms) for terms, state in book]),
        penalty=line_columns(lines=[penalty_line(state, terms) for terms, state in book]),
    )


def integers(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


def days(values: list[date | None]) -> Days:
    return np.array([NO_DAY if value is None else value for value in values], dtype="datetime64[D]")


def overdue_since(state: LoanState) -> date | None:
    oldest = next(state.unpaid_billed, None)
    return oldest.due if oldest is not None and oldest.penalty_from is not None else None


def carried(book: list[Loan], columns: StandingColumns, on: date) -> tuple[StandingColumns, list[int]]:
    """Carry one morning of all the loans in columns, and say which are left to the reference."""
    terms = tuple(terms for terms, _ in book)
    made = morning(loans=columns.morning(terms=terms, template=np.arange(len(book))), on=on)
    suspends = np.array([each.suspends_income for each in terms], dtype=np.bool_)
    everybody = np.arange(len(book))
    done = after(before=columns, outcome=made, suspends_income=suspends, chosen=everybody)
    return done, np.flatnonzero(for_the_reference(before=columns, outcome=made)).tolist()


def with_rows_of_plan(columns: StandingColumns, plans: list[bytes]) -> StandingColumns:
    """Read the two rows of each plan at the place that the columns have reached, as the next chunk does."""
    rows = [
        np.frombuffer(plan, dtype=PLAN_ROW)[passed : passed + 2]
        for plan, passed in zip(plans, columns.passed.tolist(), strict=True)
    ]
    return replace(
        columns,
        running=np.array([row[0] for row in rows], dtype=PLAN_ROW),
        following=np.array([row[1] for row in rows], dtype=PLAN_ROW),
    )


def assert_alike(left: StandingColumns, right: StandingColumns) -> None:
    for item in fields(StandingColumns):
        one, other = getattr(left, item.name), getattr(right, item.name)
        if isinstance(one, LineColumns):
            for part in fields(LineColumns):
                assert getattr(one, part.name).tolist() == getattr(other, part.name).tolist(), (item.name, part.name)
        else:
            assert one.tolist() == other.tolist(), item.name


def carry_to_the_end(book: list[Loan]) -> int:
    """Carry a book's mornings in columns and by the reference, side by side; return how many loans had one."""
    carrying = [(terms, state) for terms, state in book if standing(terms=terms, state=state).plan is not None]
    if not carrying:
        return 0
    plans = [standing(terms=terms, state=state).plan or b"" for terms, state in carrying]
    columns, had = columns_of(carrying), 0
    for _ in range(MORNINGS_MAX):
        on = following_mornings(carrying)
        if on is None:
            break
        columns, left_out = carried(carrying, columns, on)
        # The reference is one jump from the last snapshot, not a step from morning to morning.
        reference = [bring_up(terms=terms, state=state, business_date=on).state for terms, state in carrying]
        kept = [place for place in range(len(carrying)) if place not in left_out]
        carrying = [(carrying[place][0], reference[place]) for place in kept]
        plans = [plans[place] for place in kept]
        if not carrying:
            break
        columns = with_rows_of_plan(chosen(columns, kept), plans)
        assert_alike(columns, columns_of(carrying))
        assert plans == [standing(terms=terms, state=state).plan for terms, state in carrying], "no row has changed"
        assert_penalties_are_those_quoted(carrying, columns, plans, on)
        had += len(carrying)
    return had


def arrears_of(plans: list[bytes], passed: list[int]) -> ArrearsColumns:
    """Return what is in the passed rows of plans, as the store reads it."""
    behind = [np.frombuffer(plan, dtype=PLAN_ROW)[:many] for plan, many in zip(plans, passed, strict=True)]
    rows = np.concatenate(behind) if behind else np.zeros(0, dtype=PLAN_ROW)
    return ArrearsColumns(
        loan=np.repeat(np.arange(len(plans)), passed),
        since=rows["due"].astype(np.int64),
        number=rows["number"].astype(np.int64),
        principal_fen=rows["principal_fen"].astype(np.int64),
    )


def assert_penalties_are_those_quoted(book: list[Loan], columns: StandingColumns, plans: list[bytes], on: date) -> None:
    """See that the penalty of each loan is to the fen what its quote adds to what is billed, on that day and later."""
    for later in (0, 1, 45):
        day = on + timedelta(days=later)
        running = running_penalty(
            arrears=arrears_of(plans, columns.passed.tolist()),
            terms=tuple(terms for terms, _ in book),
            template=np.arange(len(book)),
            payable_principal_fen=columns.payable_principal_fen,
            waiting_number=columns.waiting_number,
            on=day,
        )
        for place, (terms, state) in enumerate(book):
            if not running.known[place]:
                assert state.principal_outstanding_fen > FEN_MAX // 1_000, "only what may not fit is not known"
            elif (morning_on := state.next_event(terms)) is None or morning_on > day:
                owed = quote(terms=terms, state=state, on=day).due
                assert running.fen[place] == owed.penalty_fen - state.payable.penalty_fen


def chosen(columns: StandingColumns, places: list[int]) -> StandingColumns:
    """Return some of the loans."""
    at = np.array(places, dtype=np.int64)
    return StandingColumns(
        **{
            item.name: LineColumns(**{part.name: getattr(value, part.name)[at] for part in fields(LineColumns)})
            if isinstance(value := getattr(columns, item.name), LineColumns)
            else value[at]
            for item in fields(StandingColumns)
        }
    )


@settings(max_examples=examples(40), deadline=None)
@given(drawn=st.lists(loans(), min_size=1, max_size=6))
def test_mornings_carried_in_columns_are_those_of_the_snapshot(drawn: list[Loan]) -> None:
    carry_to_the_end([(terms, state) for terms, state in drawn if state.stage is Stage.ACTIVE])


def test_a_usual_book_is_carried_in_columns_through_its_whole_life() -> None:
    assert carry_to_the_end(a_book(9)) == 9 * 8, "four bills of each loan, and the morning after each"


def test_a_snapshot_brought_up_in_one_jump_is_that_of_all_its_mornings() -> None:
    for terms, state in a_book(4):
        step_by_step: LoanState = state
        while (on := step_by_step.next_event(terms)) is not None:
            step_by_step = bring_up(terms=terms, state=step_by_step, business_date=on).state
        assert step_by_step.as_of is not None
        assert bring_up(terms=terms, state=state, business_date=step_by_step.as_of).state == step_by_step


def test_a_loan_with_anything_unusual_in_a_later_instalment_has_no_plan() -> None:
    terms, state = a_book(2)[1]
    assert standing(terms=terms, state=state).plan is not None
    *earlier, last = state.instalments
    for odd in (replace(last, fee_fen=1), replace(last, interest_paid_fen=1), replace(last, start=last.due)):
        assert standing(terms=terms, state=replace(state, instalments=(*earlier, odd))).plan is None
    assert standing(terms=terms, state=replace(state, stage=Stage.SETTLED)).plan is None


@given(
    parents=st.lists(st.integers(0, 2**40), min_size=1, max_size=5),
    slot=st.integers(0, 1023),
    minute=st.integers(0, 1439),
    index=st.integers(1, 255),
)
def test_ids_made_together_are_those_made_one_by_one(parents: list[int], slot: int, minute: int, index: int) -> None:
    made = [identifier.fresh(milliseconds=number, slot=slot, entropy=number * 7919) for number in parents]
    packed = np.frombuffer(b"".join(each.bytes for each in made), dtype=np.uint8).reshape(len(made), 16)
    on = date(2026, 8, 15)
    together = dated_all(parents=packed, on=on, purpose="morning", minute=minute)
    alone = [identifier.dated(each, on=on, purpose="morning", minute=minute) for each in made]
    assert [UUID(bytes=row.tobytes()) for row in together] == alone
    numbered = with_index(parents=together, index=np.full(len(made), index))
    assert [UUID(bytes=row.tobytes()) for row in numbered] == [identifier.derived(each, index) for each in alone]


def test_a_loan_with_two_bills_waiting_goes_to_the_reference() -> None:
    terms = replace(a_book(1)[0][0], grace_days=30, period=Period(unit=PeriodUnit.WEEK))
    paid_out = Disbursed(event_id=UUID(int=1), value_date=START, amount_fen=terms.principal_fen)
    weekly, _ = fold(terms=terms, events=[paid_out], as_of=None)
    book: list[Loan] = [(terms, weekly)]
    columns = columns_of(book)
    first, second = (line.due for line in weekly.instalments[:2])
    columns, left_out = carried(book, columns, first)
    assert left_out == []
    plan = standing(terms=book[0][0], state=weekly).plan or b""
    assert carried(book, with_rows_of_plan(columns, [plan]), second)[1] == [0]
