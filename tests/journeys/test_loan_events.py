"""A loan lives through everything that is not paying: fees, favors, agreements, loss; and verify says it is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import READING, Borrowed, Known, pay_by_hand, work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.calendar import MONTHLY
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import (
    ChargedBack,
    ChargedOff,
    Event,
    FeeCharged,
    FeeDue,
    FeeRule,
    FeeWaived,
    Intent,
    LoanState,
    LoanTerms,
    Paused,
    RateChanged,
    ReAged,
    Receipt,
    Repaid,
    Reversed,
    Stage,
    WrittenOff,
)
from mingqu.domain.loan.lend import DisbursementNotAllowed
from mingqu.domain.loan.terms import ALLOCATION_IN_ADVANCE, Recalculation, Surplus
from mingqu.domain.order import OrderKind, OrderState
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.change_loan import DatedAhead, OrderNeeded, change_loan
from mingqu.services.changes.draw_more import PayoutWaiting, draw_more
from mingqu.services.changes.reverse_repayment import reverse_repayment
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import sign_contract
from mingqu.services.loans.issue_certificate import issue_certificate
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.privacy.give_consent import give_consent
from mingqu.store.loans import loan
from tests.journeys.fingerprint import fingerprint
from tests.journeys.reading import (
    arrive,
    assert_coherent,
    books_of,
    borrow,
    facts_of,
    house_fen,
    limit_of,
    live_until,
    orders_of,
)
from tests.world import OpenWorld

FEE = FeeRule(due=FeeDue.DATE, amount_fen=3_000)


class Change:
    """Changes one loan by the service, each under a key of its own, and asks verify each time."""

    def __init__(self, world: OpenWorld, known: Known, loan_id: UUID) -> None:
        self.world, self.known, self.loan_id = world, known, loan_id

    def __call__(self, kind: type[Event], *, on: date | None = None, **said: Any) -> UUID:
        house = self.world.house
        self.world.go_to(house.clock.now() + timedelta(minutes=1))  # ids of one moment have no order among them
        event_id = house.id_for(self.known.person_id)
        event = kind(event_id=event_id, value_date=on or house.clock.business_date(), **said)
        assert change_loan(house, loan_id=self.loan_id, event=event, key=event_id.hex) == event_id
        assert change_loan(house, loan_id=self.loan_id, event=event, key=event_id.hex) == event_id
        assert_coherent(house)
        return event_id

    @property
    def history(self) -> tuple[Event, ...]:
        house = self.world.house
        with house.database.transaction() as tx:
            return loan.events(tx, loan=loan.get_for(tx, person_id=self.known.person_id, loan_id=self.loan_id))

    @property
    def state(self) -> LoanState:
        return loan_state(self.world.house, person_id=self.known.person_id, loan_id=self.loan_id)


def lender_fen(world: OpenWorld, borrowed: Borrowed, code: AccountCode) -> int:
    """What a lender's account has in the loan's cell, in fen on its normal side."""
    with world.house.database.transaction() as tx:
        cell = tx.cell_of(borrowed.signed.loan_id)
    return house_fen(world.house, cell=cell, owner=borrowed.offered.product.lender_id, code=code)


def in_arrears(world: OpenWorld, until: date) -> tuple[Known, Borrowed, Change]:
    """A loan whose borrower has nothing on the card, some days later."""
    known = arrive(world)
    borrowed = borrow(world, known)
    world.deposit(XIA, -world.balance_fen(XIA))
    live_until(world, until)
    return known, borrowed, Change(world, known, borrowed.signed.loan_id)


def test_a_loan_goes_from_fee_to_favor_to_loss_to_recovery_and_the_book_is_true_after_each(world: OpenWorld) -> None:
    known, borrowed, change = in_arrears(world, date(2026, 9, 20))
    loan_id = borrowed.signed.loan_id
    fee = change(FeeCharged, rule=FEE, due=date(2026, 9, 20))
    other = change(FeeCharged, rule=replace(FEE, amount_fen=1_200), due=date(2026, 10, 1))
    live_until(world, date(2026, 10, 16))
    assert books_of(world.house, loan_id).fee == 4_200
    change(FeeWaived, target=other)
    assert (books_of(world.house, loan_id).fee, lender_fen(world, borrowed, AccountCode.FEE_INCOME)) == (3_000, -3_000)
    owed_before = change.state.payable.total_fen
    change(Repaid, amount_fen=2_500, receipt=Receipt.GOODWILL)
    assert lender_fen(world, borrowed, AccountCode.CONCESSION) == 2_500
    assert change.state.payable.total_fen < owed_before
    undone = change(ChargedOff)
    change(Reversed, target=undone)
    assert change.state.stage is Stage.ACTIVE
    live_until(world, date(2026, 10, 17))
    change(ChargedOff)
    assert change.state.stage is Stage.CHARGED_OFF
    still_owed = books_of(world.house, loan_id)
    live_until(world, date(2026, 10, 18))
    assert books_of(world.house, loan_id).interest == still_owed.interest, "nothing bears interest any more"
    world.deposit(XIA, 50_000)
    assert pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE, amount_fen=50_000) == 50_000
    (recovered,) = [one for one in orders_of(world.house, loan_id, OrderKind.COLLECTION) if one.amount_fen == 50_000]
    assert recovered.state is OrderState.PAID
    assert change.history[-1] == Repaid(
        event_id=recovered.order_id, value_date=date(2026, 10, 18), amount_fen=50_000, receipt=Receipt.RECOVERY
    )
    assert change.state.stage is Stage.CHARGED_OFF
    assert_coherent(world.house)
    drawn_fen = limit_of(world.house, known.person_id).drawn
    change(WrittenOff)
    lost_fen = lender_fen(world, borrowed, AccountCode.CREDIT_LOSS)
    assert change.state.stage is Stage.WRITTEN_OFF
    assert lost_fen > 0
    assert limit_of(world.house, known.person_id).drawn == drawn_fen, "what was lost is not lent again"
    assert books_of(world.house, loan_id) == replace(still_owed, unbilled=0, principal=0, interest=0, penalty=0, fee=0)
    told = [fact["event"] for fact in facts_of(world.house, known.person_id, "amendment")]
    assert told == [
        "fee_charged",
        "fee_charged",
        "fee_waived",
        "repaid",
        *("charged_off", "reversed", "charged_off"),
        "written_off",
    ]
    live_until(world, date(2026, 11, 16))
    assert_coherent(world.house)
    assert fee != other


def terms_on_course(terms: LoanTerms) -> LoanTerms:
    """The product's terms, but interest follows the debt day by day and the money goes out in up to three parts."""
    return replace(
        terms,
        recalculation=Recalculation.DAILY,
        disbursements_max=3,
        surplus=Surplus.NEXT_INSTALMENT,
        allocation=ALLOCATION_IN_ADVANCE,
    )


