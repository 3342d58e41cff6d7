"""Histories of people who are sent to their card's bank: nothing is ever booked, and no day gives more than its rule.

The model knows only what the bank itself came to say; the ledger is compared whole, before and after.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

import pytest

from mingqu.channels.fake.cash_advance import FakeCashAdvance
from mingqu.demo.journey import Known
from mingqu.domain.cash_advance import ReferralState, Repayment, Wish
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.instrument import CardNotSupported, InstrumentKind, InstrumentNotVerified
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.ports.cash_advance import Standing
from mingqu.services.house import House
from mingqu.services.privacy.give_consent import give_consent
from mingqu.services.referrals.follow_referrals import come_back
from mingqu.services.referrals.read_cash_advance import guidance_of, referral_of, referrals_of
from mingqu.services.referrals.refer_cash_advance import refer_cash_advance
from mingqu.services.run_due_work import run_due_work
from mingqu.store.decisions import policy
from mingqu.store.lenders import institution
from mingqu.store.people import instrument
from tests.journeys.reading import arrive, assert_coherent
from tests.soak import SOAK
from tests.world import OpenWorld

HISTORIES: Final = 40 if SOAK else 4
STEPS: Final = 40
DAY_FEN: Final = 1_000_000
WORDS: Final = (
    ReferralState.VISITED, ReferralState.APPLIED, ReferralState.PAID, ReferralState.REFUSED, ReferralState.LAPSED,
)  # fmt: skip


def ledger_of(world: OpenWorld) -> list[object]:
    """Return every transfer and the sums of every account."""
    with world.house.database.transaction() as tx:
        transfers = tx.execute("SELECT count(*), coalesce(sum(amount_fen), 0) FROM transfer").fetchall()
        accounts = tx.execute(
            """SELECT cell, owner, code, debits_posted_fen, credits_posted_fen, debits_pending_fen, credits_pending_fen
               FROM account ORDER BY 1, 2, 3"""
        ).fetchall()
    return [*transfers, *accounts]


def at_bank(world: OpenWorld, bank: FakeCashAdvance) -> tuple[House, Known]:
    """Return a house with a bank, and somebody who agreed that it gets their data."""
    known, folder = arrive(world), policy.policy_folder()
    house = replace(
        world.house,
        issuers={"qinghe": bank},
        directory=institution.load_directory(folder),
        guidance=institution.load_guidance(folder),
    )
    give_consent(house, person_id=known.person_id, purpose=ConsentPurpose.REFER_TO_BANK, recipient="清河银行", key="c")
    return house, known


def still_of(house: House, known: Known, referral_id: UUID, wished_fen: int) -> int:
    """Return what a referral may still come to, in fen, as far as the bank said: nothing is guessed."""
    stands = referral_of(house, person_id=known.person_id, referral_id=referral_id)
    if stands.state in (ReferralState.REFUSED, ReferralState.LAPSED):
        return 0
    return wished_fen if stands.amount_paid_fen is None else stands.amount_paid_fen


def ask(house: House, known: Known, dice: random.Random, asked: dict[date, dict[UUID, int]], *, key: str) -> None:
    """Ask for some cash; what is refused leaves nothing, and what is not keeps the day within its rule."""
    months = dice.choice((1, 1, 12))
    wish = Wish(
        amount_fen=dice.randrange(1, 120) * 10_000 if dice.random() < 0.5 else dice.randrange(1, 60) * 10_000,
        repayment=Repayment.SINGLE if months == 1 else Repayment.INSTALMENTS,
        months=months,
    )
    try:
        left = refer_cash_advance(
            house, person_id=known.person_id, bank="qinghe", instrument_id=known.instrument_id, wish=wish,
            guidance_hash=guidance_of(house).hash, key=key,
        )  # fmt: skip
    except Refusal:
        return
    if months == 1:
        that_day = asked[left.referral.made_on]
        that_day[left.referral.referral_id] = wish.amount_fen
        assert sum(still_of(house, known, *one) for one in that_day.items()) <= DAY_FEN


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_platform_income_is_zero_and_the_rule_of_a_day_holds_in_every_history(world: OpenWorld, seed: int) -> None:
    dice, bank = random.Random(seed), FakeCashAdvance()
    house, known = at_bank(world, bank)
    before, asked = ledger_of(world), defaultdict[date, dict[UUID, int]](dict)
    for step in range(STEPS):
        world.go_to(house.clock.now() + timedelta(minutes=dice.choice((1, 30, 600))))
        numbers = sorted(bank.standings)
        match dice.choice(("ask", "ask", "say", "say", "back", "work", "silence")):
            case "ask":
                for again in range(dice.choice((1, 4))):  # what is a little each is too much together
                    ask(house, known, dice, asked, key=f"k{step}.{again}")
            case "say" if numbers:
                number, word = dice.choice(numbers), dice.choice(WORDS)
                wished_fen = bank.requests[number].wish.amount_fen
                bank.say(
                    number=number,
                    standing=Standing(
                        state=word,
                        amount_fen=dice.randrange(1, wished_fen + 1) if word is ReferralState.PAID else None,
                        code="no" if word is ReferralState.REFUSED else None,
                    ),
                )
            case "back" if numbers:
                number = dice.choice(numbers)
                stood = come_back(house, person_id=known.person_id, result=number)
                assert stood.state is bank.standings[number].state
            case "work":
                run_due_work(house)
            case "silence":
                bank.silent = dice.randrange(1, 3)
    bank.silent = 0
    for _ in range(8):  # hours, until everybody was asked about once more
        world.go_to(house.clock.now() + timedelta(minutes=61))
        run_due_work(house)
    for one in referrals_of(house, person_id=known.person_id):
        said = bank.standings.get(one.number)
        if said is not None:
            assert (one.state, one.amount_paid_fen) == (said.state, said.amount_fen)
    for given in asked.values():
        paid = [referral_of(house, person_id=known.person_id, referral_id=one) for one in given]
        assert sum(one.amount_paid_fen or 0 for one in paid) <= DAY_FEN
    assert ledger_of(world) == before
    assert_coherent(house)


ONCE: Final = Wish(amount_fen=100_000, repayment=Repayment.SINGLE, months=1)


def test_more_than_was_asked_for_is_no_answer_and_changes_nothing(world: OpenWorld) -> None:
    bank = FakeCashAdvance()
    house, known = at_bank(world, bank)
    left = refer_cash_advance(
        house, person_id=known.person_id, bank="qinghe", instrument_id=known.instrument_id, wish=ONCE,
        guidance_hash=guidance_of(house).hash, key="one",
    )  # fmt: skip
    number = left.referral.number
    bank.standings[number] = Standing(state=ReferralState.PAID, amount_fen=100_001)
    stood = come_back(house, person_id=known.person_id, result=number)
    assert (stood.state, stood.amount_paid_fen) == (ReferralState.REFERRED, None)
    bank.standings[number] = Standing(state=ReferralState.PAID, amount_fen=100_000)
    assert come_back(house, person_id=known.person_id, result=number).state is ReferralState.PAID


@pytest.mark.parametrize(
    ("kind", "verified", "refusal"),
    [
        (InstrumentKind.DEBIT_CARD, False, InstrumentNotVerified),
        (InstrumentKind.CREDIT_CARD, True, CardNotSupported),
        (InstrumentKind.PURPOSE_CARD, True, CardNotSupported),
    ],
)
def test_to_no_card_but_a_verified_own_debit_card_and_nothing_is_left_behind(
    world: OpenWorld, kind: InstrumentKind, verified: bool, refusal: type[Refusal]
) -> None:
    bank = FakeCashAdvance()
    house, known = at_bank(world, bank)
    card_id = house.id_for(known.person_id)
    with house.database.transaction() as tx:
        tx.lock_cell(tx.cell_of(known.person_id))
        instrument.add(
            tx, keyring=house.keyring, instrument_id=card_id, person_id=known.person_id, kind=kind, issuer="qinghe",
            number=Personal("6200000299999991"), at=house.clock.now(),
        )  # fmt: skip
        if verified:
            tx.execute("UPDATE instrument SET state = 'verified' WHERE instrument_id = %s", (card_id,))
        tx.commit()
    with pytest.raises(refusal):
        refer_cash_advance(
            house, person_id=known.person_id, bank="qinghe", instrument_id=card_id, wish=ONCE,
            guidance_hash=guidance_of(house).hash, key="one",
        )  # fmt: skip
    assert referrals_of(house, person_id=known.person_id) == []
    assert bank.requests == {}
