"""What turned up before is part of a decision: counted at the read, under the consents that stand then."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.channels.fake.data_provider import FakeDataProvider
from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import Known, introduce, work_until_idle
from mingqu.demo.people import XIA, neighbor
from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.domain.decision import Decision
from mingqu.domain.moment import start_of
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.personal import Personal
from mingqu.domain.signal import SignalKind
from mingqu.ports.bureau import BureauQuery, BureauReport, NotCovered, QueryRefused
from mingqu.ports.data_provider import DataQuery, DataReport
from mingqu.services.decisions.assess import Assessment, assess
from mingqu.services.decisions.sweep_signals import sweep_all
from mingqu.services.house import House
from mingqu.services.people.note_signals import Origin, read_device
from mingqu.services.people.sign_in import send_code, sign_in
from mingqu.services.privacy.give_consent import give_consent, withdraw_consent
from mingqu.services.require_pace import CODE_STOPS, VelocityStopped
from mingqu.store.decisions import policy
from tests.journeys.reading import assert_coherent, facts_of, rows_of
from tests.world import OpenWorld

FROM = date(2026, 9, 1)  # from which day policies read signals
PHONE_BOX = Origin(device=Personal("device-of-the-shop"), address=Personal("203.0.113.9"))
BEHAVIOR = {"app_account_age_months": 30, "app_active_days_90d": 70}


def in_september(world: OpenWorld) -> OpenWorld:
    world.go_to(start_of(FROM) + timedelta(hours=10))
    return world


def agree(world: OpenWorld, known: Known, purpose: ConsentPurpose) -> UUID:
    names = purpose in (ConsentPurpose.BUREAU_QUERY, ConsentPurpose.BEHAVIOR_DATA)
    return give_consent(
        world.house,
        person_id=known.person_id,
        purpose=purpose,
        recipient=world.house.settings.operator_name if names else None,
        key=world.house.id_for(known.person_id).hex,
    )


def arrive(world: OpenWorld, number: int, *more: ConsentPurpose) -> Known:
    known = introduce(world, neighbor(number=number, months_late=-1, lenders=1), balance_fen=0)
    for purpose in (ConsentPurpose.BUREAU_QUERY, ConsentPurpose.AUTOMATED_DECISION, *more):
        agree(world, known, purpose)
    return known


def apply(
    world: OpenWorld,
    known: Known,
    *,
    origin: Origin = PHONE_BOX,
    application_id: UUID | None = None,
    house: House | None = None,
) -> Assessment:
    return assess(
        house or world.house,
        person_id=known.person_id,
        application_id=application_id or world.house.id_for(known.person_id),
        requested_amount_fen=500_000,
        monthly_income_fen=900_000,
        origin=origin,
    )


def read(decision: Decision) -> Mapping[str, object]:
    inputs: Mapping[str, object] = decision.record()["sealed"]["inputs"]  # type: ignore[index,call-overload,assignment]
    return inputs


def provider(world: OpenWorld) -> FakeDataProvider:
    found = world.house.data_provider
    assert isinstance(found, FakeDataProvider)
    return found


def test_a_device_in_many_hands_is_refused_with_words_and_one_of_an_old_account_is_not(world: OpenWorld) -> None:
    world = in_september(world)
    for number in range(1, 6):
        made = apply(world, arrive(world, number, ConsentPurpose.FRAUD_PREVENTION)).decision
        assert made.approved
        assert (read(made)["people_device_30d"], read(made)["ring_people_30d"]) == (number, number - 1)
    world.go_to(world.clock.now() + timedelta(days=2))  # so that the pace of a day is not what stops the sixth
    sixth = arrive(world, 6, ConsentPurpose.FRAUD_PREVENTION)
    refused = apply(world, sixth).decision
    assert [reason.code for reason in refused.reasons] == ["device_shared_by_many"]
    (reason,) = refused.reasons
    assert all([reason.text_zh, reason.text_en, reason.remedy_zh, reason.remedy_en])
    assert reason.retry_on == world.clock.business_date() + timedelta(days=30)
    # The seventh lets us see that their account is years old: it can only help.
    seventh = arrive(world, 7, ConsentPurpose.FRAUD_PREVENTION, ConsentPurpose.BEHAVIOR_DATA)
    provider(world).know(phone=seventh.newcomer.phone, features=BEHAVIOR)
    approved = apply(world, seventh).decision
    assert approved.approved
    assert (read(approved)["people_device_30d"], read(approved)["app_account_age_months"]) == (7, 30)
    assert_coherent(world.house)


def test_without_consents_a_device_is_neither_noted_nor_read_and_nothing_is_asked(world: OpenWorld) -> None:
    world = in_september(world)
    known = arrive(world, 1)
    provider(world).know(phone=known.newcomer.phone, features=BEHAVIOR)
    made = apply(world, known).decision
    assert made.approved
    assert read(made)["people_device_30d"] == 0
    assert read(made)["app_account_age_months"] == 0
    assert read(made)["applications_address_1h"] == 1, "an address takes no consent of its own"
    assert provider(world).queries == []
    assert kinds_of_keys(world) == {"phone", "card", "id_number", "address", "person"}


def test_only_declared_features_are_asked_for_under_the_consent_that_stands(world: OpenWorld) -> None:
    world = in_september(world)
    known = arrive(world, 1)
    consent_id = agree(world, known, ConsentPurpose.BEHAVIOR_DATA)
    apply(world, known)
    (query,) = provider(world).queries
    assert (query.consent_id, query.features) == (consent_id, ("app_account_age_months", "app_active_days_90d"))
    assert query.phone == known.newcomer.phone


@pytest.mark.parametrize("silent", [True, False])
def test_a_provider_that_says_nothing_leaves_its_features_missing(world: OpenWorld, silent: bool) -> None:
    world = in_september(world)
    known = arrive(world, 1, ConsentPurpose.BEHAVIOR_DATA)
    if silent:
        provider(world).faults.plan("data.features", Fault.LOSE_REPLY)
    made = apply(world, known).decision
    assert made.approved
    assert read(made)["app_active_days_90d"] == 0


class Chatty:
    """A provider that says more than it was asked, of what is none of its business as well."""

    def features(self, query: DataQuery) -> DataReport:
        said = dict.fromkeys(query.features, 80) | {"people_card_30d": 0, "lenders_count": 0, "app_shoe_size": 43}
        return DataReport(features=said, as_of=FROM, reference="D1")


def test_what_a_provider_says_unasked_is_not_heard(world: OpenWorld) -> None:
    world = in_september(world)
    known = arrive(world, 1, ConsentPurpose.BEHAVIOR_DATA)
    made = apply(world, known, house=replace(world.house, data_provider=Chatty())).decision
    assert (read(made)["app_active_days_90d"], read(made)["people_card_30d"], read(made)["lenders_count"]) == (80, 1, 1)


class Presuming:
    """A bureau that has a say in what is none of its business, and in what nobody declared."""

    def __init__(self, world: OpenWorld) -> None:
        self._inner = world.bureau

    def features(self, query: BureauQuery) -> BureauReport | NotCovered | QueryRefused:
        said = self._inner.features(query)
        assert isinstance(said, BureauReport)
        more = {"age_years": 30, "monthly_income_fen": 99_999_999, "requested_amount_fen": 1, "consents_given": 1}
        return replace(said, features={**said.features, **more, "on_black_list": 1, "shoe_size": 43})


def test_the_bureau_has_no_say_in_what_is_known_here(world: OpenWorld) -> None:
    world = in_september(world)
    known = arrive(world, 1)
    made = apply(world, known, house=replace(world.house, bureau=Presuming(world))).decision
    assert (read(made)["monthly_income_fen"], read(made)["requested_amount_fen"]) == (900_000, 500_000)
    assert made.approved


class WithdrawsMeanwhile:
    """A bureau that takes its time: a consent is withdrawn while it thinks."""

    def __init__(self, world: OpenWorld, known: Known, consent_id: UUID) -> None:
        self._inner, self._world, self._known, self._consent_id = world.bureau, world, known, consent_id

    def features(self, query: BureauQuery) -> BureauReport | NotCovered | QueryRefused:
        answer = self._inner.features(query)
        withdraw_consent(self._world.house, person_id=self._known.person_id, consent_id=self._consent_id)
        self._world.clock.advance(timedelta(seconds=1))
        return answer


@pytest.mark.parametrize("purpose", [ConsentPurpose.BEHAVIOR_DATA, ConsentPurpose.FRAUD_PREVENTION])
def test_a_consent_withdrawn_between_read_and_decision_ends_the_application_unchanged(
    world: OpenWorld, purpose: ConsentPurpose
) -> None:
    world = in_september(world)
    known = arrive(world, 1)
    consent_id = agree(world, known, purpose)
    provider(world).know(phone=known.newcomer.phone, features=BEHAVIOR)
    application_id = world.house.id_for(known.person_id)
    slow = replace(world.house, bureau=WithdrawsMeanwhile(world, known, consent_id))
    with pytest.raises(ConsentMissing) as refused:
        apply(world, known, application_id=application_id, house=slow)
    assert refused.value.details["purpose"] == purpose.value
    assert facts_of(world.house, known.person_id, "decision") == []
    # Between two reads: the same application again is decided, now without what is not allowed any more.
    made = apply(world, known, application_id=application_id).decision
    assert made.approved
    assert read(made)["app_account_age_months"] == 0
    assert read(made)["people_device_30d"] == 0, "withdrawn, or never given"
    assert read(made)["applications_person_7d"] == 1, "sent again, it is one application"
    assert_coherent(world.house)


def test_a_withdrawn_device_is_forgotten_and_not_counted_for_the_next(world: OpenWorld) -> None:
    world = in_september(world)
    first = arrive(world, 1)
    consent_id = agree(world, first, ConsentPurpose.FRAUD_PREVENTION)
    apply(world, first)
    withdraw_consent(world.house, person_id=first.person_id, consent_id=consent_id)
    second = apply(world, arrive(world, 2, ConsentPurpose.FRAUD_PREVENTION)).decision
    assert (read(second)["people_device_30d"], read(second)["ring_people_30d"]) == (1, 0)


def test_applications_at_the_same_moment_do_not_slip_past_the_pace_of_a_device(world: OpenWorld) -> None:
    world = in_september(world)
    people = [arrive(world, number, ConsentPurpose.FRAUD_PREVENTION) for number in range(1, 10)]
    made: list[Decision] = []

    def go(known: Known) -> None:
        made.append(apply(world, known).decision)

    threads = [threading.Thread(target=go, args=(known,)) for known in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(people)
    assert sum(one.approved for one in made) <= 5, "the rule lets five through"
    assert_coherent(world.house)


def test_an_application_sent_again_and_again_counts_once_and_is_the_same_bytes(world: OpenWorld) -> None:
    world = in_september(world)
    known = arrive(world, 1)
    application_id = world.house.id_for(known.person_id)
    first = apply(world, known, application_id=application_id)
    before = rows_of(world.house)
    again = apply(world, known, application_id=application_id)
    assert again.decision.record_bytes() == first.decision.record_bytes()
    assert rows_of(world.house) == before


def test_a_card_that_was_bound_is_told_by_the_worker_once_also_when_it_dies_in_between(world: OpenWorld) -> None:
    world = in_september(world)
    introduce(world, XIA, balance_fen=0)
    assert told(world, SignalKind.CARD_BOUND) == 0
    work_until_idle(world)
    assert told(world, SignalKind.CARD_BOUND) == 4, "phone, card, ID number and the person"
    # It died behind the signal and before the mark: the piece of work is there again.
    world.house.database.run(lambda tx: tx.execute("UPDATE work SET done_at = NULL WHERE kind = 'signal'") and None)
    work_until_idle(world)
    assert told(world, SignalKind.CARD_BOUND) == 4


def test_before_september_decisions_read_no_signals_but_applications_are_noted(world: OpenWorld) -> None:
    made = apply(world, arrive(world, 1)).decision
    assert "people_card_30d" not in read(made)
    assert told(world, SignalKind.APPLICATION) == 5


def test_codes_stop_when_a_phone_got_too_many_in_a_week_and_go_on_a_week_later(world: OpenWorld) -> None:
    by_phone, _ = CODE_STOPS
    assert by_phone.count == 30
    for _ in range(3):
        for _ in range(10):
            send_code(world.house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN, origin=PHONE_BOX)
            world.clock.advance(timedelta(seconds=61))
        world.clock.advance(timedelta(hours=24))
    with pytest.raises(VelocityStopped) as stopped:
        send_code(world.house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN, origin=PHONE_BOX)
    assert stopped.value.details["retry_after_seconds"] == 86_400
    before = rows_of(world.house)
    with pytest.raises(VelocityStopped):
        send_code(world.house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)
    assert rows_of(world.house) == before, "nothing was sent, and no code took the place of the last"
    world.clock.advance(timedelta(days=5))
    send_code(world.house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN)


def test_a_sign_in_is_noted_with_its_person_and_swept_up_after_its_time(world: OpenWorld) -> None:
    send_code(world.house, phone=XIA.phone, purpose=CodePurpose.SIGN_IN, origin=PHONE_BOX)
    sign_in(world.house, phone=XIA.phone, digits=world.read_code(XIA.phone), origin=PHONE_BOX)
    assert told(world, SignalKind.SIGN_IN) == 2, "phone and address; the device was not allowed"
    world.clock.advance(timedelta(days=401))
    assert sweep_all(world.house) > 0
    assert told(world, SignalKind.SIGN_IN) == told(world, SignalKind.CODE_SENT) == 0


def test_every_declared_signal_says_its_consent_and_what_is_if_it_is_missing() -> None:
    pack = policy.load_pack()
    products = tuple(product.id for product in pack.offered(business_date=FROM))
    fields = pack.on(business_date=FROM, product_ids=products).fields
    declared = [field for field in fields.fields if field.source in ("signal", "data")]
    assert len(declared) >= 13
    for field in declared:
        if field.source == "data" or "device" in field.name:
            assert field.consent in ("behavior_data", "fraud_prevention"), field.name
            assert field.stand_in == 0, "who allows nothing is not refused for it"
        elif "address" not in field.name:
            assert field.stand_in is None, "what everybody has is not missing without a fault"
        assert not field.missing_allowed


def test_a_device_number_is_what_an_app_can_send() -> None:
    assert read_device("0123456789abcdef").reveal() == "0123456789abcdef"
    for text in ("short", "x" * 129, "with blanks in it", "名字名字名字名字"):
        with pytest.raises(Exception, match="device number"):
            read_device(text)


def told(world: OpenWorld, kind: SignalKind) -> int:
    with world.house.database.transaction() as tx:
        row = tx.execute("SELECT count(*) FROM signal WHERE kind = %s", (int(kind),)).fetchone()
    assert row is not None
    return int(row[0])


def kinds_of_keys(world: OpenWorld) -> set[str]:
    names = {1: "device", 2: "phone", 3: "card", 4: "id_number", 5: "address", 6: "person"}
    with world.house.database.transaction() as tx:
        return {names[kind] for (kind,) in tx.execute("SELECT DISTINCT key_kind FROM signal")}