def borrow_on_course(
    world: OpenWorld, known: Known, *, payout_fen: int, told: Callable[[LoanTerms], LoanTerms] = terms_on_course
) -> UUID:
    """Sign an offer whose terms were written anew before anybody read them: no product file can say them yet."""
    house, person_id = world.house, known.person_id
    offered = make_offers(house, person_id=person_id, amount_fen=1_000_000, instalments=12, method="equal_instalment")[
        0
    ]
    with house.database.transaction() as tx:
        tx.execute(
            "UPDATE offer SET terms = %s::jsonb WHERE offer_id = %s",
            (msgspec.json.encode(told(offered.offer.terms)).decode(), offered.offer.offer_id),
        )
        tx.commit()
    table = show_cost_table(house, person_id=person_id, offer_id=offered.offer.offer_id)
    world.go_to(house.clock.now() + READING)
    confirm_cost_table(house, person_id=person_id, disclosure_id=table.disclosure_id)
    give_consent(
        house,
        person_id=person_id,
        purpose=ConsentPurpose.PASS_TO_LENDER,
        recipient=offered.lender_name_zh,
        key="a consent",
    )
    send_signing_code(house, person_id=person_id, offer_id=offered.offer.offer_id)
    signed = sign_contract(
        house,
        person_id=person_id,
        offer_id=offered.offer.offer_id,
        instrument_id=known.instrument_id,
        payout_at=house.clock.now(),
        payout_fen=payout_fen,
        code=world.read_code(known.newcomer.phone),
        key="a contract",
    )
    work_until_idle(world)
    assert_coherent(house)
    return signed.loan_id


def draw(world: OpenWorld, known: Known, loan_id: UUID, amount_fen: int, *, key: str) -> UUID:
    """Draw more, wait for the money, and ask verify."""
    order_id = draw_more(
        world.house,
        person_id=known.person_id,
        loan_id=loan_id,
        instrument_id=known.instrument_id,
        amount_fen=amount_fen,
        key=key,
    )
    work_until_idle(world)
    assert_coherent(world.house)
    return order_id


def pay(world: OpenWorld, known: Known, loan_id: UUID, amount_fen: int) -> UUID:
    """Pay an amount by hand and ask verify; return the payment's id."""
    before = {one.order_id for one in orders_of(world.house, loan_id, OrderKind.COLLECTION)}
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE, amount_fen=amount_fen)
    assert_coherent(world.house)
    (new,) = {one.order_id for one in orders_of(world.house, loan_id, OrderKind.COLLECTION)} - before
    return new


