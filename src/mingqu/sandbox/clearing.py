"""The other face of the sandbox's bank: the same cards and orders, behind clearing-style messages.

docs/reference/bank-gateway.md, "Clearing-style messages". It shares no code with the channel that speaks to it.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mingqu.sandbox.batch import is_items, require_item
from mingqu.sandbox.gateway import AGE_SECONDS_MAX, Malformed, Signer, Unsigned, amount, number32, text
from mingqu.sandbox.party import NOT_FOUND, NUMBER_TAKEN, Party, Route, route
from mingqu.sandbox.time import Time
from mingqu.sandbox.wire import Call, Reply

BASE: Final = "/clearing/v1"
REFUSED: Final = "refused_by_bank"
_BLOCK: Final = re.compile(rb"\{S:([^:}]{1,64}):([A-Za-z0-9+/=]{1,128})\}\n")
_ANSWERS: Final = {
    "beps.386.001.01": "beps.387.001.01", "beps.384.001.01": "beps.385.001.01", "beps.382.001.01": "beps.383.001.01",
    "beps.380.001.01": "beps.381.001.01", "beps.121.001.01": "ccms.900.001.01", "hvps.111.001.01": "ccms.900.001.01",
    "ccms.314.001.01": "ccms.315.001.01", "mingqu.101.001.01": "mingqu.102.001.01",
}  # fmt: skip
_STATES: Final = {
    "paid": "PR00", "refused": "PR01", "failed": "PR01", "accepted": "PR02", "in_progress": "PR02",
    "number_taken": "PR09",
}  # fmt: skip


class Orders(Protocol):
    """What the bank does with an order, however it was asked for; each answer is one of the gateway's."""

    def pay_out(self, asked: dict[str, Any], *, refused: str | None = None) -> Reply:
        """Take a payout."""
        ...

    def entrust(self, asked: dict[str, Any], *, refused: str | None = None) -> Reply:
        """Take a payment to the payee of a contract."""
        ...

    def deduct(self, asked: dict[str, Any], *, refused: str | None = None) -> Reply:
        """Take a deduction."""
        ...

    def take_batch(self, asked: dict[str, Any], *, refused: str | None = None) -> Reply:
        """Take a batch."""
        ...

    def ask_batch(self, number: str) -> Reply:
        """Tell what became of a batch."""
        ...

    def ask(self, number: str) -> Reply:
        """Tell what became of an order."""
        ...

    def lines(self, on: date) -> list[dict[str, Any]]:
        """Return the movements of a day."""
        ...


class ClearingDoor:
    """Signs and verifies messages: a block in front of the XML, and the head's moment and number within."""

    def __init__(self, *, time: Time, callers: Mapping[str, Ed25519PublicKey], signer: Signer) -> None:
        self._time, self._callers, self._signer = time, callers, signer
        self._stranger = Ed25519PrivateKey.generate()

    def require_signed(self, call: Call) -> str:
        """Return the number of a message that is signed and fresh. Errors: Unsigned."""
        block = _BLOCK.match(call.body)
        key = None if block is None else self._callers.get(block[1].decode("ascii", "replace"))
        if block is None or key is None:
            raise Unsigned("signature_wrong")
        try:
            key.verify(base64.b64decode(block[2], validate=True), call.body[block.end() :])
        except (InvalidSignature, ValueError):
            raise Unsigned("signature_wrong") from None
        head = _read(call)
        number = head.findtext("Hdr/MsgId") or ""
        try:
            made_at = datetime.fromisoformat(head.findtext("Hdr/CreDtTm") or "")
        except ValueError:
            raise Unsigned("stale", number) from None
        if made_at.tzinfo is None or abs((self._time.now() - made_at).total_seconds()) > AGE_SECONDS_MAX:
            raise Unsigned("stale", number)
        return number

    def sign(self, reply: Reply, *, nonce: str) -> Reply:
        """Return an answer signed and bound to its question; what is no message yet becomes a discard."""
        return self._sealed(reply, nonce, self._signer.private_key)

    def missign(self, reply: Reply, *, nonce: str) -> Reply:
        """Return an answer signed by somebody else's key."""
        return self._sealed(reply, nonce, self._stranger)

    def _sealed(self, reply: Reply, nonce: str, key: Ed25519PrivateKey) -> Reply:
        body = ET.fromstring(reply.body) if reply.body.startswith(b"<Bdy") else _discard(reply)  # noqa: S314
        kind = body.attrib.pop("kind", "ccms.911.001.01")
        root = ET.Element("Msg")
        head = ET.SubElement(root, "Hdr")
        for name, value in (
            ("MsgTp", kind), ("MsgId", secrets.token_hex(16)), ("OrgnlMsgId", nonce),
            ("CreDtTm", self._time.now().astimezone(UTC).isoformat()),
        ):  # fmt: skip
            ET.SubElement(head, name).text = value
        root.append(body)
        content = b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="utf-8")
        signature = base64.b64encode(key.sign(content)).decode()
        sealed = f"{{S:{self._signer.key_id}:{signature}}}\n".encode() + content
        return replace(reply, status=200, headers={"content-type": "application/xml"}, body=sealed)


