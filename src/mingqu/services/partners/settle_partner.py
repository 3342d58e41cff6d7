"""Settle a day with a guarantor or insurer, once its own statement of that day says the same as the book.

The partner states, loan by loan, what is its own: fees that borrowers paid, what was collected for it after it had
paid, and what it paid in borrowers' places. Any difference is told and nothing is settled. What agrees is posted
against the lender's cash: fees and collections go out, compensation comes in. Each loan and day is settled once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial as bound
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.identifier import dated, derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.partner import PartnerRole
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.partners.write_partner_file import PartnerUnknown
from mingqu.services.reports.report_days import DayNotClosed
from mingqu.store.books import book
from mingqu.store.funders import guarantor
from mingqu.store.funders.guarantor import PartnerLine
from mingqu.store.ledgers import ledger
from mingqu.store.ledgers.ledger import TransferRefused
from mingqu.store.server.database import Transaction

COLUMNS: Final = ("loan_id", "fee_fen", "recovered_fen", "compensated_fen")
ROWS_MAX: Final = 1_000_000  # of a day: more loans than one partner has
DIFFERENCES_SHOWN: Final = 20
LOANS_PER_CHUNK: Final = 200  # of one transaction: some hundred transfers under the cell's lock
_END: Final = "\r\n"
_WAITS_ON: Final = {
    PartnerRole.GUARANTOR: AccountCode.DUE_GUARANTEE_FEE,
    PartnerRole.INSURER: AccountCode.DUE_PREMIUM,
}


class StatementMalformed(Refusal):
    """A partner's statement is no CSV of loan_id, fee_fen, recovered_fen and compensated_fen with each loan once."""

    code: ClassVar[str] = "statement_malformed"


class StatementDiffers(Refusal):
    """A partner's statement and the book differ; the first loans are named, and nothing was settled."""

    code: ClassVar[str] = "statement_differs"
    status: ClassVar[int] = 409


class LenderCashShort(Refusal):
    """A lender has not the cash for what a partner is owed; what was settled before stands, ask again when it has."""

    code: ClassVar[str] = "lender_cash_short"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerDay:
    """What a day came to for a partner, in fen: what it is paid, and what it pays."""

    partner: str
    on: date
    lines: tuple[PartnerLine, ...]

    @property
    def net_fen(self) -> int:
        """What the partner gets, less what it gives; below zero it gives."""
        return sum(one.fee_fen + one.recovered_fen - one.compensated_fen for one in self.lines)


def state_partner(house: House, *, partner: str, on: date) -> PartnerDay:
    """Return what moved for a partner on a closed day and is not settled yet. Errors: PartnerUnknown, DayNotClosed."""
    account = _account_of(house, partner)
    with house.database.transaction() as tx:
        closed = book.closed_by_all(tx)
        if on > closed:
            raise DayNotClosed(f"The last day that is closed is {closed}.", date=on.isoformat())
        lines = [
            one
            for cell in range(tx.cells)
            for one in guarantor.moved_on(tx, cell=cell, partner=partner, account=account, on=on)
        ]
    return PartnerDay(partner=partner, on=on, lines=tuple(lines))


def _account_of(house: House, partner: str) -> AccountCode:
    """Return on which accounts the fees of a partner wait for it. Errors: PartnerUnknown."""
    known = {one.code: one.role for one in house.pack.partners}
    if partner not in known:
        raise PartnerUnknown(f"There is no partner of this name; there is {', '.join(sorted(known)) or 'none yet'}.")
    return _WAITS_ON[known[partner]]


def statement_of(day: PartnerDay) -> bytes:
    """Return a day as a partner states it: what it should send if it has the same in its books."""
    rows = [",".join(COLUMNS)]
    rows += [f"{one.loan_id.hex},{one.fee_fen},{one.recovered_fen},{one.compensated_fen}" for one in day.lines]
    return "".join(row + _END for row in rows).encode()


def settle_partner(house: House, *, partner: str, on: date, statement: bytes) -> PartnerDay:
    """Settle a closed day with a partner whose statement agrees; return what was settled now, done again nothing.

    Errors: PartnerUnknown, DayNotClosed, StatementMalformed, StatementDiffers, LenderCashShort.
    """
    day = state_partner(house, partner=partner, on=on)
    said = _read(statement)
    if not day.lines:  # settled already, or nothing moved
        return day
    ours = {one.loan_id: (one.fee_fen, one.recovered_fen, one.compensated_fen) for one in day.lines}
    differing = sorted(loan_id.hex for loan_id in ours if said.get(loan_id) != ours[loan_id])
    differing += sorted(loan_id.hex for loan_id in said if loan_id not in ours and not _settled(house, loan_id, day))
    if differing:
        named = ", ".join(differing[:DIFFERENCES_SHOWN])
        raise StatementDiffers(
            f"The statement and the book differ on {len(differing)} loans: {named}.", loans=len(differing)
        )
    account = _account_of(house, partner)
    by_cell: dict[int, list[PartnerLine]] = {}
    for one in day.lines:
        by_cell.setdefault(one.cell, []).append(one)
    for cell, lines in sorted(by_cell.items()):
        for first in range(0, len(lines), LOANS_PER_CHUNK):
            chunk = lines[first : first + LOANS_PER_CHUNK]
            house.database.run(bound(_settle, house=house, cell=cell, day=day, account=account, chunk=chunk))
    return day


