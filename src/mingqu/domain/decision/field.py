"""The inputs of a decision, declared: name, type, range, where they come from and what if they are missing.

Everything becomes a whole number before a table sees it: a truth value is 0 or 1, a choice is its place in
the list. Whatever is unknown, missing, of another type or out of range stops the decision: it fails closed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter, le
from typing import Any, ClassVar, Final, TypeAlias

from mingqu.domain.policy_file import INTEGER_MAX, Document, Reader
from mingqu.domain.refusal import Refusal
from mingqu.domain.signal import read_feature

# What one field of a decision's input may hold, and the vector that tables read (None is "missing").
Value: TypeAlias = "int | bool | str | None"
Vector: TypeAlias = "tuple[int | None, ...]"

CARD_SOURCE: Final = "card"  # Fields that the points card computes; nobody may pass them in.
SIGNAL_SOURCE: Final = "signal"  # counted by mingqu.domain.signal, by their name
BUREAU_SOURCE: Final = "bureau"  # told by the credit bureau, under the consent to the query
LIST_SOURCE: Final = "list"  # whether something of the person is on a list, by the field's name
DATA_SOURCE: Final = "data"  # asked of the provider of behavior data, under a consent of its own
COMPUTED: Final = ("band", "score", "probability_ppm")


class DecisionInputInvalid(Refusal):
    """An input of the decision is missing, unknown, of the wrong type or out of range. Nothing was decided."""

    code: ClassVar[str] = "decision_input_invalid"


class FieldType(StrEnum):
    """How a field is written."""

    INTEGER = "integer"
    FLAG = "flag"
    CHOICE = "choice"


# A choice never takes the quick path: its text must become a number.
_TYPES: Final[dict[FieldType, type]] = {FieldType.INTEGER: int, FieldType.FLAG: bool, FieldType.CHOICE: object}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One declared input: allowed range `least` … `most` (both included), or the choices in their order.

    `stand_in` is the number that counts where the value is missing (`missing = "counts_as"`): of what nobody must give.
    """

    name: str
    type: FieldType
    least: int
    most: int
    choices: tuple[str, ...]
    source: str
    purpose: str
    consent: str
    missing_allowed: bool
    changeable: bool
    use: tuple[str, ...]
    stand_in: int | None = None

    def number(self, value: Value) -> int | None:
        """Return the whole number behind a value. Errors: DecisionInputInvalid."""
        if value is None and self.missing_allowed:
            return None
        if value is None and self.stand_in is not None:
            return self.stand_in
        kind = self.type
        if kind is FieldType.INTEGER and type(value) is int and self.least <= value <= self.most:
            return value
        if kind is FieldType.FLAG and type(value) is bool:
            return int(value)
        if kind is FieldType.CHOICE and isinstance(value, str) and value in self.choices:
            return self.choices.index(value)
        raise DecisionInputInvalid(
            f"Input {self.name} is missing, of the wrong type or out of range; it takes {self.describe()}.",
            field=self.name,
        )

    def written(self, number: int | None) -> Value:
        """Return the value as a caller writes it: the inverse of `number`."""
        if number is None or self.type is FieldType.INTEGER:
            return number
        return bool(number) if self.type is FieldType.FLAG else self.choices[number]

    def describe(self) -> str:
        """Return what the field takes, for messages."""
        if self.type is FieldType.FLAG:
            return "true or false"
        if self.type is FieldType.CHOICE:
            return "one of " + ", ".join(self.choices)
        return f"a whole number from {self.least} to {self.most}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """All declared fields: first those passed in, in the order of the file, then the card's in COMPUTED's order.

    `names`, `types`, `leasts`, `mosts` and `picked` are the passed fields once more, for the quick path of `read`;
    `in_name_order` puts the passed numbers in the order of the fields' names, as canonical JSON writes them.
    """

    fields: tuple[Field, ...]
    place: Mapping[str, int]
    passed: int
    passed_names: frozenset[str]
    names: tuple[str, ...]
    types: tuple[type, ...]
    leasts: tuple[int, ...]
    mosts: tuple[int, ...]
    template: str  # the inputs as canonical JSON with %d for each number; "" when a choice must be written as text
    picked: Callable[[Mapping[str, Value]], tuple[Any, ...]]
    in_name_order: Callable[[Vector], Vector]

    def named(self, name: str) -> Field | None:
        """Return the field of that name, or None."""
        at = self.place.get(name)
        return None if at is None else self.fields[at]

    def read(self, *, inputs: Mapping[str, Value]) -> Vector:
        """Return the numbers of the passed fields in declared order. Errors: DecisionInputInvalid.

        A field that was not declared is refused too: a mistyped name must not silently mean "no condition".
        """
        if not isinstance(inputs, Mapping):
            raise DecisionInputInvalid("The inputs are not a mapping from names to values.")
        # The usual case at C speed; whatever does not fit is looked at again, field by field, and refused by name.
        if len(inputs) == self.passed:
            try:
                found = self.picked(inputs)
            except KeyError:
                found = ()
            if (
                tuple(map(type, found)) == self.types
                and all(map(le, self.leasts, found))
                and all(map(le, found, self.mosts))
            ):
                return found  # true and false are the whole numbers 1 and 0
        if not inputs.keys() <= self.passed_names:
            raise DecisionInputInvalid("An input was passed that no field declares.", inputs=len(inputs))
        values = map(inputs.get, self.names)
        return tuple([field.number(value) for field, value in zip(self.fields, values, strict=False)])


_COLUMNS: Final = (
    "name", "type", "least", "most", "choices", "source", "purpose", "consent", "missing", "counts_as", "changeable",
    "use",
)  # fmt: skip


def parse_fields(*, document: Document) -> Fields:
    """Return the fields that a file declares. Errors: PolicyFault with file, row and column."""
    reader = document.reader()
    reader.only(("kind", "id", "version", "valid_from", "valid_to", "about", "field"))
    found = [_field(row) for row in reader.tables("field", label="name")]
    names = [field.name for field in found]
    for name in names:
        if names.count(name) > 1:
            raise reader.fault(name, "the field is declared twice.", "Keep one.")
    computed = [field for field in found if field.source == CARD_SOURCE]
    if {field.name for field in computed} != set(COMPUTED):
        raise reader.fault(
            "source", "the card's fields are not declared.", f"Declare {', '.join(COMPUTED)}, no others."
        )
    return _gathered(found, computed)


def parse_own_fields(*, reader: Reader) -> Fields:
    """Return the fields that a table of another kind declares for itself, none a card's. Errors: PolicyFault."""
    found = [_field(row) for row in reader.tables("field", label="name")]
    names = [field.name for field in found]
    for name in names:
        if names.count(name) > 1:
            raise reader.fault(name, "the field is declared twice.", "Keep one.")
    if any(field.source == CARD_SOURCE for field in found):
        raise reader.fault("source", "no card is read here.", "Name another source.")
    return _gathered(found, [])


