"""Loans at rest: one snapshot row each, and their events, which are only ever added to.

The snapshot itself is written when something happened to the loan. What mornings did to it since is in the columns
beside it alone, with the day they reached; whoever opens the snapshot brings it up to that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
import numpy as np
import numpy.typing as npt

from mingqu.domain.changed import changed
from mingqu.domain.loan import brought_up
from mingqu.domain.loan.event import Event
from mingqu.domain.loan.state import LoanState
from mingqu.domain.loan.terms import LoanTerms
from mingqu.domain.ownership import NotFound, require_owner
from mingqu.store.loans.lean import lean_text
from mingqu.store.loans.loan_event import event_of
from mingqu.store.loans.loan_summary import (
    BESIDE,
    NEXT_EVENT,
    NOTE,
    PACKED,
    PLAN,
    SAVE,
    SAVE_SNAPSHOT,
    STANDING,
    STATE,
    SUMMARY,
    as_told,
    summary,
)
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction


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

    @property
    def has_line(self) -> bool:
        """Whether the loan is drawn from a line of ours; one that was taken over was granted elsewhere and has none."""
        return self.facility_id != self.loan_id

    def with_state(self, state: LoanState) -> Loan:
        """Return the same loan with another snapshot."""
        return replace(self, state=state)


# Terms name no person and no day, so that loans of a product and a round amount have the same ones, to the letter.
_terms_in: Final = lru_cache(maxsize=2_048)(msgspec.json.Decoder(LoanTerms).decode)
_state: Final = msgspec.json.Decoder(LoanState)

# Stands in a model's snapshot for the id of whichever loan it is.
THIS_LOAN: Final = UUID(int=0)
IDS: Final[LiteralString] = "cell, loan_id, person_id, contract_id, facility_id"
# What loans with the same content have in common.
ALIKE: Final[LiteralString] = f"product_id, lender_id, group_id, currency, {SUMMARY}, {STANDING}"
SNAPSHOT: Final[LiteralString] = "cell, loan_id, terms, state, plan"
COLUMNS: Final[LiteralString] = """
    SELECT cell, loan_id, person_id, contract_id, facility_id, product_id, lender_id, group_id, currency,
    terms::text, state::text, as_of"""
FROM: Final[LiteralString] = " FROM loan JOIN loan_snapshot USING (cell, loan_id)"
_SELECT: Final[LiteralString] = COLUMNS + FROM
_SOME: Final[LiteralString] = _SELECT + " WHERE cell = $1::smallint AND loan_id = ANY ($2::uuid[])"
_TOLD: Final[LiteralString] = """
    SELECT loan_id, kind, event_id, value_date, amount_fen, intent, target, detail FROM loan_event
    WHERE cell = $1::smallint AND loan_id = ANY ($2::uuid[]) ORDER BY loan_id, posted_at, event_id"""


def insert(tx: Transaction, *, loan: Loan) -> None:
    """Store a new loan."""
    insert_many(tx, loans=[loan])


def insert_many(tx: Transaction, *, loans: Iterable[Loan]) -> None:
    """Store new loans by COPY."""
    diary = copy_in(tx, loans, into="loan", beside="loan_snapshot")
    tx.copy("COPY loan_diary (cell, on_date, loan_id, plain) FROM STDIN", diary)


def copy_in(
    tx: Transaction, loans: Iterable[Loan], *, into: LiteralString, beside: LiteralString, lean: bool = False
) -> list[tuple[object, ...]]:
    """Send loans, each in two rows, and return the rows of the diary that name their next events.

    `lean` texts leave out what has its default.
    """
    diary: list[tuple[object, ...]] = []
    snapshots: list[tuple[object, ...]] = []

    def rows() -> Iterator[tuple[object, ...]]:
        for loan in loans:
            columns = _noted(loan, diary)
            if lean:
                texts = (lean_text(loan.terms), lean_text(loan.state))
            else:
                texts = (msgspec.json.encode(loan.terms).decode(), str(columns[STATE]))
            snapshots.append((loan.cell, loan.loan_id, *texts, columns[PLAN]))
            yield (
                loan.cell, loan.loan_id, loan.person_id, loan.contract_id, loan.facility_id, loan.product_id,
                loan.lender_id, loan.group_id, loan.currency, *columns[BESIDE:],
            )  # fmt: skip

    tx.copy(f"COPY {into} ({IDS}, {ALIKE}) FROM STDIN", rows())
    tx.copy(f"COPY {beside} ({SNAPSHOT}) FROM STDIN", snapshots)
    return diary


def _noted(loan: Loan, diary: list[tuple[object, ...]]) -> tuple[object, ...]:
    """Return a loan's snapshot and columns, and note its next event in the diary."""
    columns = summary(terms=loan.terms, state=loan.state)
    if (on := columns[NEXT_EVENT]) is not None:
        diary.append((loan.cell, on, loan.loan_id, columns[PLAN] is not None))
    return columns


