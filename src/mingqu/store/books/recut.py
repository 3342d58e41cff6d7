"""Cut a book into another number of cells: every row goes where its id routes itself under the new count.

Three things do not simply go along. Evidence stays in the log it was written to: a log is only ever added to, and each
checkpoint names all of them. The daily accruals of a group were posted for a whole cell at once and stay in the cell of
that number, also when it will have no people. And where a house account is then short in one cell and long in another,
transfers through clearing even it out, on the first open day, with the recut as their cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from psycopg import errors

from mingqu.domain.identifier import SLOTS, slot_of_reference
from mingqu.domain.ledger import Reason
from mingqu.domain.refusal import Refusal
from mingqu.store.books import book, recut_house
from mingqu.store.books.book import CellsOutOfRange
from mingqu.store.days import day_sum
from mingqu.store.limits import headroom
from mingqu.store.server import catalogue, lease
from mingqu.store.server.database import BookMissing, Transaction


def _by(column: LiteralString) -> LiteralString:
    """The slot that an id carries: ten bits behind the version, as `domain.identifier` puts them."""
    return f"(('x' || substr({column}::text, 15, 4))::bit(16)::int >> 2 & 1023)"


def _by_hash(column: LiteralString) -> LiteralString:
    return f"((get_byte({column}, 0) << 8 | get_byte({column}, 1)) >> 6)"


_BY_KEY: Final[LiteralString] = f"""(CASE
    WHEN caller = 'fund_lender' THEN {_by("right(key, 32)::uuid")}
    WHEN caller LIKE 'notice %%' THEN {_by("(response ->> 'order_id')::uuid")}
    WHEN caller ~ '^[0-9a-f]{{32}}$' THEN {_by("caller::uuid")} END)"""
# Whose id decides where a row of each table goes.
GOES: Final[dict[LiteralString, LiteralString]] = {
    "access_log": _by("person_id"),
    "account_link": _by("person_id"),
    "account": _by("owner"),
    "application": _by("person_id"),
    "assessment": _by("person_id"),
    "bill_line": _by("order_key"),
    "bill_deduction": _by("person_id"),
    "book_import": _by("import_id"),
    "card_attempt": _by_hash("number_hash"),
    "certificate": _by("person_id"),
    "channel_order": _by("person_id"),
    "channel_word": _by("order_id"),
    "combined_payment": _by("order_id"),
    "consent": _by("person_id"),
    "collection_step": _by("person_id"),
    "contact_denial": _by("person_id"),
    "contract": _by("person_id"),
    "customer_note": _by("person_id"),
    "decision": _by("person_id"),
    "disclosure": _by("person_id"),
    "drawing_freeze": _by("person_id"),
    "facility": _by("person_id"),
    "headroom_use": _by("use_id"),
    "grievance": _by("person_id"),
    "guarantor_bill": _by("loan_id"),
    "guarantor_payment": _by("loan_id"),
    "partner_settled": _by("loan_id"),
    "hold": _by("id"),
    "idempotency": _BY_KEY,
    "instrument": _by("person_id"),
    "lender_funding": _by("person_id"),
    "lender_offer": _by("person_id"),
    "lender_question": _by("person_id"),
    "lender_word": _by("person_id"),
    "life_event": _by("person_id"),
    "limit_cap": _by("person_id"),
    "limit_change": _by("person_id"),
    "loan": _by("person_id"),
    "loan_buy_back": _by("loan_id"),
    "loan_called_off": _by("person_id"),
    "loan_diary": _by("loan_id"),
    "loan_funding": _by("loan_id"),
    "loan_event": _by("loan_id"),
    "loan_set_aside": _by("loan_id"),
    "loan_snapshot": _by("loan_id"),
    "loan_turn": _by("loan_id"),
    "message_code": _by_hash("code_hash"),
    "offer": _by("person_id"),
    "one_time_code": _by_hash("phone_hash"),
    "override": _by("person_id"),
    "person": _by("person_id"),
    "person_reference": _by("person_id"),
    "person_key": _by("person_id"),
    "placed_receipt": _by("person_id"),
    "contract_payee": _by("person_id"),
    "business": _by("person_id"),
    "checkout": _by("checkout_id"),
    "checkout_offer": _by("person_id"),
    "checkout_refund": _by("person_id"),
    "funds_version": _by("person_id"),
    "funds_version_answer": _by("person_id"),
    "milestone_paper": _by("person_id"),
    "milestone_release": _by("person_id"),
    "refund_of": _by("order_id"),
    "pool_loan": _by("loan_id"),
    "pool_receipt": _by("loan_id"),
    "refused_word": _by("word_id"),
    "proposal": _by("proposal_id"),
    "referral": _by("person_id"),
    "payee_wish": _by("person_id"),
    "purpose_alert": _by("card_id"),
    "purpose_card": _by("person_id"),
    "purpose_loan": _by("person_id"),
    "wallet_binding": _by("person_id"),
    "purpose_evidence": _by("card_id"),
    "purpose_message": _by("card_id"),
    "purpose_spend": _by("card_id"),
    "repayment": _by("order_id"),
    "repayment_agreement": _by("person_id"),
    "retention_hold": _by("person_id"),
    "review": _by("person_id"),
    "session": _by("person_id"),
    "wechat_message_quota": _by("person_id"),
    "settled_order": _by("order_id"),
    "settlement": _by("settlement_id"),
    "shadow_decision": _by("person_id"),
    "signal": _by_hash("key_hash"),
    "signal_key": _by("person_id"),
    "signal_link": _by_hash("key_hash"),
    "spend_account": _by("person_id"),
    "late_bill_told": _by("account_id"),
    "spend_bill_corrected": _by("account_id"),
    "spend_event": _by("account_id"),
    "spend_funding": _by("account_id"),
    "spend_order": _by("order_id"),
    "spend_purchase": _by("account_id"),
    "spend_statement": _by("account_id"),
    "transfer": _by("id"),
    "vault_field": _by("person_id"),
    "work": _by("work_id"),
    "work_set_aside": _by("work_id"),
}
# Tables with a cell whose rows do not go by an id, each with what becomes of it.
STAYS: Final[dict[str, str]] = {
    "accrual_delta": "is a sum over loans: stays, or goes to a cell that is there",
    "accrual_group": "made in every cell, with the share of its loans",
    "cell": "made anew",
    "cell_lease": "empty while nobody works",
    "closing": "says how a cell of that number was closed",
    "checkpoint_cell": "says what was signed",
    "day_balance": "is a sum of the whole book's closed days, in whichever cell: stays",
    "day_portfolio": "the same",
    "day_sum": "made in every cell",
    "evidence_leaf": "stays in its log",
    "evidence_node": "stays in its log",
    "evidence_tree": "stays in its log",
    "funding_due": "is a sum of the whole book, in whichever cell, until the next morning: stays",
    "headroom_slice": "made anew, each as large as its cell's uses",
    "bill_round": "empty: what it had left to say is work before any row moves",
    "notice_round": "empty: what it had left to tell is work before any row moves",
    "loan_reference": "goes by a hash of its reference, which is made here and not by the database",
    "portfolio_class": "is a sum over loans: stays, or goes to a cell that is there",
    "portfolio_delta": "the same",
}
# Of the tables that go, the rows that are the house's and not a person's.
_KEPT: Final[dict[LiteralString, LiteralString]] = {
    "account": "code = ANY (%(house)s)",
    "transfer": "reason = ANY (%(accruals)s)",
}
_ACCRUALS: Final = [int(Reason.ACCRUE_INTEREST), int(Reason.ACCRUE_PENALTY), int(Reason.ROUNDING), int(Reason.RECUT)]


class RecutRefused(Refusal):
    """The book cannot be cut anew now, or not soundly; nothing was changed."""

    code = "recut_refused"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Recut:
    """What cutting a book anew did."""

    from_cells: int
    to_cells: int
    on: date
    rows: int
    transfers: int


def recut(tx: Transaction, *, cells: int, recut_id: UUID, at: datetime) -> Recut:
    """Cut the book into `cells` cells, alone with it, in this one transaction. Prove it before it is committed.

    Evidence must be covered by a checkpoint. Errors: BookMissing, CellsOutOfRange, RecutRefused; roll back then.
    """
    if not 1 <= cells <= SLOTS:
        raise CellsOutOfRange(f"A book has 1 to {SLOTS} cells.", cells=cells)
    # Whoever comes now waits here, and then finds the new count.
    tx.execute("LOCK TABLE book, cell, cell_lease IN ACCESS EXCLUSIVE MODE")
    made = book.load(tx)
    if made is None:
        raise BookMissing("There is no book here yet: `mingqu migrate` makes one.")
    closed = _require_quiet(tx, made=made, cells=cells)
    _require_known_tables(tx)
    carried = recut_house.carried(tx)
    day_sum.recut(tx, cells=cells)
    _let_rows_move(tx)
    rows = sum(_move(tx, table=table, slot=slot, cells=cells, before=made.cells) for table, slot in GOES.items())
    rows += _move_references(tx, cells=cells, before=made.cells)
    headroom.recut(tx)
    tx.execute("UPDATE accrual_delta SET cell = cell %% %s WHERE cell >= %s AND on_date > %s", (cells, cells, closed))
    _make_cells(tx, cells=max(cells, made.cells), closed=closed)
    tx.execute("SET LOCAL session_replication_role = origin")
    _require_references(tx)
    on = closed + timedelta(days=1)
    tx.execute("UPDATE book SET cells = %s", (cells,))
    tx.execute(
        """INSERT INTO recut (number, recut_id, from_cells, to_cells, on_date, at)
           SELECT count(*) + 1, %s, %s, %s, %s, %s FROM recut""",
        (recut_id, made.cells, cells, on, at),
    )
    tx.recounted()
    # Those that will have no people can still be posted to, and give what they hold.
    moved = recut_house.even_out(tx, cells=cells, carried=carried, recut_id=recut_id, on=on)
    if moved is None:
        raise RecutRefused("An accrual group is not the sum of its loans: `mingqu verify` first.")
    tx.execute("DELETE FROM cell WHERE cell >= %s", (cells,))
    return Recut(from_cells=made.cells, to_cells=cells, on=on, rows=rows, transfers=moved)


def _require_quiet(tx: Transaction, *, made: book.Book, cells: int) -> date:
    """See that nobody else is there and that all cells stand at one day; return it."""
    if cells == made.cells:
        raise RecutRefused(f"The book has {cells} cells already.", cells=cells)
    ((others,),) = tx.execute(
        """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
               AND backend_type = 'client backend'"""
    ).fetchall()
    if others:
        raise RecutRefused("Others are connected to the book: stop every server and worker first.", others=others)
    days = {row[0] for row in tx.execute("SELECT last_closed_on FROM cell").fetchall()}
    if len(days) != 1:
        raise RecutRefused("The cells are closed to different days: `mingqu close` first.")
    if lease.standing(tx):
        raise RecutRefused("A worker holds a cell, or died with it: wait until its lease has ended.")
    (day,) = days
    closed: date = day
    return closed


def _require_known_tables(tx: Transaction) -> None:
    unknown = sorted(set(catalogue.cell_tables(tx)) - set(GOES) - set(STAYS))
    if unknown:
        raise RecutRefused(f"Nobody has said where the rows of {', '.join(unknown)} go.")


def _let_rows_move(tx: Transaction) -> None:
    """Set aside the triggers by which rows stay as they are, and the foreign keys, which are asked afterwards."""
    try:
        tx.execute("SET LOCAL session_replication_role = replica")
    except errors.InsufficientPrivilege:
        raise RecutRefused("This account may not move rows past their triggers: recut as the owner of the server.")\
            from None  # fmt: skip


def _move(tx: Transaction, *, table: LiteralString, slot: LiteralString, cells: int, before: int) -> int:
    given = {"cells": cells, "before": before, "house": recut_house.CODES, "accruals": _ACCRUALS}
    goes: LiteralString = f"NOT ({_KEPT[table]})" if table in _KEPT else "true"
    stray = tx.execute(
        f"SELECT FROM {table} WHERE {goes} AND cell IS DISTINCT FROM {slot} * %(before)s / 1024 LIMIT 1",  # noqa: S608
        given,
    ).fetchone()  # the names and slots are those of the dictionary above, never anything from outside
    if stray is not None:
        raise RecutRefused(f"A row of {table} does not lie where its id says: `mingqu verify` first.", table=table)
    return tx.execute(
        f"UPDATE {table} SET cell = {slot} * %(cells)s / 1024 WHERE {goes} AND cell <> {slot} * %(cells)s / 1024",  # noqa: S608
        given,
    ).rowcount


def _move_references(tx: Transaction, *, cells: int, before: int) -> int:
    """Move references of loans that were taken over to where their hash says, and let them name their loans' cells.

    The hashes are made here: the database has not this one. A pass over the references, a few bytes each.
    """
    tx.execute('CREATE TEMP TABLE reference_slot (reference text COLLATE "C", slot smallint) ON COMMIT DROP')
    listed = tx.execute("SELECT reference FROM loan_reference").fetchall()
    tx.copy(
        "COPY reference_slot (reference, slot) FROM STDIN",
        ((reference, slot_of_reference(reference)) for (reference,) in listed),
    )
    slot = _by("r.loan_id")
    stray = tx.execute(
        f"""SELECT FROM loan_reference r JOIN reference_slot s ON s.reference = r.reference
            WHERE r.cell <> s.slot::int * %(before)s / 1024 OR r.loan_cell <> {slot} * %(before)s / 1024 LIMIT 1""",
        {"before": before},
    ).fetchone()  # the slot is that of the function above
    if stray is not None:
        raise RecutRefused("A reference does not lie where its hash says: `mingqu verify` first.")
    return tx.execute(
        f"""UPDATE loan_reference r SET cell = s.slot::int * %(cells)s / 1024, loan_cell = {slot} * %(cells)s / 1024
            FROM reference_slot s WHERE s.reference = r.reference
              AND (r.cell, r.loan_cell) <> (s.slot::int * %(cells)s / 1024, {slot} * %(cells)s / 1024)""",  # noqa: S608
        {"cells": cells},
    ).rowcount


def _make_cells(tx: Transaction, *, cells: int, closed: date) -> None:
    """Make the lock rows anew. A cell goes on with the log of its number, also one that slept meanwhile."""
    tx.execute("DELETE FROM cell_lease")
    tx.execute("DELETE FROM cell")
    tx.execute(
        """INSERT INTO cell (cell, last_closed_on, leaf_count)
           SELECT n, %s, coalesce((SELECT built FROM evidence_tree WHERE cell = n), 0)
           FROM generate_series(0, %s - 1) AS n""",
        (closed, cells),
    )


def _require_references(tx: Transaction) -> None:
    """Ask every foreign key of every table what the server was told not to ask while rows moved."""
    broken = catalogue.broken_references(tx)
    if broken:
        raise RecutRefused(f"Rows would lose what they refer to ({broken[0]}): `mingqu verify` first.", key=broken[0])
