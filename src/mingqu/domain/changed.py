"""`changed`: a frozen value with some fields changed, several times faster than `dataclasses.replace`.

A loan's step changes a few fields of a few lines, and `replace` asks every field for its metadata each time: it
would be most of the step. This reads all slots at once and hands them to an `__init__` that takes them as they come;
`__post_init__` is not run, so it is for values whose fields are checked where they are worked out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, fields, make_dataclass
from operator import attrgetter
from typing import Any, TypeVar

Value = TypeVar("Value")
_Plan = tuple[Callable[[Any], tuple[Any, ...]], type]
_PLANS: dict[type, _Plan] = {}


def changed(value: Value, **changes: object) -> Value:
    """Return a copy of a dataclass with slots, with the named fields changed.

    Example: changed(line, billed=True). A name that is no field is an AttributeError, for it is a bug.
    """
    kind = type(value)
    plan = _PLANS.get(kind)
    if plan is None:
        plan = _PLANS[kind] = _plan_of(kind)
    read, made_in = plan
    made: Any = made_in(*read(value))
    for name in changes:
        setattr(made, name, changes[name])
    made.__class__ = kind
    other: Value = made
    return other


def made(kind: type[Value], *values: object) -> Value:
    """Return a value of a dataclass with slots, from its fields in order: `__init__` of a frozen one is slow.

    Example: made(Payable, 83_334, 10_000, 0, 0). The last fields may be left at their defaults; one that has none and
    is missing, or a value too many, is a TypeError.
    """
    plan = _PLANS.get(kind)
    if plan is None:
        plan = _PLANS[kind] = _plan_of(kind)
    made: Any = plan[1](*values)
    made.__class__ = kind
    value: Value = made
    return value


def _plan_of(kind: Any) -> _Plan:
    """Return what reads all fields of a value at once, and a class of the same slots that takes them in that order.

    A frozen class refuses to be written to, and its own `__init__` asks for names. So a copy is made in a class without
    either, and becomes a value of its own class at the end: the layout is the same, which Python checks.
    """
    items = fields(kind)
    made_in = make_dataclass(
        kind.__name__,
        [(item.name, object, field(default=item.default, default_factory=item.default_factory)) for item in items],
        bases=kind.__bases__,
        eq=False,
        repr=False,
        slots=True,
    )
    return attrgetter(*(item.name for item in items)), made_in
