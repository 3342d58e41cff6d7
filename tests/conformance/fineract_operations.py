"""The operations of the published scenarios by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mingqu.domain.loan.event import ChargedOff, FeeWaived, Paused, ReAged, ReAmortized, Receipt
from tests.conformance import fineract_agreements as agreements
from tests.conformance import fineract_application as application
from tests.conformance import fineract_fees as fees
from tests.conformance import fineract_payments as payments
from tests.conformance.fineract_story import Story

Step = dict[str, Any]


def _nothing(story: Story, step: Step) -> None:
    """Nothing falls due by the step alone: the engine's days pass by themselves."""


def _close_day(story: Story, step: Step) -> None:
    """Days pass by themselves; what the lender charges for an overdue instalment is charged, once for each."""
    fees.charge_late(story)


OPERATIONS: Final[dict[str, Callable[[Story, Step], None]]] = {
    "business_date": application.set_business_date,
    "set_future_installment_rule": application.set_rule,
    "update_charge_definition": application.update_definition,
    "create_loan": application.create,
    "approve": application.approve,
    "undo_approval": application.undo_approval,
    "modify_rate": application.modify_rate,
    "add_disbursement_detail": application.add_tranche,
    "disburse": application.disburse,
    "undo_disbursal": lambda story, step: story.undo_disbursements(),
    "undo_last_disbursal": lambda story, step: story.undo_last_disbursement(),
    "repay": payments.repay,
    "transaction": payments.transact,
    "refund": payments.refund,
    "interest_refund": payments.refund_interest,
    "pay_off": payments.pay_off,
    "credit_balance_refund": payments.return_overpayment,
    "undo_repayment": payments.undo_repayment,
    "undo_transaction": payments.undo_transaction,
    "undo_refund": payments.undo_receipt(Receipt.PAYOUT_REFUND),
    "add_charge": fees.add_charge,
    "add_charge_percent": fees.add_percentage,
    "add_installment_charge": fees.add_instalment_charge,
    "add_nsf_fee": fees.add_nsf_fee,
    "add_processing_charge_percent": fees.add_processing_fee,
    "waive_charge": fees.waive_charge,
    "undo_waive_charge": agreements.undo_last(FeeWaived),
    "charge_adjustment": fees.adjust_charge,
    "undo_charge_adjustment": payments.undo_receipt(Receipt.FEE_ADJUSTMENT),
    "chargeback": payments.charge_back,
    "charge_off": agreements.charge_off,
    "undo_charge_off": agreements.undo_last(ChargedOff),
    "write_off": agreements.write_off,
    "re_age": agreements.re_age,
    "undo_re_age": agreements.undo_last(ReAged),
    "re_age_preview": agreements.re_age_preview,
    "re_amortize": agreements.re_amortize,
    "undo_re_amortize": agreements.undo_last(ReAmortized),
    "re_amortize_preview": agreements.re_amortize_preview,
    "reschedule": agreements.reschedule,
    "interest_pause": agreements.pause,
    "update_interest_pause": agreements.update_pause,
    "delete_interest_pause": agreements.undo_last(Paused),
    "close_of_business": _close_day,
    "delinquency_pause": _nothing,
    "delinquency_resume": _nothing,
}
