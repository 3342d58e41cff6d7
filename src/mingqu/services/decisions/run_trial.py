"""Trials of drafts that run beside a server: one at a time, watched while they run, the last few kept to be read.

They are kept in memory. A trial reads under a snapshot and writes nothing, so one that dies with its server has lost
nothing but its answer, and is simply begun again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.decision.trial import DRAFTS_MAX
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.decisions.try_policy import Tried, try_policy
from mingqu.services.house import House

KEPT_MAX: Final = 16  # some kilobytes each; who wants to keep one prints the page or takes the command's JSON
DAYS_MAX: Final = 1_100  # three years of applications, which is what a vintage needs

log = logging.getLogger(__name__)


class TrialRunning(Refusal):
    """Somebody's trial is running; wait for its end."""

    code: ClassVar[str] = "trial_running"


class TrialMalformed(Refusal):
    """A trial takes a draft, or some that belong together, and a period of at most three years."""

    code: ClassVar[str] = "trial_malformed"


@dataclass(slots=True, kw_only=True)
class Run:
    """One trial: what is tried on which days [since, until], how far it is, and in the end what came out or why not."""

    run_id: UUID
    draft_ids: tuple[UUID, ...]
    since: date
    until: date
    by: str
    begun_at: datetime
    done: int = 0
    total: int = 0
    tried: Tried | None = None
    refusal: Refusal | None = None
    broke: bool = False  # by an error that is in the log

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or the other."""
        return self.tried is not None or self.refusal is not None or self.broke


@dataclass(slots=True)
class Trials:
    """The trials of one server."""

    _runs: dict[UUID, Run] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, house: House, *, seat: Seat, draft_ids: Sequence[UUID], since: date, until: date) -> Run:
        """Begin a trial on the days since to until, both included, and return at once.

        Errors: TrialMalformed, TrialRunning. What `try_policy` refuses is kept with the run.
        """
        if not 1 <= len(draft_ids) <= DRAFTS_MAX:
            raise TrialMalformed(f"Choose a draft, or up to {DRAFTS_MAX} that belong together.")
        if not timedelta(0) <= until - since <= timedelta(days=DAYS_MAX):
            raise TrialMalformed(f"Choose a period that ends after it begins, of at most {DAYS_MAX:,} days.")
        run = Run(
            run_id=house.identifiers.fresh(0),
            draft_ids=tuple(dict.fromkeys(draft_ids)),
            since=since,
            until=until,
            by=seat.operator.name,
            begun_at=house.clock.now(),
        )
        with self._lock:
            if any(not one.over for one in self._runs.values()):
                raise TrialRunning("Another trial is running; it takes a second for some tens of thousands.")
            self._runs[run.run_id] = run
            while len(self._runs) > KEPT_MAX:
                del self._runs[next(iter(self._runs))]
        threading.Thread(target=_live, args=(house, run), name="trial", daemon=True).start()
        return run

    def runs(self) -> list[Run]:
        """Return the kept trials, the latest first."""
        with self._lock:
            return list(self._runs.values())[::-1]

    def run(self, run_id: UUID) -> Run:
        """Return one. Errors: NotFound (never begun, or no longer kept)."""
        with self._lock:
            if run_id not in self._runs:
                raise NotFound
            return self._runs[run_id]


def _live(house: House, run: Run) -> None:
    def progress(done: int, total: int) -> None:
        run.done, run.total = done, total

    try:
        tried = try_policy(
            database=house.database,
            keyring=house.keyring,
            drafts=(),
            draft_ids=run.draft_ids,
            since=run.since,
            until=run.until + timedelta(days=1),
            progress=progress,
        )
        tried.try_out.require_some()
        run.tried = tried
    except Refusal as refusal:
        run.refusal = refusal
    except Exception:
        log.exception("trial.broke")
        run.broke = True
