"""Lenders that decide by themselves, at a merchant's checkout: beside the others, late, silent, or too late."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.lender import FakeLender
from mingqu.demo.journey import READING, Known, work_until_idle
from mingqu.domain.checkout import CheckoutState
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.ledger import AccountCode
from mingqu.domain.lender_answer import LenderOffer, LenderQuestion, QuestionState
from mingqu.domain.loan import Stage
from mingqu.ports.lender import Declined, Funded, Later, LenderFunding, NeverFunded, NotSigned
from mingqu.services.checkout.end_checkouts import end_checkouts
from mingqu.services.checkout.open_checkout import CHECKOUT_LASTS, CheckoutOver, checkout_view
from mingqu.services.checkout.take_checkout import (
    CheckoutUsed,
    OrderNotAgreed,
    ask_for_order,
    offers_for_order,
    take_checkout,
)
from mingqu.services.contracts import sign_contract as signing
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import Signed, sign_contract
from mingqu.services.house import House
from mingqu.services.lenders import hear_lender, sign_with_lender
from mingqu.services.lenders.ask_lenders import Asked
from mingqu.services.lenders.call_off_funding import call_off_fundings
from mingqu.services.lenders.hear_lender import hear_answer
from mingqu.services.lenders.read_lender_answers import answers_of
from mingqu.services.lenders.sign_with_lender import LenderCalledOff, LenderNotSigned, PriceChanged
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import LendersUndecided
from mingqu.services.offers.price_offer import Offered
from mingqu.services.privacy.give_consent import give_consent
from mingqu.store.loans import loan
from mingqu.store.loans.offer import load_offer
from mingqu.store.merchants import checkout
from mingqu.store.proof import lender_money
from tests.journeys.reading import arrive, assert_coherent
from tests.journeys.test_checkout_races import (
    HELD_SECONDS,
    MERCHANT,
    PRICE_FEN,
    ClockAhead,
    held,
    loans_of,
    open_account,
    opened,
)
from tests.journeys.test_lenders import LENDER_ZH, REASON, ask, price, told, with_lender
from tests.world import OpenWorld

OTHER_ZH: Final = "听澜小额贷款有限公司"
METHOD: Final = "equal_instalment"


@dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody at a checkout: what they do there, each in a word."""

    world: OpenWorld
    known: Known
    checkout_id: UUID

    @property
    def person_id(self) -> UUID:
        return self.known.person_id

    def ask(self, key: str = "ask") -> Asked:
        return ask_for_order(
            self.world.house,
            person_id=self.person_id,
            checkout_id=self.checkout_id,
            instalments=6,
            method=METHOD,
            key=key,
        )

    def offers(self) -> dict[str, Offered]:
        made = offers_for_order(
            self.world.house, person_id=self.person_id, checkout_id=self.checkout_id, instalments=6, method=METHOD
        )
        return {one.lender_name_zh: one for one in made}

    def question(self) -> LenderQuestion:
        (one,) = answers_of(self.world.house, person_id=self.person_id)
        return one

    def agree(self, lender: str = LENDER_ZH) -> None:
        give_consent(
            self.world.house,
            person_id=self.person_id,
            purpose=ConsentPurpose.PASS_TO_LENDER,
            recipient=lender,
            key=f"agree {lender}",
        )

    def read(self, offer_id: UUID) -> None:
        house = self.world.house
        table = show_cost_table(house, person_id=self.person_id, offer_id=offer_id)
        self.world.go_to(house.clock.now() + READING)
        confirm_cost_table(house, person_id=self.person_id, disclosure_id=table.disclosure_id)

    def ready(self, offer_id: UUID) -> Callable[..., Signed]:
        """Read what an offer costs, and have the code sent; return what signs it."""
        house = self.world.house
        self.read(offer_id)
        send_signing_code(house, person_id=self.person_id, offer_id=offer_id)
        code = self.world.read_code(self.known.newcomer.phone)

        def sign(key: str = "sign", agreed_hash: str | None = None) -> Signed:
            order_hash = checkout_view(house, merchant=MERCHANT, checkout_id=self.checkout_id).order_hash
            return sign_contract(
                house, person_id=self.person_id, offer_id=offer_id, instrument_id=None, payout_at=None, code=code,
                key=key, agreed_hash=agreed_hash or order_hash,
            )  # fmt: skip

        return sign

    @property
    def state(self) -> CheckoutState:
        return checkout_view(self.world.house, merchant=MERCHANT, checkout_id=self.checkout_id).state


