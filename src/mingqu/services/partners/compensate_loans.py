"""The day of compensation (代偿): a guarantor pays the whole of a loan once it is as late as its rule says.

The lender has all that is owed that day, as by an early payoff; the guarantor has the claim, without further interest,
and what the borrower pays from then on is the guarantor's. Each loan is one transaction under its cell's lock, and what
is paid for is owed to the lender no more; killed anywhere, the next time does the rest. Should a payment from before
bounce, the lender lacks something again, and the day of that comes by the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from mingqu.domain.loan import Intent, Receipt, Repaid, Stage, quote
from mingqu.domain.order import OrderKind
from mingqu.domain.partner import Partner
from mingqu.services.changes.change_loan import witness_change
from mingqu.services.house import House
from mingqu.services.loans.follow_up import follow_up, notice_of
from mingqu.services.loans.record_event import record_event
from mingqu.services.orders.settle_order import spare_deductions
from mingqu.store.funders import guarantor
from mingqu.store.funders.guarantor import GuarantorPayment
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.orders import order
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

PAGE: Final = 1_000  # loans of a cell and guarantor that are asked for at a time
PAGES_MAX: Final = 10_000  # of them in a round: more loans than a cell has
CREDITOR_CHANGED: Final = "loan.creditor_changed"


def compensate_loans(house: House, *, page: int = PAGE) -> int:
    """Let each guarantor pay for the loans whose day has come; return for how many.

    A loan of which money is on its way waits until that has ended. They are asked for by the `page`, however many
    there are. Errors: those of `record_event`.
    """
    with house.database.transaction() as tx:
        cells = tx.cells
    paid = 0
    for code in sorted({one.code for one in house.pack.partners}):
        each = house.pack.partner(code=code)
        if each.compensates_after_days is None:
            continue
        since = house.clock.business_date() - timedelta(days=each.compensates_after_days)
        for cell in range(cells):
            due = partial(guarantor.due_for, cell=cell, partner=each.code, since=since, limit=page)
            for loan_id in each_due(house, due=due, page=page):
                paid += house.database.run(partial(_compensate, house=house, payer=each, cell=cell, loan_id=loan_id))
    return paid


def each_due(house: House, *, due: Callable[..., list[UUID]], page: int) -> Iterator[UUID]:
    """Yield the loans that are `due` by their ids, page after page, each once: what waits for a word is passed over."""
    last = UUID(int=0)
    for _ in range(PAGES_MAX):
        with house.database.transaction() as tx:
            found = due(tx, after=last)
        yield from found
        if len(found) < page:
            return
        last = found[-1]


def _compensate(tx: Transaction, *, house: House, payer: Partner, cell: int, loan_id: UUID) -> bool:
    """Let a guarantor pay for a loan; False when, now that its cell is locked, its day has not come or money moves."""
    tx.lock_cell(cell)
    of, today = loan.get(tx, cell=cell, loan_id=loan_id), house.booking_date(tx, cell=cell)
    assert payer.compensates_after_days is not None
    if of.state.stage is not Stage.ACTIVE or of.state.overdue_days(today) < payer.compensates_after_days:
        return False
    if money_moves(tx, loan_id):
        return False
    pay_whole(tx, house, of=of, payer=payer, on=today)
    return True


def pay_whole(tx: Transaction, house: House, *, of: Loan, payer: Partner, on: date) -> None:
    """Let a guarantor pay all that a loan owes; the caller holds the cell's lock, saw that it does, and commits.

    The event is made now and lies behind what the borrower paid on the day: less of it would not do, and what is paid
    after it is the guarantor's.
    """
    event = Repaid(
        event_id=house.id_for(of.person_id),
        value_date=on,
        amount_fen=quote(terms=of.terms, state=of.state, on=on).payoff_fen,
        intent=Intent.PAYOFF,
        receipt=Receipt.COMPENSATION,
    )
    after, outcome = record_event(tx, house, before=of, event=event)
    guarantor.insert_payment(
        tx,
        cell=of.cell,
        payment=GuarantorPayment(
            loan_id=of.loan_id,
            event_id=event.event_id,
            partner=payer.code,
            partner_version=payer.version,
            overdue_days=of.state.overdue_days(on),
            amount_fen=event.amount_fen,
            value_date=on,
            paid_at=house.clock.now(),
        ),
    )
    witness_change(tx, house, of=after, event=event)
    follow_up(tx, house, of=after, outcome=outcome)
    spare_deductions(tx, house, of=after)
    _tell(tx, house, of=after, payer=payer, event=event)


def _tell(tx: Transaction, house: House, *, of: Loan, payer: Partner, event: Repaid) -> None:
    """Tell the borrower whom they owe from now on, and how much: till then they may pay the old one (《民法典》546)."""
    notice = notice_of(
        of,
        template=CREDITOR_CHANGED,
        on=event.value_date,
        mark=event.event_id.hex,
        amount_fen=event.amount_fen,
        at=house.clock.now(),
    )
    work.enqueue_many(tx, cell=of.cell, rows=[replace(notice, payload={**notice.payload, "creditor": payer.name_zh})])


def money_moves(tx: Transaction, loan_id: UUID) -> bool:
    """Return whether a payment of the borrower's was sent and has not ended: it may have arrived."""
    return any(
        each.kind is OrderKind.COLLECTION and each.open and each.sent_at is not None
        for each in order.orders_of_loan(tx, loan_id=loan_id)
    )
