"""Let the bills of a revolving account be deducted on their due day, or no more."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import ends, writes
from mingqu.api.shape import Answer, Body
from mingqu.api.spend import TAG
from mingqu.domain.consent import ConsentMissing
from mingqu.domain.spend import DeductedPart
from mingqu.services.once import once_done
from mingqu.services.repayment.choose_deduction import AgreementMissing, stop_deduction
from mingqu.services.repayment.choose_deduction import choose_deduction as choose


class NewBillDeduction(Body, frozen=True, kw_only=True):
    """Which part of each bill is deducted: the least payment, or the whole of it."""

    part: DeductedPart


class BillDeduction(Answer, frozen=True, kw_only=True):
    """The choice that holds from now on."""

    choice_id: UUID


@writes("/spend-accounts/{account_id:uuid}/deduction", tag=TAG, refuses=(ConsentMissing, AgreementMissing))
def choose_deduction(
    account_id: FromPath[UUID], data: JSONBody[NewBillDeduction], key: KeyHere, house: HouseHere, caller: CallerHere
) -> BillDeduction:
    """Let each bill of an account be deducted on its due day from the card or wallet of the caller's agreement.

    Takes the consent `bill_repayment`. Another part takes the place of the one chosen before.
    """
    choice_id = choose(house, person_id=caller.person_id, account_id=account_id, part=data.part, key=key)
    return BillDeduction(choice_id=choice_id)


@ends("/spend-accounts/{account_id:uuid}/deduction", tag=TAG)
def stop_deducting(account_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> None:
    """Let nothing more be deducted; what was not sent yet is withdrawn."""

    def act() -> dict[str, object]:
        stop_deduction(house, person_id=caller.person_id, account_id=account_id)
        return {}

    request = {"account_id": account_id.hex}
    once_done(house, scope=caller.person_id, command="stop_deduction", key=key, request=request, act=act)


HANDLERS: Final = (choose_deduction, stop_deducting)
