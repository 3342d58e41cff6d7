"""Messages inside WeChat: one for each acceptance, never one more, and by SMS whenever WeChat does not take it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.wechat.login import WechatApplication
from mingqu.channels.wechat.message import WechatMessages
from mingqu.channels.wire import Wire
from mingqu.domain.personal import Personal
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import MessageRefused, MessageTaken
from mingqu.sandbox import Sandbox
from mingqu.services.access.keep_session import Caller
from mingqu.services.house import House
from mingqu.services.messages.message_in_app import (
    OPENID,
    MessageTemplateUnknown,
    NotInsideWechat,
    accept_messages,
    told_in_app,
)
from mingqu.store.messages import message_quota
from mingqu.store.people import vault
from tests.contracts.people import START
from tests.journeys.reading import Known, arrive, rows_of
from tests.world import OpenWorld

DUE, VALUES = "loan.due", {"amount": Personal("12.30")}
HER = Personal("oHerself")


@dataclass
class Told:
    """Implements `SubscribedMessageChannel` and remembers; `answer` is what it says."""

    answer: MessageTaken | MessageRefused | None = field(default_factory=MessageTaken)
    sent: list[str] = field(default_factory=list)
    templates: frozenset[str] = frozenset({DUE})

    def send(self, *, login: Personal[str], template: str, values: Mapping[str, Personal[str]]) -> object:
        assert values
        self.sent.append(f"{login.reveal()} {template}")
        if self.answer is None:
            raise ChannelSilent(reason="timeout")
        return self.answer


def caller_of(house: House, known: Known) -> Caller:
    return Caller(session_id=house.id_for(known.person_id), person_id=known.person_id, seen_at=house.clock.now())


def allowed(house: House, caller: Caller, *, times: int) -> None:
    with house.database.transaction() as tx:
        vault.seal(tx, keyring=house.keyring, person_id=caller.person_id, field=OPENID, value=HER, at=house.clock.now())
        for _ in range(times):
            message_quota.add(tx, person_id=caller.person_id, templates=[DUE], at=house.clock.now())
        tx.commit()


def test_as_many_messages_go_there_as_were_allowed(world: OpenWorld) -> None:
    channel, known = Told(), arrive(world)
    house = replace(world.house, subscribed=channel)  # type: ignore[arg-type]
    caller = caller_of(house, known)
    assert not told_in_app(house, person_id=known.person_id, template=DUE, values=VALUES)
    allowed(house, caller, times=2)
    said = [told_in_app(house, person_id=known.person_id, template=DUE, values=VALUES) for _ in range(3)]
    assert (said, channel.sent) == ([True, True, False], [f"oHerself {DUE}"] * 2)
    assert not told_in_app(house, person_id=known.person_id, template="loan.overdue", values=VALUES)
    for answer in (None, MessageRefused(code="no_quota")):
        channel.answer = answer
        allowed(house, caller, times=1)
        assert not told_in_app(house, person_id=known.person_id, template=DUE, values=VALUES), "so it goes by SMS"
    assert not told_in_app(house, person_id=known.person_id, template=DUE, values=VALUES), "each was spent"
    assert len(channel.sent) == 4


def test_nothing_is_counted_for_an_unknown_template_or_outside_of_wechat(world: OpenWorld) -> None:
    known = arrive(world)
    house = replace(world.house, subscribed=Told())  # type: ignore[arg-type]
    caller = caller_of(house, known)
    before = rows_of(house)
    for templates in ([], ["loan.other"], [DUE, "loan.other"]):
        with pytest.raises(MessageTemplateUnknown):
            accept_messages(house, caller=caller, templates=templates, key="one")
    with pytest.raises(NotInsideWechat):
        accept_messages(house, caller=caller, templates=[DUE], key="one")
    assert rows_of(house) == before


@pytest.fixture
def played() -> Iterator[tuple[Sandbox, WechatMessages, SettableClock]]:
    clock = SettableClock(start=START)
    with Sandbox(clock=clock.now, only=("wechat",)) as sandbox:
        given = sandbox.credentials["wechat"]
        with closing(Wire(base_url=given["base_url"])) as wire:
            application = WechatApplication(wire=wire, appid=given["appid"], secret=Personal(given["secret"]))
            yield sandbox, WechatMessages(application=application, clock=clock, templates={DUE: "tmpl-1"}), clock


def test_the_channel_fetches_its_token_once_and_again_when_it_is_over(
    played: tuple[Sandbox, WechatMessages, SettableClock],
) -> None:
    sandbox, channel, clock = played
    wechat = sandbox.control.wechat
    assert channel.send(login=HER, template=DUE, values=VALUES) == MessageRefused(code="no_quota")
    wechat.accept(openid=HER.reveal(), template_id="tmpl-1", times=3)
    assert channel.send(login=HER, template=DUE, values=VALUES) == MessageTaken()
    wechat.end_token()
    assert channel.send(login=HER, template=DUE, values=VALUES) == MessageTaken()
    clock.advance(timedelta(hours=3))
    assert channel.send(login=HER, template=DUE, values=VALUES) == MessageTaken()
    assert channel.send(login=HER, template=DUE, values=VALUES) == MessageRefused(code="no_quota")
    assert [each["data"] for each in wechat.messages(openid=HER.reveal())] == [{"amount": {"value": "12.30"}}] * 3
    sandbox.control.plan("wechat", "wechat.message", "lose_reply")
    with pytest.raises(ChannelSilent):
        channel.send(login=HER, template=DUE, values=VALUES)
