"""No refusal by a program without the way to a person: each reason that a policy can give, at each door.

Source: PIPL art. 24.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from litestar.testing import TestClient

from bench.apply import session_of_applicant
from mingqu import api, borrower
from mingqu.demo.people import CHUAN
from mingqu.domain.decision import Decision
from mingqu.domain.decision.decide import decide_with
from mingqu.domain.decision.field import Value
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed
from mingqu.domain.session import Door
from mingqu.services.access.keep_session import open_session, recognize
from mingqu.services.decisions import keep_assessment
from mingqu.services.decisions.read_limit import decision_view
from mingqu.services.evidence.verify_book import verify_as_it_stands
from mingqu.services.policies.keep_list import enter_on_list
from mingqu.services.proposals.propose import approve, propose
from mingqu.store.decisions import review
from mingqu.web.signed_in import COOKIE
from mingqu.web.site import make_site
from tests.journeys.pages import Page
from tests.journeys.policies import WHY
from tests.journeys.reading import assert_coherent
from tests.journeys.test_reviews import ask
from tests.journeys.test_signals_in_decisions import apply, arrive, in_september
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

FILES: Final = Path(__file__).resolve().parents[2] / "policies" / "decision"
NOTHING_ON_OFFER: Final = "no product lends"  # the refusal that no row makes


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((FILES / name).read_text(encoding="utf-8"))


def inject(monkeypatch: pytest.MonkeyPatch, given: Mapping[str, Value], case: str) -> None:
    """Let the next decisions read what a case of the policy's own file gives, and keep that in their record."""
    features = {name: bool(value) if name == "overdue_now" else value for name, value in CHUAN.features.items()}
    changed = features if given.get("band") == "E" else {}
    changed |= {name: value for name, value in given.items() if name != "band"}

    def decided(*, inputs: Mapping[str, Value], switches: Mapping[str, str], **others: Any) -> Decision:
        products = [f"product/{name}" for name in others["strategy"].product_ids] if case == NOTHING_ON_OFFER else []
        return decide_with(
            inputs={**inputs, **changed}, switches={**switches, **dict.fromkeys(products, "x")}, **others
        )

    monkeypatch.setattr(keep_assessment, "decide_with", decided)


@pytest.mark.parametrize(
    ("policy", "strategy", "day"),
    [("policy.toml", "strategy.toml", date(2026, 8, 15)), ("policy-2.toml", "strategy-2.toml", date(2026, 9, 1))],
)
def test_every_reason_leads_to_a_person_at_both_doors(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch, policy: str, strategy: str, day: date
) -> None:
    house, body = world.house, read(policy)
    if world.clock.business_date() < day:
        world.go_to_date(day)
    cases = {str(case["name"]): case["given"] for case in body["case"] if case["rows"]} | {NOTHING_ON_OFFER: {}}
    routers = [api.make_router(house), borrower.make_router(house, secure_cookies=False)]
    seen = set()
    with TestClient(make_site(house, routers=routers)) as client:
        for number, (name, given) in enumerate(cases.items(), start=1):
            bearer = session_of_applicant(world, number=2 * number + 1)  # of whom the bureau says nothing bad
            inject(monkeypatch, given, name)
            asked = {"requested_amount_fen": 1_000_000, "monthly_income_fen": 900_000}
            headers = {"authorization": f"Bearer {bearer}", "idempotency-key": f"apply-{number}"}
            answer = client.post("/v1/applications", json=asked, headers=headers)
            assert answer.status_code == 201, (name, answer.text)
            made = answer.json()
            assert not made["approved"], name
            seen |= {reason["code"] for reason in made["reasons"]}
            assert all(reason["text_zh"] and reason["text_en"] for reason in made["reasons"])
            person_id = recognize(house, token=Personal(bearer)).person_id
            cookie = open_session(house, person_id=person_id, door=Door.PAGE).reveal()
            page = Page(client.get("/decision", headers={"cookie": f"{COOKIE}={cookie}"}))
            (form,) = [one for one in page.forms if one.action == "/decision/person"]
            assert (form.fields["wish"], form.fields["decision"]) == ("review", made["decision_id"].replace("-", ""))
            wish = {"wish": "review"}
            path, key = f"/v1/decisions/{made['decision_id']}/reviews", {"idempotency-key": f"ask-{number}"}
            by_program = client.post(path, json=wish, headers={**headers, **key})
            assert by_program.status_code == 201, (name, by_program.text)
            client.cookies.clear()
            by_page = client.post(
                form.action, data=form.fields, headers={"cookie": f"{COOKIE}={cookie}"}, follow_redirects=False
            )
            assert (by_page.status_code, "/received/" in by_page.headers["location"]) == (303, True), name
            with house.database.transaction() as tx:
                decision_id = decision_view(house, person_id=person_id).decision_id
                assert len(review.about(tx, person_id=person_id, subject_id=decision_id)) == 2, name
    reasons = {row["reason"] for row in body["row"]} | {read(strategy)["no_offer"]["reason"]}
    assert seen == reasons, "each reason that the file can give was given"
    with house.database.transaction() as tx:
        assert verify_as_it_stands(tx, keyring=house.keyring).holds[8]


def test_on_black_list_somebody_is_told_so_and_two_people_take_them_off(world: OpenWorld) -> None:
    world = in_september(world)
    house, known = world.house, arrive(world, 1)
    seat, until = seat_of(house, "risk"), world.clock.business_date() + timedelta(days=30)
    entry_id = enter_on_list(house, seat=seat, list_name="black", kind="card", value=known.newcomer.card_number,
                             cause=WHY, expires_on=until, key="black")  # fmt: skip
    refused = apply(world, known)
    assert [reason.code for reason in refused.decision.reasons] == ["black_listed"]
    with TestClient(make_site(house, routers=[borrower.make_router(house, secure_cookies=False)])) as client:
        cookie = open_session(house, person_id=known.person_id, door=Door.PAGE).reveal()
        page = Page(client.get("/decision", headers={"cookie": f"{COOKIE}={cookie}"}))
    assert "与一起待核实的风险事件有关" in page.text
    assert "请要求人工复核" in page.text
    assert "/decision/person" in {form.action for form in page.forms}
    ask(world, known, refused.decision_id)
    assert not apply(world, known).decision.approved, "asking alone changes nothing"
    waits = propose(house, seat=seat, deed=Deed.UNLIST, subject_id=entry_id, asked={}, reason=WHY, key="off")
    assert not apply(world, known).decision.approved, "one person alone changes nothing"
    approve(house, seat=seat_of(house, "risk", name="second"), proposal_id=waits)
    made = apply(world, known).decision
    assert made.approved
    assert made.record()["sealed"]["inputs"]["on_black_list"] == 0  # type: ignore[index,call-overload]
    assert_coherent(house)
