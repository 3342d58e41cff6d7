"""Repay by one payment what is due on several loans, whoever lent: each lender gets its part, each loan its posting.

The parts are orders like any other, made in one transaction or not at all, and paid on one page: the money is taken
once. What the channel says of a part is said of it alone, so that a part which it does not settle is still due, and
nothing is booked that was not paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.loan import Intent, quote
from mingqu.domain.order import Order, OrderKind, OrderState, reserve
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.ports.collection import HostedPage
from mingqu.ports.combined import PARTS_MAX
from mingqu.services.house import COMBINED, House
from mingqu.services.once import Response, once
from mingqu.services.orders.chase_order import chase_order
from mingqu.services.orders.hear_order import BookOrders
from mingqu.services.orders.run_errand import Payer, PaymentChannelUnknown, combined_errand, keep_payer
from mingqu.services.repayment.repay import NOBODY, OWING, NothingDue, page_at
from mingqu.store.loans import loan, repayment
from mingqu.store.loans.loan import Loan
from mingqu.store.orders import combined, order
from mingqu.store.orders.combined import Part
from mingqu.store.server.database import Transaction

PARTS_MIN: Final = 2  # one loan is paid by itself
CURRENCY: Final = "CNY"  # of every combined payment


class NotSeveralDue(Refusal):
    """Less than two loans are due today that can be paid together: what is due is paid by itself."""

    code: ClassVar[str] = "not_several_due"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class DuePart:
    """What is due on a loan today, in fen, and to whom."""

    loan_id: UUID
    lender_zh: str
    lender_en: str
    due_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedPart:
    """A part as it stands: `state` is that of its order."""

    order_id: UUID
    loan_id: UUID
    lender_zh: str
    lender_en: str
    amount_fen: int
    state: OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedPayment:
    """One payment and its parts; it is open while any of them is."""

    combined_id: UUID
    parts: tuple[CombinedPart, ...]

    @property
    def total_fen(self) -> int:
        """What is paid once for all."""
        return sum(part.amount_fen for part in self.parts)

    @property
    def open(self) -> bool:
        """Whether the end of any part is not known."""
        return any(not part.state.ended for part in self.parts)

    @property
    def paid_fen(self) -> int:
        """What the channel said it took for the lenders so far."""
        return sum(part.amount_fen for part in self.parts if part.state is OrderState.PAID)


def due_together(house: House, *, person_id: UUID) -> tuple[DuePart, ...]:
    """Return what one payment would be split over today, the longest overdue first; nothing if it cannot be made."""
    if house.combined is None:
        return ()
    with house.database.transaction() as tx:
        due = _due(house, loan.of_person(tx, person_id=person_id), on=house.clock.business_date())
    if len(due) < PARTS_MIN:
        return ()
    lenders = [house.pack.lender(lender_id=of.lender_id) for of, _ in due]
    return tuple(
        DuePart(loan_id=of.loan_id, lender_zh=lender.name_zh, lender_en=lender.name_en, due_fen=due_fen)
        for (of, due_fen), lender in zip(due, lenders, strict=True)
    )


def repay_together(house: House, *, person_id: UUID, payer: Payer = NOBODY, key: str) -> CombinedPayment:
    """Make one payment of all that is due today, at most PARTS_MAX loans, the longest overdue first.

    Errors: PaymentChannelUnknown, NotSeveralDue, and those of the idempotency key.
    """
    if house.combined is None:
        raise PaymentChannelUnknown("Nobody here takes one payment for several lenders.")

    def work(tx: Transaction) -> Response:
        today, now = house.booking_date(tx, cell=tx.cell_of(person_id)), house.clock.now()
        due = _due(house, loan.of_person(tx, person_id=person_id), on=today)
        if len(due) < PARTS_MIN:
            raise NotSeveralDue("Less than two loans are due today: what is due is paid by itself.")
        combined_id = house.id_for(person_id)
        # One moment for all: the page ends when its parts do, and whichever part asks for it says the same bytes.
        parts = [
            Part(order=_order(house, of, due_fen, at=now), receiver=_receiver(house, of) or "") for of, due_fen in due
        ]
        for (of, _), part in zip(due, parts, strict=True):
            order.insert(tx, order=part.order)
            repayment.insert_intent(tx, order_id=part.order.order_id, loan_id=of.loan_id, intent=Intent.DUE)
        combined.insert(tx, combined_id=combined_id, parts=parts)
        keep_payer(tx, house, person_id=person_id, order_id=combined_id, payer=payer, at=now)
        return {"combined_id": combined_id.hex}

    answer = once(house, person_id=person_id, command="repay_together", key=key, request={}, work=work)
    return combined_payment(house, person_id=person_id, combined_id=UUID(str(answer["combined_id"])))


def combined_payment(house: House, *, person_id: UUID, combined_id: UUID) -> CombinedPayment:
    """Return a person's combined payment as it stands. Errors: NotFound, also for another person's."""
    with house.database.transaction() as tx:
        parts = _own_parts(tx, person_id=person_id, combined_id=combined_id)
        loans = {of.loan_id: of for of in loan.of_person(tx, person_id=person_id)}
    return CombinedPayment(
        combined_id=combined_id, parts=tuple(_part(house, loans[_loan_of(each.order)], each.order) for each in parts)
    )


def combined_of(house: House, *, person_id: UUID, order_id: UUID) -> UUID:
    """Return the combined payment that a person's order is a part of. Errors: NotFound."""
    with house.database.transaction() as tx:
        order.load_for(tx, person_id=person_id, order_id=order_id)
        found = combined.combined_of(tx, order_id=order_id)
    if found is None:
        raise NotFound
    return found


