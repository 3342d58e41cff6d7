"""Operations that change what was agreed, or end it: rates, pauses, due dates, new spreads, losses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

from mingqu.domain.calendar import Period
from mingqu.domain.loan import Event
from mingqu.domain.loan.event import (
    ChargedOff,
    InterestHandling,
    Paused,
    RateChanged,
    ReAged,
    ReAmortized,
    Rescheduled,
    WrittenOff,
)
from tests.conformance import fineract
from tests.conformance.fineract import day
from tests.conformance.fineract_story import Story
from tests.conformance.outcome import NotApplicableError

Step = dict[str, Any]
RE_AGE_INTEREST: Final = {
    "DEFAULT": InterestHandling.ANEW,
    "EQUAL_AMORTIZATION_PAYABLE_INTEREST": InterestHandling.SPLIT_PAYABLE,
    "EQUAL_AMORTIZATION_FULL_INTEREST": InterestHandling.SPLIT_ALL,
}
RE_AMORTIZE_INTEREST: Final = {
    "DEFAULT": InterestHandling.ANEW,
    "EQUAL_AMORTIZATION_INTEREST_SPLIT": InterestHandling.SPLIT_PAYABLE,
}


def charge_off(story: Story, step: Step) -> None:
    story.events.append(ChargedOff(event_id=story.next_id(), value_date=day(step["date"])))


def write_off(story: Story, step: Step) -> None:
    story.events.append(WrittenOff(event_id=story.next_id(), value_date=day(step["date"])))


def re_aged(story: Story, row: dict[str, Any]) -> Event:
    """Return the event of a row that describes a re-ageing; one that begins in the past counts from there."""
    first_due = day(row["startDate"])
    return ReAged(
        event_id=story.next_id(),
        value_date=min(first_due, story.business_date),
        first_due=first_due,
        period=Period(every=int(row["frequencyNumber"]), unit=fineract.period_unit(row["frequencyType"])),
        instalments=int(row["numberOfInstallments"]),
        interest=RE_AGE_INTEREST[row.get("reAgeInterestHandling") or "DEFAULT"],
    )


def re_amortized(story: Story, handling: str | None) -> Event:
    """Return the event of a re-amortization."""
    interest = RE_AMORTIZE_INTEREST.get(handling or "DEFAULT")
    if interest is None:
        raise NotApplicableError(f"re-amortization with {handling}")
    return ReAmortized(event_id=story.next_id(), value_date=story.business_date, interest=interest)


def re_age(story: Story, step: Step) -> None:
    story.events.append(re_aged(story, step["table"][0]))


def re_age_preview(story: Story, step: Step) -> None:
    story.trial = re_aged(story, step["table"][0])


def re_amortize(story: Story, step: Step) -> None:
    story.events.append(re_amortized(story, step.get("interest_handling")))


def re_amortize_preview(story: Story, step: Step) -> None:
    story.trial = re_amortized(story, step["table"][0].get("reAmortizationInterestHandling"))


def rescheduled(story: Story, row: dict[str, Any]) -> Event:
    """Return the event of a row that describes a rescheduling; a new rate counts from the evening before its day."""
    since, event_id = day(row["rescheduleFromDate"]), story.next_id()
    on = min(day(row["submittedOnDate"]), story.business_date)
    if row.get("newInterestRate"):
        frequency = story.requested.get("interest_rate_frequency") or story.product["interestRateFrequencyType"]
        rate = fineract.rate(row["newInterestRate"], frequency=frequency)
        first = since - timedelta(days=1)
        return RateChanged(event_id=event_id, value_date=min(on, first), since=first, rate=rate)
    if row.get("adjustedDueDate"):
        return Rescheduled(event_id=event_id, value_date=on, due=since, due_to=day(row["adjustedDueDate"]))
    if row.get("extraTerms"):
        return Rescheduled(event_id=event_id, value_date=on, due=since, added=int(row["extraTerms"]))
    principal, interest = (int(row.get(name) or 0) for name in ("graceOnPrincipal", "graceOnInterest"))
    if principal or interest:
        return Rescheduled(
            event_id=event_id, value_date=on, due=since, principal_grace=principal, interest_grace=interest
        )
    raise NotApplicableError("a rescheduling in other words")


def reschedule(story: Story, step: Step) -> None:
    for row in step["table"]:
        story.events.append(rescheduled(story, row))


def paused(story: Story, start: date, end: date) -> Event:
    """Return the event of a pause whose first and last day are given."""
    first = start - timedelta(days=1)
    on = min(first, story.business_date)
    return Paused(event_id=story.next_id(), value_date=on, since=first, until=end)


def pause(story: Story, step: Step) -> None:
    story.events.append(paused(story, day(step["start"]), day(step["end"])))


def update_pause(story: Story, step: Step) -> None:
    undo_last(Paused)(story, step)
    pause(story, step)


def undo_last(kind: type[Event]) -> Callable[[Story, Step], None]:
    def undo(story: Story, step: Step) -> None:
        story.undo(story.last(lambda event: isinstance(event, kind)))

    return undo
