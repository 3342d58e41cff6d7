"""The gates of the rule pack: one check for each moment at which the law speaks, over the dated rows that hold then.

Offer, contract, disbursement, collection, report: each function asks every row of its moment that holds for the
lender's licence, the product's kind and the day, and answers with the first one that speaks against the case, or None.
Numbers and documents are rows of `rules/cn`; where no row stands, nothing is forbidden, but for the cap on the whole
cost, without which nothing is offered. Pure: dates and figures are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final

from mingqu.domain import contact as contacts
from mingqu.domain.contact import Contact, Denied, Dialed, may_contact
from mingqu.domain.refusal import Refusal
from mingqu.domain.rule import ALL_IN_COST_MAX, Rule, RuleBook

PENALTY_MAX: Final = "penalty_multiple_ppm_max"
TERM_MAX: Final = "term_months_max"
BULLET_MAX: Final = "bullet_line_months_max"
EXPOSURE_MAX: Final = "exposure_person_fen_max"
COST_TABLE_MIN: Final = "cost_table_confirmed_min"
WHOLE_PRINCIPAL_MIN: Final = "principal_paid_out_ppm_min"
SELF_PAYMENT_MAX: Final = "self_payment_fen_max"
NOTICE_MIN: Final = "bad_information_notice_min"
DISPUTE_MARK_MIN: Final = "credit_dispute_mark_min"
BAD_YEARS_MAX: Final = "bad_information_retention_years_max"
PRIME_RATE: Final = "loan_prime_rate_one_year_ppm"
PRIME_MULTIPLE_MAX: Final = "all_in_cost_prime_rate_multiple_max"
_PPM: Final = 1_000_000
_ONE_BILL: Final = ("bullet", "interest_only")  # the whole principal falls due on one day


class RuleBroken(Refusal):
    """A dated row of the law or of supervision forbids this; `rule_id` and `document` say which one."""

    code: ClassVar[str] = "rule_broken"


class Moment(StrEnum):
    """When rules are asked."""

    OFFER = "offer"
    CONTRACT = "contract"
    DISBURSE = "disburse"
    COLLECT = "collect"
    REPORT = "report"


# Which rows each moment asks. What is agreed is asked again when it is signed: the law may have moved in between.
_OF_PRICE: Final = (ALL_IN_COST_MAX, PRIME_MULTIPLE_MAX, PRIME_RATE, PENALTY_MAX, TERM_MAX, BULLET_MAX)
ASKED_AT: Final = MappingProxyType(
    {
        Moment.OFFER: _OF_PRICE,
        Moment.CONTRACT: (*_OF_PRICE, COST_TABLE_MIN, EXPOSURE_MAX),
        Moment.DISBURSE: (WHOLE_PRINCIPAL_MIN, SELF_PAYMENT_MAX),
        Moment.COLLECT: (
            contacts.HOURS_FROM,
            contacts.HOURS_TO,
            contacts.OTHERS_MAX,
            contacts.CALLS_MAX,
            contacts.DIALS_MAX,
        ),
        Moment.REPORT: (NOTICE_MIN, DISPUTE_MARK_MIN, BAD_YEARS_MAX),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """For whom the rows are asked: licence of the lender, kind of the product, business date."""

    lender_type: str
    product_kind: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What is offered: the whole yearly cost, what being late multiplies the rate by, and how long it lasts.

    `method` is that of the product; `months` counts a month that has begun as one.
    """

    all_in_cost_year_ppm: int
    penalty_multiple_ppm: int
    months: int
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """The row that speaks against a case, what it allows at most or asks at least, and what was found."""

    moment: Moment
    rule: Rule
    allowed: int
    found: int

    def refusal(self) -> RuleBroken:
        """Return (not raise) the refusal that names the row and its document."""
        return RuleBroken(
            f"At {self.moment.value} the rule {self.rule.id} ({self.rule.document}) stands against this.",
            **self.details(),
        )

    def details(self) -> dict[str, int | str | bool | None]:
        """Return what a refusal for this row says of it."""
        return {
            "rule_id": self.rule.id,
            "document": self.rule.document,
            "moment": self.moment.value,
            "allowed": self.allowed,
            "found": self.found,
            "unit": self.rule.unit,
        }


def require(breach: Breach | None) -> None:
    """Return when nothing speaks against a case. Errors: RuleBroken."""
    if breach is not None:
        raise breach.refusal()


def cap_year_ppm(*, case: Case, rules: RuleBook) -> tuple[int, Rule]:
    """Return the cap on the whole yearly cost in ppm, and the row it is of: the fixed one, or a multiple of the LPR.

    The lower of the two counts. Source: 金规〔2025〕9号 (24 %), 小额贷款公司综合融资成本管理工作指引 (four times the
    one-year LPR from the end of 2027). Example: with the LPR at 28,000 ppm a microlender may ask 112,000 on
    2027-12-31, and 240,000 the day before. Errors: RuleMissing, also where a multiple holds and no LPR is known.
    """
    fixed = _find(ALL_IN_COST_MAX, case, rules)
    multiple = _stands(PRIME_MULTIPLE_MAX, case, rules)
    if multiple is None:
        return fixed.value, fixed
    by_prime_ppm = multiple.value * _find(PRIME_RATE, case, rules).value
    return (by_prime_ppm, multiple) if by_prime_ppm < fixed.value else (fixed.value, fixed)


def at_offer(*, case: Case, price: Price, rules: RuleBook) -> Breach | None:
    """Return what speaks against an offer: its cost, its penalty, or its length. Errors: RuleMissing."""
    return _of_price(Moment.OFFER, case, price, rules)


