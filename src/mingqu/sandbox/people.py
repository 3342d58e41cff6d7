"""The people of a sandbox: read from a CSV, or made up from a seed, the same ones each time.

A CSV has a line for each person with `name`, `id_number`, `phone`, `card_number`, and if wanted `balance_fen` and
`openid`; a column `bureau.NAME` is what the bureau knows of them, `data.NAME` what the provider of data does, as whole
numbers; an empty cell is not known.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

PEOPLE_MAX: Final = 100_000  # a sandbox is one SQLite file, and a person four rows of it
_WHOLE: Final = re.compile(r"-?[0-9]{1,15}")
_NEEDED: Final = ("name", "id_number", "phone", "card_number")
_OWN: Final = (*_NEEDED, "balance_fen", "openid")
_PREFIXES: Final = ("bureau.", "data.")
_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_SURNAMES: Final = "赵钱孙李周吴郑王冯陈"
_GIVEN: Final = ("安", "宁", "远", "舟", "禾", "川", "岚", "溪", "澄", "朗")


class PeopleMalformed(ValueError):  # noqa: N818 - a word for what came, not for a fault of ours
    """A file of people is not one; the words name line, column and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who exists: at the bank, for the checker of identities, at the bureau and at the provider of data."""

    name: str
    id_number: str
    phone: str
    card_number: str
    balance_fen: int = 0
    openid: str | None = None
    features: dict[str, int] = field(default_factory=dict)
    data: dict[str, int] = field(default_factory=dict)


def read_people(path: Path) -> list[Person]:
    """Return the people of a CSV file. Errors: PeopleMalformed, and nobody is let in; OSError."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            rows = csv.DictReader(file, strict=True)
            columns = list(rows.fieldnames or ())
            _check_columns(columns)
            people = [_person(row, line) for line, row in enumerate(rows, start=2)]
        except (csv.Error, UnicodeDecodeError) as fault:
            raise PeopleMalformed(f"the file is not a CSV in UTF-8 ({fault})") from None
    if len(people) > PEOPLE_MAX:
        raise PeopleMalformed(f"the file has more than {PEOPLE_MAX} people")
    for key in ("id_number", "phone", "card_number"):
        seen: dict[str, int] = {}
        for line, person in enumerate(people, start=2):
            before = seen.setdefault(getattr(person, key), line)
            if before != line:
                raise PeopleMalformed(f"line {line}: {key} stands in line {before} already; give each their own")
    return people


def made_people(*, seed: int, number: int, on: date) -> Iterator[Person]:
    """Make up people who pass every check: numbers with right digits, a card's six months at the bureau."""
    chance = random.Random(seed)  # noqa: S311 - people who do not exist keep no secret
    for place in range(number):
        born_on = on - timedelta(days=chance.randrange(20 * 366, 60 * 365))
        late = chance.choices((-1, 0, 1, 2, 4), (60, 25, 8, 4, 3))[0]
        line_fen = chance.randrange(5, 200) * 100_000
        bill_fen = line_fen * chance.randrange(5, 95) // 100  # cut to whole fen
        features = {
            "lenders_count": chance.choices((0, 1, 2, 3, 5, 7), (15, 35, 25, 15, 7, 3))[0],
            "total_exposure_fen": bill_fen,
            "overdue_now": int(late > 0),
            "overdue_days_max": max(0, late) * 30,
            "credit_line_fen": line_fen,
        }
        for month in range(1, 7):
            features[f"months_late_{month}"] = max(late - month + 1, 0) if late > 0 else late
            features[f"statement_{month}_fen"] = bill_fen
            features[f"paid_{month}_fen"] = bill_fen if late < 0 else bill_fen // 10  # cut to whole fen
        yield Person(
            name=chance.choice(_SURNAMES) + chance.choice(_GIVEN) + chance.choice(_GIVEN),
            id_number=_id_number(born_on, place),
            phone=f"137{seed % 100:02d}{place:06d}",
            card_number=_card_number(f"62000002{seed % 100:02d}{place:05d}"),
            balance_fen=chance.randrange(0, 2_000_000),
            features=features,
            data={
                "app_account_age_months": chance.randrange(0, 120),
                "app_active_days_90d": chance.randrange(0, 91),
            },
        )


def _check_columns(columns: list[str]) -> None:
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise PeopleMalformed(f"the header lacks {', '.join(missing)}; it has {', '.join(columns) or 'nothing'}")
    for name in columns:
        if columns.count(name) > 1:
            raise PeopleMalformed(f"the column {name} stands twice; keep one")
        if name not in _OWN and not name.startswith(_PREFIXES):
            raise PeopleMalformed(f"the column {name} is not known; what a bureau knows is called bureau.{name}")


def _person(row: dict[str, str | None], line: int) -> Person:
    if None in row or None in row.values():
        raise PeopleMalformed(f"line {line}: another number of cells than the header has")
    cells = {name: (cell or "").strip() for name, cell in row.items()}
    for name in _NEEDED:
        if not cells[name]:
            raise PeopleMalformed(f"line {line}: {name} is empty")
    known: dict[str, dict[str, int]] = {prefix: {} for prefix in _PREFIXES}
    for name, cell in cells.items():
        prefix = next((each for each in _PREFIXES if name.startswith(each)), None)
        if prefix is not None and cell:
            known[prefix][name.removeprefix(prefix)] = _whole(cell, line, name)
    balance = cells.get("balance_fen", "")
    return Person(
        **{name: cells[name] for name in _NEEDED},
        balance_fen=_whole(balance, line, "balance_fen") if balance else 0,
        openid=cells.get("openid") or None,
        features=known["bureau."],
        data=known["data."],
    )


def _whole(cell: str, line: int, column: str) -> int:
    if not _WHOLE.fullmatch(cell):
        raise PeopleMalformed(f"line {line}, column {column}: not a whole number; amounts are fen, without a point")
    return int(cell)


def _id_number(born_on: date, sequence: int) -> str:
    """Return an identity number with its check digit (GB 11643-1999); the region tells people of a birthday apart."""
    body = f"{330100 + sequence // 1000 % 90}{born_on:%Y%m%d}{sequence % 1000:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, body, strict=True))
    return body + "10X98765432"[total % 11]


def _card_number(body: str) -> str:
    """Return a card number with its last digit (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{body}{-total % 10}"
