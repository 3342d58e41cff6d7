"""`python -m tests.conformance.fineract_explain FILE ID`: one scenario up to its first difference, row beside row."""

from __future__ import annotations

import json
import lzma
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from mingqu.domain.refusal import Refusal
from tests.conformance.fineract_rows import Row, charge_rows, schedule_rows, total_row, tranche_rows, transaction_rows
from tests.conformance.fineract_story import Story
from tests.conformance.outcome import DifferenceError, NotApplicableError
from tests.conformance.schedules import told


def main(arguments: list[str]) -> int:
    """Print the steps of a case, and both sides of the first expectation that fails."""
    data = json.loads(lzma.decompress(Path(arguments[0]).read_bytes()))
    case = next((case for case in data["cases"] if case["id"].endswith(arguments[1])), None)
    if case is None:
        print(f"no case {arguments[1]}", file=sys.stderr)
        return 2
    print(case["id"], case["primary_class"], json.dumps(case["terms"]))
    steps = iter(case["steps"])
    stories: list[Story] = []
    try:
        for step, story in told(case, products=data["products"], charges=data.get("charge_definitions", {})):
            next(steps)
            stories = [story]
            if "op" in step:
                print("  ", *(f"{value}" for value in step.values()))
    except (NotApplicableError, Refusal) as error:
        print(f"{type(error).__name__}: {error} at {json.dumps(next(steps))}")
        return 1
    except DifferenceError as error:
        print(f"{type(error).__name__}: {error}")
        for story in stories:
            _print_both(next(steps), story)
        return 1
    return 0


def _print_both(step: dict[str, Any], story: Story) -> None:
    """Print the rows expected, then ours."""
    print(json.dumps({name: value for name, value in step.items() if name != "rows"}))
    _print_rows("expected", step.get("rows", ()))
    tables: dict[str, Callable[[], list[Row]]] = {
        "schedule": lambda: schedule_rows(story, story.view()),
        "schedule_total": lambda: [total_row(schedule_rows(story, story.view()))],
        "preview": lambda: schedule_rows(story, story.view(trial=story.trial)),
        "preview_total": lambda: [total_row(schedule_rows(story, story.view(trial=story.trial)))],
        "transactions": lambda: transaction_rows(story),
        "charges": lambda: charge_rows(story),
        "tranches": lambda: tranche_rows(story),
    }
    if step.get("expect") in tables:
        _print_rows("ours", [_in_yuan(row) for row in tables[step["expect"]]()])


def _in_yuan(row: Row) -> dict[str, str | None]:
    return {name: str(Decimal(value) / 100) if isinstance(value, int) else value for name, value in row.items()}


def _print_rows(title: str, rows: Iterable[dict[str, Any]]) -> None:
    print(f"  {title}")
    for row in rows:
        shown = [f"{name} {value}" for name, value in row.items() if value not in (None, "0.0", "0", "false")]
        if "ccrual" not in str(row.get("type")):
            print("   ", " ".join(shown))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
