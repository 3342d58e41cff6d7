"""Both key modes of WeChat Pay, and a change from one key to the next, against the sandbox."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization

from mingqu.channels.wechatpay.platform import FETCH_AGAIN_AFTER
from mingqu.domain.word import NotFound
from mingqu.ports.collection import HostedPage, HostedPaymentRequest
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import START, number
from tests.contracts.sandbox import Played, known_again, played

PAGE = HostedPaymentRequest(
    order_number=number(3), amount_fen=30_000, currency="CNY", expires_at=START + timedelta(hours=1)
)


def rotate(here: Played) -> None:
    here.sandbox.control.wechatpay.merchant.rotate(now=here.clock.now(), key_id="PUB_KEY_ID_02")


def test_certificates_are_fetched_and_a_new_one_is_found_when_it_signs() -> None:
    with played("wechatpay", mode="certificate") as here:
        assert isinstance(here.there.hosted.create(PAGE), HostedPage)
        here.clock.advance(FETCH_AGAIN_AFTER)
        rotate(here)
        assert here.there.hosted.ask(number(9)) == NotFound()


def test_a_public_key_that_was_not_given_to_us_proves_nothing_until_it_is() -> None:
    with played("wechatpay") as here:
        assert isinstance(here.there.hosted.create(PAGE), HostedPage)
        rotate(here)
        assert here.there.hosted.ask(number(9)) == NotFound(), "while both are valid, WeChat signs with the one we name"
        here.sandbox.control.wechatpay.merchant.end_rotation()
        with pytest.raises(ChannelSilent, match="unsigned"):
            here.there.hosted.ask(number(9))
        new = here.sandbox.control.wechatpay.merchant.keys[-1].private_key.public_key()
        pem = new.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        with known_again(here, next_keys={"PUB_KEY_ID_02": pem.decode()}) as there:
            assert there.hosted.ask(number(9)) == NotFound()


@pytest.mark.parametrize("mode", ["public_key", "certificate"])
def test_keys_change_while_questions_are_under_way_and_every_one_is_answered(mode: str) -> None:
    with played("wechatpay", mode=mode) as here:
        assert here.there.hosted.ask(number(9)) == NotFound()
        here.clock.advance(FETCH_AGAIN_AFTER)
        with ThreadPoolExecutor(max_workers=3) as pool:
            asked = [pool.submit(here.there.hosted.ask, number(9)) for _ in range(6)]
            rotate(here)
            asked += [pool.submit(here.there.hosted.ask, number(9)) for _ in range(6)]
            assert {repr(one.result()) for one in asked} == {repr(NotFound())}
