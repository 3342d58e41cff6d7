"""Bugs that were found with the simulation, told short on its stage: each of these ended wrongly once.

A seed's history changes when the simulation does; a story stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.domain.moment import start_of
from mingqu.domain.order import Order, OrderState
from mingqu.domain.word import Paid
from mingqu.jobs.worker import Resting, work_once
from mingqu.ports.notice import Notice, NoticeUnsigned
from mingqu.services.incoming.take_notice import take_notice
from mingqu.services.orders.end_agreement import stop_agreement
from mingqu.services.orders.run_errand import run_errand
from mingqu.services.privacy.give_consent import give_consent
from mingqu.services.repayment.repay import AgreementRefused, confirm_agreement, request_agreement
from mingqu.simulation.agreement import agree, withdraw
from mingqu.simulation.dice import Dice
from mingqu.simulation.mortal_database import End, WorkerKilled
from mingqu.simulation.people import Person
from mingqu.simulation.platform import PlatformHistory
from mingqu.simulation.platform_truth import PlatformTruth
from mingqu.simulation.playhouse import Playhouse
from mingqu.simulation.signed_notices import TARGET, post
from mingqu.simulation.stage import BEGINS_ON, Stage
from mingqu.simulation.weather import FINE
from mingqu.store.loans import repayment
from mingqu.store.orders import order
from mingqu.store.server.database import DatabaseUnavailable

ASKS_MAX = 60  # half an hour apart: more than a day
_numbers = iter(range(1_000_000, 2_000_000))  # of plays, none of them a seed's


@pytest.fixture
def play(stage: Stage) -> Iterator[Playhouse]:
    """A house on a copy of the prepared book, everything well."""
    with stage.play(seed=next(_numbers)) as opened:
        yield opened


def borrower(stage: Stage, play: Playhouse, *, place: int) -> Person:
    known = stage.borrowers[place]
    return Person(
        play=play,
        dice=Dice(seed=1),
        newcomer=known.newcomer,
        person_id=known.person_id,
        instrument_id=known.instrument_id,
    )


def work(play: Playhouse) -> None:
    while work_once(play.house, report=lambda _: None, resting=Resting()).busy:
        pass


def open_orders(play: Playhouse) -> list[Order]:
    with play.house.database.transaction() as tx:
        return [one for cell in range(tx.cells) for one in order.open_orders(tx, cell=cell)]


def agreements(play: Playhouse, person: Person) -> list[str]:
    with play.house.database.transaction() as tx:
        return [one.state for one in repayment.agreements_of(tx, person_id=person.own_id)]


def begin_agreement(play: Playhouse, person: Person, *, key: str) -> UUID:
    house, instrument_id = play.house, person.instrument_id
    assert instrument_id is not None
    give_consent(
        house,
        person_id=person.own_id,
        purpose=ConsentPurpose.AUTO_REPAYMENT,
        recipient=house.settings.operator_name,
        key=f"consent to {key}",
    )
    return request_agreement(house, person_id=person.own_id, instrument_id=instrument_id, key=key)


def test_a_deduction_that_was_announced_and_never_said_ends_though_its_agreement_ended_first(
    stage: Stage, play: Playhouse
) -> None:
    """The worker died between the two, the agreement ended, and the bank said "not found" for ever."""
    due_on = BEGINS_ON + timedelta(days=1)
    play.clock.advance_to(start_of(due_on) + timedelta(hours=1))
    work(play)
    play.clock.advance_to(start_of(due_on) + timedelta(hours=9, minutes=1))
    announced = open_orders(play)[0]
    play.fate.doom(End.KILLED, after_points=1, behind_commit=True)
    with pytest.raises(WorkerKilled):
        run_errand(play.house, order_id=announced.order_id)
    place = next(at for at, one in enumerate(stage.borrowers) if one.person_id == announced.person_id)
    withdraw(borrower(stage, play, place=place))
    for _ in range(ASKS_MAX):
        work(play)
        play.clock.advance(timedelta(minutes=31))
        if not open_orders(play):
            break
    with play.house.database.transaction() as tx:
        ended = order.load(tx, order_id=announced.order_id)
    assert ended.state is OrderState.FAILED
    assert announced.number not in play.bank.moved()
    PlatformTruth(play=play).look()


def test_an_agreement_whose_consent_was_withdrawn_before_it_was_confirmed_never_holds(
    stage: Stage, play: Playhouse
) -> None:
    """It became active without any consent, and deductions went out under it."""
    person = borrower(stage, play, place=0)
    agreement_id = begin_agreement(play, person, key="again")
    withdraw(person)
    with pytest.raises(ConsentMissing):
        confirm_agreement(play.house, person_id=person.own_id, agreement_id=agreement_id, code=person.latest_code())
    assert "active" not in agreements(play, person)


def test_an_agreement_that_was_ended_does_not_come_back_when_it_is_confirmed_once_more(
    stage: Stage, play: Playhouse
) -> None:
    """The bank had not heard of the end yet, so it confirmed, and the book took the agreement for active again."""
    person = borrower(stage, play, place=0)
    agreement_id = begin_agreement(play, person, key="short")
    code = person.latest_code()
    confirm_agreement(play.house, person_id=person.own_id, agreement_id=agreement_id, code=code)
    stop_agreement(play.house, person_id=person.own_id, agreement_id=agreement_id)
    with pytest.raises(AgreementRefused):
        confirm_agreement(play.house, person_id=person.own_id, agreement_id=agreement_id, code=code)
    assert "active" not in agreements(play, person)


def test_the_bank_hears_of_an_agreement_that_a_newer_one_replaced(stage: Stage, play: Playhouse) -> None:
    """The older one ended on our side alone: the bank would have deducted under it for ever."""
    person = borrower(stage, play, place=0)
    agreement_id = begin_agreement(play, person, key="newer")
    confirm_agreement(play.house, person_id=person.own_id, agreement_id=agreement_id, code=person.latest_code())
    confirm_agreement(play.house, person_id=person.own_id, agreement_id=agreement_id, code=person.latest_code())
    assert sorted(agreements(play, person)) == ["active", "ended"]
    work(play)
    agreed = len(stage.borrowers) - 1  # one of them has no loan
    assert sorted(play.bank.agreement_states()) == ["agreed"] * agreed + ["canceled"]
    agree(person)  # finds one, and makes no other
    assert sorted(agreements(play, person)) == ["active", "ended"]


def test_a_forged_notice_whose_refusal_cannot_be_noted_is_refused_all_the_same(stage: Stage, play: Playhouse) -> None:
    """The history took it for believed, because it heard that the database went away and not who had not signed."""
    play.clock.advance_to(start_of(BEGINS_ON) + timedelta(hours=13, minutes=30))
    waiting = open_orders(play)[0]
    paid = Paid(at=play.clock.now(), amount_fen=waiting.amount_fen, currency="CNY", reference="forged")
    sent = post(Notice(notice_id="forged", order_number=waiting.number, word=paid), at=play.clock.now(), genuine=False)
    play.fate.doom(End.SESSION_LOST, after_points=1, behind_commit=False)
    for refusal in (DatabaseUnavailable, NoticeUnsigned):
        with pytest.raises(refusal):
            take_notice(play.house, source="bank", target=TARGET, headers=sent.headers, body=sent.body)
        play.fate.spare()
    assert [one.state for one in open_orders(play) if one.order_id == waiting.order_id] == [waiting.state]
    play.fate.doom(End.SESSION_LOST, after_points=1, behind_commit=False)
    history = PlatformHistory(stage, 0, weather=FINE)
    history._play = play
    history._doom = lambda: None  # type: ignore[method-assign]  # the session is lost already
    history._post(Notice(notice_id="forged", order_number=waiting.number, word=paid), genuine=False)
    assert history.tally.operations["forged notice"] == 1
