"""The worker: a loop that closes days that are over, brings mornings up, takes orders further, sends notices."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from mingqu.domain.refusal import Refusal
from mingqu.services.close_day import bring_up_today, close_through
from mingqu.services.house import House
from mingqu.services.publish_evidence import publish_evidence
from mingqu.services.run_due_work import run_due_work

# A channel's answer within a second is soon enough; an idle book costs two small queries a cell and second.
IDLE_SECONDS: Final = 1.0


def work_until(house: House, *, stop: threading.Event, report: Callable[[str], None]) -> None:
    """Work until `stop` is set. A refusal (the database is away, a day is not over) is reported and tried again."""
    while not stop.is_set():
        try:
            busy = work_once(house)
        except Refusal as refusal:
            report(f"{refusal.code}: {refusal.message}")
            busy = False
        if not busy:
            stop.wait(IDLE_SECONDS)


def work_once(house: House) -> bool:
    """Close what is over, bring this morning up, do what is due; return whether there may be more at once."""
    yesterday = house.clock.business_date() - timedelta(days=1)
    closed = close_through(house, to=yesterday)
    events = bring_up_today(house)
    done = run_due_work(house)
    if closed.cell_days:
        publish_evidence(house)
    return closed.cell_days > 0 or events > 0 or not done.idle
