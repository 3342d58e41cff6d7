"""What stands between a source and a loan: its line, the funder's capital and leverage, concentrations, shares.

Each limit is an amount of principal for the whole book, worked out from a funder's figures by a dated rule. What a loan
uses of it is its principal, or one funder's part of that. Up to nine tenths nothing is said; from there on somebody is
told; the limit itself is never passed.
Sources: 商业银行资本管理办法 2023年第4号; 消费金融公司管理办法 2024; 金规〔2024〕26号 ("1+4" of microlenders);
银保监办发〔2021〕24号 (joint loans: a partner's share, one partner, all of them).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final
from uuid import UUID

from mingqu.domain.funding.plan import Funder, FundingPlan, Source, SourceKind
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.domain.product import Licence
from mingqu.domain.rate import PPM
from mingqu.domain.rule import ANY, Rule, RuleBook

SOFT_PPM: Final = 900_000  # from here on somebody is told: the house's choice, as the brief of risk managers has it
HARD_PPM: Final = PPM
PARTNER_SHARE_MIN: Final = "joint_partner_share_ppm_min"


class LimitKind(StrEnum):
    """Which limit it is. Words are stored in evidence."""

    LINE = "line"
    CAPITAL = "capital"
    LEVERAGE = "leverage"
    NON_STANDARD = "non_standard"
    STANDARD = "standard"
    CONCENTRATION = "concentration"
    JOINT_TOTAL = "joint_total"


class Level(StrEnum):
    """How near a limit is."""

    OPEN = "open"
    SOFT = "soft"
    HARD = "hard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit of the whole book, in fen of principal. `part_of` is the funder whose part counts; None: all of a loan.

    `document` is where the number comes from; `owner_id` is the funder whose limit it is.
    """

    id: UUID
    name: str
    kind: LimitKind
    owner_id: UUID
    part_of: UUID | None
    limit_fen: int
    document: str

    def used_by(self, *, source: Source, amount_fen: int, bought: tuple[UUID, UUID] | None = None) -> int:
        """Return how much of the limit a loan of a source uses. Example: 30 % of 100.01 for the partner: 30.00.

        Of a loan whose part was `bought` back (by seller and buyer) nothing is left on the source's line, and the part
        weighs on the buyer: 100.01, where the partner bought the bank's.
        """
        if self.part_of is None:
            return 0 if bought is not None and self.kind is LimitKind.LINE else amount_fen
        parts = zip(source.funding.shares, source.funding.split(amount_fen), strict=True)
        moved = {} if bought is None else {bought[0]: bought[1]}
        return sum(part for share, part in parts if moved.get(share.lender_id, share.lender_id) == self.part_of)


def level_of(*, used_fen: int, limit_fen: int) -> Level:
    """Return how near a limit is: SOFT from nine tenths on, HARD when nothing is left. Example: 90 of 100 is SOFT."""
    if used_fen >= limit_fen:
        return Level.HARD
    return Level.SOFT if used_fen * PPM >= limit_fen * SOFT_PPM else Level.OPEN


def limits_of(
    *, plan: FundingPlan, source: Source, funders: Mapping[UUID, Funder], rules: RuleBook, business_date: date
) -> tuple[Limit, ...]:
    """Return every limit that a loan of a source must keep on a date, in the order of their ids.

    Amounts are rounded down, so that no limit is passed by a rounding. Errors: RuleMissing, where a lender's licence
    has a limit by law and no row says which.
    Example: a consumer-finance company with net capital of 5 000 million, other risk-weighted assets of 40 000 million,
    10.5 % and a weight of 75 %: (5 000 ÷ 10.5 % − 40 000) ÷ 75 % = 10 158.73 million.
    """
    found = [_limit(LimitKind.LINE, plan.lender_id, None, source.line_fen, "", name=f"{plan.product_id}/{source.id}")]
    asked = _Asked(rules=rules, on=business_date)
    for share in source.funding.shares:
        if (funder := funders.get(share.lender_id)) is not None:
            found += _of_capital(funder, asked)
    lender, bank = funders.get(plan.lender_id), funders.get(source.funder_id)
    if lender is not None and lender.licence is Licence.MICROLENDER:
        found += _of_microlender(lender, source, asked)
    if source.kind is SourceKind.JOINT and bank is not None:
        found += _of_joint(bank, plan.lender_id if lender is None else lender.code, asked)
    return tuple(sorted(found, key=lambda one: one.id))


