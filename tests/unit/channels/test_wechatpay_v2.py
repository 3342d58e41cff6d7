"""V2 of WeChat Pay: the vectors of its signature, XML that is read without obeying it, and what a flipped byte does."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.channels.wechatpay.papay import PapayNotices
from mingqu.channels.wechatpay.v2 import HMAC_SHA256, MalformedXmlError, Speaker, read_xml, sign, write_xml
from mingqu.channels.wire import Wire
from mingqu.domain.personal import Personal
from mingqu.domain.word import Failed, Paid
from mingqu.ports.collection import Agreed
from mingqu.ports.notice import AgreementNotice, Notice, NoticeRefused, NoticeUnsigned
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import number

KEY = Personal("0123456789abcdef0123456789abcdef")
PAID = {
    "return_code": "SUCCESS",
    "result_code": "SUCCESS",
    "appid": "wx0000000000000001",
    "mch_id": "1900000001",
    "out_trade_no": number(1),
    "trade_state": "SUCCESS",
    "total_fee": "30000",
    "fee_type": "CNY",
    "transaction_id": "4200000002202608150000000001",
    "time_end": "20260815100500",
    "nonce_str": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
}
WORDS = st.dictionaries(
    st.from_regex("[a-z_]{1,12}", fullmatch=True), st.text("aZ09<>&]'\" 还款", max_size=12), max_size=8
)


def speaker(answer: bytes = b"", *, kind: str = "MD5") -> Speaker:
    numbers = count(1)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=answer))
    return Speaker(
        wire=Wire(base_url="https://pay.example", transport=transport),
        appid="wx0000000000000001",
        mchid="1900000001",
        key=KEY,
        nonces=lambda: f"{next(numbers):032x}",
        kind=kind,
    )


def told(**changed: str) -> bytes:
    words = {**PAID, **changed}
    return write_xml({**words, "sign": sign(words, key=KEY)})


def read(body: bytes) -> Notice | AgreementNotice:
    return PapayNotices(speaker=speaker()).read(target="/notices/papay", headers={}, body=body)


def test_a_signature_is_over_what_is_not_empty_by_name_and_ends_in_the_key() -> None:
    words = {"b": "2", "a": "1", "c": "", "sign": "x"}
    # Made with `openssl dgst` of "a=1&b=2&key=0123456789abcdef0123456789abcdef".
    assert sign(words, key=KEY) == "6B820100D2D98784F3926889CC32AD96"
    assert sign(words, key=KEY, kind=HMAC_SHA256) == "DD789A3A20FB3812C54F6F8E37B4A123747E13B4F457A3D736F70CB4B65CC888"


@given(words=WORDS)
def test_what_is_written_is_read_again(words: dict[str, str]) -> None:
    assert read_xml(write_xml(words)) == words


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml>",
        b"{}",
        b"<html><a>1</a></html>",
        b"<xml><a>1</a><a>2</a></xml>",
        b"<xml><a><b>1</b></a></xml>",
        b"<xml><a x='1'>1</a></xml>",
        b"<xml>stray<a>1</a></xml>",
        b"<xml><a>1</a></xml><xml/>",
        b"<!DOCTYPE xml><xml><a>1</a></xml>",
        b'<!DOCTYPE xml [<!ENTITY e "x">]><xml><a>&e;</a></xml>',
        b'<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><a>&e;</a></xml>',
        b"<xml><a>&e;</a></xml>",
        b"<?xml-stylesheet href='x'?><xml><a>1</a></xml>",
        b"<xml>" + b"".join(b"<a%d>1</a%d>" % (each, each) for each in range(65)) + b"</xml>",
        b"<xml>" * 10_000,
    ],
)
def test_xml_that_is_not_flat_and_plain_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedXmlError):
        read_xml(body)


def test_a_notice_of_a_deduction_is_a_word() -> None:
    at = datetime(2026, 8, 15, 2, 5, tzinfo=UTC)
    word = Paid(at=at, amount_fen=30_000, currency="CNY", reference=PAID["transaction_id"])
    assert read(told()) == Notice(notice_id=f"papay-paid-{number(1)}", order_number=number(1), word=word)
    failed = read(told(trade_state="PAY_FAIL", err_code="NOT_ENOUGH"))
    assert failed.word == Failed(code="insufficient_funds")


@pytest.mark.parametrize(
    ("change", "word"), [("ADD", Agreed(token=Personal("c1"))), ("DELETE", Failed(code="agreement_ended"))]
)
def test_a_notice_of_an_agreement_is_a_word(change: str, word: Agreed | Failed) -> None:
    said = read(told(change_type=change, contract_code=number(2), contract_id="c1"))
    assert said == AgreementNotice(agreement_number=number(2), word=word)


@pytest.mark.parametrize(
    "changed",
    [
        {"mch_id": "1900000002"},
        {"appid": "wx0000000000000002"},
        {"total_fee": "0"},
        {"total_fee": "３０"},
        {"total_fee": "9" * 30},
        {"time_end": "today"},
        {"transaction_id": ""},
        {"trade_state": "DREAMING"},
        {"trade_state": "ACCEPT"},
        {"change_type": "ADD"},
        {"change_type": "OTHER", "contract_code": "c", "contract_id": "c"},
    ],
)
def test_a_notice_that_says_less_or_is_anothers_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(NoticeRefused):
        read(told(**changed))


@given(data=st.data())
def test_any_flipped_byte_of_a_notice_is_refused(data: st.DataObject) -> None:
    body = bytearray(told())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NoticeUnsigned):
        read(bytes(body))


@given(data=st.data())
def test_any_flipped_byte_of_an_answer_is_silence(data: st.DataObject) -> None:
    body = bytearray(told())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ChannelSilent):
        speaker(bytes(body)).ask("/pay/paporderquery", {"out_trade_no": number(1)})


def test_an_answer_may_be_signed_the_way_the_request_was() -> None:
    words = {**PAID, "sign_type": HMAC_SHA256}
    body = write_xml({**words, "sign": sign(words, key=KEY, kind=HMAC_SHA256)})
    assert speaker(body, kind=HMAC_SHA256).ask("/x", {})["total_fee"] == "30000"
    with pytest.raises(ChannelSilent):
        speaker(body).ask("/x", {})
