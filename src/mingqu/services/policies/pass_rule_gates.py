"""The gates of the rule pack as use cases pass them: with the lender's licence, the product's kind and the day.

What is asked at a collection is in `pass_contact_gate`, what is asked before a report in `list_overdue`.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from mingqu.domain.gate import Breach, Case, Price, at_contract, at_disburse, months_between, require
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.loan import LoanTerms
from mingqu.domain.moment import business_date_of
from mingqu.domain.rule import ANY
from mingqu.domain.schedule import Schedule
from mingqu.services.house import House
from mingqu.store.ledgers import ledger
from mingqu.store.loans import offer
from mingqu.store.loans.loan import Loan
from mingqu.store.server.database import Transaction


def case_of(house: House, *, lender_id: UUID, product_id: str, on: date) -> Case:
    """Return for whom rows are asked; a lender or product that no file names has the rows that hold for any."""
    lender = next((one.licence for one in house.pack.lenders if one.id == lender_id), ANY)
    kind = next((one.kind for one in house.pack.products if one.id == product_id), ANY)
    return Case(lender_type=lender, product_kind=kind, on=on)


def price_of(*, terms: LoanTerms, schedule: Schedule, start: date, all_in_cost_year_ppm: int) -> Price:
    """Return what the gates ask of terms: whole cost, penalty, months to the last due date, method."""
    return Price(
        all_in_cost_year_ppm=all_in_cost_year_ppm,
        penalty_multiple_ppm=terms.penalty_multiple_ppm,
        months=months_between(start=start, end=schedule.rows[-1].due),
        method=terms.method.value,
    )


def contract_breach(
    tx: Transaction, house: House, *, person_id: UUID, lender_id: UUID, product_kind: str, price: Price, fen: int
) -> Breach | None:
    """Return what speaks today against signing for `fen`, its cost table read. Errors: RuleMissing.

    What the person owes the lender is what is drawn and held of all their lines with it, loans and accounts alike.
    """
    lines = [one for one in offer.facilities(tx, person_id=person_id) if one.lender_id == lender_id]
    balances = ledger.balances_of(tx, cell=tx.cell_of(person_id), owners=[one.facility_id for one in lines])
    owed_fen = 0
    for line in lines:
        drawn = balances[Account(owner=line.facility_id, code=AccountCode.LIMIT_DRAWN, currency=line.currency)]
        owed_fen += drawn.normal_fen(AccountCode.LIMIT_DRAWN) + drawn.credits_pending_fen
    licence = house.pack.lender(lender_id=lender_id).licence
    return at_contract(
        case=Case(lender_type=licence, product_kind=product_kind, on=house.clock.business_date()),
        price=price,
        cost_tables_confirmed=1,
        owed_fen=owed_fen,
        principal_fen=fen,
        rules=house.pack.rules,
    )


def require_payable(house: House, *, of: Loan, amount_fen: int, to_borrower: bool, payout_at: datetime) -> None:
    """Return when a payout of a loan on its day passes the rows of disbursement. Errors: RuleBroken.

    Of a loan that is paid out once nothing may lack; self-payment counts what went to the borrower before.
    """
    whole_fen = of.terms.principal_fen if of.terms.disbursements_max == 1 else amount_fen
    before_fen = of.state.disbursed_fen
    own_fen, payee_fen = (amount_fen, 0) if to_borrower else (0, amount_fen)
    case = case_of(house, lender_id=of.lender_id, product_id=of.product_id, on=business_date_of(payout_at))
    require(
        at_disburse(
            case=case,
            principal_fen=whole_fen + before_fen,
            to_borrower_fen=own_fen + (before_fen if to_borrower else 0),
            to_payee_fen=payee_fen + (0 if to_borrower else before_fen),
            rules=house.pack.rules,
        )
    )
