"""A limit that a later assessment replaces: what moves in the ledger, and from when a raise is of use.

A cut takes what is free and, of what is used beyond the new limit, books the rest as drawn above it: nobody has to pay
sooner, and nothing more is drawn until enough was repaid. A raise first takes back what was above the old limit. It is
granted at once and of use only after a pause, so that nobody borrows on the impulse of a message about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.calendar import add_months
from mingqu.domain.ledger import AccountCode, Reason
from mingqu.domain.refusal import Refusal

VALID_MONTHS_MAX: Final = 120  # ten years: nobody's answers are true for longer
REASSESS_DAYS_MAX: Final = 3_660  # ten years as well
PAUSE_HOURS_MAX: Final = 24 * 31  # a month; whoever wants to wait longer applies later


class AssessmentExpired(Refusal):
    """The assessment that gave the limits has run out. Apply again; repaying works as always."""

    code: ClassVar[str] = "assessment_expired"
    status: ClassVar[int] = 409


class RaisePauses(Refusal):
    """A raise of the limit is granted and not of use yet; `usable_at` says from when it is."""

    code: ClassVar[str] = "raise_pauses"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """For how long an assessment lets its person draw (fully: until `valid_until`, that day excluded; None: no end)."""

    decision_id: UUID
    person_id: UUID
    decided_at: datetime
    valid_until: date | None

    def expired(self, *, on: date) -> bool:
        """Whether it has run out on a day."""
        return self.valid_until is not None and on >= self.valid_until


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChange:
    """What an assessment made of one limit, in fen. Up to `usable_at` only `standing_fen` of `after_fen` are of use.

    `owner` is the person, or a facility of theirs, which then has the version of its product and its rate.
    """

    decision_id: UUID
    person_id: UUID
    owner: UUID
    product_version: int | None
    rate_year_ppm: int | None
    before_fen: int
    after_fen: int
    standing_fen: int
    usable_at: datetime
    changed_at: datetime

    def withheld_fen(self, *, at: datetime) -> int:
        """Return how much of the limit is not of use yet at a moment."""
        return self.after_fen - self.standing_fen if at < self.usable_at else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One line of a change in the ledger, between two accounts of the same limit."""

    debit: AccountCode
    credit: AccountCode
    amount_fen: int
    reason: Reason


def valid_until(*, decided_on: date, valid_months: int | None) -> date | None:
    """Return the first day on which an assessment no longer holds. Example: of 2026-08-31, six months: 2027-02-28."""
    return None if valid_months is None else add_months(day=decided_on, months=valid_months)


def usable(
    *, before_fen: int, withheld_fen: int, after_fen: int, at: datetime, pause: timedelta
) -> tuple[int, datetime]:
    """Return how much of a new limit is of use at once, and from when all of it is.

    What waited for an earlier pause waits again if it is granted again. Example: 3,000 yuan of which 1,000 wait,
    replaced by 2,500: 2,000 at once, 2,500 after the pause; replaced by 1,500: 1,500 at once.
    """
    standing_fen = min(before_fen - withheld_fen, after_fen)
    return standing_fen, at if standing_fen == after_fen else at + pause


def moves(*, before_fen: int, after_fen: int, free_fen: int, over_fen: int) -> Sequence[Move]:
    """Return what takes a limit from one amount to another; what is free of it afterwards is never below zero.

    `free_fen` is neither drawn nor held, `over_fen` is drawn above the limit. Example: 3,000 yuan with 1,000 free, cut
    to 1,500: the 1,000 go, 500 are above the limit. Raised to 1,800 then: the 500 become 200, nothing is free.
    """
    code, found = AccountCode, []
    if after_fen < before_fen:
        taken = min(free_fen, before_fen - after_fen)
        found = [
            Move(debit=code.LIMIT_AVAILABLE, credit=code.LIMIT_GRANTED, amount_fen=taken, reason=Reason.LIMIT_CUT),
            Move(
                debit=code.LIMIT_OVER,
                credit=code.LIMIT_GRANTED,
                amount_fen=before_fen - after_fen - taken,
                reason=Reason.LIMIT_CUT,
            ),
        ]
    elif after_fen > before_fen:
        raised = after_fen - before_fen
        found = [
            Move(debit=code.LIMIT_GRANTED, credit=code.LIMIT_AVAILABLE, amount_fen=raised, reason=Reason.LIMIT_GRANT),
            Move(
                debit=code.LIMIT_AVAILABLE,
                credit=code.LIMIT_OVER,
                amount_fen=min(raised, over_fen),
                reason=Reason.OVER_LIMIT_END,
            ),
        ]
    return [move for move in found if move.amount_fen]
