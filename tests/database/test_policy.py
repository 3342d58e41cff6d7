"""Policies and decisions in the book: published once and for ever, found again for a replay, one's own only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest

from mingqu.domain import identifier
from mingqu.domain.decision import decide, parse_pack, replay
from mingqu.domain.decision.publication import key_of, version_of
from mingqu.domain.policy_file import Document, PolicyFault, canonical, digest
from mingqu.store.decisions.decision import (
    DecisionNotFound,
    StoredApplication,
    StoredDecision,
    application_inserted,
    decision_inserted,
    latest_decision,
    load_application,
    load_decision,
)
from mingqu.store.decisions.policy import (
    PolicyAlreadyPublished,
    insert_version,
    load_pack,
    load_published,
    parse_document,
    publish,
)
from mingqu.store.server.database import Database, Transaction
from tests.properties.test_decision import DAY, GOOD, PRODUCTS

AT = datetime(2026, 8, 15, 1, 0, tzinfo=UTC)


def an_id(number: int, *, slot: int = 300) -> UUID:
    return identifier.fresh(milliseconds=1_787_000_000_000, slot=slot, entropy=number)


def test_a_pack_is_published_once_and_replays_from_the_book(database: Database) -> None:
    pack = load_pack()
    with database.transaction() as tx:
        assert publish(tx, pack=pack, at=AT) == len(pack.documents)
        assert publish(tx, pack=pack, at=AT) == 0
        tx.commit()
    written = decide(inputs=GOOD, pack=pack, product_ids=PRODUCTS, business_date=DAY).record_bytes()
    with database.transaction() as tx:
        assert replay(record=json.loads(written), pack=load_published(tx)) == written


def test_an_old_decision_replays_after_a_newer_version_was_published(database: Database) -> None:
    old = load_pack()
    documents: list[Document] = list(old.documents)
    limit: dict[str, Any] = dict(next(one.body for one in documents if one.body["id"] == "limit-total"))
    doubled = [[2 * cell for cell in cells] for cells in limit["cells"]]
    limit |= {
        "version": 2,
        "cells": doubled,
        "case": [{"name": "e", "given": {"band": "E", "monthly_income_fen": 0}, "value": 0}],
    }
    new = parse_pack(documents=[*documents, Document(file="decision/limit-2.toml", body=limit)])
    with database.transaction() as tx:
        publish(tx, pack=new, at=AT)
        published = load_published(tx)
    before = decide(inputs=GOOD, pack=old, product_ids=PRODUCTS, business_date=DAY)
    after = decide(inputs=GOOD, pack=published, product_ids=PRODUCTS, business_date=DAY)
    assert after.limit_fen == 2 * before.limit_fen
    assert replay(record=json.loads(before.record_bytes()), pack=published) == before.record_bytes()


def test_a_published_version_never_changes(database: Database) -> None:
    pack = load_pack()
    changed = [
        Document(file=one.file, body=dict(one.body) | ({"note": "x"} if one.kind == "lender" else {}))
        for one in pack.documents
    ]
    with database.transaction() as tx:
        publish(tx, pack=pack, at=AT)
        with pytest.raises(PolicyAlreadyPublished):
            publish(tx, pack=parse_pack(documents=changed), at=AT)
        tx.commit()
    for statement in (
        "UPDATE policy_version SET version = 9",
        "DELETE FROM policy_version",
        "TRUNCATE policy_version CASCADE",
    ):
        with database.transaction() as tx, pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            tx.execute(statement)


def test_a_decision_comes_back_as_it_was_stored_and_only_to_its_person(database: Database) -> None:
    person, stranger = an_id(1), an_id(2)
    made = decide(inputs=GOOD, pack=load_pack(), product_ids=PRODUCTS, business_date=DAY)
    application = StoredApplication(
        application_id=an_id(3), person_id=person, requested_amount_fen=1_000_000, applied_at=AT
    )
    decision = StoredDecision(
        decision_id=an_id(4),
        application_id=application.application_id,
        person_id=person,
        decided_at=AT,
        business_date=date(2026, 8, 15),
        outcome=made.outcome,
        record=canonical(made.public()),
        record_hash=hashlib.sha256(made.record_bytes()).digest(),
        sealed=b"sealed by the caller",
        versions_hash=digest(dict(made.versions)),
    )
    with database.transaction() as tx:
        assert latest_decision(tx, person_id=person) is None
        cell = tx.cell_of(person)
        tx.together(
            [
                application_inserted(cell=cell, application=application),
                decision_inserted(cell=cell, decision=decision),
            ]
        )
        tx.commit()
    with database.transaction() as tx:
        assert load_application(tx, person_id=person, application_id=application.application_id) == application
        assert load_decision(tx, person_id=person, decision_id=decision.decision_id) == decision
        assert latest_decision(tx, person_id=person) == decision
        with pytest.raises(DecisionNotFound):
            load_decision(tx, person_id=stranger, decision_id=decision.decision_id)
        with pytest.raises(DecisionNotFound):
            load_application(tx, person_id=stranger, application_id=application.application_id)


def _by_people(tx: Transaction, document: Document, *, sequence: int, from_date: date) -> None:
    """Store a version as if two people had drafted and published it."""
    key = (str(document.body["kind"]), str(document.body["id"]), int(str(document.body["version"])))
    person, proposal = an_id(90), an_id(91)
    tx.execute("SET LOCAL session_replication_role = replica")  # neither operator nor proposal are part of this story
    tx.execute(
        "INSERT INTO policy_draft (draft_id, kind, id, version, hash, file, body, drafted_by, drafted_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (an_id(92), *key, document.hash, document.file, canonical(document.body), person, AT),
    )
    insert_version(tx, document=document, at=AT)
    tx.execute(
        "INSERT INTO policy_publication (sequence, kind, id, version, from_date, published_at, proposal_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (sequence, *key, from_date, AT, proposal),
    )
    tx.execute("SET LOCAL session_replication_role = origin")


UPGRADED: Final = date(2026, 9, 5)


def _next(kind: str, name: str, **changed: Any) -> Document:
    """Return what was in force on the day of the upgrade, under a number above all that is shipped, also for later."""
    pack = load_pack()
    held = next(one for one in pack.in_force(business_date=UPGRADED) if key_of(one) == f"{kind}/{name}")
    highest = max(version_of(one) for one in pack.documents if key_of(one) == key_of(held))
    return Document(file="next.json", body={**held.body, "version": highest + 1, **changed})


def test_an_upgrade_with_a_number_that_people_took_opens_and_leaves_theirs(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    shipped, day = load_pack(), UPGRADED
    theirs, ours = _next("policy", "instalment-policy", about="theirs"), _next("policy", "instalment-policy")
    with database.transaction() as tx:
        publish(tx, pack=shipped, at=AT)
        _by_people(tx, theirs, sequence=900, from_date=day)
        assert publish(tx, pack=parse_pack(documents=[*shipped.documents, ours]), at=AT) == 0
        held = load_published(tx).version(kind="policy", name="instalment-policy", version=version_of(ours))
    assert held.hash == theirs.hash
    assert [one.message for one in caplog.records] == ["policy.number_taken"]


def test_an_upgrade_that_does_not_fit_what_people_published_decides_nothing_and_opens(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    shipped, day = load_pack(), UPGRADED
    theirs = _next("policy", "instalment-policy", about="theirs, which asks for a field that the upgrade drops")
    fields = _next("fields", "applicant")
    left: Any = [one for one in fields.body["field"] if one["name"] != "applications_address_1h"]  # type: ignore[union-attr,index,call-overload]
    fewer = Document(file="fields-3.json", body={**fields.body, "field": left})
    with database.transaction() as tx:
        publish(tx, pack=shipped, at=AT)
        _by_people(tx, theirs, sequence=900, from_date=day)
        files = replace(shipped, documents=(*shipped.documents, fewer))
        assert publish(tx, pack=files, at=AT) == 1, "it is there, for two people to publish"
        standing = {key_of(one): version_of(one) for one in load_published(tx).in_force(business_date=day)}
        assert publish(tx, pack=files, at=AT) == 0, "the next start finds nothing new"
    assert standing["fields/applicant"] == version_of(fewer) - 1
    assert standing["policy/instalment-policy"] == version_of(theirs)
    assert [one.message for one in caplog.records] == ["policy.upgrade_does_not_fit"]


def test_half_a_character_is_a_fault_of_the_file() -> None:
    content = b'{"kind": "policy", "id": "x", "version": 1, "about": "\\ud800"}'
    with pytest.raises(PolicyFault, match="half a character"):
        parse_document(content, file="x.json")
