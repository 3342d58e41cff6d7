"""What a channel can say about an order, and what it means when it says nothing.

Only three of these words end an order: `Paid`, `Refused` and `Failed`. A channel's adapter may use them only
where the channel's document says that the answer is final for this order number. Everything else (a time-out,
a server error, an empty answer, "no such order") leaves the order open, because the money may still move.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mingqu.domain.money import AMOUNT_FEN_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The channel took the order and will do it. `reference` is the channel's own number, if it gave one."""

    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InProgress:
    """The channel knows the order and has not ended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """The money moved. `at` is the channel's success time: it decides the value date, not when we heard of it."""

    at: datetime
    amount_fen: int
    currency: str
    reference: str

    def __post_init__(self) -> None:
        assert self.at.tzinfo is not None, "a success time carries its time zone"
        assert 0 < self.amount_fen <= AMOUNT_FEN_MAX
        assert self.reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The channel will never do an order of this number (said in answer to a send). `code` is the channel's reason."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The channel took the order, ended it without moving money, and will never do it. `code` is its reason."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """The channel does not know the number. It may still learn it: a request can be under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberTaken:
    """The channel knows the number with another body. Which of the two it did is for a human to find out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """Nothing usable came back. `reason` is one of those of `mingqu.ports.silence`, e.g. "timeout"."""

    reason: str


Word = Accepted | InProgress | Paid | Refused | Failed | NotFound | NumberTaken | Silent


def name_of(word: Word) -> str:
    """Return the word's stable name, as the word log writes it. Example: NotFound() → "not_found"."""
    return _NAMES[type(word)]


def code_of(word: Word) -> str | None:
    """Return the reason a word carries (the channel's code, or the kind of silence), or None."""
    match word:
        case Refused(code=code) | Failed(code=code):
            return code
        case Silent(reason=reason):
            return reason
        case _:
            return None


_NAMES: dict[type[Word], str] = {
    Accepted: "accepted",
    InProgress: "in_progress",
    Paid: "paid",
    Refused: "refused",
    Failed: "failed",
    NotFound: "not_found",
    NumberTaken: "number_taken",
    Silent: "silent",
}
