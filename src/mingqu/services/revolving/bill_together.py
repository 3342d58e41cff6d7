"""The mornings of many revolving accounts in columns: what `bring_up_all` does for them, without opening each.

What is off the common path (`domain/batch/revolving.py`) is brought up by the reference, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import numpy as np

from mingqu.domain.batch.columns import Integers
from mingqu.domain.batch.revolving import RevolvingOutcome, issue, judge
from mingqu.domain.batch.revolving_columns import bills_of
from mingqu.domain.identifier import dated, derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.spend import SpendTerms
from mingqu.domain.spend.packed import DUE_OPEN, day_of, unpacked_bill
from mingqu.services.house import House
from mingqu.services.revolving.record_spend import EVENT_PLACES_FROM, bring_up_all
from mingqu.services.revolving.remind_of_bills import ROUND_MIN, notices_of, round_of
from mingqu.store.ledgers import ledger
from mingqu.store.revolving import spend, spend_columns
from mingqu.store.revolving.spend_columns import AccountChunk
from mingqu.store.server import column
from mingqu.store.server.column import Kind
from mingqu.store.server.connection import Statement
from mingqu.store.server.database import Transaction

# What a bill charges: where it is owed, and whose income it is.
_CHARGES: Final = (
    (AccountCode.SPEND_INTEREST_DUE, AccountCode.SPEND_INTEREST_INCOME),
    (AccountCode.SPEND_PENALTY_DUE, AccountCode.SPEND_PENALTY_INCOME),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Alike:
    """Accounts at some places of a chunk, of the same terms: their bill day `on`, or the due day to judge."""

    place: Integers
    terms: SpendTerms
    on: date
    judged: bool


def bill_chunk(tx: Transaction, house: House, *, cell: int, to: date, limit: int) -> int:
    """Bring the next accounts of a cell up to the morning of a day, and return how many there were.

    The caller holds the cell's lock and commits.
    """
    chunk = spend_columns.mornings(tx, cell=cell, to=to, now=house.clock.now(), limit=limit)
    if chunk is None:
        return 0
    today = house.booking_date(tx, cell=cell)
    transfers: list[Transfer] = []
    writing: list[Statement] = []
    left: list[Integers] = []
    for alike in _groups(tx, chunk):
        accounts = chunk.accounts.only(alike.place)
        morning = judge if alike.judged else issue
        made = morning(accounts=accounts, terms=alike.terms, on=alike.on, to=to)
        plain = np.flatnonzero(~made.scalar)
        left.append(alike.place[made.scalar])
        if len(plain):
            transfers += _transfers(chunk, alike, made, to=to, today=today)
            writing += _written(house, chunk, alike, made, plain)
    if writing:
        # One round trip: what was posted is looked at before anything is committed.
        posting = [ledger.posted(cell=cell, transfers=transfers)] if transfers else []
        answers = tx.together([*posting, *writing])
        if posting:
            ledger.require_posted(answers[0], transfers=transfers)
    others = [UUID(bytes=one.tobytes()) for one in chunk.account_id[np.concatenate(left)]]
    if others:
        bring_up_all(tx, house, accounts=spend.some(tx, cell=cell, account_ids=others), to=to)
    return len(chunk)


def _groups(tx: Transaction, chunk: AccountChunk) -> Iterator[_Alike]:
    """Yield the accounts of a chunk by their terms and their next morning."""
    head = chunk.accounts.head
    judged = head["flags"] & DUE_OPEN != 0
    days = np.where(judged, head["due"], head["next_bill_on"]).astype(np.int64)
    keys = np.stack((chunk.terms_key, judged.astype(np.int64), days), axis=1)
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    terms = spend.terms_of(
        tx, cell=chunk.cell, account_ids=[UUID(bytes=chunk.account_id[at].tobytes()) for at in first]
    )
    for number, at in enumerate(first.tolist()):
        yield _Alike(
            place=np.flatnonzero(group.reshape(-1) == number),
            terms=terms[number],
            on=day_of(int(days[at])),
            judged=bool(judged[at]),
        )


def _transfers(chunk: AccountChunk, alike: _Alike, made: RevolvingOutcome, *, to: date, today: date) -> list[Transfer]:
    """Return what bills charge, with the ids that `record_spend.transfers_of` gives it."""
    found = []
    for at in np.flatnonzero((made.interest_fen > 0) | (made.penalty_fen > 0)).tolist():
        place = alike.place[at]
        account_id, lender_id = (UUID(bytes=ids[place].tobytes()) for ids in (chunk.account_id, chunk.lender_id))
        day = day_of(int(chunk.accounts.head["day"][place]))
        cause = dated(account_id, on=to, purpose=f"mornings after {day}")
        charged = [
            (owed, income, int(column_of[at]))
            for (owed, income), column_of in zip(_CHARGES, (made.interest_fen, made.penalty_fen), strict=True)
            if column_of[at]
        ]
        currency = chunk.currency[place]
        found += [
            Transfer(
                id=derived(cause, EVENT_PLACES_FROM + number),
                debit=Account(owner=account_id, code=owed, currency=currency),
                credit=Account(owner=lender_id, code=income, currency=currency),
                amount_fen=amount_fen,
                reason=Reason.SPEND_BILL,
                value_date=alike.on,
                posted_on=today,
                reference=account_id,
            )
            for number, (owed, income, amount_fen) in enumerate(charged)
        ]
    return found


def _written(
    house: House, chunk: AccountChunk, alike: _Alike, made: RevolvingOutcome, plain: Integers
) -> list[Statement]:
    """Return the statements that store accounts after their morning, their bills, and what is to be said of these."""
    accounts, ids = made.accounts.only(plain), chunk.account_id[alike.place[plain]]
    saved = spend_columns.saved(
        cell=chunk.cell, account_id=ids, accounts=accounts, next_morning=made.next_morning[plain]
    )
    issued = np.flatnonzero(made.issued[plain])
    if not len(issued):
        return [saved]
    billed, billed_ids = accounts.only(issued), ids[issued]
    now = house.clock.now()
    if len(issued) >= ROUND_MIN:
        telling = [
            round_of(
                cell=chunk.cell,
                first_id=UUID(bytes=billed_ids[0].tobytes()),
                billed_on=alike.on,
                due=alike.terms.due_of(alike.on),
                account_ids=column.of_array(billed_ids, kind=Kind.UUID),
                numbers=column.of_array(billed.head["number"].astype(np.int64), kind=Kind.BIGINT),
                now=now,
            )
        ]
    else:
        bills = [
            (UUID(bytes=account_id.tobytes()), unpacked_bill(bill.tobytes()))
            for account_id, bill in zip(billed_ids, bills_of(billed), strict=True)
        ]
        telling = notices_of(cell=chunk.cell, bills=bills, now=now)
    return [saved, spend_columns.issued(cell=chunk.cell, account_id=billed_ids, accounts=billed), *telling]
