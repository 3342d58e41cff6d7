"""A draft tried on the applications of a book: as they were decided, without the erased, and nothing is written."""

from __future__ import annotations

import copy
from datetime import date, timedelta
from typing import Any

import pytest

from mingqu.demo.journey import be_assessed, introduce
from mingqu.demo.people import CHUAN, XIA
from mingqu.domain.decision.swap import ALL
from mingqu.domain.policy_file import Document
from mingqu.services.decisions.try_policy import PeriodEmpty, Tried, try_policy
from mingqu.store.decisions import policy
from mingqu.store.people import vault
from tests.journeys.reading import rows_of
from tests.world import OpenWorld


def half_the_limits(world: OpenWorld) -> Document:
    """Return a draft that halves each cell of the limit grid in force."""
    with world.house.database.transaction() as tx:
        document = policy.load_published(tx).document(kind="grid", name="limit-total")
    body: dict[str, Any] = copy.deepcopy(dict(document.body))
    body["version"] += 1
    body["cells"] = [[cell // 2 for cell in row] for row in body["cells"]]
    body["case"] = [{**case, "value": case["value"] // 2} for case in body["case"]]
    return Document(file="limit-draft.toml", body=body)


def tried(world: OpenWorld, draft: Document, *, since: date, days: int = 1) -> Tried:
    house = world.house
    return try_policy(
        database=house.database,
        keyring=house.keyring,
        drafts=[draft],
        since=since,
        until=since + timedelta(days=days),
        progress=lambda done, total: None,
    )


def test_a_draft_is_tried_on_the_applications_of_a_book_and_nothing_is_written(world: OpenWorld) -> None:
    known = [introduce(world, one, balance_fen=0) for one in (XIA, CHUAN)]
    made = [be_assessed(world, one, amount_fen=800_000).decision for one in known]
    draft, day, before = half_the_limits(world), world.house.clock.business_date(), rows_of(world.house)
    found = tried(world, draft, since=day)
    everybody = found.try_out.tally.group(ALL, ALL)
    assert (found.applications, found.erased, everybody.people) == (2, 0, 2)
    assert found.approved_then == everybody.before.approved == sum(one.approved for one in made)
    assert everybody.before.limit_fen == sum(one.limit_fen for one in made)
    assert 0 < everybody.after.limit_fen < everybody.before.limit_fen
    assert found.trial.changes(business_date=day)
    assert rows_of(world.house) == before
    with world.house.database.transaction() as tx:
        vault.erase(tx, person_id=known[0].person_id, on=date(2090, 1, 1))
        tx.commit()
    without = tried(world, draft, since=day)
    assert (without.applications, without.erased) == (2, 1)
    assert without.try_out.tally.group(ALL, ALL).people == 1
    for since, days in ((day + timedelta(days=1), 5), (day, 0), (day, -3)):
        with pytest.raises(PeriodEmpty):
            tried(world, draft, since=since, days=days)
