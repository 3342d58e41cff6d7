"""A channel contradicts itself: machines leave the order, two people decide which word holds, and the books follow."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import Borrowed
from mingqu.domain.order import Order, OrderKind, OrderState, VerdictImpossible
from mingqu.domain.proposal import Deed, ProposalStale
from mingqu.domain.word import Failed, Paid, Word
from mingqu.services.access.read_today import read_queues
from mingqu.services.changes.decide_order import read_dispute
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.orders.run_errand import run_errand
from mingqu.services.orders.settle_order import hear_word
from mingqu.services.proposals.propose import approve, propose
from mingqu.store.orders import order
from tests.console import employ, signed_in, visitor
from tests.journeys.reading import arrive, assert_coherent, books_of, borrow, live_until, orders_of
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

WHY = "按渠道账单核对"


def hear(world: OpenWorld, order_id: UUID, word: Word) -> Order:
    return world.house.database.run(
        lambda tx: hear_word(tx, world.house, order_id=order_id, word=word, at=world.house.clock.now())
    )


def paid(world: OpenWorld, known: Order, *, amount_fen: int | None = None) -> Paid:
    amount = amount_fen or known.amount_fen
    return Paid(at=world.house.clock.now(), amount_fen=amount, currency="CNY", reference="late word")


def deduction(world: OpenWorld, *, balance_fen: int) -> tuple[Borrowed, Order]:
    """Return a loan and its first deduction, paid or failed for want of money."""
    taken = borrow(world, arrive(world))
    newcomer = taken.known.newcomer
    world.deposit(newcomer, balance_fen - world.balance_fen(newcomer))
    live_until(world, date(2026, 9, 15))
    return taken, orders_of(world.house, taken.signed.loan_id, OrderKind.COLLECTION)[0]


def decide(world: OpenWorld, order_id: UUID, verdict: str) -> UUID:
    seat = seat_of(world.house, "operations", name="maker")
    key = world.house.identifiers.fresh(0).hex
    return propose(
        world.house,
        seat=seat,
        deed=Deed.DECIDE_ORDER,
        subject_id=order_id,
        asked={"verdict": verdict},
        reason=WHY,
        key=key,
    )


def check(world: OpenWorld, proposal_id: UUID) -> None:
    approve(world.house, seat=seat_of(world.house, "operations", name="checker"), proposal_id=proposal_id)


def load(world: OpenWorld, order_id: UUID) -> Order:
    with world.house.database.transaction() as tx:
        return order.load(tx, order_id=order_id)


def test_money_that_came_after_all_is_booked_when_two_people_say_so(world: OpenWorld) -> None:
    taken, failed = deduction(world, balance_fen=0)
    assert failed.state is OrderState.FAILED
    before = books_of(world.house, taken.signed.loan_id)
    assert hear(world, failed.order_id, paid(world, failed)).disputed
    seat = seat_of(world.house, "operations", name="maker")
    assert [one.order.order_id for one in read_queues(world.house, seat=seat).disputed] == [failed.order_id]
    assert books_of(world.house, taken.signed.loan_id) == before, "a contradiction books nothing"
    check(world, decide(world, failed.order_id, "paid"))
    after = load(world, failed.order_id)
    assert (after.state, after.disputed, after.reference) == (OrderState.PAID, False, "late word")
    assert books_of(world.house, taken.signed.loan_id).principal == 0
    assert read_queues(world.house, seat=seat).disputed == ()
    assert_coherent(world.house)
    with pytest.raises(VerdictImpossible):
        decide(world, failed.order_id, "as_booked")


def test_money_that_went_back_is_owed_again_when_two_people_say_so(world: OpenWorld) -> None:
    taken, done = deduction(world, balance_fen=6_000_000)
    assert done.state is OrderState.PAID
    before = books_of(world.house, taken.signed.loan_id)
    hear(world, done.order_id, Failed(code="bounced"))
    check(world, decide(world, done.order_id, "bounced"))
    after = books_of(world.house, taken.signed.loan_id)
    assert after.principal + after.interest == done.amount_fen
    assert (before.principal, before.interest) == (0, 0)
    assert load(world, done.order_id).state is OrderState.PAID, "it was paid, and taken back by an event of its own"
    assert_coherent(world.house)


def test_the_book_may_hold_and_an_open_order_is_asked_about_again(world: OpenWorld) -> None:
    world.silence_next_payout()
    taken = borrow(world, arrive(world))
    order_id = taken.signed.payout_order_id
    known = load(world, order_id)
    hear(world, order_id, paid(world, known, amount_fen=known.amount_fen - 1))
    assert load(world, order_id).disputed
    for verdict in ("paid", "bounced", "nonsense"):
        with pytest.raises(VerdictImpossible):
            decide(world, order_id, verdict)
    check(world, decide(world, order_id, "as_booked"))
    assert_coherent(world.house)
    seat = seat_of(world.house, "operations", name="maker")
    assert [one.order.order_id for one in read_queues(world.house, seat=seat).unknown] == [order_id]
    run_errand(world.house, order_id=order_id)
    assert load(world, order_id).state is OrderState.PAID
    assert_coherent(world.house)


def test_another_word_meanwhile_makes_the_proposal_stale_and_opens_the_dispute_anew(world: OpenWorld) -> None:
    _, failed = deduction(world, balance_fen=0)
    hear(world, failed.order_id, paid(world, failed))
    proposal_id = decide(world, failed.order_id, "paid")
    hear(world, failed.order_id, Failed(code="again"))
    with pytest.raises(ProposalStale):
        check(world, proposal_id)
    seat = seat_of(world.house, "operations", name="maker")
    seen = read_dispute(world.house, seat=seat, order_id=failed.order_id)
    assert [one.value for one in seen.verdicts] == ["as_booked", "paid"]
    assert (seen.waits, seen.words[-1].word) == (proposal_id, "failed")
    desk = signed_in(world.house, "operations")
    page = f"/console/disputes/{failed.order_id.hex}"
    assert page in desk.get("/console/queues").text
    assert "先说失败，后说已付" in desk.get(page).text


def test_money_of_another_amount_is_never_taken_for_this_one(world: OpenWorld) -> None:
    _, failed = deduction(world, balance_fen=0)
    hear(world, failed.order_id, paid(world, failed, amount_fen=failed.amount_fen + 1))
    with pytest.raises(VerdictImpossible):
        decide(world, failed.order_id, "paid")
    check(world, decide(world, failed.order_id, "as_booked"))
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    assert hear(world, failed.order_id, paid(world, failed)).disputed, "another contradiction is a new dispute"
    assert_coherent(world.house)


def test_verify_sees_a_verdict_of_nobody(world: OpenWorld) -> None:
    _, failed = deduction(world, balance_fen=0)
    hear(world, failed.order_id, paid(world, failed))
    with world.house.database.transaction() as tx:
        tx.execute("UPDATE channel_order SET decided_at = now() WHERE order_id = %s", (failed.order_id,))
        tx.commit()
    report = verify_book(database=world.house.database, keyring=world.house.keyring)
    assert [number for number, holds in report.holds.items() if not holds] == [5]


def test_the_console_proposes_a_verdict_and_shows_it_to_the_checker(world: OpenWorld) -> None:
    _, failed = deduction(world, balance_fen=0)
    hear(world, failed.order_id, paid(world, failed))
    maker, checker = signed_in(world.house, "operations"), visitor(world.house)
    checker.sign_in(employ(world.house, "operations", name="checker"))
    page = f"/console/disputes/{failed.order_id.hex}"
    fields = {"verdict": "paid", "key": failed.order_id.hex}
    assert maker.post(f"{page}/decide", seen_on=page, reason="?", **fields).status_code == 422
    proposal = maker.post(f"{page}/decide", seen_on=page, reason=WHY, **fields).headers["location"]
    assert "钱确实收到" in checker.get(proposal).text
    assert checker.post(f"{proposal}/approve", seen_on=proposal).status_code == 303
    assert "已决定" in checker.get(page).text
    assert maker.post(f"{page}/decide", seen_on=page, reason=WHY, verdict="paid", key="again").status_code == 409