def buyer(world: OpenWorld, *lenders: FakeLender) -> Buyer:
    """Return somebody who took an order, in a house with lenders that decide by themselves."""
    world = with_lender(world, *lenders)
    open_account(world)
    known = arrive(world)
    made = Buyer(world=world, known=known, checkout_id=opened(world.house, "R-1"))
    take_checkout(world.house, person_id=known.person_id, checkout_id=made.checkout_id)
    made.agree()
    return made


def later(world: OpenWorld, seconds: int) -> None:
    world.go_to(world.house.clock.now() + timedelta(seconds=seconds))
    work_until_idle(world)


def noted(world: OpenWorld) -> list[str]:
    """Return what was noted of lenders' words that could not be taken, or did not come."""
    with world.house.database.transaction() as tx:
        return [row[0] for row in tx.execute("SELECT reason FROM refused_word WHERE kind = 'lender' ORDER BY reason")]


def test_a_lender_that_decides_itself_offers_for_an_order_beside_the_others_and_pays_the_merchant(
    world: OpenWorld,
) -> None:
    lender = FakeLender(answers=deque([price(world, 91_000)]))
    at_shop = buyer(world, lender)
    world, house = at_shop.world, at_shop.world.house
    (answer,) = at_shop.ask().questions
    (application,) = lender.applications.values()
    assert (application.amount_fen, answer.state, answer.checkout_id) == (
        PRICE_FEN, QuestionState.OFFERED, at_shop.checkout_id,
    )  # fmt: skip
    offers = at_shop.offers()
    assert list(offers) == sorted(offers, key=lambda name: offers[name].cost.annual.effective_ppm)
    assert set(offers) == {LENDER_ZH, OTHER_ZH}
    chosen = offers[LENDER_ZH]
    until = checkout_view(house, merchant=MERCHANT, checkout_id=at_shop.checkout_id).expires_at
    assert (chosen.rate_year_ppm, chosen.offer.expires_at, answer.open_until) == (91_000, until, until)
    assert ask(world, at_shop.known, key="cash").questions[0].question_id != answer.question_id, "it is the order's own"
    sign = at_shop.ready(chosen.offer.offer_id)
    with pytest.raises(OrderNotAgreed):
        sign("wrong", agreed_hash="0" * 64)
    assert lender.funded == {}, "nobody pays in for what is not agreed to"
    signed = sign()
    assert sign() == signed
    work_until_idle(world)
    assert ([one.amount_fen for one in lender.funded.values()], at_shop.state) == ([PRICE_FEN], CheckoutState.PAID)
    assert world.bank.balance_fen(card_number=open_account(world)) == PRICE_FEN
    with pytest.raises(CheckoutUsed):
        at_shop.ask("again")
    assert_coherent(house)


def test_who_answers_late_joins_the_others_and_who_refuses_or_says_nothing_keeps_nobody_waiting(
    world: OpenWorld,
) -> None:
    slow = FakeLender(answers=deque([Later(), Later(), Later(), price(world, 91_000)]))
    other = FakeLender(answers=deque([Declined(reasons=(REASON,))]))
    at_shop = buyer(world, slow, other)
    world = at_shop.world
    assert [one.code for one in at_shop.ask("first").left_out] == ["consent_missing"]
    with pytest.raises(LendersUndecided):
        at_shop.offers()
    at_shop.agree(OTHER_ZH)
    states = {one.lender: one.state for one in at_shop.ask("second").questions}
    assert states == {"chengchuan": QuestionState.LATER, "tinglan": QuestionState.REFUSED}
    for seconds in (15, 30):
        with pytest.raises(LendersUndecided):
            at_shop.offers()
        later(world, seconds)
    assert set(at_shop.offers()) == {LENDER_ZH}
    at_shop.ask("third")
    assert (len(slow.applications), len(other.applications)) == (1, 1), "who refused is not asked anew"


