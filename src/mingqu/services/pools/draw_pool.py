"""Each closed day of a pool: what its loans brought is distributed, and loans are bought for what is kept, by rule.

A day is drawn from what was posted on it, which no later news changes. So it can be drawn whenever all cells have
closed it, and once: all of it is one transaction, with its leaf. The loans stay as they are, with whoever services
them; only whose their money is changes. A loan that news reached since is told as it was known that day.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.abs_pool import (
    Phase,
    PooledLoan,
    PoolMonth,
    PoolReport,
    PoolTerms,
    Standing,
    moves_of,
    pool_on,
    report_month,
)
from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.funding import SourceKind
from mingqu.domain.loan import fold
from mingqu.domain.proposal import HOUSE
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.people.find_regions import find_regions
from mingqu.services.pools.book_trust import book_trust
from mingqu.services.pools.buy_back import Returned, returned_of
from mingqu.services.pools.offer_to_pool import may_be_sold, offered_loan
from mingqu.store import evidence
from mingqu.store.books import book
from mingqu.store.funders import pool_book
from mingqu.store.funders.pool_book import Holding, Offered, Pool, PoolDay
from mingqu.store.loans import loan
from mingqu.store.loans.loan_event import known_events
from mingqu.store.server.database import Transaction

OFFERED_MAX: Final = 2_000  # a day, the largest first: read and told one by one, some tenths of a second
DAYS_MAX: Final = 400  # of one call: what a pool that nobody drew for a year has to make up
_DAY: Final = timedelta(days=1)
# Money that a bank lent against a loan, or put into it, is not sold with it.
_SOLD_FROM: Final = frozenset({SourceKind.OWN, SourceKind.ABS_POOL})


class PoolOpenAlready(Refusal):
    """The pool is open: it is opened once, and its days follow each other from then on."""

    code: ClassVar[str] = "pool_open_already"
    status: ClassVar[int] = 409


def open_pool(house: House, *, pool_id: str) -> Pool:
    """Open a pool: from the first day that is not closed on it buys loans for what its notes brought.

    Errors: PoolUnknown, PoolOpenAlready.
    """
    with house.database.transaction() as tx:
        opened_on = book.closed_by_all(tx) + _DAY
        pool_on(pools=house.pools, pool_id=pool_id, business_date=opened_on)
        made = Pool(pool_id=pool_id, opened_on=opened_on, opened_at=house.clock.now())
        if not pool_book.insert_pool(tx, pool=made):
            raise PoolOpenAlready("This pool is open already.")
        tx.commit()
    return made


def draw_pools(house: House) -> int:
    """Draw every day that is closed and not drawn, of each open pool; return how many.

    A pool that cannot be drawn keeps no other waiting: its error comes when all were tried. Errors: PoolUnknown.
    """
    with house.database.transaction() as tx:
        opened = pool_book.pools(tx)
    drawn, trouble = 0, None
    for each in opened:
        try:
            drawn += _draw_days(house, each)
        except Refusal as refusal:
            trouble = trouble or refusal
    if trouble is not None:
        raise trouble
    return drawn


def _draw_days(house: House, pool: Pool) -> int:
    for drawn in range(DAYS_MAX):
        if not house.database.run(partial(_draw_next, house=house, pool=pool)):
            return drawn
    return DAYS_MAX


def _draw_next(tx: Transaction, *, house: House, pool: Pool) -> bool:
    """Draw the next day of a pool if all cells have closed it; return whether they had."""
    cell = tx.cell_of(HOUSE)
    tx.lock_cell(cell)  # before the last day is read: of two who come at once the second finds nothing to do
    last = pool_book.last_day(tx, pool_id=pool.pool_id)
    on = pool.opened_on if last is None else last.on_date + _DAY
    if on > book.closed_by_all(tx):
        return False
    terms = pool_on(pools=house.pools, pool_id=pool.pool_id, business_date=on + _DAY)
    held = pool_book.holdings(tx, pool_id=terms.id, on=on)
    returned = [back for one in held if (back := returned_of(tx, terms=terms, one=one, on=on)) is not None]
    loans = tuple(_with_price(_pooled(tx, terms, one, on), returned) for one in held)
    month = PoolMonth(pool_id=terms.id, start=on, end=on + _DAY, opening=_opening(terms, last), loans=loans, offered=())
    made = report_month(terms=terms, month=month)
    if made.watched.phase is Phase.BUYING and made.distribution.kept_fen >= terms.eligibility.principal_fen_min:
        made = report_month(terms=terms, month=_with_offers(tx, house, terms, month, held, made.distribution.kept_fen))
    pool_book.insert_receipts(
        tx, on=on, moved=[one for one in held if one.principal_fen or one.other_fen or one.given_up_fen]
    )
    lost = [(one, each.lost_fen(triggers=terms.triggers)) for one, each in zip(held, loans, strict=True)]
    pool_book.mark_defaults(
        tx, on=on, loans=[(one.cell, one.loan_id, fen) for one, fen in lost if fen and not one.defaulted_fen]
    )
    bought = [(UUID(hex=one.id), one.principal_fen) for one in made.proposal.bought]
    pool_book.insert_loans(
        tx, pool_id=terms.id, on=on + _DAY, loans=[(tx.cell_of(loan_id), loan_id, fen) for loan_id, fen in bought]
    )
    pool_book.mark_returned(
        tx,
        on=on + _DAY,
        loans=[(one.cell, one.loan_id, one.principal_fen, one.other_fen, one.reasons) for one in returned],
    )
    day = _day(house, made, returned)
    pool_book.insert_day(tx, day=day)
    given_up_fen = sum(one.given_up_fen for one in held)
    price_fen = (day.returned_fen, day.returned_other_fen)
    moves = moves_of(report=made, given_up_fen=given_up_fen, first=last is None, returned_fen=price_fen)
    book_trust(tx, house, pool_id=terms.id, day_id=day.day_id, on=on, moves=moves)
    _witness(tx, house, cell, day, bought, returned)
    return True


def _opening(terms: PoolTerms, last: PoolDay | None) -> Standing:
    """Return where a day begins: the first one with what the notes brought."""
    if last is None:
        return Standing(
            senior_fen=terms.senior_fen,
            subordinate_fen=terms.subordinate_fen,
            cash_fen=terms.senior_fen + terms.subordinate_fen,
            fees_short_fen={},
            senior_interest_short_fen=0,
            amortizing_since=None,
        )
    fees = zip(last.fees, last.fees_due_fen, last.fees_paid_fen, strict=True)
    return Standing(
        senior_fen=last.senior_fen,
        subordinate_fen=last.subordinate_fen,
        cash_fen=last.cash_fen,
        fees_short_fen={name: due - paid for name, due, paid in fees},
        senior_interest_short_fen=last.senior_interest_due_fen - last.senior_interest_paid_fen,
        amortizing_since=last.amortizing_since,
    )


def _pooled(tx: Transaction, terms: PoolTerms, one: Holding, on: date) -> PooledLoan:
    """Return a loan of a pool as a day ended. One of which principal was given up is in default, however late it is."""
    days = 0 if one.overdue_since is None else max(0, (on + _DAY - one.overdue_since).days)
    if one.told_since:
        events = [
            known.event for known in known_events(tx, cell=one.cell, loan_id=one.loan_id) if known.posted_on <= on
        ]
        agreed = loan.terms_of(tx, cell=one.cell, loan_id=one.loan_id)
        days = fold(terms=agreed, events=events, as_of=on + _DAY)[0].overdue_days(on + _DAY)
    if one.given_up_before_fen + one.given_up_fen > 0:
        days = max(days, terms.triggers.default_after_days + 1)
    return PooledLoan(
        id=one.loan_id.hex,
        borrower=one.person_id.hex,
        region="",
        product=one.product_id,
        bought_on=one.bought_on,
        bought_fen=one.bought_fen,
        opening_fen=one.opening_fen,
        repaid_fen=one.principal_fen,
        interest_fen=one.other_fen,
        overdue_days=days,
        defaulted_fen=one.defaulted_fen,
    )


def _with_price(loan: PooledLoan, returned: Sequence[Returned]) -> PooledLoan:
    """Return a loan of the pool with what its originator paid for it, if it went back: then nothing of it is left."""
    price = next((one for one in returned if one.loan_id.hex == loan.id), None)
    if price is None:
        return loan
    return replace(
        loan, repaid_fen=loan.repaid_fen + price.principal_fen, interest_fen=loan.interest_fen + price.other_fen
    )


def _with_offers(
    tx: Transaction, house: House, terms: PoolTerms, month: PoolMonth, held: Sequence[Holding], cash_fen: int
) -> PoolMonth:
    """Return the same day with the loans that may be bought, and everybody's region, by which limits count.

    Somebody whose region nobody knows is offered to no pool.
    """
    found = pool_book.offered(
        tx,
        product_ids=terms.eligibility.products,
        least_fen=terms.eligibility.principal_fen_min,
        most_fen=min(terms.eligibility.principal_fen_max, cash_fen),
        on=month.start,
        limit=OFFERED_MAX,
    )
    ids: dict[int, list[UUID]] = {}
    for one in found:
        if _is_own(house, one):
            ids.setdefault(one.cell, []).append(one.loan_id)
    loans = [of for cell in sorted(ids) for of in loan.some(tx, cell=cell, loan_ids=ids[cell])]
    people = {of.person_id for of in loans} | {one.person_id for one in held}
    regions = find_regions(tx, house, person_ids=sorted(people))
    offered = [
        offered_loan(
            loan_id=of.loan_id.hex,
            borrower=of.person_id.hex,
            region=regions[of.person_id],
            product=of.product_id,
            terms=of.terms,
            state=of.state,
            on=month.end,
        )
        for of in loans
        if of.person_id in regions and may_be_sold(terms=of.terms, state=of.state)
    ]
    placed = [replace(each, region=regions.get(one.person_id, "")) for each, one in zip(month.loans, held, strict=True)]
    return replace(month, loans=tuple(placed), offered=tuple(offered))


def _is_own(house: House, one: Offered) -> bool:
    """Return whether a loan is its lender's to sell: paid out of its own money, or routed to a pool."""
    if one.source_id is None or one.plan_version is None:
        return True
    plan = house.funding.plan_version(product_id=one.product_id, version=one.plan_version)
    return plan.source(source_id=one.source_id).kind in _SOLD_FROM


