"""Alipay's signatures: as somebody else's library makes them, and with no byte to spare."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import urlencode

import httpx
import pytest
from alipay import AliPay, DCAliPay
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.channels.alipay.amount import fen_of, moment_of, written, yuan_of
from mingqu.channels.alipay.form import form_of
from mingqu.channels.alipay.notice import AlipayNotices
from mingqu.channels.alipay.payment import AlipayPayments
from mingqu.channels.alipay.platform import Platform, certificate_number, root_number
from mingqu.channels.alipay.signature import is_signed, sign, signed_text
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.domain.personal import Personal
from mingqu.domain.word import Failed, Paid
from mingqu.ports.collection import Agreed
from mingqu.ports.notice import (
    AgreementNotice,
    Notice,
    NoticeForeign,
    NoticeMalformed,
    NoticeRefused,
    NoticeStale,
    NoticeUnsigned,
    NoticeUnsupported,
)
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import START, number
from tests.unit.channels.alipay_party import (
    APP_ID,
    PAID,
    a_notice,
    answering,
    certificate_for,
    certified,
    enveloped,
    own_key,
    private_pem,
    public_pem,
    saying,
    signed_form,
    their_key,
)

NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
BLAND = AlipayNotices(application=saying(PAID))
QUERY = "alipay.trade.query"


@cache
def oracle() -> AliPay:
    return AliPay(
        appid=APP_ID, app_private_key_string=private_pem(own_key()), alipay_public_key_string=public_pem(their_key())
    )


@settings(max_examples=20)  # each signs twice
@given(st.dictionaries(NAMES, st.text(min_size=1, max_size=20), min_size=1, max_size=8))
def test_what_we_sign_is_what_the_other_library_signs(parameters: dict[str, str]) -> None:
    parameters = {name: value for name, value in parameters.items() if name not in ("sign", "sign_type")}
    content = "&".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    assert signed_text(parameters) == content.encode("utf-8")
    assert sign(key=own_key(), content=content.encode()) == oracle()._sign(content)


def test_the_string_to_sign_is_sorted_and_leaves_out_what_is_empty() -> None:
    said = {"version": "1.0", "app_id": "2021", "sign": "x", "notify_url": "", "sign_type": "RSA2"}
    assert signed_text(said) == b"app_id=2021&sign_type=RSA2&version=1.0"
    assert signed_text(said, without=("sign", "sign_type")) == b"app_id=2021&version=1.0"


def certificate(*, serial: int, algorithm: hashes.HashAlgorithm | None = None) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ant Financial"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Certification Authority"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Ant Financial Certification Authority R1"),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(their_key().public_key())
        .serial_number(serial)
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=1))
        .sign(their_key(), algorithm or hashes.SHA256())
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the other library's own library
def test_the_numbers_of_certificates_are_those_of_the_other_library() -> None:
    first, second = certificate(serial=17), certificate(serial=2**120 + 5, algorithm=hashes.SHA384())
    pems = [one.public_bytes(serialization.Encoding.PEM).decode() for one in (first, second)]
    # MD5 of CN=Ant Financial Certification Authority R1,OU=Certification Authority,O=Ant Financial,C=CN17
    assert certificate_number(first) == "ae4ca69c7dc2a2dee85b4ba3ceb25794"
    assert [certificate_number(one) for one in (first, second)] == [DCAliPay.get_cert_sn(pem) for pem in pems]
    assert root_number([first, second]) == DCAliPay.get_root_cert_sn("\n\n".join(pem.strip() for pem in pems))


def test_an_expired_certificate_counts_for_nothing() -> None:
    one = certificate(serial=3)
    platform = Platform(roots=[one])
    assert platform.learn(one)
    number_of_it = certificate_number(one)
    assert len(platform.keys_for(number_of_it, at=START)) == 1
    assert platform.keys_for(number_of_it, at=START + timedelta(days=1, seconds=1)) == ()
    assert platform.keys_for("", at=START) == ()


def test_a_certificate_that_no_root_issued_is_not_learned() -> None:
    stranger = certificate(serial=4)
    other = Platform(roots=[_issued_by_us()])
    assert not other.learn(stranger)


def test_a_certificate_that_the_root_issued_to_somebody_else_is_not_alipays() -> None:
    platform = certified()
    assert not platform.learn(certificate_for(own_key(), subject="A shop that banks with the same root"))
    assert platform.learn(certificate_for(own_key(), subject="Alipay"))


def test_an_unknown_certificate_is_asked_for_once_a_minute_at_most() -> None:
    platform = certified()
    assert platform.may_fetch("0" * 32, at=START)
    assert not platform.may_fetch("1" * 32, at=START + timedelta(seconds=59))
    assert platform.may_fetch("1" * 32, at=START + timedelta(seconds=60))
    assert not platform.may_fetch("", at=START + timedelta(hours=1))


def _issued_by_us() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Another root")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(own_key().public_key())
        .serial_number(9)
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=1))
        .sign(own_key(), hashes.SHA256())
    )


@given(st.integers(min_value=1, max_value=AMOUNT_FEN_MAX))
def test_an_amount_in_yuan_is_read_as_it_was_written(fen: int) -> None:
    assert fen_of(yuan_of(fen)) == fen


@pytest.mark.parametrize("wrong", ["", "1.234", "-1.00", "1e3", "１.00", "1,000.00", " 1", "NaN", "9" * 19])
def test_what_is_no_amount_is_not_read(wrong: str) -> None:
    with pytest.raises(ChannelSilent, match="unreadable"):
        fen_of(wrong)


def test_moments_are_beijings() -> None:
    at = datetime(2026, 8, 14, 16, 0, 1, tzinfo=UTC)
    assert written(at) == "2026-08-15 00:00:01"
    assert moment_of("2026-08-15 00:00:01") == at


# Notices.


def test_a_notice_that_the_other_library_takes_is_taken_and_says_what_was_paid() -> None:
    body = signed_form(a_notice())
    said = dict(httpx.QueryParams(body.decode()).items())
    signature = said.pop("sign")
    assert oracle().verify(said, signature)
    notice = BLAND.read(target="/", headers={}, body=body)
    assert isinstance(notice, Notice)
    assert (notice.notice_id, notice.order_number) == ("n" * 34, number(1))
    assert notice.word == Paid(at=START, amount_fen=30_000, currency="CNY", reference="2026081522001")


@given(st.data())
def test_a_notice_with_any_bit_flipped_is_refused(data: st.DataObject) -> None:
    body = bytearray(signed_form(a_notice()))
    at = data.draw(st.integers(min_value=0, max_value=len(body) - 1))
    body[at] ^= 1 << data.draw(st.integers(min_value=0, max_value=7))
    # A percent sign may write the same letter in another case ("%2F", "%2f"): then it says the same to everybody.
    if dict(httpx.QueryParams(bytes(body).decode("latin-1"))) == dict(
        httpx.QueryParams(signed_form(a_notice()).decode())
    ):
        return
    with pytest.raises(NoticeRefused):
        BLAND.read(target="/", headers={}, body=bytes(body))


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"app_id": "2021000000000002"}, NoticeForeign),
        ({"seller_id": "2088000000000002"}, NoticeForeign),
        ({"notify_type": "servicemarket_order_notify"}, NoticeUnsupported),
        ({"notify_type": "dut_user_sign"}, NoticeMalformed),
        ({"notify_time": "2026-08-14 07:59:59"}, NoticeStale),
        ({"notify_time": "2026-08-16 12:00:01"}, NoticeStale),
        ({"notify_time": "yesterday"}, NoticeMalformed),
        ({"total_amount": "300.001"}, NoticeMalformed),
        ({"trade_status": "WAIT_BUYER_PAY"}, NoticeMalformed),
        ({"gmt_payment": ""}, NoticeMalformed),
        ({"notify_id": ""}, NoticeMalformed),
    ],
)
def test_a_genuine_notice_that_is_not_ours_or_not_whole_is_refused(
    change: dict[str, str], refusal: type[NoticeRefused]
) -> None:
    with pytest.raises(refusal):
        BLAND.read(target="/", headers={}, body=signed_form(a_notice(**change)))


def an_agreement_notice(**changed: str) -> dict[str, str]:
    whole = {name: value for name, value in a_notice().items() if not name.startswith(("trade_", "out_trade", "total"))}
    told = {"external_agreement_no": number(2), "agreement_no": "20260000000000000001", "status": "NORMAL"}
    return whole | told | {"notify_type": "dut_user_sign"} | changed


def test_a_notice_tells_that_an_agreement_was_signed_or_has_ended() -> None:
    signed = BLAND.read(target="/", headers={}, body=signed_form(an_agreement_notice()))
    word = Agreed(token=Personal("20260000000000000001"))
    assert signed == AgreementNotice(agreement_number=number(2), word=word)
    ended = an_agreement_notice(notify_type="dut_user_unsign", status="STOP")
    said = BLAND.read(target="/", headers={}, body=signed_form(ended))
    assert said == AgreementNotice(agreement_number=number(2), word=Failed(code="agreement_ended"))
    for change, refusal in (
        ({"app_id": "2021000000000002"}, NoticeForeign),
        ({"status": "TEMP"}, NoticeMalformed),
        ({"agreement_no": ""}, NoticeMalformed),
    ):
        with pytest.raises(refusal):
            BLAND.read(target="/", headers={}, body=signed_form(an_agreement_notice(**change)))


def test_a_closed_trade_failed_unless_it_was_paid_before() -> None:
    closed = a_notice(trade_status="TRADE_CLOSED")
    assert isinstance(BLAND.read(target="/", headers={}, body=signed_form(closed)).word, Paid)
    unpaid = {name: value for name, value in closed.items() if name != "gmt_payment"}
    assert BLAND.read(target="/", headers={}, body=signed_form(unpaid)).word == Failed(code="closed")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"a=1&a=2",
        b"sign_type=RSA2&sign=" + b"A" * 344,
        b"&".join(b"a%d=1" % index for index in range(200)),
    ],
)
def test_what_is_no_notice_is_refused_as_unsigned(body: bytes) -> None:
    with pytest.raises(NoticeUnsigned):
        BLAND.read(target="/", headers={}, body=body)


def test_a_parameter_said_twice_is_refused_though_both_say_the_signed_thing() -> None:
    body = signed_form(a_notice())
    with pytest.raises(NoticeUnsigned):
        BLAND.read(target="/", headers={}, body=body + b"&total_amount=300.00")


def test_a_notice_of_another_key_is_unsigned() -> None:
    with pytest.raises(NoticeUnsigned):
        BLAND.read(target="/", headers={}, body=signed_form(a_notice(), key=own_key()))


# Answers.


def test_an_answer_that_the_other_library_takes_is_taken() -> None:
    raw = enveloped(PAID, method=QUERY)
    assert oracle()._verify_and_return_sync_response(raw.decode(), "alipay_trade_query_response")["code"] == "10000"
    assert isinstance(AlipayPayments(application=saying(PAID)).ask(number(1)), Paid)


@pytest.mark.parametrize("in_certificate_mode", [False, True])
@given(st.data())
def test_an_answer_with_any_bit_flipped_is_silence(in_certificate_mode: bool, data: st.DataObject) -> None:
    raw = bytearray(enveloped(PAID, method=QUERY, in_certificate_mode=in_certificate_mode))
    platform = certified() if in_certificate_mode else None
    at = data.draw(st.integers(min_value=0, max_value=len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(min_value=0, max_value=7))
    with pytest.raises(ChannelSilent):
        AlipayPayments(application=answering(lambda *_: bytes(raw), platform=platform)).ask(number(1))


def test_the_signature_covers_the_bytes_that_came_and_not_what_they_mean() -> None:
    value = b'{ "code":"10000", "out_trade_no":"%s",  "trade_status":"WAIT_BUYER_PAY" }' % number(1).encode()
    signature = sign(key=their_key(), content=value)
    raw = b'{"alipay_trade_query_response":' + value + b',"sign":"' + signature.encode() + b'"}'
    AlipayPayments(application=answering(lambda *_: raw)).ask(number(1))
    assert not is_signed(keys=[their_key().public_key()], content=value.replace(b"{ ", b"{"), signature=signature)


def test_a_signature_that_writes_the_same_bytes_in_another_way_is_refused() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    signature, keys = sign(key=their_key(), content=b"a=1"), [their_key().public_key()]
    assert is_signed(keys=keys, content=b"a=1", signature=signature)
    spare = alphabet[alphabet.index(signature[-3]) ^ 1]  # its last four bits belong to no byte
    other = f"{signature[:-3]}{spare}=="
    assert base64.b64decode(other) == base64.b64decode(signature)
    assert not is_signed(keys=keys, content=b"a=1", signature=other)


@given(parameters=st.dictionaries(st.text(max_size=5), st.text(max_size=30), max_size=4))
def test_a_form_is_written_as_the_standard_library_writes_it(parameters: dict[str, str]) -> None:
    assert form_of(parameters) == urlencode(parameters)
