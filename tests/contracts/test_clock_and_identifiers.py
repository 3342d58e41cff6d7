"""What every clock and every source of ids must do."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.ids import SeededIdentifiers
from mingqu.channels.system.clock import ShiftedClock, SystemClock
from mingqu.channels.system.identifiers import SystemIdentifiers
from mingqu.domain.identifier import SLOTS, derived, parse, slot_of
from mingqu.domain.moment import business_date_of
from mingqu.ports.clock import Clock
from mingqu.ports.identifiers import Identifiers
from tests.contracts.people import START


@pytest.mark.parametrize(
    "clock",
    [SystemClock(), ShiftedClock(ahead=timedelta(days=100)), SettableClock(start=START)],
    ids=["system", "shifted", "fake"],
)
def test_a_clock_tells_utc_never_goes_back_and_agrees_with_its_date(clock: Clock) -> None:
    first, second = clock.now(), clock.now()
    assert first.tzinfo is UTC
    assert first <= second
    assert clock.business_date() in (business_date_of(second), business_date_of(clock.now()))


@pytest.mark.parametrize(
    "identifiers",
    [SystemIdentifiers(clock=SystemClock()), SeededIdentifiers(seed=1, clock=SettableClock(start=START))],
    ids=["system", "fake"],
)
def test_ids_are_new_carry_their_slot_and_can_be_derived_from(identifiers: Identifiers) -> None:
    made = [identifiers.fresh(slot) for slot in range(SLOTS)]
    assert len(set(made)) == SLOTS
    assert [slot_of(each) for each in made] == list(range(SLOTS))
    assert all(parse(each.hex) == each for each in made)
    assert derived(made[0], 1) != made[0]
    assert {identifiers.slot() for _ in range(200)} <= set(range(SLOTS))


def test_the_same_seed_gives_the_same_ids_and_another_seed_others() -> None:
    one, same, other = (SeededIdentifiers(seed=seed, clock=SettableClock(start=START)) for seed in (1, 1, 2))
    ids = [one.fresh(5) for _ in range(20)]
    assert ids == [same.fresh(5) for _ in range(20)]
    assert not set(ids) & {other.fresh(5) for _ in range(20)}


def test_a_set_clock_refuses_to_go_back() -> None:
    clock = SettableClock(start=START)
    with pytest.raises(AssertionError):
        clock.advance(timedelta(seconds=-1))
    assert clock.now() == START


def test_a_shifted_clock_is_ahead_by_as_much_as_it_was_told() -> None:
    ahead = ShiftedClock(ahead=timedelta(days=100)).now() - SystemClock().now()
    assert timedelta(days=99, hours=23) < ahead <= timedelta(days=100)
