"""Loans at rest: one snapshot row each, and their events, which are only ever added to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from mingqu.domain.loan.event import Event
from mingqu.domain.loan.state import LoanState, interest_line, penalty_line
from mingqu.domain.loan.terms import LoanTerms
from mingqu.domain.ownership import NotFound, require_owner
from mingqu.store import column
from mingqu.store.database import Transaction
from mingqu.store.loan_event import columns_of, event_of, kind_of

# A chunk of the close is one transaction under its cell's lock: some tens of milliseconds at this size.
CHUNK_LOANS_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLoan:
    """A loan with the version of the product it was signed under, and when."""

    loan: Loan
    product_version: int
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """A loan as stored: whose it is, where it belongs, its terms and its snapshot."""

    cell: int
    loan_id: UUID
    person_id: UUID
    contract_id: UUID
    facility_id: UUID
    product_id: str
    lender_id: UUID
    group_id: UUID
    currency: str
    terms: LoanTerms
    state: LoanState

    def with_state(self, state: LoanState) -> Loan:
        """Return the same loan with another snapshot."""
        return replace(self, state=state)


# How each value of `_summary` is sent when many are.
_PACKED: Final[tuple[Callable[[Sequence[Any]], column.Column], ...]] = (
    *(column.of_texts,) * 2,
    *(column.of_dates_or_nulls,) * 3,
    *(column.of_bigints,) * 8,
    column.of_dates_or_nulls,
    *(column.of_bigints,) * 2,
    column.of_dates_or_nulls,
)
_terms: Final = msgspec.json.Decoder(LoanTerms)
_state: Final = msgspec.json.Decoder(LoanState)

_COLUMNS: Final[LiteralString] = """
    SELECT cell, loan_id, person_id, contract_id, facility_id, product_id, lender_id, group_id, currency,
    terms::text, state::text"""
_SELECT: Final = _COLUMNS + " FROM loan"
_SELECT_SIGNED: Final[LiteralString] = f"""{_COLUMNS},
    (SELECT product_version FROM facility AS f
        WHERE f.cell = loan.cell AND f.facility_id = loan.facility_id AND f.person_id = loan.person_id),
    (SELECT signed_at FROM contract AS c
        WHERE c.cell = loan.cell AND c.contract_id = loan.contract_id AND c.person_id = loan.person_id)
    FROM loan"""  # noqa: S608  Only our own list of columns is put in.


def insert(tx: Transaction, *, loan: Loan) -> None:
    """Store a new loan."""
    insert_many(tx, loans=[loan])


def insert_many(tx: Transaction, *, loans: Iterable[Loan]) -> None:
    """Store new loans by COPY."""
    tx.copy(
        """COPY loan (cell, loan_id, person_id, contract_id, facility_id, product_id, lender_id, group_id, currency,
            terms, state, stage, as_of, next_event, overdue_since, principal_unbilled_fen, payable_principal_fen,
            payable_interest_fen, payable_penalty_fen, payable_fee_fen, overpayment_fen, interest_daily_micro,
            interest_base_micro, interest_on, penalty_daily_micro, penalty_base_micro, penalty_on) FROM STDIN""",
        (
            (
                loan.cell, loan.loan_id, loan.person_id, loan.contract_id, loan.facility_id, loan.product_id,
                loan.lender_id, loan.group_id, loan.currency, msgspec.json.encode(loan.terms).decode(),
                *_summary(loan),
            )
            for loan in loans
        ),
    )  # fmt: skip


def get(tx: Transaction, *, cell: int, loan_id: UUID) -> Loan:
    """Return a loan by its id. Errors: NotFound."""
    row = tx.execute(_SELECT + " WHERE cell = %s AND loan_id = %s", (cell, loan_id)).fetchone()
    if row is None:
        raise NotFound
    return _loan(row)


def get_for(tx: Transaction, *, person_id: UUID, loan_id: UUID) -> Loan:
    """Return a person's own loan. Errors: NotFound, also for another person's."""
    loan = get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
    require_owner(owner_id=loan.person_id, person_id=person_id)
    return loan


def of_person(tx: Transaction, *, person_id: UUID) -> list[Loan]:
    """Return all loans of a person, the oldest first."""
    rows = tx.execute(
        _SELECT + " WHERE cell = %s AND person_id = %s ORDER BY loan_id",
        (tx.cell_of(person_id), person_id),
    )
    return [_loan(row) for row in rows]


def states_of_person(tx: Transaction, *, person_id: UUID) -> list[LoanState]:
    """Return the snapshots of all loans of a person, the oldest loan first."""
    rows = tx.execute(
        "SELECT state::text FROM loan WHERE cell = %s AND person_id = %s ORDER BY loan_id",
        (tx.cell_of(person_id), person_id),
    )
    return [_state.decode(str(state)) for (state,) in rows]


def signed_of_person(tx: Transaction, *, person_id: UUID) -> list[SignedLoan]:
    """Return all loans of a person with what they were signed under, the oldest first. Errors: NotFound."""
    rows = tx.execute(
        _SELECT_SIGNED + " WHERE cell = %s AND person_id = %s ORDER BY loan_id", (tx.cell_of(person_id), person_id)
    )
    return [_signed(row) for row in rows]


def get_signed_for(tx: Transaction, *, person_id: UUID, loan_id: UUID) -> SignedLoan:
    """Return a person's own loan with what it was signed under. Errors: NotFound, also for another person's."""
    row = tx.execute(_SELECT_SIGNED + " WHERE cell = %s AND loan_id = %s", (tx.cell_of(loan_id), loan_id)).fetchone()
    if row is None:
        raise NotFound
    require_owner(owner_id=_uuid(row[2]), person_id=person_id)
    return _signed(row)


def waiting(tx: Transaction, *, cell: int, on: date, limit: int = CHUNK_LOANS_MAX) -> list[Loan]:
    """Return loans of a cell whose next event is on that very day, at most `limit`; the cell is locked."""
    rows = tx.execute(_SELECT + " WHERE cell = %s AND next_event = %s LIMIT %s", (cell, on, limit), binary=True)
    return [_loan(row) for row in rows]


def page(tx: Transaction, *, cell: int, after: UUID, limit: int) -> list[Loan]:
    """Return loans of a cell with an id behind `after`, in order of id, at most `limit`."""
    rows = tx.execute(_SELECT + " WHERE cell = %s AND loan_id > %s ORDER BY loan_id LIMIT %s", (cell, after, limit))
    return [_loan(row) for row in rows]


def summary_differs(tx: Transaction, *, loans: Sequence[Loan]) -> list[UUID]:
    """Return the loans of one cell whose columns are not what their snapshot says."""
    if not loans:
        return []
    stored = {
        row[0]: tuple(row[1:])
        for row in tx.execute(
            """SELECT loan_id, stage, as_of, next_event, overdue_since, principal_unbilled_fen, payable_principal_fen,
                   payable_interest_fen, payable_penalty_fen, payable_fee_fen, overpayment_fen, interest_daily_micro,
                   interest_base_micro, interest_on, penalty_daily_micro, penalty_base_micro, penalty_on
               FROM loan WHERE cell = %s AND loan_id = ANY (%s)""",
            (loans[0].cell, [loan.loan_id for loan in loans]),
        )
    }
    return [loan.loan_id for loan in loans if _summary(loan)[1:] != stored.get(loan.loan_id)]


def histories(tx: Transaction, *, loans: Sequence[Loan]) -> dict[UUID, tuple[Event, ...]]:
    """Return the histories of loans of one cell, in one query."""
    if not loans:
        return {}
    found: dict[UUID, list[Event]] = {loan.loan_id: [] for loan in loans}
    for loan_id, *row in tx.execute(
        """SELECT loan_id, kind, event_id, value_date, amount_fen, intent, target, detail FROM loan_event
           WHERE cell = %s AND loan_id = ANY (%s) ORDER BY loan_id, posted_at, event_id""",
        (loans[0].cell, list(found)),
    ):
        found[loan_id].append(event_of(*row))
    return {loan_id: tuple(listed) for loan_id, listed in found.items()}


def save(tx: Transaction, *, loans: Sequence[Loan]) -> None:
    """Write the snapshots of loans of one cell back, in one statement."""
    if not loans:
        return
    columns = zip(*(_summary(loan) for loan in loans), strict=True)
    updated = tx.execute(
        """UPDATE loan SET state = u.state::jsonb, stage = u.stage, as_of = u.as_of, next_event = u.next_event,
               overdue_since = u.overdue_since, principal_unbilled_fen = u.principal_unbilled_fen,
               payable_principal_fen = u.payable_principal_fen, payable_interest_fen = u.payable_interest_fen,
               payable_penalty_fen = u.payable_penalty_fen, payable_fee_fen = u.payable_fee_fen,
               overpayment_fen = u.overpayment_fen, interest_daily_micro = u.interest_daily_micro,
               interest_base_micro = u.interest_base_micro, interest_on = u.interest_on,
               penalty_daily_micro = u.penalty_daily_micro, penalty_base_micro = u.penalty_base_micro,
               penalty_on = u.penalty_on
           FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::date[], %b::date[], %b::date[], %b::bigint[],
                       %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[],
                       %b::bigint[], %b::date[], %b::bigint[], %b::bigint[], %b::date[])
                AS u (loan_id, state, stage, as_of, next_event, overdue_since, principal_unbilled_fen,
                      payable_principal_fen, payable_interest_fen, payable_penalty_fen, payable_fee_fen,
                      overpayment_fen, interest_daily_micro, interest_base_micro, interest_on, penalty_daily_micro,
                      penalty_base_micro, penalty_on)
           WHERE loan.cell = %s AND loan.loan_id = u.loan_id""",
        (
            column.of_uuids([loan.loan_id for loan in loans]),
            *(pack(values) for pack, values in zip(_PACKED, columns, strict=True)),
            loans[0].cell,
        ),
    ).rowcount
    assert updated == len(loans), "a loan that is saved was stored before"


def append_event(tx: Transaction, *, loan: Loan, event: Event, posted_on: date, posted_at: datetime) -> None:
    """Add an event to a loan's history. An event is never changed and never taken away."""
    tx.execute(
        """INSERT INTO loan_event (cell, loan_id, event_id, kind, value_date, posted_on, posted_at, amount_fen, intent,
               target, detail) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            loan.cell, loan.loan_id, event.event_id, kind_of(event), event.value_date, posted_on, posted_at,
            getattr(event, "amount_fen", None), *columns_of(event),
        ),
    )  # fmt: skip


def append_first_events(tx: Transaction, *, rows: Iterable[tuple[Loan, Event, date, datetime]]) -> None:
    """Add the first events of many new loans by COPY; each row is (loan, event, posted_on, posted_at)."""
    tx.copy(
        """COPY loan_event (cell, loan_id, event_id, kind, value_date, posted_on, posted_at, amount_fen)
           FROM STDIN""",
        (
            (
                loan.cell,
                loan.loan_id,
                event.event_id,
                kind_of(event),
                event.value_date,
                posted_on,
                posted_at,
                getattr(event, "amount_fen", None),
            )
            for loan, event, posted_on, posted_at in rows
        ),
    )


def events(tx: Transaction, *, loan: Loan) -> tuple[Event, ...]:
    """Return the history of a loan, in the order in which it became known."""
    rows = tx.execute(
        """SELECT kind, event_id, value_date, amount_fen, intent, target, detail FROM loan_event
           WHERE cell = %s AND loan_id = %s ORDER BY posted_at, event_id""",
        (loan.cell, loan.loan_id),
    )
    return tuple(event_of(*row) for row in rows)


def _loan(row: tuple[object, ...]) -> Loan:
    cell, loan_id, person_id, contract_id, facility_id, product_id, lender_id, group_id, currency, terms, state = row
    return Loan(
        cell=int(str(cell)),
        loan_id=_uuid(loan_id),
        person_id=_uuid(person_id),
        contract_id=_uuid(contract_id),
        facility_id=_uuid(facility_id),
        product_id=str(product_id),
        lender_id=_uuid(lender_id),
        group_id=_uuid(group_id),
        currency=str(currency),
        terms=_terms.decode(str(terms)),
        state=_state.decode(str(state)),
    )


def _signed(row: tuple[object, ...]) -> SignedLoan:
    *columns, product_version, signed_at = row
    if product_version is None or signed_at is None:
        raise NotFound
    assert isinstance(signed_at, datetime)
    return SignedLoan(loan=_loan(tuple(columns)), product_version=int(str(product_version)), signed_at=signed_at)


def _uuid(value: object) -> UUID:
    assert isinstance(value, UUID)
    return value


def _summary(loan: Loan) -> tuple[object, ...]:
    """The snapshot and what set-based checks and the close read of it without opening it."""
    state, terms = loan.state, loan.terms
    payable = state.payable
    oldest = next(state.unpaid_billed, None)
    overdue = oldest.due if oldest is not None and oldest.penalty_from is not None else None
    interest, penalty = interest_line(state, terms), penalty_line(state, terms)
    return (
        msgspec.json.encode(state).decode(),
        state.stage.value,
        state.as_of,
        state.next_event(terms),
        overdue,
        state.principal_unbilled_fen,
        payable.principal_fen,
        payable.interest_fen,
        payable.penalty_fen,
        payable.fee_fen,
        state.overpayment_fen,
        interest.daily_micro if interest else 0,
        interest.base_micro if interest else 0,
        interest.on if interest else None,
        penalty.daily_micro if penalty else 0,
        penalty.base_micro if penalty else 0,
        penalty.on if penalty else None,
    )


def owes_money(tx: Transaction, *, person_id: UUID) -> bool:
    """Return whether a person has a loan that is not settled, given up or cancelled."""
    row = tx.execute(
        "SELECT FROM loan WHERE cell = %s AND person_id = %s AND stage IN ('planned', 'active', 'charged_off') LIMIT 1",
        (tx.cell_of(person_id), person_id),
    ).fetchone()
    return row is not None
