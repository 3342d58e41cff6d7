"""Contracts by which a merchant may deduct from somebody's WeChat, and the deductions: one book for both protocols.

A contract is PRESIGNED, then SIGNED, then TERMINATED, and never comes back. A deduction is decided when it is taken, is
PROCESSING for as long as a knob says (by default not at all), and ends in SUCCESS or FAIL for good.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.time import Time, read, utc
from mingqu.sandbox.wechatpay_wire import Wrong

TOKEN_LIFE: Final = timedelta(minutes=10)
CREDIT: Final = "credit"  # loan repayment, APIv3
PAPAY: Final = "papay"  # classic withholding, V2
TRADE_TYPES: Final = {CREDIT: "CREDIT_REPAYMENT", PAPAY: "PAP"}
_SECONDS: Final = "wechatpay.deduct_seconds"

TellContract = Callable[[Row], None]
TellDeduction = Callable[[Row, datetime], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A contract as the merchant asks for it. `limit_fen` None means that the template has none."""

    kind: str
    code: str
    body: str
    plan_id: str
    notify_url: str
    limit_fen: int | None = None
    id_number: str = ""
    back: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A deduction as the merchant asks for it; less than the amount is taken only down to `minimum_fen`."""

    number: str
    body: str
    amount_fen: int
    minimum_fen: int
    description: str
    notify_url: str


class Wallets:
    """What people have in WeChat. Whoever has none set here can pay anything."""

    def __init__(self, *, book: Book) -> None:
        self._book = book

    def know(self, *, openid: str, id_number: str = "", balance_fen: int | None = None) -> None:
        """Let somebody have a wallet; None is one without a bottom."""
        with self._book.writing():
            row = (openid, id_number, balance_fen)
            self._book.write("INSERT OR REPLACE INTO wechat_wallet VALUES (?, ?, ?)", row)

    def id_number(self, openid: str) -> str:
        """Return whose wallet it is, or nothing when it was never said."""
        row = self._book.row("SELECT id_number FROM wechat_wallet WHERE openid = ?", (openid,))
        return "" if row is None else str(row["id_number"])

    def take(self, openid: str, *, amount_fen: int, minimum_fen: int) -> int:
        """Take as much as there is, from the minimum to the amount; return how much, 0 if it is not enough."""
        row = self._book.row("SELECT balance_fen FROM wechat_wallet WHERE openid = ?", (openid,))
        if row is None or row["balance_fen"] is None:
            return amount_fen
        taken = min(amount_fen, int(row["balance_fen"]))
        if taken < minimum_fen:
            return 0
        self._book.write("UPDATE wechat_wallet SET balance_fen = balance_fen - ? WHERE openid = ?", (taken, openid))
        return taken


class Contracts:
    """Contracts and deductions of one merchant; `tells` says a contract's news in the words of its kind."""

    def __init__(self, *, book: Book, time: Time, appid: str, mchid: str) -> None:
        self.book, self.time, self.appid, self.mchid = book, time, appid, mchid
        self.wallets = Wallets(book=book)
        self.tells: dict[str, tuple[TellContract, TellDeduction]] = {}

    def set_seconds(self, seconds: int) -> None:
        """Let each deduction from now on take that long."""
        with self.book.writing():
            self.book.keep(_SECONDS, seconds)

    def begin(self, draft: Draft) -> Row:
        """Keep a contract that waits for its signature, or recognize it. Errors: Wrong."""
        known = self.find(draft.code)
        if known is None:
            self.book.write(
                """INSERT INTO wechat_contract (code, kind, body, contract_id, token, plan_id, amount_limit, id_number,
                   notify_url, back, state, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'PRESIGNED', ?)""",
                (draft.code, draft.kind, draft.body, f"2026{secrets.randbelow(10**20):020d}", secrets.token_hex(16),
                 draft.plan_id, draft.limit_fen, draft.id_number, draft.notify_url, draft.back, utc(self.time.now())),
            )  # fmt: skip
        elif known["body"] != draft.body or known["state"] != "PRESIGNED":
            raise Wrong(400, "INVALID_REQUEST", "签约协议号已使用")
        else:  # a token lives ten minutes; asked again, there is a fresh one
            values = (secrets.token_hex(16), utc(self.time.now()), draft.code)
            self.book.write("UPDATE wechat_contract SET token = ?, made_at = ? WHERE code = ?", values)
        return self.known(draft.code)

    def waiting(self, token: str) -> Row | None:
        """Return the contract that a page is for, while it can be signed there."""
        row = self.book.row("SELECT * FROM wechat_contract WHERE token = ?", (token,))
        is_open = row is not None and (
            row["state"] != "PRESIGNED" or self.time.now() <= read(row["made_at"]) + TOKEN_LIFE
        )
        return row if is_open else None

    def sign(self, *, code: str, openid: str) -> str:
        """Let somebody sign; return the state afterwards, or a code. Signing again changes nothing."""
        with self.book.writing():
            row = self.find(code)
            if row is None:
                return "CONTRACT_NOT_EXIST"
            if row["id_number"] and row["id_number"] != self.wallets.id_number(openid):
                return "REAL_NAME_NOT_MATCH"  # somebody else's wallet does not repay
            if row["state"] == "PRESIGNED":
                values = (openid, utc(self.time.now()), code)
                self.book.write(
                    "UPDATE wechat_contract SET state = 'SIGNED', openid = ?, signed_at = ? WHERE code = ?", values
                )
                self.tells[row["kind"]][0](self.known(code))
            return str(self.known(code)["state"])

    def end(self, *, code: str, by: str = "USER") -> None:
        """End a contract, as its person does on their phone. Errors: ValueError."""
        with self.book.writing():
            row = self.find(code)
            if row is None:
                raise ValueError("there is no such contract")
            if row["state"] == "SIGNED":
                values = (utc(self.time.now()), by, code)
                self.book.write(
                    "UPDATE wechat_contract SET state = 'TERMINATED', ended_at = ?, ended_by = ? WHERE code = ?", values
                )
                self.tells[row["kind"]][0](self.known(code))

    def find(self, code: str) -> Row | None:
        """Return a contract by the merchant's number, or None."""
        return self.book.row("SELECT * FROM wechat_contract WHERE code = ?", (code,))

    def known(self, code: str) -> Row:
        """Return a contract by the merchant's number. Errors: Wrong."""
        row = self.find(code)
        if row is None:
            raise Wrong(404, "CONTRACT_NOT_EXIST", "签约协议不存在")
        return row

    def of_id(self, contract_id: str, *, kind: str) -> Row:
        """Return a contract by WeChat's number. Errors: Wrong."""
        row = self.book.row("SELECT * FROM wechat_contract WHERE contract_id = ? AND kind = ?", (contract_id, kind))
        if row is None:
            raise Wrong(400, "CONTRACT_NOT_EXIST", "签约协议不存在")
        return row

    def deduct(self, contract: Row, charge: Charge, *, refusal: str | None = None) -> Row:
        """Take a deduction, or recognize it. Errors: Wrong."""
        known = self.deduction(charge.number, kind=contract["kind"])
        if known is not None:
            if known["body"] != charge.body:
                raise Wrong(400, "INVALID_REQUEST", "商户订单号重复")
            return known
        if self.book.row("SELECT 1 FROM trade WHERE out_trade_no = ?", (charge.number,)):
            raise Wrong(400, "INVALID_REQUEST", "商户订单号重复")
        if contract["state"] != "SIGNED":
            raise Wrong(400, "CONTRACT_TERMINATED", "签约协议已解约")
        limit = contract["amount_limit"]
        reason, paid = refusal, 0
        if reason is None and limit is not None and charge.amount_fen > limit:
            reason = "AMOUNT_LIMIT"
        if reason is None:
            paid = self.wallets.take(contract["openid"], amount_fen=charge.amount_fen, minimum_fen=charge.minimum_fen)
            reason = None if paid else "NOT_ENOUGH"
        now = self.time.now()
        ends_at = now + timedelta(seconds=self.book.kept(_SECONDS, 0))
        self.book.write(
            "INSERT INTO wechat_deduction VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (charge.number, charge.body, contract["kind"], contract["contract_id"], charge.amount_fen, paid or None,
             reason, utc(now), utc(ends_at)),
        )  # fmt: skip
        if paid:
            self._write_trade(contract, charge, paid=paid, at=ends_at)
        made = self.deduction(charge.number, kind=contract["kind"])
        assert made is not None
        self.tells[contract["kind"]][1](made | {"notify_url": charge.notify_url}, ends_at)
        return made

    def deduction(self, number: str, *, kind: str) -> Row | None:
        """Return a deduction with its state now and its trade's number, or None."""
        row = self.book.row(
            """SELECT wechat_deduction.*, trade.transaction_id, wechat_contract.openid, wechat_contract.code,
               wechat_contract.plan_id FROM wechat_deduction JOIN wechat_contract USING (contract_id)
               LEFT JOIN trade USING (out_trade_no) WHERE out_trade_no = ? AND wechat_deduction.kind = ?""",
            (number, kind),
        )
        if row is None:
            return None
        over = self.time.now() >= read(row["ends_at"])
        return row | {"state": ("SUCCESS" if row["paid"] else "FAIL") if over else "PROCESSING"}

    def _write_trade(self, contract: Row, charge: Charge, *, paid: int, at: datetime) -> None:
        """A deduction is a payment like any other: bills and refunds find it among them."""
        moment = utc(at)
        self.book.write(
            """INSERT INTO trade (out_trade_no, body, trade_type, appid, mchid, description, attach, total, currency,
               openid, notify_url, prepay_id, transaction_id, made_at, expires_at, paid_at)
               VALUES (?, ?, ?, ?, ?, ?, '', ?, 'CNY', ?, ?, ?, ?, ?, ?, ?)""",
            (charge.number, charge.body, TRADE_TYPES[contract["kind"]], self.appid, self.mchid, charge.description,
             paid, contract["openid"], charge.notify_url, f"none-{charge.number}",
             f"42{secrets.randbelow(10**26):026d}", moment, moment, moment),
        )  # fmt: skip
