"""What a request to the API must bring before it is read: who it speaks for, a key for a write, JSON for a body."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers.base import BaseRouteHandler
from litestar.params import HeaderParameter, SkipValidation
from litestar.types import Guard

from mingqu.domain.refusal import Refusal
from mingqu.domain.signal import DEVICE_LENGTH_MAX
from mingqu.services.access.keep_session import Caller
from mingqu.services.house import House
from mingqu.services.once import KEY_LENGTH_MAX, IdempotencyKeyMalformed
from mingqu.services.people.note_signals import Origin, read_device
from mingqu.web.origin import origin_of
from mingqu.web.pace import Pace
from mingqu.web.signed_in import caller_by_bearer

KEY_HEADER: Final = "Idempotency-Key"
_KEY: Final = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH_MAX}}}")  # what is printed, without blanks
_QUOTED: Final = re.compile(r"'[^']*'")  # a value that was sent
_CALLER: Final = "caller"  # in the scope's state

# What handlers are given; names in a handler's signature say which.
HouseHere = NamedDependency[SkipValidation[House]]
CallerHere = NamedDependency[SkipValidation[Caller]]
PaceHere = NamedDependency[SkipValidation[Pace]]
KeyHere = Annotated[
    str,
    HeaderParameter(
        name=KEY_HEADER,
        description=(
            "Made by you, one for each write you mean; send the same again when an answer was lost. "
            "The same key with another request is refused."
        ),
        min_length=1,
        max_length=KEY_LENGTH_MAX,
        pattern=r"^[\x21-\x7e]+$",
    ),
]


DeviceHere = Annotated[
    str | None,
    HeaderParameter(
        name="X-Device",
        description=(
            "The number your app keeps for its device. It is recognized only while the person's consent "
            "`fraud_prevention` stands; otherwise it is neither kept nor read."
        ),
        min_length=8,
        max_length=DEVICE_LENGTH_MAX,
        pattern=r"^[\x21-\x7e]+$",
    ),
]


def origin_here(request: Request[Any, Any, Any], device: str | None) -> Origin:
    """Return where a request comes from. Errors: DeviceMalformed."""
    return origin_of(request, device=None if device is None else read_device(device))


class IdempotencyKeyMissing(Refusal):
    """A write takes the header Idempotency-Key, so that it is done once however often it is sent."""

    code: ClassVar[str] = "idempotency_key_missing"
    status: ClassVar[int] = 400


def require_key(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse a write without a key. Errors: IdempotencyKeyMissing, IdempotencyKeyMalformed."""
    key = connection.headers.get(KEY_HEADER)
    if not key:
        raise IdempotencyKeyMissing(
            "A write takes the header Idempotency-Key: make one, and send it again with a retry."
        )
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyMalformed(f"An idempotency key has 1 to {KEY_LENGTH_MAX} printable characters, no blanks.")


async def require_json(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse a body that does not say that it is JSON (415) or is not to the letter what is asked for (400).

    The framework would take "1" for 1; who sends money as text has a fault that is better found early.
    """
    kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(status_code=415, detail="A body is sent as application/json.")
    assert isinstance(connection, Request)
    body = await connection.body()
    wanted = handler.parsed_fn_signature.parameters["data"].annotation
    try:
        msgspec.json.decode(body, type=wanted, strict=True)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at ")
        field = place.strip("`").removeprefix("$").removeprefix(".")
        message = _QUOTED.sub("This", words)
        raise ValidationException(extra=[{"key": field, "message": message}]) from None
    except (msgspec.DecodeError, UnicodeError):
        raise ValidationException(detail="The body is not JSON.") from None


def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """Return who the request speaks for, as `signed_in` found."""
    found = request.scope["state"][_CALLER]
    assert isinstance(found, Caller)
    return found


def signed_in(house: House) -> Guard:
    """Return the guard that a request with a live session of a house passes."""

    def find_caller(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if not handler.opt.get("public"):
            request: Request[Any, Any, Any] = Request(connection.scope)
            connection.scope["state"][_CALLER] = caller_by_bearer(house, request)

    return find_caller
