"""One-time codes: six digits, five minutes, a minute between two, five tries, ten a day, used once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mingqu.domain.one_time_code import (
    CodeExpired,
    CodeSendsExhausted,
    CodeTooSoon,
    CodeTriesExhausted,
    CodeUsed,
    CodeWrong,
    OneTimeCode,
    attempt,
    digits,
    issue,
)

AT = datetime(2026, 8, 15, 2, 0, tzinfo=UTC)
RIGHT, WRONG = b"r" * 32, b"w" * 32


def seconds(count: int) -> datetime:
    return AT + timedelta(seconds=count)


def sent() -> OneTimeCode:
    return issue(previous=None, code_hash=RIGHT, at=AT)


def test_digits_are_always_six() -> None:
    assert [digits(entropy=entropy).reveal() for entropy in (0, 42, 1_000_042, 999_999)] == [
        "000000",
        "000042",
        "000042",
        "999999",
    ]


def test_a_right_code_works_until_the_last_second_and_once() -> None:
    verdict = attempt(code=sent(), given_hash=RIGHT, at=seconds(299))
    assert verdict.refusal is None
    assert isinstance(attempt(code=verdict.code, given_hash=RIGHT, at=seconds(299)).refusal, CodeUsed)


def test_a_code_expires_after_five_minutes() -> None:
    assert isinstance(attempt(code=sent(), given_hash=RIGHT, at=seconds(300)).refusal, CodeExpired)


def test_a_code_takes_five_wrong_tries_and_counts_them_down() -> None:
    code, left = sent(), []
    for _ in range(5):
        verdict = attempt(code=code, given_hash=WRONG, at=seconds(1))
        assert isinstance(verdict.refusal, CodeWrong)
        left.append(verdict.refusal.details["tries_left"])
        code = verdict.code
    assert left == [4, 3, 2, 1, 0]
    assert isinstance(attempt(code=code, given_hash=RIGHT, at=seconds(1)).refusal, CodeTriesExhausted)


def test_another_code_waits_a_minute_and_voids_the_first() -> None:
    with pytest.raises(CodeTooSoon) as caught:
        issue(previous=sent(), code_hash=WRONG, at=seconds(59))
    assert caught.value.details == {"retry_after_seconds": 1}
    second = issue(previous=sent(), code_hash=WRONG, at=seconds(60))
    assert isinstance(attempt(code=second, given_hash=RIGHT, at=seconds(61)).refusal, CodeWrong)
    assert attempt(code=second, given_hash=WRONG, at=seconds(61)).refusal is None


def test_a_phone_gets_ten_codes_in_a_day() -> None:
    code = sent()
    for minute in range(1, 10):
        code = issue(previous=code, code_hash=RIGHT, at=seconds(60 * minute))
    with pytest.raises(CodeSendsExhausted) as caught:
        issue(previous=code, code_hash=RIGHT, at=seconds(600))
    assert caught.value.details == {"retry_after_seconds": 86_400 - 600}
    assert issue(previous=code, code_hash=RIGHT, at=seconds(86_400)).day_sends == 1
