"""Somebody asks that a person looks at it: the request waits in a queue, is taken, answered, and the answer is read."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import Known, be_assessed, introduce
from mingqu.demo.people import CHUAN
from mingqu.domain.operator import OperatorForbidden
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.review import TAKEN_FOR, AnswerMalformed, ReviewAnswered, ReviewNotTaken, ReviewTaken
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.appeals.answer_review import answer_review, take_review
from mingqu.services.appeals.ask_for_person import Asked, ask_for_person
from mingqu.services.appeals.read_review import list_reviews, read_review, review_of, reviews_waiting
from mingqu.services.decisions.assess import AppliedTooSoon
from mingqu.services.decisions.read_limit import decision_view
from mingqu.services.evidence.verify_book import verify_book
from tests.console import signed_in
from tests.database.test_races import at_once, codes_of
from tests.journeys.reading import arrive, assert_coherent, borrow, facts_of, rows_of
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

WORDS = Personal("我们看过您的信用报告：最近两个月的逾期仍在。")


def refused(world: OpenWorld) -> tuple[Known, UUID]:
    """Return somebody who was refused, and the decision."""
    known = introduce(world, CHUAN, balance_fen=0)
    be_assessed(world, known, amount_fen=800_000)
    return known, decision_view(world.house, person_id=known.person_id).decision_id


def ask(world: OpenWorld, known: Known, decision_id: UUID, *, wish: str = "review", key: str = "please") -> Asked:
    return ask_for_person(world.house, person_id=known.person_id, wish=wish, decision_id=decision_id, key=key)


def answer(world: OpenWorld, seat: Seat, request_id: UUID, outcome: str, words: Personal[str] = WORDS) -> None:
    answer_review(world.house, seat=seat, request_id=request_id, outcome=outcome, answer=words)


def test_a_request_waits_is_taken_and_answered_and_whoever_asked_reads_it(world: OpenWorld) -> None:
    house, (known, decision_id) = world.house, refused(world)
    asked, seat = ask(world, known, decision_id), seat_of(world.house, "risk")
    world.clock.advance(timedelta(hours=5))
    (waiting,), _ = list_reviews(house, seat=seat)
    assert (waiting.request.request_id, waiting.waited, waiting.taken_by) == (
        asked.request_id,
        timedelta(hours=5),
        None,
    )
    assert reviews_waiting(house, seat=seat) == 1
    before = decision_view(house, person_id=known.person_id).review
    assert before is not None
    assert (before.answered_at, before.outcome, before.answer) == (None, None, None)
    with pytest.raises(ReviewNotTaken):
        answer(world, seat, asked.request_id, "upheld")
    for _ in range(2):
        take_review(house, seat=seat, request_id=asked.request_id)
    for _ in range(2):  # sent twice it is one answer
        answer(world, seat, asked.request_id, "upheld")
    seen = decision_view(house, person_id=known.person_id).review
    assert seen is not None
    assert (seen.outcome, seen.answer) == ("upheld", WORDS.reveal())
    assert review_of(house, person_id=known.person_id, request_id=asked.request_id) == seen
    assert reviews_waiting(house, seat=seat) == 0
    (fact,) = facts_of(house, known.person_id, "review")
    assert (fact["wish"], fact["outcome"]) == ("review", "upheld")
    assert not [row for table in rows_of(house).values() for row in table if WORDS.reveal() in row], "it is sealed"
    with pytest.raises(ReviewAnswered):
        answer(world, seat, asked.request_id, "reassess")
    with pytest.raises(AppliedTooSoon):
        be_assessed(world, known, amount_fen=800_000)
    assert_coherent(house)


def test_who_is_to_be_assessed_again_may_apply_at_once(world: OpenWorld) -> None:
    house, (known, decision_id) = world.house, refused(world)
    assert decision_view(house, person_id=known.person_id).retry_on is not None
    asked, seat = ask(world, known, decision_id), seat_of(house, "risk")
    take_review(house, seat=seat, request_id=asked.request_id)
    answer(world, seat, asked.request_id, "reassess")
    assert decision_view(house, person_id=known.person_id).retry_on is None
    world.go_to(house.clock.now() + timedelta(minutes=1))
    be_assessed(world, known, amount_fen=800_000)
    assert decision_view(house, person_id=known.person_id).review is None, "the new decision was asked about by nobody"
    with pytest.raises(AppliedTooSoon):
        be_assessed(world, known, amount_fen=800_000)
    assert_coherent(house)


def test_a_request_is_one_persons_work_until_they_had_it_for_hours(world: OpenWorld) -> None:
    house, (known, decision_id) = world.house, refused(world)
    asked = ask(world, known, decision_id)
    first, second = seat_of(house, "risk", name="first"), seat_of(house, "operations", name="second")
    for number in range(4):  # a race is seen by whoever looks more than once
        again = ask(world, known, decision_id, key=f"again {number}")
        calls = [lambda seat=seat, one=again: take_review(house, seat=seat, request_id=one.request_id)
                 for seat in (first, second, *(seat_of(house, "risk", name=f"more{n}") for n in range(3)))]  # fmt: skip
        assert codes_of(at_once(calls)) == ["review_taken"] * 4
    calls = [lambda seat=seat: take_review(house, seat=seat, request_id=asked.request_id) for seat in (first, second)]
    assert codes_of(at_once(calls)) == ["review_taken"]
    mine, other = (
        (first, second) if read_review(house, seat=first, request_id=asked.request_id).line.own else (second, first)
    )
    with pytest.raises(ReviewNotTaken):
        answer(world, other, asked.request_id, "upheld")
    with pytest.raises(ReviewTaken):
        take_review(house, seat=other, request_id=asked.request_id)
    world.clock.advance(TAKEN_FOR)
    take_review(house, seat=other, request_id=asked.request_id)
    with pytest.raises(ReviewNotTaken):
        answer(world, mine, asked.request_id, "upheld")
    answer(world, other, asked.request_id, "upheld")
    assert_coherent(house)


def test_an_answer_fits_the_wish_and_says_something(world: OpenWorld) -> None:
    house, seat = world.house, seat_of(world.house, "risk")
    taken = borrow(world, arrive(world))
    about_loan = ask_for_person(
        house, person_id=taken.known.person_id, wish="talk", loan_id=taken.signed.loan_id, key="talk"
    )
    known, decision_id = refused(world)
    about_decision = ask(world, known, decision_id)
    for asked, outcome, words in (
        (about_loan, "reassess", WORDS),
        (about_decision, "answered", WORDS),
        (about_decision, "nonsense", WORDS),
        (about_decision, "upheld", Personal("no")),
        (about_decision, "upheld", Personal("x" * 501)),
    ):
        take_review(house, seat=seat, request_id=asked.request_id)
        with pytest.raises(AnswerMalformed):
            answer(world, seat, asked.request_id, outcome, words)
    answer(world, seat, about_loan.request_id, "answered")
    with pytest.raises(NotFound):
        review_of(house, person_id=known.person_id, request_id=about_loan.request_id)
    with pytest.raises(NotFound):
        take_review(house, seat=seat, request_id=decision_id)
    for role in ("auditor", "admin", "lender:tinglan"):
        with pytest.raises(OperatorForbidden):
            take_review(house, seat=seat_of(house, role), request_id=about_decision.request_id)


def test_verify_sees_an_answer_that_was_never_given(world: OpenWorld) -> None:
    house, (known, decision_id) = world.house, refused(world)
    asked, seat = ask(world, known, decision_id), seat_of(world.house, "risk")
    take_review(house, seat=seat, request_id=asked.request_id)
    with house.database.transaction() as tx:
        tx.execute("UPDATE review SET answered_at = now(), answered_by = taken_by, outcome = 'reassess'")
        tx.commit()
    report = verify_book(database=house.database, keyring=house.keyring)
    assert [number for number, holds in report.holds.items() if not holds] == [8]


def test_the_console_shows_takes_and_answers_it(world: OpenWorld) -> None:
    known, decision_id = refused(world)
    asked = ask(world, known, decision_id)
    desk, page = signed_in(world.house, "risk"), f"/console/reviews/{asked.request_id.hex}"
    assert page in desk.get("/console/reviews").text
    assert "我来处理" in desk.get(page).text
    assert desk.post(f"{page}/answer", seen_on=page, outcome="upheld", answer=WORDS.reveal()).status_code == 409
    assert desk.post(f"{page}/take", seen_on=page).status_code == 303
    other = signed_in(world.house, "operations")
    assert other.post(f"{page}/take", seen_on=page).status_code == 409
    short = desk.post(f"{page}/answer", seen_on=page, outcome="upheld", answer="no")
    assert (short.status_code, "answer_malformed" in short.text) == (422, True)
    assert desk.post(f"{page}/answer", seen_on=page, outcome="upheld", answer=WORDS.reveal()).status_code == 303
    assert WORDS.reveal() in desk.get(page).text
    assert "维持原结果" in desk.get("/console/reviews").text
    log = signed_in(world.house, "auditor").get("/console/access", person=known.person_id.hex).text
    assert "打开人工复核" in log
    assert WORDS.reveal() not in log
