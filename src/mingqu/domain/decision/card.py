"""The points card: an integer table of bins and points, with reasons in words; nothing is learnt at run time.

A variable has rising cuts c1 < c2 < …; a value falls into bin 0 when it is ≤ c1, into bin 1 when it is ≤ c2,
and so on. Points are whole and never negative: the worst bin of a variable is worth 0. The score is the base
plus all points; more is better. The probability of going bad is read from a table by score, in ppm.

Format 2 adds variables of words: each bin is a list of words, and a word that training never saw counts as in a
stated bin. It also says what the training file called a variable and how it wrote its numbers. A card without
`format` is of format 1 and means what it always meant.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import getitem
from typing import ClassVar, Final, NamedTuple

from mingqu.domain.policy_file import INTEGER_MAX, Document, Reader
from mingqu.domain.refusal import Refusal

BINS_MAX: Final = 10  # More bins cannot be explained to the person they score.
POINTS_MAX: Final = 1_000
PPM: Final = 1_000_000
REASONS_MAX: Final = 4  # The number of factors named to a person; more blur the message.
SCALE_DIGITS_MAX: Final = 12
WORDS_MAX: Final = 5_000  # words of one variable; more are no categories
# How a training file may write numbers: 1234.5; 12.5 %; 1,234.5; 1.234,5.
READINGS: Final = ("plain", "percent", "thousands", "decimal_comma")
RANK_BITS: Final = 10
VARIABLES_MAX: Final = 1 << RANK_BITS  # far more than a person can be told about
# What a card may never read (protected by law or by our own choice), whatever the file says.
PROTECTED: Final = frozenset(
    {"age", "age_years", "sex", "gender", "marriage", "marital_status", "ethnicity", "religion"}
)


class FeatureMissing(Refusal):
    """A variable has no value, and training saw none missing: the card cannot say what that means."""

    code: ClassVar[str] = "feature_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable. `missing` are the points without a value, None when training saw none missing.

    `scale_digits`: a raw value is multiplied by 10^scale_digits to be whole. `direction` is that of the risk.
    `words` are the words of each bin, empty for numbers; `other` is the bin of any other word. With words, `cuts` are
    0, 1, … so that the number of a bin falls into it. `column` is what the training file calls it.
    """

    name: str
    direction: str
    scale_digits: int
    cuts: tuple[int, ...]
    points: tuple[int, ...]
    missing: int | None
    reason_zh: str
    reason_en: str
    column: str
    reading: str
    words: tuple[tuple[str, ...], ...]
    other: int

    def bin_of_word(self, *, word: str) -> int:
        """Return the bin of a word, that of any other word when training never saw it."""
        return next((at for at, bin_words in enumerate(self.words) if word in bin_words), self.other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A points card. `band_cuts` rise; `bands` run from worst to best; `probability_ppm` starts at `score_min`.

    For speed: `cuts` and `points` are those of the variables once more; `ranks` say for each bin the points lost
    against the best one above RANK_BITS and, below, a number that falls with the place of the variable; `best` are the
    ranks of nothing gained, and `factors` name the variable of a rank.
    """

    id: str
    version: int
    hash: str
    attribution: str
    base_points: int
    variables: tuple[Variable, ...]
    cuts: tuple[tuple[int, ...], ...]
    points: tuple[tuple[int, ...], ...]
    ranks: tuple[tuple[int, ...], ...]
    best: tuple[int, ...]
    factors: Mapping[int, Factor]
    bands: tuple[str, ...]
    band_cuts: tuple[int, ...]
    score_min: int
    probability_ppm: tuple[int, ...]


class Factor(NamedTuple):
    """Why the score is not higher: a variable, the points lost against its best bin, and words."""

    variable: str
    points_lost: int
    reason_zh: str
    reason_en: str


class Scored(NamedTuple):
    """What the card says: `contributions` are the points of each variable in the card's order."""

    points: int
    probability_ppm: int
    band: str
    contributions: tuple[int, ...]
    factors: tuple[Factor, ...]


def score(*, card: Card, features: Mapping[str, int | str | None]) -> Scored:
    """Return score, probability, band, contributions and the up to four factors that cost most.

    Features are whole numbers at the card's scale, or words where the card has words.
    Example: a variable with cuts (0, 2) and points (60, 25, 0)
    gives 60 for 0, 25 for 1 and 2, 0 for 3. Errors: FeatureMissing.
    """
    values = [_number(variable, features.get(variable.name)) for variable in card.variables]
    return score_values(card=card, values=values)


def _number(variable: Variable, value: int | str | None) -> int | None:
    if isinstance(value, str):
        assert variable.words, f"{variable.name} takes whole numbers"
        return variable.bin_of_word(word=value)
    return value


def with_choices(*, card: Card, choices: Mapping[str, Sequence[str]]) -> Card:
    """Return the card for callers who pass a word as its place among the choices of its variable.

    Decisions carry a choice as its place. Example: words (("a",), ("b", "c")) with choices c, a reads 0 as bin 1 and 1
    as bin 0.
    """
    cuts, points, ranks = list(card.cuts), list(card.points), list(card.ranks)
    for place, variable in enumerate(card.variables):
        if variable.words:
            bins = [variable.bin_of_word(word=word) for word in choices[variable.name]]
            cuts[place] = tuple(range(len(bins) - 1))
            points[place] = tuple(variable.points[at] for at in bins)
            ranks[place] = tuple(card.ranks[place][at] for at in bins)
    return replace(card, cuts=tuple(cuts), points=tuple(points), ranks=tuple(ranks))


def score_values(*, card: Card, values: Sequence[int | None]) -> Scored:
    """Return the same as `score` for values in the card's order of variables."""
    if None in values:
        contributions = tuple([_points(card, place, value) for place, value in enumerate(values)])
        lost = [rank - (points << RANK_BITS) for rank, points in zip(card.best, contributions, strict=True)]
    else:
        # None was ruled out at C speed, and the rest runs there.
        bins = tuple(map(bisect_left, card.cuts, values))  # type: ignore[arg-type]
        contributions = tuple(map(getitem, card.points, bins))
        lost = list(map(getitem, card.ranks, bins))
    total = card.base_points + sum(contributions)
    # Most points lost first; of equals the earlier variable of the card: one whole number carries both.
    lost.sort(reverse=True)
    return Scored(
        total,
        card.probability_ppm[total - card.score_min],
        card.bands[bisect_right(card.band_cuts, total)],
        contributions,
        tuple([card.factors[rank] for rank in lost[:REASONS_MAX] if rank >> RANK_BITS]),
    )


def _points(card: Card, place: int, value: int | None) -> int:
    if value is None:
        return _missing_points(card, place)
    return card.points[place][bisect_left(card.cuts[place], value)]


def _missing_points(card: Card, place: int) -> int:
    variable = card.variables[place]
    if variable.missing is None:
        raise FeatureMissing(f"The card {card.id} needs {variable.name}; ask its source again.", field=variable.name)
    return variable.missing


def _factors(variables: Sequence[Variable], best: Sequence[int]) -> dict[int, Factor]:
    return {
        rank - (points << RANK_BITS): Factor(
            variable.name, (rank >> RANK_BITS) - points, variable.reason_zh, variable.reason_en
        )
        for variable, rank in zip(variables, best, strict=True)
        for points in _all_points(variable)
    }


_COLUMNS: Final = (
    "kind", "id", "version", "valid_from", "valid_to", "title_zh", "title_en", "attribution", "target",
    "base_points", "variables", "bands", "score_min", "probability_ppm", "training", "format",
)  # fmt: skip


def parse_card(*, document: Document) -> Card:
    """Return the card of a file. Errors: PolicyFault with file, row and column.

    Checked: cuts rise, one point more than cuts, at most ten bins, points monotone where declared, no protected
    variable, bands that cover the whole range of scores, a probability for each score that never rises with it.
    """
    reader = document.reader()
    reader.only(_COLUMNS)
    form = reader.integer("format", least=1, most=2) if reader.has("format") else 1
    variables = tuple(_variable(row, form) for row in reader.tables("variables", label="name"))
    if len({variable.name for variable in variables}) != len(variables) or len(variables) > VARIABLES_MAX:
        raise reader.fault("variables", "a variable stands twice, or there are too many.", "Keep one of each.")
    base = reader.integer("base_points", least=-POINTS_MAX, most=POINTS_MAX)
    lows = [min(_all_points(variable)) for variable in variables]
    highs = [max(_all_points(variable)) for variable in variables]
    score_min = reader.integer("score_min", least=base + sum(lows), most=base + sum(lows))
    bands, band_cuts = _bands(reader)
    best = [(high << RANK_BITS) + VARIABLES_MAX - 1 - place for place, high in enumerate(highs)]
    return Card(
        id=reader.name("id"),
        version=reader.integer("version", least=1, most=1_000_000),
        hash=document.hash,
        attribution=reader.text("attribution"),
        base_points=base,
        variables=variables,
        cuts=tuple(variable.cuts for variable in variables),
        points=tuple(variable.points for variable in variables),
        ranks=tuple(
            tuple(rank - (points << RANK_BITS) for points in variable.points)
            for rank, variable in zip(best, variables, strict=True)
        ),
        best=tuple(best),
        factors=_factors(variables, best),
        bands=bands,
        band_cuts=band_cuts,
        score_min=score_min,
        probability_ppm=_probabilities(reader, count=sum(highs) - sum(lows) + 1),
    )


def _all_points(variable: Variable) -> tuple[int, ...]:
    return variable.points if variable.missing is None else (*variable.points, variable.missing)


_VARIABLE: Final = ("name", "direction", "scale_digits", "cuts", "points", "missing", "reason_zh", "reason_en")


def _variable(reader: Reader, form: int) -> Variable:
    reader.only((*_VARIABLE, "column", "reading", "words", "other") if form > 1 else _VARIABLE)
    name = reader.name("name")
    if name in PROTECTED:
        raise reader.fault("name", f"{name} is protected.", "Leave it out of the card.")
    points = tuple(
        Reader(file=reader.file, row=reader.row, data={"points": value}).integer("points", least=0, most=POINTS_MAX)
        for value in reader.items("points")
    )
    words = _words(reader, len(points)) if reader.has("words") else ()
    cuts = tuple(range(len(points) - 1)) if words else _cuts(reader, form)
    if len(points) != len(cuts) + 1 or len(points) > BINS_MAX:
        raise reader.fault("points", "not one more than the cuts, or too many.", f"At most {BINS_MAX} bins.")
    direction = reader.choice("direction", ("rises", "falls", "free"))
    pairs = list(itertools.pairwise(points))
    if (direction == "rises" and any(b > a for a, b in pairs)) or (
        direction == "falls" and any(b < a for a, b in pairs)
    ):
        raise reader.fault("points", f"not monotone: the risk {direction} with the value.", "Train again.")
    missing = None if reader.value("missing") is None else reader.integer("missing", least=0, most=POINTS_MAX)
    return Variable(
        name=name,
        direction=direction,
        scale_digits=reader.integer("scale_digits", least=0, most=SCALE_DIGITS_MAX),
        cuts=cuts,
        points=points,
        missing=missing,
        reason_zh=reader.text("reason_zh"),
        reason_en=reader.text("reason_en"),
        column=reader.text("column") if form > 1 else name,
        reading=reader.choice("reading", READINGS) if form > 1 and not words else READINGS[0],
        words=words,
        other=reader.integer("other", least=0, most=len(points) - 1) if words else 0,
    )


def _cuts(reader: Reader, form: int) -> tuple[int, ...]:
    if form > 1 and reader.value("cuts") == []:
        return ()  # one bin for every value, beside one for the missing ones
    return reader.integers("cuts", least=-INTEGER_MAX, most=INTEGER_MAX)


def _words(reader: Reader, bins: int) -> tuple[tuple[str, ...], ...]:
    """Return the words of each bin. Errors: PolicyFault for a word that stands twice, or another number of bins."""
    if reader.has("cuts"):
        raise reader.fault("cuts", "stands beside words.", "Keep one of them.")
    found: list[tuple[str, ...]] = []
    for value in reader.items("words"):
        one = Reader(file=reader.file, row=reader.row, data={"words": value}).items("words")
        found.append(tuple(str(word) for word in one))
    flat = [word for one in found for word in one]
    if len(found) != bins or len(set(flat)) != len(flat) or len(flat) > WORDS_MAX:
        raise reader.fault("words", "not one list for each bin, or a word stands twice.", "List each word once.")
    return tuple(found)


def _bands(reader: Reader) -> tuple[tuple[str, ...], tuple[int, ...]]:
    names: list[str] = []
    cuts: list[int] = []
    for place, row in enumerate(reader.tables("bands", label="name")):
        row.only(("name", "score_min"))
        names.append(row.text("name"))
        if place == 0:
            if row.value("score_min") is not None:
                raise row.fault("score_min", "the worst band has a bound.", "Write null: it takes whatever is left.")
            continue
        cuts.append(row.integer("score_min", least=(cuts[-1] + 1) if cuts else -INTEGER_MAX, most=INTEGER_MAX))
    if len(set(names)) != len(names):
        raise reader.fault("bands", "a band stands twice.", "Keep one.")
    return tuple(names), tuple(cuts)


def _probabilities(reader: Reader, *, count: int) -> tuple[int, ...]:
    found = tuple(
        Reader(file=reader.file, row="", data={"probability_ppm": value}).integer("probability_ppm", least=0, most=PPM)
        for value in reader.items("probability_ppm")
    )
    if len(found) != count:
        raise reader.fault("probability_ppm", f"{len(found)} entries for {count} scores.", "One for each score.")
    if any(after > before for before, after in itertools.pairwise(found)):
        raise reader.fault("probability_ppm", "rises with the score.", "A better score is never riskier.")
    return found
