"""林*夏 borrows 10,000.00 for a kitchen: each figure of her story, in the loan, in the ledger and in the evidence."""

from __future__ import annotations

from datetime import date

import pytest

from mingqu.demo.journey import Borrowed, pay_by_hand
from mingqu.demo.people import XIA
from mingqu.domain.ledger import AccountCode, Reason
from mingqu.domain.loan import Intent, Stage
from mingqu.domain.order import OrderKind
from mingqu.services.loans.issue_certificate import NotSettled, issue_certificate
from mingqu.services.loans.read_loan import loan_ledger, loan_state, order_states
from mingqu.services.repayment.repay import NothingDue, quote_repayment
from mingqu.store.ledgers import accrual
from tests.journeys.reading import (
    Books,
    Limit,
    arrive,
    assert_coherent,
    books_of,
    borrow,
    cell_of,
    collected_fen,
    facts_of,
    house_fen,
    leaves_of,
    limit_of,
    live_until,
    orders_of,
)
from tests.world import OpenWorld

GRANTED = 3_000_000
INTEREST = [15_000, 13_850, 12_682, 11_497, 10_295, 9_074, 7_835, 6_577, 5_301, 4_005, 2_690, 1_355]
UNBILLED_AFTER_FIVE = 766_492 - 80_183 - 81_385


def limit(*, drawn: int) -> Limit:
    return Limit(granted=GRANTED, available=GRANTED - drawn, drawn=drawn, held=0)


def test_a_year_with_one_late_instalment_is_right_to_the_fen_on_every_page(world: OpenWorld) -> None:
    borrowed = borrow(world, arrive(world))
    the_money_arrives(world, borrowed)
    live_until(world, date(2026, 9, 15))
    the_first_instalment_is_deducted(world, borrowed)
    live_until(world, date(2026, 11, 25))
    a_quarter_is_repaid(world, borrowed)
    live_until(world, date(2027, 1, 14))
    world.deposit(XIA, -world.balance_fen(XIA))
    live_until(world, date(2027, 1, 17))
    the_empty_card_moved_nothing(world, borrowed)
    live_until(world, date(2027, 2, 1))
    she_cures_it(world, borrowed)
    live_until(world, date(2027, 8, 16))
    it_is_settled(world, borrowed)
    it_is_certified(world, borrowed)


def the_money_arrives(world: OpenWorld, borrowed: Borrowed) -> None:
    """2026-08-15: the whole principal arrives, the limit is drawn, the schedule is the one that was shown."""
    house, person_id, loan_id = world.house, borrowed.known.person_id, borrowed.signed.loan_id
    facility_id, lender_id = borrowed.offered.offer.facility_id, borrowed.offered.product.lender_id
    assert order_states(house, order_id=borrowed.signed.payout_order_id) == ["RESERVED", "SENT", "PAID"]
    assert world.bank.moved() == {borrowed.signed.payout_order_id.hex: 1_000_000}
    assert world.balance_fen(XIA) == 7_000_000
    state = loan_state(house, person_id=person_id, loan_id=loan_id)
    assert [line.interest_fen for line in state.instalments] == INTEREST
    assert [line.principal_fen + line.interest_fen for line in state.instalments] == [91_680] * 11 + [91_681]
    assert books_of(house, loan_id) == Books(unbilled=1_000_000)
    assert limit_of(house, person_id) == limit_of(house, facility_id) == limit(drawn=1_000_000)
    cash = house_fen(house, cell=cell_of(house, loan_id), owner=lender_id, code=AccountCode.LENDER_CASH)
    assert cash == 50_000_000 - 1_000_000
    assert facts_of(house, person_id, "disbursement") == [
        {"amount_fen": 1_000_000, "currency": "CNY", "loan_id": loan_id.hex, "value_date": "2026-08-15"}
    ]
    assert_coherent(house)


def the_first_instalment_is_deducted(world: OpenWorld, borrowed: Borrowed) -> None:
    """2026-09-15: 916.80 is deducted: 150.00 interest, 766.80 principal, which is free again."""
    house = world.house
    assert world.balance_fen(XIA) == 7_000_000 - 91_680
    assert collected_fen(house, borrowed) == 91_680
    assert books_of(house, borrowed.signed.loan_id) == Books(unbilled=1_000_000 - 76_680)
    assert limit_of(house, borrowed.known.person_id) == limit(drawn=1_000_000 - 76_680)


