"""Several at once, with real threads on the real database: whoever wins, the book is true and nobody pays twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import Borrowed, Known, be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.demo.world import Newcomer
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import Intent
from mingqu.domain.moment import start_of
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.order import OrderKind
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import Signed, sign_contract
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.offers.price_offer import Offered
from mingqu.services.orders.run_errand import run_errand
from mingqu.services.people.sign_in import send_code, sign_in
from mingqu.services.people.verify_identity import verify_identity
from mingqu.services.privacy.give_consent import give_consent
from mingqu.services.repayment.repay import PaymentPage, open_page, repay_by_hand
from mingqu.services.run_due_work import run_due_work
from mingqu.store.orders import order
from tests.journeys.reading import (
    Books,
    arrive,
    assert_coherent,
    books_of,
    borrow,
    collected_fen,
    facts_of,
    limit_of,
    live_until,
    orders_of,
)
from tests.world import OpenWorld

SECONDS_MAX = 60  # of a thread; what it does takes a fraction of one
INSTALMENT_FEN = 91_680


def at_once(calls: Sequence[Callable[[], object]]) -> list[object]:
    """Let calls begin at the same moment, each in a thread; return what each answered, or the refusal it met."""
    gate = threading.Barrier(len(calls))
    answers: list[object] = [None] * len(calls)

    def run(place: int, call: Callable[[], object]) -> None:
        gate.wait(SECONDS_MAX)
        try:
            answers[place] = call()
        except Refusal as refusal:
            answers[place] = refusal
        except BaseException as bug:  # noqa: BLE001 - a thread's failure is shown by the test, not by the thread
            answers[place] = bug

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS_MAX)
        assert not thread.is_alive(), "a thread hangs"
    bugs = [answer for answer in answers if isinstance(answer, BaseException) and not isinstance(answer, Refusal)]
    if bugs:
        raise bugs[0]
    return answers


def codes_of(answers: Sequence[object]) -> list[str]:
    """Return the codes of the refusals among answers."""
    return sorted(answer.code for answer in answers if isinstance(answer, Refusal))


def paid_page(world: OpenWorld, borrowed: Borrowed, *, key: str) -> UUID:
    """Return an order that was paid on its page at the bank, of which we have not heard."""
    house, known = world.house, borrowed.known
    page = repay_by_hand(
        house,
        person_id=known.person_id,
        loan_id=borrowed.signed.loan_id,
        intent=Intent.DUE,
        amount_fen=INSTALMENT_FEN,
        key=key,
    )
    open_page(house, person_id=known.person_id, order_id=page.order_id)
    world.pay_page(known.newcomer, page.order_id)
    return page.order_id


def on_due_date(world: OpenWorld, due: date) -> None:
    """Let days pass to the due date and bill it, some minutes past midnight; nothing is deducted yet."""
    live_until(world, due - timedelta(days=1))
    world.go_to_date(due)
    close_through(world.house, to=due - timedelta(days=1))
    bring_up_today(world.house)


@pytest.mark.parametrize("by_hand", [1, 2])
def test_two_payments_of_one_instalment_at_the_same_moment_pay_it_once_and_the_rest_goes_back(
    world: OpenWorld, by_hand: int
) -> None:
    house = world.house
    borrowed = borrow(world, arrive(world))
    loan_id, before_fen = borrowed.signed.loan_id, world.balance_fen(XIA)
    on_due_date(world, date(2026, 9, 15))
    world.go_to(start_of(date(2026, 9, 15)) + timedelta(hours=8, minutes=59, seconds=55))
    paid = [paid_page(world, borrowed, key=f"hand {number}") for number in range(by_hand)]
    if by_hand == 1:
        # The bank deducts as well, and its answer is lost: we hear of both payments later, at the same moment.
        (deduction,) = [one for one in orders_of(house, loan_id, OrderKind.COLLECTION) if one.channel == "bank"]
        world.go_to(start_of(date(2026, 9, 15)) + timedelta(hours=9))
        world.bank.faults.plan("collection.deduct", Fault.LOSE_REPLY)
        run_errand(house, order_id=deduction.order_id)
        paid.append(deduction.order_id)
    world.go_to(start_of(date(2026, 9, 15)) + timedelta(hours=9, seconds=20))
    at_once([lambda each=each: run_errand(house, order_id=each) for each in paid])  # type: ignore[misc]

    state = loan_state(house, person_id=borrowed.known.person_id, loan_id=loan_id)
    first = state.instalments[0]
    assert (first.principal_paid_fen, first.interest_paid_fen) == (first.principal_fen, first.interest_fen)
    assert books_of(house, loan_id) == Books(unbilled=1_000_000 - 76_680, overpaid=INSTALMENT_FEN)
    assert_coherent(house)

    work_until_idle(world)
    assert books_of(house, loan_id) == Books(unbilled=1_000_000 - 76_680)
    assert collected_fen(house, borrowed) == INSTALMENT_FEN
    assert world.balance_fen(XIA) == before_fen - INSTALMENT_FEN
    assert [fact["amount_fen"] for fact in facts_of(house, borrowed.known.person_id, "repayment")] == [
        INSTALMENT_FEN,
        INSTALMENT_FEN,
    ]
    assert_coherent(house)


def test_the_same_key_twice_at_once_makes_one_order(world: OpenWorld) -> None:
    house = world.house
    borrowed = borrow(world, arrive(world))

    def pay(amount_fen: int, key: str) -> PaymentPage:
        return repay_by_hand(
            house,
            person_id=borrowed.known.person_id,
            loan_id=borrowed.signed.loan_id,
            intent=Intent.DUE,
            amount_fen=amount_fen,
            key=key,
        )

    for attempt in range(5):
        same = at_once([lambda: pay(100, f"same {attempt}")] * 3)  # noqa: B023 - the threads end inside the loop
        pages = {answer.order_id for answer in same if isinstance(answer, PaymentPage)}
        assert len(pages) == 1
        assert set(codes_of(same)) <= {"idempotency_key_busy"}
        assert pay(100, f"same {attempt}").order_id in pages

        other = at_once([lambda: pay(200, f"other {attempt}"), lambda: pay(300, f"other {attempt}")])  # noqa: B023
        (page,) = [answer for answer in other if isinstance(answer, PaymentPage)]
        (code,) = codes_of(other)
        assert code in {"idempotency_key_busy", "idempotency_key_reused"}
        assert pay(page.amount_fen, f"other {attempt}") == page
    assert len(orders_of(house, borrowed.signed.loan_id, OrderKind.COLLECTION)) == 10
    assert_coherent(house)


def ready(world: OpenWorld, known: Known, *, amount_fen: int, product_id: str) -> Offered:
    """Return an offer of a product whose cost table was read, with the lender named in a consent."""
    house, person_id = world.house, known.person_id
    offers = make_offers(house, person_id=person_id, amount_fen=amount_fen, instalments=12, method="equal_instalment")
    offered = next(one for one in offers if one.product.id == product_id)
    table = show_cost_table(house, person_id=person_id, offer_id=offered.offer.offer_id)
    world.go_to(house.clock.now() + timedelta(seconds=11))
    confirm_cost_table(house, person_id=person_id, disclosure_id=table.disclosure_id)
    give_consent(
        house,
        person_id=person_id,
        purpose=ConsentPurpose.PASS_TO_LENDER,
        recipient=offered.lender_name_zh,
        key=f"lender {offered.offer.offer_id.hex}",
    )
    return offered


@pytest.mark.parametrize("products", [("chengchuan-instalment",) * 2, ("chengchuan-instalment", "tinglan-instalment")])
def test_of_two_draws_beyond_the_limit_at_once_exactly_one_is_signed(
    world: OpenWorld, products: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # One phone has one code at a time, which would hold one of the two back before the limit does.
    monkeypatch.setattr("mingqu.services.contracts.sign_contract.try_signing_code", lambda *_, **__: None)
    house = world.house
    known = arrive(world)
    offers = [ready(world, known, amount_fen=2_000_000, product_id=product_id) for product_id in products]

    def sign(offered: Offered) -> Signed:
        return sign_contract(
            house,
            person_id=known.person_id,
            offer_id=offered.offer.offer_id,
            instrument_id=known.instrument_id,
            payout_at=house.clock.now(),
            code=Personal("000000"),
            key=offered.offer.offer_id.hex,
        )

    answers = at_once([lambda each=each: sign(each) for each in offers])  # type: ignore[misc]
    assert codes_of(answers) == ["limit_exceeded"]
    limit = limit_of(house, known.person_id)
    assert (limit.available, limit.held, limit.drawn) == (1_000_000, 2_000_000, 0)
    assert_coherent(house)
    work_until_idle(world)
    assert list(world.bank.moved().values()) == [2_000_000]
    assert_coherent(house)


def test_the_same_contract_signed_twice_at_once_is_one_contract(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    offered = ready(world, known, amount_fen=1_000_000, product_id="chengchuan-instalment")
    send_signing_code(house, person_id=known.person_id, offer_id=offered.offer.offer_id)
    code = world.read_code(known.newcomer.phone)

    def sign(key: str) -> Signed:
        return sign_contract(
            house,
            person_id=known.person_id,
            offer_id=offered.offer.offer_id,
            instrument_id=known.instrument_id,
            payout_at=house.clock.now(),
            code=code,
            key=key,
        )

    answers = at_once([lambda: sign("one"), lambda: sign("one"), lambda: sign("two")])
    assert len({answer for answer in answers if isinstance(answer, Signed)}) == 1
    assert set(codes_of(answers)) <= {"idempotency_key_busy", "offer_stale"}
    work_until_idle(world)
    assert list(world.bank.moved().values()) == [1_000_000]
    assert limit_of(house, known.person_id).drawn == 1_000_000
    assert_coherent(house)


def test_several_workers_with_the_same_due_orders_send_each_once(world: OpenWorld) -> None:
    house = world.house
    borrowed = []
    for newcomer in (XIA, ZHOU):
        known = arrive(world, newcomer)
        borrowed += [
            take_loan(world, known, amount_fen=100_000, instalments=3, method="equal_instalment") for _ in range(4)
        ]
    for _ in range(3):  # rounds of all workers, until nothing is due
        at_once([lambda: run_due_work(house)] * 4)

    sent = {one.signed.payout_order_id for one in borrowed}
    assert world.bank.moved() == {order_id.hex: 100_000 for order_id in sent}
    with house.database.transaction() as tx:
        for order_id in sent:
            words = [(word.direction.value, word.word) for word in order.words(tx, order_id=order_id)]
            assert words == [("noted", "reserve"), ("said", "send"), ("heard", "paid")]
    for one in borrowed:
        assert books_of(house, one.signed.loan_id) == Books(unbilled=100_000)
    notices = world.sms.inbox(phone=XIA.phone)
    assert len({message.message_number for message in notices}) == len(notices)
    assert_coherent(house)


def test_payments_that_come_in_while_their_day_is_closed_count_for_their_day(world: OpenWorld) -> None:
    house = world.house
    borrowed = [borrow(world, arrive(world, newcomer), instalments=12) for newcomer in (XIA, ZHOU)]
    dues = []
    for one in borrowed:
        state = loan_state(house, person_id=one.known.person_id, loan_id=one.signed.loan_id)
        dues.append(state.instalments[0].principal_fen + state.instalments[0].interest_fen)
        world.deposit(one.known.newcomer, -world.balance_fen(one.known.newcomer))  # nothing can be deducted
    live_until(world, date(2026, 9, 15))

    # Late in the evening both pay on their pages; we hear of it after midnight, while the day is being closed.
    world.go_to(start_of(date(2026, 9, 15)) + timedelta(hours=23, minutes=50))
    orders = []
    for one, due_fen in zip(borrowed, dues, strict=True):
        world.deposit(one.known.newcomer, due_fen)
        page = repay_by_hand(
            house, person_id=one.known.person_id, loan_id=one.signed.loan_id, intent=Intent.DUE, key="evening"
        )
        assert page.amount_fen == due_fen
        open_page(house, person_id=one.known.person_id, order_id=page.order_id)
        world.pay_page(one.known.newcomer, page.order_id)
        orders.append(page.order_id)
    world.go_to(start_of(date(2026, 9, 16)) + timedelta(minutes=1))
    at_once(
        [
            lambda: close_through(house, to=date(2026, 9, 15)),
            *[lambda each=each: run_errand(house, order_id=each) for each in orders],  # type: ignore[misc]
            lambda: bring_up_today(house),
        ]
    )
    close_through(house, to=date(2026, 9, 15))
    bring_up_today(house)
    work_until_idle(world)
    for one in borrowed:
        state = loan_state(house, person_id=one.known.person_id, loan_id=one.signed.loan_id)
        assert (state.instalments[0].paid_on, state.instalments[0].penalty_fen) == (date(2026, 9, 15), 0)
        assert state.overdue_days(date(2026, 9, 16)) == 0
        assert books_of(house, one.signed.loan_id) == Books(unbilled=state.principal_outstanding_fen)
        assert len(facts_of(house, one.known.person_id, "repayment")) == 1
    assert_coherent(house)


def test_a_day_closed_by_two_at_once_accrues_once(world: OpenWorld) -> None:
    house = world.house
    borrowed = borrow(world, arrive(world))
    world.go_to_date(date(2026, 8, 26))
    answers = at_once([lambda: close_through(house, to=date(2026, 8, 25))] * 3)
    assert codes_of(answers) == []
    with house.database.transaction() as tx:
        row = tx.execute(
            "SELECT sum(debits_posted_fen - credits_posted_fen) FROM account WHERE code = %s",
            (AccountCode.ACCRUED_INTEREST.value,),
        ).fetchone()
    # Ten nights of 10,000.00: 150.00 for the 31 days of the period, so 4.8387 a day; the rest below a fen is carried.
    assert row == (15_000 * 11 // 31,)
    assert borrowed.offered.offer.terms.principal_fen == 1_000_000
    assert_coherent(house)


def test_one_code_at_two_doors_at_once_makes_one_person(world: OpenWorld) -> None:
    house = world.house
    world.meet(XIA, balance_fen=0)
    send_code(house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
    digits = world.read_code(XIA.phone)
    answers = at_once([lambda: sign_in(house, phone=XIA.phone, digits=digits)] * 4)
    (person_id,) = [answer for answer in answers if isinstance(answer, UUID)]
    assert codes_of(answers) == ["code_used"] * 3
    with house.database.transaction() as tx:
        people = tx.execute("SELECT person_id FROM person").fetchall()
    assert people == [(person_id,)]


def test_one_identity_proved_by_two_new_phones_at_once_is_one_person(world: OpenWorld) -> None:
    house = world.house
    newcomers = [XIA, Newcomer(**{**fields_of(XIA), "phone": ZHOU.phone, "card_number": ZHOU.card_number})]
    digits, people = [], []
    for newcomer in newcomers:
        world.meet(newcomer, balance_fen=0)
        send_code(house, phone=newcomer.phone, purpose=CodePurpose.SIGN_IN)
        person_id = sign_in(house, phone=newcomer.phone, digits=world.read_code(newcomer.phone))
        give_consent(house, person_id=person_id, purpose=ConsentPurpose.REAL_NAME_VERIFICATION, key="check")
        send_code(house, phone=newcomer.phone, purpose=CodePurpose.VERIFY_IDENTITY)
        digits.append(world.read_code(newcomer.phone))
        people.append(person_id)

    def verify(place: int) -> UUID:
        newcomer = newcomers[place]
        return verify_identity(
            house,
            person_id=people[place],
            request_id=house.id_for(people[place]),
            name=newcomer.name,
            id_number=newcomer.id_number,
            phone=newcomer.phone,
            card_number=newcomer.card_number,
            digits=digits[place],
        ).person_id

    answers = at_once([lambda: verify(0), lambda: verify(1)])
    assert codes_of(answers) == []
    assert len(set(answers)) == 1
    with house.database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM person WHERE merged_into IS NULL").fetchone() == (1,)
    assert_coherent(house)


def fields_of(newcomer: Newcomer) -> dict[str, object]:
    """Return a newcomer's fields by name."""
    return {name: getattr(newcomer, name) for name in Newcomer.__slots__}


def test_one_person_assessed_twice_at_once_holds_one_set_of_limits(world: OpenWorld) -> None:
    house = world.house
    known = introduce(world, XIA, balance_fen=0)
    answers = at_once([lambda: be_assessed(world, known, amount_fen=1_000_000)] * 2)
    assert set(codes_of(answers)) <= {"assessed_already", "idempotency_key_busy"}
    if len(codes_of(answers)) == 2:
        be_assessed(world, known, amount_fen=1_000_000)
    assert limit_of(house, known.person_id).granted == 3_000_000
    assert_coherent(house)
