"""What happens is told to who asked: once, signed, again when nobody took it, and never to doors of our own."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from mingqu.channels.webhook.address import find
from mingqu.channels.webhook.sender import WebhookSender
from mingqu.client.webhook import TOLERANCE_SECONDS, WebhookForged, read_webhook
from mingqu.demo.journey import be_assessed, introduce, pay_by_hand, take_loan, work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.loan import Intent
from mingqu.domain.refusal import Refusal
from mingqu.ports.webhook import AddressRefused
from mingqu.services.messages.deliver_webhooks import ATTEMPTS_MAX, WAITS
from mingqu.services.messages.subscribe_webhook import end_webhook, subscribe_webhook, webhooks
from mingqu.services.messages.tell_webhooks import Event
from mingqu.services.run_due_work import run_due_work
from tests.world import OpenWorld

URL = "https://partner.example/hook?of=mingqu"
PUBLIC = "93.184.215.14"


class Receiver(httpx.BaseTransport):
    """The other side: keeps what came, and answers with the next status, or 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses, self.came = list(statuses), list[httpx.Request]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.came.append(request)
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 0:
            raise httpx.ReadTimeout("nothing came", request=request)
        return httpx.Response(status, headers={"location": "http://169.254.169.254/"}, content=b"x" * 10)

    def types(self) -> list[str]:
        """Return the kinds of what came."""
        return [json.loads(request.content)["type"] for request in self.came]


def with_receiver(world: OpenWorld, receiver: Receiver, address: str = PUBLIC) -> OpenWorld:
    """Let webhooks of a world go to a receiver whose name leads to an address."""
    sender = WebhookSender(transport=receiver, look_up=lambda host, port: [address])
    return OpenWorld(
        house=replace(world.house, webhook=sender),
        clock=world.clock,
        bank=world.bank,
        sms=world.sms,
        identity=world.identity,
        bureau=world.bureau,
    )


def decide(world: OpenWorld) -> None:
    """Let one thing happen."""
    be_assessed(world, introduce(world, XIA, balance_fen=6_000_000), amount_fen=1_000_000)


def test_a_loan_is_told_from_its_decision_to_its_end(world: OpenWorld) -> None:
    receiver = Receiver()
    told = with_receiver(world, receiver)
    made = subscribe_webhook(told.house, url=URL)
    only_end = subscribe_webhook(told.house, url="https://other.example/", events=["loan.settled"])
    known = introduce(told, XIA, balance_fen=6_000_000)
    be_assessed(told, known, amount_fen=1_000_000)
    borrowed = take_loan(told, known, amount_fen=1_000_000, instalments=12, method="equal_instalment")
    told.clock.advance(timedelta(seconds=1))  # what is told of one moment has no order
    work_until_idle(told)
    pay_by_hand(told, known, loan_id=borrowed.signed.loan_id, intent=Intent.PAYOFF)
    work_until_idle(told)
    by_host = [(request.headers["host"], kind) for request, kind in zip(receiver.came, receiver.types(), strict=True)]
    kinds = [kind for host, kind in by_host if host == "partner.example"]
    assert kinds[:3] == ["decision.made", "contract.signed", "loan.disbursed"]
    assert sorted(kinds[3:]) == ["loan.settled", "payment.received"]  # of one moment
    assert [kind for host, kind in by_host if host == "other.example"] == ["loan.settled"]
    secret, now = made.secret.reveal(), told.clock.now().timestamp()
    messages = [
        read_webhook(secret=secret, headers=request.headers, body=request.content, now=now)
        for request in receiver.came
        if request.headers["host"] == "partner.example"
    ]
    assert len({message.message_id for message in messages}) == 5
    assert messages[2].data["loan_id"] == str(borrowed.signed.loan_id)
    assert messages[2].data["amount_fen"] == 1_000_000
    spoken = b"".join(request.content for request in receiver.came).decode()
    assert all(
        secret_value.reveal() not in spoken for secret_value in (XIA.phone, XIA.name, XIA.id_number, XIA.card_number)
    )
    assert {one.url: one.delivered for one in webhooks(told.house)} == {URL: 5, "https://other.example/": 1}
    assert only_end.secret != made.secret


