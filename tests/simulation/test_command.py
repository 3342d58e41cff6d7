"""`mingqu simulate` as a person or a program meets it."""

from __future__ import annotations

import json
import shlex

import pytest

from mingqu import cli
from mingqu.cli.simulate import Asked, print_course, report_of
from mingqu.main import Wiring
from mingqu.simulation.course import Course, live_orders
from mingqu.simulation.weather import BAD, read_weather
from tests.simulation.planted import TimeoutIsFailure

ASKED = Asked(level="orders", seed=0, seeds=20, weather=BAD, days=10)


@pytest.fixture(scope="module")
def broken() -> Course:
    """What comes of twenty seeds when silence is taken for a no."""
    return live_orders(seeds=range(20), desk=TimeoutIsFailure)


def run(words: str) -> int:
    return cli.run(Wiring(), shlex.split(words))


def test_seeds_that_go_well_are_counted_and_end_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("simulate --seed 5 --seeds 12 --faults lose_reply,crash --json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["seed"], told["seeds"], told["faults"], told["broke"]) == (5, 12, ["lose_reply", "crash"], None)
    assert set(told["faults_met"]) == {"lose_reply", "crash"}
    assert run("simulate --seeds 12") == 0
    said = capsys.readouterr().out
    assert "12 seeds of orders from seed 1 on, faults all" in said
    assert "Nothing broke, and everything ended." in said


def test_a_seed_that_breaks_is_told_with_what_was_done_last_and_how_to_repeat_it(
    broken: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    assert broken.broke is not None
    seed = broken.broke.seed
    print_course(ASKED, broken, seconds=1.0)
    said = capsys.readouterr().out
    assert f"Seed {seed} broke: {broken.broke.reason}" in said
    assert all(line in said for line in broken.broke.last_operations)
    assert f"Again: mingqu simulate --level orders --seed {seed} --seeds 1 --faults all" in said
    told = report_of(ASKED, broken, seconds=1.0)
    assert told["broke"]["again"] == ASKED.again(seed)
    assert run(told["broke"]["again"].removeprefix("mingqu ")) == 0  # the seed does not break the right design


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("simulate --faults lost_reply", "fault_unknown"),
        ("simulate --level orders --data somewhere", "command_malformed"),
        ("simulate --seeds 0", "command_malformed"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_one_line(
    words: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert capsys.readouterr().err.startswith(f"mingqu: {code}: ")


def test_the_weather_is_written_as_it_is_read() -> None:
    for text in ("all", "none", "lose_reply,crash", "clock"):
        assert read_weather(text=text).written == text
