"""One payment by hand of all that is due today on several loans, whoever lent."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.order import PaymentPage
from mingqu.api.shape import Answer, Fen, shaped
from mingqu.services.once import once_done
from mingqu.services.orders.run_errand import PaymentChannelUnknown
from mingqu.services.repayment import repay_together as service
from mingqu.services.repayment.repay import ChannelUnavailable, NothingDue
from mingqu.services.repayment.repay_together import CombinedPayment, NotSeveralDue, combined_payment, open_combined

TAG: Final = "Payments"


class Part(Answer, frozen=True, kw_only=True):
    """What one loan gets of a combined payment; its order is read like any other."""

    order_id: UUID
    loan_id: UUID
    lender_zh: str
    lender_en: str
    amount_fen: Fen
    state: Annotated[str, msgspec.Meta(description="RESERVED, SENT, UNKNOWN, PAID or FAILED.", examples=["PAID"])]


class Combined(Answer, frozen=True, kw_only=True):
    """One payment and its parts. A part that is not settled was not taken, and stays due."""

    combined_id: UUID
    total_fen: Fen
    paid_fen: Fen
    open: bool
    parts: list[Part]


@writes("/combined-payments", tag=TAG, body=False, refuses=(NotSeveralDue, PaymentChannelUnknown))
def make_combined_payment(key: KeyHere, house: HouseHere, caller: CallerHere) -> Combined:
    """Make one payment of all that is due today on the caller's loans, at most ten, the longest overdue first."""
    return _combined(service.repay_together(house, person_id=caller.person_id, key=key))


@reads("/combined-payments/{combined_id:uuid}", tag=TAG)
def read_combined_payment(combined_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Combined:
    """Read what became of each part."""
    return _combined(combined_payment(house, person_id=caller.person_id, combined_id=combined_id))


@writes(
    "/combined-payments/{combined_id:uuid}/page",
    tag=TAG,
    body=False,
    status=200,
    refuses=(NothingDue, ChannelUnavailable, PaymentChannelUnknown),
)
def open_combined_page(combined_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> PaymentPage:
    """Open the page on which the caller pays once for all parts."""

    def act() -> dict[str, object]:
        return {"address": open_combined(house, person_id=caller.person_id, combined_id=combined_id).address}

    request = {"combined_id": combined_id.hex}
    answer = once_done(house, scope=caller.person_id, command="open_combined", key=key, request=request, act=act)
    return PaymentPage(address=str(answer["address"]))


def _combined(made: CombinedPayment) -> Combined:
    return shaped(made, Combined, parts=[shaped(part, Part, state=part.state.value) for part in made.parts])


HANDLERS: Final = (make_combined_payment, read_combined_payment, open_combined_page)
