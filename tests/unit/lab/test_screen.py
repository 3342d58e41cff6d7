"""A column is judged by what it holds; only what is protected is judged by its name."""

from __future__ import annotations

import numpy as np
import pytest

from mingqu.lab.screen import ColumnLeaks, protected, reason_to_leave_out
from mingqu.lab.table import Numbers, Words

DICE = np.random.default_rng(7)
BAD = DICE.random(2_000) < 0.2


def numbers(values: object, *, scale_digits: int = 0) -> Numbers:
    return Numbers(values=np.asarray(values, dtype=np.float64), scale_digits=scale_digits, reading="plain")


@pytest.mark.parametrize(
    "name", ["SEX", "personal_status_and_sex", "customerAge", "婚姻状况", "MaritalStatus", "DOB", "年龄"]
)
def test_a_protected_name_is_known(name: str) -> None:
    assert protected(name=name)


@pytest.mark.parametrize(
    "name", ["mortgage", "average_balance", "account_age", "vehicle age", "Essex", "stage", "credit_age"]
)
def test_a_name_that_only_contains_such_a_word_is_not_protected(name: str) -> None:
    assert not protected(name=name)


def test_an_identifier_is_known_by_its_values_and_a_code_called_id_is_not_one() -> None:
    rows = len(BAD)
    counted = numbers(np.arange(rows) + 10)
    shuffled = numbers(DICE.permutation(rows) * 7 + 100_000)
    assert "order of the rows" in reason_to_leave_out(name="whatever", column=counted, bad=BAD)
    assert "no order with the target" in reason_to_leave_out(name="reference", column=shuffled, bad=BAD)
    few = numbers(np.where(BAD, DICE.integers(0, 9, rows), DICE.integers(0, 5, rows)))
    assert reason_to_leave_out(name="purpose_id", column=few, bad=BAD) == ""


def test_an_amount_that_differs_in_every_row_and_says_something_comes_in() -> None:
    amount = numbers(DICE.permutation(len(BAD)) + BAD * 900.0)
    assert reason_to_leave_out(name="amount_fen", column=amount, bad=BAD) == ""


def test_a_column_that_alone_tells_good_from_bad_is_refused_and_one_half_of_it_left_out() -> None:
    with pytest.raises(ColumnLeaks) as refusal:
        reason_to_leave_out(name="recovered", column=numbers(BAD * 5.0 + (DICE.random(len(BAD)) < 0.001)), bad=BAD)
    assert "recovered" in refusal.value.message
    written_after = numbers(np.where(BAD & (DICE.random(len(BAD)) < 0.7), 9.0, 0.0))
    assert "leaks" in reason_to_leave_out(name="collected", column=written_after, bad=BAD)
    absent = Words(codes=np.where(BAD, -1, 0), levels=("paid",))
    with pytest.raises(ColumnLeaks):
        reason_to_leave_out(name="paid_on", column=absent, bad=BAD)
