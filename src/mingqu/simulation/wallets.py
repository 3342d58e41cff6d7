"""Accounts at a wallet and the page on which their owners say who they are, played in memory."""

from __future__ import annotations

from typing import Final

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.faults import Faults
from mingqu.demo.world import Newcomer
from mingqu.domain.personal import Personal
from mingqu.ports.login import LoggedIn, LoginRefused

_SOMEBODY_ELSE: Final = Personal("别人")  # whose account somebody uses as if it were theirs


class WalletDoor:
    """Implements `LoginPage`: whoever has an account comes back with a code, which serves once."""

    def __init__(self, *, bank: FakeBank, faults: Faults) -> None:
        self._bank, self.faults = bank, faults
        self._codes: dict[Personal[str], Personal[str] | None] = {}  # by code: whose it is, or None once it was used
        self._accounts: set[Personal[str]] = set()

    def account_of(self, newcomer: Newcomer, *, own_name: bool) -> Personal[str]:
        """Return somebody's account, opened the first time they are asked for it: in their own name, or in another."""
        account = Personal(f"2088{newcomer.phone.reveal():0>12}")
        if account not in self._accounts:
            name = newcomer.name if own_name else _SOMEBODY_ELSE
            self._bank.open_card(
                card_number=account, holder_name=name, id_number=newcomer.id_number, phone=newcomer.phone, balance_fen=0
            )
            self._accounts.add(account)
        return account

    def come_back(self, account: Personal[str]) -> Personal[str]:
        """Return the code that an owner comes back with."""
        code = Personal(f"code-{len(self._codes)}")
        self._codes[code] = account
        return code

    def address(self, *, back: str, state: str) -> str:
        """Return the page's address; nobody opens it here."""
        return f"fake-wallet:login?back={back}&state={state}"

    def exchange(self, *, code: Personal[str]) -> LoggedIn | LoginRefused:
        """Return whose a code is. Errors: ChannelSilent."""
        return self.faults.carry(
            "login.exchange", do=lambda: self._told(code), refuse=lambda: LoginRefused(code="high_risk")
        )

    def balance_fen(self) -> int:
        """Return what is on all accounts together."""
        return sum(self._bank.balance_fen(card_number=account) for account in self._accounts)

    def _told(self, code: Personal[str]) -> LoggedIn | LoginRefused:
        account, self._codes[code] = self._codes[code], None
        return LoginRefused(code="code_used") if account is None else LoggedIn(subject=account)
