"""A loan with one billed instalment and one payment: which fen of it pays what."""

from __future__ import annotations

from datetime import date, timedelta

from mingqu.domain import identifier
from mingqu.domain.loan import Instalment, LoanState, Repaid, Stage, step
from mingqu.domain.loan.posting import Change
from tests.models.loan_terms import monthly_terms

DUE = date(2026, 9, 15)
COMPONENTS = ("fee", "penalty", "interest", "principal")


def paid_against(*, owed_fen: tuple[int, int, int, int], amount_fen: int, overdue_days: int) -> tuple[int, ...]:
    """Return what fee, penalty, interest and principal got of a payment, and what was too much.

    The penalty is as billed on the day of the payment: none is running beside it.
    """
    on = DUE + timedelta(days=overdue_days)
    fee_fen, penalty_fen, interest_fen, principal_fen = owed_fen
    owed = Instalment(
        number=1, period_start=DUE, start=DUE, due=DUE, billed=True, penalty_from=on,
        fee_fen=fee_fen, penalty_fen=penalty_fen, interest_fen=interest_fen, principal_fen=principal_fen,
    )  # fmt: skip
    state = LoanState(stage=Stage.ACTIVE, as_of=on, instalments=(owed,), disbursed_fen=principal_fen)
    identity = identifier.fresh(milliseconds=1, slot=0, entropy=0)
    payment = Repaid(event_id=identity, value_date=on, amount_fen=amount_fen)
    after = step(terms=monthly_terms(), state=state, event=payment, change=Change())
    (line,) = after.instalments
    got = (line.fee_paid_fen, line.penalty_paid_fen, line.interest_paid_fen, line.principal_paid_fen)
    return (*got, after.overpayment_fen)
