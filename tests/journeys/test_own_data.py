"""A person takes a copy of their data, and is erased: no byte of them is left, and all evidence still holds."""

from __future__ import annotations

import base64
import json
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from mingqu.demo.journey import pay_by_hand, work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.demo.world import Newcomer
from mingqu.domain.loan import Intent
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import Deed, ProposalState
from mingqu.domain.word import Failed
from mingqu.services.appeals.answer_grievance import answer_grievance
from mingqu.services.appeals.raise_grievance import raise_grievance
from mingqu.services.customers.read_papers import proof_of
from mingqu.services.house import House
from mingqu.services.limits.freeze_drawing import freeze_drawing
from mingqu.services.people.read_person import consents_of
from mingqu.services.privacy.copy_own_data import copy_own_data
from mingqu.services.privacy.erase_person import (
    ErasureOwes,
    ErasureWaits,
    Open,
    ask_to_be_erased,
    erase_due,
    erasure_standing,
)
from mingqu.services.proposals.propose import approve, decline, propose
from mingqu.store.operators import proposal
from mingqu.store.parties.erasure import ERASE
from mingqu.store.people.vault import PersonErased
from tests.journeys.pages import Phone
from tests.journeys.reading import arrive, assert_coherent, borrow, live_until, rows_of
from tests.journeys.test_disputed_orders import check, decide, hear
from tests.journeys.test_purpose_card import Holder
from tests.journeys.test_spend_funding import accounts_of
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

WORDS: Final = "邻居来电说他住院了"
# Under which kinds values are hashed with the book's key, to be found again.
KINDS: Final = (
    "phone", "id_number", "card", "code_phone", "message_phone", "lender_customer", "signal/phone", "signal/card",
    "signal/id_number", "sms", "payee_account", "key_scope/phone",
)  # fmt: skip


