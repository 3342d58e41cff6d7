"""One-time codes sent by text message: six digits, five minutes, five tries, used once."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

DIGITS: Final = 6
VALID_SECONDS: Final = 300  # long enough to find the phone, short enough for a code overheard
RESEND_SECONDS_MIN: Final = 60  # the shortest interval that acquirers allow between two messages
TRIES_MAX: Final = 5
# With five tries each, ten codes in a day leave a guesser 50 chances in a million.
SENDS_PER_DAY_MAX: Final = 10
_DAY: Final = timedelta(days=1)


class CodeTooSoon(Refusal):
    """A code went out less than a minute ago."""

    code = "code_too_soon"
    status = 429


class CodeSendsExhausted(Refusal):
    """This phone got as many codes in a day as it may."""

    code = "code_sends_exhausted"
    status = 429


class CodeMissing(Refusal):
    """No code was sent to this phone for this purpose."""

    code = "code_missing"


class CodeExpired(Refusal):
    """The code is older than five minutes."""

    code = "code_expired"


class CodeUsed(Refusal):
    """The code was right once already."""

    code = "code_used"


class CodeWrong(Refusal):
    """These are not the digits that were sent."""

    code = "code_wrong"


class CodeTriesExhausted(Refusal):
    """The code was tried wrongly too often."""

    code = "code_tries_exhausted"
    status = 429


class CodePurpose(Enum):
    """What a code is for. A code for one purpose opens no other."""

    SIGN_IN = "sign_in"
    VERIFY_IDENTITY = "verify_identity"
    SIGN_CONTRACT = "sign_contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeCode:
    """The last code sent to a phone for a purpose, known by its keyed hash only."""

    code_hash: bytes
    sent_at: datetime
    tries: int
    used_at: datetime | None
    day_began_at: datetime
    day_sends: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a try came to: the code afterwards, to be stored in either case, and the refusal or None.

    The refusal is a value, for a wrong try counts: store and commit first, then raise it. A refusal that rolled
    the try back would give a guesser as many as he likes.
    """

    code: OneTimeCode
    refusal: Refusal | None


def digits(*, entropy: int) -> Personal[str]:
    """Return six digits out of at least 64 random bits. Example: entropy 1_000_042 → 000042."""
    return Personal(f"{entropy % 10**DIGITS:0{DIGITS}d}")


def issue(*, previous: OneTimeCode | None, code_hash: bytes, at: datetime) -> OneTimeCode:
    """Return the code that takes the place of the one before; its predecessor is void.

    Errors: CodeTooSoon (details: retry_after_seconds), CodeSendsExhausted (the same).
    """
    if previous is None:
        return OneTimeCode(code_hash=code_hash, sent_at=at, tries=0, used_at=None, day_began_at=at, day_sends=1)
    wait = previous.sent_at + timedelta(seconds=RESEND_SECONDS_MIN) - at
    if wait > timedelta(0):
        raise CodeTooSoon(
            "A code is on its way: ask for another in a minute.", retry_after_seconds=_whole_seconds(wait)
        )
    same_day = at < previous.day_began_at + _DAY
    if same_day and previous.day_sends >= SENDS_PER_DAY_MAX:
        raise CodeSendsExhausted(
            f"This phone got {SENDS_PER_DAY_MAX} codes in a day: ask again tomorrow.",
            retry_after_seconds=_whole_seconds(previous.day_began_at + _DAY - at),
        )
    return OneTimeCode(
        code_hash=code_hash,
        sent_at=at,
        tries=0,
        used_at=None,
        day_began_at=previous.day_began_at if same_day else at,
        day_sends=previous.day_sends + 1 if same_day else 1,
    )


def attempt(*, code: OneTimeCode, given_hash: bytes, at: datetime) -> Verdict:
    """Return the verdict on a try. Refusals in this order: used, tries exhausted, expired, wrong (tries_left)."""
    if code.used_at is not None:
        return Verdict(code=code, refusal=CodeUsed("This code was used: ask for a new one."))
    if code.tries >= TRIES_MAX:
        return Verdict(code=code, refusal=CodeTriesExhausted("Too many wrong tries: ask for a new code."))
    if at >= code.sent_at + timedelta(seconds=VALID_SECONDS):
        return Verdict(code=code, refusal=CodeExpired("This code is more than five minutes old: ask for a new one."))
    if not hmac.compare_digest(code.code_hash, given_hash):
        left = TRIES_MAX - code.tries - 1
        return Verdict(
            code=replace(code, tries=code.tries + 1),
            refusal=CodeWrong(f"These are not the digits that were sent: {left} tries left.", tries_left=left),
        )
    return Verdict(code=replace(code, used_at=at), refusal=None)


def _whole_seconds(wait: timedelta) -> int:
    return -(-wait // timedelta(seconds=1))  # rounded up: asking after this many seconds is not too soon
