"""A version of a contract that is agreed to, declined and taken back at one moment, and whoever dies while agreeing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

from mingqu.demo.journey import work_until_idle
from mingqu.domain.order import OrderKind
from mingqu.domain.purpose.version import VersionState
from mingqu.services.changes.answer_version import agree_version, decline_version, versions_view, withdraw_version
from mingqu.services.changes.take_payout_back import pay_out_again
from tests.database.test_races import at_once, codes_of
from tests.journeys.correcting import (
    MERCHANT,
    PRICE_FEN,
    RIGHT,
    WHY,
    corrected,
    open_account,
    publish_list,
    returned,
)
from tests.journeys.reading import assert_coherent, orders_of, rows_of
from tests.journeys.test_corrected_payee import balance
from tests.journeys.test_story_s0 import Buyer, buyer
from tests.journeys.two_people import seat_of

__all__ = ["buyer"]


def test_whoever_answers_first_answers_and_what_came_back_is_paid_once(buyer: Buyer) -> None:
    house, person_id, signed = buyer.house, buyer.known.person_id, returned(buyer)
    loan_id, seat = signed.loan_id, seat_of(house, "operations", name="maker")
    publish_list(house)
    open_account(buyer.world)

    def decline(version_id: UUID, key: str) -> None:
        decline_version(house, person_id=person_id, loan_id=loan_id, version_id=version_id, key=key)

    def withdraw(version_id: UUID) -> None:
        withdraw_version(house, seat=seat, loan_id=loan_id, version_id=version_id, reason=WHY)

    for turn in ("first", "second"):
        version_id = corrected(buyer, loan_id, key=turn).version_id
        said = at_once([partial(decline, version_id, f"no {turn}"), partial(withdraw, version_id)])
        assert codes_of(said) == ["contract_version_over"], said
    waits = corrected(buyer, loan_id, key="last")

    def agree(key: str) -> UUID:
        return agree_version(
            house, person_id=person_id, loan_id=loan_id, version_id=waits.version_id, agreed_hash=waits.hash, key=key
        )

    said = at_once(
        [
            lambda: agree("phone"),
            lambda: agree("laptop"),
            lambda: withdraw(waits.version_id),
            lambda: pay_out_again(house, person_id=person_id, loan_id=loan_id, instrument_id=None, key="again"),
        ]
    )
    orders = [one for one in said if isinstance(one, UUID)]
    assert len(orders) <= 1, said
    assert set(codes_of(said)) <= {
        "contract_version_over",
        "contract_version_waits",
        "payout_waiting",
        "payee_not_listed",
    }
    work_until_idle(buyer.world)
    newest = versions_view(house, person_id=person_id, loan_id=loan_id).versions[0]
    payouts = orders_of(house, loan_id, OrderKind.PAYOUT)
    assert len(payouts) == 1 + len(orders)
    if newest.state is VersionState.AGREED:
        assert orders == [newest.order_id]
        assert (balance(buyer, RIGHT), buyer.paid_fen(MERCHANT)) == (PRICE_FEN, 0)
    else:
        assert newest.state is VersionState.WITHDRAWN
        assert (balance(buyer, RIGHT), buyer.paid_fen(MERCHANT)) == (0, PRICE_FEN * len(orders))
    assert_coherent(house)


DYING: Final = """
import json, os, signal, sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.system.codes import SystemCodes
from mingqu.channels.system.identifiers import SystemIdentifiers
from mingqu.services.changes import answer_version as answering
from mingqu.store.server import keyring
from mingqu.store.server.database import Database
from mingqu.worlds.house import fake_house

folder, said = Path(sys.argv[1]), json.loads(sys.argv[2])
(folder / "dying").mkdir()
clock = SettableClock(start=datetime.fromisoformat(said["now"]))
class Rails:
    resend_is_safe = True
answering._answer = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
with Database(said["url"]) as database:
    keys, ids = keyring.load(folder=folder, environment={}), SystemIdentifiers(clock=clock)
    house = replace(fake_house(database, keys, folder / "dying", clock, SystemCodes(), ids)[0], entrusted=Rails())
    answering.agree_version(
        house, person_id=UUID(said["person_id"]), loan_id=UUID(said["loan_id"]), version_id=UUID(said["version_id"]),
        agreed_hash=said["hash"], key="dying",
    )
"""


def test_whoever_dies_while_agreeing_has_agreed_to_nothing_and_agrees_again(buyer: Buyer, tmp_path: Path) -> None:
    house, person_id, signed = buyer.house, buyer.known.person_id, returned(buyer)
    publish_list(house)
    open_account(buyer.world)
    waits, before = corrected(buyer, signed.loan_id), rows_of(house)
    said = {
        "person_id": person_id.hex, "loan_id": signed.loan_id.hex, "version_id": waits.version_id.hex,
        "hash": waits.hash, "now": house.clock.now().isoformat(), "url": house.database.url,
    }  # fmt: skip
    died = subprocess.run(
        [sys.executable, "-c", DYING, str(tmp_path), json.dumps(said)], check=False, capture_output=True, timeout=300
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert rows_of(house) == before, "the payment that was reserved in the same transaction is gone with it"
    agree_version(
        house,
        person_id=person_id,
        loan_id=signed.loan_id,
        version_id=waits.version_id,
        agreed_hash=waits.hash,
        key="dying",
    )
    work_until_idle(buyer.world)
    assert (balance(buyer, RIGHT), buyer.paid_fen(MERCHANT)) == (PRICE_FEN, 0)
    assert_coherent(house)