def test_a_loan_whose_interest_follows_the_debt_is_drawn_in_parts_repriced_paused_and_spread_anew(
    world: OpenWorld,
) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow_on_course(world, known, payout_fen=500_000)
    change = Change(world, known, loan_id)
    live_until(world, date(2026, 9, 10))
    draw(world, known, loan_id, 200_000, key="a second part")
    assert (change.state.disbursed_fen, limit_of(house, known.person_id).drawn) == (700_000, 700_000)
    live_until(world, date(2026, 9, 16))
    first = pay(world, known, loan_id, 75_000)
    draw(world, known, loan_id, 100_000, key="a third part")
    live_until(world, date(2026, 10, 20))
    change(RateChanged, on=date(2026, 10, 20), since=date(2026, 11, 1), rate=Rate.per_year(ppm=150_000))
    pay(world, known, loan_id, 80_000)
    change(Paused, on=date(2026, 10, 1), since=date(2026, 10, 3), until=date(2026, 10, 13))
    live_until(world, date(2026, 11, 20))
    second = pay(world, known, loan_id, 90_000)
    reverse_repayment(house, loan_id=loan_id, repayment_id=first, key="the first bounced")
    assert_coherent(house)
    change(ChargedBack, amount_fen=30_000, target=second)
    change(RateChanged, on=date(2026, 10, 25), since=date(2026, 10, 25), rate=Rate.per_year(ppm=120_000))
    live_until(world, date(2026, 12, 20))
    change(ReAged, first_due=date(2027, 1, 20), period=MONTHLY, instalments=6)
    assert books_of(house, loan_id).interest == 0
    assert_coherent(house)
    live_until(world, date(2027, 2, 1))
    assert_coherent(house)
    world.deposit(XIA, 2_000_000)
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.PAYOFF)
    assert_coherent(house)
    assert change.state.stage is Stage.SETTLED
    body = issue_certificate(house, person_id=known.person_id, loan_id=loan_id).body
    assert body["principal_fen"] == 800_000
    assert_coherent(house)


def test_nothing_is_recorded_by_hand_that_an_order_must_tell_or_that_is_not_here_yet(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    today = house.clock.business_date()
    before = fingerprint(house.database)

    def refused(event: Event) -> Refusal:
        with pytest.raises(Refusal) as caught:
            change_loan(house, loan_id=loan_id, event=event, key=event.event_id.hex)
        return caught.value

    def event_id() -> UUID:
        return house.id_for(known.person_id)

    for receipt in (Receipt.REPAYMENT, Receipt.COMPENSATION, Receipt.MERCHANT_REFUND):
        paid = Repaid(event_id=event_id(), value_date=today, amount_fen=100, receipt=receipt)
        assert isinstance(refused(paid), OrderNeeded)
    (payout,) = orders_of(house, loan_id, OrderKind.PAYOUT)
    undone = Reversed(event_id=event_id(), value_date=today, target=payout.order_id)
    assert isinstance(refused(undone), OrderNeeded)
    later = ChargedOff(event_id=event_id(), value_date=today + timedelta(days=1))
    assert isinstance(refused(later), DatedAhead)
    waived = FeeWaived(event_id=event_id(), value_date=today, target=event_id())
    assert refused(waived).code == "nothing_to_waive"
    before_it_began = FeeCharged(event_id=event_id(), value_date=today - timedelta(days=1), rule=FEE, due=today)
    assert refused(before_it_began).code == "loan_not_active"
    assert fingerprint(house.database) == before


def test_a_contract_is_drawn_as_it_says_and_one_part_at_a_time(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    plain = borrow(world, known, amount_fen=100_000).signed.loan_id
    with pytest.raises(DisbursementNotAllowed):
        draw(world, known, plain, 1_000, key="a plain loan is paid out once")
    loan_id = borrow_on_course(world, known, payout_fen=500_000)
    with pytest.raises(DisbursementNotAllowed):
        draw(world, known, loan_id, 500_001, key="more than was agreed")
    waiting = draw_more(
        house,
        person_id=known.person_id,
        loan_id=loan_id,
        instrument_id=known.instrument_id,
        amount_fen=100_000,
        key="a part",
    )
    with pytest.raises(PayoutWaiting):
        draw(world, known, loan_id, 100_000, key="another at once")
    work_until_idle(world)
    # Both lie in one millisecond, so their ids do not say which came first.
    paid = {one.order_id: one.amount_fen for one in orders_of(house, loan_id, OrderKind.PAYOUT)}
    assert (len(paid), paid[waiting]) == (2, 100_000)
    assert_coherent(house)


def test_a_further_part_that_the_bank_refuses_leaves_the_loan_as_it_was(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    loan_id = borrow_on_course(world, known, payout_fen=500_000)
    before, limit = books_of(house, loan_id), limit_of(house, known.person_id)
    world.bank.faults.plan("payout.send", Fault.REFUSE)
    order_id = draw(world, known, loan_id, 100_000, key="refused")
    (failed,) = [one for one in orders_of(house, loan_id, OrderKind.PAYOUT) if one.order_id == order_id]
    assert failed.state is OrderState.FAILED
    assert (books_of(house, loan_id), limit_of(house, known.person_id)) == (before, limit)
    assert_coherent(house)
