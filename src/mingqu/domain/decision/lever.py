"""What people can change about themselves, and how what is known of them ages: the data behind remedies.

A lever is a declared changeable field with the way it can be moved, in which steps and at which cost to the person (a
number for the order of remedies only). Ageing says what waiting does to a field while every bill is paid in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from mingqu.domain.decision.field import Field, Fields, FieldType, Value, Vector
from mingqu.domain.money import format_fen
from mingqu.domain.policy_file import INTEGER_MAX, Document, Reader

WAIT: Final = "wait"
ACTIONS: Final = (
    "finish_verification", "give_consent", "lower_amount", "clear_overdue", "settle_loans", "repay", "add_proof",
)  # fmt: skip
LEVERS_MAX: Final = 12  # Combinations of more cannot be searched while a person waits for a page.
STEPS_MAX: Final = 24
DAYS_MAX: Final = 3_650  # ten years, as the longest waiting time of a row
COST_MAX: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """A field that a person can move up (`rises`) or down, by multiples of `step` in the field's unit."""

    field: Field
    at: int
    action: str
    rises: bool
    step: int
    cost: int
    text_zh: str
    text_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ageing:
    """After each `every_days` a field takes the value of another, grows by `adds`, or is `becomes`: one of these."""

    at: int
    every_days: int
    takes: int | None
    adds: int
    becomes: int | None
    least: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """All levers and ageing rules of one file, and the words and steps of waiting."""

    levers: tuple[Lever, ...]
    ageing: tuple[Ageing, ...]
    step_days: int
    steps_max: int
    cost: int
    text_zh: str
    text_en: str

    def aged(self, *, numbers: Vector, days: int) -> Vector:
        """Return the passed numbers after so many days in which every bill was paid in full.

        The rules of one day read the values of the day before, so a row of months shifts by one. Worked example:
        months late (3, 2, 1) after 62 days, by "1 becomes -1" and "each takes the one before" every 31 days:
        (-1, 3, 2), then (-1, -1, 3).
        """
        due = sorted({day for rule in self.ageing for day in range(rule.every_days, days + 1, rule.every_days)})
        for day in due:
            before, after = numbers, list(numbers)
            for rule in self.ageing:
                if day % rule.every_days == 0 and (value := _next(rule, before)) is not None:
                    after[rule.at] = min(max(value, rule.least), rule.most)
            numbers = tuple(after)
        return numbers


def _next(rule: Ageing, before: Vector) -> int | None:
    if rule.becomes is not None:
        return rule.becomes
    if rule.takes is not None:
        return before[rule.takes]
    value = before[rule.at]
    return None if value is None else value + rule.adds


def worded(text: str, *, field: Field | None, now: Value, needed: Value, by: int | None, day: date | None) -> str:
    """Return the words of a change with values as a person reads them: amounts in yuan, days as 2026-08-15."""
    amount = field is not None and field.name.endswith("_fen")
    said = {"{now}": now, "{needed}": needed, "{by}": by}
    for name, value in said.items():
        shown = format_fen(value) if amount and isinstance(value, int) and not isinstance(value, bool) else str(value)
        text = text.replace(name, shown)
    return text.replace("{day}", "" if day is None else day.isoformat())


def day_after(*, start: date, days: int) -> date:
    """Return the day so many days later."""
    return start + timedelta(days=days)


def parse_guide(*, document: Document, fields: Fields) -> Guide:
    """Return the levers and ageing rules of a file. Errors: PolicyFault with file, row and column.

    Checked: declared fields, levers on fields that are declared changeable, one rule for each field, and words that
    name a day for waiting.
    """
    reader = document.reader()
    reader.only(("kind", "id", "version", "valid_from", "valid_to", "about", "waiting", "lever", "ageing"))
    waiting = reader.table("waiting")
    waiting.only(("step_days", "steps_max", "cost", "text_zh", "text_en"))
    levers = tuple(_lever(row, fields) for row in reader.tables("lever", label="field"))
    ageing = tuple(_ageing(row, fields) for row in reader.tables("ageing", label="field"))
    for name, found in (("lever", [one.at for one in levers]), ("ageing", [one.at for one in ageing])):
        if len(set(found)) != len(found):
            raise reader.fault(name, "a field stands twice.", "Keep one.")
    if len(levers) > LEVERS_MAX:
        raise reader.fault("lever", f"{len(levers)} levers are too many.", f"Keep to {LEVERS_MAX}.")
    texts = [waiting.text("text_zh"), waiting.text("text_en")]
    if not all("{day}" in text for text in texts):
        raise waiting.fault("text_zh", "the words name no day.", "Write {day} in both languages.")
    return Guide(
        levers=levers,
        ageing=ageing,
        step_days=waiting.integer("step_days", least=1, most=DAYS_MAX),
        steps_max=waiting.integer("steps_max", least=1, most=STEPS_MAX),
        cost=waiting.integer("cost", least=1, most=COST_MAX),
        text_zh=texts[0],
        text_en=texts[1],
    )


def _lever(reader: Reader, fields: Fields) -> Lever:
    reader.only(("field", "action", "direction", "step", "cost", "text_zh", "text_en"))
    field = _declared(reader, fields, "field")
    if not field.changeable:
        raise reader.fault(
            "field", f"{field.name} is not declared changeable.", "Name a field that a person can change."
        )
    action = reader.choice("action", ACTIONS)
    step = reader.integer("step", least=1, most=INTEGER_MAX)
    if field.type is not FieldType.INTEGER and step != 1:
        raise reader.fault("step", "a flag or choice moves by one.", "Write 1.")
    return Lever(
        field=field,
        at=fields.place[field.name],
        action=action,
        rises=reader.choice("direction", ("rises", "falls")) == "rises",
        step=step,
        cost=reader.integer("cost", least=1, most=COST_MAX),
        text_zh=reader.text("text_zh"),
        text_en=reader.text("text_en"),
    )


def _ageing(reader: Reader, fields: Fields) -> Ageing:
    reader.only(("field", "every_days", "takes", "adds", "becomes"))
    if sum(reader.has(name) for name in ("takes", "adds", "becomes")) != 1:
        raise reader.fault("takes", "not exactly one of takes, adds and becomes.", "Write one of them.")
    field = _declared(reader, fields, "field")
    if reader.has("takes") and _declared(reader, fields, "takes").type is not field.type:
        raise reader.fault("takes", "a field of another type.", "Name a field of the same type.")
    return Ageing(
        at=fields.place[field.name],
        every_days=reader.integer("every_days", least=1, most=DAYS_MAX),
        takes=fields.place[reader.name("takes")] if reader.has("takes") else None,
        adds=reader.integer("adds", least=-INTEGER_MAX, most=INTEGER_MAX) if reader.has("adds") else 0,
        becomes=reader.integer("becomes", least=field.least, most=field.most) if reader.has("becomes") else None,
        least=field.least,
        most=field.most,
    )


def _declared(reader: Reader, fields: Fields, column: str) -> Field:
    name = reader.name(column)
    field = fields.named(name)
    if field is None or fields.place[name] >= fields.passed:
        raise reader.fault(column, f"{name} is no declared input.", "Name a field of the fields file.")
    if field.missing_allowed:
        raise reader.fault(column, f"{name} may be missing.", "Name a field whose missing is refuse.")
    return field
