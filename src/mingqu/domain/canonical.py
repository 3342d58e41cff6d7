"""Canonical JSON: one value, one sequence of bytes. What is hashed or signed is written like this.

RFC 8785 restricted to values whose bytes need no argument: objects with text keys, arrays, text, whole numbers,
true, false and null. There are no fractions. docs/algorithms/evidence.md specifies it to the byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import Final, TypeAlias

from mingqu.domain.refusal import Refusal

Canonical: TypeAlias = "bool | int | str | Sequence[Canonical] | Mapping[str, Canonical] | None"

# Beyond this, readers that keep numbers as doubles would lose digits (RFC 7493, section 2.2).
INTEGER_MAX: Final = 2**53 - 1
# Our values nest four deep. The limit keeps hostile text from exhausting the stack of a reader.
DEPTH_MAX: Final = 32


_WORDS: Final = {None: "null", True: "true", False: "false"}
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


class NotCanonical(Refusal):
    """The bytes are not canonical JSON: they do not read, or the same value is written otherwise."""

    code = "not_canonical"


def canonical(value: Canonical) -> bytes:
    """Return the one sequence of bytes that writes a value.

    Whole numbers beyond ±(2^53 − 1) are written as text of their decimal digits. A value of another type (a
    float, a date, personal data), a lone surrogate or a nesting deeper than 32 is a bug and fails an assertion.
    Example: {"b": 1, "a": [true, None, "é"]} → {"a":[true,null,"é"],"b":1} in UTF-8.
    """
    return _written(value, depth=0).encode()


def canonical_text(value: Canonical) -> str:
    """Return what `canonical` does as text, for who puts it into a larger object."""
    return _written(value, depth=1)


def read(data: bytes) -> Canonical:
    """Return the value that canonical bytes write. Errors: NotCanonical, also for a value written in another way."""
    try:
        value: Canonical = json.loads(data.decode())
        again = canonical(value)
    except (ValueError, AssertionError, RecursionError):
        raise NotCanonical("These bytes are not canonical JSON.") from None
    if again != data:
        raise NotCanonical("These bytes write their value in another than the canonical way.")
    return value


def _written(value: Canonical, *, depth: int) -> str:
    # Nearly all that is written is a plain text; what is asked first costs least.
    if type(value) is str:
        return _text(value)
    assert depth <= DEPTH_MAX, "nested too deeply"
    if value is None or value is True or value is False:
        return _WORDS[value]
    if isinstance(value, int):
        return str(value) if -INTEGER_MAX <= value <= INTEGER_MAX else f'"{value}"'
    if isinstance(value, str):
        return _text(value)
    if type(value) is dict or isinstance(value, Mapping):
        return _object(value, depth=depth)
    assert isinstance(value, list | tuple), f"{type(value).__name__} has no canonical form"
    return "[" + ",".join([_written(item, depth=depth + 1) for item in value]) + "]"


def _object(value: Mapping[str, Canonical], *, depth: int) -> str:
    assert all([isinstance(key, str) for key in value]), "a key is a text"  # noqa: C419  A list is faster for few.
    # By UTF-16 code units. Of ASCII keys, which nearly all are, each character is one.
    keys = sorted(value) if "".join(value).isascii() else sorted(value, key=_code_units)
    members = []
    for key in keys:
        member = value[key]
        # A call for each member would be most of what an object costs.
        written = (
            encode_basestring(member)
            if type(member) is str and member.isascii()
            else str(member)
            if type(member) is int and -INTEGER_MAX <= member <= INTEGER_MAX
            else _written(member, depth=depth + 1)
        )
        members.append(f"{encode_basestring(key) if key.isascii() else _text(key)}:{written}")
    return "{" + ",".join(members) + "}"


def _code_units(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _text(text: str) -> str:
    assert text.isascii() or not _SURROGATE.search(text), "a lone surrogate is not text"
    # The escapes of json.dumps are those of RFC 8785, section 3.2.2.2: \b \t \n \f \r \" \\ and \u00xx for the rest.
    return encode_basestring(text)
