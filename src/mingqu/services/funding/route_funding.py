"""Choose who funds a payout, in the transaction that reserves it: the first source of the product's plan with room.

Room is asked of each limit that the loan would use: the source's line, the funders' capital and leverage, what a bank
may share. Each cell reserves from its slice (`keep_headroom`), so no limit is passed, whoever signs at the same moment;
a refusal takes nothing. Where a product has no plan, its lender's own money alone pays, as the ledger holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.funding import FundingPlan, Limit, Route, limits_of, route
from mingqu.domain.funding.route import Wanted
from mingqu.domain.refusal import Refusal
from mingqu.services.funding.keep_headroom import HeadroomExhausted, use_headroom
from mingqu.services.funding.share_loan import open_share_accounts
from mingqu.services.house import House
from mingqu.store import evidence
from mingqu.store.limits import headroom
from mingqu.store.loans import loan_funding
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.loan_funding import LoanFunding
from mingqu.store.server.database import Transaction

# Each try closes one more limit that somebody else emptied meanwhile; a source has seven kinds of them at most.
_TRIES_MAX: Final = 50


class FundingExhausted(Refusal):
    """No source has money left for this loan: ask for less, or ask again tomorrow; nothing was signed."""

    code: ClassVar[str] = "funding_exhausted"
    status: ClassVar[int] = 409


def route_payout(tx: Transaction, house: House, *, of: Loan, order_id: UUID, amount_fen: int) -> None:
    """Choose the source of a payout, reserve what it uses of every limit, keep the choice with a leaf of evidence.

    A loan's later payouts stay with the source of its first. The caller holds the cell's lock and commits.
    Errors: FundingExhausted, RuleMissing.
    """
    today, known = house.clock.business_date(), loan_funding.of_loan(tx, loan_id=of.loan_id)
    plan = _plan(house, of, known, today)
    if plan is None:
        return
    wanted = Wanted(amount_fen=amount_fen, principal_fen=of.terms.principal_fen, instalments=of.terms.instalments)
    only = None if known is None else known.source_id
    made = find_room(tx, house, plan=plan, wanted=wanted, cell=of.cell, use_id=of.loan_id, only=only)
    assert made.source is not None
    funding = LoanFunding(
        loan_id=of.loan_id,
        product_id=plan.product_id,
        plan_version=plan.version,
        source_id=made.source.id,
        funding=made.source.funding,
        routed_at=house.clock.now(),
    )
    if known is None:
        loan_funding.insert(tx, cell=of.cell, funding=funding)
        open_share_accounts(tx, cell=of.cell, currency=of.currency, slices=funding.slices, funding=funding.funding)
    _witness(tx, house, of, order_id, amount_fen, plan, made)


def find_room(
    tx: Transaction,
    house: House,
    *,
    plan: FundingPlan,
    wanted: Wanted,
    cell: int,
    use_id: UUID,
    only: str | None,
) -> Route:
    """Return the source with room, everything that is wanted reserved of its limits under `use_id`.

    `only` is the source that is stayed with. The caller holds the cell's lock. Errors: FundingExhausted, RuleMissing.
    """
    closed: dict[UUID, int] = {}
    for _ in range(_TRIES_MAX):
        made = _choose(tx, house, plan, wanted, cell=cell, only=only, closed=closed)
        if made.source is None:
            raise _exhausted(made)
        short = _reserve(tx, cell, use_id, made)
        if short is None:
            return made
        closed[short.id] = 0
    raise _exhausted(made)


def release_payout(tx: Transaction, house: House, *, of: Loan, amount_fen: int) -> None:
    """Give back what a payout that will not happen, or came back, had reserved of every limit."""
    known = loan_funding.of_loan(tx, loan_id=of.loan_id)
    if known is None:
        return
    plan = house.funding.plan_version(product_id=known.product_id, version=known.plan_version)
    source = plan.source(source_id=known.source_id)
    for limit in limits_now(house, plan, known.source_id):
        used_fen = headroom.use_of(tx, cell=of.cell, headroom_id=limit.id, use_id=of.loan_id)
        less_fen = min(used_fen, limit.used_by(source=source, amount_fen=amount_fen))
        if less_fen:
            use_headroom(tx, cell=of.cell, headroom_id=limit.id, use_id=of.loan_id, amount_fen=used_fen - less_fen)


def require_funded(tx: Transaction, house: House, *, cell: int, product_id: str, wanted: Wanted) -> None:
    """Return when some source has room for a loan as things stand; nothing is reserved. Errors: FundingExhausted."""
    plan = house.funding.plan_of(product_id=product_id, business_date=house.clock.business_date())
    if plan is not None:
        made = _choose(tx, house, plan, wanted, cell=cell, only=None, closed={})
        if made.source is None:
            raise _exhausted(made)


def _plan(house: House, of: Loan, known: LoanFunding | None, today: date) -> FundingPlan | None:
    if known is not None:
        return house.funding.plan_version(product_id=known.product_id, version=known.plan_version)
    return house.funding.plan_of(product_id=of.product_id, business_date=today)


def limits_now(house: House, plan: FundingPlan, source_id: str) -> tuple[Limit, ...]:
    """Return the limits of one source of a plan today. Errors: RuleMissing."""
    today = house.clock.business_date()
    return limits_of(
        plan=plan,
        source=plan.source(source_id=source_id),
        funders=house.funding.funders_on(today),
        rules=house.pack.rules,
        business_date=today,
    )


def _choose(
    tx: Transaction,
    house: House,
    plan: FundingPlan,
    wanted: Wanted,
    *,
    cell: int,
    only: str | None,
    closed: Mapping[UUID, int],
) -> Route:
    """Return the source, asking the cell's slices first, and the rows of the whole book only when one is too small."""
    today = house.clock.business_date()

    def chosen(free_fen: Mapping[UUID, int]) -> Route:
        return route(
            plan=plan,
            wanted=wanted,
            free_fen=free_fen,
            funders=house.funding.funders_on(today),
            rules=house.pack.rules,
            business_date=today,
            only=only,
        )

    limits = {one.id: one for source in plan.sources for one in limits_now(house, plan, source.id)}
    slices = headroom.slices_of(tx, cell=cell, headroom_ids=list(limits))
    meant = chosen(closed)
    if meant.source is not None and all(use <= slices.get(limit.id, 0) for limit, use in meant.uses):
        return meant
    left = headroom.left_of(tx, headroom_ids=list(limits))
    for limit_id in sorted(set(limits) - set(left)):  # in one order, as all who make several do
        headroom.create(tx, headroom_id=limit_id, name=limits[limit_id].name, limit_fen=limits[limit_id].limit_fen)
    free = {limit_id: slices.get(limit_id, 0) + max(0, left_fen) for limit_id, left_fen in left.items()}
    return chosen(free | dict(closed))


