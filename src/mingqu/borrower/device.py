"""The number of a browser: a cookie of this site alone, there while its person allows it, and signed here.

It is set when the person agrees, or signs in on another browser while the consent stands, and goes when they withdraw.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

from litestar import Response

from mingqu.borrower.door import Visit
from mingqu.domain.personal import Personal
from mingqu.domain.signal import KEPT_FOR
from mingqu.services.people.note_signals import Origin
from mingqu.web.origin import origin_of

DEVICE_COOKIE: Final = "mingqu_device"
_NUMBER_LENGTH: Final = 32
_MARK_LENGTH: Final = 32  # 128 bits: nobody hits one by trying


def device_of(visit: Visit) -> Personal[str] | None:
    """Return the number that a browser carries, or None: a number that was not signed here is none."""
    number, _, mark = visit.request.cookies.get(DEVICE_COOKIE, "").partition(".")
    if len(number) != _NUMBER_LENGTH or not hmac.compare_digest(mark.encode(), _mark(visit, number).encode()):
        return None
    return Personal(number)


def origin(visit: Visit) -> Origin:
    """Return where a visit comes from."""
    return origin_of(visit.request, device=device_of(visit))


def give_device(visit: Visit, answer: Response[Any]) -> Personal[str]:
    """Let the browser carry a number, the one it has or a fresh one, for as long as signals are kept; return it."""
    known = device_of(visit)
    number = known.reveal() if known is not None else visit.house.codes.secret().reveal().hex()[:_NUMBER_LENGTH]
    value = f"{number}.{_mark(visit, number)}"
    seconds = int(KEPT_FOR.total_seconds())
    answer.set_cookie(visit.door.passing_cookie(DEVICE_COOKIE, value, path="/", seconds=seconds))
    return Personal(number)


def drop_device(answer: Response[Any]) -> None:
    """Take the number away."""
    answer.delete_cookie(DEVICE_COOKIE, path="/")


def _mark(visit: Visit, number: str) -> str:
    return visit.house.keyring.lookup_hash(kind="device_cookie", value=Personal(number)).hex()[:_MARK_LENGTH]
