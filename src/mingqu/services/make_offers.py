"""Offers: what each product would lend this person, with the whole cost, the cheapest first, nothing preselected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain import schedule
from mingqu.domain.canonical import Canonical
from mingqu.domain.cost import AllInCost, DelayTerms, all_in_cost
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.institution import (
    InstitutionNotConnected,
    PartnerNotListed,
    PilotExcludes,
    require_open,
)
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.lender_answer import LenderQuestion
from mingqu.domain.loan import LoanTerms
from mingqu.domain.loan.of_product import terms_of_product
from mingqu.domain.money import Rounding
from mingqu.domain.product import Product, TermsNotOffered
from mingqu.domain.rate import format_percent
from mingqu.domain.refusal import Refusal
from mingqu.domain.rule import ALL_IN_COST_MAX
from mingqu.domain.spend import advance, next_morning
from mingqu.services.cap_limit import left_under_cap
from mingqu.services.check_assessment import require_assessed, withheld
from mingqu.services.freeze_drawing import require_not_stopped
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.services.switch_off import require_lending
from mingqu.store import assessment, ledger, lender_question, loan, offer, spend
from mingqu.store.database import Transaction
from mingqu.store.offer import Facility, Offer
from mingqu.store.spend import SpendAccount

_RECKONED_MAX: Final = 1_000  # offers kept reckoned: some kilobytes each


class NoLimit(Refusal):
    """The person has no limit that this amount could be drawn from."""

    code: ClassVar[str] = "no_limit"
    status: ClassVar[int] = 409


class DrawingFrozen(Refusal):
    """The person has an overdue amount: no new loan until it is paid. Paying it lifts this at once."""

    code: ClassVar[str] = "drawing_frozen"
    status: ClassVar[int] = 409


class LendersUndecided(Refusal):
    """The lenders of this amount decide by themselves and have not offered it: ask them, or look again in a while."""

    code: ClassVar[str] = "lenders_undecided"
    status: ClassVar[int] = 409


class CostAboveCap(Refusal):
    """The all-in cost of the offer is above what the law allows this kind of lender on this date."""

    code: ClassVar[str] = "cost_above_cap"


# By one lender; another may offer.
_NOT_OFFERED: Final = (
    TermsNotOffered,
    LendingSwitchedOff,
    LendersUndecided,
    InstitutionNotConnected,
    PartnerNotListed,
    PilotExcludes,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """An offer with what it costs and who lends."""

    offer: Offer
    product: Product
    lender_name_zh: str
    lender_name_en: str
    cost: AllInCost
    schedule: schedule.Schedule

    @property
    def rate_year_ppm(self) -> int:
        """The interest rate for a year, in parts per million."""
        return self.offer.terms.rate.yearly_ppm(rounding=Rounding.HALF_UP)


def loan_terms(*, product: Product, rate_year_ppm: int, amount_fen: int, instalments: int, method: str) -> LoanTerms:
    """Return the terms of a loan of a product. Errors: TermsNotOffered and those of the terms."""
    product.check_terms(amount_fen=amount_fen, instalments=instalments, method=method)
    return terms_of_product(
        product=product, rate_year_ppm=rate_year_ppm, amount_fen=amount_fen, instalments=instalments, method=method
    )


def delay_terms(*, terms: LoanTerms, lender: str) -> DelayTerms:
    """Return what a loan's terms say of being late, for the cost table: overdue principal bears a multiple."""
    return DelayTerms(
        collector=lender,
        standard="逾期本金，按合同利率加收",
        rate=terms.rate,
        multiple_ppm=terms.penalty_multiple_ppm,
        day_count=terms.day_count,
        rounding=terms.rounding,
        grace_days=terms.grace_days,
    )


