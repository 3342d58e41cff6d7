"""Signing in and paying from inside WeChat."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from mingqu.demo.people import XIA
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.loan import Intent
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.order import OrderKind, OrderState
from mingqu.domain.personal import Personal
from mingqu.domain.word import Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import HostedPage, HostedPaymentRequest
from mingqu.ports.login import LoggedIn, LoginRefused
from mingqu.ports.silence import ChannelSilent
from mingqu.services.orders.run_errand import Payer
from mingqu.services.people.sign_in import send_code
from mingqu.services.people.sign_in_with_wechat import (
    WechatCodeWrong,
    WechatLoginBlocked,
    WechatLoginSilent,
    sign_in_with_wechat,
)
from mingqu.services.people.verify_identity import verify_identity
from mingqu.services.privacy.give_consent import give_consent
from mingqu.services.repayment.repay import open_page, repay_by_hand
from mingqu.services.run_due_work import run_due_work
from tests.journeys.reading import arrive, assert_coherent, borrow, orders_of, rows_of
from tests.world import OpenWorld

OPENID = Personal("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")


@dataclass
class Doorkeeper:
    """Knows codes, as WeChat does."""

    codes: dict[str, LoggedIn | LoginRefused] = field(default_factory=dict)

    def exchange(self, *, code: Personal[str]) -> LoggedIn | LoginRefused:
        if code.reveal() not in self.codes:
            raise ChannelSilent(reason="timeout")
        return self.codes[code.reveal()]


KEEPER = Doorkeeper(
    codes={
        "one": LoggedIn(subject=OPENID),
        "same": LoggedIn(subject=OPENID),
        "other": LoggedIn(subject=Personal("oAnother")),
        "old": LoginRefused(code="code_wrong"),
        "used": LoginRefused(code="code_used"),
        "risky": LoginRefused(code="high_risk"),
    }
)


def test_an_openid_leads_to_one_person_and_another_openid_to_another(world: OpenWorld) -> None:
    first = sign_in_with_wechat(world.house, channel=KEEPER, code=Personal("one"))
    assert sign_in_with_wechat(world.house, channel=KEEPER, code=Personal("same")) == first
    assert sign_in_with_wechat(world.house, channel=KEEPER, code=Personal("other")) != first


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("old", WechatCodeWrong),
        ("used", WechatCodeWrong),
        ("risky", WechatLoginBlocked),
        ("silence", WechatLoginSilent),
    ],
)
def test_whom_wechat_does_not_vouch_for_is_nobody(world: OpenWorld, code: str, refusal: type[Exception]) -> None:
    before = rows_of(world.house)
    with pytest.raises(refusal):
        sign_in_with_wechat(world.house, channel=KEEPER, code=Personal(code))
    assert rows_of(world.house) == before


def test_a_login_by_wechat_leads_to_the_person_of_the_phone_once_they_prove_who_they_are(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    stranger = sign_in_with_wechat(house, channel=KEEPER, code=Personal("one"))
    assert stranger != known.person_id
    give_consent(house, person_id=stranger, purpose=ConsentPurpose.REAL_NAME_VERIFICATION, recipient=None, key="k")
    world.go_to(house.clock.now() + timedelta(minutes=2))
    send_code(house, phone=XIA.phone, purpose=CodePurpose.VERIFY_IDENTITY)
    proved = verify_identity(
        house,
        person_id=stranger,
        request_id=house.id_for(stranger),
        name=XIA.name,
        id_number=XIA.id_number,
        phone=XIA.phone,
        card_number=XIA.card_number,
        digits=world.read_code(XIA.phone),
    )
    assert proved.person_id == known.person_id
    assert sign_in_with_wechat(house, channel=KEEPER, code=Personal("one")) == known.person_id


@dataclass
class OpenPages:
    """A hosted channel whose pages stay open until they are closed, and which remembers who asked for them."""

    asked: list[HostedPaymentRequest] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)

    @property
    def resend_is_safe(self) -> bool:
        return True

    @property
    def unopened_page_ends(self) -> bool:
        """Return False: the payment is made when its page is."""
        return False

    def create(self, request: HostedPaymentRequest) -> HostedPage | Refused | NumberTaken:
        self.asked.append(request)
        return HostedPage(address="", handover={"paySign": "…"})

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        return Failed(code="closed") if order_number in self.closed else InProgress()

    def close_page(self, order_number: str) -> None:
        self.closed.add(order_number)


def test_whoever_makes_the_page_names_the_same_payer_and_an_expired_page_is_closed(world: OpenWorld) -> None:
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    pages = OpenPages()
    house = replace(world.house, hosted=pages)
    page = repay_by_hand(
        house,
        person_id=known.person_id,
        loan_id=loan_id,
        intent=Intent.DUE,
        amount_fen=5_000,
        payer=Payer(login=OPENID, address=Personal("203.0.113.9")),
        key="k",
    )
    first = open_page(house, person_id=known.person_id, order_id=page.order_id)
    assert first.handover == {"paySign": "…"}
    assert [(each.payer_login, each.payer_address) for each in pages.asked] == [
        (OPENID, Personal("203.0.113.9"))
    ] * len(pages.asked)

    world.go_to(house.clock.now() + timedelta(minutes=59))
    run_due_work(house)
    assert pages.closed == set(), "a person may still pay"
    world.go_to(house.clock.now() + timedelta(minutes=62))
    run_due_work(house)
    assert pages.closed == {page.order_id.hex}
    (ended,) = orders_of(house, loan_id, OrderKind.COLLECTION)
    assert (ended.state, ended.refusal_code) == (OrderState.FAILED, "closed")
    assert_coherent(house)


def test_the_payers_openid_is_in_no_table_as_it_is(world: OpenWorld) -> None:
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    repay_by_hand(
        world.house,
        person_id=known.person_id,
        loan_id=loan_id,
        intent=Intent.DUE,
        amount_fen=5_000,
        payer=Payer(login=OPENID),
        key="k",
    )
    told = repr(rows_of(world.house))
    assert OPENID.reveal() not in told
    assert OPENID.reveal().encode().hex() not in told
