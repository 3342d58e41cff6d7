"""Kill switches: a rule, a product or a lender switched off at once, by one person, for a cause, until a day.

A rule that is off refuses less: one person switches it off for an emergency, two for longer.

A product or lender that is off takes part in no new decision and no new offer; loans that are there go on. A rule that
is off is skipped, and each decision made meanwhile says so. What the law demands cannot be switched off: a row that
names its legal basis, or that refuses for a reason which always has one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from types import MappingProxyType
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.decision.row import Row
from mingqu.domain.decision.strategy import Strategy
from mingqu.domain.refusal import Refusal

# Refusals that follow from law whatever the table says: minors (《民法典》 art. 19), who one is
# (《反洗钱法》 art. 29), consents (《个人信息保护法》 art. 13; 《征信业管理条例》 art. 18).
LEGAL_REASONS: Final = frozenset({"age_below_minimum", "identity_not_verified", "consent_missing"})
NAME_LENGTH_MAX: Final = 200
_NAME: Final = re.compile(r"[a-z0-9_-]+(/[a-z0-9_-]+)?")


class SwitchKind(Enum):
    """What can be switched off. Words are stored: never changed, never used again."""

    RULE = "rule"  # a row of a policy table, named table/row
    PRODUCT = "product"
    LENDER = "lender"


class SwitchUnknown(Refusal):
    """There is no such rule, product or lender in force, or the name is none."""

    code: ClassVar[str] = "switch_unknown"
    status: ClassVar[int] = 404


class SwitchForbidden(Refusal):
    """This rule is law and cannot be switched off; publish another version instead, by two people."""

    code: ClassVar[str] = "switch_forbidden"
    status: ClassVar[int] = 409


class SwitchedOffAlready(Refusal):
    """This is switched off already."""

    code: ClassVar[str] = "switched_off_already"
    status: ClassVar[int] = 409


class NotSwitchedOff(Refusal):
    """This is not switched off, or is on again since."""

    code: ClassVar[str] = "not_switched_off"
    status: ClassVar[int] = 409


class LendingSwitchedOff(Refusal):
    """Every product, or the one asked for, is switched off for now; loans that are there go on as agreed."""

    code: ClassVar[str] = "lending_switched_off"
    status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Something switched off: what, why, by whom, and the first day on which it is on again by itself, if any.

    `proposal_id` is there where two people did it; `owner_id` is then who proposed.
    """

    switch_id: UUID
    kind: SwitchKind
    name: str
    cause: str
    owner_id: UUID
    off_at: datetime
    ends_on: date | None
    on_at: datetime | None = None
    proposal_id: UUID | None = None

    def holds(self, *, business_date: date) -> bool:
        """Return whether it is off on a date."""
        return self.on_at is None and (self.ends_on is None or business_date < self.ends_on)

    @property
    def written(self) -> str:
        """What is off, in one word. Example: rule/instalment-policy/band-e."""
        return f"{self.kind.value}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What is off at one moment: the id of each act by what it switched off, as `Switch.written` has it."""

    acts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def product_off(self, *, product_id: str, lender_code: str) -> bool:
        """Return whether a product makes no new decisions and offers, by itself or with its lender."""
        return f"product/{product_id}" in self.acts or f"lender/{lender_code}" in self.acts

    def noted(self, *, strategy: Strategy) -> dict[str, str]:
        """Return the switches as a decision of this strategy notes them: its rows by their id, and what does not lend.

        A row that became law since it was switched off is read again, whatever the switch says.
        """
        found = {name: act for name, act in self.acts.items() if not name.startswith("rule/")}
        for row in strategy.policy.rows:
            act = self.acts.get(f"rule/{strategy.policy.id}/{row.id}")
            if act is not None and not is_law(row):
                found[f"row/{row.id}"] = act
        return dict(sorted(found.items()))


def is_law(row: Row) -> bool:
    """Return whether a row follows from law: it names its basis, or its reason always has one."""
    return bool(row.law) or row.reason in LEGAL_REASONS


def read_switch_name(text: str) -> str:
    """Return the name of what is to be switched. Errors: SwitchUnknown."""
    if len(text) > NAME_LENGTH_MAX or not _NAME.fullmatch(text):
        raise SwitchUnknown("A rule is named table/row, a product or lender by its id.")
    return text