def make_offers(
    house: House, *, person_id: UUID, amount_fen: int, instalments: int, method: str, key: str | None = None
) -> list[Offered]:
    """Make an offer for each product whose limit covers the amount; ordered by all-in cost, then by name.

    A lender that decides by itself (`ask_lenders`) is offered at the price of its own answer, while that holds.

    The effective yearly rate decides the order; nothing else does. Offers stand for a week. Asked again with the same
    `key` the same offers are answered.
    Sources: PBOC notice 2021 No. 3 (yearly cost from cash flows); 金规〔2025〕9号 (cap on the all-in cost).
    Errors: NoLimit, DrawingFrozen, DrawingStopped, AssessmentExpired, TermsNotOffered, LendingSwitchedOff,
    LendersUndecided, InstitutionNotConnected, PartnerNotListed, PilotExcludes, CostAboveCap, and those of the
    idempotency key.
    """

    def make(tx: Transaction) -> list[Offered]:
        tx.lock_cell(tx.cell_of(person_id))
        current, today = house.policies.current(tx), house.clock.business_date()
        require_drawing_open(tx, house, person_id=person_id)
        made: list[Offered] = []
        not_offered: Refusal | None = None
        for facility, available_fen in lines_of(tx, house, person_id=person_id):
            if available_fen < amount_fen:
                continue
            try:
                require_lending(
                    current, product_id=facility.product_id, lender_id=facility.lender_id, business_date=today
                )
                require_routed(house, lender_id=facility.lender_id, person_id=person_id)
                made.append(_offer(tx, house, facility, amount_fen, instalments, method))
            except _NOT_OFFERED as refusal:
                not_offered = refusal  # by this product; another may have the terms
        if not made and not_offered is not None:
            raise not_offered
        if not made:
            raise NoLimit("There is no limit left that covers this amount.", amount_fen=amount_fen)
        return _in_order(made)

    if key is None:
        return house.database.run(make)

    def work(tx: Transaction) -> Response:
        return {"offer_ids": [one.offer.offer_id.hex for one in make(tx)]}

    request: dict[str, Canonical] = {"amount_fen": amount_fen, "instalments": instalments, "method": method}
    answer = once(house, person_id=person_id, command="make_offers", key=key, request=request, work=work)
    offer_ids = answer["offer_ids"]
    assert isinstance(offer_ids, list)
    return _made_before(house, person_id=person_id, offer_ids=[UUID(one) for one in offer_ids])


def _in_order(made: list[Offered]) -> list[Offered]:
    return sorted(made, key=lambda one: (one.cost.annual.effective_ppm, one.product.id))


def _made_before(house: House, *, person_id: UUID, offer_ids: list[UUID]) -> list[Offered]:
    """Return offers as they were made, also when they have run out since."""
    with house.database.transaction() as tx:
        lines = {facility.facility_id: facility for facility in offer.facilities(tx, person_id=person_id)}
        found = [offer.load_offer(tx, person_id=person_id, offer_id=offer_id) for offer_id in offer_ids]
    return _in_order([priced(house, stored=one, facility=lines[one.facility_id]) for one in found])


def require_drawing_open(tx: Transaction, house: House, *, person_id: UUID) -> None:
    """Return when a person may draw: nobody stopped it, their assessment holds, nothing of theirs is overdue today.

    What is overdue on a loan or a revolving account stops drawing on all of them. Repaying never asks here.
    Errors: DrawingStopped, AssessmentExpired, DrawingFrozen.
    """
    require_not_stopped(tx, person_id=person_id)
    require_assessed(tx, house, person_id=person_id)
    today = house.clock.business_date()
    overdue_days = max(
        (state.overdue_days(today) for state in loan.states_of_person(tx, person_id=person_id)), default=0
    )
    for account in spend.of_person(tx, person_id=person_id):
        overdue_days = max(overdue_days, spend_overdue_days(tx, account=account, on=today))
    if overdue_days:
        raise DrawingFrozen("An amount is overdue; pay it and new loans open again.", overdue_days=overdue_days)


