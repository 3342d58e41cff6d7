"""Classic withholding (委托代扣), which speaks V2: XML, a shared key, and a page on which somebody signs.

Source: the merchant documentation of papay as it stood in 2026. Elements of a request are flat; a document type or an
entity in it is refused before anything is read.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl
from xml.parsers import expat

from mingqu.sandbox.book import Row
from mingqu.sandbox.faults import Faults
from mingqu.sandbox.time import BEIJING, beijing, read
from mingqu.sandbox.wechatpay_contract import PAPAY, Charge, Contracts, Draft
from mingqu.sandbox.wechatpay_wire import Wrong
from mingqu.sandbox.wire import Call, Reply

SIGN_PATH: Final = "/papay/entrustweb"
MD5: Final = "MD5"
HMAC: Final = "HMAC-SHA256"
ELEMENTS_MAX: Final = 64
RETRY_SECONDS: Final = (10, 10, 10, 30, 30, 30, *([300] * 23))
TAKEN: Final = re.compile(r"<return_code>(<!\[CDATA\[)?SUCCESS")
_NUMBER: Final = re.compile(r"[0-9A-Za-z_\-|*]{1,32}")
Elements = dict[str, str]
Do = Callable[[Elements], Elements]


class Papay:
    """Classic withholding at one merchant. `queue` puts a notice on its way: (words, address, from when on)."""

    def __init__(
        self, *, contracts: Contracts, faults: Faults, key: str, queue: Callable[[str, str, datetime], None]
    ) -> None:
        self._contracts, self._faults, self._key, self._queue = contracts, faults, key, queue
        contracts.tells[PAPAY] = (self._tell_contract, self._tell_deduction)
        self._routes: dict[str, tuple[str, Do]] = {
            "/pay/pappayapply": ("wechatpay.papay_apply", self._apply),
            "/pay/paporderquery": ("wechatpay.papay_query", self._query),
            "/papay/querycontract": ("wechatpay.papay_contract", self._query_contract),
            "/papay/deletecontract": ("wechatpay.papay_end", self._delete_contract),
        }

    def handle(self, call: Call) -> Reply | None:
        """Return the answer to a request of V2, or None for other paths."""
        if call.path not in self._routes or call.method != "POST":
            return None
        name, do = self._routes[call.path]
        try:
            asked = read_xml(call.body)
        except ValueError as wrong:
            return self._signed({"return_code": "FAIL", "return_msg": str(wrong)})
        if not self._is_signed(asked):
            return self._signed({"return_code": "FAIL", "return_msg": "签名错误"})
        kind = asked.get("sign_type", MD5)
        return self._faults.carry(
            name,
            do=lambda: _xml(self._done(do, asked)),
            refuse=lambda: _xml(self._done(self._refuse_apply, asked)) if do == self._apply else _xml(_fail("NO_AUTH")),
            sign=lambda reply: self._resigned(reply, kind=kind, key=self._key),
            missign=lambda reply: self._resigned(reply, kind=kind, key="0" * 32),
        )

    def begin(self, asked: Elements) -> Row:
        """Return the contract whose page is opened. Errors: Wrong."""
        names = ("plan_id", "contract_code", "request_serial", "contract_display_account", "timestamp")
        if not self._is_signed(asked) or asked.get("version") != "1.0" or not all(asked.get(name) for name in names):
            raise Wrong(400, "PARAM_ERROR", "签约参数或签名不正确")
        if not _NUMBER.fullmatch(asked["contract_code"]) or "?" in asked.get("notify_url", "?"):
            raise Wrong(400, "PARAM_ERROR", "签约协议号或通知地址不正确")
        body = "|".join(asked[name] for name in ("plan_id", "contract_code", "contract_display_account"))
        known = self._contracts.find(asked["contract_code"])
        if known is not None and known["body"] == body:
            return known
        return self._contracts.begin(
            Draft(
                kind=PAPAY,
                code=asked["contract_code"],
                body=body,
                plan_id=asked["plan_id"],
                notify_url=asked["notify_url"],
                back=asked.get("return_web", ""),
            )
        )

    def asked_of(self, call: Call) -> Elements:
        """Return what the address of a signing page says."""
        return dict(parse_qsl(call.query))

    def notice(self, content: str) -> bytes:
        """Return the bytes of one try of a notice."""
        return content.encode()

    # What is asked.

    def _apply(self, asked: Elements, *, refusal: str | None = None) -> Elements:
        contract = self._contracts.of_id(asked.get("contract_id", ""), kind=PAPAY)
        number, total = asked.get("out_trade_no", ""), asked.get("total_fee", "")
        whole = total.isascii() and total.isdigit() and int(total) > 0
        if not _NUMBER.fullmatch(number) or not whole or asked.get("trade_type") != "PAP":
            raise Wrong(400, "PARAM_ERROR", "参数错误")
        charge = Charge(
            number=number,
            body=f"{contract['contract_id']}|{total}",
            amount_fen=int(total),
            minimum_fen=int(total),
            description=asked.get("body", ""),
            notify_url=asked.get("notify_url", ""),
        )
        self._contracts.deduct(contract, charge, refusal=refusal)
        return {}  # taken, no more: what became of it is asked for

    def _refuse_apply(self, asked: Elements) -> Elements:
        return self._apply(asked, refusal="RULE_LIMIT")

    def _query(self, asked: Elements) -> Elements:
        row = self._contracts.deduction(asked.get("out_trade_no", ""), kind=PAPAY)
        if row is None:
            raise Wrong(404, "ORDERNOTEXIST", "订单不存在")
        return self._deduction(row)

    def _query_contract(self, asked: Elements) -> Elements:
        row = self._contract_of(asked)
        return self._contract(row) | {"contract_state": "0" if row["state"] == "SIGNED" else "1"}

    def _delete_contract(self, asked: Elements) -> Elements:
        row = self._contract_of(asked)
        if not asked.get("contract_termination_remark"):
            raise Wrong(400, "PARAM_ERROR", "缺少解约备注")
        self._contracts.end(code=row["code"], by="3")
        return {"contract_id": row["contract_id"], "plan_id": row["plan_id"], "contract_code": row["code"]}

    def _contract_of(self, asked: Elements) -> Row:
        if asked.get("contract_id"):
            return self._contracts.of_id(asked["contract_id"], kind=PAPAY)
        row = self._contracts.known(asked.get("contract_code", ""))
        if row["kind"] != PAPAY or row["plan_id"] != asked.get("plan_id") or row["state"] == "PRESIGNED":
            raise Wrong(404, "CONTRACT_NOT_EXIST", "签约协议不存在")
        return row

    # What is said.

    def _done(self, do: Do, asked: Elements) -> Elements:
        try:
            with self._contracts.book.writing():
                said = do(asked)
        except Wrong as wrong:
            return _fail(wrong.code, wrong.message)
        return {"return_code": "SUCCESS", "result_code": "SUCCESS", **said}

    def _contract(self, row: Row) -> Elements:
        signed = {} if row["signed_at"] is None else {"contract_signed_time": _clock(row["signed_at"])}
        return {
            "contract_id": row["contract_id"],
            "plan_id": row["plan_id"],
            "contract_code": row["code"],
            "openid": row["openid"],
            **signed,
        }

    def _deduction(self, row: Row) -> Elements:
        states = {"SUCCESS": "SUCCESS", "FAIL": "PAY_FAIL", "PROCESSING": "ACCEPT"}
        said = {"out_trade_no": row["out_trade_no"], "trade_state": states[row["state"]]}
        said |= {"contract_id": row["contract_id"], "openid": row["openid"], "trade_state_desc": row["state"]}
        if row["state"] == "SUCCESS":
            paid = str(row["paid"])
            said |= {"transaction_id": row["transaction_id"], "total_fee": paid, "cash_fee": paid, "fee_type": "CNY"}
            said |= {"time_end": read(row["ends_at"]).astimezone(BEIJING).strftime("%Y%m%d%H%M%S")}
        return said | ({"err_code": row["fail_reason"]} if row["state"] == "FAIL" else {})

    def _tell_contract(self, row: Row) -> None:
        signed = row["state"] == "SIGNED"
        said = self._contract(row) | {"change_type": "ADD" if signed else "DELETE", "request_serial": "1"}
        said |= {"operate_time": beijing(self._contracts.time.now())}
        if not signed:
            said["contract_termination_mode"] = "3" if row["ended_by"] == "3" else "2"
        self._tell(said, row["notify_url"], self._contracts.time.now())

    def _tell_deduction(self, row: Row, at: datetime) -> None:
        said = self._deduction(row | {"state": "SUCCESS" if row["paid"] else "FAIL"})
        self._tell(said | {"nonce_str": secrets.token_hex(16)}, row["notify_url"], at)

    def _tell(self, said: Elements, to: str, at: datetime) -> None:
        words = {"return_code": "SUCCESS", "result_code": "SUCCESS", **said, **self._own()}
        self._queue(write_xml(words | {"sign": sign(words, key=self._key)}), to, at)

    def _own(self) -> Elements:
        return {"appid": self._contracts.appid, "mch_id": self._contracts.mchid}

    def _is_signed(self, asked: Elements) -> bool:
        own = all(asked.get(name) == value for name, value in self._own().items())
        expected = sign(asked, key=self._key, kind=asked.get("sign_type", MD5))
        return own and hmac.compare_digest(expected.encode(), asked.get("sign", "").encode())

    def _signed(self, said: Elements) -> Reply:
        return self._resigned(_xml(said), kind=MD5, key=self._key)

    def _resigned(self, reply: Reply, *, kind: str, key: str) -> Reply:
        words = {**read_xml(reply.body), **self._own(), "nonce_str": secrets.token_hex(16)}
        return _xml(words | {"sign": sign(words, key=key, kind=kind)})


def sign(words: Mapping[str, str], *, key: str, kind: str = MD5) -> str:
    """Return the signature of V2: what is not empty, by name, then the key; in capitals."""
    text = "&".join(f"{name}={words[name]}" for name in sorted(words) if words[name] and name != "sign")
    text += f"&key={key}"
    if kind == HMAC:
        return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest().upper()
    return hashlib.md5(text.encode()).hexdigest().upper()  # noqa: S324 (the document's)


def write_xml(words: Mapping[str, str]) -> str:
    """Return flat XML with every value as character data."""
    inner = "".join(f"<{name}><![CDATA[{value.replace(']]>', '')}]]></{name}>" for name, value in words.items())
    return f"<xml>{inner}</xml>"


def read_xml(body: bytes) -> Elements:
    """Return the elements of flat XML. Errors: ValueError for anything else, and for any document type."""
    words: dict[str, list[str]] = {}
    path: list[str] = []

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        path.append(name)
        if len(path) > 2 or attributes or path[0] != "xml" or len(words) >= ELEMENTS_MAX or name in words:
            raise ValueError("XML格式错误")
        if len(path) == 2:
            words[name] = []

    def text(data: str) -> None:
        if len(path) == 2:
            words[path[1]].append(data)

    def forbid(*_: object) -> None:
        raise ValueError("XML格式错误")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = begin, lambda _: path.pop()
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, forbid
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        raise ValueError("XML格式错误") from None
    return {name: "".join(parts) for name, parts in words.items()}


def _fail(code: str, message: str = "失败") -> Elements:
    return {"return_code": "SUCCESS", "result_code": "FAIL", "err_code": code, "err_code_des": message}


def _xml(words: Mapping[str, str]) -> Reply:
    return Reply(headers={"content-type": "text/xml; charset=utf-8"}, body=write_xml(words).encode())


def _clock(moment: str) -> str:
    return read(moment).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
