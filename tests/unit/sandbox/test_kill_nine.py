"""kill -9 of the sandbox: what was answered is in the books, and what was to be told is still told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from tests.unit.sandbox.house import (
    CARD,
    ID_NUMBER,
    NAME,
    PATIENCE_SECONDS,
    PHONE,
    START,
    House,
    Moving,
    playing,
    receiving,
)

PROGRAM = """
import json, sys, threading
from pathlib import Path
from mingqu.sandbox import Sandbox
with Sandbox(folder=Path(sys.argv[1]), tells=False) as sandbox:
    print(json.dumps(sandbox.credentials), flush=True)
    threading.Event().wait()
"""
NUMBER = "a" * 32
PAYOUT = {"order_number": NUMBER, "amount_fen": 100, "currency": "CNY", "card_number": CARD, "holder_name": NAME}


def knob(house: House, party: str, path: str, /, **asked: Any) -> None:
    """Turn a knob of a sandbox in another process."""
    answer = house.client.post(f"{house.sandbox.credentials['control'][party]}/{path}", json=asked)
    assert answer.status_code == 200, answer.text


def test_a_sandbox_that_was_killed_forgets_nothing_it_answered(tmp_path: Path) -> None:
    with receiving() as (address, heard, _), httpx.Client(timeout=PATIENCE_SECONDS) as client:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            credentials = json.loads(process.stdout.readline())
            there: Any = SimpleNamespace(credentials=credentials)
            house = House(sandbox=there, clock=Moving(datetime.now(UTC)), client=client)
            knob(house, "bank", "people", name=NAME, id_number=ID_NUMBER, phone=PHONE, card_number=CARD)
            knob(house, "bank", "notices", url=address)
            paid = house.gateway("bank", "POST", "/gateway/v1/payouts", PAYOUT, nonce="1" * 32).json()
            assert house.prepay("R" * 32, notify_url=address).status_code == 200
            knob(house, "wechatpay", "pay", order_number="R" * 32)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        with playing(folder=tmp_path, tells=False) as again:
            again.clock.now = datetime.now(UTC)
            assert again.clock.now > START
            again.sandbox.control.wechatpay.probe_every = 0
            assert again.sandbox.credentials["bank"]["private_key"] == credentials["bank"]["private_key"]
            assert again.sandbox.control.moved() == {NUMBER: 100, "R" * 32: 100}
            assert again.sandbox.control.bank.balance_fen(number=CARD) == 100
            assert again.gateway("bank", "POST", "/gateway/v1/payouts", PAYOUT).json() == paid
            replayed = again.gateway("bank", "POST", "/gateway/v1/payouts", PAYOUT, nonce="1" * 32)
            assert replayed.json()["code"] == "nonce_reused"
            assert again.sandbox.tell() == 2
            assert len(heard) == 2
