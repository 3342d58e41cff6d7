"""Calling a loan off whose payout came back: what it would end, and ending it."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from litestar.params import FromPath

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import Answer, Fen, shaped
from mingqu.services.changes.call_off_loan import call_off, call_off_view
from mingqu.services.changes.draw_more import PayoutWaiting
from mingqu.services.changes.take_payout_back import NoPayoutReturned

TAG: Final = "Loans"


class CallOff(Answer, frozen=True, kw_only=True):
    """What calling a loan off would end: `amount_fen` is not paid out any more, `owed_fen` is owed for it.

    From `closes_on` on the house does it by itself. `to_payee` says whether the contract names whom it pays,
    `version_waits` whether a version of it waits for an answer; that is then declined.
    """

    loan_id: UUID
    contract_id: UUID
    amount_fen: Fen
    owed_fen: Fen
    returned_id: UUID
    waits_since: date
    closes_on: date
    to_payee: bool
    version_waits: bool


class CalledOffLoan(Answer, frozen=True, kw_only=True):
    """The id of the event by which the loan ended."""

    event_id: UUID


@reads("/loans/{loan_id:uuid}/call-off", tag=TAG, refuses=(NoPayoutReturned, PayoutWaiting))
def preview_call_off(loan_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> CallOff:
    """Read what calling off a loan would end whose payout came back; nothing is kept."""
    return shaped(call_off_view(house, person_id=caller.person_id, loan_id=loan_id), CallOff)


@writes("/loans/{loan_id:uuid}/call-off", tag=TAG, body=False, refuses=(NoPayoutReturned, PayoutWaiting))
def call_loan_off(loan_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> CalledOffLoan:
    """End a loan unpaid whose payout came back: nothing is owed for it, and it is not paid out any more."""
    return CalledOffLoan(event_id=call_off(house, person_id=caller.person_id, loan_id=loan_id, key=key))


HANDLERS: Final = (preview_call_off, call_loan_off)