class Clearing(Party):
    """Calls have the gateway's names: payout.send, payout.entrust, collection.deduct, batch.send, bank.ask, …"""

    bank: Orders

    def routes(self) -> tuple[Route, ...]:
        """Return a path for each type of message."""
        return (
            route("POST", f"{BASE}/(?:beps.386.001.01)", "payout.send", self._pay, self._no_pay),
            route("POST", f"{BASE}/(?:beps.121|hvps.111).001.01", "payout.entrust", self._credit, self._no_credit),
            route("POST", f"{BASE}/(?:beps.384.001.01)", "collection.deduct", self._collect, self._no_collect),
            route("POST", f"{BASE}/(?:beps.38[02].001.01)", "batch.send", self._batch, self._no_batch),
            route("POST", f"{BASE}/(?:ccms.314.001.01)", "bank.ask", self._query),
            route("POST", f"{BASE}/(?:mingqu.101.001.01)", "bank.statement", self._day),
        )

    def _pay(self, call: Call, *, refused: str | None = None) -> Reply:
        asked = _payout(_one(call))
        return _answered(call, self.bank.pay_out(asked, refused=refused), asked)

    def _no_pay(self, call: Call) -> Reply:
        return self._pay(call, refused=REFUSED)

    def _credit(self, call: Call, *, refused: str | None = None) -> Reply:
        tx = _one(call)
        if tx.find("CtrctNb") is None:  # a large payout to the borrower's own card
            return self._pay(call, refused=refused)
        asked = {
            **_base(tx), "payee_account": _text(tx, "CdtrAcct"), "payee_name": _text(tx, "CdtrNm"),
            "payee_bank": _text(tx, "CdtrAgt"), "contract_number": _text(tx, "CtrctNb"), "purpose": _text(tx, "Purp"),
        }  # fmt: skip
        return _answered(call, self.bank.entrust(asked, refused=refused), asked)

    def _no_credit(self, call: Call) -> Reply:
        return self._credit(call, refused=REFUSED)

    def _collect(self, call: Call, *, refused: str | None = None) -> Reply:
        asked = _deduction(_one(call))
        return _answered(call, self.bank.deduct(asked, refused=refused), asked)

    def _no_collect(self, call: Call) -> Reply:
        return self._collect(call, refused=REFUSED)

    def _batch(self, call: Call, *, refused: str | None = None) -> Reply:
        body = _body(call)
        kind = "payout" if call.path.endswith("beps.382.001.01") else "deduction"
        items = [_payout(tx) if kind == "payout" else _deduction(tx) for tx in body.findall("Tx")]
        total = sum(item["amount_fen"] for item in items)
        if not is_items(items) or _text(body, "NbOfTxs") != str(len(items)) or _fen(body.find("CtrlSum")) != total:
            raise Malformed("count or sum of the batch is not that of its items")
        for item in items:
            require_item(item, kind=kind)
        number = _text(body, "BtchId")
        reply = self.bank.take_batch({"batch_number": number, "kind": kind, "items": items}, refused=refused)
        return _batch_told(call, number, reply, missing="PR09")

    def _no_batch(self, call: Call) -> Reply:
        return self._batch(call, refused=REFUSED)

    def _query(self, call: Call) -> Reply:
        body = _body(call)
        if (number := body.findtext("BtchId")) is not None:
            return _batch_told(call, number, self.bank.ask_batch(number), missing="PR03")
        number = _text(body, "EndToEndId")
        reply = self.bank.ask(number)
        if reply.status == NOT_FOUND.status:
            return _told(call, _status({"order_number": number, "state": ""}, code="PR03"))
        return _told(call, _status(json.loads(reply.body)))

    def _day(self, call: Call) -> Reply:
        on = _text(_body(call), "ChckDt")
        try:
            lines = self.bank.lines(date.fromisoformat(on))
        except ValueError:
            raise Malformed("ChckDt is not a date") from None
        found = [_field("ChckDt", on), _field("NbOfTxs", str(len(lines)))]
        for line in lines:
            tx = ET.Element("Tx")
            tx.extend(
                [
                    _field("EndToEndId", line["order_number"]), _field("Drctn", line["direction"]),
                    _field("Amt", _yuan(line["amount_fen"]), Ccy=line["currency"]),
                    _field("CmpltnDtTm", line["succeeded_at"]), _field("SysRef", line["reference"]),
                ]
            )  # fmt: skip
            found.append(tx)
        return _told(call, *found)


