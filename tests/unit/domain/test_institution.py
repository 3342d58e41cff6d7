"""The directory of institutions: whom people may be sent to today, and who takes part in a pilot."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.institution import (
    Directory,
    InstitutionNotConnected,
    InstitutionUnknown,
    PartnerNotListed,
    PilotExcludes,
    RegionNotServed,
    Service,
    Status,
    parse_directory,
    require_open,
    require_region,
)
from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.store.decisions.policy import policy_folder
from mingqu.store.lenders.institution import load_directory, load_guidance

TODAY = date(2026, 8, 15)
SHIPPED = load_directory(policy_folder())
PEOPLE = st.uuids(version=4)


def test_the_directory_that_is_shipped_has_a_bank_of_each_status_and_every_lender() -> None:
    found = {one.code: one.status for one in SHIPPED.on(TODAY) if Service.CARD_CASH_ADVANCE in one.services}
    assert found == {"qinghe": Status.CONNECTED, "wangshan": Status.PILOT, "dongting": Status.CONNECTING}
    assert {one.code for one in SHIPPED.on(TODAY) if one.lender_id} == {"chengchuan", "tinglan", "yunling"}
    assert len(load_guidance(policy_folder()).points_zh) == 4


@given(person_id=PEOPLE)
def test_who_takes_part_in_a_pilot_takes_part_in_a_larger_one(person_id: UUID) -> None:
    bank = SHIPPED.find(code="wangshan", service=Service.CARD_CASH_ADVANCE, business_date=TODAY)
    parts = [
        replace(bank, pilot_share_ppm=share).takes_part(person_id=person_id) for share in range(0, 1_000_001, 50_000)
    ]
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (False, True)
    assert replace(bank, pilot_share_ppm=0, pilot_people=frozenset({person_id})).takes_part(person_id=person_id)


def test_a_share_is_about_that_share_of_people() -> None:
    bank = SHIPPED.find(code="wangshan", service=Service.CARD_CASH_ADVANCE, business_date=TODAY)
    inside = sum(bank.takes_part(person_id=UUID(int=number)) for number in range(5_000))
    assert 900 < inside < 1_100  # a fifth; six standard deviations are 170


def test_each_reason_why_nobody_is_sent_has_its_name() -> None:
    qinghe = SHIPPED.find(code="qinghe", service=Service.CARD_CASH_ADVANCE, business_date=TODAY)
    anybody, us = UUID(int=7), "明渠平台"
    require_open(entry=qinghe, person_id=anybody, partner=us, business_date=TODAY)
    for status in (Status.CONNECTING, Status.SUSPENDED):
        with pytest.raises(InstitutionNotConnected):
            require_open(entry=replace(qinghe, status=status), person_id=anybody, partner=us, business_date=TODAY)
    for partner, day in (("somebody", TODAY), (us, date(2026, 7, 31)), (us, date(2028, 8, 1))):
        with pytest.raises(PartnerNotListed):
            require_open(entry=qinghe, person_id=anybody, partner=partner, business_date=day)
    with pytest.raises(PilotExcludes):
        require_open(entry=replace(qinghe, status=Status.PILOT), person_id=anybody, partner=us, business_date=TODAY)


def test_a_local_bank_serves_its_own_region() -> None:
    dongting = SHIPPED.find(code="dongting", service=Service.CARD_CASH_ADVANCE, business_date=TODAY)
    require_region(entry=dongting, province="33")
    with pytest.raises(RegionNotServed):
        require_region(entry=dongting, province="11")
    require_region(entry=replace(dongting, region="CN"), province="11")


def test_a_newer_version_holds_from_its_day_and_the_older_until_then() -> None:
    old = SHIPPED.find(code="qinghe", service=Service.CARD_CASH_ADVANCE, business_date=TODAY)
    new = replace(old, version=2, valid_from=date(2026, 9, 1), status=Status.SUSPENDED)
    book = Directory(entries=(new, old))
    found = [
        book.find(code="qinghe", service=Service.CARD_CASH_ADVANCE, business_date=day).version
        for day in (date(2026, 8, 31), date(2026, 9, 1))
    ]
    assert found == [1, 2]
    for code, service in (("qinghe", Service.LOAN), ("nobody", Service.CARD_CASH_ADVANCE)):
        with pytest.raises(InstitutionUnknown):
            book.find(code=code, service=service, business_date=TODAY)


BODY = {
    "kind": "institution", "id": "here", "version": 1, "valid_from": "2026-08-01", "name_zh": "此处", "name_en": "Here",
    "licence": "bank", "region": "CN", "status": "connected", "services": ["loan"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"status": "open"}, "status"),
        ({"region": "CN-3"}, "region"),
        ({"region": "33"}, "region"),
        ({"pilot": {"share_ppm": 5}}, "pilot"),
        ({"status": "pilot", "pilot": {"share_ppm": 1_000_001}}, "share_ppm"),
        ({"status": "pilot"}, "pilot"),
        ({"lender_id": "abc"}, "lender_id"),
        ({"partners": []}, "partners"),
    ],
)
def test_a_file_that_is_not_understood_is_refused_with_its_column(change: dict[str, object], column: str) -> None:
    document = Document(file="here.toml", body={**BODY, **change})  # type: ignore[dict-item]
    with pytest.raises(PolicyFault) as fault:
        parse_directory(documents=[document])
    assert fault.value.details["column"] == column


def test_a_version_that_stands_twice_is_refused() -> None:
    document = Document(file="here.toml", body=BODY)  # type: ignore[arg-type]
    with pytest.raises(PolicyFault):
        parse_directory(documents=[document, document])
