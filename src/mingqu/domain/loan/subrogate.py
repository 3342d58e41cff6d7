"""Money between a borrower and the guarantor who paid in their place: whose claim it is, and what is paid of it."""

from __future__ import annotations

from datetime import date
from typing import Final

from mingqu.domain.changed import changed
from mingqu.domain.loan.allocate import Paid, pay
from mingqu.domain.loan.event import ChargedBack, Receipt, Repaid
from mingqu.domain.loan.guarantee import owed_again, recovered, with_claim
from mingqu.domain.loan.posting import Change, Kind
from mingqu.domain.loan.state import Stage
from mingqu.domain.loan.terms import AllocationRule, Surplus
from mingqu.domain.loan.working import Working

_BORROWERS: Final = (Receipt.REPAYMENT, Receipt.RECOVERY, Receipt.SUBROGATION)


def claim_bill(working: Working, event: Repaid, amount_fen: int) -> None:
    """Let the guarantor be the creditor of what it paid, of its bill if it paid one."""
    state, claims = working.state, working.state.bill_claims
    if event.bill is not None:
        claims = with_claim(claims, due=event.bill, amount_fen=amount_fen)
    working.state = changed(state, guarantor_claim_fen=state.guarantor_claim_fen + amount_fen, bill_claims=claims)


def is_for_guarantor_alone(working: Working, event: Repaid) -> bool:
    """Return whether all of the borrower's money is for the guarantor who had paid, and none for the lender.

    Told again, it may lie before the day on which the guarantor paid, or the lender lacks something after all and the
    guarantor pays bill by bill: then the lender is served first, as by any money of the borrower's.
    """
    if event.receipt is not Receipt.SUBROGATION:
        return False
    claimed = working.state.guarantor_claim_fen and working.terms.bill_guarantee is None
    return bool(claimed) or working.state.stage not in (Stage.ACTIVE, Stage.CHARGED_OFF)


def serves_guarantor(working: Working, event: Repaid) -> bool:
    """Return whether money serves a guarantor who pays bill by bill: the borrower's does, once the lender is served."""
    return working.terms.bill_guarantee is not None and event.receipt in _BORROWERS


def serve_guarantor(
    working: Working, event: Repaid, change: Change, *, rule: AllocationRule, paid: Paid
) -> tuple[int, int]:
    """Pay what is due to the lender, then the guarantor's claim; return what is left, and what the guarantor got."""
    on, rest = event.value_date, event.amount_fen
    if working.state.stage is not Stage.WRITTEN_OFF:
        due_alone = changed(rule, surplus=Surplus.RETURN)
        rest = pay(working=working, rule=due_alone, amount_fen=rest, on=on, paid=paid)
    taken = recover(working, rest, change, on=on)
    return rest - taken, taken


def recover(working: Working, amount_fen: int, change: Change, *, on: date) -> int:
    """Let an amount pay the guarantor's claim, the oldest bill first, and return how much of it was taken."""
    state = working.state
    taken = min(state.guarantor_claim_fen, amount_fen)
    if taken == state.guarantor_claim_fen and taken and state.stage is Stage.SETTLED:  # the last of all that was owed
        change.tell(Kind.SETTLED, on, 0)
    working.state = changed(
        state,
        guarantor_claim_fen=state.guarantor_claim_fen - taken,
        bill_claims=recovered(state.bill_claims, amount_fen=taken, on=on),
    )
    return taken


def claim_again(working: Working, event: ChargedBack, amount_fen: int) -> int:
    """Let the guarantor claim again what it had got of a payment that was taken back; return how much that is."""
    state = working.state
    used = next((one for one in state.paid if one.event_id == event.target), None)
    if used is None or working.terms.bill_guarantee is None or not used.guarantor_fen:
        return 0
    back = min(used.guarantor_fen, amount_fen)
    left = changed(used, guarantor_fen=used.guarantor_fen - back)  # a second one of the same payment finds only this
    working.state = changed(
        state,
        paid=tuple(left if one is used else one for one in state.paid),
        guarantor_claim_fen=state.guarantor_claim_fen + back,
        bill_claims=owed_again(state.bill_claims, amount_fen=back),
    )
    return back
