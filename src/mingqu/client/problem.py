"""An answer that is an error: RFC 9457 problem details, with the code that programs may rely on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """What the server answered instead. `details` holds what the code adds, such as `tries_left`."""

    def __init__(self, *, code: str, status: int, title: str, details: Mapping[str, Any]) -> None:
        super().__init__(f"{code} ({status}): {title}")
        self.code, self.status, self.title, self.details = code, status, title, dict(details)


def problem_of(answer: httpx.Response) -> Problem:
    """Return the problem that an answer is; one that is no problem document (a proxy's page) is `unreadable`."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("code"), str):
        return Problem(
            code="unreadable", status=answer.status_code, title="The answer is no problem document.", details={}
        )
    details = {name: value for name, value in body.items() if name not in ("type", "title", "status", "code")}
    return Problem(code=body["code"], status=answer.status_code, title=str(body.get("title", "")), details=details)
