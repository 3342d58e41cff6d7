"""Write what a lender gets of a day: drawdowns, plans, repayments, balances, settlement, what revolving accounts owe,
and its part of joint loans and accounts, each as the book knew it then.

What was booked later does not change the files of a day: they are told from the events that were known by its end, so
they can be made again at any time and compared with those that are out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.lender_file import FileKind, Flag, file_name, flag_of, risk_class, write_rows
from mingqu.domain.loan import Disbursed, LoanState, Repaid, Reversed, Stage, fold, order_key
from mingqu.domain.loan.event import Event
from mingqu.domain.personal import Personal
from mingqu.services.house import House
from mingqu.services.loans.read_loan_at import balances_at, events_then
from mingqu.services.reconciliation.compare_day import SourceUnknown
from mingqu.services.reports.report_days import DayNotClosed
from mingqu.store import evidence
from mingqu.store.bills import lender_accounts, lender_loans, settlement
from mingqu.store.books import book
from mingqu.store.funders import funder_statement
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.loan_event import KnownEvent, known_events
from mingqu.store.server.database import Transaction

Row = tuple[object, ...]
_RUNNING: Final = (Stage.ACTIVE, Stage.CHARGED_OFF)
_HASH_DIGITS: Final = 32
_SHARES_MAX: Final = 1_000_000  # joint loans and accounts of one funder: a file of a hundred megabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderFile:
    """One file as it is to be written, with its flag."""

    name: str
    content: bytes
    flag: Flag


def write_lender_files(house: House, *, lender: str, on: date) -> list[LenderFile]:
    """Return the files of a lender (by code) for a day, in one view; of one who only funds, its parts alone.

    Errors: SourceUnknown, DayNotClosed, FunderStatementTooLong.
    """
    lender_id = _id_of(house, lender=lender, on=on)
    with house.database.transaction() as tx:
        tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        closed = book.closed_by_all(tx)
        if on > closed:
            raise DayNotClosed(f"The last day that is closed is {closed}.", date=on.isoformat())
        rows = _rows(tx, house, lender_id=lender_id, on=on)
        last = evidence.last_checkpoint(tx)
    files = []
    for kind in FileKind:
        content = write_rows(kind=kind, rows=rows[kind])
        flag = flag_of(
            content,
            kind=kind,
            lender=lender,
            on=on,
            checkpoint=0 if last is None else last.number,
            checkpoint_hash="" if last is None else last.hash().hex(),
        )
        files.append(LenderFile(name=file_name(kind=kind, lender=lender, on=on), content=content, flag=flag))
    return files


def _id_of(house: House, *, lender: str, on: date) -> UUID:
    """Return whose files they are: a lender's who signs contracts, or a funder's, who may do both under one id."""
    known = {one.code: one.id for one in house.funding.funders_on(on).values()}
    known |= {one.code: one.id for one in house.pack.lenders}
    if lender not in known:
        raise SourceUnknown(f"There is no lender {lender!r}.")
    return known[lender]


def _rows(tx: Transaction, house: House, *, lender_id: UUID, on: date) -> Mapping[FileKind, list[Row]]:
    rows: dict[FileKind, list[Row]] = {kind: [] for kind in FileKind}
    for of in lender_loans.booked_on(tx, lender_id=lender_id, on=on):
        known = known_events(tx, cell=of.cell, loan_id=of.loan_id)
        state = _at(of, known, on)
        new = [one for one in known if one.posted_on == on]
        rows[FileKind.DRAWDOWNS] += [
            _drawdown(house, of, state, one.event) for one in new if isinstance(one.event, Disbursed)
        ]
        rows[FileKind.PLANS] += _plan(of, state)
        rows[FileKind.REPAYMENTS] += _repayments(of, known, new, on)
    for of in lender_loans.all_of(tx, lender_id=lender_id):
        state = of.state
        if state.as_of != on:
            state = _at(of, known_events(tx, cell=of.cell, loan_id=of.loan_id), on)
        if state.stage in _RUNNING:
            rows[FileKind.BALANCES].append(_balance(house, of, state, on))
    rows[FileKind.SETTLEMENT] = [
        (
            one.settlement_id.hex, one.source, one.on.isoformat(), one.currency, one.orders, one.gross_fen, one.fee_fen,
            one.gross_fen - one.fee_fen,
        )
        for one in settlement.posted_on(tx, on=on, lender_id=lender_id)
    ]  # fmt: skip
    rows[FileKind.ACCOUNTS] = [
        (
            one.account_id.hex, customer_name(house, lender_id=lender_id, person_id=one.person_id), one.product_id,
            one.currency, one.principal_fen, one.interest_fen, one.penalty_fen, one.fee_fen, one.credit_fen,
        )
        for one in lender_accounts.standing_on(tx, lender_id=lender_id, on=on)
    ]  # fmt: skip
    rows[FileKind.SHARES] = [
        (
            one.claim_id.hex, "account" if one.revolving else "loan", one.opening_fen, one.lent_fen, one.repaid_fen,
            one.lost_fen, one.bought_fen, one.sold_fen, one.closing_fen, one.interest_fen, one.penalty_fen, one.fee_fen,
            one.received_fen, one.price_fen,
        )
        for one in funder_statement.of_funder(tx, funder_id=lender_id, first=on, last=on, most=_SHARES_MAX)
    ]  # fmt: skip
    return rows


def _at(of: Loan, known: Sequence[KnownEvent], on: date) -> LoanState:
    """Return a loan as a day ended and as was known by then."""
    return fold(terms=of.terms, events=events_then(known, on), as_of=on)[0]


def _drawdown(house: House, of: Loan, state: LoanState, event: Disbursed) -> Row:
    rate, lines = of.terms.rate, state.instalments
    return (
        of.loan_id.hex, event.event_id.hex, customer_hash(house, of), of.product_id, event.value_date.isoformat(),
        event.amount_fen, of.currency, f"{rate.numerator}/{rate.denominator}", rate.unit.value, of.terms.method.value,
        of.terms.instalments, lines[0].due.isoformat() if lines else "", lines[-1].due.isoformat() if lines else "",
    )  # fmt: skip


def _plan(of: Loan, state: LoanState) -> list[Row]:
    return [
        (
            of.loan_id.hex, line.number, line.period_start.isoformat(), line.due.isoformat(), line.principal_fen,
            line.interest_fen, line.penalty_fen, line.fee_fen, line.principal_paid_fen, line.interest_paid_fen,
            line.penalty_paid_fen, line.fee_paid_fen,
        )
        for line in state.instalments
    ]  # fmt: skip


def _repayments(of: Loan, known: Sequence[KnownEvent], new: Sequence[KnownEvent], on: date) -> Iterator[Row]:
    """Yield what each payment booked on a day paid, period by period; what was taken back is below zero.

    A payment is what the loan has paid with it, less what it had paid without it: so late news and reversals are told
    by what they change.
    """
    before = [one for one in known if one.posted_on < on]
    paid = _paid(_at(of, before, on)) if before else {}
    for one in sorted(new, key=lambda each: order_key(each.event)):
        before = [*before, one]
        then = _at(of, before, on)
        after = _paid(then)
        if isinstance(one.event, Repaid | Reversed):
            for place in sorted(paid.keys() | after.keys()):
                was, now = paid.get(place, _NOTHING), after.get(place, _NOTHING)
                gained = tuple(b - a for a, b in zip(was, now, strict=True))
                if any(gained):
                    yield _repayment(of, one.event, place, gained)
        paid = after


_Place = tuple[str, bool]  # the due date of an instalment, "" for what was overpaid; whether it was made early
_NOTHING: Final = (0, 0, 0, 0, 0)


def _paid(state: LoanState) -> dict[_Place, tuple[int, ...]]:
    """Return what was paid of each instalment: principal, interest, penalty, fee; and what was too much."""
    paid: dict[_Place, tuple[int, ...]] = defaultdict(lambda: _NOTHING)
    for line in state.instalments:
        place = (line.due.isoformat(), line.early)
        more = (line.principal_paid_fen, line.interest_paid_fen, line.penalty_paid_fen, line.fee_paid_fen, 0)
        paid[place] = tuple(a + b for a, b in zip(paid[place], more, strict=True))
    paid["", False] = (0, 0, 0, 0, state.overpayment_fen)
    return dict(paid)


def _repayment(of: Loan, event: Event, place: _Place, gained: tuple[int, ...]) -> Row:
    due, early = place
    if isinstance(event, Reversed):
        how = "reversed"
    elif not due:
        how = "overpaid"
    elif early or due > event.value_date.isoformat():
        how = "early"
    else:
        how = "overdue" if due < event.value_date.isoformat() else "normal"
    receipt = event.receipt.value if isinstance(event, Repaid) else ""
    name = "repaid" if isinstance(event, Repaid) else "reversed"
    return (
        of.loan_id.hex, event.event_id.hex, name, receipt, event.value_date.isoformat(), due, how, *gained, sum(gained),
    )  # fmt: skip


def _balance(house: House, of: Loan, state: LoanState, on: date) -> Row:
    owed = balances_at(terms=of.terms, state=state, day=on)
    return (
        of.loan_id.hex, customer_hash(house, of), of.product_id, of.currency, owed.stage, owed.principal_fen,
        owed.interest_fen, owed.accrued_fen, owed.penalty_fen, owed.fee_fen, state.overpayment_fen, owed.overdue_days,
        risk_class(overdue_days=owed.overdue_days).value,
    )  # fmt: skip


def customer_hash(house: House, of: Loan) -> str:
    """Return the name under which a loan's lender knows its borrower."""
    return customer_name(house, lender_id=of.lender_id, person_id=of.person_id)


def customer_name(house: House, *, lender_id: UUID, person_id: UUID) -> str:
    """Return the name under which a lender knows a borrower: one for each lender, and nobody else can make it."""
    said = Personal(f"{lender_id.hex} {person_id.hex}")
    return house.keyring.lookup_hash(kind="lender_customer", value=said).hex()[:_HASH_DIGITS]
