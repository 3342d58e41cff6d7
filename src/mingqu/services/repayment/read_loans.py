"""A person's loans as a screen shows them: where each stands today, row by row, and what became of its orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.loan import Instalment, LoanState, LoanTerms, Quote, Stage, fold, quote
from mingqu.domain.money import Rounding
from mingqu.domain.order import OrderKind
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.repayment.repay import OWING
from mingqu.store.loans import loan, signed_loan
from mingqu.store.loans.signed_loan import SignedLoan
from mingqu.store.orders import order
from mingqu.store.orders.order import Told
from mingqu.store.server.database import Transaction

PAID, OVERDUE, DUE, COMING = "paid", "overdue", "due", "coming"  # what a row of the schedule can be
GIVEN_UP: Final = "given_up"  # or that: what was left of it nobody is owed any more


class DayNotCome(Refusal):
    """A loan is read as of a day up to today; what is to come stands in its schedule."""

    code: ClassVar[str] = "day_not_come"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStep:
    """A state that an order went through, and when."""

    state: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order as its person may see it. `state` is RESERVED, SENT, UNKNOWN, PAID or FAILED."""

    order_id: UUID
    kind: str
    state: str
    loan_id: UUID | None
    instrument_id: UUID | None
    amount_fen: int
    currency: str
    channel: str
    run_at: datetime
    paid_at: datetime | None
    refusal_code: str | None
    steps: tuple[OrderStep, ...]

    @property
    def open(self) -> bool:
        """Whether its end is not known."""
        return self.state not in ("PAID", "FAILED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a schedule; `state` is paid, overdue, due (billed, today or before), coming, or given up.

    Amounts in fen; of what was given up nothing is unpaid.

    `guarantor_fen` is what the guarantor who paid this bill may still claim of it.
    """

    number: int
    due: date
    principal_fen: int
    interest_fen: int
    fee_fen: int
    penalty_fen: int
    paid_fen: int
    unpaid_fen: int
    paid_on: date | None
    state: str
    guarantor_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanView:
    """A loan on a day. `quote` is what is owed then, None when nothing can be owed (not paid out yet, or over)."""

    loan_id: UUID
    contract_id: UUID
    product_id: str
    product_zh: str
    product_en: str
    cooling_off_days: int
    lender_zh: str
    lender_en: str
    currency: str
    stage: Stage
    as_of: date
    terms: LoanTerms
    state: LoanState
    principal_fen: int
    outstanding_fen: int
    overdue_days: int
    overpayment_fen: int
    settled_on: date | None
    next_due: date | None
    next_due_fen: int
    quote: Quote | None
    rows: tuple[Row, ...]
    payout: OrderView | None
    signed_at: datetime

    @property
    def rate_year_ppm(self) -> int:
        """The interest rate for a year that was signed, in parts per million."""
        return self.terms.rate.yearly_ppm(rounding=Rounding.HALF_UP)


def loans_of(house: House, *, person_id: UUID) -> list[LoanView]:
    """Return all loans of a person as they stand today, the oldest first."""
    with house.database.transaction() as tx:
        return _views(tx, house, signed_loan.of_person(tx, person_id=person_id), house.clock.business_date())


def loan_view(
    house: House, *, person_id: UUID, loan_id: UUID, as_of: date | None = None, with_payout: bool = True
) -> LoanView:
    """Return a person's loan as it stands today, or as it stood in the evening of a day, by all that is known now.

    Of an earlier day the loan is told again with its events up to that day. Who shows nothing of the payout need not
    ask for it. Errors: NotFound, DayNotCome.
    """
    with house.database.transaction() as tx:
        signed, today = signed_loan.get_for(tx, person_id=person_id, loan_id=loan_id), house.clock.business_date()
        if as_of is None or as_of == today:
            return _views(tx, house, [signed], today, with_payouts=with_payout)[0]
        if as_of > today:
            raise DayNotCome(f"This day has not come: ask for one up to {today}.")
        of = signed.loan
        events = [event for event in loan.events(tx, loan=of) if event.value_date <= as_of]
        state, _ = fold(terms=of.terms, events=events, as_of=as_of if events else None)
        return _views(tx, house, [replace(signed, loan=of.with_state(state))], as_of, with_payouts=with_payout)[0]


def order_view(house: House, *, person_id: UUID, order_id: UUID) -> OrderView:
    """Return an order of a person, with the states it went through. Errors: NotFound."""
    with house.database.transaction() as tx:
        return _order(order.load_told(tx, person_id=person_id, order_id=order_id))


def orders_of(house: House, *, person_id: UUID, loan_id: UUID) -> list[OrderView]:
    """Return the orders of a person's loan, the oldest first. Errors: NotFound."""
    with house.database.transaction() as tx:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        return [_order(one) for one in order.told_of_loans(tx, cell=of.cell, loan_ids=[loan_id])]


def _views(
    tx: Transaction, house: House, loans: Sequence[SignedLoan], today: date, *, with_payouts: bool = True
) -> list[LoanView]:
    """Return loans of one cell as they stand on a day: one round trip more, however many they are."""
    newest: dict[UUID | None, Told] = {}
    if loans and with_payouts:
        loan_ids = [one.loan.loan_id for one in loans]
        payouts = order.told_of_loans(tx, cell=loans[0].loan.cell, loan_ids=loan_ids, kinds=[OrderKind.PAYOUT])
        newest = {told.order.loan_id: told for told in payouts}
    return [_view(house, one, today, payout=newest.get(one.loan.loan_id)) for one in loans]


def _view(house: House, signed: SignedLoan, today: date, *, payout: Told | None) -> LoanView:
    of = signed.loan
    state = of.state
    on = max(today, state.as_of) if state.as_of else today
    owed = quote(terms=of.terms, state=state, on=on) if state.stage in OWING else None
    product = house.pack.product_version(product_id=of.product_id, version=signed.product_version)
    lender = house.pack.lender(lender_id=of.lender_id)
    claimed = {claim.due: claim.left_fen for claim in state.bill_claims if claim.left_fen}
    given_up = state.stage is Stage.WRITTEN_OFF
    rows = tuple(
        _row(line, today, guarantor_fen=claimed.get(line.due, 0), given_up=given_up) for line in state.instalments
    )
    coming = next((row for row in rows if row.state not in (PAID, GIVEN_UP)), None)
    return LoanView(
        loan_id=of.loan_id,
        contract_id=of.contract_id,
        product_id=of.product_id,
        product_zh=product.name_zh,
        product_en=product.name_en,
        cooling_off_days=product.cooling_off_days,
        lender_zh=lender.name_zh,
        lender_en=lender.name_en,
        currency=of.currency,
        stage=state.stage,
        as_of=on,
        terms=of.terms,
        state=state,
        principal_fen=state.disbursed_fen or of.terms.principal_fen,
        outstanding_fen=state.principal_outstanding_fen,
        overdue_days=state.overdue_days(today),
        overpayment_fen=state.overpayment_fen,
        settled_on=state.settled_on,
        next_due=coming.due if coming else None,
        next_due_fen=coming.unpaid_fen if coming else 0,
        quote=owed,
        rows=rows,
        payout=None if payout is None else _order(payout),
        signed_at=signed.signed_at,
    )


def _row(line: Instalment, today: date, *, guarantor_fen: int, given_up: bool) -> Row:
    if line.paid_on is not None or (line.billed and line.unpaid_fen == 0):
        state = PAID
    elif given_up:
        state = GIVEN_UP
    elif line.due < today:
        state = OVERDUE
    else:
        state = DUE if line.billed else COMING
    return Row(
        number=line.number,
        due=line.due,
        principal_fen=line.principal_fen,
        interest_fen=line.interest_fen,
        fee_fen=line.fee_fen,
        penalty_fen=line.penalty_fen,
        paid_fen=line.paid_fen,
        unpaid_fen=0 if state == GIVEN_UP else line.unpaid_fen,
        paid_on=line.paid_on,
        state=state,
        guarantor_fen=guarantor_fen,
    )


def _order(told: Told) -> OrderView:
    one = told.order
    return OrderView(
        order_id=one.order_id,
        kind=one.kind.value,
        state=one.state.value,
        loan_id=one.loan_id,
        instrument_id=one.instrument_id,
        amount_fen=one.amount_fen,
        currency=one.currency,
        channel=one.channel,
        run_at=one.run_at,
        paid_at=one.paid_at,
        refusal_code=one.refusal_code,
        steps=tuple(OrderStep(state=state.value, at=at) for state, at in told.steps),
    )
