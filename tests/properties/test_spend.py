"""A revolving account, whatever happens to it: its books agree, and an account told day by day owes the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mingqu.domain.ledger import WAYS, Reason
from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.money import Rounding, divide
from mingqu.domain.refusal import Refusal
from mingqu.domain.revolving import UnpaidBill
from mingqu.domain.spend import (
    CreditExceeded,
    SpendEvent,
    SpendKind,
    SpendOutcome,
    SpendState,
    SpendTerms,
    advance,
    fold,
    next_morning,
    open_account,
    require_returnable,
    step,
    take_draw_back,
    tell,
    undoing,
)
from mingqu.domain.spend.packed import packed, unpacked
from mingqu.simulation.plain_story import plain_story
from tests.golden.spend_scenarios import terms_of
from tests.soak import examples

OPENED = date(2026, 1, 3)
LIMIT_FEN = 2_000_000
DAY = timedelta(days=1)
AGAIN = (SpendKind.NOT_SENT_BACK, SpendKind.CAME_BACK)  # of what was sent back: it is credit again
AWAY = (SpendKind.SENT_BACK, *AGAIN)
BACK = (SpendKind.REVERSED, SpendKind.REVERSED_INTEREST, SpendKind.REVERSED_FEE, SpendKind.REVERSED_PENALTY)
SPENDING = (SpendKind.PURCHASED, SpendKind.DRAWN)
OWED = (Code.SPEND_PRINCIPAL, Code.SPEND_INTEREST_DUE, Code.SPEND_FEE_DUE, Code.SPEND_PENALTY_DUE)
WHOLE_BILL = 1  # of a repayment: whatever is left of the bill, to the fen


# Of a draw that came back only a whole story tells: `test_a_draw_that_came_back_was_never_owed`.
STEPS = tuple(kind for kind in SpendKind if kind is not SpendKind.DRAW_RETURNED)


@st.composite
def histories(draw: st.DrawFn, kinds: tuple[SpendKind, ...] = STEPS) -> list[SpendEvent]:
    """Events of some months, in order; a refund or conversion names an earlier purchase, if there is one, and what is
    taken back an earlier repayment, or an earlier return of credit."""
    day, events, purchases, paid, sent = OPENED, [], [], [], []
    for number in range(1, draw(st.integers(1, 14)) + 1):
        day += timedelta(days=draw(st.integers(0, 18)))
        kind = draw(st.sampled_from(kinds))
        amount_fen = draw(st.just(WHOLE_BILL) | st.integers(2, 3_000) | st.integers(10_000, 600_000))
        target = draw(st.sampled_from([None, *purchases])) if purchases else None
        if kind in BACK:
            target = draw(st.sampled_from(paid)) if paid else None
        if kind in AGAIN:
            target = draw(st.sampled_from(sent)) if sent else None
        if (kind is SpendKind.REFUNDED or kind in (*BACK, *AGAIN)) and target is None:
            continue
        events.append(
            SpendEvent(
                event_id=UUID(int=number),
                kind=kind,
                on=day,
                amount_fen=amount_fen,
                target=target if kind in (SpendKind.REFUNDED, SpendKind.CONVERTED, *BACK, *AGAIN) else None,
                count=draw(st.sampled_from([3, 6, 9, 12])) if kind is SpendKind.CONVERTED else None,
            )
        )
        if kind is SpendKind.PURCHASED:
            purchases.append(events[-1].event_id)
        if kind is SpendKind.REPAID:
            paid.append(events[-1].event_id)
        if kind is SpendKind.SENT_BACK:
            sent.append(events[-1].event_id)
    return events


TERMS = st.builds(
    terms_of,
    unpaid=st.sampled_from(UnpaidBill),
    free_period=st.booleans(),
    rate_ppm=st.sampled_from([0, 400, 500, 750]),
)


def told(terms: SpendTerms, events: list[SpendEvent], *, days: int = 75) -> tuple[list[SpendOutcome], list[SpendEvent]]:
    """Return each outcome of a history and what of it was not refused."""
    state = open_account(terms=terms, on=OPENED, limit_fen=LIMIT_FEN)
    outcomes, taken = [], []
    away: dict[UUID, int] = {}  # what was sent back and has not come back
    for drawn in events:
        event = drawn
        if event.kind in AGAIN:
            if event.target not in away:
                continue
            event = replace(event, amount_fen=away.pop(event.target))
        if event.kind is SpendKind.SENT_BACK and event.amount_fen == WHOLE_BILL:
            most_fen = advance(terms=terms, state=state, to=event.on).state.returnable_fen
            event = replace(event, amount_fen=most_fen or WHOLE_BILL)
        if event.kind is SpendKind.REPAID and event.amount_fen == WHOLE_BILL:
            left_fen = advance(terms=terms, state=state, to=event.on).state.bill_left_fen
            event = replace(event, amount_fen=left_fen or WHOLE_BILL)
        try:
            if event.kind is SpendKind.SENT_BACK:
                now = advance(terms=terms, state=state, to=event.on).state
                require_returnable(now, amount_fen=event.amount_fen)
            outcomes.append(step(terms=terms, state=state, event=event))
        except Refusal:
            continue
        taken.append(event)
        if event.kind is SpendKind.SENT_BACK:
            away[event.event_id] = event.amount_fen
        state = outcomes[-1].state
    outcomes.append(advance(terms=terms, state=state, to=state.day + timedelta(days=days)))
    return outcomes, taken


def require_sound(state: SpendState, balance: Counter[Code], used_fen: int) -> None:
    assert state.used_fen == used_fen == balance[Code.SPEND_PRINCIPAL]
    assert (state.interest_fen, state.fee_fen, state.penalty_fen) == (
        balance[Code.SPEND_INTEREST_DUE],
        balance[Code.SPEND_FEE_DUE],
        balance[Code.SPEND_PENALTY_DUE],
    )
    waiting_fen = sum(lot.refunded_fen for lot in state.lots)
    assert state.credit_fen + waiting_fen == -balance[Code.SPEND_CREDIT]
    assert min(state.credit_fen, state.asked_fen, state.overdue_fen, state.lacking_fen) >= 0
    assert all(0 <= lot.refunded_fen <= lot.principal_fen for lot in state.lots)
    assert state.overdue_fen + state.asked_fen <= sum(lot.principal_fen for lot in state.lots)
    assert (state.lacking_fen > 0) == (state.overdue_since is not None)
    assert next_morning(state) > state.day
    assert unpacked(packed(state)) == state


def refunded_while_overdue() -> list[SpendEvent]:
    """Most of a bill became instalments, what it asked at least was not paid, and then what was bought came back: of
    the next bill nothing is owed but an instalment that is not late."""

    def event(number: int, kind: SpendKind, after: int, fen: int, **more: Any) -> SpendEvent:
        return SpendEvent(event_id=UUID(int=number), kind=kind, on=OPENED + DAY * after, amount_fen=fen, **more)

    return [
        event(1, SpendKind.PURCHASED, 46, 554_290),
        event(2, SpendKind.CONVERTED, 71, 472_717, count=3),
        event(3, SpendKind.REFUNDED, 87, 200_000, target=UUID(int=1)),
    ]


@example(terms=terms_of(free_period=False), events=refunded_while_overdue())
@example(terms=terms_of(), events=refunded_while_overdue())
@given(terms=TERMS, events=histories())
@settings(max_examples=examples(150))
def test_the_books_of_an_account_agree_with_it_after_every_event(terms: SpendTerms, events: list[SpendEvent]) -> None:
    balance: Counter[Code] = Counter()
    used_fen = 0
    for outcome in told(terms, events)[0]:
        for posting in outcome.postings:
            assert posting.amount_fen > 0
            assert (posting.debit, posting.credit, posting.reason) in WAYS
            balance[posting.debit] += posting.amount_fen
            balance[posting.credit] -= posting.amount_fen
        used_fen += outcome.drawn_fen - outcome.released_fen
        require_sound(outcome.state, balance, used_fen)


@given(terms=TERMS, events=histories(), data=st.data())
@settings(max_examples=examples(100))
def test_looking_in_between_changes_nothing(terms: SpendTerms, events: list[SpendEvent], data: st.DataObject) -> None:
    outcomes, taken = told(terms, events)
    state = open_account(terms=terms, on=OPENED, limit_fen=LIMIT_FEN)
    for event in taken:
        for day in sorted(data.draw(st.lists(st.integers(0, (event.on - state.day).days), max_size=3))):
            state = advance(terms=terms, state=state, to=max(state.day, event.on - timedelta(days=day))).state
        state = step(terms=terms, state=state, event=event).state
    end = outcomes[-1].state.day
    assert advance(terms=terms, state=state, to=end).state == outcomes[-1].state
    assert fold(terms=terms, opened_on=OPENED, limit_fen=LIMIT_FEN, events=taken, to=end) == outcomes[-1].state


@given(terms=TERMS, events=histories())
@settings(max_examples=examples(100))
def test_a_bill_adds_up_and_asks_no_more_than_is_owed(terms: SpendTerms, events: list[SpendEvent]) -> None:
    for outcome in told(terms, events)[0]:
        for bill in outcome.statements:
            in_full = (
                bill.interest_fen
                + bill.fee_fen
                + bill.penalty_fen
                + bill.instalment_fen
                + bill.overdue_fen
                + bill.over_limit_fen
            )
            assert bill.total_fen == bill.principal_fen + in_full
            assert in_full <= bill.minimum_fen <= bill.total_fen
            assert min(bill.principal_fen, bill.instalment_fen, bill.overdue_fen, bill.over_limit_fen) >= 0


@dataclass
class _Item:
    """A purchase in the independent model: what is left of it at the end of each day."""

    begun: date
    left: int
    back: int = 0
    billed: bool = False
    bears_from: date | None = None
    ends: dict[date, int] = field(default_factory=dict)


def _end_day(terms: SpendTerms, items: list[_Item], day: date, *, due: date, whole: bool) -> None:
    """Write down what each purchase bears that day, and on a due day from when the bill's bear."""
    for item in items:
        item.ends[day] = item.left - item.back
        if day == due and item.billed and item.bears_from is None:
            if not whole:
                item.bears_from = item.begun if terms.unpaid_bill is UnpaidBill.ALL_OF_IT else due
            elif not item.left:
                item.bears_from = date.max


