"""What every lender behind the gateway must do: the fake, the sandbox's, and the page's that has nothing of ours."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mingqu.channels.fake.lender import FakeLender
from mingqu.channels.gateway.lender import GatewayLender
from mingqu.channels.gateway.signature import SigningKey, TheirKeys
from mingqu.channels.gateway.speech import Party
from mingqu.channels.system.clock import SystemClock
from mingqu.channels.system.nonces import fresh_nonce
from mingqu.channels.wire import Wire
from mingqu.counterparties.channels import connect
from mingqu.counterparties.credentials import check_credentials
from mingqu.domain.lender_answer import LenderOffer
from mingqu.ports.lender import (
    Confirmed,
    Declined,
    Funded,
    Later,
    LenderApplication,
    LenderChannel,
    LenderFunding,
    LenderReport,
    LenderReturn,
    LenderSignature,
    NeverFunded,
    NotKnown,
    NotSigned,
    PriceMoved,
    Returned,
)
from mingqu.ports.silence import ChannelSilent
from mingqu.sandbox import Sandbox
from tests.contracts.people import ID_NUMBER, NAME, PHONE, number
from tests.contracts.sandbox import PUBLIC_URL, Played, played

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "be-a-lender.md"
APPLICATION = LenderApplication(
    number=number(1), lender="chengchuan", product="chengchuan-instalment", amount_fen=1_000_000, currency="CNY",
    instalments=12, method="equal_instalment", consent_id=number(2), name=NAME, id_number=ID_NUMBER, phone=PHONE,
    score=640, band="B",
)  # fmt: skip
SECONDS_MAX = 60  # until a process of its own listens


def signature(rate_year_ppm: int) -> LenderSignature:
    return LenderSignature(
        number=number(3), application_number=APPLICATION.number, amount_fen=1_000_000, currency="CNY",
        rate_year_ppm=rate_year_ppm, terms_hash="ab" * 32,
    )  # fmt: skip


FUNDING = LenderFunding(number=number(4), signature_number=number(3), amount_fen=1_000_000, currency="CNY")
REPORT = LenderReport(
    number=number(5), application_number=number(1), amount_fen=1_000_000, currency="CNY", on=date(2026, 8, 15),
    event="signed",
)  # fmt: skip


@contextmanager
def fake_lender() -> Iterator[LenderChannel]:
    until = datetime(2026, 8, 18, tzinfo=UTC)
    yield FakeLender(answers=deque([LenderOffer(rate_year_ppm=90_000, valid_until=until)]))


@contextmanager
def gateway_lender() -> Iterator[LenderChannel]:
    with sandboxed() as (_, channel):
        yield channel


@contextmanager
def sandboxed() -> Iterator[tuple[Played, LenderChannel]]:
    with played("lender") as here:
        party = here.sandbox.credentials["issuers"]["qinghe"] | {"base_url": here.sandbox.addresses["lender"]}
        assert party
        given = here.sandbox.credentials | {"lenders": {"chengchuan": lender_credentials(here.sandbox)}}
        credentials = check_credentials(value=given)
        with closing(connect(credentials=credentials, public_url=PUBLIC_URL, clock=here.clock)) as there:
            yield here, there.lenders["chengchuan"]


def lender_credentials(sandbox: Sandbox) -> object:
    """Return what a house is given to speak to the sandbox's lender."""
    sandbox._lenders = ("chengchuan",)  # as if it had been asked for from the start
    sandbox.control.rekeyed()
    return sandbox.credentials["lenders"]["chengchuan"]


