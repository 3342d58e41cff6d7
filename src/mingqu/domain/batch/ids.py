"""Ids of many things at once, as bytes: the same that `mingqu.domain.identifier` makes one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from mingqu.domain.batch.columns import Integers, as_day
from mingqu.domain.identifier import DERIVED_MAX

Ids = npt.NDArray[np.uint8]  # [n, 16]
Unsigned = npt.NDArray[np.uint64]  # [n]

_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000
HEX_DIGITS: Final = 32  # of an id
_TWO: Final = np.uint64(0b11)
_VARIANT: Final = np.uint64(0b10 << 62)
_RANDOM: Final = np.uint64((1 << 54) - 1)


def dated_all(*, parents: Ids, on: date, purpose: str | Sequence[str], minute: int = 0) -> Ids:
    """Return `identifier.dated` of every parent; `purpose` is one for all of them or one for each."""
    count = len(parents)
    digits = parents.tobytes().hex()
    day = on.isoformat()
    purposes = [purpose] * count if isinstance(purpose, str) else purpose
    digests = b"".join(
        [
            blake2b(f"{digits[at * HEX_DIGITS : (at + 1) * HEX_DIGITS]}:{day}:{each}".encode(), digest_size=8).digest()
            for at, each in enumerate(purposes)
        ]
    )
    entropy = np.frombuffer(digests, dtype=">u8").astype(np.uint64)
    high = parents[:, :8].copy().view(">u8").reshape(count).astype(np.uint64)
    slots = (high >> np.uint64(2)) & np.uint64(0x3FF)
    moment = as_day(on) * _DAY_MS + minute * _MINUTE_MS
    return fresh_all(milliseconds=np.full(count, moment, dtype=np.uint64), slots=slots, entropy=entropy)


def fresh_all(*, milliseconds: Unsigned, slots: Unsigned, entropy: Unsigned) -> Ids:
    """Return `identifier.fresh` of each moment, slot and number."""
    made = np.empty((len(slots), 2), dtype=">u8")
    made[:, 0] = (milliseconds << np.uint64(16)) | np.uint64(0x7 << 12) | (slots << np.uint64(2)) | (entropy & _TWO)
    made[:, 1] = _VARIANT | (((entropy >> np.uint64(2)) & _RANDOM) << np.uint64(8))
    return made.view(np.uint8).reshape(len(slots), 16)


def texts_of(ids: Ids) -> list[str]:
    """Return ids in hexadecimal."""
    digits = ids.tobytes().hex()
    return [digits[at : at + HEX_DIGITS] for at in range(0, len(digits), HEX_DIGITS)]


def with_index(*, parents: Ids, index: Integers) -> Ids:
    """Return `identifier.derived` of every parent with its own index, 1 … 255."""
    assert not len(index) or (int(index.min()) >= 1 and int(index.max()) <= DERIVED_MAX)
    assert not parents[:, 15].any(), "an id is derived from a fresh one only"
    made = parents.copy()
    made[:, 15] = index
    return made
