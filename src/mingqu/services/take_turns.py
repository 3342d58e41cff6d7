"""Callers who want the same kind of thing of one cell at the same moment get it in one transaction.

A cell takes one writer at a time, and a commit is the dearest part of a small write. So whoever comes while a cell is
written to waits with what was asked, and the next turn takes all that wait. No thread is kept for it: the first who
waits leads the turn for everybody, then hands the lead on. Whom the last turn answered may be about to ask again, and
a turn that began before they ran would be of one: so it begins when all that were there are back, or a moment later.
One who is alone is served at once, in its own thread. A caller hears what became of its own asking, once that is
durable; of another's refusal it hears nothing, for whatever does not go well together is done by each alone.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final, Generic, TypeVar

log = logging.getLogger("mingqu.turns")

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

# A turn of this many repayments holds its cell for some tens of milliseconds.
TURN_MAX: Final = 32
# Four that were answered are back within a fifth of a millisecond if they have nothing else to do. Who has something
# else to do is not worth more than this: a commit takes as long.
_BACK_SECONDS_MAX: Final = 0.0003


class Not(Enum):
    """What a turn says of an asking that it did not carry out."""

    ALONE = "alone"  # it is done by its caller, in a transaction of its own: nothing was done
    YET = "yet"  # it comes with a later turn, behind another one of the same thing


class _Waiting(Generic[Asked, Answered]):
    """A caller: what it asked, and what it hears; None means that it leads the next turn."""

    __slots__ = ("_called", "asked", "heard")

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.heard: Answered | Not | None = None
        self._called = threading.Lock()
        self._called.acquire()

    def call(self, heard: Answered | Not | None) -> None:
        self.heard = heard
        self._called.release()

    def wait(self) -> Answered | Not | None:
        self._called.acquire()
        return self.heard


class _Line:
    """Those who wait under a key; one of them leads if it is `led`.

    `there` is how many there were when the last turn ended: those it answered and those who waited.
    """

    __slots__ = ("led", "there", "waiting", "wakes")

    def __init__(self) -> None:
        self.waiting: deque[_Waiting[Any, Any]] = deque()
        self.led, self.there = False, 0
        self.wakes: threading.Lock | None = None  # the leader, when all that were there are back

    def is_whole(self) -> bool:
        return len(self.waiting) >= min(self.there, TURN_MAX)


class Turns:
    """Who waits for which cell. One for each program: of another's callers the cell's lock in the database knows."""

    def __init__(self) -> None:
        self._lines: dict[object, _Line] = defaultdict(_Line)  # as many as there are cells and kinds of askings
        self._changing = threading.Lock()

    def take(
        self, key: object, asked: Asked, *, turn: Callable[[Sequence[Asked]], Sequence[Answered | Not]]
    ) -> Answered | None:
        """Let `asked` be carried out with what others ask under the same key, and return what came of it.

        `turn` carries out up to TURN_MAX askings in one transaction and answers each: it answers only what is durable,
        and the first one is never answered `Not.YET`. If it fails, nothing is known to be done of any of them, and
        each is done alone. None is for what the caller has to do alone, in a way that may come twice.
        """
        mine: _Waiting[Asked, Answered] = _Waiting(asked)
        with self._changing:
            line = self._lines[key]
            line.waiting.append(mine)
            leads, line.led = not line.led, True
            if line.wakes is not None and line.is_whole():
                line.wakes.release()
                line.wakes = None
        if not leads:
            heard = mine.wait()
            if heard is not None:
                return None if isinstance(heard, Not) else heard
        return self._lead(line, turn)

    def waiting(self, key: object) -> int:
        """Return how many wait under a key for the turn after the one that is under way."""
        with self._changing:
            return len(self._lines[key].waiting)

    def _lead(self, line: _Line, turn: Callable[[Sequence[Asked]], Sequence[Answered | Not]]) -> Answered | None:
        """Carry out a turn, of which the leader is the first, tell the others, and hand the lead on."""
        self._let_come_back(line)
        with self._changing:
            line.wakes = None
            queue = line.waiting
            batch: list[_Waiting[Asked, Answered]] = [queue.popleft() for _ in range(min(TURN_MAX, len(queue)))]
        answers: Sequence[Any] = [Not.ALONE] * len(batch)
        try:
            answers = turn([each.asked for each in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, it comes again to whom it concerns, alone
            log.warning("turn.failed", extra={"fields": {"error": type(error).__name__, "askings": len(batch)}})
        finally:
            self._end(line, batch, answers)
        return None if isinstance(answers[0], Not) else answers[0]

    def _let_come_back(self, line: _Line) -> None:
        """Wait until as many are in line as were there when the last turn ended, but no longer than a moment."""
        with self._changing:
            if line.is_whole():
                return
            line.wakes = wakes = threading.Lock()
            wakes.acquire()
        wakes.acquire(timeout=_BACK_SECONDS_MAX)

    def _end(self, line: _Line, batch: Sequence[_Waiting[Any, Any]], answers: Sequence[Any]) -> None:
        assert answers[0] is not Not.YET, "the first of a turn has its turn"
        later = [each for each, answer in zip(batch, answers, strict=True) if answer is Not.YET]
        with self._changing:
            line.there = len(batch) - len(later)
            line.waiting.extendleft(reversed(later))
            line.there += len(line.waiting)
            next_leader = line.waiting[0] if line.waiting else None
            line.led = next_leader is not None
        if next_leader is not None:
            next_leader.call(None)
        for each, answer in zip(batch[1:], answers[1:], strict=True):
            if answer is not Not.YET:
                each.call(answer)