def _day(house: House, made: PoolReport, returned: Sequence[Returned]) -> PoolDay:
    price_fen, other_fen = sum(one.principal_fen for one in returned), sum(one.other_fen for one in returned)
    parts, loans, asked = made.distribution, made.month.loans, made.terms.triggers
    return PoolDay(
        pool_id=made.terms.id,
        on_date=made.month.start,
        day_id=house.id_for(HOUSE),
        terms_version=made.terms.version,
        phase=made.watched.phase.value,
        causes=[one.value for one in made.watched.causes],
        opening_cash_fen=made.month.opening.cash_fen,
        interest_fen=made.interest_fen - other_fen,
        repaid_fen=made.repaid_fen - price_fen,
        returned_fen=price_fen,
        returned_other_fen=other_fen,
        fees=[one.claim.id for one in parts.fees],
        fees_due_fen=[one.claim.due_fen for one in parts.fees],
        fees_paid_fen=[one.paid_fen for one in parts.fees],
        senior_interest_due_fen=parts.senior_interest.claim.due_fen,
        senior_interest_paid_fen=parts.senior_interest.paid_fen,
        senior_principal_fen=parts.senior_principal_fen,
        subordinate_principal_fen=parts.subordinate_principal_fen,
        excess_fen=parts.subordinate_excess_fen,
        loans=sum(one.principal_fen > 0 for one in loans),
        performing_fen=made.performing_fen,
        delinquent_fen=sum(one.delinquent_fen(triggers=asked) for one in loans),
        defaulted_fen=sum(one.lost_fen(triggers=asked) for one in loans),
        bought_ever_fen=sum(one.bought_fen for one in loans),
        bought=len(made.proposal.bought),
        spent_fen=made.proposal.spent_fen,
        left_out=Counter(reason.value for one in made.proposal.left_out for reason in one.reasons),
        senior_fen=made.closing.senior_fen,
        subordinate_fen=made.closing.subordinate_fen,
        cash_fen=made.closing.cash_fen - made.proposal.spent_fen,
        amortizing_since=made.closing.amortizing_since,
    )


