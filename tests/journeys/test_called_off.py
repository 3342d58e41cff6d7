"""A loan whose payout came back ends unpaid: by its borrower, or when the time of the house is over."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import ZHOU
from mingqu.domain.loan import Stage
from mingqu.domain.moment import business_date_of, start_of
from mingqu.domain.ownership import NotFound
from mingqu.domain.purpose.version import VersionState
from mingqu.services.changes.answer_version import versions_view
from mingqu.services.changes.call_off_loan import call_off, call_off_view
from mingqu.services.changes.draw_more import PayoutWaiting
from mingqu.services.changes.take_payout_back import NoPayoutReturned, pay_out_again
from mingqu.services.privacy.erase_person import Open, erasure_standing
from mingqu.services.purpose.bind_money import card_of_loan
from mingqu.services.purpose.read_card import card_view
from mingqu.services.run_due_work import run_due_work
from mingqu.store import proof
from mingqu.store.proof.purpose import purposes
from tests.database.test_races import at_once, codes_of
from tests.journeys.api import open_site, sign_in
from tests.journeys.correcting import PRICE_FEN, corrected, propose_correction, publish_list, returned
from tests.journeys.pages import Phone
from tests.journeys.reading import (
    Books,
    arrive,
    assert_coherent,
    books_of,
    borrow,
    facts_of,
    limit_of,
    live_until,
    rows_of,
)
from tests.journeys.test_returned_payouts import again, came, came_back, loan_of
from tests.journeys.test_story_s0 import Buyer, buyer
from tests.world import OpenWorld

__all__ = ["buyer"]

MIGRATION = Path("src/mingqu/store/migrations/0159_loans_called_off.sql")


def told(world: OpenWorld, phone: object, template: str) -> list[str]:
    """Return the days that messages of a template named, in order."""
    return [one.values["on"].reveal() for one in world.sms.inbox(phone=phone) if one.template == template]  # type: ignore[arg-type]


def test_whoever_does_not_want_it_again_ends_the_loan_and_owes_nothing(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    free = limit_of(house, known.person_id)
    borrowed = borrow(world, known)
    loan_id, person_id = borrowed.signed.loan_id, known.person_id

    def end(key: str) -> UUID:
        return call_off(house, person_id=person_id, loan_id=loan_id, key=key)

    before = rows_of(house)
    for deed in (lambda: end("early"), lambda: call_off_view(house, person_id=person_id, loan_id=loan_id)):
        with pytest.raises(NoPayoutReturned):
            deed()
    assert rows_of(house) == before, "what was paid out is given back or repaid, and not called off"
    live_until(world, date(2026, 8, 20))
    came_back(world, borrowed)
    assert erasure_standing(house, person_id=person_id).open is Open.DEBT
    with pytest.raises(NotFound):
        call_off(house, person_id=house.id_for(person_id), loan_id=loan_id, key="stranger")
    seen = call_off_view(house, person_id=person_id, loan_id=loan_id)
    assert (seen.amount_fen, seen.owed_fen, seen.waits_since) == (1_000_000, 0, date(2026, 8, 20))
    assert (seen.closes_on, seen.to_payee, seen.version_waits) == (date(2026, 10, 19), False, False)
    # Both phones and a wish for the money at one moment: it is called off once, or paid again, and never both.
    said = at_once([lambda: end("phone"), lambda: end("laptop"), lambda: again(world, borrowed)])
    assert len([one for one in said if isinstance(one, UUID)]) == 1, said
    assert set(codes_of(said)) <= {"no_payout_returned", "payout_waiting"}
    if loan_of(world, borrowed).state.stage is Stage.PLANNED:  # the wish for the money came first; the card takes none
        world.bank.faults.plan("payout.send", Fault.REFUSE)
        with pytest.raises(PayoutWaiting):
            end("while it is on its way")
        work_until_idle(world)
        end("after all")
    ended = loan_of(world, borrowed)
    assert (ended.state.stage, ended.state.disbursements) == (Stage.CANCELLED, 0)
    assert books_of(house, loan_id) == Books()
    assert limit_of(house, person_id) == free
    (leaf,) = facts_of(house, person_id, "called_off")
    assert (leaf["cause"], leaf["returned"]) == ("borrower", borrowed.signed.payout_order_id.hex)
    before = rows_of(house)
    for refused in (lambda: end("twice"), lambda: again(world, borrowed, key="too late")):
        with pytest.raises(NoPayoutReturned):
            refused()
    assert rows_of(house) == before
    live_until(world, date(2026, 11, 1))
    assert told(world, known.newcomer.phone, "loan.called_off") == ["2026-08-20"]
    assert told(world, known.newcomer.phone, "loan.payout_waits") == [], "nobody is reminded of what has ended"
    assert came(world, date(2026, 10, 31)) == ([], [0]), "it did not start"
    assert_coherent(house)
    assert erasure_standing(house, person_id=person_id).open is None, "nothing of the loan keeps them here"


def test_a_car_that_is_not_wanted_any_more_ends_with_its_version_and_card(buyer: Buyer) -> None:
    house, world, person_id, signed = buyer.house, buyer.world, buyer.known.person_id, returned(buyer)
    loan_id = signed.loan_id
    publish_list(house)
    corrected(buyer, loan_id)
    with open_site(world) as site:
        client = sign_in(site, ZHOU)
        seen = client.preview_call_off(loan_id=loan_id)
        assert (seen.amount_fen, seen.owed_fen, seen.to_payee, seen.version_waits) == (PRICE_FEN, 0, True, True)
        token = client.token
    world.go_to(house.clock.now() + timedelta(minutes=2))  # two codes to one number need a while between them
    phone = Phone(world)
    phone.sign_in(ZHOU)
    address = f"/loans/{loan_id.hex}/call-off"
    assert address in phone.get(f"/loans/{loan_id.hex}/version").links
    assert address in phone.get(f"/loans/{loan_id.hex}/payout").links
    page = phone.get(address)
    assert ("50,000" in page.text, "0.00 元：没有本金、利息和费用" in page.text) == (True, True)
    (form,) = (one for one in page.forms if one.action == address)
    after = phone.send(form)
    assert (after.path, "这笔借款已取消" in after.text) == (f"/loans/{loan_id.hex}/payout", True)
    assert phone.send(form).path == after.path, "the form sent twice ends it once"
    assert phone.get(address).path == after.path
    (version,) = versions_view(house, person_id=person_id, loan_id=loan_id).versions
    assert version.state is VersionState.DECLINED
    card = card_view(house, person_id=person_id, card_id=card_of_loan(loan_id))
    assert (card.frozen_for, card.used_fen) == ("payout_came_back", 0)
    with pytest.raises(NoPayoutReturned):
        propose_correction(house, loan_id, key="too late")
    with open_site(world) as site:
        headers = {"authorization": f"Bearer {token}", "idempotency-key": "twice"}
        refused = site.http.post(f"/v1/loans/{loan_id}/call-off", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "no_payout_returned")
    (leaf,) = facts_of(house, person_id, "called_off")
    assert leaf["amount_fen"] == PRICE_FEN
    work_until_idle(world)
    assert_coherent(house)
    for table, forged, sees, found in (
        ("loan_event", "SET target = NULL WHERE kind = 'reversed'", proof.called_off, "is not unpaid"),
        ("loan", "SET stage = 'active'", proof.called_off, "is not unpaid"),
        ("loan_called_off", "SET called_off_at = called_off_at - interval '1 second'", proof.called_off, "of a loan"),
        ("loan_called_off", "SET event_id = loan_id", proof.orders_and_events, "do not agree"),
        ("purpose_card", "SET frozen_for = NULL", purposes, "is not stopped as its loan stands"),
    ):
        with house.database.transaction() as tx:
            tx.script(f"ALTER TABLE {table} DISABLE TRIGGER USER; UPDATE {table} {forged}")
            assert any(found in one for one in sees(tx)), forged


def test_what_nobody_asks_for_again_is_called_off_after_a_reminder_that_says_when(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    borrowed = borrow(world, known)
    came_back(world, borrowed)
    phone, since = known.newcomer.phone, house.clock.business_date()
    with house.database.transaction() as tx:  # as it stood before the house looked after such loans
        tx.execute("DELETE FROM work WHERE kind = 'payout_waits'")
        tx.script("INSERT INTO work" + MIGRATION.read_text().partition("INSERT INTO work")[2])
        tx.commit()
    work_until_idle(world)
    morning = timedelta(hours=10)
    world.go_to(start_of(since + timedelta(days=29)) + morning)
    assert run_due_work(house).notices == 0
    # Another try lets the days begin anew, also where it is refused.
    world.bank.faults.plan("payout.send", Fault.REFUSE)
    again(world, borrowed)
    world.go_to(start_of(since + timedelta(days=30)) + morning)
    work_until_idle(world)
    since = business_date_of(house.clock.now()) - timedelta(days=1)
    assert told(world, phone, "loan.payout_waits") == []
    # The reminder comes ten days late, and so does the end: between them lie as many days as the rows have.
    world.go_to(start_of(since + timedelta(days=40)) + morning)
    work_until_idle(world)
    closes_on = since + timedelta(days=70)
    assert told(world, phone, "loan.payout_waits") == [closes_on.isoformat()]
    seen = call_off_view(house, person_id=known.person_id, loan_id=borrowed.signed.loan_id)
    assert (seen.waits_since, seen.closes_on) == (since, closes_on)
    world.go_to(start_of(closes_on - timedelta(days=1)) + morning)
    work_until_idle(world)
    assert loan_of(world, borrowed).state.stage is Stage.PLANNED
    world.go_to(start_of(closes_on) + morning)
    work_until_idle(world)
    assert loan_of(world, borrowed).state.stage is Stage.CANCELLED
    assert facts_of(house, known.person_id, "called_off")[0]["cause"] == "time"
    assert told(world, phone, "loan.called_off") == [closes_on.isoformat()]
    assert told(world, phone, "loan.payout_waits") == [closes_on.isoformat()]
    with pytest.raises(NoPayoutReturned):
        pay_out_again(
            house,
            person_id=known.person_id,
            loan_id=borrowed.signed.loan_id,
            instrument_id=known.instrument_id,
            key="late",
        )
    assert_coherent(house)
