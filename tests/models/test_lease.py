"""Leases against a model that knows only who holds what, under which number, and whether it ran out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule, run_state_machine_as_test

from mingqu.store.server import lease
from mingqu.store.server.database import Database
from mingqu.store.server.lease import Lease
from mingqu.store.server.work import LeaseLost
from tests.soak import examples

SECONDS = 60


@dataclass
class Place:
    """A task on a cell: the number of its last change of hands, and how long it is still taken."""

    fence: int = 0
    left: int = 0


class LeaseMachine(RuleBasedStateMachine):
    """Two cells, two tasks, any number of workers, and time that is let pass by hand."""

    database: ClassVar[Database]
    leases: Bundle[Lease] = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.places = {(cell, task): Place() for cell in range(2) for task in ("close", "build")}
        with self.database.transaction() as tx:
            tx.execute("DELETE FROM cell_lease")
            tx.commit()

    def run_one(self, function: object, **given: object) -> object:
        with self.database.transaction() as tx:
            answer = function(tx, **given)  # type: ignore[operator]
            tx.commit()
            return answer

    @rule(
        target=leases,
        cell=st.sampled_from([0, 1]),
        task=st.sampled_from(["close", "build"]),
        holder=st.text("ab", min_size=1),
    )
    def claim(self, cell: int, task: str, holder: str) -> object:
        place = self.places[cell, task]
        got = self.run_one(lease.claim, cell=cell, task=task, holder=holder, seconds=SECONDS)
        if place.left > 0:
            assert got is None
            return Lease(cell=cell, task=task, holder=holder, fence=0)  # nobody's: refused everywhere
        place.fence, place.left = place.fence + 1, SECONDS
        assert got == Lease(cell=cell, task=task, holder=holder, fence=place.fence)
        return got

    def ours(self, held: Lease) -> bool:
        return self.places[held.cell, held.task].fence == held.fence

    def refused(self, function: object, **given: object) -> bool:
        try:
            self.run_one(function, **given)
        except LeaseLost:
            return True
        return False

    @rule(held=leases)
    def extend(self, held: Lease) -> None:
        assert self.refused(lease.extend, lease=held, seconds=SECONDS) is not self.ours(held)
        if self.ours(held):
            self.places[held.cell, held.task].left = SECONDS

    @rule(held=leases)
    def hold(self, held: Lease) -> None:
        assert self.refused(lease.hold, lease=held) is not self.ours(held)

    @rule(held=leases)
    def release(self, held: Lease) -> None:
        assert self.refused(lease.release, lease=held) is not self.ours(held)
        if self.ours(held):
            place = self.places[held.cell, held.task]
            place.fence, place.left = place.fence + 1, 0

    @rule(seconds=st.integers(1, SECONDS + 1))
    def time_passes(self, seconds: int) -> None:
        with self.database.transaction() as tx:
            tx.execute(
                "UPDATE cell_lease SET expires_at = expires_at - make_interval(secs => %s) WHERE isfinite(expires_at)",
                (seconds,),
            )
            tx.commit()
        for place in self.places.values():
            place.left = max(0, place.left - seconds)

    def teardown(self) -> None:
        with self.database.transaction() as tx:
            standing = {(one.lease.cell, one.lease.task): one.lease.fence for one in lease.standing(tx)}
        assert standing == {key: place.fence for key, place in self.places.items() if place.left > 0}


def test_a_cell_has_one_holder_and_old_numbers_are_refused(database: Database) -> None:
    LeaseMachine.database = database
    run_state_machine_as_test(
        LeaseMachine,
        settings=settings(
            max_examples=examples(25),
            stateful_step_count=15,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
