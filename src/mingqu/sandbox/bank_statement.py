"""The statement of the house's account at the bank: every movement of a day with balances, returned payouts too."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from mingqu.sandbox.book import Book
from mingqu.sandbox.gateway import Malformed
from mingqu.sandbox.time import BEIJING, utc
from mingqu.sandbox.wire import Call

ACCOUNT: Final = "6200000000000000018"
OUTGOING: Final = ("payout", "entrusted")

_MOVED: Final = """
    SELECT order_number, kind, amount_fen, currency, ends_at AS at, reference FROM bank_order
    WHERE code IS NULL AND ends_at IS NOT NULL
    UNION ALL
    SELECT r.order_number, 'returned', o.amount_fen, o.currency, r.at, r.reference
    FROM bank_return r JOIN bank_order o ON o.order_number = r.order_number
    ORDER BY at, order_number, kind"""


def read_day(call: Call) -> date:
    """Return the day that a statement is asked of. Errors: Malformed."""
    try:
        return date.fromisoformat(call.parameters.get("date", ""))
    except ValueError:
        raise Malformed("date is not a date") from None


def keep_return(book: Book, *, order_number: str, at: datetime) -> None:
    """Keep that an order's money came back."""
    book.write(
        "INSERT INTO bank_return (order_number, at, reference) VALUES (?, ?, ?)",
        (order_number, utc(at), f"R{order_number[:23].upper()}"),
    )


def returned_at(book: Book, order_number: str) -> str | None:
    """Return when an order's money came back, or None."""
    row = book.row("SELECT at FROM bank_return WHERE order_number = ?", (order_number,))
    return None if row is None else str(row["at"])


def account_statement(book: Book, *, on: date, now: datetime) -> dict[str, Any]:
    """Return the statement of a day, up to now."""
    begins = datetime(on.year, on.month, on.day, tzinfo=BEIJING)
    since, until = utc(begins), min(utc(begins + timedelta(days=1)), utc(now + timedelta(microseconds=1)))
    balance_fen = opening_fen = 0
    lines: list[dict[str, Any]] = []
    for row in book.rows(_MOVED):
        if row["at"] >= until:
            continue
        is_out = row["kind"] in OUTGOING
        balance_fen += -row["amount_fen"] if is_out else row["amount_fen"]
        if row["at"] < since:
            opening_fen = balance_fen
            continue
        lines.append(
            {
                "sequence": len(lines) + 1,
                "kind": row["kind"],
                "direction": "out" if is_out else "in",
                "amount_fen": row["amount_fen"],
                "balance_fen": balance_fen,
                "at": row["at"],
                "reference": row["reference"],
                "order_number": row["order_number"],
            }
        )
    return {
        "account": ACCOUNT,
        "date": on.isoformat(),
        "currency": "CNY",
        "opening_fen": opening_fen,
        "closing_fen": balance_fen,
        "lines": lines,
    }
