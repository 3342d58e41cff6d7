"""Laws that keep a person's data longer than the person may want: set when money begins and when it ends."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.calendar import add_months
from mingqu.domain.rule import ANY
from mingqu.services.house import House
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction

RULE: Final = "identity_retention_years_min"
_MONTHS_A_YEAR: Final = 12


def keep_for_the_law(tx: Transaction, house: House, *, person_id: UUID, on: date) -> None:
    """Hold a person's identity data for as long as the rule of the day says, counted from `on`.

    Source: 反洗钱法 (2024) art. 34, the row `identity_retention_years_min` of the rule pack. A hold is only ever
    lengthened. Errors: RuleMissing, NotFound.
    """
    reason, until = law_of(house, on=on)
    vault.hold(tx, person_id=person_id, reason=reason, held_until=until)


def law_of(house: House, *, on: date) -> tuple[str, date]:
    """Return which law keeps a person's data, and until when if it counts from `on`. Errors: RuleMissing."""
    rule = house.pack.rules.find(rule_id=RULE, lender_type=ANY, product_kind=ANY, business_date=on)
    return rule.document, add_months(day=on, months=rule.value * _MONTHS_A_YEAR)
