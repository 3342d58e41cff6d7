"""What every path of WeChat Pay reads and answers alike: JSON bodies, required fields, errors by code."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from mingqu.sandbox.time import read
from mingqu.sandbox.wire import Call, Reply, json_reply


class Wrong(Exception):  # noqa: N818 (what the other side did)
    """A request that APIv3 answers with an error; status and code are the document's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def error(status: int, code: str, message: str) -> Reply:
    return json_reply({"code": code, "message": message}, status=status)


def body_of(call: Call) -> dict[str, Any]:
    try:
        content = json.loads(call.body.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Wrong(400, "PARAM_ERROR", "请求体不是 JSON") from None
    if not isinstance(content, dict):
        raise Wrong(400, "PARAM_ERROR", "请求体不是对象")
    return content


def required(asked: dict[str, Any], name: str, kind: type) -> Any:
    value = asked.get(name)
    if not isinstance(value, kind) or value == "":
        raise Wrong(400, "PARAM_ERROR", f"参数 {name} 不正确")
    return value


def time_expire(asked: dict[str, Any], *, now: datetime) -> datetime | None:
    """Return the moment until which an order can be paid, if the merchant named one."""
    if "time_expire" not in asked:
        return None
    try:
        moment = read(required(asked, "time_expire", str))
    except ValueError:
        raise Wrong(400, "PARAM_ERROR", "参数 time_expire 不正确") from None
    if moment <= now:
        raise Wrong(400, "PARAM_ERROR", "time_expire 已过")
    return moment
