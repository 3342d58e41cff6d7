"""Somebody complains and disputes what is reported: over pages and API, answered in time, marked meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest

from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.grievance import Clock, GrievanceNotExtendable, GrievancesTooMany
from mingqu.domain.operator import OperatorForbidden
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.services.appeals.answer_grievance import answer_grievance, escalate_grievance, extend_grievance
from mingqu.services.appeals.raise_grievance import raise_grievance
from mingqu.services.appeals.read_grievance import grievance_of, grievances_of, list_grievances
from mingqu.services.collection.list_overdue import list_overdue
from tests.console import employ, visitor
from tests.journeys.reading import arrive, assert_coherent, borrow, facts_of, live_until, rows_of
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

WORDS = Personal("九月的账单我已经还清，报送的信息仍然是逾期。")
ANSWER = Personal("我们核对了入账，报送已经更正，抱歉给您添麻烦。")


def test_a_complaint_and_a_dispute_are_answered_by_their_clocks(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    person_id, loan_id = known.person_id, borrow(world, known).signed.loan_id
    seat, today = seat_of(house, "operations"), house.clock.business_date()

    def say(kind: str, key: str, words: Personal[str] = WORDS) -> object:
        about = loan_id if kind == "credit_dispute" else None
        return raise_grievance(house, person_id=person_id, kind=kind, words=words, loan_id=about, key=key)

    dispute = raise_grievance(
        house, person_id=person_id, kind="credit_dispute", words=WORDS, loan_id=loan_id, key="dispute"
    )
    assert say("credit_dispute", "dispute") == dispute, "sent twice it is one"
    complaint = raise_grievance(house, person_id=person_id, kind="complaint", words=WORDS, key="complaint")
    seen = grievance_of(house, person_id=person_id, grievance_id=dispute)
    assert (seen.grievance.due_on, seen.grievance.document) == (today + timedelta(days=20), "征信业管理条例 art. 25")
    waiting, _ = list_grievances(house, seat=seat)
    assert [line.grievance.grievance_id for line in waiting] == [complaint, dispute], "what is due first comes first"
    assert [line.days_left for line in waiting] == [15, 20]
    assert not [row for rows in rows_of(house).values() for row in rows if WORDS.reveal() in row], "it is sealed"

    # Somebody else's is not found; who may not answer changes nothing; five at once are enough.
    with pytest.raises(NotFound):
        grievance_of(house, person_id=house.id_for(person_id), grievance_id=dispute)
    with pytest.raises(OperatorForbidden):
        answer_grievance(house, seat=seat_of(house, "auditor"), grievance_id=dispute, outcome="justified", words=ANSWER)
    for number in range(3):
        say("complaint", f"more {number}")
    with pytest.raises(GrievancesTooMany):
        say("complaint", "one too many")

    # A difficult complaint takes longer, once, and its clock with it; a dispute does not.
    extend_grievance(house, seat=seat, grievance_id=complaint, words=ANSWER)
    longer = grievance_of(house, person_id=person_id, grievance_id=complaint)
    assert (longer.grievance.due_on, longer.extension) == (today + timedelta(days=60), ANSWER.reveal())
    for one in (complaint, dispute):
        with pytest.raises(GrievanceNotExtendable):
            extend_grievance(house, seat=seat, grievance_id=one, words=ANSWER)
    world.go_to_date(today + timedelta(days=21))
    assert grievance_of(house, person_id=person_id, grievance_id=dispute).clock is Clock.LATE
    escalate_grievance(house, seat=seat, grievance_id=dispute, reason="超过二十天仍未答复")

    # Answered at the console; whoever raised it reads it.
    desk = visitor(house)
    assert desk.sign_in(employ(house, "operations", name="answerer")).status_code == 303
    page = f"/console/grievances/{dispute.hex}"
    assert WORDS.reveal() in desk.get(page).text
    sent = desk.post(f"{page}/answer", seen_on=page, outcome="justified", words=ANSWER.reveal())
    assert sent.status_code == 303, sent.text
    answered = grievance_of(house, person_id=person_id, grievance_id=dispute)
    assert (answered.clock, answered.answer) == (Clock.ENDED, ANSWER.reveal())
    again = desk.post(f"{page}/answer", seen_on=page, outcome="unjustified", words=ANSWER.reveal())
    assert (again.status_code, "grievance_answered" in again.text) == (409, True)
    assert len(grievances_of(house, person_id=person_id)) == 5
    facts = [(fact["what"], fact["late"]) for fact in facts_of(house, person_id, "grievance") if "late" in fact]
    assert facts == [("extended", False), ("escalated", True), ("answered", True)]
    with house.database.transaction() as tx, pytest.raises(psycopg.errors.RaiseException):
        tx.execute("UPDATE grievance SET outcome = 'partly' WHERE grievance_id = %s", (dispute,))


def test_nobody_is_reported_overdue_before_they_were_told_and_a_dispute_is_marked(world: OpenWorld) -> None:
    house, known, other = world.house, arrive(world), arrive(world, ZHOU)
    told = borrow(world, known).signed.loan_id
    untold = borrow(world, other).signed.loan_id
    for newcomer in (XIA, ZHOU):
        world.deposit(newcomer, -world.balance_fen(newcomer))
    live_until(world, date(2026, 9, 18))
    with house.database.transaction() as tx:  # as if the message had not gone out yet
        tx.execute("UPDATE work SET done_at = NULL WHERE subject_id = %s AND kind = 'notice'", (untold,))
        tx.commit()
    raise_grievance(house, person_id=known.person_id, kind="credit_dispute", words=WORDS, loan_id=told, key="dispute")
    found = {row.debt_id: row for row in list_overdue(house)}
    assert set(found) == {told, untold}
    assert (found[told].held_back, found[told].disputed, found[told].overdue_days) == (None, True, 3)
    # 3 % of all of the principal, up to a fen.
    assert (found[told].asset_class.value, found[told].provision_fen) == ("special_mention", 30_000)
    breach = found[untold].held_back
    assert breach is not None
    assert (breach.rule.id, breach.rule.document) == ("bad_information_notice_min", "征信业管理条例 art. 15")
    assert_coherent(replace(house))
