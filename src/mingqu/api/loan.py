"""The caller's loans: where each stands today or stood on a day, row by row, and what the ledger says."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from mingqu.api.application import NewReview, Review
from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.order import Order, PaymentOrder, order_of
from mingqu.api.shape import FEN_MAX, Answer, Body, Fen, FenAsked, Method, Ppm, shaped
from mingqu.domain.cap import CapExceeded
from mingqu.domain.freeze import DrawingStopped
from mingqu.domain.gate import RuleBroken
from mingqu.domain.instrument import CardNotSupported, InstrumentNotVerified
from mingqu.domain.limit import AssessmentExpired, RaisePauses
from mingqu.domain.loan import Intent, LoanNotActive, Quote, Stage
from mingqu.domain.loan.lend import DisbursementNotAllowed
from mingqu.services.appeals.ask_for_person import WishUnknown, ask_for_person
from mingqu.services.changes.draw_more import PayoutWaiting, draw_more
from mingqu.services.changes.take_payout_back import NoPayoutReturned, PaidByStages, VersionWaits, pay_out_again
from mingqu.services.limits.check_drawing import DrawingFrozen
from mingqu.services.limits.stand_in_band import BandLowered
from mingqu.services.loans.read_loan import loan_ledger
from mingqu.services.loans.reserve_payout import FundingExhausted, LimitExceeded, PayeeNamed
from mingqu.services.loans.withdraw_loan import CoolingOffOver
from mingqu.services.orders.entrust_payment import EntrustedPaymentUnavailable
from mingqu.services.purpose.list_payees import PayeeNotListed
from mingqu.services.repayment.preview_repayment import preview_payment
from mingqu.services.repayment.read_loans import DayNotCome, LoanView, loan_view, loans_of, orders_of
from mingqu.services.repayment.repay import NothingDue, quote_repayment

TAG: Final = "Loans"


class Owed(Answer, frozen=True, kw_only=True):
    """What is owed if paid on a day: `due_fen` puts the loan in order, `payoff_fen` settles it.

    `guarantor_fen` is owed beside both to a guarantor who paid bills in the borrower's place.
    """

    on: date
    due_fen: Fen
    due_principal_fen: Fen
    due_interest_fen: Fen
    due_fee_fen: Fen
    due_penalty_fen: Fen
    payoff_fen: Fen
    early_interest_fen: int
    guarantor_fen: Fen


class Row(Answer, frozen=True, kw_only=True):
    """One line of a schedule; `state` is paid, overdue, due, coming or given_up.

    `guarantor_fen` is what of it is owed to the guarantor who paid it.
    """

    number: int
    due: date
    principal_fen: Fen
    interest_fen: Fen
    fee_fen: Fen
    penalty_fen: Fen
    paid_fen: Fen
    unpaid_fen: Fen
    paid_on: date | None
    state: Annotated[str, msgspec.Meta(examples=["coming"])]
    guarantor_fen: Fen


class Schedule(Answer, frozen=True, kw_only=True):
    """The lines of a loan, on a day."""

    loan_id: UUID
    as_of: date
    rows: list[Row]


class Loan(Answer, frozen=True, kw_only=True):
    """A loan on a day. `owed` is null when nothing can be owed: not paid out yet, or over."""

    loan_id: UUID
    contract_id: UUID
    product_id: str
    product_zh: str
    product_en: str
    lender_zh: str
    lender_en: str
    currency: Annotated[str, msgspec.Meta(examples=["CNY"])]
    stage: Stage
    as_of: date
    method: Method
    instalments: int
    rate_year_ppm: Ppm
    principal_fen: Fen
    outstanding_fen: Fen
    overdue_days: int
    overpayment_fen: Fen
    settled_on: date | None
    next_due: date | None
    next_due_fen: Fen
    owed: Owed | None
    payout: Order | None
    signed_at: datetime


class Loans(Answer, frozen=True, kw_only=True):
    """The caller's loans, the oldest first."""

    loans: list[Loan]


class Orders(Answer, frozen=True, kw_only=True):
    """The orders of a loan, the oldest first."""

    orders: list[Order]


