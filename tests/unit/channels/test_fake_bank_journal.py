"""The fake bank's journal: what the bank did is not forgotten when the process around it dies."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.sms import FakeSms
from mingqu.domain.word import NotFound, NumberTaken, Paid
from mingqu.ports.payout import PayoutRequest
from tests.contracts.people import CARD, ID_NUMBER, NAME, OTHER_CARD, PHONE, START, number

REQUEST = PayoutRequest(order_number=number(1), amount_fen=500, currency="CNY", card_number=CARD, holder_name=NAME)

# A process that opens the bank of a journal, sends one payout and kills itself before anything is closed.
PAYS_AND_DIES = """
import os, signal, sys
from pathlib import Path
from tests.unit.channels.test_fake_bank_journal import REQUEST, open_bank
bank = open_bank(Path(sys.argv[1]))
bank.send(REQUEST)
os.kill(os.getpid(), signal.SIGKILL)
"""


def open_bank(journal: Path) -> FakeBank:
    bank = FakeBank(clock=SettableClock(start=START), sms=FakeSms(), journal=journal)
    bank.open_card(card_number=CARD, holder_name=NAME, id_number=ID_NUMBER, phone=PHONE, balance_fen=100)
    return bank


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "bank.jsonl"


def test_a_payout_is_known_after_its_process_was_killed(journal: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", PAYS_AND_DIES, str(journal)], check=False, timeout=60)
    assert dead.returncode == -signal.SIGKILL
    bank = open_bank(journal)
    said = bank.ask(number(1))
    assert isinstance(said, Paid)
    assert bank.send(REQUEST) == said
    assert bank.send(replace(REQUEST, amount_fen=501)) == NumberTaken()
    assert bank.balance_fen(card_number=CARD) == 600
    assert bank.moved() == {number(1): 500}


def test_two_banks_on_one_journal_are_one_bank(journal: Path) -> None:
    one, other = open_bank(journal), open_bank(journal)
    assert one.send(REQUEST) == other.send(REQUEST) == one.ask(number(1)) == other.ask(number(1))
    assert one.balance_fen(card_number=CARD) == other.balance_fen(card_number=CARD) == 600


@pytest.mark.parametrize("torn", [b"{", b'{"what":"order","number":"0', b'{"what":"money","amount_fen":1}'])
def test_a_line_torn_by_a_kill_never_happened(journal: Path, torn: bytes) -> None:
    before = open_bank(journal)
    before.send(REQUEST)
    whole = journal.read_bytes()
    journal.write_bytes(whole + torn)
    bank = open_bank(journal)
    assert bank.ask(number(2)) == NotFound()
    assert bank.balance_fen(card_number=CARD) == 600
    assert journal.read_bytes() == whole
    assert isinstance(bank.send(replace(REQUEST, order_number=number(2))), Paid)
    assert open_bank(journal).balance_fen(card_number=CARD) == 1_100


def test_everything_the_bank_knows_reads_back_from_its_journal(journal: Path) -> None:
    bank = open_bank(journal)
    bank.deposit(card_number=CARD, amount_fen=-30)
    bank.send(REQUEST)
    bank.send(replace(REQUEST, order_number=number(2), card_number=OTHER_CARD))
    again = open_bank(journal)
    for order_number in (number(1), number(2), number(3)):
        assert again.ask(order_number) == bank.ask(order_number)
    assert again.statement(START.date()) == bank.statement(START.date())
    assert again.balance_fen(card_number=CARD) == bank.balance_fen(card_number=CARD) == 570


def test_the_journal_holds_no_personal_data_and_is_the_owners_alone(journal: Path) -> None:
    open_bank(journal).send(REQUEST)
    written = journal.read_text(encoding="ascii")
    for personal in (CARD, NAME, ID_NUMBER, PHONE):
        assert personal.reveal() not in written
        assert personal.reveal().encode("unicode_escape").decode() not in written
    assert journal.stat().st_mode & 0o777 == 0o600


def test_an_order_in_progress_ends_at_its_time() -> None:
    clock = SettableClock(start=START)
    bank = FakeBank(clock=clock, sms=FakeSms(), processing=timedelta(minutes=5))
    bank.open_card(card_number=CARD, holder_name=NAME, id_number=ID_NUMBER, phone=PHONE)
    bank.send(REQUEST)
    assert bank.notices() == []
    clock.advance(timedelta(minutes=5))
    (notice,) = bank.notices()
    assert notice == (number(1), bank.ask(number(1)))
    assert bank.notices() == []
