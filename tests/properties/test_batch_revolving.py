"""Mornings of revolving accounts in columns are, to the byte, those of the scalar reference, and few are left to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.batch.morning import FEN_MAX
from mingqu.domain.batch.revolving import RevolvingOutcome, issue, judge
from mingqu.domain.batch.revolving_columns import (
    HEAD,
    RevolvingColumns,
    bills_of,
    read_columns,
    sized_bytes,
)
from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.money import Rounding
from mingqu.domain.revolving import Charge, UnpaidBill
from mingqu.domain.spend import SpendEvent, SpendKind, SpendOutcome, SpendState, SpendTerms, advance, next_morning
from mingqu.domain.spend.packed import number_of, packed, packed_bill
from tests.golden.spend_scenarios import terms_of
from tests.properties.test_spend import TERMS, histories, told
from tests.soak import examples

DAY: Final = timedelta(days=1)
PLAIN: Final = terms_of(unpaid=UnpaidBill.UNPAID_PART)
BOUGHT: Final = SpendEvent(event_id=UUID(int=1), kind=SpendKind.PURCHASED, on=date(2026, 1, 4), amount_fen=60_000)
IN_INSTALMENTS: Final = SpendEvent(
    event_id=UUID(int=2), kind=SpendKind.CONVERTED, on=date(2026, 1, 5), amount_fen=30_000, target=UUID(int=1), count=3
)


def columns_of(states: Sequence[SpendState]) -> RevolvingColumns:
    """Return states as a statement sends them: heads, sizes, and everything behind the heads as one string."""
    rows = [packed(state) for state in states]
    heads = np.frombuffer(b"".join(row[: HEAD.itemsize] for row in rows), dtype=HEAD)
    sizes = np.array([len(row) - HEAD.itemsize for row in rows], dtype=np.int64)
    return read_columns(heads=heads, sizes=sizes, tails=b"".join(row[HEAD.itemsize :] for row in rows))


def morning_of(terms: SpendTerms, states: Sequence[SpendState], *, to: date) -> RevolvingOutcome:
    """Return what columns make of states with one next morning: the day that judges their bill, or the next bill."""
    accounts, first = columns_of(states), states[0]
    if first.due_open and first.bill is not None:
        return judge(accounts=accounts, terms=terms, on=first.bill.due, to=to)
    return issue(accounts=accounts, terms=terms, on=first.next_bill_on, to=to)


def require_same(made: RevolvingOutcome, outcomes: Sequence[SpendOutcome]) -> None:
    """Everything that is not left to the reference is what the reference makes."""
    written, at = sized_bytes(made.accounts), 0
    bills = bills_of(made.accounts)
    for place, outcome in enumerate(outcomes):
        size = int.from_bytes(written[at : at + 4], "big")
        packed_here, at = written[at + 4 : at + 4 + size], at + 4 + size
        if made.scalar[place]:
            assert not made.issued[place]
            continue
        assert packed_here == packed(outcome.state)
        assert [bills[place].tobytes()] * bool(made.issued[place]) == [packed_bill(bill) for bill in outcome.statements]
        assert made.next_morning[place] == number_of(next_morning(outcome.state))
        posted = {posting.debit: posting.amount_fen for posting in outcome.postings}
        assert sum(1 for _ in outcome.postings) == len(posted)
        here = {
            Code.SPEND_INTEREST_DUE: int(made.interest_fen[place]),
            Code.SPEND_PENALTY_DUE: int(made.penalty_fen[place]),
        }
        assert {code: fen for code, fen in here.items() if fen} == posted
        assert not outcome.released_fen
    assert at == len(written)


def with_rules(terms: SpendTerms, rounding: Rounding, late_fee: Charge | None, whole_up_to_fen: int) -> SpendTerms:
    minimum = replace(terms.minimum, rounding=rounding, whole_up_to_fen=whole_up_to_fen)
    return replace(terms, rounding=rounding, late_fee=late_fee, minimum=minimum)


RULED = st.builds(
    with_rules,
    TERMS,
    st.sampled_from(Rounding),
    st.sampled_from([None, None, Charge(share_ppm=50_000, least_fen=100)]),
    st.sampled_from([0, 10_000]),
)


@given(terms=RULED, events=histories(), late=st.integers(0, 40))
@settings(max_examples=examples(150))
def test_a_morning_in_columns_is_that_of_the_reference(terms: SpendTerms, events: list[SpendEvent], late: int) -> None:
    by_morning: dict[tuple[bool, date], list[SpendState]] = {}
    for outcome in told(terms, events)[0]:
        state = outcome.state
        for _ in range(3):  # each morning that follows, and mornings on which nobody worked
            by_morning.setdefault((state.due_open, next_morning(state)), []).append(state)
            state = advance(terms=terms, state=state, to=next_morning(state)).state
    for (_, morning), states in by_morning.items():
        for to in (morning, morning + late * DAY):
            outcomes = [advance(terms=terms, state=state, to=to) for state in states]
            require_same(morning_of(terms, states, to=to), outcomes)


@given(events=st.lists(histories(kinds=(SpendKind.PURCHASED, SpendKind.DRAWN)), min_size=1, max_size=4))
@settings(max_examples=examples(30))
def test_whoever_only_buys_never_needs_the_reference(events: list[list[SpendEvent]]) -> None:
    """Bought and never paid: billed, late, billed again with interest and penalty."""
    for history in events:
        state = told(PLAIN, history, days=0)[0][-1].state
        for _ in range(4):
            to = next_morning(state)
            assert not morning_of(PLAIN, [state], to=to).scalar.any()
            state = advance(terms=PLAIN, state=state, to=to).state


def test_amounts_that_would_not_fit_are_left_to_the_reference() -> None:
    state = told(PLAIN, [BOUGHT])[0][0].state
    whole = replace(state, lots=(replace(state.lots[0], principal_fen=FEN_MAX),))
    above = replace(state, lots=(replace(state.lots[0], principal_fen=FEN_MAX + 1),))
    many = replace(state, lots=tuple(replace(state.lots[0], lot_id=UUID(int=at)) for at in range(257)))
    long_ago = replace(state, lots=(replace(state.lots[0], since=date(2022, 1, 1)),))
    states = [state, whole, above, many, long_ago]
    made = morning_of(PLAIN, states, to=next_morning(state))
    assert made.scalar.tolist() == [False, False, True, True, True]
    require_same(made, [advance(terms=PLAIN, state=one, to=next_morning(state)) for one in states])


def test_states_that_hardly_occur_are_those_of_the_reference() -> None:
    """Money of one's own beside a purchase, a bill that is asked whole to the fen, and one of nothing but dues."""
    bought = told(PLAIN, [BOUGHT])[0][0].state
    billed = advance(terms=PLAIN, state=bought, to=next_morning(bought)).state
    whole = replace(PLAIN, minimum=replace(PLAIN.minimum, whole_up_to_fen=BOUGHT.amount_fen))
    for terms, state in (
        (PLAIN, replace(bought, credit_fen=5)),
        (whole, bought),
        (PLAIN, replace(billed, asked_fen=0)),
    ):
        to = next_morning(state)
        require_same(morning_of(terms, [state], to=to), [advance(terms=terms, state=state, to=to)])


def test_some_of_many_are_read_and_packed_as_they_were() -> None:
    states = [one.state for one in told(PLAIN, [BOUGHT, IN_INSTALMENTS], days=0)[0]]
    assert [len(state.plans) for state in states] == [0, 1, 1]
    accounts = columns_of(states)
    chosen = accounts.only(np.array([2, 0]))
    written = b"".join(len(row).to_bytes(4, "big") + row for row in (packed(states[2]), packed(states[0])))
    assert sized_bytes(chosen) == written
    assert sized_bytes(accounts.only(np.array([], dtype=np.int64))) == b""
