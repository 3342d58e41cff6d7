"""The same request is answered once; another request with its key is told so."""

from __future__ import annotations

import hashlib

import pytest

from mingqu.store.server import idempotency
from mingqu.store.server.database import Database

BODY = hashlib.sha256(b"draw 500").digest()
OTHER_BODY = hashlib.sha256(b"draw 900").digest()


def answer(database: Database, *, key: str = "k1", caller: str = "app", body_hash: bytes = BODY) -> dict[str, object]:
    """Serve a request whose effect is one row of `hold`."""
    with database.transaction() as tx:
        before = idempotency.begin(tx, cell=1, caller=caller, key=key, body_hash=body_hash)
        if before is not None:
            return before.response
        tx.lock_cell(1)
        (number,) = tx.execute(
            "INSERT INTO hold (cell, id, amount_fen) VALUES (1, gen_random_uuid(), 5) RETURNING id::text"
        ).fetchone() or (None,)
        idempotency.finish(tx, cell=1, caller=caller, key=key, response={"loan": number, "金额": 5})
        tx.commit()
        return {"loan": number, "金额": 5}


def effects(database: Database) -> int:
    with database.transaction() as tx:
        return int((tx.execute("SELECT count(*) FROM hold").fetchone() or (0,))[0])


def test_the_same_request_twice_has_one_effect_and_the_same_answer(database: Database) -> None:
    assert answer(database) == answer(database)
    assert effects(database) == 1


def test_the_same_key_with_another_body_is_refused(database: Database) -> None:
    first = answer(database)
    with pytest.raises(idempotency.IdempotencyKeyReused) as refused:
        answer(database, body_hash=OTHER_BODY)
    assert (refused.value.code, refused.value.status) == ("idempotency_key_reused", 422)
    assert effects(database) == 1
    assert answer(database) == first


def test_the_same_key_of_another_caller_is_another_key(database: Database) -> None:
    assert answer(database, caller="app") != answer(database, caller="console")
    assert effects(database) == 2


def test_a_request_that_was_rolled_back_leaves_its_key_free(database: Database) -> None:
    with database.transaction() as tx:
        assert idempotency.begin(tx, cell=1, caller="app", key="k1", body_hash=OTHER_BODY) is None
    answer(database, body_hash=BODY)
    assert effects(database) == 1


def test_a_key_whose_request_still_runs_is_busy_with_any_body(database: Database) -> None:
    with database.transaction() as tx:
        assert idempotency.begin(tx, cell=1, caller="app", key="k1", body_hash=BODY) is None
        for body_hash in (BODY, OTHER_BODY):
            with pytest.raises(idempotency.IdempotencyKeyBusy) as refused:
                answer(database, body_hash=body_hash)
            assert (refused.value.code, refused.value.status) == ("idempotency_key_busy", 409)
            assert refused.value.details == {"retry_after_seconds": 1}
        idempotency.finish(tx, cell=1, caller="app", key="k1", response={"loan": "first"})
        tx.commit()
    assert answer(database) == {"loan": "first"}
    assert effects(database) == 0


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x00b"])
def test_a_malformed_key_is_refused(database: Database, key: str) -> None:
    with pytest.raises(idempotency.IdempotencyKeyMalformed):
        answer(database, key=key)


def test_only_the_request_that_claimed_a_key_finishes_it(database: Database) -> None:
    answer(database)
    with database.transaction() as tx, pytest.raises(AssertionError):
        idempotency.finish(tx, cell=1, caller="app", key="k1", response={})
