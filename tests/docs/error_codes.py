"""The page of error codes, made from the refusals themselves: class, code, status and docstring."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import mingqu
from mingqu.domain.refusal import Refusal
from mingqu.web.problem import FRAMEWORK

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "error-codes.md"
CODE: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
HEAD: Final = """# Error codes

A refusal is an expected "no". It has a stable code that programs may rely on, it changes nothing, and its message
says what to do. The status is the one an HTTP door answers with.

Errors over HTTP are problem documents (RFC 9457, `application/problem+json`) with `type`, `title`, `status` and `code`;
some add members, such as `tries_left` or `retry_after_seconds`. The second table holds what is refused before a use
case is asked.

This page is written by `python -m tests.docs.write_error_codes` from the refusals in the code; a test compares them.

| code | status | meaning | defined in |
|---|---|---|---|
"""


FRAMEWORK_HEAD: Final = """
## Refused at the door

| code | status | meaning |
|---|---|---|
"""


def refusals() -> list[type[Refusal]]:
    """Return every refusal defined in the package, after importing all of its modules."""
    for module in pkgutil.walk_packages(mingqu.__path__, prefix="mingqu."):
        importlib.import_module(module.name)  # the lab as well: it asks for its optional extra only when it trains
    found: list[type[Refusal]] = []
    waiting = [Refusal]
    while waiting:  # ends: every class is visited as often as it has bases, and classes form no cycle
        waiting = [below for refusal in waiting for below in refusal.__subclasses__()]
        found += [refusal for refusal in waiting if refusal.__module__.startswith("mingqu.") and refusal not in found]
    return sorted(found, key=lambda refusal: (refusal.code, refusal.__module__))


def faults(found: Iterable[type[Refusal]]) -> list[str]:
    """Return what is wrong with the refusals: a code that is missing, misspelled, used twice or not explained."""
    said: list[str] = []
    owners: dict[str, str] = {}
    for refusal in found:
        name = f"{refusal.__module__}.{refusal.__qualname__}"
        if "code" not in vars(refusal):
            if not refusal.__subclasses__():  # a family's head may leave the code to its members
                said.append(f"{name} has no code of its own")
            continue
        if not CODE.fullmatch(refusal.code):
            said.append(f"{name}: {refusal.code!r} is not written like_this")
        if refusal.code in owners:
            said.append(f"{name}: {refusal.code} belongs to {owners[refusal.code]}")
        owners[refusal.code] = name
        if not _meaning(refusal):
            said.append(f"{name} does not say what it means")
        if not 400 <= refusal.status <= 599:
            said.append(f"{name}: {refusal.status} is not the status of a refusal")
    return said


def _meaning(refusal: type[Refusal]) -> str:
    own = vars(refusal).get("__doc__") or ""
    return " ".join(inspect.cleandoc(own).split("\n\n")[0].split())


def page(found: Iterable[type[Refusal]]) -> str:
    """Return the text of the page."""
    found = list(found)
    rows = [
        f"| `{refusal.code}` | {refusal.status} | {_meaning(refusal).replace('|', chr(92) + '|')} "
        f"| `{refusal.__module__.removeprefix('mingqu.')}` |"
        for refusal in found
        if "code" in vars(refusal)
    ]
    known = {refusal.code for refusal in found if "code" in vars(refusal)}
    at_the_door = [
        f"| `{code}` | {status} | {meaning} |"
        for status, (code, meaning) in sorted(FRAMEWORK.items())
        if code not in known
    ]
    return HEAD + "\n".join(rows) + "\n" + FRAMEWORK_HEAD + "\n".join(at_the_door) + "\n"
