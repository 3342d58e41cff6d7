"""A funds contract: who may be paid, for what, where, when, how much, and what evidence is owed, as data.

The file is read once and refused as a whole when anything in it is not understood; each fault names file, row and
column. Its last clause denies whatever no clause before it allowed. Sources: 个人贷款管理办法 (国家金融监督管理总局令
2024年第3号, in force 2024-07-01) on entrusted payment and on following the use of a loan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import Final

from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.domain.policy_file import Document, Plain, Reader

# A contract of more clauses is read by nobody; one with more payees would not fit a borrower's agreement.
CLAUSES_MAX: Final = 500
PAYEES_MAX: Final = 20_000
STAGES_MAX: Final = 20
EVIDENCE_DAYS_MAX: Final = 365
CHANNELS: Final = ("pos", "entrusted", "online")
EVIDENCE: Final = ("invoice", "registration", "insurance")
MINUTES_OF_DAY: Final = 24 * 60
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_CATEGORY: Final = re.compile(r"[0-9]{4}")
_VIN: Final = re.compile(r"[A-HJ-NPR-Z0-9]{17}")  # ISO 3779: 17 characters, without I, O and Q
_SETS: Final = ("merchants", "categories", "channels", "devices", "places", "vins")
_TOP: Final = frozenset(
    {
        *("kind", "id", "version", "name_zh", "name_en", "currency", "from", "to", "hold_days", "per_spend_fen"),
        *("per_day_fen", "total_fen", "payees", "clause", "stage", "evidence"),
    }
)
_ROW: Final = frozenset(
    {*_SETS, "id", "effect", "minute_from", "minute_to", "amount_max_fen", "reason", "remedy", "listed_payee"}
)


class Effect(Enum):
    """What a clause that fits says."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One clause. A set that is None stands for any value; all of its conditions must hold for it to fit.

    Minutes are of the day, [from, to). `listed_payee` asks that the merchant is one of the contract's payees.
    """

    id: str
    effect: Effect
    reason: str
    remedy: str
    listed_payee: bool = False
    merchants: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    channels: frozenset[str] | None = None
    devices: frozenset[str] | None = None
    places: frozenset[str] | None = None
    vins: frozenset[str] | None = None
    minute_from: int = 0
    minute_to: int = MINUTES_OF_DAY
    amount_max_fen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Up to this much of the limit, in fen, is released once the evidence is on file."""

    up_to_fen: int
    needs: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A kind of evidence that is owed, so many calendar days after the first capture."""

    kind: str
    days: int

    def by(self, *, first_captured_on: date) -> date:
        """Return the last day on which it is in time. Example: 30 days after 2026-08-01 is 2026-08-31."""
        return first_captured_on + timedelta(days=self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class FundsContract:
    """A contract as it was published: amounts in fen, dates [from, to), and the hash of its body."""

    id: str
    version: int
    hash: str
    name_zh: str
    name_en: str
    currency: str
    starts_on: date
    ends_on: date
    hold_days: int
    per_spend_fen: int
    per_day_fen: int
    total_fen: int
    payees: frozenset[str]
    clauses: tuple[Clause, ...]
    stages: tuple[Stage, ...]
    evidence: tuple[Due, ...]


def read_contract(document: Document) -> FundsContract:
    """Return the contract that a policy file writes. Errors: PolicyFault, naming file, row and column."""
    reader = document.reader()
    reader.only(_TOP)
    if reader.name("kind") != "funds_contract":
        raise reader.fault("kind", "not a funds contract.", 'Write kind = "funds_contract".')
    payees = _set(reader, "payees", most=PAYEES_MAX)
    if not payees:
        raise reader.fault("payees", "nobody may be paid.", "Name at least one merchant.")
    total_fen = reader.integer("total_fen", least=1, most=AMOUNT_FEN_MAX)
    starts_on, ends_on = reader.day("from"), reader.day("to")
    if ends_on <= starts_on:
        raise reader.fault("to", "not after the first day.", "Write the first day on which it holds no more.")
    return FundsContract(
        id=reader.name("id"),
        version=reader.integer("version", least=1, most=9_999),
        hash=document.hash,
        name_zh=reader.text("name_zh"),
        name_en=reader.text("name_en"),
        currency=reader.choice("currency", ("CNY",)),
        starts_on=starts_on,
        ends_on=ends_on,
        hold_days=reader.integer("hold_days", least=1, most=30),
        per_spend_fen=reader.integer("per_spend_fen", least=1, most=total_fen),
        per_day_fen=reader.integer("per_day_fen", least=1, most=total_fen),
        total_fen=total_fen,
        payees=payees,
        clauses=_clauses(reader, payees),
        stages=_stages(reader, total_fen),
        evidence=_evidence(reader),
    )


def _rows(reader: Reader, column: str, *, most: int) -> list[Reader]:
    value = reader.value(column) if reader.has(column) else []
    if not isinstance(value, list) or len(value) > most:
        raise reader.fault(column, f"not a list of at most {most} rows.", f"Write [[{column}]] for each.")
    rows = []
    for number, row in enumerate(value, start=1):
        if not isinstance(row, dict):
            raise reader.fault(column, "a row that is no table.", f"Write [[{column}]] for each.")
        rows.append(Reader(file=reader.file, row=f"{column} {number}", data=row))
    return rows


def _clauses(reader: Reader, payees: frozenset[str]) -> tuple[Clause, ...]:
    rows = _rows(reader, "clause", most=CLAUSES_MAX)
    clauses = tuple(_clause(row, payees) for row in rows)
    names = [clause.id for clause in clauses]
    for row, clause in zip(rows, clauses, strict=True):
        if names.count(clause.id) > 1:
            raise row.fault("id", f"{clause.id!r} is there twice.", "Give each clause its own name.")
    last = rows[-1] if rows else reader
    if not rows or clauses[-1].effect is not Effect.DENY or last.data.keys() - {"id", "effect", "reason", "remedy"}:
        raise last.fault("effect", "the last clause is no default.", "End with a clause that denies everything else.")
    for row in rows[:-1]:
        if not row.data.keys() & {*_SETS, "minute_from", "minute_to", "amount_max_fen", "listed_payee"}:
            raise row.fault("effect", "it fits everything, so what follows never counts.", "Add a condition.")
    return clauses


def _clause(row: Reader, payees: frozenset[str]) -> Clause:
    row.only(_ROW)
    effect = Effect(row.choice("effect", [each.value for each in Effect]))
    sets = {column: _set(row, column, most=PAYEES_MAX) if row.has(column) else None for column in _SETS}
    listed = row.flag("listed_payee") if row.has("listed_payee") else False
    named = sets["merchants"]
    if effect is Effect.ALLOW and not listed and (named is None or not named <= payees):
        raise row.fault(
            "merchants", "it would let money go to whom the contract does not name.", "Write listed_payee = true."
        )
    begins = row.integer("minute_from", least=0, most=MINUTES_OF_DAY - 1) if row.has("minute_from") else 0
    ends = row.integer("minute_to", least=1, most=MINUTES_OF_DAY) if row.has("minute_to") else MINUTES_OF_DAY
    if ends <= begins:
        raise row.fault("minute_to", "not after minute_from.", "Write two clauses for a night.")
    most = row.integer("amount_max_fen", least=1, most=AMOUNT_FEN_MAX) if row.has("amount_max_fen") else None
    return Clause(
        id=row.name("id"),
        effect=effect,
        reason=row.name("reason") if row.has("reason") or effect is Effect.DENY else "allowed",
        remedy=row.name("remedy") if row.has("remedy") or effect is Effect.DENY else "none",
        listed_payee=listed,
        minute_from=begins,
        minute_to=ends,
        amount_max_fen=most,
        **sets,
    )


def _stages(reader: Reader, total_fen: int) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for row in _rows(reader, "stage", most=STAGES_MAX):
        row.only(("up_to_fen", "needs"))
        stage = Stage(up_to_fen=row.integer("up_to_fen", least=1, most=total_fen), needs=_set(row, "needs", most=3))
        if stages and (stage.up_to_fen <= stages[-1].up_to_fen or not stages[-1].needs <= stage.needs):
            raise row.fault("up_to_fen", "not a step up from the stage before.", "Let amounts and evidence grow.")
        stages.append(stage)
    if stages and stages[-1].up_to_fen != total_fen:
        raise reader.fault("stage", "the last stage does not release the total.", "Let it end at total_fen.")
    return tuple(stages)


def _evidence(reader: Reader) -> tuple[Due, ...]:
    dues = []
    for row in _rows(reader, "evidence", most=len(EVIDENCE)):
        row.only(("kind", "days"))
        days = row.integer("days", least=1, most=EVIDENCE_DAYS_MAX)
        dues.append(Due(kind=row.choice("kind", EVIDENCE), days=days))
        if len({due.kind for due in dues}) < len(dues):
            raise row.fault("kind", "is there twice.", "Write each kind of evidence once.")
    return tuple(dues)


def _set(reader: Reader, column: str, *, most: int) -> frozenset[str]:
    value = reader.value(column)
    if not isinstance(value, list) or len(value) > most:
        raise reader.fault(column, f"not a list of at most {most}.", 'Write a list like ["a", "b"].')
    for item in value:
        if not _fits(column, item):
            raise reader.fault(column, f"{item!r} is not understood.", _HINTS.get(column, "Write a code in quotes."))
    return frozenset(item for item in value if isinstance(item, str))


_HINTS: Final[Mapping[str, str]] = {
    "categories": "Write a merchant category of four digits, in quotes.",
    "channels": f"Choose of: {', '.join(CHANNELS)}.",
    "needs": f"Choose of: {', '.join(EVIDENCE)}.",
    "vins": "Write the 17 characters of a vehicle (ISO 3779).",
}


def _fits(column: str, item: Plain) -> bool:
    if not isinstance(item, str):
        return False
    if column in ("channels", "needs"):
        return item in (CHANNELS if column == "channels" else EVIDENCE)
    pattern = {"categories": _CATEGORY, "vins": _VIN}.get(column, _CODE)
    return pattern.fullmatch(item) is not None
