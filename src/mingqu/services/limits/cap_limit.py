"""Let a borrower cap what they may draw: lower at once, higher or not at all only after a pause."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.cap import Cap, CapExceeded, Caps, CapUnchanged, caps_at, starts
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.money import AmountOutOfRange, Money
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.store.ledgers import ledger
from mingqu.store.limits import cap
from mingqu.store.parties import party
from mingqu.store.server.database import Transaction

CURRENCY = "CNY"


def cap_limit(house: House, *, person_id: UUID, amount_fen: int | None, key: str) -> Caps:
    """Set a person's own cap, or lift it with None; return what holds now and what will.

    A cap that is not above the one that holds begins at once, any other after `Settings.cap_pause`. What was drawn
    stays; nothing more is drawn above it. Errors: NotFound, AmountOutOfRange, CapUnchanged, and those of the key.
    """
    if amount_fen is not None and Money(amount_fen).fen < 0:
        raise AmountOutOfRange("A cap is an amount of zero or more.")

    def work(tx: Transaction) -> Response:
        party.load_person(tx, person_id=person_id)
        said, now = cap.said_by(tx, person_id=person_id), house.clock.now()
        known = caps_at(said=said, at=now)
        if amount_fen == (known.amount_fen if known.next_at is None else known.next_fen):
            raise CapUnchanged("Your cap is that already, or will be when its pause is over.")
        begins = starts(standing_fen=known.amount_fen, amount_fen=amount_fen, at=now, pause=house.settings.cap_pause)
        made = Cap(
            cap_id=house.id_for(person_id),
            person_id=person_id,
            amount_fen=amount_fen,
            set_at=now,
            starts_at=begins,
            used_fen=used_fen(tx, person_id=person_id),
        )
        cap.insert(tx, cap=made)
        after = caps_at(said=[*said, made], at=now)
        return {
            "amount_fen": after.amount_fen,
            "next_fen": after.next_fen,
            "next_at": None if after.next_at is None else after.next_at.isoformat(),
        }

    request: dict[str, Canonical] = {"amount_fen": amount_fen}
    answer = once(house, person_id=person_id, command="cap_limit", key=key, request=request, work=work)
    amount, following, at = answer["amount_fen"], answer["next_fen"], answer["next_at"]
    return Caps(
        amount_fen=None if amount is None else int(str(amount)),
        next_fen=None if following is None else int(str(following)),
        next_at=None if at is None else datetime.fromisoformat(str(at)),
    )


def caps_of(tx: Transaction, house: House, *, person_id: UUID) -> Caps:
    """Return what holds now of a person's own cap, and what will."""
    return caps_at(said=cap.said_by(tx, person_id=person_id), at=house.clock.now())


def used_fen(tx: Transaction, *, person_id: UUID) -> int:
    """Return what a person has drawn and what is held for them, over all products."""
    held = ledger.balances_of(tx, cell=tx.cell_of(person_id), owners=[person_id])
    drawn = held[Account(owner=person_id, code=AccountCode.LIMIT_DRAWN, currency=CURRENCY)]
    available = held[Account(owner=person_id, code=AccountCode.LIMIT_AVAILABLE, currency=CURRENCY)]
    return drawn.normal_fen(AccountCode.LIMIT_DRAWN) + available.debits_pending_fen


def left_under_cap(tx: Transaction, house: House, *, person_id: UUID) -> int | None:
    """Return how much a person's own cap leaves to draw, never below zero; None without a cap."""
    standing = caps_of(tx, house, person_id=person_id).amount_fen
    return None if standing is None else max(0, standing - used_fen(tx, person_id=person_id))


def require_under_cap(tx: Transaction, house: House, *, person_id: UUID, amount_fen: int) -> None:
    """Return when a person's own cap covers a further amount; the caller holds the cell's lock. Errors: CapExceeded."""
    left_fen = left_under_cap(tx, house, person_id=person_id)
    if left_fen is not None and amount_fen > left_fen:
        raise CapExceeded("Your own cap does not cover this amount; a higher one takes a pause.", left_fen=left_fen)