@pytest.mark.parametrize("words", ["silence", "garbage"])
def test_a_question_is_over_when_its_order_is_and_no_message_says_so(world: OpenWorld, words: str) -> None:
    silences = deque(["timeout" if words == "silence" else "unreadable"] * 400)
    lender = FakeLender(answers=deque([price(world, 91_000)]), silences=silences)
    at_shop = buyer(world, lender)
    world, house = at_shop.world, at_shop.world.house
    at_shop.ask()
    assert set(at_shop.offers()) == {OTHER_ZH}
    while house.clock.now() < at_shop.question().open_until - timedelta(minutes=5):
        later(world, 300)
    assert at_shop.question().state is {"silence": QuestionState.ASKED, "garbage": QuestionState.PARKED}[words]
    world.go_to(at_shop.question().open_until)
    lender.silences.clear()
    work_until_idle(world)
    assert (at_shop.question().state, at_shop.state) == (QuestionState.EXPIRED, CheckoutState.EXPIRED)
    assert lender.applications == {}, "nobody is sent anything of an order that is over"
    assert ("lender_never_answered" in noted(world), told(world)) == (words == "silence", [])
    for act in (at_shop.ask, at_shop.offers):
        with pytest.raises(CheckoutOver):
            act()


def test_an_answer_that_comes_when_the_order_is_over_changes_nothing(world: OpenWorld) -> None:
    at_shop = buyer(world, FakeLender(answers=deque([Later()])))
    house = at_shop.world.house
    (asked,) = at_shop.ask().questions
    ahead = replace(house, clock=ClockAhead(world.clock, ahead=CHECKOUT_LASTS))
    with house.database.transaction() as tx:
        cell = tx.cell_of(at_shop.checkout_id)
    assert end_checkouts(ahead, cell=cell) == 1, "over for everybody, whatever their clocks say"
    heard = hear_answer(house, question_id=asked.question_id, word=price(world, 91_000))
    assert (heard.state, heard.offer, noted(world)) == (QuestionState.LATER, None, ["lender_answered_late"])
    later(at_shop.world, 15)
    assert at_shop.question().state is QuestionState.EXPIRED
    assert noted(world) == ["lender_answered_late", "lender_never_answered"]


