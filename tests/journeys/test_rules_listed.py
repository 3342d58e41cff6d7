"""`mingqu rules list`: the rows of a day, each with its document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mingqu import cli
from mingqu.main import Wiring
from mingqu.services.house import House
from tests.world import OpenWorld


class Wired(Wiring):
    """The wiring of a program whose house is a test's."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self._test_house = house

    @contextmanager
    def live_house(self, **_: Any) -> Iterator[House]:
        """Give the house."""
        yield self._test_house


def test_the_rules_of_a_day_are_listed_with_their_documents(
    world: OpenWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    def caps(day: str) -> list[tuple[str, int]]:
        assert cli.run(Wired(world.house), ["rules", "list", "--on", day, "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        assert all(row["document"] and row["valid_from"] <= day for row in rows)
        return [(row["lender_type"], row["value"]) for row in rows if row["id"] == "all_in_cost_year_ppm_max"]

    assert cli.run(Wired(world.house), ["rules", "list", "--on", "2026-08-15", "--at", "disburse", "--json"]) == 0
    asked = {row["id"]: row["asked_at"] for row in json.loads(capsys.readouterr().out)}
    assert asked == {"principal_paid_out_ppm_min": ["disburse"], "self_payment_fen_max": ["disburse"]}
    assert caps("2025-09-30") == []
    assert caps("2026-08-15") == [("bank", 240_000), ("consumer_finance", 240_000), ("microlender", 240_000)]
    assert caps("2027-12-31")[-1] == ("microlender", 120_000)
    assert cli.run(Wired(world.house), ["rules", "list", "--on", "2026-08-15"]) == 0
    assert "GB/T 45251-2025" in capsys.readouterr().out
    assert cli.run(Wired(world.house), ["rules", "list", "--on", "15/8", "--json"]) == cli.EXIT_REFUSED
