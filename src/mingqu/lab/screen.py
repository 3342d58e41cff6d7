"""Which columns must not score, and why: protected, identifying, constant, dates, free text, leaks of the outcome."""

from __future__ import annotations

import re
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from mingqu.domain.refusal import Refusal
from mingqu.lab import cell
from mingqu.lab.measure import auc
from mingqu.lab.table import Column, Numbers, Words

# Left out of every card by name, whatever the file calls them; a mapping or --exclude can name more.
PROTECTED_WORDS: Final = frozenset(
    {"sex", "gender", "male", "female", "age", "birth", "birthday", "birthdate", "dob", "marriage", "marital",
     "married", "spouse", "single", "divorced", "ethnicity", "ethnic", "race", "racial", "black", "afam", "hispanic",
     "hispan", "latino", "asian", "white", "nationality", "citizenship", "foreign", "foreigner", "religion",
     "religious", "pregnant", "pregnancy", "disability", "disabled", "senior"}
)  # fmt: skip
PROTECTED_CHARACTERS: Final = (
    "性别", "年龄", "岁数", "出生", "生日", "婚姻", "婚否", "已婚", "配偶", "民族", "种族",
    "宗教", "信仰", "国籍", "残疾", "怀孕",
)  # fmt: skip
# "Age" of a thing is no age of a person.
_AGED_THINGS: Final = frozenset(
    {"account", "accounts", "acct", "credit", "loan", "loans", "vehicle", "car", "auto", "property", "house", "home",
     "oldest", "newest", "card", "company", "business", "employment", "job", "file", "debt", "trade", "line", "firm",
     "building", "bank"}
)  # fmt: skip
IDENTIFIER_WORDS: Final = frozenset(
    {"id", "ids", "uuid", "guid", "key", "index", "idx", "no", "num", "number", "nr", "row", "rownum", "rownames",
     "serial", "sequence", "seq", "account", "customer", "client", "user", "member", "code", "unnamed"}
)  # fmt: skip
IDENTIFIER_CHARACTERS: Final = ("编号", "序号", "号码", "单号", "主键", "标识", "卡号", "证件号")
NEARLY_UNIQUE_PER_MILLE: Final = 990
NAMED_UNIQUE_PER_MILLE: Final = 300  # what is called an id and repeats more often is a code of something
TEXT_UNIQUE_PER_MILLE: Final = 300  # words that differ so often are free text or identifiers
DATES_PER_MILLE: Final = 950
NOISE_DEVIATIONS: Final = 3.0  # an order nearer to chance than this says nothing about the outcome
# A single column never orders good and bad so well unless it was written after the outcome was known.
LEAK_AUC: Final = 0.99
LEAK_SHARE_PER_MILLE: Final = 500  # bins without one good case that hold this part of all bad ones
LEAK_BIN_CASES_MIN: Final = 20
SCREEN_BINS: Final = 20
LEVEL_CASES_MIN: Final = 5  # smaller levels of words are looked at together


class ColumnLeaks(Refusal):
    """A column alone tells good from bad: it was written after the outcome was known, or is the outcome itself."""

    code: ClassVar[str] = "column_leaks"


def protected(*, name: str) -> bool:
    """Return whether a column's name says that it is protected by law or by our own choice.

    Example: "personal_status_and_sex", "Age", "customerAge" and "婚姻状况" are, "mortgage" and "account_age" are not.
    """
    words = _words_of(name)
    found = PROTECTED_WORDS & words
    if found == {"age"} and words & _AGED_THINGS:
        return False
    return bool(found) or any(part in name for part in PROTECTED_CHARACTERS)


def _words_of(name: str) -> frozenset[str]:
    apart = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return frozenset(re.findall(r"[a-z]+", apart.lower()))


def reason_to_leave_out(*, name: str, column: Column, bad: NDArray[np.bool_]) -> str:
    """Return why a column stays out of the card, "" when it may come in. Errors: ColumnLeaks.

    `column` and `bad` have the same rows. A column is judged by what it holds; its name alone condemns it only where it
    is protected.
    """
    present = ~column.missing
    if not present.any():
        return "it holds nothing"
    reason = _of_words(name, column, present) if isinstance(column, Words) else _of_numbers(name, column, present, bad)
    return reason or _leak(name, column, bad)


