"""People, logins, mergers, cards and codes on a real database."""

from __future__ import annotations

import threading
from datetime import date
from uuid import UUID

import pytest

from mingqu.domain.instrument import (
    CardTriesExhausted,
    ElementsAnswer,
    InstrumentEvent,
    InstrumentKind,
    InstrumentState,
    InstrumentTransitionNotAllowed,
    after,
    verified,
)
from mingqu.domain.one_time_code import CodeMissing, CodePurpose, CodeTooSoon, CodeUsed, CodeWrong
from mingqu.domain.ownership import NotFound
from mingqu.domain.party import IdCard, IdentityEvent, IdentityLevel, IdentityTransitionNotAllowed, LoginProvider
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.store.parties import party
from mingqu.store.people import directory, instrument, one_time_code, vault
from mingqu.store.people.directory import DirectoryTaken, PersonMergeNeedsReview
from mingqu.store.people.instrument import InstrumentExists
from mingqu.store.people.vault import ErasureHeld, PersonErased
from mingqu.store.server.database import Database, Transaction
from mingqu.store.server.keyring import Keyring
from tests.database.people import AT, fresh_id, fresh_keyring, fresh_person, later

OPENID = Personal("openid-of-lin")
PHONE = Personal("13800138000")
CARD = Personal("6200000112345678")
ID_CARD = IdCard(number=Personal("11010519491231002X"), born_on=Personal(date(1949, 12, 31)))
NAME = Personal("林知夏")


def identify(tx: Transaction, *, keyring: Keyring, person_id: UUID) -> None:
    party.set_identity(tx, keyring=keyring, person_id=person_id, name=NAME, id_card=ID_CARD, phone=PHONE, at=AT)


def login(tx: Transaction, *, keyring: Keyring, provider: LoginProvider, person_id: UUID) -> None:
    directory.add_login(tx, keyring=keyring, provider=provider, subject=OPENID, person_id=person_id, at=AT)


def no_debts(person_id: UUID) -> bool:
    return False


def test_a_login_finds_its_person_and_another_provider_does_not(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring, cell=2)
        login(tx, keyring=keyring, provider=LoginProvider.WECHAT, person_id=person_id)
        login(tx, keyring=keyring, provider=LoginProvider.WECHAT, person_id=person_id)  # again changes nothing
        found = party.find_by_login(tx, keyring=keyring, provider=LoginProvider.WECHAT, subject=OPENID)
        assert found == party.load_person(tx, person_id=person_id)
        assert party.find_by_login(tx, keyring=keyring, provider=LoginProvider.ALIPAY, subject=OPENID) is None
        other_id = fresh_person(tx, keyring=keyring)
        with pytest.raises(DirectoryTaken):
            login(tx, keyring=keyring, provider=LoginProvider.WECHAT, person_id=other_id)
        assert [entry.provider for entry in directory.logins(tx, person_id=person_id)] == [LoginProvider.WECHAT]


