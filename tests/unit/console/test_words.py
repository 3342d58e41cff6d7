"""What the console names by a word of the code has words of its own: no page of one language shows the other's."""

from __future__ import annotations

import tomllib

import pytest

from mingqu.domain.evidence import LeafKind
from mingqu.domain.operator import Permission, Role
from mingqu.domain.product import Licence
from tests.tidy.tree import PACKAGE
from tests.world import the_pack

TEXTS = tomllib.loads((PACKAGE / "console" / "texts.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("permission", [one.value for one in Permission]),
        ("role", [one.value for one in Role]),
        ("leaf", [one.value for one in LeafKind]),
        ("licence_kind", [one.value for one in Licence]),
        ("policy_kind", sorted({str(one.body["kind"]) for one in the_pack().documents})),
    ],
)
def test_every_word_that_is_shown_is_written_in_both_languages(group: str, words: list[str]) -> None:
    assert [word for word in words if set(TEXTS[group].get(word, {})) != {"zh", "en"}] == []
