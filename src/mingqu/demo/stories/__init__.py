"""The stories of `mingqu demo --story NAME`: a module of this package each, named after its story.

A module has `TITLE`, one line in both languages, and `tell_story(world, tell, steps)`, which lives through the story
over HTTP and takes a step (`demo.steps`) for everything that somebody did or was refused. To add a story, add its file.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import ClassVar, Protocol, cast

from mingqu.demo.steps import Steps
from mingqu.demo.tell import Teller
from mingqu.demo.world import OnlineWorld
from mingqu.domain.refusal import Refusal


class StoryUnknown(Refusal):
    """There is no story of this name; the message names those there are."""

    code: ClassVar[str] = "story_unknown"


class Story(Protocol):
    """What a module of this package is."""

    TITLE: str

    def tell_story(self, world: OnlineWorld, tell: Teller, steps: Steps) -> None:
        """Live through the story."""
        ...


def names() -> list[str]:
    """Return the names of all stories, in order."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def story_of(*, name: str) -> Story:
    """Return a story; it is loaded only when it is told. Errors: StoryUnknown."""
    if name not in names():
        raise StoryUnknown(f"There is no story of this name; there is {', '.join(names()) or 'none yet'}.")
    return cast("Story", importlib.import_module(f"{__name__}.{name}"))
