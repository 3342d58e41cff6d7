"""The fund centre: who pays for which loan and why, joint loans split to the fen, limits that no signature passes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from uuid import UUID

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import READING, Borrowed, Known, pay_by_hand
from mingqu.demo.people import XIA, applicant
from mingqu.demo.world import Newcomer
from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import Intent
from mingqu.services.close.close_day import close_through
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import sign_contract
from mingqu.services.customers.read_papers import contract_view, party_of
from mingqu.services.funding.state_to_funder import state_to_funder
from mingqu.services.house import House
from mingqu.services.limits.follow_funding import follow_funding
from mingqu.services.loans.read_loan import order_states
from mingqu.services.loans.reserve_payout import FundingExhausted
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.pools.read_funds import read_funds
from mingqu.store import proof
from mingqu.web.print_paper import contract_pdf
from tests.console import signed_in
from tests.funding import JOINT_FEN, PRODUCT, with_funding
from tests.journeys.pdf_text import text_of
from tests.journeys.reading import arrive, assert_coherent, borrow, do_morning, facts_of, rows_of
from tests.world import OpenWorld

CHENGCHUAN, QINGHE = UUID("01989f3a-0000-7000-8000-0000000c1000"), UUID("01989f3a-0000-7000-8000-0000000b1000")
OPENED_ON = date(2026, 8, 15)


@pytest.fixture
def funded(world: OpenWorld) -> OpenWorld:
    """The world with a house that routes what it lends."""
    return with_funding(world)


def test_loans_find_their_funders_and_a_joint_one_is_theirs_to_the_fen(funded: OpenWorld) -> None:
    house, known = funded.house, arrive(funded)
    funded.bank.faults.plan("payout.send", Fault.REFUSE)
    refused_payout = borrow(funded, known, amount_fen=500_000)
    assert order_states(house, order_id=refused_payout.signed.payout_order_id)[-1] == "FAILED"
    assert used(house, "line chengchuan-instalment/own") == 0  # all of it is back at once
    small = borrow(funded, known, amount_fen=600_000)
    assert small.offered.product.id == PRODUCT
    late = read_up(funded, known, amount_fen=800_000)
    other = arrive(funded, another())
    joint = borrow(funded, other, amount_fen=JOINT_FEN)
    (_, first), (second,) = (facts_of(house, one.person_id, "funding") for one in (known, other))
    assert (first["source"], first["skipped"], first["amount_fen"]) == ("own", [], 600_000)
    assert (second["source"], second["skipped"]) == ("joint-qinghe", [["own", "amount_too_large", ""]])
    assert second["shares"] == [[CHENGCHUAN.hex, 300_000], [QINGHE.hex, 700_000]]
    assert ["concentration qinghe/chengchuan", 700_000] in second["limits"]
    assert owned(house, joint.signed.loan_id, AccountCode.SHARE_PRINCIPAL) == [300_000, 700_000]
    assert used(house, "line chengchuan-instalment/joint-qinghe") == JOINT_FEN
    see_the_paper_name_both(house, joint)
    assert_coherent(house)

    # What was offered while there was room is not signed when there is none, and nothing of it is left.
    before = rows_of(house)
    with pytest.raises(FundingExhausted) as refused:
        late()
    assert refused.value.details == {
        "free_fen": 0,
        "sources": "own: amount_too_large; joint-qinghe: line; line-qinghe: line; pool-1: line",
    }
    assert rows_of(house) == before
    asked = make_offers(house, person_id=known.person_id, amount_fen=800_000, instalments=12, method="equal_instalment")
    assert {one.product.id for one in asked} == {"tinglan-instalment"}  # whose product has no plan here

    # A month later a bill was paid: each funder has its part of principal and interest, the partner's rounded down.
    funded.go_to_date(date(2026, 9, 15))
    close_through(house, to=date(2026, 9, 14))
    do_morning(funded)
    interest = sum(owned(house, joint.signed.loan_id, AccountCode.SHARE_INTEREST))
    assert interest > 0
    assert owned(house, joint.signed.loan_id, AccountCode.SHARE_INTEREST)[0] == interest * 3 // 10
    gone = JOINT_FEN - sum(owned(house, joint.signed.loan_id, AccountCode.SHARE_PRINCIPAL))
    assert owned(house, joint.signed.loan_id, AccountCode.SHARE_PRINCIPAL)[0] == 300_000 - gone * 3 // 10
    assert_coherent(house)

    see_what_came_back(house, gone=gone, interest=interest)
    assert_coherent(house)

    pay_by_hand(funded, other, loan_id=joint.signed.loan_id, intent=Intent.PAYOFF)
    assert owned(house, joint.signed.loan_id, AccountCode.SHARE_PRINCIPAL) == [0, 0]
    assert owned(house, joint.signed.loan_id, AccountCode.SHARE_LENT) == [300_000, 700_000]
    assert_coherent(house)


def see_each_limit_ahead(house: House) -> None:
    """Assert that of a joint loan each limit's quarter counts the funder's own part, as what is used of it does."""
    limits = {one.name: one for one in read_funds(house).limits}
    whole = limits["line chengchuan-instalment/joint-qinghe"].ahead
    assert sum(point.comes_fen for point in whole) > 0
    for name, ppm in (("concentration qinghe/chengchuan", 700_000), ("capital chengchuan", 300_000)):
        one = limits[name]
        assert [point.comes_fen for point in one.ahead] == pytest.approx(
            [point.comes_fen * ppm / 1_000_000 for point in whole], abs=1
        )
        assert one.ahead[-1].used_fen == one.used_fen - sum(point.comes_fen for point in one.ahead)
        assert one.tightest == one.ahead[0]


def see_the_paper_name_both(house: House, joint: Borrowed) -> None:
    """Assert that the contract of a joint loan names each lender with licence and share, on paper too."""
    person_id = joint.known.person_id
    view = contract_view(house, person_id=person_id, contract_id=joint.signed.contract_id)
    assert view.contract.body["parties"] == [
        {"role": "lender", "name": "澄川消费金融有限公司", "licence": "consumer_finance", "share_ppm": 300_000},
        {"role": "joint_lender", "name": "清河银行", "licence": "bank", "share_ppm": 700_000},
    ]
    said = text_of(contract_pdf(view, party=party_of(house, person_id=person_id)))
    for words in (
        "共同出借人",
        "清河银行（银行bank，出借70.00%）",
        "消费金融公司",
        "出借30.00%",
        "借款人只向澄川消费金融",
    ):
        assert words in said, words


def test_the_fund_centre_shows_each_funder_its_own(funded: OpenWorld) -> None:
    house, known = funded.house, arrive(funded)
    joint = borrow(funded, known, amount_fen=JOINT_FEN)
    follow_funding(house)
    risk, bank, other = (signed_in(house, role) for role in ("risk", "lender:qinghe", "lender:tinglan"))
    whole = risk.get("/console/funds").text
    assert "澄川一期资产池" in whole
    assert "额度告警" in whole
    assert "一季内最紧的一周及余量" in whole
    see_each_limit_ahead(house)
    assert 'aria-label="与清河银行联合贷款：本周末在用 10,000.00 元' in whole
    own = bank.get("/console/funds").text
    assert "与清河银行联合贷款" in own
    assert "澄川一期资产池" not in own
    assert "capital chengchuan" not in own
    assert "concentration qinghe/chengchuan" in own
    # What is nearest is looked for among its own limits: a bar tells nobody how near the other's capital is.
    for lender_id in (QINGHE, CHENGCHUAN):
        names = {"Qinghe Bank" if lender_id == QINGHE else "Chengchuan Consumer Finance"}
        seen = [one.nearest for one in read_funds(house, lender_id=lender_id).sources]
        assert {one.owner_en for one in seen if one.kind != "line"} <= names
    assert "与清河银行联合贷款" not in other.get("/console/funds").text
    assert signed_in(house, "admin").get("/console/funds").status_code == 403

    # The proof reads the accounts: a fen more on the bank's side of a joint loan, and it names the loan.
    with house.database.transaction() as tx:
        assert proof.fundings(tx) == []
        tx.execute(
            """UPDATE account SET debits_posted_fen = debits_posted_fen + 1 WHERE code = 9301 AND owner = (
                   SELECT slices[2] FROM loan_funding WHERE loan_id = %s)""",
            (joint.signed.loan_id,),
        )
        assert any(str(joint.signed.loan_id) in sentence for sentence in proof.fundings(tx))


def see_what_came_back(house: House, *, gone: int, interest: int) -> None:
    """Assert what the fund centre and the bank's statement say after one bill was paid."""
    # What came back makes room the morning after, and the look ahead has what is still to come.
    assert used(house, "line chengchuan-instalment/joint-qinghe") == JOINT_FEN
    follow_funding(house)
    assert used(house, "line chengchuan-instalment/joint-qinghe") == JOINT_FEN - gone
    assert used(house, "concentration qinghe/chengchuan") == 700_000 - (gone - gone * 3 // 10)
    seen = read_funds(house, lender_id=QINGHE)
    assert [(one.source_id, one.loans, one.principal_fen) for one in seen.sources] == [
        ("joint-qinghe", 1, JOINT_FEN - gone),
        ("line-qinghe", 0, 0),
    ]
    assert {one.owner_en for one in seen.limits} == {"Qinghe Bank"}
    comes = [point.comes_fen for point in seen.sources[0].ahead]
    assert sum(fen > 0 for fen in comes) == 2  # of October and November
    assert [one.name for one in read_funds(house).alarms] == ["line chengchuan-instalment/joint-qinghe"]
    stated = state_to_funder(house, funder="qinghe", first=date(2026, 9, 1), last=date(2026, 9, 30))
    bank_principal, bank_interest = gone - gone * 3 // 10, interest - interest * 3 // 10
    assert stated.sums == {
        "opening_fen": 700_000,
        "lent_fen": 0,
        "bought_fen": 0,
        "repaid_fen": bank_principal,
        "lost_fen": 0,
        "sold_fen": 0,
        "closing_fen": 700_000 - bank_principal,
        "interest_fen": bank_interest,
        "penalty_fen": 0,
        "fee_fen": 0,
        "received_fen": bank_principal + bank_interest,
        "price_fen": 0,
    }


def another() -> Newcomer:
    """Return somebody of whom the bureau knows the same."""
    return applicant(
        number=7, age_years=35, on=OPENED_ON, features=XIA.features, monthly_income_fen=XIA.monthly_income_fen
    )


def read_up(world: OpenWorld, known: Known, *, amount_fen: int) -> Callable[[], object]:
    """Take an offer as far as its signature, and return what signs it."""
    house, person_id = world.house, known.person_id
    offered = make_offers(house, person_id=person_id, amount_fen=amount_fen, instalments=12, method="equal_instalment")[
        0
    ]
    table = show_cost_table(house, person_id=person_id, offer_id=offered.offer.offer_id)
    world.go_to(house.clock.now() + READING)
    confirm_cost_table(house, person_id=person_id, disclosure_id=table.disclosure_id)
    send_signing_code(house, person_id=person_id, offer_id=offered.offer.offer_id)
    return partial(
        sign_contract,
        house,
        person_id=person_id,
        offer_id=offered.offer.offer_id,
        code=world.read_code(known.newcomer.phone),
        instrument_id=known.instrument_id,
        payout_at=None,
        key="late",
    )


def owned(house: House, loan_id: UUID, code: AccountCode) -> list[int]:
    """Return what each funder of a joint loan has on an account, the partner first."""
    with house.database.transaction() as tx:
        rows = tx.execute(
            """SELECT abs(coalesce(a.debits_posted_fen - a.credits_posted_fen, 0)) FROM loan_funding f
               CROSS JOIN LATERAL unnest(f.slices) WITH ORDINALITY AS u (owner, place)
               LEFT JOIN account a ON a.cell = f.cell AND a.owner = u.owner AND a.code = %s
               WHERE f.loan_id = %s ORDER BY u.place""",
            (int(code), loan_id),
        ).fetchall()
    return [fen for (fen,) in rows]


def used(house: House, name: str) -> int:
    """Return how much of a limit of the whole book is used."""
    with house.database.transaction() as tx:
        ((fen,),) = tx.execute(
            """SELECT coalesce(sum(u.amount_fen), 0)::bigint FROM headroom h
               JOIN headroom_use u ON u.headroom_id = h.headroom_id WHERE h.name = %s""",
            (name,),
        ).fetchall()
    return int(fen)
