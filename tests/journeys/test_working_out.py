"""A loan that nobody pays is called in, taken for lost, restored and given up, each by two people at the console."""

from __future__ import annotations

import re
from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.canonical import Canonical
from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import Receipt, Repaid, Stage
from mingqu.domain.moment import start_of
from mingqu.domain.proposal import Deed, ProposalStale
from mingqu.services.changes.work_out_loan import (
    WorkOut,
    WorkOutImpossible,
    read_work_out,
)
from mingqu.services.proposals.propose import approve, decline, propose
from mingqu.services.repayment.read_loans import loan_view
from tests.console import employ, visitor
from tests.journeys.pages import Phone
from tests.journeys.reading import assert_coherent, do_morning, live_until
from tests.journeys.test_loan_events import in_arrears, lender_fen
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

WHY = "多次联系未果，已无还款可能"


def possible(world: OpenWorld, loan_id: UUID) -> set[str]:
    seen = read_work_out(world.house, seat=seat_of(world.house, "operations"), loan_id=loan_id)
    return {one.value for one in seen.possible}


def proposed(world: OpenWorld, loan_id: UUID, what: WorkOut, *, key: str = "") -> UUID:
    world.go_to(world.house.clock.now() + timedelta(seconds=1))  # events of one day are in the order of their ids
    asked: dict[str, Canonical] = {"work_out": what.value}
    return propose(
        world.house,
        seat=seat_of(world.house, "operations"),
        deed=Deed.WORK_OUT_LOAN,
        subject_id=loan_id,
        asked=asked,
        reason=WHY,
        key=key or what.value,
    )


def done(world: OpenWorld, loan_id: UUID, what: WorkOut, *, key: str = "") -> None:
    checker = seat_of(world.house, "operations", name="second")
    approve(world.house, seat=checker, proposal_id=proposed(world, loan_id, what, key=key))


def test_a_loan_is_called_in_lost_restored_and_given_up_by_two_people(world: OpenWorld) -> None:
    known, borrowed, change = in_arrears(world, date(2026, 12, 14))
    loan_id = borrowed.signed.loan_id
    assert (change.state.overdue_days(date(2026, 12, 14)), possible(world, loan_id)) == (90, set())
    with pytest.raises(WorkOutImpossible):
        proposed(world, loan_id, WorkOut.CALL_IN)
    live_until(world, date(2026, 12, 15))
    assert possible(world, loan_id) == {"call_in"}
    with pytest.raises(WorkOutImpossible):
        proposed(world, loan_id, WorkOut.CHARGE_OFF)

    # Called in at the console: one proposes, another approves; all of it is due, and its borrower is told.
    desk = visitor(world.house)
    desk.sign_in(employ(world.house, "operations", name="collector"))
    page = f"/console/collection/{loan_id.hex}"
    key = desk.get(page).text.split('name="key" value="')[1][:32]
    sent = desk.post(f"{page}/work-out", seen_on=page, work_out="call_in", reason=WHY, key=key)
    assert "宣布提前到期" in desk.get(sent.headers["location"]).text
    proposal_id = UUID(sent.headers["location"].rsplit("/", 1)[1])
    approve(world.house, seat=seat_of(world.house, "operations", name="second"), proposal_id=proposal_id)
    state = change.state
    assert (state.ended, state.stage, possible(world, loan_id)) == (True, Stage.ACTIVE, set())
    live_until(world, date(2026, 12, 16))
    (told,) = [one for one in world.sms.inbox(phone=XIA.phone) if one.template == "loan.called_in"]
    assert told.values["on"].reveal() == "2026-12-15"
    assert_coherent(world.house)

    # After 360 days it is a loss: the lender's, until that is undone; only what is lost is given up.
    world.go_to_date(date(2027, 9, 11))  # nobody closes the days between, which take long
    do_morning(world)
    assert possible(world, loan_id) == {"charge_off"}
    done(world, loan_id, WorkOut.CHARGE_OFF)
    assert change.state.stage is Stage.CHARGED_OFF
    waiting = proposed(world, loan_id, WorkOut.GIVE_UP)
    assert possible(world, loan_id) == {"undo", "give_up"}
    change(Repaid, amount_fen=500, receipt=Receipt.GOODWILL)
    with pytest.raises(ProposalStale):
        approve(world.house, seat=seat_of(world.house, "operations", name="second"), proposal_id=waiting)
    decline(world.house, seat=seat_of(world.house, "operations"), proposal_id=waiting, reason="借款人有还款，先撤回")
    done(world, loan_id, WorkOut.UNDO)
    assert change.state.stage is Stage.ACTIVE
    assert_coherent(world.house)
    done(world, loan_id, WorkOut.CHARGE_OFF, key="again")
    owed_fen = change.state.payable.principal_fen  # what it bore meanwhile was no income yet, so it is no loss
    done(world, loan_id, WorkOut.GIVE_UP, key="give up")
    assert lender_fen(world, borrowed, AccountCode.CREDIT_LOSS) == owed_fen > 0
    assert change.state.stage is Stage.WRITTEN_OFF
    world.go_to(start_of(date(2027, 9, 12)) + timedelta(hours=12))
    work_until_idle(world)
    (last,) = [one for one in world.sms.inbox(phone=XIA.phone) if one.template == "loan.given_up"]
    assert last.values["amount"].reveal() == "0.00"
    nothing_of_it_is_owed_by_its_pages(world, known.person_id, loan_id)
    assert_coherent(world.house)


def nothing_of_it_is_owed_by_its_pages(world: OpenWorld, person_id: UUID, loan_id: UUID) -> None:
    seen = loan_view(world.house, person_id=person_id, loan_id=loan_id)
    assert (seen.next_due, {(row.state, row.unpaid_fen) for row in seen.rows}) == (None, {("given_up", 0)})
    phone = Phone(world)
    phone.sign_in(XIA)
    page = phone.get(f"/loans/{loan_id.hex}").text
    assert page.count("已免除") == len(seen.rows)
    assert not re.search(r"逾期 \d+ 天", page)
    assert "已免除" in phone.get("/loans").text
