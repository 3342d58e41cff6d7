"""The worker outlives whatever goes wrong in a round, says it without data, and is not called healthy meanwhile."""

from __future__ import annotations

import threading
from datetime import date
from typing import Any, cast

from mingqu.jobs.worker import Pulse, work_until
from mingqu.services.house import House


class BrokenClock:
    """A clock that fails each time it is read, with something in its words that must not be repeated."""

    def business_date(self) -> date:
        raise RuntimeError("13800008801")


class BrokenHouse:
    """As much of a house as a round needs before it fails."""

    clock = BrokenClock()


def test_a_round_that_breaks_is_reported_by_its_kind_and_the_worker_is_unwell_but_alive() -> None:
    said: list[str] = []
    stop, pulse = threading.Event(), Pulse()
    assert pulse.healthy

    def report(text: str) -> None:
        said.append(text)
        stop.set()

    work_until(cast(House, cast(Any, BrokenHouse())), stop=stop, report=report, pulse=pulse)
    assert said == ["worker: RuntimeError; trying again"]
    assert not pulse.healthy
    pulse.beat()
    assert pulse.healthy
