"""Write what a guarantor or insurer gets of a day: fees that borrowers paid, and what a guarantor claims (追偿台账).

Nothing personal stands in it: a loan is named by its id. What is booked later does not change a closed day, and whose a
fee is stands in what was signed, so the file can be made again at any time and is the same to the byte.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.reports.report_days import DayNotClosed
from mingqu.store.books import book
from mingqu.store.funders import guarantor_bill, partner_fee
from mingqu.store.funders.partner_fee import PaidFee
from mingqu.store.server.database import Transaction

_COLUMNS: Final = ("loan_id", "lender", "product", "value_date", "currency", "fee_fen")
_CLAIM_COLUMNS: Final = ("loan_id", "lender", "product", "currency", "paid_fen", "recovered_fen", "left_fen")
_END: Final = "\r\n"


class PartnerUnknown(Refusal):
    """No guarantor or insurer has this name; the message names those there are."""

    code: ClassVar[str] = "partner_unknown"
    status: ClassVar[int] = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerFile:
    """One file as it is to be written; `flag` says that it is complete: count, sum and SHA-256 of the bytes."""

    name: str
    content: bytes
    rows: int
    sum_fen: int

    @property
    def flag(self) -> str:
        """What is written beside the file, last."""
        said = {"rows": self.rows, "sum_fen": self.sum_fen, "sha256": hashlib.sha256(self.content).hexdigest()}
        return json.dumps({"file": self.name, **said}, sort_keys=True)


def write_partner_file(house: House, *, partner: str, on: date) -> PartnerFile:
    """Return a partner's file (by code) of a closed day. Errors: PartnerUnknown, DayNotClosed."""
    with house.database.transaction() as tx:
        tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        closed = book.closed_by_all(tx)
        if on > closed:
            raise DayNotClosed(f"The last day that is closed is {closed}.", date=on.isoformat())
        paid = _paid(tx, house, partner=partner, on=on)
    return file_of(house, partner=partner, on=on, paid=paid)


def fees_paid(house: House, *, partner: str, on: date) -> list[PaidFee]:
    """Return what borrowers paid a partner on a day, closed or not. Errors: PartnerUnknown."""
    with house.database.transaction() as tx:
        return _paid(tx, house, partner=partner, on=on)


def _paid(tx: Transaction, house: House, *, partner: str, on: date) -> list[PaidFee]:
    found = partner_fee.paid_on(tx, partner=partner, on=on)
    known = sorted({one.code for one in house.pack.partners})
    if not found and partner not in known:  # one of an older day may be in no file any more
        raise PartnerUnknown(f"There is no partner of this name; there is {', '.join(known) or 'none yet'}.")
    return found


def file_of(house: House, *, partner: str, on: date, paid: list[PaidFee]) -> PartnerFile:
    """Return the file that says what was paid."""
    lines = [",".join(_COLUMNS)]
    for one in paid:
        lender = house.pack.lender(lender_id=one.lender_id).code
        values = (one.loan_id.hex, lender, one.product_id, one.value_date.isoformat(), one.currency, str(one.fee_fen))
        lines.append(",".join(values))
    return PartnerFile(
        name=f"{partner}_{on:%Y%m%d}_fees.csv",
        content="".join(line + _END for line in lines).encode(),
        rows=len(paid),
        sum_fen=sum(one.fee_fen for one in paid),
    )


def write_claims_file(house: House, *, guarantor: str, on: date) -> PartnerFile:
    """Return what a guarantor (by code) paid of each loan by the end of a closed day, had back, and may claim still.

    Errors: PartnerUnknown, DayNotClosed.
    """
    with house.database.transaction() as tx:
        tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        closed = book.closed_by_all(tx)
        if on > closed:
            raise DayNotClosed(f"The last day that is closed is {closed}.", date=on.isoformat())
        claims = guarantor_bill.claims_on(tx, partner=guarantor, on=on)
    known = sorted({one.code for one in house.pack.partners})
    if not claims and guarantor not in known:
        raise PartnerUnknown(f"There is no partner of this name; there is {', '.join(known) or 'none yet'}.")
    lines = [",".join(_CLAIM_COLUMNS)]
    for one in claims:
        lender = house.pack.lender(lender_id=one.lender_id).code
        fens = (str(one.paid_fen), str(one.back_fen), str(one.left_fen))
        lines.append(",".join((one.loan_id.hex, lender, one.product_id, one.currency, *fens)))
    return PartnerFile(
        name=f"{guarantor}_{on:%Y%m%d}_claims.csv",
        content="".join(line + _END for line in lines).encode(),
        rows=len(claims),
        sum_fen=sum(one.left_fen for one in claims),
    )
