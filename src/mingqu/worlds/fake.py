"""The demonstration's world in memory: counterparties without a wire, a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.bureau import FakeBureau
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.faults import Fault
from mingqu.channels.fake.identity import FakeIdentity
from mingqu.channels.fake.sms import FakeSms
from mingqu.demo.world import Newcomer
from mingqu.domain.moment import start_of
from mingqu.domain.personal import Personal
from mingqu.domain.word import Refused
from mingqu.services.house import House


class FakeWorld:
    """Implements `demo.world.World` with the fake counterparties and a clock that is set by hand."""

    def __init__(self, *, house: House, clock: SettableClock, bank: FakeBank, sms: FakeSms,
                 identity: FakeIdentity, bureau: FakeBureau) -> None:  # fmt: skip
        self._house, self._clock, self._bank, self._sms = house, clock, bank, sms
        self._identity, self._bureau = identity, bureau

    @property
    def house(self) -> House:
        """The house itself."""
        return self._house

    def meet(self, newcomer: Newcomer, *, balance_fen: int) -> None:
        """Let bank, identity checker and bureau know a person."""
        self._bank.open_card(
            card_number=newcomer.card_number,
            holder_name=newcomer.name,
            id_number=newcomer.id_number,
            phone=newcomer.phone,
            balance_fen=balance_fen,
        )
        self._identity.know(
            name=newcomer.name,
            id_number=newcomer.id_number,
            card_number=newcomer.card_number,
            phone=newcomer.phone,
        )
        self._bureau.know(id_number=newcomer.id_number, features=newcomer.features)

    def read_code(self, phone: Personal[str]) -> Personal[str]:
        """Return the code in the newest message to a phone."""
        code = self._sms.latest_code(phone=phone)
        assert code is not None, "no code was sent to this phone"
        return code

    def deposit(self, newcomer: Newcomer, amount_fen: int) -> None:
        """Put money on a person's card."""
        self._bank.deposit(card_number=newcomer.card_number, amount_fen=amount_fen)

    def balance_fen(self, newcomer: Newcomer) -> int:
        """Return what is on a person's card."""
        return self._bank.balance_fen(card_number=newcomer.card_number)

    def pay_page(self, newcomer: Newcomer, order_id: UUID) -> None:
        """Let the person pay on the bank's page."""
        paid = self._bank.pay_by_hand(order_number=order_id.hex, card_number=newcomer.card_number)
        assert not isinstance(paid, Refused), "the story pays from a card with money on it"

    def silence_next_payout(self) -> None:
        """Let the bank do the next payout and lose its answer."""
        self._bank.faults.plan("payout.send", Fault.LOSE_REPLY)

    def go_to(self, moment: datetime) -> None:
        """Let time pass until a moment."""
        self._clock.advance_to(moment)

    def go_to_date(self, day: date) -> None:
        """Let time pass until a business date begins."""
        self._clock.advance_to(max(start_of(day), self._clock.now()))

    def paid_out_by_bank(self) -> Mapping[str, int]:
        """Return what the bank itself moved, by order number."""
        return self._bank.moved()
