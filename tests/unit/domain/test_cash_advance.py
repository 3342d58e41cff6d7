"""Cash out of a card: wishes within the rules of their day, and referrals that only ever go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.cash_advance import (
    FINAL,
    CashAdvanceAboveDay,
    CashAdvanceAboveInstalments,
    CashAdvanceTermsMalformed,
    CashAdvanceTooLong,
    Referral,
    ReferralState,
    Repayment,
    Wish,
    check_wish,
    counts_today,
    follows,
)
from mingqu.domain.refusal import Refusal
from mingqu.domain.rule import RuleMissing
from tests.world import the_pack

TODAY = date(2026, 8, 15)
NOW = datetime(2026, 8, 15, 2, tzinfo=UTC)
RULES = the_pack().rules
REFERRAL = Referral(
    referral_id=UUID(int=1), person_id=UUID(int=2), bank="qinghe", entry_version=1, entry_hash="00" * 32,
    instrument_id=UUID(int=3), wish=Wish(amount_fen=500_000, repayment=Repayment.SINGLE, months=1),
    consent_id=UUID(int=4), guidance_hash="00" * 32, state=ReferralState.REFERRED, made_on=TODAY, made_at=NOW,
    heard_at=NOW,
)  # fmt: skip


def wish(amount_fen: int, months: int = 1) -> Wish:
    return Wish(
        amount_fen=amount_fen, repayment=Repayment.SINGLE if months == 1 else Repayment.INSTALMENTS, months=months
    )


@pytest.mark.parametrize(
    ("asked", "used_fen", "refusal"),
    [
        (wish(1_000_000), 0, None),
        (wish(1_000_100), 0, CashAdvanceAboveDay),
        (wish(400_000), 600_000, None),
        (wish(400_100), 600_000, CashAdvanceAboveDay),
        (wish(100), 2_000_000, CashAdvanceAboveDay),
        (wish(5_000_000, 24), 1_000_000, None),
        (wish(5_000_100, 24), 0, CashAdvanceAboveInstalments),
        (wish(5_000_000, 25), 0, CashAdvanceTooLong),
        (wish(0), 0, CashAdvanceTermsMalformed),
        (wish(100_050), 0, CashAdvanceTermsMalformed),
        (Wish(amount_fen=100_000, repayment=Repayment.SINGLE, months=3), 0, CashAdvanceTermsMalformed),
        (Wish(amount_fen=100_000, repayment=Repayment.INSTALMENTS, months=1), 0, CashAdvanceTermsMalformed),
    ],
)
def test_a_wish_is_within_the_rules_or_refused_by_name(
    asked: Wish, used_fen: int, refusal: type[Refusal] | None
) -> None:
    if refusal is None:
        check_wish(wish=asked, used_today_fen=used_fen, rules=RULES, business_date=TODAY)
        return
    with pytest.raises(refusal):
        check_wish(wish=asked, used_today_fen=used_fen, rules=RULES, business_date=TODAY)


def test_before_the_rule_of_2022_there_is_no_cash_by_instalments() -> None:
    with pytest.raises(RuleMissing):
        check_wish(wish=wish(100_000, 12), used_today_fen=0, rules=RULES, business_date=date(2022, 7, 6))


def test_what_was_refused_or_lapsed_uses_nothing_and_what_was_paid_uses_what_was_paid() -> None:
    asked = [
        (REFERRAL, 500_000),
        (replace(REFERRAL, state=ReferralState.PAID, amount_paid_fen=300_000), 300_000),
        (replace(REFERRAL, state=ReferralState.REFUSED, refusal_code="limit_exceeded"), 0),
        (replace(REFERRAL, state=ReferralState.LAPSED), 0),
        (replace(REFERRAL, made_on=date(2026, 8, 14)), 0),
        (replace(REFERRAL, wish=wish(500_000, 12)), 0),
    ]
    assert [counts_today(one, on=TODAY) for one, _ in asked] == [fen for _, fen in asked]


@given(words=st.lists(st.sampled_from(ReferralState), max_size=8))
def test_a_referral_never_goes_back_and_an_end_is_an_end(words: list[ReferralState]) -> None:
    order = list(ReferralState)
    state, ended = ReferralState.REFERRED, None
    for word in words:
        if follows(before=state, after=word):
            assert order.index(word) > order.index(state)
            state = word
        if state in FINAL:
            ended = ended or state
        assert ended in (None, state)


def test_words_of_one_course_end_alike_in_whichever_order_they_come() -> None:
    for end in (ReferralState.PAID, ReferralState.REFUSED):
        for words in permutations((ReferralState.VISITED, ReferralState.APPLIED, end)):
            state = ReferralState.REFERRED
            for word in words:
                state = word if follows(before=state, after=word) else state
            assert state is end
