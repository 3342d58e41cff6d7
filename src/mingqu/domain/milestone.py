"""Money that is lent stage by stage: the stages of a product, what each pays, and a plan that the lender can afford.

The first stage is paid on signature, on the strength of the contract with the payee. Each later one is paid once its
papers are there and two people have looked at them. Stages are data of the product's version: shares of the principal,
and the kinds of papers that each is due.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from mingqu.domain.money import Rounding, divide
from mingqu.domain.policy_file import Reader
from mingqu.domain.refusal import Refusal

PPM: Final = 1_000_000
STAGES_MAX: Final = 12  # a loan of a year has a stage a month at most
PAPERS: Final = ("works_contract", "invoice", "progress_report", "acceptance_report", "photographs")
MONTHS_MAX: Final = 120  # nobody knows their capital further ahead


class CapitalShort(Refusal):
    """The lender's capital, month by month, does not cover the stages in any order of months that was looked at."""

    code: ClassVar[str] = "capital_short"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: its share of the principal in ppm, the papers due before it is paid, and the fewest months that lie
    between the stage before and this one."""

    id: str
    name_zh: str
    name_en: str
    share_ppm: int
    papers: tuple[str, ...]
    after_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedStage:
    """A stage of a plan: paid in month number `month` (0 is this one), when `free_fen` were free of which `left_fen`
    stay. `waits_months` is how much later that is than the stage alone would allow: for want of capital."""

    stage: Stage
    month: int
    amount_fen: int
    free_fen: int
    left_fen: int
    waits_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedPlan:
    """Stages with their months, and the number of instalments: the fewest whose payments the borrower can carry."""

    stages: tuple[FittedStage, ...]
    instalments: int
    payment_fen: int


def amounts_of(*, stages: Sequence[Stage], principal_fen: int) -> tuple[int, ...]:
    """Return what each stage pays, in fen: shares rounded down, and the last stage takes what rounding leaves over.

    Example: 100.01 in shares of 30, 40 and 30 % is 30.00, 40.00 and 30.01.
    """
    shares = [divide(principal_fen * one.share_ppm, PPM, Rounding.FLOOR) for one in stages[:-1]]
    return (*shares, principal_fen - sum(shares))


def fit_plan(
    *,
    stages: Sequence[Stage],
    principal_fen: int,
    free_by_month: Sequence[int],
    instalment_counts: Sequence[int],
    bearable_fen: int,
) -> FittedPlan:
    """Return the earliest months in which the lender's free capital covers each stage, and the shortest tenor.

    `free_by_month` is what is free in each month, from this one, in fen, before this loan; what a stage takes is gone
    from every later month. A stage is never before its turn; if its month lacks capital it waits for the first that
    has it, and leaves every later month with no less than nothing. The tenor is the fewest instalments of
    `instalment_counts` by which principal alone, spread evenly and rounded up, is at most `bearable_fen` a month.
    Worked example: 200,000.00 in 30, 40 and 30 %, two months apart; free are 100,000.00, and 150,000.00 from month 3
    and 250,000.00 from month 5 on. Stage 1 takes 60,000.00 at once; stage 2 wants 80,000.00 in month 2, where 40,000.00
    are left, and waits for month 3; stage 3 takes 60,000.00 in month 5.
    Errors: CapitalShort, when a stage finds no month, or no tenor is short enough.
    """
    amounts = amounts_of(stages=stages, principal_fen=principal_fen)
    left = list(free_by_month[:MONTHS_MAX])
    found: list[FittedStage] = []
    for stage, amount_fen in zip(stages, amounts, strict=True):
        earliest = found[-1].month + stage.after_months if found else 0
        # Covered also later: capital that is promised elsewhere in a later month is not free now.
        month = next((at for at in range(earliest, len(left)) if min(left[at:]) >= amount_fen), None)
        if month is None:
            raise CapitalShort("No month covers this stage.", stage=stage.id, amount_fen=amount_fen)
        free_fen = left[month]
        left[month:] = [fen - amount_fen for fen in left[month:]]
        found.append(
            FittedStage(
                stage=stage,
                month=month,
                amount_fen=amount_fen,
                free_fen=free_fen,
                left_fen=left[month],
                waits_months=month - earliest,
            )
        )
    for count in sorted(instalment_counts):
        payment_fen = divide(principal_fen, count, Rounding.CEILING)
        if payment_fen <= bearable_fen and count > found[-1].month:
            return FittedPlan(stages=tuple(found), instalments=count, payment_fen=payment_fen)
    raise CapitalShort("No tenor of the product is bearable, or long enough for all stages.", bearable_fen=bearable_fen)


def parse_stages(*, reader: Reader) -> tuple[Stage, ...]:
    """Return the stages of a product's file, whose shares make the whole. Errors: PolicyFault."""
    found = tuple(_stage(row) for row in reader.tables("stage"))
    if not 2 <= len(found) <= STAGES_MAX or sum(one.share_ppm for one in found) != PPM:
        raise reader.fault("stage", "not at least two stages that make the whole.", f"Let shares sum to {PPM}.")
    if len({one.id for one in found}) != len(found):
        raise reader.fault("stage", "a stage stands twice.", "Name each once.")
    if found[0].papers or found[0].after_months or not all(one.papers for one in found[1:]):
        raise reader.fault("stage", "the first is paid on signature, the others on papers.", "Correct the papers.")
    return found


def _stage(row: Reader) -> Stage:
    row.only(("id", "name_zh", "name_en", "share_ppm", "papers", "after_months"))
    return Stage(
        id=row.name("id"),
        name_zh=row.text("name_zh"),
        name_en=row.text("name_en"),
        share_ppm=row.integer("share_ppm", least=1, most=PPM),
        papers=row.names("papers", PAPERS) if row.has("papers") else (),
        after_months=row.integer("after_months", least=0, most=MONTHS_MAX) if row.has("after_months") else 0,
    )
