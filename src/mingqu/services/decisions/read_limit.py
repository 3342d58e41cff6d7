"""What a person may borrow, why, and what would change it: read from the ledger and from the decision's own record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from mingqu.domain.cap import Caps
from mingqu.domain.decision import Decision, Reason, Remedy, improvements, remedies
from mingqu.domain.ledger import Account, AccountCode, Balance
from mingqu.services.appeals.read_review import ReviewView, may_apply_again, review_of_subject
from mingqu.services.decisions.assess import Assessment
from mingqu.services.house import House
from mingqu.services.limits.cap_limit import caps_of, left_under_cap
from mingqu.services.limits.check_assessment import withheld
from mingqu.services.limits.stand_in_band import left_in_band
from mingqu.services.policies.replay_decision import replay
from mingqu.store.decisions import assessment, decision
from mingqu.store.decisions.decision import DecisionNotFound as DecisionNotFound
from mingqu.store.ledgers import ledger
from mingqu.store.loans import offer


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductLimit:
    """A line with one product. `available_fen` is what is left of it and of the person's own limit."""

    facility_id: UUID
    product_id: str
    product_version: int
    product_zh: str
    product_en: str
    lender_zh: str
    lender_en: str
    licence: str
    granted_fen: int
    available_fen: int
    rate_year_ppm: int
    amount_min_fen: int
    amount_step_fen: int
    methods: tuple[str, ...]
    instalment_counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitView:
    """A person's limit over all products: granted = available + drawn + held, unless it was cut below what is used, the
    person's own cap leaves less, the assessment has `expired` (on `valid_until`; None: it has no end), or part of a
    raise waits: `waiting_fen` of it, until `usable_at`. `lowered`: having been late leaves less of it for now."""

    decision_id: UUID
    currency: str
    granted_fen: int
    available_fen: int
    drawn_fen: int
    held_fen: int
    cap: Caps
    waiting_fen: int
    usable_at: datetime | None
    valid_until: date | None
    expired: bool
    lowered: bool
    products: tuple[ProductLimit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """A decision as its person may read it. `remedies` would change a refusal, proved by deciding again with each, or
    raise an approval's limit or lower its price. `retry_on` is the first day on which applying again has a point;
    `factors` say in Chinese and English what kept the points down, the heaviest first; `review` is what was asked of a
    person last, and the answer."""

    decision_id: UUID
    decided_at: datetime
    business_date: date
    approved: bool
    score: int
    band: str
    limit_fen: int
    reasons: tuple[Reason, ...]
    remedies: tuple[Remedy, ...]
    factors: tuple[tuple[str, str], ...]
    retry_on: date | None
    record_hash: bytes
    review: ReviewView | None


def limit_view(house: House, *, person_id: UUID) -> LimitView | None:
    """Return a person's limits, or None when there are none."""
    with house.database.transaction() as tx:
        lines = offer.facilities(tx, person_id=person_id)
        if not lines:
            return None
        currency = lines[0].currency
        owners = [person_id, *(line.facility_id for line in lines)]
        accounts = ledger.balances_of(tx, cell=tx.cell_of(person_id), owners=owners)
        changes, standing = (
            assessment.last_changes(tx, person_id=person_id),
            assessment.standing_of(tx, person_id=person_id),
        )
        cap, under_cap_fen = caps_of(tx, house, person_id=person_id), left_under_cap(tx, house, person_id=person_id)
        in_band_fen = left_in_band(tx, house, person_id=person_id)
    granted, available, held = _sums(accounts, owner=person_id, currency=currency)
    waiting = withheld(changes, at=house.clock.now())
    available -= waiting.get(person_id, 0)
    bounds = [fen for fen in (under_cap_fen, in_band_fen) if fen is not None]
    available = min(available, *bounds) if bounds else available
    expired = standing is not None and standing.expired(on=house.clock.business_date())
    available = 0 if expired else available
    drawn = accounts[Account(owner=person_id, code=AccountCode.LIMIT_DRAWN, currency=currency)]
    return LimitView(
        decision_id=lines[0].decision_id,
        currency=currency,
        granted_fen=granted,
        available_fen=max(0, available),
        drawn_fen=drawn.normal_fen(AccountCode.LIMIT_DRAWN),
        held_fen=held,
        cap=cap,
        waiting_fen=waiting.get(person_id, 0),
        usable_at=changes[person_id].usable_at if person_id in waiting else None,
        valid_until=None if standing is None else standing.valid_until,
        expired=expired,
        lowered=in_band_fen is not None,
        products=tuple(
            _product_limit(house, line, accounts, available, waiting.get(line.facility_id, 0)) for line in lines
        ),
    )


def decision_view(
    house: House, *, person_id: UUID, decision_id: UUID | None = None, advice: bool = True
) -> DecisionView:
    """Return a decision about a person, the newest unless one is named; made again from its record.

    Without `advice` no remedies are searched.

    Errors: DecisionNotFound (also for another person's), PersonErased, ReplayDiffers.
    """
    with house.database.transaction() as tx:
        if decision_id is None:
            stored = decision.latest_decision(tx, person_id=person_id)
            if stored is None:
                raise DecisionNotFound("Nothing was decided yet.")
        else:
            stored = decision.load_decision(tx, person_id=person_id, decision_id=decision_id)
        made = replay(tx, house, stored=stored)
        asked = review_of_subject(tx, house, person_id=person_id, subject_id=stored.decision_id)
        anew = may_apply_again(tx, person_id=person_id, decision_id=stored.decision_id)
    return DecisionView(
        decision_id=stored.decision_id,
        decided_at=stored.decided_at,
        business_date=stored.business_date,
        approved=made.approved,
        score=made.score,
        band=made.band,
        limit_fen=made.limit_fen,
        reasons=made.reasons,
        remedies=_advice(made) if advice else (),
        factors=tuple((factor.reason_zh, factor.reason_en) for factor in made.factors),
        retry_on=None if anew else _retry_on(made),
        record_hash=stored.record_hash,
        review=asked,
    )


def made_view(assessment: Assessment) -> DecisionView:
    """Return a decision just made as its person may read it; it is not read again, and nothing was asked about it."""
    made = assessment.decision
    return DecisionView(
        decision_id=assessment.decision_id,
        decided_at=assessment.decided_at,
        business_date=made.business_date,
        approved=made.approved,
        score=made.score,
        band=made.band,
        limit_fen=made.limit_fen,
        reasons=made.reasons,
        remedies=_advice(made),
        factors=tuple((factor.reason_zh, factor.reason_en) for factor in made.factors),
        retry_on=_retry_on(made),
        record_hash=hashlib.sha256(made.record_bytes()).digest(),
        review=None,
    )


def _advice(made: Decision) -> tuple[Remedy, ...]:
    return improvements(decision=made) if made.approved else remedies(decision=made)


def _product_limit(
    house: House,
    line: offer.Facility,
    accounts: Mapping[Account, Balance],
    person_available_fen: int,
    waiting_fen: int,
) -> ProductLimit:
    product = house.pack.product_version(product_id=line.product_id, version=line.product_version)
    lender = house.pack.lender(lender_id=line.lender_id)
    granted, available, _ = _sums(accounts, owner=line.facility_id, currency=line.currency)
    return ProductLimit(
        facility_id=line.facility_id,
        product_id=product.id,
        product_version=product.version,
        product_zh=product.name_zh,
        product_en=product.name_en,
        lender_zh=lender.name_zh,
        lender_en=lender.name_en,
        licence=lender.licence.value,
        granted_fen=granted,
        available_fen=max(0, min(available - waiting_fen, person_available_fen)),
        rate_year_ppm=line.rate_year_ppm,
        amount_min_fen=product.amount_min_fen,
        amount_step_fen=product.amount_step_fen,
        methods=product.methods,
        instalment_counts=product.instalment_counts,
    )


def _sums(accounts: Mapping[Account, Balance], *, owner: UUID, currency: str) -> tuple[int, int, int]:
    """Return granted, available and held of a limit, in fen."""
    granted = accounts[Account(owner=owner, code=AccountCode.LIMIT_GRANTED, currency=currency)]
    available = accounts[Account(owner=owner, code=AccountCode.LIMIT_AVAILABLE, currency=currency)]
    return (
        granted.normal_fen(AccountCode.LIMIT_GRANTED),
        available.available_fen(AccountCode.LIMIT_AVAILABLE),
        available.debits_pending_fen,
    )


def _retry_on(made: Decision) -> date | None:
    days = [reason.retry_on for reason in made.reasons if reason.retry_on is not None]
    return max(days, default=None)
