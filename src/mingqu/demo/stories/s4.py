"""S4: five steps to a loan on a phone, then late, lower and frozen, cured, thawed, and rebuilt to the day.

One person applies, proves who they are, is assessed, is paid to their own card and repays by agreement. A month later
the card is empty: the band falls and drawing stops on the loan, the cash line and the spend account alike, repaying
never. Paying opens drawing at once, and the band comes back on the day that was shown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.client.answers import Band
from mingqu.client.problem import Problem
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.demo.steps import Steps, Why
from mingqu.demo.story import fund_lenders
from mingqu.demo.tell import Teller
from mingqu.demo.visit import Taken, apply, arrive, borrow, owed, pay_by_hand, payout_states, sign_in_anew
from mingqu.demo.world import OnlineWorld
from mingqu.domain.calendar import add_months
from mingqu.domain.moment import start_of
from mingqu.domain.money import format_fen
from mingqu.services.close.close_day import bring_up_today

TITLE: Final = "Credit on a phone, late and rebuilt · 手机贷款，逾期与恢复"
_BALANCE_FEN: Final = 500_000
_LOAN_FEN: Final = 600_000
_DRAW_FEN: Final = 50_000
_MORE_FEN: Final = 1_200_000  # beyond half of the limit, within the whole
_MORNING: Final = timedelta(hours=9, minutes=5)  # deductions go out at nine
_WHY: Final = {
    "drawing_frozen": Why(
        "有逾期未还的款项，新的借款已暂停。",
        "还清逾期，当天恢复。 Pay what is overdue, and drawing opens again the same day.",
    ),
    "band_lowered": Why(
        "逾期后等级降低，暂时只能用一部分额度。",
        "之后按时，按所示日期恢复。 Stay on time, and more is of use on the day shown.",
    ),
}


def tell_story(world: OnlineWorld, tell: Teller, steps: Steps) -> None:
    """Live through the story."""
    fund_lenders(world)
    xia = arrive(world, XIA, balance_fen=_BALANCE_FEN)
    tell.identity()
    steps.take("1-2  signs in, name, ID number, card and phone agree · 申请与实名", "verified")
    decision = apply(world, xia, amount_fen=1_000_000)
    limit = xia.client.limit()
    steps.take(
        f"3  assessed once: band {decision.band}, limit {format_fen(limit.granted_fen)} · 额度评估",
        "approved" if decision.approved else "refused",
    )
    taken = borrow(world, xia, amount_fen=_LOAN_FEN, instalments=12, method="equal_instalment")
    work_until_idle(world)
    steps.take(
        f"4  {format_fen(_LOAN_FEN)} of {taken.offer.lender_zh} to her own card, "
        f"{taken.offer.annual_simple_ppm / 10_000:.2f} % a year simple · 放款到本人银行卡",
        payout_states(taken)[-1].lower(),
    )
    told = _Told(world, taken, steps)
    told.open_accounts()
    told.repay_by_agreement()
    told.be_late()
    told.cure()
    told.rebuild()


class _Told:
    """One person's loan and accounts, and what becomes of them."""

    def __init__(self, world: OnlineWorld, taken: Taken, steps: Steps) -> None:
        self._world, self._taken, self._steps = world, taken, steps
        self._visitor, self._client = taken.visitor, taken.visitor.client
        self._began = world.house.clock.business_date()
        self._accounts: dict[str, UUID] = {}
        self._back_on = self._began  # until it is shown

    def open_accounts(self) -> None:
        """Open the spend account and the cash line, which share the limit."""
        for one in self._client.spend_products():
            made = self._client.open_spend_account(product_id=one.product_id, terms_hash=one.terms_hash)
            self._accounts[one.kind] = made.account_id

    def repay_by_agreement(self) -> None:
        """Let the first instalment be deducted, and look at what was said before."""
        due = add_months(day=self._began, months=1)
        self._pass_to(due)
        paid = [one for one in self._client.orders(loan_id=self._taken.signed.loan_id) if one.kind == "collection"]
        self._steps.take(
            f"5  {format_fen(paid[-1].amount_fen)} deducted on {due}, told beforehand · 自动还款与提醒",
            paid[-1].state.lower(),
        )

    def be_late(self) -> None:
        """Miss the second instalment: the band falls, drawing stops on all three, repaying does not."""
        self._world.deposit(self._visitor.newcomer, -self._world.balance_fen(self._visitor.newcomer))
        self._pass_to(add_months(day=self._began, months=2) + timedelta(days=12))
        self._say_band("twelve days late with the second instalment · 逾期十二天")
        for name, draw in self._ways(_DRAW_FEN).items():
            self._denied(f"{name} meanwhile · 逾期时", draw)

    def cure(self) -> None:
        """Pay: drawing opens the same minute, half of the limit is of use, and the days are known."""
        self._world.deposit(self._visitor.newcomer, _BALANCE_FEN)
        due_fen = owed(self._taken).due_fen
        pay_by_hand(self._world, self._taken, intent="due")
        self._steps.take(f"{format_fen(due_fen)} paid by hand; repaying was never stopped · 还清逾期", "cured")
        self._ways(_DRAW_FEN)["a loan"]()
        self._steps.take("offers again, the same minute · 恢复借款", "thawed")
        band = self._say_band("what she reads under “how credit comes back” · 恢复的日期")
        self._denied("more than half of the limit · 超过可用部分", self._ways(_MORE_FEN)["cash"])
        self._back_on = band.rises[0].on

    def rebuild(self) -> None:
        """Stay on time until the day that was shown; the day before nothing has changed."""
        self._pass_to(self._back_on - timedelta(days=1))
        self._say_band("the day before, everything on time · 恢复前一天")
        self._pass_to(self._back_on)
        self._say_band("on the day that was shown · 恢复当天")
        self._ways(_MORE_FEN)["a loan"]()
        self._steps.take("all of the limit is of use again · 额度恢复", "rebuilt")

    def _say_band(self, what: str) -> Band:
        band = self._client.band()
        words = [f"{what}: band {band.band}, {format_fen(band.usable_fen)} of {format_fen(band.granted_fen)} of use"]
        words += [f"{turn.band} on {turn.on}" for turn in band.rises]
        stands = "whole" if band.band == band.assessed else "lowered"
        self._steps.take(", ".join(words), "frozen" if band.frozen else stands)
        return band

    def _ways(self, amount_fen: int) -> dict[str, Callable[[], object]]:
        client = self._client
        return {
            "a loan": lambda: client.ask_for_offers(amount_fen=amount_fen, instalments=6, method="equal_instalment"),
            "cash": lambda: client.draw_from_line(
                account_id=self._accounts["cash_line"],
                instrument_id=self._visitor.instrument_id,
                amount_fen=amount_fen,
            ),
            "a purchase": lambda: client.authorize(
                account_id=self._accounts["spend_line"],
                merchant_id="m1",
                merchant_name="河畔书店",
                number=str(self._world.house.clock.now()),
                amount_fen=amount_fen,
            ),
        }

    def _denied(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except Problem as problem:
            self._steps.denied(what, problem, why=_WHY[problem.code])
        else:
            raise AssertionError(f"{what} was not refused")

    def _pass_to(self, day: date) -> None:
        """Let days pass: the mornings on which something falls for the loan, and that of the day; sign in anew."""
        house = self._world.house
        today = house.clock.business_date()
        for passed in range(1, (day - today).days + 1):
            on = today + timedelta(days=passed)
            if on == day or on.day in (self._began.day, self._began.day + 1):
                self._morning(on)
        sign_in_anew(self._world, self._visitor)

    def _morning(self, on: date) -> None:
        self._world.go_to_date(on)
        bring_up_today(self._world.house)
        self._world.go_to(max(self._world.house.clock.now(), start_of(on) + _MORNING))
        work_until_idle(self._world)