def _modelled(terms: SpendTerms, events: list[SpendEvent], end: date) -> list[tuple[date, int, int]]:
    """Tell purchases, repayments and refunds day by day; return (bill day, interest, total) of each bill.

    Independent of the code: it walks days, keeps a list of daily balances for each purchase and adds them up.
    """
    items: dict[UUID, _Item] = {}
    bills, asked, paid, due, interest_due, credit = [], 0, 0, date.max, 0, 0
    last_bill, day = OPENED, OPENED
    rate = Fraction(terms.rate.numerator, terms.rate.denominator)
    while day <= end:
        for event in (one for one in events if one.on == day):
            if event.kind is SpendKind.PURCHASED:
                used = min(credit, event.amount_fen)
                credit -= used
                items[event.event_id] = _Item(day, event.amount_fen - used)
                if not terms.free_period:
                    items[event.event_id].bears_from = day
            elif event.kind is SpendKind.REPAID:
                paid += event.amount_fen
                rest = event.amount_fen - min(event.amount_fen, interest_due)
                interest_due -= event.amount_fen - rest
                for item in sorted(items.values(), key=lambda one: not one.billed):
                    part = min(rest, item.left)
                    item.left, rest = item.left - part, rest - part
                    credit += max(0, item.back - item.left)
                    item.back = min(item.back, item.left)
                credit += rest
            elif event.kind is SpendKind.SENT_BACK:
                credit -= event.amount_fen
                assert credit >= sum(item.left - item.back for item in items.values()) + interest_due
            elif event.kind in AGAIN:
                credit += event.amount_fen
            elif event.kind is SpendKind.REFUNDED:
                item = items[event.target]  # type: ignore[index]
                part = min(event.amount_fen, item.left - item.back)
                if item.billed:
                    item.back += part
                else:
                    item.left -= part
                credit += event.amount_fen - part
        _end_day(terms, list(items.values()), day, due=due, whole=paid >= asked)
        if day.day == terms.bill_day and day > OPENED:
            borne = Fraction(0)
            for item in items.values():
                if item.bears_from is not None:
                    counted = [d for d in item.ends if d < day and d >= item.bears_from]
                    borne += sum(item.ends.pop(d) for d in counted) * rate
            charged = divide(borne.numerator, borne.denominator, Rounding.HALF_UP)
            interest_due += charged
            for item in sorted(items.values(), key=lambda one: not one.billed):
                item.left, item.back = item.left - item.back, 0
                part = min(credit, item.left)
                item.left, credit = item.left - part, credit - part
                item.billed = True
                item.ends[day] = item.left
            asked, paid = sum(item.left for item in items.values()) + interest_due, 0
            if asked:
                bills.append((day, charged, asked))
                due = next(d for d in (day + timedelta(days=n) for n in range(1, 40)) if d.day == terms.due_day)
            last_bill = day
        day += DAY
    assert last_bill <= end
    return bills


