"""Whoever guesses an operator's password many times at the same moment gets no more tries than one after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mingqu.domain.operator import TRIES_OF_NAME, SignInThrottled
from mingqu.domain.personal import Personal
from mingqu.services.access.keep_operator import add_operator, set_password_at_once
from mingqu.services.access.sign_in_operator import SignInFailed, sign_in_operator
from tests.world import OpenWorld

AT_ONCE = 16


def test_guesses_at_the_same_moment_are_throttled_like_guesses_in_a_row(world: OpenWorld) -> None:
    house = world.house
    add_operator(house, name="somebody", role="risk")
    set_password_at_once(house, name="somebody", password=Personal("a good long password of theirs"))

    def guess(number: int) -> type[Exception]:
        try:
            sign_in_operator(house, name="somebody", password=Personal(f"a wrong guess {number}"), address="192.0.2.1")
        except (SignInFailed, SignInThrottled) as refusal:
            return type(refusal)
        raise AssertionError("a wrong password opened the door")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        said = list(pool.map(guess, range(AT_ONCE)))
    assert said.count(SignInFailed) == TRIES_OF_NAME
    assert said.count(SignInThrottled) == AT_ONCE - TRIES_OF_NAME
