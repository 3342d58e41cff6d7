"""What every provider of behavior data must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

import pytest

from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.data_provider import FakeDataProvider
from mingqu.channels.fake.faults import Fault
from mingqu.ports.data_provider import DataProvider, DataQuery, DataReport, NotCovered, QueryRefused
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import OTHER_PHONE, PHONE, START, number
from tests.contracts.sandbox import played

FEATURES = {"app_account_age_months": 31, "app_active_days_90d": 80, "app_payments_90d": 12}
QUERY = DataQuery(
    query_number=number(1),
    consent_id=UUID(int=5),
    phone=PHONE,
    features=("app_account_age_months", "app_active_days_90d"),
)


@dataclass(frozen=True)
class DataWorld:
    """A provider that knows one phone."""

    channel: DataProvider
    meet: Callable[[Fault], None]  # the next query meets this fault
    billed: Callable[[], int]


@contextmanager
def fake_provider() -> Iterator[DataWorld]:
    provider = FakeDataProvider(clock=SettableClock(start=START))
    provider.know(phone=PHONE, features=FEATURES)
    yield DataWorld(
        channel=provider,
        meet=lambda fault: provider.faults.plan("data.features", fault),
        billed=lambda: len(provider.queries),
    )


@contextmanager
def gateway_provider() -> Iterator[DataWorld]:
    with played("data") as here:
        control = here.sandbox.control
        control.data_provider.know(phone=PHONE.reveal(), features=FEATURES)
        channel = here.there.data_provider
        assert channel is not None
        yield DataWorld(
            channel=channel,
            meet=lambda fault: control.plan("data", "data.features", fault.value),
            billed=lambda: len(control.data_provider.book.rows("SELECT 1 FROM data_answer")),
        )


@pytest.fixture(params=[pytest.param(fake_provider, id="fake"), pytest.param(gateway_provider, id="gateway")])
def world(request: pytest.FixtureRequest) -> Iterator[DataWorld]:
    with request.param() as made:
        yield made


def test_only_what_was_asked_for_is_answered(world: DataWorld) -> None:
    report = world.channel.features(QUERY)
    assert isinstance(report, DataReport)
    assert (report.features, report.as_of) == (
        {"app_account_age_months": 31, "app_active_days_90d": 80},
        date(2026, 8, 15),
    )
    assert world.billed() == 1


def test_what_it_does_not_know_is_left_out(world: DataWorld) -> None:
    report = world.channel.features(replace(QUERY, features=("app_active_days_90d", "app_shoe_size")))
    assert isinstance(report, DataReport)
    assert report.features == {"app_active_days_90d": 80}


def test_a_query_asked_again_after_silence_is_billed_once(world: DataWorld) -> None:
    world.meet(Fault.LOSE_REPLY)
    with pytest.raises(ChannelSilent):
        world.channel.features(QUERY)
    assert world.channel.features(QUERY) == world.channel.features(QUERY)
    assert world.billed() == 1


def test_a_phone_it_does_not_know_is_not_covered(world: DataWorld) -> None:
    assert world.channel.features(replace(QUERY, phone=OTHER_PHONE)) == NotCovered()


def test_a_query_for_nothing_is_refused_and_not_billed(world: DataWorld) -> None:
    assert world.channel.features(replace(QUERY, features=())) == QueryRefused(code="features_missing")
    assert world.billed() == 0


def test_a_refusal_is_a_refusal(world: DataWorld) -> None:
    world.meet(Fault.REFUSE)
    assert isinstance(world.channel.features(QUERY), QueryRefused)