MODELLED = (SpendKind.PURCHASED, SpendKind.REPAID, SpendKind.REFUNDED, SpendKind.SENT_BACK, *AGAIN)


@given(terms=TERMS, events=histories(kinds=MODELLED))
@settings(max_examples=examples(150))
def test_bills_are_what_an_account_told_day_by_day_gives(terms: SpendTerms, events: list[SpendEvent]) -> None:
    terms = replace(
        terms, penalty_multiple_ppm=1_000_000
    )  # what is overdue bears the rate itself: the model has no more
    outcomes, taken = told(terms, events)
    issued = [bill for outcome in outcomes for bill in outcome.statements]
    wanted = _modelled(terms, taken, outcomes[-1].state.day - DAY)
    assert [(bill.billed_on, bill.total_fen) for bill in issued] == [(day, total) for day, _, total in wanted]


def refunded_and_owing() -> list[SpendEvent]:
    """A refund of what was paid, beside a purchase that is not: more is asked back than what is left of the two."""

    def event(number: int, kind: SpendKind, amount_fen: int, target: int | None = None) -> SpendEvent:
        on, of = OPENED + number * DAY, None if target is None else UUID(int=target)
        return SpendEvent(event_id=UUID(int=number), kind=kind, on=on, amount_fen=amount_fen, target=of)

    return [
        event(1, SpendKind.PURCHASED, 100_000),
        event(3, SpendKind.REPAID, 100_000),
        event(4, SpendKind.PURCHASED, 30_000),
        event(5, SpendKind.REFUNDED, 100_000, 1),
        event(6, SpendKind.SENT_BACK, 70_001),
        event(7, SpendKind.SENT_BACK, 60_000),
        event(8, SpendKind.SENT_BACK, 10_000),
        event(9, SpendKind.CAME_BACK, 60_000, 7),
        event(10, SpendKind.PURCHASED, 60_000),
    ]


