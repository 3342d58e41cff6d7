"""Overrides: a refusal that two people set aside, within what the tables give a person one band better.

A machine's refusal is looked at by people; what they may do is limited like everything else. The person is read as one
band better, limits and prices come from the same tables and versions, and nobody is given more than that, more than
asked, or more than OVERRIDE_FEN_MAX. A row that is law is never set aside.
Source: PIPL art. 24 (the right to refuse a decision made by a program alone).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import ClassVar, Final

from mingqu.domain.refusal import Refusal

# What two people may give where the tables gave nothing; more is a matter of publishing another policy.
OVERRIDE_FEN_MAX: Final = 5_000_000
# What the bureau said is then a month old; who is refused longer ago applies again.
OVERRIDE_WITHIN: Final = timedelta(days=30)


class OverrideCause(Enum):
    """Why a refusal is set aside. Words are stored: never changed, never used again."""

    DATA_WRONG = "data_wrong"  # what was read about the person was not so, and they showed it
    INCOME_SHOWN = "income_shown"  # papers show more income than what could be verified
    DEBT_SETTLED = "debt_settled"  # what stood against them is paid, and not yet in the record
    HARDSHIP_PAST = "hardship_past"  # a known misfortune explains the record, and is over


class OverrideForbidden(Refusal):
    """This refusal follows from law, and nobody sets it aside."""

    code: ClassVar[str] = "override_forbidden"
    status: ClassVar[int] = 409


class OverrideNotPossible(Refusal):
    """Even one band better the tables offer nothing, or less than what is asked for."""

    code: ClassVar[str] = "override_not_possible"
    status: ClassVar[int] = 409


class OverrideCauseUnknown(Refusal):
    """A refusal is set aside for one of the causes there are, and up to an amount in whole fen."""

    code: ClassVar[str] = "override_cause_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Which decision is set aside (its id in 32 hexadecimal digits), and the most that is given, in fen."""

    of: str
    limit_fen: int


def read_override_cause(text: str) -> OverrideCause:
    """Return the cause that a form names. Errors: OverrideCauseUnknown."""
    found = next((one for one in OverrideCause if one.value == text), None)
    if found is None:
        raise OverrideCauseUnknown(f"A cause is one of {', '.join(one.value for one in OverrideCause)}.")
    return found