def test_an_answer_that_comes_while_another_offer_is_being_signed_is_not_wanted_any_more(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender = FakeLender(answers=deque([Later()]))
    at_shop = buyer(world, lender)
    world, house = at_shop.world, at_shop.world.house
    (asked,) = at_shop.ask().questions
    at_shop.agree(OTHER_ZH)
    sign = at_shop.ready(at_shop.offers()[OTHER_ZH].offer.offer_id)
    with ThreadPoolExecutor(2) as pool, held(monkeypatch) as (there, go):
        signed = pool.submit(sign)
        assert there.wait(60)
        heard = pool.submit(hear_answer, house, question_id=asked.question_id, word=price(world, 91_000))
        wait([heard], timeout=HELD_SECONDS)
        go.set()
        assert isinstance(signed.result(60), Signed)
        assert heard.result(60).state is QuestionState.LATER
    asked_before = len(lender.said)
    later(world, 15)
    assert (at_shop.question().state, len(lender.said)) == (QuestionState.EXPIRED, asked_before)
    assert noted(world) == ["lender_answered_late"], "that it never answered is not its doing"
    assert loans_of(house) == [signed.result().loan_id]
    assert_coherent(house)


def test_of_two_offers_for_an_order_one_is_signed_and_the_other_lender_pays_nothing_in(world: OpenWorld) -> None:
    lender = FakeLender(answers=deque([price(world, 91_000)]))
    at_shop = buyer(world, lender)
    at_shop.ask()
    at_shop.agree(OTHER_ZH)
    offers = at_shop.offers()
    first = at_shop.ready(offers[LENDER_ZH].offer.offer_id)
    at_shop.world.go_to(at_shop.world.house.clock.now() + timedelta(minutes=1))
    second = at_shop.ready(offers[OTHER_ZH].offer.offer_id)
    second("second")
    with pytest.raises(CheckoutUsed):
        first("first")
    assert (lender.funded, len(loans_of(at_shop.world.house))) == ({}, 1)


def test_a_price_that_moves_at_the_checkout_still_pays_the_merchant_and_no_longer_than_the_order_lasts(
    world: OpenWorld,
) -> None:
    lender = FakeLender(answers=deque([price(world, 91_000)]))
    at_shop = buyer(world, lender)
    world, house = at_shop.world, at_shop.world.house
    at_shop.ask()
    old = at_shop.offers()[LENDER_ZH].offer.offer_id
    at_shop.read(old)
    lender.moves_to = price(world, 99_000)
    for _ in range(2):  # told again, it is the same
        with pytest.raises(PriceChanged) as changed:
            send_signing_code(house, person_id=at_shop.person_id, offer_id=old)
    new = UUID(str(changed.value.details["offer_id"]))
    with house.database.transaction() as tx:
        bound, known = checkout.of_offer(tx, offer_id=new), load_offer(tx, person_id=at_shop.person_id, offer_id=new)
    assert bound is not None
    assert (bound.checkout_id, known.expires_at) == (at_shop.checkout_id, bound.expires_at)
    sign = at_shop.ready(new)
    with pytest.raises(OrderNotAgreed):
        sign("wrong", agreed_hash="0" * 64)
    sign()
    work_until_idle(world)
    assert (at_shop.state, world.bank.balance_fen(card_number=open_account(world))) == (CheckoutState.PAID, PRICE_FEN)
    assert_coherent(house)


class Died(BaseException):
    """The process is gone: nothing is said or done any more, and what was not committed never was."""


@pytest.mark.parametrize("when", ["before the lender was asked", "while its answer was kept"])
def test_whoever_dies_between_question_and_answer_leaves_a_question_that_is_followed(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    lender = FakeLender(answers=deque([price(world, 91_000)]))
    at_shop = buyer(world, lender)
    world, house = at_shop.world, at_shop.world.house

    def die(*_: Any, **__: Any) -> LenderOffer:
        raise Died

    with monkeypatch.context() as patch:
        if when == "before the lender was asked":
            patch.setattr(FakeLender, "assess", die)
        else:
            patch.setattr(hear_lender.lender_question, "update", die)  # its word is written by then
        with pytest.raises(Died):
            at_shop.ask()
    assert at_shop.question().state is QuestionState.ASKED
    with house.database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM lender_word").fetchall() == [(0,)]
    assert set(at_shop.offers()) == {OTHER_ZH}
    later(world, 15)
    assert (set(at_shop.offers()), len(lender.applications)) == ({LENDER_ZH, OTHER_ZH}, 1)
    assert_coherent(house)


@pytest.mark.parametrize("dies", ["before it is booked", "before it is signed"])
def test_a_lender_that_paid_in_has_its_money_back_when_another_offer_pays_the_order(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    first, second = (FakeLender(answers=deque([price(world, ppm)])) for ppm in (91_000, 95_000))
    at_shop = buyer(world, first, second)
    world, house = at_shop.world, at_shop.world.house
    at_shop.agree(OTHER_ZH)
    at_shop.ask()
    offers = at_shop.offers()
    put_in = paid_in(house)
    sign = at_shop.ready(offers[LENDER_ZH].offer.offer_id)

    def die(*_: Any, **__: Any) -> None:
        raise Died

    with monkeypatch.context() as patch:
        where = {"before it is booked": (sign_with_lender, "book_funding")}
        patch.setattr(*where.get(dies, (signing, "require_confirmed")), die)
        with pytest.raises(Died):
            sign("first")
    world.go_to(house.clock.now() + timedelta(minutes=1))
    at_shop.ready(offers[OTHER_ZH].offer.offer_id)("second")
    (asked,) = first.funded.values()
    first.silences.append("timeout")
    for told_fen in ([], [PRICE_FEN], [PRICE_FEN]):  # silent, then heard, then not told again
        later(world, 61)
        assert [one.amount_fen for one, _ in first.returned.values()] == told_fen
        assert paid_in(house) == {**put_in, "tinglan": put_in["tinglan"] + PRICE_FEN}, "what is lent is the other's"
    assert [one.funding_number for one, _ in first.returned.values()] == [asked.number]
    assert (second.returned, len(loans_of(house)), noted(world)) == ({}, 1, ["timeout"])
    with pytest.raises(CheckoutUsed):
        sign("first")
    assert_coherent(house)
    with house.database.transaction() as tx:
        tx.execute("UPDATE lender_funding SET amount_fen = amount_fen + 1")
        assert len(lender_money(tx)) == (2 if dies == "before it is signed" else 1), "verify would say so"


def test_nothing_is_signed_on_an_offer_whose_money_was_called_off_whatever_a_clock_says(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender = FakeLender(answers=deque([price(world, 91_000)]))
    at_shop = buyer(world, lender)
    world, house = at_shop.world, at_shop.world.house
    at_shop.ask()
    put_in = paid_in(house)
    sign = at_shop.ready(at_shop.offers()[LENDER_ZH].offer.offer_id)
    ahead = replace(house, clock=ClockAhead(world.clock, ahead=CHECKOUT_LASTS))
    cell = house.database.cell_of(at_shop.person_id)
    fund = FakeLender.fund

    def slow(self: FakeLender, funding: LenderFunding) -> Funded | Later | NotSigned:
        assert call_off_fundings(ahead, cell=cell) == 1  # while the lender pays in
        return fund(self, funding)

    with monkeypatch.context() as patch:
        patch.setattr(FakeLender, "fund", slow)
        with pytest.raises(LenderNotSigned):
            sign("first")
    assert [type(word) for _, word in lender.returned.values()] == [NeverFunded]
    with pytest.raises(LenderCalledOff):
        sign("second")
    assert (lender.funded, paid_in(house), loans_of(house)) == ({}, put_in, [])
    assert_coherent(house)


def test_a_lender_whose_loan_ended_unpaid_has_its_money_back(world: OpenWorld) -> None:
    lender = FakeLender(answers=deque([price(world, 91_000)]))
    at_shop = buyer(world, lender)
    world, house = at_shop.world, at_shop.world.house
    at_shop.ask()
    put_in = paid_in(house)
    sign = at_shop.ready(at_shop.offers()[LENDER_ZH].offer.offer_id)
    world.bank.faults.plan("payout.entrust", Fault.REFUSE)
    signed = sign()
    world.go_to(house.clock.now() + timedelta(seconds=61))
    assert call_off_fundings(house, cell=house.database.cell_of(at_shop.person_id)) == 1  # signed: it is wanted
    work_until_idle(world)
    (asked,) = lender.funded.values()
    assert stage_of(house, signed.loan_id) is Stage.CANCELLED
    for _ in range(2):  # and is not told again
        later(world, 61)
        assert [one.funding_number for one, _ in lender.returned.values()] == [asked.number]
        assert paid_in(house) == put_in
    assert_coherent(house)


def stage_of(house: House, loan_id: UUID) -> Stage:
    with house.database.transaction() as tx:
        return loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id).state.stage


def paid_in(house: House) -> dict[str, int]:
    """Return what lenders have put in, in fen, by their code, in the whole book."""
    with house.database.transaction() as tx:
        rows = tx.execute("SELECT owner, sum(credits_posted_fen - debits_posted_fen)::bigint FROM account"
                          " WHERE code = %s GROUP BY owner", (int(AccountCode.LENDER_FUNDING),))  # fmt: skip
        found: dict[UUID, int] = dict(rows.fetchall())
    return {one.code: found.get(one.id, 0) for one in house.pack.lenders}
