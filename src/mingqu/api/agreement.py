"""Agreements to deduct what is due from a card, made with the bank's own code."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import ends, writes
from mingqu.api.shape import Answer, Body, Digits
from mingqu.domain.consent import ConsentMissing
from mingqu.domain.instrument import CardNotSupported, InstrumentNotVerified
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.services.end_agreement import stop_agreement
from mingqu.services.once import once_done
from mingqu.services.repay import AgreementCodeWrong, AgreementRefused, ChannelUnavailable
from mingqu.services.repay import confirm_agreement as confirm
from mingqu.services.repay import request_agreement as ask

TAG: Final = "Agreements"


class NewAgreement(Body, frozen=True, kw_only=True):
    """The card to deduct from."""

    instrument_id: UUID


class Agreement(Answer, frozen=True, kw_only=True):
    """The agreement that the bank's code will confirm."""

    agreement_id: UUID


class Confirmation(Body, frozen=True, kw_only=True):
    """The code that the bank sent to the card's phone."""

    code: Digits


@writes(
    "/agreements",
    tag=TAG,
    refuses=(
        NotFound,
        InstrumentNotVerified,
        CardNotSupported,
        ConsentMissing,
        AgreementRefused,
        ChannelUnavailable,
    ),
)
def request_agreement(data: JSONBody[NewAgreement], key: KeyHere, house: HouseHere, caller: CallerHere) -> Agreement:
    """Begin an agreement: the bank sends a code. Takes the consent `auto_repayment`."""
    agreement_id = ask(house, person_id=caller.person_id, instrument_id=data.instrument_id, key=key)
    return Agreement(agreement_id=agreement_id)


@writes(
    "/agreements/{agreement_id:uuid}/confirmation",
    tag=TAG,
    status=204,
    refuses=(AgreementCodeWrong, AgreementRefused, ChannelUnavailable),
)
def confirm_agreement(
    agreement_id: FromPath[UUID], data: JSONBody[Confirmation], key: KeyHere, house: HouseHere, caller: CallerHere
) -> None:
    """Confirm an agreement with the bank's code: from now on what is due is deducted in the morning."""

    def act() -> dict[str, object]:
        confirm(house, person_id=caller.person_id, agreement_id=agreement_id, code=Personal(data.code))
        return {}

    request = {"agreement_id": agreement_id.hex, **msgspec.to_builtins(data)}
    once_done(house, scope=caller.person_id, command="confirm_agreement", key=key, request=request, act=act)


@ends("/agreements/{agreement_id:uuid}", tag=TAG)
def end_agreement(agreement_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> None:
    """End an agreement: nothing more is deducted, and the bank is told."""

    def act() -> dict[str, object]:
        stop_agreement(house, person_id=caller.person_id, agreement_id=agreement_id)
        return {}

    request = {"agreement_id": agreement_id.hex}
    once_done(house, scope=caller.person_id, command="end_agreement", key=key, request=request, act=act)


HANDLERS: Final = (request_agreement, confirm_agreement, end_agreement)
