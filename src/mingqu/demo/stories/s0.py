"""S0: a car on a card whose money goes where its contract says (车贷卡).

One person asks what a car would cost, with and without its papers; agrees to what the money is for, and signs; the
money lies on a card that pays the dealer and nobody else; no wallet may spend it; what looks like cash freezes it.
"""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from mingqu.client.car import CarQuoted
from mingqu.demo.companies import companies
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import ZHOU
from mingqu.demo.steps import Steps, Why
from mingqu.demo.story import fund_lenders
from mingqu.demo.tell import Teller
from mingqu.demo.visit import READING, Visitor, apply, arrive, say_yes
from mingqu.demo.world import OnlineWorld
from mingqu.domain.money import format_fen
from mingqu.services.purpose.spend_card import AUTHORISE, Asked, Word, hear_card

TITLE: Final = "A car on a card whose money has a purpose · 车贷卡"
_PRICE_FEN: Final = 7_500_000
_DOWN_FEN: Final = 2_500_000
_DEALER: Final = "DLR-MINGHE-001"
_DECLINED: Final = {
    "cash_like_merchant": Why("不能套取现金。 This is as good as cash", "请直接付给车商。 Pay the dealer."),
    "card_frozen": Why("卡已冻结。 The card is frozen", "请联系我们解冻。 Ask us to let it go on."),
}


def tell_story(world: OnlineWorld, tell: Teller, steps: Steps) -> None:
    """Live through the story."""
    fund_lenders(world)
    for company in companies(world.house):
        world.meet(company, balance_fen=0)
    zhou = arrive(world, ZHOU, balance_fen=9_000_000)
    tell.identity()
    apply(world, zhou, amount_fen=1_000_000)
    told = _Told(world, zhou, steps)
    card_id = told.buy()
    told.spend(card_id)
    told.ask_wallets(card_id)
    told.try_for_cash(card_id)


class _Told:
    """One person's car, and the card its money lies on."""

    def __init__(self, world: OnlineWorld, visitor: Visitor, steps: Steps) -> None:
        self._world, self._visitor, self._client, self._steps = world, visitor, visitor.client, steps
        self._said = 0

    def buy(self) -> UUID:
        """Compare quotes, read the costs, agree to the contract of the money, sign; return the card."""
        self._quote("chengchuan-auto-card", papers={})
        self._quote("chengchuan-auto-dealer", papers={})
        made = self._quote("chengchuan-auto-card", papers={"invoice": "FP-2026-000017"})
        client, offer_id = self._client, made.offer.offer_id
        table = client.show_costs(offer_id=offer_id)
        self._world.go_to(self._world.house.clock.now() + READING)
        client.confirm_costs(disclosure_id=table.disclosure_id)
        say_yes(client, purpose="pass_to_lender", recipient=made.offer.lender_zh)
        client.send_signing_code(offer_id=offer_id)
        code = self._world.read_code(self._visitor.newcomer.phone).reveal()
        client.sign_contract(offer_id=offer_id, code=code, funds_contract_hash=made.funds_contract_hash)
        self._steps.take(f"signed, with the contract of its money {made.funds_contract_hash[:12]}… · 签约", "signed")
        work_until_idle(self._world)
        (card,) = client.purpose_cards()
        self._steps.take(f"{format_fen(card.limit_fen)} to {made.payee_name} · 受托支付到专户", "paid")
        return card.card_id

    def spend(self, card_id: UUID) -> None:
        """Pay the dealer by the card."""
        self._ask(card_id, "the dealer · 车商刷卡", _DEALER, "5511", 4_990_000)
        word = Word(card_id=card_id, kind="capture", reference="taken", amount_fen=4_990_000, of="w1")
        self._steps.take("the dealer takes it · 扣款", str(hear_card(self._world.house, word=word)["outcome"]))
        for paper in self._client.purpose_card(card_id=card_id).papers:
            owed = "on file" if paper.brought else f"due by {paper.due_on or date.max}"
            self._steps.take(f"{paper.kind}: {owed} · 凭证", "brought" if paper.brought else "owed")

    def ask_wallets(self, card_id: UUID) -> None:
        """Ask whether wallets may take the card."""
        for wallet, use in (("wechat", "spend"), ("wechat", "repay"), ("chengchuan-bank", "spend")):
            made = self._client.ask_wallet_binding(card_id=card_id, wallet=wallet, use=use)
            what = f"{wallet}, to {use} · 绑定钱包"
            if made.outcome == "refused":
                self._steps.refused(what, made.reasons)
            else:
                self._steps.take(what, made.outcome)

    def try_for_cash(self, card_id: UUID) -> None:
        """Try the card where it is as good as cash, until the monitor freezes it."""
        for time in ("once", "twice", "a third time"):
            self._ask(card_id, f"an exchange, tried {time} · 套现商户", "EXCHANGE-1", "6051", 5_000)
            work_until_idle(self._world)
        self._ask(card_id, "the dealer again · 再到车商", _DEALER, "5511", 5_000)
        frozen = self._client.purpose_card(card_id=card_id).frozen_for
        self._steps.take(f"the card is frozen by its monitor, for {frozen} · 冻结", "frozen" if frozen else "open")

    def _quote(self, product_id: str, *, papers: dict[str, str]) -> CarQuoted:
        made = self._client.ask_car_quote(
            product_id=product_id,
            merchant=_DEALER,
            price_fen=_PRICE_FEN,
            down_payment_fen=_DOWN_FEN,
            instalments=24,
            method="equal_instalment",
            papers=papers,
        )
        known = f"{'with its invoice' if papers else 'no papers yet'}, {made.rate_year_ppm / 10_000:.2f} % a year"
        self._steps.take(f"{made.offer.product_zh} {format_fen(made.offer.principal_fen)}, {known} · 报价", "quoted")
        return made

    def _ask(self, card_id: UUID, what: str, merchant: str, category: str, amount_fen: int) -> None:
        self._said += 1
        asked = Asked(merchant=merchant, category=category, currency="CNY", channel="pos", device="D1", place="CN")
        word = Word(card_id=card_id, kind=AUTHORISE, reference=f"w{self._said}", amount_fen=amount_fen, asked=asked)
        answer = hear_card(self._world.house, word=word)
        said = f"{format_fen(amount_fen)} to {what}"
        if answer["outcome"] == "approved":
            self._steps.take(f"{said}, by clause {answer['clause']}", "approved")
        else:
            code = str(answer["reason"])
            why = _DECLINED[code]
            text = f"{why.text_zh}, by clause {answer['clause']}."
            self._steps.declined(said, code=code, text=text, remedy=why.remedy)
