"""The policy lab at the console: a draft is tried on past applications while one watches, and only read from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta

from mingqu.demo.journey import be_assessed, introduce
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.store.decisions import publication
from tests.console import Visitor, signed_in
from tests.journeys.policies import draft, limits
from tests.journeys.reading import rows_of
from tests.world import OpenWorld

ROOT = "/console/lab"
PATIENCE_SECONDS = 60.0


def draft_id(world: OpenWorld) -> str:
    with world.house.database.transaction() as tx:
        return str(publication.drafts(tx)[0].draft_id.hex)


def ended(came: Visitor, path: str) -> str:
    """Watch a trial, as the page does, until it has ended; its page."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while "hx-trigger" in came.client.get(path, headers={"hx-request": "true"}).text:
        assert time.monotonic() < give_up, "the trial does not end"
        time.sleep(0.01)
    return came.get(path).text


def test_a_draft_is_tried_beside_the_server_and_nothing_is_written(world: OpenWorld) -> None:
    house, came = world.house, signed_in(world.house, "risk")
    assert "还没有草稿" in came.get(ROOT).text
    for one in (XIA, CHUAN, ZHOU):
        be_assessed(world, introduce(world, one, balance_fen=0), amount_fen=800_000)
    draft(house, limits(house))
    today, before = house.clock.business_date(), rows_of(house)
    asked = {"draft": draft_id(world), "since": today.isoformat(), "until": today.isoformat()}
    where = came.post(ROOT, seen_on=ROOT, **asked).headers["location"]
    page = ended(came, where)
    assert "grid/limit-total" in page
    assert "少于 30 人" in page, "three people say nothing about a policy"
    assert where in came.get(ROOT).text
    assert rows_of(house).items() >= {name: rows for name, rows in before.items() if name != "access_log"}.items()
    empty = {
        **asked,
        "since": (today - timedelta(days=9)).isoformat(),
        "until": (today - timedelta(days=8)).isoformat(),
    }
    assert "period_empty" in ended(came, came.post(ROOT, seen_on=ROOT, **empty).headers["location"])


def test_what_is_no_trial_is_said_on_the_form(world: OpenWorld) -> None:
    house, came = world.house, signed_in(world.house, "risk")
    draft(house, limits(house))
    today = house.clock.business_date()
    good = {"draft": draft_id(world), "since": today.isoformat(), "until": today.isoformat()}
    bad: tuple[Mapping[str, str], ...] = (
        {**good, "draft": ""},
        {**good, "draft": "0" * 32},
        {**good, "since": "yesterday"},
        {**good, "since": (today + timedelta(days=1)).isoformat()},
        {**good, "since": "2020-01-01"},
    )
    for fields in bad:
        answer = came.post(ROOT, seen_on=ROOT, **fields)
        if answer.status_code == 303:  # an id that nothing has is found out by the trial itself
            assert "not_found" in ended(came, answer.headers["location"])
        else:
            assert (answer.status_code, "trial_malformed" in answer.text) == (422, True), fields
    assert came.get(f"{ROOT}/{'0' * 32}").status_code == 404
    for role in ("operations", "lender:tinglan"):
        assert signed_in(house, role).get(ROOT).status_code == 403
