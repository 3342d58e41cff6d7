"""Pools of the book as they stand: phase, triggers, the last day's waterfall, what they hold, and their static view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from mingqu.domain.abs_pool import Cause, Measured, PooledLoan, PoolTerms, PoolUnknown, Vintage, by_month_of_purchase
from mingqu.domain.ledger import AccountCode
from mingqu.services.house import House
from mingqu.services.pools.book_trust import read_trust
from mingqu.store.funders import pool_book
from mingqu.store.funders.pool_book import Holding, Pool, PoolDay
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """A pool of the book as its last drawn day ended, the loans bought for the next one included; amounts in fen.

    `day` is None until a day was drawn. `trust` is what stands on the trust's own accounts.
    """

    pool: Pool
    terms: PoolTerms
    day: PoolDay | None
    measured: tuple[Measured, ...]
    vintages: tuple[Vintage, ...]
    loans: int
    principal_fen: int
    bought_ever: int
    trust: Mapping[AccountCode, int]

    @property
    def received_fen(self) -> int:
        """What its loans brought on the last day."""
        return 0 if self.day is None else self.day.interest_fen + self.day.repaid_fen

    @property
    def returned_fen(self) -> int:
        """What its originator paid on the last day for loans that had not been eligible."""
        return 0 if self.day is None else self.day.returned_fen + self.day.returned_other_fen

    @property
    def waterfall(self) -> tuple[tuple[str, int, int], ...]:
        """Who was due what of the last day's money and had which part of it, in order; what is kept goes on buying."""
        if self.day is None:
            return ()
        one = self.day
        claims = tuple(zip(one.fees, one.fees_due_fen, one.fees_paid_fen, strict=True))
        return (
            *claims,
            ("senior_interest", one.senior_interest_due_fen, one.senior_interest_paid_fen),
            ("senior_principal", one.senior_principal_fen, one.senior_principal_fen),
            ("subordinate_principal", one.subordinate_principal_fen, one.subordinate_principal_fen),
            ("subordinate_excess", one.excess_fen, one.excess_fen),
            ("spent", one.spent_fen, one.spent_fen),
            ("kept", one.cash_fen, one.cash_fen),
        )


def read_pools(house: House, *, lender_id: UUID | None = None) -> list[PoolView]:
    """Return the pools of the book; with a `lender_id` those that buy loans of that lender."""
    with house.database.transaction() as tx:
        return [
            view
            for each in pool_book.pools(tx)
            if (view := _view(tx, house, each)) is not None and _concerns(house, view.terms, lender_id)
        ]


def read_pool(house: House, *, pool_id: str) -> PoolView:
    """Return one pool of the book. Errors: PoolUnknown, also for one that was not opened."""
    found = [one for one in read_pools(house) if one.terms.id == pool_id]
    if not found:
        raise PoolUnknown(f"No pool {pool_id!r} was opened in this book.")
    return found[0]


def _concerns(house: House, terms: PoolTerms, lender_id: UUID | None) -> bool:
    sellers = {one.lender_id for one in house.pack.products if one.id in terms.eligibility.products}
    return lender_id is None or lender_id in sellers


def _view(tx: Transaction, house: House, pool: Pool) -> PoolView | None:
    day = pool_book.last_day(tx, pool_id=pool.pool_id)
    end = pool.opened_on if day is None else day.on_date + timedelta(days=1)
    terms = _terms(house, pool.pool_id, day, end)
    if terms is None:
        return None
    held = [_standing(one, end) for one in pool_book.holdings(tx, pool_id=pool.pool_id, on=end)]
    running = [one for one in held if one.principal_fen > 0]
    return PoolView(
        pool=pool,
        terms=terms,
        day=day,
        measured=() if day is None else _measured(terms, day),
        vintages=by_month_of_purchase(loans=held, triggers=terms.triggers, on=end),
        loans=len(running),
        principal_fen=sum(one.principal_fen for one in running),
        bought_ever=len(held),
        trust=read_trust(tx, pool_id=pool.pool_id),
    )


def _terms(house: House, pool_id: str, day: PoolDay | None, on: date) -> PoolTerms | None:
    """Return the terms by which the last day was drawn; before the first one those of its day."""
    if day is not None:
        return next((one for one in house.pools if (one.id, one.version) == (pool_id, day.terms_version)), None)
    found = [one for one in house.pools if one.id == pool_id and one.valid_from <= on < one.valid_to]
    return max(found, key=lambda one: one.version, default=None)


def _standing(one: Holding, end: date) -> PooledLoan:
    """Return a loan as the day begins on which nothing of it is drawn yet."""
    return PooledLoan(
        id=one.loan_id.hex,
        borrower=one.person_id.hex,
        region="",
        product=one.product_id,
        bought_on=one.bought_on,
        bought_fen=one.bought_fen,
        opening_fen=one.opening_fen,
        repaid_fen=0,
        interest_fen=0,
        overdue_days=0 if one.overdue_since is None else max(0, (end - one.overdue_since).days),
        defaulted_fen=one.defaulted_fen,
    )


def _measured(terms: PoolTerms, day: PoolDay) -> tuple[Measured, ...]:
    asked = terms.triggers
    return (
        Measured(
            cause=Cause.CUMULATIVE_DEFAULT,
            part_fen=day.defaulted_fen,
            whole_fen=day.bought_ever_fen,
            most_ppm=asked.cumulative_default_ppm_max,
        ),
        Measured(
            cause=Cause.DELINQUENCY,
            part_fen=day.delinquent_fen,
            whole_fen=day.performing_fen,
            most_ppm=asked.delinquent_ppm_max,
        ),
    )
