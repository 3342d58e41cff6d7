"""The report of a card: one HTML page that needs nothing but itself."""

from __future__ import annotations

from html import escape

from mingqu.lab.report import section as sections
from mingqu.lab.report.figures import variable_lines
from mingqu.lab.report.style import STYLE
from mingqu.lab.train import TrainedCard

_PLACES = (
    ("sample", "样本"), ("quality", "区分能力"), ("calibration", "校准"), ("stability", "稳定性"),
    ("variables", "变量"), ("fairness", "公平性"), ("again", "可重现"),
)  # fmt: skip


def card_report(*, trained: TrainedCard, command: str) -> str:
    """Return the report as HTML: no script, no network, readable on a phone and on paper.

    `command` is what trained the card, as it is printed for whoever wants to do it again.
    """
    lines = variable_lines(trained=trained)
    card, sample = trained.card, trained.sample
    test = next(part for part in trained.parts if part.name == "test")
    tiles = [
        (f"{trained.measures['auc_test']:.4f}", "AUC 检验 test"),
        (f"{trained.measures['auc_train']:.4f}", "AUC 训练 train"),
        (f"{test.ks.value:.3f}", "KS 检验 test"),
        (f"{len(sample.bad):,}", "行 rows"),
        (sections.percent(float(sample.bad.mean()), 2), "坏账率 bad rate"),
        (f"{len(card.variables)}", "变量 variables"),
    ]
    if "auc_out_of_time" in trained.measures:
        tiles.insert(2, (f"{trained.measures['auc_out_of_time']:.4f}", "AUC 跨期 out of time"))
    body = "".join(
        (
            sections.sample(trained),
            sections.quality(trained),
            sections.calibration(trained),
            sections.stability(trained, lines),
            sections.variables(trained, lines),
            sections.fairness(trained),
            sections.reproducing(trained, command),
        )
    )
    shown = "".join(f'<div class="tile"><b>{value}</b><span>{name}</span></div>' for value, name in tiles)
    places = "".join(f'<a href="#{name}">{zh}</a>' for name, zh in _PLACES)
    title = f"{trained.body['title_zh']} · {trained.body['title_en']}"
    title = str(trained.body["title_en"]) if trained.body["title_zh"] == trained.body["title_en"] else title
    return (
        '<!doctype html><html lang="zh"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f'<header class="top"><div class="wrap"><h1>评分卡报告 <span lang="en">Points card report</span></h1>'
        f"<p>{escape(title)} · {escape(card.id)} v{card.version} · {escape(sample.file)}</p></div></header>"
        f'<main class="wrap"><div class="tiles">{shown}</div><nav>{places}</nav>{body}'
        f"<footer>{escape(card.attribution)} 明渠 Mingqu.</footer></main></body></html>\n"
    )
