"""The day of compensation bill by bill (分期代偿): a guarantor pays each bill that is as late as the loan's terms say.

The lender has all that is owed of that bill on the day, with penalty to it; the guarantor is its creditor from then on,
without further interest, and the rest of the loan stays as it is. Behind as many bills as the terms may name, the next
one's day is the day of the whole loan. Each bill is one transaction under its cell's lock and is paid for once; killed
anywhere, the next time does the rest.

Sources: 《民法典》 art. 691 and 700 (what is guaranteed, and recourse for it), art. 546 (the borrower is told).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import dated
from mingqu.domain.loan import Payable, Receipt, Repaid, Stage, quote_bill
from mingqu.domain.partner import Partner, PartnerRole
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.change_loan import witness_change
from mingqu.services.house import House
from mingqu.services.loans.follow_up import follow_up, notice_of
from mingqu.services.loans.record_event import record_event
from mingqu.services.orders.settle_order import spare_deductions
from mingqu.services.partners.compensate_loans import PAGE, each_due, money_moves, pay_whole
from mingqu.store.funders import guarantor_bill
from mingqu.store.funders.guarantor_bill import BillPayment
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

BILLS_MAX: Final = 120  # of one loan at a time: instalments of the longest loan with a guarantor
BILL_CREDITOR_CHANGED: Final = "loan.bill_creditor_changed"
_PURPOSE: Final = "compensation of a bill"


def compensate_bills(house: House, *, page: int = PAGE) -> int:
    """Let each guarantor pay the bills whose day has come; return how many, a whole loan counting once.

    A loan of which money is on its way waits until that has ended. They are asked for by the `page`, however many there
    are. One that cannot be paid for keeps no other waiting: its error comes when all were tried. Errors: those of
    `record_event`.
    """
    with house.database.transaction() as tx:
        cells = tx.cells
    paid, trouble = 0, None
    for code in sorted({one.code for one in house.pack.partners if one.role is PartnerRole.GUARANTOR}):
        payer = house.pack.partner(code=code)
        for cell in range(cells):
            with house.database.transaction() as tx:
                on = house.booking_date(tx, cell=cell)
            due = partial(guarantor_bill.due_bills, cell=cell, partner=code, on=on, limit=page)
            for loan_id in each_due(house, due=due, page=page):
                try:
                    paid += _compensate(house, payer=payer, cell=cell, loan_id=loan_id)
                except Refusal as refusal:
                    trouble = trouble or refusal
    if trouble is not None:
        raise trouble
    return paid


def _compensate(house: House, *, payer: Partner, cell: int, loan_id: UUID) -> int:
    """Let a guarantor pay every bill of a loan whose day has come, the oldest first, each by itself."""
    for paid in range(BILLS_MAX):
        if not house.database.run(partial(_pay_next, house=house, payer=payer, cell=cell, loan_id=loan_id)):
            return paid
    return BILLS_MAX


def _pay_next(tx: Transaction, *, house: House, payer: Partner, cell: int, loan_id: UUID) -> bool:
    """Let a guarantor pay a loan's oldest bill; False when, with its cell locked, no day has come or money moves."""
    tx.lock_cell(cell)
    of, today = loan.get(tx, cell=cell, loan_id=loan_id), house.booking_date(tx, cell=cell)
    agreed = of.terms.bill_guarantee
    oldest = next(of.state.unpaid_billed, None)
    if agreed is None or oldest is None or of.state.stage is not Stage.ACTIVE or money_moves(tx, loan_id):
        return False
    if (today - oldest.due).days < agreed.after_days:
        return False
    before = {claim.due for claim in of.state.bill_claims}
    if agreed.whole_after_bills is not None and len(before) >= agreed.whole_after_bills:
        pay_whole(tx, house, of=of, payer=payer, on=today)
    else:
        _pay_bill(tx, house, of=of, payer=payer, bill=oldest.due, on=today)
    return True


def _pay_bill(tx: Transaction, house: House, *, of: Loan, payer: Partner, bill: date, on: date) -> None:
    owed = quote_bill(terms=of.terms, state=of.state, on=on, bill=bill)
    paid = guarantor_bill.bills_paid(tx, cell=of.cell, loan_id=of.loan_id)
    event = Repaid(
        event_id=dated(of.loan_id, on=on, purpose=f"{_PURPOSE} {bill} {paid}"),
        value_date=on,
        amount_fen=owed.total_fen,
        receipt=Receipt.COMPENSATION,
        bill=bill,
    )
    after, outcome = record_event(tx, house, before=of, event=event)
    guarantor_bill.insert_bill(
        tx,
        cell=of.cell,
        paid=BillPayment(
            loan_id=of.loan_id,
            event_id=event.event_id,
            partner=payer.code,
            partner_version=payer.version,
            due=bill,
            overdue_days=(on - bill).days,
            owed=owed,
            value_date=on,
            paid_at=house.clock.now(),
        ),
    )
    witness_change(tx, house, of=after, event=event)
    follow_up(tx, house, of=after, outcome=outcome)
    spare_deductions(tx, house, of=after)
    _tell(tx, house, of=after, payer=payer, event=event, owed=owed)


def _tell(tx: Transaction, house: House, *, of: Loan, payer: Partner, event: Repaid, owed: Payable) -> None:
    """Tell the borrower whose one bill is from now on: till then they may pay the lender (《民法典》546)."""
    notice = notice_of(
        of,
        template=BILL_CREDITOR_CHANGED,
        on=event.value_date,
        mark=event.event_id.hex,
        amount_fen=owed.total_fen,
        at=house.clock.now(),
    )
    assert event.bill is not None
    said = {"creditor": payer.name_zh, "bill": event.bill.isoformat()}
    work.enqueue_many(tx, cell=of.cell, rows=[replace(notice, payload={**notice.payload, **said})])
