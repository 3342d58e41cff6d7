"""An order that its merchant gave back in full: what is left of its loan is given up, for nothing was bought.

Each refund first pays what the loan had come to owe on its day, and so a little of its principal stays when all goods
went back in parts. Whoever has nothing of the goods owes nothing of them: the lender gives that rest up (退货免息).
"""

from __future__ import annotations

from mingqu.domain.identifier import beside
from mingqu.domain.loan import Intent, Receipt, Repaid, Stage, quote
from mingqu.domain.order import OrderState
from mingqu.services.evidence.witness_change import witness_change
from mingqu.services.house import House
from mingqu.services.loans.record_event import record_event
from mingqu.store.loans.loan import Loan
from mingqu.store.merchants import checkout
from mingqu.store.server.database import Transaction


def returned_whole(tx: Transaction, house: House, *, of: Loan) -> Loan:
    """Give up what is left of a loan whose order came back in full; the caller holds the lock and commits.

    Called once a collection of the loan is booked; the loan comes back as it stands then.
    """
    bought = checkout.of_loan(tx, loan_id=of.loan_id)
    if bought is None or of.state.stage is not Stage.ACTIVE:
        return of
    refunds = checkout.refunds_of(tx, person_id=of.person_id, checkout_id=bought.checkout_id)
    back = [one for one in refunds if one.state == OrderState.PAID.value]
    if sum(one.amount_fen for one in back) < bought.amount_fen:
        return of
    on = house.booking_date(tx, cell=of.cell)
    left_fen = quote(terms=of.terms, state=of.state, on=on).payoff_fen
    if not left_fen:
        return of
    event = Repaid(
        event_id=beside(back[-1].order_id, purpose="order returned"),
        value_date=on,
        amount_fen=left_fen,
        intent=Intent.PAYOFF,
        receipt=Receipt.GOODWILL,
    )
    after, _ = record_event(tx, house, before=of, event=event)
    witness_change(tx, house, of=after, event=event)
    return after