def test_what_was_not_taken_is_sent_again_under_its_own_id_and_given_up_in_the_end(world: OpenWorld) -> None:
    receiver = Receiver(*([500, 0, 302, 404] * ATTEMPTS_MAX))
    told = with_receiver(world, receiver)
    subscribe_webhook(told.house, url=URL)
    decide(told)
    for wait in (timedelta(0), *WAITS, timedelta(days=2)):
        told.clock.advance(wait)
        run_due_work(told.house)
        run_due_work(told.house)
    assert len(receiver.came) == ATTEMPTS_MAX
    assert len({request.headers["webhook-id"] for request in receiver.came}) == 1
    assert len({request.content for request in receiver.came}) == 1
    assert len({request.headers["webhook-signature"] for request in receiver.came}) == ATTEMPTS_MAX
    assert {request.url.host for request in receiver.came} == {PUBLIC}  # a redirect is not followed
    (seen,) = webhooks(told.house)
    assert (seen.delivered, seen.given_up, seen.ended_at) == (0, 1, None)


def test_who_is_gone_is_told_no_more(world: OpenWorld) -> None:
    receiver = Receiver(410)
    told = with_receiver(world, receiver)
    subscribe_webhook(told.house, url=URL)
    decide(told)
    work_until_idle(told)
    (seen,) = webhooks(told.house)
    assert seen.ended_at is not None


def test_a_subscription_that_was_ended_is_told_nothing_of_what_waits(world: OpenWorld) -> None:
    receiver = Receiver()
    told = with_receiver(world, receiver)
    made = subscribe_webhook(told.house, url=URL)
    decide(told)
    end_webhook(told.house, subscription_id=made.subscription_id)
    work_until_idle(told)
    assert receiver.came == []


