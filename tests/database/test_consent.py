"""Consents in the book, each with its leaf."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from mingqu.domain import consent as consents
from mingqu.domain.canonical import read
from mingqu.domain.consent import Consent, ConsentPurpose, ConsentTextMalformed
from mingqu.domain.evidence import LeafKind
from mingqu.domain.ownership import NotFound
from mingqu.store import evidence
from mingqu.store.parties import consent as store
from mingqu.store.server.database import Database
from tests.database.people import AT, fresh_id, fresh_keyring, fresh_person, later

FOLDER = Path(__file__).parents[2] / "policies" / "consents"
LENDER = "澄川消费金融"


def fresh_consent(person_id: UUID) -> Consent:
    text = store.latest(store.load_texts(FOLDER), purpose=ConsentPurpose.PASS_TO_LENDER)
    shown = text.shown(recipient=LENDER)
    return Consent(
        consent_id=fresh_id(),
        person_id=person_id,
        text_id=shown.text_id,
        version=shown.version,
        text_hash=shown.text_hash,
        purpose=text.purpose,
        recipient=LENDER,
        given_at=AT,
    )


def test_a_consent_is_stored_with_its_leaf_and_its_withdrawal_with_another(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring)
        tx.lock_cell(0)
        given = store.give(tx, keyring=keyring, consent=fresh_consent(person_id))
        assert store.of_person(tx, person_id=person_id) == [given]
        ended = consents.withdraw(consent=given, at=later(days=1))
        store.withdraw(tx, keyring=keyring, consent=ended)
        assert store.load(tx, person_id=person_id, consent_id=given.consent_id) == ended
        leaves = evidence.leaves_of(tx, person_id=person_id, subject_id=given.consent_id)
        assert [(leaf.kind, leaf.at) for leaf in leaves] == [
            (LeafKind.CONSENT, AT),
            (LeafKind.CONSENT_WITHDRAWN, later(days=1)),
        ]
        said = read(leaves[0].body)
        assert isinstance(said, dict)
        assert said["facts"] == {
            "purpose": "pass_to_lender",
            "recipient": LENDER,
            "text": "pass-to-lender",
            "text_hash": given.text_hash.hex(),
            "version": given.version,
        }
        assert evidence.prove(tx, keyring=keyring, expected=store.EVIDENCED) == []


def test_a_consent_without_a_leaf_is_found(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring)
        tx.lock_cell(0)
        given = store.give(tx, keyring=keyring, consent=fresh_consent(person_id))
        smuggled = fresh_id()
        tx.execute(
            "INSERT INTO consent (cell, consent_id, person_id, text_id, version, text_hash, purpose, given_at) "
            "SELECT cell, %s, person_id, text_id, version, text_hash, purpose, given_at FROM consent",
            (smuggled,),
        )
        tx.execute("UPDATE consent SET withdrawn_at = %s WHERE consent_id = %s", (AT, given.consent_id))
        assert evidence.prove(tx, keyring=keyring, expected=store.EVIDENCED) == [
            f"cell 0: consent {smuggled.hex} has no leaf",
            f"cell 0: consent_withdrawn {given.consent_id.hex} has no leaf",
        ]


def test_someone_elses_consent_answers_as_an_unknown_one(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        owner, other = fresh_person(tx, keyring=keyring), fresh_person(tx, keyring=keyring)
        tx.lock_cell(0)
        given = store.give(tx, keyring=keyring, consent=fresh_consent(owner))
        for person_id, consent_id in ((other, given.consent_id), (owner, fresh_id())):
            with pytest.raises(NotFound):
                store.load(tx, person_id=person_id, consent_id=consent_id)


def test_the_newest_version_of_a_text_is_shown() -> None:
    texts = store.load_texts(FOLDER)
    first = store.latest(texts, purpose=ConsentPurpose.BUREAU_QUERY)
    second = replace(first, version=first.version + 1)
    both = {**texts, (second.text_id, second.version): second}
    assert store.latest(both, purpose=ConsentPurpose.BUREAU_QUERY) is second


def test_texts_that_cannot_be_shown_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConsentTextMalformed):
        store.load_texts(tmp_path)
    text = (FOLDER / "bureau-query-1.toml").read_text(encoding="utf-8")
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    (tmp_path / "b.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConsentTextMalformed, match=r"b\.toml: this text and version stands twice"):
        store.load_texts(tmp_path)
    (tmp_path / "b.toml").write_text("text_id = ", encoding="utf-8")
    with pytest.raises(ConsentTextMalformed, match=r"b\.toml does not read"):
        store.load_texts(tmp_path)
    with pytest.raises(ConsentTextMalformed):
        store.latest({}, purpose=ConsentPurpose.BUREAU_QUERY)
