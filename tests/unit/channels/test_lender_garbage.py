"""Whatever a lender's gateway answers that is not the whole of what was agreed is silence with a reason, never a no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.channels.gateway.lender import GatewayLender
from mingqu.domain.personal import Personal
from mingqu.ports.lender import LenderApplication, LenderFunding, LenderReport, LenderReturn, LenderSignature, NotKnown
from mingqu.ports.silence import ChannelSilent
from tests.contracts.people import number
from tests.unit.channels.gateway_party import STRANGER, Counterparty

APPLICATION: Final = LenderApplication(
    number=number(1), lender="chengchuan", product="P", amount_fen=1_000_000, currency="CNY", instalments=12,
    method="equal_instalment", consent_id=UUID(int=5).hex, name=Personal("林知夏"),
    id_number=Personal("11010519491231002X"), phone=Personal("13800138000"), score=600, band="A",
)  # fmt: skip
SIGNATURE: Final = LenderSignature(
    number=number(2), application_number=number(1), amount_fen=1_000_000, currency="CNY", rate_year_ppm=91_000,
    terms_hash="0" * 64,
)  # fmt: skip
FUNDING: Final = LenderFunding(number=number(3), signature_number=number(2), amount_fen=1_000_000, currency="CNY")
RETURN: Final = LenderReturn(number=number(5), funding_number=number(3), amount_fen=1_000_000, currency="CNY")
REPORT: Final = LenderReport(
    number=number(4), application_number=number(1), amount_fen=1, currency="CNY", on=date(2026, 8, 15), event="repaid"
)
CALLS: Final[tuple[Callable[[GatewayLender], object], ...]] = (
    lambda lender: lender.assess(APPLICATION),
    lambda lender: lender.ask(number=number(1)),
    lambda lender: lender.sign(SIGNATURE),
    lambda lender: lender.fund(FUNDING),
    lambda lender: lender.take_back(RETURN),
    lambda lender: lender.report(REPORT),
)
OFFER: Final = {"rate_year_ppm": 91_000, "valid_until": "2026-08-18T02:00:00Z"}
ANSWER: Final = {"application_number": number(1), "state": "offer", "offer": OFFER}


def silence_of(there: Counterparty, call: Callable[[GatewayLender], object]) -> str:
    with pytest.raises(ChannelSilent) as silent:
        call(GatewayLender(party=there.party()))
    return silent.value.reason


@pytest.mark.parametrize("call", CALLS, ids=["assess", "ask", "sign", "fund", "take back", "report"])
@pytest.mark.parametrize(
    "said",
    [
        b"", b"\xff\xfe", b"<html>502</html>", b'{"state":', b"[]", b"null", b"{}", b"NaN", {"state": "offer"},
        {"state": "confirmed"}, {"state": "price_changed"}, {"state": "refused"}, {"state": "funded"},
        {"state": "returned"}, {"state": "nothing", "reference": "R1"},
        {"state": "sure"}, {**ANSWER, "application_number": number(9)}, {**ANSWER, "offer": None},
        {**ANSWER, "mood": "good"}, {**ANSWER, "offer": {**OFFER, "rate_year_ppm": 9.1}},
        {**ANSWER, "offer": {**OFFER, "rate_year_ppm": 0}}, {**ANSWER, "offer": {**OFFER, "rate_year_ppm": 1_000_001}},
        {**ANSWER, "offer": {**OFFER, "valid_until": "2026-08-18T02:00:00"}}, {**ANSWER, "state": "refused"},
    ],
)  # fmt: skip
def test_what_is_not_whole_is_unreadable(call: Callable[[GatewayLender], object], said: object) -> None:
    assert silence_of(Counterparty(say=lambda _: (200, said)), call) == "unreadable"


@given(st.one_of(st.binary(max_size=200), st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9),
       lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3))),
       st.sampled_from(CALLS))  # fmt: skip
def test_no_garbage_is_taken_for_a_word(said: Any, call: Callable[[GatewayLender], object]) -> None:
    assert silence_of(Counterparty(say=lambda _: (200, said)), call) == "unreadable"


@pytest.mark.parametrize("call", CALLS, ids=["assess", "ask", "sign", "fund", "take back", "report"])
def test_late_lost_forged_or_from_another_time_is_silence_with_its_reason(
    call: Callable[[GatewayLender], object],
) -> None:
    def late(request: httpx.Request) -> tuple[int, object]:
        raise httpx.ReadTimeout("too late", request=request)

    def gone(request: httpx.Request) -> tuple[int, object]:
        raise httpx.ConnectError("gone", request=request)

    whole = Counterparty(say=lambda _: (200, ANSWER)).say
    for there, reason in (
        (Counterparty(say=late), "timeout"),
        (Counterparty(say=gone), "connection"),
        (Counterparty(say=whole, key=STRANGER), "unsigned"),
        (Counterparty(say=whole, nonce="0" * 32), "unsigned"),  # an answer to another question, come late
        (Counterparty(say=whole, skew_seconds=301), "unsigned"),
        (Counterparty(say=whole, skew_seconds=-301), "unsigned"),
        (Counterparty(say=lambda _: (503, {})), "server_error"),
        (Counterparty(say=lambda _: (409, {"code": "number_taken"})), "rejected"),
    ):
        assert silence_of(there, call) == reason


def test_a_lender_that_does_not_know_an_application_is_no_refusal() -> None:
    lender = GatewayLender(party=Counterparty(say=lambda _: (404, {"code": "not_found"})).party())
    assert lender.ask(number=number(1)) == NotKnown()
    for call in (CALLS[0], *CALLS[2:]):
        with pytest.raises(ChannelSilent, match="rejected"):
            call(lender)
