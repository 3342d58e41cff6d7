"""What every sender of short messages must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from mingqu.channels.fake.faults import Fault, Faults
from mingqu.channels.fake.sms import FakeSms
from mingqu.domain.personal import Personal
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import Message, MessageKind, MessageRefused, MessageTaken, SmsChannel
from tests.contracts.people import OTHER_PHONE, PHONE, number

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
    faults: Faults
    inbox: Callable[[Personal[str]], list[Message]]


def fake_sms() -> SmsWorld:
    channel = FakeSms()
    return SmsWorld(channel=channel, faults=channel.faults, inbox=lambda phone: channel.inbox(phone=phone))


@pytest.fixture(params=[pytest.param(fake_sms, id="fake")])
def world(request: pytest.FixtureRequest) -> SmsWorld:
    made: SmsWorld = request.param()
    return made


def test_a_message_reaches_its_phone_once_and_no_other(world: SmsWorld) -> None:
    assert world.channel.send(MESSAGE) == MessageTaken()
    assert world.channel.send(MESSAGE) == MessageTaken()
    assert world.inbox(PHONE) == [MESSAGE]
    assert world.inbox(OTHER_PHONE) == []


def test_a_message_may_arrive_though_its_reply_was_lost(world: SmsWorld) -> None:
    world.faults.plan("sms.send", Fault.LOSE_REPLY)
    with pytest.raises(ChannelSilent):
        world.channel.send(MESSAGE)
    assert world.inbox(PHONE) == [MESSAGE]


def test_a_refused_message_does_not_arrive(world: SmsWorld) -> None:
    world.faults.plan("sms.send", Fault.REFUSE)
    assert isinstance(world.channel.send(MESSAGE), MessageRefused)
    assert world.inbox(PHONE) == []


def test_a_message_does_not_print_what_it_says() -> None:
    assert "123456" not in repr(MESSAGE)
    assert PHONE.reveal() not in repr(MESSAGE)
