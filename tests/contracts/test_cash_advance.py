"""What every card-issuing bank must do to whom people are sent, and what its signed words are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.channels.fake.cash_advance import FakeCashAdvance
from mingqu.domain.cash_advance import ReferralState, Repayment, Wish
from mingqu.domain.personal import Personal
from mingqu.ports.cash_advance import (
    CardHolder,
    CashAdvanceBank,
    NotKnown,
    PageOpened,
    ReferralDeclined,
    ReferralRequest,
    Standing,
)
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import CARD, ID_NUMBER, NAME, PHONE, number
from tests.contracts.sandbox import Played, played

REQUEST = ReferralRequest(
    number=number(1),
    bank="qinghe",
    wish=Wish(amount_fen=500_000, repayment=Repayment.SINGLE, months=1),
    consent_id=number(2),
    holder=CardHolder(name=NAME, id_number=ID_NUMBER, phone=PHONE, debit_card=CARD),
)


@dataclass(frozen=True)
class BankWorld:
    """A bank, and what happens on its pages."""

    channel: CashAdvanceBank
    apply: Callable[[str, int], str]  # on the page of a way, for an amount; returns what the browser brings back
    lose_reply: Callable[[], None]


@contextmanager
def fake_bank() -> Iterator[BankWorld]:
    bank = FakeCashAdvance()

    def apply(way: str, amount_fen: int) -> str:
        found = way.rpartition("=")[2]
        bank.say(number=found, standing=Standing(state=ReferralState.PAID, amount_fen=amount_fen))
        return found

    def lose() -> None:
        bank.silent = 1

    yield BankWorld(channel=bank, apply=apply, lose_reply=lose)


@contextmanager
def gateway_bank() -> Iterator[BankWorld]:
    with played("issuer") as here:
        yield BankWorld(
            channel=here.there.issuers["qinghe"],
            apply=at_page,
            lose_reply=lambda: here.sandbox.control.plan("issuer", "issuer.refer", "lose_reply"),
        )


def at_page(way: str, amount_fen: int) -> str:
    with httpx.Client() as browser:
        assert browser.get(way).is_success
        answer = browser.post(way, data={"choice": "apply", "amount": str(amount_fen // 100)})
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))["result"]


@pytest.fixture(params=[pytest.param(fake_bank, id="fake"), pytest.param(gateway_bank, id="gateway")])
def world(request: pytest.FixtureRequest) -> Iterator[BankWorld]:
    with request.param() as opened:
        yield opened


def opened(world: BankWorld) -> PageOpened:
    said = world.channel.refer(REQUEST)
    assert isinstance(said, PageOpened)
    return said


def test_a_referral_opens_a_page_and_the_same_again_is_the_same_page(world: BankWorld) -> None:
    assert isinstance(world.channel.ask(number=REQUEST.number), NotKnown)
    first = opened(world)
    assert opened(world) == first
    assert world.channel.ask(number=REQUEST.number) == Standing(state=ReferralState.REFERRED)


def test_a_number_with_another_body_is_no_answer(world: BankWorld) -> None:
    opened(world)
    with pytest.raises(ChannelSilent):
        world.channel.refer(replace(REQUEST, wish=replace(REQUEST.wish, amount_fen=600_000)))


def test_a_lost_reply_is_asked_for_again_under_the_same_number(world: BankWorld) -> None:
    world.lose_reply()
    with pytest.raises(ChannelSilent):
        world.channel.refer(REQUEST)
    opened(world)


def test_what_the_browser_brings_back_is_what_the_bank_says_when_asked(world: BankWorld) -> None:
    way = world.channel.way_to(number=REQUEST.number, address=opened(world).address)
    result = world.apply(way, 500_000)
    paid = Standing(state=ReferralState.PAID, amount_fen=500_000)
    assert world.channel.read_return(result=result) == (REQUEST.number, paid)
    assert world.channel.ask(number=REQUEST.number) == paid
    assert world.channel.read_return(result=f"x{result}") is None


@pytest.fixture(scope="module")
def issuer() -> Iterator[Played]:
    with played("issuer", balance_fen=0) as here:
        yield here


def test_the_bank_pays_nobody_but_the_holder_of_the_debit_card(issuer: Played) -> None:
    bank = issuer.there.issuers["qinghe"]
    for place, holder in enumerate(
        (replace(REQUEST.holder, name=Personal("另一人")), replace(REQUEST.holder, debit_card=Personal("6" * 16)))
    ):
        said = bank.refer(replace(REQUEST, number=number(10 + place), holder=holder))
        assert said == ReferralDeclined(code="holder_mismatch")


def test_nobody_is_let_in_without_our_word_or_with_that_of_another_referral(issuer: Played) -> None:
    bank = issuer.there.issuers["qinghe"]
    first, second = replace(REQUEST, number=number(20)), replace(REQUEST, number=number(21))
    pages = [bank.refer(one) for one in (first, second)]
    assert all(isinstance(one, PageOpened) for one in pages)
    addresses = [one.address for one in pages if isinstance(one, PageOpened)]
    foreign = bank.way_to(number=second.number, address=addresses[0])
    with httpx.Client() as browser:
        assert [browser.get(one).status_code for one in (addresses[0], foreign, f"{addresses[0]}?token=a.b")] == [
            403
        ] * 3


@pytest.fixture(scope="module")
def token(issuer: Played) -> str:
    bank = issuer.there.issuers["qinghe"]
    request = replace(REQUEST, number=number(30), wish=replace(REQUEST.wish, amount_fen=100_000))
    page = bank.refer(request)
    assert isinstance(page, PageOpened)
    return at_page(bank.way_to(number=request.number, address=page.address), 100_000)


@given(data=st.data())
def test_any_changed_letter_of_a_result_makes_it_nobodys(issuer: Played, token: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_.").filter(lambda one: one != token[place]))
    changed = token[:place] + other + token[place + 1 :]
    found = issuer.there.issuers["qinghe"].read_return(result=changed)
    # The last letter of a part may carry bits that mean nothing: then it is the same word, and no other.
    assert found in (None, (number(30), Standing(state=ReferralState.PAID, amount_fen=100_000)))
    if place not in (token.index(".") - 1, len(token) - 1):
        assert found is None
