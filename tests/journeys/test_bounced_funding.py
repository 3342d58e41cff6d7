"""A joint account's repayment that bounces: its source's line is used again at once, as far as it has room."""

from __future__ import annotations

import pytest

from mingqu.demo.people import XIA
from mingqu.domain.spend import PaymentWish
from mingqu.services.limits.follow_funding import follow_funding
from mingqu.services.loans.reserve_payout import FundingExhausted
from tests.funding import joint_book, with_book
from tests.journeys.reading import arrive, assert_coherent
from tests.journeys.test_bill_deductions import Account, bounce
from tests.journeys.test_fund_centre import used
from tests.journeys.test_spend_funding import accounts_of
from tests.world import OpenWorld

LINE = "line chengchuan-spend/joint-qinghe"


def test_what_bounced_uses_its_line_again_as_far_as_there_is_room(world: OpenWorld) -> None:
    funded = with_book(world, joint_book(line_fen=30_000))
    house, known = funded.house, arrive(funded)
    it = Account(world=funded, known=known, account_id=accounts_of(house, known.person_id)["chengchuan-spend"])
    it.buy("1", 20_000)
    funded.deposit(XIA, 100_000)
    paid = it.pay(PaymentWish.ALL, "all", amount_fen=20_000)
    follow_funding(house)
    assert used(house, LINE) == 0
    bounce(it, paid)
    assert used(house, LINE) == 20_000  # at once: nobody else is lent it
    with pytest.raises(FundingExhausted):
        it.buy("2", 15_000)
    assert_coherent(house)

    # Where its room was lent meanwhile it is owed all the same.
    paid = it.pay(PaymentWish.ALL, "again", amount_fen=20_000)
    follow_funding(house)
    it.buy("3", 25_000)
    bounce(it, paid)
    follow_funding(house)
    assert (used(house, LINE), it.view().used_fen) == (25_000, 45_000)
    assert_coherent(house)
