"""Every sentence of the borrower's pages exists in both languages, is used, and has the same holes in both."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from string import Formatter
from typing import Final

import pytest

import mingqu.borrower
from mingqu.borrower.words import SAY, UNSURE
from mingqu.web.pages import Texts, load_texts
from tests.docs.error_codes import refusals

PACKAGE: Final = Path(mingqu.borrower.__file__).parent
# A name in quotes right behind `t(` or `say(`: whole, or the beginning of one that goes on with `~` or a brace.
NAMED: Final = re.compile(r"""(?:\bt|say)\(\s*(["'])([a-z_.]+)\1\s*([~,)]| if )""")
# Names that code puts together itself: refusals by their code.
BY_CODE: Final = (SAY,)
# What no person can bring about or mend on a page: a forged form, a book or a rule pack that is broken.
NOT_THEIRS: Final = {
    "consent_recipient_wrong", "day_not_come", "decision_input_invalid", "guidance_missing", "replay_differs",
    "rule_missing", "seal_broken",
}  # fmt: skip
NAMED_IN_CODE: Final = ("refusal.nothing", "refusal.unsure", "refusal.other")


@pytest.fixture(scope="module")
def texts() -> Texts:
    return load_texts("mingqu.borrower")


def named() -> tuple[set[str], set[str]]:
    """Return the names that templates and code ask for, and the beginnings of names they put together."""
    whole, begun = set(NAMED_IN_CODE), set(BY_CODE)
    for path in (*PACKAGE.glob("templates/*.html"), *PACKAGE.glob("*.py")):
        for _, name, after in NAMED.findall(path.read_text(encoding="utf-8")):
            (begun if after == "~" else whole).add(name)
    return whole, begun


def test_every_name_that_is_asked_for_exists(texts: Texts) -> None:
    whole, begun = named()
    assert sorted(name for name in whole if name not in texts.of) == []
    assert [start for start in begun if not any(name.startswith(start) for name in texts.of)] == []


def test_every_sentence_is_asked_for(texts: Texts) -> None:
    whole, begun = named()
    assert [name for name in texts.of if name not in whole and not name.startswith(tuple(begun))] == []


def test_both_languages_have_the_same_holes_and_no_others_words(texts: Texts) -> None:
    for name, both in texts.of.items():
        holes = [{hole for _, hole, _, _ in Formatter().parse(both[language]) if hole} for language in ("zh", "en")]
        assert holes[0] == holes[1], name
        assert both["zh"].strip(), name
        assert both["en"].strip(), name
        assert "!" not in both["en"], f"{name}: no exclamation marks"
        assert "！" not in both["zh"], f"{name}: no exclamation marks"
        if name != "site.name":
            assert not re.search(r"[\u4e00-\u9fff]", both["en"]), f"{name}: Chinese in the English sentence"


def test_every_refusal_that_has_words_is_a_refusal(texts: Texts) -> None:
    codes = {refusal.code for refusal in refusals()}
    spoken = {name.removeprefix(SAY) for name in texts.of if name.startswith(SAY)}
    assert spoken - codes == set()
    assert set(UNSURE) - codes == set()


def errors_of(module: str) -> set[str]:
    """Return the classes that the use cases of a module of pages say as their errors."""
    called = vars(importlib.import_module(module)).values()
    said = [one.__doc__ or "" for one in called if inspect.isfunction(one) and "mingqu.services" in one.__module__]
    return {name for text in said for name in re.findall(r"[A-Z]\w+", text.partition("Errors:")[2])}


def test_every_refusal_that_a_page_can_meet_says_in_words_what_helps(texts: Texts) -> None:
    by_class = {refusal.__name__: refusal for refusal in refusals()}
    pages = [f"mingqu.borrower.{one.name}" for one in pkgutil.iter_modules([str(PACKAGE)])]
    met = {by_class[name] for page in pages for name in errors_of(page) if name in by_class}
    assert len(met) > 80
    mute = {one.code for one in met if one.status != 404 and f"{SAY}{one.code}" not in texts.of}
    assert mute == NOT_THEIRS


def test_pages_hold_nothing_inline() -> None:
    for path in PACKAGE.glob("templates/*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script(?! defer src=)", text), path.name
        assert "| safe" not in text.replace("paths[name] | safe", ""), f"{path.name}: text that is not escaped"