def _reserve(tx: Transaction, cell: int, use_id: UUID, made: Route) -> Limit | None:
    """Reserve what is used; return the limit that somebody else emptied meanwhile, with nothing reserved."""
    done: list[tuple[UUID, int]] = []
    for limit, use_fen in made.uses:  # in the order of ids, in which everybody locks the rows of the book
        before_fen = headroom.use_of(tx, cell=cell, headroom_id=limit.id, use_id=use_id)
        try:
            use_headroom(tx, cell=cell, headroom_id=limit.id, use_id=use_id, amount_fen=before_fen + use_fen)
        except HeadroomExhausted:
            for headroom_id, fen in done:
                use_headroom(tx, cell=cell, headroom_id=headroom_id, use_id=use_id, amount_fen=fen)
            return limit
        done.append((limit.id, before_fen))
    return None


def _exhausted(made: Route) -> FundingExhausted:
    why = "; ".join(f"{one.source_id}: {one.limit or one.why}" for one in made.skipped)
    free_fen = max((one.free_fen for one in made.skipped), default=0)
    return FundingExhausted(
        "No source has room for this loan now: ask for less, or again tomorrow; nothing was signed.",
        free_fen=free_fen,
        sources=why,
    )


def _witness(
    tx: Transaction, house: House, of: Loan, order_id: UUID, amount_fen: int, plan: FundingPlan, made: Route
) -> None:
    assert made.source is not None
    shares: list[Canonical] = [[share.lender_id.hex, share.ppm] for share in made.source.funding.shares]
    skipped: list[Canonical] = [
        [one.source_id, one.why.value, "" if one.limit is None else one.limit.value] for one in made.skipped
    ]
    facts: dict[str, Canonical] = {
        "loan_id": of.loan_id.hex,
        "plan": f"{plan.product_id} {plan.version}",
        "plan_hash": plan.hash,
        "source": made.source.id,
        "amount_fen": amount_fen,
        "shares": shares,
        "skipped": skipped,
        "limits": [[limit.name, use] for limit, use in made.uses],
    }
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=of.cell,
        person_id=of.person_id,
        kind=LeafKind.FUNDING,
        subject_id=order_id,
        at=house.clock.now(),
        facts=facts,
    )
