"""What happens when things are taken back: surpluses, consents, cards, certificates, nights."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from mingqu.demo.journey import be_assessed, introduce, pay_by_hand, take_loan, work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.instrument import CardNotOwn
from mingqu.domain.loan import Intent, NothingToReverse, Stage
from mingqu.domain.moment import start_of
from mingqu.domain.money import Money
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.order import OrderKind, OrderState
from mingqu.services.changes.reverse_repayment import reverse_repayment
from mingqu.services.decisions.assess import AppliedTooSoon
from mingqu.services.funding.fund_lender import fund_lender
from mingqu.services.limits.check_drawing import DrawingFrozen
from mingqu.services.loans.follow_up import awake
from mingqu.services.loans.issue_certificate import NotSettled, issue_certificate
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.people.sign_in import send_code
from mingqu.services.people.verify_identity import verify_identity
from mingqu.services.privacy.give_consent import withdraw_consent
from mingqu.services.repayment.repay import open_page, repay_by_hand
from mingqu.services.run_due_work import run_due_work
from mingqu.store.parties import consent
from mingqu.store.server.idempotency import IdempotencyKeyReused
from tests.journeys.fingerprint import fingerprint
from tests.journeys.reading import arrive, assert_coherent, books_of, borrow, live_until, orders_of
from tests.world import OpenWorld


def too_much_by_hand(world: OpenWorld, known, loan_id, *, returned: bool):
    """Pay 500.00 that nobody asked for; let it go back, or stop just before. Return the payment's id."""
    house = world.house
    page = repay_by_hand(
        house, person_id=known.person_id, loan_id=loan_id, intent=Intent.DUE, amount_fen=50_000, key="too much"
    )
    open_page(house, person_id=known.person_id, order_id=page.order_id)
    world.pay_page(known.newcomer, page.order_id)
    world.go_to(house.clock.now() + timedelta(minutes=1))
    if returned:
        work_until_idle(world)
    else:
        run_due_work(house)
    return page.order_id


def test_a_payment_that_bounces_after_its_surplus_went_back_is_owed_again(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    payment_id = too_much_by_hand(world, known, loan_id, returned=True)
    assert [one.state for one in orders_of(house, loan_id, OrderKind.RETURN)] == [OrderState.PAID]
    reverse_repayment(house, loan_id=loan_id, repayment_id=payment_id, key="bounced")
    books = books_of(house, loan_id)
    assert (books.fee, books.overpaid, books.unbilled) == (50_000, 0, 1_000_000)
    assert_coherent(house)
    assert pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE) == 50_000
    assert books_of(house, loan_id).fee == 0
    assert_coherent(house)


