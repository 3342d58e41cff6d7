"""Ask whether two of a person's accounts may be linked; the answer, its reasons and its record are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.decision.field import Value
from mingqu.domain.decision.link import LinkDecision, LinkReason, LinkSame, decide_link, parse_link_table
from mingqu.domain.evidence import LeafKind
from mingqu.domain.gate import Case, cap_year_ppm
from mingqu.domain.limit import AssessmentExpired
from mingqu.domain.money import Rounding
from mingqu.domain.ownership import NotFound
from mingqu.domain.spend.product import SPEND_LINE
from mingqu.services.house import House
from mingqu.services.limits.check_assessment import require_assessed
from mingqu.services.limits.check_drawing import late_days, spend_overdue_days
from mingqu.services.once import Response, once
from mingqu.store import evidence
from mingqu.store.limits import freeze, link
from mingqu.store.loans import loan, offer
from mingqu.store.parties import party
from mingqu.store.revolving import spend
from mingqu.store.server.database import Transaction

BORROWINGS_DAYS: Final = 30
LATE_DAYS: Final = 365
# Where the money of two products comes from, as one word of the table; whatever is not here is "other".
_SOURCES: Final = {
    frozenset({"bank", "abs_pool"}): "bank_and_abs",
    frozenset({"own", "abs_pool"}): "own_and_abs",
}
_LOAN: Final = "loan"
_KINDS: Final = {
    frozenset({"spend", "cash"}): "spend_and_cash",
    frozenset({"spend", _LOAN}): "spend_and_loan",
    frozenset({"cash", _LOAN}): "cash_and_loan",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """A decision on a link as its person reads it."""

    link_id: UUID
    first_id: UUID
    second_id: UUID
    outcome: str
    limit_share_ppm: int
    reasons: tuple[LinkReason, ...]
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One of the two: what kind it is of, where its money comes from, who lends it, and at which yearly rate."""

    kind: str
    source: str
    lender_id: UUID
    product_kind: str
    rate_year_ppm: int


def ask_for_link(house: House, *, person_id: UUID, first_id: UUID, second_id: UUID, purpose: str, key: str) -> LinkView:
    """Decide whether two accounts, or an account and a line of loans, may be linked for a purpose; keep the decision.

    What is not the person's own is not found, whoever's it is. Errors: LinkSame, NotFound, DecisionInputInvalid (of a
    purpose that there is none of), and those of the key.
    """
    if first_id == second_id:
        raise LinkSame("An account is linked with another one.")

    def work(tx: Transaction) -> Response:
        house.policies.refresh(tx)
        today, now = house.clock.business_date(), house.clock.now()
        table = house.pack.link_table(business_date=today)
        sides = (_side(tx, house, person_id, first_id), _side(tx, house, person_id, second_id))
        made = decide_link(
            table=table, inputs=_inputs(tx, house, person_id, sides, purpose, today), business_date=today
        )
        stored = link.StoredLink(
            link_id=house.id_for(person_id),
            person_id=person_id,
            first_id=first_id,
            second_id=second_id,
            outcome=made.outcome.value,
            limit_share_ppm=made.limit_share_ppm,
            record=made.record(),
            table_version=table.version,
            decided_at=now,
        )
        link.insert(tx, link=stored)
        evidence.append(
            tx,
            keyring=house.keyring,
            cell=tx.cell_of(person_id),
            person_id=person_id,
            kind=LeafKind.LINK,
            subject_id=stored.link_id,
            at=now,
            facts={
                "outcome": stored.outcome,
                "accounts": [first_id.hex, second_id.hex],
                "record_hash": made.record_hash().hex(),
            },
        )
        return {"link_id": stored.link_id.hex}

    request: dict[str, Canonical] = {"first_id": first_id.hex, "second_id": second_id.hex, "purpose": purpose}
    answer = once(house, person_id=person_id, command="ask_for_link", key=key, request=request, work=work)
    link_id = UUID(str(answer["link_id"]))
    return next(one for one in links_of(house, person_id=person_id) if one.link_id == link_id)