class Entry(Answer, frozen=True, kw_only=True):
    """One side of a transfer on an account of the loan."""

    transfer_id: UUID
    kind: Annotated[str, msgspec.Meta(examples=["posted"])]
    account: Annotated[str, msgspec.Meta(examples=["loan_principal"])]
    other_account: Annotated[str, msgspec.Meta(examples=["lender_cash"])]
    side: Annotated[str, msgspec.Meta(examples=["debit"])]
    amount_fen: Fen
    reason: Annotated[str, msgspec.Meta(examples=["disburse"])]
    value_date: date
    posted_on: date
    reference: UUID


class Ledger(Answer, frozen=True, kw_only=True):
    """What the ledger says of a loan, in order of posting."""

    entries: list[Entry]


class Preview(Answer, frozen=True, kw_only=True):
    """What a payment today would be used for, and the principal still out after it."""

    amount_fen: Fen
    principal_fen: int
    interest_fen: int
    fee_fen: int
    penalty_fen: int
    guarantor_fen: int
    too_much_fen: int
    principal_left_fen: Fen


class NewPayout(Body, frozen=True, kw_only=True):
    """Where the money goes now: another verified card or account of the caller's own.

    Without it, to the payee that the contract names, and that is the only way where it names one.
    """

    instrument_id: UUID | None = None


class PayoutOrder(Answer, frozen=True, kw_only=True):
    """The order that pays."""

    order_id: UUID


class NewDrawing(Body, frozen=True, kw_only=True):
    """A further part of a loan that is paid out in several, and the card to pay it to."""

    instrument_id: UUID
    amount_fen: FenAsked


@reads("/loans", tag=TAG)
def list_loans(house: HouseHere, caller: CallerHere) -> Loans:
    """List the caller's loans as they stand today."""
    return Loans(loans=[_loan(one) for one in loans_of(house, person_id=caller.person_id)])


@reads("/loans/{loan_id:uuid}", tag=TAG, refuses=(DayNotCome,))
def read_loan(
    loan_id: FromPath[UUID], house: HouseHere, caller: CallerHere, as_of: FromQuery[date | None] = None
) -> Loan:
    """Read a loan as it stands today, or as it stood on a day, by all that is known now."""
    return _loan(loan_view(house, person_id=caller.person_id, loan_id=loan_id, as_of=as_of))


@reads("/loans/{loan_id:uuid}/schedule", tag=TAG, refuses=(DayNotCome,))
def read_schedule(
    loan_id: FromPath[UUID], house: HouseHere, caller: CallerHere, as_of: FromQuery[date | None] = None
) -> Schedule:
    """Read what is due when, what was paid, and what being late has added."""
    view = loan_view(house, person_id=caller.person_id, loan_id=loan_id, as_of=as_of)
    return Schedule(loan_id=loan_id, as_of=view.as_of, rows=[shaped(row, Row) for row in view.rows])


