"""Dated rules of law and supervision: rows with a value, a document and how well it is confirmed.

No number of the law is a constant in code: caps moved four times in 2025 and 2026 alone. A rule is found
by id, lender type, product kind and business date; the row that says more about the case wins over `any`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final

from mingqu.domain.policy_file import Document, PolicyFault, Reader
from mingqu.domain.product import KINDS, Licence
from mingqu.domain.refusal import Refusal

ANY: Final = "any"
VALUE_MAX: Final = 10**15
ALL_IN_COST_MAX: Final = "all_in_cost_year_ppm_max"
UNITS: Final = ("ppm_per_year", "ppm", "fen", "years", "days", "months", "hours", "count", "minute_of_day")
# The unit in which a number is read. A row in another one would be understood wrong, by as much as the units differ.
READ_IN: Final = MappingProxyType(
    {
        ALL_IN_COST_MAX: "ppm_per_year",
        "all_in_cost_prime_rate_multiple_max": "count",
        "loan_prime_rate_one_year_ppm": "ppm_per_year",
        "penalty_multiple_ppm_max": "ppm",
        "term_months_max": "months",
        "bullet_line_months_max": "months",
        "exposure_person_fen_max": "fen",
        "cost_table_confirmed_min": "count",
        "principal_paid_out_ppm_min": "ppm",
        "self_payment_fen_max": "fen",
        "bad_information_notice_min": "count",
        "credit_dispute_mark_min": "count",
        "bad_information_retention_years_max": "years",
        "contact_hours_from_minute": "minute_of_day",
        "contact_hours_to_minute": "minute_of_day",
        "contact_others_max": "count",
        "call_in_overdue_days_over": "days",
        "classed_as_card": "count",
        "payout_again_reminded_days": "days",
        "payout_again_closed_days": "days",
        "collection_effective_calls_day_max": "count",
        "collection_dials_number_day_max": "count",
    }
)
_RULE_COLUMNS: Final = (
    "id", "lender_type", "product_kind", "valid_from", "valid_to", "value", "unit", "document", "confirmed", "note",
)  # fmt: skip


class RuleOverlap(PolicyFault):
    """Two rows of one rule hold on the same day; nobody could say which one counts."""

    code: ClassVar[str] = "rule_overlap"


class RuleMissing(Refusal):
    """No row of the rule holds for the lender type, product kind and date; nothing is assumed instead."""

    code: ClassVar[str] = "rule_missing"


class Confirmation(StrEnum):
    """How well the number is known."""

    SOURCE = "source"  # read in the document itself
    PRESS = "press"  # read in the press or a secondary text
    MEMORY = "memory"  # to be checked before the number is relied upon
    CHOICE = "choice"  # not law: a choice of ours or of a lender


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row, for [valid_from, valid_to). `value` is in `unit`; `lender_type` and `product_kind` may be any."""

    id: str
    lender_type: str
    product_kind: str
    valid_from: date
    valid_to: date
    value: int
    unit: str
    document: str
    confirmed: Confirmation
    note: str
    file: str = ""

    def covers(self, *, business_date: date) -> bool:
        """Return whether the row holds on the date."""
        return self.valid_from <= business_date < self.valid_to


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """All rows, free of overlaps (made by `rule_book`)."""

    rules: tuple[Rule, ...]

    def find(self, *, rule_id: str, lender_type: str, product_kind: str, business_date: date) -> Rule:
        """Return the row that holds: exact lender type and product kind first, then lender type, kind, any.

        Errors: RuleMissing when none does.
        """
        found = self._found(
            rule_id=rule_id, lender_type=lender_type, product_kind=product_kind, business_date=business_date
        )
        if found is None:
            raise RuleMissing(
                f"No rule {rule_id} for {lender_type}, {product_kind} on {business_date}: add a row with its document.",
                rule_id=rule_id,
                lender_type=lender_type,
                product_kind=product_kind,
                business_date=business_date.isoformat(),
            )
        return found

    def stands(self, *, rule_id: str, lender_type: str, product_kind: str, business_date: date) -> Rule | None:
        """Return the row that `find` finds, or None: for rules without which nothing is forbidden."""
        return self._found(
            rule_id=rule_id, lender_type=lender_type, product_kind=product_kind, business_date=business_date
        )

    def on(self, *, business_date: date) -> tuple[Rule, ...]:
        """Return every row that holds on a date, by id, lender type and product kind."""
        return tuple(rule for rule in self.rules if rule.covers(business_date=business_date))

    def value(self, *, rule_id: str, lender_type: str, product_kind: str, business_date: date) -> int:
        """Return the value of the row that holds, in the row's unit. Errors: RuleMissing."""
        return self.find(
            rule_id=rule_id, lender_type=lender_type, product_kind=product_kind, business_date=business_date
        ).value

    def within(
        self, *, rule_id: str, lender_type: str, product_kind: str, valid_from: date, valid_to: date
    ) -> tuple[Rule, ...]:
        """Return every row that counts on some day of [valid_from, valid_to), in order of that day.

        Errors: RuleMissing when a day of the period has none: a price without a known cap is not checked.
        """
        days = {valid_from} | {
            edge
            for rule in self.rules
            if rule.id == rule_id
            for edge in (rule.valid_from, rule.valid_to)
            if valid_from <= edge < valid_to
        }
        return tuple(
            self.find(rule_id=rule_id, lender_type=lender_type, product_kind=product_kind, business_date=day)
            for day in sorted(days)
        )

    def _found(self, *, rule_id: str, lender_type: str, product_kind: str, business_date: date) -> Rule | None:
        wanted = ((lender_type, product_kind), (lender_type, ANY), (ANY, product_kind), (ANY, ANY))
        rows = {
            (rule.lender_type, rule.product_kind): rule
            for rule in self.rules
            if rule.id == rule_id and rule.covers(business_date=business_date)
        }
        return next((rows[key] for key in wanted if key in rows), None)


