"""Codes, phones, names, ID numbers and cards that are not right open nothing, and only the try itself is counted."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from mingqu.demo.people import CHUAN, XIA, card_number, id_number
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.instrument import CARD_TRIES_MAX, CardNotOwn
from mingqu.domain.one_time_code import RESEND_SECONDS_MIN, SENDS_PER_DAY_MAX, TRIES_MAX, VALID_SECONDS, CodePurpose
from mingqu.domain.personal import Personal
from mingqu.services.people.sign_in import send_code, sign_in
from mingqu.services.people.verify_identity import Verified, verify_identity
from mingqu.services.privacy.give_consent import give_consent
from mingqu.store.server.idempotency import IdempotencyKeyReused
from tests.journeys.fingerprint import refused
from tests.world import OpenWorld

BEYOND_INT64: Final = 2**63
CODES: Final = frozenset({"one_time_code"})  # where a try is counted, also a refused one


@pytest.mark.parametrize(
    ("code", "phone"),
    [
        ("phone_malformed", phone)
        for phone in ("", "12345", "23800008801", "1380000880１", "13800008801; DROP TABLE person")
    ],
)
def test_a_phone_that_is_none_gets_no_code(world: OpenWorld, code: str, phone: str) -> None:
    with refused(world.house.database, code):
        send_code(world.house, phone=Personal(phone), purpose=CodePurpose.SIGN_IN)


def test_codes_are_not_sent_too_soon_or_too_often(world: OpenWorld) -> None:
    house = world.house
    for _ in range(SENDS_PER_DAY_MAX):
        send_code(house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
        with refused(house.database, "code_too_soon"):
            send_code(house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
        world.go_to(house.clock.now() + timedelta(seconds=RESEND_SECONDS_MIN))
    with refused(house.database, "code_sends_exhausted"):
        send_code(house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)


def wrong(code: Personal[str]) -> Personal[str]:
    """Return other digits."""
    return Personal(f"{(int(code.reveal()) + 1) % 1_000_000:06d}")


def test_a_wrong_a_spent_an_old_and_a_foreign_code_open_nothing(world: OpenWorld) -> None:
    house = world.house

    def enter(digits: Personal[str]) -> UUID:
        return sign_in(house, phone=XIA.phone, digits=digits)

    with refused(house.database, "code_missing"):
        enter(Personal("123456"))
    send_code(house, phone=XIA.phone, purpose=CodePurpose.VERIFY_IDENTITY)
    with refused(house.database, "code_missing"):  # of another purpose
        enter(world.read_code(XIA.phone))
    send_code(house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
    right = world.read_code(XIA.phone)
    for _ in range(TRIES_MAX):
        with refused(house.database, "code_wrong", but=CODES):
            enter(wrong(right))
    with refused(house.database, "code_tries_exhausted"):
        enter(right)
    world.go_to(house.clock.now() + timedelta(seconds=RESEND_SECONDS_MIN))
    send_code(house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
    enter(world.read_code(XIA.phone))
    with refused(house.database, "code_used"):
        enter(world.read_code(XIA.phone))
    world.go_to(house.clock.now() + timedelta(seconds=RESEND_SECONDS_MIN))
    send_code(house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
    world.go_to(house.clock.now() + timedelta(seconds=VALID_SECONDS))
    with refused(house.database, "code_expired"):
        enter(world.read_code(XIA.phone))


def other_last(text: Personal[str]) -> Personal[str]:
    """Return a number whose last digit does not fit."""
    own = text.reveal()
    return Personal(own[:-1] + ("1" if own[-1] != "1" else "2"))


MINOR: Final = id_number(born_on=date(2008, 8, 16), sequence=7)  # eighteen a day after the story begins


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("name_malformed", {"name": Personal("")}),
        ("name_malformed", {"name": Personal("<script>")}),
        ("name_malformed", {"name": Personal("林" * 51)}),
        ("id_number_malformed", {"id_number": Personal("330106")}),
        ("id_number_malformed", {"id_number": Personal("330106199302301029")}),
        ("id_number_malformed", {"id_number": Personal("３" * 18)}),
        ("id_number_check_digit_wrong", {"id_number": other_last(XIA.id_number)}),
        ("person_under_age", {"id_number": MINOR}),
        ("phone_malformed", {"phone": Personal("8801")}),
        ("card_number_malformed", {"card_number": Personal("6200")}),
        ("card_check_digit_wrong", {"card_number": other_last(XIA.card_number)}),
        ("code_wrong", {"digits": None}),
    ],
)
def test_an_identity_that_cannot_be_is_refused(world: OpenWorld, code: str, change: dict[str, Any]) -> None:
    house = world.house
    person_id = half_known(world)
    request: dict[str, Any] = {
        "name": XIA.name,
        "id_number": XIA.id_number,
        "phone": XIA.phone,
        "card_number": XIA.card_number,
        "digits": world.read_code(XIA.phone),
    } | change
    request["digits"] = request["digits"] or wrong(world.read_code(XIA.phone))
    with refused(house.database, code, but=CODES if code == "code_wrong" else frozenset()):
        verify_identity(house, person_id=person_id, request_id=house.id_for(person_id), **request)


def half_known(world: OpenWorld) -> UUID:
    """Let a person sign in and ask for the code of the identity check."""
    house = world.house
    world.meet(XIA, balance_fen=0)
    send_code(house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
    person_id = sign_in(house, phone=XIA.phone, digits=world.read_code(XIA.phone))
    give_consent(house, person_id=person_id, purpose=ConsentPurpose.REAL_NAME_VERIFICATION, key="consent")
    send_code(house, phone=XIA.phone, purpose=CodePurpose.VERIFY_IDENTITY)
    return person_id


def test_somebody_elses_card_is_not_bound_and_four_tries_are_all(world: OpenWorld) -> None:
    house = world.house
    person_id = half_known(world)
    # A try that the checker answered is counted and noted, its code is spent, and its request is remembered.
    counted = CODES | {"card_attempt", "idempotency", "refused_word"}
    for code, touched in [("card_not_own", counted)] * CARD_TRIES_MAX + [("card_tries_exhausted", frozenset())]:
        with refused(house.database, code, but=touched):
            verify_identity(
                house,
                person_id=person_id,
                request_id=house.id_for(person_id),
                name=XIA.name,
                id_number=XIA.id_number,
                phone=XIA.phone,
                card_number=card_number(sequence=77),
                digits=world.read_code(XIA.phone),
            )
        world.go_to(house.clock.now() + timedelta(seconds=RESEND_SECONDS_MIN))
        send_code(house, phone=XIA.phone, purpose=CodePurpose.VERIFY_IDENTITY)


def test_an_own_card_under_another_name_is_refused_and_stays_as_it_was_bound(world: OpenWorld) -> None:
    house, person_id = world.house, half_known(world)

    def prove(**change: Personal[str]) -> Verified:
        request: dict[str, Any] = {
            "request_id": house.id_for(person_id),
            "name": XIA.name,
            "id_number": XIA.id_number,
            "phone": XIA.phone,
            "card_number": XIA.card_number,
            "digits": world.read_code(XIA.phone),
        }
        return verify_identity(house, person_id=person_id, **request | change)

    def ask_code_again() -> None:
        world.go_to(house.clock.now() + timedelta(seconds=RESEND_SECONDS_MIN))
        send_code(house, phone=XIA.phone, purpose=CodePurpose.VERIFY_IDENTITY)

    own = prove()
    counted = CODES | {"card_attempt", "idempotency", "refused_word"}
    for change in ({"name": CHUAN.name}, {"name": CHUAN.name, "id_number": CHUAN.id_number}):
        ask_code_again()
        with refused(house.database, "card_not_own", but=counted):
            prove(**change)
    ask_code_again()
    assert prove() == own, "by its own name it is theirs as before"


def test_a_request_that_was_let_in_asks_about_nobody_else(world: OpenWorld) -> None:
    house, person_id = world.house, half_known(world)
    request: dict[str, Any] = {
        "request_id": house.id_for(person_id),
        "id_number": XIA.id_number,
        "phone": XIA.phone,
        "card_number": XIA.card_number,
        "digits": world.read_code(XIA.phone),
    }
    with pytest.raises(CardNotOwn):
        verify_identity(house, person_id=person_id, name=Personal("王雨桐"), **request)
    asked = world.identity.billed
    with pytest.raises(IdempotencyKeyReused):
        verify_identity(house, person_id=person_id, name=XIA.name, **request)
    assert world.identity.billed == asked
