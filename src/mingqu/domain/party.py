"""Persons: identity numbers, phones, how far an identity is proven, and the logins that lead to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

# 民法典 art. 17: an adult is a natural person of eighteen years or more; loans are made to adults only.
ADULT_AGE_YEARS: Final = 18
# No living holder of an identity card was born earlier; an older date is a slip of the pen.
BORN_YEAR_MIN: Final = 1900
NAME_LENGTH_MAX: Final = 50  # the longest names with an interpunct on identity cards have fewer characters

_ID_NUMBER: Final = re.compile(r"[1-9][0-9]{16}[0-9X]")
_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK_CHARACTERS: Final = "10X98765432"
_PHONE: Final = re.compile(r"1[3-9][0-9]{9}")
_USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS: Final = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
# Letters of any script; the interpunct of transcribed names (two code points are in use), space, hyphen, full stop.
_NAME: Final = re.compile(r"[^\W\d_](?:[^\W\d_]|[·‧ .'-])*")


class IdNumberMalformed(Refusal):
    """The text is not an identity-card number of 18 characters with a real date of birth in it."""

    code = "id_number_malformed"


class IdNumberCheckDigitWrong(Refusal):
    """The last character of the identity-card number does not fit the others."""

    code = "id_number_check_digit_wrong"


class PersonUnderAge(Refusal):
    """The person has not yet reached the age that a loan takes."""

    code = "person_under_age"


class PhoneMalformed(Refusal):
    """The text is not a mainland mobile number."""

    code = "phone_malformed"


class NameMalformed(Refusal):
    """The text is not a name as an identity card bears it."""

    code = "name_malformed"


class UsccMalformed(Refusal):
    """The text is not a unified social credit code of 18 characters."""

    code = "uscc_malformed"


class UsccCheckCharacterWrong(Refusal):
    """The last character of the unified social credit code does not fit the others."""

    code = "uscc_check_character_wrong"


class IdentityTransitionNotAllowed(Refusal):
    """What was found out does not follow from how far the identity is proven."""

    code = "identity_transition_not_allowed"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class IdCard:
    """An identity-card number that passed its checks, and the date of birth it carries. The sex is not read."""

    number: Personal[str]
    born_on: Personal[date]


def age_years(*, born_on: date, on: date) -> int:
    """Return the completed years of a person on a date; a year is complete on the birthday.

    Who was born on 29 February completes a year on 1 March of a common year. Example: born 2008-02-29, on
    2026-02-28 → 17, on 2026-03-01 → 18. Source: 民法典 art. 13 and 17.
    """
    return on.year - born_on.year - ((on.month, on.day) < (born_on.month, born_on.day))


def read_id_number(*, number: Personal[str], on: date, age_years_min: int = ADULT_AGE_YEARS) -> IdCard:
    """Return the checked identity-card number of a person old enough on a date; "x" is read as "X".

    Check: Σ digit × weight over the first 17, mod 11, looked up in 10X98765432. Example: 11010519491231002X has
    the sum 167, 167 mod 11 = 2, and the third character is X. Source: GB 11643-1999.

    Errors, in this order: IdNumberMalformed (length, characters, a date that is not real, before 1900 or after
    `on`), IdNumberCheckDigitWrong, PersonUnderAge.
    """
    text = number.reveal().strip().upper()
    if not (text.isascii() and _ID_NUMBER.fullmatch(text)):
        raise IdNumberMalformed("An identity-card number has 17 digits and a digit or X at the end.")
    born_on = _birth_date(text[6:14], on=on)
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], _ID_WEIGHTS, strict=True))
    if _ID_CHECK_CHARACTERS[total % 11] != text[17]:
        raise IdNumberCheckDigitWrong("The identity-card number has a wrong check digit: compare it with the card.")
    if age_years(born_on=born_on, on=on) < age_years_min:
        raise PersonUnderAge(f"A loan takes an age of {age_years_min}.", age_years_min=age_years_min)
    return IdCard(number=Personal(text), born_on=Personal(born_on))


def _birth_date(digits: str, *, on: date) -> date:
    try:
        born_on = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise IdNumberMalformed("The date of birth in the identity-card number is not a date.") from None
    if born_on.year < BORN_YEAR_MIN or born_on > on:
        raise IdNumberMalformed("The date of birth in the identity-card number cannot be right.")
    return born_on


def read_phone(phone: Personal[str]) -> Personal[str]:
    """Return a mainland mobile number as 11 digits; +86, 0086, spaces and hyphens may stand in it.

    Example: "+86 138-0013-8000" → 13800138000. Errors: PhoneMalformed.
    """
    text = re.sub(r"[ -]", "", phone.reveal().strip())
    text = text.removeprefix("+86").removeprefix("0086")
    if not _PHONE.fullmatch(text):
        raise PhoneMalformed("A mobile number has 11 digits and begins with 13 to 19.")
    return Personal(text)


def read_name(name: Personal[str]) -> Personal[str]:
    """Return a person's name without spaces around it. Errors: NameMalformed (empty, too long, digits, signs)."""
    text = name.reveal().strip()
    if not 2 <= len(text) <= NAME_LENGTH_MAX or not _NAME.fullmatch(text):
        raise NameMalformed(f"A name has 2 to {NAME_LENGTH_MAX} letters, as on the identity card.")
    return Personal(text)


