"""Trades and refunds of the sandbox's Alipay, and the accounts of people who pay them.

A trade of a page is made when somebody opens the page, and not before: until then a question says TRADE_NOT_EXIST.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mingqu.sandbox.alipay_wire import OK, Asked, Wrong, clock, yuan
from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.time import Time, read, utc

CLOSES_AFTER: Final = timedelta(days=15)
REFUND_WITHIN: Final = timedelta(days=365)
NOT_EXIST: Final = ("40004", "ACQ.TRADE_NOT_EXIST", "交易不存在")

Tell = Callable[[Row, Mapping[str, str], datetime], None]  # (trade, what is said beside it, from when on)


class Trades:
    """The trades of one seller."""

    def __init__(self, *, book: Book, time: Time, seller_id: str, tell: Tell) -> None:
        self.book, self.time, self.seller_id, self._tell = book, time, seller_id, tell

    # People.

    def open_account(self, *, user_id: str, name: str, logon_id: str, balance_fen: int = 0) -> None:
        """Let somebody have an account; who has one keeps it."""
        with self.book.writing():
            self.book.write(
                """INSERT OR IGNORE INTO alipay_account (user_id, open_id, logon_id, name, balance_fen)
                   VALUES (?, ?, ?, ?, ?)""",
                (user_id, f"{user_id[::-1]}openid", logon_id, name, balance_fen),
            )

    def accounts(self) -> list[Row]:
        """Return everybody who has an account."""
        return self.book.rows("SELECT * FROM alipay_account ORDER BY name, user_id")

    def account(self, identity: str) -> Row | None:
        """Return an account by any of its three names."""
        return self.book.row(
            "SELECT * FROM alipay_account WHERE user_id = ? OR open_id = ? OR logon_id = ?", (identity,) * 3
        )

    def deposit(self, *, identity: str, amount_fen: int) -> None:
        """Put money into an account, or take it out. Errors: ValueError, when there is no such account."""
        with self.book.writing():
            if not self.book.write(
                "UPDATE alipay_account SET balance_fen = balance_fen + ? WHERE ? IN (user_id, open_id, logon_id)",
                (amount_fen, identity),
            ):
                raise ValueError("nobody has this account")

    # What the payer does.

    def pay(self, *, out_trade_no: str, identity: str | None = None) -> str:
        """Let somebody pay a trade; return its status afterwards, or a code. Paying twice is paying once.

        Without an account somebody pays who has enough.
        """
        with self.book.writing():
            row = self.find(out_trade_no)
            if row is None:
                return "ACQ.TRADE_NOT_EXIST"
            if self.status(row) != "WAIT_BUYER_PAY":
                return self.status(row)
            buyer = self.account(identity) if identity else None
            if identity and buyer is None:
                return "ACQ.BUYER_NOT_EXIST"
            if buyer is not None and buyer["balance_fen"] < row["total"]:
                return "ACQ.BUYER_BALANCE_NOT_ENOUGH"
            if buyer is not None:
                self.deposit(identity=buyer["user_id"], amount_fen=-row["total"])
            self.book.write(
                "UPDATE alipay_trade SET paid_at = ?, buyer_id = ? WHERE out_trade_no = ?",
                (utc(self.time.now()), "2088000000000000" if buyer is None else buyer["user_id"], out_trade_no),
            )
            self._tell(self._found(out_trade_no), {}, self.time.now())
            return self.status(self._found(out_trade_no))

    # What the seller asks.

    def open(self, asked: Asked, *, product: str, subject: str) -> Row:
        """Return the trade of a request, made now if there is none. Errors: Wrong."""
        number, total = asked.text("out_trade_no"), asked.fen("total_amount")
        known = self.find(number)
        if known is not None:
            if (known["total"], known["product_code"], known["subject"]) != (total, product, subject):
                raise Wrong("40004", "ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
            return known
        now = self.time.now()
        expires = min(asked.moment("time_expire") or now + CLOSES_AFTER, now + CLOSES_AFTER)
        if expires <= now:
            raise Wrong("40004", "ACQ.INVALID_PARAMETER", "time_expire 已过")
        self.book.write(
            """INSERT INTO alipay_trade (out_trade_no, trade_no, product_code, total, subject, notify_url, certified,
               made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (number, f"{clock(now)[:10].replace('-', '')}22{secrets.randbelow(10**18):018d}", product, total, subject,
             asked.parameters.get("notify_url", ""), int(asked.in_certificate_mode), utc(now), utc(expires)),
        )  # fmt: skip
        return self._found(number)

    def query(self, asked: Asked) -> dict[str, Any]:
        """Tell what became of a trade. Errors: Wrong."""
        row = self._asked(asked)
        said: dict[str, Any] = {
            **OK, "trade_no": row["trade_no"], "out_trade_no": row["out_trade_no"], "trade_status": self.status(row),
            "total_amount": yuan(row["total"]),
        }  # fmt: skip
        if row["paid_at"] is not None:
            said |= {
                "send_pay_date": clock(read(row["paid_at"])), "buyer_user_id": row["buyer_id"],
                "receipt_amount": yuan(row["total"]), "buyer_pay_amount": yuan(row["total"]),
                "point_amount": "0.00", "invoice_amount": yuan(row["total"]),
            }  # fmt: skip
        return said

    def close(self, asked: Asked) -> dict[str, Any]:
        """Close an open trade. Errors: Wrong."""
        row = self._asked(asked)
        if self.status(row) != "WAIT_BUYER_PAY":
            raise Wrong("40004", "ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        now = utc(self.time.now())
        self.book.write("UPDATE alipay_trade SET closed_at = ? WHERE out_trade_no = ?", (now, row["out_trade_no"]))
        return {**OK, "trade_no": row["trade_no"], "out_trade_no": row["out_trade_no"]}

    def refund(self, asked: Asked) -> dict[str, Any]:
        """Give part or all of a trade back, once for each out_request_no. Errors: Wrong."""
        row, amount = self._asked(asked), asked.fen("refund_amount")
        request_no = asked.text("out_request_no") if "out_request_no" in asked.content else row["out_trade_no"]
        known = self._refund(row, request_no)
        if known is not None and known["refund"] != amount:
            raise Wrong("40004", "ACQ.DISCORDANT_REPEAT_REQUEST", "请求信息不一致")
        if known is None:
            self._require_refundable(row, amount)
            self.book.write(
                "INSERT INTO alipay_refund (out_trade_no, out_request_no, refund, made_at) VALUES (?, ?, ?, ?)",
                (row["out_trade_no"], request_no, amount, utc(self.time.now())),
            )
            self.book.write(
                "UPDATE alipay_account SET balance_fen = balance_fen + ? WHERE user_id = ?", (amount, row["buyer_id"])
            )
            said = {"refund_fee": yuan(self.refunded(row)), "gmt_refund": clock(self.time.now()),
                    "out_biz_no": request_no}  # fmt: skip
            self._tell(self._found(row["out_trade_no"]), said, self.time.now())
        return {
            **OK, "trade_no": row["trade_no"], "out_trade_no": row["out_trade_no"], "buyer_user_id": row["buyer_id"],
            "fund_change": "N" if known else "Y", "refund_fee": yuan(self.refunded(row)),
        }  # fmt: skip

    def ask_refund(self, asked: Asked) -> dict[str, Any]:
        """Tell what became of a refund; of one that is not known, nothing. Errors: Wrong."""
        row = self._asked(asked)
        known = self._refund(row, asked.text("out_request_no"))
        if known is None:
            return {**OK}
        said = {
            **OK, "trade_no": row["trade_no"], "out_trade_no": row["out_trade_no"],
            "out_request_no": known["out_request_no"], "refund_amount": yuan(known["refund"]),
            "total_amount": yuan(row["total"]), "refund_status": "REFUND_SUCCESS",
        }  # fmt: skip
        if "gmt_refund_pay" in asked.content.get("query_options", ()):
            said["gmt_refund_pay"] = clock(read(known["made_at"]))
        return said

    # Around it.

    def find(self, out_trade_no: str) -> Row | None:
        """Return a trade by the seller's number, or None."""
        return self.book.row("SELECT * FROM alipay_trade WHERE out_trade_no = ?", (out_trade_no,))

    def by_trade_no(self, trade_no: str) -> Row | None:
        """Return a trade by Alipay's number, with its status, or None."""
        row = self.book.row("SELECT * FROM alipay_trade WHERE trade_no = ?", (trade_no,))
        return None if row is None else {**row, "trade_status": self.status(row)}

    def status(self, row: Row) -> str:
        """Return the status of a trade as of now."""
        now = self.time.now()
        if row["paid_at"] is None:
            is_closed = row["closed_at"] is not None or now >= read(row["expires_at"])
            return "TRADE_CLOSED" if is_closed else "WAIT_BUYER_PAY"
        if self.refunded(row) == row["total"]:
            return "TRADE_CLOSED"
        return "TRADE_FINISHED" if now > read(row["paid_at"]) + REFUND_WITHIN else "TRADE_SUCCESS"

    def refunded(self, row: Row) -> int:
        """Return how many fen of a trade went back."""
        found = self.book.row(
            "SELECT coalesce(sum(refund), 0) AS sum FROM alipay_refund WHERE out_trade_no = ?", (row["out_trade_no"],)
        )
        assert found is not None
        return int(found["sum"])

    def moved(self) -> dict[str, int]:
        """Return the amount in fen, by the seller's number, of every paid trade."""
        rows = self.book.rows("SELECT out_trade_no, total FROM alipay_trade WHERE paid_at IS NOT NULL")
        return {row["out_trade_no"]: row["total"] for row in rows}

    def _asked(self, asked: Asked) -> Row:
        by = "trade_no" if "trade_no" in asked.content else "out_trade_no"
        row = self.book.row(f"SELECT * FROM alipay_trade WHERE {by} = ?", (asked.text(by),))  # noqa: S608 (one of two)
        if row is None:
            raise Wrong(*NOT_EXIST)
        return row

    def _found(self, number: str) -> Row:
        row = self.find(number)
        assert row is not None
        return row

    def _refund(self, row: Row, request_no: str) -> Row | None:
        return self.book.row(
            "SELECT * FROM alipay_refund WHERE out_trade_no = ? AND out_request_no = ?",
            (row["out_trade_no"], request_no),
        )

    def _require_refundable(self, row: Row, amount: int) -> None:
        if self.status(row) == "TRADE_FINISHED":
            raise Wrong("40004", "ACQ.TRADE_HAS_FINISHED", "交易已完结")
        if row["paid_at"] is None:
            raise Wrong("40004", "ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        if amount > row["total"] - self.refunded(row):
            raise Wrong("40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限")
