"""The order that deducts what is left of a bill's part, and its lessening by what is paid meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from mingqu.domain.identifier import dated
from mingqu.domain.moment import business_date_of, start_of
from mingqu.domain.order import Order, OrderKind, OrderState, reserve, withdraw
from mingqu.domain.spend import DEDUCTION_TRIES, deducted_fen
from mingqu.ports.collection import least_fen
from mingqu.services.house import TAKING_LESS, House
from mingqu.store.loans import repayment
from mingqu.store.loans.repayment import Agreement
from mingqu.store.orders import order
from mingqu.store.orders.order import Direction
from mingqu.store.revolving import bill_deduction
from mingqu.store.revolving.bill_deduction import Choice
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction

PAID_ALREADY: Final = "paid_already"
SWITCHED_OFF: Final = "deduction_switched_off"
DEDUCTION_MINUTE: Final = 60  # 09:00 in the market is 01:00 UTC, as deductions of loans have it


def reserve_deduction(
    tx: Transaction, *, account: SpendAccount, choice: Choice, agreement: Agreement, at: datetime
) -> None:
    """Reserve the deduction of what is left of the last bill's part, for the try of the day that a moment belongs to.

    Done again for the same it is the same order. The caller has looked that something is left, holds the cell's lock
    and commits.
    """
    bill, amount_fen = account.state.bill, deducted_fen(account.state, choice.part)
    assert bill is not None
    on = business_date_of(at)
    try_at = max((hour for hour in DEDUCTION_TRIES if start_of(on) + hour <= at), default=DEDUCTION_TRIES[0])
    purpose = f"deduct {bill.number} {amount_fen} {agreement.agreement_id.hex} {choice.choice_id.hex} {try_at}"
    bill_deduction.insert_order(
        tx,
        choice=choice,
        bill_number=bill.number,
        agreement_id=agreement.agreement_id,
        order=reserve(
            order_id=dated(account.account_id, on=on, purpose=purpose, minute=DEDUCTION_MINUTE),
            kind=OrderKind.COLLECTION,
            person_id=account.person_id,
            loan_id=None,
            instrument_id=agreement.instrument_id,
            amount_fen=amount_fen,
            currency=account.currency,
            channel=agreement.channel,
            least_fen=least_fen(amount_fen) if agreement.channel in TAKING_LESS else None,
            run_at=start_of(on) + try_at,  # in the past it is due at once; the body follows from the id alone
        ),
    )


def spare_deductions(tx: Transaction, house: House, *, account: SpendAccount) -> None:
    """Let a deduction that was not sent yet ask for what is still left and no more: nobody pays twice."""
    for waiting in bill_deduction.open_orders(tx, account_id=account.account_id):
        if waiting.state is not OrderState.RESERVED:
            continue  # the channel may have taken it: what is too much then is the owner's, in the next bill
        choice = bill_deduction.of_account(tx, account_id=account.account_id)
        left_fen = 0 if choice is None else deducted_fen(account.state, choice.part)
        of = bill_deduction.bill_of_order(tx, order_id=waiting.order_id)
        if of is None or account.state.bill is None or of[1] != account.state.bill.number:
            left_fen = 0  # of the bill before: that of the new one is deducted on its own due day
        if waiting.amount_fen == left_fen:
            continue
        withdraw_unsent(tx, waiting, code=PAID_ALREADY, at=house.clock.now())
        agreement = repayment.agreement_of(tx, order_id=waiting.order_id)
        if choice is not None and agreement is not None and left_fen:
            reserve_deduction(tx, account=account, choice=choice, agreement=agreement, at=waiting.run_at)


def end_choice(tx: Transaction, house: House, *, choice: Choice) -> None:
    """End a choice and withdraw what was not sent under it. The caller holds the cell's lock and commits."""
    now = house.clock.now()
    bill_deduction.end(tx, choice=choice, at=now)
    for waiting in bill_deduction.open_orders(tx, account_id=choice.account_id):
        if waiting.state is OrderState.RESERVED:
            withdraw_unsent(tx, waiting, code=SWITCHED_OFF, at=now)


def withdraw_unsent(tx: Transaction, waiting: Order, *, code: str, at: datetime) -> Order:
    """End an order of an account of which nothing was said to its channel, and return it."""
    after = withdraw(waiting, code=code)
    order.update(tx, before=waiting, after=after)
    order.record_word(tx, order=after, at=at, direction=Direction.NOTED, word="withdraw", code=code)
    return after
