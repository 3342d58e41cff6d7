"""The pages of the lender gateway name every path and field that the reference side takes, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mingqu.channels.gateway import cash_advance, lender
from mingqu.sandbox import issuer as issuer_side
from mingqu.sandbox import lender as lender_side

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
DESCRIBED: dict[str, Any] = yaml.safe_load((REFERENCE / "lender-gateway.yaml").read_text(encoding="utf-8"))
PAGE = (REFERENCE / "lender-gateway.md").read_text(encoding="utf-8")
SCHEMAS: dict[str, Any] = DESCRIBED["components"]["schemas"]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Application", set(lender_side._APPLICATION)),
        ("Signature", set(lender_side._SIGNATURE)),
        ("Funding", set(lender_side._FUNDING)),
        ("Report", set(lender_side._REPORT)),
        ("Referral", set(issuer_side._FIELDS)),
        ("Answer", set(lender._Answer.__struct_fields__)),
        ("Offer", set(lender._Offer.__struct_fields__)),
        ("Reason", set(lender._Reason.__struct_fields__)),
        ("Signed", set(lender._Signed.__struct_fields__)),
        ("Funded", set(lender._Funded.__struct_fields__)),
        ("Opened", set(cash_advance._Opened.__struct_fields__)),
        ("Standing", set(cash_advance._Standing.__struct_fields__)),
    ],
)
def test_a_message_has_the_fields_that_are_described(name: str, fields: set[str]) -> None:
    described = SCHEMAS[name]
    assert set(described["properties"]) == fields
    assert described["additionalProperties"] is False
    for field in fields:
        assert re.search(rf"\b{field}\b", PAGE), field


def test_the_paths_are_those_of_the_channels() -> None:
    named = {path.partition("{")[0].rstrip("/") for path in DESCRIBED["paths"]}
    assert named == {
        cash_advance.PATH,
        *(f"{lender.BASE}/{one}" for one in ("applications", "signatures", "fundings", "returns", "reports")),
    }
    for path in named:
        assert path.rsplit("/", 1)[1] in PAGE


def test_a_request_says_all_of_its_fields() -> None:
    for name in ("Application", "Signature", "Funding", "Report", "Referral"):
        assert set(SCHEMAS[name]["required"]) == set(SCHEMAS[name]["properties"])
