"""S1: a spend account and a line of cash under one ceiling, linked by a decision (花呗 / 借呗).

One person opens both by their terms, spends and draws, is billed, pays in instalments, is late and frozen on both,
pays and is let in again, asks whether the two may be linked, and lets the next bills be deducted.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.client.problem import Problem
from mingqu.client.spend_answers import SpendStatement
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.steps import Steps, Why
from mingqu.demo.story import fund_lenders
from mingqu.demo.tell import Teller
from mingqu.demo.visit import Visitor, apply, arrive, say_yes, sign_in_anew
from mingqu.demo.world import OnlineWorld
from mingqu.domain.calendar import add_months
from mingqu.domain.moment import start_of
from mingqu.domain.money import format_fen
from mingqu.services.revolving.pay_merchant import capture_purchase, refund_purchase

TITLE: Final = "A spend account and a line of cash under one ceiling · 花呗与借呗"
_SELLER: Final = "河畔书店"
_NINE: Final = timedelta(hours=9, minutes=1)  # when deductions have gone out
_BALANCE_FEN: Final = 6_000_000
_WHY: Final = {
    "limit_exceeded": Why("可用额度不足。", "请减少金额，或先还款。 Ask for less, or repay first."),
    "minimum_not_convertible": Why("最低还款额不能分期。", "最低还款请用钱还。 Pay the least payment in money."),
    "consent_missing": Why(
        "还没有账单自动还款的授权，或已撤回。",
        "请先阅读并同意账单自动还款协议。 Read the agreement on bills and agree to it.",
    ),
    "drawing_frozen": Why(
        "有逾期未还的款项，新的借款已暂停。", "还清逾期即恢复。 Pay what is overdue, and it opens again."
    ),
}


def tell_story(world: OnlineWorld, tell: Teller, steps: Steps) -> None:
    """Live through the story."""
    fund_lenders(world)
    xia = arrive(world, XIA, balance_fen=_BALANCE_FEN)
    tell.identity()
    apply(world, xia, amount_fen=1_000_000)
    told = _Told(world, xia, steps)
    told.open_both()
    told.spend_and_draw()
    told.read_the_bill()
    told.be_late_and_cured()
    told.let_bills_be_deducted()


class _Told:
    """One person's two accounts, and what she does with them."""

    def __init__(self, world: OnlineWorld, visitor: Visitor, steps: Steps) -> None:
        self._world, self._visitor, self._client, self._steps = world, visitor, visitor.client, steps
        self._began = world.house.clock.business_date()
        self._accounts: dict[str, UUID] = {}

    @property
    def _spend_id(self) -> UUID:
        return self._accounts["spend_line"]

    @property
    def _cash_id(self) -> UUID:
        return self._accounts["cash_line"]

    def open_both(self) -> None:
        """Open what is offered, by the terms that are shown."""
        for one in self._client.spend_products():
            made = self._client.open_spend_account(product_id=one.product_id, terms_hash=one.terms_hash)
            self._accounts[one.kind] = made.account_id
            self._steps.take(f"{one.product_zh} {one.product_en}, limit {format_fen(one.limit_fen)}", "opened")

    def spend_and_draw(self) -> None:
        """Spend twice and draw once; what the ceiling does not cover is refused."""
        books = self._buy("books", 100_000)
        self._buy("sofa", 370_000)
        order = self._client.draw_from_line(
            account_id=self._cash_id, instrument_id=self._visitor.instrument_id, amount_fen=1_000_000
        )
        work_until_idle(self._world)
        state = self._client.order(order_id=order.order_id).state
        self._steps.take("10,000.00 of cash to her own card · 借款到本人银行卡", state.lower())
        self._denied("more than the ceiling has left · 超出总额度", lambda: self._authorize("car", 1_700_000))
        refund_purchase(self._world.house, purchase_id=books, number="back", amount_fen=30_000)
        self._steps.take("300.00 of the books come back before the bill · 出账前退款", "refunded")

    def read_the_bill(self) -> None:
        """Read the bill, pay part of it in instalments and the rest in money."""
        self._pass_to(self._month(1).replace(day=5))
        bill = self._client.spend_statements(account_id=self._spend_id)[0]
        self._say_bill(bill)
        offers = self._client.instalment_offers(account_id=self._spend_id, amount_fen=200_000).offers
        six = next(one for one in offers if one.count == 6)

        def all_of_it() -> object:
            return self._client.agree_to_instalments(
                account_id=self._spend_id, amount_fen=bill.total_fen, count=6, table_hash=six.table_hash
            )

        self._denied("all of the bill in instalments · 全部分期", all_of_it)
        self._client.agree_to_instalments(
            account_id=self._spend_id, amount_fen=200_000, count=6, table_hash=six.table_hash
        )
        cost = f"fee {format_fen(six.fee_fen)}, {six.annual_simple_ppm / 10_000:.2f} % a year"
        self._steps.take(f"2,000.00 in six instalments, {cost} · 分六期", "agreed")
        self._pay(self._spend_id, "bill")
        self._pay(self._cash_id, "minimum")

    def be_late_and_cured(self) -> None:
        """Pay nothing for a month, be frozen on both accounts, be refused the link, pay, and be let in."""
        self._pass_to(self._month(2).replace(day=12))
        late = self._client.spend_account(account_id=self._spend_id)
        self._steps.take(f"{format_fen(late.overdue_fen)} not paid by its due day · 逾期", "overdue")

        def draw() -> object:
            return self._client.draw_from_line(
                account_id=self._cash_id, instrument_id=self._visitor.instrument_id, amount_fen=20_000
            )

        self._denied("cash while the other account is overdue · 逾期时借款", draw)
        self._ask_link()
        for account_id in (self._spend_id, self._cash_id):
            self._pay(account_id, "all")
        draw()
        work_until_idle(self._world)
        self._steps.take("cash once it is paid · 还清后借款", "paid")
        self._ask_link()

    def let_bills_be_deducted(self) -> None:
        """Let one account's bills be deducted whole and the other's at least; on the due day both are, and once."""
        client, newcomer = self._client, self._visitor.newcomer

        def choose(account_id: UUID, part: str) -> None:
            client.choose_deduction(account_id=account_id, part=part)

        self._denied("bills deducted without a consent · 未授权", lambda: choose(self._spend_id, "bill"))
        operator = self._world.house.settings.operator_name
        for purpose in ("bill_repayment", "auto_repayment"):
            say_yes(client, purpose=purpose, recipient=operator)
        agreement_id = client.request_agreement(instrument_id=self._visitor.instrument_id)
        code = self._world.read_code(newcomer.phone).reveal()
        client.confirm_agreement(agreement_id=agreement_id, code=code)
        choose(self._spend_id, "bill")
        choose(self._cash_id, "minimum")
        self._steps.take("the whole bill of one, the least payment of the other · 开通账单自动还款", "agreed")
        self._buy("lamp", 80_000)
        bill_on = self._month(3).replace(day=2)
        self._pass_to(bill_on)
        due = {one: client.spend_account(account_id=one) for one in (self._spend_id, self._cash_id)}
        for day in sorted({one.bill.due for one in due.values() if one.bill is not None}):
            self._pass_to(day)
            self._world.go_to(start_of(day) + _NINE)
            work_until_idle(self._world)
        for account_id, part in ((self._spend_id, "bill"), (self._cash_id, "minimum")):
            before, after = due[account_id], client.spend_account(account_id=account_id)
            taken = format_fen(before.bill_left_fen - after.bill_left_fen)
            self._steps.take(f"{taken} for the {part}, from her card at nine · 自动还款", "deducted")

    def _ask_link(self) -> None:
        link = self._client.ask_for_link(first_id=self._spend_id, second_id=self._cash_id, purpose="consumption")
        what = "may the two be linked? · 关联额度"
        if link.outcome == "refused":
            self._steps.refused(what, link.reasons)
        else:
            share = f"{link.limit_share_ppm / 10_000:.0f} % of the ceiling"
            self._steps.take(f"{what} {share}: {'; '.join(one.text_en for one in link.reasons)}", link.outcome)

    def _authorize(self, number: str, amount_fen: int) -> UUID:
        made = self._client.authorize(
            account_id=self._spend_id, merchant_id="m1", merchant_name=_SELLER, number=number, amount_fen=amount_fen
        )
        return made.purchase_id

    def _buy(self, number: str, amount_fen: int) -> UUID:
        """Authorize a purchase, and let the wallet capture it."""
        purchase_id = self._authorize(number, amount_fen)
        captured = capture_purchase(self._world.house, purchase_id=purchase_id)
        self._steps.take(f"{format_fen(amount_fen)} to {_SELLER} for {number}", captured.state)
        return purchase_id

    def _pay(self, account_id: UUID, wish: str) -> None:
        order = self._client.pay_spend_account(account_id=account_id, wish=wish)
        self._client.open_payment_page(order_id=order.order_id)
        self._world.pay_page(self._visitor.newcomer, order.order_id)
        self._world.go_to(self._world.house.clock.now() + timedelta(minutes=1))
        work_until_idle(self._world)
        self._steps.take(f"{format_fen(order.amount_fen)} for the {wish} · 还款", "paid")

    def _say_bill(self, bill: SpendStatement) -> None:
        whole, least = format_fen(bill.total_fen), format_fen(bill.minimum_fen)
        self._steps.take(f"bill of {bill.billed_on}: {whole}, at least {least}, due {bill.due} · 账单", "billed")

    def _denied(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except Problem as problem:
            self._steps.denied(what, problem, why=_WHY[problem.code])
        else:
            raise AssertionError(f"{what} was not refused")

    def _month(self, months: int) -> date:
        """The first of the month so many months after the story began."""
        return add_months(day=self._began.replace(day=1), months=months)

    def _pass_to(self, day: date) -> None:
        """Let days pass, with the bills that fall meanwhile, and sign in anew."""
        self._world.go_to_date(day)
        work_until_idle(self._world)
        sign_in_anew(self._world, self._visitor)
