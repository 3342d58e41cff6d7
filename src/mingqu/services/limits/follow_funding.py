"""Each morning limits follow what came back: what a loan uses of them falls to what it still owes, and weeks ahead.

While a day runs a limit counts what was lent, repaid since or not: so it is never passed, at the price of a day. The
limits themselves follow the figures of the funders and the rules of the day here, too.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Final
from uuid import UUID

from mingqu.domain.funding import FundingPlan, Level, Limit, LimitKind, level_of, limits_of, week_of
from mingqu.services.funding.keep_headroom import HeadroomExhausted, even_out, set_headroom, use_headroom
from mingqu.services.house import House
from mingqu.store.funders import fund_view
from mingqu.store.funders.fund_view import Routed, SourceKey
from mingqu.store.limits import headroom
from mingqu.store.loans import loan
from mingqu.store.revolving import spend_funding
from mingqu.store.server.database import Transaction

LOANS_PER_CHUNK: Final = 200  # of one transaction under the cell's lock: some tens of milliseconds
CHUNKS_MAX: Final = 50_000  # ten million loans in a cell: above any book that one machine holds


def follow_funding(house: House) -> int:
    """Let limits follow policies and uses follow loans, cell by cell; return how many uses changed.

    Killed anywhere, the next time does the rest. Errors: RuleMissing.
    """
    limits = limits_on(house, house.clock.business_date())
    if not limits:
        return 0
    with house.database.transaction() as tx:
        cells, wanted = tx.cells, headroom.wanted_of(tx, headroom_ids=list(limits))
    for limit in limits.values():
        if wanted.get(limit.id) != limit.limit_fen:
            set_headroom(house, headroom_id=limit.id, name=limit.name, limit_fen=limit.limit_fen)
    changed = sum(_follow_cell(house, cell) for cell in range(cells))
    with house.database.transaction() as tx:
        left = headroom.left_of(tx, headroom_ids=list(limits))
    for limit in limits.values():
        handed_out_fen = limit.limit_fen - left[limit.id]
        if level_of(used_fen=handed_out_fen, limit_fen=limit.limit_fen) is not Level.OPEN:
            even_out(house, headroom_id=limit.id)  # what one cell holds and does not use another may need
    return changed


def limits_on(house: House, on: date) -> dict[UUID, Limit]:
    """Return every limit of every source of a day's plans. Errors: RuleMissing."""
    return {
        one.id: one
        for plan in house.funding.plans_on(on)
        for source in plan.sources
        for one in limits_of_source(house, plan, source.id, on)
    }


def limits_of_source(house: House, plan: FundingPlan, source_id: str, on: date) -> tuple[Limit, ...]:
    """Return the limits of one source of a plan on a day. Errors: RuleMissing."""
    return limits_of(
        plan=plan,
        source=plan.source(source_id=source_id),
        funders=house.funding.funders_on(on),
        rules=house.pack.rules,
        business_date=on,
    )


def _follow_cell(house: House, cell: int) -> int:
    dues: dict[SourceKey, dict[date, int]] = {}
    after: UUID | None = None
    changed = 0
    for _ in range(CHUNKS_MAX):
        loans, more, weeks = house.database.run(partial(_follow_chunk, house=house, cell=cell, after=after))
        _add(dues, weeks)
        changed += more
        if not loans:
            break
        after = loans[-1].loan_id
    changed += _follow_accounts(house, cell)
    house.database.run(lambda tx: fund_view.replace_dues(tx, cell=cell, dues=dues))
    return changed


def _follow_accounts(house: House, cell: int) -> int:
    """Let what revolving accounts use follow what they owe and hold; return how many uses changed."""
    after: UUID | None = None
    changed = 0
    for _ in range(CHUNKS_MAX):
        last, more = house.database.run(partial(_follow_some_accounts, house=house, cell=cell, after=after))
        changed += more
        if last is None:
            break
        after = last
    return changed


def _follow_some_accounts(tx: Transaction, *, house: House, cell: int, after: UUID | None) -> tuple[UUID | None, int]:
    tx.lock_cell(cell)
    accounts = spend_funding.routed(tx, cell=cell, after=after, limit=LOANS_PER_CHUNK)
    changed = sum(_follow_loan(tx, house, cell, one) for one in accounts)
    return (accounts[-1].loan_id if accounts else None), changed


def _follow_chunk(
    tx: Transaction, *, house: House, cell: int, after: UUID | None
) -> tuple[list[Routed], int, dict[SourceKey, dict[date, int]]]:
    """Follow the next loans of a cell; return them, how many uses changed, and what they bring back by week."""
    tx.lock_cell(cell)
    loans = fund_view.routed(tx, cell=cell, after=after, limit=LOANS_PER_CHUNK)
    changed = sum(_follow_loan(tx, house, cell, one) for one in loans)
    owing = {one.loan_id: one.key for one in loans if one.principal_fen and one.bought is None}
    today = house.clock.business_date()
    found: dict[SourceKey, dict[date, int]] = {}
    for of in loan.some(tx, cell=cell, loan_ids=list(owing)):
        for line in of.state.instalments:
            left_fen = line.principal_fen - line.principal_paid_fen
            if line.due >= today and left_fen > 0:
                _add(found, {owing[of.loan_id]: {week_of(line.due): left_fen}})
    return loans, changed, found


def _add(into: dict[SourceKey, dict[date, int]], more: dict[SourceKey, dict[date, int]]) -> None:
    for key, weeks in more.items():
        known = into.setdefault(key, {})
        for week_on, fen in weeks.items():
            known[week_on] = known.get(week_on, 0) + fen


def _follow_loan(tx: Transaction, house: House, cell: int, one: Routed) -> int:
    """Set what a loan uses to what it owes. More than before, after a payment that bounced, only as far as there is.

    A loan that a pool bought uses no more of its source's line, for the pool has paid for it. Capital and leverage
    stay: whoever sold it keeps the notes that bear losses first. Of a loan whose part was bought back the part weighs
    on its buyer.
    """
    product_id, source_id = one.key
    plan = house.funding.plan_version(product_id=product_id, version=one.plan_version)
    source, changed = plan.source(source_id=source_id), 0
    for limit in limits_of_source(house, plan, source_id, house.clock.business_date()):
        paid_for = one.in_pool and limit.kind is LimitKind.LINE
        use_fen = 0 if paid_for else limit.used_by(source=source, amount_fen=one.principal_fen, bought=one.bought)
        if limit.id in one.uses and use_fen != one.uses[limit.id]:
            try:
                use_headroom(tx, cell=cell, headroom_id=limit.id, use_id=one.loan_id, amount_fen=use_fen)
            except HeadroomExhausted:
                continue  # legal, with a named cause: a repayment bounced and somebody else has lent its room
            changed += 1
    return changed
