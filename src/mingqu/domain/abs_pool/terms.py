"""What a securitized pool agrees on: which loans may enter, how much of one kind, who is paid first, what stops buying.

A policy file of kind `pool` below `policies/pools/`. A published version never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar, Final

from mingqu.domain.calendar import DayCount
from mingqu.domain.policy_file import INTEGER_MAX, Document, Reader
from mingqu.domain.rate import PPM
from mingqu.domain.refusal import Refusal

DAYS_MAX: Final = 3_650  # beyond ten years nobody counts how late a loan is
INSTALMENTS_MAX: Final = 600
FEES_MAX: Final = 20  # a waterfall with more steps is read by nobody
_COLUMNS: Final = (
    "kind", "id", "version", "valid_from", "valid_to", "name_zh", "name_en", "day_count", "buys_until", "senior_fen",
    "senior_rate_ppm", "subordinate_fen", "subordinate_share_ppm_min", "document", "fee", "eligibility", "limit",
    "triggers", "originator_buys_back", "note",
)  # fmt: skip


class PoolUnknown(Refusal):
    """No policy file describes such a pool on that day."""

    code: ClassVar[str] = "pool_unknown"
    status: ClassVar[int] = 404


class Grouping(StrEnum):
    """What loans have in common that a concentration limit counts together."""

    BORROWER = "borrower"
    REGION = "region"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """Which loans may be bought: amounts in fen, rates in ppm a year, bounds included."""

    products: tuple[str, ...]
    regions_excluded: tuple[str, ...]
    principal_fen_min: int
    principal_fen_max: int
    rate_ppm_min: int
    rate_ppm_max: int
    paid_instalments_min: int
    overdue_days_max: int
    overdue_days_ever_max: int
    last_due_max: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """At most this share of the pool, in ppm, for loans that have `by` in common."""

    by: Grouping
    share_ppm_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What somebody has of the pool before the notes, in ppm a year of the loans that were not in default."""

    id: str
    rate_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """What ends buying early. A loan is delinquent, or in default, when it is late by more than so many days."""

    delinquent_after_days: int
    default_after_days: int
    cumulative_default_ppm_max: int
    delinquent_ppm_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTerms:
    """One version of a pool, in force in [valid_from, valid_to); nothing is bought from `buys_until` on.

    Whether its `originator_buys_back` is of loans that turn out not to have been eligible when they were bought; a loan
    that was, and went bad, is the pool's risk.
    """

    id: str
    version: int
    valid_from: date
    valid_to: date
    name_zh: str
    name_en: str
    day_count: DayCount
    buys_until: date
    senior_fen: int
    senior_rate_ppm: int
    subordinate_fen: int
    document: str
    fees: tuple[Fee, ...]
    eligibility: Eligibility
    limits: tuple[Concentration, ...]
    triggers: Triggers
    originator_buys_back: bool = False


def parse_pools(*, documents: Iterable[Document]) -> tuple[PoolTerms, ...]:
    """Return the pools that files describe. Errors: PolicyFault with file, row and column.

    The subordinate notes, which the originator keeps, are at least `subordinate_share_ppm_min` of all notes.
    """
    pools: dict[tuple[str, int], PoolTerms] = {}
    for document in documents:
        pool = _pool(document.reader())
        if (pool.id, pool.version) in pools:
            raise document.reader().fault("version", "this version stands twice.", "Give the new file a new version.")
        pools[pool.id, pool.version] = pool
    return tuple(pools.values())


def pool_on(*, pools: Sequence[PoolTerms], pool_id: str, business_date: date) -> PoolTerms:
    """Return the newest version of a pool that is in force on a date. Errors: PoolUnknown."""
    found = [one for one in pools if one.id == pool_id and one.valid_from <= business_date < one.valid_to]
    if not found:
        known = ", ".join(sorted({one.id for one in pools}))
        raise PoolUnknown(f"There is no pool {pool_id!r} on {business_date}. Known: {known or 'none'}.")
    return max(found, key=lambda one: one.version)


