"""People come into a sandbox from a file or a seed; a file with a fault lets nobody in and says where it is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mingqu.domain.instrument import read_card_number
from mingqu.domain.party import read_id_number, read_name, read_phone
from mingqu.domain.personal import Personal
from mingqu.sandbox.people import PeopleMalformed, Person, made_people, read_people

HEADER = "name,id_number,phone,card_number,balance_fen,bureau.lenders_count,data.app_active_days_90d\n"
LINE = "林知夏,11010519491231002X,13800138000,6200001234567892,1000,2,\n"
DAY = date(2026, 8, 15)


def written(folder: Path, text: str) -> Path:
    path = folder / "people.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_line_is_a_person(tmp_path: Path) -> None:
    assert read_people(written(tmp_path, HEADER + LINE)) == [
        Person(
            name="林知夏",
            id_number="11010519491231002X",
            phone="13800138000",
            card_number="6200001234567892",
            balance_fen=1000,
            features={"lenders_count": 2},
            data={},
        )
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks name"),
        ("name,phone\n", "lacks id_number, card_number"),
        (HEADER.replace("balance_fen", "balance"), "balance is not known"),
        (HEADER.replace("balance_fen", "phone"), "phone stands twice"),
        (HEADER + LINE.replace("林知夏", ""), "line 2: name is empty"),
        (HEADER + LINE.replace(",2,", ",2.5,"), "line 2, column bureau.lenders_count"),
        (HEADER + LINE + LINE.replace("林知夏,1", "周听澜,2"), "line 3: phone stands in line 2"),
        (HEADER + "林知夏,1\n", "line 2: another number of cells"),
        (HEADER + LINE.replace("\n", ",,\n"), "line 2: another number of cells"),
    ],
)
def test_a_fault_is_told_with_its_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PeopleMalformed, match=said):
        read_people(written(tmp_path, text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(HEADER.encode() + "林".encode("gb18030"))
    with pytest.raises(PeopleMalformed, match="not a CSV in UTF-8"):
        read_people(path)


def test_the_same_seed_makes_the_same_people_who_pass_every_check() -> None:
    made = list(made_people(seed=7, number=200, on=DAY))
    assert made == list(made_people(seed=7, number=200, on=DAY))
    assert made[0] != next(made_people(seed=8, number=1, on=DAY))
    for person in made:
        read_name(Personal(person.name))
        read_phone(Personal(person.phone))
        read_card_number(Personal(person.card_number))
        read_id_number(number=Personal(person.id_number), on=DAY)
    for key in ("id_number", "phone", "card_number"):
        assert len({getattr(person, key) for person in made}) == len(made)
