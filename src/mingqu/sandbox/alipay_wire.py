"""What every method of Alipay's gateway reads and answers alike: parameters, contents, amounts in yuan, errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from mingqu.sandbox.time import BEIJING
from mingqu.sandbox.wire import Call

OK: Final = {"code": "10000", "msg": "Success"}
_YUAN: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?")
_MESSAGES: Final = {
    "20000": "Service Currently Unavailable",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40004": "Business Failed",
    "40006": "Insufficient Permissions",
}


class Wrong(Exception):  # noqa: N818 (what the other side did)
    """A request that is answered with a failure; codes are the document's."""

    def __init__(self, code: str, sub_code: str, message: str) -> None:
        super().__init__(message)
        self.value = failure(code, sub_code, message)


def failure(code: str, sub_code: str, message: str) -> dict[str, str]:
    """Return the value of an answer that says no."""
    return {"code": code, "msg": _MESSAGES[code], "sub_code": sub_code, "sub_msg": message}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request of the application's: its parameters, verified, and its content."""

    parameters: Mapping[str, str]
    content: Mapping[str, Any]

    @property
    def method(self) -> str:
        """What is asked for."""
        return self.parameters.get("method", "")

    @property
    def in_certificate_mode(self) -> bool:
        """Whether the application named its certificate."""
        return "app_cert_sn" in self.parameters

    def text(self, name: str, *, maximum: int = 64) -> str:
        """Return a text that must be there. Errors: Wrong."""
        value = self.content.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= maximum:
            raise Wrong("40004", "ACQ.INVALID_PARAMETER", f"参数 {name} 无效")
        return value

    def part(self, name: str) -> dict[str, Any]:
        """Return an object that must be there. Errors: Wrong."""
        value = self.content.get(name)
        if not isinstance(value, dict):
            raise Wrong("40004", "ACQ.INVALID_PARAMETER", f"参数 {name} 无效")
        return value

    def fen(self, name: str) -> int:
        """Return an amount in fen, 1 or more, that must be there. Errors: Wrong."""
        amount = fen_of(self.content.get(name))
        if amount is None or amount < 1:
            raise Wrong("40004", "ACQ.INVALID_PARAMETER", f"参数 {name} 无效")
        return amount

    def moment(self, name: str) -> datetime | None:
        """Return a moment, if one is named. Errors: Wrong."""
        if name not in self.content:
            return None
        return read_moment(self.text(name))


def parameters_of(call: Call) -> dict[str, str]:
    """Return what stands in the address and in the form, together. Errors: Wrong."""
    try:
        form = call.body.decode("utf-8") if call.method == "POST" else ""
        pairs = [
            *parse_qsl(call.query, keep_blank_values=True, errors="strict"),
            *parse_qsl(form, keep_blank_values=True, errors="strict"),
        ]
    except ValueError:
        raise Wrong("40002", "isv.invalid-encoding", "编码错误") from None
    return dict(pairs)


def content_of(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return biz_content. Errors: Wrong."""
    try:
        content = json.loads(parameters.get("biz_content") or "{}")
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Wrong("40002", "isv.invalid-parameter", "biz_content 不是 JSON 对象")
    return content


def fen_of(value: object) -> int | None:
    """Return fen of an amount in yuan, as a text or as a number of JSON; None if it is no such amount."""
    found = _YUAN.fullmatch(str(value)) if isinstance(value, str | int | float) and value is not True else None
    return None if found is None else int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def yuan(fen: int) -> str:
    """Return an amount as answers write it. Example: 1230 → 12.30."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def clock(moment: datetime) -> str:
    """Return a moment as Alipay writes it: Beijing's wall clock, without a zone."""
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def read_moment(text: str) -> datetime:
    """Return the moment a text means. Errors: Wrong."""
    for shape in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        try:
            return datetime.strptime(text, shape).replace(tzinfo=BEIJING)
        except ValueError:
            continue
    raise Wrong("40004", "ACQ.INVALID_PARAMETER", "时间格式不正确")
