"""Load an acquirer's table of card prefixes, and find the one by which a card is added today."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from mingqu.domain.card_bin import read_bin_rows
from mingqu.domain.instrument import Bin, BinTableMalformed
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.store.people import card_bin
from mingqu.store.server.database import Transaction


class BinTableInThePast(Refusal):
    """A table of card prefixes holds from today or later: cards that were added are not judged anew."""

    code: ClassVar[str] = "bin_table_in_the_past"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedBins:
    """A table as it was loaded; `new` is False for a file that was loaded before, from the same day."""

    version: int
    rows: int
    issuers: int
    holds_from: date
    new: bool


def load_bins(house: House, *, content: bytes, holds_from: date | None = None) -> LoadedBins:
    """Load a CSV in UTF-8, whole or not at all; it holds from today unless a later day is said.

    Errors: BinTableMalformed, BinTableInThePast.
    """
    today = house.clock.business_date()
    since = today if holds_from is None else holds_from
    if since < today:
        raise BinTableInThePast("A table of card prefixes holds from today or later.")
    bins = read_bin_file(content)
    at, file_hash = house.clock.now(), hashlib.sha256(content).digest()
    version, new = house.database.run(
        lambda tx: card_bin.insert(tx, bins=bins, holds_from=since, file_hash=file_hash, at=at)
    )
    issuers = len({one.issuer for one in bins})
    return LoadedBins(version=version, rows=len(bins), issuers=issuers, holds_from=since, new=new)


def read_bin_file(content: bytes) -> tuple[Bin, ...]:
    """Return the rows of a CSV in UTF-8. Errors: BinTableMalformed."""
    try:
        text = content.decode("utf-8-sig")
        return read_bin_rows(csv.reader(io.StringIO(text, newline=""), strict=True))
    except UnicodeDecodeError:
        raise BinTableMalformed("The file is not text in UTF-8.") from None
    except csv.Error:
        raise BinTableMalformed("The file does not read as CSV.") from None


def bins_today(tx: Transaction, house: House) -> Sequence[Bin]:
    """Return the table by which a card is added today: the one that was loaded, or else the house's own."""
    return card_bin.in_force(tx, on=house.clock.business_date()) or house.bins
