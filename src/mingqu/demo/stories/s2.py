"""S2: cash out of one's own credit card (信用卡取现). The bank decides, pays and charges; we only show the way.

One person finds her bank, is told why another is not open to her and why too much is too much, reads what to think of,
agrees that the bank gets her data, and decides on the bank's own pages; once her browser never comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from mingqu.client.cash_advance_answers import CashAdvanceReferral, LeftForBank
from mingqu.client.problem import Problem
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA, ZHOU
from mingqu.demo.steps import Steps, Why
from mingqu.demo.tell import Teller
from mingqu.demo.visit import Visitor, arrive, say_yes
from mingqu.demo.world import OnlineWorld

TITLE: Final = "Cash from her credit card, at the bank that issued it · 信用卡取现"
BANK: Final = "qinghe"
_BANK_ZH: Final = "清河银行"
_POCKET_FEN: Final = 10_000
_LATER: Final = timedelta(minutes=3)  # until a worker asks the bank about somebody who did not come back

_WHY: Final = {
    "institution_not_connected": Why("这家银行还没有接入。", "请选已接入的银行。 Take a bank that is connected."),
    "guidance_not_read": Why("还没有读完取现提示。", "请先阅读提示。 Read what is said first."),
    "consent_missing": Why(
        "还没有单独同意向这家银行提供信息，或已撤回。",
        "请先单独同意向这家银行提供信息。 Agree that this bank gets your data.",
    ),
    "not_found": Why(
        "您名下没有这张卡。", "请使用本人名下已绑定的储蓄卡。 Take a debit card of your own that is bound."
    ),
    "cash_advance_above_day": Why("一张卡一天取现有上限。", "请减少金额，或明天再来。 Ask for less, or tomorrow."),
    "cash_advance_above_instalments": Why("超过分期取现的上限。", "请减少金额。 Ask for less."),
    "cash_advance_too_long": Why("分期期数超过上限。", "请减少期数。 Take fewer instalments."),
    "return_unsigned": Why("这不是银行签名的结果。", "请从取现记录里查看。 Look at your requests; the bank is asked."),
}


def tell_story(world: OnlineWorld, tell: Teller, steps: Steps) -> None:
    """Live through the story."""
    xia = arrive(world, XIA, balance_fen=_POCKET_FEN)
    tell.identity()
    stranger = arrive(world, ZHOU, balance_fen=_POCKET_FEN)
    found = xia.client.cash_advance_banks()
    for bank in found.banks:
        outcome = "open" if bank.closed is None else bank.closed
        steps.take(f"{bank.name_zh} {bank.name_en} is {bank.status}", outcome)
    wish = _Wishes(world, xia, guidance_hash=found.guidance.hash)
    _refusals(steps, wish, stranger.instrument_id)
    tell.note(f"{found.guidance.title_zh} {found.guidance.title_en}")
    _paid_at_once(world, tell, steps, wish)
    _decided_by_bank(world, steps, wish)
    _never_came_back(world, steps, wish)
    steps.take("Mingqu charges and earns · 明渠收费", "nothing")


class _Wishes:
    """What one visitor asks for, with the parts that stay the same."""

    def __init__(self, world: OnlineWorld, visitor: Visitor, *, guidance_hash: str) -> None:
        self.world, self.visitor, self.guidance_hash = world, visitor, guidance_hash

    def ask(
        self, amount_fen: int, *, months: int = 1, bank: str = BANK, card: UUID | None = None, read: bool = True
    ) -> LeftForBank:
        """Ask to be referred."""
        return self.visitor.client.ask_for_referral(
            bank=bank,
            instrument_id=card or self.visitor.instrument_id,
            amount_fen=amount_fen,
            repayment="single" if months == 1 else "instalments",
            months=months,
            guidance_hash=self.guidance_hash if read else "0" * 64,
        )

    def go(self, left: LeftForBank, *, amount_fen: int) -> str:
        """Apply on the bank's page, and return what the bank sends the browser back with."""
        assert left.address is not None, "the bank opened its page"
        return self.world.act_at_bank(left.address, amount_fen=amount_fen)

    def come_back(self, result: str) -> CashAdvanceReferral:
        """Bring back what the bank said."""
        return self.visitor.client.bring_back(result=result)


