"""Which of the five classes a debt is in today, by the map that its lender's licence and its product ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

from mingqu.domain.classification import AssetClass, classify, map_of
from mingqu.domain.decision.auto_loan import CARD, parse_auto_product
from mingqu.domain.decision.strategy import PolicyMissing
from mingqu.domain.gate import Case
from mingqu.domain.product import PURPOSE_BOUND
from mingqu.domain.rule import ANY
from mingqu.services.house import House
from mingqu.services.policies.pass_rule_gates import case_of


def case_of_debt(
    house: House, *, lender_id: UUID, product_id: str, on: date, product_version: int | None = None
) -> Case:
    """Return for whom rows are asked about a debt; `product_version` is that of a revolving account's product.

    A car loan is bound to its purpose where its money lies on a card, and else is a loan like any other.
    """
    case = case_of(house, lender_id=lender_id, product_id=product_id, on=on)
    if product_version is not None:
        kind = house.pack.spend_version(product_id=product_id, version=product_version).kind
        return replace(case, product_kind=kind)
    return (
        replace(case, product_kind=PURPOSE_BOUND) if case.product_kind == ANY and _on_card(house, product_id) else case
    )


def class_of(house: House, *, case: Case, days: int) -> AssetClass:
    """Return the class of a debt that is so many days past due. Errors: RuleMissing."""
    rules = house.pack.rules
    by = map_of(rules=rules, lender_type=case.lender_type, product_kind=case.product_kind, business_date=case.on)
    return classify(
        days=days,
        by=by,
        rules=rules,
        lender_type=case.lender_type,
        product_kind=case.product_kind,
        business_date=case.on,
    )


def _on_card(house: House, product_id: str) -> bool:
    try:
        car = parse_auto_product(document=house.pack.document(kind="auto_product", name=product_id))
    except PolicyMissing:  # no car loan, or of a book that came over, whose products no file here names
        return False
    return car.way == CARD
