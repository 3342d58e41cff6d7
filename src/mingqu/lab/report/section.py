"""The sections of the report as HTML: each a heading in Chinese and English, a sentence, and figures."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import numpy as np

import mingqu
from mingqu.lab.recipe import SEED
from mingqu.lab.report import figures
from mingqu.lab.report.chart import Axis, Line, bar_chart, line_chart
from mingqu.lab.train import Part, TrainedCard
from mingqu.lab.watch import AMBER_INDEX, RED_INDEX

PART_NAMES: Final = {"train": "训练 train", "test": "检验 test", "out_of_time": "跨期 out of time"}
FAIR_RATIO: Final = (
    0.8  # the four-fifths rule: 29 CFR 1607.4 D (United States, 1978); a bound to look at, not a verdict here
)
FAIR_APPROVAL: Final = 0.7  # the cut-off at which groups are compared
VARIABLES_SHOWN_MAX: Final = 200
SHARE: Final = Axis(title="", low=0, high=1)


def percent(value: float, digits: int = 1) -> str:
    """Return a share as a percentage."""
    return f"{100 * value:.{digits}f}%"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers_from: int = 1) -> str:
    """Return a table; cells from `numbers_from` on are figures, and cells are HTML already."""

    def mark(at: int) -> str:
        return ' class="n"' if at >= numbers_from else ' class="w"'

    top = "".join(f"<th{mark(at)}>{name}</th>" for at, name in enumerate(head))
    body = "".join(
        "<tr>" + "".join(f"<td{mark(at)}>{cell}</td>" for at, cell in enumerate(row)) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def section(name: str, zh: str, en: str, note: str, body: str) -> str:
    """Return one section with its anchor."""
    return f'<section id="{name}"><h2>{zh}<small>{en}</small></h2><p class="note">{note}</p>{body}</section>'


def light(value: float) -> str:
    """Return a stability index with its light."""
    color = "green" if value < AMBER_INDEX else "amber" if value < RED_INDEX else "red"
    return f'<span class="light {color}">{value:.3f}</span>'


def sample(trained: TrainedCard) -> str:
    """Return who was looked at, and which columns were not."""
    one = trained.sample
    rows = [
        (
            PART_NAMES[name],
            f"{len(places):,}",
            f"{int(one.bad[places].sum()):,}",
            percent(float(one.bad[places].mean()), 2),
        )
        for name, places in (("train", one.training_rows), ("out_of_time", np.flatnonzero(one.later)))
        if len(places)
    ]
    shown = table(("样本 sample", "行 rows", "坏 bad", "坏账率 bad rate"), rows)
    note = (
        f"{escape(one.file)}:{escape(one.target)} = {escape(one.bad_value)} 为坏。 Bad means {escape(one.target)} = "
        f"{escape(one.bad_value)}. {one.rows_without_outcome:,} rows without an outcome were set aside."
    )
    out = table(
        ("未入模的列 columns left out", "原因 why"),
        ((f"<b>{escape(name)}</b>", escape(why)) for name, why in one.left_out),
        numbers_from=2,
    )
    return section(
        "sample", "样本与排除", "Sample and exclusions", note, shown + (f"<br>{out}" if one.left_out else "")
    )


def quality(trained: TrainedCard) -> str:
    """Return how well the card orders: figures with intervals, ROC, KS, gains."""

    def row(part: Part) -> tuple[str, ...]:
        a, k = part.auc, part.ks
        return (
            PART_NAMES[part.name],
            f"{len(part.bad):,}",
            f"<b>{a.value:.4f}</b> ({a.low:.4f} – {a.high:.4f})",
            f"{2 * a.value - 1:.4f} ({2 * a.low - 1:.4f} – {2 * a.high - 1:.4f})",
            f"{k.value:.4f} ({k.low:.4f} – {k.high:.4f})",
        )

    head = ("", "行 rows", "AUC (95 %)", "Gini (95 %)", "KS (95 %)")
    folds = " · ".join(f"{one:.4f}" for one in trained.auc_folds)
    note = (
        "“检验”是五折：每一行由没有见过它的卡来评分。 “Test” is five folds: each row is scored by a card that was "
        f"trained, merged and rounded without it; fold AUCs {folds}, mean {trained.measures['auc_test']:.4f}. "
        "Intervals: DeLong (AUC), bootstrap (KS)."
    )
    found = {part.name: figures.curves(part=part) for part in trained.parts}
    test = "test" if "test" in found else "train"
    roc = line_chart(
        title="ROC 曲线 · ROC curve",
        x=Axis(title="好客户被误判的比例 good cases above the line", low=0, high=1),
        y=Axis(title="坏客户被识别的比例 bad cases found", low=0, high=1),
        lines=[
            *(Line(name=PART_NAMES[name], points=one[0]) for name, one in found.items()),
            Line(name="随机 chance", points=[(0, 0), (1, 1)], dashed=True),
        ],
    )
    ks = line_chart(
        title="KS 曲线（检验） · KS curve (test)",
        x=Axis(title="从风险最高起的行 rows, riskiest first", low=0, high=1),
        y=Axis(title="累计占比 share so far", low=0, high=1),
        lines=[Line(name="好 good", points=found[test][2]), Line(name="坏 bad", points=found[test][1])],
    )
    return section("quality", "区分能力", "How well it orders", note, table(head, map(row, trained.parts)) +
                   f'<br><div class="charts">{roc}{ks}{_gains(trained)}</div>')  # fmt: skip


def _test(trained: TrainedCard) -> Part:
    return next((part for part in trained.parts if part.name == "test"), trained.parts[0])


def _gains(trained: TrainedCard) -> str:
    part = _test(trained)
    found = figures.tenths(bad=part.bad, probability=part.risk)
    bads, rate = int(part.bad.sum()), float(part.bad.mean())
    caught = np.cumsum([one.bads for one in found]) / bads
    gains = line_chart(
        title="增益曲线（检验） · Gains (test)",
        x=Axis(title="从风险最高起的行 rows, riskiest first", low=0, high=1),
        y=Axis(title="坏客户占比 bad cases found", low=0, high=1),
        lines=[
            Line(name="评分卡 card", points=figures.curves(part=part)[1]),
            Line(name="完美 perfect", points=[(0, 0), (rate, 1), (1, 1)], dashed=True),
            Line(name="随机 chance", points=[(0, 0), (1, 1)], dashed=True),
        ],
    )
    rows = [
        (
            f"{at}",
            f"{one.rows:,}",
            f"{one.bads:,}",
            percent(one.bads / one.rows),
            f"{one.bads / one.rows / rate:.2f} ×",
            percent(float(total)),
        )
        for at, (one, total) in enumerate(zip(found, caught, strict=True), start=1)
    ]
    head = ("十分位 tenth", "行 rows", "坏 bad", "坏账率 rate", "提升 lift", "累计 found")
    return f"{gains}<div>{table(head, rows)}</div>"


def calibration(trained: TrainedCard) -> str:
    """Return whether probabilities are true, and what a cut-off costs."""
    part = _test(trained)
    found = figures.tenths(bad=part.bad, probability=part.risk)
    pairs = [(one.predicted, one.bads / one.rows) for one in found]
    top = min(1.0, max(max(a, b) for a, b in pairs) * 1.1)
    true = line_chart(
        title="校准（检验） · Calibration (test)",
        x=Axis(title="预测坏账率 predicted", low=0, high=top),
        y=Axis(title="实际坏账率 observed", low=0, high=top),
        lines=[
            Line(name="十分位 tenths", points=sorted(pairs)),
            Line(name="完美 perfect", points=[(0, 0), (top, top)], dashed=True),
        ],
    )
    curve = figures.cut_offs(part=part)
    cut = line_chart(
        title="通过率与坏账率（检验） · Cut-off: approval and bad rate (test)",
        x=Axis(title="通过率 approved", low=0, high=1),
        y=Axis(title="通过者坏账率 bad among approved", low=0, high=max(rate for _, rate in curve) * 1.05 or 1),
        lines=[Line(name="评分卡 card", points=curve)],
    )
    wanted = (0.3, 0.5, 0.7, 0.8, 0.9)
    rows = [
        (percent(share, 0), percent(next(rate for approved, rate in curve if approved >= share - 1e-9), 2))
        for share in wanted
    ]
    cuts = table(("通过率 approved", "坏账率 bad rate"), rows)
    note = "概率能否当真，以及门槛的代价。 Whether a probability can be taken at its word, and what a cut-off costs."
    return section("calibration", "校准与门槛", "Calibration and cut-off", note,
                   f'<div class="charts">{true}{cut}<div>{cuts}</div>{_bands(trained)}</div>')  # fmt: skip


def _bands(trained: TrainedCard) -> str:
    card, rows = trained.card, trained.sample.training_rows
    place = np.searchsorted(np.array(card.band_cuts), trained.scores[rows], side="right")
    cases = np.bincount(place, minlength=len(card.bands))
    bads = np.bincount(place[trained.sample.bad[rows]], minlength=len(card.bands))
    order = range(len(card.bands) - 1, -1, -1)
    starts = (card.score_min, *card.band_cuts)
    return bar_chart(
        title="等级 · Bands (final card, training rows)",
        names=[f"{card.bands[at]} ≥{starts[at]}" for at in order],
        bars=[float(cases[at] / len(rows)) for at in order],
        line=[float(bads[at] / cases[at]) if cases[at] else 0.0 for at in order],
        axes=("占比 share of rows", "坏账率 bad rate"),
    )


def stability(trained: TrainedCard, lines: Sequence[figures.VariableLines]) -> str:
    """Return the drift from training to the out-of-time part, where there is one."""
    found = figures.score_stability(trained=trained)
    limits = f"绿 green &lt; {AMBER_INDEX}, 黄 amber &lt; {RED_INDEX}, 红 red."
    if found is None:
        body = "没有跨期样本：用 --time 指定时间列。 There is no later part; name a column with --time to have one."
        return section("stability", "稳定性", "Stability: PSI and CSI", limits, f"<p>{body}</p>")
    rows = [("<b>评分 score (PSI)</b>", light(found[1]))]
    rows += [
        (escape(one.name), light(one.stability))
        for one in sorted(lines, key=lambda one: -(one.stability or 0))
        if one.stability is not None
    ]
    return section("stability", "稳定性", "Stability: PSI and CSI, train to out of time", limits,
                   f'<div class="narrow">{table(("变量 variable", "指数 index"), rows)}</div>')  # fmt: skip


def variables(trained: TrainedCard, lines: Sequence[figures.VariableLines]) -> str:
    """Return every variable of the card with its bins."""
    words = {
        "rises": "数值越大风险越高 risk rises with the value",
        "falls": "数值越大风险越低 risk falls with the value",
        "free": "方向不限 no one direction",
        "words": "类别 words",
    }
    blocks = []
    for one in lines[:VARIABLES_SHOWN_MAX]:
        most = max(bin_line.cases for bin_line in one.bins) or 1
        rows = [
            (
                escape(each.label),
                f'<span class="bar" style="width:{40 * each.cases / most:.0f}px"></span> {each.cases:,}',
                percent(each.bads / each.cases) if each.cases else "–",
                f"{each.evidence:+.2f}",
                f"<b>{each.points}</b>",
            )
            for each in one.bins
        ]
        head = ("取值 value", "数量 count", "坏账率", "WOE", "分 points")
        blocks.append(
            f'<div class="var"><h3>{escape(one.name)}'
            f"<small>IV {one.information:.3f} · {words[one.direction]}</small></h3>"
            f"{table(head, rows)}</div>"
        )
    note = (
        f"基础分 {trained.card.base_points}，分数越高越好，每 40 分好坏比翻倍。 Base {trained.card.base_points}; more "
        "is better; 40 points double the odds. Counts are of the training rows; IV and WOE are of the bins of the card."
    )
    return section(
        "variables", "变量与分箱", "Variables, bins and points", note, f'<div class="two">{"".join(blocks)}</div>'
    )


def fairness(trained: TrainedCard) -> str:
    """Return how the card treats the groups of columns it never reads."""
    found = figures.fairness(trained=trained, approval=FAIR_APPROVAL)
    note = (
        f"受保护的列不入模，只在这里比较：通过率 {percent(FAIR_APPROVAL, 0)} 时各组的通过率。 "
        f"Protected columns are never read by the card; here groups are compared where {percent(FAIR_APPROVAL, 0)} of "
        f"all are approved. A ratio below {FAIR_RATIO} of the group approved most is marked: look at why."
    )
    if not found:
        return section(
            "fairness", "公平性", "Fairness", note, "<p>文件里没有受保护的列。 The file has no protected column.</p>"
        )
    blocks = []
    for name, groups in found.items():
        rows = [
            (
                escape(one.label),
                f"{one.rows:,}",
                percent(one.bad_rate),
                percent(one.approval),
                f'<span class="light {"green" if one.ratio >= FAIR_RATIO else "amber"}">{one.ratio:.2f}</span>',
                "–" if one.auc is None else f"{one.auc:.3f}",
            )
            for one in groups
        ]
        head = ("组 group", "行 rows", "坏账率 bad", "通过率 approved", "比 ratio", "AUC")
        blocks.append(f'<div class="var"><h3>{escape(name)}</h3>{table(head, rows)}</div>')
    return section("fairness", "公平性", "Fairness", note, f'<div class="two">{"".join(blocks)}</div>')


def reproducing(trained: TrainedCard, command: str) -> str:
    """Return what is needed to make the same card again."""

    def of(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "–"

    rows = [
        ("命令 command", f"<code>{escape(command)}</code>"),
        ("文件 SHA-256", f"<code>{trained.sample.sha256}</code>"),
        ("评分卡 card SHA-256", f"<code>{trained.card.hash}</code>"),
        ("种子 seed · 方法 recipe", f"{SEED} · {trained.recipe.id}, {trained.tested.stumps} stumps"),
        (
            "版本 versions",
            ", ".join(
                (
                    f"mingqu {mingqu.__version__}",
                    f"LightGBM {of('lightgbm')}",
                    f"numpy {of('numpy')}",
                    f"Python {platform.python_version()}",
                )
            ),
        ),
    ]
    note = "同一文件、同一方法，得到同一张卡，哈希不变。 The same file and recipe give the same card and hash."
    return section("again", "可重现", "Made again", note, table(("", ""), rows, numbers_from=2))