def _read(call: Call) -> ET.Element:
    block = _BLOCK.match(call.body)
    content = call.body[block.end() :] if block else b""
    if b"<!" in content:
        raise Unsigned("signature_wrong")
    try:
        return ET.fromstring(content)  # noqa: S314  As above.
    except ET.ParseError:
        raise Unsigned("signature_wrong") from None


def _body(call: Call) -> ET.Element:
    body = _read(call).find("Bdy")
    if body is None:
        raise Malformed("there is no Bdy")
    return body


def _one(call: Call) -> ET.Element:
    found = _body(call).findall("Tx")
    if len(found) != 1:
        raise Malformed("there is not one Tx")
    return found[0]


def _text(within: ET.Element, tag: str) -> str:
    found = (within.findtext(tag) or "").strip()
    if not text(found):
        raise Malformed(f"{tag} is missing")
    return found


def _fen(found: ET.Element | None) -> int:
    whole, _, part = ("" if found is None else found.text or "").partition(".")
    if found is None or found.get("Ccy") != "CNY" or not (whole.isdigit() and part.isdigit() and len(part) == 2):
        raise Malformed("an amount is not in yuan with two decimals")
    return int(whole) * 100 + int(part)


def _base(tx: ET.Element) -> dict[str, Any]:
    number, fen = _text(tx, "EndToEndId"), _fen(tx.find("Amt"))
    if not number32(number) or not amount(fen):
        raise Malformed("EndToEndId or Amt is not of its form")
    return {"order_number": number, "amount_fen": fen, "currency": "CNY"}


def _payout(tx: ET.Element) -> dict[str, Any]:
    return {**_base(tx), "card_number": _text(tx, "CdtrAcct"), "holder_name": _text(tx, "CdtrNm")}


def _deduction(tx: ET.Element) -> dict[str, Any]:
    return {**_base(tx), "protocol_no": _text(tx, "PrtclNb")}


def _answered(call: Call, reply: Reply, asked: dict[str, Any]) -> Reply:
    if reply.status == NUMBER_TAKEN.status:
        return _told(call, _status({"order_number": asked["order_number"], "state": "number_taken"}))
    return _told(call, _status(json.loads(reply.body)))


def _batch_told(call: Call, number: str, reply: Reply, *, missing: str) -> Reply:
    head = _field("BtchId", number)
    if reply.status in (NUMBER_TAKEN.status, NOT_FOUND.status):
        return _told(call, head, _field("BtchSts", missing))
    return _told(call, head, _field("BtchSts", "PR02"), *(_status(each) for each in json.loads(reply.body)["items"]))


def _status(order: Mapping[str, Any], *, code: str = "") -> ET.Element:
    status = ET.Element("TxSts")
    status.append(_field("EndToEndId", order["order_number"]))
    status.append(_field("PrcSts", code or _STATES[order["state"]]))
    if order.get("reference"):
        status.append(_field("SysRef", order["reference"]))
    if order["state"] == "paid":
        status.append(_field("Amt", _yuan(order["amount_fen"]), Ccy=order["currency"]))
        status.append(_field("CmpltnDtTm", order["succeeded_at"]))
    if order.get("code"):
        status.append(_field("RjctCd", order["code"]))
    return status


def _told(call: Call, *children: ET.Element) -> Reply:
    body = ET.Element("Bdy", {"kind": _ANSWERS[call.path.rsplit("/", 1)[1]]})
    body.extend(children)
    return Reply(headers={}, body=ET.tostring(body, encoding="utf-8"))


def _discard(reply: Reply) -> ET.Element:
    body = ET.Element("Bdy")
    body.append(_field("PrcCd", str(json.loads(reply.body).get("code", "")) if reply.body else "unreadable"))
    return body


def _field(tag: str, value: str, **attributes: str) -> ET.Element:
    made = ET.Element(tag, attributes)
    made.text = value
    return made


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
