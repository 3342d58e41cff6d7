"""The merge that reconciles, against worlds whose breaks were planted and against a matcher without any order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.reconciliation import (
    LINES_PER_NUMBER_MAX,
    Agreed,
    Break,
    BreakEvent,
    BreakKind,
    BreakState,
    BreakStill,
    Line,
    Moved,
    NumberRepeated,
    Tally,
    compare,
    in_order,
    next_state,
)

DAY = date(2026, 8, 15)
ODDS = (*BreakKind, None, None, None)


def line(number: int, *, fen: int = 500, moved: Moved = Moved.IN, on: date = DAY) -> Line:
    return Line(order_number=f"{number:032x}", moved=moved, amount_fen=fen, currency="CNY", on=on, fee_fen=fen // 100)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Line], list[Line], Counter[tuple[str, BreakKind]]]:
    """Return both sides in any order, and the breaks of DAY that were planted."""
    ours: list[Line] = []
    theirs: list[Line] = []
    planted: Counter[tuple[str, BreakKind]] = Counter()
    for number in range(draw(st.integers(0, 12))):
        of = line(
            number,
            fen=draw(st.integers(1, 10**9)),
            moved=draw(st.sampled_from(Moved)),
            on=DAY + timedelta(days=draw(st.integers(-1, 1))),
        )
        odd = draw(st.sampled_from(ODDS))
        told = of.on == DAY
        match odd:
            case BreakKind.LONG:
                theirs.append(of)
            case BreakKind.SHORT:
                ours.append(of)
            case BreakKind.AMOUNT:
                ours.append(of)
                theirs.append(replace(of, amount_fen=of.amount_fen + draw(st.integers(1, 9))))
            case BreakKind.CURRENCY:
                ours.append(of)
                theirs.append(replace(of, currency="HKD"))
            case BreakKind.SHIFTED:
                step = draw(st.sampled_from((-1, 1)))
                ours.append(of)
                theirs.append(replace(of, on=of.on + timedelta(days=step)))
                told = of.on + timedelta(days=step) == DAY
            case BreakKind.DUPLICATE:
                ours.append(of)
                theirs += [of, of]
            case BreakKind.FOREIGN:
                of = replace(of, order_number=f"T{number}")
                theirs.append(of)
            case None:
                ours.append(of)
                theirs.append(of)
        if odd is not None and told:
            planted[of.order_number, odd] += 1
    return draw(st.permutations(ours)), draw(st.permutations(theirs)), planted


@given(world=worlds())
def test_just_the_planted_breaks_are_found(
    world: tuple[list[Line], list[Line], Counter[tuple[str, BreakKind]]],
) -> None:
    ours, theirs, planted = world
    found = list(compare(ours=sorted(ours, key=in_order), theirs=sorted(theirs, key=in_order), on=DAY))
    breaks = Counter((one.line.order_number, one.kind) for one in found if isinstance(one, Break))
    assert breaks == planted
    assert len({(one.line.order_number, one.kind, one.ordinal) for one in found if isinstance(one, Break)}) == (
        breaks.total()
    )


def naive(ours: list[Line], theirs: list[Line], on: date) -> Counter[tuple[str, str]]:
    """Tell what becomes of each line of a day by crossing out, every line against every other, in no order."""
    left, right, told = list(ours), list(theirs), Counter[tuple[str, str]]()
    named = {one.order_number for one in ours}
    rules = (
        ("agreed", lambda a, b: (a.amount_fen, a.moved, a.currency, a.on) == (b.amount_fen, b.moved, b.currency, b.on)),
        ("shifted", lambda a, b: (a.amount_fen, a.moved, a.currency) == (b.amount_fen, b.moved, b.currency)),
        ("amount", lambda a, b: (a.moved, a.currency) == (b.moved, b.currency)),
        ("currency", lambda a, b: a.moved == b.moved),
    )
    for word, fits in rules:
        for other in sorted(right, key=in_order):
            for one in sorted(left, key=in_order):
                near = abs((one.on - other.on).days) <= 1
                if one.order_number == other.order_number and fits(one, other) and near:
                    left.remove(one)
                    right.remove(other)
                    told[other.order_number, word] += other.on == on
                    break
    for other in sorted(right, key=in_order):
        stranger = "foreign" if other.order_number.startswith("T") else "long"
        told[other.order_number, "duplicate" if other.order_number in named else stranger] += other.on == on
        named.add(other.order_number)
    for one in left:
        told[one.order_number, "short"] += one.on == on
    return +told


lines = st.lists(
    st.builds(
        Line,
        order_number=st.sampled_from([f"{number:032x}" for number in range(3)] + ["T1"]),
        moved=st.sampled_from(Moved),
        amount_fen=st.integers(1, 3),
        currency=st.sampled_from(("CNY", "HKD")),
        on=st.sampled_from([DAY + timedelta(days=days) for days in (-1, 0, 1)]),
    ),
    max_size=9,
)


@given(ours=lines, theirs=lines)
def test_the_merge_says_what_crossing_out_says(ours: list[Line], theirs: list[Line]) -> None:
    ours, theirs = sorted(ours, key=in_order), sorted(theirs, key=in_order)
    found = Counter(
        (one.theirs.order_number, "agreed") if isinstance(one, Agreed) else (one.line.order_number, one.kind.value)
        for one in compare(ours=ours, theirs=theirs, on=DAY)
    )
    assert found == naive(ours, theirs, DAY)


@given(ours=lines, theirs=lines)
def test_every_line_of_the_day_is_told_once(ours: list[Line], theirs: list[Line]) -> None:
    found = list(compare(ours=sorted(ours, key=in_order), theirs=sorted(theirs, key=in_order), on=DAY))
    told = Counter(one.theirs for one in found if one.theirs is not None)
    assert told == Counter(one for one in theirs if one.on == DAY)
    tally = Tally()
    for each in found:
        tally.add(each)
    assert tally.agreed + sum(tally.breaks.values()) == len(found)
    assert tally.agreed_in_fen + tally.agreed_out_fen == sum(
        one.theirs.amount_fen for one in found if isinstance(one, Agreed)
    )


def test_a_number_that_fills_a_bill_is_refused() -> None:
    with pytest.raises(NumberRepeated):
        list(compare(ours=[], theirs=[line(1)] * (LINES_PER_NUMBER_MAX + 1), on=DAY))


def test_a_break_that_people_closed_stays_closed_and_one_that_vanished_opens_again() -> None:
    closed, found = BreakState.CLOSED, BreakEvent.FOUND
    assert next_state(state=closed, event=found) is closed
    assert next_state(state=closed, event=found, mended=True) is BreakState.OPEN
    with pytest.raises(BreakStill):
        next_state(state=closed, event=BreakEvent.EXPLAINED)
