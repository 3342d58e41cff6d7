"""The gates: each moment asks its rows, at the edge of each, and says which row and document spoke against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from mingqu.domain.contact import Contact, Denial, Dialed, Medium
from mingqu.domain.gate import (
    ASKED_AT,
    Breach,
    Case,
    Moment,
    Price,
    RuleBroken,
    at_collect,
    at_contract,
    at_disburse,
    at_offer,
    at_report,
    cap_year_ppm,
    months_between,
    require,
)
from mingqu.domain.rule import READ_IN, RuleBook
from mingqu.store.decisions.policy import load_pack

RULES = load_pack().rules
BANK = Case(lender_type="bank", product_kind="instalment", on=date(2026, 11, 21))
MICRO = replace(BANK, lender_type="microlender")
FAIR = Price(all_in_cost_year_ppm=240_000, penalty_multiple_ppm=1_500_000, months=12, method="bullet")


def said(breach: Breach | None) -> tuple[str, int, int] | None:
    return None if breach is None else (breach.rule.id, breach.allowed, breach.found)


def test_an_offer_passes_at_each_edge_and_not_beyond() -> None:
    def ask(case: Case = BANK, **changes: object) -> tuple[str, int, int] | None:
        return said(at_offer(case=case, price=replace(FAIR, **changes), rules=RULES))  # type: ignore[arg-type]

    assert ask() is None
    assert ask(all_in_cost_year_ppm=240_001) == ("all_in_cost_year_ppm_max", 240_000, 240_001)
    assert ask(penalty_multiple_ppm=1_500_001) == ("penalty_multiple_ppm_max", 1_500_000, 1_500_001)
    assert ask(months=13) == ("bullet_line_months_max", 12, 13)
    assert ask(months=84, method="equal_instalment") is None
    assert ask(months=85, method="equal_instalment") == ("term_months_max", 84, 85)
    before = replace(BANK, on=date(2025, 3, 13))
    with pytest.raises(RuleBroken) as refusal:  # a cap of before 2025-10-01 is not known: no offer then
        require(Breach(moment=Moment.OFFER, rule=RULES.on(business_date=BANK.on)[0], allowed=1, found=2))
    assert refusal.value.details["document"]
    with pytest.raises(Exception, match="No rule all_in_cost"):
        ask(before)


def test_the_microlenders_cap_follows_the_prime_rate_down_and_never_up() -> None:
    def cap(on: date, prime_ppm: int) -> tuple[int, str]:
        rows = [
            replace(row, value=prime_ppm) if row.id == "loan_prime_rate_one_year_ppm" else row for row in RULES.rules
        ]
        found, row = cap_year_ppm(case=replace(MICRO, on=on), rules=RuleBook(rules=tuple(rows)))
        return found, row.id

    assert cap(date(2027, 12, 30), 28_000) == (240_000, "all_in_cost_year_ppm_max")
    assert cap(date(2027, 12, 31), 28_000) == (112_000, "all_in_cost_prime_rate_multiple_max")
    assert cap(date(2027, 12, 31), 35_000) == (120_000, "all_in_cost_year_ppm_max")


def test_a_contract_asks_the_cost_table_and_what_is_owed_already() -> None:
    def ask(tables: int, owed_fen: int, principal_fen: int) -> tuple[str, int, int] | None:
        found = at_contract(
            case=BANK,
            price=FAIR,
            cost_tables_confirmed=tables,
            owed_fen=owed_fen,
            principal_fen=principal_fen,
            rules=RULES,
        )
        return said(found)

    assert ask(1, 29_000_000, 1_000_000) is None
    assert ask(0, 0, 1_000_000) == ("cost_table_confirmed_min", 1, 0)
    assert ask(1, 29_000_001, 1_000_000) == ("exposure_person_fen_max", 30_000_000, 30_000_001)


def test_a_payout_is_whole_and_beyond_half_a_million_goes_to_a_payee() -> None:
    def ask(principal_fen: int, own_fen: int, payee_fen: int) -> tuple[str, int, int] | None:
        found = at_disburse(
            case=BANK, principal_fen=principal_fen, to_borrower_fen=own_fen, to_payee_fen=payee_fen, rules=RULES
        )
        return said(found)

    assert ask(1_000_000, 1_000_000, 0) is None
    assert ask(10_000_001, 10_000_000, 0) == ("principal_paid_out_ppm_min", 1_000_000, 999_999)  # one fen kept back
    assert ask(50_000_000, 50_000_000, 0) is None
    assert ask(50_000_001, 50_000_001, 0) == ("self_payment_fen_max", 50_000_000, 50_000_001)
    assert ask(50_000_001, 0, 50_000_001) is None


def test_a_fourth_conversation_of_a_day_is_denied_with_its_document() -> None:
    now = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
    contact = Contact(
        medium=Medium.CALL,
        number=b"a",
        to_debtor=True,
        night_agreed=False,
        lender_type="bank",
        product_kind="instalment",
    )
    talked = [Dialed(at=now - timedelta(minutes=5), number=b"a", effective=True)] * 3
    assert at_collect(now=now, contact=contact, history=talked[:2], rules=RULES) is None
    found = at_collect(now=now, contact=contact, history=talked, rules=RULES)
    assert found is not None
    breach, denied = found
    assert (breach.rule.document, breach.allowed, breach.found) == ("GB/T 45251-2025", 3, 3)
    assert denied.reason is Denial.CALLS_OF_THE_DAY


def test_a_report_comes_after_a_notice_marks_a_dispute_and_forgets_after_five_years() -> None:
    def ask(
        notices: int = 1, open_: int = 0, marked: int = 0, ended_on: date | None = None
    ) -> tuple[str, int, int] | None:
        found = at_report(
            case=BANK,
            notices_before=notices,
            disputes_open=open_,
            disputes_marked=marked,
            ended_on=ended_on,
            rules=RULES,
        )
        return said(found)

    assert ask() is None
    assert ask(notices=0) == ("bad_information_notice_min", 1, 0)
    assert ask(open_=1) == ("credit_dispute_mark_min", 1, 0)
    assert ask(open_=1, marked=1) is None
    assert ask(ended_on=date(2021, 11, 22)) is None
    assert ask(ended_on=date(2021, 11, 21)) == ("bad_information_retention_years_max", 5, 5)


def test_months_that_have_begun_count() -> None:
    day = date(2026, 1, 31)
    ends = [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 1)]
    assert [months_between(start=day, end=end) for end in ends] == [0, 1, 2, 3]


def test_every_rule_that_a_gate_asks_has_its_unit_and_a_row() -> None:
    asked = {rule_id for ids in ASKED_AT.values() for rule_id in ids}
    assert asked <= set(READ_IN), "a number that a gate asks is read in a unit"
    assert set(READ_IN) <= {row.id for row in RULES.rules}
