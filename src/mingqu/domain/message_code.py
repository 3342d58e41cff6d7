"""The code in a message, by which its reader finds out on our own page whether it is ours.

Eight signs of an alphabet of 31, written in two groups of four: 852,891,037,441 codes. It follows from the message's
number under the book's key, so a message that is sent again carries the same one, and nobody else can make it.

What it is worth. The page answers 20 checks of an address and 600 of the site in ten minutes (`web.pace`). With ten
million messages of the last ninety days, one check in 85,000 hits by chance, and what it hits says a day and a subject,
nothing of a person. Whoever wants a code that holds need not guess: they let us send them a message, and copy it. Then
the phone does not agree, which is why the page asks for it as well.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import ClassVar, Final

from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without 0 and O, 1 and I and L, which are misread
LENGTH: Final = 8
_GROUP: Final = 4
# Who doubts a message does so while it lies on the phone; older ones are not answered, and not kept.
KEPT_FOR: Final = timedelta(days=90)


class MessageCodeMalformed(Refusal):
    """A code of a message has eight letters and digits, none of 0, 1, I, L and O."""

    code: ClassVar[str] = "message_code_malformed"


class MessageAbout(Enum):
    """What a message is about, as the page says it. Words are stored: never changed, never used again."""

    SIGN_IN = "sign_in"
    IDENTITY = "identity"
    SIGNING = "signing"
    PAYOUT = "payout"
    REPAYMENT = "repayment"
    ACCOUNT = "account"


_ABOUT: Final = {
    "code.sign_in": MessageAbout.SIGN_IN,
    "code.verify_identity": MessageAbout.IDENTITY,
    "code.sign_contract": MessageAbout.SIGNING,
    "loan.disbursed": MessageAbout.PAYOUT,
    "loan.payout_failed": MessageAbout.PAYOUT,
    "loan.payout_returned": MessageAbout.PAYOUT,
    "spend.draw_returned": MessageAbout.PAYOUT,
    "loan.contract_version": MessageAbout.PAYOUT,
    "loan.payout_waits": MessageAbout.PAYOUT,
    "loan.called_off": MessageAbout.PAYOUT,
}


def about_of(template: str) -> MessageAbout:
    """Return what a message of a template is about. Example: "loan.due" is about a repayment."""
    known = _ABOUT.get(template)
    if known is not None:
        return known
    return MessageAbout.REPAYMENT if template.startswith(("loan.", "payment.")) else MessageAbout.ACCOUNT


def written(digest: bytes) -> Personal[str]:
    """Return the code that follows from a keyed digest of at least 16 bytes. Example: "7KQ4-M2XA".

    The remainder of 128 bits by 31⁸ favors no code by more than one part in 10²⁶.
    """
    assert len(digest) >= 16
    rest, signs = int.from_bytes(digest[:16], "big"), ""
    for _ in range(LENGTH):
        rest, place = divmod(rest, len(ALPHABET))
        signs += ALPHABET[place]
    return Personal(f"{signs[:_GROUP]}-{signs[_GROUP:]}")


def read_code(text: str) -> Personal[str]:
    """Return a code as somebody typed it, in the form it is written. Errors: MessageCodeMalformed."""
    signs = "".join(text.split()).replace("-", "").upper()
    if len(signs) != LENGTH or not set(signs) <= set(ALPHABET):
        raise MessageCodeMalformed("A code has eight letters and digits, as in 7KQ4-M2XA.")
    return Personal(f"{signs[:_GROUP]}-{signs[_GROUP:]}")
