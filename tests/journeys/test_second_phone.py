"""One person with two phones: the second leads to the first account once the identity number says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import Known, introduce
from mingqu.demo.people import CHUAN, XIA, card_number
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.personal import Personal
from mingqu.services.decisions.assess import IdentityUnverified, assess
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.people.sign_in import send_code, sign_in
from tests.journeys.reading import arrive, assert_coherent, borrow, limit_of
from tests.world import OpenWorld

OTHER_PHONE = replace(XIA, phone=Personal("13800008899"), card_number=card_number(sequence=2001))


def enter(world: OpenWorld, phone: Personal[str]) -> UUID:
    """Sign in with a code, a while after the last one, and return the person."""
    world.go_to(world.clock.now() + timedelta(minutes=2))
    send_code(world.house, phone=phone, purpose=CodePurpose.SIGN_IN)
    return sign_in(world.house, phone=phone, digits=world.read_code(phone))


def prove(world: OpenWorld) -> Known:
    """Sign in with the second phone once more, and prove who one is with it."""
    world.go_to(world.clock.now() + timedelta(minutes=2))
    return introduce(world, OTHER_PHONE, balance_fen=1_000)


def test_a_second_phone_of_the_same_person_leads_to_the_loans_they_have(world: OpenWorld) -> None:
    house = world.house
    known = arrive(world)
    borrowed = borrow(world, known)
    world.meet(OTHER_PHONE, balance_fen=1_000)
    stranger = enter(world, OTHER_PHONE.phone)
    assert stranger != known.person_id

    proved = prove(world)
    assert proved.person_id == known.person_id
    assert proved.instrument_id != known.instrument_id
    state = loan_state(house, person_id=proved.person_id, loan_id=borrowed.signed.loan_id)
    assert state.principal_outstanding_fen == 1_000_000
    assert_coherent(house)

    # There is one limit, the one that was there; and a contract is signed with a code to the phone proved last.
    old = len(world.sms.inbox(phone=XIA.phone))
    borrow(world, proved, amount_fen=500_000)
    assert [one.template for one in world.sms.inbox(phone=XIA.phone)[old:]] == []
    assert "code.sign_contract" in [one.template for one in world.sms.inbox(phone=OTHER_PHONE.phone)]
    assert limit_of(house, proved.person_id).drawn == 1_500_000
    assert enter(world, OTHER_PHONE.phone) == enter(world, XIA.phone) == known.person_id
    assert_coherent(house)


def test_the_account_that_a_second_phone_began_with_can_do_nothing_any_more(world: OpenWorld) -> None:
    house = world.house
    arrive(world)
    world.meet(OTHER_PHONE, balance_fen=0)
    stranger = enter(world, OTHER_PHONE.phone)
    prove(world)
    with pytest.raises(IdentityUnverified):
        assess(
            house,
            person_id=stranger,
            application_id=house.id_for(stranger),
            requested_amount_fen=100_000,
            monthly_income_fen=900_000,
        )
    assert_coherent(house)


def test_two_people_stay_two(world: OpenWorld) -> None:
    first = introduce(world, XIA, balance_fen=0)
    second = introduce(world, CHUAN, balance_fen=0)
    assert first.person_id != second.person_id
    assert enter(world, XIA.phone) == first.person_id
    assert enter(world, CHUAN.phone) == second.person_id
    assert_coherent(world.house)
