"""JSON that leaves out what a value means when nothing is said: most fields of most terms, rows and instalments.

Read back it is the same value, for whoever reads it fills in the defaults. It is for rows that are written by the
million; elsewhere the whole is written, so that a reader sees what is meant.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import msgspec


def lean(value: Any) -> Any:
    """Return a value as JSON has it, without the fields of its dataclasses that have their defaults."""
    if is_dataclass(value) and not isinstance(value, type):
        said = ((field.name, getattr(value, field.name), field.default) for field in fields(value))
        return {name: lean(own) for name, own, default in said if own != default}
    return [lean(one) for one in value] if isinstance(value, tuple) else value


def lean_text(value: Any) -> str:
    """Write a value so."""
    return msgspec.json.encode(lean(value)).decode()
