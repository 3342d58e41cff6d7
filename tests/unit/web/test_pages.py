"""What the templates of every door write in a language of their own."""

from __future__ import annotations

import pytest

from mingqu.web.pages import law


@pytest.mark.parametrize(
    ("document", "zh"),
    [
        ("征信业管理条例 art. 25", "征信业管理条例第 25 条"),
        ("中华人民共和国民法典 art. 563, 578", "中华人民共和国民法典第 563、578 条"),
        (
            "商业银行信用卡业务监督管理办法, 银监会令2011年第2号 art. 92",
            "商业银行信用卡业务监督管理办法，银监会令2011年第2号第 92 条",
        ),
        ("GB/T 45251-2025", "GB/T 45251-2025"),
    ],
)
def test_an_article_is_cited_in_the_language_of_the_page(document: str, zh: str) -> None:
    assert law(document, language="zh") == zh
    assert law(document, language="en") == document
