"""Loan repayment by WeChat itself (credit-repayment, service provider's side): pre-sign, schedule, deduct, end.

Paths and fields are those of the documents of 2025, as far as known here; of the deduction's own body none was seen,
so it follows its neighbors, and so do the addresses of the query by our number and of the page that is signed on.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from mingqu.sandbox.book import Row
from mingqu.sandbox.time import BEIJING, beijing, read
from mingqu.sandbox.wechatpay_contract import CREDIT, Charge, Contracts, Draft
from mingqu.sandbox.wechatpay_keys import Merchant
from mingqu.sandbox.wechatpay_wire import Wrong, body_of, required
from mingqu.sandbox.wire import Call, Reply, json_reply

SIGN_PATH: Final = "/repayment/sign"  # the page that stands for wx.requestAutomaticRepayment
ORIGINAL: Final = "credit_repayment"
DAYS_AHEAD_MAX: Final = 14  # a schedule is for tomorrow to the fourteenth day from now
MINIMUM_PERCENT: Final = 5  # of what is due, for a template of consumer loans
_NEED: Final = "wechatpay.schedule_needed"
Tell = Callable[[str, str, dict[str, Any], str, datetime], None]


class Repayments:
    """Automatic repayment at one merchant."""

    def __init__(self, *, contracts: Contracts, merchant: Merchant, tell: Tell, address: str) -> None:
        self._contracts, self._merchant, self._tell, self._address = contracts, merchant, tell, address
        contracts.tells[CREDIT] = (self._tell_contract, self._tell_deduction)

    def need_schedule(self, needed: bool) -> None:
        """Let deductions need a schedule of their day, or let them do without (which they do at first)."""
        with self._contracts.book.writing():
            self._contracts.book.keep(_NEED, needed)

    def presign(self, call: Call, *, kind: str) -> Reply:
        """Return a token for the page on which somebody signs. Errors: Wrong."""
        asked = body_of(call)
        self._require_own(asked)
        code, limit = required(asked, "out_contract_code", str), required(asked, "repayment_amount_limit", str)
        if not (code.isalnum() and len(code) <= 64 and limit.isascii() and limit.isdigit() and int(limit)):
            raise Wrong(400, "PARAM_ERROR", "签约协议号或还款限额不正确")
        identity = asked.get("real_identity")
        id_number = self._opened(call, required(identity, "identity_id", str)) if isinstance(identity, dict) else ""
        # A sealed field is other bytes each time: what it says is compared.
        said = {**asked, "real_identity": hashlib.sha256(id_number.encode()).hexdigest()}
        row = self._contracts.begin(
            Draft(
                kind=CREDIT,
                code=code,
                body=_hash([kind, said]),
                plan_id=str(required(asked, "plan_id", str)),
                notify_url=_address(asked, "contract_notify_url"),
                limit_fen=int(limit),
                id_number=id_number,
                back=str(asked.get("return_url", "")),
            )
        )
        page = f"{self._address}{SIGN_PATH}?presign_token={row['token']}"
        return json_reply({"presign_token": row["token"], **({"h5_url": page} if kind == "h5" else {})})

    def ask_contract(self, _: Call, *, code: str) -> Reply:
        """Tell how a contract stands. Errors: Wrong."""
        return json_reply(self._contract(self._known(unquote(code))))

    def terminate(self, call: Call) -> Reply:
        """End a contract for the merchant. Errors: Wrong."""
        asked = body_of(call)
        row = self._known(required(asked, "out_contract_code", str))
        required(asked, "contract_termination_remark", str)
        if row["state"] == "PRESIGNED":
            raise Wrong(400, "CONTRACT_NOT_EXIST", "签约协议不存在")
        self._contracts.end(code=row["code"], by="MERCHANT")
        return Reply(status=204)

    def schedule(self, call: Call) -> Reply:
        """Announce a deduction: one for each call, for tomorrow at the earliest. Errors: Wrong."""
        asked = body_of(call)
        contract = self._contracts.of_id(required(asked, "contract_id", str), kind=CREDIT)
        items = required(asked, "schedule_items", list)
        if asked.get("openid") != contract["openid"] or len(items) != 1:
            raise Wrong(400, "PARAM_ERROR", "openid 或预约明细不正确")
        (item,) = items
        number, amount = required(item, "out_record_id", str), required(item, "repayment_amount", int)
        least = item.get("min_repayment_amount")
        on, book, body = _day(required(item, "repayment_date", str)), self._contracts.book, _hash(asked)
        known = book.row("SELECT * FROM wechat_schedule WHERE out_record_id = ?", (number,))
        if known is not None:
            if known["body"] != body:
                raise Wrong(400, "INVALID_REQUEST", "预约单号重复")
            return _scheduled(number)
        if contract["state"] != "SIGNED":
            raise Wrong(400, "CONTRACT_TERMINATED", "签约协议已解约")
        today = self._contracts.time.now().astimezone(BEIJING).date()
        if not today < on <= today + timedelta(days=DAYS_AHEAD_MAX):
            raise Wrong(400, "PARAM_ERROR", "还款日期不正确")
        if not 1 <= amount <= contract["amount_limit"]:
            raise Wrong(400, "PARAM_ERROR", "还款金额不正确")
        if not isinstance(least, int) or not amount * MINIMUM_PERCENT <= least * 100 <= amount * 100:
            raise Wrong(400, "PARAM_ERROR", "最低还款金额不正确")
        row = (number, body, contract["contract_id"], amount, least, on.isoformat())
        book.write("INSERT INTO wechat_schedule VALUES (?, ?, ?, ?, ?, ?, NULL)", row)
        return _scheduled(number)

    def deduct(self, call: Call, *, refusal: str | None = None) -> Reply:
        """Take money under a contract, perhaps less than asked but not less than the minimum. Errors: Wrong."""
        asked = body_of(call)
        self._require_own(asked)
        contract = self._contracts.of_id(required(asked, "contract_id", str), kind=CREDIT)
        number, amount = required(asked, "out_trade_no", str), required(asked, "amount", dict)
        total = required(amount, "total", int)
        least = asked.get("min_repayment_amount", total)
        if not isinstance(least, int) or not 1 <= least <= total or amount.get("currency") != "CNY":
            raise Wrong(400, "PARAM_ERROR", "还款金额不正确")
        self._require_scheduled(contract, asked, number=number, total=total)
        charge = Charge(
            number=number,
            body=_hash(asked),
            amount_fen=total,
            minimum_fen=least,
            description=str(asked.get("description", "还款")),
            notify_url=_address(asked, "notify_url"),
        )
        return json_reply(self._deduction(self._contracts.deduct(contract, charge, refusal=refusal)))

    def ask_deduction(self, _: Call, *, number: str) -> Reply:
        """Tell what became of a deduction. Errors: Wrong."""
        row = self._contracts.deduction(unquote(number), kind=CREDIT)
        if row is None:
            raise Wrong(404, "ORDER_NOT_EXIST", "订单不存在")
        return json_reply(self._deduction(row))

    def _require_scheduled(self, contract: Row, asked: dict[str, Any], *, number: str, total: int) -> None:
        record, book = asked.get("out_record_id"), self._contracts.book
        if record is None:
            if book.kept(_NEED, False):
                raise Wrong(400, "SCHEDULE_NOT_EXIST", "未预约")
            return
        row = book.row("SELECT * FROM wechat_schedule WHERE out_record_id = ?", (record,))
        today = self._contracts.time.now().astimezone(BEIJING).date().isoformat()
        if row is None or row["contract_id"] != contract["contract_id"] or row["out_trade_no"] not in (None, number):
            raise Wrong(400, "SCHEDULE_NOT_EXIST", "预约不存在")
        if row["out_trade_no"] is None and (row["on_date"] != today or total > row["amount"]):
            raise Wrong(400, "PARAM_ERROR", "与预约不一致")
        book.write("UPDATE wechat_schedule SET out_trade_no = ? WHERE out_record_id = ?", (number, record))

    def _known(self, code: str) -> Row:
        row = self._contracts.known(code)
        if row["kind"] != CREDIT:
            raise Wrong(404, "CONTRACT_NOT_EXIST", "签约协议不存在")
        return row

    def _contract(self, row: Row) -> dict[str, Any]:
        said = {
            "appid": self._merchant.appid, "mchid": self._merchant.mchid, "plan_id": row["plan_id"],
            "out_contract_code": row["code"], "contract_state": row["state"],
        }  # fmt: skip
        if row["signed_at"] is not None:
            said |= {"contract_id": row["contract_id"], "openid": row["openid"]}
            said |= {"contract_signed_time": beijing(read(row["signed_at"]))}
        if row["ended_at"] is not None:
            said |= {"contract_terminated_time": beijing(read(row["ended_at"]))}
            said |= {"contract_termination_mode": row["ended_by"]}
        return said

    def _deduction(self, row: Row) -> dict[str, Any]:
        said: dict[str, Any] = {
            "appid": self._merchant.appid, "mchid": self._merchant.mchid, "out_trade_no": row["out_trade_no"],
            "contract_id": row["contract_id"], "trade_state": row["state"],
            "amount": {"total": row["amount"], "currency": "CNY"},
        }  # fmt: skip
        if row["state"] == "SUCCESS":
            said["amount"]["payer_total"] = row["paid"]
            said |= {"transaction_id": row["transaction_id"], "success_time": beijing(read(row["ends_at"]))}
        return said | ({"fail_reason": row["fail_reason"]} if row["state"] == "FAIL" else {})

    def _tell_contract(self, row: Row) -> None:
        word = "SIGN_CONTRACT" if row["state"] == "SIGNED" else "TERMINATE_CONTRACT"
        now = self._contracts.time.now()
        self._tell(f"CREDIT_REPAYMENT.{word}", ORIGINAL, self._contract(row), row["notify_url"], now)

    def _tell_deduction(self, row: Row, at: datetime) -> None:
        said = self._deduction(row | {"state": "SUCCESS" if row["paid"] else "FAIL"})
        self._tell("CREDIT_REPAYMENT.DEDUCTION_PAY", ORIGINAL, said, row["notify_url"], at)

    def _require_own(self, asked: dict[str, Any]) -> None:
        if asked.get("appid") != self._merchant.appid:
            raise Wrong(400, "APPID_MCHID_NOT_MATCH", "AppID和MCHID不匹配")

    def _opened(self, call: Call, sealed: str) -> str:
        key = self._merchant.key_for(call.headers.get("wechatpay-serial")).private_key
        sha1 = hashes.SHA1()  # noqa: S303 (the document's)
        try:
            opened = key.decrypt(
                base64.b64decode(sealed, validate=True),
                padding.OAEP(mgf=padding.MGF1(algorithm=sha1), algorithm=sha1, label=None),
            )
            return opened.decode()
        except ValueError:
            raise Wrong(400, "PARAM_ERROR", "敏感信息解密失败") from None


def _scheduled(number: str) -> Reply:
    return json_reply({"schedule_records": [{"out_record_id": number, "state": "SCHEDULED"}]})


def _hash(asked: object) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _address(asked: dict[str, Any], name: str) -> str:
    address = str(required(asked, name, str))
    if "?" in address or not address.startswith(("http://", "https://")):
        raise Wrong(400, "PARAM_ERROR", f"{name} 不能携带参数")
    return address


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Wrong(400, "PARAM_ERROR", "还款日期不正确") from None
