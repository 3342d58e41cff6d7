"""Chinese that people read has full-width marks (GB/T 15834): ，。；：（）, and no half-width ones beside a character.

A published text is never edited: what was published with other marks stays for whoever agreed to it, and its newest
version holds the rule.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.tidy.tree import ROOT, python_files, shown

_CJK: Final = "\u4e00-\u9fff\u3000-\u303f\uff00-\uffef"
# A mark beside a character or a hole, or around text of which one character is Chinese; a mark inside 199,500 is none.
HALF_WIDTH: Final = re.compile(
    rf"[{_CJK}}}] ?[,;:?!](?: ?[{_CJK}{{]|$)|[{_CJK}][,;:?!]|[,;:?!] ?[{_CJK}]|[{_CJK}] ?\(|\([^()]*[{_CJK}][^()]*\)",
    re.MULTILINE,
)
# In a program's string English may stand beside Chinese, with marks of its own: a mark between two characters counts.
BETWEEN: Final = re.compile(r"[\u4e00-\u9fff] ?[,;:?!] ?[\u4e00-\u9fff]")
TEXTS: Final = ("src/mingqu/borrower/texts.toml", "src/mingqu/console/texts.toml")
# Headings of files that others write: they stand as their documents have them.
OF_OTHERS: Final = ("src/mingqu/sandbox/alipay_bill.py",)
SPOKEN_BY_CODE: Final = ("src/mingqu/demo", "src/mingqu/lab/report", "src/mingqu/sandbox")


def faults(text: str) -> list[str]:
    """Return the places of a text that have a half-width mark where Chinese has its own."""
    return [text[max(0, found.start() - 6) : found.end() + 6] for found in HALF_WIDTH.finditer(text)]


def spoken(value: Any, key: str = "") -> Iterator[str]:
    """Yield the Chinese sentences of a file of data: what stands under `zh`, or a name that ends in `_zh`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from spoken(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from spoken(inner, key)
    elif isinstance(value, str) and (key == "zh" or key.endswith("_zh")):
        yield value


def newest(folder: Path) -> dict[str, Path]:
    """Return the newest version of each published text and policy; a mapping is a file's, and its hash is in cards."""
    found: dict[str, tuple[int, Path]] = {}
    for path in sorted(folder.rglob("*.toml")):
        body = tomllib.loads(path.read_text(encoding="utf-8"))
        name = f"{body.get('kind', 'consent')}/{body.get('id') or body.get('text_id') or path}"
        found[name] = max(found.get(name, (0, path)), (int(body.get("version", 1)), path))
    return {name: path for name, (_, path) in found.items() if path.parent.name != "mappings"}


def said_by(path: Path) -> Iterator[str]:
    """Yield the strings of a program."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_page_speaks_chinese_with_its_own_marks() -> None:
    found = [
        f"{name}: {fault}"
        for name in TEXTS
        for sentence in spoken(tomllib.loads((ROOT / name).read_text(encoding="utf-8")))
        for fault in faults(sentence)
    ]
    assert found == []


def test_the_newest_version_of_every_published_text_does() -> None:
    found = [
        f"{shown(path)}: {fault}"
        for path in newest(ROOT / "policies").values()
        for sentence in spoken(tomllib.loads(path.read_text(encoding="utf-8")))
        for fault in faults(sentence)
    ]
    assert found == []


def test_what_programs_say_in_both_languages_does() -> None:
    found = [
        f"{shown(path)}: {text[:60]}"
        for path in python_files(*SPOKEN_BY_CODE)
        for text in said_by(path)
        if BETWEEN.search(text) and shown(path) not in OF_OTHERS
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("请阅读并同意;您可以撤回。", 1),
        ("可在 {retry_on},之后申请", 1),
        ("各项,每项一个数字:", 2),
        ("收入证明(工资流水)后", 1),
        ("不超过 199,500 元，可在 {retry_on} 之后（不晚于当日）申请。", 0),
        ("在 09:00 扣收", 0),
        ("指纹（SHA-256）", 0),
    ],
)
def test_a_planted_half_width_mark_is_caught_and_a_number_is_none(text: str, count: int) -> None:
    assert len(faults(text)) >= count
    assert (count == 0) == (faults(text) == [])
