"""The five classes of assets by days past due: one map for loans, one for credit cards, and what is set aside for each.

Pure over dated rules; the numbers are rows of `rules/cn/classification.toml`. Sources: 商业银行金融资产风险分类办法
(2023-07-01) for loans, 银监会令2011年第2号 art. 92 for cards, 财金〔2012〕20号 for the standard rates of provision.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Final

from mingqu.domain.rule import RuleBook


class AssetClass(StrEnum):
    """The five classes, from good to bad. Words are stored: never changed, never used again."""

    NORMAL = "normal"  # 正常
    SPECIAL_MENTION = "special_mention"  # 关注
    SUBSTANDARD = "substandard"  # 次级
    DOUBTFUL = "doubtful"  # 可疑
    LOSS = "loss"  # 损失


class ClassMap(StrEnum):
    """Which map an asset is classed by: the rows of its name."""

    LOAN = "loan"
    CARD = "card"


_WORST_FIRST: Final = (AssetClass.LOSS, AssetClass.DOUBTFUL, AssetClass.SUBSTANDARD, AssetClass.SPECIAL_MENTION)


def days_past_due(*, oldest_due_on: date | None, on: date) -> int:
    """Return the days past due at the end of a day, counted from the due date of the oldest bill that is not paid.

    Days of grace do not move the beginning: once they are missed, the days since the due date count. None: nothing is
    unpaid. Example: due on 2026-09-15 and unpaid, the 15th counts 0 and the 16th counts 1.
    """
    return 0 if oldest_due_on is None else max(0, (on - oldest_due_on).days)


def map_of(*, rules: RuleBook, lender_type: str, product_kind: str, business_date: date) -> ClassMap:
    """Return by which map an asset is classed: a bank's card by that of cards, everything else by that of loans.

    Source: the rows `classed_as_card`. Example: a bank's account to spend from is a card, the same account of a
    consumer finance company is a loan. Errors: RuleMissing for a date before the rows.
    """
    is_card = rules.value(
        rule_id="classed_as_card", lender_type=lender_type, product_kind=product_kind, business_date=business_date
    )
    return ClassMap.CARD if is_card else ClassMap.LOAN


def classify(
    *, days: int, by: ClassMap, rules: RuleBook, lender_type: str, product_kind: str, business_date: date
) -> AssetClass:
    """Return the class of an asset that is `days` past due: the worst one whose limit is exceeded.

    Example: a loan 91 days past due is substandard, and so is a card; on day 121 the card alone is doubtful.
    Errors: RuleMissing for a date before the map.
    """
    assert days >= 0
    for worse in _WORST_FIRST:
        limit = rules.value(
            rule_id=f"{by.value}_{worse.value}_days_over",
            lender_type=lender_type,
            product_kind=product_kind,
            business_date=business_date,
        )
        if days > limit:
            return worse
    return AssetClass.NORMAL


def provision_ppm(
    *, asset_class: AssetClass, rules: RuleBook, lender_type: str, product_kind: str, business_date: date
) -> int:
    """Return what part of an asset of a class is set aside, in ppm. Example: 300,000 of a substandard loan.

    Errors: RuleMissing.
    """
    return rules.value(
        rule_id=f"provision_{asset_class.value}_ppm",
        lender_type=lender_type,
        product_kind=product_kind,
        business_date=business_date,
    )
