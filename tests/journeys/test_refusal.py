"""周*川 is refused with every reason and what would help; when he has done that, it did help."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import Known, be_assessed, introduce
from mingqu.demo.people import CHUAN, XIA
from mingqu.domain.moment import start_of
from mingqu.domain.one_time_code import CodePurpose
from mingqu.services.decisions.assess import (
    ApplicationDiffers,
    AssessedAlready,
    Assessment,
    BureauSilent,
    IdentityUnverified,
    assess,
)
from mingqu.services.decisions.read_limit import decision_view
from mingqu.services.offers.make_offers import NoLimit, make_offers
from mingqu.services.people.sign_in import send_code, sign_in
from tests.journeys.reading import assert_coherent, facts_of, rows_of
from tests.world import OpenWorld


def test_a_refused_person_gets_each_reason_with_its_remedy_and_no_limit(world: OpenWorld) -> None:
    house = world.house
    known = introduce(world, CHUAN, balance_fen=10_000)
    made = be_assessed(world, known, amount_fen=800_000)

    decision = made.decision
    assert (decision.outcome, decision.limit_fen, decision.prices) == ("refused", 0, ())
    assert {reason.code for reason in decision.reasons} >= {"recently_months_late", "too_many_lenders"}
    for reason in decision.reasons:
        assert all([reason.text_zh, reason.text_en, reason.remedy_zh, reason.remedy_en])
    lenders = next(reason for reason in decision.reasons if reason.code == "too_many_lenders")
    assert (lenders.field, lenders.needed) == ("lenders_count", 4)
    (witnessed,) = facts_of(house, known.person_id, "decision")
    assert (witnessed["business_date"], witnessed["outcome"]) == ("2026-08-15", "refused")
    with pytest.raises(NoLimit):
        make_offers(house, person_id=known.person_id, amount_fen=50_000, instalments=3, method="equal_instalment")
    assert_coherent(house)


def test_a_remedy_that_is_followed_takes_its_reason_away(world: OpenWorld) -> None:
    house = world.house
    known = introduce(world, CHUAN, balance_fen=10_000)
    refused = be_assessed(world, known, amount_fen=800_000).decision
    retry_on = max(reason.retry_on for reason in refused.reasons if reason.retry_on is not None)

    # He settles cards until four lenders are left, pays on time, and comes back on the day he was told.
    features = dict(CHUAN.features) | {"lenders_count": 4, "overdue_days_max": 0}
    for month in range(1, 7):
        features |= {f"months_late_{month}": -1, f"statement_{month}_fen": 300_000, f"paid_{month}_fen": 300_000}
    world.bureau.know(id_number=CHUAN.id_number, features=features)
    world.go_to(start_of(retry_on) + timedelta(hours=10))
    again = be_assessed(world, known, amount_fen=800_000).decision

    assert again.reasons == ()
    assert again.limit_fen > 0
    assert [fact["outcome"] for fact in facts_of(house, known.person_id, "decision")] == [
        refused.outcome,
        again.outcome,
    ]
    assert_coherent(house)


def test_the_remedy_that_is_shown_is_followed_to_the_letter_and_turns_the_answer(world: OpenWorld) -> None:
    """He settles two lenders' loans, pays every bill until the day he was told, and comes back on it."""
    known = introduce(world, CHUAN, balance_fen=10_000)
    refused = be_assessed(world, known, amount_fen=800_000).decision
    (remedy,) = decision_view(world.house, person_id=known.person_id).remedies
    assert [change.action for change in remedy.changes] == ["settle_loans", "wait"]
    assert (remedy.changes[0].by, remedy.on) == (2, max(one.retry_on for one in refused.reasons if one.retry_on))

    fields, guide = refused.strategy.fields, refused.strategy.guide
    assert guide is not None
    aged = guide.aged(numbers=refused.numbers, days=(remedy.on - refused.business_date).days)
    after = dict(zip(fields.names, aged, strict=True)) | {change.field: change.needed for change in remedy.changes}
    features = {name: int(after[name]) for name in CHUAN.features}
    world.bureau.know(id_number=CHUAN.id_number, features=features)
    world.go_to(start_of(remedy.on) + timedelta(hours=10))
    again = be_assessed(world, known, amount_fen=800_000).decision
    assert (again.approved, again.limit_fen) == (True, remedy.limit_fen)
    # By then a product may have a newer version; what it costs and gives is what was said.
    said, held = (
        [(one.product_id, one.rate_year_ppm, one.limit_fen) for one in side.prices] for side in (remedy, again)
    )
    assert held == said
    assert_coherent(world.house)


def test_one_application_is_decided_once_and_asked_of_the_bureau_once_however_often_it_is_sent(
    world: OpenWorld,
) -> None:
    house = world.house
    known = introduce(world, CHUAN, balance_fen=10_000)
    first = be_assessed(world, known, amount_fen=800_000)
    application_id = _application_of(world, first.decision_id)

    def send(amount_fen: int) -> Assessment:
        return assess(
            house,
            person_id=known.person_id,
            application_id=application_id,
            requested_amount_fen=amount_fen,
            monthly_income_fen=99_000_000,
        )

    before = rows_of(house)
    again = send(800_000)
    with pytest.raises(ApplicationDiffers):
        send(700_000)
    assert again.decision_id == first.decision_id
    assert again.decision.record_bytes() == first.decision.record_bytes()
    assert rows_of(house) == before
    assert len(world.bureau.queries_of(id_number=CHUAN.id_number)) == 1


def test_a_silent_bureau_decides_nothing_and_the_same_application_may_be_sent_again(world: OpenWorld) -> None:
    house = world.house
    known = introduce(world, XIA, balance_fen=0)
    world.bureau.faults.plan("bureau.features", Fault.LOSE_REPLY)
    with pytest.raises(BureauSilent):
        be_assessed(world, known, amount_fen=1_000_000)
    assert facts_of(house, known.person_id, "decision") == []
    be_assessed(world, known, amount_fen=1_000_000)
    assert len(facts_of(house, known.person_id, "decision")) == 1

    with pytest.raises(AssessedAlready):
        be_assessed(world, known, amount_fen=1_000_000)
    assert_coherent(house)


def test_nobody_is_assessed_before_their_identity_is_verified(world: OpenWorld) -> None:
    house = world.house
    world.meet(XIA, balance_fen=0)
    send_code(house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
    person_id = sign_in(house, phone=XIA.phone, digits=world.read_code(XIA.phone))
    known = Known(newcomer=XIA, person_id=person_id, instrument_id=house.id_for(person_id))
    with pytest.raises(IdentityUnverified):
        be_assessed(world, known, amount_fen=1_000_000)
    assert world.bureau.queries_of(id_number=XIA.id_number) == []


def _application_of(world: OpenWorld, decision_id: UUID) -> UUID:
    with world.house.database.transaction() as tx:
        row = tx.execute("SELECT application_id FROM decision WHERE decision_id = %s", (decision_id,)).fetchone()
    assert row is not None
    return UUID(str(row[0]))
