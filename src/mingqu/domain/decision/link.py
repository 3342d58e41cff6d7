"""May two of a person's accounts be linked, so that they share one assessment and one ceiling? A typed table decides.

Every row that is hit is told, with what helps and from when. A row that refuses outweighs one that limits, which
outweighs one that allows; where no row allows, the mandatory default denies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import Final

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.decision.field import Fields, Value, parse_own_fields
from mingqu.domain.decision.row import ALLOW, DENY, REFUSE, RETRY_ON, Row, read_default, read_row
from mingqu.domain.policy_file import Document, Reader
from mingqu.domain.rate import PPM
from mingqu.domain.refusal import Refusal

LIMIT: Final = "limit"  # the outcome of a row that lets a link be, within a share of the ceiling


class LinkOutcome(Enum):
    """What was decided. Words are stored: never changed, never used again."""

    ALLOWED = "allowed"
    LIMITED = "limited"
    REFUSED = "refused"


class LinkSame(Refusal):
    """An account is linked with another one, not with itself."""

    code = "link_same"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReason:
    """Why, in both languages, what helps, and from which day asking again has a point (None: at once, or never)."""

    code: str
    text_zh: str
    text_en: str
    remedy_zh: str
    remedy_en: str
    retry_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTable:
    """One version of the table. A link that is limited lets the two use `limited_share_ppm` of the ceiling together."""

    id: str
    version: int
    hash: str
    fields: Fields
    rows: tuple[Row, ...]
    default: Row
    limited_share_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDecision:
    """What a table says of inputs, with every reason; made again from the same inputs it is the same."""

    outcome: LinkOutcome
    reasons: tuple[LinkReason, ...]
    limit_share_ppm: int
    inputs: Mapping[str, Value]
    business_date: date
    table: str

    def record(self) -> bytes:
        """Return the decision in canonical bytes: what it rests on, and what it says."""
        inputs: dict[str, Canonical] = dict(self.inputs)
        said: dict[str, Canonical] = {
            "business_date": self.business_date.isoformat(),
            "inputs": inputs,
            "outcome": self.outcome.value,
            "limit_share_ppm": self.limit_share_ppm,
            "reasons": [reason.code for reason in self.reasons],
            "table": self.table,
        }
        return canonical(said)

    def record_hash(self) -> bytes:
        """Return the SHA-256 of the record."""
        return hashlib.sha256(self.record()).digest()


def parse_link_table(*, document: Document) -> LinkTable:
    """Return the table that a file describes. Errors: PolicyFault with file, row and column.

    A table about cards in wallets has the same form, without a share: limited there means for repaying only.

    Checked: every cell, words for whatever does not allow, a default that denies, ids that stand once, and each of its
    cases: what it is given gives the outcome and the rows that are written.
    """
    reader = document.reader()
    reader.only(
        ("kind", "id", "version", "valid_from", "valid_to", "about", "limited_share_ppm", "field", "row", "default",
         "example", "case")
    )  # fmt: skip
    if not reader.has("default"):
        raise reader.fault("default", "missing.", 'Add [default] with outcome = "deny", a reason and words.')
    fields = parse_own_fields(reader=reader)
    rows = tuple(read_row(row, fields, outcomes=(ALLOW, LIMIT, REFUSE)) for row in reader.tables("row"))
    names = [row.id for row in rows]
    if twice := next((name for name in names if names.count(name) > 1 or name == DENY), None):
        raise reader.fault("row", f"{twice!r} stands twice.", "Give each row its own id.")
    table = LinkTable(
        id=reader.name("id"),
        version=reader.integer("version", least=1, most=1_000_000),
        hash=document.hash,
        fields=fields,
        rows=rows,
        default=read_default(reader.table("default")),
        limited_share_ppm=(reader.integer("limited_share_ppm", least=1, most=PPM) if document.kind == "link" else PPM),
    )
    _check_cases(reader, table)
    return table


def decide_link(*, table: LinkTable, inputs: Mapping[str, Value], business_date: date) -> LinkDecision:
    """Return what a table says on a date. Errors: DecisionInputInvalid when an input is missing or of another type."""
    hit = _hit(table, inputs)
    refusing = [row for row in hit if row.outcome == REFUSE]
    limiting = [row for row in hit if row.outcome == LIMIT]
    allowing = [row for row in hit if row.outcome == ALLOW]
    if refusing:
        outcome, told = LinkOutcome.REFUSED, [*refusing, *limiting]
    elif not allowing:
        outcome, told = LinkOutcome.REFUSED, [*limiting, table.default]
    else:
        outcome, told = (LinkOutcome.LIMITED if limiting else LinkOutcome.ALLOWED), limiting
    share_ppm = {LinkOutcome.ALLOWED: PPM, LinkOutcome.LIMITED: table.limited_share_ppm}.get(outcome, 0)
    return LinkDecision(
        outcome=outcome,
        reasons=tuple(_reason(row, business_date) for row in told),
        limit_share_ppm=share_ppm,
        inputs=dict(inputs),
        business_date=business_date,
        table=table.hash,
    )


def _hit(table: LinkTable, inputs: Mapping[str, Value]) -> list[Row]:
    vector = table.fields.read(inputs=inputs)
    return [row for row in table.rows if row.hit(vector)]


def _reason(row: Row, on: date) -> LinkReason:
    retry_on = on + timedelta(days=row.wait_days) if row.wait_days else None
    day = "" if retry_on is None else retry_on.isoformat()
    words = row.words
    return LinkReason(
        code=row.reason,
        text_zh=words.text_zh,
        text_en=words.text_en,
        remedy_zh=words.remedy_zh.replace(RETRY_ON, day),
        remedy_en=words.remedy_en.replace(RETRY_ON, day),
        retry_on=retry_on,
    )


def _check_cases(reader: Reader, table: LinkTable) -> None:
    example = dict(reader.table("example").data)
    covered: set[str] = set()
    for case in reader.tables("case", label="name"):
        case.only(("name", "given", "outcome", "rows"))
        given: dict[str, Value] = {**example, **case.table("given").data}  # type: ignore[dict-item]
        outcome = case.choice("outcome", [each.value for each in LinkOutcome])
        made = decide_link(table=table, inputs=given, business_date=date.min)
        rows = [row.id for row in _hit(table, given)]
        if made.outcome.value != outcome or rows != case.value("rows"):
            raise case.fault("outcome", f"the table gives {made.outcome.value} by {rows}.", "Correct row or case.")
        covered.update(rows)
    if missing := next((row.id for row in table.rows if row.id not in covered), None):
        raise reader.fault("case", f"no case hits row {missing}.", "Add a case that does.")