@given(terms=TERMS, events=histories(kinds=MODELLED))
@example(terms=terms_of(), events=refunded_and_owing())
@settings(max_examples=examples(100))
def test_what_is_the_owners_is_spent_or_returned_and_never_both(terms: SpendTerms, events: list[SpendEvent]) -> None:
    """Told from the money alone: every fen that came beyond the debt is used, is away, or is there; and nobody has
    money sent to them that the account is owed."""
    outcomes, taken = told(terms, events)
    came = spent = away = 0
    for outcome, event in zip(outcomes, [*taken, None], strict=True):
        for line in outcome.postings:
            came += line.amount_fen if line.credit is Code.SPEND_CREDIT and event and event.kind not in AGAIN else 0
            spent += line.amount_fen if line.reason is Reason.SPEND_CREDIT_USED else 0
        away += event.amount_fen if event and event.kind is SpendKind.SENT_BACK else 0
        away -= event.amount_fen if event and event.kind in AGAIN else 0
        state = outcome.state
        assert came == spent + away + state.credit_fen + sum(lot.refunded_fen for lot in state.lots)
        if event and event.kind is SpendKind.SENT_BACK:
            assert state.whole_fen <= sum(lot.refunded_fen for lot in state.lots), "somebody who owes had money sent"


def test_what_was_sent_and_is_not_the_owners_as_it_is_told_again_is_owed() -> None:
    terms, on = terms_of(), OPENED + DAY
    paid = SpendEvent(event_id=UUID(int=1), kind=SpendKind.REPAID, on=OPENED, amount_fen=300)
    had = step(terms=terms, state=open_account(terms=terms, on=OPENED, limit_fen=LIMIT_FEN), event=paid).state
    sent = SpendEvent(event_id=UUID(int=2), kind=SpendKind.SENT_BACK, on=on, amount_fen=1_000)
    outcome = step(terms=terms, state=had, event=sent)
    assert (outcome.state.credit_fen, outcome.state.used_fen, outcome.released_fen) == (0, 700, -700)
    assert [(one.debit, one.credit, one.amount_fen) for one in outcome.postings] == [
        (Code.SPEND_CREDIT, Code.SPEND_RETURNING, 300), (Code.SPEND_PRINCIPAL, Code.SPEND_RETURNING, 700),
    ]  # fmt: skip
    with pytest.raises(CreditExceeded):
        require_returnable(had, amount_fen=301)