@reads("/loans/{loan_id:uuid}/quote", tag=TAG, refuses=(NothingDue,))
def read_quote(loan_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Owed:
    """Read what is owed today: what is due, and what settles the loan."""
    return _owed(quote_repayment(house, person_id=caller.person_id, loan_id=loan_id))


@reads("/loans/{loan_id:uuid}/repayment-preview", tag=TAG, refuses=(NothingDue, CoolingOffOver))
def try_repayment(
    loan_id: FromPath[UUID],
    house: HouseHere,
    caller: CallerHere,
    amount_fen: Annotated[int, QueryParameter(ge=1, le=FEN_MAX, description="What would be paid, in fen.")],
    intent: FromQuery[Intent] = Intent.DUE,
) -> Preview:
    """Work out what a payment today would be used for, by the step that books it; nothing is kept."""
    tried = preview_payment(house, person_id=caller.person_id, loan_id=loan_id, amount_fen=amount_fen, intent=intent)
    return shaped(tried, Preview)


@reads("/loans/{loan_id:uuid}/ledger", tag=TAG)
def read_ledger(loan_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Ledger:
    """Read the entries on the accounts of a loan."""
    entries = loan_ledger(house, person_id=caller.person_id, loan_id=loan_id)
    return Ledger(
        entries=[
            shaped(
                one,
                Entry,
                kind=one.kind.name.lower(),
                account=one.account.code.name.lower(),
                other_account=one.other.code.name.lower(),
                side=one.side.name.lower(),
                reason=one.reason.name.lower(),
            )
            for one in entries
        ]
    )


@reads("/loans/{loan_id:uuid}/orders", tag=TAG)
def list_orders(loan_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Orders:
    """List the orders of a loan: payouts, deductions, payments, returns."""
    found = orders_of(house, person_id=caller.person_id, loan_id=loan_id)
    return Orders(orders=[order_of(one) for one in found])


@writes(
    "/loans/{loan_id:uuid}/drawings",
    tag=TAG,
    refuses=(
        LoanNotActive,
        DrawingFrozen,
        DrawingStopped,
        AssessmentExpired,
        DisbursementNotAllowed,
        PayoutWaiting,
        InstrumentNotVerified,
        CardNotSupported,
        BandLowered,
        CapExceeded,
        RaisePauses,
        LimitExceeded,
        FundingExhausted,
        RuleBroken,
    ),
)
def draw(
    loan_id: FromPath[UUID], data: JSONBody[NewDrawing], key: KeyHere, house: HouseHere, caller: CallerHere
) -> PaymentOrder:
    """Draw more of a loan that is paid out in several parts."""
    order_id = draw_more(
        house,
        person_id=caller.person_id,
        loan_id=loan_id,
        instrument_id=data.instrument_id,
        amount_fen=data.amount_fen,
        key=key,
    )
    return PaymentOrder(order_id=order_id, amount_fen=data.amount_fen)


@writes(
    "/loans/{loan_id:uuid}/payout",
    tag=TAG,
    refuses=(
        NoPayoutReturned,
        PayoutWaiting,
        PayeeNamed,
        PaidByStages,
        VersionWaits,
        PayeeNotListed,
        EntrustedPaymentUnavailable,
        AssessmentExpired,
        DrawingFrozen,
        DrawingStopped,
        InstrumentNotVerified,
        CardNotSupported,
        BandLowered,
        CapExceeded,
        RaisePauses,
        LimitExceeded,
        FundingExhausted,
        RuleBroken,
    ),
)
def pay_out_anew(
    loan_id: FromPath[UUID], data: JSONBody[NewPayout], key: KeyHere, house: HouseHere, caller: CallerHere
) -> PayoutOrder:
    """Pay a loan out again whose payout came back (the account was closed), to another card or to the payee named."""
    order_id = pay_out_again(
        house, person_id=caller.person_id, loan_id=loan_id, instrument_id=data.instrument_id, key=key
    )
    return PayoutOrder(order_id=order_id)


@writes("/loans/{loan_id:uuid}/wishes", tag=TAG, refuses=(WishUnknown,))
def ask_about_loan(
    loan_id: FromPath[UUID], data: JSONBody[NewReview], key: KeyHere, house: HouseHere, caller: CallerHere
) -> Review:
    """Ask people to `defer` an instalment, to `respread` what is left, or to `talk`."""
    asked = ask_for_person(house, person_id=caller.person_id, wish=data.wish, key=key, loan_id=loan_id)
    return shaped(asked, Review, answered_at=None, outcome=None, answer=None)


def _loan(view: LoanView) -> Loan:
    return shaped(
        view,
        Loan,
        method=view.terms.method.value,
        instalments=view.terms.instalments,
        owed=None if view.quote is None else _owed(view.quote),
        payout=None if view.payout is None else order_of(view.payout),
    )


def _owed(owed: Quote) -> Owed:
    return shaped(
        owed,
        Owed,
        due_principal_fen=owed.due.principal_fen,
        due_interest_fen=owed.due.interest_fen,
        due_fee_fen=owed.due.fee_fen,
        due_penalty_fen=owed.due.penalty_fen,
    )


HANDLERS: Final = (
    pay_out_anew,
    list_loans,
    read_loan,
    read_schedule,
    read_quote,
    try_repayment,
    read_ledger,
    list_orders,
    draw,
    ask_about_loan,
)
