"""The keyring on disk, the vault, its rotation and its erasure."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.store.people import vault
from mingqu.store.people.vault import ErasureHeld, PersonErased
from mingqu.store.server import keyring as keyrings
from mingqu.store.server.database import Database
from mingqu.store.server.keyring import (
    Keyring,
    KeyringExists,
    KeyringExposed,
    KeyringMalformed,
    KeyringMissing,
    KeyUnknown,
    SealBroken,
)
from tests.database.people import AT, fresh_id, fresh_keyring, fresh_person

ON = date(2026, 8, 15)
NAME = Personal("林知夏")


def same(one: Keyring, other: Keyring) -> bool:
    return keyrings.text_of(one) == keyrings.text_of(other)


def test_keys_are_written_once_for_their_owner_alone_and_read_back(tmp_path: Path) -> None:
    keyring = keyrings.create(folder=tmp_path)
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]
    assert same(keyrings.load(folder=tmp_path, environment={}), keyring)
    with pytest.raises(KeyringExists):
        keyrings.create(folder=tmp_path)
    assert same(keyrings.load(folder=tmp_path, environment={}), keyring)
    rotated = keyring.with_new_signing_key()
    keyrings.write(rotated, folder=tmp_path)
    assert same(keyrings.load(folder=tmp_path, environment={}), rotated)
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_keys_in_the_environment_come_first_and_without_any_it_says_so(tmp_path: Path) -> None:
    other = fresh_keyring()
    with pytest.raises(KeyringMissing):
        keyrings.load(folder=tmp_path, environment={})
    keyrings.create(folder=tmp_path)
    environment = {"MINGQU_KEYS": keyrings.text_of(other).reveal()}
    assert same(keyrings.load(folder=tmp_path, environment=environment), other)


def test_keys_that_others_may_read_are_refused(tmp_path: Path) -> None:
    keyrings.create(folder=tmp_path)
    (tmp_path / "keys.json").chmod(0o640)
    with pytest.raises(KeyringExposed):
        keyrings.load(folder=tmp_path, environment={})


def test_damaged_keys_are_refused_without_telling_them() -> None:
    text = keyrings.text_of(fresh_keyring()).reveal()
    content = json.loads(text)
    for damaged in (
        "",
        "[]",
        text[:-5],
        json.dumps({**content, "format": 2}),
        json.dumps({**content, "lookup": content["lookup"][:-2]}),
        json.dumps({**content, "wrapping_id": "another"}),
        json.dumps({**content, "signing": {}}),
        json.dumps({**content, "wrapping": []}),
    ):
        with pytest.raises(KeyringMalformed) as caught:
            keyrings.parse(damaged)
        assert content["lookup"][:16] not in repr(caught.value)
        assert caught.value.__suppress_context__


def test_a_keyring_does_not_print_its_keys() -> None:
    keyring = fresh_keyring()
    shown = repr(keyring) + str(keyring)
    keys = [*keyring.wrapping.values(), *keyring.signing.values(), keyring.lookup]
    assert not any(key.hex() in shown or repr(key)[2:-1] in shown for key in keys)


def test_a_signature_holds_for_its_bytes_and_its_key_only() -> None:
    keyring = fresh_keyring()
    key_id, signature = keyring.sign(b"body")
    rotated = keyring.with_new_signing_key()
    assert rotated.signed(key_id=key_id, body=b"body", signature=signature)
    assert not rotated.signed(key_id=rotated.signing_id, body=b"body", signature=signature)
    assert not rotated.signed(key_id=key_id, body=b"other", signature=signature)
    assert not fresh_keyring().signed(key_id=key_id, body=b"body", signature=signature)


def test_equal_values_of_two_kinds_or_two_books_look_different() -> None:
    keyring = fresh_keyring()
    phone = Personal("13800138000")
    hashes = {keyring.lookup_hash(kind="phone", value=phone), keyring.lookup_hash(kind="card", value=phone)}
    hashes.add(fresh_keyring().lookup_hash(kind="phone", value=phone))
    assert len(hashes) == 3
    assert keyring.lookup_hash(kind="phone", value=Personal("13800138000")) in hashes


def test_a_field_opens_as_it_was_sealed_and_nothing_is_in_the_clear(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring)
        vault.seal(tx, keyring=keyring, person_id=person_id, field="name", value=Personal("old"), at=AT)
        vault.seal_all(tx, keyring=keyring, person_id=person_id, values={"name": NAME, "a": Personal("b")}, at=AT)
        assert vault.open_field(tx, keyring=keyring, person_id=person_id, field="name") == NAME
        assert vault.open_all(tx, keyring=keyring, person_id=person_id) == {"a": Personal("b"), "name": NAME}
        dump = [bytes(row[0]) for row in tx.execute("SELECT sealed FROM vault_field")]
        assert not any(NAME.reveal().encode() in sealed for sealed in dump)


def test_equal_values_are_sealed_differently(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring)
        vault.seal_all(tx, keyring=keyring, person_id=person_id, values={"a": NAME, "b": NAME}, at=AT)
        assert len({bytes(row[0])[12:] for row in tx.execute("SELECT sealed FROM vault_field")}) == 2


def test_a_sealed_field_opens_in_no_other_place(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id, other_id = fresh_person(tx, keyring=keyring), fresh_person(tx, keyring=keyring)
        vault.seal_all(tx, keyring=keyring, person_id=person_id, values={"name": NAME, "phone": NAME}, at=AT)
        vault.seal(tx, keyring=keyring, person_id=other_id, field="name", value=NAME, at=AT)
        copied = "UPDATE vault_field SET sealed = (SELECT sealed FROM vault_field WHERE person_id = %s AND field = %s)"
        tx.execute(copied + " WHERE field = 'phone'", (person_id, "name"))
        with pytest.raises(SealBroken):
            vault.open_field(tx, keyring=keyring, person_id=person_id, field="phone")
        tx.execute(copied + " WHERE person_id = %s", (person_id, "name", other_id))
        with pytest.raises(SealBroken):
            vault.open_field(tx, keyring=keyring, person_id=other_id, field="name")


def test_a_person_or_field_that_is_not_there_is_not_found(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring)
        with pytest.raises(NotFound):
            vault.open_field(tx, keyring=keyring, person_id=person_id, field="name")
        with pytest.raises(NotFound):
            vault.seal(tx, keyring=keyring, person_id=fresh_id(), field="name", value=NAME, at=AT)


def test_the_wrapping_key_rotates_and_the_old_one_can_go(database: Database) -> None:
    first = fresh_keyring()
    with database.transaction() as tx:
        people = [fresh_person(tx, keyring=first, cell=cell) for cell in (0, 0, 3)]
        for person_id in people:
            vault.seal(tx, keyring=first, person_id=person_id, field="name", value=NAME, at=AT)
        both = first.with_new_wrapping_key()
        assert [vault.rewrap(tx, keyring=both, cell=cell) for cell in range(4)] == [2, 0, 0, 1]
        assert [vault.rewrap(tx, keyring=both, cell=cell) for cell in range(4)] == [0, 0, 0, 0]
        for person_id in people:
            assert vault.open_field(tx, keyring=both, person_id=person_id, field="name") == NAME
            with pytest.raises(KeyUnknown):
                vault.open_field(tx, keyring=first, person_id=person_id, field="name")


def test_an_erased_person_cannot_be_read_and_is_told_from_an_unknown_one(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id, other_id = fresh_person(tx, keyring=keyring), fresh_person(tx, keyring=keyring)
        for each in (person_id, other_id):
            vault.seal(tx, keyring=keyring, person_id=each, field="name", value=NAME, at=AT)
        vault.erase(tx, person_id=person_id, on=ON)
        with pytest.raises(PersonErased):
            vault.open_field(tx, keyring=keyring, person_id=person_id, field="name")
        with pytest.raises(PersonErased):
            vault.seal(tx, keyring=keyring, person_id=person_id, field="name", value=NAME, at=AT)
        with pytest.raises(PersonErased):
            vault.erase(tx, person_id=person_id, on=ON)
        with pytest.raises(NotFound):
            vault.erase(tx, person_id=fresh_id(), on=ON)
        assert vault.open_field(tx, keyring=keyring, person_id=other_id, field="name") == NAME


def test_a_law_that_keeps_data_forbids_to_erase_until_its_day(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring)
        vault.seal(tx, keyring=keyring, person_id=person_id, field="name", value=NAME, at=AT)
        vault.hold(tx, person_id=person_id, reason="aml", held_until=date(2036, 8, 15))
        vault.hold(tx, person_id=person_id, reason="aml", held_until=date(2030, 1, 1))  # does not shorten
        for on in (ON, date(2036, 8, 14)):
            with pytest.raises(ErasureHeld) as caught:
                vault.erase(tx, person_id=person_id, on=on)
            assert caught.value.details == {"reason": "aml", "held_until": "2036-08-15"}
            assert vault.open_field(tx, keyring=keyring, person_id=person_id, field="name") == NAME
        vault.erase(tx, person_id=person_id, on=date(2036, 8, 15))