def links_of(house: House, *, person_id: UUID) -> list[LinkView]:
    """Return what was decided on a person's links, the newest first, each made again from its record."""
    with house.database.transaction() as tx:
        stored = link.of_person(tx, person_id=person_id)
    return [_view(house, one) for one in stored]


def _view(house: House, stored: link.StoredLink) -> LinkView:
    made = _again(house, stored)
    assert made.record() == stored.record, "a decision made again from its record is the same"
    return LinkView(
        link_id=stored.link_id,
        first_id=stored.first_id,
        second_id=stored.second_id,
        outcome=stored.outcome,
        limit_share_ppm=stored.limit_share_ppm,
        reasons=made.reasons,
        decided_at=stored.decided_at,
    )


def _again(house: House, stored: link.StoredLink) -> LinkDecision:
    record = json.loads(stored.record)
    document = house.pack.version(kind="link", name="link", version=stored.table_version)
    return decide_link(
        table=parse_link_table(document=document),
        inputs=record["inputs"],
        business_date=date.fromisoformat(record["business_date"]),
    )


def _side(tx: Transaction, house: House, person_id: UUID, account_id: UUID) -> _Side:
    """Return what an id of a person names: a revolving account, or a line of loans. Errors: NotFound."""
    for line in offer.facilities(tx, person_id=person_id):
        if line.facility_id == account_id:
            product = house.pack.product_version(product_id=line.product_id, version=line.product_version)
            return _Side(
                kind=_LOAN,
                source="bank",
                lender_id=line.lender_id,
                product_kind=product.kind,
                rate_year_ppm=line.rate_year_ppm,
            )
    for account in spend.of_person(tx, person_id=person_id):
        if account.account_id == account_id:
            known = house.pack.spend_version(product_id=account.product_id, version=account.product_version)
            return _Side(
                kind="spend" if known.kind == SPEND_LINE else "cash",
                source=known.source,
                lender_id=account.lender_id,
                product_kind=known.kind,
                rate_year_ppm=account.terms.rate.yearly_ppm(rounding=Rounding.CEILING),
            )
    raise NotFound


def _inputs(
    tx: Transaction, house: House, person_id: UUID, sides: tuple[_Side, _Side], purpose: str, today: date
) -> dict[str, Value]:
    first, second = sides
    counted = link.counts(
        tx,
        person_id=person_id,
        since=today - timedelta(days=BORROWINGS_DAYS),
        year_since=today - timedelta(days=LATE_DAYS),
    )
    loans = [late_days(state, on=today) for state in loan.states_of_person(tx, person_id=person_id)]
    accounts = [spend_overdue_days(tx, account=one, on=today) for one in spend.of_person(tx, person_id=person_id)]
    lenders = [house.pack.lender(lender_id=side.lender_id) for side in sides]
    apart = _SOURCES.get(frozenset({first.source, second.source}), "other")
    return {
        "identity_level": int(party.load_person(tx, person_id=person_id).identity_level),
        "assessment_holds": _is_assessed(tx, house, person_id),
        "drawing_stopped": freeze.standing(tx, person_id=person_id) is not None,
        "overdue_days_now": max([*loans, *accounts], default=0),
        "times_late_year": counted.times_late,
        "borrowings_month": counted.borrowings,
        "sources": "same" if first.source == second.source else apart,
        "kinds": _KINDS.get(frozenset({first.kind, second.kind}), "same"),
        "purpose": purpose,
        "lender_licensed": all(lender.status == "active" for lender in lenders),
        "regulation_ok": all(
            side.rate_year_ppm
            <= cap_year_ppm(
                case=Case(lender_type=lender.licence, product_kind=side.product_kind, on=today), rules=house.pack.rules
            )[0]
            for side, lender in zip(sides, lenders, strict=True)
        ),
    }


def _is_assessed(tx: Transaction, house: House, person_id: UUID) -> bool:
    try:
        require_assessed(tx, house, person_id=person_id)
    except AssessmentExpired:
        return False
    return bool(offer.facilities(tx, person_id=person_id))
