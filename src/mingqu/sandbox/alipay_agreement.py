"""Agreements of the sandbox's Alipay, deductions under them, and transfers to accounts."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from mingqu.sandbox.alipay_trade import Trades
from mingqu.sandbox.alipay_wire import OK, Asked, Wrong, clock, fen_of, yuan
from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.time import Time, read, utc

PERIOD_DAYS_MIN: Final = 7
LEAST_TRANSFER_FEN: Final = 10
_SECONDS: Final = "alipay.transfer_seconds"
_NOT_EXIST: Final = ("40004", "USER_AGREEMENT_NOT_EXIST", "用户协议不存在")

TellSigned = Callable[[Row, str, datetime], None]  # (agreement, dut_user_sign or dut_user_unsign, from when on)


class Agreements:
    """The agreements of one application."""

    def __init__(self, *, book: Book, time: Time, trades: Trades, tell: TellSigned) -> None:
        self._book, self._time, self._trades, self._tell = book, time, trades, tell

    def begin(self, asked: Asked) -> Row:
        """Return the agreement whose page is opened, made now if there is none. Errors: Wrong."""
        number, rule = asked.text("external_agreement_no", maximum=32), asked.part("period_rule_params")
        single = fen_of(rule.get("single_amount"))
        if asked.content.get("product_code") != "CYCLE_PAY_AUTH" or not single:
            raise Wrong("40004", "INVALID_PARAMETER", "签约参数不正确")
        try:
            day = datetime.strptime(str(rule.get("execute_time")), "%Y-%m-%d").day  # noqa: DTZ007 (a date)
        except ValueError:
            raise Wrong("40004", "INVALID_PARAMETER", "execute_time 不正确") from None
        kind, period = rule.get("period_type"), str(rule.get("period", ""))
        is_month = kind == "MONTH" and period.isdigit() and day <= 28
        is_days = kind == "DAY" and period.isdigit() and int(period) >= PERIOD_DAYS_MIN
        if not (is_month or is_days):
            raise Wrong("40004", "INVALID_PARAMETER", "周期规则不正确")
        person, known = asked.content.get("identity_params"), self.find(number)
        name = str(person.get("user_name", "")) if isinstance(person, dict) else ""
        if known is None:
            self._book.write(
                """INSERT INTO alipay_agreement (external_agreement_no, agreement_no, single_amount, state, notify_url,
                   certified, made_at, user_name) VALUES (?, ?, ?, 'TEMP', ?, ?, ?, ?)""",
                (number, f"2026{secrets.randbelow(10**16):016d}", single, asked.parameters.get("notify_url", ""),
                 int(asked.in_certificate_mode), utc(self._time.now()), name),
            )  # fmt: skip
            known = self.find(number)
        assert known is not None
        if known["single_amount"] != single:
            raise Wrong("40004", "MERCHANT_AGREEMENT_NO_DUPLICATE", "商户签约号重复")
        return known

    def sign(self, *, number: str, identity: str) -> str:
        """Let somebody sign an agreement; return its state afterwards, or a code."""
        with self._book.writing():
            row, person = self.find(number), self._trades.account(identity)
            if row is None or person is None:
                return "USER_AGREEMENT_NOT_EXIST"
            if row["user_name"] not in ("", person["name"]):
                return "USER_IDENTITY_NOT_MATCH"  # it stays unsigned: whoever it names may still sign
            if row["state"] == "TEMP":
                self._set(row, "NORMAL", person["user_id"])
                self._tell(self._again(row), "dut_user_sign", self._time.now())
            return str(self._again(row)["state"])

    def end(self, *, number: str) -> None:
        """Let the person end an agreement on their phone. Errors: ValueError."""
        with self._book.writing():
            row = self.find(number)
            if row is None:
                raise ValueError("there is no such agreement")
            self._stop(row)

    def query(self, asked: Asked) -> dict[str, Any]:
        """Tell how an agreement stands. Errors: Wrong."""
        row = self._asked(asked)
        return {
            **OK, "agreement_no": row["agreement_no"], "external_agreement_no": row["external_agreement_no"],
            "status": row["state"], "personal_product_code": "CYCLE_PAY_AUTH_P",
        }  # fmt: skip

    def unsign(self, asked: Asked) -> dict[str, Any]:
        """End an agreement. Errors: Wrong."""
        row = self._asked(asked)
        if row["state"] != "NORMAL":
            raise Wrong(*_NOT_EXIST)
        self._stop(row)
        return {**OK}

    def deduct(self, asked: Asked) -> dict[str, Any]:
        """Take money under an agreement; without enough the trade stays open. Errors: Wrong."""
        token = str(asked.part("agreement_params").get("agreement_no", ""))
        row = self._book.row("SELECT * FROM alipay_agreement WHERE agreement_no = ?", (token,))
        if row is None:
            raise Wrong("40004", "ACQ.AGREEMENT_NOT_EXIST", "用户协议不存在")
        known = self._trades.find(asked.text("out_trade_no"))
        if known is None and row["state"] != "NORMAL":
            raise Wrong("40004", "ACQ.AGREEMENT_INVALID", "协议已失效")
        if asked.fen("total_amount") > row["single_amount"]:
            raise Wrong("40004", "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR", "超出单笔限额")
        trade = self._trades.open(asked, product="CYCLE_PAY_AUTH", subject=asked.text("subject", maximum=256))
        if trade["paid_at"] is None and self._trades.status(trade) == "TRADE_CLOSED":
            raise Wrong("40004", "ACQ.TRADE_HAS_CLOSE", "交易已关闭")
        said = self._trades.pay(out_trade_no=trade["out_trade_no"], identity=row["user_id"])
        if said.startswith("ACQ."):
            raise Wrong("40004", said, "扣款失败")
        paid = self._trades.find(trade["out_trade_no"])
        assert paid is not None
        return {
            **OK, "trade_no": paid["trade_no"], "out_trade_no": paid["out_trade_no"],
            "total_amount": yuan(paid["total"]), "receipt_amount": yuan(paid["total"]),
            "gmt_payment": clock(read(paid["paid_at"])), "buyer_user_id": paid["buyer_id"],
        }  # fmt: skip

    def refuse_deduction(self, asked: Asked) -> dict[str, Any]:
        """Say no to a deduction, and leave its trade open, as Alipay does."""
        self._trades.open(asked, product="CYCLE_PAY_AUTH", subject=asked.text("subject", maximum=256))
        raise Wrong("40004", "ACQ.PAYMENT_FAIL", "支付失败")

    def find(self, number: str) -> Row | None:
        """Return an agreement by the application's number, or None."""
        return self._book.row("SELECT * FROM alipay_agreement WHERE external_agreement_no = ?", (number,))

    def _asked(self, asked: Asked) -> Row:
        by = "agreement_no" if "agreement_no" in asked.content else "external_agreement_no"
        row = self._book.row(f"SELECT * FROM alipay_agreement WHERE {by} = ?", (asked.text(by),))  # noqa: S608
        if row is None:
            raise Wrong(*_NOT_EXIST)
        return row

    def _stop(self, row: Row) -> None:
        self._set(row, "STOP", row["user_id"])
        self._tell(self._again(row), "dut_user_unsign", self._time.now())

    def _set(self, row: Row, state: str, user_id: str | None) -> None:
        self._book.write(
            "UPDATE alipay_agreement SET state = ?, user_id = ? WHERE external_agreement_no = ?",
            (state, user_id, row["external_agreement_no"]),
        )

    def _again(self, row: Row) -> Row:
        found = self.find(row["external_agreement_no"])
        assert found is not None
        return found


