"""A notice of the bank is looked at in one order: signature, age, nonce, content."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.gateway.notice import GatewayNotices
from mingqu.channels.gateway.seen import NONCES_KEPT_SECONDS
from mingqu.channels.gateway.signature import TheirKeys
from mingqu.domain.word import Failed, Paid
from mingqu.ports.notice import (
    Notice,
    NoticeMalformed,
    NoticeRefused,
    NoticeReplayed,
    NoticeStale,
    NoticeUnsigned,
)
from tests.contracts.people import START, number
from tests.unit.channels.gateway_party import STRANGER, THEIRS, digest, signed

TARGET = "/notices/bank?book=1"
PAID = {
    "notice_id": "N1",
    "order_number": number(1),
    "state": "paid",
    "reference": "B1",
    "succeeded_at": "2026-08-15T02:00:00Z",
    "amount_fen": 7,
    "currency": "CNY",
}
FAILED = {"notice_id": "N2", "order_number": number(1), "state": "failed", "code": "expired"}


def notice(
    said: object = PAID,
    *,
    key: Ed25519PrivateKey = THEIRS,
    key_id: str = "bank-1",
    nonce: str = f"{9:032x}",
    age_seconds: int = 0,
) -> tuple[dict[str, str], bytes]:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    created = int(START.timestamp()) - age_seconds
    parameters = (
        f'("@method" "@path" "@query" "content-digest");created={created};keyid="{key_id}";nonce="{nonce}"'
        ';alg="ed25519"'
    )
    lines = '"@method": POST\n"@path": /notices/bank\n"@query": ?book=1\n' + f'"content-digest": {digest(body)}\n'
    return signed(lines, parameters, key=key, body=body), body


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(start=START)


@pytest.fixture
def read(clock: SettableClock) -> Callable[[tuple[dict[str, str], bytes]], Notice]:
    reader = GatewayNotices(theirs=TheirKeys(keys={"bank-1": THEIRS.public_key()}), clock=clock)
    return lambda message: reader.read(target=TARGET, headers=message[0], body=message[1])


Read = Callable[[tuple[dict[str, str], bytes]], Notice]


def test_a_signed_notice_is_a_word_about_its_order(read: Read) -> None:
    assert read(notice()) == Notice(
        notice_id="N1",
        order_number=number(1),
        word=Paid(at=START, amount_fen=7, currency="CNY", reference="B1"),
    )
    assert read(notice(FAILED, nonce=f"{8:032x}")).word == Failed(code="expired")


def test_header_names_are_read_in_any_case(read: Read) -> None:
    headers, body = notice()
    assert read(({name.upper(): value for name, value in headers.items()}, body)).notice_id == "N1"


@pytest.mark.parametrize(
    "message",
    [
        notice(key=STRANGER),
        notice(key_id="bank-2"),
        ({}, b""),
        (notice()[0], b"{}"),
        ({**notice()[0], "Signature": "sig1=:AAAA:"}, notice()[1]),
        ({**notice()[0], "Signature-Input": notice(FAILED, nonce=f"{5:032x}")[0]["Signature-Input"]}, notice()[1]),
    ],
    ids=["stranger", "unknown key", "bare", "other body", "short", "other parameters"],
)
def test_what_the_bank_did_not_sign_is_refused(read: Read, message: tuple[dict[str, str], bytes]) -> None:
    with pytest.raises(NoticeUnsigned):
        read(message)


def test_a_notice_for_another_address_is_not_for_this_one(clock: SettableClock) -> None:
    reader = GatewayNotices(theirs=TheirKeys(keys={"bank-1": THEIRS.public_key()}), clock=clock)
    headers, body = notice()
    with pytest.raises(NoticeUnsigned):
        reader.read(target="/notices/bank", headers=headers, body=body)


@pytest.mark.parametrize("age_seconds", [301, -301])
def test_a_rightly_signed_notice_from_another_time_is_stale(read: Read, age_seconds: int) -> None:
    with pytest.raises(NoticeStale):
        read(notice(age_seconds=age_seconds))
    assert read(notice(age_seconds=299 if age_seconds > 0 else -299)).notice_id == "N1"


def test_the_same_message_is_taken_once_and_the_same_notice_signed_anew_again(read: Read, clock: SettableClock) -> None:
    read(notice())
    with pytest.raises(NoticeReplayed):
        read(notice())
    assert read(notice(nonce=f"{8:032x}")).notice_id == "N1"
    clock.advance(timedelta(seconds=250))
    with pytest.raises(NoticeReplayed):
        read(notice())
    clock.advance(timedelta(seconds=NONCES_KEPT_SECONDS))
    with pytest.raises(NoticeStale):  # before its nonce is forgotten it is too old
        read(notice())


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\xff",
        {**PAID, "mood": "good"},
        {**PAID, "state": "accepted"},
        {**PAID, "amount_fen": -7},
        {**PAID, "order_number": "1"},
        {key: value for key, value in PAID.items() if key != "reference"},
        {key: value for key, value in FAILED.items() if key != "code"},
    ],
)
def test_a_genuine_notice_that_makes_no_sense_is_malformed(read: Read, said: object) -> None:
    with pytest.raises(NoticeMalformed) as refusal:
        read(notice(said))
    assert (refusal.value.code, refusal.value.status) == ("notice_malformed", 400)


def test_a_forgery_that_is_malformed_and_old_is_called_a_forgery(read: Read) -> None:
    with pytest.raises(NoticeRefused) as refusal:
        read(notice(b"", key=STRANGER, age_seconds=9_999))
    assert (refusal.value.code, refusal.value.status) == ("notice_unsigned", 401)
