"""A morning of many revolving accounts, in columns or one by one: the same states, bills, transfers and reminders."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import dated
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.spend import (
    SpendEvent,
    SpendKind,
    SpendOutcome,
    SpendState,
    SpendTerms,
    advance,
    next_morning,
    open_account,
    step,
)
from mingqu.services.house import House
from mingqu.services.limits.grant_limits import LIMIT_ACCOUNTS
from mingqu.services.revolving.bill_spend import bill_cell
from mingqu.services.revolving.open_spend import OWN_CODES
from mingqu.services.revolving.record_spend import transfers_of
from mingqu.store.ledgers import ledger
from mingqu.store.revolving import spend
from mingqu.store.revolving.spend import SpendAccount
from tests.journeys.reading import arrive
from tests.journeys.test_spend_funding import accounts_of
from tests.world import OpenWorld

DUES: Final = (AccountCode.SPEND_INTEREST_DUE, AccountCode.SPEND_PENALTY_DUE, AccountCode.SPEND_FEE_DUE)
LIMIT_FEN: Final = 1_000_000
ALIKE: Final = 11  # accounts of each kind: enough for a round of bills


def kinds_of(terms: SpendTerms, opened_on: date, second: date) -> list[SpendState]:
    """Return accounts before their second bill: bought, carried on, in instalments, with credit."""

    def event(number: int, kind: SpendKind, on: date, amount_fen: int, **more: object) -> SpendEvent:
        made = SpendEvent(event_id=UUID(int=number), kind=SpendKind.PURCHASED, on=on, amount_fen=amount_fen)
        return replace(made, kind=kind, **more)  # type: ignore[arg-type]

    bought = [event(at, SpendKind.PURCHASED, second - timedelta(days=9 - at), 10_000 + at) for at in (1, 2)]
    first = event(3, SpendKind.PURCHASED, opened_on, 90_000)
    cut = event(4, SpendKind.CONVERTED, opened_on, 90_000, target=first.event_id, count=3)
    paid = event(5, SpendKind.REPAID, opened_on, 500)
    found = []
    for history in (bought, [first, *bought], [first, cut, *bought], [paid, *bought]):
        state = open_account(terms=terms, on=opened_on, limit_fen=LIMIT_FEN)
        for one in history:
            state = step(terms=terms, state=state, event=one).state
        found.append(state)
    return found


def put_in(house: House, first: SpendAccount, states: list[SpendState]) -> list[SpendAccount]:
    """Store as many accounts as there are states, all of one person, each as if of a product of its own."""
    accounts = [
        replace(first, account_id=house.id_for(first.person_id), product_id=f"p-{place}", state=state)
        for place, state in enumerate(states)
    ]
    with house.database.transaction() as tx:
        tx.lock_cell(first.cell)
        for one in accounts:
            spend.insert(tx, account=one)
        spend.save_all(tx, accounts=accounts)
        codes = (*OWN_CODES, *LIMIT_ACCOUNTS)
        ledger.open_accounts(
            tx,
            cell=first.cell,
            accounts=[Account(owner=one.account_id, code=code) for one in accounts for code in codes],
        )
        tx.commit()
    return accounts


def require_brought_up(house: House, before: SpendAccount, outcome: SpendOutcome, *, to: date, today: date) -> None:
    """The book says of an account what the reference makes of it, by the ids that the reference gives."""
    cause = dated(before.account_id, on=to, purpose=f"mornings after {before.state.day}")
    expected = transfers_of(before, outcome, cause=cause, reference=before.account_id, on=today)
    with house.database.transaction() as tx:
        after = spend.get(tx, account_id=before.account_id)
        bills = spend.statements_of(tx, account_id=before.account_id)
        entries = ledger.entries(tx, cell=before.cell, owner=before.account_id)
        kept = tx.execute(
            "SELECT used_fen, overdue_since, next_morning, events FROM spend_account WHERE account_id = %s",
            (before.account_id,),
        ).fetchone()
    assert after == replace(before, state=outcome.state)
    assert kept == (outcome.state.used_fen, outcome.state.overdue_since, next_morning(outcome.state), before.events)
    assert bills[: len(outcome.statements)] == list(reversed(outcome.statements))
    posted = {
        (one.transfer_id, one.other, one.amount_fen, one.reason, one.value_date, one.posted_on, one.reference)
        for one in entries
        if one.account.code in DUES
    }
    assert posted >= {
        (one.id, one.credit, one.amount_fen, one.reason, one.value_date, one.posted_on, one.reference)
        for one in expected
        if one.debit.code in DUES
    }


def test_a_morning_writes_what_the_reference_makes_of_each_account(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    with house.database.transaction() as tx:
        first = spend.get(tx, account_id=accounts_of(house, known.person_id)["chengchuan-spend"])
    opened_on = house.clock.business_date()
    second = first.terms.bill_after(first.terms.bill_after(opened_on))
    states = [state for state in kinds_of(first.terms, opened_on, second) for _ in range(ALIKE)]
    accounts = put_in(house, first, states)
    judged = first.terms.due_of(second) + timedelta(days=1)
    for to in (second + timedelta(days=1), judged):
        world.go_to_date(to)
        assert bill_cell(house, cell=first.cell, to=to) >= len(accounts)
        outcomes = [advance(terms=one.terms, state=one.state, to=to) for one in accounts]
        for one, outcome in zip(accounts, outcomes, strict=True):
            require_brought_up(house, one, outcome, to=to, today=to)
        accounts = [one.with_state(outcome.state) for one, outcome in zip(accounts, outcomes, strict=True)]
        with house.database.transaction() as tx:
            told = tx.execute(
                """SELECT n.* FROM bill_round CROSS JOIN LATERAL unnest(account_ids, numbers) AS n
                   UNION SELECT subject_id, (payload ->> 'number')::integer FROM work WHERE kind = 'bill_notice'"""
            ).fetchall()
        bills = {one.account_id: one.state.bill.number for one in accounts if one.state.bill is not None}
        assert dict(told) == bills
        assert len(told) == len(bills)