class Transfers:
    """Transfers to accounts: once for each out_biz_no, DEALING for as long as a knob says, by default not at all."""

    def __init__(self, *, book: Book, time: Time, trades: Trades) -> None:
        self._book, self._time, self._trades = book, time, trades

    def set_seconds(self, seconds: int) -> None:
        """Let each transfer from now on take that long."""
        with self._book.writing():
            self._book.keep(_SECONDS, seconds)

    def take(self, asked: Asked, *, refusal: str | None = None) -> dict[str, Any]:
        """Take a transfer, or recognize it. A no is kept under its number. Errors: Wrong."""
        number, amount = asked.text("out_biz_no"), asked.fen("trans_amount")
        if asked.content.get("product_code") != "TRANS_ACCOUNT_NO_PWD":
            raise Wrong("40004", "INVALID_PARAMETER", "参数 product_code 无效")
        if amount < LEAST_TRANSFER_FEN:
            raise Wrong("40004", "EXCEED_LIMIT_SM_MIN_AMOUNT", "转账金额低于下限")
        payee = asked.part("payee_info")
        body = hashlib.sha256(json.dumps([amount, payee], sort_keys=True).encode()).hexdigest()
        known = self._find(number)
        if known is None:
            self._write(number, amount=amount, payee=payee, body=body, refusal=refusal)
            known = self._find(number)
        assert known is not None
        if known["body"] != body:
            raise Wrong("40004", "PAYMENT_INFO_INCONSISTENCY", "两次请求商户单号一样但参数不一致")
        if known["error_code"]:
            raise Wrong("40004", known["error_code"], "转账失败")
        said = {**OK, "out_biz_no": number, "order_id": known["order_id"], "status": self._status(known)}
        return said | ({"trans_date": clock(read(known["ends_at"]))} if said["status"] == "SUCCESS" else {})

    def ask(self, asked: Asked) -> dict[str, Any]:
        """Tell what became of a transfer. Errors: Wrong."""
        known = self._find(asked.text("out_biz_no"))
        if known is None:
            raise Wrong("40004", "ORDER_NOT_EXIST", "转账订单不存在")
        said = {
            **OK, "out_biz_no": known["out_biz_no"], "order_id": known["order_id"], "status": self._status(known),
            "trans_amount": yuan(known["amount"]),
        }  # fmt: skip
        if said["status"] == "SUCCESS":
            said["pay_date"] = clock(read(known["ends_at"]))
        return said | ({"error_code": known["error_code"]} if known["error_code"] else {})

    def moved(self) -> dict[str, int]:
        """Return the amount in fen, by the application's number, of every transfer that is done."""
        rows = self._book.rows("SELECT * FROM alipay_transfer WHERE error_code IS NULL")
        return {row["out_biz_no"]: row["amount"] for row in rows if self._status(row) == "SUCCESS"}

    def _write(self, number: str, *, amount: int, payee: Mapping[str, Any], body: str, refusal: str | None) -> None:
        person = self._trades.account(str(payee.get("identity", "")))
        code = refusal
        if code is None and person is None:
            code = "PAYEE_NOT_EXIST"
        elif code is None and person is not None and payee.get("name") not in (None, person["name"]):
            code = "PAYEE_USER_INFO_ERROR"
        now = self._time.now()
        ends_at = now + timedelta(seconds=self._book.kept(_SECONDS, 0))
        self._book.write(
            """INSERT INTO alipay_transfer (out_biz_no, body, order_id, amount, user_id, error_code, made_at, ends_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (number, body, f"{clock(now)[:10].replace('-', '')}11{secrets.randbelow(10**18):018d}", amount,
             None if person is None else person["user_id"], code, utc(now), utc(ends_at)),
        )  # fmt: skip
        if code is None and person is not None:
            self._trades.deposit(identity=person["user_id"], amount_fen=amount)

    def _find(self, number: str) -> Row | None:
        return self._book.row("SELECT * FROM alipay_transfer WHERE out_biz_no = ?", (number,))

    def _status(self, row: Row) -> str:
        if row["error_code"]:
            return "FAIL"
        return "SUCCESS" if self._time.now() >= read(row["ends_at"]) else "DEALING"
