"""S3 over HTTP and the sandbox: offers of several institutions, a guarantor's fee to the fen, money when she wished."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import pytest
from rich.console import Console

from mingqu import api
from mingqu.demo.people import XIA
from mingqu.demo.steps import Step, Steps
from mingqu.demo.stories import s3
from mingqu.demo.tell import Teller
from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import Payable
from mingqu.services.partners.write_partner_file import PartnerUnknown, fees_paid, file_of, write_partner_file
from mingqu.services.reports.report_days import DayNotClosed
from mingqu.store.decisions.current_policies import CurrentPolicies
from mingqu.store.server.database import Database
from mingqu.web.server import address_of, listen, serving
from mingqu.web.site import make_site
from mingqu.worlds.online import SandboxWorld as Online
from tests.conftest import OPENED_ON
from tests.journeys.reading import assert_coherent
from tests.journeys.sandbox_world import SandboxWorld, open_sandbox_world

REFUSALS: Final = [
    "no_limit",
    "cost_table_not_read",
    "cost_table_not_read",
    "consent_missing",
    "not_found",
    "payout_time_out_of_range",
    "funding_exhausted",
    "order_not_agreed",
    "recently_months_late",
    "too_many_lenders",
    "score_too_low",
]
DEDUCTED_FEN: Final = 89_730 + 60_372  # from her card; what she repays early goes over the wallet's page
REPAID_FEN: Final = DEDUCTED_FEN + 300_000 + 566_101
FEES_FEN: Final = 2_000 + 1_241  # 0.20 % of 10,000.00, and of the 6,202.70 that were left
# The first bill of what is left of the purchase, 4,499.50 at 9.60 %: the guarantor pays it with thirty days at 14.40 %.
MISSED: Final = Payable(principal_fen=73_505, interest_fen=3_600, fee_fen=900, penalty_fen=882)


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Iterator[SandboxWorld]:
    """A house to which no lender has paid anything in yet."""
    with open_sandbox_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as opened:
        yield opened


def told(app: SandboxWorld) -> list[Step]:
    site = make_site(app.house, routers=[api.make_router(app.house)])
    steps = Steps(Teller(Console(file=io.StringIO())))
    with listen(port=0) as door, serving(site, door=door):
        app.sandbox.control.shop.sell_at(address_of(door))
        online = Online(house=app.house, clock=app.clock, sandbox=app.sandbox, address=address_of(door))
        s3.tell_story(online, Teller(Console(file=io.StringIO())), steps)
    return steps.taken


def test_the_story_ends_as_it_is_told_to_the_fen(app: SandboxWorld) -> None:
    steps = told(app)
    assert [reason["code"] for step in steps for reason in step.reasons] == REFUSALS
    assert all(reason["remedy"] for step in steps for reason in step.reasons)
    licences = [step.outcome for step in steps if step.what[0].isdigit() and step.what[1] == "."]
    assert licences == ["bank", "consumer_finance", "consumer_finance", "microlender"]
    first, _, insured, _ = (step.what for step in steps if step.what[0].isdigit() and step.what[1] == ".")
    assert "12.00% a year in all, 659.50 (云岭银行股份有限公司 527.59、恒稳融资担保有限公司 131.91)" in first
    assert "安澜财产保险股份有限公司 265.92" in insured
    outcomes = [step.outcome for step in steps if not step.reasons][-12:]
    assert outcomes[:7] == ["signed", "paid", "paid", "paid", "paid", "paid", "settled"]
    assert outcomes[7:10] == ["taken", "paid", "checkout.refunded"], "the shop hears of its order what happened to it"
    assert outcomes[10:] == ["guarantor", "paid"]
    assert "she owes 788.87 to the guarantor" in steps[-3].what
    assert app.balance_fen(XIA) == 2_000_000, "emptied for the bill that she misses, and filled again"
    books = balances(app)
    fees_fen = -books[AccountCode.DUE_GUARANTEE_FEE]
    interest_fen = REPAID_FEN - s3.AMOUNT_FEN - FEES_FEN + MISSED.interest_fen
    assert fees_fen == FEES_FEN + MISSED.fee_fen
    assert (books[AccountCode.PARTNER_FEE], books[AccountCode.FEE_INCOME]) == (0, 0)
    assert (-books[AccountCode.DUE_TO_GUARANTOR], books[AccountCode.GUARANTOR_CLAIM]) == (MISSED.total_fen, 0)
    assert -books[AccountCode.ACCRUED_INTEREST] == interest_fen, "billed; the close makes it income"
    assert [paid_to_guarantor(app, date(2027, month, 2)) for month in (1, 2)] == [2_000, 1_241]
    with app.house.database.transaction() as tx:
        kinds = Counter(dict(tx.execute("SELECT kind, count(*) FROM evidence_leaf GROUP BY 1").fetchall()))
    assert kinds["disclosure"] == kinds["contract"] == 2, "nothing was signed but what she signed: a loan and an order"
    assert kinds["merchant_told"] == 2
    assert kinds["decision"] == 2
    assert_coherent(app.house)


def balances(app: SandboxWorld) -> Counter[AccountCode]:
    """Return every account code's debits less its credits in the whole book, in fen."""
    with app.house.database.transaction() as tx:
        rows = tx.execute("SELECT code, sum(debits_posted_fen - credits_posted_fen)::bigint FROM account GROUP BY 1")
        return Counter({AccountCode(code): int(fen) for code, fen in rows})


def paid_to_guarantor(app: SandboxWorld, on: date) -> int:
    """Return what the guarantor's file of a day says it was paid; the insurer and an open day have none."""
    paid = fees_paid(app.house, partner="hengwen", on=on)
    made = file_of(app.house, partner="hengwen", on=on, paid=paid)
    assert (made.rows, made.sum_fen) == (len(made.content.splitlines()) - 1, sum(one.fee_fen for one in paid))
    assert fees_paid(app.house, partner="anlan", on=on) == []
    later = replace(app.house, policies=CurrentPolicies(replace(app.house.pack, partners=())))  # in no file any more
    assert fees_paid(later, partner="hengwen", on=on) == paid
    with pytest.raises(DayNotClosed):
        write_partner_file(app.house, partner="hengwen", on=on)
    with pytest.raises(PartnerUnknown):
        fees_paid(app.house, partner="nobody", on=on)
    return made.sum_fen
