"""The contact gate: whether somebody who owes may be written to or called now, and when at the earliest if not.

Pure over dated rules. Sources: GB/T 45251-2025 (2025-02-28): nobody is contacted between 22:00 and 08:00 unless they
agreed, at most three effective calls a debtor and day, nobody but the debtor; the banking association's guideline for
collecting personal consumer loans (2026-01-30): at most six dials a number and day. The numbers are rows of `rules/cn`.
A day is the day on the wall of the market.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from mingqu.domain.moment import business_date_of, start_of
from mingqu.domain.rule import Rule, RuleBook

HOURS_FROM: Final = "contact_hours_from_minute"
HOURS_TO: Final = "contact_hours_to_minute"
OTHERS_MAX: Final = "contact_others_max"
CALLS_MAX: Final = "collection_effective_calls_day_max"
DIALS_MAX: Final = "collection_dials_number_day_max"
# Counts begin anew each day, so the next day allows; only rows that forbid for good let a search go on, and no longer.
SEARCH_DAYS_MAX: Final = 31


class Medium(StrEnum):
    """How somebody is contacted. Words are stored: never changed, never used again."""

    MESSAGE = "message"
    CALL = "call"  # by a person or a robot: the standard counts both


class Denial(StrEnum):
    """Why a contact is not allowed. Words are stored: never changed, never used again."""

    QUIET_HOURS = "quiet_hours"
    NOT_THE_DEBTOR = "not_the_debtor"
    CALLS_OF_THE_DAY = "calls_of_the_day"
    DIALS_OF_THE_DAY = "dials_of_the_day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialed:
    """A call that was made to a debtor's number: when, and whether somebody was spoken with (`effective`).

    `number` tells numbers apart and may be a keyed hash.
    """

    at: datetime
    number: bytes
    effective: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A contact that is to be made. `night_agreed`: the person agreed to be contacted also in the quiet hours."""

    medium: Medium
    number: bytes
    to_debtor: bool
    night_agreed: bool
    lender_type: str
    product_kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """The contact may be made now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """The contact may not be made now: why, by which row, and the first moment that allows it.

    `next_at` is None when no moment within SEARCH_DAYS_MAX days does. It counts with the calls made so far.
    """

    reason: Denial
    rule: Rule
    next_at: datetime | None


Answer: TypeAlias = Allowed | Denied


def may_contact(*, now: datetime, contact: Contact, history: Sequence[Dialed], rules: RuleBook) -> Answer:
    """Return whether a contact may be made now. `history` is every call to the debtor of the last day or longer.

    Example: a message at 22:00 on 2026-08-15 is denied for `quiet_hours` until 08:00 on the 16th; a fourth call on a
    day with three conversations is denied for `calls_of_the_day` until 08:00 on the next. Errors: RuleMissing.
    """
    found = _denial(at=now, contact=contact, history=history, rules=rules)
    if found is None:
        return Allowed()
    reason, rule = found
    next_at = None if reason is Denial.NOT_THE_DEBTOR else _next(now, contact, history, rules)
    return Denied(reason=reason, rule=rule, next_at=next_at)


def _next(now: datetime, contact: Contact, history: Sequence[Dialed], rules: RuleBook) -> datetime | None:
    today = business_date_of(now)
    for days in range(SEARCH_DAYS_MAX + 1):
        day = today + timedelta(days=days)
        opens = _minute(day, HOURS_FROM, contact, rules)
        # The first moment of a day that may allow: where the night is agreed to, that is midnight.
        at = start_of(day) if contact.night_agreed else start_of(day) + timedelta(minutes=opens.value)
        if at > now and _denial(at=at, contact=contact, history=history, rules=rules) is None:
            return at
    return None


def _denial(
    *, at: datetime, contact: Contact, history: Sequence[Dialed], rules: RuleBook
) -> tuple[Denial, Rule] | None:
    """Return the first reason against a contact, that which no waiting heals before that which a morning does."""
    day = business_date_of(at)
    others = _stands(day, OTHERS_MAX, contact, rules)
    if not contact.to_debtor and others is not None and others.value == 0:
        return Denial.NOT_THE_DEBTOR, others
    if not contact.night_agreed:
        since = at - start_of(day)
        opens, closes = (_minute(day, rule_id, contact, rules) for rule_id in (HOURS_FROM, HOURS_TO))
        if since < timedelta(minutes=opens.value):
            return Denial.QUIET_HOURS, opens
        if since >= timedelta(minutes=closes.value):
            return Denial.QUIET_HOURS, closes
    if contact.medium is not Medium.CALL:
        return None
    made = [dialed for dialed in history if business_date_of(dialed.at) == day]
    calls = _stands(day, CALLS_MAX, contact, rules)
    if calls is not None and sum(dialed.effective for dialed in made) >= calls.value:
        return Denial.CALLS_OF_THE_DAY, calls
    dials = _stands(day, DIALS_MAX, contact, rules)
    if dials is not None and sum(dialed.number == contact.number for dialed in made) >= dials.value:
        return Denial.DIALS_OF_THE_DAY, dials
    return None


def _minute(day: date, rule_id: str, contact: Contact, rules: RuleBook) -> Rule:
    return rules.find(
        rule_id=rule_id, lender_type=contact.lender_type, product_kind=contact.product_kind, business_date=day
    )


def _stands(day: date, rule_id: str, contact: Contact, rules: RuleBook) -> Rule | None:
    return rules.stands(
        rule_id=rule_id, lender_type=contact.lender_type, product_kind=contact.product_kind, business_date=day
    )
