"""The worker: a loop that closes days that are over, brings mornings up, takes orders further, sends notices."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mingqu.domain.refusal import Refusal
from mingqu.services.close.bring_up_mornings import RETRY_AFTER
from mingqu.services.close.close_day import Stopped, bring_up_today, close_through
from mingqu.services.decisions.sweep_signals import sweep_all
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.house import House
from mingqu.services.limits.follow_funding import follow_funding
from mingqu.services.notices.remind_of_dues import plan_reminders
from mingqu.services.partners.compensate_bills import compensate_bills
from mingqu.services.partners.compensate_loans import compensate_loans
from mingqu.services.pools.draw_pool import draw_pools
from mingqu.services.reconciliation.reconcile import reconcile_due
from mingqu.services.run_due_work import run_due_work

# A channel's answer within a second is soon enough; an idle book costs two small queries a cell and second.
IDLE_SECONDS: Final = 1.0
WAIT_SECONDS_MAX: Final = 60.0  # between tries while something is wrong
SILENT_SECONDS_MAX: Final = 300.0  # of a round: far above any, the catch-up of a missed day included


class Pulse:
    """How the worker is, for whoever asks from another thread: when it last finished a round, and what stopped it."""

    def __init__(self) -> None:
        self._beat = time.monotonic()
        self.trouble = ""

    def beat(self) -> None:
        """Note that a round went through."""
        self._beat, self.trouble = time.monotonic(), ""

    @property
    def healthy(self) -> bool:
        """Whether a round went through lately and nothing has stopped the worker since."""
        return not self.trouble and time.monotonic() - self._beat < SILENT_SECONDS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round of the worker came to: whether there may be more at once, and the code of what went wrong, or ""."""

    busy: bool
    trouble: str = ""


class Resting:
    """Cells that stopped: they are left alone for a while, so that a worker is not busy with what fails again."""

    def __init__(self) -> None:
        self._until: dict[int, tuple[float, str]] = {}

    def put(self, stopped: Iterable[Stopped]) -> None:
        """Let cells rest that stopped just now."""
        for each in stopped:
            self._until[each.cell] = (time.monotonic() + WAIT_SECONDS_MAX, each.code)

    def cells(self) -> dict[int, str]:
        """Return the cells that rest, with the reason; those that have rested are tried again."""
        now = time.monotonic()
        self._until = {cell: rests for cell, rests in self._until.items() if rests[0] > now}
        return {cell: code for cell, (_, code) in self._until.items()}


def work_until(house: House, *, stop: threading.Event, report: Callable[[str], None], pulse: Pulse) -> None:
    """Work until `stop` is set. Whatever goes wrong is reported, waited out and tried again; the worker never ends.

    A refusal is said in its own words; anything else is a bug, and is said by its type only, for it may carry data.
    """
    gc.collect()
    gc.freeze()  # modules and policies are here to stay, and are not looked at again with every chunk of work
    waiting, resting = IDLE_SECONDS, Resting()
    while not stop.is_set():
        failed = False
        try:
            done = work_once(house, report=report, resting=resting)
        except Refusal as refusal:
            failed, pulse.trouble = True, refusal.code
            report(f"worker: {refusal.code}: {refusal.message}")
        except Exception as error:  # noqa: BLE001 - a worker that dies in silence is worse than any error
            failed, pulse.trouble = True, type(error).__name__
            report(f"worker: {type(error).__name__}; trying again")
        else:
            pulse.beat()
            pulse.trouble, waiting = done.trouble, IDLE_SECONDS
            if done.busy:
                continue
        stop.wait(waiting)
        waiting = min(waiting * 2, WAIT_SECONDS_MAX) if failed else IDLE_SECONDS


def work_once(house: House, *, report: Callable[[str], None], resting: Resting) -> Round:
    """Close what is over, bring this morning up, do what is due; say whether there may be more at once.

    Payouts and notices wait for no close: what is due is done whatever became of it, and a cell that stopped rests for
    a minute while the others go on. Errors: those of `run_due_work`; what kept the days from being closed, afterwards.
    """
    failed: Exception | None = None
    cell_days = events = 0
    try:
        cell_days, events = _close_and_bring_up(house, report=report, resting=resting)
    except Exception as error:  # noqa: BLE001 - raised again below, behind what is due
        failed = error
    try:
        done = run_due_work(house)
    except Exception:
        if failed is not None:
            raise failed from None  # the first one, which most often is the reason of the second
        raise
    for order_id, code in done.stuck:
        report(f"order {order_id.hex} cannot be taken further: {code}")
    for order_id, code in done.alerts:
        report(f"order {order_id.hex} needs a person to look at it: {code}")
    for one in done.aside:
        report(f"work {one.kind} {one.work_id.hex} is set aside until {one.again_at.isoformat()}: {one.code}")
    if failed is not None:
        raise failed
    morning = reconcile_due(house)
    for each in morning.refused:
        report(f"worker: {each}")
    if morning.open:
        report(f"worker: {morning.open} breaks of bills wait for a person")
    if cell_days:
        # None of them keeps the evidence of the day from being published.
        for step in (compensate_loans, compensate_bills, draw_pools):
            try:
                step(house)
            except Refusal as refusal:
                report(f"worker: {refusal.code}: {refusal.message}")
        publish_evidence(house)
        follow_funding(house)
        plan_reminders(house)
        sweep_all(house)
    trouble = next(iter(resting.cells().values()), "")
    return Round(busy=cell_days > 0 or events > 0 or not done.idle or morning.days > 0, trouble=trouble)


def _close_and_bring_up(house: House, *, report: Callable[[str], None], resting: Resting) -> tuple[int, int]:
    """Close what is over and bring this morning up in the cells that do not rest; return cell-days and loans."""
    yesterday = house.clock.business_date() - timedelta(days=1)
    closed = close_through(house, to=yesterday, retry_after=RETRY_AFTER, but=resting.cells())
    resting.put(closed.stopped)
    mornings = bring_up_today(house, but=resting.cells())
    resting.put(mornings.stopped)
    for each in (*closed.stopped, *mornings.stopped):
        day = "before its next day" if each.on is None else f"on {each.on}"
        report(f"worker: cell {each.cell} stopped {day}: {each.code}; trying again in a minute")
    return closed.cell_days, mornings.loan_events
