"""Orders and what is done about them in few words, as the last operations of a history are told."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mingqu.domain.order import Order
from mingqu.domain.word import Word, name_of


def words_of(action: object) -> str:
    """Return what is done in words: AlertHuman is "alert human"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(action).__name__).lower()


def told_of(order: Order, words: Sequence[Word]) -> str:
    """Return an order and what was heard of it, in few words."""
    heard = " ".join(name_of(word) for word in words)
    about = f"…{order.order_id.hex[-6:]} {order.kind.value} {order.amount_fen} fen {order.state.value}"
    conflict = f" in dispute: {order.conflict_code}" if order.disputed else ""
    return f"{about}{' heard ' + heard if heard else ''}{conflict}"