def decoded(*, loan_id: UUID, terms: str, state: str, as_of: date | None) -> tuple[LoanTerms, LoanState]:
    """Return what the texts of a loan's row say, brought up to the day that its columns have reached."""
    agreed = _terms_in(terms)
    return agreed, _own(_opened(agreed, state, as_of), loan_id)


def found(*, cell: int, loan_ids: Sequence[UUID]) -> Statement:
    """Return the statement of `some`, whose answer `loans_in` reads."""
    return Statement(_SOME, (column.smallint(cell), column.of_uuids(loan_ids).packed))


def loans_in(answer: Answer) -> list[Loan]:
    """Return the loans that the answer to `found` holds."""
    return [loan_of(row) for row in answer]


def get(tx: Transaction, *, cell: int, loan_id: UUID) -> Loan:
    """Return a loan by its id. Errors: NotFound."""
    row = tx.execute(_SELECT + " WHERE cell = %s AND loan_id = %s", (cell, loan_id)).fetchone()
    if row is None:
        raise NotFound
    return loan_of(row)


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
    return [loan_of(row) for row in rows]


def states_of_person(tx: Transaction, *, person_id: UUID) -> list[LoanState]:
    """Return the snapshots of all loans of a person, the oldest loan first."""
    rows = tx.execute(
        f"SELECT terms::text, state::text, as_of {FROM} WHERE cell = %s AND person_id = %s ORDER BY loan_id",
        (tx.cell_of(person_id), person_id),
    )
    return [_opened(_terms_in(str(terms)), str(state), as_of) for terms, state, as_of in rows]


def without_plan(tx: Transaction, *, cell: int, on: date, loan_ids: npt.NDArray[np.uint8]) -> list[Loan]:
    """Return those of some loans (ids: bytes [n, 16]) whose next event is that day and whose snapshot has to be opened.

    The others are read in columns: see `store/days/close.py`.
    """
    rows = tx.execute(
        f"{_SELECT} WHERE cell = %s AND loan_id = ANY (%b::uuid[]) AND next_event = %s AND NOT plain",
        (cell, column.of_array(loan_ids, kind=column.Kind.UUID), on),
        binary=True,
    )
    return [loan_of(row) for row in rows]


def some(tx: Transaction, *, cell: int, loan_ids: Sequence[UUID]) -> list[Loan]:
    """Return these loans of a cell, in no order; what is not there is left out."""
    if not loan_ids:
        return []
    (answer,) = tx.together([found(cell=cell, loan_ids=loan_ids)])
    return loans_in(answer)


def terms_of(tx: Transaction, *, cell: int, loan_id: UUID) -> LoanTerms:
    """Return the terms of a loan alone. Errors: NotFound."""
    row = tx.execute(
        "SELECT terms::text FROM loan_snapshot WHERE cell = %s AND loan_id = %s", (cell, loan_id)
    ).fetchone()
    if row is None:
        raise NotFound
    return _terms_in(str(row[0]))


def page(tx: Transaction, *, cell: int, after: UUID, limit: int) -> list[Loan]:
    """Return loans of a cell with an id behind `after`, in order of id, at most `limit`."""
    rows = tx.execute(_SELECT + " WHERE cell = %s AND loan_id > %s ORDER BY loan_id LIMIT %s", (cell, after, limit))
    return [loan_of(row) for row in rows]


def summary_differs(tx: Transaction, *, loans: Sequence[Loan]) -> list[UUID]:
    """Return the loans of one cell whose columns are not what their snapshot says."""
    if not loans:
        return []
    stored = {
        row[0]: tuple(row[1:])
        for row in tx.execute(
            f"""SELECT loan_id, plan, {SUMMARY}, plain::int, passed, terms_kind,
                   waiting_number, waiting_due, waiting_principal_fen, waiting_unpaid_fen, suspends_on
               {FROM} WHERE cell = %s AND loan_id = ANY (%s)""",
            (loans[0].cell, [loan.loan_id for loan in loans]),
        )
    }
    return [
        loan.loan_id
        for loan in loans
        if not as_told(told=summary(terms=loan.terms, state=loan.state)[1:], stored=stored.get(loan.loan_id))
    ]


def histories(tx: Transaction, *, loans: Sequence[Loan]) -> dict[UUID, tuple[Event, ...]]:
    """Return the histories of loans of one cell, in one query."""
    if not loans:
        return {}
    loan_ids = [loan.loan_id for loan in loans]
    (answer,) = tx.together([told(cell=loans[0].cell, loan_ids=loan_ids)])
    return histories_in(answer, loan_ids=loan_ids)


