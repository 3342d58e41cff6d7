"""The worked tables of the pages on loans long overdue and on loans taken over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.loan import (
    ChargedOff,
    ChargeOffUndone,
    Disbursed,
    Intent,
    LoanTerms,
    Receipt,
    Repaid,
    Stage,
    payoff_fen,
    quote,
    quote_bill,
)
from mingqu.domain.loan.fee import FeeBasis, FeeDue, FeeRule, FeeTaker
from mingqu.domain.loan.guarantee import BillGuarantee
from mingqu.domain.loan.terms import ChargeOffRule, Recalculation
from mingqu.domain.money import format_fen, parse_yuan
from tests.docs.table import Line
from tests.models.loan_on_course_book import START, Book, an_id
from tests.models.loan_terms import monthly_terms
from tests.models.taken_over import handed_over

TERMS = replace(monthly_terms(principal_fen=1_200_000, months=12), suspends_income=True)


def _unpaid(terms: LoanTerms = TERMS) -> Book:
    book = Book(terms)
    book.happen(Disbursed(event_id=an_id(1), value_date=START, amount_fen=1_200_000))
    return book


def _live(book: Book, day: str) -> None:
    book.live((date.fromisoformat(day) - book.today).days)
    book.look()


def _suspended(line: Line) -> Line:
    book = _unpaid()
    _live(book, line["day"])
    state, suspended = book.state, -book.accounts[Code.INTEREST_SUSPENDED]
    book.live(1)
    income = sum(book.accounts[code] for code in (Code.INTEREST_INCOME, Code.PENALTY_INCOME, Code.ROUNDING_DIFFERENCE))
    return {
        "overdue for": f"{state.overdue_days(date.fromisoformat(line['day']))} days",
        "interest owed": format_fen(state.payable.interest_fen),
        "suspended": format_fen(suspended),
        "income": format_fen(-income),
    }


def _compensated(line: Line) -> Line:
    book = _unpaid()
    _live(book, line["guarantor pays on"])
    paid, recovered = parse_yuan(line["amount"]).fen, parse_yuan(line["borrower pays back"]).fen
    book.happen(
        Repaid(
            event_id=an_id(2),
            value_date=book.today,
            amount_fen=paid,
            receipt=Receipt.COMPENSATION,
            intent=Intent.PREPAY,
        )
    )
    _live(book, line["on"])
    book.happen(Repaid(event_id=an_id(3), value_date=book.today, amount_fen=recovered, receipt=Receipt.SUBROGATION))
    book.check()
    return {
        "owed to the guarantor": format_fen(book.state.guarantor_claim_fen),
        "principal owed to the lender": format_fen(book.state.principal_outstanding_fen),
        "owed back": format_fen(book.state.overpayment_fen),
    }


def _bill_by_bill(line: Line) -> Line:
    fee = FeeRule(
        due=FeeDue.INSTALMENT, basis=FeeBasis.BALANCE, share_ppm=2_000, taker=FeeTaker.GUARANTOR, partner="hengwen"
    )
    book = _unpaid(replace(TERMS, fees=(fee,), bill_guarantee=BillGuarantee(after_days=10)))
    _live(book, "2026-02-25")
    bill = date(2026, 2, 15)
    owed = quote_bill(terms=book.terms, state=book.state, on=book.today, bill=bill)
    paid = Repaid(
        event_id=an_id(2),
        value_date=book.today,
        amount_fen=owed.total_fen,
        receipt=Receipt.COMPENSATION,
        bill=bill,
    )
    book.happen(paid)
    _live(book, line["day"])
    if line["borrower pays"] != "-":
        amount = parse_yuan(line["borrower pays"]).fen
        book.happen(Repaid(event_id=an_id(3), value_date=book.today, amount_fen=amount))
    book.check()
    now = quote(terms=book.terms, state=book.state, on=book.today)
    return {
        "due to the lender": format_fen(now.due_fen),
        "owed to the guarantor": format_fen(now.guarantor_fen),
        "late with the lender": f"{book.state.overdue_days(book.today)} days",
    }


def _undone(line: Line) -> Line:
    terms = replace(TERMS, recalculation=Recalculation.EARLY, charge_off=ChargeOffRule(line["rule"]))
    book, never = _unpaid(terms), _unpaid(terms)
    recovered = parse_yuan(line["recovered"]).fen
    for one in (book, never):
        _live(one, "2026-07-20")
        if one is book:
            one.happen(ChargedOff(event_id=an_id(2), value_date=one.today))
        _live(one, "2026-08-01")
        receipt = Receipt.RECOVERY if one is book else Receipt.REPAYMENT
        one.happen(Repaid(event_id=an_id(3), value_date=one.today, amount_fen=recovered, receipt=receipt))
        _live(one, "2026-09-01")
    lost = payoff_fen(terms=terms, state=book.state, on=book.today)
    book.happen(ChargeOffUndone(event_id=an_id(4), value_date=book.today))
    book.check()
    assert book.state.stage is Stage.ACTIVE
    owed = payoff_fen(terms=terms, state=book.state, on=book.today)
    assert owed == payoff_fen(terms=terms, state=never.state, on=never.today)
    return {"owed while lost": format_fen(lost), "owed after the undoing": format_fen(owed)}


def _taken_over(line: Line) -> Line:
    theirs, on = _unpaid(), date.fromisoformat(line["taken over on"])
    for number in range(int(line["paid on time"])):
        _live(theirs, theirs.state.instalments[number].due.isoformat())
        due = theirs.state.payable.total_fen
        theirs.happen(Repaid(event_id=an_id(2 + number), value_date=theirs.today, amount_fen=due))
    _live(theirs, line["taken over on"])
    event = handed_over(terms=TERMS, state=theirs.state, on=on, event_id=an_id(50))
    assert event is not None
    ours = Book(TERMS)
    ours.live((on - START).days)
    ours.happen(event)
    ours.check()
    brought = {
        "principal not due": ours.accounts[Code.LOAN_PRINCIPAL],
        "principal due": ours.accounts[Code.LOAN_PRINCIPAL_DUE],
        "interest due": ours.accounts[Code.LOAN_INTEREST_DUE],
        "penalty due": ours.accounts[Code.LOAN_PENALTY_DUE],
        "accrued": ours.accounts[Code.ACCRUED_INTEREST],
    }
    assert sum(brought.values()) == -ours.accounts[Code.MIGRATION_CLEARING]
    return {name: format_fen(fen) for name, fen in {**brought, "clearing": sum(brought.values())}.items()}


ARREARS_TABLES: dict[str, Callable[[Line], Line]] = {
    "suspended": _suspended,
    "compensated": _compensated,
    "bill-by-bill": _bill_by_bill,
    "undone": _undone,
    "taken-over": _taken_over,
}
