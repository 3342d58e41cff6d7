"""What follows from a morning of many loans: deductions of what fell due, notices, webhooks.

The rules are those of `follow_up`, which does the same for loans one by one; here each kind of row is one statement.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from uuid import UUID

import numpy as np

from mingqu.domain.batch import KINDS, HappeningColumns, MorningOutcome, StandingColumns
from mingqu.domain.batch.arrears import PenaltyColumns, running_penalty
from mingqu.domain.batch.columns import NO_DAY_NUMBER, Integers, days_of
from mingqu.domain.batch.ids import HEX_DIGITS, Ids, dated_all
from mingqu.domain.batch.standing import says_rounding
from mingqu.domain.identifier import dated
from mingqu.domain.loan import Happening, Kind, LoanTerms
from mingqu.domain.moment import start_of
from mingqu.domain.order import Order
from mingqu.services.house import BANK, DEDUCTING, House
from mingqu.services.loans.follow_up import (
    DEDUCTION_AT,
    DEDUCTION_MINUTE,
    NOTICE,
    NOTICE_AT,
    NOTIFIED,
    TOLD,
    awake,
    deduction_of,
    deduction_purpose,
    notice_purpose,
    reserve_deductions,
    told,
)
from mingqu.services.messages.tell_webhooks import tell
from mingqu.store.days.close import ClosingLoans
from mingqu.store.loans import deduction, loan
from mingqu.store.loans.deduction import Agreed, NewDeductions
from mingqu.store.loans.repayment import Agreement
from mingqu.store.messages import notice_round, webhook
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

_OVERDUE: Final = KINDS.index(Kind.OVERDUE)
# From so many on, notices of one kind are a round of their own (`store/messages/notice_round.py`); fewer are rows of
# work.
ROUND_MIN: Final = 20


def follow_mornings(
    tx: Transaction,
    house: House,
    *,
    cell: int,
    loans: ClosingLoans,
    terms: tuple[LoanTerms, ...],
    template: Integers,
    made: MorningOutcome,
    chosen: Integers,
    stands: StandingColumns,
) -> None:
    """Write the work that a morning of the `chosen` loans causes; `stands` is how those stand after it.

    Loan i has the terms `terms[template[i]]`. The caller holds the cell's lock and commits.
    """
    happened = _happened(made.happenings, chosen=chosen, loans=len(loans))
    if not len(happened.loan):
        return
    on = made.on
    now = house.clock.now()
    agreed = deduction.agreed(tx, cell=cell, person_id=loans.person_id[chosen], channel=BANK)
    # A loan that was billed and settled in columns has no collection under way more often than not.
    collecting = deduction.collecting(tx, cell=cell, loan_id=loans.loan_id[chosen], channels=DEDUCTING)
    # Nobody is told "overdue" while a collection may have succeeded unheard.
    waits = np.zeros(len(chosen), dtype=np.bool_)
    waits[list(collecting)] = True
    said = ~((happened.kind == _OVERDUE) & waits[happened.loan])
    deducted = np.zeros(len(chosen), dtype=np.bool_)
    deducted[happened.loan] = True
    deducted[[place for place, over in collecting.items() if over]] = False
    agreed = agreed.only(deducted[agreed.place])
    penalty = _penalty(loans, terms, template, chosen=chosen, stands=stands, on=on)
    _deduct(tx, cell=cell, loans=loans, chosen=chosen, stands=stands, penalty=penalty, agreed=agreed, on=on)
    _notify(tx, cell=cell, loans=loans, chosen=chosen, happened=happened, said=said, on=on, now=now)
    _tell(tx, house, cell=cell, loans=loans, chosen=chosen, happened=happened, said=said, on=on)


def _happened(all_of_them: HappeningColumns, *, chosen: Integers, loans: int) -> HappeningColumns:
    """Return the happenings of the chosen loans, with `loan` as their place among these."""
    place = np.full(loans, -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    kept = place[all_of_them.loan] >= 0
    return HappeningColumns(
        loan=place[all_of_them.loan][kept],
        kind=all_of_them.kind[kept],
        instalment=all_of_them.instalment[kept],
        amount_fen=all_of_them.amount_fen[kept],
    )


def _penalty(
    loans: ClosingLoans,
    terms: tuple[LoanTerms, ...],
    template: Integers,
    *,
    chosen: Integers,
    stands: StandingColumns,
    on: date,
) -> PenaltyColumns:
    """Return the penalty that runs on the chosen loans after a morning. Of one whose number of terms does not say how
    they round, which it did not always, it is not known; of one that is not overdue there is none.
    """
    waiting_number = np.zeros(len(loans), dtype=np.int64)
    waiting_number[chosen] = stands.waiting_number
    running = running_penalty(
        arrears=loans.arrears,
        terms=terms,
        template=template,
        payable_principal_fen=loans.standing.payable_principal_fen,
        waiting_number=waiting_number,
        on=on,
    )
    in_order = days_of(stands.overdue_since) == NO_DAY_NUMBER
    known = running.known & says_rounding(loans.kind)
    return PenaltyColumns(fen=np.where(in_order, 0, running.fen[chosen]), known=in_order | known[chosen])


def _deduct(
    tx: Transaction,
    *,
    cell: int,
    loans: ClosingLoans,
    chosen: Integers,
    stands: StandingColumns,
    penalty: PenaltyColumns,
    agreed: Agreed,
    on: date,
) -> None:
    """Reserve deductions of all that is payable with the penalty that runs; where that is not known the loan is opened.

    What a wallet is to pay goes that way as well: the columns are of cards.
    """
    place = agreed.place
    amounts = (
        stands.payable_principal_fen[place]
        + stands.payable_interest_fen[place]
        + loans.payable_penalty_fen[chosen[place]]
        + loans.payable_fee_fen[chosen[place]]
        + penalty.fen[place]
    )
    plain = agreed.by_card & penalty.known[place] & (amounts > 0)
    currencies = np.array([loans.currency[at] for at in chosen[place].tolist()], dtype=np.str_)
    for currency in np.unique(currencies[plain]).tolist():
        members = plain & (currencies == currency)
        _reserve(
            tx, cell=cell, loans=loans, rows=chosen[place[members]], amounts=amounts[members],
            agreed=agreed.only(members), currency=currency, on=on,
        )  # fmt: skip
    if not plain.all():
        _deduct_one_by_one(tx, cell=cell, loans=loans, rows=chosen[place[~plain]], on=on)


def _deduct_one_by_one(tx: Transaction, *, cell: int, loans: ClosingLoans, rows: Integers, on: date) -> None:
    agreed = deduction.agreed_one_by_one(tx, cell=cell, person_id=loans.person_id[rows])
    ids = [UUID(bytes=loan_id.tobytes()) for loan_id in loans.loan_id[rows]]
    opened = {one.loan_id: one for one in loan.some(tx, cell=cell, loan_ids=ids)}
    orders: dict[UUID, tuple[Order, Agreement]] = {}
    for place, loan_id in enumerate(ids):
        of = opened[loan_id]
        agreement_id, card, channel = agreed[place]
        agreement = Agreement(
            agreement_id=agreement_id, person_id=of.person_id, instrument_id=card, state="active", channel=channel
        )
        order = deduction_of(of, agreement, day=on)
        if order is not None:
            orders[loan_id] = (order, agreement)
    reserve_deductions(tx, cell=cell, deductions=orders)


def _reserve(
    tx: Transaction,
    *,
    cell: int,
    loans: ClosingLoans,
    rows: Integers,
    amounts: Integers,
    agreed: Agreed,
    currency: str,
    on: date,
) -> None:
    digits = agreed.agreement_id.tobytes().hex()
    purposes = [
        deduction_purpose(amount_fen=amount_fen, agreement=digits[at : at + HEX_DIGITS])
        for at, amount_fen in zip(range(0, len(digits), HEX_DIGITS), amounts.tolist(), strict=True)
    ]
    deduction.reserve_all(
        tx,
        cell=cell,
        new=NewDeductions(
            order_id=dated_all(parents=loans.loan_id[rows], on=on, purpose=purposes, minute=DEDUCTION_MINUTE),
            loan_id=loans.loan_id[rows],
            person_id=loans.person_id[rows],
            instrument_id=agreed.instrument_id,
            agreement_id=agreed.agreement_id,
            amount_fen=amounts,
        ),
        currency=currency,
        channel=BANK,
        run_at=start_of(on) + DEDUCTION_AT,
    )


def _notify(
    tx: Transaction,
    *,
    cell: int,
    loans: ClosingLoans,
    chosen: Integers,
    happened: HappeningColumns,
    said: np.ndarray[tuple[int], np.dtype[np.bool_]],
    on: date,
    now: datetime,
) -> None:
    """Write a notice of each happening that people are told of: a round of each kind, or rows where there are few."""
    run_at = awake(max(now, start_of(on) + NOTICE_AT))
    for kind, happening in enumerate(KINDS):
        of_kind = said & (happened.kind == kind)
        subjects: Ids = loans.loan_id[chosen[happened.loan[of_kind]]]
        numbers, amounts_fen = happened.instalment[of_kind], happened.amount_fen[of_kind]
        template = NOTIFIED[happening]
        if len(subjects) >= ROUND_MIN:
            round_id = dated(UUID(bytes=subjects[0].tobytes()), on=on, purpose=f"{template} round")
            notice_round.insert(
                tx, cell=cell, round_id=round_id, template=template, on=on, run_at=run_at, loan_ids=subjects,
                marks=numbers, amounts_fen=amounts_fen,
            )  # fmt: skip
            continue
        purposes = [notice_purpose(template=template, mark=str(number)) for number in numbers.tolist()]
        work.enqueue_columns(
            tx,
            cell=cell,
            work_ids=dated_all(parents=subjects, on=on, purpose=purposes),
            kind=NOTICE,
            subject_ids=subjects,
            run_at=run_at,
            payloads=[
                f'{{"template": "{template}", "on": "{on.isoformat()}", "amount_fen": {amount_fen}}}'
                for amount_fen in amounts_fen.tolist()
            ],
        )


def _tell(
    tx: Transaction,
    house: House,
    *,
    cell: int,
    loans: ClosingLoans,
    chosen: Integers,
    happened: HappeningColumns,
    said: np.ndarray[tuple[int], np.dtype[np.bool_]],
    on: date,
) -> None:
    """Tell programs of others, if any listens, and lenders that decide by themselves."""
    if not house.lenders and not webhook.active(tx):
        return
    tell(
        tx,
        house,
        cell=cell,
        told=[
            told(
                loan_id=UUID(bytes=loans.loan_id[chosen[place]].tobytes()),
                person_id=UUID(bytes=loans.person_id[chosen[place]].tobytes()),
                currency=loans.currency[chosen[place]],
                happening=Happening(kind=KINDS[kind], on=on, instalment=number, amount_fen=amount_fen),
            )
            for place, kind, number, amount_fen in zip(
                happened.loan[said].tolist(),
                happened.kind[said].tolist(),
                happened.instalment[said].tolist(),
                happened.amount_fen[said].tolist(),
                strict=True,
            )
            if KINDS[kind] in TOLD
        ],
    )
