"""A payee's account that was signed wrong, corrected by a version that two publish and its borrower agrees to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.domain.loan import Stage
from mingqu.domain.order import OrderKind, OrderState
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import MakerIsChecker, ProposalStale
from mingqu.domain.purpose.version import VERSION_LASTS, VersionDiffers, VersionOver, VersionState
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.answer_version import (
    VersionView,
    agree_version,
    decline_version,
    versions_view,
    withdraw_version,
)
from mingqu.services.changes.correct_payee import PayeeNotBound, PayeeNotCorrected
from mingqu.services.changes.draw_more import PayoutWaiting
from mingqu.services.changes.take_payout_back import NoPayoutReturned, VersionWaits, pay_out_again
from mingqu.services.contracts.sign_contract import Signed
from mingqu.services.customers.read_papers import contract_view
from mingqu.services.house import ENTRUSTED
from mingqu.services.once import IdempotencyKeyReused
from mingqu.services.proposals.propose import approve, decline
from mingqu.services.purpose.bind_money import card_of_loan
from mingqu.services.purpose.list_payees import PayeeNotListed
from mingqu.services.purpose.read_card import card_view
from mingqu.store.loans import loan
from mingqu.store.proof.purpose import purposes
from tests.journeys.correcting import (
    MERCHANT,
    NAME,
    PRICE_FEN,
    RIGHT,
    SIGNED,
    corrected,
    open_account,
    propose_correction,
    publish_list,
    returned,
    send_back,
)
from tests.journeys.reading import arrive, assert_coherent, borrow, facts_of, orders_of, rows_of
from tests.journeys.test_story_s0 import Buyer, buyer
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

__all__ = ["buyer"]


def agree(buyer: Buyer, loan_id: UUID, *, version_id: UUID, agreed_hash: str, key: str = "agree") -> UUID:
    return agree_version(
        buyer.house,
        person_id=buyer.known.person_id,
        loan_id=loan_id,
        version_id=version_id,
        agreed_hash=agreed_hash,
        key=key,
    )


def again(buyer: Buyer, loan_id: UUID, *, key: str = "again") -> UUID:
    return pay_out_again(buyer.house, person_id=buyer.known.person_id, loan_id=loan_id, instrument_id=None, key=key)


def refused(buyer: Buyer, expected: type[Refusal], deed: Callable[[], object]) -> None:
    """Assert that something is refused, and that nothing of the book changed by it."""
    before = rows_of(buyer.house)
    with pytest.raises(expected):
        deed()
    assert rows_of(buyer.house) == before


def balance(buyer: Buyer, account: str) -> int:
    return buyer.world.bank.balance_fen(card_number=Personal(account))


def test_money_that_came_back_goes_once_to_the_right_account_that_its_borrower_agreed_to(buyer: Buyer) -> None:
    house, world = buyer.house, buyer.world
    made = buyer.quote("direct", product_id="chengchuan-auto-dealer")
    signed = buyer.sign(made, agreed_hash=made.quoted.contract_hash)
    loan_id = signed.loan_id
    publish_list(house)
    open_account(world)
    maker, checker = (seat_of(house, "operations", name=name) for name in ("maker", "checker"))
    refused(buyer, PayoutWaiting, lambda: propose_correction(house, loan_id))  # it is on its way
    work_until_idle(world)
    refused(buyer, NoPayoutReturned, lambda: propose_correction(house, loan_id))  # it arrived and did not come back
    send_back(world, signed.payout_order_id)
    proposal_id = propose_correction(house, loan_id)
    refused(buyer, MakerIsChecker, lambda: approve(house, seat=maker, proposal_id=proposal_id))
    assert versions_view(house, person_id=buyer.known.person_id, loan_id=loan_id).versions == ()
    approve(house, seat=checker, proposal_id=proposal_id)
    waits = _published(buyer, signed, funds_contract=made.quoted.contract_hash)

    refused(buyer, VersionWaits, lambda: again(buyer, loan_id))  # the account is known to be wrong
    refused(buyer, VersionWaits, lambda: propose_correction(house, loan_id, key="another"))
    refused(buyer, VersionDiffers, lambda: agree(buyer, loan_id, version_id=waits.version_id, agreed_hash="0" * 64))
    refused(buyer, NotFound, lambda: agree(buyer, loan_id, version_id=signed.payout_order_id, agreed_hash=waits.hash))
    order_id = agree(buyer, loan_id, version_id=waits.version_id, agreed_hash=waits.hash)
    assert agree(buyer, loan_id, version_id=waits.version_id, agreed_hash=waits.hash) == order_id
    refused(
        buyer, IdempotencyKeyReused, lambda: agree(buyer, loan_id, version_id=waits.version_id, agreed_hash="0" * 64)
    )
    refused(
        buyer,
        VersionOver,
        lambda: agree(buyer, loan_id, version_id=waits.version_id, agreed_hash=waits.hash, key="twice"),
    )
    refused(buyer, PayoutWaiting, lambda: again(buyer, loan_id))
    work_until_idle(world)
    assert (balance(buyer, RIGHT), buyer.paid_fen(MERCHANT)) == (PRICE_FEN, 0)
    refused(buyer, NoPayoutReturned, lambda: again(buyer, loan_id))
    refused(buyer, NoPayoutReturned, lambda: propose_correction(house, loan_id, key="later"))
    _both_are_kept(buyer, signed, order_id=order_id, version_hash=waits.hash)
    assert_coherent(house)
    _forged(buyer)


def _published(buyer: Buyer, signed: Signed, *, funds_contract: str) -> VersionView:
    """Assert what was published, that its borrower was told once, and return it."""
    house, person_id = buyer.house, buyer.known.person_id
    seen = versions_view(house, person_id=person_id, loan_id=signed.loan_id)
    waits = seen.waiting
    assert waits is not None
    assert (seen.signed.tail, waits.payee.tail, waits.payee.name, waits.number) == ("0029", "0994", NAME, 2)
    assert waits.hash == hashlib.sha256(waits.body).hexdigest()
    said = json.loads(waits.body)
    contract = contract_view(house, person_id=person_id, contract_id=signed.contract_id)
    assert said["contract_hash"] == contract.contract.body_hash.hex()
    assert (said["funds_contract"], said["payee"]["list"]) == (funds_contract, "auto-payees 2")
    assert (said["returned_payout"], said["amount_fen"]) == (signed.payout_order_id.hex, PRICE_FEN)
    buyer.world.go_to(house.clock.now() + timedelta(days=1))
    work_until_idle(buyer.world)
    told = [one.template for one in buyer.world.sms.inbox(phone=buyer.known.newcomer.phone)]
    assert told.count("loan.contract_version") == 1
    return waits


def _both_are_kept(buyer: Buyer, signed: Signed, *, order_id: UUID, version_hash: str) -> None:
    """Assert that what was signed stays beside what was agreed to, in the book and in the evidence."""
    house, person_id, loan_id = buyer.house, buyer.known.person_id, signed.loan_id
    payouts = orders_of(house, loan_id, OrderKind.PAYOUT)
    assert [(one.state, one.channel) for one in payouts] == [(OrderState.PAID, ENTRUSTED)] * 2
    view = card_view(house, person_id=person_id, card_id=card_of_loan(loan_id))
    assert (view.frozen_for, view.used_fen) == (None, PRICE_FEN)
    after = versions_view(house, person_id=person_id, loan_id=loan_id)
    assert (after.signed.tail, [one.state for one in after.versions]) == ("0029", [VersionState.AGREED])
    assert contract_view(house, person_id=person_id, contract_id=signed.contract_id).card_tail == "0029", "as signed"
    (published,) = facts_of(house, person_id, "funds_version")
    (answered,) = facts_of(house, person_id, "funds_version_answer")
    assert (published["hash"], answered["hash"], answered["answer"]) == (version_hash, version_hash, "agreed")
    assert (answered["order"], len(facts_of(house, person_id, "contract"))) == (order_id.hex, 1)
    with house.database.transaction() as tx:
        assert loan.get_for(tx, person_id=person_id, loan_id=loan_id).state.stage is Stage.ACTIVE


def _forged(buyer: Buyer) -> None:
    """Assert that nothing of a version is changed, and that the proof sees what a thief would change all the same."""
    house = buyer.house
    for table in ("funds_version", "funds_version_answer"):
        with pytest.raises(psycopg.errors.RaiseException), house.database.transaction() as tx:
            tx.execute(f"DELETE FROM {table}")
    null = "'null'::bytea"
    thefts = (
        ("funds_version", "is not what two people published", "SET account_hash = 'x'"),
        ("funds_version", "is not what two people published", "SET published_at = published_at + interval '1 second'"),
        (
            "funds_version",
            "is not what two people published",
            f"SET body = {null}, hash = encode(sha256({null}), 'hex')",
        ),
        ("proposal", "is not what two people published", "SET deed = 'x' WHERE deed = 'correct_payee'"),
        ("funds_version_answer", "was not let be paid", "SET answered_at = answered_at + interval '30 days'"),
        (
            "channel_order",
            "was not let be paid",
            "SET amount_fen = 1 WHERE order_id IN (SELECT order_id FROM funds_version_answer)",
        ),
        ("loan_event", "was not let be paid", "SET target = NULL WHERE kind = 'reversed'"),
    )
    for table, found, forged in thefts:
        with house.database.transaction() as tx:
            tx.script(f"ALTER TABLE {table} DISABLE TRIGGER USER; UPDATE {table} {forged}")
            assert any(found in one for one in purposes(tx)), forged


def test_who_does_not_agree_keeps_what_was_signed_and_no_version_outlives_its_end(buyer: Buyer) -> None:
    house, world, person_id = buyer.house, buyer.world, buyer.known.person_id
    signed = returned(buyer)
    loan_id = signed.loan_id
    maker, checker = (seat_of(house, "operations", name=name) for name in ("maker", "checker"))
    refused(buyer, PayeeNotCorrected, lambda: propose_correction(house, loan_id))  # no list names another account
    publish_list(house, version=2, name="另一家汽车销售有限公司")
    refused(buyer, PayeeNotCorrected, lambda: propose_correction(house, loan_id))  # another company is no correction
    publish_list(house, version=3)
    open_account(world)
    stale = propose_correction(house, loan_id)
    publish_list(house, version=4, account="6200009900000000986")
    refused(buyer, ProposalStale, lambda: approve(house, seat=checker, proposal_id=stale))
    decline(house, seat=checker, proposal_id=stale, reason="名单已再次更正")
    publish_list(house, version=5)

    second = corrected(buyer, loan_id, key="second")
    decline_version(house, person_id=person_id, loan_id=loan_id, version_id=second.version_id, key="no")
    decline_version(house, person_id=person_id, loan_id=loan_id, version_id=second.version_id, key="no")
    refused(buyer, VersionOver, lambda: agree(buyer, loan_id, version_id=second.version_id, agreed_hash=second.hash))
    refused(
        buyer,
        VersionOver,
        lambda: decline_version(
            house, person_id=person_id, loan_id=loan_id, version_id=second.version_id, key="no again"
        ),
    )
    third = corrected(buyer, loan_id, key="third")
    assert third.number == second.number + 1
    publish_list(house, version=6, account="6200009900000000986")  # that account was wrong, too: nobody pays it
    refused(buyer, VersionOver, lambda: agree(buyer, loan_id, version_id=third.version_id, agreed_hash=third.hash))
    publish_list(house, version=7)
    withdraw_version(house, seat=maker, loan_id=loan_id, version_id=third.version_id, reason="车商再次更正账号")
    before = rows_of(house)
    withdraw_version(house, seat=maker, loan_id=loan_id, version_id=third.version_id, reason="车商再次更正账号")
    assert rows_of(house) == before
    refused(buyer, VersionOver, lambda: agree(buyer, loan_id, version_id=third.version_id, agreed_hash=third.hash))
    fourth = corrected(buyer, loan_id, key="fourth")
    world.go_to(fourth.lapses_at)
    refused(buyer, VersionOver, lambda: agree(buyer, loan_id, version_id=fourth.version_id, agreed_hash=fourth.hash))
    states = [one.state for one in versions_view(house, person_id=person_id, loan_id=loan_id).versions]
    assert states == [VersionState.LAPSED, VersionState.WITHDRAWN, VersionState.DECLINED]
    assert fourth.lapses_at - fourth.published_at == VERSION_LASTS
    refused(buyer, PayeeNotListed, lambda: again(buyer, loan_id))  # an account that no list names is paid nothing
    publish_list(house, version=8, struck=True)
    refused(buyer, PayeeNotListed, lambda: again(buyer, loan_id))  # nor is who was struck from it
    publish_list(house, version=9, account=SIGNED)
    again(buyer, loan_id)  # what was signed stands, and is on the list: the payee that was signed is paid again
    work_until_idle(world)
    assert (balance(buyer, RIGHT), buyer.paid_fen(MERCHANT)) == (0, PRICE_FEN)
    answers = [one["answer"] for one in facts_of(house, person_id, "funds_version_answer")]
    assert answers == ["declined", "withdrawn"]
    assert_coherent(house)


def test_a_loan_without_a_funds_contract_has_no_version_and_nobody_sees_anothers(world: OpenWorld) -> None:
    house, taken = world.house, borrow(world, arrive(world))
    seat_of(house, "operations", name="maker")
    with pytest.raises(PayeeNotBound):
        propose_correction(house, taken.signed.loan_id)
    with pytest.raises(NotFound):
        versions_view(house, person_id=taken.known.person_id, loan_id=taken.signed.loan_id)
    other = house.id_for(taken.known.person_id)
    for deed in (
        lambda: versions_view(house, person_id=other, loan_id=taken.signed.loan_id),
        lambda: agree_version(
            house, person_id=other, loan_id=taken.signed.loan_id, version_id=other, agreed_hash="0" * 64, key="k"
        ),
        lambda: decline_version(house, person_id=other, loan_id=taken.signed.loan_id, version_id=other, key="k2"),
    ):
        with pytest.raises(NotFound):
            deed()
