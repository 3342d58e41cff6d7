"""Attempts that the published system refuses: ours must refuse the same events, and nothing changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from mingqu.domain.loan import Disbursed, Event, OverpaymentReturned, Reversed, record
from mingqu.domain.loan.event import ChargedOff, FeeCharged
from mingqu.domain.refusal import Refusal
from tests.conformance import fineract
from tests.conformance.fineract_agreements import paused, re_aged, re_amortized, rescheduled
from tests.conformance.fineract_payments import undone_transaction
from tests.conformance.fineract_story import Story
from tests.conformance.outcome import NotApplicableError, differ

Step = dict[str, Any]
# Nobody's id: what is to be undone is not there.
NOWHERE: Final = UUID(int=2**128 - 1)


def expect_refused(story: Story, step: Step) -> None:
    """Try what the step describes.

    Errors: DifferenceError if it is done, NotApplicableError if it means nothing to a loan engine.
    """
    for pattern, make in ATTEMPTS:
        found = pattern.search(step["attempt"])
        if found is not None:
            event = make(story, step, found)
            break
    else:
        raise NotApplicableError(f"an attempt in other words: {step['attempt']}")
    before = story.view()
    try:
        record(
            terms=story.terms,
            events=before.events,
            state=before.state,
            event=event,
            business_date=story.business_date,
        )
    except Refusal:
        return
    differ(what="attempt", expected=f"refused: {step['attempt']}", actual="done")


def _day(text: str) -> date:
    return datetime.strptime(text, "%d %B %Y").date()  # noqa: DTZ007 - a date as it is printed, without a time


def _disburse(story: Story, step: Step, found: re.Match[str]) -> Event:
    amount = fineract.money(found["amount"])
    number = len(story.disbursements) + 1
    return Disbursed(event_id=story.next_id(), value_date=_day(found["day"]), amount_fen=amount.fen, tranche=number)


def _give_back(story: Story, step: Step, found: re.Match[str]) -> Event:
    amount = fineract.money(found["amount"])
    return OverpaymentReturned(event_id=story.next_id(), value_date=_day(found["day"]), amount_fen=amount.fen)


def _charge_off(story: Story, step: Step, found: re.Match[str]) -> Event:
    return ChargedOff(event_id=story.next_id(), value_date=_day(found["day"]))


def _undo_nothing(story: Story, step: Step, found: re.Match[str]) -> Event:
    return Reversed(event_id=story.next_id(), value_date=story.business_date, target=NOWHERE)


def _undo(story: Story, step: Step, found: re.Match[str]) -> Event:
    target = undone_transaction(story, {"nth": found["nth"], "date": str(_day(found["day"]))})
    return Reversed(event_id=story.next_id(), value_date=story.business_date, target=target.event_id)


def _charge(story: Story, step: Step, found: re.Match[str]) -> Event:
    row = step["rows"][0]
    rule = story.definitions[row["Charge type"]].rule(row["amount"])
    due = date.fromisoformat(row["dueDate"])
    return FeeCharged(event_id=story.next_id(), value_date=story.business_date, rule=rule, due=due)


def _pause(story: Story, step: Step, found: re.Match[str]) -> Event:
    return paused(story, _day(found["start"]), _day(found["end"]))


def _reschedule(story: Story, step: Step, found: re.Match[str]) -> Event:
    return rescheduled(story, step["rows"][0])


def _re_age(story: Story, step: Step, found: re.Match[str]) -> Event:
    return re_aged(story, step["rows"][0])


def _re_amortize(story: Story, step: Step, found: re.Match[str]) -> Event:
    return re_amortized(story, found["handling"])


ATTEMPTS: Final[tuple[tuple[re.Pattern[str], Callable[[Story, Step, re.Match[str]], Event]], ...]] = (
    (re.compile(r'fails to disburse the loan on "(?P<day>[^"]+)" with "(?P<amount>[\d.]+)"'), _disburse),
    (re.compile(r'Credit Balance Refund transaction on \w+ \w+ "(?P<day>[^"]+)" with (?P<amount>[\d.]+)'), _give_back),
    (re.compile(r'Charge-off transaction is not possible on "(?P<day>[^"]+)"'), _charge_off),
    (re.compile(r"Charge-off undo is not possible as the loan is not charged-off"), _undo_nothing),
    (re.compile(r'undo "(?P<nth>\d+)"th transaction made on "(?P<day>[^"]+)"'), _undo),
    (re.compile(r"Loan charge transaction with the following data"), _charge),
    (re.compile(r'interest pause period with start date "(?P<start>[^"]+)" and end date "(?P<end>[^"]+)"'), _pause),
    (re.compile(r"Loan reschedule with the following data"), _reschedule),
    (re.compile(r"Loan re-aging (?:transaction|preview)"), _re_age),
    (re.compile(r'creates (?:a Loan )?re-amortization (?:.*InterestHandling "(?P<handling>\w+)")?'), _re_amortize),
)
