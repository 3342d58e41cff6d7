"""What is stored of a loan is the loan: terms, events and snapshots come back equal, and go on alike."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import date, timedelta
from typing import Any, get_args
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.calendar import Period, PeriodUnit
from mingqu.domain.loan import (
    Accelerated,
    ChargedBack,
    Disbursed,
    Event,
    FeeBasis,
    FeeCharged,
    FeeDue,
    FeeRule,
    Intent,
    InterestHandling,
    LoanState,
    LoanTerms,
    MigratedOtherwise,
    MigratedRow,
    Paused,
    RateChanged,
    ReAged,
    ReAmortized,
    Receipt,
    Repaid,
    bring_up,
    record,
)
from mingqu.domain.rate import Rate, RateUnit
from mingqu.domain.refusal import Refusal
from mingqu.store.loans.loan_event import EVENTS, columns_of, event_of, kind_of
from tests.models.loan_on_course_terms import terms_on_course

START = date(2026, 1, 15)
STATE, TERMS = msgspec.json.Decoder(LoanState), msgspec.json.Decoder(LoanTerms)

days = st.dates(date(2026, 1, 1), date(2030, 12, 31))
rates = st.builds(
    Rate,
    numerator=st.integers(0, 10**6),
    denominator=st.integers(10**7, 10**12),
    unit=st.sampled_from(RateUnit),
)
fees = st.one_of(
    st.builds(FeeRule, due=st.sampled_from(FeeDue), amount_fen=st.integers(0, 10**9), penalty=st.booleans()),
    st.builds(
        FeeRule,
        due=st.sampled_from(FeeDue),
        basis=st.sampled_from([basis for basis in FeeBasis if basis is not FeeBasis.FLAT]),
        share_ppm=st.integers(1, 10**6),
        min_fen=st.integers(0, 100),
        cap_fen=st.one_of(st.none(), st.integers(100, 10**9)),
    ),
)
migrated_rows = st.lists(
    st.builds(
        MigratedRow,
        start=days,
        due=days,
        **{field.name: st.integers(0, 2**40) for field in fields(MigratedRow) if field.name.endswith("_fen")},
    ),
    max_size=3,
).map(tuple)
# Values by the type that a field of an event is annotated with.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "UUID": st.uuids(),
    "UUID | None": st.one_of(st.none(), st.uuids()),
    "int": st.integers(1, 2**62),
    "bool": st.booleans(),
    "date": days,
    "date | None": st.one_of(st.none(), days),
    "Rate": rates,
    "FeeRule": fees,
    "Period": st.builds(Period, every=st.integers(1, 12), unit=st.sampled_from(PeriodUnit)),
    "Intent": st.sampled_from(Intent),
    "Receipt": st.sampled_from(Receipt),
    "InterestHandling": st.sampled_from(InterestHandling),
    "tuple[MigratedRow, ...]": migrated_rows,
    "MigratedOtherwise | None": st.one_of(
        st.none(),
        st.builds(
            MigratedOtherwise, rows=migrated_rows, overpayment_fen=st.integers(0, 2**40), suspended=st.booleans()
        ),
    ),
}
events = st.one_of(
    [st.builds(kind, **{field.name: VALUES[str(field.type)] for field in fields(kind)}) for kind in get_args(Event)]
)


def at_rest(event: Event) -> tuple[Any, ...]:
    """The row of an event as the database gives it back: its JSON read anew."""
    intent, target, detail = columns_of(event)
    amount_fen = getattr(event, "amount_fen", None)
    read = None if detail is None else json.loads(detail)
    return kind_of(event), event.event_id, event.value_date, amount_fen, intent, target, read


def test_every_kind_of_event_has_its_word() -> None:
    assert set(EVENTS.values()) == set(get_args(Event))


@given(event=events)
def test_an_event_that_was_stored_says_what_it_said(event: Event) -> None:
    assert event_of(*at_rest(event)) == event


# What may happen next, as (kind, number): the number is an amount, a count of days, or a share.
happenings = st.tuples(
    st.sampled_from(["pay", "favor", "refund", "draw", "fee", "rate", "pause", "spread", "re-age", "back", "end"]),
    st.integers(1, 60),
    st.integers(0, 25),
)


def an_event(kind: str, number: int, on: date, place: int, state: LoanState) -> Event:
    """The event of a kind on a day; `number` is its size."""
    known: dict[str, Any] = {"event_id": UUID(int=place + 2), "value_date": on}
    match kind:
        case "pay" | "favor" | "refund":
            receipt = {"pay": Receipt.REPAYMENT, "favor": Receipt.GOODWILL, "refund": Receipt.MERCHANT_REFUND}[kind]
            return Repaid(**known, amount_fen=number * 2_000, receipt=receipt)
        case "draw":
            return Disbursed(**known, amount_fen=number * 100, tranche=state.disbursements + 1)
        case "fee":
            rule = FeeRule(due=FeeDue.DATE, amount_fen=number * 10, penalty=number % 2 == 0)
            return FeeCharged(**known, rule=rule, due=on + timedelta(days=number))
        case "rate":
            return RateChanged(**known, since=on, rate=Rate.per_year(ppm=number * 5_000))
        case "pause":
            return Paused(**known, since=on, until=on + timedelta(days=number))
        case "spread":
            return ReAmortized(**known)
        case "re-age":
            return ReAged(
                **known,
                first_due=on + timedelta(days=number),
                period=Period(every=1, unit=PeriodUnit.MONTH),
                instalments=3,
            )
        case "back":
            target = state.paid[-1].event_id if state.paid else UUID(int=1)
            return ChargedBack(**known, amount_fen=number * 100, target=target)
    return Accelerated(**known)


@given(terms=terms_on_course(), story=st.lists(happenings, max_size=8))
def test_a_loan_that_was_stored_and_read_at_every_step_is_the_loan_that_was_kept_in_mind(
    terms: LoanTerms, story: list[tuple[str, int, int]]
) -> None:
    read_terms = TERMS.decode(msgspec.json.encode(terms))
    assert read_terms == terms
    first = Disbursed(event_id=UUID(int=1), value_date=START, amount_fen=terms.principal_fen * 3 // 4)
    kept, on = LoanState(), START
    history: tuple[Event, ...] = ()
    stored = msgspec.json.encode(kept)
    for place, (kind, number, wait) in enumerate([("first", 0, 0), *story]):
        on += timedelta(days=wait)
        event = first if kind == "first" else an_event(kind, number, on, place, kept)
        try:
            outcome = record(terms=terms, events=history, state=kept, event=event, business_date=on)
        except Refusal:
            outcome = bring_up(terms=terms, state=kept, business_date=on)
            again = bring_up(terms=read_terms, state=STATE.decode(stored), business_date=on)
        else:
            read = tuple(event_of(*at_rest(one)) for one in history)
            again = record(
                terms=read_terms,
                events=read,
                state=STATE.decode(stored),
                event=event_of(*at_rest(event)),
                business_date=on,
            )
            history = (*history, event)
        assert again == outcome
        kept, stored = outcome.state, msgspec.json.encode(again.state)
        assert STATE.decode(stored) == kept
