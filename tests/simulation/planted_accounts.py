"""Mistakes of revolving accounts, planted: another desk, or a channel, that does one thing as it is often done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.clock import SettableClock
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.order import OrderState
from mingqu.domain.spend import SpendEvent, SpendKind
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import DeductionRequest
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.loans.reserve_payout import LimitExceeded
from mingqu.services.orders.hear_order import BookOrders
from mingqu.services.revolving.pay_merchant import capture_purchase
from mingqu.services.revolving.record_spend import brought_up, record_spend
from mingqu.simulation.platform import PlatformHistory
from mingqu.simulation.playhouse import Playhouse
from mingqu.simulation.spend_desk import SpendDesk
from mingqu.store.ledgers import ledger
from mingqu.store.orders import order
from mingqu.store.revolving import purchase, spend


class HoldersAlone(PlatformHistory):
    """A history in which only holders, their sellers, a worker and the bank do anything: so much more happens."""

    def _tick(self, *, is_working: bool) -> None:
        if is_working and self._dice.happens(300_000):
            self._work()
        else:
            self._let_holder()


_DESKS = 3  # times that whoever proposed and whoever checks look, so that nothing is left in dispute


class MadeUpReturns(HoldersAlone):
    """A history in which two people believe, of draws that arrived, that they came back."""

    def _tick(self, *, is_working: bool) -> None:
        if self._dice.happens(900_000):
            super()._tick(is_working=is_working)
            return
        drawn = sorted(order_id for one in self._people for order_id in one.notebook.draws)
        if drawn and self._dice.happens(500_000):
            house, order_id = self._play.house, self._dice.one_of(drawn)
            with house.database.transaction() as tx:
                arrived = order.load(tx, order_id=order_id).state is OrderState.PAID
            if arrived:
                BookOrders(house=house).hear(order_id=order_id, word=Failed(code="returned"), at=house.clock.now())
        for _ in range(_DESKS):
            self._clear_desks()


@dataclass(frozen=True)
class DeductionsGiveUp:
    """A bank whose silence of a deduction is taken for a no."""

    bank: FakeBank

    def deduct(self, request: DeductionRequest) -> Accepted | Paid | Refused | NumberTaken:
        try:
            return self.bank.deduct(request)
        except ChannelSilent:
            return Refused(code="timeout")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bank, name)


@dataclass(frozen=True)
class PaidWhenHeard:
    """A bank's page whose payment counts from the moment at which it is heard of, and not from when it was made."""

    bank: FakeBank
    clock: SettableClock

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        word = self.bank.ask(order_number)
        return replace(word, at=self.clock.now()) if isinstance(word, Paid) else word

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bank, name)


class RefundPaysTheBill(SpendDesk):
    """Takes what a seller gives back for a payment of its owner."""

    def refund(self, house: House, *, purchase_id: UUID, number: str, fen: int) -> None:
        with house.database.transaction() as tx:
            tx.lock_cell(tx.cell_of(purchase_id))
            known = purchase.load(tx, purchase_id=purchase_id)
            today = house.clock.business_date()
            account = brought_up(tx, house, account=spend.get(tx, account_id=known.account_id), to=today)
            event_id = house.id_for(account.person_id)
            event = SpendEvent(event_id=event_id, kind=SpendKind.REPAID, on=today, amount_fen=fen)
            record_spend(tx, house, account=account, event=event)
            tx.commit()


class DrawsAnew(SpendDesk):
    """Draws under a new key whenever it is asked."""

    times = 0

    def draw(self, house: House, *, person_id: UUID, account_id: UUID, card_id: UUID, fen: int, key: str) -> UUID:
        self.times += 1
        key = f"{key} {self.times}"
        return super().draw(house, person_id=person_id, account_id=account_id, card_id=card_id, fen=fen, key=key)


class CapturesTheHold(SpendDesk):
    """Takes all that was held for a seller who asks for a part of it."""

    def capture(self, house: House, *, purchase_id: UUID, fen: int) -> int:
        capture_purchase(house, purchase_id=purchase_id)
        return fen


class StopUnheard(SpendDesk):
    """Says yes to whoever wants nothing more to be deducted, and leaves it at that."""

    def stop(self, house: House, *, person_id: UUID, account_id: UUID) -> None:
        pass

    def withdraw(self, house: House, *, person_id: UUID) -> None:
        pass


class CountsItsOwnProduct(SpendDesk):
    """Forgets what other products have drawn of the limit over all of them."""

    def authorize(
        self, house: House, *, person_id: UUID, account_id: UUID, seller: str, number: str, fen: int, key: str
    ) -> UUID:
        asked: dict[str, Any] = {"person_id": person_id, "account_id": account_id, "seller": seller, "number": number}
        try:
            return super().authorize(house, **asked, fen=fen, key=key)
        except LimitExceeded:
            _forget(house, person_id)
            return super().authorize(house, **asked, fen=fen, key=key)


def _forget(house: House, person_id: UUID) -> None:
    """Free all that is drawn of a person's limit."""
    with house.database.transaction() as tx:
        cell = tx.cell_of(person_id)
        tx.lock_cell(cell)
        drawn, free = (
            Account(owner=person_id, code=code, currency="CNY")
            for code in (AccountCode.LIMIT_DRAWN, AccountCode.LIMIT_AVAILABLE)
        )
        fen = ledger.balances_of(tx, cell=cell, owners=[person_id])[drawn].normal_fen(AccountCode.LIMIT_DRAWN)
        if not fen:
            return
        today = house.booking_date(tx, cell=cell)
        freed = Transfer(
            id=house.id_for(person_id),
            debit=drawn,
            credit=free,
            amount_fen=fen,
            reason=Reason.LIMIT_RELEASE,
            value_date=today,
            posted_on=today,
            reference=person_id,
        )
        ledger.post(tx, cell=cell, transfers=[freed])
        tx.commit()


def deductions_giving_up(play: Playhouse) -> Playhouse:
    return replace(play, house=replace(play.house, collection=DeductionsGiveUp(play.bank)))


def paid_when_heard(play: Playhouse) -> Playhouse:
    return replace(play, house=replace(play.house, hosted=PaidWhenHeard(play.bank, play.clock)))


def desk_of(desk: type[SpendDesk]) -> Callable[[Playhouse], Playhouse]:
    def planted(play: Playhouse) -> Playhouse:
        return replace(play, desk=desk())

    planted.__name__ = desk.__name__
    return planted
