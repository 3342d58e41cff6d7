"""The price of an offer: its terms, its plan and its whole cost, held against the law's cap; the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain import schedule
from mingqu.domain.cost import AllInCost, CostItem, DelayTerms, all_in_cost
from mingqu.domain.gate import PRIME_MULTIPLE_MAX, Breach, Case, RuleBroken, at_offer
from mingqu.domain.loan import LoanTerms
from mingqu.domain.loan.charge import planned_fees
from mingqu.domain.loan.fee import FeeRule, FeeTaker
from mingqu.domain.loan.of_product import terms_of_product
from mingqu.domain.money import Rounding
from mingqu.domain.product import Licence, Product
from mingqu.domain.rate import format_percent
from mingqu.domain.rule import ALL_IN_COST_MAX
from mingqu.services.house import House
from mingqu.services.policies.pass_rule_gates import price_of
from mingqu.store.loans import offer
from mingqu.store.loans.offer import Facility, Offer
from mingqu.store.server.database import Transaction

FEE_CODES: Final = {FeeTaker.GUARANTOR: "guarantee_fee", FeeTaker.INSURER: "insurance_premium"}
_RECKONED_MAX: Final = 1_000  # offers kept reckoned: some kilobytes each


class CostAboveCap(RuleBroken):
    """The all-in cost of the offer is above what the law allows this kind of lender on this date."""

    code: ClassVar[str] = "cost_above_cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One planned payment of an offer: what is due when, and what of it is a partner's."""

    number: int
    due: date
    payment_fen: int
    principal_fen: int
    interest_fen: int
    fee_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """An offer with what it costs and who lends."""

    offer: Offer
    product: Product
    lender_name_zh: str
    lender_name_en: str
    licence: Licence
    cost: AllInCost
    schedule: schedule.Schedule

    @property
    def rate_year_ppm(self) -> int:
        """The interest rate for a year, in parts per million."""
        return self.offer.terms.rate.yearly_ppm(rounding=Rounding.HALF_UP)

    @property
    def fees_fen(self) -> int:
        """What partners take, all instalments together."""
        return self.cost.cost_fen - self.schedule.interest_fen

    @property
    def payments(self) -> tuple[Payment, ...]:
        """Every payment with the fees that fall due with it."""
        return payments_of(self.schedule, self.offer.terms)


def payments_of(made: schedule.Schedule, terms: LoanTerms) -> tuple[Payment, ...]:
    """Return the payments of a schedule, the fees of its terms included."""
    charged = [planned_fees(rule=rule, rows=made.rows, rounding=terms.rounding) for rule in terms.fees]
    fees = [sum(one[index][1] for one in charged) for index in range(len(made.rows))]
    return tuple(
        Payment(
            number=row.number,
            due=row.due,
            payment_fen=row.payment_fen + fee_fen,
            principal_fen=row.principal_fen,
            interest_fen=row.interest_fen,
            fee_fen=fee_fen,
        )
        for row, fee_fen in zip(made.rows, fees, strict=True)
    )


def loan_terms(
    *, product: Product, rate_year_ppm: int, amount_fen: int, instalments: int, method: str, stepped: bool = True
) -> LoanTerms:
    """Return the terms of a loan of a product. Errors: TermsNotOffered and those of the terms."""
    product.check_terms(amount_fen=amount_fen, instalments=instalments, method=method, stepped=stepped)
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


