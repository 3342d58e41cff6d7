"""Reads files of published expectations and runs each case; a file's format is known by its contents."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from mingqu.domain.refusal import Refusal
from tests.conformance import actus, apr, emi, schedules
from tests.conformance.outcome import DifferenceError, NotApplicableError, Outcome, Status


class UnreadableFileError(Exception):
    """The file is missing or in none of the formats."""


def outcomes(path: Path) -> Iterator[Outcome]:
    """Yield the outcome of every case of a file. Errors: UnreadableFileError."""
    for group, case, run in _cases(_read(path)):
        yield _outcome(str(case["id"]), group, partial(run, case))


def _outcome(case: str, group: str, run: Callable[[], None]) -> Outcome:
    try:
        run()
    except NotApplicableError as reason:
        return Outcome(case=case, group=group, status=Status.NOT_APPLICABLE, detail=str(reason))
    except DifferenceError as difference:
        return Outcome(case=case, group=group, status=Status.FAILED, detail=str(difference))
    except Refusal as refusal:
        return Outcome(case=case, group=group, status=Status.FAILED, detail=f"refused: {refusal.code}")
    except (LookupError, ValueError, TypeError, ArithmeticError, AssertionError) as error:
        # A case in a shape the runner does not know is a failure of the runner, and says so.
        return Outcome(case=case, group=group, status=Status.FAILED, detail=f"runner: {type(error).__name__} {error}")
    return Outcome(case=case, group=group, status=Status.PASSED)


def _cases(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Callable[[dict[str, Any]], None]]]:
    cases = data["cases"]
    if "products" in data:
        run = partial(schedules.run, products=data["products"], charges=data.get("charge_definitions", {}))
        for case in cases:
            yield case["primary_class"], case, run
    elif all("family" in case for case in cases):
        for case in cases:
            yield case["family"], case, apr.run
    elif all("periods" in case and "settings" in case for case in cases):
        for case in cases:
            yield "emi", case, emi.run
    elif all("type" in case and "results" in case for case in cases):
        for case in cases:
            yield f"{case['type']} tier {case['tier']}", case, actus.run
    else:
        raise UnreadableFileError("its cases are in none of the formats known")


def _read(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
        text = lzma.decompress(content) if content.startswith(b"\xfd7zXZ\x00") else content
        data = json.loads(text)
    except (OSError, lzma.LZMAError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not JSON or not whole"
        raise UnreadableFileError(reason) from None
    if not isinstance(data, dict) or not isinstance(data.get("cases"), list):
        raise UnreadableFileError("it holds no cases")
    if not data["cases"] or not all(isinstance(case, dict) and "id" in case for case in data["cases"]):
        raise UnreadableFileError("its cases are in none of the formats known")
    return data
