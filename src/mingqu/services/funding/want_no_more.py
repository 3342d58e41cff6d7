"""What a lender that decides by itself paid in for a loan that ended unpaid is looked at again, and goes back."""

from __future__ import annotations

from typing import Final

from mingqu.domain.identifier import beside
from mingqu.services.house import House
from mingqu.store.lenders import lender_funding
from mingqu.store.loans.loan import Loan
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

CALL_OFF: Final = "call_off_funding"  # the work of looking whether a lender's money is wanted (`call_off_funding`)


def want_no_more(tx: Transaction, house: House, *, of: Loan) -> None:
    """Write the work of calling off what the lender of a loan was asked to pay in; nothing where none was asked.

    For a loan that ends without being paid out, in the transaction that ends it. The caller holds the cell's lock.
    """
    asked = lender_funding.of_loan(tx, loan_id=of.loan_id)
    if asked is None:
        return
    work.enqueue(
        tx,
        cell=of.cell,
        work_id=beside(asked.offer_id, purpose=f"{CALL_OFF} of a loan that ended unpaid"),
        kind=CALL_OFF,
        subject_id=asked.offer_id,
        run_at=house.clock.now(),
        payload={"tries": 0},
    )
