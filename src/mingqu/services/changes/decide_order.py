"""Decide which of a channel's words about an order holds, when it said what cannot be; two people do (`propose`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain import order as life
from mingqu.domain.canonical import Canonical
from mingqu.domain.loan import Repaid
from mingqu.domain.operator import Permission
from mingqu.domain.order import Order, OrderKind, Verdict, VerdictImpossible
from mingqu.domain.proposal import Deed, Proposal
from mingqu.services.access.note_access import note_access
from mingqu.services.access.read_today import masked_names
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.changes.reverse_repayment import take_back
from mingqu.services.changes.take_payout_back import is_told, take_payout_back, take_return_back
from mingqu.services.house import House
from mingqu.services.orders.settle_order import settle
from mingqu.services.revolving.return_credit import take_credit_back
from mingqu.services.revolving.return_draw import return_draw
from mingqu.services.revolving.reverse_spend import is_paid, reverse_spend
from mingqu.store.loans import loan
from mingqu.store.operators import access, proposal
from mingqu.store.orders import order
from mingqu.store.orders.order import Direction, RecordedWord
from mingqu.store.server.database import Transaction

_PAID: Final = "paid"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeView:
    """An order of which a channel said what cannot be, everything that was said, and what people may decide."""

    order: Order
    name: str | None
    words: tuple[RecordedWord, ...]
    verdicts: tuple[Verdict, ...]
    waits: UUID | None


def read_dispute(house: House, *, seat: Seat, order_id: UUID) -> DisputeView:
    """Return an order with its words, and note that this operator looked. Errors: OperatorForbidden, NotFound."""
    seat.operator.require(Permission.QUEUE)
    with house.database.transaction() as tx:
        known = order.load(tx, order_id=order_id)
        waits = proposal.waits_for(tx, deed=Deed.DECIDE_ORDER, subject_id=order_id, at=house.clock.now())
        view = DisputeView(
            order=known,
            name=masked_names(tx, house, person_ids=[known.person_id]).get(known.person_id),
            words=tuple(order.words(tx, order_id=order_id)),
            verdicts=tuple(_verdicts(tx, known)),
            waits=waits.proposal_id if waits else None,
        )
        note_access(tx, house, seat=seat, person_id=known.person_id, what=access.ORDER, subject_id=order_id)
        tx.commit()
    return view


def say_verdict(
    tx: Transaction, _: House, order_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return whose order it is and which verdict is proposed. Errors: NotFound, VerdictImpossible."""
    known = order.load(tx, order_id=order_id)
    found = next((one for one in _verdicts(tx, known) if one.value == asked["verdict"]), None)
    if found is None:
        raise VerdictImpossible("This cannot be decided of this order.", order_number=known.number)
    return known.person_id, {"verdict": found.value, "conflict": known.conflict_code}


def basis_of_verdict(tx: Transaction, proposal: Proposal) -> str:
    """Return what a verdict rests on: the order as it is and the last word of it. Errors: NotFound."""
    known = order.load(tx, order_id=proposal.subject_id)
    return f"{known.version} {len(order.words(tx, order_id=known.order_id))}"


def decide_order(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Let a word hold: as booked, paid after all, bounced, returned or never paid; what that means is booked with it.

    Paid after all counts from the moment at which the channel said so. Errors: NotFound, VerdictImpossible, and
    those of `mingqu.domain.loan.record`.
    """
    before, now = order.load(tx, order_id=proposal.subject_id), house.clock.now()
    verdict = Verdict(str(proposal.body["verdict"]))
    if verdict not in _verdicts(tx, before):
        raise VerdictImpossible("This cannot be decided of this order any more.", order_number=before.number)
    paid_at, reference, paid_fen = _said_paid(tx, before) if verdict is Verdict.PAID else (None, None, None)
    after = life.decide(before, verdict, at=now, paid_at=paid_at, reference=reference, paid_fen=paid_fen)
    order.update(tx, before=before, after=after)
    order.record_word(
        tx, order=after, at=now, direction=Direction.NOTED, word="decide", code=verdict.value, reference=reference
    )
    if verdict is Verdict.PAID:
        settle(tx, house, ended=after)
    elif verdict is Verdict.BOUNCED:
        if after.loan_id is None:
            reverse_spend(tx, house, bounced=after)
        else:
            take_back(tx, house, loan_id=after.loan_id, repayment_id=after.order_id)
    elif verdict is Verdict.RETURNED and after.loan_id is None:
        taking = return_draw if after.kind is OrderKind.PAYOUT else take_credit_back
        taking(tx, house, returned=after)
    elif verdict is Verdict.RETURNED:
        telling = take_payout_back if after.kind is OrderKind.PAYOUT else take_return_back
        telling(tx, house, returned=after)
    elif verdict is Verdict.NEVER_PAID:
        settle(tx, house, ended=after)


def _verdicts(tx: Transaction, known: Order) -> list[Verdict]:
    """Return what may be decided: paid only if the channel said so of an amount that fits; bounced or returned only if
    it said that too, and the loan or revolving account was told of the money."""
    possible = list(life.verdicts(known))
    if Verdict.PAID in possible and _said_paid(tx, known)[0] is None:
        possible.remove(Verdict.PAID)
    if Verdict.BOUNCED in possible and not (_is_told(tx, known) and _said_failed(tx, known)):
        possible.remove(Verdict.BOUNCED)
    if Verdict.RETURNED in possible and not (is_told(tx, known) and _said_failed(tx, known)):
        possible.remove(Verdict.RETURNED)
    return possible


def _said_paid(tx: Transaction, known: Order) -> tuple[datetime | None, str | None, int | None]:
    """Return when the channel said that an amount which fits the order was paid, under which number, and how much."""
    for word in order.words(tx, order_id=known.order_id):
        if (word.word, word.currency) != (_PAID, known.currency) or word.amount_fen is None:
            continue
        if known.may_move(word.amount_fen):
            return word.at, word.reference, word.amount_fen
    return None, None, None


def _said_failed(tx: Transaction, known: Order) -> bool:
    return any(word.word in ("failed", "refused") for word in order.words(tx, order_id=known.order_id))


def _is_told(tx: Transaction, known: Order) -> bool:
    """Whether an order is a repayment of its loan or revolving account that stands."""
    if known.loan_id is None:
        return is_paid(tx, order_id=known.order_id)
    told = loan.events(tx, loan=loan.get(tx, cell=tx.cell_of(known.loan_id), loan_id=known.loan_id))
    undone = any(getattr(event, "target", None) == known.order_id for event in told)
    return not undone and any(isinstance(event, Repaid) and event.event_id == known.order_id for event in told)
