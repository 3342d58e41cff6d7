"""The bank and its neighbors do what the gateway protocol says, refuse what is not signed, and forget nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.unit.sandbox.house import CARD, ID_NUMBER, NAME, PHONE, House, playing

NUMBER = "a" * 32
PAYOUT = {"order_number": NUMBER, "amount_fen": 100, "currency": "CNY", "card_number": CARD, "holder_name": NAME}


@pytest.fixture
def house() -> Iterator[House]:
    with playing() as house:
        yield house


def pay_out(house: House, **change: object) -> httpx.Response:
    return house.gateway("bank", "POST", "/gateway/v1/payouts", {**PAYOUT, **change})


def test_a_payout_arrives_once_however_often_it_is_sent(house: House) -> None:
    first, again = pay_out(house), pay_out(house)
    assert first.json() == again.json()
    assert first.json()["state"] == "paid"
    assert house.sandbox.control.bank.balance_fen(number=CARD) == 100_100
    assert house.sandbox.control.moved() == {NUMBER: 100}


def test_the_same_number_with_another_body_is_taken(house: House) -> None:
    pay_out(house)
    assert pay_out(house, amount_fen=101).status_code == 409
    assert house.sandbox.control.moved() == {NUMBER: 100}


@pytest.mark.parametrize("spoil", ["body", "key"])
def test_what_was_changed_after_signing_is_refused_and_does_nothing(house: House, spoil: str) -> None:
    answer = house.gateway("bank", "POST", "/gateway/v1/payouts", PAYOUT, spoil=spoil)
    assert answer.status_code == 401
    assert answer.json()["code"] == {"body": "signature_wrong", "key": "key_unknown"}[spoil]
    assert house.sandbox.control.moved() == {}


@pytest.mark.parametrize("seconds", [-301, 301])
def test_what_was_signed_at_another_time_is_stale(house: House, seconds: int) -> None:
    created = int(house.clock.now.timestamp()) + seconds
    answer = house.gateway("bank", "POST", "/gateway/v1/payouts", PAYOUT, created=created)
    assert (answer.status_code, answer.json()["code"]) == (401, "stale")
    assert house.sandbox.control.moved() == {}


def test_a_nonce_is_good_once(house: House) -> None:
    for code in (None, "nonce_reused"):
        answer = house.gateway("bank", "POST", "/gateway/v1/payouts", PAYOUT, nonce="0" * 32)
        assert answer.json().get("code") == code


def test_every_answer_is_signed_errors_too_and_bound_to_its_request(house: House) -> None:
    stale = house.gateway("bank", "GET", f"/gateway/v1/orders/{NUMBER}", created=1)
    missing = house.gateway("bank", "GET", f"/gateway/v1/orders/{NUMBER}", nonce="1" * 32)
    malformed = house.gateway("bank", "POST", "/gateway/v1/payouts", {"order_number": 3})
    assert [one.status_code for one in (stale, missing, malformed)] == [401, 404, 400]
    assert all(house.verify("bank", one) for one in (stale, missing, malformed))
    assert f'nonce="{"1" * 32}"' in missing.headers["signature-input"]


@pytest.mark.parametrize(
    ("fault", "done"),
    [("lose_request", False), ("lose_reply", True), ("server_error", True), ("late", False), ("reorder", False)],
)
def test_a_fault_loses_the_answer_and_what_was_done_is_asked_for(house: House, fault: str, done: bool) -> None:
    house.sandbox.control.plan("bank", "payout.send", fault)
    if fault == "server_error":
        assert pay_out(house).status_code == 502
    else:
        with pytest.raises(httpx.RemoteProtocolError):
            pay_out(house)
    assert bool(house.sandbox.control.moved()) is done
    if fault == "reorder":
        house.gateway("bank", "GET", f"/gateway/v1/orders/{'b' * 32}")
        assert house.sandbox.control.moved() == {NUMBER: 100}
    if fault == "late":
        assert house.sandbox.control.deliver_late() == 1
        assert house.sandbox.control.moved() == {NUMBER: 100}


def test_an_answer_of_another_key_does_not_verify(house: House) -> None:
    house.sandbox.control.plan("bank", "payout.send", "wrong_signature")
    assert not house.verify("bank", pay_out(house))
    assert house.verify("bank", pay_out(house))


def test_a_duplicate_and_a_refusal_move_what_they_should(house: House) -> None:
    house.sandbox.control.plan("bank", "payout.send", "duplicate")
    assert pay_out(house).json()["state"] == "paid"
    assert house.sandbox.control.bank.balance_fen(number=CARD) == 100_100
    house.sandbox.control.plan("bank", "payout.send", "refuse")
    assert pay_out(house, order_number="b" * 32).json() == {
        "order_number": "b" * 32,
        "reference": pay_out(house, order_number="b" * 32).json()["reference"],
        "state": "refused",
        "code": "refused_by_bank",
    }


def test_an_agreement_takes_the_code_of_the_cards_phone_and_then_deducts(house: House) -> None:
    asked = {
        "agreement_number": NUMBER,
        "card_number": CARD,
        "holder_name": NAME,
        "id_number": ID_NUMBER,
        "phone": PHONE,
    }
    path = f"/gateway/v1/agreements/{NUMBER}/confirm"
    assert house.gateway("bank", "POST", "/gateway/v1/agreements", asked).json() == {"state": "code_sent"}
    code = house.sandbox.control.inbox.latest_code(phone=PHONE)
    wrong = f"{(int(str(code)) + 1) % 1_000_000:06d}"
    assert house.gateway("bank", "POST", path, {"code": wrong}).json() == {"state": "code_wrong", "tries_left": 4}
    agreed = house.gateway("bank", "POST", path, {"code": code}).json()
    deduction = {"order_number": "c" * 32, "currency": "CNY", "protocol_no": agreed["protocol_no"]}
    enough = house.gateway("bank", "POST", "/gateway/v1/deductions", {**deduction, "amount_fen": 100_000}).json()
    assert enough["state"] == "paid"
    deduction["order_number"] = "d" * 32
    none_left = house.gateway("bank", "POST", "/gateway/v1/deductions", {**deduction, "amount_fen": 1}).json()
    assert (none_left["state"], none_left["code"]) == ("refused", "insufficient_funds")
    assert house.sandbox.control.bank.balance_fen(number=CARD) == 0


def test_a_page_is_paid_once_or_expires(house: House) -> None:
    expires = (house.clock.now + timedelta(hours=1)).isoformat()
    for number in ("e" * 32, "f" * 32):
        asked = {"order_number": number, "amount_fen": 300, "currency": "CNY", "expires_at": expires}
        page = house.gateway("bank", "POST", "/gateway/v1/pages", asked).json()
        assert house.client.get(page["address"]).status_code == 200
    for _ in range(2):
        house.client.post(
            house.sandbox.credentials["bank"]["base_url"] + f"/pay/{'e' * 32}", data={"card_number": CARD}
        )
    assert house.sandbox.control.bank.balance_fen(number=CARD) == 99_700
    house.clock.advance(timedelta(hours=2))
    states = [house.gateway("bank", "GET", f"/gateway/v1/orders/{number}").json() for number in ("e" * 32, "f" * 32)]
    assert [state["state"] for state in states] == ["paid", "failed"]


def test_the_statement_of_a_day_holds_its_movements_alone(house: House) -> None:
    pay_out(house)
    house.clock.advance(timedelta(days=1))
    pay_out(house, order_number="b" * 32, amount_fen=200)
    lines = house.gateway("bank", "GET", "/gateway/v1/statement", query="date=2026-08-15").json()["lines"]
    assert [(line["order_number"], line["direction"], line["amount_fen"]) for line in lines] == [(NUMBER, "out", 100)]


def test_identity_and_bureau_answer_a_number_once(house: House) -> None:
    elements = {"request_number": NUMBER, "name": NAME, "id_number": ID_NUMBER, "card_number": CARD, "phone": PHONE}
    for _ in range(2):
        assert house.gateway("identity", "POST", "/identity/v1/four-elements", elements).json() == {"answer": "match"}
    other = {**elements, "request_number": "b" * 32, "name": "别人"}
    assert house.gateway("identity", "POST", "/identity/v1/four-elements", other).json() == {"answer": "mismatch"}
    query = {
        "query_number": NUMBER,
        "consent_id": "x",
        "purpose": "loan_approval",
        "name": NAME,
        "id_number": ID_NUMBER,
    }
    told = house.gateway("bureau", "POST", "/bureau/v1/queries", query).json()
    assert (told["state"], told["features"], told["as_of"]) == ("report", {"lenders": 2}, "2026-08-15")


def test_the_books_outlive_the_process(tmp_path: Path) -> None:
    with playing(folder=tmp_path) as house:
        before = pay_out(house).json()
        keys = house.sandbox.credentials["bank"]
    with playing(folder=tmp_path) as house:
        assert house.sandbox.credentials["bank"] == keys, "keys and ports are those of before"
        assert pay_out(house).json() == before
        assert house.sandbox.control.bank.balance_fen(number=CARD) == 100_100


def test_the_knobs_are_turned_over_http_as_well(house: House) -> None:
    knobs = house.sandbox.credentials["control"]["bank"]
    assert house.client.post(f"{knobs}/faults", json={"call": "payout.send", "fault": "server_error"}).json() == {
        "done": True
    }
    assert pay_out(house).status_code == 502
    assert house.client.get(f"{knobs}/moved").json() == {NUMBER: 100}
    assert house.client.post(f"{knobs}/faults", json={"call": "x", "fault": "flood"}).status_code == 400
    assert "故障旋钮" in house.client.get(knobs).text
    assert house.client.post(f"{knobs}/clock", json={"now": "2026-09-01T00:00:00Z"}).json() == {"done": True}
    assert house.client.get(f"{knobs}/clock").json() == {"now": "2026-09-01T00:00:00.000000Z", "stands": True}
