"""Somebody is assessed again: limits rise after a pause, are cut, run out; loans and holds stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

import psycopg
import pytest

from mingqu.demo.journey import Known, pay_by_hand, take_loan, work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.limit import AssessmentExpired, RaisePauses
from mingqu.domain.loan import Intent
from mingqu.domain.personal import Personal
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import sign_contract
from mingqu.services.decisions.assess import AssessedAlready, Assessment, assess, may_be_assessed
from mingqu.services.decisions.read_limit import LimitView, limit_view
from mingqu.services.evidence.verify_book import verify_as_it_stands
from mingqu.services.loans.reserve_payout import LimitExceeded
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import NoLimit, make_offers
from mingqu.services.privacy.give_consent import give_consent
from tests.database.test_races import at_once, codes_of
from tests.journeys.pages import Phone
from tests.journeys.reading import Limit, arrive, assert_coherent, borrow, limit_of, rows_of
from tests.world import OpenWorld

TERMS = {"instalments": 6, "method": "equal_instalment"}
GRANTED = 3_000_000
OPENED = date(2026, 9, 2)  # the strategy in force since September says for how long it holds
PAUSE = timedelta(hours=24)


def known_as(world: OpenWorld, features: Mapping[str, int]) -> None:
    """Let the bureau know other things of Xia from now on."""
    world.bureau.know(id_number=XIA.id_number, features=features)


def granted_on(world: OpenWorld, day: date = OPENED) -> Known:
    """Let Xia be assessed on a day of the strategy that says for how long."""
    world.go_to_date(day)
    return arrive(world)


def again(
    world: OpenWorld, known: Known, features: Mapping[str, int], *, application_id: UUID | None = None
) -> Assessment:
    """Let a person be assessed again with what the bureau knows now."""
    known_as(world, features)
    return assess(
        world.house,
        person_id=known.person_id,
        application_id=application_id or world.house.id_for(known.person_id),
        requested_amount_fen=1_000_000,
        monthly_income_fen=known.newcomer.monthly_income_fen,
    )


def sign(
    world: OpenWorld, known: Known, offer_id: UUID, code: Personal[str], *, key: str, payout_at_hours: int = 0
) -> object:
    """Sign an offer that lacks only that."""
    return sign_contract(
        world.house,
        person_id=known.person_id,
        offer_id=offer_id,
        instrument_id=known.instrument_id,
        payout_at=world.house.clock.now() + timedelta(hours=payout_at_hours) if payout_at_hours else None,
        code=code,
        key=key,
    )


def limit(world: OpenWorld, person_id: UUID) -> LimitView:
    found = limit_view(world.house, person_id=person_id)
    assert found is not None
    return found


def signed_at(world: OpenWorld, known: Known, *, amount_fen: int) -> tuple[UUID, Personal[str]]:
    """Make an offer that lacks only its signature; return its id and the code."""
    house, person_id = world.house, known.person_id
    offered = make_offers(house, person_id=person_id, amount_fen=amount_fen, **TERMS)[0]  # type: ignore[arg-type]
    offer_id = offered.offer.offer_id
    table = show_cost_table(house, person_id=person_id, offer_id=offer_id)
    world.go_to(house.clock.now() + timedelta(seconds=61))
    confirm_cost_table(house, person_id=person_id, disclosure_id=table.disclosure_id)
    give_consent(
        house,
        person_id=person_id,
        purpose=ConsentPurpose.PASS_TO_LENDER,
        recipient=offered.lender_name_zh,
        key=f"consent {ConsentPurpose.PASS_TO_LENDER.value} {offered.lender_name_zh}",
    )
    send_signing_code(house, person_id=person_id, offer_id=offer_id)
    return offer_id, world.read_code(known.newcomer.phone)


def test_a_raise_is_granted_at_once_and_of_use_after_its_pause(world: OpenWorld) -> None:
    house, known = world.house, granted_on(world)
    person_id = known.person_id
    assert limit(world, person_id).valid_until == date(2027, 9, 2)
    with pytest.raises(AssessedAlready):
        again(world, known, ZHOU.features)
    assert not may_be_assessed(house, person_id=person_id)
    world.go_to_date(date(2026, 12, 1))  # ninety days
    assert may_be_assessed(house, person_id=person_id)
    application_id = house.id_for(person_id)
    made = again(world, known, ZHOU.features, application_id=application_id)
    resent = again(world, known, ZHOU.features, application_id=application_id)
    assert (resent.decision_id, resent.decision.record_bytes()) == (made.decision_id, made.decision.record_bytes())
    raised = limit(world, person_id)
    assert (raised.granted_fen, raised.available_fen, raised.waiting_fen) == (4_000_000, GRANTED, 1_000_000)
    assert raised.usable_at == house.clock.now() + PAUSE
    assert {(one.granted_fen, one.available_fen, one.rate_year_ppm) for one in raised.products} == {
        (4_000_000, GRANTED, 126_000),
        (4_000_000, GRANTED, 150_000),
        (4_000_000, GRANTED, 72_000),  # what came with the products of 2026-11-20
        (4_000_000, GRANTED, 120_000),
    }
    with pytest.raises(NoLimit):
        make_offers(house, person_id=person_id, amount_fen=GRANTED + 10_000, **TERMS)  # type: ignore[arg-type]
    assert_coherent(house)
    world.go_to(house.clock.now() + PAUSE - timedelta(minutes=1))
    assert limit(world, person_id).available_fen == GRANTED
    world.go_to(house.clock.now() + timedelta(minutes=1))
    after = limit(world, person_id)
    assert (after.available_fen, after.waiting_fen, after.usable_at) == (4_000_000, 0, None)
    take_loan(world, known, amount_fen=4_000_000, **TERMS)  # type: ignore[arg-type]
    work_until_idle(world)
    assert limit_of(house, person_id) == Limit(granted=4_000_000, available=0, drawn=4_000_000, held=0)
    assert_coherent(house)


def test_an_offer_made_before_a_raise_is_not_signed_against_what_waits(world: OpenWorld) -> None:
    house, known = world.house, granted_on(world)
    world.go_to_date(date(2026, 12, 1))
    first, first_code = signed_at(world, known, amount_fen=2_000_000)
    again(world, known, ZHOU.features)
    sign(world, known, first, first_code, key="within what was of use before")
    second, _ = signed_at(world, known, amount_fen=1_000_000)
    borrow(world, known, amount_fen=100_000)
    world.go_to(house.clock.now() + timedelta(seconds=61))
    send_signing_code(house, person_id=known.person_id, offer_id=second)
    code = world.read_code(known.newcomer.phone)
    with pytest.raises(RaisePauses):
        sign(world, known, second, code, key="from what waits")
    assert_coherent(house)


def test_a_cut_leaves_loans_and_holds_and_nothing_is_lent_until_enough_is_repaid(world: OpenWorld) -> None:
    house, known = world.house, granted_on(world, date(2026, 9, 2))
    person_id = known.person_id
    world.go_to_date(date(2026, 12, 1))
    taken = borrow(world, known, amount_fen=1_500_000)
    held, code = signed_at(world, known, amount_fen=1_000_000)
    sign(world, known, held, code, key="held", payout_at_hours=48)
    late, late_code = signed_at(world, known, amount_fen=100_000)
    again(world, known, {**XIA.features, "total_exposure_fen": 18_000_000})  # what is left of the ceiling: 20,000 yuan
    assert limit_of(house, person_id) == Limit(
        granted=2_000_000, available=0, drawn=1_500_000, held=1_000_000, above=500_000
    )
    view = limit(world, person_id)
    assert (view.available_fen, view.drawn_fen, view.held_fen) == (0, 1_500_000, 1_000_000)
    before = rows_of(house)
    with pytest.raises(LimitExceeded):
        sign(world, known, late, late_code, key="after the cut")
    assert {name for name, rows in rows_of(house).items() if rows != before[name]} <= {"signal", "signal_key", "work"}
    assert_coherent(house)
    world.go_to(house.clock.now() + timedelta(hours=48))
    work_until_idle(world)
    assert limit_of(house, person_id).above == 500_000
    assert_coherent(house)
    pay_by_hand(world, known, loan_id=taken.signed.loan_id, intent=Intent.PREPAY, amount_fen=400_000)
    assert limit_of(house, person_id).available == 0
    pay_by_hand(world, known, loan_id=taken.signed.loan_id, intent=Intent.PAYOFF)
    assert limit_of(house, person_id) == Limit(granted=2_000_000, available=1_000_000, drawn=1_000_000, held=0)
    assert_coherent(house)


def test_a_refusal_ends_drawing_and_an_approval_later_opens_it_again(world: OpenWorld) -> None:
    house, known = world.house, granted_on(world)
    person_id = known.person_id
    world.go_to_date(date(2026, 12, 1))
    taken = borrow(world, known, amount_fen=600_000)
    assert not again(world, known, CHUAN.features).decision.approved
    assert limit_of(house, person_id) == Limit(granted=0, available=0, drawn=600_000, held=0, above=600_000)
    assert_coherent(house)
    pay_by_hand(world, known, loan_id=taken.signed.loan_id, intent=Intent.PREPAY, amount_fen=200_000)
    left = limit_of(house, person_id)
    assert (left.available, left.above) == (0, left.drawn), "what is repaid is not lent again"
    with pytest.raises(NoLimit):
        make_offers(house, person_id=person_id, amount_fen=50_000, **TERMS)  # type: ignore[arg-type]
    pay_by_hand(world, known, loan_id=taken.signed.loan_id, intent=Intent.PAYOFF)
    world.go_to_date(date(2027, 9, 2))
    assert again(world, known, XIA.features).decision.approved
    world.go_to(house.clock.now() + PAUSE)
    assert limit_of(house, person_id) == Limit(granted=GRANTED, available=GRANTED, drawn=0, held=0)
    assert limit(world, person_id).available_fen == GRANTED
    assert_coherent(house)


def test_an_assessment_that_ran_out_lends_nothing_and_repaying_works(world: OpenWorld) -> None:
    house, known = world.house, granted_on(world)
    person_id = known.person_id
    world.go_to_date(date(2027, 9, 1))
    taken = borrow(world, known, amount_fen=600_000)
    offer_id, code = signed_at(world, known, amount_fen=100_000)
    world.go_to_date(date(2027, 9, 2))
    view = limit(world, person_id)
    assert (view.expired, view.available_fen, {one.available_fen for one in view.products}) == (True, 0, {0})
    with pytest.raises(AssessmentExpired):
        make_offers(house, person_id=person_id, amount_fen=100_000, **TERMS)  # type: ignore[arg-type]
    with pytest.raises(AssessmentExpired):
        sign(world, known, offer_id, code, key="too late")
    pay_by_hand(world, known, loan_id=taken.signed.loan_id, intent=Intent.PAYOFF)
    again(world, known, XIA.features)
    assert limit(world, person_id).available_fen == GRANTED
    assert_coherent(house)


def test_a_signature_and_a_cut_at_one_moment_are_one_after_the_other(world: OpenWorld) -> None:
    house, known = world.house, granted_on(world)
    world.go_to_date(date(2026, 12, 1))
    offer_id, code = signed_at(world, known, amount_fen=2_500_000)
    cut = {**XIA.features, "total_exposure_fen": 18_000_000}
    refused = codes_of(
        at_once([lambda: sign(world, known, offer_id, code, key="sign"), lambda: again(world, known, cut)])
    )
    work_until_idle(world)
    found = limit_of(house, known.person_id)
    assert refused in ([], [LimitExceeded.code])
    drawn = 0 if refused else 2_500_000
    assert found == Limit(
        granted=2_000_000, available=2_000_000 if refused else 0, drawn=drawn, held=0, above=max(0, drawn - 2_000_000)
    )
    assert_coherent(house)


@pytest.mark.parametrize(
    ("language", "again_words", "waits", "ended"),
    [
        ("zh", "重新申请", "额度已提高，其中 10,000.00 元", "评估已过有效期"),
        ("en", "Apply again", "Your limit was raised:", "The assessment has run out"),
    ],
)
def test_the_page_of_the_limit_says_what_waits_until_when_and_leads_to_a_new_assessment(
    world: OpenWorld, language: str, again_words: str, waits: str, ended: str
) -> None:
    world.go_to_date(OPENED)
    phone = Phone(world, language=language)
    world.meet(XIA, balance_fen=0)
    phone.sign_in(XIA)
    phone.prove_identity(XIA)
    phone.be_assessed(XIA, amount="10000")
    page = phone.get("/limit")
    assert (again_words in page.text, "2027" in page.text) == (False, True)
    assert phone.get("/apply").path == "/draw", "it is too early"
    world.go_to_date(date(2026, 12, 1))
    phone.sign_in(XIA)
    assert again_words in phone.get("/limit").text
    known_as(world, ZHOU.features)
    assert phone.send(phone.get("/apply").form("/apply"), amount="10000", income="9000").path == "/decision"
    page = phone.get("/limit")
    assert waits in page.text, page.text
    assert "00:00" in page.text, "the hour from which it is of use"
    assert again_words not in page.text
    world.go_to_date(date(2027, 12, 1))
    phone.sign_in(XIA)
    page = phone.get("/limit")
    assert ended in page.text
    assert "/apply" in page.links
    for place in ("/", "/draw"):
        page = phone.get(place)
        assert {"/apply", "/grievances"} & set(page.links) == {"/apply"}, f"{place} says what opens drawing again"


def test_verify_sees_a_limit_that_no_decision_made_and_what_was_made_stays(world: OpenWorld) -> None:
    house, known = world.house, granted_on(world)
    world.go_to_date(date(2026, 12, 1))
    again(world, known, ZHOU.features)
    for statement in ("UPDATE limit_change SET after_fen = 1", "DELETE FROM limit_change", "TRUNCATE assessment"):
        with house.database.transaction() as tx, pytest.raises(psycopg.errors.RaiseException):
            tx.script(statement)
    for statement in (
        "UPDATE limit_change SET after_fen = after_fen + 1",
        "UPDATE limit_change SET rate_year_ppm = 1 WHERE rate_year_ppm IS NOT NULL",
        "DELETE FROM limit_change WHERE owner = person_id",
    ):
        with house.database.transaction() as tx:
            tx.script(f"ALTER TABLE limit_change DISABLE TRIGGER USER; {statement}")  # type: ignore[arg-type]
            report = verify_as_it_stands(tx, keyring=house.keyring)
        assert any(report.findings.values()), statement
    assert_coherent(house)
