"""What somebody cannot prove themselves, two people record from a paper: another phone, a death, a mistake."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import psycopg
import pytest

from mingqu.demo.people import XIA
from mingqu.domain.canonical import Canonical
from mingqu.domain.freeze import DrawingStopped
from mingqu.domain.life import LifeEventMalformed, PersonDeceased
from mingqu.domain.order import OrderKind
from mingqu.domain.party import IdentityLevel
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed, MakerIsChecker
from mingqu.services.collection import collect
from mingqu.services.collection.list_overdue import list_overdue
from mingqu.services.customers.record_life import keep_new_phone
from mingqu.services.house import House
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.proposals.propose import approve, propose
from mingqu.store.parties import party
from mingqu.store.people import life
from tests.console import employ, visitor
from tests.journeys.reading import arrive, assert_coherent, borrow, live_until, orders_of, rows_of
from tests.journeys.test_second_phone import enter
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

PHONE = Personal("13800007711")
PAPER = "死亡证明 3301-2026-000123"


def say(house: House, person_id: UUID, key: str, **asked: Canonical) -> UUID:
    """Propose what happened, as one operator does."""
    said: dict[str, Canonical] = {"happened_on": "2026-08-15", "paper": PAPER, **asked}
    seat = seat_of(house, "operations")
    return propose(
        house, seat=seat, deed=Deed.RECORD_LIFE, subject_id=person_id, asked=said, reason="家属来电，已核对", key=key
    )


def record(house: House, proposal_id: UUID) -> None:
    approve(house, seat=seat_of(house, "operations", name="second"), proposal_id=proposal_id)


def test_a_new_phone_takes_the_place_of_the_old_one_and_the_identity_is_proved_again(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    person_id, seat = known.person_id, seat_of(house, "operations")
    hashed = keep_new_phone(house, seat=seat, person_id=person_id, phone=PHONE)
    with pytest.raises(LifeEventMalformed):
        say(house, person_id, "no phone", kind="phone_changed")
    with pytest.raises(LifeEventMalformed):  # what names a paper is not sealed
        say(house, person_id, "id card", kind="phone_changed", phone_hash=hashed, paper=XIA.id_number.reveal())
    proposal_id = say(house, person_id, "phone", kind="phone_changed", phone_hash=hashed, paper="营业厅过户单 0815-77")
    with pytest.raises(MakerIsChecker):
        approve(house, seat=seat, proposal_id=proposal_id)
    record(house, proposal_id)
    assert not [row for rows in rows_of(house).values() for row in rows if PHONE.reveal() in row], "it is sealed"
    with house.database.transaction() as tx:
        assert party.load_person(tx, person_id=person_id).identity_level is IdentityLevel.NAME
        (event,) = life.of_person(tx, person_id=person_id)
        assert (event.kind.value, event.paper) == ("phone_changed", "营业厅过户单 0815-77")
        with pytest.raises(psycopg.errors.RaiseException):
            tx.execute("DELETE FROM life_event")
    assert enter(world, PHONE) == person_id
    assert enter(world, XIA.phone) != person_id, "whoever has the old number now is somebody else"
    assert_coherent(house)


def test_after_a_death_nothing_is_lent_deducted_or_demanded_until_it_turns_out_wrong(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    person_id, loan_id = known.person_id, borrow(world, known).signed.loan_id
    with pytest.raises(LifeEventMalformed):
        say(house, person_id, "wrongly", kind="alive")
    tomorrow = house.clock.business_date() + timedelta(days=1)
    with pytest.raises(LifeEventMalformed):
        say(house, person_id, "tomorrow", kind="deceased", happened_on=tomorrow.isoformat())

    # Proposed on the customer's page, approved by another.
    desk = visitor(house)
    assert desk.sign_in(employ(house, "operations", name="clerk")).status_code == 303
    page = f"/console/customers/{person_id.hex}"
    key = desk.get(page).text.rsplit('name="key" value="', 1)[1][:32]
    sent = desk.post(
        f"{page}/life",
        seen_on=page,
        kind="deceased",
        happened_on="2026-08-14",
        paper=PAPER,
        reason="家属寄来原件",
        key=key,
    )
    assert sent.status_code == 303, sent.text
    record(house, UUID(sent.headers["location"].rsplit("/", 1)[1]))
    assert "已去世" in desk.get(page).text
    messages = len(world.sms.inbox(phone=XIA.phone))
    with pytest.raises(DrawingStopped):
        make_offers(house, person_id=person_id, amount_fen=100_000, instalments=12, method="equal_instalment")
    live_until(world, date(2026, 9, 18))
    assert orders_of(house, loan_id, OrderKind.COLLECTION) == []
    assert len(world.sms.inbox(phone=XIA.phone)) == messages, "nobody writes to the dead"
    (late,) = list_overdue(house)
    assert (late.debt_id, late.told_at) == (loan_id, None), "whom nobody told is not reported"
    assert late.held_back is not None
    seat = seat_of(house, "operations")
    with pytest.raises(PersonDeceased):
        collect.log_call(house, seat=seat, debt_id=loan_id, spoken=False, to_debtor=True, key="call")
    assert_coherent(house)

    record(house, say(house, person_id, "wrong", kind="alive", paper="户籍证明 3301-77"))
    collect.log_call(house, seat=seat, debt_id=loan_id, spoken=False, to_debtor=True, key="call again")
    assert_coherent(house)
