"""Taking over and handing back at rest: files, references, and loans written many at a time from their models.

Loans that agree in everything but whose they are share a *model*. A model's rows are sent once, into tables that live
as long as the transaction; each chunk of loans is then ids alone, and the rest is joined where it lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
import psycopg

from mingqu.domain.ledger import Account, Transfer
from mingqu.domain.loan import LoanState, LoanTerms, MigratedIn
from mingqu.domain.refusal import Refusal
from mingqu.store.ledgers.ledger_proof import strict_side
from mingqu.store.loans import loan, loan_model
from mingqu.store.loans.lean import lean, lean_text
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.loan_event import kind_of
from mingqu.store.server import column
from mingqu.store.server.database import Transaction

# Joins with the models of a chunk stay in memory, and pass the newcomers through in their order: a merge would sort
# them by model, and every index would be written in no order.
_SETTINGS: Final[LiteralString] = "SET LOCAL work_mem = '64MB'; SET LOCAL enable_mergejoin = off"
# Long values are packed in a model and copied packed, which costs a loan nothing. The database packs rows of two
# kilobytes and more: what fills a model's row up to that stays where it is.
_TABLES: Final[LiteralString] = """
    CREATE TEMP TABLE newcomer (place integer, cell smallint, loan_id uuid, head text, person_id uuid, model uuid)
        ON COMMIT DROP;
    CREATE TEMP TABLE loan_model (LIKE loan) ON COMMIT DROP;
    CREATE TEMP TABLE snapshot_model (LIKE loan_snapshot, filler text STORAGE PLAIN DEFAULT repeat(' ', 2000))
        WITH (toast_tuple_target = 128) ON COMMIT DROP;
    ALTER TABLE snapshot_model ALTER terms SET STORAGE MAIN, ALTER state SET STORAGE MAIN, ALTER plan SET STORAGE MAIN;
    CREATE TEMP TABLE event_model (model uuid, kind text, value_date date, disbursed_on date, disbursed_fen bigint,
                                   detail jsonb STORAGE MAIN,
                                   filler text STORAGE PLAIN DEFAULT repeat(' ', 2000))
        WITH (toast_tuple_target = 128) ON COMMIT DROP;
    CREATE TEMP TABLE account_model (model uuid, code smallint, currency text, strict_side smallint, debits bigint,
                                     credits bigint) ON COMMIT DROP;
    CREATE TEMP TABLE transfer_model (model uuid, place text, debit_owner uuid, debit_code smallint, credit_owner uuid,
                                      credit_code smallint, currency text, amount_fen bigint, reason smallint,
                                      value_date date, posted_on date) ON COMMIT DROP;"""


class ImportRunning(Refusal):
    """Another file is being taken over into this book; one at a time."""

    code = "import_running"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What loans with one content have in common. The model's own id stands wherever a loan's id will."""

    loan: Loan
    event: MigratedIn
    accounts: tuple[Account, ...]  # of the loan, opened whether or not something is booked on them
    transfers: tuple[Transfer, ...]


def begin(tx: Transaction) -> None:
    """Begin to take a file over, alone in the book. Errors: ImportRunning."""
    try:
        tx.execute("LOCK TABLE book_import IN SHARE ROW EXCLUSIVE MODE NOWAIT")
    except psycopg.errors.LockNotAvailable:
        raise ImportRunning("Another file is being taken over; try again when that is done.") from None
    tx.script(_SETTINGS)
    tx.script(_TABLES)


def find(tx: Transaction, *, import_id: UUID) -> dict[str, Any] | None:
    """Return the report of a file that was taken over, or None."""
    row = tx.execute(
        "SELECT report FROM book_import WHERE cell = %s AND import_id = %s",
        (tx.cell_of(import_id), import_id),
    ).fetchone()
    return None if row is None else dict(row[0])


def forget_models(tx: Transaction) -> None:
    """Forget all models: those that come are others."""
    tx.execute("TRUNCATE loan_model, snapshot_model, event_model, account_model, transfer_model")


def add_models(tx: Transaction, *, models: Sequence[Model]) -> None:
    """Send models, for the loans that come."""
    loan_model.insert_models(tx, loans=[model.loan for model in models])
    tx.copy(
        "COPY event_model (model, kind, value_date, disbursed_on, disbursed_fen, detail) FROM STDIN",
        (
            (
                model.loan.loan_id,
                kind_of(model.event),
                model.event.value_date,
                model.event.disbursed_on,
                model.event.disbursed_fen,
                _detail(model.event),
            )
            for model in models
        ),
    )
    tx.copy(
        "COPY account_model (model, code, currency, strict_side, debits, credits) FROM STDIN",
        (row for model in models for row in _accounts(model)),
    )
    tx.copy(
        """COPY transfer_model (model, place, debit_owner, debit_code, credit_owner, credit_code, currency, amount_fen,
                                reason, value_date, posted_on) FROM STDIN""",
        (row for model in models for row in _transfers(model)),
    )


