"""A draft on the command line is its operator's only with their password: nobody drafts in another's name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mingqu import cli
from mingqu.main import Wiring
from mingqu.services.house import House
from tests.console import PASSWORD, employ
from tests.journeys.policies import limits
from tests.journeys.reading import assert_coherent, rows_of
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


def test_a_draft_takes_its_operators_password(
    world: OpenWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house, name = world.house, employ(world.house, "risk", name="chenlan")
    file, right, wrong = (tmp_path / one for one in ("limit-2.json", "right", "wrong"))
    file.write_text(json.dumps(limits(house)), encoding="utf-8")
    right.write_text(f"{PASSWORD}\n", encoding="utf-8")
    wrong.write_text("someone else's word\n", encoding="utf-8")

    def draft(password: Path) -> int:
        words = ["policy", "draft", str(file), "--as", name, "--password-from", str(password), "--json"]
        return cli.run(Wired(house), words)

    assert draft(wrong) == cli.EXIT_REFUSED
    assert json.loads(capsys.readouterr().out)["refused"]["code"] == "sign_in_failed"
    assert not rows_of(house).get("policy_draft")
    assert draft(right) == 0
    drafted = json.loads(capsys.readouterr().out)
    assert (drafted["kind"], drafted["version"]) == ("grid", 2)
    with house.database.transaction() as tx:
        assert tx.execute(
            "SELECT o.name FROM policy_draft d JOIN operator o ON o.operator_id = d.drafted_by"
        ).fetchall() == [(name,)]
        assert tx.execute("SELECT count(*) FROM operator_session WHERE ended_at IS NULL").fetchone() == (0,)
    assert_coherent(house)