@pytest.mark.parametrize("paid_fen", [0, 3_000])
def test_nobody_stays_late_with_what_came_back(paid_fen: int) -> None:
    terms = terms_of(rate_ppm=0)
    events = [
        SpendEvent(event_id=UUID(int=1), kind=SpendKind.PURCHASED, on=date(2026, 1, 8), amount_fen=50_000),
        SpendEvent(
            event_id=UUID(int=2), kind=SpendKind.REFUNDED, on=date(2026, 3, 4), amount_fen=50_000, target=UUID(int=1)
        ),
    ]
    if paid_fen:
        events.append(SpendEvent(event_id=UUID(int=3), kind=SpendKind.REPAID, on=date(2026, 3, 4), amount_fen=paid_fen))
    till, after = (
        fold(terms=terms, opened_on=OPENED, limit_fen=LIMIT_FEN, events=events, to=day)
        for day in (date(2026, 3, 5), date(2026, 3, 6))
    )
    assert till.lacking_fen == 5_000 - paid_fen, "the refund waits for the next bill"
    assert (after.whole_fen, after.lacking_fen, after.overdue_since) == (-paid_fen, 0, None)
    assert after.lates == ((date(2026, 2, 25), date(2026, 3, 6)),)


def test_a_bill_paid_whole_bears_nothing_even_when_the_next_one_is_not() -> None:
    terms = terms_of(unpaid=UnpaidBill.ALL_OF_IT)
    bought = SpendEvent(event_id=UUID(int=1), kind=SpendKind.PURCHASED, on=date(2026, 1, 4), amount_fen=100_000)
    paid = SpendEvent(event_id=UUID(int=2), kind=SpendKind.REPAID, on=date(2026, 1, 25), amount_fen=100_000)
    again = replace(bought, event_id=UUID(int=3), on=date(2026, 1, 26))
    outcomes, _ = told(terms, [bought, paid, again])
    # From 26 January to 5 March 38 days of 0.05 %: 19.00 of 1,000.00; then 31 more, and nothing was paid.
    assert [bill.interest_fen for bill in outcomes[-1].statements] == [0, 1_900, 3_450]


