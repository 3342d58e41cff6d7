"""What we need from whoever takes many payouts or deductions in one message (批量代付, 批量代收).

A batch is an envelope and no more. Each item keeps its own order number and its own end, so part of a batch may be paid
and part refused, and an item whose batch fell silent is asked for, and said again, by its own number alone. A silent
batch therefore is as many orders UNKNOWN, and nothing of it fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.collection import DeductionRequest
from mingqu.ports.payout import PayoutRequest

BATCH_ITEMS_MAX: Final = 500  # a message of some 150 kB, well inside the time-outs of one exchange

ItemWord = Accepted | Paid | Refused | NumberTaken


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Payouts, or deductions, under one number of ours (32 hex digits, never used again); numbers of items differ."""

    batch_number: str
    items: tuple[PayoutRequest, ...] | tuple[DeductionRequest, ...]

    def __post_init__(self) -> None:
        assert 0 < len(self.items) <= BATCH_ITEMS_MAX
        assert len({type(item) for item in self.items}) == 1, "a batch pays or collects"
        assert len({item.order_number for item in self.items}) == len(self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTaken:
    """The batch arrived. `words` has what is said of each item, by order number; an item without one is silent."""

    words: Mapping[str, ItemWord]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTold:
    """What became of the items of a batch, by order number."""

    words: Mapping[str, Paid | Failed | InProgress]


class BatchChannel(Protocol):
    """Takes batches; each item is idempotent by its number, in a batch or by itself."""

    def send_batch(self, batch: Batch) -> BatchTaken | NumberTaken:
        """Ask for all items. Errors: ChannelSilent, after which each of them may or may not have been done."""
        ...

    def ask_batch(self, batch_number: str) -> BatchTold | NotFound:
        """Tell what became of a batch. Errors: ChannelSilent. `NotFound` is not a failure of any item."""
        ...