def spend_overdue_days(tx: Transaction, *, account: SpendAccount, on: date) -> int:
    """Return for how many days a revolving account is overdue on a day, also when its morning is not booked yet.

    While a payment of it is on its way, what is booked counts.
    """
    if next_morning(account.state) > on or spend.is_paying(tx, account_id=account.account_id):
        return account.state.overdue_days(on)
    return advance(terms=account.terms, state=account.state, to=on).state.overdue_days(on)


def lines_of(tx: Transaction, house: House, *, person_id: UUID) -> list[tuple[Facility, int]]:
    """Return a person's lines, each with what may still be drawn: what is left of it, of the limit, and of the cap.

    A raise that waits for its pause is not counted.
    """
    under_cap_fen = left_under_cap(tx, house, person_id=person_id)
    lines = offer.facilities(tx, person_id=person_id)
    owners = [person_id, *(line.facility_id for line in lines)]
    balances = ledger.balances_of(tx, cell=tx.cell_of(person_id), owners=owners)

    waiting = withheld(assessment.last_changes(tx, person_id=person_id), at=house.clock.now())

    def left_fen(owner: UUID, currency: str) -> int:
        code = AccountCode.LIMIT_AVAILABLE
        free_fen = balances[Account(owner=owner, code=code, currency=currency)].available_fen(code)
        return max(0, free_fen - waiting.get(owner, 0))

    left = [
        (line, min(left_fen(line.facility_id, line.currency), left_fen(person_id, line.currency))) for line in lines
    ]
    return [(line, fen if under_cap_fen is None else min(fen, under_cap_fen)) for line, fen in left]


def _offer(
    tx: Transaction, house: House, facility: Facility, amount_fen: int, instalments: int, method: str
) -> Offered:
    """Offer what a line lends, at the house's price or at that of the lender's own answer. Errors: LendersUndecided."""
    now = house.clock.now()
    lasts, rate_year_ppm, answered = now + house.settings.offer_lasts, facility.rate_year_ppm, None
    if decides_itself(house, lender_id=facility.lender_id):
        answered = _answered(tx, house, facility, (amount_fen, instalments, method))
        assert answered.offer is not None
        lasts, rate_year_ppm = min(lasts, answered.offer.valid_until), answered.offer.rate_year_ppm
    made = offer_at(
        tx,
        house,
        person_id=facility.person_id,
        facility_id=facility.facility_id,
        rate_year_ppm=rate_year_ppm,
        amount_fen=amount_fen,
        instalments=instalments,
        method=method,
        offer_id=house.id_for(facility.person_id),
        expires_at=lasts,
    )
    if answered is not None:
        lender_question.rest_on(tx, offer_id=made.offer.offer_id, question=answered)
    return made


def require_routed(house: House, *, lender_id: UUID, person_id: UUID) -> None:
    """Return when the directory lets a person be sent to a lender today, or does not speak of that lender.

    Errors: InstitutionNotConnected, PartnerNotListed, PilotExcludes. Source: 金规〔2025〕9号 (名单制).
    """
    today = house.clock.business_date()
    entry = house.directory.of_lender(lender_id=lender_id, business_date=today)
    if entry is not None:
        require_open(entry=entry, person_id=person_id, partner=house.settings.operator_name, business_date=today)


def decides_itself(house: House, *, lender_id: UUID) -> bool:
    """Return whether a lender decides by itself, over a gateway."""
    return bool(house.lenders) and house.pack.lender(lender_id=lender_id).code in house.lenders


def _answered(tx: Transaction, house: House, facility: Facility, wish: tuple[int, int, str]) -> LenderQuestion:
    """Return the latest answer of a line's lender to just this wish that still holds. Errors: LendersUndecided."""
    for one in lender_question.of_person(tx, person_id=facility.person_id):
        same = (one.facility_id, one.amount_fen, one.instalments, one.method) == (facility.facility_id, *wish)
        if same and one.stands(at=house.clock.now()):
            return one
    raise LendersUndecided("The lenders of this amount have not answered with an offer yet: ask them, or look later.")