def _settled(house: House, loan_id: UUID, day: PartnerDay) -> bool:
    with house.database.transaction() as tx:
        return guarantor.is_settled(tx, loan_id=loan_id, partner=day.partner, on=day.on)


def _settle(
    tx: Transaction, *, house: House, cell: int, day: PartnerDay, account: AccountCode, chunk: Sequence[PartnerLine]
) -> None:
    """Post some loans of a cell, each once: what somebody else settled meanwhile is passed over."""
    tx.lock_cell(cell)
    open_still = {
        one.loan_id for one in guarantor.moved_on(tx, cell=cell, partner=day.partner, account=account, on=day.on)
    }
    lines = [one for one in chunk if one.loan_id in open_still]
    today = house.booking_date(tx, cell=cell)
    settled = [(dated(one.loan_id, on=day.on, purpose=f"partner {day.partner}"), one) for one in lines]
    transfers = [each for settled_id, one in settled for each in _transfers(settled_id, one, account, day.on, today)]
    # What comes in first, so that it is there for what goes out.
    transfers.sort(key=lambda each: (each.debit.code is not AccountCode.LENDER_CASH, each.id))
    ledger.open_accounts(
        tx, cell=cell, accounts=list(dict.fromkeys(side for each in transfers for side in (each.debit, each.credit)))
    )
    try:
        ledger.post(tx, cell=cell, transfers=transfers)
    except TransferRefused as refused:
        raise LenderCashShort(
            "A lender has not the cash for what it owes this partner: put money in first."
        ) from refused
    guarantor.insert_settled(tx, partner=day.partner, on=day.on, posted_on=today, settled=settled)


def _transfers(settled_id: UUID, one: PartnerLine, account: AccountCode, on: date, today: date) -> list[Transfer]:
    def of(owner: UUID, code: AccountCode) -> Account:
        return Account(owner=owner, code=code, currency=one.currency)

    cash = of(one.lender_id, AccountCode.LENDER_CASH)
    ways = (
        (of(one.loan_id, account), cash, one.fee_fen, Reason.PAY_PARTNER),
        (of(one.loan_id, AccountCode.DUE_TO_GUARANTOR), cash, one.recovered_fen, Reason.PAY_PARTNER),
        (cash, of(one.lender_id, AccountCode.COLLECTION_CLEARING), one.compensated_fen, Reason.PARTNER_PAYS),
    )
    return [
        Transfer(
            id=derived(settled_id, place),
            debit=debit if fen > 0 else credit,
            credit=credit if fen > 0 else debit,
            amount_fen=abs(fen),
            reason=reason,
            value_date=on,
            posted_on=today,
            reference=settled_id,
        )
        for place, (debit, credit, fen, reason) in enumerate(ways, start=1)
        if fen
    ]


def _read(statement: bytes) -> Mapping[UUID, tuple[int, int, int]]:
    """Return what a statement says of each loan. Errors: StatementMalformed."""
    try:
        rows = list(csv.reader(io.StringIO(statement.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise StatementMalformed("The statement does not read as CSV in UTF-8.") from None
    if not rows or tuple(rows[0]) != COLUMNS or len(rows) > ROWS_MAX:
        raise StatementMalformed(
            f"The first row names the columns {', '.join(COLUMNS)}, and at most {ROWS_MAX} follow."
        )
    found: dict[UUID, tuple[int, int, int]] = {}
    for number, row in enumerate(rows[1:], start=2):
        try:
            loan_id, fee, recovered, compensated = UUID(hex=row[0]), *map(_fen, row[1:])
        except ValueError:
            raise StatementMalformed(
                f"Row {number} is not a loan and three amounts in whole fen.", row=number
            ) from None
        if loan_id in found:
            raise StatementMalformed(f"Row {number} names a loan for the second time.", row=number)
        found[loan_id] = (fee, recovered, compensated)
    return found


def _fen(text: str) -> int:
    """Return whole fen as the file writes them. Errors: ValueError for anything else, a plus or a space included."""
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit():
        raise ValueError(text)
    return int(text)
