"""Somebody caps what they may borrow: less at once, more after a night; nobody draws above it, not even in a race."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from mingqu.demo.journey import pay_by_hand, take_loan, work_until_idle
from mingqu.domain.cap import CapExceeded, CapUnchanged
from mingqu.domain.loan import Intent
from mingqu.domain.money import AmountOutOfRange
from mingqu.domain.personal import Personal
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import sign_contract
from mingqu.services.decisions.read_limit import LimitView, limit_view
from mingqu.services.evidence.verify_book import verify_as_it_stands
from mingqu.services.limits.cap_limit import cap_limit
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import NoLimit, make_offers
from tests.database.test_races import at_once, codes_of
from tests.journeys.reading import arrive, assert_coherent, borrow
from tests.world import OpenWorld

TERMS = {"instalments": 6, "method": "equal_instalment"}


def limit(world: OpenWorld, person_id: UUID) -> LimitView:
    found = limit_view(world.house, person_id=person_id)
    assert found is not None
    return found


def test_a_lower_cap_holds_at_once_and_a_higher_one_after_its_pause(world: OpenWorld) -> None:
    house, taken = world.house, borrow(world, arrive(world), amount_fen=600_000)
    known, person_id = taken.known, taken.known.person_id
    free = limit(world, person_id).available_fen
    assert cap_limit(house, person_id=person_id, amount_fen=700_000, key="cap").amount_fen == 700_000
    assert cap_limit(house, person_id=person_id, amount_fen=700_000, key="cap").amount_fen == 700_000, "sent again"
    assert limit(world, person_id).available_fen == 100_000
    assert {one.available_fen for one in limit(world, person_id).products} == {100_000}
    with pytest.raises(NoLimit):
        make_offers(house, person_id=person_id, amount_fen=200_000, **TERMS)  # type: ignore[arg-type]
    with pytest.raises(CapUnchanged):
        cap_limit(house, person_id=person_id, amount_fen=700_000, key="same")
    raised = cap_limit(house, person_id=person_id, amount_fen=900_000, key="raise")
    assert (raised.amount_fen, raised.next_fen) == (700_000, 900_000)
    world.go_to(house.clock.now() + house.settings.cap_pause - timedelta(minutes=1))
    assert limit(world, person_id).available_fen == 100_000
    world.go_to(house.clock.now() + timedelta(minutes=1))
    assert limit(world, person_id).available_fen == 300_000
    take_loan(world, known, amount_fen=300_000, **TERMS)  # type: ignore[arg-type]
    work_until_idle(world)
    assert limit(world, person_id).available_fen == 0
    assert cap_limit(house, person_id=person_id, amount_fen=100_000, key="far below what is owed").amount_fen == 100_000
    assert limit(world, person_id).available_fen == 0, "what is owed stays, and nothing more is drawn"
    pay_by_hand(world, known, loan_id=taken.signed.loan_id, intent=Intent.PREPAY, amount_fen=500_000)
    assert limit(world, person_id).available_fen == 0
    assert cap_limit(house, person_id=person_id, amount_fen=None, key="none").next_at is not None
    world.go_to(house.clock.now() + house.settings.cap_pause)
    assert limit(world, person_id).available_fen > free - 600_000
    for wrong in (-1, 2**63):
        with pytest.raises(AmountOutOfRange):
            cap_limit(house, person_id=person_id, amount_fen=wrong, key=f"wrong {wrong}")
    assert_coherent(house)


def test_a_signature_and_a_lower_cap_at_one_moment_leave_nothing_above_it_unseen(world: OpenWorld) -> None:
    house, known = world.house, borrow(world, arrive(world), amount_fen=300_000).known
    for turn in range(3):  # a race is seen by whoever looks more than once
        offer_id = make_offers(house, person_id=known.person_id, amount_fen=100_000, **TERMS)[0].offer.offer_id  # type: ignore[arg-type]
        table = show_cost_table(house, person_id=known.person_id, offer_id=offer_id)
        world.go_to(house.clock.now() + timedelta(seconds=61))
        confirm_cost_table(house, person_id=known.person_id, disclosure_id=table.disclosure_id)
        send_signing_code(house, person_id=known.person_id, offer_id=offer_id)
        code = world.read_code(known.newcomer.phone)
        before = limit(world, known.person_id)
        used = before.drawn_fen + before.held_fen

        def sign(offer_id: UUID = offer_id, code: Personal[str] = code, turn: int = turn) -> object:
            return sign_contract(
                house,
                person_id=known.person_id,
                offer_id=offer_id,
                instrument_id=known.instrument_id,
                payout_at=None,
                code=code,
                key=f"sign {turn}",
            )

        def cap(used: int = used, turn: int = turn) -> object:
            return cap_limit(house, person_id=known.person_id, amount_fen=used + 50_000, key=f"cap {turn}")

        refused = codes_of(at_once([sign, cap]))
        after = limit(world, known.person_id)
        assert refused in ([], [CapExceeded.code])
        assert after.drawn_fen + after.held_fen == used + (0 if refused else 100_000)
        work_until_idle(world)
        assert_coherent(house)
        cap_limit(house, person_id=known.person_id, amount_fen=None, key=f"none {turn}")
        world.go_to(house.clock.now() + house.settings.cap_pause)


def test_verify_sees_what_was_drawn_above_a_cap_and_the_words_stay(world: OpenWorld) -> None:
    house, known = world.house, borrow(world, arrive(world), amount_fen=300_000).known
    cap_limit(house, person_id=known.person_id, amount_fen=300_000, key="cap")
    for statement in ("UPDATE limit_cap SET amount_fen = 1", "DELETE FROM limit_cap", "TRUNCATE limit_cap"):
        with house.database.transaction() as tx, pytest.raises(psycopg.errors.RaiseException):
            tx.script(statement)
    with house.database.transaction() as tx:
        tx.script("ALTER TABLE limit_cap DISABLE TRIGGER USER; UPDATE limit_cap SET amount_fen = 1, used_fen = 1")
        report = verify_as_it_stands(tx, keyring=house.keyring)
    assert [number for number, holds in report.holds.items() if not holds] == [6]
    assert_coherent(house)