@settings(max_examples=examples(8))
@given(terms=TERMS, events=histories(kinds=(SpendKind.PURCHASED, SpendKind.REPAID)))
def test_what_was_late_is_kept_with_its_days(terms: SpendTerms, events: list[SpendEvent]) -> None:
    outcomes, taken = told(terms, events)
    last = outcomes[-1].state
    for passed in range((last.day - OPENED).days):
        day = OPENED + passed * DAY
        up_to = [event for event in taken if event.on <= day]
        was = fold(terms=terms, opened_on=OPENED, limit_fen=LIMIT_FEN, events=up_to, to=day)
        kept = any(due < day < cured for due, cured in last.lates)
        open_since = last.overdue_since is not None and last.overdue_since <= day
        assert (was.overdue_days(day) > 0) == (kept or open_since), day


@st.composite
def drawn_back(draw: st.DrawFn, kinds: tuple[SpendKind, ...]) -> list[SpendEvent]:
    """A history in which one draw or two come back, each some days after it was paid."""
    events = draw(histories(kinds=kinds).filter(lambda told: any(one.kind is SpendKind.DRAWN for one in told)))
    for number in (901, 902):
        draws = [place for place, one in enumerate(events) if one.kind is SpendKind.DRAWN]
        gone = {one.target for one in events if one.kind is SpendKind.DRAW_RETURNED}
        left = [place for place in draws if events[place].event_id not in gone]
        if not left or (number == 902 and not draw(st.booleans())):
            break
        first = draw(st.sampled_from(left))
        place = draw(st.integers(first + 1, len(events)))
        earliest = events[place - 1].on
        latest = events[place].on if place < len(events) else earliest + 50 * DAY
        day = earliest + DAY * draw(st.integers(0, (latest - earliest).days))
        back = SpendEvent(
            event_id=UUID(int=number), kind=SpendKind.DRAW_RETURNED, on=day,
            amount_fen=events[first].amount_fen, target=events[first].event_id,
        )  # fmt: skip
        events.insert(place, back)
    return events


def told_whole(terms: SpendTerms, events: list[SpendEvent]) -> tuple[list[SpendEvent], list[SpendOutcome]]:
    """Tell a history of draws that come back and of payments that bounce whole, each once; return what of it was not
    refused, and each outcome."""
    state, taken, outcomes = open_account(terms=terms, on=OPENED, limit_fen=LIMIT_FEN), [], []
    for one_of in events:
        drawn = one_of
        if drawn.kind in AGAIN:
            sent = {one.event_id: one.amount_fen for one in taken if one.kind is SpendKind.SENT_BACK}
            ended = {one.target for one in taken if one.kind in AGAIN}
            if drawn.target not in sent or drawn.target in ended:
                continue
            drawn = replace(drawn, amount_fen=sent[drawn.target])
        outcomes.append(advance(terms=terms, state=state, to=drawn.on))
        state = outcomes[-1].state
        for event in bounced(terms, taken, drawn) if drawn.kind is SpendKind.REVERSED else [drawn]:
            if event.kind is SpendKind.DRAW_RETURNED:
                outcome = take_draw_back(terms=terms, opened_on=OPENED, limit_fen=LIMIT_FEN, events=taken, event=event)
            else:
                try:
                    if event.kind is SpendKind.SENT_BACK:
                        require_returnable(state, amount_fen=event.amount_fen)
                    outcome = step(terms=terms, state=state, event=event)
                except Refusal:
                    continue
            outcomes.append(outcome)
            taken.append(event)
            state = outcome.state
    outcomes.append(advance(terms=terms, state=state, to=state.day + timedelta(days=75)))
    return taken, outcomes