def test_what_did_not_happen_is_not_told(world: OpenWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver()
    told = with_receiver(world, receiver)
    subscribe_webhook(told.house, url=URL)
    known = introduce(told, XIA, balance_fen=6_000_000)

    def fall(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("mingqu.services.decisions.keep_assessment.granted", fall)
    with pytest.raises(RuntimeError):
        be_assessed(told, known, amount_fen=1_000_000)
    work_until_idle(told)
    assert receiver.came == []


def test_a_receiver_knows_a_message_that_was_changed_or_played_again(world: OpenWorld) -> None:
    receiver = Receiver()
    told = with_receiver(world, receiver)
    secret = subscribe_webhook(told.house, url=URL).secret.reveal()
    decide(told)
    work_until_idle(told)
    request, now = receiver.came[0], told.clock.now().timestamp()
    headers = dict(request.headers)
    assert read_webhook(secret=secret, headers=headers, body=request.content, now=now).type == "decision.made"
    wrong = "whsec_" + base64.b64encode(b"x" * 32).decode()
    for changed in (
        {"secret": wrong},
        {"body": request.content + b" "},
        {"headers": headers | {"webhook-id": "msg_other"}},
        {"headers": headers | {"webhook-timestamp": str(int(now) + 1)}},
        {"headers": headers | {"webhook-signature": ""}},
        {"headers": headers | {"webhook-signature": "v1,é"}},
        {"now": now + TOLERANCE_SECONDS + 1},
        {"now": now - TOLERANCE_SECONDS - 1},
    ):
        arguments = {"secret": secret, "headers": headers, "body": request.content, "now": now} | changed
        with pytest.raises(WebhookForged):
            read_webhook(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "addresses", "reason"),
    [
        ("http://partner.example/", [PUBLIC], "not_secure"),
        ("https://partner.example/", ["10.0.0.7"], "not_public"),
        ("https://partner.example/", [PUBLIC, "127.0.0.1"], "not_public"),
        ("https://partner.example/", ["169.254.169.254"], "not_public"),
        ("https://partner.example/", ["::1"], "not_public"),
        ("https://partner.example/", ["::ffff:192.168.1.1"], "not_public"),
        ("https://partner.example/", ["2002:0a00:0001::"], "not_public"),
        ("https://partner.example/", ["fe80::1%eth0"], "not_public"),
        ("https://partner.example/", ["100.64.0.1"], "not_public"),
        ("https://partner.example/", ["224.0.0.1"], "not_public"),
        ("https://partner.example/", [], "not_public"),
        ("https://user:word@partner.example/", [PUBLIC], "malformed"),
        ("gopher://partner.example/", [PUBLIC], "malformed"),
        ("https://partner.example:99999/", [PUBLIC], "malformed"),
    ],
)
def test_nobody_makes_us_knock_at_our_own_doors(url: str, addresses: Sequence[str], reason: str) -> None:
    assert find(url, to_loopback=False, look_up=lambda host, port: addresses) == AddressRefused(reason=reason)
    if reason == "not_public" and addresses != ["::1"]:
        assert isinstance(find(url, to_loopback=True, look_up=lambda host, port: addresses), AddressRefused)


def test_the_connection_goes_to_the_address_that_was_looked_at(world: OpenWorld) -> None:
    receiver = Receiver()
    told = with_receiver(world, receiver)
    subscribe_webhook(told.house, url=URL)
    decide(told)
    work_until_idle(told)
    request = receiver.came[0]
    assert str(request.url) == f"https://{PUBLIC}/hook?of=mingqu"
    assert request.headers["host"] == "partner.example"
    assert request.extensions["sni_hostname"] == "partner.example"


@pytest.mark.parametrize(
    ("url", "events", "code"),
    [
        ("http://partner.example/", [], "webhook_url_refused"),
        ("https://127.0.0.1/", [], "webhook_url_refused"),
        ("https://[::1]/", [], "webhook_url_refused"),
        ("https://localhost/", [], "webhook_url_refused"),
        ("https://user@partner.example/", [], "webhook_url_refused"),
        ("https://partner.example/ x", [], "webhook_url_refused"),
        ("https:///", [], "webhook_url_refused"),
        ("https://partner.example/" + "x" * 2_000, [], "webhook_url_refused"),
        (URL, ["loan.won"], "webhook_event_unknown"),
    ],
)
def test_an_address_or_event_that_is_none_is_not_subscribed(
    world: OpenWorld, url: str, events: list[str], code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        subscribe_webhook(world.house, url=url, events=events)
    assert refused.value.code == code
    assert webhooks(world.house) == []


def test_the_secret_is_sealed_in_the_book(world: OpenWorld) -> None:
    secret = base64.b64decode(subscribe_webhook(world.house, url=URL).secret.reveal().removeprefix("whsec_"))
    with world.house.database.transaction() as tx:
        ((row,),) = tx.execute("SELECT w::text FROM webhook_subscription w").fetchall()
    assert secret.hex() not in row
    assert len(Event) == len(webhooks(world.house)[0].events)


def test_a_program_on_this_machine_is_told_only_where_that_is_set() -> None:
    own = ["127.0.0.1"]
    assert isinstance(find("http://localhost:9/", to_loopback=False, look_up=lambda host, port: own), AddressRefused)
    place = find("http://localhost:9/x", to_loopback=True, look_up=lambda host, port: own)
    assert not isinstance(place, AddressRefused)
    assert (place.address, place.port, place.target) == ("127.0.0.1", 9, "/x")


def test_a_receiver_that_is_away_for_an_hour_misses_nothing_however_much_waits_for_it(world: OpenWorld) -> None:
    receiver = Receiver(*[0] * 10_000)
    told = with_receiver(world, receiver)
    made = subscribe_webhook(told.house, url=URL)
    for newcomer in (XIA, ZHOU):  # each of them is sent few codes a day
        known = introduce(told, newcomer, balance_fen=6_000_000)
        be_assessed(told, known, amount_fen=1_000_000)
        for _ in range(7):  # together more than there are tries: what waits behind a dead receiver was not tried
            take_loan(told, known, amount_fen=100_000, instalments=3, method="equal_instalment")
    for _ in range(60):
        run_due_work(told.house)
        told.clock.advance(timedelta(minutes=1))
    receiver.statuses.clear()
    receiver.came.clear()
    told.clock.advance(max(WAITS))
    work_until_idle(told)
    kinds = receiver.types()
    assert kinds.count("contract.signed") == 14
    assert "decision.made" in kinds
    (after,) = [one for one in webhooks(told.house) if one.subscription_id == made.subscription_id]
    assert after.given_up == 0