def _gathered(found: Sequence[Field], computed: list[Field]) -> Fields:
    computed.sort(key=lambda field: COMPUTED.index(field.name))
    passed = [field for field in found if field.source != CARD_SOURCE]
    ordered = (*passed, *computed)
    names_passed = tuple(field.name for field in passed)
    by_name = sorted(range(len(passed)), key=lambda at: passed[at].name)
    choices = any(field.type is FieldType.CHOICE for field in passed)
    return Fields(
        fields=ordered,
        place={field.name: at for at, field in enumerate(ordered)},
        passed=len(passed),
        passed_names=frozenset(names_passed),
        names=names_passed,
        types=tuple(_TYPES[field.type] for field in passed),
        leasts=tuple(field.least for field in passed),
        mosts=tuple(field.most for field in passed),
        template="" if choices else "{" + ",".join(f'"{passed[at].name}":%d' for at in by_name) + "}",
        picked=picker(names_passed),
        in_name_order=picker(by_name),
    )


def picker(keys: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what picks the values of these keys or places, in their order; KeyError when one is not there."""
    if len(keys) == 1:  # itemgetter then gives the value alone
        return lambda source: (source[keys[0]],)
    return itemgetter(*keys) if keys else lambda _: ()


def _field(reader: Reader) -> Field:
    reader.only(_COLUMNS)
    kind = FieldType(reader.choice("type", tuple(FieldType)))
    choices: tuple[str, ...] = ()
    least, most = 0, 1
    if kind is FieldType.CHOICE:
        choices = tuple(
            Reader(file=reader.file, row=reader.row, data={"choices": value}).text("choices")
            for value in reader.items("choices")
        )
        if len(set(choices)) != len(choices):
            raise reader.fault("choices", "a choice stands twice.", "Keep one.")
        most = len(choices) - 1
    elif kind is FieldType.INTEGER:
        least = reader.integer("least", least=-INTEGER_MAX, most=INTEGER_MAX)
        most = reader.integer("most", least=least, most=INTEGER_MAX)
    name, source = reader.name("name"), reader.name("source")
    if source == SIGNAL_SOURCE and read_feature(name) is None:
        raise reader.fault(
            "name", "no feature of signals is called so.", "mingqu.domain.signal says how they are named."
        )
    missing = reader.choice("missing", ("refuse", "allow", "counts_as"))
    if reader.has("counts_as") != (missing == "counts_as"):
        raise reader.fault("counts_as", 'it goes with missing = "counts_as".', "Write both or neither.")
    return Field(
        name=name,
        type=kind,
        least=least,
        most=most,
        choices=choices,
        source=source,
        purpose=reader.text("purpose"),
        consent=reader.name("consent"),
        missing_allowed=missing == "allow",
        stand_in=reader.integer("counts_as", least=least, most=most) if missing == "counts_as" else None,
        changeable=reader.flag("changeable"),
        use=reader.names("use", ("policy", "card", "limit", "price")),
    )
