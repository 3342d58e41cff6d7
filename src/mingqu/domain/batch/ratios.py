"""What one fen bears in each period, as columns of exact fractions.

No rule of interest stands here: each different span is asked of the scalar reference once, and there are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from math import gcd
from typing import Final

import numpy as np

from mingqu.domain.batch.columns import Flags, Integers, as_date
from mingqu.domain.calendar import DayCount
from mingqu.domain.rate import span_ratio
from mingqu.domain.schedule import InterestBasis, Terms
from mingqu.domain.schedule.interest import unit_ratio
from mingqu.domain.schedule.spreading import Ratio

# A span bears by the number of its days alone, wherever it lies.
_BY_DAYS: Final = (DayCount.ACT_360, DayCount.ACT_364, DayCount.ACT_365)
# Days of the years 1900 to 2200 differ by less than this, so a pair of them packs into one number.
_DAY_SPAN: Final = 2**18


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioRows:
    """The different rows of fractions among n schedules, and which of them each schedule has.

    `rows`: one list of (numerator, denominator) for each different row, in lowest terms. `row_of`: int64 [n].
    """

    rows: list[list[Ratio]]
    row_of: Integers


def ratio_rows(*, terms: Terms, start: Integers, bears_until: Integers, whole_first: Flags) -> RatioRows:
    """Return what one fen bears in each period of n schedules of the same terms.

    `start`: int64 [n], `bears_until`: int64 [n, instalments], days. On the PERIOD basis every whole period bears
    the same, so nearly all schedules share one row; on the DAILY basis a row belongs to a pattern of lengths.
    """
    count = terms.instalments
    bears_from = np.column_stack((start, bears_until[:, :-1]))
    if terms.basis is InterestBasis.DAILY:
        ratios, codes = _distinct_spans(terms, bears_from, bears_until)
        return _distinct_rows(ratios, codes)
    whole = _lowest(unit_ratio(terms=terms, start=terms.start, due=terms.start, whole=True))
    ratios, firsts = _distinct_spans(terms, bears_from[~whole_first, :1], bears_until[~whole_first, :1])
    row_of = np.zeros(len(start), dtype=np.int64)
    row_of[~whole_first] = 1 + firsts[:, 0]
    return RatioRows(rows=[[whole] * count, *([first] + [whole] * (count - 1) for first in ratios)], row_of=row_of)


def summed(rows: list[list[Ratio]]) -> list[list[Ratio]]:
    """Return rows of one fraction each, the sum of the row: what a single payment at the end bears."""
    sums = [sum((Fraction(*ratio) for ratio in row), Fraction(0)) for row in rows]
    return [[(total.numerator, total.denominator)] for total in sums]


def _distinct_spans(terms: Terms, bears_from: Integers, bears_until: Integers) -> tuple[list[Ratio], Integers]:
    """Return the fraction of each different span, and for each span which of them it is."""
    length = bears_until - bears_from
    by_days = terms.day_count in _BY_DAYS
    first = int(bears_from.min()) if bears_from.size else 0
    keys = length if by_days else (bears_from - first) * _DAY_SPAN + length
    found, codes = np.unique(keys, return_inverse=True)
    ratios = []
    for key in found.tolist():
        begin, days = (0, key) if by_days else divmod(key, _DAY_SPAN)
        opened = as_date(begin + first)
        end = opened + timedelta(days=days)
        ratios.append(_lowest(span_ratio(rate=terms.rate, day_count=terms.day_count, start=opened, end=end)))
    return ratios, codes.reshape(keys.shape).astype(np.int64, copy=False)


def _distinct_rows(ratios: list[Ratio], codes: Integers) -> RatioRows:
    """Return each different row once; a dictionary of bytes is faster here than sorting rows."""
    places: dict[bytes, int] = {}
    row_of = [places.setdefault(row.tobytes(), len(places)) for row in codes]
    found = [np.frombuffer(key, dtype=np.int64).tolist() for key in places]
    return RatioRows(rows=[[ratios[code] for code in row] for row in found], row_of=np.array(row_of, dtype=np.int64))


def _lowest(ratio: Ratio) -> Ratio:
    numerator, denominator = ratio
    divisor = gcd(numerator, denominator)
    return numerator // divisor, denominator // divisor