def a_quarter_is_repaid(world: OpenWorld, borrowed: Borrowed) -> None:
    """2026-11-25: after three periods 22,335.08 is available; settling would cost 7,703.24 and save 547.97."""
    house, known, loan_id = world.house, borrowed.known, borrowed.signed.loan_id
    assert limit_of(house, known.person_id).available == 2_233_508
    assert limit_of(house, known.person_id) == limit(drawn=766_492)
    assert limit_of(house, borrowed.offered.offer.facility_id) == limit(drawn=766_492)
    owed = quote_repayment(house, person_id=known.person_id, loan_id=loan_id)
    assert (owed.due_fen, owed.early_interest_fen, owed.payoff_fen) == (0, 3_832, 770_324)
    assert sum(INTEREST[3:]) - owed.early_interest_fen == 54_797
    with pytest.raises(NothingDue):
        pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE)
    assert_coherent(house)


def the_empty_card_moved_nothing(world: OpenWorld, borrowed: Borrowed) -> None:
    """2027-01-17: the deductions of the due date and of the day after failed; she was told once."""
    house, loan_id = world.house, borrowed.signed.loan_id
    failed = orders_of(house, loan_id, OrderKind.COLLECTION)[-2:]
    assert [(one.amount_fen, one.state.value, one.refusal_code) for one in failed] == [
        (91_680, "FAILED", "insufficient_funds"),
        (91_680 + 61, "FAILED", "insufficient_funds"),
    ]
    assert books_of(house, loan_id) == Books(unbilled=UNBILLED_AFTER_FIVE, principal=81_385, interest=10_295)
    state = loan_state(house, person_id=borrowed.known.person_id, loan_id=loan_id)
    assert state.overdue_days(date(2027, 1, 17)) == 2
    overdue = [message for message in world.sms.inbox(phone=XIA.phone) if message.template == "loan.overdue"]
    assert len(overdue) == 1
    assert_coherent(house)


def she_cures_it(world: OpenWorld, borrowed: Borrowed) -> None:
    """2027-02-01: seventeen days late; 813.85 + 102.95 + 10.38 = 927.18 cures it."""
    house, known, loan_id = world.house, borrowed.known, borrowed.signed.loan_id
    owed = quote_repayment(house, person_id=known.person_id, loan_id=loan_id)
    assert (owed.due.principal_fen, owed.due.interest_fen, owed.due.penalty_fen) == (81_385, 10_295, 1_038)
    assert owed.due_fen == 92_718
    world.deposit(XIA, 9_000_000)
    assert pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE) == 92_718
    assert books_of(house, loan_id) == Books(unbilled=UNBILLED_AFTER_FIVE)
    state = loan_state(house, person_id=known.person_id, loan_id=loan_id)
    assert state.overdue_days(date(2027, 2, 1)) == 0
    assert (state.instalments[4].penalty_paid_fen, state.instalments[4].paid_on) == (1_038, date(2027, 2, 1))
    assert_coherent(house)
    with pytest.raises(NotSettled):
        issue_certificate(house, person_id=known.person_id, loan_id=loan_id)


def it_is_settled(world: OpenWorld, borrowed: Borrowed) -> None:
    """2027-08-15: the last 916.81 is deducted; 11,011.99 was paid in all, and just its cost was earned."""
    house, person_id, loan_id = world.house, borrowed.known.person_id, borrowed.signed.loan_id
    state = loan_state(house, person_id=person_id, loan_id=loan_id)
    assert (state.stage, state.settled_on) == (Stage.SETTLED, date(2027, 8, 15))
    paid = facts_of(house, person_id, "repayment")
    assert [fact["amount_fen"] for fact in paid] == [91_680] * 4 + [92_718] + [91_680] * 6 + [91_681]
    assert [fact["value_date"] for fact in paid][3:6] == ["2026-12-15", "2027-02-01", "2027-02-15"]
    assert sum(fact["amount_fen"] for fact in paid) == collected_fen(house, borrowed) == 1_101_199
    assert books_of(house, loan_id) == Books()
    assert limit_of(house, person_id) == limit_of(house, borrowed.offered.offer.facility_id) == limit(drawn=0)

    product, cell = borrowed.offered.product, cell_of(house, loan_id)
    earned = {
        code: -house_fen(house, cell=cell, owner=product.lender_id, code=code)
        for code in (AccountCode.INTEREST_INCOME, AccountCode.PENALTY_INCOME, AccountCode.ROUNDING_DIFFERENCE)
    }
    group_id = accrual.group_id(lender_id=product.lender_id, product_id=product.id, currency="CNY")
    carried = [
        house_fen(house, cell=cell, owner=group_id, code=code)
        for code in (AccountCode.ACCRUED_INTEREST, AccountCode.ACCRUED_PENALTY)
    ]
    assert sum(earned.values()) - sum(carried) == 100_161 + 1_038
    assert [abs(fen) <= 1 for fen in (*carried, earned[AccountCode.ROUNDING_DIFFERENCE])] == [True] * 3


