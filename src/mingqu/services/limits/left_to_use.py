"""What a person may still use of a revolving account: limits, and what stops or bounds everything that is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mingqu.domain.ledger import Account, AccountCode, Balance
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.limits.cap_limit import left_under_cap
from mingqu.services.limits.check_assessment import withheld
from mingqu.services.limits.check_drawing import stop_of
from mingqu.services.limits.keep_to_link import left_by_links
from mingqu.services.limits.stand_in_band import left_in_band
from mingqu.store.decisions import assessment
from mingqu.store.server.database import Transaction

_CODE: Final = AccountCode.LIMIT_AVAILABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What holds for all of a person's accounts: amounts in fen that are not of use yet, by the owner of the limit;
    what is left by their links, by account, and by cap and band; and the refusal that drawing would meet now."""

    person_id: UUID
    waiting: Mapping[UUID, int]
    by_link: Mapping[UUID, int]
    most_fen: int | None
    stopped: Refusal | None

    def left_fen(self, *, owner: UUID, currency: str, balances: Mapping[Account, Balance]) -> int:
        """Return what is of use of an account's limit, were nothing stopped; never below zero."""

        def free_fen(of: UUID) -> int:
            found = balances[Account(owner=of, code=_CODE, currency=currency)].available_fen(_CODE)
            return found - self.waiting.get(of, 0)

        left = min(free_fen(owner), free_fen(self.person_id))
        left = min(left, self.by_link.get(owner, left))
        return max(0, left if self.most_fen is None else min(left, self.most_fen))


def bounds_of(tx: Transaction, house: House, *, person_id: UUID) -> Bounds:
    """Return what stops or bounds a person's drawing now."""
    by_cap = left_under_cap(tx, house, person_id=person_id)
    by_band = left_in_band(tx, house, person_id=person_id)
    return Bounds(
        person_id=person_id,
        waiting=withheld(assessment.last_changes(tx, person_id=person_id), at=house.clock.now()),
        by_link=left_by_links(tx, person_id=person_id),
        most_fen=min((fen for fen in (by_cap, by_band) if fen is not None), default=None),
        stopped=stop_of(tx, house, person_id=person_id),
    )
