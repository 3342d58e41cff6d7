"""What the API's bodies and answers are made of. Amounts are whole fen, ids are UUIDs, moments are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import msgspec

FEN_MAX: Final = 2**53 - 1  # what every reader of JSON keeps exactly
PLAIN: Final = r"^[^\x00-\x1f\x7f]*$"  # no control characters, the zero byte least of all

Fen = Annotated[int, msgspec.Meta(ge=0, le=FEN_MAX, description="Whole fen; 100 fen are one yuan.", examples=[1000000])]
FenAsked = Annotated[int, msgspec.Meta(ge=1, le=FEN_MAX, description="Whole fen, at least one.", examples=[1000000])]
Ppm = Annotated[int, msgspec.Meta(description="Parts in a million: 180000 is 18 %.", examples=[180000])]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PLAIN, examples=["张三"])]
Recipient = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PLAIN, examples=["明渠平台"])]
Phone = Annotated[str, msgspec.Meta(min_length=1, max_length=32, pattern=PLAIN, examples=["13800138000"])]
IdNumber = Annotated[str, msgspec.Meta(min_length=1, max_length=32, pattern=PLAIN, examples=["11010519491231002X"])]
CardNumber = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=PLAIN, examples=["6222020000000000000"])]
Digits = Annotated[str, msgspec.Meta(min_length=1, max_length=16, pattern=PLAIN, examples=["123456"])]
Method = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=PLAIN, examples=["equal_instalment"])]
Hash = Annotated[str, msgspec.Meta(description="SHA-256, hexadecimal.", examples=["9f86d081884c7d659a2feaa0c55ad015"])]
Moment = Annotated[datetime, msgspec.Meta(tz=True, description="With its offset from UTC.")]

Shape = TypeVar("Shape", bound=msgspec.Struct)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sent; a field that is not known is refused."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error, in the form of RFC 9457. `code` is stable; some codes add members, such as `tries_left`."""

    type: Annotated[str, msgspec.Meta(examples=["https://mingqu.dev/errors#code_wrong"])]
    title: Annotated[str, msgspec.Meta(examples=["The code is not right."])]
    status: Annotated[int, msgspec.Meta(examples=[422])]
    code: Annotated[str, msgspec.Meta(examples=["code_wrong"])]


def shaped(value: Any, shape: type[Shape], **more: object) -> Shape:
    """Return the members of a view that a shape has, with `more` beside or instead of them."""
    taken = {name: getattr(value, name) for name in shape.__struct_fields__ if name not in more}
    return msgspec.convert({**taken, **more}, shape, from_attributes=True)
