"""The lints run in one process, one after the other, so that each file is parsed once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tidy.tree import let_go

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of this folder together."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("tidy"))


def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Let the trees go when the last of them is done."""
    if nextitem is None or HERE not in nextitem.path.parents:
        let_go()
