"""A file is read as others wrote it, and what cannot be read is named with its line and column."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest

from mingqu.domain.refusal import Refusal
from mingqu.lab import cell
from mingqu.lab.csv_file import CHUNK_ROWS, open_csv
from mingqu.lab.outcome import read_outcome
from mingqu.lab.sample import read_sample
from mingqu.lab.table import Numbers, Words, read_table
from tests.unit.lab import made_up


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("alphabet", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_file_reads_the_same_in_any_alphabet_and_with_any_separator(
    tmp_path: Path, separator: str, alphabet: str
) -> None:
    path = made_up.write(tmp_path / "a.csv", made_up.rows(count=40), separator=separator, alphabet=alphabet)
    table = read_table(file=open_csv(path=path))
    assert tuple(table.columns) == made_up.COLUMNS
    income = table.columns["income"]
    assert isinstance(income, Numbers)
    assert income.scale_digits == 2
    assert int(income.missing.sum()) == sum(row[3] == "" for row in made_up.rows(count=40))
    city = table.columns["city"]
    assert isinstance(city, Words)
    assert city.levels == ("City A", "City B", "City C", "City D")


def test_a_packed_file_has_the_hash_of_its_contents(tmp_path: Path) -> None:
    plain = made_up.write(tmp_path / "a.csv", made_up.rows(count=20))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (tmp_path / "a.csv.xz").write_bytes(lzma.compress(plain.read_bytes()))
    assert len({open_csv(path=path).sha256 for path in sorted(tmp_path.iterdir())}) == 1


@pytest.mark.parametrize(
    ("text", "reading", "value"),
    [
        ("1234.5", cell.PLAIN, 1234.5),
        (" 5e+05 ", cell.PLAIN, 500_000.0),
        ("12.5%", cell.PERCENT, 12.5),
        ("¥1,234.50", cell.THOUSANDS, 1234.5),
        ("1,234", cell.PLAIN, None),
        ("1.234,5", cell.DECIMAL_COMMA, 1234.5),
        ("0,5", cell.DECIMAL_COMMA, 0.5),
        ("12,34", cell.THOUSANDS, None),
        ("abc", cell.PLAIN, None),
    ],
)
def test_a_number_is_read_as_its_column_writes_it(text: str, reading: str, value: float | None) -> None:
    assert cell.number(text=text, reading=reading) == value


@pytest.mark.parametrize("text", ["", " ", "NA", "n/a", "NULL", "NaN", "?", "#N/A", "未知", "-", "None"])
def test_what_people_write_for_nothing_is_missing_among_numbers(text: str) -> None:
    assert np.isnan(cell.number(text=text, reading=cell.PLAIN) or 0.0)


@pytest.mark.parametrize(
    "text", ["2015-12-01", "2015/12", "2015年12月1日", "Dec-2015", "1.12.2015", "2015-12-01 10:30:00", "Dec-15"]
)
def test_one_day_in_many_ways_of_writing(text: str) -> None:
    assert cell.day_number(text=text) == cell.day_number(text="2015-12-01") == 735_933


def test_a_column_that_shows_words_late_is_read_again_as_words(tmp_path: Path) -> None:
    lines = [["1", str(at % 2)] for at in range(CHUNK_ROWS)] + [["x", "1"]]
    path = made_up.write(tmp_path / "a.csv", lines, header=("a", "b"))
    column = read_table(file=open_csv(path=path)).columns["a"]
    assert isinstance(column, Words)
    assert column.levels == ("1", "x")
    assert np.bincount(column.codes).tolist() == [CHUNK_ROWS, 1]


@pytest.mark.parametrize(
    ("target", "bad", "meant"),
    [(("good", "bad"), None, "bad"), (("0", "1"), None, "1"), (("1", "2"), None, "2"), (("Yes", "No"), None, "Yes"),
     (("好", "坏"), None, "坏"), (("A", "B"), "b", "B"), (("Fully Paid", "Charged Off"), None, "Charged Off")],
)  # fmt: skip
def test_the_bad_value_is_found_or_told(tmp_path: Path, target: tuple[str, str], bad: str | None, meant: str) -> None:
    path = made_up.write(tmp_path / "a.csv", [[target[at % 2]] for at in range(100)] + [[""]], header=("t",))
    outcome = read_outcome(column=read_table(file=open_csv(path=path)).columns["t"], name="t", bad=bad)
    assert (outcome.bad_value, int(outcome.bad.sum()), len(outcome.bad)) == (meant, 50, 100)


HALF = [[str(at), str(at % 2)] for at in range(200)]
FAULTS = {
    "a wrong target": (HALF, ("a", "wentbad"), "has no column went_bad; the closest are: wentbad"),
    "a header twice": (HALF, ("went_bad", "went_bad"), "went_bad stands twice"),
    "a ragged row": ([*HALF, ["1"]], ("a", "went_bad"), "line 202: 1 cells where the header has 2"),
    "no rows": ([], ("a", "went_bad"), "no rows"),
    "a constant target": ([["1", "1"]] * 200, ("a", "went_bad"), "the same in every row"),
    "three values": ([["1", str(at % 3)] for at in range(200)], ("a", "went_bad"), "has 3 different values"),
    "two strange words": ([["1", "AB"[at % 2]] for at in range(200)], ("a", "went_bad"), "say which is --bad"),
    "too few bads": ([["1", str(int(at < 20))] for at in range(200)], ("a", "went_bad"), "at least 30 of each"),
    "a word among numbers": (
        [*[[str(at * 7 % 190), str(at % 2)] for at in range(200)], ["x", "1"]],
        ("a", "went_bad"), "line 202, column a: not a number",
    ),
    "a leak": ([[str(at % 2 * 3), str(at % 2)] for at in range(200)],
               ("after", "went_bad"), "column after alone tells"),
    "nothing to learn from": ([["7", str(at % 2)] for at in range(200)], ("a", "went_bad"), "No column"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_file_that_cannot_be_trained_on_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    lines, header, said = FAULTS[name]
    path = made_up.write(tmp_path / "file.csv", lines, header=header)
    with pytest.raises(Refusal) as refusal:
        read_sample(path=path, target="went_bad")
    assert said in refusal.value.message
    assert "\n" not in refusal.value.message


def test_an_empty_file_and_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    for content in (b"", b"\x00\x01\x02\xff\xfe" * 50, b"PK\x03\x04\x00\x00"):
        path = tmp_path / "file.csv"
        path.write_bytes(content)
        with pytest.raises(Refusal):
            open_csv(path=path)


def test_columns_that_must_not_score_are_left_out_and_named(tmp_path: Path) -> None:
    sample = read_sample(path=made_up.write(tmp_path / "a.csv", made_up.rows()), target="went_bad", exclude=["hour"])
    assert [feature.column for feature in sample.features] == ["delay_days", "income", "city"]
    why = dict(sample.left_out)
    assert set(why) == {"客户编号", "Age", "hour", "opened", "flat", "note"}
    assert why["Age"] == "protected"
    assert "identifier" in why["客户编号"]
    assert "free text" in why["note"]
    assert "date" in why["opened"]
    assert "same in every row" in why["flat"]
    assert [name for name, _ in sample.guarded] == ["Age"]


def test_the_latest_fifth_is_kept_for_later(tmp_path: Path) -> None:
    path = made_up.write(tmp_path / "a.csv", made_up.rows())
    sample = read_sample(path=path, target="went_bad", time="opened")
    opened = [row[6] for row in made_up.rows()]
    later = [day for day, kept in zip(opened, sample.later, strict=True) if kept]
    assert min(later) > max(day for day, kept in zip(opened, sample.later, strict=True) if not kept)
    assert 0.2 <= len(later) / len(opened) < 0.22
