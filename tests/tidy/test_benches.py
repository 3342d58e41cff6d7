"""Every bench that the command names can be started: they share helpers, and no type check or test runs them."""

from __future__ import annotations

from importlib import import_module
from inspect import signature

import pytest

from mingqu.cli.bench import BENCHES


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_that_is_named_can_be_started(name: str) -> None:
    run = import_module(f"bench.{name}").run
    assert all(each.default is not each.empty for each in signature(run).parameters.values())
