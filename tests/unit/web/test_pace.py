"""How often something may be asked for: counters of one allowance leave those of another alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar.testing import RequestFactory

from mingqu.web import pace
from mingqu.web.pace import Allowance, Pace, TooManyRequests

NOW = datetime(2026, 9, 1, 10, tzinfo=UTC)
BY_PHONE = Allowance(name="by phone", count=2, stretch=timedelta(minutes=10))
BY_ADDRESS = Allowance(name="by address", count=2, stretch=timedelta(minutes=10))


def test_a_crowd_of_addresses_pushes_no_phone_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "KEPT_MAX", 3)
    counters = Pace()
    for _ in range(2):
        counters.take(allowance=BY_PHONE, whom=b"phone", at=NOW)
    for number in range(10):
        counters.take(allowance=BY_ADDRESS, whom=number.to_bytes(1, "big"), at=NOW)
    with pytest.raises(TooManyRequests):
        counters.take(allowance=BY_PHONE, whom=b"phone", at=NOW)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2:3::4", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::4", "2001:db8:1:3::4", False),
        ("203.0.113.9", "203.0.113.10", False),
        ("::ffff:203.0.113.9", "203.0.113.9", True),
        ("testclient", "elsewhere", False),
    ],
)
def test_one_network_is_one_asker(one: str, other: str, same: bool) -> None:
    def at(host: str) -> str:
        request: Any = RequestFactory().get("/")
        request.scope["client"] = (host, 1)
        return pace._network(request)

    assert (at(one) == at(other)) is same
