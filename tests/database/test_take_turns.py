"""Turns by themselves, without a book: who comes meanwhile is served together, hears its own, and nobody is left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from mingqu.services import take_turns
from mingqu.services.take_turns import TURN_MAX, Not, Turns

SECONDS_MAX = 60


class Desk:
    """Does what is asked: says the number back. It can be held up, so that a crowd gathers before it."""

    def __init__(self) -> None:
        self.turns, self.open = Turns(), threading.Event()
        self.served: list[list[int]] = []
        self.busy = threading.Lock()

    def turn(self, asked: Sequence[int]) -> list[int | Not]:
        assert self.busy.acquire(blocking=False), "two turns of one key at the same moment"
        self.open.wait(SECONDS_MAX)
        self.served.append(list(asked))
        answers: list[int | Not] = [number if number >= 0 else Not.ALONE for number in asked]
        for at, number in enumerate(asked):
            if number in asked[:at]:
                answers[at] = Not.YET
        self.busy.release()
        return answers


def crowd(desk: Desk, numbers: Sequence[int]) -> list[int | None]:
    """Let one thread a number ask, the first before all others; open the desk when all of them have come."""
    heard: list[int | None] = [None] * len(numbers)

    def ask(at: int) -> None:
        heard[at] = desk.turns.take("desk", numbers[at], turn=desk.turn)

    threads = [threading.Thread(target=ask, args=(at,), daemon=True) for at in range(len(numbers))]
    for at, thread in enumerate(threads):
        thread.start()
        until_waiting(desk, at)
    desk.open.set()
    for thread in threads:
        thread.join(SECONDS_MAX)
        assert not thread.is_alive(), "somebody waits for ever"
    assert not desk.turns.waiting("desk")
    return heard


def until_waiting(desk: Desk, many: int) -> None:
    """Wait until one is at the desk and so many wait behind."""
    until(lambda: desk.busy.locked() and desk.turns.waiting("desk") >= many)


def until(so: Callable[[], bool]) -> None:
    tick = threading.Event()
    for _ in range(100 * SECONDS_MAX):
        if so():
            return
        tick.wait(0.01)
    raise AssertionError("they do not come")


def test_who_comes_while_a_turn_is_under_way_is_served_together_and_hears_its_own() -> None:
    desk = Desk()
    assert crowd(desk, range(10)) == list(range(10))
    assert desk.served == [[0], list(range(1, 10))]


def test_a_turn_has_its_limit() -> None:
    desk = Desk()
    assert crowd(desk, range(TURN_MAX + 5)) == list(range(TURN_MAX + 5))
    assert [len(turn) for turn in desk.served] == [1, TURN_MAX, 4]


def test_what_comes_twice_has_a_later_turn_before_those_who_came_after() -> None:
    desk = Desk()
    assert crowd(desk, [0, 7, 7, 8, 7]) == [0, 7, 7, 8, 7]
    assert desk.served == [[0], [7, 7, 8, 7], [7, 7], [7]]


def test_what_a_turn_leaves_to_its_caller_is_heard_as_nothing() -> None:
    desk = Desk()
    assert crowd(desk, [-1, 2, -3]) == [None, 2, None]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_of_a_turn_that_fails_everybody_does_it_alone(error: type[BaseException]) -> None:
    desk = Desk()
    failed: list[BaseException] = []

    class Failing(Desk):
        def turn(self, asked: Sequence[int]) -> list[int | Not]:
            answers = super().turn(asked)
            if len(asked) > 1:
                failed.append(error())
                raise failed[-1]
            return answers

    desk = Failing()
    if error is KeyboardInterrupt:
        threading.excepthook, hook = lambda said: None, threading.excepthook  # the thread that leads is ended by it
    try:
        assert crowd(desk, [0, 1, 2]) == [0, None, None]
    finally:
        if error is KeyboardInterrupt:
            threading.excepthook = hook
    assert len(failed) == 1
    assert desk.turns.take("desk", 5, turn=desk.turn) == 5


def test_who_is_alone_is_served_in_its_own_thread() -> None:
    served: list[int] = []

    def turn(asked: Sequence[int]) -> list[int]:
        served.append(threading.get_ident())
        return list(asked)

    assert Turns().take("desk", 1, turn=turn) == 1
    assert served == [threading.get_ident()]


def test_who_waited_behind_a_turn_waits_for_whom_it_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take_turns, "_BACK_SECONDS_MAX", SECONDS_MAX)  # whoever comes back is back before that
    desk = Desk()

    def ask_again() -> None:
        desk.turns.take("desk", 0, turn=desk.turn)
        until(lambda: desk.turns._lines["desk"].wakes is not None)  # the other has the lead, and its turn not begun
        desk.turns.take("desk", 0, turn=desk.turn)

    again = threading.Thread(target=ask_again, daemon=True)
    other = threading.Thread(target=lambda: desk.turns.take("desk", 1, turn=desk.turn), daemon=True)
    again.start()
    until_waiting(desk, 0)
    other.start()
    until_waiting(desk, 1)
    desk.open.set()
    for thread in (again, other):
        thread.join(SECONDS_MAX)
    assert desk.served == [[0], [1, 0]]


def test_nobody_is_waited_for_who_was_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns()
    monkeypatch.setattr(take_turns, "_BACK_SECONDS_MAX", -2)  # to wait would be a ValueError
    assert [turns.take("desk", number, turn=list) for number in range(3)] == [0, 1, 2]
