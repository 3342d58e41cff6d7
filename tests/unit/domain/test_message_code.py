"""A code of a message is one of 31⁸, follows from its digest alone, and is read however somebody types it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.message_code import (
    ALPHABET,
    LENGTH,
    MessageAbout,
    MessageCodeMalformed,
    about_of,
    read_code,
    written,
)


@given(st.binary(min_size=16, max_size=32))
def test_a_code_is_read_as_it_was_written_whatever_the_hand(digest: bytes) -> None:
    code = written(digest).reveal()
    assert len(code) == LENGTH + 1
    for typed in (code, code.lower(), code.replace("-", ""), f" {code[:4]} {code[5:]} "):
        assert read_code(typed).reveal() == code


def test_no_sign_is_favored_in_any_place() -> None:
    codes = [written(bytes([n % 256, n // 256, *range(14)])).reveal().replace("-", "") for n in range(31 * 256)]
    assert len(set(codes)) == len(codes)
    for place in range(LENGTH):
        counts = Counter(code[place] for code in codes)
        assert set(counts) == set(ALPHABET)
        assert max(counts.values()) < 2 * len(codes) / len(ALPHABET)


@pytest.mark.parametrize("typed", ["", "7KQ4", "7KQ4-M2XA-9", "7KQ4-M2X0", "7KQ4-M2X1", "七KQ4-M2XA", "7KQ4-M2XI"])
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(MessageCodeMalformed):
        read_code(typed)


def test_a_template_says_what_a_message_is_about() -> None:
    assert about_of("loan.due") is MessageAbout.REPAYMENT
    assert about_of("payment.received") is MessageAbout.REPAYMENT
    assert about_of("loan.disbursed") is MessageAbout.PAYOUT
    assert about_of("code.sign_contract") is MessageAbout.SIGNING
    assert about_of("something.new") is MessageAbout.ACCOUNT
