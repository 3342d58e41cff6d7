"""Erase a person who asks for it: at once where no law keeps what is known of them, otherwise on the day it lets go.

Until then what is known stays sealed, nothing rests on a consent any more, and who looks at it is noted. Nobody is
erased while something is open: a debt, an order, money of their own on an account, a hold, money with a purpose, a
dispute, a complaint. Whoever signs a new contract takes the wish back by that, and is told so. Source: PIPL art. 47;
反洗钱法 (2024) art. 34 goes before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain import consent as consents
from mingqu.domain.evidence import LeafKind
from mingqu.domain.identifier import beside
from mingqu.domain.moment import business_date_of, start_of
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.services.orders.end_agreement import end_agreement
from mingqu.services.people.keep_for_the_law import law_of
from mingqu.services.repayment.choose_deduction import end_choices
from mingqu.store import evidence
from mingqu.store.loans import loan
from mingqu.store.orders import order
from mingqu.store.parties import consent, erasure, party
from mingqu.store.people import instrument, session, vault
from mingqu.store.people.vault import Hold
from mingqu.store.revolving import spend
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import Work

LEASE_SECONDS: Final = 60  # far longer than one erasure takes
OPEN_AGAIN_AFTER: Final = timedelta(days=1)  # what is open is looked at again when a day's payments are in
BATCH: Final = 100  # erasures in one round of a worker


class ErasureOwes(Refusal):
    """Somebody who owes money, or whose money is on its way, cannot be forgotten: the debt would be nobody's."""

    code: ClassVar[str] = "erasure_owes"
    status: ClassVar[int] = 409


class ErasureWaits(Refusal):
    """Something of this person is not at its end: their money on an account, a hold, unspent money with a purpose, a
    dispute, a complaint."""

    code: ClassVar[str] = "erasure_waits"
    status: ClassVar[int] = 409


class Open(StrEnum):
    """What keeps somebody from being erased, the first that is found."""

    DEBT = "debt"
    CREDIT = "credit"  # of a revolving account: what is the person's own is paid to their card, or spent
    ORDER = "order"
    HOLD = "hold"
    PURPOSE_MONEY = "purpose_money"
    DISPUTE = "dispute"
    GRIEVANCE = "grievance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What became of a wish to be erased: done, or kept for a law until a day."""

    erased: bool
    law: str = ""
    kept_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a person is told before they ask: what is open, which law keeps their data, what they asked before."""

    open: Open | None
    law: str
    kept_until: date | None
    asked_until: date | None


def erasure_standing(house: House, *, person_id: UUID) -> Standing:
    """Return what would become of a person's wish to be erased today."""
    with house.database.transaction() as tx:
        kept = _kept(tx, house, person_id=person_id)
        waits = erasure.waiting_until(tx, person_id=person_id)
        return Standing(
            open=_open(tx, person_id=person_id),
            law=kept.reason if kept else "",
            kept_until=kept.held_until if kept else None,
            asked_until=None if waits is None else business_date_of(waits),
        )


def ask_to_be_erased(house: House, *, person_id: UUID, key: str) -> Erasure:
    """Erase a person, or note that it is to be done on the day the law lets go; asked again it is the same wish.

    Either way every consent ends, deductions stop, and all sessions close. It leaves a leaf that names nobody.
    Errors: ErasureOwes, ErasureWaits, PersonErased, NotFound, and those of the key; nothing has then changed.
    """

    def ask(tx: Transaction) -> Response:
        now = house.clock.now()
        found = _open(tx, person_id=person_id)
        if found in (Open.DEBT, Open.ORDER):
            raise ErasureOwes("Repay what is owed first; what is on its way must have arrived.")
        if found is Open.CREDIT:
            raise ErasureWaits("Money of yours lies on an account: have it paid to your card.", open=found.value)
        if found is not None:
            raise ErasureWaits("Something of yours is still open; ask again when it has ended.", open=found.value)
        party.load_person(tx, person_id=person_id)
        end_agreement(tx, house, person_id=person_id)
        for given in consent.of_person(tx, person_id=person_id):
            if given.withdrawn_at is None:
                ended = consents.withdraw(consent=given, at=now)
                consent.withdraw(tx, keyring=house.keyring, consent=ended)
        end_choices(tx, house, person_id=person_id)
        session.end_all(tx, person_id=person_id, at=now)
        kept = _kept(tx, house, person_id=person_id)
        if kept is None:
            _erase(tx, house, person_id=person_id, at=now)
            return {"erased": True}
        until = kept.held_until
        work.enqueue(
            tx,
            cell=tx.cell_of(person_id),
            work_id=beside(person_id, purpose=erasure.ERASE),
            kind=erasure.ERASE,
            subject_id=person_id,
            run_at=start_of(until),
            payload={},
        )
        return {"erased": False, "law": kept.reason, "kept_until": until.isoformat()}

    answer = once(house, person_id=person_id, command="ask_to_be_erased", key=key, request={}, work=ask)
    kept = answer.get("kept_until")
    return Erasure(
        erased=bool(answer["erased"]),
        law=str(answer.get("law", "")),
        kept_until=date.fromisoformat(str(kept)) if kept else None,
    )


