"""The real channels against a sandbox in this process: what a contract suite needs to know of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache

from mingqu.channels.fake.clock import SettableClock
from mingqu.counterparties.channels import Counterparties, connect
from mingqu.counterparties.credentials import check_credentials
from mingqu.sandbox import Sandbox, keys
from tests.contracts.people import CARD, ID_NUMBER, NAME, PHONE, START

PUBLIC_URL = "http://127.0.0.1:1"  # nobody listens: notices are not what these suites are about


@dataclass(frozen=True)
class Played:
    """Channels and the counterparties they talk to, at one time."""

    there: Counterparties
    sandbox: Sandbox
    clock: SettableClock


@contextmanager
def played(*parties: str, balance_fen: int = 0, mode: str = "public_key") -> Iterator[Played]:
    """Play some counterparties; NAME has CARD with some money on it. The wallets are in one of their two modes."""
    clock = SettableClock(start=START)
    with Sandbox(clock=clock.now, only=parties, secrets=replace(_secrets(), mode=mode)) as sandbox:
        sandbox.control.meet(
            name=NAME.reveal(),
            id_number=ID_NUMBER.reveal(),
            phone=PHONE.reveal(),
            card_number=CARD.reveal(),
            balance_fen=balance_fen,
        )
        wallets = {"wechatpay", "alipay"}
        given = {name: value for name, value in sandbox.credentials.items() if name not in wallets or name in parties}
        if "alipay" in parties:
            given["alipay"] = given["alipay"] | {"mode": mode}
        if mode == "certificate" and "wechatpay" in parties:
            given["wechatpay"] = given["wechatpay"] | {"platform_key_id": None, "platform_public_key": None}
        credentials = check_credentials(value=given)
        with closing(connect(credentials=credentials, public_url=PUBLIC_URL, clock=clock)) as there:
            yield Played(there=there, sandbox=sandbox, clock=clock)


@contextmanager
def known_again(here: Played, *, next_keys: Mapping[str, str]) -> Iterator[Counterparties]:
    """Connect to the same counterparties anew, with keys of WeChat Pay that we were given meanwhile."""
    given = here.sandbox.credentials
    given = given | {"wechatpay": given["wechatpay"] | {"next_keys": dict(next_keys)}}
    credentials = check_credentials(value=given)
    with closing(connect(credentials=credentials, public_url=PUBLIC_URL, clock=here.clock)) as there:
        yield there


@cache
def _secrets() -> keys.Secrets:
    """Keys for every sandbox of this process: RSA keys take a while to make."""
    return keys.load_or_make(None)
