"""Fees on the balance when instalments end early: they are for time, so only days that ran are owed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mingqu.domain.changed import changed
from mingqu.domain.loan.fee import FeeBasis, fee_fen
from mingqu.domain.loan.state import FeePart, Instalment, LoanState
from mingqu.domain.loan.terms import LoanTerms
from mingqu.domain.loan.working import Working
from mingqu.domain.money import Rounding, divide


def is_for_time(fee: FeePart) -> bool:
    """Return whether a fee is asked for on the balance."""
    return fee.rule is not None and fee.rule.basis is FeeBasis.BALANCE


def lapsing_fen(*, terms: LoanTerms, state: LoanState, on: date) -> int:
    """Return what of fees on the balance would not be owed any more if the loan ended on a day, in fen."""
    return sum(fee.unpaid_fen - _owed_fen(fee, state.current, on, terms.rounding) for fee in _ahead(state.fees, state))


def _ahead(fees: Sequence[FeePart], state: LoanState) -> list[FeePart]:
    ahead = {line.due for line in state.instalments if not line.billed}
    return [fee for fee in fees if is_for_time(fee) and fee.line_due in ahead]


def _owed_fen(fee: FeePart, running: Instalment | None, on: date, rounding: Rounding) -> int:
    """Return what is still owed of a fee for the days up to `on`: by days of the running period, of later ones nothing.

    Example: 30.00 for a period of 30 days, ten of which ran: 10.00.
    """
    if running is None or fee.line_due != running.due or on <= running.start:
        return 0
    days = min((on - running.start).days, (running.due - running.start).days)
    earned_fen = divide(fee.amount_fen * days, (running.due - running.start).days, rounding)
    return max(0, earned_fen - fee.paid_fen - fee.waived_fen)


def end_fees(working: Working, *, state: LoanState, on: date) -> None:
    """Let fees of instalments that are no more fall due on a day: those on the balance for the days that ran."""
    running, rounding = state.current, working.terms.rounding
    gone = _ahead(working.fees, state)
    ahead = {line.due for line in state.instalments if not line.billed}
    kept = []
    for fee in working.fees:
        if fee in gone:
            amount_fen = fee.paid_fen + fee.waived_fen + _owed_fen(fee, running, on, rounding)
            if amount_fen:
                kept.append(changed(fee, line_due=on, amount_fen=amount_fen, rule=None))
        else:
            kept.append(changed(fee, line_due=on) if fee.line_due in ahead else fee)
    working.fees = kept


def charge_anew(working: Working, *, rows: Sequence[Instalment], before: Sequence[FeePart]) -> list[Instalment]:
    """Return new instalments with the fees on the balance that they ask for; the first one's only for its days.

    `before` are the fees of the instalments that they replace. Example: 0.30 % a month on 5,000.00 that are left, with
    ten days of thirty to go: 5.00 with the first, and 15.00 with the next if nothing is repaid by then.
    """
    rules = {fee.rule: fee.fee_id for fee in before if fee.rule is not None and fee.rule.basis is FeeBasis.BALANCE}
    charged, owed_fen = [], sum(row.principal_fen for row in rows)
    for row in rows:
        line = row
        for rule, fee_id in rules.items():
            whole_fen = fee_fen(rule=rule, principal_fen=owed_fen, interest_fen=0, rounding=working.terms.rounding)
            days, of_days = (row.due - row.start).days, (row.due - row.period_start).days
            amount_fen = divide(whole_fen * days, of_days, working.terms.rounding)
            if amount_fen:
                line = changed(line, fee_fen=line.fee_fen + amount_fen)
                working.fees.append(
                    FeePart(
                        fee_id=fee_id, due=row.due, line_due=row.due, amount_fen=amount_fen, rule=rule, taker=rule.taker
                    )
                )
        charged.append(line)
        owed_fen -= row.principal_fen
    return charged


def lapse_later(working: Working, *, dues: set[date]) -> None:
    """Let fees on the balance of instalments that will not run be owed no more; what was paid of them stays paid."""
    for index, line in enumerate(working.lines):
        gone = sum(fee.unpaid_fen for fee in working.fees if is_for_time(fee) and fee.line_due == line.due)
        if line.due in dues and gone:
            working.lines[index] = changed(line, fee_fen=line.fee_fen - gone)
    working.fees = [
        changed(fee, amount_fen=fee.paid_fen + fee.waived_fen) if is_for_time(fee) and fee.line_due in dues else fee
        for fee in working.fees
    ]
