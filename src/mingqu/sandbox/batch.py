"""The form of a batch: of what kind it is, and what each of its items must have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from mingqu.sandbox.gateway import Malformed, amount, currency, number32, text

ITEMS_MAX: Final = 500
_ITEM: Final[Mapping[str, Mapping[str, Callable[[Any], bool]]]] = {
    "payout": {
        "order_number": number32,
        "amount_fen": amount,
        "currency": currency,
        "card_number": text,
        "holder_name": text,
    },
    "deduction": {"order_number": number32, "amount_fen": amount, "currency": currency, "protocol_no": text},
}


def is_kind(value: Any) -> bool:
    """Whether a value is a kind of batch."""
    return isinstance(value, str) and value in _ITEM


def is_items(value: Any) -> bool:
    """Whether a value is a list of items, each of another number."""
    if not isinstance(value, list) or not 0 < len(value) <= ITEMS_MAX:
        return False
    numbers = [item.get("order_number") for item in value if isinstance(item, dict)]
    return len(numbers) == len(value) == len(set(map(str, numbers)))


def require_item(item: Any, *, kind: str) -> None:
    """Return when an item has just the fields of its kind. Errors: Malformed."""
    fields = _ITEM[kind]
    if not isinstance(item, dict) or set(item) != set(fields):
        raise Malformed("an item has other fields than those of its kind")
    for name, holds in fields.items():
        if not holds(item[name]):
            raise Malformed(f"{name} of an item is not of its form")
