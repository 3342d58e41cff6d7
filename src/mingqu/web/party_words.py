"""The parties of a contract in words of both languages, and the clauses that follow from who they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mingqu.services.contracts.name_parties import JOINT_LENDER, LENDER, POOL
from mingqu.web.pages import percent

_ROLES: Final = {
    "lender": ("出借人", "Lender"),
    "joint_lender": ("共同出借人", "Joint lender"),
    "funding_bank": ("资金提供方", "Funds the lender"),
    "pool": ("可受让债权的资产支持证券", "May buy the claim"),
    "guarantor": ("担保方", "Guarantor"),
    "insurer": ("保险人", "Insurer"),
}
_LICENCES: Final = {
    "bank": ("银行", "bank"),
    "consumer_finance": ("消费金融公司", "consumer finance company"),
    "microlender": ("小额贷款公司", "microlender"),
    "trust": ("信托", "trust"),
    "guarantee_company": ("融资担保公司", "financing guarantee company"),
    "insurance_company": ("保险公司", "insurance company"),
}
_COLLECTORS: Final = {"guarantee_fee": "guarantor", "insurance_premium": "insurer"}
_WHOLE_PPM: Final = 1_000_000


def parties_in_words(body: Mapping[str, object], table: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """Return each party of a contract: its part in both languages, and who it is, with licence and share.

    A contract of an older version names none: then the lender and who collects of the cost table are told.
    """
    named = body.get("parties")
    if not isinstance(named, list):
        items = table["items"]
        assert isinstance(items, list)
        taking = [(_COLLECTORS[one["code"]], one["collector"]) for one in items if one["code"] in _COLLECTORS]
        return [(*_ROLES[role], str(name)) for role, name in ((LENDER, table["lender"]), *taking)]
    return [(*_ROLES[str(one["role"])], _who(one)) for one in named]


def _who(one: Mapping[str, object]) -> str:
    zh, en = _LICENCES[str(one["licence"])]
    share_ppm = int(str(one["share_ppm"]))
    share = f"，出借 {percent(share_ppm)}" if 0 < share_ppm < _WHOLE_PPM else ""
    return f"{one['name']}（{zh} {en}{share}）"


def party_clauses(body: Mapping[str, object]) -> list[dict[str, str]]:
    """Return what a contract agrees on because of who its parties are: joint lenders, a pool that may buy the claim."""
    named = body.get("parties")
    parties = named if isinstance(named, list) else []
    lender = next((str(one["name"]) for one in parties if one["role"] == LENDER), "")
    said = []
    if any(one["role"] == JOINT_LENDER for one in parties):
        said.append(
            {
                "zh": f"各出借人按上列比例出借并享有债权。借款人只向{lender}还款，由其按比例分配，"
                "借款人的义务不因此增加。",
                "en": "Each lender lends and is owed its share. The borrower pays the first lender, who passes on what"
                " is the others', and owes nothing more for that.",
            }
        )
    if any(one["role"] == POOL for one in parties):
        said.append(
            {
                "zh": f"出借人可将本合同债权转让给上列资产支持证券。转让后借款人仍向{lender}还款，条件不变。",
                "en": "The claim may be sold to the pool named above. The borrower goes on paying the lender, on the"
                " same terms.",
            }
        )
    guarantee = body.get("bill_guarantee")
    return [*said, _bill_by_bill(guarantee)] if isinstance(guarantee, Mapping) else said


def _bill_by_bill(agreed: Mapping[str, object]) -> dict[str, str]:
    """Return what is agreed where a guarantor pays late bills one by one, and whose they are then."""
    days, bills = agreed["after_days"], agreed["whole_after_bills"]
    zh = (
        f"账单逾期满 {days} 日的，由担保方向出借人代偿该期账单；就其代偿的款项担保方为债权人，不再计息。"
        "还款先用于出借人到期的款项，再用于担保方。"
    )
    en = (
        f"A bill that is {days} days late is paid to the lender by the guarantor, who is the creditor of what it paid,"
        " without further interest. Repayments serve what is due to the lender first, then the guarantor."
    )
    if bills is None:
        return {"zh": zh, "en": en}
    return {
        "zh": f"{zh}已代偿 {bills} 期后再有账单逾期满该日数的，担保方代偿全部借款。",
        "en": f"{en} Behind {bills} such bills, the next one's day is that of the whole loan.",
    }