def _witness(
    tx: Transaction,
    house: House,
    cell: int,
    day: PoolDay,
    bought: Sequence[tuple[UUID, int]],
    returned: Sequence[Returned],
) -> None:
    listed = hashlib.sha256("".join(f"{loan_id.hex} {fen}\n" for loan_id, fen in sorted(bought)).encode()).hexdigest()
    paid: list[Canonical] = [[name, fen] for name, fen in zip(day.fees, day.fees_paid_fen, strict=True)]
    facts: dict[str, Canonical] = {
        "pool": f"{day.pool_id} {day.terms_version}",
        "on": day.on_date.isoformat(),
        "phase": day.phase,
        "received_fen": day.interest_fen + day.repaid_fen,
        "fees_fen": paid,
        "senior_fen": [day.senior_interest_paid_fen, day.senior_principal_fen],
        "subordinate_fen": [day.subordinate_principal_fen, day.excess_fen],
        "bought": day.bought,
        "spent_fen": day.spent_fen,
        "bought_hash": listed,
        "cash_fen": day.cash_fen,
    }
    if returned:
        facts["returned"] = [
            [one.loan_id.hex, one.principal_fen, one.other_fen, list(one.reasons)]
            for one in sorted(returned, key=lambda each: each.loan_id)
        ]
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=cell,
        person_id=HOUSE,
        kind=LeafKind.POOL_DAY,
        subject_id=day.day_id,
        at=house.clock.now(),
        facts=facts,
    )
