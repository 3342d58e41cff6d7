"""The console's page of policies: a file is drafted, its faults shown, published by two, switched off by one."""

from __future__ import annotations

import json
import re
from datetime import timedelta

from mingqu.store.decisions import policy
from tests.console import Visitor, employ, signed_in, visitor
from tests.journeys.policies import WHY, limits
from tests.journeys.reading import assert_coherent, rows_of
from tests.world import OpenWorld

ROOT = "/console/policies"
PAGE = f"{ROOT}/grid/limit-total"


def upload(came: Visitor, content: bytes, *, name: str = "limit-2.json") -> tuple[int, str, str]:
    answer = came.client.post(
        f"{ROOT}/drafts", data={"csrf": came.token(ROOT)}, files={"file": (name, content)}, follow_redirects=False
    )
    return answer.status_code, answer.headers.get("location", ""), answer.text


def key_of(text: str) -> str:
    found = re.search(r'name="key" value="([0-9a-f]{32})"', text)
    assert found is not None
    return found[1]


def test_a_file_is_drafted_compared_published_by_two_and_rolled_back(world: OpenWorld) -> None:
    house, came = world.house, signed_in(world.house, "risk")
    second = visitor(house)
    second.sign_in(employ(house, "risk", name="second"))
    third = visitor(house)
    third.sign_in(employ(house, "risk", name="third"))
    today = house.clock.business_date()
    status, where, _ = upload(came, json.dumps(limits(house)).encode())
    assert (status, where.partition("&draft=")[0]) == (303, f"{PAGE}?after=2")
    assert second.get(PAGE, after="2", draft=where.partition("&draft=")[2]).status_code == 200
    page = second.get(PAGE, after="2").text
    assert "<del>300000</del>" in page
    assert "<ins>600000</ins>" in page
    fields = {"version": "2", "hash": "", "from_date": today.isoformat(), "reason": WHY, "key": key_of(page)}
    wrong = second.post(f"{PAGE}/propose", seen_on=PAGE, **{**fields, "from_date": "2020-01-01"})
    assert (wrong.status_code, "publication_too_late" in wrong.text) == (409, True)
    sent = [second.post(f"{PAGE}/propose", seen_on=PAGE, **fields) for _ in range(2)]
    assert {one.status_code for one in sent} == {303}
    assert len({one.headers["location"] for one in sent}) == 1
    proposal = sent[0].headers["location"]
    assert "grid/limit-total v2" in third.get(proposal).text
    author = came.post(f"{proposal}/approve", seen_on=proposal)
    assert (author.status_code, "author_is_checker" in author.text) == (403, True)
    assert second.post(f"{proposal}/approve", seen_on=proposal).status_code == 403
    assert third.post(f"{proposal}/approve", seen_on=proposal).status_code == 303
    assert "在用第 2 版" in came.get(PAGE).text
    back = {**fields, "version": "1", "key": key_of(came.get(PAGE, after="1").text)}
    rollback = came.post(f"{PAGE}/propose", seen_on=PAGE, **back).headers["location"]
    assert second.post(f"{rollback}/approve", seen_on=rollback).status_code == 303
    assert "在用第 1 版" in came.get(PAGE).text
    assert "grid/limit-total v1" in third.get("/console/proposals").text
    assert_coherent(house)


def test_what_is_wrong_with_a_file_is_said_with_row_and_column(world: OpenWorld) -> None:
    came = signed_in(world.house, "risk")
    text = (policy.policy_folder() / "decision" / "policy.toml").read_text(encoding="utf-8")
    typo = text.replace("version = 1", "version = 99").replace(
        'when = { age_years = "< 18" }', 'when = { age = "< 18" }'
    )
    status, _, page = upload(came, typo.encode(), name="C:\\fakepath\\policy-2.toml")
    assert "policy_fault" in page
    assert status in (400, 422)
    for word in ("policy-2.toml", "age-below-eighteen", "age"):
        assert word in page
    assert "fakepath" not in page
    for content, name in ((b"", ""), (b"\xff\xfe", "x.toml"), (b"[" * 50_000, "x.json")):
        assert upload(came, content, name=name)[0] in (400, 422)
    assert world.house.pack.documents
    with world.house.database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM policy_draft").fetchone() == (0,)


def test_somebody_switches_off_and_lists_on_the_page_and_others_only_read(world: OpenWorld) -> None:
    house, came = world.house, signed_in(world.house, "risk")
    key = key_of(came.get(ROOT).text)
    assert 'value="rule:instalment-policy/age-below-eighteen" disabled' in came.get(ROOT).text
    fields = {"what": "lender:tinglan", "reason": WHY, "key": key}
    assert came.post(f"{ROOT}/switches", seen_on=ROOT, **{**fields, "what": "poem:x"}).status_code == 404
    assert came.post(f"{ROOT}/switches", seen_on=ROOT, **{**fields, "ends_on": "soon"}).status_code in (400, 422)
    for _ in range(2):
        assert came.post(f"{ROOT}/switches", seen_on=ROOT, **fields).status_code == 303
    again = came.post(f"{ROOT}/switches", seen_on=ROOT, **{**fields, "key": key_of(came.get(ROOT).text)})
    assert (again.status_code, "switched_off_already" in again.text) == (409, True)
    found = re.search(r"/console/policies/switches/([0-9a-f]{32})/on", came.get(ROOT).text)
    assert found is not None
    on = came.post(found[0], seen_on=ROOT, kind="lender", reason=WHY, key="a" * 32)
    assert on.headers["location"] in came.get(ROOT).text
    until = (house.clock.business_date() + timedelta(days=9)).isoformat()
    entry = {
        "list": "black",
        "kind": "phone",
        "value": "13800000000",
        "reason": WHY,
        "expires_on": until,
        "key": "b" * 32,
    }
    assert came.post(f"{ROOT}/lists", seen_on=ROOT, **entry).status_code == 303
    assert came.post(f"{ROOT}/lists", seen_on=ROOT, **{**entry, "expires_on": ""}).status_code in (400, 422)
    page = came.get(ROOT).text
    assert "黑名单" in page
    assert "13800000000" not in page
    removal = re.search(r"/console/policies/lists/[0-9a-f]{32}/remove", page)
    assert removal is not None
    assert came.post(removal[0], seen_on=ROOT, reason=WHY, key="c" * 32).status_code == 303
    auditor = signed_in(house, "auditor")
    assert "tinglan" in auditor.get(ROOT).text
    before = rows_of(house)
    assert auditor.post(f"{ROOT}/switches", seen_on=ROOT, **fields).status_code == 403
    assert auditor.post(f"{PAGE}/propose", seen_on=ROOT, **fields).status_code == 403
    assert rows_of(house) == before
    for role in ("operations", "admin", "lender:tinglan"):
        assert signed_in(house, role).get(ROOT).status_code == 403
    assert came.get(f"{ROOT}/grid/nothing").status_code == 404
    assert came.get(PAGE, after="99").status_code == 404
    assert_coherent(house)
