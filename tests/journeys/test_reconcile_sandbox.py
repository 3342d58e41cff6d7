"""A day of real channels reconciled against the sandbox's own bills, with a wrong amount in one of them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import Known
from mingqu.domain.loan import Intent
from mingqu.domain.moment import start_of
from mingqu.domain.personal import Personal
from mingqu.domain.reconciliation import BreakKind
from mingqu.services.house import HOSTED
from mingqu.services.orders.run_errand import Payer, run_errand
from mingqu.services.reconciliation.fetch_bill import BillRefused
from mingqu.services.reconciliation.reconcile import reconcile_day
from mingqu.services.repayment.repay import open_page, repay_by_hand
from tests.journeys.reading import assert_coherent
from tests.journeys.sandbox_world import SandboxWorld
from tests.journeys.test_alipay import borrower, world

__all__ = ["borrower", "world"]  # the fixtures are the other file's


def test_a_wrong_amount_in_wechats_bill_is_a_break_until_the_bill_is_right(
    world: SandboxWorld, borrower: tuple[Known, UUID]
) -> None:
    house, (known, loan_id), wechat = world.house, borrower, world.sandbox.control.wechatpay
    page = repay_by_hand(
        house, person_id=known.person_id, loan_id=loan_id, intent=Intent.PREPAY, amount_fen=50_000, channel=HOSTED,
        key="pay", payer=Payer(address=Personal("203.0.113.9")),
    )  # fmt: skip
    open_page(house, person_id=known.person_id, order_id=page.order_id)
    assert wechat.pay(out_trade_no=page.order_id.hex) == "SUCCESS"
    world.go_to(house.clock.now() + timedelta(minutes=5))
    run_errand(house, order_id=page.order_id)
    on = house.clock.business_date()
    world.go_to(start_of(on + timedelta(days=1)) + timedelta(hours=11))
    wechat.bills.set_fee(6_000)
    wechat.bills.spoil("wrong_amount")
    done = {one.compared.source: one for one in reconcile_day(house, on=on)}
    assert {source: one.open for source, one in done.items()} == {
        "alipay": 0, "bank": 0, "bank_account": 0, "wechatpay": 1, "wechatpay_account": 1,
    }  # fmt: skip
    (found,) = done["wechatpay"].compared.breaks
    assert (found.kind, found.ours_fen, found.theirs_fen, found.answer) == (BreakKind.AMOUNT, 50_000, 50_001, "paid")
    assert (done["wechatpay"].settled.orders, done["wechatpay_account"].settled.orders) == (0, 0)
    wechat.bills.spoil("wrong_hash")
    (kept,) = reconcile_day(house, on=on, sources=["wechatpay"])
    assert (kept.fetched, kept.open) == (False, 1), "the bill that is there counts until another one can be read"
    with pytest.raises(BillRefused, match="wrong_hash"):
        reconcile_day(house, on=on - timedelta(days=1), sources=["wechatpay"])
    wechat.bills.spoil(None)
    (mended,) = reconcile_day(house, on=on, sources=["wechatpay"])
    assert (mended.open, mended.settled.gross_fen, mended.settled.fee_fen) == (0, 50_000, 300)
    (account,) = reconcile_day(house, on=on, sources=["wechatpay_account"])
    assert (account.open, account.compared.tally.agreed_in_fen) == (0, 50_000), "the account had what we say"
    assert_coherent(house)
