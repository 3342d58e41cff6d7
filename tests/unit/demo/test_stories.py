"""The frame of stories: a file is a story, and a step is told and kept."""

from __future__ import annotations

import io
import re
from dataclasses import asdict

import pytest
from rich.console import Console

from mingqu.client.problem import Problem
from mingqu.demo.steps import Steps, Why
from mingqu.demo.stories import StoryUnknown, names, story_of
from mingqu.demo.tell import Teller, counted


@pytest.mark.parametrize("name", names())
def test_every_file_is_a_story_with_a_title_and_a_telling(name: str) -> None:
    story = story_of(name=name)
    assert re.fullmatch(r"s\d+", name)
    assert story.TITLE
    assert callable(story.tell_story)


@pytest.mark.parametrize("name", ["", "s99", "__init__", "os", "../s2"])
def test_what_is_no_story_is_refused_by_name(name: str) -> None:
    with pytest.raises(StoryUnknown):
        story_of(name=name)


def test_a_step_is_told_and_kept_as_it_is_printed() -> None:
    out = io.StringIO()
    steps = Steps(Teller(Console(file=out, width=200)))
    steps.take("she asks", "approved")
    problem = Problem(code="too_often", status=429, title="Wait.", details={"left_fen": 1_050, "tries": 2})
    steps.denied("she asks again", problem, why=Why("请稍候。", "明天再来。 Come back tomorrow."))
    why = {
        "code": "too_often",
        "text": "请稍候。 Wait. (left 10.50, tries 2)",
        "remedy": "明天再来。 Come back tomorrow.",
    }
    assert [asdict(step) for step in steps.taken] == [
        {"what": "she asks", "outcome": "approved", "reasons": []},
        {
            "what": "she asks again",
            "outcome": "refused",
            "reasons": [why],
        },
    ]
    assert "she asks again: refused" in out.getvalue()
    assert "too_often" in out.getvalue()


def test_one_person_is_no_people() -> None:
    told = [counted(1, "people"), counted(2, "people"), counted(1_000, "leaves")]
    assert told == ["1 person", "2 people", "1,000 leaves"]
