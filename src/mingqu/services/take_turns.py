"""Callers who want the same kind of thing of one cell at the same moment get it in one transaction.

A cell takes one writer at a time, and a commit is the dearest part of a small write. So whoever comes while a cell is
written to waits with what was asked, and the next turn takes all that wait. No thread is kept for it: the first who
waits leads the turn for everybody, then hands the lead on. Nobody waits for a turn to fill, but whoever is awake gets
in line before it begins; one who is alone is served at once, in its own thread. A caller hears what became of its own
asking, once that is durable; of another's refusal it hears nothing, for whatever does not go well together is done by
each alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final, Generic, TypeVar

log = logging.getLogger("mingqu.turns")

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

# A turn of this many repayments holds its cell for some tens of milliseconds.
TURN_MAX: Final = 32
# Those whom a turn has just answered come back with the next asking, and one that begins before they ran would be of
# one alone. Letting them run first costs a microsecond where nobody is, and each runs only until it waits again.
_LETS_OTHERS_RUN: Final = 3


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


class Turns:
    """Who waits for which cell. One for each program: of another's callers the cell's lock in the database knows."""

    def __init__(self) -> None:
        self._queues: dict[object, deque[_Waiting[Any, Any]]] = {}  # of cells that somebody leads
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
            queue = self._queues.get(key)
            if leads := queue is None:
                self._queues[key] = deque([mine])
            else:
                queue.append(mine)
        if not leads:
            heard = mine.wait()
            if heard is not None:
                return None if isinstance(heard, Not) else heard
        return self._lead(key, turn)

    def waiting(self, key: object) -> int:
        """Return how many wait under a key for the turn after the one that is under way."""
        with self._changing:
            return len(self._queues.get(key, ()))

    def _lead(self, key: object, turn: Callable[[Sequence[Asked]], Sequence[Answered | Not]]) -> Answered | None:
        """Carry out a turn, of which the leader is the first, tell the others, and hand the lead on."""
        for _ in range(_LETS_OTHERS_RUN):
            time.sleep(0)
        with self._changing:
            queue = self._queues[key]
            batch: list[_Waiting[Asked, Answered]] = [queue.popleft() for _ in range(min(TURN_MAX, len(queue)))]
        answers: Sequence[Any] = [Not.ALONE] * len(batch)
        try:
            answers = turn([each.asked for each in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, it comes again to whom it concerns, alone
            log.warning("turn.failed", extra={"fields": {"error": type(error).__name__, "askings": len(batch)}})
        finally:
            self._end(key, batch, answers)
        return None if isinstance(answers[0], Not) else answers[0]

    def _end(self, key: object, batch: Sequence[_Waiting[Any, Any]], answers: Sequence[Any]) -> None:
        assert answers[0] is not Not.YET, "the first of a turn has its turn"
        later = [each for each, answer in zip(batch, answers, strict=True) if answer is Not.YET]
        with self._changing:
            queue = self._queues[key]
            queue.extendleft(reversed(later))
            next_leader = queue[0] if queue else None
            if next_leader is None:
                del self._queues[key]
        if next_leader is not None:
            next_leader.call(None)
        for each, answer in zip(batch[1:], answers[1:], strict=True):
            if answer is not Not.YET:
                each.call(answer)
