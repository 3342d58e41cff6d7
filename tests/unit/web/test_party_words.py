"""The parties of a contract in words: those it names, and of an older one those of its cost table."""

from __future__ import annotations

from mingqu.web.party_words import parties_in_words, party_clauses


def party(role: str, licence: str, share_ppm: int = 0) -> dict[str, object]:
    return {"role": role, "name": role.upper(), "licence": licence, "share_ppm": share_ppm}


def test_a_pool_that_may_buy_the_claim_is_named_with_what_that_means() -> None:
    body = {"parties": [party("lender", "microlender", 1_000_000), party("pool", "trust")]}
    assert parties_in_words(body, {}) == [
        ("出借人", "Lender", "LENDER（小额贷款公司 microlender）"),
        ("可受让债权的资产支持证券", "May buy the claim", "POOL（信托 trust）"),
    ]
    (clause,) = party_clauses(body)
    assert "转让后借款人仍向LENDER还款" in clause["zh"]


def test_a_guarantor_who_pays_bill_by_bill_is_told_of_with_whose_the_bills_are_then() -> None:
    for bills, said in ((None, False), (3, True)):
        body = {"parties": [], "bill_guarantee": {"after_days": 10, "whole_after_bills": bills}}
        (clause,) = party_clauses(body)
        assert "逾期满 10 日" in clause["zh"]
        assert ("已代偿 3 期后" in clause["zh"]) is said


def test_a_contract_of_an_older_version_names_who_its_cost_table_does() -> None:
    items = [{"code": "interest", "collector": "B"}, {"code": "guarantee_fee", "collector": "G"}]
    assert parties_in_words({}, {"lender": "B", "items": items}) == [
        ("出借人", "Lender", "B"),
        ("担保方", "Guarantor", "G"),
    ]
    assert party_clauses({}) == []
