"""The people of the story, and as many more as are wanted: invented, with numbers that pass every check."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from mingqu.demo.world import Newcomer
from mingqu.domain.personal import Personal

_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS: Final = "10X98765432"
_REGION: Final = "330106"  # a district of Hangzhou
_CARD_PREFIX: Final = "62000001"  # an invented bank of the sandbox


def id_number(*, born_on: date, sequence: int) -> Personal[str]:
    """Return an identity number with the right check digit (GB 11643-1999)."""
    body = f"{_REGION}{born_on:%Y%m%d}{sequence % 1000:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, body, strict=True))
    return Personal(body + _ID_CHECKS[total % 11])


def card_number(*, sequence: int) -> Personal[str]:
    """Return a card number with the right last digit (ISO/IEC 7812-1, annex B)."""
    body = f"{_CARD_PREFIX}{sequence:07d}"
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return Personal(f"{body}{-total % 10}")


def applicant(
    *, number: int, age_years: int, on: date, features: Mapping[str, int], monthly_income_fen: int
) -> Newcomer:
    """Return an invented person, of an age on a date, around the features of a real record.

    `number` keeps them apart: a thousand share a birthday and differ in the sequence of their ID numbers.
    """
    birthdays = max(1, on.timetuple().tm_yday - 1)  # that have come this year, one day short for a leap year
    born_on = date(on.year - age_years, 1, 1) + timedelta(days=number // 1_000 % birthdays)
    return Newcomer(
        alias=f"applicant {number}",
        name=Personal("申请人" + "甲乙丙丁戊己庚辛壬癸"[number % 10]),
        id_number=id_number(born_on=born_on, sequence=number),
        phone=Personal(f"139{number:08d}"),
        card_number=card_number(sequence=number),
        monthly_income_fen=monthly_income_fen,
        features=features,
    )


def _features(*, late: int, line_yuan: int, bill_yuan: int, paid_yuan: int, lenders: int) -> dict[str, int]:
    """What a bureau knows: six months of a card; `late` months behind in the latest."""
    found: dict[str, int] = {
        "lenders_count": lenders,
        "total_exposure_fen": bill_yuan * 100,
        "overdue_now": 0,
        "overdue_days_max": max(0, late) * 30,
        "credit_line_fen": line_yuan * 100,
    }
    for month in range(1, 7):
        found[f"months_late_{month}"] = max(late - month + 1, 0) if late > 0 else late
        found[f"statement_{month}_fen"] = bill_yuan * 100
        found[f"paid_{month}_fen"] = paid_yuan * 100
    return found


# 林*夏 borrows for a kitchen, is late once, and settles early.
XIA: Final = Newcomer(
    alias="林*夏",
    name=Personal("林知夏"),
    id_number=id_number(born_on=date(1993, 5, 12), sequence=102),
    phone=Personal("13800008801"),
    card_number=card_number(sequence=1001),
    monthly_income_fen=900_000,
    features=_features(late=0, line_yuan=10_000, bill_yuan=9_500, paid_yuan=500, lenders=2),
)
# 周*川 is behind with a card and owes many lenders: refused, with what would help.
CHUAN: Final = Newcomer(
    alias="周*川",
    name=Personal("周远川"),
    id_number=id_number(born_on=date(1988, 11, 3), sequence=215),
    phone=Personal("13800008802"),
    card_number=card_number(sequence=1002),
    monthly_income_fen=700_000,
    features=_features(late=3, line_yuan=8_000, bill_yuan=7_900, paid_yuan=0, lenders=6),
)
# 陈*舟 meets a bank that falls silent while it pays.
ZHOU: Final = Newcomer(
    alias="陈*舟",
    name=Personal("陈听舟"),
    id_number=id_number(born_on=date(1996, 2, 29), sequence=318),
    phone=Personal("13800008803"),
    card_number=card_number(sequence=1003),
    monthly_income_fen=1_200_000,
    features=_features(late=-1, line_yuan=60_000, bill_yuan=3_000, paid_yuan=3_000, lenders=1),
)


_SURNAMES: Final = "王李张刘赵黄吴徐孙马胡朱高何郭罗梁宋"
_GIVEN: Final = (
    *("雨桐", "文博", "思远", "静怡", "浩然", "若曦", "明哲", "佳宁", "子墨", "清越", "安然"),
    *("一诺", "景行", "望舒", "书言", "知行", "南星", "予安"),
)


def neighbor(*, number: int, months_late: int, lenders: int) -> Newcomer:
    """Return an invented person of the year (1 … 18), `months_late` behind in the latest bill, −1 for never."""
    surname, given = _SURNAMES[number - 1], _GIVEN[number - 1]
    return Newcomer(
        alias=f"{surname}*{given[-1]}",
        name=Personal(surname + given),
        id_number=id_number(born_on=date(1985 + number, 1 + number % 12, 3 + number), sequence=400 + number),
        phone=Personal(f"138000088{20 + number}"),
        card_number=card_number(sequence=2000 + number),
        monthly_income_fen=600_000 + 70_000 * number,
        features=_features(
            late=months_late, line_yuan=8_000 * number + 12_000, bill_yuan=2_500, paid_yuan=1_500, lenders=lenders
        ),
    )
