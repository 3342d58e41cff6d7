"""Every account code, reason and result has its line on the page, in the words that stand beside it."""

from __future__ import annotations

import re

from mingqu.domain.ledger import CHART, MEANINGS, REASONS, AccountCode, Reason, Result
from tests.docs.chart import PAGE, page


def test_the_page_of_the_chart_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.docs.write_chart"


def test_every_code_reason_and_result_has_one_line_that_says_something() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for members in (AccountCode, Reason, Result):
        for one in members:
            (line,) = re.findall(rf"^\|.* `{one.name}` .*\|$", text, re.MULTILINE)
            assert len(line.split("|")[-2 if members is not Reason else -3].strip()) > 9, line
    assert [*MEANINGS] == sorted(Result)


def test_a_meaning_is_one_plain_sentence() -> None:
    for words in [line.meaning for line in CHART.values()] + list(REASONS.values()):
        assert words[0].isupper(), words
        assert words.endswith("."), words
