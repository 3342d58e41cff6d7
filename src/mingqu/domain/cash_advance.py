"""Cash out of a credit card at the bank that issued it (信用卡取现): what may be asked, and how a referral goes on.

The bank decides limit, fee, rate and contract on its own pages. Here somebody is shown the way, referred, and told what
became of it; so there is no amount in this module that could be owed to us, and no fee.
Sources: 银发〔2016〕111号 (cash of 10,000 yuan a card and day); 银保监规〔2022〕13号 (cash by instalments: at most
50,000 yuan and two years, to the holder's own settlement account, no minimum payment on instalments).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.product import Licence
from mingqu.domain.refusal import Refusal
from mingqu.domain.rule import ANY, RuleBook

DAY_FEN_MAX: Final = "cash_advance_day_fen_max"
INSTALMENT_FEN_MAX: Final = "cash_advance_instalment_fen_max"
INSTALMENT_MONTHS_MAX: Final = "cash_advance_instalment_months_max"


class CashAdvanceAboveDay(Refusal):
    """More than a card may give in cash a day, with what was asked for today already: ask for less, or tomorrow."""

    code: ClassVar[str] = "cash_advance_above_day"


class CashAdvanceAboveInstalments(Refusal):
    """More than may be taken in cash by instalments: ask for less."""

    code: ClassVar[str] = "cash_advance_above_instalments"


class CashAdvanceTooLong(Refusal):
    """Cash by instalments is repaid within the months of the rule: take fewer instalments."""

    code: ClassVar[str] = "cash_advance_too_long"


class CashAdvanceTermsMalformed(Refusal):
    """An amount above zero in whole yuan; one month when repaid at once, two or more by instalments."""

    code: ClassVar[str] = "cash_advance_terms_malformed"


class GuidanceMissing(Refusal):
    """There is no guidance to be read before somebody leaves for a bank, so nobody is sent to one."""

    code: ClassVar[str] = "guidance_missing"
    status: ClassVar[int] = 503


class Repayment(StrEnum):
    """How it is repaid: at once with the next bill (单月还), or by instalments (分月还)."""

    SINGLE = "single"
    INSTALMENTS = "instalments"


class ReferralState(StrEnum):
    """How far a referral has come, as far as the bank said. The last three are final."""

    REFERRED = "referred"
    VISITED = "visited"
    APPLIED = "applied"
    PAID = "paid"
    REFUSED = "refused"
    LAPSED = "lapsed"  # nobody came, or nobody applied, before the bank's page ended


FINAL: Final = frozenset({ReferralState.PAID, ReferralState.REFUSED, ReferralState.LAPSED})
_S = ReferralState
# What may follow on what. A word that comes late (visited, after applied) is not in the table and changes nothing.
FOLLOWS: Final = MappingProxyType(
    {
        _S.REFERRED: frozenset({_S.VISITED, _S.APPLIED, _S.PAID, _S.REFUSED, _S.LAPSED}),
        _S.VISITED: frozenset({_S.APPLIED, _S.PAID, _S.REFUSED, _S.LAPSED}),
        _S.APPLIED: frozenset({_S.PAID, _S.REFUSED, _S.LAPSED}),
        _S.PAID: frozenset[ReferralState](),
        _S.REFUSED: frozenset[ReferralState](),
        _S.LAPSED: frozenset[ReferralState](),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants: an amount in fen, and in how many months it is repaid (1 when at once)."""

    amount_fen: int
    repayment: Repayment
    months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """Somebody sent to a bank with a wish. `amount_paid_fen` is what the bank says that it paid out.

    `entry_version` and `entry_hash` name the version of the directory that was shown, `guidance_hash` the guidance that
    was read before leaving, `consent_id` the consent that names the bank.
    """

    referral_id: UUID
    person_id: UUID
    bank: str
    entry_version: int
    entry_hash: str
    instrument_id: UUID
    wish: Wish
    consent_id: UUID
    guidance_hash: str
    state: ReferralState
    made_on: date
    made_at: datetime
    heard_at: datetime
    amount_paid_fen: int | None = None
    refusal_code: str | None = None
    address: str | None = None

    @property
    def number(self) -> str:
        """The number under which the bank knows it."""
        return self.referral_id.hex

    @property
    def is_final(self) -> bool:
        """Whether the bank will say nothing more."""
        return self.state in FINAL


def follows(*, before: ReferralState, after: ReferralState) -> bool:
    """Return whether a word takes a referral further; late, repeated and contrary words do not."""
    return after in FOLLOWS[before]


def counts_today(referral: Referral, *, on: date) -> int:
    """Return what a referral uses of its card's cash of a day, in fen: what was paid, or may still be.

    Cash by instalments is an own transfer under its own limits and uses nothing of it.
    """
    spent = referral.state not in (ReferralState.REFUSED, ReferralState.LAPSED)
    if referral.made_on != on or referral.wish.repayment is not Repayment.SINGLE or not spent:
        return 0
    return referral.wish.amount_fen if referral.amount_paid_fen is None else referral.amount_paid_fen


def check_wish(*, wish: Wish, used_today_fen: int, rules: RuleBook, business_date: date) -> None:
    """Return when a wish is within the rules of its day; the bank checks again and may allow less.

    Example: with 6,000.00 asked for today, 4,000.00 to be repaid at once is the most, and 50,000.00 by 24 instalments
    is still possible. Errors: CashAdvanceTermsMalformed, CashAdvanceAboveDay, CashAdvanceAboveInstalments,
    CashAdvanceTooLong.
    """

    def rule(name: str) -> int:
        return rules.value(rule_id=name, lender_type=Licence.BANK, product_kind=ANY, business_date=business_date)

    single = wish.repayment is Repayment.SINGLE
    if wish.amount_fen <= 0 or wish.amount_fen % 100 or (wish.months != 1 if single else wish.months < 2):
        raise CashAdvanceTermsMalformed("Ask for whole yuan, repaid at once or in two instalments or more.")
    if single:
        left_fen = max(0, rule(DAY_FEN_MAX) - used_today_fen)
        if wish.amount_fen > left_fen:
            raise CashAdvanceAboveDay("A card gives less in cash a day: ask for less, or tomorrow.", left_fen=left_fen)
        return
    most_fen, most_months = rule(INSTALMENT_FEN_MAX), rule(INSTALMENT_MONTHS_MAX)
    if wish.amount_fen > most_fen:
        raise CashAdvanceAboveInstalments("Less may be taken in cash by instalments: ask for less.", most_fen=most_fen)
    if wish.months > most_months:
        raise CashAdvanceTooLong("Cash by instalments is repaid sooner: take fewer.", most_months=most_months)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the rules of a day allow: fen a card and day when repaid at once, fen and months by instalments."""

    day_fen: int
    instalment_fen: int
    months: int


def limits_on(*, rules: RuleBook, business_date: date) -> Limits:
    """Return what the rules of a day allow. Errors: RuleMissing."""

    def rule(name: str) -> int:
        return rules.value(rule_id=name, lender_type=Licence.BANK, product_kind=ANY, business_date=business_date)

    return Limits(
        day_fen=rule(DAY_FEN_MAX), instalment_fen=rule(INSTALMENT_FEN_MAX), months=rule(INSTALMENT_MONTHS_MAX)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """What is said about using such money with reason, before somebody leaves for the bank; `hash` is of the words."""

    version: int
    title_zh: str
    title_en: str
    points_zh: tuple[str, ...]
    points_en: tuple[str, ...]
    hash: str
