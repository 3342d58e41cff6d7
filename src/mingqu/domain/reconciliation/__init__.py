"""Reconciliation: what we say was moved beside what somebody else says, line by line; and the life of a break.

Lines in, agreements and breaks out. Nothing here books anything: a bill comes late and may be wrong, so a break leads
to a question, and only the channel's answer moves money. Told at length: docs/explanation/reconciliation.md.
"""

from mingqu.domain.reconciliation.compare import (
    LINES_PER_NUMBER_MAX,
    Agreed,
    Break,
    BreakKind,
    Finding,
    NumberRepeated,
    Tally,
    compare,
)
from mingqu.domain.reconciliation.life import (
    BREAK_CHANGES,
    BreakEvent,
    BreakState,
    BreakStill,
    Cause,
    next_state,
)
from mingqu.domain.reconciliation.line import Line, Moved, break_id, in_order, is_ours, key_of

__all__ = [
    "BREAK_CHANGES",
    "LINES_PER_NUMBER_MAX",
    "Agreed",
    "Break",
    "BreakEvent",
    "BreakKind",
    "BreakState",
    "BreakStill",
    "Cause",
    "Finding",
    "Line",
    "Moved",
    "NumberRepeated",
    "Tally",
    "break_id",
    "compare",
    "in_order",
    "is_ours",
    "key_of",
    "next_state",
]