def _refusals(steps: Steps, wish: _Wishes, card_of_other: UUID) -> None:
    """Everything that is refused before anybody is sent anywhere, each with what would help."""
    _denied(steps, "she asks for a bank that is not connected", lambda: wish.ask(100_000, bank="dongting"))
    _denied(steps, "she skips what is to be read first", lambda: wish.ask(100_000, read=False))
    _denied(steps, "she has not agreed that the bank gets her data", lambda: wish.ask(100_000))
    say_yes(wish.visitor.client, purpose="refer_to_bank", recipient=_BANK_ZH)
    steps.take(f"she agrees that {_BANK_ZH}, and nobody else, gets her data", "agreed")
    _denied(steps, "she names the debit card of somebody else", lambda: wish.ask(100_000, card=card_of_other))
    _denied(steps, "she asks for 12,000.00 in one day", lambda: wish.ask(1_200_000))
    _denied(steps, "she asks for 60,000.00 by instalments", lambda: wish.ask(6_000_000, months=12))
    _denied(steps, "she asks for 36 months", lambda: wish.ask(1_000_000, months=36))


def _paid_at_once(world: OnlineWorld, tell: Teller, steps: Steps, wish: _Wishes) -> None:
    before_fen = world.balance_fen(wish.visitor.newcomer)
    left = wish.ask(500_000)
    steps.take("she is referred with 5,000.00, repaid at once", left.referral.state)
    result = wish.go(left, amount_fen=500_000)
    known = wish.visitor.client.referral(referral_id=left.referral.referral_id)
    steps.take("on its own page the bank shows limit, fee and rate; she agrees there", known.state)
    _denied(steps, "somebody brings back a word that the bank did not sign", lambda: wish.come_back(_forged(result)))
    steps.take("her browser comes back with the bank's signed word", wish.come_back(result).state)
    gained_fen = world.balance_fen(wish.visitor.newcomer) - before_fen
    tell.note(f"On her own debit card: {tell.money(gained_fen)} more, from the bank. Nothing went through our books.")
    _denied(steps, "she asks for 6,000.00 more on the same day", lambda: wish.ask(600_000))


def _decided_by_bank(world: OnlineWorld, steps: Steps, wish: _Wishes) -> None:
    left = wish.ask(3_000_000, months=12)
    known = wish.come_back(wish.go(left, amount_fen=3_000_000))
    assert known.refusal_code is not None, "a refusal has its reason"
    why = Why("银行在自己的页面上没有批准这个金额。", "减少金额后可再申请。 Ask the bank for less.")
    problem = Problem(code=known.refusal_code, status=200, title="The bank decided on its own page.", details={})
    steps.denied("she wants 30,000.00 by 12 instalments, and the bank says no", problem, why=why)
    world.go_to(world.house.clock.now() + timedelta(seconds=1))


def _never_came_back(world: OnlineWorld, steps: Steps, wish: _Wishes) -> None:
    left = wish.ask(1_000_000, months=12)
    wish.go(left, amount_fen=1_000_000)
    steps.take("she takes 10,000.00 by 12 instalments, and closes the browser", left.referral.state)
    world.go_to(world.house.clock.now() + _LATER)
    work_until_idle(world)
    known = wish.visitor.client.referral(referral_id=left.referral.referral_id)
    steps.take("the bank is asked what became of it", known.state)


def _denied(steps: Steps, what: str, act: Callable[[], object]) -> None:
    """Take the step of something that must be refused, with what would help."""
    try:
        act()
    except Problem as problem:
        steps.denied(what, problem, why=_WHY[problem.code])
        return
    raise AssertionError(f"this is refused: {what}")


def _forged(result: str) -> str:
    """Return a token whose signature is one letter another."""
    payload, _, signature = result.partition(".")
    return f"{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
