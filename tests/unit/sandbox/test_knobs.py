"""Knobs: each does what its page says, at each counterparty, and obeys this machine alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from mingqu.sandbox.control_names import CALLS
from mingqu.sandbox.faults import Fault
from tests.unit.sandbox.house import CARD, ID_NUMBER, NAME, PHONE, House, playing

MESSAGE = {"message_number": "a" * 32, "kind": "notice", "phone": PHONE, "template": "due", "values": {"day": "15"}}
ELEMENTS = {"request_number": "a" * 32, "name": NAME, "id_number": ID_NUMBER, "card_number": CARD, "phone": PHONE}
QUERY = {
    "query_number": "a" * 32,
    "consent_id": "c1",
    "purpose": "loan_approval",
    "name": NAME,
    "id_number": ID_NUMBER,
}
PAYOUT = {"order_number": "a" * 32, "amount_fen": 100, "currency": "CNY", "card_number": CARD, "holder_name": NAME}
PATHS = {
    "bank": ("/gateway/v1/payouts", PAYOUT),
    "sms": ("/sms/v1/messages", MESSAGE),
    "identity": ("/identity/v1/four-elements", ELEMENTS),
    "bureau": ("/bureau/v1/queries", QUERY),
}


@pytest.fixture
def house() -> Iterator[House]:
    with playing(tells=False) as house:
        yield house


def ask(house: House, party: str, **change: object) -> httpx.Response:
    path, body = PATHS[party]
    return house.gateway(party, "POST", path, {**body, **change})


def turn(house: House, party: str, name: str, **asked: Any) -> Any:
    answer = house.client.post(f"{house.sandbox.credentials['control'][party]}/{name}", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("party", PATHS)
def test_a_number_has_one_body_and_one_answer_everywhere(house: House, party: str) -> None:
    house.sandbox.control.misbehave(party, {"duplicate": 1_000_000})
    first = ask(house, party)
    assert ask(house, party).json() == first.json()
    other = {"bank": {"amount_fen": 1}, "sms": {"template": "other"}}.get(party, {"name": "别人"})
    taken = ask(house, party, **other)
    assert (taken.status_code, taken.json()) == (409, {"code": "number_taken"})
    assert house.verify(party, taken)


@pytest.mark.parametrize(
    ("party", "said"),
    [
        ("sms", {"state": "refused", "code": "number_unreachable"}),
        ("identity", {"answer": "not_supported"}),
    ],
)
def test_an_explicit_no_is_for_good(house: House, party: str, said: dict[str, str]) -> None:
    house.sandbox.control.plan(party, "*", "refuse")
    assert [ask(house, party).json() for _ in range(2)] == [said, said]


def test_a_message_ends_in_the_inbox_once_unless_phone_or_template_is_wrong(house: House) -> None:
    turn(house, "sms", "phone", phone=PHONE)
    assert ask(house, "sms").json() == {"state": "refused", "code": "number_unreachable"}
    turn(house, "sms", "phone", phone=PHONE, blocked=False)
    turn(house, "sms", "templates", templates=["due"])
    assert ask(house, "sms", message_number="b" * 32, template="x").json()["code"] == "template_unknown"
    for _ in range(2):
        assert ask(house, "sms", message_number="c" * 32).json() == {"state": "taken"}
    knobs = house.sandbox.credentials["control"]["sms"]
    (message,) = house.client.get(f"{knobs}/inbox", params={"phone": PHONE}).json()
    assert (message["template"], message["content"]) == ("due", {"day": "15"})
    assert "due" in house.client.get(house.sandbox.credentials["sms"]["base_url"]).text


def test_identity_and_bureau_say_what_the_knobs_let_them_know(house: House) -> None:
    turn(house, "identity", "card", card_number=CARD, closed=True)
    assert ask(house, "identity").json() == {"answer": "card_closed"}
    assert ask(house, "identity").json() == {"answer": "card_closed"}, "also after the card is open again"
    turn(house, "identity", "card", card_number=CARD, supported=False)
    assert ask(house, "identity", request_number="b" * 32).json() == {"answer": "not_supported"}
    assert ask(house, "bureau", consent_id="").json() == {"state": "refused", "code": "consent_missing"}
    assert ask(house, "bureau", purpose="curiosity").json()["code"] == "purpose_unknown"
    assert ask(house, "bureau", id_number="x").json() == {"state": "not_covered"}


def test_a_late_request_arrives_when_its_time_has_come(house: House) -> None:
    turn(house, "bank", "faults", call="payout.send", fault="late", seconds=60)
    with pytest.raises(httpx.RemoteProtocolError):
        ask(house, "bank")
    house.clock.advance(timedelta(seconds=59))
    house.sandbox.control.deliver_due()
    assert house.sandbox.control.moved() == {}
    house.clock.advance(timedelta(seconds=1))
    house.sandbox.control.deliver_due()
    assert house.sandbox.control.moved() == {"a" * 32: 100}
    assert house.sandbox.control.deliver_late() == 0


def test_a_slow_answer_takes_as_long_as_it_was_told(house: House) -> None:
    house.sandbox.control.plan("bank", "payout.send", "slow", seconds=0.3)
    began = time.monotonic()
    assert ask(house, "bank").json()["state"] == "paid"
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("fault", [fault.value for fault in Fault])
def test_no_fault_makes_wechat_pay_take_one_number_for_two_orders(house: House, fault: str) -> None:
    seconds = 0.0 if fault == "slow" else None
    house.sandbox.control.plan("wechatpay", "wechatpay.prepay", fault, seconds=seconds)
    number, done = "R" * 32, fault not in ("lose_request", "refuse", "late", "reorder")
    if fault in ("lose_request", "lose_reply", "late", "reorder"):
        with pytest.raises(httpx.RemoteProtocolError):
            house.prepay(number)
    else:
        answer = house.prepay(number)
        assert answer.status_code == {"refuse": 403, "server_error": 502}.get(fault, 200)
        assert house.verify_wechatpay_if_signed(answer) is (fault not in ("server_error", "wrong_signature"))
    assert (house.sandbox.control.wechatpay.pay(out_trade_no=number) == "SUCCESS") is done
    house.sandbox.control.deliver_late()
    assert house.prepay(number, total=200).status_code == (200 if fault in ("lose_request", "refuse") else 400)


def test_wechat_pay_refuses_what_moves_money_and_no_question(house: House) -> None:
    house.sandbox.control.misbehave("wechatpay", {"refuse": 1_000_000})
    number, mchid = "R" * 32, house.sandbox.credentials["wechatpay"]["mchid"]
    refund = {"out_trade_no": number, "out_refund_no": "B1", "amount": {"refund": 1, "total": 100, "currency": "CNY"}}
    said = [
        house.prepay(number),
        house.wechatpay("POST", "/v3/refund/domestic/refunds", refund),
        house.wechatpay("GET", f"/v3/pay/transactions/out-trade-no/{number}?mchid={mchid}"),
    ]
    assert [(one.status_code, one.json()["code"]) for one in said] == [
        (403, "RULE_LIMIT"),
        (403, "NOT_ENOUGH"),
        (404, "ORDER_NOT_EXIST"),
    ]


def test_the_same_seed_gives_the_same_faults_and_healing_ends_them(house: House) -> None:
    statuses = []
    for _ in range(2):
        with playing(tells=False, seed=7) as other:
            other.sandbox.control.misbehave("sms", {"server_error": 500_000})
            said = [ask(other, "sms", message_number=f"{index:032x}").status_code for index in range(20)]
            other.sandbox.control.heal()
            assert ask(other, "sms", message_number="f" * 32).status_code == 200
            statuses.append(said)
    assert statuses[0] == statuses[1]
    assert set(statuses[0]) == {200, 502}


@pytest.mark.parametrize("party", CALLS)
def test_the_page_of_knobs_names_every_call_and_shows_the_book(house: House, party: str) -> None:
    knobs = house.sandbox.credentials["control"][party]
    page = house.client.get(knobs).text
    assert all(f'value="{call}"' in page for call in CALLS[party])
    assert "<h2>" in page
    assert house.client.get(f"{knobs}/faults").json()["calls"] == list(CALLS[party])
    assert isinstance(house.client.get(f"{knobs}/book").json(), dict)


def test_json_is_read_under_whatever_type_it_comes(house: House) -> None:
    knobs, headers = house.sandbox.credentials["control"]["bank"], {"content-type": "application/x-www-form-urlencoded"}
    asked = b'{"call": "payout.send", "fault": "lose_reply"}'
    assert house.client.post(f"{knobs}/faults", content=asked, headers=headers).json() == {"done": True}
    assert house.sandbox.control.faults["bank"].planned() == {"payout.send": ["lose_reply"]}


def test_every_knob_can_be_turned_on_the_page(house: House) -> None:
    knobs = house.sandbox.credentials["control"]["bank"]
    form = {"knob": "deposit", "json": f'{{"card_number": "{CARD}", "amount_fen": 250}}'}
    assert house.client.post(f"{knobs}/do", data=form).status_code == 303
    assert house.sandbox.control.bank.balance_fen(number=CARD) == 100_250
    assert house.client.post(f"{knobs}/do", data={"knob": "do", "json": "{}"}).status_code == 400
    assert CARD in house.client.get(knobs).text


@pytest.mark.parametrize(
    "asked",
    [
        {"call": "payout.sent", "fault": "slow"},
        {"call": "*", "fault": "flood"},
        {"call": "*", "fault": "slow", "times": 1_000_000},
        {"rates": {"slow": 2_000_000}},
        [],
    ],
)
def test_a_knob_that_does_not_exist_is_refused_and_plans_nothing(house: House, asked: Any) -> None:
    knobs = house.sandbox.credentials["control"]["bank"]
    assert house.client.post(f"{knobs}/faults", json=asked).status_code == 400
    told = house.client.get(f"{knobs}/faults").json()
    assert (told["planned"], told["rates"]) == ({}, {})


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_a_page_from_elsewhere_turns_no_knob(house: House, headers: dict[str, str]) -> None:
    knobs = house.sandbox.credentials["control"]["bank"]
    asked = {"card_number": CARD, "amount_fen": 100}
    assert house.client.post(f"{knobs}/deposit", json=asked, headers=headers).status_code == 403
    assert house.sandbox.control.bank.balance_fen(number=CARD) == 100_000
