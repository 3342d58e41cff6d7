"""S3: a loan inside a super-app (微信贷款): one application, offers of several institutions, money at a chosen time.

One person registers, is assessed once, compares what a bank with a guarantor, a consumer-finance company with and
without an insurer, and a microlender would take, chooses, is refused what may not be, is paid out when she wished, and
repays with reminders, in part early and then whole. Then she buys at a merchant's checkout by instalments, sends a part
back, and misses a bill, which the bank's guarantor pays on its day. Another is refused with reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from mingqu.client.answers import Offer, SignedContract
from mingqu.client.problem import Problem
from mingqu.demo.companies import companies
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.demo.steps import Steps, Why
from mingqu.demo.story import fund_lenders
from mingqu.demo.tell import Teller
from mingqu.demo.visit import READING, Visitor, apply, arrive, say_yes, sign_in_anew
from mingqu.demo.world import OnlineWorld
from mingqu.domain.calendar import add_months
from mingqu.domain.moment import start_of
from mingqu.domain.money import format_fen
from mingqu.domain.rate import format_percent
from mingqu.services.close.close_day import bring_up_today
from mingqu.services.partners.compensate_bills import compensate_bills

TITLE: Final = "A loan inside an app, from several institutions · 微信贷款"
BEGINS_ON: Final = date(2026, 12, 1)  # a bank with a guarantor and an insured product are offered by then
AMOUNT_FEN: Final = 1_000_000
_BALANCE_FEN: Final = 2_000_000
_EARLY_FEN: Final = 300_000
_AFTER_DAYS: Final = 30  # from which day late on the guarantor of the bank's product pays a bill
_CHAIR_FEN: Final = 150_000  # of two; what the shop gives back for one
_TEN: Final = timedelta(hours=10)
_NINE: Final = timedelta(hours=9, minutes=5)  # deductions go out at nine
_LIST: Final = "、"

_WHY: Final = {
    "no_limit": Why("没有可用的额度能覆盖这个金额。", "请减少金额。 Ask for less."),
    "cost_table_not_read": Why("还没有读完并确认成本明示表。", "请先读完成本明示表。 Read the cost table first."),
    "consent_missing": Why(
        "还没有单独同意向这家机构提供信息，或已撤回。",
        "请先单独同意向这家机构提供信息。 Agree that this lender gets your data.",
    ),
    "not_found": Why(
        "您名下没有这张卡。", "请使用本人名下已绑定的储蓄卡。 Take a debit card of your own that is bound."
    ),
    "payout_time_out_of_range": Why(
        "到账时间只能选现在起一周以内。", "请选一周以内的时间。 Choose a time within a week."
    ),
    "order_not_agreed": Why(
        "还没有同意这笔订单。", "请先看清商品与收款商家，再同意。 See what is bought and from whom, then agree."
    ),
    "funding_exhausted": Why(
        "这家机构今天可放的资金已用完，没有签约。", "请稍后再试，或选另一家。 Try again later, or take another lender."
    ),
}


def tell_story(world: OnlineWorld, tell: Teller, steps: Steps) -> None:
    """Live through the story."""
    world.go_to_date(BEGINS_ON)
    xia = arrive(world, XIA, balance_fen=_BALANCE_FEN)
    tell.identity()
    steps.take("she registers, proves her name and binds her own card · 注册与实名", "verified")
    decision = apply(world, xia, amount_fen=AMOUNT_FEN)
    tell.approved(decision)
    steps.take("she is assessed once, for all lenders · 一次评估", "approved" if decision.approved else "refused")
    stranger = arrive(world, ZHOU, balance_fen=0)
    told = _Told(world, xia, steps)
    told.compare()
    told.be_refused(stranger.instrument_id)
    told.sign()
    told.repay()
    told.buy()
    told.miss()
    refused = apply(world, arrive(world, CHUAN, balance_fen=0), amount_fen=AMOUNT_FEN)
    steps.refused(f"{CHUAN.alias} asks for 10,000.00 as well · 被拒", refused.reasons)


class _Told:
    """One person's loan, and what she does with it."""

    def __init__(self, world: OnlineWorld, visitor: Visitor, steps: Steps) -> None:
        self._world, self._visitor, self._client, self._steps = world, visitor, visitor.client, steps
        self._offer: Offer | None = None
        self._signed: SignedContract | None = None
        self._code = ""

    @property
    def _chosen(self) -> Offer:
        assert self._offer is not None, "she has chosen by now"
        return self._offer

    @property
    def _loan_id(self) -> UUID:
        assert self._signed is not None, "she has signed by now"
        return self._signed.loan_id

    def compare(self) -> None:
        """Ask every lender, and compare what each would take; nothing is chosen beforehand."""
        self._denied("she asks for 190,000.00 · 超出额度", lambda: self._ask(19_000_000))
        for place, one in enumerate(self._ask(AMOUNT_FEN), start=1):
            parts = _LIST.join(f"{part.collector} {format_fen(part.amount_fen)}" for part in one.costs)
            rate = f"{format_percent(one.annual_simple_ppm)} a year in all"
            what = f"{place}. {one.lender_zh} {one.lender_en}: {rate}, {format_fen(one.cost_fen)} ({parts})"
            self._steps.take(what, one.licence)
            if place == 1:
                self._offer = one

    def be_refused(self, card_of_other: UUID) -> None:
        """Try to sign what may not be signed; each is refused with what helps, and nothing is signed."""
        client, offer = self._client, self._chosen
        self._denied("she wants to sign what she has not read", self._send_code)
        table = client.show_costs(offer_id=offer.offer_id)
        read_at_once = partial(client.confirm_costs, disclosure_id=table.disclosure_id)
        self._denied("she says at once that she has read it", read_at_once)
        self._wait()
        client.confirm_costs(disclosure_id=table.disclosure_id)
        self._steps.take("she reads who takes what, and confirms · 成本明示表", "read")
        self._send_code()
        card = self._visitor.instrument_id
        self._denied(f"she has not agreed that {offer.lender_zh} gets her data", lambda: self._sign(card))
        say_yes(client, purpose="pass_to_lender", recipient=offer.lender_zh)
        self._steps.take(f"she agrees that {offer.lender_zh}, and nobody else, gets her data", "agreed")
        self._denied("she names the card of somebody else", lambda: self._sign(card_of_other))
        self._denied("she wants the money in a month", lambda: self._sign(card, days=30))
        self._denied("the bank has no money left for it today · 资金用完", lambda: self._sign(card))
        fund_lenders(self._world)

    def sign(self) -> None:
        """Agree to deductions, sign, and be paid when she wished."""
        client, card = self._client, self._visitor.instrument_id
        say_yes(client, purpose="auto_repayment", recipient=self._world.house.settings.operator_name)
        agreement_id = client.request_agreement(instrument_id=card)
        client.confirm_agreement(agreement_id=agreement_id, code=self._read_code())
        self._wait()
        self._send_code()
        self._signed = self._sign(card)
        self._steps.take("the bank has money again; she signs, to be paid tomorrow at ten · 约定放款时间", "signed")
        work_until_idle(self._world)
        assert self._payout() == "RESERVED", "no money moves before the time she chose"
        self._world.go_to(start_of(BEGINS_ON + timedelta(days=1)) + _TEN)
        work_until_idle(self._world)
        sign_in_anew(self._world, self._visitor)
        self._steps.take(
            f"{format_fen(AMOUNT_FEN)} arrive on her card, nothing kept back · 放款", self._payout().lower()
        )

    def repay(self) -> None:
        """Be reminded and deducted, repay a part early, and settle."""
        self._due(1)
        self._pay("prepay", _EARLY_FEN)
        self._due(2)
        owed = self._client.quote(loan_id=self._loan_id)
        what = f"everything today: {format_fen(owed.payoff_fen)}, interest and guarantee fee to the day"
        self._pay("payoff", None, what=what)
        self._client.certify(loan_id=self._loan_id)
        stage = self._client.loan(loan_id=self._loan_id).stage
        self._steps.take("she gets the certificate of settlement · 结清证明", stage)

    def buy(self) -> None:
        """Buy at a merchant's checkout by instalments: the merchant is paid and told; a chair goes back."""
        world, client = self._world, self._client
        for company in companies(world.house):
            world.meet(company, balance_fen=0)
        number, checkout_id = world.order_at_shop({"table": 1, "chair": 2})
        order = client.take_checkout(checkout_id=checkout_id)
        goods = "、".join(f"{one.name} × {one.quantity}" for one in order.items)
        what = f"she orders {goods} at {order.merchant_zh}, {format_fen(order.amount_fen)} · 商户分期"
        self._steps.take(what, order.state)
        offers = client.ask_for_order_offers(checkout_id=checkout_id, instalments=6, method="equal_instalment")
        self._offer = offers[0]
        self._read(offers[0])
        self._denied("she signs without having agreed to the order", lambda: self._sign_order("0" * 64))
        fund_lenders(world)
        self._signed = self._sign_order(order.order_hash)
        work_until_idle(world)
        told = world.told_to_shop(number)
        what = f"{self._chosen.lender_zh} pays the merchant, not her; the shop is told by a signed message: {told[-1]}"
        self._steps.take(what, client.checkout(checkout_id=checkout_id).state)
        world.give_back_at_shop(number, _CHAIR_FEN)
        self._wait()
        work_until_idle(world)
        left_fen = client.loan(loan_id=self._loan_id).outstanding_fen
        what = f"a chair goes back: {format_fen(_CHAIR_FEN)} less of the loan, {format_fen(left_fen)} are left · 退货"
        self._steps.take(what, world.told_to_shop(number)[-1])

    def miss(self) -> None:
        """Miss the first bill of the purchase: the guarantor pays just that one, and she owes it to the guarantor."""
        newcomer, client = self._visitor.newcomer, self._client
        self._world.deposit(newcomer, -self._world.balance_fen(newcomer))
        due = next(one.due for one in client.schedule(loan_id=self._loan_id).rows if one.paid_on is None)
        for day in (due, due + timedelta(days=1), due + timedelta(days=_AFTER_DAYS)):
            self._morning(day)
        compensate_bills(self._world.house)
        bill = next(one for one in client.schedule(loan_id=self._loan_id).rows if one.due == due)
        what = f"{due}: her card is empty; {_AFTER_DAYS} days late the guarantor pays that bill, and no other"
        claim = f"she owes {format_fen(bill.guarantor_fen)} to the guarantor, the rest to the bank · 分期代偿"
        self._steps.take(f"{what}: {claim}", "guarantor" if bill.guarantor_fen else bill.state)
        self._world.deposit(newcomer, _BALANCE_FEN)
        self._pay("due", None, what=f"{format_fen(bill.guarantor_fen)}, which is the guarantor's")

    def _read(self, offer: Offer) -> None:
        """Read an offer's cost table, agree that its lender gets her data, and get the code that signs."""
        table = self._client.show_costs(offer_id=offer.offer_id)
        self._wait()
        self._client.confirm_costs(disclosure_id=table.disclosure_id)
        say_yes(self._client, purpose="pass_to_lender", recipient=offer.lender_zh)
        self._send_code()

    def _sign_order(self, order_hash: str) -> SignedContract:
        return self._client.sign_contract(
            offer_id=self._chosen.offer_id, code=self._code, funds_contract_hash=order_hash
        )

    def _ask(self, amount_fen: int) -> list[Offer]:
        return self._client.ask_for_offers(amount_fen=amount_fen, instalments=12, method="equal_instalment")

    def _send_code(self) -> None:
        self._client.send_signing_code(offer_id=self._chosen.offer_id)
        self._code = self._read_code()

    def _read_code(self) -> str:
        return self._world.read_code(self._visitor.newcomer.phone).reveal()

    def _sign(self, card: UUID, *, days: int = 1) -> SignedContract:
        return self._client.sign_contract(
            offer_id=self._chosen.offer_id,
            instrument_id=card,
            code=self._code,
            payout_at=start_of(BEGINS_ON + timedelta(days=days)) + _TEN,
        )

    def _payout(self) -> str:
        assert self._signed is not None
        return self._client.order(order_id=self._signed.payout_order_id).state

    def _due(self, months: int) -> None:
        """Let days pass to the morning of an instalment: the reminder goes out, and the card is charged."""
        day = add_months(day=BEGINS_ON + timedelta(days=1), months=months)
        self._morning(day)
        row = next(one for one in self._client.schedule(loan_id=self._loan_id).rows if one.due == day)
        parts = f"principal {format_fen(row.principal_fen)}, interest {format_fen(row.interest_fen)}"
        paid_fen = row.principal_fen + row.interest_fen + row.fee_fen
        what = f"{day}: reminded and deducted {format_fen(paid_fen)} = {parts}, guarantee fee {format_fen(row.fee_fen)}"
        self._steps.take(f"{what} · 到期扣款", row.state)

    def _morning(self, day: date) -> None:
        """Let days pass to the morning of one, on which bills fall due and cards are charged, and sign in anew."""
        self._world.go_to_date(day)
        bring_up_today(self._world.house)
        self._world.go_to(start_of(day) + _NINE)
        work_until_idle(self._world)
        sign_in_anew(self._world, self._visitor)

    def _pay(self, intent: str, amount_fen: int | None, *, what: str = "") -> None:
        order = self._client.make_payment(loan_id=self._loan_id, intent=intent, amount_fen=amount_fen)
        self._client.open_payment_page(order_id=order.order_id)
        self._world.pay_page(self._visitor.newcomer, order.order_id)
        self._wait()
        work_until_idle(self._world)
        self._steps.take(f"she repays {what or format_fen(order.amount_fen) + ' early'} · 提前还款", "paid")

    def _wait(self) -> None:
        self._world.go_to(self._world.house.clock.now() + READING)

    def _denied(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except Problem as problem:
            self._steps.denied(what, problem, why=_WHY[problem.code])
            return
        raise AssertionError(f"this is refused: {what}")
