"""What we say over the gateway protocol is signed as its page says, and only its final words are taken for final."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from cryptography.exceptions import InvalidSignature

from mingqu.channels.gateway.bank import GatewayBank
from mingqu.channels.gateway.bureau import GatewayBureau
from mingqu.channels.gateway.identity import GatewayIdentity
from mingqu.channels.gateway.sms import GatewaySms
from mingqu.domain.instrument import ElementsAnswer
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.bureau import BureauQuery, BureauReport, NotCovered, QueryRefused
from mingqu.ports.collection import Agreed, CodeWrong, HostedPage, HostedPaymentRequest
from mingqu.ports.identity import FourElements
from mingqu.ports.payout import PayoutRequest
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import Message, MessageKind, MessageRefused, MessageTaken
from tests.contracts.people import CARD, ID_NUMBER, NAME, PHONE, START, number
from tests.unit.channels.gateway_party import OURS, STRANGER, Counterparty, digest

REQUEST = PayoutRequest(
    order_number=number(1), amount_fen=1_050_000, currency="CNY", card_number=CARD, holder_name=NAME
)
ORDER = {"order_number": number(1), "state": "accepted", "reference": "B1"}
PAID = {
    **ORDER,
    "state": "paid",
    "succeeded_at": "2026-08-15T02:00:05Z",
    "amount_fen": 1_050_000,
    "currency": "CNY",
}
PAID_WORD = Paid(at=START + timedelta(seconds=5), amount_fen=1_050_000, currency="CNY", reference="B1")


def answering(status: int, value: object) -> Counterparty:
    return Counterparty(say=lambda request: (status, value))


def silence_of(call: Callable[[], object]) -> str:
    with pytest.raises(ChannelSilent) as silence:
        call()
    told = "".join(traceback.format_exception(silence.value))
    for personal in (CARD, NAME, ID_NUMBER, PHONE):
        assert personal.reveal() not in told
    return silence.value.reason


def test_the_signed_bytes_are_the_lines_of_the_page_and_the_bytes_sent() -> None:
    there = answering(200, ORDER)
    GatewayBank(party=there.party()).send(REQUEST)
    (request,) = there.heard
    created = int(START.timestamp())
    parameters = (
        f'("@method" "@path" "@query" "content-digest");created={created};keyid="house-1"'
        f';nonce="{1:032x}";alg="ed25519"'
    )
    lines = (
        '"@method": POST\n"@path": /gateway/v1/payouts\n"@query": ?\n'
        f'"content-digest": {digest(request.content)}\n"@signature-params": {parameters}'
    )
    assert request.headers["signature-input"] == f"sig1={parameters}"
    signature = base64.b64decode(request.headers["signature"].removeprefix("sig1=:").removesuffix(":"))
    OURS.public_key().verify(signature, lines.encode())
    with pytest.raises(InvalidSignature):
        OURS.public_key().verify(signature, lines.replace("payouts", "pages").encode())
    assert json.loads(request.content) == {
        "order_number": number(1),
        "amount_fen": 1_050_000,
        "currency": "CNY",
        "card_number": CARD.reveal(),
        "holder_name": NAME.reveal(),
    }


def test_a_query_is_signed_as_it_is_sent_and_no_body_has_the_digest_of_no_bytes() -> None:
    there = answering(200, {"date": "2026-08-15", "lines": []})
    assert list(GatewayBank(party=there.party()).statement(date(2026, 8, 15))) == []
    (request,) = there.heard
    assert request.url.raw_path == b"/gateway/v1/statement?date=2026-08-15"
    assert request.headers["content-digest"] == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    parameters = request.headers["signature-input"].removeprefix("sig1=")
    lines = (
        '"@method": GET\n"@path": /gateway/v1/statement\n"@query": ?date=2026-08-15\n'
        f'"content-digest": {request.headers["content-digest"]}\n"@signature-params": {parameters}'
    )
    signature = base64.b64decode(request.headers["signature"].removeprefix("sig1=:").removesuffix(":"))
    OURS.public_key().verify(signature, lines.encode())


@pytest.mark.parametrize(
    ("said", "after_send", "after_question"),
    [
        (ORDER, Accepted(reference="B1"), InProgress()),
        ({**ORDER, "state": "in_progress"}, Accepted(reference="B1"), InProgress()),
        (PAID, PAID_WORD, PAID_WORD),
        ({**ORDER, "state": "refused", "code": "expired"}, Refused(code="expired"), Failed(code="expired")),
        ({**ORDER, "state": "failed", "code": "expired"}, Refused(code="expired"), Failed(code="expired")),
    ],
)
def test_each_state_of_an_order_is_one_word(said: object, after_send: object, after_question: object) -> None:
    bank = GatewayBank(party=answering(200, said).party())
    assert bank.send(REQUEST) == after_send
    assert bank.ask(number(1)) == after_question


@pytest.mark.parametrize(
    ("status", "value", "reason"),
    [
        (200, {**ORDER, "order_number": number(2)}, "unreadable"),  # another order
        (200, {**ORDER, "state": "perhaps"}, "unreadable"),
        (200, {**ORDER, "mood": "good"}, "unreadable"),  # a field the page does not name
        (200, {key: value for key, value in PAID.items() if key != "succeeded_at"}, "unreadable"),
        (200, {key: value for key, value in PAID.items() if key != "amount_fen"}, "unreadable"),
        (200, {**PAID, "amount_fen": 0}, "unreadable"),
        (200, {**PAID, "amount_fen": 10**20}, "unreadable"),
        (200, {**PAID, "amount_fen": 1050000.5}, "unreadable"),
        (200, {**PAID, "succeeded_at": "2026-08-15T02:00:05"}, "unreadable"),  # a moment without its zone
        (200, {**ORDER, "state": "refused"}, "unreadable"),  # final, and does not say why
        (200, b"", "unreadable"),
        (200, b'{"state": "\xff"}', "unreadable"),
        (200, b"[" * 60_000, "unreadable"),
        (200, b"x" * 70_000, "unreadable"),
        (302, ORDER, "unreadable"),
        (202, ORDER, "unreadable"),
        (400, {"code": "malformed"}, "rejected"),
        (401, {"code": "stale"}, "rejected"),
        (429, {"code": "too_many"}, "busy"),
        (500, {"state": "failed"}, "server_error"),
        (503, b"<html>", "server_error"),
    ],
)
def test_what_is_not_final_word_for_word_is_silence(status: int, value: object, reason: str) -> None:
    bank = GatewayBank(party=answering(status, value).party())
    assert silence_of(lambda: bank.send(REQUEST)) == reason
    assert silence_of(lambda: bank.ask(number(1))) == reason


def test_an_unknown_number_is_not_found_and_a_taken_one_is_neither_done_nor_failed() -> None:
    assert GatewayBank(party=answering(404, {"code": "not_found"}).party()).ask(number(1)) == NotFound()
    assert GatewayBank(party=answering(409, {"code": "number_taken"}).party()).send(REQUEST) == NumberTaken()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda there: replace(there, key=STRANGER),
        lambda there: replace(there, key_id="bank-2"),
        lambda there: replace(there, nonce=f"{7:032x}"),
        lambda there: replace(there, covered='"@status"'),
        lambda there: replace(there, skew_seconds=-301),
        lambda there: replace(there, skew_seconds=301),
        lambda there: replace(there, meddle=lambda said: httpx.Response(200, headers=said.headers, content=b"{}")),
        lambda there: replace(there, meddle=lambda said: httpx.Response(200, content=said.content)),
        lambda there: replace(
            there, meddle=lambda said: httpx.Response(404, headers=said.headers, content=said.content)
        ),
    ],
    ids=[
        "stranger",
        "unknown key",
        "other request",
        "less covered",
        "old",
        "future",
        "other body",
        "no signature",
        "other status",
    ],
)
def test_an_answer_that_is_not_signed_for_this_request_is_no_answer(
    spoil: Callable[[Counterparty], Counterparty],
) -> None:
    there = spoil(answering(200, PAID))
    assert silence_of(lambda: GatewayBank(party=there.party()).ask(number(1))) == "unsigned"


def test_an_answer_of_five_minutes_ago_to_the_second_is_still_one() -> None:
    there = replace(answering(200, PAID), skew_seconds=-300)
    assert GatewayBank(party=there.party()).ask(number(1)) == PAID_WORD


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx.ReadTimeout("x"), "timeout"),
        (httpx.ConnectTimeout("x"), "timeout"),
        (httpx.PoolTimeout("x"), "timeout"),
        (httpx.ConnectError(CARD.reveal()), "connection"),
        (httpx.RemoteProtocolError("x"), "connection"),
    ],
)
def test_a_broken_or_slow_connection_is_silence(error: Exception, reason: str) -> None:
    def fail(request: httpx.Request) -> tuple[int, object]:
        raise error

    assert silence_of(lambda: GatewayBank(party=Counterparty(say=fail).party()).send(REQUEST)) == reason


def test_a_busy_channel_says_when_to_come_again() -> None:
    def hurried(said: httpx.Response) -> httpx.Response:
        return httpx.Response(429, headers={**said.headers, "Retry-After": "7"}, content=said.content)

    there = replace(answering(429, {"code": "too_many"}), meddle=hurried)
    with pytest.raises(ChannelSilent) as silence:
        GatewayBank(party=there.party()).ask(number(1))
    assert silence.value.retry_after_seconds == 7


def test_a_statement_of_another_day_is_not_understood() -> None:
    line = {**PAID, "direction": "out"}
    del line["state"]
    other_day = {"date": "2026-08-16", "lines": []}
    line_elsewhere = {"date": "2026-08-15", "lines": [{**line, "succeeded_at": "2026-08-15T16:00:00Z"}]}
    for said in (other_day, line_elsewhere):
        bank = GatewayBank(party=answering(200, said).party())
        assert silence_of(lambda bank=bank: bank.statement(date(2026, 8, 15))) == "unreadable"
    bank = GatewayBank(party=answering(200, {"date": "2026-08-15", "lines": [line]}).party())
    assert [each.succeeded_at for each in bank.statement(date(2026, 8, 15))] == [START + timedelta(seconds=5)]


def test_a_page_carries_its_moment_in_utc_and_its_refusal_is_final() -> None:
    there = answering(200, {"state": "created", "address": "https://bank.example/pay/1"})
    request = HostedPaymentRequest(
        order_number=number(3), amount_fen=5, currency="CNY", expires_at=datetime(2026, 8, 15, 3, 0, tzinfo=UTC)
    )
    assert GatewayBank(party=there.party()).create(request) == HostedPage(address="https://bank.example/pay/1")
    assert json.loads(there.heard[0].content)["expires_at"] == "2026-08-15T03:00:00Z"
    refusing = answering(200, {"state": "refused", "code": "expired"})
    assert GatewayBank(party=refusing.party()).create(request) == Refused(code="expired")
    no_address = answering(200, {"state": "created"})
    assert silence_of(lambda: GatewayBank(party=no_address.party()).create(request)) == "unreadable"


def test_an_agreement_is_confirmed_counted_or_refused() -> None:
    def confirmed(said: object) -> object:
        bank = GatewayBank(party=answering(200, said).party())
        return bank.confirm_agreement(agreement_number=number(1), code=Personal("123456"))

    assert confirmed({"state": "agreed", "protocol_no": "P1"}) == Agreed(token=Personal("P1"))
    assert confirmed({"state": "code_wrong", "tries_left": 3}) == CodeWrong(tries_left=3)
    assert confirmed({"state": "refused", "code": "code_expired"}) == Refused(code="code_expired")
    with pytest.raises(ChannelSilent):
        confirmed({"state": "agreed"})


def test_the_other_three_services_speak_in_their_own_words() -> None:
    elements = FourElements(request_number=number(1), name=NAME, id_number=ID_NUMBER, card_number=CARD, phone=PHONE)
    said = {"answer": "card_closed"}
    assert GatewayIdentity(party=answering(200, said).party()).check(elements) is ElementsAnswer.CARD_CLOSED
    taken = answering(409, {"code": "number_taken"})
    assert silence_of(lambda: GatewayIdentity(party=taken.party()).check(elements)) == "rejected"
    message = Message(
        message_number=number(1), kind=MessageKind.CODE, phone=PHONE, template="t", values={"code": Personal("1")}
    )
    assert GatewaySms(party=answering(200, {"state": "taken"}).party()).send(message) == MessageTaken()
    refused = {"state": "refused", "code": "number_unreachable"}
    assert GatewaySms(party=answering(200, refused).party()).send(message) == MessageRefused(code="number_unreachable")
    query = BureauQuery(
        query_number=number(1), consent_id=UUID(int=5), purpose="post_loan", name=NAME, id_number=ID_NUMBER
    )
    report = {"state": "report", "features": {"lenders": 2}, "as_of": "2026-08-15", "reference": "R"}
    assert GatewayBureau(party=answering(200, report).party()).features(query) == BureauReport(
        features={"lenders": 2}, as_of=date(2026, 8, 15), reference="R"
    )
    floating = {**report, "features": {"lenders": 2.5}}
    assert silence_of(lambda: GatewayBureau(party=answering(200, floating).party()).features(query)) == "unreadable"
    assert GatewayBureau(party=answering(200, {"state": "not_covered"}).party()).features(query) == NotCovered()
    no = {"state": "refused", "code": "consent_missing"}
    assert GatewayBureau(party=answering(200, no).party()).features(query) == QueryRefused(code="consent_missing")