def test_two_first_sign_ins_at_the_same_moment_make_one_person(database: Database) -> None:
    keyring = fresh_keyring()
    begin, outcomes = threading.Barrier(2), []

    def sign_in(person_id: UUID) -> None:
        begin.wait()
        with database.transaction() as tx:
            party.create_person(tx, keyring=keyring, person_id=person_id, at=AT)
            try:
                login(tx, keyring=keyring, provider=LoginProvider.WECHAT, person_id=person_id)
            except DirectoryTaken:
                outcomes.append("taken")
                return
            tx.commit()
            outcomes.append("created")

    threads = [threading.Thread(target=sign_in, args=(fresh_id(cell=cell),)) for cell in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["created", "taken"]
    with database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM person").fetchone() == (1,)


def test_an_identity_level_moves_by_its_table_and_a_refusal_changes_nothing(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring)
        with pytest.raises(IdentityTransitionNotAllowed):
            party.set_identity_level(tx, person_id=person_id, event=IdentityEvent.FOUR_ELEMENTS_MATCHED)
        assert party.load_person(tx, person_id=person_id).identity_level is IdentityLevel.NONE
        party.set_identity_level(tx, person_id=person_id, event=IdentityEvent.NUMBER_CHECKED)
        party.set_identity_level(tx, person_id=person_id, event=IdentityEvent.FOUR_ELEMENTS_MATCHED)
        assert party.load_person(tx, person_id=person_id).identity_level is IdentityLevel.FOUR_ELEMENTS
        with pytest.raises(NotFound):
            party.set_identity_level(tx, person_id=fresh_id(), event=IdentityEvent.NUMBER_CHECKED)


def test_the_same_identity_number_at_a_second_person_points_its_logins_to_the_first(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        first, second = fresh_person(tx, keyring=keyring, cell=0), fresh_person(tx, keyring=keyring, cell=3)
        login(tx, keyring=keyring, provider=LoginProvider.WECHAT, person_id=first)
        login(tx, keyring=keyring, provider=LoginProvider.ALIPAY, person_id=second)
        identify(tx, keyring=keyring, person_id=first)
        with pytest.raises(DirectoryTaken):
            identify(tx, keyring=keyring, person_id=second)
        assert directory.find_id_number(tx, keyring=keyring, id_number=ID_CARD.number) == first
        moved = party.merge(tx, from_person_id=second, to_person_id=first, owes_money=no_debts, at=AT)
        assert moved == 1
        found = party.find_by_login(tx, keyring=keyring, provider=LoginProvider.ALIPAY, subject=OPENID)
        assert found is not None
        assert found.person_id == first
        assert party.load_person(tx, person_id=second).merged_into == first


def test_a_second_person_who_owes_or_is_someone_else_is_left_to_people(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        first, second = fresh_person(tx, keyring=keyring), fresh_person(tx, keyring=keyring, cell=1)
        login(tx, keyring=keyring, provider=LoginProvider.ALIPAY, person_id=second)
        asked: list[UUID] = []

        def owes(person_id: UUID) -> bool:
            asked.append(person_id)
            return True

        with pytest.raises(PersonMergeNeedsReview):
            party.merge(tx, from_person_id=second, to_person_id=first, owes_money=owes, at=AT)
        assert asked == [second]
        identify(tx, keyring=keyring, person_id=second)
        with pytest.raises(PersonMergeNeedsReview):
            party.merge(tx, from_person_id=second, to_person_id=first, owes_money=no_debts, at=AT)
        found = party.find_by_login(tx, keyring=keyring, provider=LoginProvider.ALIPAY, subject=OPENID)
        assert found is not None
        assert found.person_id == second
        assert found.merged_into is None


def add_card(tx: Transaction, *, keyring: Keyring, person_id: UUID, instrument_id: UUID) -> None:
    instrument.add(
        tx,
        keyring=keyring,
        instrument_id=instrument_id,
        person_id=person_id,
        kind=InstrumentKind.DEBIT_CARD,
        issuer="qinghe",
        number=CARD,
        at=AT,
    )


def test_a_card_is_bound_once_verified_and_can_be_bound_again_after_its_removal(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id, card_id = fresh_person(tx, keyring=keyring), fresh_id()
        add_card(tx, keyring=keyring, person_id=person_id, instrument_id=card_id)
        with pytest.raises(InstrumentExists):
            add_card(tx, keyring=keyring, person_id=person_id, instrument_id=fresh_id())
        card = instrument.load(tx, person_id=person_id, instrument_id=card_id)
        own = verified(instrument=card, answer=ElementsAnswer.MATCH)
        instrument.set_state(tx, instrument=own, was=InstrumentState.ADDED, at=AT)
        with pytest.raises(InstrumentTransitionNotAllowed):
            instrument.set_state(tx, instrument=own, was=InstrumentState.ADDED, at=AT)
        assert instrument.of_person(tx, person_id=person_id) == [own]
        assert instrument.open_number(tx, keyring=keyring, person_id=person_id, instrument_id=card_id) == CARD
        gone = after(instrument=own, event=InstrumentEvent.REMOVE)
        instrument.set_state(tx, instrument=gone, was=InstrumentState.VERIFIED, at=AT)
        assert instrument.of_person(tx, person_id=person_id) == []
        add_card(tx, keyring=keyring, person_id=person_id, instrument_id=fresh_id())


def test_someone_elses_card_answers_as_an_unknown_one(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        owner, other, card_id = fresh_person(tx, keyring=keyring), fresh_person(tx, keyring=keyring), fresh_id()
        add_card(tx, keyring=keyring, person_id=owner, instrument_id=card_id)
        answers = []
        for person_id, instrument_id in ((other, card_id), (owner, fresh_id()), (fresh_id(cell=2), card_id)):
            with pytest.raises(NotFound) as caught:
                instrument.open_number(tx, keyring=keyring, person_id=person_id, instrument_id=instrument_id)
            answers.append((caught.value.message, caught.value.details))
            with pytest.raises(NotFound):
                instrument.load(tx, person_id=person_id, instrument_id=instrument_id)
        assert len({message for message, _ in answers}) == 1


def test_the_same_card_is_tried_four_times_a_day_whoever_asks(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        for minute in range(4):
            instrument.count_attempt(tx, keyring=keyring, number=CARD, at=later(minutes=minute))
        with pytest.raises(CardTriesExhausted):
            instrument.count_attempt(tx, keyring=keyring, number=CARD, at=later(hours=23))
        instrument.count_attempt(tx, keyring=keyring, number=Personal("6200002112345676"), at=later(hours=23))
        instrument.count_attempt(tx, keyring=keyring, number=CARD, at=later(hours=24))
        row = tx.execute("SELECT max(cardinality(attempted_at)) FROM card_attempt").fetchone()
        assert row == (4,)  # what is older than a day is not kept


def try_code(
    tx: Transaction, *, keyring: Keyring, text: str, seconds: int, phone: Personal[str] = PHONE
) -> Refusal | None:
    return one_time_code.attempt(
        tx,
        keyring=keyring,
        phone=phone,
        purpose=CodePurpose.SIGN_IN,
        digits=Personal(text),
        at=later(seconds=seconds),
    )


def send_code(tx: Transaction, *, keyring: Keyring, text: str, seconds: int) -> None:
    one_time_code.issue(
        tx,
        keyring=keyring,
        phone=PHONE,
        purpose=CodePurpose.SIGN_IN,
        digits=Personal(text),
        at=later(seconds=seconds),
    )


def test_a_code_opens_once_for_its_phone_and_purpose(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        assert isinstance(try_code(tx, keyring=keyring, text="123456", seconds=0), CodeMissing)
        send_code(tx, keyring=keyring, text="123456", seconds=0)
        other = Personal("13900139000")
        assert isinstance(try_code(tx, keyring=keyring, text="123456", seconds=1, phone=other), CodeMissing)
        wrong = try_code(tx, keyring=keyring, text="654321", seconds=1)
        assert isinstance(wrong, CodeWrong)
        assert wrong.details == {"tries_left": 4}
        bound = one_time_code.attempt(
            tx, keyring=keyring, phone=PHONE, purpose=CodePurpose.SIGN_CONTRACT, digits=Personal("123456"), at=AT
        )
        assert isinstance(bound, CodeMissing)
        assert try_code(tx, keyring=keyring, text=" 123456 ", seconds=2) is None
        assert isinstance(try_code(tx, keyring=keyring, text="123456", seconds=3), CodeUsed)
        with pytest.raises(CodeTooSoon):
            send_code(tx, keyring=keyring, text="222222", seconds=59)
        send_code(tx, keyring=keyring, text="222222", seconds=60)
        assert try_code(tx, keyring=keyring, text="222222", seconds=61) is None


def test_a_wrong_try_counts_once_it_is_committed(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        send_code(tx, keyring=keyring, text="123456", seconds=0)
        tx.commit()
    left = []
    for _ in range(3):
        with database.transaction() as tx:
            refusal = try_code(tx, keyring=keyring, text="000000", seconds=1)
            tx.commit()
        assert refusal is not None
        left.append(refusal.details["tries_left"])
    assert left == [4, 3, 2]


def test_of_two_codes_asked_for_at_the_same_moment_one_goes_out(database: Database) -> None:
    keyring = fresh_keyring()
    outcomes = []

    def ask() -> None:
        with database.transaction() as tx:
            try:
                send_code(tx, keyring=keyring, text="222222", seconds=0)
            except CodeTooSoon:
                outcomes.append("too soon")

    with database.transaction() as first:
        send_code(first, keyring=keyring, text="111111", seconds=0)
        second = threading.Thread(target=ask)
        second.start()
        wait_until_blocked(database)
        first.commit()
        second.join()
    assert outcomes == ["too soon"]
    with database.transaction() as tx:
        assert try_code(tx, keyring=keyring, text="111111", seconds=1) is None


def wait_until_blocked(database: Database) -> None:
    """Return when some transaction of the book waits for another one's lock."""
    for _ in range(1_000):  # each round sleeps 10 ms in the server; the wait begins within a few
        with database.transaction() as tx:
            row = tx.execute("SELECT pg_sleep(0.01), count(*) FROM pg_locks WHERE NOT granted").fetchone()
            assert row is not None
            if row[1]:
                return
    raise AssertionError("nobody waits")


def test_an_erased_person_leaves_nothing_to_recognize_them_by(database: Database) -> None:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id, card_id = fresh_person(tx, keyring=keyring), fresh_id()
        login(tx, keyring=keyring, provider=LoginProvider.WECHAT, person_id=person_id)
        identify(tx, keyring=keyring, person_id=person_id)
        add_card(tx, keyring=keyring, person_id=person_id, instrument_id=card_id)
        vault.hold(tx, person_id=person_id, reason="aml", held_until=date(2036, 8, 15))
        with pytest.raises(ErasureHeld):
            party.erase(tx, person_id=person_id, at=AT)
        assert vault.open_field(tx, keyring=keyring, person_id=person_id, field=party.FIELD_NAME) == NAME
        gone = later(days=3653)
        party.erase(tx, person_id=person_id, at=gone)
        assert party.load_person(tx, person_id=person_id).erased_at == gone
        assert party.find_by_login(tx, keyring=keyring, provider=LoginProvider.WECHAT, subject=OPENID) is None
        assert directory.find_id_number(tx, keyring=keyring, id_number=ID_CARD.number) is None
        with pytest.raises(PersonErased):
            instrument.open_number(tx, keyring=keyring, person_id=person_id, instrument_id=card_id)
        assert tx.execute("SELECT count(*) FROM vault_field").fetchone() == (0,)
        assert tx.execute("SELECT DISTINCT number_hash FROM instrument").fetchone() == (bytes(32),)