def bounced(terms: SpendTerms, taken: list[SpendEvent], drawn: SpendEvent) -> list[SpendEvent]:
    """Return what takes a repayment back whole; nothing where that was done."""
    if any(one.target == drawn.target for one in taken if one.kind in BACK):
        return []
    whole = next(one for one in taken if one.event_id == drawn.target)
    story = tell(terms=terms, opened_on=OPENED, limit_fen=LIMIT_FEN, events=taken, to=drawn.on)
    parts = undoing(story.paid[whole.event_id], amount_fen=whole.amount_fen)
    return [
        replace(drawn, event_id=UUID(int=drawn.event_id.int * 1_000 + place), kind=kind, amount_fen=fen)
        for place, (kind, fen) in enumerate(parts.items())
    ]


def days(*said: tuple[SpendKind, int, int]) -> list[SpendEvent]:
    """A history as (kind, days from the first, fen), of which the first comes back; the third is what bounces."""
    named = {SpendKind.DRAW_RETURNED: UUID(int=1), SpendKind.REVERSED: UUID(int=3)}
    return [
        SpendEvent(
            event_id=UUID(int=number), kind=kind, on=OPENED + DAY * after, amount_fen=fen, target=named.get(kind),
            count=3 if kind is SpendKind.CONVERTED else None,
        )
        for number, (kind, after, fen) in enumerate(said, start=1)
    ]  # fmt: skip


def late(state: SpendState) -> set[date]:
    """Every day on which an account was late, or is."""
    spells = [(due + DAY, cured) for due, cured in state.lates]
    if state.overdue_since is not None:
        spells.append((state.overdue_since, state.day + DAY))
    return {since + DAY * days for since, until in spells for days in range((until - since).days)}


