"""A person's own business: what it may be called, what its loan may be for, and what a register says of it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

KIND: Final = "business"  # of products that lend to whoever runs a business, for that business
# What the money may be for; a contract names one. Source: 个人贷款管理办法 (2024) art. 7: the use is clear and lawful.
USES: Final = ("stock", "materials", "equipment", "rent", "wages")
NAME_LENGTH_MAX: Final = 100  # the longest names on business licences have fewer characters
TRIES_MAX: Final = 4  # in TRIES_HOURS for a person, as for a card: a register is no place to guess in
TRIES_HOURS: Final = 24
_NAME: Final = re.compile(r"[^\W_](?:[^\W_]|[·&.,()\uff08\uff09 -])*")


class BusinessNameMalformed(Refusal):
    """The text is not the name of a business as a licence bears it."""

    code = "business_name_malformed"


class UseOfMoneyUnknown(Refusal):
    """A business loan is for one of the uses that are listed, and this is none of them."""

    code = "use_of_money_unknown"


class BusinessUnknown(Refusal):
    """No business in operation is registered under this code and name."""

    code = "business_unknown"


class NotLegalPerson(Refusal):
    """The business is registered, and another person is its legal person or operator."""

    code = "not_legal_person"


class BusinessNotStated(Refusal):
    """The product lends to whoever runs a business, and no business of this person is verified."""

    code = "business_not_stated"
    status = 409


class BusinessAnswer(StrEnum):
    """What whoever keeps the register says of code, name and legal person (个体工商户: 经营者)."""

    MATCH = "match"
    UNKNOWN = "unknown"  # no business of this code and name, or one that was struck off
    NOT_LEGAL_PERSON = "not_legal_person"


def read_business_name(name: Personal[str]) -> Personal[str]:
    """Return the name of a business without spaces around it. Errors: BusinessNameMalformed (empty, too long, signs).

    Example: " 杭州市西湖区知夏面馆(个体工商户) " stays as it is but for the spaces.
    """
    text = name.reveal().strip()
    if not 2 <= len(text) <= NAME_LENGTH_MAX or not _NAME.fullmatch(text):
        raise BusinessNameMalformed(f"Write the name as on the licence: 2 to {NAME_LENGTH_MAX} letters and digits.")
    return Personal(text)


def read_use(use: str) -> str:
    """Return what the money is for. Errors: UseOfMoneyUnknown."""
    if use not in USES:
        raise UseOfMoneyUnknown(f"Say what the money is for: one of {', '.join(USES)}.", field="use")
    return use


def require_match(answer: BusinessAnswer) -> None:
    """Return when the register bears a statement out. Errors: BusinessUnknown, NotLegalPerson."""
    if answer is BusinessAnswer.UNKNOWN:
        raise BusinessUnknown("No business is registered under this code and name: compare both with the licence.")
    if answer is BusinessAnswer.NOT_LEGAL_PERSON:
        raise NotLegalPerson("The licence names somebody else: its legal person or operator has to ask for the loan.")