def offer_at(
    tx: Transaction,
    house: House,
    *,
    person_id: UUID,
    facility_id: UUID,
    rate_year_ppm: int,
    amount_fen: int,
    instalments: int,
    method: str,
    offer_id: UUID,
    expires_at: datetime,
) -> Offered:
    """Store an offer of a person's line at a rate and return it with its cost. The caller commits.

    Errors: TermsNotOffered, CostAboveCap.
    """
    facility = next(one for one in offer.facilities(tx, person_id=person_id) if one.facility_id == facility_id)
    product = house.pack.product_version(product_id=facility.product_id, version=facility.product_version)
    terms = loan_terms(
        product=product, rate_year_ppm=rate_year_ppm, amount_fen=amount_fen, instalments=instalments, method=method
    )
    stored = Offer(
        offer_id=offer_id,
        person_id=person_id,
        facility_id=facility_id,
        terms=terms,
        created_on=house.clock.business_date(),
        created_at=house.clock.now(),
        expires_at=expires_at,
    )
    offer.insert_offer(tx, offer=stored)
    return priced(house, stored=stored, facility=facility)


def require_within_cap(
    house: House, *, facility: Facility, rate_year_ppm: int, amount_fen: int, instalments: int, method: str
) -> None:
    """Return when an offer at a rate would cost no more than the law allows today; nothing is stored.

    Errors: TermsNotOffered, CostAboveCap.
    """
    product = house.pack.product_version(product_id=facility.product_id, version=facility.product_version)
    now = house.clock.now()
    passing = Offer(
        offer_id=facility.facility_id,  # of an offer that is none: only its terms and day are looked at
        person_id=facility.person_id,
        facility_id=facility.facility_id,
        terms=loan_terms(
            product=product, rate_year_ppm=rate_year_ppm, amount_fen=amount_fen, instalments=instalments, method=method
        ),
        created_on=house.clock.business_date(),
        created_at=now,
        expires_at=now,
    )
    priced(house, stored=passing, facility=facility)


def priced(house: House, *, stored: Offer, facility: Facility) -> Offered:
    """Return an offer with its schedule and cost, computed anew; the same each time. Errors: CostAboveCap.

    What falling behind would cost stands in the cost table (`disclose_cost`) and is worked out there.
    """
    product = house.pack.product_version(product_id=facility.product_id, version=facility.product_version)
    lender = house.pack.lender(lender_id=facility.lender_id)
    rate_year_ppm = stored.terms.rate.yearly_ppm(rounding=Rounding.HALF_UP)  # exact: terms are priced by the year
    made, cost = _reckoned(stored.terms, stored.created_on, lender.name_zh, rate_year_ppm)
    cap = house.pack.rules.value(
        rule_id=ALL_IN_COST_MAX,
        lender_type=lender.licence,
        product_kind=product.kind,
        business_date=stored.created_on,
    )
    if cost.annual.simple_ppm > cap:
        raise CostAboveCap("This offer would cost more than the law allows.", cap_ppm=cap)
    return Offered(
        offer=stored,
        product=product,
        lender_name_zh=lender.name_zh,
        lender_name_en=lender.name_en,
        cost=cost,
        schedule=made,
    )


@lru_cache(maxsize=_RECKONED_MAX)
def _reckoned(terms: LoanTerms, start: date, lender: str, rate_year_ppm: int) -> tuple[schedule.Schedule, AllInCost]:
    """Return schedule and cost of terms, which follow from the arguments alone.

    From the list of offers to the signature the same offer is looked at five times and reckoned once.
    """
    made = schedule.build(terms=terms.schedule_terms(start=start))
    cost = all_in_cost(
        schedule=made,
        lender=lender,
        interest_standard=f"年利率 {format_percent(rate_year_ppm)}，按剩余本金",
        period=terms.period,
    )
    return made, cost