def _detail(event: MigratedIn) -> str:
    said = lean(event)
    return lean_text({name: said[name] for name in said if name not in ("event_id", "value_date")})


def _accounts(model: Model) -> Iterator[tuple[object, ...]]:
    sums = {account: [0, 0] for account in model.accounts}
    for transfer in model.transfers:
        for account, side in ((transfer.debit, 0), (transfer.credit, 1)):
            if account.owner == model.loan.loan_id:
                sums.setdefault(account, [0, 0])[side] += transfer.amount_fen
    for account, both in sums.items():
        yield model.loan.loan_id, int(account.code), account.currency, strict_side(account.code), *both


def _transfers(model: Model) -> Iterator[tuple[object, ...]]:
    own = model.loan.loan_id
    for each in model.transfers:
        debit_owner, credit_owner = (None if one.owner == own else one.owner for one in (each.debit, each.credit))
        yield (
            own, each.id.hex[30:], debit_owner, int(each.debit.code), credit_owner, int(each.credit.code),
            each.debit.currency, each.amount_fen, int(each.reason), each.value_date, each.posted_on,
        )  # fmt: skip


def write(tx: Transaction, *, posted_on: date, posted_at: datetime) -> None:
    """Write everything of those who came last: loans, their first events, accounts and transfers."""
    loan_model.insert_like_models(tx)
    tx.execute(
        """INSERT INTO loan_event (cell, loan_id, event_id, kind, value_date, posted_on, posted_at, detail)
           SELECT n.cell, n.loan_id, n.loan_id, m.kind, m.value_date, %s, %s, m.detail
           FROM newcomer n JOIN event_model m ON m.model = n.model ORDER BY n.place""",
        (posted_on, posted_at),
    )
    tx.execute(
        """INSERT INTO loan_turn (cell, loan_id, on_date, stage, overdue_since, principal_fen, started_on, started_fen)
           SELECT n.cell, n.loan_id, %s, l.stage, l.overdue_since, l.principal_unbilled_fen + l.payable_principal_fen,
                  m.disbursed_on, m.disbursed_fen
           FROM newcomer n JOIN event_model m ON m.model = n.model JOIN loan_model l ON l.loan_id = n.model
           ORDER BY n.place""",
        (posted_on,),
    )
    tx.execute(
        """INSERT INTO account (cell, owner, code, currency, strict_side, debits_posted_fen, credits_posted_fen)
           SELECT n.cell, n.loan_id, m.code, m.currency, m.strict_side, m.debits, m.credits
           FROM newcomer n JOIN account_model m ON m.model = n.model ORDER BY n.place"""
    )
    tx.execute(
        """INSERT INTO transfer (cell, id, debit_owner, credit_owner, amount_fen, value_date, posted_on, debit_code,
                                 credit_code, kind, reason, currency, reference)
           SELECT n.cell, (n.head || m.place)::uuid, coalesce(m.debit_owner, n.loan_id),
                  coalesce(m.credit_owner, n.loan_id), m.amount_fen, m.value_date, m.posted_on, m.debit_code,
                  m.credit_code, 1, m.reason, m.currency, n.loan_id
           FROM newcomer n JOIN transfer_model m ON m.model = n.model ORDER BY n.place"""
    )


def add_to_house_accounts(tx: Transaction, *, cell: int, sums: Mapping[Account, tuple[int, int]]) -> None:
    """Add the house's side of what was written to accounts that are open: (debits, credits) of each, in fen.

    The caller holds the cell's lock.
    """
    rows = list(sums.items())
    changed = tx.execute(
        """UPDATE account a SET debits_posted_fen = a.debits_posted_fen + d.debits,
                                credits_posted_fen = a.credits_posted_fen + d.credits
           FROM unnest(%b::uuid[], %b::smallint[], %b::text[], %b::bigint[], %b::bigint[])
                AS d (owner, code, currency, debits, credits)
           WHERE a.cell = %s AND a.owner = d.owner AND a.code = d.code AND a.currency = d.currency
             AND a.closed_on IS NULL""",
        (
            column.of_uuids([account.owner for account, _ in rows]),
            column.of_smallints([account.code for account, _ in rows]),
            column.of_texts([account.currency for account, _ in rows]),
            column.of_bigints([both[0] for _, both in rows]),
            column.of_bigints([both[1] for _, both in rows]),
            cell,
        ),
    ).rowcount
    assert changed == len(rows), "a house account is open before money is booked on it"


