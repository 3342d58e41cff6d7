"""Between offer and signature a lender may drop us, narrow its pilot or run out of money: then nothing is signed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mingqu.demo.journey import READING, be_assessed, introduce
from mingqu.demo.people import XIA
from mingqu.demo.story import fund_lenders
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.institution import (
    Directory,
    Institution,
    InstitutionNotConnected,
    PartnerNotListed,
    PilotExcludes,
    Status,
)
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import Signed, sign_contract
from mingqu.services.house import House
from mingqu.services.loans.reserve_payout import FundingExhausted
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.privacy.give_consent import give_consent
from mingqu.store.decisions import policy
from mingqu.store.lenders.institution import load_directory
from mingqu.store.server.database import Database
from tests.conftest import OPENED_ON
from tests.journeys.reading import assert_coherent, rows_of
from tests.world import open_world


def test_what_changed_between_offer_and_signature_is_refused_and_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    with open_world(database=database, folder=tmp_path, opened_on=OPENED_ON) as world:
        house = replace(world.house, directory=load_directory(policy.policy_folder()))
        xia = introduce(world, XIA, balance_fen=0)
        person_id = xia.person_id
        be_assessed(world, xia, amount_fen=500_000)
        offered = make_offers(house, person_id=person_id, amount_fen=500_000, instalments=6, method="equal_instalment")[
            0
        ]
        offer_id = offered.offer.offer_id
        table = show_cost_table(house, person_id=person_id, offer_id=offer_id)
        world.go_to(house.clock.now() + READING)
        confirm_cost_table(house, person_id=person_id, disclosure_id=table.disclosure_id)
        give_consent(
            house, person_id=person_id, purpose=ConsentPurpose.PASS_TO_LENDER, recipient=offered.lender_name_zh, key="c"
        )
        send_signing_code(house, person_id=person_id, offer_id=offer_id)
        code = world.read_code(XIA.phone)

        def sign(at: House) -> Signed:
            return sign_contract(
                at,
                person_id=person_id,
                offer_id=offer_id,
                instrument_id=xia.instrument_id,
                payout_at=None,
                code=code,
                key="sign",
            )

        entry = house.directory.of_lender(lender_id=offered.product.lender_id, business_date=OPENED_ON)
        assert entry is not None
        before = rows_of(house)
        for other, refusal in (
            (replace(entry, partners=()), PartnerNotListed),
            (replace(entry, status=Status.PILOT, pilot_share_ppm=0), PilotExcludes),
            (replace(entry, status=Status.SUSPENDED), InstitutionNotConnected),
        ):
            changed = _with(house, other)
            with pytest.raises(refusal):
                sign(changed)
            world.go_to(house.clock.now() + timedelta(seconds=61))
            with pytest.raises(refusal):
                send_signing_code(changed, person_id=person_id, offer_id=offer_id)
            assert rows_of(house) == before
        with pytest.raises(FundingExhausted):
            sign(house)  # nobody put any money in
        assert rows_of(house) == before
        fund_lenders(world)
        signed = sign(house)  # the code of before is still good: what is refused uses nothing up
        assert sign(_with(house, replace(entry, partners=()))) == signed, "sent again, it is the same"
        assert_coherent(house)


def _with(house: House, entry: Institution) -> House:
    """Return the house with another entry in its directory."""
    others = tuple(one for one in house.directory.entries if one.code != entry.code)
    return replace(house, directory=Directory(entries=(*others, entry)))