def at_contract(
    *, case: Case, price: Price, cost_tables_confirmed: int, owed_fen: int, principal_fen: int, rules: RuleBook
) -> Breach | None:
    """Return what speaks against signing: all of an offer on the day of the signature, the cost table, the exposure.

    `owed_fen` is what the person owes this lender already, what is on its way included. Errors: RuleMissing.
    """
    return (
        _of_price(Moment.CONTRACT, case, price, rules)
        or _below(Moment.CONTRACT, COST_TABLE_MIN, cost_tables_confirmed, case, rules)
        or _above(Moment.CONTRACT, EXPOSURE_MAX, owed_fen + principal_fen, case, rules)
    )


def at_disburse(
    *, case: Case, principal_fen: int, to_borrower_fen: int, to_payee_fen: int, rules: RuleBook
) -> Breach | None:
    """Return what speaks against a payout: that something was kept back (砍头息), or too much goes to the borrower.

    `principal_fen` is what the borrower will owe for it. Beyond the limit of self-payment the money goes to a payee
    that the contract names (受托支付). Example: 990 fen paid of 1,000 is 990,000 ppm of the principal: refused.
    """
    assert principal_fen > 0
    paid_ppm = (to_borrower_fen + to_payee_fen) * _PPM // principal_fen  # down: a fen that lacks is seen
    return _below(Moment.DISBURSE, WHOLE_PRINCIPAL_MIN, paid_ppm, case, rules) or _above(
        Moment.DISBURSE, SELF_PAYMENT_MAX, to_borrower_fen, case, rules
    )


def at_collect(
    *, now: datetime, contact: Contact, history: Sequence[Dialed], rules: RuleBook
) -> tuple[Breach, Denied] | None:
    """Return what speaks against a contact about a debt, with the reason and the first moment that allows it.

    The rows are those of `domain.contact`. Errors: RuleMissing.
    """
    answer = may_contact(now=now, contact=contact, history=history, rules=rules)
    if not isinstance(answer, Denied):
        return None
    made = sum(one.effective for one in history) if answer.rule.id == contacts.CALLS_MAX else len(history)
    return Breach(moment=Moment.COLLECT, rule=answer.rule, allowed=answer.rule.value, found=made), answer


def at_report(
    *,
    case: Case,
    notices_before: int,
    disputes_open: int,
    disputes_marked: int,
    ended_on: date | None,
    rules: RuleBook,
) -> Breach | None:
    """Return what speaks against reporting somebody's overdue amount to a credit register.

    Sources: 征信业管理条例 art. 15 (the person is told before), art. 25 (an open dispute is marked), art. 16 (no bad
    information later than five years after it ended). Example: with no notice sent, `bad_information_notice_min`.
    """
    told = _below(Moment.REPORT, NOTICE_MIN, notices_before, case, rules)
    if told is not None:
        return told
    if disputes_marked < disputes_open:
        mark = _stands(DISPUTE_MARK_MIN, case, rules)
        if mark is not None and mark.value:
            return Breach(moment=Moment.REPORT, rule=mark, allowed=disputes_open, found=disputes_marked)
    if ended_on is None:
        return None
    years = case.on.year - ended_on.year - ((case.on.month, case.on.day) < (ended_on.month, ended_on.day))
    old = _stands(BAD_YEARS_MAX, case, rules)
    if old is None or years < old.value:
        return None
    return Breach(moment=Moment.REPORT, rule=old, allowed=old.value, found=years)


def months_between(*, start: date, end: date) -> int:
    """Return the months from start to end, one that has begun counted whole. Example: 15 Jan to 16 Feb is 2."""
    assert start <= end
    return (end.year - start.year) * 12 + end.month - start.month + (end.day > start.day)


def _of_price(moment: Moment, case: Case, price: Price, rules: RuleBook) -> Breach | None:
    cap_ppm, row = cap_year_ppm(case=case, rules=rules)
    if price.all_in_cost_year_ppm > cap_ppm:
        return Breach(moment=moment, rule=row, allowed=cap_ppm, found=price.all_in_cost_year_ppm)
    found = _above(moment, PENALTY_MAX, price.penalty_multiple_ppm, case, rules)
    found = found or _above(moment, TERM_MAX, price.months, case, rules)
    if found is None and price.method in _ONE_BILL:
        return _above(moment, BULLET_MAX, price.months, case, rules)
    return found


def _above(moment: Moment, rule_id: str, found: int, case: Case, rules: RuleBook) -> Breach | None:
    row = _stands(rule_id, case, rules)
    return None if row is None or found <= row.value else _breach(moment, row, found)


def _below(moment: Moment, rule_id: str, found: int, case: Case, rules: RuleBook) -> Breach | None:
    row = _stands(rule_id, case, rules)
    return None if row is None or found >= row.value else _breach(moment, row, found)


def _breach(moment: Moment, row: Rule, found: int) -> Breach:
    return Breach(moment=moment, rule=row, allowed=row.value, found=found)


def _find(rule_id: str, case: Case, rules: RuleBook) -> Rule:
    return rules.find(
        rule_id=rule_id, lender_type=case.lender_type, product_kind=case.product_kind, business_date=case.on
    )


def _stands(rule_id: str, case: Case, rules: RuleBook) -> Rule | None:
    return rules.stands(
        rule_id=rule_id, lender_type=case.lender_type, product_kind=case.product_kind, business_date=case.on
    )