def loans_written(tx: Transaction, *, on: date) -> list[tuple[Any, ...]]:
    """Return what the loans that this transaction wrote add up to, for each product, lender and currency.

    Read from the rows themselves; the last value is how many loans and how much principal each bucket has, by its
    number of whole thirty days, of days overdue on the morning of `on`.
    """
    return tx.execute(
        """SELECT product_id, lender_id, currency,
                  CASE WHEN overdue_since IS NULL THEN 0 ELSE least(4, (%s - overdue_since + 29) / 30) END AS bucket,
                  count(*), sum(principal_unbilled_fen)::bigint, sum(payable_principal_fen)::bigint,
                  sum(payable_interest_fen)::bigint, sum(payable_penalty_fen)::bigint, sum(payable_fee_fen)::bigint,
                  sum(overpayment_fen)::bigint
           FROM loan WHERE xmin = pg_current_xact_id()::xid GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
        (on,),
    ).fetchall()


def transfers_written(tx: Transaction) -> dict[tuple[int, int, str], int]:
    """Return what the transfers that this transaction wrote move, by (debit code, credit code, currency), in fen."""
    rows = tx.execute(
        """SELECT debit_code, credit_code, currency, sum(amount_fen)::bigint FROM transfer
           WHERE xmin = pg_current_xact_id()::xid GROUP BY 1, 2, 3"""
    )
    return {(int(debit), int(credit), str(currency)): int(fen) for debit, credit, currency, fen in rows}


def insert_import(
    tx: Transaction,
    *,
    import_id: UUID,
    file_hash: bytes,
    as_of: date,
    at: datetime,
    loans: int,
    people: int,
    report: object,
) -> None:
    """Store what was taken over with one file."""
    tx.execute(
        """INSERT INTO book_import (cell, import_id, file_hash, as_of, imported_at, loans, people, report)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb)""",
        (
            tx.cell_of(import_id), import_id, file_hash, as_of, at, loans, people,
            msgspec.json.encode(report).decode(),
        ),
    )  # fmt: skip


def forget_person(tx: Transaction, *, person_id: UUID) -> None:
    """Forget by which number another system knew a person. `vault.erase` asks the law first."""
    tx.execute("DELETE FROM person_reference WHERE cell = %s AND person_id = %s", (tx.cell_of(person_id), person_id))


# A loan that began here is known by its id, and so is a person.
_ALL: Final[LiteralString] = """
    SELECT r.reference, coalesce(p.reference, replace(l.person_id::text, '-', '')), l.cell, l.loan_id, l.product_id,
           l.lender_id, s.terms::text, s.state::text, l.as_of, e.detail ->> 'disbursed_on',
           coalesce(f.product_version, (e.detail ->> 'product_version')::integer, 1)
    FROM (
        SELECT reference, loan_cell AS cell, loan_id FROM loan_reference
        UNION ALL
        SELECT replace(loan_id::text, '-', ''), cell, loan_id FROM loan WHERE facility_id <> loan_id
    ) r
    JOIN loan l ON l.cell = r.cell AND l.loan_id = r.loan_id
    JOIN loan_snapshot s ON s.cell = r.cell AND s.loan_id = r.loan_id
    LEFT JOIN person_reference p ON p.cell = l.cell AND p.person_id = l.person_id
    LEFT JOIN facility f ON f.cell = l.cell AND f.facility_id = l.facility_id
    LEFT JOIN loan_event e ON e.cell = l.cell AND e.loan_id = l.loan_id AND e.kind = 'migrated_in'
    ORDER BY r.reference"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A loan with the references by which a file tells it, and the version of its product."""

    reference: str
    person_reference: str
    disbursed_on: date | None  # as the book it came from said
    product_version: int
    terms: str
    state: str
    as_of: date | None
    cell: int
    loan_id: UUID
    product_id: str
    lender_id: UUID

    def decoded(self) -> tuple[LoanTerms, LoanState]:
        """Return terms and snapshot."""
        return loan.decoded(loan_id=self.loan_id, terms=self.terms, state=self.state, as_of=self.as_of)


def all_loans(tx: Transaction) -> Iterator[Known]:
    """Yield every loan of the book in order of its reference."""
    for row in tx.stream(_ALL):
        yield Known(
            reference=row[0],
            person_reference=row[1],
            cell=row[2],
            loan_id=row[3],
            product_id=row[4],
            lender_id=row[5],
            terms=row[6],
            state=row[7],
            as_of=row[8],
            disbursed_on=None if row[9] is None else date.fromisoformat(row[9]),
            product_version=row[10],
        )
