"""`python -m tests.conformance FILE [FILE …] [--json]`: the engine against published expectations."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.conformance.outcome import Outcome, Status
from tests.conformance.published import UnreadableFileError, outcomes

USAGE = "usage: python -m tests.conformance FILE [FILE …] [--json]"


def main(arguments: list[str]) -> int:
    """Run the files and print counts; return 0 when nothing failed, 1 when something did, 2 for bad input."""
    as_json = "--json" in arguments
    files = [argument for argument in arguments if argument != "--json"]
    if not files or any(file.startswith("-") for file in files):
        print(USAGE, file=sys.stderr)
        return 2
    results: dict[str, list[Outcome]] = {}
    for file in files:
        try:
            results[file] = list(outcomes(Path(file)))
        except UnreadableFileError as error:
            print(f"{file}: cannot be read: {error}", file=sys.stderr)
            return 2
    if as_json:
        print(json.dumps(_report(results), ensure_ascii=False, indent=1))
    else:
        _print_table(results)
    failed = any(outcome.status is Status.FAILED for case in results.values() for outcome in case)
    return 1 if failed else 0


def counts(cases: list[Outcome]) -> dict[str, dict[str, int]]:
    """Return {class: {"passed", "failed", "not_applicable"}}, classes in order of their names."""
    table: dict[str, dict[str, int]] = {}
    for outcome in sorted(cases, key=lambda case: case.group):
        row = table.setdefault(outcome.group, {status.value: 0 for status in Status})
        row[outcome.status.value] += 1
    return table


def _report(results: dict[str, list[Outcome]]) -> dict[str, Any]:
    report: dict[str, Any] = {file: counts(cases) for file, cases in results.items()}
    report["failures"] = [
        {"file": file, "id": outcome.case, "class": outcome.group, "difference": outcome.detail}
        for file, cases in results.items()
        for outcome in cases
        if outcome.status is Status.FAILED
    ]
    return report


def _print_table(results: dict[str, list[Outcome]]) -> None:
    for file, cases in results.items():
        print(file)
        for group, row in counts(cases).items():
            print(f"  {group:32} " + "  ".join(f"{row[status.value]:4} {status.value}" for status in Status))
        for outcome in cases:
            if outcome.status is Status.FAILED:
                print(f"  failed {outcome.case}: {outcome.detail}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
