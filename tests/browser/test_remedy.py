"""Refused, the remedy followed, approved: in a real browser, with a bureau on whose page loans are settled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from mingqu.demo.people import CHUAN
from mingqu.store.server.database import Database
from tests.browser.visitor import Visitor, open_window
from tests.journeys.reading import assert_coherent
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world

pytestmark = pytest.mark.xdist_group("browser")
OPENED_ON: Final = date(2026, 8, 15)
# He pays every bill, and owes six lenders where four are allowed.
FEATURES: Final = {name: -1 for name in CHUAN.features if name.startswith("months_late")} | {"overdue_days_max": 0}
SETTLER: Final = replace(
    CHUAN, features={**CHUAN.features, **FEATURES, **{f"paid_{n}_fen": 790_000 for n in range(1, 7)}}
)


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        yield opened


def settle_elsewhere(visitor: Visitor, world: SandboxWorld) -> None:
    """Turn the knob on the bureau's own page: two lenders fewer."""
    visitor.page.goto(f"{world.sandbox.addresses['bureau']}/_sandbox")
    visitor.page.select_option("#knob", "record")
    change = {"id_number": SETTLER.id_number.reveal(), "changes": {"lenders_count": 4}}
    visitor.page.fill("#json", json.dumps(change))
    visitor.page.get_by_role("button", name="Do it").click()
    visitor.page.wait_for_load_state()


@pytest.mark.parametrize(("language", "width", "height"), [("zh", 375, 812), ("en", 1440, 900)])
def test_a_remedy_that_is_followed_turns_a_refusal_into_an_approval(
    world: SandboxWorld, language: str, width: int, height: int
) -> None:
    world.meet(SETTLER, balance_fen=0)
    with open_window(world, language=language, width=width, height=height, name=f"remedy-{language}") as visitor:
        visitor.sign_in(SETTLER)
        visitor.go("/identity")
        visitor.agree()
        visitor.fill(phone=SETTLER.phone.reveal())
        visitor.press()
        visitor.fill(
            name=SETTLER.name.reveal(),
            id_number=SETTLER.id_number.reveal(),
            card_number=SETTLER.card_number.reveal(),
            code=visitor.code(SETTLER),
        )
        visitor.press()
        visitor.agree()
        visitor.agree()
        visitor.fill(amount="8000", income="7000")
        visitor.press()
        visitor.look("refused")
        way = visitor.page.locator(".way")
        assert way.count() == 1
        assert ("结清 2 家机构的贷款" if language == "zh" else "Settle the loans of 2 lenders") in way.inner_text()

        settle_elsewhere(visitor, world)
        visitor.go("/decision")
        visitor.page.locator(".way .weui-btn").click()
        visitor.page.wait_for_load_state()
        assert visitor.page.url.endswith("/apply")
        visitor.fill(amount="8000", income="7000")
        visitor.press()
        visitor.look("approved")
        assert ("额度已批准" if language == "zh" else "Your limit is approved") in visitor.page.inner_text("h1")
        assert visitor.faults == []
    assert_coherent(world.house)
