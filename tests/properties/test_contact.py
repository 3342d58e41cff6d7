"""The contact gate against a clerk with a wall clock, who knows the numbers by heart and tries every minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.contact import Allowed, Contact, Denial, Denied, Dialed, Medium, may_contact
from mingqu.domain.rule import RuleBook
from mingqu.store.decisions.policy import load_pack

RULES: RuleBook = load_pack().rules
BEGIN = datetime(2026, 8, 14, 16, 0, tzinfo=UTC)  # midnight of the 15th on the wall of the market
MINUTE = timedelta(minutes=1)
DAY_MINUTES = 24 * 60
NUMBERS = (b"a", b"b")
TO_DEBTOR = Contact(
    medium=Medium.CALL,
    number=b"a",
    to_debtor=True,
    night_agreed=False,
    lender_type="microlender",
    product_kind="instalment",
)
Call = tuple[int, bytes, bool]


def clerk(minute: int, contact: Contact, calls: list[Call]) -> Denial | None:
    """Say what speaks against a contact in a minute since BEGIN, by the words of the standard and the guideline."""
    day, of_day = divmod(minute, DAY_MINUTES)
    if not contact.to_debtor:
        return Denial.NOT_THE_DEBTOR
    if not contact.night_agreed and not 8 * 60 <= of_day < 22 * 60:
        return Denial.QUIET_HOURS
    if contact.medium is Medium.MESSAGE:
        return None
    today = [call for call in calls if call[0] // DAY_MINUTES == day]
    if len([call for call in today if call[2]]) >= 3:
        return Denial.CALLS_OF_THE_DAY
    if len([call for call in today if call[1] == contact.number]) >= 6:
        return Denial.DIALS_OF_THE_DAY
    return None


def dialed(calls: list[Call]) -> list[Dialed]:
    return [Dialed(at=BEGIN + minute * MINUTE, number=number, effective=spoken) for minute, number, spoken in calls]


@given(
    now=st.one_of(
        st.integers(DAY_MINUTES, 2 * DAY_MINUTES - 1),
        st.sampled_from([DAY_MINUTES + 60 * hour + off for hour in (8, 22) for off in (-1, 0, 1)]),
    ),
    contact=st.builds(
        lambda **changes: replace(TO_DEBTOR, **changes),
        medium=st.sampled_from(Medium),
        number=st.sampled_from(NUMBERS),
        to_debtor=st.sampled_from([True, True, True, False]),
        night_agreed=st.booleans(),
        lender_type=st.sampled_from(["bank", "microlender", "any"]),
    ),
    before=st.lists(
        st.tuples(
            st.integers(DAY_MINUTES - 60, DAY_MINUTES + 600),
            st.sampled_from(NUMBERS),
            st.sampled_from([False] * 7 + [True]),
        ),
        max_size=16,
    ),
)
def test_the_gate_says_what_a_clerk_says_who_tries_every_minute(now: int, contact: Contact, before: list[Call]) -> None:
    calls = [(min(minute, now), number, spoken) for minute, number, spoken in before]
    at = BEGIN + now * MINUTE
    said = may_contact(now=at, contact=contact, history=dialed(calls), rules=RULES)
    expected = clerk(now, contact, calls)
    if expected is None:
        assert said == Allowed()
        return
    assert isinstance(said, Denied)
    assert said.reason is expected
    minutes = range(now + 1, now + 2 * DAY_MINUTES)
    first = next((minute for minute in minutes if clerk(minute, contact, calls) is None), None)
    assert said.next_at == (None if first is None else BEGIN + first * MINUTE)
    if said.next_at is not None:
        assert may_contact(now=said.next_at, contact=contact, history=dialed(calls), rules=RULES) == Allowed()


@pytest.mark.parametrize(
    ("changes", "hour", "calls", "reason", "document"),
    [
        ({}, 22, [], Denial.QUIET_HOURS, "GB/T 45251-2025"),
        ({"to_debtor": False}, 12, [], Denial.NOT_THE_DEBTOR, "GB/T 45251-2025"),
        ({}, 12, [(600, b"b", True)] * 3, Denial.CALLS_OF_THE_DAY, "GB/T 45251-2025"),
        ({}, 12, [(600, b"a", False)] * 6, Denial.DIALS_OF_THE_DAY, "金融机构个人消费类贷款催收工作指引(试行)"),
    ],
)
def test_a_denial_names_its_document(
    changes: dict[str, Any], hour: int, calls: list[Call], reason: Denial, document: str
) -> None:
    said = may_contact(
        now=BEGIN + timedelta(hours=hour), contact=replace(TO_DEBTOR, **changes), history=dialed(calls), rules=RULES
    )
    assert isinstance(said, Denied)
    assert (said.reason, said.rule.document) == (reason, document)


def test_each_number_has_its_own_dials() -> None:
    calls: list[Call] = [(600, b"a", False)] * 5 + [(600, b"b", False)] * 6
    said = may_contact(now=BEGIN + timedelta(hours=12), contact=TO_DEBTOR, history=dialed(calls), rules=RULES)
    assert said == Allowed()


def test_a_rule_counts_from_its_day_on() -> None:
    """Before the guideline of 2026-01-30 a seventh dial is allowed, before the standard of 2025-02-28 a fourth talk."""
    day = datetime(2026, 1, 29, 4, 0, tzinfo=UTC)
    seventh = [Dialed(at=day, number=b"a", effective=False)] * 6
    assert may_contact(now=day, contact=TO_DEBTOR, history=seventh, rules=RULES) == Allowed()
    day = datetime(2025, 2, 27, 4, 0, tzinfo=UTC)
    fourth = [Dialed(at=day, number=b"a", effective=True)] * 3
    assert may_contact(now=day, contact=TO_DEBTOR, history=fourth, rules=RULES) == Allowed()
    later = day + timedelta(days=1)
    said = may_contact(now=later, contact=TO_DEBTOR, history=[replace(one, at=later) for one in fourth], rules=RULES)
    assert isinstance(said, Denied)
