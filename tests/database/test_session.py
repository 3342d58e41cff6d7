"""A session holds for whoever has its token, for so long, and for nobody after it ended."""

from __future__ import annotations

import base64
from datetime import timedelta
from uuid import UUID

import pytest

from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.personal import Personal
from mingqu.domain.session import API_LIFE_MAX, PAGE_IDLE_MAX, PAGE_LIFE_MAX, Door, NotSignedIn
from mingqu.services.access.keep_session import end_session, open_session, recognize
from mingqu.services.people.sign_in import send_code, sign_in
from tests.world import OpenWorld

PHONE = Personal("13800138000")


@pytest.fixture
def person_id(world: OpenWorld) -> UUID:
    send_code(world.house, phone=PHONE, purpose=CodePurpose.SIGN_IN)
    return sign_in(world.house, phone=PHONE, digits=world.read_code(PHONE))


def test_a_token_leads_to_its_person(world: OpenWorld, person_id: UUID) -> None:
    token = open_session(world.house, person_id=person_id, door=Door.PAGE)
    assert recognize(world.house, token=token).person_id == person_id


def test_a_token_of_which_one_bit_was_changed_leads_to_nobody(world: OpenWorld, person_id: UUID) -> None:
    raw = base64.urlsafe_b64decode(open_session(world.house, person_id=person_id, door=Door.PAGE).reveal())
    for place in (0, 15, 16, 47):
        wrong = bytearray(raw)
        wrong[place] ^= 1
        with pytest.raises(NotSignedIn):
            recognize(world.house, token=Personal(base64.urlsafe_b64encode(bytes(wrong)).decode()))


@pytest.mark.parametrize("text", ["", "x", "é" * 64, "A" * 63, "A" * 68, "!" * 64])
def test_what_is_no_token_is_answered_like_a_wrong_one(world: OpenWorld, text: str) -> None:
    with pytest.raises(NotSignedIn):
        recognize(world.house, token=Personal(text))


def test_an_ended_session_is_over_for_good(world: OpenWorld, person_id: UUID) -> None:
    token = open_session(world.house, person_id=person_id, door=Door.PAGE)
    end_session(world.house, token=token)
    end_session(world.house, token=token)
    with pytest.raises(NotSignedIn):
        recognize(world.house, token=token)


def test_signing_in_again_ends_the_session_that_was_there(world: OpenWorld, person_id: UUID) -> None:
    planted = open_session(world.house, person_id=person_id, door=Door.PAGE)
    fresh = open_session(world.house, person_id=person_id, door=Door.PAGE, instead_of=planted)
    with pytest.raises(NotSignedIn):
        recognize(world.house, token=planted)
    assert recognize(world.house, token=fresh).person_id == person_id


def test_a_page_that_lies_idle_forgets_who_it_was(world: OpenWorld, person_id: UUID) -> None:
    token = open_session(world.house, person_id=person_id, door=Door.PAGE)
    world.clock.advance(PAGE_IDLE_MAX - timedelta(seconds=1))
    recognize(world.house, token=token)
    world.clock.advance(PAGE_IDLE_MAX)
    with pytest.raises(NotSignedIn):
        recognize(world.house, token=token)


@pytest.mark.parametrize(("door", "life"), [(Door.PAGE, PAGE_LIFE_MAX), (Door.API, API_LIFE_MAX)])
def test_even_a_busy_session_ends(world: OpenWorld, person_id: UUID, door: Door, life: timedelta) -> None:
    token = open_session(world.house, person_id=person_id, door=door)
    step = timedelta(minutes=20)
    for _ in range(life // step - 1):
        world.clock.advance(step)
        recognize(world.house, token=token)
    world.clock.advance(2 * step)
    with pytest.raises(NotSignedIn):
        recognize(world.house, token=token)
