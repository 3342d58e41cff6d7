"""What counterparties remember: one SQLite file, written before an answer leaves, so that kill -9 forgets nothing.

The statements of one `with book.writing()` are one transaction. The journal is not synced to the disk: it survives the
death of the process, which is what is played here, not of the machine.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS card (
    number TEXT PRIMARY KEY, holder_name TEXT NOT NULL, id_number TEXT NOT NULL, phone TEXT NOT NULL,
    balance_fen INTEGER NOT NULL, closed INTEGER NOT NULL DEFAULT 0, supported INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS agreement (
    agreement_number TEXT PRIMARY KEY, body TEXT NOT NULL, card_number TEXT NOT NULL, protocol_no TEXT NOT NULL UNIQUE,
    code TEXT NOT NULL, asked_at TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS bank_order (
    order_number TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, card_number TEXT NOT NULL,
    amount_fen INTEGER NOT NULL, currency TEXT NOT NULL, reference TEXT NOT NULL, code TEXT,
    ends_at TEXT, expires_at TEXT
);
CREATE TABLE IF NOT EXISTS bank_batch (batch_number TEXT PRIMARY KEY, body TEXT NOT NULL, numbers TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bank_return (order_number TEXT PRIMARY KEY, at TEXT NOT NULL, reference TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS nonce (
    party TEXT NOT NULL, nonce TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (party, nonce)
);
CREATE TABLE IF NOT EXISTS identity_answer (request_number TEXT PRIMARY KEY, body TEXT NOT NULL, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS business (
    uscc TEXT PRIMARY KEY, business_name TEXT NOT NULL, name TEXT NOT NULL, id_number TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS message (
    message_number TEXT PRIMARY KEY, kind TEXT NOT NULL, phone TEXT NOT NULL, template TEXT NOT NULL,
    content TEXT NOT NULL, at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS message_phone ON message (phone, at);
CREATE TABLE IF NOT EXISTS bureau_person (id_number TEXT PRIMARY KEY, features TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bureau_answer (query_number TEXT PRIMARY KEY, body TEXT NOT NULL, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS data_phone (phone TEXT PRIMARY KEY, features TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS data_answer (query_number TEXT PRIMARY KEY, body TEXT NOT NULL, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS issuer_line (id_number TEXT PRIMARY KEY, limit_fen INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS issuer_referral (
    referral_number TEXT PRIMARY KEY, body TEXT NOT NULL, bank TEXT NOT NULL, id_number TEXT NOT NULL,
    name TEXT NOT NULL, debit_card TEXT NOT NULL, amount_fen INTEGER NOT NULL, repayment TEXT NOT NULL,
    months INTEGER NOT NULL, back TEXT NOT NULL, address TEXT NOT NULL, state TEXT NOT NULL, paid_fen INTEGER,
    code TEXT, made_at TEXT NOT NULL, ended_at TEXT
);
CREATE TABLE IF NOT EXISTS lender_application (
    application_number TEXT PRIMARY KEY, body TEXT NOT NULL, amount_fen INTEGER NOT NULL, answer TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS lender_act (
    number TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, application_number TEXT NOT NULL,
    amount_fen INTEGER NOT NULL, answer TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS wechat_person (
    openid TEXT PRIMARY KEY, nickname TEXT NOT NULL, blocked INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS wechat_code (
    code TEXT PRIMARY KEY, openid TEXT NOT NULL, made_at TEXT NOT NULL, used INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS trade (
    out_trade_no TEXT PRIMARY KEY, body TEXT NOT NULL, trade_type TEXT NOT NULL, appid TEXT NOT NULL,
    mchid TEXT NOT NULL, description TEXT NOT NULL, attach TEXT NOT NULL, total INTEGER NOT NULL,
    currency TEXT NOT NULL, openid TEXT NOT NULL,
    notify_url TEXT NOT NULL, prepay_id TEXT NOT NULL UNIQUE, transaction_id TEXT NOT NULL UNIQUE,
    made_at TEXT NOT NULL, expires_at TEXT NOT NULL, paid_at TEXT, closed_at TEXT
);
CREATE TABLE IF NOT EXISTS refund (
    out_refund_no TEXT PRIMARY KEY, body TEXT NOT NULL, refund_id TEXT NOT NULL UNIQUE, out_trade_no TEXT NOT NULL,
    refund INTEGER NOT NULL, reason TEXT NOT NULL, notify_url TEXT NOT NULL, made_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS wechat_wallet (
    openid TEXT PRIMARY KEY, id_number TEXT NOT NULL DEFAULT '', balance_fen INTEGER
);
CREATE TABLE IF NOT EXISTS wechat_contract (
    code TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, contract_id TEXT NOT NULL UNIQUE,
    token TEXT NOT NULL UNIQUE, plan_id TEXT NOT NULL, amount_limit INTEGER, id_number TEXT NOT NULL,
    notify_url TEXT NOT NULL, back TEXT NOT NULL, state TEXT NOT NULL, openid TEXT NOT NULL DEFAULT '',
    made_at TEXT NOT NULL, signed_at TEXT, ended_at TEXT, ended_by TEXT
);
CREATE TABLE IF NOT EXISTS wechat_schedule (
    out_record_id TEXT PRIMARY KEY, body TEXT NOT NULL, contract_id TEXT NOT NULL, amount INTEGER NOT NULL,
    minimum INTEGER, on_date TEXT NOT NULL, out_trade_no TEXT
);
CREATE TABLE IF NOT EXISTS wechat_deduction (
    out_trade_no TEXT PRIMARY KEY, body TEXT NOT NULL, kind TEXT NOT NULL, contract_id TEXT NOT NULL,
    amount INTEGER NOT NULL, paid INTEGER, fail_reason TEXT, made_at TEXT NOT NULL, ends_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS wechat_combined (
    combine_out_trade_no TEXT PRIMARY KEY, body TEXT NOT NULL, token TEXT NOT NULL UNIQUE, notify_url TEXT NOT NULL,
    sub_orders TEXT NOT NULL, openid TEXT NOT NULL DEFAULT '', made_at TEXT NOT NULL, expires_at TEXT NOT NULL,
    paid_at TEXT
);
CREATE TABLE IF NOT EXISTS wechat_accepted (
    openid TEXT NOT NULL, template_id TEXT NOT NULL, left_over INTEGER NOT NULL, PRIMARY KEY (openid, template_id)
);
CREATE TABLE IF NOT EXISTS alipay_account (
    user_id TEXT PRIMARY KEY, open_id TEXT NOT NULL UNIQUE, logon_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    balance_fen INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS alipay_code (
    code TEXT PRIMARY KEY, user_id TEXT NOT NULL, made_at TEXT NOT NULL, used INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS alipay_trade (
    out_trade_no TEXT PRIMARY KEY, trade_no TEXT NOT NULL UNIQUE, product_code TEXT NOT NULL, total INTEGER NOT NULL,
    subject TEXT NOT NULL, notify_url TEXT NOT NULL, certified INTEGER NOT NULL, made_at TEXT NOT NULL,
    expires_at TEXT NOT NULL, paid_at TEXT, closed_at TEXT, buyer_id TEXT
);
CREATE TABLE IF NOT EXISTS alipay_refund (
    out_trade_no TEXT NOT NULL, out_request_no TEXT NOT NULL, refund INTEGER NOT NULL, made_at TEXT NOT NULL,
    PRIMARY KEY (out_trade_no, out_request_no)
);
CREATE TABLE IF NOT EXISTS alipay_agreement (
    user_name TEXT NOT NULL DEFAULT '',
    external_agreement_no TEXT PRIMARY KEY, agreement_no TEXT NOT NULL UNIQUE, single_amount INTEGER NOT NULL,
    state TEXT NOT NULL, user_id TEXT, notify_url TEXT NOT NULL, certified INTEGER NOT NULL, made_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS alipay_transfer (
    out_biz_no TEXT PRIMARY KEY, body TEXT NOT NULL, order_id TEXT NOT NULL UNIQUE, amount INTEGER NOT NULL,
    user_id TEXT, error_code TEXT, made_at TEXT NOT NULL, ends_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS notice (
    notice_id TEXT PRIMARY KEY, party TEXT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, next_at TEXT, taken_at TEXT
);
CREATE TABLE IF NOT EXISTS shop_order (
    number TEXT PRIMARY KEY, body TEXT NOT NULL, checkout_id TEXT, made_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS shop_message (
    message_id TEXT PRIMARY KEY, number TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
Row = dict[str, Any]
SHOWN_MAX: Final = 50


class Book:
    """One connection that all counterparties of a sandbox share, one at a time."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        if path is not None:
            path.touch(mode=0o600)  # the platform's private keys are in it
        self._connection = sqlite3.connect(
            ":memory:" if path is None else path, check_same_thread=False, isolation_level=None
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_SCHEMA)

    @contextmanager
    def writing(self) -> Iterator[Book]:
        """Hold the book alone; what is written in the block is kept whole, or not at all when it raises."""
        with self._lock:
            if self._connection.in_transaction:
                yield self
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def write(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run one statement and return how many rows it changed."""
        with self._lock:
            return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Return the rows of a query."""
        with self._lock:
            return [dict(row) for row in self._connection.execute(sql, values)]

    def row(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        """Return the first row of a query, or None."""
        found = self.rows(sql, values)
        return found[0] if found else None

    def shown(self, tables: Sequence[str]) -> dict[str, list[Row]]:
        """Return the newest rows of some tables, to be looked at."""
        return {
            table: self.rows(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT {SHOWN_MAX}")  # noqa: S608 (our names)
            for table in tables
        }

    def keep(self, name: str, value: Any) -> None:
        """Keep a setting, which is anything that JSON can say."""
        self.write("INSERT OR REPLACE INTO kept (name, value) VALUES (?, ?)", (name, json.dumps(value)))

    def kept(self, name: str, default: Any) -> Any:
        """Return a setting that was kept, or the default."""
        row = self.row("SELECT value FROM kept WHERE name = ?", (name,))
        return default if row is None else json.loads(row["value"])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
