"""Mistakes of revolving accounts, planted: another desk, or a channel, that does one thing as it is often done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from mingqu.channels.fake.bank import FakeBank
from mingqu.domain.spend import SpendEvent, SpendKind
from mingqu.domain.word import Accepted, NumberTaken, Paid, Refused
from mingqu.ports.collection import DeductionRequest
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.revolving.record_spend import brought_up, record_spend
from mingqu.simulation.platform import PlatformHistory
from mingqu.simulation.playhouse import Playhouse
from mingqu.simulation.spend_desk import SpendDesk
from mingqu.store.revolving import purchase, spend


class HoldersAlone(PlatformHistory):
    """A history in which only holders, their sellers, a worker and the bank do anything: so much more happens."""

    def _tick(self, *, is_working: bool) -> None:
        if is_working and self._dice.happens(300_000):
            self._work()
        else:
            self._let_holder()


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


def deductions_giving_up(play: Playhouse) -> Playhouse:
    return replace(play, house=replace(play.house, collection=DeductionsGiveUp(play.bank)))


def desk_of(desk: type[SpendDesk]) -> Callable[[Playhouse], Playhouse]:
    def planted(play: Playhouse) -> Playhouse:
        return replace(play, desk=desk())

    planted.__name__ = desk.__name__
    return planted
