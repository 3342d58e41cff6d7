"""Choose who funds a revolving account: with its first purchase or draw the first source with room, then always it.

Each purchase and draw reserves what it holds of every limit of the source, in the transaction that holds it; what is
given back is released with it, and what was repaid from the next morning on (`follow_funding`). A joint source funds an
account only where its lenders were named with the terms that were agreed to; what the account moves is theirs by shares
(`share_spend`).
"""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.funding import FundingPlan, Route
from mingqu.domain.funding.route import Wanted
from mingqu.services.funding.keep_headroom import HeadroomExhausted, use_headroom
from mingqu.services.funding.route_funding import find_room, limits_now
from mingqu.services.funding.share_loan import open_share_accounts
from mingqu.services.house import House
from mingqu.store import evidence
from mingqu.store.limits import headroom
from mingqu.store.revolving import spend_funding
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.revolving.spend_funding import SpendFunding
from mingqu.store.server.database import Transaction


def route_spend(tx: Transaction, house: House, *, account: SpendAccount, cause: UUID, amount_fen: int) -> None:
    """Reserve what a purchase or draw (its id is `cause`) uses of every limit of its account's source.

    An account's first one chooses the source, with a leaf of evidence. A product without a plan is paid for by its
    lender alone. The caller holds the cell's lock and commits. Errors: FundingExhausted, RuleMissing.
    """
    known = spend_funding.of_account(tx, account_id=account.account_id)
    plan = _plan(house, account, known)
    if plan is None:
        return
    wanted = Wanted(
        amount_fen=amount_fen,
        principal_fen=account.state.used_fen + amount_fen,
        instalments=1,
        named=frozenset(one.funding for one in account.named),
    )
    made = find_room(
        tx,
        house,
        plan=plan,
        wanted=wanted,
        cell=account.cell,
        use_id=account.account_id,
        only=None if known is None else known.source_id,
    )
    if known is None:
        assert made.source is not None
        funding = SpendFunding(
            account_id=account.account_id,
            product_id=plan.product_id,
            plan_version=plan.version,
            source_id=made.source.id,
            funding=made.source.funding,
            routed_at=house.clock.now(),
        )
        spend_funding.insert(tx, cell=account.cell, funding=funding)
        open_share_accounts(
            tx, cell=account.cell, currency=account.currency, slices=funding.slices, funding=funding.funding
        )
        _witness(tx, house, account, cause, plan, made)


def release_spend(tx: Transaction, house: House, *, account: SpendAccount, amount_fen: int) -> None:
    """Give back what was reserved for a purchase or draw, or a part of one, that will not be."""
    known = spend_funding.of_account(tx, account_id=account.account_id)
    plan = None if known is None else _plan(house, account, known)
    if known is None or plan is None:
        return
    source = plan.source(source_id=known.source_id)
    for limit in limits_now(house, plan, known.source_id):
        used_fen = headroom.use_of(tx, cell=account.cell, headroom_id=limit.id, use_id=account.account_id)
        less_fen = min(used_fen, limit.used_by(source=source, amount_fen=amount_fen))
        if less_fen:
            use_headroom(
                tx,
                cell=account.cell,
                headroom_id=limit.id,
                use_id=account.account_id,
                amount_fen=used_fen - less_fen,
            )


def use_again(tx: Transaction, house: House, *, account: SpendAccount) -> None:
    """Let an account that owes again what had not come use its limits as far as there is room; its debt stands anyway.

    What it uses never falls here. The caller holds the cell's lock and commits.
    """
    for one in spend_funding.routed(tx, cell=account.cell, after=None, limit=1, account_id=account.account_id):
        plan = house.funding.plan_version(product_id=one.key[0], version=one.plan_version)
        source = plan.source(source_id=one.key[1])
        for limit in limits_now(house, plan, source.id):
            use_fen = limit.used_by(source=source, amount_fen=one.principal_fen)
            if limit.id in one.uses and use_fen > one.uses[limit.id]:
                with suppress(HeadroomExhausted):  # somebody else was lent its room meanwhile
                    use_headroom(
                        tx, cell=account.cell, headroom_id=limit.id, use_id=account.account_id, amount_fen=use_fen
                    )


def use_less(tx: Transaction, house: House, *, account: SpendAccount) -> None:
    """Let an account that owes less than was lent use no more of its limits than it owes and holds, at once.

    What it uses never rises here. The caller holds the cell's lock and commits.
    """
    for one in spend_funding.routed(tx, cell=account.cell, after=None, limit=1, account_id=account.account_id):
        plan = house.funding.plan_version(product_id=one.key[0], version=one.plan_version)
        source = plan.source(source_id=one.key[1])
        for limit in limits_now(house, plan, source.id):
            use_fen = limit.used_by(source=source, amount_fen=one.principal_fen)
            if use_fen < one.uses.get(limit.id, 0):
                use_headroom(tx, cell=account.cell, headroom_id=limit.id, use_id=account.account_id, amount_fen=use_fen)


def _plan(house: House, account: SpendAccount, known: SpendFunding | None) -> FundingPlan | None:
    if known is not None:
        return house.funding.plan_version(product_id=known.product_id, version=known.plan_version)
    return house.funding.plan_of(product_id=account.product_id, business_date=house.clock.business_date())


def _witness(tx: Transaction, house: House, account: SpendAccount, cause: UUID, plan: FundingPlan, made: Route) -> None:
    assert made.source is not None
    skipped: list[Canonical] = [
        [one.source_id, one.why.value, "" if one.limit is None else one.limit.value] for one in made.skipped
    ]
    facts: dict[str, Canonical] = {
        "account_id": account.account_id.hex,
        "cause": cause.hex,
        "plan": f"{plan.product_id} {plan.version}",
        "plan_hash": plan.hash,
        "source": made.source.id,
        "skipped": skipped,
    }
    if made.source.is_joint:
        facts["shares"] = [[share.lender_id.hex, share.ppm] for share in made.source.funding.shares]
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=account.cell,
        person_id=account.person_id,
        kind=LeafKind.FUNDING,
        subject_id=account.account_id,
        at=house.clock.now(),
        facts=facts,
    )
