"""S0: a car on a card whose money goes where its contract says, and nowhere else, to the fen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from mingqu.demo.journey import READING, Known, work_until_idle
from mingqu.demo.people import ZHOU
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.decision.auto_loan import DownPaymentTooSmall
from mingqu.domain.loan import Accelerated, Repaid, Stage
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed, MakerIsChecker
from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Failed
from mingqu.services.changes.watch_card import CardNotFrozen, CardWithoutMoney, open_alerts
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import Signed, sign_contract
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.house import House
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import NoLimit
from mingqu.services.privacy.give_consent import give_consent
from mingqu.services.proposals.propose import approve, propose
from mingqu.services.purpose.bind_card import CardWalletUnknown, ask_for_binding, bindings_of
from mingqu.services.purpose.bind_money import FundsContractNotAgreed, card_of_loan
from mingqu.services.purpose.open_card import EvidenceUnknown, bring_evidence, freeze_card
from mingqu.services.purpose.quote_car import (
    CarQuote,
    CarWish,
    DealerNotInContract,
    car_products,
    dealers_of,
    quote_car,
)
from mingqu.services.purpose.read_card import card_view
from mingqu.services.purpose.spend_card import AUTHORISE, Asked, Word, hear_card
from mingqu.services.repayment.return_unspent import UnspentDiffers, source_of
from mingqu.store.loans import loan
from mingqu.store.parties import party
from mingqu.store.proof.purpose import purposes
from mingqu.store.purposes import purpose
from tests.journeys.api import open_site, sign_in
from tests.journeys.reading import arrive, assert_coherent, limit_of, rows_of
from tests.journeys.test_disputed_orders import check, decide, hear
from tests.journeys.two_people import seat_of
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

    def bought(self, product_id: str, **change: Any) -> UUID:
        """Buy the car, and return the card of its money."""
        made = self.quote(product_id, product_id=product_id, **change)
        signed = self.sign(made, agreed_hash=made.quoted.contract_hash)
        work_until_idle(self.world)
        return card_of_loan(signed.loan_id)

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


def test_a_card_goes_into_no_wallet_to_spend_and_the_reasons_say_what_helps(buyer: Buyer) -> None:
    house, person_id = buyer.house, buyer.known.person_id
    card_id = buyer.bought("chengchuan-auto-card")

    def asked(wallet: str, use: str) -> tuple[str, list[str]]:
        made = ask_for_binding(
            house, person_id=person_id, card_id=card_id, wallet=wallet, use=use, key=f"{wallet} {use}"
        )
        assert all(one.remedy_zh and one.remedy_en for one in made.reasons)
        return made.outcome, [one.code for one in made.reasons]

    assert asked("wechat", "spend") == ("refused", ["issuer_repay_only", "money_mixed", "rails_bridged"])
    assert asked("wechat", "repay") == ("limited", ["repay_only", "money_mixed_repay_only"])
    assert asked("chengchuan-bank", "spend") == ("allowed", [])
    assert asked("river-purse", "repay")[1][:2] == ["issuer_forbids", "wallet_tier_too_low"]
    before = rows_of(house)
    with pytest.raises(CardWalletUnknown):
        asked("mattress", "repay")
    with pytest.raises(NotFound):
        ask_for_binding(house, person_id=person_id, card_id=person_id, wallet="wechat", use="repay", key="x")
    assert rows_of(house) == before
    freeze_card(house, card_id=card_id, reason="alert")
    made = ask_for_binding(house, person_id=person_id, card_id=card_id, wallet="chengchuan-bank", use="repay", key="y")
    (one,) = made.reasons
    assert (made.outcome, one.code, one.retry_on) == (
        "refused", "card_frozen", house.clock.business_date() + timedelta(days=7),
    )  # fmt: skip
    assert len(bindings_of(house, person_id=person_id, card_id=card_id)) == 5
    assert_coherent(house)


def test_a_card_that_leaves_its_purpose_is_frozen_by_rule_and_let_go_on_by_two(buyer: Buyer) -> None:
    house, card_id = buyer.house, buyer.bought("chengchuan-auto-card")
    risk, other = seat_of(house, "risk"), seat_of(house, "risk", name="risk-2")
    casino = replace(DEALER, merchant="CASINO-1", category="7995")
    for number in range(3):
        buyer.ask(card_id, f"n-{number}", 100, casino)
        work_until_idle(buyer.world)
    found = open_alerts(house, seat=risk)
    assert [(one.alert.rule, one.alert.deed) for one in found].count(("cash_like", "watch")) == 3
    assert {one.frozen_for for one in found} == {"cash_like"}
    assert buyer.ask(card_id, "a-1", 100)["reason"] == "card_frozen"
    made = propose(
        house, seat=risk, deed=Deed.THAW_CARD, subject_id=card_id, asked={}, reason="已电话核实本人", key="t"
    )
    with pytest.raises(MakerIsChecker):
        approve(house, seat=risk, proposal_id=made)
    approve(house, seat=other, proposal_id=made)
    assert (open_alerts(house, seat=risk), buyer.ask(card_id, "a-2", 100)["outcome"]) == ([], "approved")
    with pytest.raises(CardNotFrozen):
        propose(house, seat=risk, deed=Deed.THAW_CARD, subject_id=card_id, asked={}, reason="已电话核实本人", key="u")
    buyer.say(card_id, "release", "r-1", "a-2")
    work_until_idle(buyer.world)
    assert open_alerts(house, seat=risk) == []  # what two people closed is not found anew
    assert_coherent(house)
    forgotten(buyer)


def forgotten(buyer: Buyer) -> None:
    """Where a card was tried goes with whoever is erased, and with nobody else; words stay what they are otherwise."""
    person_id, database = buyer.known.person_id, buyer.house.database
    with database.transaction() as tx, pytest.raises(psycopg.errors.RaiseException):
        purpose.forget_places(tx, person_id=person_id)
    with database.transaction() as tx:
        tx.script("DELETE FROM retention_hold; DELETE FROM person_reference")
        tried = "SELECT said::text || facts::text FROM purpose_message JOIN purpose_alert USING (cell, card_id)"
        assert any("CASINO-1" in text for (text,) in tx.execute(tried).fetchall())
        party.erase(tx, person_id=person_id, at=buyer.house.clock.now())
        kept = tx.execute(tried).fetchall()
        assert kept
        assert not any(word in text for (text,) in kept for word in ("CASINO-1", "device", "place"))
        with pytest.raises(psycopg.errors.RaiseException):
            tx.execute("UPDATE purpose_message SET answer = '{}'")


def test_money_that_came_back_is_spent_from_no_card_and_nobody_lets_it_be(buyer: Buyer) -> None:
    house, made = buyer.house, buyer.quote("card")
    signed = buyer.sign(made, agreed_hash=made.quoted.contract_hash)
    work_until_idle(buyer.world)
    assert hear(buyer.world, signed.payout_order_id, Failed(code="returned")).disputed
    check(buyer.world, decide(buyer.world, signed.payout_order_id, "returned"))
    card_id = card_of_loan(signed.loan_id)
    assert buyer.ask(card_id, "a-1", 100)["reason"] == "card_frozen"
    with pytest.raises(CardWithoutMoney):
        propose(
            house, seat=seat_of(house, "risk"), deed=Deed.THAW_CARD, subject_id=card_id, asked={},
            reason="已电话核实本人", key="t",
        )  # fmt: skip
    assert limit_of(house, buyer.known.person_id).drawn == 0
    assert_coherent(house)


def test_a_dealer_whose_payment_came_back_is_paid_again_over_the_api_and_the_card_goes_on(buyer: Buyer) -> None:
    house, world, person_id = buyer.house, buyer.world, buyer.known.person_id
    made = buyer.quote("direct", product_id="chengchuan-auto-dealer")
    signed = buyer.sign(made, agreed_hash=made.quoted.contract_hash)
    work_until_idle(world)
    card_id = card_of_loan(signed.loan_id)
    assert world.bank.return_payout(order_number=signed.payout_order_id.hex)
    assert hear(world, signed.payout_order_id, Failed(code="returned")).disputed
    check(world, decide(world, signed.payout_order_id, "returned"))
    work_until_idle(world)
    view = card_view(house, person_id=person_id, card_id=card_id)
    assert (view.frozen_for, view.used_fen, [one.due_on for one in view.papers]) == ("payout_came_back", 0, [None] * 3)
    assert_coherent(house)
    freeze_card(house, card_id=card_id, reason=None)
    assert any(
        "is not stopped" in one for one in verify_book(database=house.database, keyring=house.keyring).findings[7]
    )
    freeze_card(house, card_id=card_id, reason="payout_came_back")
    with open_site(world) as site:
        client = sign_in(site, ZHOU)
        address, headers = f"/v1/loans/{signed.loan_id}/payout", {"authorization": f"Bearer {client.token}"}
        before = rows_of(house)
        to_card = site.http.post(
            address, json={"instrument_id": str(buyer.known.instrument_id)}, headers={**headers, "idempotency-key": "c"}
        )
        assert (to_card.status_code, to_card.json()["code"]) == (409, "payee_named")
        assert rows_of(house) == before
        told = [site.http.post(address, json={}, headers={**headers, "idempotency-key": "again"}) for _ in range(2)]
        assert [one.status_code for one in told] == [201, 201]
        assert told[0].json() == told[1].json()
    work_until_idle(world)
    assert buyer.paid_fen("DLR-MINGHE-001") == 5_000_000
    view = card_view(house, person_id=person_id, card_id=card_id)
    assert (view.frozen_for, view.used_fen, all(one.due_on for one in view.papers)) == (None, 5_000_000, True)
    with house.database.transaction() as tx:
        spends = tx.execute(
            "SELECT state, captured_fen - returned_fen FROM purpose_spend WHERE card_id = %s ORDER BY 1", (card_id,)
        ).fetchall()
        assert spends == [("captured", 5_000_000), ("reversed", 0)]
        assert loan.get_for(tx, person_id=person_id, loan_id=signed.loan_id).state.stage is Stage.ACTIVE
    assert_coherent(house)


def test_what_nobody_spent_pays_the_loan_when_the_contract_is_over(buyer: Buyer) -> None:
    house, world, person_id = buyer.house, buyer.world, buyer.known.person_id
    papers = {kind: Personal(f"{kind}-1") for kind in ("invoice", "registration", "insurance")}
    card_id = buyer.bought("chengchuan-auto-card", papers=papers)
    buyer.ask(card_id, "a-1", 4_990_000)
    buyer.say(card_id, "capture", "c-1", "a-1", 4_990_000)
    view = card_view(house, person_id=person_id, card_id=card_id)
    loan_id = view.loan_id
    assert loan_id is not None
    maker, checker = (seat_of(house, "operations", name=name) for name in ("maker", "checker"))

    def book(amount_fen: int, key: str) -> UUID:
        asked: dict[str, Any] = {
            "amount_fen": amount_fen, "value_date": house.clock.business_date().isoformat(), "intent": "prepay",
            "source": source_of(card_id),
        }  # fmt: skip
        return propose(
            house, seat=maker, deed=Deed.BOOK_RECEIPT, subject_id=loan_id, asked=asked, reason="车贷卡到期余款", key=key
        )

    def told(template: str) -> int:
        world.go_to(house.clock.now() + timedelta(hours=11))  # nobody is told anything at night
        work_until_idle(world)
        return [one.template for one in world.sms.inbox(phone=ZHOU.phone)].count(template)

    with pytest.raises(UnspentDiffers):
        book(10_000, "too early")
    for days, many in ((60, 0), (30, 1)):
        world.go_to_date(view.contract.ends_on - timedelta(days=days))
        work_until_idle(world)
        assert told("card.unspent_soon") == many
    assert card_view(house, person_id=person_id, card_id=card_id).frozen_for is None
    world.go_to_date(view.contract.ends_on)
    work_until_idle(world)
    assert told("card.unspent_over") == 1
    assert card_view(house, person_id=person_id, card_id=card_id).frozen_for == "unspent_at_end"
    before = rows_of(house)
    with pytest.raises(UnspentDiffers):
        book(9_999, "less")
    assert rows_of(house) == before
    approve(house, seat=checker, proposal_id=book(10_000, "right"))
    assert card_view(house, person_id=person_id, card_id=card_id).left_fen == 0
    with house.database.transaction() as tx:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        assert [one.amount_fen for one in loan.events(tx, loan=of) if isinstance(one, Repaid)] == [10_000]
    assert_coherent(house)
    with house.database.transaction() as tx:
        tx.script("ALTER TABLE transfer DISABLE TRIGGER ALL; UPDATE transfer SET amount_fen = 9999 WHERE reason = 83")
        assert [one for one in purposes(tx) if "money is still there" in one]


def test_a_paper_that_never_comes_freezes_the_card_and_makes_the_whole_loan_due(buyer: Buyer) -> None:
    house, person_id = buyer.house, buyer.known.person_id
    card_id = buyer.bought("chengchuan-auto-dealer", papers=INVOICE)
    bring_evidence(
        house, person_id=person_id, card_id=card_id, kind="registration", number=Personal("R-1"), key="registration"
    )
    paid_on = house.clock.business_date()
    buyer.world.go_to_date(paid_on + timedelta(days=30))
    work_until_idle(buyer.world)
    view = card_view(house, person_id=person_id, card_id=card_id)
    assert (view.frozen_for, [one.kind for one in view.papers if one.overdue]) == (None, [])
    buyer.world.go_to_date(paid_on + timedelta(days=31))
    work_until_idle(buyer.world)
    view = card_view(house, person_id=person_id, card_id=card_id)
    assert (view.frozen_for, [one.kind for one in view.papers if one.overdue]) == ("evidence_overdue", ["insurance"])
    assert view.loan_id is not None
    buyer.world.go_to_date(paid_on + timedelta(days=61))
    for _ in range(2):  # a worker that comes again does nothing again
        work_until_idle(buyer.world)
    with house.database.transaction() as tx:
        of = loan.get_for(tx, person_id=person_id, loan_id=view.loan_id)
        kinds = [type(one) for one in loan.events(tx, loan=of)]
    assert kinds.count(Accelerated) == 1
    assert of.state.principal_outstanding_fen == of.state.payable.principal_fen == 5_000_000
    assert_coherent(house)
