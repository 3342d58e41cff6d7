"""What follows an authorisation: capture, release, reversal and refund, each allowed or refused by the spend's state.

A word that comes twice under its reference is answered as the first time (`spend_card`). Another word for what is over
moves nothing: giving back a hold that is given back is no harm, reversing what is reversed is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from typing import Final


class Following(Enum):
    """What a network says of a spend that was approved."""

    CAPTURE = "capture"  # the merchant takes the money, whole or in part; the rest of the hold ends
    RELEASE = "release"  # nobody will take it
    REVERSE = "reverse"  # it is to be as if it had never been
    REFUND = "refund"  # the merchant gives money back


class Move(Enum):
    """What money does."""

    POST = "post"
    VOID = "void"
    RETURN = "return"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A spend that was approved: amounts in fen; from `expires_on` its hold no longer holds."""

    amount_fen: int
    expires_on: date
    state: str = "held"
    captured_fen: int = 0
    returned_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How the spend stands afterwards, and what money does; None if it stays where it is."""

    standing: Standing
    outcome: str
    move: Move | None = None
    amount_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmoved:
    """The word is refused; nothing moves. `flagged` is for what somebody should look at."""

    reason: str
    remedy: str
    flagged: bool = False


_ENDED: Final = {
    "captured": Unmoved(reason="captured_already", remedy="refund_instead"),
    "released": Unmoved(reason="hold_ended", remedy="authorise_again"),
    "reversed": Unmoved(reason="hold_ended", remedy="authorise_again"),
}


def follow(
    *, standing: Standing, saying: Following, amount_fen: int, on: date, elsewhere: bool = False
) -> Followed | Unmoved:
    """Return what a word does on a booking day. `amount_fen` counts for a capture and a refund.

    `elsewhere` says that a refund is meant for another instrument than the card: such money would leave its purpose.
    Example: of 10,000 held, a capture of 8,000 posts 8,000 and ends the hold of the other 2,000.
    """
    if saying is Following.CAPTURE:
        return _captured(standing, amount_fen, on)
    if saying is Following.REFUND:
        return _refunded(standing, amount_fen, elsewhere)
    return _taken_back(standing, saying, on)


def _captured(standing: Standing, amount_fen: int, on: date) -> Followed | Unmoved:
    if standing.state != "held":
        return _ENDED[standing.state]
    if on >= standing.expires_on:
        return Unmoved(reason="hold_lapsed", remedy="authorise_again")
    if amount_fen <= 0:
        return Unmoved(reason="amount_not_positive", remedy="correct_the_amount")
    if amount_fen > standing.amount_fen:
        return Unmoved(reason="capture_above_hold", remedy="capture_what_is_held", flagged=True)
    after = replace(standing, state="captured", captured_fen=amount_fen)
    return Followed(standing=after, outcome="captured", move=Move.POST, amount_fen=amount_fen)


def _refunded(standing: Standing, amount_fen: int, elsewhere: bool) -> Followed | Unmoved:
    if elsewhere:
        return Unmoved(reason="refund_elsewhere", remedy="refund_to_the_card", flagged=True)
    if standing.state != "captured":
        return Unmoved(reason="nothing_captured", remedy="reverse_instead")
    if amount_fen <= 0:
        return Unmoved(reason="amount_not_positive", remedy="correct_the_amount")
    if amount_fen > standing.captured_fen - standing.returned_fen:
        return Unmoved(reason="refund_above_captured", remedy="refund_what_was_captured", flagged=True)
    after = replace(standing, returned_fen=standing.returned_fen + amount_fen)
    return Followed(standing=after, outcome="refunded", move=Move.RETURN, amount_fen=amount_fen)


def _taken_back(standing: Standing, saying: Following, on: date) -> Followed | Unmoved:
    outcome = "released" if saying is Following.RELEASE else "reversed"
    if saying is Following.REVERSE and standing.state == "reversed":
        return Unmoved(reason="reversed_already", remedy="nothing_is_left_to_reverse")
    if standing.state in ("released", "reversed"):
        return Followed(standing=standing, outcome=outcome)
    if standing.state == "held":
        if on >= standing.expires_on:  # whoever ends holds that lapsed gives it back
            return Followed(standing=standing, outcome=outcome)
        after = replace(standing, state=outcome)
        return Followed(standing=after, outcome=outcome, move=Move.VOID, amount_fen=standing.amount_fen)
    if saying is Following.RELEASE:
        return _ENDED["captured"]
    left_fen = standing.captured_fen - standing.returned_fen
    after = replace(standing, state="reversed", returned_fen=standing.captured_fen)
    return Followed(standing=after, outcome=outcome, move=Move.RETURN if left_fen else None, amount_fen=left_fen)
