"""WeChat sign-in: a code is good once, for five minutes, for whoever chose to give it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mingqu.sandbox.wechat import EXCHANGES_A_MINUTE_MAX
from tests.unit.sandbox.house import House, playing

BACK = "http://127.0.0.1:9/signed-in?from=wechat"
OPENID = "oPerson00000000000000000000A"


@pytest.fixture
def house() -> Iterator[House]:
    with playing(only=("wechat",)) as house:
        house.sandbox.control.wechat.know(openid=OPENID, nickname="林知夏")
        yield house


def authorize(house: House, **change: str) -> Any:
    given = house.sandbox.credentials["wechat"]
    asked = {
        "appid": given["appid"],
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "snsapi_base",
        "state": "s 1&",
        **change,
    }
    return house.client.get(given["authorize_url"], params=asked)


def exchange(house: House, code: str, **change: str) -> Any:
    given = house.sandbox.credentials["wechat"]
    asked = {"appid": given["appid"], "secret": given["secret"], "code": code, "grant_type": "authorization_code"}
    return house.client.get(f"{given['base_url']}/sns/oauth2/access_token", params={**asked, **change}).json()


def session(house: House) -> Any:
    given = house.sandbox.credentials["wechat"]
    code = house.sandbox.control.wechat.new_code(openid=OPENID)
    asked = {"appid": given["appid"], "secret": given["secret"], "js_code": code, "grant_type": "authorization_code"}
    return house.client.get(f"{given['base_url']}/sns/jscode2session", params=asked).json()


def test_the_page_offers_everybody_and_sends_the_chosen_one_back_with_a_code(house: House) -> None:
    assert "林知夏" in authorize(house).text
    sent = urlsplit(authorize(house, **{"as": OPENID}).headers["location"])
    query = parse_qs(sent.query)
    assert (query["from"], query["state"]) == (["wechat"], ["s 1&"])
    (code,) = query["code"]
    assert exchange(house, code, secret="0" * 32)["errcode"] == 40125
    assert exchange(house, code, appid="wx0")["errcode"] == 40013
    told = exchange(house, code)
    assert (told["openid"], told["scope"], told["expires_in"]) == (OPENID, "snsapi_base", 7200)
    assert exchange(house, code)["errcode"] == 40029, "a code is good once"


def test_a_code_is_good_for_five_minutes(house: House) -> None:
    codes = [house.sandbox.control.wechat.new_code(openid=OPENID) for _ in range(2)]
    house.clock.advance(timedelta(minutes=5))
    assert exchange(house, codes[0])["openid"] == OPENID
    house.clock.advance(timedelta(seconds=1))
    assert exchange(house, codes[1])["errcode"] == 40029


@pytest.mark.parametrize("change", [{"appid": "wx0"}, {"response_type": "token"}])
def test_a_link_that_is_not_right_is_refused(house: House, change: dict[str, str]) -> None:
    assert authorize(house, **change).status_code == 400


@pytest.mark.parametrize("back", ["javascript:alert(1)", "httpx://elsewhere/", "/inside"])
def test_nobody_is_sent_to_an_address_that_is_none(house: House, back: str) -> None:
    assert "location" not in authorize(house, redirect_uri=back, **{"as": OPENID}).headers


def test_mini_programs_get_a_session_but_not_for_a_risk_and_not_too_often(house: House) -> None:
    assert session(house)["openid"] == OPENID
    house.sandbox.control.wechat.know(openid=OPENID, nickname="林知夏", blocked=True)
    assert session(house)["errcode"] == 40226
    house.sandbox.control.wechat.know(openid=OPENID, nickname="林知夏")
    answers = [session(house) for _ in range(EXCHANGES_A_MINUTE_MAX)]
    assert [one.get("errcode") for one in answers] == [None] * (EXCHANGES_A_MINUTE_MAX - 2) + [45011] * 2
    house.clock.advance(timedelta(minutes=1, seconds=1))
    assert session(house)["openid"] == OPENID