def open_combined(house: House, *, person_id: UUID, combined_id: UUID) -> HostedPage:
    """Return the page of a combined payment; asked again it is the same page.

    Every part is announced first, so that whatever is paid on the page is asked for. Errors: NotFound, NothingDue when
    a part has ended, ChannelUnavailable, PaymentChannelUnknown.
    """
    with house.database.transaction() as tx:
        parts = _own_parts(tx, person_id=person_id, combined_id=combined_id)
    if any(not each.order.open or each.order.disputed for each in parts):
        raise NothingDue("This payment has ended.")
    first = parts[0].order
    errand = combined_errand(house, waiting=first)  # the same for all parts
    for each in parts:
        if each.order.sent_at is None:
            chase_order(order_id=each.order.order_id, orders=BookOrders(house=house), errand=errand, clock=house.clock)
    return page_at(errand.channel, waiting=first, payer=errand.payer)


def _due(house: House, loans: Sequence[Loan], *, on: date) -> list[tuple[Loan, int]]:
    """Return the loans with something due on a day whose lenders can be paid together, the longest overdue first."""
    found = []
    for of in loans:
        if of.state.stage in OWING and of.currency == CURRENCY and _receiver(house, of) is not None:
            day = max(on, of.state.as_of) if of.state.as_of else on
            due_fen = quote(terms=of.terms, state=of.state, on=day).due_fen
            if due_fen:
                found.append((of, due_fen))
    found.sort(key=lambda each: (-each[0].state.overdue_days(on), each[0].loan_id))
    return found[:PARTS_MAX]


def _receiver(house: House, of: Loan) -> str | None:
    assert house.combined is not None
    return house.combined.receivers.get(house.pack.lender(lender_id=of.lender_id).code)


def _order(house: House, of: Loan, due_fen: int, *, at: datetime) -> Order:
    return reserve(
        order_id=house.id_for(of.person_id),
        kind=OrderKind.COLLECTION,
        person_id=of.person_id,
        loan_id=of.loan_id,
        instrument_id=None,
        amount_fen=due_fen,
        currency=of.currency,
        channel=COMBINED,
        run_at=at,
    )


def _own_parts(tx: Transaction, *, person_id: UUID, combined_id: UUID) -> list[Part]:
    parts = combined.parts_of(tx, combined_id=combined_id)
    if not parts or any(each.order.person_id != person_id for each in parts):
        raise NotFound
    return parts


def _part(house: House, of: Loan, known: Order) -> CombinedPart:
    lender = house.pack.lender(lender_id=of.lender_id)
    return CombinedPart(
        order_id=known.order_id,
        loan_id=of.loan_id,
        lender_zh=lender.name_zh,
        lender_en=lender.name_en,
        amount_fen=known.amount_fen,
        state=known.state,
    )


def _loan_of(known: Order) -> UUID:
    assert known.loan_id is not None
    return known.loan_id