def it_is_certified(world: OpenWorld, borrowed: Borrowed) -> None:
    """The certificate says what happened, the late days included; asked again it is the same."""
    house, person_id, loan_id = world.house, borrowed.known.person_id, borrowed.signed.loan_id
    certificate = issue_certificate(house, person_id=person_id, loan_id=loan_id)
    assert issue_certificate(house, person_id=person_id, loan_id=loan_id) == certificate
    assert certificate.body | {"certificate_id": "", "loan_id": "", "contract_id": ""} == {
        "certificate_id": "",
        "loan_id": "",
        "contract_id": "",
        "currency": "CNY",
        "principal_fen": 1_000_000,
        "disbursed_on": "2026-08-15",
        "repaid_fen": 1_101_199,
        "settled_on": "2027-08-15",
        "late_days_max": 17,
    }
    assert [leaf["kind"] for leaf in leaves_of(house, person_id)] == [
        *["consent"] * 3, "decision", "disclosure", *["consent"] * 2, "contract", "disbursement",
        *["repayment"] * 12, "certificate",
    ]  # fmt: skip
    assert facts_of(house, person_id, "certificate") == [
        {"certificate_hash": certificate.body_hash.hex(), "loan_id": loan_id.hex}
    ]
    assert_coherent(house)


def test_a_partial_repayment_pays_interest_to_the_day_first_and_makes_later_instalments_smaller(
    world: OpenWorld,
) -> None:
    house = world.house
    known = arrive(world)
    borrowed = borrow(world, known)
    loan_id = borrowed.signed.loan_id
    live_until(world, date(2026, 11, 25))
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.PREPAY, amount_fen=300_000)

    assert books_of(house, loan_id) == Books(unbilled=470_324)
    today = {
        entry.reason: entry.amount_fen
        for entry in loan_ledger(house, person_id=known.person_id, loan_id=loan_id)
        if entry.value_date == date(2026, 11, 25) and entry.side.value == "credit"
    }
    assert (today[Reason.REPAY_INTEREST], today[Reason.REPAY_PRINCIPAL]) == (3_832, 296_168)
    assert limit_of(house, known.person_id) == limit(drawn=470_324)
    assert facts_of(house, known.person_id, "repayment")[-1]["amount_fen"] == 300_000
    state = loan_state(house, person_id=known.person_id, loan_id=loan_id)
    left = [line for line in state.instalments if not line.billed]
    assert [line.due for line in left] == [date(2026, 12, 15), *(date(2027, month, 15) for month in range(1, 9))]
    assert sum(line.principal_fen for line in left) == 470_324
    assert left[0].interest_fen == 4_703  # 4,703.24 for twenty days at 18 % on 360
    assert all(line.principal_fen + line.interest_fen < 91_680 for line in left)
    assert_coherent(house)

    live_until(world, date(2026, 12, 15))
    first = left[0].principal_fen + left[0].interest_fen
    assert facts_of(house, known.person_id, "repayment")[-1]["amount_fen"] == first
    assert_coherent(house)


def test_an_early_payoff_costs_just_the_quote_and_earns_a_certificate(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    borrowed = borrow(world, known)
    loan_id = borrowed.signed.loan_id
    live_until(world, date(2026, 11, 25))
    quoted = quote_repayment(house, person_id=known.person_id, loan_id=loan_id).payoff_fen
    assert pay_by_hand(world, known, loan_id=loan_id, intent=Intent.PAYOFF) == quoted == 770_324

    assert books_of(house, loan_id) == Books()
    assert limit_of(house, known.person_id) == limit(drawn=0)
    assert collected_fen(house, borrowed) == 3 * 91_680 + 770_324
    assert world.balance_fen(XIA) == 7_000_000 - 3 * 91_680 - 770_324
    body = issue_certificate(house, person_id=known.person_id, loan_id=loan_id).body
    assert (body["repaid_fen"], body["settled_on"], body["late_days_max"]) == (1_045_364, "2026-11-25", 0)
    assert_coherent(house)

    # Nothing is deducted from somebody who owes nothing.
    live_until(world, date(2026, 12, 16))
    assert collected_fen(house, borrowed) == 1_045_364
    with pytest.raises(NothingDue):
        quote_repayment(house, person_id=known.person_id, loan_id=loan_id)
    assert_coherent(house)
