"""The recipe for a new channel leads to a green contract suite, its code as printed; and breaking it shows."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mingqu.channels
from tests.contracts import test_payout as suite

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "new-channel.md"
CHANNEL, WORLD = "mingqu.channels.acme.payout", "mingqu.channels.acme.world"


def printed() -> tuple[str, str]:
    channel, world = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(channel), str(world)


def installed(folder: Path, channel: str, world: str) -> ModuleType:
    """Save the two files as the page says (the world beside the channel) and return the world's module."""
    package = folder / "acme"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""Acme, a made-up payer."""\n')
    (package / "payout.py").write_text(channel, encoding="utf-8")
    (package / "world.py").write_text(world, encoding="utf-8")
    mingqu.channels.__path__.append(str(folder))
    importlib.invalidate_caches()
    return importlib.import_module(WORLD)


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[[str, str], ModuleType]]:
    before = list(mingqu.channels.__path__)
    yield lambda channel, world: installed(tmp_path / "channels", channel, world)
    mingqu.channels.__path__[:] = before
    for name in [name for name in sys.modules if name.startswith("mingqu.channels.acme")]:
        del sys.modules[name]


def cases() -> Iterator[tuple[str, Callable[..., None], tuple[Any, ...]]]:
    """Yield every test of the suite with the values of its parameter, if it has one."""
    for name, test in inspect.getmembers(suite, inspect.isfunction):
        if name.startswith("test_"):
            marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
            for value in marks[0].args[1] if marks else [None]:
                yield name, test, () if value is None else (value,)


def failing(world_of: ModuleType) -> list[str]:
    failed = []
    for name, test, values in cases():
        for processing in (timedelta(0), timedelta(minutes=2)):
            with world_of.acme(processing) as world:
                try:
                    test(world, *values)
                except (AssertionError, pytest.fail.Exception):
                    failed.append(name)
    return failed


def test_the_recipes_channel_passes_the_whole_suite(install: Callable[[str, str], ModuleType]) -> None:
    assert len(list(cases())) > 15
    assert failing(install(*printed())) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("                return NotFound()\n", '                return Failed(code="not_found")\n'),
        ("                return NumberTaken()\n", '                return Refused(code="other_body")\n'),
        ('if told.state != "done" or ', "if "),
    ],
)
def test_a_mistake_in_it_is_found(install: Callable[[str, str], ModuleType], right: str, wrong: str) -> None:
    channel, world = printed()
    assert right in channel
    broken = install(channel.replace(right, wrong, 1), world)
    if 'told.state != "done"' in right:
        with pytest.raises(AssertionError):
            assert_unknown_states_are_silence(broken)
        return
    assert failing(broken) != []


def test_a_state_that_it_does_not_know_is_silence(install: Callable[[str, str], ModuleType]) -> None:
    assert_unknown_states_are_silence(install(*printed()))


def assert_unknown_states_are_silence(world_of: ModuleType) -> None:
    channel = sys.modules[CHANNEL]
    told = channel.Told(number="1", state="half_done", amount_fen=1, at=suite.START, reference="R")
    try:
        channel._paid(told)
    except channel.ChannelSilent:
        return
    raise AssertionError("half done is not done")
