"""Score any file with a card: every row of it, in order, with score, probability, band and reasons."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.decision.card import PPM, Card
from mingqu.domain.decision.mapping import ColumnMapping
from mingqu.domain.spreadsheet import spreadsheet_cell
from mingqu.lab.csv_file import FileMalformed, open_csv
from mingqu.lab.live import CardFile, Scores, chunks, factor_of, points_of, scores

ADDED: Final = ("score", "probability", "band", "reasons")
CODES, ENGLISH, CHINESE = "codes", "en", "zh"
REASONS_IN: Final = (CODES, ENGLISH, CHINESE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredFile:
    """What was written: rows, their mean probability in ppm, and how many rows each band got, best first."""

    rows: int
    probability_mean_ppm: int
    bands: tuple[tuple[str, int], ...]
    unseen_words: int


def score_file(
    *,
    card_file: CardFile,
    path: Path,
    out: Path,
    mapping: ColumnMapping | None,
    keys: Sequence[str],
    reasons_in: str,
) -> ScoredFile:
    """Write the file again with four more columns, or nothing at all when a row cannot be scored.

    `keys` are the columns to repeat, by default all; of their texts, one that a spreadsheet would carry out gets an
    apostrophe before it. A column of the file that is called like one of ours comes out as
    `input_…`. Errors: FileMalformed (it would be written over), and those of `live.chunks`.
    """
    if out.exists() and out.samefile(path):
        raise FileMalformed(f"{out.name} is the file to be scored; name another --out.")
    card, file = card_file.card, open_csv(path=path)
    repeated = [file.place(column=name) for name in keys] if keys else list(range(len(file.header)))
    header = [f"input_{file.header[at]}" if file.header[at] in ADDED else file.header[at] for at in repeated]
    writer = _Rows(card, reasons_in)
    draft = out.with_name(f"{out.name}.part")
    unseen = 0
    try:
        with draft.open("w", encoding="utf-8", newline="") as stream:
            lines = csv.writer(stream, lineterminator="\n")
            lines.writerow([*map(spreadsheet_cell, header), *ADDED])
            for chunk in chunks(card=card, file=file, mapping=mapping, strict=True):
                added = writer.columns(scores(card=card, points=writer.points, bins=chunk.bins))
                same = repeated == list(range(len(file.header)))
                kept = chunk.rows if same else [[row[at] for at in repeated] for row in chunk.rows]
                lines.writerows(
                    [*map(spreadsheet_cell, row), *more]
                    for row, more in zip(kept, zip(*added, strict=True), strict=True)
                )
                unseen = sum(chunk.unseen)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(out)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return writer.told(unseen)


class _Rows:
    """Makes the four columns of a chunk, and counts."""

    def __init__(self, card: Card, reasons_in: str) -> None:
        self._card, self._reasons_in = card, reasons_in
        self.points = points_of(card=card)
        lowest = card.score_min
        every = np.arange(lowest, lowest + len(card.probability_ppm))
        self._probability = [f"{value // PPM}.{value % PPM:06d}" for value in card.probability_ppm]
        self._band_at = np.searchsorted(np.array(card.band_cuts, dtype=np.int64), every, side="right")
        self._texts: dict[int, str] = {}
        self._of_score = np.zeros(len(every), dtype=np.int64)

    def columns(self, found: Scores) -> tuple[list[int], list[str], list[str], list[str]]:
        places = found.score - self._card.score_min
        self._of_score += np.bincount(places, minlength=len(self._of_score))
        at = places.tolist()
        bands = [self._card.bands[band] for band in self._band_at.tolist()]
        return (
            found.score.tolist(),
            [self._probability[one] for one in at],
            [bands[one] for one in at],
            self._reasons(found.ranks),
        )

    def _reasons(self, ranks: NDArray[np.int64]) -> list[str]:
        for rank in np.unique(ranks).tolist():
            if rank and rank not in self._texts:
                self._texts[rank] = self._text(rank)
        texts = self._texts
        return ["; ".join([texts[rank] for rank in row if rank]) for row in ranks.T.tolist()]

    def _text(self, rank: int) -> str:
        variable, lost = factor_of(card=self._card, rank=rank)
        if self._reasons_in == CODES:
            return f"{variable.name} -{lost}"
        return variable.reason_zh if self._reasons_in == CHINESE else variable.reason_en

    def told(self, unseen: int) -> ScoredFile:
        rows = int(self._of_score.sum())
        total_ppm = sum(
            count * ppm for count, ppm in zip(self._of_score.tolist(), self._card.probability_ppm, strict=True)
        )
        counts = np.bincount(self._band_at, weights=self._of_score, minlength=len(self._card.bands))
        bands = tuple((name, int(count)) for name, count in zip(self._card.bands, counts, strict=True))
        return ScoredFile(
            rows=rows, probability_mean_ppm=total_ppm // rows, bands=tuple(reversed(bands)), unseen_words=unseen
        )