def product_of(house: House, facility: Facility) -> Product:
    """Return the version of the product that a line is of."""
    return house.pack.product_version(product_id=facility.product_id, version=facility.product_version)


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
    stepped: bool = True,
) -> Offered:
    """Store an offer of a person's line at a rate and return it with its cost. The caller commits.

    Errors: TermsNotOffered, CostAboveCap.
    """
    lines = offer.facilities(tx, person_id=person_id, bound_too=True)
    facility = next(one for one in lines if one.facility_id == facility_id)
    product = product_of(house, facility)
    terms = loan_terms(
        product=product,
        rate_year_ppm=rate_year_ppm,
        amount_fen=amount_fen,
        instalments=instalments,
        method=method,
        stepped=stepped,
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
    house: House,
    *,
    facility: Facility,
    rate_year_ppm: int,
    amount_fen: int,
    instalments: int,
    method: str,
    stepped: bool = True,
) -> None:
    """Return when an offer at a rate would cost no more than the law allows today; nothing is stored.

    Errors: TermsNotOffered, CostAboveCap.
    """
    product = product_of(house, facility)
    now = house.clock.now()
    passing = Offer(
        offer_id=facility.facility_id,  # of an offer that is none: only its terms and day are looked at
        person_id=facility.person_id,
        facility_id=facility.facility_id,
        terms=loan_terms(
            product=product,
            rate_year_ppm=rate_year_ppm,
            amount_fen=amount_fen,
            instalments=instalments,
            method=method,
            stepped=stepped,
        ),
        created_on=house.clock.business_date(),
        created_at=now,
        expires_at=now,
    )
    priced(house, stored=passing, facility=facility)


def priced(house: House, *, stored: Offer, facility: Facility) -> Offered:
    """Return an offer with its schedule and cost, computed anew; the same each time. Errors: CostAboveCap, RuleBroken.

    What falling behind would cost stands in the cost table (`disclose_cost`) and is worked out there.
    """
    product = product_of(house, facility)
    lender = house.pack.lender(lender_id=facility.lender_id)
    names = tuple(house.pack.partner(code=rule.partner).name_zh for rule in stored.terms.fees)
    made, cost = _reckoned(stored.terms, stored.created_on, lender.name_zh, names)
    price = price_of(
        terms=stored.terms, schedule=made, start=stored.created_on, all_in_cost_year_ppm=cost.annual.simple_ppm
    )
    case = Case(lender_type=lender.licence, product_kind=product.kind, on=stored.created_on)
    require_allowed(at_offer(case=case, price=price, rules=house.pack.rules))
    return Offered(
        offer=stored,
        product=product,
        lender_name_zh=lender.name_zh,
        lender_name_en=lender.name_en,
        licence=lender.licence,
        cost=cost,
        schedule=made,
    )


def require_allowed(breach: Breach | None) -> None:
    """Return when no rule speaks against an offer or a contract. Errors: CostAboveCap, RuleBroken."""
    if breach is None:
        return
    if breach.rule.id in (ALL_IN_COST_MAX, PRIME_MULTIPLE_MAX):
        said = "This would cost more than the law allows."
        raise CostAboveCap(said, cap_ppm=breach.allowed, **breach.details())
    raise breach.refusal()


@lru_cache(maxsize=_RECKONED_MAX)
def _reckoned(
    terms: LoanTerms, start: date, lender: str, partners: tuple[str, ...]
) -> tuple[schedule.Schedule, AllInCost]:
    """Remember what `reckon` returns.

    From the list of offers to the signature the same offer is looked at five times and reckoned once.
    """
    return reckon(terms=terms, start=start, lender=lender, partners=partners)


def reckon(
    *, terms: LoanTerms, start: date, lender: str, partners: Sequence[str] = ()
) -> tuple[schedule.Schedule, AllInCost]:
    """Return schedule and whole cost of terms, from the arguments alone; `partners` names whose its fees are."""
    rate_year_ppm = terms.rate.yearly_ppm(rounding=Rounding.HALF_UP)  # exact: terms are priced by the year
    made = schedule.build(terms=terms.schedule_terms(start=start))
    cost = all_in_cost(
        schedule=made,
        lender=lender,
        interest_standard=f"年利率 {format_percent(rate_year_ppm)}，按剩余本金",
        fees=[_item(rule, name, made, terms) for rule, name in zip(terms.fees, partners, strict=True)],
        period=terms.period,
    )
    return made, cost


def _item(rule: FeeRule, partner: str, made: schedule.Schedule, terms: LoanTerms) -> CostItem:
    """Return a partner's fee as a line of the cost table. Source: 金规〔2025〕9号 (credit enhancement counts in)."""
    numerator, denominator = terms.period.per_year()
    return CostItem(
        code=FEE_CODES[rule.taker],
        collector=partner,
        standard=f"年费率 {format_percent(rule.share_ppm * numerator // denominator)}，按剩余本金，随期收取",  # whole
        charges=planned_fees(rule=rule, rows=made.rows, rounding=terms.rounding),
    )
