"""Have what is one's own on a revolving account paid to one's card, and read what became of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.order import PaymentOrder
from mingqu.api.shape import Answer, Body, Fen, FenAsked
from mingqu.api.spend import TAG
from mingqu.domain.instrument import CardNotSupported, InstrumentNotVerified
from mingqu.domain.spend import CreditExceeded
from mingqu.services.revolving.read_spend import credit_returns
from mingqu.services.revolving.record_spend import RepaymentUnderWay
from mingqu.services.revolving.return_credit import return_credit as order_return


class NewCreditReturn(Body, frozen=True, kw_only=True):
    """The caller's own debit card, and how much of the credit goes there."""

    instrument_id: UUID
    amount_fen: FenAsked


class CreditReturn(Answer, frozen=True, kw_only=True):
    """An order that pays credit to a card. FAILED, or PAID and come back from there, it is credit again."""

    order_id: UUID
    amount_fen: Fen
    state: Annotated[str, msgspec.Meta(description="RESERVED, SENT, UNKNOWN, PAID or FAILED.", examples=["PAID"])]
    asked_at: datetime
    paid_on: date | None
    came_back: bool


class CreditReturns(Answer, frozen=True, kw_only=True):
    """The last of them, the newest first."""

    returns: list[CreditReturn]


@writes(
    "/spend-accounts/{account_id:uuid}/credit-returns",
    tag=TAG,
    refuses=(CreditExceeded, InstrumentNotVerified, CardNotSupported, RepaymentUnderWay),
)
def return_credit(
    account_id: FromPath[UUID], data: JSONBody[NewCreditReturn], key: KeyHere, house: HouseHere, caller: CallerHere
) -> PaymentOrder:
    """Have credit of an account paid to the caller's own card: nothing that closes drawing closes this.

    It leaves the account at once, so a purchase finds it no more; what the bank does not pay is credit again.
    """
    order_id = order_return(
        house,
        person_id=caller.person_id,
        account_id=account_id,
        instrument_id=data.instrument_id,
        amount_fen=data.amount_fen,
        key=key,
    )
    return PaymentOrder(order_id=order_id, amount_fen=data.amount_fen)


@reads("/spend-accounts/{account_id:uuid}/credit-returns", tag=TAG)
def list_credit_returns(account_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> CreditReturns:
    """List the last orders that paid credit of an account to a card."""
    found = credit_returns(house, person_id=caller.person_id, account_id=account_id)
    return CreditReturns(
        returns=[
            CreditReturn(
                order_id=one.order.order_id,
                amount_fen=one.order.amount_fen,
                state=one.order.state.value,
                asked_at=one.order.run_at,
                paid_on=one.order.value_date,
                came_back=one.came_back,
            )
            for one in found
        ]
    )


HANDLERS: Final = (return_credit, list_credit_returns)
