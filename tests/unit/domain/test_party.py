"""Identity numbers, phones, names, credit codes, and the ladder of identity levels."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.ownership import NotFound, require_owner
from mingqu.domain.party import (
    IDENTITY_TRANSITIONS,
    IdentityEvent,
    IdentityLevel,
    IdentityTransitionNotAllowed,
    IdNumberCheckDigitWrong,
    IdNumberMalformed,
    NameMalformed,
    PersonUnderAge,
    PhoneMalformed,
    UsccCheckCharacterWrong,
    UsccMalformed,
    age_years,
    next_level,
    read_id_number,
    read_name,
    read_phone,
    read_uscc,
)
from mingqu.domain.personal import Personal, mask_card, mask_id_number, mask_name, mask_phone
from mingqu.domain.refusal import Refusal

ON = date(2026, 8, 15)
# The specimen of GB 11643-1999.
SPECIMEN = "11010519491231002X"


def id_number(*, born_on: date) -> str:
    """Return a number with the right check digit, by the other formula of the standard: Σ 2^(place) ≡ 1 mod 11."""
    first = f"110105{born_on:%Y%m%d}002"
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(first))
    check = (1 - total) % 11
    return first + ("X" if check == 10 else str(check))


def test_the_specimen_of_the_standard_is_right() -> None:
    card = read_id_number(number=Personal(SPECIMEN), on=ON)
    assert (card.number.reveal(), card.born_on.reveal()) == (SPECIMEN, date(1949, 12, 31))
    assert id_number(born_on=date(1949, 12, 31)) == SPECIMEN


def test_a_small_x_and_spaces_around_are_read() -> None:
    assert read_id_number(number=Personal(f" {SPECIMEN.lower()} "), on=ON).number.reveal() == SPECIMEN


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", IdNumberMalformed),
        (SPECIMEN[:-1], IdNumberMalformed),
        (f"{SPECIMEN}0", IdNumberMalformed),
        ("11010519491231002Y", IdNumberMalformed),
        ("01010519491231002X", IdNumberMalformed),
        ("11010519490229002X", IdNumberMalformed),  # 1949 had no 29 February
        ("11010518991231002X", IdNumberMalformed),
        (id_number(born_on=date(2026, 8, 16)), IdNumberMalformed),  # born tomorrow
        ("11010519491231002", IdNumberMalformed),
        ("１１０１０５１９４９１２３１００２X", IdNumberMalformed),  # full-width digits
        ("110105194912310021", IdNumberCheckDigitWrong),
        (id_number(born_on=date(2008, 8, 16)), PersonUnderAge),  # eighteen tomorrow
    ],
)
def test_a_wrong_identity_number_is_refused_by_name(text: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal) as caught:
        read_id_number(number=Personal(text), on=ON)
    assert not text or text not in str(caught.value)


def test_a_person_is_of_age_on_the_eighteenth_birthday() -> None:
    read_id_number(number=Personal(id_number(born_on=date(2008, 8, 15))), on=ON)


@given(st.dates(min_value=date(1930, 1, 1), max_value=date(2000, 1, 1)), st.integers(0, 17), st.integers(1, 9))
def test_any_single_wrong_digit_is_noticed(born_on: date, place: int, by: int) -> None:
    text = id_number(born_on=born_on)
    if place == 17:
        wrong = text[:17] + "0123456789X"[("0123456789X".index(text[17]) + by) % 11]
    else:
        wrong = text[:place] + str((int(text[place]) + by) % 10) + text[place + 1 :]
    with pytest.raises((IdNumberCheckDigitWrong, IdNumberMalformed)):
        read_id_number(number=Personal(wrong), on=ON)


@pytest.mark.parametrize(
    ("on", "years"),
    [(date(2026, 2, 28), 17), (date(2026, 3, 1), 18), (date(2028, 2, 28), 19), (date(2028, 2, 29), 20)],
)
def test_who_is_born_on_a_leap_day_ages_on_the_first_of_march(on: date, years: int) -> None:
    assert age_years(born_on=date(2008, 2, 29), on=on) == years


@pytest.mark.parametrize("text", ["13800138000", "+86 138-0013-8000", "008613800138000", " 138 0013 8000"])
def test_a_phone_is_read_however_it_is_grouped(text: str) -> None:
    assert read_phone(Personal(text)).reveal() == "13800138000"


@pytest.mark.parametrize("text", ["", "12800138000", "1380013800", "138001380000", "+1 2025550123", "１" * 11])
def test_another_text_is_no_phone(text: str) -> None:
    with pytest.raises(PhoneMalformed):
        read_phone(Personal(text))


@pytest.mark.parametrize("text", ["林知夏", "买买提·吐尔逊", "Ann O'Neill", "㐂子"])
def test_a_name_has_letters_of_any_script(text: str) -> None:
    assert read_name(Personal(f" {text} ")).reveal() == text


@pytest.mark.parametrize("text", ["", "林", "林3", "<b>林夏</b>", "林" * 51, "·林夏", "林\n夏"])
def test_another_text_is_no_name(text: str) -> None:
    with pytest.raises(NameMalformed):
        read_name(Personal(text))


def test_the_known_credit_code_is_right_and_each_neighbor_wrong() -> None:
    code = "91110000600037341L"
    assert read_uscc(f" {code.lower()} ") == code
    for place in range(18):
        wrong = code[:place] + ("2" if code[place] != "2" else "3") + code[place + 1 :]
        with pytest.raises(UsccCheckCharacterWrong):
            read_uscc(wrong)


@pytest.mark.parametrize("text", ["", "91110000600037341", "91110000600037341I", "9111000060003734LL1"])
def test_another_text_is_no_credit_code(text: str) -> None:
    with pytest.raises(UsccMalformed):
        read_uscc(text)


def test_four_elements_prove_an_identity_at_once_and_in_steps() -> None:
    level = IdentityLevel.NONE
    for event in (
        IdentityEvent.NUMBER_CHECKED,
        IdentityEvent.NAME_MATCHED,
        IdentityEvent.PHONE_MATCHED,
        IdentityEvent.FOUR_ELEMENTS_MATCHED,
    ):
        level = next_level(level=level, event=event)
    assert level is IdentityLevel.FOUR_ELEMENTS
    assert next_level(level=IdentityLevel.CHECKSUM, event=IdentityEvent.FOUR_ELEMENTS_MATCHED) is level


def test_no_step_skips_the_check_of_the_number_and_every_other_pair_is_refused() -> None:
    for level in IdentityLevel:
        for event in IdentityEvent:
            if (level, event) not in IDENTITY_TRANSITIONS:
                with pytest.raises(IdentityTransitionNotAllowed):
                    next_level(level=level, event=event)
    assert [event for level, event in IDENTITY_TRANSITIONS if level is IdentityLevel.NONE] == [
        IdentityEvent.NUMBER_CHECKED
    ]


def test_personal_data_does_not_print() -> None:
    secret = Personal("林知夏")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{[secret]}", repr({"name": secret})]
    assert not any("林" in text for text in shown)
    with pytest.raises(TypeError):
        json.dumps({"name": secret})
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert copy.deepcopy(secret) == secret == Personal("林知夏") != Personal("林夏")


def test_masks_show_what_a_person_recognizes_and_no_more() -> None:
    assert mask_name(Personal("林知夏")) == "林*夏"
    assert mask_name(Personal("林夏")) == "林*"
    assert mask_name(Personal("欧阳知夏")) == "欧**夏"
    assert mask_phone(Personal("13800138000")) == "138****8000"
    assert mask_card(Personal("6200000112345678")) == "尾号 5678"
    assert mask_card(Personal("6200000112345678"), language="en") == "ending 5678"
    assert mask_id_number(Personal(SPECIMEN)) == "1****************X"


def test_masks_of_something_too_short_show_nothing() -> None:
    shown = [mask_name(Personal("林")), mask_phone(Personal("138")), mask_card(Personal("62"))]
    shown.append(mask_id_number(Personal("1")))
    assert all(set(text) <= {"*", "尾", "号", " "} for text in shown)


def test_someone_elses_id_answers_as_an_unknown_one() -> None:
    require_owner(owner_id=UUID(int=1), person_id=UUID(int=1))
    with pytest.raises(NotFound) as caught:
        require_owner(owner_id=UUID(int=2), person_id=UUID(int=1))
    assert (caught.value.code, caught.value.status, caught.value.details) == ("not_found", 404, {})
