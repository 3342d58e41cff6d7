"""`mingqu bench statements`: processor seconds for a million bills; measured on fewer and scaled. Less is better.

statements_1m        the run as it is: accounts read, billed, posted, stored, bills kept; this process and the server's
statements_1m_alone  the arithmetic of the reference, account by account, without a database

One account in five carries a balance and is charged interest; all have three new purchases. The yardstick of the first
is writing the same snapshots back, which any run must do; that of the second is the snapshot to JSON and back.
"""

from __future__ import annotations

import gc
import time
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from bench.meter import Meter
from mingqu.demo.journey import be_assessed, introduce
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.domain.ledger import Account
from mingqu.domain.spend import SpendEvent, SpendKind, SpendState, SpendTerms, advance, open_account, step
from mingqu.main import Wiring
from mingqu.services.house import House
from mingqu.services.limits.grant_limits import LIMIT_ACCOUNTS
from mingqu.services.revolving.bill_spend import bill_cell
from mingqu.services.revolving.open_spend import OWN_CODES, open_spend, spend_offers
from mingqu.store.ledgers import ledger
from mingqu.store.revolving import spend
from mingqu.store.revolving.spend import SpendAccount

ACCOUNTS: Final = 10_000
MILLION: Final = 1_000_000
CARRIES_EVERY: Final = 5
_LIMIT_FEN: Final = 1_000_000
_ADDED: Final = 1_000  # accounts put into the book in one transaction


def run() -> list[dict[str, Any]]:
    """Return both rows."""
    with Wiring().demo_world(data=None, seed=1) as world:
        fund_lenders(world)
        known = introduce(world, XIA, balance_fen=0)
        be_assessed(world, known, amount_fen=_LIMIT_FEN)
        offer = next(
            one for one in spend_offers(world.house, person_id=known.person_id) if one.product.terms.free_period
        )
        account_id = open_spend(
            world.house,
            person_id=known.person_id,
            product_id=offer.product.id,
            terms_hash=offer.terms_hash,
            key="bench",
        )
        with world.house.database.transaction() as tx:
            first = spend.get(tx, account_id=account_id)
        states, on = _states(first.terms, world.house.clock.business_date())
        _put_in(world.house, first, states)
        world.go_to_date(on)
        return [_booked(world.house, first.cell, on), _alone(first.terms, states, on)]


def _states(terms: SpendTerms, opened_on: date) -> tuple[list[SpendState], date]:
    """Return how accounts stand before their second bill, and the morning on which it is made."""
    second = terms.bill_after(terms.bill_after(opened_on))
    found = []
    for number in range(ACCOUNTS):
        state = open_account(terms=terms, on=opened_on, limit_fen=_LIMIT_FEN)
        days = [opened_on, second - timedelta(days=9), second - timedelta(days=5), second - timedelta(days=1)]
        for place, day in enumerate(days if number % CARRIES_EVERY == 0 else days[1:]):
            event = SpendEvent(
                event_id=UUID(int=1 + place), kind=SpendKind.PURCHASED, on=day, amount_fen=10_000 + number
            )
            state = step(terms=terms, state=state, event=event).state
        found.append(state)
    return found, second + timedelta(days=1)


def _put_in(house: House, first: SpendAccount, states: list[SpendState]) -> None:
    """Store as many accounts as there are states, all of one person, each as if of a product of its own."""
    for begin in range(0, len(states), _ADDED):
        with house.database.transaction() as tx:
            tx.lock_cell(first.cell)
            made = []
            for place, state in enumerate(states[begin : begin + _ADDED], start=begin):
                account = replace(
                    first, account_id=house.id_for(first.person_id), product_id=f"bench-{place}", state=state
                )
                spend.insert(tx, account=account)
                made.append(account)
            codes = (*OWN_CODES, *LIMIT_ACCOUNTS)
            ledger.open_accounts(
                tx,
                cell=first.cell,
                accounts=[Account(owner=one.account_id, code=code) for one in made for code in codes],
            )
            tx.commit()


def _booked(house: House, cell: int, on: date) -> dict[str, Any]:
    """Bill them all; then write every snapshot back once more, in chunks of the same size."""
    gc.collect()
    gc.freeze()  # as the worker does when it starts
    meter = Meter(house.database)
    billed = bill_cell(house, cell=cell, to=on)
    cost = meter.spent().cpu
    assert billed >= ACCOUNTS
    meter, after = Meter(house.database), UUID(int=0)
    while True:  # each turn moves on
        with house.database.transaction() as tx:
            page = spend.page(tx, cell=cell, after=after, limit=200)
            spend.save_all(tx, accounts=page)
            tx.commit()
        if not page:
            break
        after = page[-1].account_id
    return _row("statements_1m", cost / billed, meter.spent().cpu / billed, "reading and writing the same snapshots")


def _alone(terms: SpendTerms, states: list[SpendState], on: date) -> dict[str, Any]:
    decoder = msgspec.json.Decoder(SpendState)
    began = time.process_time()
    for state in states:
        advance(terms=terms, state=state, to=on)
    cost = time.process_time() - began
    began = time.process_time()
    for state in states:
        decoder.decode(msgspec.json.encode(state))
    return _row(
        "statements_1m_alone",
        cost / len(states),
        (time.process_time() - began) / len(states),
        "the snapshot to JSON and back",
    )


def _row(name: str, each: float, yardstick_each: float, yardstick: str) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(each * MILLION, 1),
        "unit": "processor seconds for a million bills",
        "yardstick": yardstick,
        "yardstick_value": round(yardstick_each * MILLION, 1),
        "ratio": round(each / yardstick_each, 2),
    }