def _pool(reader: Reader) -> PoolTerms:
    reader.choice("kind", ("pool",))
    reader.only(_COLUMNS)
    valid_from, valid_to = reader.period()
    buys_until = reader.day("buys_until")
    if buys_until < valid_from:
        raise reader.fault("buys_until", "before the pool begins.", "Write valid_from where it never buys.")
    senior_fen = _fen(reader, "senior_fen", least=1)
    subordinate_fen = _fen(reader, "subordinate_fen")
    least_ppm = _ppm(reader, "subordinate_share_ppm_min")
    if subordinate_fen * PPM < (senior_fen + subordinate_fen) * least_ppm:
        raise reader.fault("subordinate_fen", "less than what must be kept.", "Raise it, or lower senior_fen.")
    return PoolTerms(
        id=reader.name("id"),
        version=reader.integer("version", least=1, most=1_000_000),
        valid_from=valid_from,
        valid_to=valid_to,
        name_zh=reader.text("name_zh"),
        name_en=reader.text("name_en"),
        day_count=DayCount(reader.choice("day_count", [one.value for one in DayCount])),
        buys_until=buys_until,
        senior_fen=senior_fen,
        senior_rate_ppm=_ppm(reader, "senior_rate_ppm"),
        subordinate_fen=subordinate_fen,
        document=reader.text("document"),
        fees=_fees(reader),
        eligibility=_eligibility(reader.table("eligibility")),
        limits=_limits(reader),
        triggers=_triggers(reader.table("triggers")),
        originator_buys_back=reader.has("originator_buys_back") and reader.flag("originator_buys_back"),
    )


def _fees(reader: Reader) -> tuple[Fee, ...]:
    found = []
    for row in reader.tables("fee"):
        row.only(("id", "rate_ppm"))
        found.append(Fee(id=row.name("id"), rate_ppm=_ppm(row, "rate_ppm")))
    if len({one.id for one in found}) != len(found):
        raise reader.fault("fee", "a fee stands twice.", "Give each its own id.")
    if len(found) > FEES_MAX:
        raise reader.fault("fee", "too many fees.", f"Write at most {FEES_MAX}.")
    return tuple(found)


def _eligibility(row: Reader) -> Eligibility:
    row.only(Eligibility.__slots__)
    principal_fen_min, rate_ppm_min = _fen(row, "principal_fen_min", least=1), _ppm(row, "rate_ppm_min")
    return Eligibility(
        products=row.names("products"),
        regions_excluded=_texts(row, "regions_excluded") if row.has("regions_excluded") else (),
        principal_fen_min=principal_fen_min,
        principal_fen_max=_fen(row, "principal_fen_max", least=principal_fen_min),
        rate_ppm_min=rate_ppm_min,
        rate_ppm_max=row.integer("rate_ppm_max", least=rate_ppm_min, most=PPM),
        paid_instalments_min=row.integer("paid_instalments_min", least=0, most=INSTALMENTS_MAX),
        overdue_days_max=row.integer("overdue_days_max", least=0, most=DAYS_MAX),
        overdue_days_ever_max=row.integer("overdue_days_ever_max", least=0, most=DAYS_MAX),
        last_due_max=row.day("last_due_max"),
    )


def _limits(reader: Reader) -> tuple[Concentration, ...]:
    found = []
    for row in reader.tables("limit", label="by"):
        row.only(("by", "share_ppm_max"))
        found.append(
            Concentration(by=Grouping(row.choice("by", tuple(Grouping))), share_ppm_max=_ppm(row, "share_ppm_max"))
        )
    if len({one.by for one in found}) != len(found):
        raise reader.fault("limit", "a limit stands twice.", "Keep the lower one.")
    return tuple(found)


def _triggers(row: Reader) -> Triggers:
    row.only(Triggers.__slots__)
    delinquent = row.integer("delinquent_after_days", least=0, most=DAYS_MAX)
    return Triggers(
        delinquent_after_days=delinquent,
        default_after_days=row.integer("default_after_days", least=delinquent + 1, most=DAYS_MAX),
        cumulative_default_ppm_max=_ppm(row, "cumulative_default_ppm_max"),
        delinquent_ppm_max=_ppm(row, "delinquent_ppm_max"),
    )


def _fen(reader: Reader, column: str, *, least: int = 0) -> int:
    return reader.integer(column, least=least, most=INTEGER_MAX)


def _ppm(reader: Reader, column: str) -> int:
    return reader.integer(column, least=0, most=PPM)


def _texts(reader: Reader, column: str) -> tuple[str, ...]:
    return tuple(
        Reader(file=reader.file, row=reader.row, data={column: one}).text(column) for one in reader.items(column)
    )