def read_uscc(text: str) -> str:
    """Return a checked unified social credit code (统一社会信用代码) of an organization, in capitals.

    Check: (31 − Σ value × 3^i mod 31) mod 31 in the alphabet without I, O, S, V, Z, where i counts from 0. Examples:
    91110000600037341L; 92330106MA2ABCDE83 (a self-employed business: it begins with 92) has the sum 2291,
    2291 mod 31 = 28, and 31 − 28 = 3 is 3. Source: GB 32100-2015. Errors: UsccMalformed, UsccCheckCharacterWrong.
    """
    code = text.strip().upper()
    if len(code) != 18 or any(character not in _USCC_ALPHABET for character in code):
        raise UsccMalformed("A unified social credit code has 18 digits and capitals without I, O, S, V, Z.")
    total = sum(
        _USCC_ALPHABET.index(character) * weight for character, weight in zip(code[:17], _USCC_WEIGHTS, strict=True)
    )
    if _USCC_ALPHABET[-total % 31] != code[17]:
        raise UsccCheckCharacterWrong(
            "The unified social credit code has a wrong check character: compare it with the licence."
        )
    return code


class IdentityLevel(IntEnum):
    """How far an identity is proven; each level holds what the ones below it hold."""

    NONE = 0
    CHECKSUM = 1  # an identity number that could exist
    NAME = 2  # name and number belong together
    PHONE = 3  # the phone number is that person's as well
    FOUR_ELEMENTS = 4  # name, number, phone and bank card belong together


class IdentityEvent(Enum):
    """What was found out about an identity."""

    NUMBER_CHECKED = "number_checked"
    NAME_MATCHED = "name_matched"
    PHONE_MATCHED = "phone_matched"
    FOUR_ELEMENTS_MATCHED = "four_elements_matched"
    LAST_CARD_REMOVED = "last_card_removed"
    PHONE_CHANGED = "phone_changed"
    REVOKED = "revoked"


_E, _L = IdentityEvent, IdentityLevel
IDENTITY_TRANSITIONS: Final = MappingProxyType(
    {
        (_L.NONE, _E.NUMBER_CHECKED): _L.CHECKSUM,
        (_L.CHECKSUM, _E.NAME_MATCHED): _L.NAME,
        (_L.NAME, _E.PHONE_MATCHED): _L.PHONE,
        # The four-element check proves all at once, so it may come after any check of the number.
        (_L.CHECKSUM, _E.FOUR_ELEMENTS_MATCHED): _L.FOUR_ELEMENTS,
        (_L.NAME, _E.FOUR_ELEMENTS_MATCHED): _L.FOUR_ELEMENTS,
        (_L.PHONE, _E.FOUR_ELEMENTS_MATCHED): _L.FOUR_ELEMENTS,
        (_L.FOUR_ELEMENTS, _E.FOUR_ELEMENTS_MATCHED): _L.FOUR_ELEMENTS,  # a further card
        (_L.FOUR_ELEMENTS, _E.LAST_CARD_REMOVED): _L.PHONE,
        (_L.PHONE, _E.PHONE_CHANGED): _L.NAME,
        (_L.FOUR_ELEMENTS, _E.PHONE_CHANGED): _L.NAME,
        (_L.CHECKSUM, _E.REVOKED): _L.NONE,
        (_L.NAME, _E.REVOKED): _L.NONE,
        (_L.PHONE, _E.REVOKED): _L.NONE,
        (_L.FOUR_ELEMENTS, _E.REVOKED): _L.NONE,
    }
)


def next_level(*, level: IdentityLevel, event: IdentityEvent) -> IdentityLevel:
    """Return the level after an event. Errors: IdentityTransitionNotAllowed for a pair not in the table."""
    following = IDENTITY_TRANSITIONS.get((level, event))
    if following is None:
        raise IdentityTransitionNotAllowed(
            "This step of the identity check does not follow here.", level=level.value, event=event.value
        )
    return following


class LoginProvider(Enum):
    """Who vouches for a login. A login is not a person: several may lead to one."""

    WECHAT = "wechat"
    ALIPAY = "alipay"
    PHONE = "phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A login and the person it leads to; the subject (openid, phone) is known by its keyed hash only."""

    provider: LoginProvider
    subject_hash: bytes
    person_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person of the book, without anything personal: that is in the vault."""

    person_id: UUID
    identity_level: IdentityLevel
    created_at: datetime
    merged_into: UUID | None = None
    erased_at: datetime | None = None
