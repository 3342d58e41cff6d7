"""What every checker of the four elements must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.identity import FakeIdentity
from mingqu.domain.business import BusinessAnswer
from mingqu.domain.instrument import ElementsAnswer
from mingqu.domain.personal import Personal
from mingqu.ports.identity import BusinessElements, FourElements, IdentityChannel
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import CARD, ID_NUMBER, NAME, OTHER_CARD, OTHER_NAME, OTHER_PHONE, PHONE, number
from tests.contracts.sandbox import played

ELEMENTS = FourElements(request_number=number(1), name=NAME, id_number=ID_NUMBER, card_number=CARD, phone=PHONE)
CLOSED_CARD = Personal("6200001111111115")
FOREIGN_CARD = Personal("6200002222222229")

USCC, SHOP = Personal("92330106MA2ABCDE83"), Personal("西湖区知夏面馆")
BUSINESS = BusinessElements(request_number=number(2), uscc=USCC, business_name=SHOP, name=NAME, id_number=ID_NUMBER)


@dataclass(frozen=True)
class IdentityWorld:
    """A channel that knows ELEMENTS, a closed card and a card of a bank that takes no part."""

    channel: IdentityChannel
    meet: Callable[..., None]  # the next check meets this fault
    billed: Callable[[], int]


@contextmanager
def fake_identity() -> Iterator[IdentityWorld]:
    channel = FakeIdentity()
    channel.know(name=NAME, id_number=ID_NUMBER, card_number=CARD, phone=PHONE)
    channel.close_card(card_number=CLOSED_CARD)
    channel.leave_out(card_number=FOREIGN_CARD)
    channel.know_business(uscc=USCC, business_name=SHOP, name=NAME, id_number=ID_NUMBER)
    yield IdentityWorld(
        channel=channel,
        meet=lambda fault, call="identity.check": channel.faults.plan(call, fault),
        billed=lambda: channel.billed,
    )


@contextmanager
def gateway_identity() -> Iterator[IdentityWorld]:
    with played("identity") as here:
        control = here.sandbox.control
        book = control.bank.book
        control.identity.know_business(
            uscc=USCC.reveal(), business_name=SHOP.reveal(), name=NAME.reveal(), id_number=ID_NUMBER.reveal()
        )
        for card, fact in ((CLOSED_CARD, "closed = 1"), (FOREIGN_CARD, "supported = 0")):
            control.bank.open_card(
                number=card.reveal(),
                holder_name=NAME.reveal(),
                id_number=ID_NUMBER.reveal(),
                phone=PHONE.reveal(),
            )
            with book.writing():
                book.write(f"UPDATE card SET {fact} WHERE number = ?", (card.reveal(),))
        yield IdentityWorld(
            channel=here.there.identity,
            meet=lambda fault, call="identity.check": control.plan("identity", call, fault.value),
            billed=lambda: len(book.rows("SELECT 1 FROM identity_answer")),
        )


@pytest.fixture(params=[pytest.param(fake_identity, id="fake"), pytest.param(gateway_identity, id="gateway")])
def world(request: pytest.FixtureRequest) -> Iterator[IdentityWorld]:
    with request.param() as made:
        yield made


@pytest.mark.parametrize(
    ("elements", "answer"),
    [
        (ELEMENTS, ElementsAnswer.MATCH),
        (replace(ELEMENTS, name=OTHER_NAME), ElementsAnswer.MISMATCH),
        (replace(ELEMENTS, id_number=Personal("110105194912310011")), ElementsAnswer.MISMATCH),
        (replace(ELEMENTS, phone=OTHER_PHONE), ElementsAnswer.MISMATCH),
        (replace(ELEMENTS, card_number=OTHER_CARD), ElementsAnswer.MISMATCH),
        (replace(ELEMENTS, card_number=CLOSED_CARD), ElementsAnswer.CARD_CLOSED),
        (replace(ELEMENTS, card_number=FOREIGN_CARD), ElementsAnswer.NOT_SUPPORTED),
    ],
)
def test_only_four_elements_that_belong_together_match(
    world: IdentityWorld, elements: FourElements, answer: ElementsAnswer
) -> None:
    assert world.channel.check(elements) is answer


def test_a_check_whose_reply_was_lost_is_asked_again_under_its_number(world: IdentityWorld) -> None:
    world.meet(Fault.LOSE_REPLY)
    with pytest.raises(ChannelSilent):
        world.channel.check(ELEMENTS)
    assert world.channel.check(ELEMENTS) is ElementsAnswer.MATCH
    assert world.billed() == 1


@pytest.mark.parametrize(
    ("elements", "answer"),
    [
        (BUSINESS, BusinessAnswer.MATCH),
        (replace(BUSINESS, uscc=Personal("91110000600037341L")), BusinessAnswer.UNKNOWN),
        (replace(BUSINESS, business_name=Personal("西湖区知冬面馆")), BusinessAnswer.UNKNOWN),
        (replace(BUSINESS, name=OTHER_NAME), BusinessAnswer.NOT_LEGAL_PERSON),
        (replace(BUSINESS, id_number=Personal("110105194912310011")), BusinessAnswer.NOT_LEGAL_PERSON),
    ],
)
def test_a_business_is_its_legal_persons_and_nobody_elses(
    world: IdentityWorld, elements: BusinessElements, answer: BusinessAnswer
) -> None:
    assert world.channel.check_business(elements) is answer


def test_a_look_up_whose_reply_was_lost_is_asked_again_under_its_number(world: IdentityWorld) -> None:
    world.meet(Fault.LOSE_REPLY, "identity.business")
    with pytest.raises(ChannelSilent):
        world.channel.check_business(BUSINESS)
    assert world.channel.check_business(BUSINESS) is BusinessAnswer.MATCH
    assert world.billed() == 1
