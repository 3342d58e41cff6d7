"""Personal data as a type that does not print, and the masks under which a screen may show it."""

from __future__ import annotations

import hmac
from typing import Final, Generic, NoReturn, SupportsIndex, TypeVar, final

Value = TypeVar("Value", covariant=True)

SHOWN: Final = "‹personal›"


@final
class Personal(Generic[Value]):
    """A value about a person that shows itself only when asked by name, with `reveal()`.

    Its repr, its text and every format of it are `‹personal›`; pickling and JSON are refused, so that it gets
    into no log, error message, test report or cache by accident. Every `reveal()` can be found by a search.
    Source: PIPL art. 51 (encryption, de-identification and limited access as duties of the processor).
    """

    __slots__ = ("__value",)

    def __init__(self, value: Value) -> None:
        self.__value = value

    def reveal(self) -> Value:
        """Return the value itself. Use it at the last moment: to seal, to hash, to send or to mask."""
        return self.__value

    def __repr__(self) -> str:
        return SHOWN

    def __format__(self, format_spec: str) -> str:
        return SHOWN  # a width or precision would tell something about the value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Personal):
            return NotImplemented
        mine, theirs = self.__value, other.reveal()
        if isinstance(mine, str) and isinstance(theirs, str):
            return hmac.compare_digest(mine.encode(), theirs.encode())  # as long for a near miss as for a far one
        return bool(mine == theirs)

    def __hash__(self) -> int:
        return hash((Personal, self.__value))

    def __copy__(self) -> Personal[Value]:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Personal[Value]:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("Personal data is not pickled: seal it in the vault.")


def mask_name(name: Personal[str]) -> str:
    """Return a name with its inner characters hidden. Example: 林知夏 → 林*夏, 林夏 → 林*, 欧阳知夏 → 欧**夏."""
    text = name.reveal()
    if len(text) <= 1:
        return "*"
    if len(text) == 2:
        return f"{text[0]}*"
    return f"{text[0]}{'*' * (len(text) - 2)}{text[-1]}"


def mask_phone(phone: Personal[str]) -> str:
    """Return a mobile number with its middle hidden. Example: 13800138000 → 138****8000."""
    text = phone.reveal()
    return f"{text[:3]}****{text[-4:]}" if len(text) == 11 else "****"


def mask_card(number: Personal[str], *, language: str = "zh") -> str:
    """Return the tail of a card number. Example: 6200001234567892 → 尾号 7892, in English "ending 7892"."""
    text = number.reveal()
    tail = text[-4:] if len(text) >= 12 else "****"
    return f"尾号 {tail}" if language == "zh" else f"ending {tail}"


def mask_id_number(number: Personal[str]) -> str:
    """Return an ID number with all but its ends hidden. Example: 11010519491231002X → 1****************X."""
    text = number.reveal()
    return f"{text[0]}{'*' * 16}{text[-1]}" if len(text) == 18 else "*" * 18