def _of_words(name: str, column: Words, present: NDArray[np.bool_]) -> str:
    counts = np.bincount(column.codes[present], minlength=len(column.levels))
    used = [level for level, count in zip(column.levels, counts.tolist(), strict=True) if count]
    if len(used) == 1 and present.all():
        return "it is the same in every row"
    dates = sum(cell.day_number(text=level) is not None for level in used)
    if dates * 1_000 >= DATES_PER_MILLE * len(used):
        return "it is a date; a column with the days until another date could come in"
    if len(used) > 50 and len(used) * 1_000 > TEXT_UNIQUE_PER_MILLE * int(present.sum()):
        kind = "looks like an identifier" if _named_identifier(name) else "is free text or an identifier"
        return f"it {kind}: {len(used)} different values in {int(present.sum())} rows"
    return ""


def _of_numbers(name: str, column: Numbers, present: NDArray[np.bool_], bad: NDArray[np.bool_]) -> str:
    values = column.values[present]
    different = len(np.unique(values))
    if different == 1 and present.all():
        return "it is the same in every row"
    if column.scale_digits == 0 and cell.is_compact_date(values=values):
        return "it is a date; a column with the days until another date could come in"
    return _identifier(name, column, present, bad, different)


def _identifier(name: str, column: Numbers, present: NDArray[np.bool_], bad: NDArray[np.bool_], different: int) -> str:
    values = column.values[present]
    unique_per_mille = different * 1_000 // len(values)
    if unique_per_mille >= NEARLY_UNIQUE_PER_MILLE:
        steps = np.diff(values)
        if np.all(steps >= 0) or np.all(steps <= 0):
            return "it looks like an identifier: nearly unique, and in the order of the rows"
    if column.scale_digits:
        return ""  # no identifier has a fraction
    if _named_identifier(name) and unique_per_mille >= NAMED_UNIQUE_PER_MILLE and different > SCREEN_BINS:
        return f"it looks like an identifier: its name, and {different} different values in {len(values)} rows"
    if unique_per_mille >= NEARLY_UNIQUE_PER_MILLE and len(values) >= 100:
        known = bad[present]
        bads = int(known.sum())
        goods = len(known) - bads
        if not bads or not goods:
            return ""
        chance = ((bads + goods + 1) / (12 * bads * goods)) ** 0.5
        if abs(auc(risk=values, bad=known) - 0.5) < NOISE_DEVIATIONS * chance:
            return "it looks like an identifier: different in nearly every row, and in no order with the target"
    return ""


def _named_identifier(name: str) -> bool:
    return bool(IDENTIFIER_WORDS & _words_of(name)) or any(part in name for part in IDENTIFIER_CHARACTERS)


def bins_to_look_at(*, column: Column) -> NDArray[np.int64]:
    """Return a coarse bin for each row, 0 where missing: twenty of equal size, or the levels that are no rarities."""
    found = np.zeros(len(column.missing), dtype=np.int64)
    present = ~column.missing
    if isinstance(column, Words):
        counts = np.bincount(column.codes[present], minlength=len(column.levels))
        place = np.where(counts >= LEVEL_CASES_MIN, np.arange(len(column.levels)) + 2, 1)
        found[present] = place[column.codes[present]]
        return found
    values = column.values[present]
    different = np.unique(values)
    if len(different) > SCREEN_BINS:
        different = np.unique(np.quantile(values, np.linspace(0, 1, SCREEN_BINS + 1)[1:], method="lower"))
    found[present] = np.searchsorted(different, values, side="left") + 1
    return found


def _leak(name: str, column: Column, bad: NDArray[np.bool_]) -> str:
    bins = bins_to_look_at(column=column)
    cases = np.bincount(bins)
    bads = np.bincount(bins[bad], minlength=len(cases))
    rate = bads / np.maximum(cases, 1)
    alone = auc(risk=rate[bins], bad=bad)
    if alone >= LEAK_AUC:
        raise ColumnLeaks(
            f"The column {name} alone tells good from bad (AUC {alone:.3f}), so it was known only afterwards; "
            f"leave it out with --exclude {name}.",
            column=name,
        )
    pure = (bads == cases) & (cases >= LEAK_BIN_CASES_MIN)
    if int(bads[pure].sum()) * 1_000 >= LEAK_SHARE_PER_MILLE * int(bad.sum()):
        found = int(bads[pure].sum())
        return f"it leaks the target: {found} of {int(bad.sum())} bad cases share values that no good one has"
    return ""
