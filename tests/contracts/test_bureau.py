"""What every credit bureau must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

import pytest

from mingqu.channels.fake.bureau import FakeBureau
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.faults import Fault
from mingqu.domain.personal import Personal
from mingqu.ports.bureau import BureauChannel, BureauQuery, BureauReport, NotCovered, QueryRefused
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import ID_NUMBER, NAME, START, number
from tests.contracts.sandbox import played

CONSENT = UUID(int=5)
QUERY = BureauQuery(query_number=number(1), consent_id=CONSENT, purpose="loan_approval", name=NAME, id_number=ID_NUMBER)
FEATURES = {"months_late_1": 0, "lenders": 2, "credit_line_fen": 5_000_000}


@dataclass(frozen=True)
class BureauWorld:
    """A bureau that knows one person."""

    channel: BureauChannel
    meet: Callable[[Fault], None]  # the next query meets this fault
    recorded: Callable[[], int]  # queries on the person's record


@contextmanager
def fake_bureau() -> Iterator[BureauWorld]:
    bureau = FakeBureau(clock=SettableClock(start=START))
    bureau.know(id_number=ID_NUMBER, features=FEATURES)
    yield BureauWorld(
        channel=bureau,
        meet=lambda fault: bureau.faults.plan("bureau.features", fault),
        recorded=lambda: len(bureau.queries_of(id_number=ID_NUMBER)),
    )


@contextmanager
def gateway_bureau() -> Iterator[BureauWorld]:
    with played("bureau") as here:
        control = here.sandbox.control
        control.bureau.know(id_number=ID_NUMBER.reveal(), features=FEATURES)
        yield BureauWorld(
            channel=here.there.bureau,
            meet=lambda fault: control.plan("bureau", "bureau.features", fault.value),
            recorded=lambda: len(control.bureau.book.rows("SELECT 1 FROM bureau_answer")),
        )


@pytest.fixture(params=[pytest.param(fake_bureau, id="fake"), pytest.param(gateway_bureau, id="gateway")])
def world(request: pytest.FixtureRequest) -> Iterator[BureauWorld]:
    with request.param() as made:
        yield made


def test_a_query_is_answered_in_whole_numbers_and_goes_on_the_persons_record(world: BureauWorld) -> None:
    report = world.channel.features(QUERY)
    assert isinstance(report, BureauReport)
    assert (report.features, report.as_of) == (FEATURES, date(2026, 8, 15))
    assert world.recorded() == 1
    if isinstance(world.channel, FakeBureau):
        record = world.channel.queries_of(id_number=ID_NUMBER)
        assert record == [(date(2026, 8, 15), CONSENT, "loan_approval")]


def test_a_query_asked_again_after_silence_counts_once(world: BureauWorld) -> None:
    world.meet(Fault.LOSE_REPLY)
    with pytest.raises(ChannelSilent):
        world.channel.features(QUERY)
    assert world.channel.features(QUERY) == world.channel.features(QUERY)
    assert world.recorded() == 1


def test_a_person_the_bureau_does_not_know_is_not_covered(world: BureauWorld) -> None:
    assert world.channel.features(replace(QUERY, id_number=Personal("110105194912310011"))) == NotCovered()


def test_a_query_without_a_lawful_purpose_is_refused_and_not_recorded(world: BureauWorld) -> None:
    assert world.channel.features(replace(QUERY, purpose="curiosity")) == QueryRefused(code="purpose_unknown")
    assert world.recorded() == 0
