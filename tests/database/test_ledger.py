"""What the ledger promises on the real database beyond the model: all or nothing, no change, lapsing, proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mingqu.domain import identifier
from mingqu.domain.ledger import (
    AMOUNT_FEN_MAX,
    TRANSFERS_MAX,
    Account,
    AccountCode,
    Balance,
    Reason,
    Result,
    Side,
    Transfer,
    TransferKind,
)
from mingqu.store.ledgers import ledger, whole_batch
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Database

DAY = date(2026, 8, 15)
LENDER = UUID("0199a000-0000-7000-8000-000000000100")
PERSON = UUID("0199a000-0000-7000-8000-000000000200")
CASH = Account(owner=LENDER, code=AccountCode.LENDER_CASH)
FUNDING = Account(owner=LENDER, code=AccountCode.LENDER_FUNDING)
PRINCIPAL = Account(owner=PERSON, code=AccountCode.LOAN_PRINCIPAL)
GRANTED = Account(owner=PERSON, code=AccountCode.LIMIT_GRANTED)
AVAILABLE = Account(owner=PERSON, code=AccountCode.LIMIT_AVAILABLE)
DRAWN = Account(owner=PERSON, code=AccountCode.LIMIT_DRAWN)
numbers = count(1)


def transfer(debit: Account, credit: Account, amount_fen: int, **changes: Any) -> Transfer:
    made = Transfer(
        id=identifier.fresh(milliseconds=next(numbers), slot=0, entropy=0),
        debit=debit,
        credit=credit,
        amount_fen=amount_fen,
        reason=Reason.CORRECT,
        value_date=DAY,
        posted_on=DAY,
        reference=LENDER,
    )
    return replace(made, **changes)


@pytest.fixture
def funded(database: Database) -> Database:
    """A lender with 1,000.00 yuan and a person with a limit of 500.00."""
    with database.transaction() as tx:
        ledger.open_accounts(tx, cell=0, accounts=[CASH, FUNDING, PRINCIPAL, GRANTED, AVAILABLE, DRAWN])
        ledger.post(tx, cell=0, transfers=[transfer(CASH, FUNDING, 100_000), transfer(GRANTED, AVAILABLE, 50_000)])
        tx.commit()
    return database


def post(database: Database, *transfers: Transfer) -> list[Result]:
    with database.transaction() as tx:
        results = ledger.post_batch(tx, cell=0, transfers=transfers)
        tx.commit()
        return results


def balance(database: Database, account: Account) -> Balance:
    with database.transaction() as tx:
        return ledger.balance(tx, cell=0, account=account)


def findings(database: Database, tampering: str = "SELECT 1") -> list[str]:
    """Return what the proof finds after somebody with every right changed the rows."""
    with database.transaction() as tx:
        tx.script("SET LOCAL session_replication_role = replica")
        tx.script(tampering)
        return ledger.prove(tx)


def test_a_limit_is_held_drawn_and_released(funded: Database) -> None:
    hold = transfer(AVAILABLE, DRAWN, 30_000, kind=TransferKind.PENDING)
    part = transfer(AVAILABLE, DRAWN, 20_000, kind=TransferKind.POST, pending_id=hold.id)
    assert post(funded, hold) == [Result.OK]
    assert balance(funded, AVAILABLE).available_fen(AccountCode.LIMIT_AVAILABLE) == 20_000
    assert post(funded, transfer(AVAILABLE, DRAWN, 20_001)) == [Result.EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT]
    assert post(funded, part, replace(part, id=LENDER)) == [Result.OK, Result.PENDING_ALREADY_POSTED]
    assert balance(funded, AVAILABLE).available_fen(AccountCode.LIMIT_AVAILABLE) == 30_000
    assert balance(funded, DRAWN).normal_fen(AccountCode.LIMIT_DRAWN) == 20_000
    assert findings(funded) == []


def test_a_void_releases_and_never_posts(funded: Database) -> None:
    hold = transfer(AVAILABLE, DRAWN, 30_000, kind=TransferKind.PENDING)
    void = replace(hold, id=PERSON, kind=TransferKind.VOID, pending_id=hold.id)
    assert post(funded, hold, void, void) == [Result.OK, Result.OK, Result.EXISTS]
    assert balance(funded, AVAILABLE) == Balance(credits_posted_fen=50_000)
    assert balance(funded, DRAWN) == Balance()
    again = replace(void, id=LENDER, kind=TransferKind.POST)
    assert post(funded, again) == [Result.PENDING_ALREADY_VOIDED]


def test_a_hold_lapses_on_its_day_and_not_before_and_is_refused_from_then_on(funded: Database) -> None:
    hold = transfer(AVAILABLE, DRAWN, 30_000, kind=TransferKind.PENDING, expires_on=DAY + timedelta(days=2))
    lapse = replace(hold, id=PERSON, kind=TransferKind.EXPIRE, pending_id=hold.id, expires_on=None)
    early = replace(lapse, posted_on=DAY + timedelta(days=1))
    due = replace(lapse, posted_on=DAY + timedelta(days=2))
    assert post(funded, hold, early) == [Result.OK, Result.PENDING_NOT_EXPIRED]
    assert post(funded, due, due) == [Result.OK, Result.EXISTS]
    assert balance(funded, AVAILABLE) == Balance(credits_posted_fen=50_000)
    for kind in (TransferKind.POST, TransferKind.VOID, TransferKind.EXPIRE):
        assert post(funded, replace(due, id=LENDER, kind=kind)) == [Result.PENDING_EXPIRED]
    assert findings(funded) == []


def test_a_chain_is_posted_whole_or_not_at_all_and_the_others_go_on(funded: Database) -> None:
    def chain(*amounts: int) -> list[Transfer]:
        made = [transfer(AVAILABLE, DRAWN, amount_fen, linked=True) for amount_fen in amounts]
        return [*made[:-1], replace(made[-1], linked=False)]

    good, bad, alone = chain(100, 200, 300), chain(1, 50_001, 0), transfer(AVAILABLE, DRAWN, 7)
    refused = [Result.LINKED_TRANSFER_FAILED, Result.EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT, Result.LINKED_TRANSFER_FAILED]
    assert post(funded, *bad, alone, *good) == [*refused, *[Result.OK] * 4]
    assert post(funded, *good, *bad) == [*[Result.EXISTS] * 3, *refused]
    assert post(funded, good[0], replace(bad[1], linked=False)) == [Result.EXISTS, refused[1]]
    open_ended = [replace(one, id=identifier.derived(one.id, 1), linked=True) for one in good]
    assert post(funded, *open_ended) == [Result.LINKED_TRANSFER_FAILED] * 2 + [Result.LINKED_CHAIN_OPEN]
    assert balance(funded, DRAWN).credits_posted_fen == 607


def test_one_transfer_alone_is_answered_as_in_a_batch(funded: Database) -> None:
    hold = transfer(AVAILABLE, DRAWN, 30_000, kind=TransferKind.PENDING, expires_on=DAY + timedelta(days=1))
    part = transfer(AVAILABLE, DRAWN, 20_000, kind=TransferKind.POST, pending_id=hold.id)
    more = transfer(AVAILABLE, DRAWN, 30_001)
    sent = [hold, hold, more, part, part, replace(part, reason=Reason.LIMIT_DRAW), more, transfer(AVAILABLE, DRAWN, 0)]
    assert [ledger.post_single(funded, cell=0, transfer=one) for one in sent] == [
        Result.OK,
        Result.EXISTS,
        Result.EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT,
        Result.OK,
        Result.EXISTS,
        Result.EXISTS_WITH_DIFFERENT_REASON,
        Result.EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT,
        Result.AMOUNT_ZERO,
    ]
    assert balance(funded, AVAILABLE) == Balance(credits_posted_fen=50_000, debits_posted_fen=20_000)
    assert findings(funded) == []


def test_nothing_is_lent_beyond_the_funding_whatever_the_order_in_a_batch(funded: Database) -> None:
    lend = [transfer(PRINCIPAL, CASH, 20_000) for _ in range(6)]
    assert post(funded, *lend) == [Result.OK] * 5 + [Result.EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT]
    late_funding = [transfer(PRINCIPAL, CASH, 1) for _ in range(5)] + [transfer(CASH, FUNDING, 5)]
    assert post(funded, *late_funding) == [Result.EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT] * 5 + [Result.OK]
    early_funding = [transfer(CASH, FUNDING, 5)] + [transfer(PRINCIPAL, CASH, 2) for _ in range(5)]
    assert post(funded, *early_funding) == [Result.OK] * 6
    assert balance(funded, CASH).posted_fen == 0


def test_what_is_held_cannot_be_lent_again_one_by_one_or_all_at_once(funded: Database) -> None:
    assert post(funded, transfer(PRINCIPAL, CASH, 100_000, kind=TransferKind.PENDING)) == [Result.OK]
    for size in (1, 6):
        lend = [transfer(PRINCIPAL, CASH, 1) for _ in range(size)]
        assert post(funded, *lend) == [Result.EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT] * size
    assert post(funded, transfer(AVAILABLE, DRAWN, 50_000, kind=TransferKind.PENDING)) == [Result.OK]
    for size in (1, 6):
        draw = [transfer(AVAILABLE, DRAWN, 1) for _ in range(size)]
        assert post(funded, *draw) == [Result.EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT] * size


def at_once(database: Database, *transfers: Transfer) -> bool:
    """Whether a batch is posted in one go, without a look at each of its transfers; nothing is kept."""
    sql, parameters = ledger.posted(cell=0, transfers=transfers)
    statement = Statement(sql.replace("post_batch", "post_all_at_once"), parameters)
    with database.transaction() as tx:
        ((answer,),) = tx.together([statement])[0].fetchall()
        assert ledger.prove(tx) == []
        return bool(answer)


def test_what_a_batch_fills_it_may_empty_at_once_and_only_in_that_order(funded: Database) -> None:
    spare = transfer(CASH, FUNDING, 1)
    lent, repaid = transfer(PRINCIPAL, CASH, 300), transfer(CASH, PRINCIPAL, 300)
    assert at_once(funded, spare, lent, repaid)
    assert not at_once(funded, spare, repaid, lent), "a debit that comes too late is seen, and which it is said"
    assert post(funded, *[transfer(CASH, FUNDING, 1) for _ in range(3)], repaid, lent) == [
        *[Result.OK] * 3,
        Result.EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT,
        Result.OK,
    ]
    draw, refund, again = (
        transfer(AVAILABLE, DRAWN, 50_000),
        transfer(DRAWN, AVAILABLE, 20),
        transfer(AVAILABLE, DRAWN, 20),
    )
    assert at_once(funded, draw, refund, again)
    assert not at_once(funded, draw, again, refund), "a credit that comes too late"
    lent, repaid, held = (replace(each, id=transfer(CASH, FUNDING, 1).id) for each in (lent, repaid, repaid))
    assert at_once(funded, lent, repaid, held), "300 were there before"
    held = replace(held, kind=TransferKind.PENDING)
    assert at_once(funded, lent, held, repaid), "what is held is spoken for"
    assert not at_once(funded, lent, held, replace(repaid, amount_fen=301)), "and cannot go a second time"
    held = replace(refund, kind=TransferKind.PENDING)
    assert not at_once(funded, draw, held, again), "what is held on its way in is not there yet"
    lending = transfer(PRINCIPAL, CASH, 300, kind=TransferKind.PENDING)
    assert not at_once(funded, transfer(CASH, FUNDING, 1), lending, replace(repaid, amount_fen=301)), "from either side"
    held = transfer(AVAILABLE, DRAWN, 50_010, kind=TransferKind.PENDING)
    assert at_once(funded, transfer(GRANTED, AVAILABLE, 10), held)
    assert not at_once(funded, transfer(GRANTED, AVAILABLE, 10), held, again)
    assert balance(funded, PRINCIPAL).posted_fen == 300


STRANGER = Account(owner=UUID(int=9), code=AccountCode.CLEARING)
CLOSED = Account(owner=PERSON, code=AccountCode.CLEARING)
DOLLARS = Account(owner=PERSON, code=AccountCode.COLLECTION_CLEARING, currency="USD")


FLAWS: list[tuple[dict[str, Any], Result]] = [
    ({"amount_fen": 0}, Result.AMOUNT_ZERO),
    ({"amount_fen": -5}, Result.AMOUNT_NEGATIVE),
    ({"amount_fen": -(2**63)}, Result.AMOUNT_NEGATIVE),
    ({"amount_fen": 2**63}, Result.AMOUNT_OUT_OF_RANGE),
    ({"amount_fen": 2**63 - 1}, Result.OVERFLOW),
    ({"kind": TransferKind.POST}, Result.PENDING_ID_MISSING),
    ({"kind": TransferKind.VOID, "pending_id": PERSON}, Result.PENDING_NOT_FOUND),
    ({"pending_id": PERSON}, Result.PENDING_ID_UNEXPECTED),
    ({"credit": FUNDING, "debit": FUNDING}, Result.SAME_ACCOUNT),
    ({"debit": DOLLARS}, Result.CURRENCY_MISMATCH),
    ({"expires_on": DAY + timedelta(days=1)}, Result.EXPIRES_ON_UNEXPECTED),
    ({"kind": TransferKind.PENDING, "expires_on": DAY}, Result.EXPIRES_ON_NOT_AFTER_POSTED_ON),
    ({"debit": STRANGER}, Result.DEBIT_ACCOUNT_UNKNOWN),
    ({"credit": STRANGER}, Result.CREDIT_ACCOUNT_UNKNOWN),
    ({"debit": CLOSED}, Result.DEBIT_ACCOUNT_CLOSED),
    ({"credit": CLOSED}, Result.CREDIT_ACCOUNT_CLOSED),
    ({"debit": AVAILABLE, "amount_fen": 50_001}, Result.EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT),
    ({"credit": CASH, "debit": GRANTED, "amount_fen": 100_008}, Result.EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT),
]


def test_one_flaw_in_a_batch_is_found_in_its_place_and_the_rest_is_posted(funded: Database) -> None:
    with funded.transaction() as tx:
        ledger.open_accounts(tx, cell=0, accounts=[CLOSED, DOLLARS])
        ledger.close_account(tx, cell=0, account=CLOSED, on=DAY)
        tx.commit()
    for flaw, result in FLAWS:
        for place in (0, 3, 6):
            batch = [transfer(CASH, FUNDING, 1) for _ in range(7)]
            batch[place] = replace(batch[place], **flaw)
            with funded.transaction() as tx:  # rolled back: each flaw meets the same book
                results = ledger.post_batch(tx, cell=0, transfers=batch)
                assert results == [result if at == place else Result.OK for at in range(7)], flaw
                assert ledger.balance(tx, cell=0, account=FUNDING).credits_posted_fen == 100_006, flaw
                assert ledger.prove(tx) == [], flaw


def test_a_batch_is_all_or_nothing_when_it_must_be(funded: Database) -> None:
    good, bad = transfer(PRINCIPAL, CASH, 1), transfer(PRINCIPAL, CASH, 100_000)
    with funded.transaction() as tx, pytest.raises(ledger.TransferRefused) as refused:
        ledger.post(tx, cell=0, transfers=[good, bad])
    assert (refused.value.result, refused.value.transfer) == (Result.EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT, bad)
    assert balance(funded, PRINCIPAL) == Balance()
    for _ in range(2):
        with funded.transaction() as tx:
            ledger.post(tx, cell=0, transfers=[good])
            tx.commit()
    assert balance(funded, PRINCIPAL) == Balance(debits_posted_fen=1)


def test_what_ends_a_transaction_with_a_whole_batch_is_all_there_or_names_what_was_refused(funded: Database) -> None:
    good, bad = transfer(PRINCIPAL, CASH, 1), transfer(PRINCIPAL, CASH, 100_000)

    def finished(transfers: list[Transfer]) -> list[Answer]:
        with funded.transaction() as tx, whole_batch.refusals(transfers=transfers):
            return tx.finish([whole_batch.posted(cell=0, transfers=transfers)])

    with pytest.raises(ledger.TransferRefused) as refused:
        finished([good, bad])
    assert (refused.value.result, refused.value.transfer) == (Result.EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT, bad)
    assert balance(funded, PRINCIPAL) == Balance(), "nothing was committed"
    for result in (Result.OK, Result.EXISTS):
        assert finished([good])[0].fetchall() == [([result],)]
    assert balance(funded, PRINCIPAL) == Balance(debits_posted_fen=1)
    assert findings(funded) == []


def test_an_empty_batch_is_answered_and_one_that_is_too_large_is_refused(funded: Database) -> None:
    assert post(funded) == []
    with pytest.raises(ledger.BatchTooLarge):
        post(funded, *[transfer(PRINCIPAL, CASH, 1)] * (TRANSFERS_MAX + 1))


def test_the_largest_batch_is_posted_whole(funded: Database) -> None:
    assert set(post(funded, *[transfer(PRINCIPAL, CASH, 1) for _ in range(TRANSFERS_MAX)])) == {Result.OK}
    assert balance(funded, PRINCIPAL) == Balance(debits_posted_fen=TRANSFERS_MAX)


@pytest.mark.parametrize("batch_size", [1, 5])
def test_a_sum_beyond_the_range_overflows_and_changes_nothing(funded: Database, batch_size: int) -> None:
    other = replace(FUNDING, owner=PERSON)
    clearing = replace(CASH, code=AccountCode.COLLECTION_CLEARING)
    with funded.transaction() as tx:
        ledger.open_accounts(tx, cell=0, accounts=[other, clearing])
        tx.commit()
    assert post(funded, transfer(clearing, other, AMOUNT_FEN_MAX - 2)) == [Result.OK]
    small = [transfer(clearing, other, 1) for _ in range(batch_size)]
    assert post(funded, *small) == ([Result.OK] * 2 + [Result.OVERFLOW] * 3)[:batch_size]
    assert findings(funded) == []


def test_a_statement_shows_each_side_with_the_account_on_the_other(funded: Database) -> None:
    lend = transfer(PRINCIPAL, CASH, 700, reason=Reason.DISBURSE, value_date=date(2026, 8, 14))
    post(funded, lend)
    with funded.transaction() as tx:
        (line,) = [line for line in ledger.entries(tx, cell=0, owner=PERSON) if line.account == PRINCIPAL]
        assert len(ledger.entries(tx, cell=0, owner=LENDER)) == 3
    assert line == ledger.Entry(
        transfer_id=lend.id,
        kind=TransferKind.POSTED,
        account=PRINCIPAL,
        other=CASH,
        side=Side.DEBIT,
        amount_fen=700,
        reason=Reason.DISBURSE,
        value_date=date(2026, 8, 14),
        posted_on=DAY,
        reference=LENDER,
    )


def test_accounts_are_opened_once_and_closed_when_empty(funded: Database) -> None:
    with funded.transaction() as tx:
        ledger.open_accounts(tx, cell=0, accounts=[CASH, CASH])
        assert ledger.balance(tx, cell=0, account=CASH).posted_fen == 100_000
        with pytest.raises(ledger.AccountNotEmpty):
            ledger.close_account(tx, cell=0, account=CASH, on=DAY)
        with pytest.raises(ledger.AccountUnknown):
            ledger.close_account(tx, cell=1, account=CASH, on=DAY)
        ledger.close_account(tx, cell=0, account=PRINCIPAL, on=DAY)
        tx.commit()
    assert post(funded, transfer(PRINCIPAL, CASH, 1)) == [Result.DEBIT_ACCOUNT_CLOSED]


@pytest.mark.parametrize(
    "statement", ["UPDATE transfer SET amount_fen = 1", "DELETE FROM transfer WHERE false", "TRUNCATE transfer"]
)
def test_a_transfer_is_never_changed_or_removed(funded: Database, statement: str) -> None:
    with funded.transaction() as tx, pytest.raises(psycopg.errors.RaiseException):
        tx.script(statement)


TAMPERINGS = [
    ("UPDATE account SET debits_posted_fen = debits_posted_fen + 1 WHERE code = 1001", "not the sum"),
    ("UPDATE account SET credits_pending_fen = 0 WHERE code = 9003", "not the sum"),
    ("UPDATE transfer SET amount_fen = amount_fen + 1 WHERE credit_code = 3001", "not the sum"),
    ("UPDATE transfer SET amount_fen = 9223372036854775807", "not the sum"),
    ("DELETE FROM transfer WHERE credit_code = 3001", "not the sum"),
    ("DELETE FROM account WHERE code = 9001", "not the sum"),
    ("UPDATE account SET debits_posted_fen = debits_posted_fen + 1 WHERE code = 1001", "not equal to its credits"),
    ("UPDATE account SET credits_posted_fen = 100001 WHERE code = 1001", "normal side"),
    ("UPDATE account SET strict_side = 0 WHERE code = 9002", "normal side"),
    ("DELETE FROM hold WHERE state = 1", "not the hold"),
    ("UPDATE hold SET amount_fen = amount_fen + 1", "not the hold"),
    ("INSERT INTO hold (cell, id, amount_fen) VALUES (0, gen_random_uuid(), 1)", "not the hold"),
    ("UPDATE hold SET state = 3 WHERE state = 1", "not in the state"),
    ("UPDATE hold SET state = 4 WHERE state = 1", "not in the state"),
    ("UPDATE hold SET state = 1, posted_fen = 0 WHERE state = 2", "not in the state"),
    ("UPDATE hold SET state = 7 WHERE state = 1", "not in the state"),
    (
        "UPDATE transfer SET amount_fen = 101 WHERE kind = 3; UPDATE hold SET posted_fen = 101 WHERE state = 2",
        "not in the state",
    ),
    ("UPDATE transfer SET amount_fen = 0 WHERE kind = 3; UPDATE hold SET posted_fen = 0 WHERE state = 2", "the state"),
    ("UPDATE transfer SET amount_fen = -1 WHERE kind = 2; UPDATE hold SET amount_fen = -1", "not the hold"),
    ("UPDATE hold SET expires_on = '2030-01-01' WHERE state = 1", "not the hold"),
    ("UPDATE hold SET posted_fen = posted_fen - 1 WHERE state = 2", "not in the state"),
    ("UPDATE transfer SET pending_id = gen_random_uuid() WHERE kind = 3", "not in the state"),
]


def test_the_proof_finds_what_was_tampered_with(funded: Database) -> None:
    kept, taken = (transfer(AVAILABLE, DRAWN, 100, kind=TransferKind.PENDING) for _ in range(2))
    post(funded, kept, taken, transfer(AVAILABLE, DRAWN, 60, kind=TransferKind.POST, pending_id=taken.id))
    assert findings(funded) == []
    for tampering, found in TAMPERINGS:
        assert any(found in sentence for sentence in findings(funded, tampering)), tampering


def test_the_proof_names_no_more_than_can_be_read(funded: Database) -> None:
    many = "INSERT INTO hold (cell, id, amount_fen) SELECT 0, gen_random_uuid(), 1 FROM generate_series(1, 100)"
    assert len(findings(funded, many)) < 100