# The second draw alone would be asked for whole, and what the bill of both asked was paid in time; more was cut into
# instalments than is left; a payment had paid interest, and bounces before its draw comes back, or after.
@example(terms=terms_of(), events=days(
    (SpendKind.DRAWN, 0, 50_000), (SpendKind.DRAWN, 1, 9_000), (SpendKind.REPAID, 10, 6_000),
    (SpendKind.DRAW_RETURNED, 30, 50_000),
))  # fmt: skip
@example(terms=terms_of(free_period=False), events=days(
    (SpendKind.DRAWN, 0, 50_000), (SpendKind.DRAWN, 1, 30_000), (SpendKind.CONVERTED, 10, 70_000),
    (SpendKind.DRAW_RETURNED, 40, 50_000),
))  # fmt: skip
@example(terms=terms_of(free_period=False), events=days(
    (SpendKind.DRAWN, 0, 50_000), (SpendKind.DRAWN, 40, 10_000), (SpendKind.REPAID, 41, 30_000),
    (SpendKind.REVERSED, 45, 1), (SpendKind.DRAW_RETURNED, 50, 50_000),
))  # fmt: skip
@example(terms=terms_of(free_period=False), events=days(
    (SpendKind.DRAWN, 0, 50_000), (SpendKind.DRAWN, 40, 10_000), (SpendKind.REPAID, 41, 30_000),
    (SpendKind.DRAW_RETURNED, 45, 50_000), (SpendKind.REVERSED, 50, 1),
))  # fmt: skip
# What was more than owed was sent back before the draw came back, and more of it after.
@example(terms=terms_of(), events=days(
    (SpendKind.DRAWN, 0, 50_000), (SpendKind.DRAWN, 1, 20_000), (SpendKind.REPAID, 10, 90_000),
    (SpendKind.SENT_BACK, 11, 15_000), (SpendKind.DRAW_RETURNED, 30, 50_000), (SpendKind.SENT_BACK, 31, 55_000),
))  # fmt: skip
@given(terms=TERMS, events=drawn_back(tuple(kind for kind in STEPS if kind not in (*BACK[1:], *AWAY))))
@settings(max_examples=examples(150))
def test_a_draw_that_came_back_was_never_owed(terms: SpendTerms, events: list[SpendEvent]) -> None:
    terms = replace(terms, unpaid_bill=UnpaidBill.UNPAID_PART, minimum=replace(terms.minimum, whole_up_to_fen=10_000))
    taken, outcomes = told_whole(terms, events)
    balance: Counter[Code] = Counter()
    used_fen = 0
    for outcome in outcomes:
        for posting in outcome.postings:
            assert (posting.debit, posting.credit, posting.reason) in WAYS
            balance[posting.debit] += posting.amount_fen
            balance[posting.credit] -= posting.amount_fen
            assert min(balance[code] for code in OWED) >= 0 >= balance[Code.SPEND_CREDIT], "an account ran dry"
        used_fen += outcome.drawn_fen - outcome.released_fen
        require_sound(outcome.state, balance, used_fen)
    state = outcomes[-1].state
    story = tell(terms=terms, opened_on=OPENED, limit_fen=LIMIT_FEN, events=taken, to=state.day)
    assert story.state == state
    plain = plain_story(terms=terms, opened_on=OPENED, limit_fen=LIMIT_FEN, events=taken, to=state.day)
    assert (state.interest_fen, state.fee_fen, state.penalty_fen, state.credit_fen) == (
        plain.due["interest"], plain.due["fee"], plain.due["penalty"], plain.credit_fen,
    )  # fmt: skip
    assert not plain.lost()
    dues = {
        "fee": SpendKind.REVERSED_FEE,
        "penalty": SpendKind.REVERSED_PENALTY,
        "interest": SpendKind.REVERSED_INTEREST,
    }
    for paid_by, paid in plain.paid_by.items():
        assert [paid[what] for what in dues] == [story.paid[paid_by][kind] for kind in dues.values()]
    assert (state.used_fen, state.lacking_fen, state.overdue_since) == (
        plain.used_fen, plain.lacking_fen, plain.late_since,
    )  # fmt: skip
    asked = [(bill.number, bill.total_fen, bill.minimum_fen) for bill in story.issued]
    assert asked == [(bill.number, bill.total_fen, bill.least_fen) for bill in plain.sent]
    assert [bill.number for bill in story.issued] == list(range(1, len(asked) + 1)), "no number is given twice"
    corrected = {bill.billed_on: (bill.number, bill.total_fen) for bill in story.bills.values()}
    assert corrected == {bill.billed_on: (bill.number, bill.total_fen) for bill in plain.bills}
    came_back = [place for place, one in enumerate(taken) if one.kind is SpendKind.DRAW_RETURNED]
    for place in came_back:
        was, now = (
            tell(terms=terms, opened_on=OPENED, limit_fen=LIMIT_FEN, events=taken[:upto], to=taken[place].on).state
            for upto in (place, place + 1)
        )
        assert (
            now.whole_fen + sum(plan.principal_fen for plan in now.plans)
            <= was.whole_fen + sum(plan.principal_fen for plan in was.plans) - 0
        ), "somebody owes more"
        assert late(now) <= late(was), "somebody is late who was not"
        assert now.lacking_fen <= was.lacking_fen
        assert now.used_fen <= was.used_fen
        for what in ("interest_fen", "fee_fen", "penalty_fen", "overdue_fen"):
            assert getattr(now, what) <= getattr(was, what), what
        assert now.credit_fen >= was.credit_fen
    lent_fen = balance[Code.LENDER_CASH]
    gone = {one.target for one in taken if one.kind is SpendKind.DRAW_RETURNED}
    spent = sum(one.amount_fen for one in taken if one.kind in SPENDING and one.event_id not in gone)
    assert lent_fen == sum(one.amount_fen for one in taken if one.kind is SpendKind.REFUNDED) - spent
