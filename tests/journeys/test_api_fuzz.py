"""Thousands of requests made from our own description: no bug answers, and nothing that the description leaves out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.control import SkipTest
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
)

from mingqu.demo.journey import work_until_idle
from mingqu.services.evidence.publish_evidence import publish_evidence
from tests.journeys.api import ADDRESS, Site, be_assessed, introduce, open_site, take_loan
from tests.soak import SOAK
from tests.world import OpenWorld

CHECKS: Final = [content_type_conformance, response_schema_conformance]
EXAMPLES: Final = 400 if SOAK else 4  # of each operation and each way of making them
SLOW: Final = ("print_contract", "print_certificate")


@pytest.fixture
def site(world: OpenWorld) -> Iterator[Site]:
    with open_site(world) as opened:
        yield opened


def known_ids(site: Site) -> tuple[str, dict[str, UUID]]:
    """Let somebody borrow; return their token, and an id of theirs for each name in a path."""
    xia = introduce(site)
    be_assessed(site, xia)
    taken = take_loan(site, xia)
    work_until_idle(site.world)
    payment = xia.client.make_payment(loan_id=taken.signed.loan_id, intent="payoff")
    publish_evidence(site.world.house)
    assert xia.client.token is not None
    return xia.client.token, {
        "loan_id": taken.signed.loan_id,
        "contract_id": taken.signed.contract_id,
        "offer_id": taken.offer.offer_id,
        "disclosure_id": taken.disclosure_id,
        "decision_id": xia.client.decision().decision_id,
        "consent_id": xia.client.consents()[0].consent_id,
        "order_id": payment.order_id,
        "subject_id": taken.signed.contract_id,
    }


@pytest.mark.timeout(3_000 if SOAK else 300)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["well formed", "ill formed"])
def test_the_api_answers_as_it_is_described(site: Site, mode: GenerationMode) -> None:
    token, ids = known_ids(site)
    description = site.http.get("/v1/openapi.json").json()
    config = SchemathesisConfig.from_dict({"generation": {"mode": mode.value, "allow-x00": True}})
    schema = schemathesis.openapi.from_dict(description, config=config)
    said: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        name = operation.definition.raw["operationId"]
        examples = 2 if name in SLOW else EXAMPLES

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=not SOAK,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), own=st.booleans())
        def ask(case: Case, own: bool) -> None:
            said.extend(faults(site, case, token=token, ids=ids if own else {}))

        with contextlib.suppress(SkipTest):  # there is nothing to get wrong
            ask()
    assert not said, "\n".join(sorted(set(said)))


def faults(site: Site, case: Case, *, token: str, ids: dict[str, UUID]) -> list[str]:
    """Send a case and return how its answer differs from what is described."""
    definition = case.operation.definition.raw
    if definition["operationId"] == "sign_out":
        token = "A" * 64  # or everything after it would be done by nobody
    own = {name: str(value) for name, value in ids.items() if name in (case.path_parameters or {})}
    case.path_parameters.update(own)
    kwargs = case.as_transport_kwargs(base_url=ADDRESS, headers={"authorization": f"Bearer {token}"})
    body = {"content": kwargs["data"]} if kwargs.get("data") is not None else {}
    if "json" in kwargs:
        body = {"json": kwargs["json"]}
    try:
        answer = site.http.request(
            kwargs["method"], kwargs["url"], params=kwargs["params"] or None, headers=dict(kwargs["headers"]), **body
        )
    except (UnicodeError, TypeError, ValueError):
        return []  # what cannot be sent cannot be answered
    where = f"{kwargs['method']} {kwargs['url']} {body} → {answer.status_code} {answer.text[:300]}"
    if answer.status_code == 500:
        return [f"a bug: {where}"]
    described = definition["responses"].get(str(answer.status_code))
    if described is None:
        return [f"a status that is not described: {where}"]
    if answer.status_code >= 400 and f"`{answer.json()['code']}`" not in described["description"]:
        return [f"a code that is not described: {where}"]
    try:
        case.validate_response(answer, checks=[*CHECKS, *(() if own else (negative_data_rejection,))])
    except (Failure, FailureGroup) as error:
        return [f"an answer of another form: {where}: {error}"]
    return []