def parse_rules(*, document: Document) -> tuple[Rule, ...]:
    """Return the rows of one rule file. Errors: PolicyFault with file, row and column."""
    reader = document.reader()
    reader.only(("kind", "id", "version", "about", "rule"))
    return tuple(_rule(row) for row in reader.tables("rule"))


def _rule(reader: Reader) -> Rule:
    reader.only(_RULE_COLUMNS)
    valid_from, valid_to = reader.period()
    rule_id, unit = reader.name("id"), reader.choice("unit", UNITS)
    if READ_IN.get(rule_id, unit) != unit:
        raise reader.fault("unit", f"{rule_id} is not read in {unit}.", f"Write it in {READ_IN[rule_id]}.")
    return Rule(
        id=rule_id,
        lender_type=reader.choice("lender_type", (ANY, *Licence)),
        product_kind=reader.choice("product_kind", (ANY, *KINDS)),
        valid_from=valid_from,
        valid_to=valid_to,
        value=reader.integer("value", least=0, most=VALUE_MAX),
        unit=unit,
        document=reader.text("document"),
        confirmed=Confirmation(reader.choice("confirmed", tuple(Confirmation))),
        note=reader.text("note") if reader.has("note") else "",
        file=reader.file,
    )


def rule_book(*, rules: Iterable[Rule]) -> RuleBook:
    """Return the rows as a book. Errors: RuleOverlap when two rows of one rule hold on the same day."""
    ordered = sorted(rules, key=lambda rule: (rule.id, rule.lender_type, rule.product_kind, rule.valid_from))
    for before, after in itertools.pairwise(ordered):
        same = (before.id, before.lender_type, before.product_kind) == (after.id, after.lender_type, after.product_kind)
        if same and after.valid_from < before.valid_to:
            raise RuleOverlap(
                file=after.file,
                row=before.id,
                column="valid_to",
                problem=f"for {before.lender_type}, {before.product_kind} the rows from {before.valid_from} and from "
                f"{after.valid_from} overlap.",
                remedy="End the first one where the second begins.",
                rule_id=before.id,
                valid_from=after.valid_from.isoformat(),
            )
        if before.id == after.id and before.unit != after.unit:
            raise PolicyFault(
                file=after.file, row=after.id, column="unit", problem="two units for one rule.", remedy="Use one unit."
            )
    return RuleBook(rules=tuple(ordered))
