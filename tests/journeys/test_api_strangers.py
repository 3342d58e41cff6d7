"""An id of somebody else is not found, on every path of the description that takes one, and nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from mingqu.demo.journey import READING, work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.purpose.open_card import open_card, publish_contract
from tests.journeys.api import Borrower, Site, agree_to_deductions, be_assessed, introduce, open_site, pay, take_loan
from tests.journeys.reading import rows_of
from tests.world import OpenWorld

WISHES: Final = {"ask_for_review": "review", "ask_about_loan": "talk"}


@pytest.fixture
def site(world: OpenWorld) -> Iterator[Site]:
    with open_site(world) as opened:
        yield opened


def everything_of(site: Site, borrower: Borrower) -> dict[str, str]:
    """Let somebody have one of everything, a settled loan and one that runs; return the ids by their names in paths."""
    client = borrower.client
    be_assessed(site, borrower)
    agreement_id = agree_to_deductions(site, borrower)
    settled = take_loan(site, borrower, amount_fen=200_000)
    work_until_idle(site.world)
    pay(site, borrower, loan_id=settled.signed.loan_id, intent="payoff")
    certificate = client.certify(loan_id=settled.signed.loan_id)
    running = take_loan(site, borrower, amount_fen=200_000)
    work_until_idle(site.world)
    publish_evidence(site.world.house)
    offer = client.ask_for_offers(amount_fen=200_000, instalments=12, method="equal_instalment")[0]
    table = client.show_costs(offer_id=offer.offer_id)
    site.world.clock.advance(READING)
    client.confirm_costs(disclosure_id=table.disclosure_id)
    accounts = {
        one.kind: client.open_spend_account(product_id=one.product_id, terms_hash=one.terms_hash).account_id
        for one in client.spend_products()
    }
    reported = site.http.post(
        "/v1/message-reports",
        json={"text": "http://mingqu-help.example"},
        headers={"authorization": f"Bearer {client.token}", "idempotency-key": "report"},
    )
    made = publish_contract(
        site.world.house, document=site.world.house.pack.version(kind="funds_contract", name="auto-card", version=1)
    )
    card_id = open_card(
        site.world.house, person_id=client.me().person_id, contract_id=made.id, version=1, agreed_hash=made.hash,
        limit_fen=1_000, key="card",
    )  # fmt: skip
    return {
        "card_id": str(card_id),
        "account_id": str(accounts["cash_line"]),
        "first_id": str(accounts["cash_line"]),
        "second_id": str(accounts["spend_line"]),
        "loan_id": str(running.signed.loan_id),
        "contract_id": str(running.signed.contract_id),
        "offer_id": str(offer.offer_id),
        "disclosure_id": str(table.disclosure_id),
        "decision_id": str(client.decision().decision_id),
        "consent_id": str(client.consents()[0].consent_id),
        "order_id": str(client.make_payment(loan_id=running.signed.loan_id, intent="payoff").order_id),
        "agreement_id": str(agreement_id),
        "certificate_id": str(certificate.certificate_id),
        "subject_id": str(running.signed.contract_id),
        "instrument_id": str(borrower.instrument_id),
        "request_id": reported.json()["request_id"],
        "grievance_id": grievance_of(site, client),
    }


def grievance_of(site: Site, client: Any) -> str:
    """Raise a complaint, and return its id."""
    raised = site.http.post(
        "/v1/grievances",
        json={"kind": "complaint", "words": "客服三天没有回电话，请核实。"},
        headers={"authorization": f"Bearer {client.token}", "idempotency-key": "complaint"},
    )
    return str(raised.json()["grievance_id"])


def bodies(operation: dict[str, Any], description: dict[str, Any], own: dict[str, str]) -> dict[str, Any] | None:
    """Return a body that is right in every way, with ids of the sender's own."""
    content = operation.get("requestBody", {}).get("content")
    if content is None:
        return None
    shape = description["components"]["schemas"][content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]]
    body = {name: value for name, value in shape["examples"][0].items() if name in shape["required"]}
    body.update({name: own[name] for name in body if name in own})
    if operation["operationId"] in WISHES:
        body["wish"] = WISHES[operation["operationId"]]
    return body


def test_what_belongs_to_somebody_else_is_not_found_and_stays_as_it_is(site: Site) -> None:
    xia, zhou = introduce(site, XIA), introduce(site, ZHOU)
    theirs, own = everything_of(site, xia), everything_of(site, zhou)
    description = site.http.get("/v1/openapi.json").json()
    headers = {"authorization": f"Bearer {zhou.client.token}"}
    before, tried = rows_of(site.world.house), 0
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            names = [one["name"] for one in operation["parameters"] if one["in"] == "path"] if "{" in path else []
            body = bodies(operation, description, own)
            for name in names + [name for name in (body or {}) if name in theirs]:
                if name not in theirs or path.startswith("/v1/card/"):
                    continue  # the purpose of a consent's text; a card network's own token opens its paths
                ids = {"stage": "half", "version_id": own["loan_id"], **own, name: theirs[name]}
                sent = None if body is None else {**body, **({name: theirs[name]} if name in body else {})}
                answer = site.http.request(
                    method,
                    path.format(**ids),
                    json=sent,
                    params={"amount_fen": 1} if path.endswith("repayment-preview") else None,
                    headers={**headers, "idempotency-key": f"stranger {name}".replace(" ", "-")},
                )
                where = f"{method} {path} with {name}: {answer.text[:200]}"
                # A loan that is paid out in one part refuses to be drawn from before it asks whereto.
                drawn = path.endswith("drawings") and name == "instrument_id"
                assert answer.status_code == (409 if drawn else 404), where
                assert drawn or answer.json()["code"] in ("not_found", "decision_not_found"), where
                assert rows_of(site.world.house) == before, where
                tried += 1
    assert tried >= 28  # an id in a path or a body; more may come, fewer may not


def test_the_same_paths_are_open_to_whom_they_belong(site: Site) -> None:
    xia = introduce(site, XIA)
    # The code of a message is whoever's has the message.
    own = everything_of(site, xia) | {"code": site.world.sms.inbox(phone=XIA.phone)[0].values["check"].reveal()}
    description = site.http.get("/v1/openapi.json").json()
    for path, methods in description["paths"].items():
        # A bank's own party, bills that are due at once, a loan in stages, a payee, a payout that came back have
        # journeys of their own: tests/journeys/test_story_s2.py and others.
        words = ("purpose", "referral_id", "combined_id", "/stages", "/contract-versions", "/call-off", "checkout_id")
        elsewhere = any(word in path for word in words)
        if "get" in methods and "{" in path and not elsewhere:
            answer = site.http.get(
                path.format(**own),
                params={"amount_fen": 1} if path.endswith("repayment-preview") else None,
                headers={"authorization": f"Bearer {xia.client.token}"},
            )
            assert answer.status_code == 200, f"{path}: {answer.text[:200]}"