def share_is_enough(*, source: Source, licence: Licence, rules: RuleBook, business_date: date) -> bool:
    """Return whether the partner's share of a joint loan is what the rule of that day asks of a bank's partner."""
    if not source.is_joint:
        return True
    asked = _Asked(rules=rules, on=business_date).stands(PARTNER_SHARE_MIN, licence)
    return asked is None or source.funding.shares[0].ppm >= asked.value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    rules: RuleBook
    on: date

    def stands(self, rule_id: str, licence: Licence) -> Rule | None:
        return self.rules.stands(rule_id=rule_id, lender_type=licence.value, product_kind=ANY, business_date=self.on)

    def find(self, rule_id: str, licence: Licence) -> Rule:
        return self.rules.find(rule_id=rule_id, lender_type=licence.value, product_kind=ANY, business_date=self.on)


def _of_capital(funder: Funder, asked: _Asked) -> list[Limit]:
    """Return what its own capital lets a funder lend. Where a rule stands, a figure left out counts as nothing."""
    found = []
    if ratio := asked.stands("capital_adequacy_ppm_min", funder.licence):
        weight = asked.find("loan_risk_weight_ppm", funder.licence)
        assets_fen = funder.net_capital_fen * PPM // ratio.value - funder.risk_weighted_other_fen
        limit_fen = assets_fen * PPM // weight.value
        found.append(_limit(LimitKind.CAPITAL, funder.id, funder.id, limit_fen, ratio.document, name=funder.code))
    if ratio := asked.stands("leverage_ppm_min", funder.licence):
        limit_fen = funder.tier1_capital_fen * PPM // ratio.value - funder.assets_other_fen
        found.append(_limit(LimitKind.LEVERAGE, funder.id, funder.id, limit_fen, ratio.document, name=funder.code))
    return found


def _of_microlender(lender: Funder, source: Source, asked: _Asked) -> list[Limit]:
    """Return how much a microlender may borrow for its loans: once its net assets, and four times by securities."""
    if source.kind is SourceKind.BANK:
        kind, other_fen = LimitKind.NON_STANDARD, lender.non_standard_other_fen
    elif source.kind is SourceKind.ABS_POOL:
        kind, other_fen = LimitKind.STANDARD, lender.standard_other_fen
    else:
        return []
    multiple = asked.find(f"financing_{kind.value}_ppm_max", lender.licence)
    limit_fen = lender.net_assets_fen * multiple.value // PPM - other_fen
    return [_limit(kind, lender.id, None, limit_fen, multiple.document, name=lender.code)]


def _of_joint(bank: Funder, partner: UUID | str, asked: _Asked) -> list[Limit]:
    one = asked.find("joint_partner_concentration_ppm_max", bank.licence)
    every = asked.find("joint_total_ppm_max", bank.licence)
    one_fen = bank.tier1_capital_fen * one.value // PPM
    all_fen = bank.loans_fen * every.value // PPM - bank.joint_other_fen
    return [
        _limit(LimitKind.CONCENTRATION, bank.id, bank.id, one_fen, one.document, name=f"{bank.code}/{partner}"),
        _limit(LimitKind.JOINT_TOTAL, bank.id, bank.id, all_fen, every.document, name=bank.code),
    ]


def _limit(kind: LimitKind, owner_id: UUID, part_of: UUID | None, limit_fen: int, document: str, *, name: str) -> Limit:
    """Return a limit under an id that follows from its name, so that every server has the same."""
    full = f"{kind.value} {name}"
    return Limit(
        id=UUID(bytes=hashlib.sha256(f"funding limit {full}".encode()).digest()[:16], version=5),
        name=full,
        kind=kind,
        owner_id=owner_id,
        part_of=part_of,
        limit_fen=min(max(0, limit_fen), AMOUNT_FEN_MAX),
        document=document,
    )
