"""The life of a break: OPEN → EXPLAINED → CLOSED. A machine closes what is no break any more, two people the rest."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import ClassVar, Final

from mingqu.domain.refusal import Refusal


class BreakState(Enum):
    """Where a break stands. Words are stored: never changed, never used again."""

    OPEN = "open"
    EXPLAINED = "explained"  # it is known why, and it is still there
    CLOSED = "closed"


class BreakEvent(Enum):
    """What happens to a break."""

    FOUND = "found"  # a comparison has it
    VANISHED = "vanished"  # a later comparison of the day has it no more: the other side arrived, or was mended
    EXPLAINED = "explained"  # two people say why
    CLOSED = "closed"  # two people say that it is done with


class Cause(Enum):
    """Why a break is there, as people or the comparison say. Words are stored."""

    UNKNOWN = "unknown"
    OTHER_DAY = "other_day"  # said by the comparison itself: both sides have it, a day apart
    CHANNEL_LATE = "channel_late"
    CHANNEL_WRONG = "channel_wrong"
    OURS_WRONG = "ours_wrong"
    NOT_OURS = "not_ours"
    WRITTEN_OFF = "written_off"
    MENDED = "mended"  # said by the comparison: it is no break any more


class BreakStill(Refusal):
    """This cannot be done to a break that stands so."""

    code: ClassVar[str] = "break_stands_otherwise"
    status: ClassVar[int] = 409


_S, _E = BreakState, BreakEvent
# What may happen to a break in each state; everything else is a refusal. One that two people closed stays closed when
# it is found again (they knew it); one that had vanished by itself is open again.
BREAK_CHANGES: Final[Mapping[tuple[BreakState, BreakEvent], BreakState]] = MappingProxyType(
    {
        (_S.OPEN, _E.FOUND): _S.OPEN,
        (_S.OPEN, _E.VANISHED): _S.CLOSED,
        (_S.OPEN, _E.EXPLAINED): _S.EXPLAINED,
        (_S.OPEN, _E.CLOSED): _S.CLOSED,
        (_S.EXPLAINED, _E.FOUND): _S.EXPLAINED,
        (_S.EXPLAINED, _E.VANISHED): _S.CLOSED,
        (_S.EXPLAINED, _E.EXPLAINED): _S.EXPLAINED,
        (_S.EXPLAINED, _E.CLOSED): _S.CLOSED,
        (_S.CLOSED, _E.FOUND): _S.CLOSED,
        (_S.CLOSED, _E.VANISHED): _S.CLOSED,
    }
)


def next_state(*, state: BreakState, event: BreakEvent, mended: bool = False) -> BreakState:
    """Return the state after an event. `mended` says that the break was closed because it had vanished.

    Errors: BreakStill.
    """
    if state is BreakState.CLOSED and event is BreakEvent.FOUND and mended:
        return BreakState.OPEN
    after = BREAK_CHANGES.get((state, event))
    if after is None:
        raise BreakStill("This break is closed already.", state=state.value, event=event.value)
    return after
