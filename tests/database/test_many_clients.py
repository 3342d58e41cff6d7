"""64 clients at 100 loans and one house account: nothing lost, nothing doubled, no deadlock shown, all of it proved.

Each client has a twin that sends the same transfers at the same time, so that every replay races with its original.
In the soak it goes on for half a minute to two.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from mingqu.domain import identifier
from mingqu.domain.ledger import Account, AccountCode, Reason, Result, Transfer, TransferKind
from mingqu.services.ledger.post_together import Lanes
from mingqu.store.ledgers import ledger
from mingqu.store.server.database import Database
from tests.soak import SOAK

DAY = date(2026, 8, 15)
CLIENTS, LOANS = 64, 100
# What is owed lasts for most of the turns: behind a limit that was reached everything is refused.
TURNS, OWED_FEN = (600, 40_000) if SOAK else (6, 400)
HOUSE = Account(owner=UUID("0199a000-0000-7000-8000-000000000100"), code=AccountCode.COLLECTION_CLEARING)


def person(number: int) -> Account:
    owner = identifier.fresh(milliseconds=1 + number, slot=0, entropy=0)
    return Account(owner=owner, code=AccountCode.LOAN_PRINCIPAL_DUE)


def repayment(chance: random.Random, parent: UUID, index: int, loan: Account) -> Transfer:
    """What reduces a loan against the house; the strict account refuses what is above what is owed."""
    return Transfer(
        id=identifier.derived(parent, index),
        debit=HOUSE,
        credit=loan,
        amount_fen=chance.randrange(1, 150),
        reason=Reason.REPAY_PRINCIPAL,
        value_date=DAY,
        posted_on=DAY,
        reference=parent,
    )


def deed(chance: random.Random, parent: UUID, loans: Sequence[Account]) -> list[list[Transfer]]:
    """Return the batches of one deed: a payment, payments of several loans, a chain of two, a hold and its end."""
    some = [repayment(chance, parent, at + 1, loan) for at, loan in enumerate(chance.sample(loans, 8))]
    match chance.randrange(4):
        case 0:
            return [some[:1]]
        case 1:
            return [some]
        case 2:
            return [[replace(some[0], linked=True), some[1]]]
        case _:
            hold = replace(some[0], kind=TransferKind.PENDING, expires_on=DAY + timedelta(days=1))
            kind = chance.choice((TransferKind.POST, TransferKind.VOID, TransferKind.EXPIRE))
            end = replace(
                hold, id=some[1].id, kind=kind, pending_id=hold.id, expires_on=None, posted_on=DAY + timedelta(days=1)
            )
            return [[hold], [end, *some[2:4]]]


def test_64_clients_on_100_loans_and_one_house_account_lose_and_double_nothing(database: Database) -> None:
    loans = [person(number) for number in range(LOANS)]
    first = identifier.fresh(milliseconds=0, slot=0, entropy=0)
    owed = [
        replace(repayment(random.Random(at), first, at + 1, loan), debit=loan, credit=HOUSE, amount_fen=OWED_FEN)
        for at, loan in enumerate(loans)
    ]
    with database.transaction() as tx:
        ledger.open_accounts(tx, cell=0, accounts=[HOUSE, *loans])
        ledger.post(tx, cell=0, transfers=owed)
        tx.commit()
    heard: list[list[tuple[Transfer, Result]]] = [[] for _ in range(CLIENTS)]
    shown: list[BaseException] = []

    def client(number: int, at: Database, lanes: Lanes) -> None:
        chance = random.Random(number // 2)
        for turn in range(TURNS):
            parent = identifier.fresh(milliseconds=1_000 + turn, slot=0, entropy=(1 + number // 2) << 2)
            for batch in deed(chance, parent, loans):
                way = (number + turn) % 3  # a twin goes another way
                if way == 0:
                    results = lanes.post(cell=0, transfers=batch, seconds_max=60)
                elif way == 1:
                    results = ledger.post_batch_at_once(at, cell=0, transfers=batch)
                else:
                    with at.transaction() as tx:
                        results = ledger.post_batch(tx, cell=0, transfers=batch)
                        tx.commit()
                heard[number] += zip(batch, results, strict=True)

    def guarded(number: int, at: Database, lanes: Lanes) -> None:
        try:
            client(number, at, lanes)
        except BaseException as error:  # noqa: BLE001 - whatever a caller was shown
            shown.append(error)

    with Database(database.url, connections_max=CLIENTS, connection_seconds_max=60) as at, Lanes(at) as lanes:
        threads = [threading.Thread(target=guarded, args=(number, at, lanes)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert shown == []
    judge(database, [said for of in heard for said in of], loans)


def judge(database: Database, heard: list[tuple[Transfer, Result]], loans: Sequence[Account]) -> None:
    """What was answered is what the book says, and the book proves itself."""
    posted = Counter(sent.id for sent, result in heard if result is Result.OK)
    assert set(posted.values()) == {1}
    assert {sent.id for sent, result in heard if result is Result.EXISTS} <= set(posted)
    assert Result.EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT in {result for _, result in heard}
    moved: Counter[Account] = Counter()
    for sent, result in heard:
        if result is Result.OK and sent.kind in (TransferKind.POSTED, TransferKind.POST):
            moved[sent.credit] += sent.amount_fen
    with database.transaction() as tx:
        assert ledger.prove(tx) == []
        (rows,) = tx.execute("SELECT count(*) FROM transfer").fetchone() or (None,)
        assert rows == len(posted) + LOANS
        for loan in loans:
            assert ledger.balance(tx, cell=0, account=loan).posted_fen == OWED_FEN - moved[loan] >= 0
        house = ledger.balance(tx, cell=0, account=HOUSE)
    assert house.posted_fen == sum(moved.values()) - OWED_FEN * LOANS