def erase_due(house: House, *, cell: int) -> int:
    """Erase whom the law let go of, of those who asked; return how many were looked at.

    Whom it keeps longer waits on, and so does whoever has something open: it would be nobody's.
    """
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[erasure.ERASE], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    return do_each(house, leased, lambda piece: house.database.run(lambda tx: _carry_out(tx, house, piece)))


def _carry_out(tx: Transaction, house: House, piece: Work) -> None:
    tx.lock_cell(piece.cell)
    person_id, now = piece.subject_id, house.clock.now()
    if erasure.waiting_until(tx, person_id=person_id) is None:
        return  # taken back since it was leased
    kept = _kept(tx, house, person_id=person_id)
    if kept is not None:
        work.reschedule(tx, work=piece, run_at=start_of(kept.held_until))
        return
    if _open(tx, person_id=person_id) is not None:  # not repaid, or not spent, for longer than the law keeps
        work.reschedule(tx, work=piece, run_at=now + OPEN_AGAIN_AFTER)
        return
    _erase(tx, house, person_id=person_id, at=now)
    work.complete(tx, work=piece, now=now)


def _kept(tx: Transaction, house: House, *, person_id: UUID) -> Hold | None:
    """Return the law that keeps a person's data longest from today on, or None.

    The years count from their last transaction, whenever they signed: 反洗钱法 (2024) art. 34. So nobody is forgotten
    while a payment of theirs can still bounce, for no channel takes a payment back after years; what it had paid would
    be owed again by nobody.
    """
    today = house.clock.business_date()
    standing = vault.holds(tx, person_id=person_id, on=today)
    last = erasure.last_business_on(tx, person_id=person_id)
    if last is not None:
        law, until = law_of(house, on=last)
        if until > today:
            standing.append(Hold(reason=law, held_until=until))
    return max(standing, key=lambda one: one.held_until, default=None)


def _erase(tx: Transaction, house: House, *, person_id: UUID, at: datetime) -> None:
    """Forget a person. Deeds that others hang on stay, and name nobody. The caller holds the cell's lock."""
    known = vault.open_many(
        tx, keyring=house.keyring, cell=tx.cell_of(person_id), fields=[(person_id, party.FIELD_PHONE)]
    )
    phone: Personal[str] | None = known.get((person_id, party.FIELD_PHONE))
    cards = [one.number for one in instrument.opened_of_person(tx, keyring=house.keyring, person_id=person_id)]
    party.erase(tx, person_id=person_id, at=at)
    erasure.forget_traces(tx, keyring=house.keyring, phone=phone, card_numbers=cards)
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=tx.cell_of(person_id),
        person_id=person_id,
        kind=LeafKind.ERASURE,
        subject_id=person_id,
        at=at,
        facts={"person_id": person_id.hex},
    )


def _open(tx: Transaction, *, person_id: UUID) -> Open | None:
    """Return the first thing of a person that is not at its end, or None."""
    accounts = spend.of_person(tx, person_id=person_id)
    if loan.owes_money(tx, person_id=person_id) or any(
        one.state.used_fen or one.state.whole_fen > 0 for one in accounts
    ):
        return Open.DEBT
    if order.open_orders_of_person(tx, person_id=person_id):
        return Open.ORDER
    if any(one.state.credit_fen for one in accounts):
        return Open.CREDIT
    asked = (
        (Open.HOLD, erasure.has_holds),
        (Open.PURPOSE_MONEY, erasure.has_unspent),
        (Open.DISPUTE, erasure.has_disputes),
        (Open.GRIEVANCE, erasure.has_grievances),
    )
    return next((what for what, stands in asked if stands(tx, person_id=person_id)), None)
