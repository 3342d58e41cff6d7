"""S0: a car on a card whose money goes where its contract says, and nowhere else, to the fen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mingqu.demo.journey import READING, Known, work_until_idle
from mingqu.demo.people import ZHOU
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.decision.auto_loan import DownPaymentTooSmall
from mingqu.domain.loan import Stage
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.bind_money import FundsContractNotAgreed, card_of_loan
from mingqu.services.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.give_consent import give_consent
from mingqu.services.house import House
from mingqu.services.make_offers import NoLimit
from mingqu.services.open_card import EvidenceUnknown
from mingqu.services.quote_car import CarQuote, CarWish, DealerNotInContract, car_products, dealers_of, quote_car
from mingqu.services.send_signing_code import send_signing_code
from mingqu.services.sign_contract import Signed, sign_contract
from mingqu.services.spend_card import AUTHORISE, Asked, Word, hear_card
from mingqu.store import loan
from tests.journeys.reading import arrive, assert_coherent, limit_of, rows_of
from tests.world import OpenWorld

INVOICE = {"invoice": Personal("FP-2026-000017")}
WISH = CarWish(
    product_id="chengchuan-auto-card", merchant="DLR-MINGHE-001", price_fen=7_500_000, down_payment_fen=2_500_000,
    instalments=24, method="equal_instalment", papers={},
)  # fmt: skip
DEALER = Asked(merchant="DLR-MINGHE-001", category="5511", currency="CNY", channel="pos", device="D1", place="CN")


@dataclass
class Buyer:
    """Somebody who buys a car, with the companies that are paid for it known to the bank."""

    world: OpenWorld
    known: Known

    @property
    def house(self) -> House:
        return self.world.house

    def quote(self, key: str, **change: Any) -> CarQuote:
        wish = replace(WISH, **change)
        return quote_car(self.house, person_id=self.known.person_id, wish=wish, key=key)

    def sign(self, made: CarQuote, *, agreed_hash: str | None) -> Signed:
        offer_id, person_id = made.offered.offer.offer_id, self.known.person_id
        table = show_cost_table(self.house, person_id=person_id, offer_id=offer_id)
        self.world.go_to(self.house.clock.now() + READING)
        confirm_cost_table(self.house, person_id=person_id, disclosure_id=table.disclosure_id)
        give_consent(
            self.house, person_id=person_id, purpose=ConsentPurpose.PASS_TO_LENDER,
            recipient=made.offered.lender_name_zh, key="consent",
        )  # fmt: skip
        send_signing_code(self.house, person_id=person_id, offer_id=offer_id)
        return sign_contract(
            self.house, person_id=person_id, offer_id=offer_id, instrument_id=None, payout_at=None,
            code=self.world.read_code(ZHOU.phone), key=f"sign {agreed_hash}", agreed_hash=agreed_hash,
        )  # fmt: skip

    def ask(self, card_id: UUID, reference: str, amount_fen: int, asked: Asked = DEALER) -> dict[str, object]:
        word = Word(card_id=card_id, kind=AUTHORISE, reference=reference, amount_fen=amount_fen, asked=asked)
        return hear_card(self.house, word=word)

    def say(self, card_id: UUID, kind: str, reference: str, of: str, amount_fen: int = 0) -> dict[str, object]:
        word = Word(card_id=card_id, kind=kind, reference=reference, amount_fen=amount_fen, of=of)
        return hear_card(self.house, word=word)

    def paid_fen(self, merchant: str) -> int:
        """Return what arrived at a company."""
        return self.world.bank.balance_fen(card_number=Personal(self.payees[merchant]))

    @property
    def payees(self) -> dict[str, str]:
        named = dealers_of(self.house, of=car_products(self.house)[0])
        return {merchant: company.account for merchant, company in named.items()}


@pytest.fixture
def buyer(world: OpenWorld) -> Buyer:
    for company in dealers_of(world.house, of=car_products(world.house)[0]).values():
        world.bank.open_card(
            card_number=Personal(company.account),
            holder_name=Personal(company.name),
            id_number=Personal("company"),
            phone=Personal("0210000"),
        )
    return Buyer(world=world, known=arrive(world, ZHOU, balance_fen=9_000_000))


def test_the_money_of_a_car_lies_on_its_card_and_is_repaid_as_a_loan(buyer: Buyer) -> None:
    house, person_id = buyer.house, buyer.known.person_id
    plain, proved = buyer.quote("plain"), buyer.quote("proved", papers=INVOICE)
    assert (plain.quoted.amount_fen, plain.payee_name) == (5_000_000, "澄川银行车贷卡专户")
    assert proved.quoted.rate_year_ppm < plain.quoted.rate_year_ppm  # what is proved beforehand costs less
    assert buyer.quote("proved", papers=INVOICE).quoted == proved.quoted
    before = rows_of(house)
    refused: list[tuple[dict[str, Any], type[Refusal]]] = [
        ({"down_payment_fen": 100_000}, DownPaymentTooSmall),
        ({"merchant": "INS-PINGHU-001"}, DealerNotInContract),
        ({"price_fen": 22_500_000, "down_payment_fen": 5_000_000}, NoLimit),
        ({"papers": {"selfie": Personal("1")}}, EvidenceUnknown),
    ]
    for change, refusal in refused:
        with pytest.raises(refusal):
            buyer.quote("refused", **change)
    assert rows_of(house) == before
    with pytest.raises(FundsContractNotAgreed):
        buyer.sign(proved, agreed_hash=None)
    buyer.world.go_to(house.clock.now() + READING)
    signed = buyer.sign(proved, agreed_hash=proved.quoted.contract_hash)
    work_until_idle(buyer.world)
    assert buyer.paid_fen("CARD-CHENGCHUAN") == 5_000_000
    with house.database.transaction() as tx:
        of = loan.get_for(tx, person_id=person_id, loan_id=signed.loan_id)
    assert (of.state.stage, of.state.disbursed_fen) == (Stage.ACTIVE, 5_000_000)
    card_id = card_of_loan(signed.loan_id)
    assert buyer.ask(card_id, "a-1", 5_000_000)["clause"] == "dealer-pos"
    assert buyer.say(card_id, "capture", "c-1", "a-1", 5_000_000)["outcome"] == "captured"
    assert buyer.ask(card_id, "a-2", 1)["clause"] == "total"
    assert limit_of(house, person_id).drawn == 5_000_000
    assert_coherent(house)


def test_the_bank_pays_the_dealer_itself_and_the_buyer_never_holds_the_money(buyer: Buyer) -> None:
    house = buyer.house
    quoted = buyer.quote("direct", product_id="chengchuan-auto-dealer")
    assert quoted.quoted.rate_year_ppm < buyer.quote("card").quoted.rate_year_ppm  # a tighter way costs less
    signed = buyer.sign(quoted, agreed_hash=quoted.quoted.contract_hash)
    work_until_idle(buyer.world)
    assert (buyer.paid_fen("DLR-MINGHE-001"), buyer.world.balance_fen(ZHOU)) == (5_000_000, 9_000_000)
    card_id = card_of_loan(signed.loan_id)
    with house.database.transaction() as tx:
        ((merchant, state, captured_fen),) = tx.execute(
            "SELECT merchant, state, captured_fen FROM purpose_spend WHERE card_id = %s", (card_id,)
        )
    assert (merchant, state, captured_fen) == ("DLR-MINGHE-001", "captured", 5_000_000)
    assert buyer.ask(card_id, "a-1", 1)["reason"] == "above_total"
    buyer.world.go_to(house.clock.now() + timedelta(days=1))
    assert_coherent(house)
