"""The worker: a loop that closes days that are over, brings mornings up, takes orders further, sends notices."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from mingqu.domain.refusal import Refusal
from mingqu.services.close_day import RETRY_AFTER, bring_up_today, close_through
from mingqu.services.house import House
from mingqu.services.publish_evidence import publish_evidence
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


def work_until(house: House, *, stop: threading.Event, report: Callable[[str], None], pulse: Pulse) -> None:
    """Work until `stop` is set. Whatever goes wrong is reported, waited out and tried again; the worker never ends.

    A refusal is said in its own words; anything else is a bug, and is said by its type only, for it may carry data.
    """
    waiting = IDLE_SECONDS
    while not stop.is_set():
        try:
            busy = work_once(house, report=report)
        except Refusal as refusal:
            pulse.trouble = refusal.code
            report(f"worker: {refusal.code}: {refusal.message}")
        except Exception as error:  # noqa: BLE001 - a worker that dies in silence is worse than any error
            pulse.trouble = type(error).__name__
            report(f"worker: {type(error).__name__}; trying again")
        else:
            pulse.beat()
            waiting = IDLE_SECONDS
            if busy:
                continue
        stop.wait(waiting)
        waiting = min(waiting * 2, WAIT_SECONDS_MAX) if pulse.trouble else IDLE_SECONDS


def work_once(house: House, *, report: Callable[[str], None]) -> bool:
    """Close what is over, bring this morning up, do what is due; return whether there may be more at once."""
    yesterday = house.clock.business_date() - timedelta(days=1)
    closed = close_through(house, to=yesterday, retry_after=RETRY_AFTER)
    events = bring_up_today(house)
    done = run_due_work(house)
    for order_id, code in done.stuck:
        report(f"order {order_id.hex} cannot be taken further: {code}")
    for order_id, code in done.alerts:
        report(f"order {order_id.hex} needs a person to look at it: {code}")
    if closed.cell_days:
        publish_evidence(house)
    return closed.cell_days > 0 or events > 0 or not done.idle