def test_a_return_that_was_not_sent_is_withdrawn_when_its_payment_bounces(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    before_fen = world.balance_fen(XIA)
    payment_id = too_much_by_hand(world, known, loan_id, returned=False)
    assert [one.state for one in orders_of(house, loan_id, OrderKind.RETURN)] == [OrderState.RESERVED]
    reverse_repayment(house, loan_id=loan_id, repayment_id=payment_id, key="bounced")
    work_until_idle(world)
    assert [one.state for one in orders_of(house, loan_id, OrderKind.RETURN)] == [OrderState.FAILED]
    assert world.balance_fen(XIA) == before_fen - 50_000  # our books took the payment back; the bank tells its own part
    assert books_of(house, loan_id).unbilled == 1_000_000
    assert_coherent(house)


def test_only_a_repayment_can_be_reversed(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    signed = borrow(world, known).signed
    too_much_by_hand(world, known, signed.loan_id, returned=True)
    (returned,) = orders_of(house, signed.loan_id, OrderKind.RETURN)
    before = fingerprint(house.database)
    for target in (signed.payout_order_id, returned.order_id, signed.contract_id):
        with pytest.raises(NothingToReverse):
            reverse_repayment(house, loan_id=signed.loan_id, repayment_id=target, key=f"undo {target.hex}")
    assert fingerprint(house.database) == before


def test_a_certificate_says_what_was_kept_and_is_refused_once_the_loan_is_owed_again(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    too_much_by_hand(world, known, loan_id, returned=True)
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.PAYOFF)
    first = issue_certificate(house, person_id=known.person_id, loan_id=loan_id)
    assert first.body["repaid_fen"] == 1_000_000  # the same day: no interest, and the 500.00 went back
    assert issue_certificate(house, person_id=known.person_id, loan_id=loan_id) == first
    payoff = max(orders_of(house, loan_id, OrderKind.COLLECTION), key=lambda one: one.amount_fen)
    reverse_repayment(house, loan_id=loan_id, repayment_id=payoff.order_id, key="bounced")
    with pytest.raises(NotSettled):
        issue_certificate(house, person_id=known.person_id, loan_id=loan_id)
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.PAYOFF)
    second = issue_certificate(house, person_id=known.person_id, loan_id=loan_id)
    assert second.certificate_id != first.certificate_id
    assert_coherent(house)


def test_an_early_repayment_above_the_payoff_settles_and_gives_back_the_rest(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.PREPAY, amount_fen=1_000_001)
    assert loan_state(house, person_id=known.person_id, loan_id=loan_id).stage is Stage.SETTLED
    assert [one.amount_fen for one in orders_of(house, loan_id, OrderKind.RETURN)] == [1]
    assert_coherent(house)


def test_a_page_that_was_left_open_does_not_keep_the_deduction_from_the_due_date(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    live_until(world, date(2026, 9, 14))
    world.go_to(start_of(date(2026, 9, 14)) + timedelta(hours=23, minutes=50))
    page = repay_by_hand(
        house, person_id=known.person_id, loan_id=loan_id, intent=Intent.PREPAY, amount_fen=10_000, key="a page"
    )
    open_page(house, person_id=known.person_id, order_id=page.order_id)
    live_until(world, date(2026, 9, 16))
    state = loan_state(house, person_id=known.person_id, loan_id=loan_id)
    assert (state.instalments[0].paid_on, state.overdue_days(date(2026, 9, 16))) == (date(2026, 9, 15), 0)
    assert_coherent(house)


def test_paying_part_in_the_morning_leaves_only_the_rest_to_the_deduction(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    live_until(world, date(2026, 9, 14))
    world.go_to_date(date(2026, 9, 15))
    live_until_morning(world)
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE, amount_fen=50_000)
    live_until(world, date(2026, 9, 15))
    paid = [one.amount_fen for one in orders_of(house, loan_id, OrderKind.COLLECTION) if one.state is OrderState.PAID]
    assert sorted(paid) == [41_680, 50_000]
    assert orders_of(house, loan_id, OrderKind.RETURN) == []
    assert_coherent(house)


def live_until_morning(world: OpenWorld) -> None:
    """Close the day before and bring the morning up, before nine."""
    from mingqu.services.close.close_day import bring_up_today, close_through

    close_through(world.house, to=date(2026, 9, 14))
    bring_up_today(world.house)


def test_a_withdrawn_consent_ends_deductions_at_once_and_the_bank_hears_of_it(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    with house.database.transaction() as tx:
        (given,) = [
            one
            for one in consent.of_person(tx, person_id=known.person_id)
            if one.purpose is ConsentPurpose.AUTO_REPAYMENT
        ]
    withdraw_consent(house, person_id=known.person_id, consent_id=given.consent_id)
    work_until_idle(world)
    live_until(world, date(2026, 9, 16))
    assert orders_of(house, loan_id, OrderKind.COLLECTION) == []
    assert books_of(house, loan_id).interest == 15_000
    assert_coherent(house)


def test_nobody_new_can_be_drawn_while_something_is_overdue_and_paying_lifts_that(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    world.deposit(XIA, -world.balance_fen(XIA))
    live_until(world, date(2026, 9, 17))
    wish = {"person_id": known.person_id, "amount_fen": 100_000, "instalments": 3, "method": "equal_instalment"}
    with pytest.raises(DrawingFrozen):
        make_offers(house, **wish)
    world.deposit(XIA, 1_000_000)
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE)
    assert make_offers(house, **wish)


def test_a_card_of_somebody_else_is_refused_to_a_person_who_is_verified(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    world.meet(ZHOU, balance_fen=0)
    send_code(house, phone=ZHOU.phone, purpose=CodePurpose.VERIFY_IDENTITY)
    with pytest.raises(CardNotOwn):
        verify_identity(
            house,
            person_id=known.person_id,
            request_id=house.id_for(known.person_id),
            name=ZHOU.name,
            id_number=ZHOU.id_number,
            phone=ZHOU.phone,
            card_number=ZHOU.card_number,
            digits=world.read_code(ZHOU.phone),
        )
    world.go_to(house.clock.now() + timedelta(minutes=2))
    assert introduce(world, ZHOU, balance_fen=0).person_id != known.person_id


def test_whoever_was_told_a_day_is_asked_to_wait_for_it_and_the_bureau_is_not_asked(world: OpenWorld) -> None:
    known = introduce(world, CHUAN, balance_fen=0)
    assert not be_assessed(world, known, amount_fen=800_000).decision.approved
    with pytest.raises(AppliedTooSoon):
        be_assessed(world, known, amount_fen=800_000)
    assert len(world.bureau.queries_of(id_number=CHUAN.id_number)) == 1
    live_until(world, date(2026, 11, 13))
    assert not be_assessed(world, known, amount_fen=800_000).decision.approved
    assert len(world.bureau.queries_of(id_number=CHUAN.id_number)) == 2


def test_a_funding_said_twice_is_booked_once_and_another_amount_is_refused(world: OpenWorld) -> None:
    house = world.house
    lender, reference = house.pack.lenders[0], house.identifiers.fresh(5)
    fund_lender(house, lender_id=lender.id, amount=Money(700), reference=reference)
    before = fingerprint(house.database)
    live = house.clock.now() + timedelta(days=1)
    world.go_to(live)
    fund_lender(house, lender_id=lender.id, amount=Money(700), reference=reference)
    with pytest.raises(IdempotencyKeyReused):
        fund_lender(house, lender_id=lender.id, amount=Money(701), reference=reference)
    assert fingerprint(house.database) == before


@pytest.mark.parametrize(
    ("hour", "minute", "said"), [(7, 59, (0, 9)), (8, 0, (0, 8)), (21, 59, (0, 21)), (22, 0, (1, 9)), (23, 11, (1, 9))]
)
def test_nobody_is_woken_between_ten_at_night_and_eight(hour: int, minute: int, said: tuple[int, int]) -> None:
    day = date(2026, 8, 15)
    moment: datetime = start_of(day) + timedelta(hours=hour, minutes=minute)
    heard = awake(moment)
    assert ((heard - start_of(day)).days, (heard - start_of(day)).seconds // 3600) == said


def test_notices_written_at_night_are_sent_in_the_morning(world: OpenWorld) -> None:
    known = arrive(world)
    world.go_to(start_of(date(2026, 8, 15)) + timedelta(hours=22, minutes=30))
    loan_id = borrow(world, known).signed.loan_id
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.PAYOFF)
    settled = [one for one in world.sms.inbox(phone=XIA.phone) if one.template == "loan.settled"]
    assert settled == []
    world.go_to(start_of(date(2026, 8, 16)) + timedelta(hours=9))
    work_until_idle(world)
    assert [one.template for one in world.sms.inbox(phone=XIA.phone)].count("loan.settled") == 1


def test_two_loans_of_one_person_are_both_deducted_and_the_books_agree(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    borrow(world, known)
    take_loan(world, known, amount_fen=100_000, instalments=3, method="equal_instalment")
    work_until_idle(world)
    live_until(world, date(2026, 9, 16))
    assert_coherent(house)
