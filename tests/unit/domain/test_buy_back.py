"""Buy-back as data: what a file cannot say, and who may buy for which cause, with the document that says so."""

from __future__ import annotations

from datetime import date

import pytest

from mingqu.domain.funding import (
    BuyBackRule,
    BuyerNotLicensed,
    Cause,
    FundingBook,
    LatenessNotGuaranteed,
    LimitKind,
    PricePart,
    limits_of,
    parse_funding,
    require_may_buy,
)
from mingqu.domain.partner import PartnerRole
from mingqu.domain.policy_file import Document, Plain, PolicyFault
from mingqu.domain.product import Licence
from mingqu.domain.refusal import Refusal
from mingqu.domain.rule import RuleBook, RuleMissing
from mingqu.store.decisions import policy
from mingqu.store.funders import funding_folder
from tests.world import the_pack

ON = date(2026, 11, 29)
FILE = "chengchuan-qinghe-buy-back-1.toml"
BOOK = funding_folder.load_funding(policy.policy_folder())
RULES = the_pack().rules


def read(**changed: Plain) -> FundingBook:
    """Return what the shipped agreement says with something changed, beside the funders it names."""
    folder = policy.policy_folder() / "funding"
    files = [folder / name for name in ("chengchuan.toml", "qinghe.toml", "tinglan.toml", FILE)]
    held = [policy.read_document(path, file=path.name) for path in files]
    return parse_funding(
        documents=[
            Document(file=one.file, body={**one.body, **changed}) if one.kind == "buy_back" else one for one in held
        ]
    )


def cause(**said: Plain) -> Plain:
    return [{"cause": "fraud", "buyer": "chengchuan", "price": ["principal"], **said}]


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"seller": "chengchuan"}, "seller"),
        ({"seller": "nobody"}, "seller"),
        ({"buy_back": []}, "buy_back"),
        ({"buy_back": [*cause(), *cause()]}, "buy_back"),  # type: ignore[misc]
        ({"buy_back": cause(cause="whim")}, "cause"),
        ({"buy_back": cause(buyer="qinghe")}, "buyer"),
        (
            {"buy_back": cause(buyer="tinglan")},
            "buyer",
        ),  # a third lender, whose own limits no joint loan is held against
        ({"buy_back": cause(overdue_days_min=30)}, "overdue_days_min"),
        ({"buy_back": cause(cause="overdue")}, "overdue_days_min"),
        ({"buy_back": cause(cause="overdue", overdue_days_min=0)}, "overdue_days_min"),
        ({"buy_back": cause(price=["interest"])}, "price"),
        ({"buy_back": cause(price=["principal", "principal"])}, "price"),
        ({"buy_back": cause(price=["principal", "goodwill"])}, "price"),
        ({"buy_back": cause(share=1)}, "share"),
        ({"bought": 1}, "bought"),
    ],
)
def test_an_agreement_that_is_not_understood_is_refused_by_its_column(changed: dict[str, Plain], column: str) -> None:
    assert len(read().buy_backs) == 1
    with pytest.raises(PolicyFault) as fault:
        read(**changed)
    assert fault.value.column == column


def test_what_held_when_a_loan_was_funded_holds_for_it() -> None:
    (agreed,) = BOOK.buy_backs
    parties = {"lender_id": agreed.lender_id, "seller_id": agreed.seller_id}
    assert BOOK.buy_back_of(**parties, funded_on=date(2026, 8, 1)) == agreed
    assert BOOK.buy_back_of(**parties, funded_on=date(2026, 7, 31)) is None
    assert BOOK.buy_back_of(lender_id=agreed.seller_id, seller_id=agreed.lender_id, funded_on=ON) is None


@pytest.mark.parametrize(
    ("why", "licence", "role", "refusal"),
    [
        (Cause.OVERDUE, None, PartnerRole.GUARANTOR, None),
        (Cause.FRAUD, None, PartnerRole.GUARANTOR, None),
        (Cause.FRAUD, Licence.MICROLENDER, None, None),
        (Cause.REPRESENTATION, Licence.CONSUMER_FINANCE, None, None),
        (Cause.OVERDUE, Licence.CONSUMER_FINANCE, None, LatenessNotGuaranteed),
        (Cause.OVERDUE, Licence.BANK, None, LatenessNotGuaranteed),
        (Cause.FRAUD, None, PartnerRole.INSURER, BuyerNotLicensed),
        (Cause.OVERDUE, None, None, BuyerNotLicensed),
    ],
)
def test_only_who_may_buys_and_for_lateness_only_a_guarantor(
    why: Cause, licence: Licence | None, role: PartnerRole | None, refusal: type[Refusal] | None
) -> None:
    rule = BuyBackRule(cause=why, buyer="one", overdue_days_min=0, parts=(PricePart.PRINCIPAL,))

    def ask(rules: RuleBook, on: date = ON) -> None:
        require_may_buy(rule=rule, licence=licence, role=role, seller=Licence.BANK, rules=rules, business_date=on)

    if refusal is None:
        ask(RULES)
    else:
        with pytest.raises(refusal) as refused:
            ask(RULES)
        assert "第五十五条" in str(refused.value.details["document"])
    with pytest.raises(RuleMissing):  # where no row speaks nothing is assumed
        ask(RULES, on=date(2017, 1, 1))


def test_a_part_that_was_bought_back_weighs_on_its_buyer_and_frees_the_line() -> None:
    plan = BOOK.plan_of(product_id="chengchuan-instalment", business_date=ON)
    assert plan is not None
    source = plan.source(source_id="joint-qinghe")
    lender, bank = (share.lender_id for share in source.funding.shares)
    of = {
        (one.kind, one.owner_id): one
        for one in limits_of(plan=plan, source=source, funders=BOOK.funders_on(ON), rules=RULES, business_date=ON)
    }

    def used(kind: LimitKind, owner: object, bought: tuple[object, object] | None) -> int:
        return of[kind, owner].used_by(source=source, amount_fen=10_001, bought=bought)  # type: ignore[index,arg-type]

    own = [used(LimitKind.CAPITAL, lender, None), used(LimitKind.CAPITAL, bank, None)]
    assert (own, used(LimitKind.LINE, lender, None)) == ([3_000, 7_001], 10_001)
    for buyer, theirs in ((lender, 10_001), (object(), 3_000)):
        bought = (bank, buyer)
        assert used(LimitKind.CAPITAL, lender, bought) == theirs
        assert [used(kind, bank, bought) for kind in (LimitKind.CAPITAL, LimitKind.CONCENTRATION)] == [0, 0]
        assert used(LimitKind.LINE, lender, bought) == 0
