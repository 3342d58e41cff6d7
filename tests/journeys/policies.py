"""Policies for tests: the shipped files with a few cells changed, as bytes of a file somebody drafts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from mingqu.domain.proposal import Deed
from mingqu.services.house import House
from mingqu.services.policies.publish_policy import Drafted, draft_policy, subject_of
from mingqu.services.proposals.propose import approve, propose
from tests.journeys.two_people import seat_of

WHY: Final = "按风险委员会决议调整"


def body_of(house: House, kind: str, name: str, **changed: Any) -> dict[str, Any]:
    """Return the body of a policy as it is in force, with some columns changed and a version above all others.

    Of one that is not in force yet it is the newest version.
    """
    with house.database.transaction() as tx:
        pack = house.policies.refresh(tx)
    known = [one.body for one in pack.documents if (one.body["kind"], one.body["id"]) == (kind, name)]
    standing = [
        one.body
        for one in pack.in_force(business_date=house.clock.business_date())
        if (one.body["kind"], one.body["id"]) == (kind, name)
    ]
    versions = [int(str(body["version"])) for body in known]
    return {**(standing or known[-1:])[0], "version": max(versions) + 1, **changed}


def limits(house: House, *, times: int = 2, **changed: Any) -> dict[str, Any]:
    """Return the limit grid with all its cells, and what its cases expect, multiplied."""
    body = body_of(house, "grid", "limit-total", **changed)
    body["cells"] = [[times * cell for cell in row] for row in body["cells"]]
    body["case"] = [{**case, "value": times * case["value"]} for case in body["case"]]
    return body


def draft(house: House, body: Mapping[str, Any], *, by: str = "author", file: str = "draft.json") -> Drafted:
    """Draft a policy."""
    return draft_policy(house, seat=seat_of(house, "risk", name=by), content=json.dumps(body).encode(), file=file)


def propose_it(house: House, body: Mapping[str, Any], *, from_date: date | None, by: str = "author") -> Any:
    """Propose that a version is published from a day."""
    kind, name, version = str(body["kind"]), str(body["id"]), int(body["version"])
    return propose(
        house,
        seat=seat_of(house, "risk", name=by),
        deed=Deed.PUBLISH_POLICY,
        subject_id=subject_of(kind=kind, name=name),
        asked={
            "kind": kind,
            "name": name,
            "version": str(version),
            "from_date": "" if from_date is None else from_date.isoformat(),
        },
        reason=WHY,
        key=house.identifiers.fresh(0).hex,
    )


def publish(house: House, body: Mapping[str, Any], *, from_date: date | None) -> None:
    """Draft a policy unless it is published, and publish it by two people."""
    known = {(one.body["kind"], one.body["id"], one.body["version"]) for one in house.pack.documents}
    if (body["kind"], body["id"], body["version"]) not in known:
        draft(house, body)
    proposal_id = propose_it(house, body, from_date=from_date)
    approve(house, seat=seat_of(house, "risk", name="checker"), proposal_id=proposal_id)
