"""The base of every expected refusal: a named answer that changes nothing."""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """An expected "no" with a stable code; a bug is an assertion instead.

    Subclasses stand beside the function that raises them and set `code`, the stable name that
    programs read (HTTP problem type, `--json` output), and `status`, its HTTP status. The message
    says what is wrong and what to do, without personal data; `details` holds primitives only.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 422

    def __init__(self, message: str, **details: int | str | bool | None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
