"""The pages of the sandbox name every call, method, fault, flaw and knob there is, and no call that is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mingqu.sandbox.alipay import BILL_FILE, METHODS
from mingqu.sandbox.alipay_bill import FLAWS
from mingqu.sandbox.control_names import CALLS
from mingqu.sandbox.faults import Fault
from mingqu.sandbox.keys import PARTIES
from mingqu.sandbox.sandbox import PORT_FIRST
from mingqu.sandbox.wechatpay_bill import FLAWS as WECHAT_FLAWS

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("party", ["alipay", "wechatpay"])
def test_a_party_that_can_be_played_alone_has_a_page_with_all_its_calls(party: str) -> None:
    text = page(f"sandbox-{party}")
    assert f"mingqu sandbox {party}" in text
    named = set(re.findall(rf"`({party}\.[a-z_]+)`", text))
    assert named == set(CALLS[party])


def test_the_page_of_wechat_pay_names_each_flaw_of_a_bill() -> None:
    text = page("sandbox-wechatpay")
    for word in WECHAT_FLAWS:
        assert f"`{word}`" in text, word


def test_the_page_of_alipay_names_each_method_beside_its_call() -> None:
    text = page("sandbox-alipay")
    for method, call in METHODS.items():
        assert re.search(rf"^\| `{re.escape(method)}` \| `{re.escape(call)}` \|", text, re.MULTILINE), method
    assert f"`{BILL_FILE}`" in text
    for word in (*FLAWS, *(fault.value for fault in Fault)):
        assert f"`{word}`" in text, word


def test_the_common_page_names_every_other_call_and_leads_to_the_pages_of_their_own() -> None:
    text = page("sandbox")
    for party, calls in CALLS.items():
        assert party in ("alipay", "wechatpay") or all(f"`{call}`" in text for call in calls), party
    assert ("sandbox-alipay.md" in text, "sandbox-wechatpay.md" in text) == (True, True)


def test_the_pages_name_the_ports_that_are_taken_first() -> None:
    ports = {party: PORT_FIRST + index for index, party in enumerate(PARTIES)}
    named = dict(re.findall(r"^\| `([a-z]+)` \| .* \| (\d{4}) \|$", page("sandbox"), re.MULTILINE))
    assert {party: int(port) for party, port in named.items()} == ports
    for party in ("alipay", "wechatpay"):
        own = set(re.findall(r"(?:127\.0\.0\.1|localhost):(91\d\d)", page(f"sandbox-{party}")))
        assert own == {str(ports[party])}, party
    assert f'"alipay": "http://127.0.0.1:{ports["alipay"]}"' in page("commands")
