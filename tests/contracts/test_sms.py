"""What every sender of short messages must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.sms import FakeSms
from mingqu.domain.personal import Personal
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import Message, MessageKind, MessageRefused, MessageTaken, SmsChannel
from tests.contracts.people import OTHER_PHONE, PHONE, number
from tests.contracts.sandbox import played

MESSAGE = Message(
    message_number=number(1),
    kind=MessageKind.CODE,
    phone=PHONE,
    template="sign_in_code",
    values={"code": Personal("123456")},
)


@dataclass(frozen=True)
class SmsWorld:
    """A channel and the phones it reaches."""

    channel: SmsChannel
    meet: Callable[[Fault], None]  # the next message meets this fault
    inbox: Callable[[Personal[str]], list[Message]]


@contextmanager
def fake_sms() -> Iterator[SmsWorld]:
    channel = FakeSms()
    yield SmsWorld(
        channel=channel,
        meet=lambda fault: channel.faults.plan("sms.send", fault),
        inbox=lambda phone: channel.inbox(phone=phone),
    )


@contextmanager
def gateway_sms() -> Iterator[SmsWorld]:
    with played("sms") as here:
        control = here.sandbox.control
        yield SmsWorld(
            channel=here.there.sms,
            meet=lambda fault: control.plan("sms", "sms.send", fault.value),
            inbox=lambda phone: [read_message(row) for row in control.inbox.messages(phone=phone.reveal())],
        )


def read_message(row: Mapping[str, Any]) -> Message:
    return Message(
        message_number=row["message_number"],
        kind=MessageKind(row["kind"]),
        phone=Personal(row["phone"]),
        template=row["template"],
        values={name: Personal(value) for name, value in row["content"].items()},
    )


@pytest.fixture(params=[pytest.param(fake_sms, id="fake"), pytest.param(gateway_sms, id="gateway")])
def world(request: pytest.FixtureRequest) -> Iterator[SmsWorld]:
    with request.param() as made:
        yield made


def test_a_message_reaches_its_phone_once_and_no_other(world: SmsWorld) -> None:
    assert world.channel.send(MESSAGE) == MessageTaken()
    assert world.channel.send(MESSAGE) == MessageTaken()
    assert world.inbox(PHONE) == [MESSAGE]
    assert world.inbox(OTHER_PHONE) == []


def test_a_message_may_arrive_though_its_reply_was_lost(world: SmsWorld) -> None:
    world.meet(Fault.LOSE_REPLY)
    with pytest.raises(ChannelSilent):
        world.channel.send(MESSAGE)
    assert world.inbox(PHONE) == [MESSAGE]


def test_a_refused_message_does_not_arrive(world: SmsWorld) -> None:
    world.meet(Fault.REFUSE)
    assert isinstance(world.channel.send(MESSAGE), MessageRefused)
    assert world.inbox(PHONE) == []


def test_a_message_does_not_print_what_it_says() -> None:
    assert "123456" not in repr(MESSAGE)
    assert PHONE.reveal() not in repr(MESSAGE)
