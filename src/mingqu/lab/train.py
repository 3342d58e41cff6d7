"""Train a points card from a CSV: `python -m mingqu.lab.train FILE.csv[.xz] --target COLUMN --out card.json`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import Card, parse_card
from mingqu.domain.decision.mapping import ColumnMapping, parse_mapping
from mingqu.domain.policy_file import Document, Plain, canonical
from mingqu.domain.refusal import Refusal
from mingqu.lab.measure import auc, kolmogorov_smirnov
from mingqu.lab.points import PointsTable, card_body, points_table
from mingqu.lab.report import BandLine, band_lines, card_report, micro
from mingqu.lab.sample import Sample, read_sample
from mingqu.lab.stump import SEED, Model, train_stumps
from mingqu.store.policy import read_documents

FOLDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A trained card: its plain body, the parsed card, its measures by name, its bands and the sample."""

    body: dict[str, Plain]
    card: Card
    measures: dict[str, float]
    bands: tuple[BandLine, ...]
    sample: Sample
    model: Model


def train(*, sample: Sample, mapping: ColumnMapping | None, target: str, card_id: str) -> Trained:
    """Train, compile, merge and round; measure on five folds; the same sample gives the same card.

    Errors: LabMissing without LightGBM.
    """
    everyone = np.arange(len(sample.bad))
    folds = _folds(sample.bad)
    tests = [_measured(sample, train_rows=np.setdiff1d(everyone, fold), test_rows=fold) for fold in folds]
    model = train_stumps(sample=sample, rows=everyone)
    table = points_table(model=model, values=sample.values)
    scores = table.scores(values=sample.values)
    risk = -scores.astype(np.float64)
    measures = {
        "auc_test": float(np.mean([one for one, _ in tests])),
        "auc_train": auc(risk=risk, bad=sample.bad),
        "ks_test": float(np.mean([one for _, one in tests])),
        "ks_train": kolmogorov_smirnov(risk=risk, bad=sample.bad),
    }
    body = card_body(
        card_id=card_id,
        titles=(mapping.title_zh, mapping.title_en) if mapping else (card_id, card_id),
        attribution=mapping.attribution if mapping else "Trained on a file of the analyst's own.",
        sample=sample,
        model=model,
        table=table,
        training=_training(sample, measures),
        target=target,
    )
    card = parse_card(document=Document(file=f"{card_id}.json", body=body))
    bands = band_lines(card=card, scores=scores.tolist(), bad=sample.bad.tolist())
    return Trained(body=body, card=card, measures=measures, bands=bands, sample=sample, model=model)


def _training(sample: Sample, measures: dict[str, float]) -> dict[str, Plain]:
    return {
        "rows": len(sample.bad),
        "bad": int(sample.bad.sum()),
        "sha256": sample.sha256,
        "seed": SEED,
        "left_out": [name for name, _ in sample.left_out],
        **{f"{name}_ppm": micro(value) for name, value in measures.items()},
    }


def _folds(bad: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Deal good and bad cases out in turn after one seeded shuffle, so that each fold has its share of both."""
    shuffle = np.random.default_rng(SEED)
    dealt: list[list[int]] = [[] for _ in range(FOLDS)]
    for outcome in (False, True):
        rows = np.flatnonzero(bad == outcome)
        shuffle.shuffle(rows)
        for place in range(FOLDS):
            dealt[place].extend(rows[place::FOLDS].tolist())
    return [np.array(sorted(rows), dtype=np.int64) for rows in dealt]


def _measured(sample: Sample, *, train_rows: NDArray[np.int64], test_rows: NDArray[np.int64]) -> tuple[float, float]:
    model = train_stumps(sample=sample, rows=train_rows)
    table: PointsTable = points_table(model=model, values=sample.values[train_rows])
    risk = -table.scores(values=sample.values[test_rows]).astype(np.float64)
    bad = sample.bad[test_rows]
    return auc(risk=risk, bad=bad), kolmogorov_smirnov(risk=risk, bad=bad)


def find_mapping(*, name: str, folder: Path | None = None) -> ColumnMapping:
    """Return a mapping by name from the policies. Errors: SystemExit with a sentence when there is none."""
    found = [one for one in read_documents(folder=folder) if one.kind == "mapping" and one.body["id"] == name]
    if not found:
        raise SystemExit(f"There is no mapping {name} in policies/mappings.")
    return parse_mapping(document=found[-1])


def summary(*, trained: Trained, report: str) -> dict[str, object]:
    """Return what `--json` prints."""
    measures = trained.measures
    return {
        **{name: round(value, 6) for name, value in measures.items()},
        "gini": round(2 * measures["auc_test"] - 1, 6),
        "ks": round(measures["ks_test"], 6),
        "bins_max": max(len(variable.points) for variable in trained.card.variables),
        "variables": len(trained.card.variables),
        "rows": len(trained.sample.bad),
        "bad_rate": round(float(trained.sample.bad.mean()), 6),
        "left_out": [{"column": name, "because": why} for name, why in trained.sample.left_out],
        "bands": [
            {"name": one.name, "score_min": one.score_min, "cases": one.cases, "bads": one.bads}
            for one in trained.bands
        ],
        "hash": trained.card.hash,
        "report": report,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Train from the command line; standard output is one JSON value with --json, prose otherwise."""
    parser = argparse.ArgumentParser(prog="python -m mingqu.lab.train", description=main.__doc__)
    parser.add_argument("file", type=Path, help="a CSV in UTF-8 with a header, also packed as .xz")
    parser.add_argument("--target", required=True, help="the column that says who went bad")
    parser.add_argument("--bad", default="1", help="the value in it that means bad (1)")
    parser.add_argument("--mapping", help="a mapping of policies/mappings; without it every usable column is taken")
    parser.add_argument("--exclude", action="append", default=[], metavar="COLUMN", help="leave a column out")
    parser.add_argument("--out", type=Path, required=True, help="where to write the card (JSON)")
    parser.add_argument(
        "--report", type=Path, help="where to write the report (Markdown); beside the card if not given"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON value")
    chosen = parser.parse_args(arguments)
    report = chosen.report or chosen.out.with_suffix(".md")
    try:
        mapping = find_mapping(name=chosen.mapping) if chosen.mapping else None
        sample = read_sample(
            path=chosen.file, target=chosen.target, bad=chosen.bad, mapping=mapping, exclude=chosen.exclude
        )
        card_id = mapping.card_id if mapping else "trained-card"
        trained = train(sample=sample, mapping=mapping, target=chosen.target, card_id=card_id)
    except (Refusal, OSError) as refusal:
        code = refusal.code if isinstance(refusal, Refusal) else "file_unreadable"
        sys.stderr.write(f"{code}: {refusal}\n")
        return 1
    chosen.out.write_bytes(canonical(trained.body) + b"\n")
    page = card_report(card=trained.card, sample=sample, bands=trained.bands, measures=trained.measures)
    report.write_text(page, encoding="utf-8")
    found = summary(trained=trained, report=str(report))
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n" if chosen.json else _prose(found))
    return 0


def _prose(found: dict[str, object]) -> str:
    shown = ("auc_test", "auc_train", "ks_test", "variables", "bins_max", "rows", "bad_rate", "hash", "report")
    return "".join(f"{name:>10}  {found[name]}\n" for name in shown)


if __name__ == "__main__":
    sys.exit(main())
