"""The worked statements come out as they are written. To write them anew: python -m tests.golden.test_spend."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.spend_scenarios import SCENARIOS

HERE = Path(__file__).parent / "spend"


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_worked_statement_comes_out_as_written(name: str) -> None:
    assert "\n".join(SCENARIOS[name]()) + "\n" == (HERE / f"{name}.txt").read_text("utf-8")


if __name__ == "__main__":
    for name, told in SCENARIOS.items():
        (HERE / f"{name}.txt").write_text("\n".join(told()) + "\n", "utf-8")