@contextmanager
def lender_of_a_page() -> Iterator[LenderChannel]:
    import tempfile

    block = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    own, house = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    with socket.socket() as door, tempfile.TemporaryDirectory() as name:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
        door.close()
        folder = Path(name)
        (folder / "lender.py").write_text(block[1], encoding="utf-8")
        (folder / "own.pem").write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / "house.pem").write_bytes(
            house.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        words = [sys.executable, "lender.py", str(port), "own.pem", "house.pem"]
        with subprocess.Popen(words, cwd=folder, stderr=subprocess.DEVNULL) as process:
            try:
                wait_for(port)
                wire = Wire(base_url=f"http://127.0.0.1:{port}")
                with closing(wire):
                    yield GatewayLender(
                        party=Party(
                            wire=wire,
                            own=SigningKey(key_id="house-1", key=house),
                            theirs=TheirKeys(keys={"lender-1": own.public_key()}),
                            clock=SystemClock(),
                            nonces=fresh_nonce,
                        )
                    )
            finally:
                process.terminate()


def wait_for(port: int) -> None:
    until = time.monotonic() + SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < until, "the lender of the page does not listen"
        else:
            return


LENDERS: tuple[Callable[[], object], ...] = (fake_lender, gateway_lender, lender_of_a_page)


@pytest.fixture(params=LENDERS, ids=["fake", "gateway", "page"])
def lender(request: pytest.FixtureRequest) -> Iterator[LenderChannel]:
    with request.param() as opened:
        yield opened


def test_a_lender_offers_signs_funds_and_hears_and_says_the_same_again(lender: LenderChannel) -> None:
    assert isinstance(lender.ask(number=APPLICATION.number), NotKnown)
    offer = lender.assess(APPLICATION)
    assert isinstance(offer, LenderOffer)
    assert lender.assess(APPLICATION) == lender.ask(number=APPLICATION.number) == offer
    with pytest.raises(ChannelSilent):
        lender.assess(replace(APPLICATION, amount_fen=2_000_000))
    wish = signature(offer.rate_year_ppm)
    confirmed = lender.sign(wish)
    assert isinstance(confirmed, Confirmed)
    assert lender.sign(wish) == confirmed
    with pytest.raises(ChannelSilent):
        lender.sign(replace(wish, amount_fen=2_000_000))
    funded = lender.fund(FUNDING)
    assert isinstance(funded, Funded)
    assert lender.fund(FUNDING) == funded
    lender.report(REPORT)
    lender.report(REPORT)
    back = LenderReturn(number=number(6), funding_number=FUNDING.number, amount_fen=1_000_000, currency="CNY")
    returned = lender.take_back(back)
    assert isinstance(returned, Returned)
    assert lender.take_back(back) == returned
    with pytest.raises(ChannelSilent):
        lender.take_back(replace(back, amount_fen=2_000_000))
    assert lender.take_back(replace(back, number=number(7), funding_number=number(8))) == NeverFunded()
    assert lender.fund(replace(FUNDING, number=number(8))) == NotSigned(code="called_off")


@dataclass(frozen=True)
class Reference:
    """The sandbox's lender, its knobs, and the channel to it."""

    here: Played
    channel: LenderChannel


@pytest.fixture(scope="module")
def reference() -> Iterator[Reference]:
    with sandboxed() as (here, channel):
        yield Reference(here=here, channel=channel)


def test_the_reference_lender_has_every_temper(reference: Reference) -> None:
    knobs, channel = reference.here.sandbox.control.lender, reference.channel
    application = replace(APPLICATION, number=number(11))
    knobs.set_temper(answers="later")
    assert channel.assess(application) == channel.ask(number=application.number) == Later()
    knobs.set_temper(answers="refuse")
    declined = channel.ask(number=application.number)
    assert isinstance(declined, Declined)
    assert declined.reasons[0].remedy_en
    knobs.set_temper(answers="garbage")
    with pytest.raises(ChannelSilent) as silent:
        channel.assess(replace(APPLICATION, number=number(12)))
    assert silent.value.reason == "unreadable"
    with pytest.raises(ValueError, match="answers"):
        knobs.set_temper(answers="moody")


def test_the_price_of_the_reference_lender_may_rise_or_end_before_it_signs(reference: Reference) -> None:
    knobs, channel = reference.here.sandbox.control.lender, reference.channel
    knobs.set_temper(rate_year_ppm=80_000, rise_at_signing_ppm=5_000)
    application = replace(APPLICATION, number=number(21))
    channel.assess(application)
    wish = replace(signature(80_000), number=number(22), application_number=application.number)
    moved = channel.sign(wish)
    assert isinstance(moved, PriceMoved)
    assert moved.offer.rate_year_ppm == 85_000
    assert channel.sign(wish) == moved
    assert channel.fund(replace(FUNDING, number=number(23), signature_number=wish.number)) == NotSigned(
        code="not_signed"
    )
    assert isinstance(channel.sign(replace(wish, number=number(24), rate_year_ppm=85_000)), Confirmed)
    reference.here.clock.advance_to(reference.here.clock.now() + timedelta(days=4))
    assert isinstance(channel.sign(replace(wish, number=number(25), rate_year_ppm=85_000)), PriceMoved)


@pytest.mark.parametrize(("fault", "reason"), [("wrong_signature", "unsigned"), ("lose_reply", "connection"),
                                               ("server_error", "server_error")])  # fmt: skip
def test_an_answer_that_is_lost_or_forged_is_silence_and_the_same_is_said_again(
    reference: Reference, fault: str, reason: str
) -> None:
    reference.here.sandbox.control.lender.set_temper()
    application = replace(APPLICATION, number=number({"wrong_signature": 31, "lose_reply": 32}.get(fault, 33)))
    reference.here.sandbox.control.plan("lender", "lender.assess", fault)
    with pytest.raises(ChannelSilent) as silent:
        reference.channel.assess(application)
    assert silent.value.reason == reason
    assert isinstance(reference.channel.assess(application), LenderOffer)