def traces(house: House, person: Newcomer) -> list[bytes]:
    """What must be found nowhere: each value plainly, encoded, and as each keyed hash under which it is looked up."""
    found: list[bytes] = []
    for value in (person.name, person.id_number, person.phone, person.card_number):
        raw = value.reveal().encode()
        found += [raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")]
        hashes = [house.keyring.lookup_hash(kind=kind, value=value) for kind in KINDS]
        found += [*hashes, *(one.hex().encode() for one in hashes)]
    return found


def leaks(house: House, person: Newcomer) -> list[str]:
    """The columns of any table in which a trace of somebody is."""
    wanted, leaking = traces(house, person), []
    with house.database.transaction() as tx:
        columns = tx.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
        for table, column, kind in columns:
            cast = "" if kind == "bytea" else "::text"
            asked = sql.SQL("SELECT {}{} FROM {}").format(sql.Identifier(column), sql.SQL(cast), sql.Identifier(table))
            content = b"\n".join(
                bytes(one) if kind == "bytea" else str(one).encode() for (one,) in tx.execute(asked) if one is not None
            )
            if any(trace in content for trace in wanted):
                leaking.append(f"{table}.{column}")
    return leaking


def test_a_copy_has_all_that_is_sealed_and_all_that_was_agreed(world: OpenWorld) -> None:
    phone = Phone(world)
    phone.borrow(XIA, amount="10000")
    phone.receive()
    assert "/data" in phone.get("/me").links
    page = phone.get("/data")
    assert "法律要求保存到" not in page.text, "whoever owes is told of that first"
    given = phone.client.get("/data/copy.json")
    assert 'filename="my-data.json"' in given.headers["content-disposition"]
    copy: dict[str, Any] = given.json()
    for value in (XIA.name, XIA.id_number, XIA.phone, XIA.card_number):
        assert value.reveal() in json.dumps(copy["sealed"], ensure_ascii=False)
    assert [one["kind"] for one in copy["loans"][0]["events"]] == ["disbursed"]
    assert len(copy["contracts"]) == len(copy["decisions"]) == 1
    assert len(copy["consents"]) >= 4
    person_id = UUID(copy["person"]["id"])
    with world.house.database.transaction() as tx:
        fields = [row[0] for row in tx.execute("SELECT field FROM vault_field WHERE person_id = %s", (person_id,))]
    assert sorted(copy["sealed"]) == sorted(fields)
    # What a leaf only commits to can be opened with the salts that the person now holds.
    proven = next(name for name in copy["sealed"] if name.startswith("evidence."))
    assert "salt" in copy["sealed"][proven]
    printed = phone.client.get("/data/copy.pdf")
    assert printed.content.startswith(b"%PDF-")
    # Owing, nothing can be erased, and nothing changes.
    assert erasure_standing(world.house, person_id=person_id).open is Open.DEBT
    with pytest.raises(ErasureOwes):
        ask_to_be_erased(world.house, person_id=person_id, key="too early")
    assert phone.get("/me").path == "/me", "still signed in"


def test_a_person_erased_leaves_no_trace_and_every_proof_holds(world: OpenWorld) -> None:
    house = world.house
    known, other = arrive(world), arrive(world, ZHOU)
    borrowed = borrow(world, known)
    live_until(world, date(2026, 8, 17))
    pay_by_hand(world, known, loan_id=borrowed.signed.loan_id, intent=Intent.PAYOFF)
    work_until_idle(world)
    assert_coherent(house)
    proof = proof_of(house, person_id=known.person_id, subject_id=borrowed.signed.contract_id)
    assert leaks(house, XIA), "while somebody is known, keyed hashes find them"
    # The law keeps identities for ten years after the last transaction, long after the payment could bounce; until then
    # the wish waits, and consents end.
    asked = ask_to_be_erased(house, person_id=known.person_id, key="forget me")
    assert (asked.erased, asked.kept_until) == (False, date(2036, 8, 17))
    assert ask_to_be_erased(house, person_id=known.person_id, key="forget me") == asked
    assert ask_to_be_erased(house, person_id=known.person_id, key="once more") == asked
    assert all(one.withdrawn_at for one in consents_of(house, person_id=known.person_id))
    assert erasure_standing(house, person_id=known.person_id).asked_until == asked.kept_until
    with house.database.transaction() as tx:  # a worker that comes too early, or a law that lasts longer than it did
        tx.execute("UPDATE work SET run_at = %s WHERE kind = 'erase_person'", (house.clock.now(),))
        tx.commit()
    erase_everywhere(house)
    assert erasure_standing(house, person_id=known.person_id).asked_until == asked.kept_until
    assert XIA.name.reveal() in copy_own_data(house, person_id=known.person_id).document.reveal()
    assert_coherent(house)
    borrow(world, other)  # who asked long before, and owes again when the law lets go
    with house.database.transaction() as tx:
        tx.execute(
            """INSERT INTO work (cell, work_id, kind, subject_id, run_at, payload) VALUES (%s, %s, %s, %s, %s, '{}')""",
            (tx.cell_of(other.person_id), house.id_for(other.person_id), ERASE, other.person_id, house.clock.now()),
        )
        tx.commit()
    world.go_to_date(date(2036, 8, 17))  # without closing each of their days
    erase_everywhere(house)
    assert leaks(house, XIA) == []
    assert leaks(house, ZHOU), "others stay who they are"
    with pytest.raises(PersonErased):
        copy_own_data(house, person_id=known.person_id)
    assert_coherent(house)
    again = proof_of(house, person_id=known.person_id, subject_id=borrowed.signed.contract_id)
    assert again["leaf"] == proof["leaf"]
    assert erasure_standing(
        house, person_id=other.person_id
    ).asked_until == world.house.clock.business_date() + timedelta(days=1), (
        "whoever owes is asked about again, and stays"
    )
    with house.database.transaction() as tx:
        rows = tx.execute(
            "SELECT count(*) FROM evidence_leaf WHERE subject_id = %s AND kind = 'erasure'", (known.person_id,)
        )
        assert rows.fetchone() == (1,)


def test_nobody_is_erased_while_something_of_theirs_is_open(world: OpenWorld) -> None:
    house, card = world.house, Holder(world, limit_fen=10_000_000)
    risk = seat_of(house, "risk")

    def waits_for(what: Open) -> None:
        before = rows_of(house)
        with pytest.raises(ErasureWaits) as refused:
            ask_to_be_erased(house, person_id=card.person_id, key=what.value)
        assert (refused.value.details["open"], erasure_standing(house, person_id=card.person_id).open) == (what, what)
        assert rows_of(house) == before

    card.ask("a-1", 10_000_000)
    waits_for(Open.HOLD)
    card.say("capture", "c-1", "a-1", 9_000_000)
    waits_for(Open.PURPOSE_MONEY)
    card.ask("a-2", 1_000_000)
    card.say("capture", "c-2", "a-2", 1_000_000)
    raised = raise_grievance(
        house, person_id=card.person_id, kind="complaint", words=Personal("客服三次都没有给我回电话"), key="complaint"
    )
    waits_for(Open.GRIEVANCE)
    answer_grievance(
        house, seat=risk, grievance_id=raised, outcome="justified", words=Personal("我们已经回电说明并且致歉")
    )
    assert erasure_standing(house, person_id=card.person_id).open is None


def test_what_operators_wrote_about_somebody_goes_with_them_and_every_proof_holds(world: OpenWorld) -> None:
    house, person_id = world.house, arrive(world).person_id
    risk, other = seat_of(house, "risk"), seat_of(house, "risk", name="risk-2")
    freeze_id = freeze_drawing(house, seat=risk, person_id=person_id, cause="fraud", reason=WORDS, key="freeze")

    def proposed(deed: Deed, subject_id: UUID, **asked: str) -> UUID:
        return propose(
            house,
            seat=risk,
            deed=deed,
            subject_id=subject_id,
            asked=asked,
            reason=WORDS,
            key=f"{deed} {len(asked)} {asked.get('kind')}",
        )

    decline(house, seat=other, proposal_id=proposed(Deed.THAW_DRAWING, freeze_id), reason=WORDS)
    death = proposed(Deed.RECORD_LIFE, person_id, kind="deceased", happened_on="2026-08-01", paper=WORDS)
    approve(house, seat=other, proposal_id=death)
    waits = proposed(Deed.RECORD_LIFE, person_id, kind="alive", happened_on="2026-08-01", paper=WORDS)
    assert sorted(kept(house)) == ["access_log", "drawing_freeze", "life_event", "proposal"]
    assert ask_to_be_erased(house, person_id=person_id, key="now").erased
    assert kept(house) == []
    assert leaks(house, XIA) == []
    assert_coherent(house)
    with house.database.transaction() as tx:
        states = [state for (state,) in tx.execute("SELECT state FROM proposal").fetchall()]
        assert (sorted(states), proposal.load(tx, proposal_id=waits).state) == (
            ["approved", "declined", "expired"], ProposalState.EXPIRED,
        )  # fmt: skip
    for said in ("proposal SET reason", "life_event SET paper", "access_log SET reason", "drawing_freeze SET reason"):
        with house.database.transaction() as tx, pytest.raises(psycopg.errors.RaiseException):
            tx.execute(sql.SQL("UPDATE {} = 'other'").format(sql.SQL(said)))  # type: ignore[arg-type]


def kept(house: House) -> list[str]:
    """The tables in which an operator's own words are."""
    return [table for table, rows in rows_of(house).items() if any(WORDS in str(row) for row in rows)]


def test_who_signs_again_takes_the_wish_to_be_erased_back_and_is_told(world: OpenWorld) -> None:
    house, known = world.house, arrive(world)
    first = borrow(world, known)
    pay_by_hand(world, known, loan_id=first.signed.loan_id, intent=Intent.PAYOFF)
    work_until_idle(world)
    assert hear(world, first.signed.payout_order_id, Failed(code="returned")).disputed
    with pytest.raises(ErasureWaits) as refused:
        ask_to_be_erased(house, person_id=known.person_id, key="forget me")
    assert refused.value.details["open"] == "dispute"
    check(world, decide(world, first.signed.payout_order_id, "as_booked"))
    ask_to_be_erased(house, person_id=known.person_id, key="forget me")
    assert set(accounts_of(house, known.person_id)) == {"chengchuan-cash", "chengchuan-spend"}
    assert erasure_standing(house, person_id=known.person_id).asked_until is None
    work_until_idle(world)
    assert told(world).count("data.erasure_withdrawn") == 1, "whoever opens an account is told"
    asked = ask_to_be_erased(house, person_id=known.person_id, key="forget me after all")
    phone = Phone(world)
    phone.sign_in(XIA)
    phone.agree(phone.agree(phone.get("/apply")))
    table = phone.choose_offer(amount="5000")
    contract = phone.agree(phone.read_table(table))
    assert f"您曾要求在 {asked.kept_until}" in contract.text
    phone.sign(contract)
    assert erasure_standing(house, person_id=known.person_id).asked_until is None
    world.go_to(house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    assert told(world).count("data.erasure_withdrawn") == 2
    assert_coherent(house)


def told(world: OpenWorld) -> list[str]:
    """What has been said on her phone."""
    return [one.template for one in world.sms.inbox(phone=XIA.phone)]


def erase_everywhere(house: House) -> None:
    """Let the worker look at erasures that are due, twice: the second time nothing is left."""
    with house.database.transaction() as tx:
        cells = range(tx.cells)
    for _ in range(2):
        for cell in cells:
            erase_due(house, cell=cell)


def test_whom_no_law_keeps_is_erased_at_once_from_the_page(world: OpenWorld) -> None:
    phone = Phone(world, language="en")
    phone.sign_in(CHUAN)
    page = phone.get("/data")
    refused = phone.send(page.form("/data/erase"))
    assert (refused.status, "Tick the box" in refused.text) == (422, True)
    done = phone.send(refused.form("/data/erase"), agree="yes")
    assert "signed out" in done.text
    assert "/sign-in" in phone.get("/me").path
    # Nobody's rows: the hash of a phone that was never sealed goes with its age, and leads to no person.
    assert set(leaks(world.house, CHUAN)) <= {"message_code.phone_hash", "one_time_code.phone_hash"}