def told(*, cell: int, loan_ids: Sequence[UUID]) -> Statement:
    """Return the statement that asks for histories of loans, whose answer `histories_in` reads."""
    return Statement(_TOLD, (column.smallint(cell), column.of_uuids(loan_ids).packed))


def histories_in(answer: Answer, *, loan_ids: Sequence[UUID]) -> dict[UUID, tuple[Event, ...]]:
    """Return each loan's history, in the order in which it became known."""
    listed: dict[UUID, list[Event]] = {loan_id: [] for loan_id in loan_ids}
    for loan_id, *row in answer:
        listed[loan_id].append(event_of(*row))
    return {loan_id: tuple(events) for loan_id, events in listed.items()}


def save(tx: Transaction, *, loans: Sequence[Loan]) -> None:
    """Write the snapshots of loans of one cell back, in one round trip."""
    if loans:
        require_saved(tx.together(saved(loans)), loans=loans)


def saved(loans: Sequence[Loan]) -> list[Statement]:
    """Return the statements that write the snapshots of loans of one cell back; `require_saved` takes the answers."""
    diary: list[Any] = []
    columns = list(zip(*(_noted(loan, diary) for loan in loans), strict=True))
    cell = column.smallint(loans[0].cell)
    ids = column.of_uuids([loan.loan_id for loan in loans]).packed
    beside = (pack(values).packed for pack, values in zip(PACKED, columns[BESIDE:], strict=True))
    texts, plans = column.of_texts(columns[STATE]).packed, column.of_bytes_or_nulls(columns[PLAN]).packed
    noted = (
        column.of_dates([row[1] for row in diary]),
        column.of_uuids([row[2] for row in diary]),
        column.of_booleans([row[3] for row in diary]),
    )
    return [
        Statement(SAVE, (cell, ids, *beside)),
        Statement(SAVE_SNAPSHOT, (cell, ids, texts, plans)),
        Statement(NOTE, (cell, *(each.packed for each in noted))),
    ]


def require_saved(answers: Sequence[Answer], *, loans: Sequence[Loan]) -> None:
    """Fail an assertion unless the statements of `saved` found each of the loans."""
    assert answers[0].rowcount == answers[1].rowcount == len(loans), "a loan that is saved was stored before"


def events(tx: Transaction, *, loan: Loan) -> tuple[Event, ...]:
    """Return the history of a loan, in the order in which it became known."""
    return histories(tx, loans=[loan])[loan.loan_id]


def loan_of(row: tuple[object, ...]) -> Loan:
    """Return the loan that a row of `COLUMNS` is, brought up to the day that its mornings have reached."""
    cell, loan_id, person_id, contract_id, facility_id, product_id, lender_id, group_id, currency, *rest = row
    told, state, as_of = rest
    terms = _terms_in(str(told))
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
        terms=terms,
        state=_own(_opened(terms, str(state), as_of), _uuid(loan_id)),
    )


def _opened(terms: LoanTerms, snapshot: str, as_of: object) -> LoanState:
    """Return a snapshot brought up to the day that its mornings have reached."""
    state = _state.decode(snapshot)
    if as_of is None or state.as_of == as_of:
        return state
    assert isinstance(as_of, date)
    return brought_up(terms=terms, state=state, business_date=as_of)


def _own(state: LoanState, loan_id: UUID) -> LoanState:
    """Return a snapshot in which the loan's id stands where its model had none."""
    if state.last_key is None or state.last_key[2] != THIS_LOAN:
        return state
    fees = tuple(changed(fee, fee_id=loan_id) if fee.fee_id == THIS_LOAN else fee for fee in state.fees)
    otherwise = None if state.otherwise is None else _own(state.otherwise, loan_id)
    return changed(state, last_key=(*state.last_key[:2], loan_id), fees=fees, otherwise=otherwise)


def _uuid(value: object) -> UUID:
    assert isinstance(value, UUID)
    return value


def owes_money(tx: Transaction, *, person_id: UUID) -> bool:
    """Return whether a person has a loan that is not at its end, or owes a guarantor (9101 is GUARANTOR_CLAIM)."""
    sql: LiteralString = """SELECT FROM loan l WHERE cell = %s AND person_id = %s
        AND (stage IN ('planned', 'active', 'charged_off') OR EXISTS (
            SELECT FROM account a WHERE a.cell = l.cell AND a.owner = l.loan_id AND a.code = 9101
                AND a.debits_posted_fen > a.credits_posted_fen)) LIMIT 1"""
    return tx.execute(sql, (tx.cell_of(person_id), person_id)).fetchone() is not None
