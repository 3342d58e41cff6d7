"""Condition cells: what a typed cell admits, as sorted closed intervals of whole numbers, and boxes of them.

A cell is written as text for numbers ("< 4", "<= 4", "> 4", ">= 4", "= 4", "3 .. 5" with both ends included),
as true or false for a flag, as one choice or a list of choices for a choice. Anything else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from mingqu.domain.decision.field import Field, Fields, FieldType
from mingqu.domain.policy_file import Plain, Reader

Span: TypeAlias = "tuple[int, int]"
Spans: TypeAlias = "tuple[Span, ...]"
Box: TypeAlias = "dict[str, Spans]"  # a field that is not named is not restricted

# A first-hit table with more pieces than this cannot be checked by a person either.
PIECES_MAX: Final = 5_000
_COMPARISON: Final = re.compile(r"(<=|>=|<|>|=)\s*(-?\d{1,16})", re.ASCII)
_RANGE: Final = re.compile(r"(-?\d{1,16})\s*\.\.\s*(-?\d{1,16})", re.ASCII)


def parse_conditions(*, reader: Reader, fields: Fields) -> Box:
    """Return what the cells of a row admit. Errors: PolicyFault for unknown fields, bad cells, empty ranges."""
    return {column: parse_cell(reader=reader, column=column, fields=fields) for column in reader.data}


def parse_cell(*, reader: Reader, column: str, fields: Fields) -> Spans:
    """Return what one cell admits, never nothing and never everything."""
    field = fields.named(column)
    if field is None:
        raise reader.fault(column, "unknown field.", f"Declared are: {', '.join(sorted(fields.place))}.")
    if field.missing_allowed:
        raise reader.fault(column, "the field may be missing.", "A condition needs a field whose missing is refuse.")
    if "policy" not in field.use:
        raise reader.fault(column, "the field is not declared for policy.", 'Add "policy" to its use.')
    spans = _spans(reader, column, field, reader.data[column])
    low, high = spans[0][0], spans[-1][1]
    if low < field.least or high > field.most or any(after < before for before, after in spans):
        raise reader.fault(column, "an empty range.", f"The field takes {field.describe()}.")
    if spans == ((field.least, field.most),):
        raise reader.fault(column, "the cell admits everything.", "Remove it or write a real bound.")
    return spans


def _spans(reader: Reader, column: str, field: Field, cell: Plain) -> Spans:
    if field.type is FieldType.FLAG and isinstance(cell, bool):
        return ((int(cell), int(cell)),)
    if field.type is FieldType.CHOICE:
        chosen = cell if isinstance(cell, list) else [cell]
        if chosen and all(isinstance(value, str) and value in field.choices for value in chosen):
            return joined([(at, at) for at in sorted(field.choices.index(str(value)) for value in chosen)])
    if field.type is FieldType.INTEGER and isinstance(cell, str):
        if found := _COMPARISON.fullmatch(cell.strip()):
            return (_compared(found[1], int(found[2]), field),)
        if found := _RANGE.fullmatch(cell.strip()):
            return ((int(found[1]), int(found[2])),)
    raise reader.fault(column, f"{cell!r} is not a cell for this field.", f"The field takes {field.describe()}.")


def _compared(sign: str, number: int, field: Field) -> Span:
    # A bound outside the field's range leaves a span outside it, which the caller refuses as empty.
    return {
        "<": (field.least, number - 1),
        "<=": (field.least, number),
        ">": (number + 1, field.most),
        ">=": (number, field.most),
        "=": (number, number),
    }[sign]


def joined(spans: Sequence[Span]) -> Spans:
    """Return sorted spans with neighbours and overlaps joined. Example: (0,0), (1,1), (3,3) → (0,1), (3,3)."""
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def common(one: Spans, other: Spans) -> Spans:
    """Return what both admit."""
    return tuple(
        (max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) <= min(b, d)
    )  # sorted, as both are


def without(one: Spans, other: Spans) -> Spans:
    """Return what the first admits and the second does not."""
    left = list(one)
    for low, high in other:
        left = [part for a, b in left for part in ((a, min(b, low - 1)), (max(a, high + 1), b)) if part[0] <= part[1]]
    return tuple(left)


def overlap(one: Mapping[str, Spans], other: Mapping[str, Spans]) -> bool:
    """Return whether some input lies in both boxes."""
    return all(common(spans, other[name]) for name, spans in one.items() if name in other)


def contains(outer: Mapping[str, Spans], inner: Mapping[str, Spans]) -> bool:
    """Return whether every input of the inner box lies in the outer one."""
    return all(name in inner and not without(inner[name], spans) for name, spans in outer.items())


def remainder(*, box: Box, earlier: Sequence[Box], fields: Fields) -> list[Box] | None:
    """Return the parts of a box that no earlier box covers, or None when they are too many to say.

    The classic subtraction: what one field leaves over stands with the common part of the fields before it.
    """
    pieces = [box]
    for cover in earlier:
        pieces = [part for piece in pieces for part in _minus(piece, cover, fields)]
        if len(pieces) > PIECES_MAX:
            return None
    return pieces


def _minus(piece: Box, cover: Box, fields: Fields) -> list[Box]:
    found: list[Box] = []
    held = dict(piece)
    for name, spans in cover.items():
        field = fields.named(name)
        assert field is not None, "boxes are made from declared fields"
        mine = held.get(name, ((field.least, field.most),))
        if rest := without(mine, spans):
            found.append({**held, name: rest})
        inside = common(mine, spans)
        if not inside:
            return [piece]
        held[name] = inside
    return found
