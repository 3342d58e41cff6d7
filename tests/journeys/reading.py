"""What journeys read of the book, past the services: balances by account, leaves by kind, the eight invariants."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from mingqu.demo.journey import Borrowed, Known, be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.world import Newcomer, World
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.moment import start_of
from mingqu.domain.order import Order, OrderKind
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.house import House
from mingqu.store.ledgers import ledger
from mingqu.store.orders import order

MORNING: Final = timedelta(hours=9, minutes=5)  # of a day: deductions go out at nine
NOON: Final = timedelta(hours=12)
_LOAN_CODES: Final = {
    "unbilled": AccountCode.LOAN_PRINCIPAL,
    "principal": AccountCode.LOAN_PRINCIPAL_DUE,
    "interest": AccountCode.LOAN_INTEREST_DUE,
    "penalty": AccountCode.LOAN_PENALTY_DUE,
    "fee": AccountCode.LOAN_FEE_DUE,
    "overpaid": AccountCode.OVERPAYMENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The accounts of one loan, in fen on their normal sides."""

    unbilled: int = 0
    principal: int = 0
    interest: int = 0
    penalty: int = 0
    fee: int = 0
    overpaid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit as the ledger has it, in fen."""

    granted: int
    available: int
    drawn: int
    held: int
    above: int = 0  # drawn beyond the limit, because a repayment bounced


def books_of(house: House, loan_id: UUID) -> Books:
    """Return what the ledger says a loan owes."""
    with house.database.transaction() as tx:
        held = ledger.balances(tx, cell=tx.cell_of(loan_id), owner=loan_id)
    return Books(
        **{name: held[Account(owner=loan_id, code=code)].normal_fen(code) for name, code in _LOAN_CODES.items()}
    )


def limit_of(house: House, owner: UUID) -> Limit:
    """Return a limit of a person (all products) or of a facility."""
    with house.database.transaction() as tx:
        held = ledger.balances(tx, cell=tx.cell_of(owner), owner=owner)
    granted, available, drawn, above = (
        held[Account(owner=owner, code=code)]
        for code in (
            AccountCode.LIMIT_GRANTED,
            AccountCode.LIMIT_AVAILABLE,
            AccountCode.LIMIT_DRAWN,
            AccountCode.LIMIT_OVER,
        )
    )
    return Limit(
        granted=granted.normal_fen(AccountCode.LIMIT_GRANTED),
        available=available.available_fen(AccountCode.LIMIT_AVAILABLE),
        drawn=drawn.normal_fen(AccountCode.LIMIT_DRAWN),
        held=drawn.credits_pending_fen,
        above=above.normal_fen(AccountCode.LIMIT_OVER),
    )


def house_fen(house: House, *, cell: int, owner: UUID, code: AccountCode) -> int:
    """Return the posted balance of a house account of a cell, on its normal side."""
    with house.database.transaction() as tx:
        return ledger.balance(tx, cell=cell, account=Account(owner=owner, code=code)).normal_fen(code)


def collected_fen(house: House, borrowed: Borrowed) -> int:
    """Return what collection clearing of the loan's cell and lender holds."""
    return house_fen(
        house,
        cell=cell_of(house, borrowed.signed.loan_id),
        owner=borrowed.offered.product.lender_id,
        code=AccountCode.COLLECTION_CLEARING,
    )


def cell_of(house: House, identity: UUID) -> int:
    """Return the cell of an id."""
    with house.database.transaction() as tx:
        return tx.cell_of(identity)


def leaves_of(house: House, person_id: UUID) -> list[dict[str, Any]]:
    """Return the bodies of a person's evidence leaves, in order."""
    with house.database.transaction() as tx:
        rows = tx.execute(
            "SELECT body FROM evidence_leaf WHERE cell = %s AND person_id = %s ORDER BY sequence",
            (tx.cell_of(person_id), person_id),
        )
        return [json.loads(bytes(body)) for (body,) in rows]


def facts_of(house: House, person_id: UUID, kind: str) -> list[dict[str, Any]]:
    """Return what a person's leaves of one kind say, in order."""
    return [leaf["facts"] for leaf in leaves_of(house, person_id) if leaf["kind"] == kind]


def orders_of(house: House, loan_id: UUID, kind: OrderKind) -> list[Order]:
    """Return a loan's orders of one kind, in the order of their times."""
    with house.database.transaction() as tx:
        found = order.orders_of_loan(tx, loan_id=loan_id)
    return sorted((one for one in found if one.kind is kind), key=lambda one: one.run_at)


def rows_of(house: House) -> dict[str, Counter[str]]:
    """Return every row of every table, as a picture of the whole book: two that are equal say that nothing changed."""
    with house.database.transaction() as tx:
        tables = [
            name
            for (name,) in tx.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
        ]
        # Names of our own tables, read from the catalogue.
        return {
            name: Counter(text for (text,) in tx.execute(f'SELECT t::text FROM "{name}" t'))  # type: ignore[arg-type]
            for name in tables
        }


def touched(house: House, *, before: dict[str, Counter[str]]) -> set[str]:
    """Return the tables of which a row is another one than it was before."""
    return {name for name, rows in rows_of(house).items() if rows != before[name]}


def assert_coherent(house: House) -> None:
    """Assert the eight invariants, with evidence published."""
    publish_evidence(house)
    report = verify_book(database=house.database, keyring=house.keyring)
    found = {number: sentences for number, sentences in report.findings.items() if sentences}
    assert not found, found


def live_until(world: World, day: date) -> None:
    """Let days pass up to noon of `day`: each morning's bills and deductions, each night's close."""
    house = world.house
    while (today := house.clock.business_date()) < day:
        do_morning(world)
        world.go_to_date(today + timedelta(days=1))
        close_through(house, to=today)
    do_morning(world)
    world.go_to(max(house.clock.now(), start_of(day) + NOON))


def do_morning(world: World) -> None:
    """Bring loans up to today and send the deductions of nine o'clock."""
    bring_up_today(world.house)
    world.go_to(max(world.house.clock.now(), start_of(world.house.clock.business_date()) + MORNING))
    work_until_idle(world)


def arrive(world: World, newcomer: Newcomer = XIA, *, balance_fen: int = 6_000_000) -> Known:
    """Let a person sign in, prove who they are, and be assessed."""
    known = introduce(world, newcomer, balance_fen=balance_fen)
    be_assessed(world, known, amount_fen=1_000_000)
    return known


def borrow(world: World, known: Known, *, amount_fen: int = 1_000_000, instalments: int = 12) -> Borrowed:
    """Let a person take a loan in equal instalments and receive the money."""
    borrowed = take_loan(world, known, amount_fen=amount_fen, instalments=instalments, method="equal_instalment")
    work_until_idle(world)
    return borrowed
