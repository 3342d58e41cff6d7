"""Agreements to deduct what is due from a card, made with the bank's own code."""

from __future__ import annotations

from typing import Annotated, Final
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
from mingqu.services.agree_at_wallet import AgreementNotSigned, begin_wallet_agreement, finish_wallet_agreement
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


class NewWalletAgreement(Body, frozen=True, kw_only=True):
    """The wallet to deduct from, and where the browser goes afterwards."""

    instrument_id: UUID
    back: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=512, pattern="^https?://[!-~]+$", examples=["https://loans.example/me"]),
    ]


class WalletAgreementPage(Answer, frozen=True, kw_only=True):
    """The agreement, and the wallet's page on which the person signs it."""

    agreement_id: UUID
    address: Annotated[str, msgspec.Meta(examples=["https://openapi.alipay.com/gateway.do?…"])]


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


@writes(
    "/agreements/wallet",
    tag=TAG,
    refuses=(NotFound, InstrumentNotVerified, CardNotSupported, ConsentMissing, ChannelUnavailable),
)
def request_wallet_agreement(
    data: JSONBody[NewWalletAgreement], key: KeyHere, house: HouseHere, caller: CallerHere
) -> WalletAgreementPage:
    """Begin an agreement on a bound wallet: the person signs on its page. Takes the consent `auto_repayment`."""
    begun = begin_wallet_agreement(
        house, person_id=caller.person_id, instrument_id=data.instrument_id, back=data.back, key=key
    )
    return WalletAgreementPage(agreement_id=begun.agreement_id, address=begun.address)


@writes(
    "/agreements/{agreement_id:uuid}/signature",
    tag=TAG,
    body=False,
    status=204,
    refuses=(ConsentMissing, AgreementNotSigned, AgreementRefused, ChannelUnavailable),
)
def confirm_wallet_agreement(agreement_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> None:
    """Let an agreement hold that was signed at the wallet, which is asked whether it was."""

    def act() -> dict[str, object]:
        finish_wallet_agreement(house, person_id=caller.person_id, agreement_id=agreement_id)
        return {}

    request = {"agreement_id": agreement_id.hex}
    once_done(house, scope=caller.person_id, command="finish_wallet_agreement", key=key, request=request, act=act)


@ends("/agreements/{agreement_id:uuid}", tag=TAG)
def end_agreement(agreement_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> None:
    """End an agreement: nothing more is deducted, and the bank is told."""

    def act() -> dict[str, object]:
        stop_agreement(house, person_id=caller.person_id, agreement_id=agreement_id)
        return {}

    request = {"agreement_id": agreement_id.hex}
    once_done(house, scope=caller.person_id, command="end_agreement", key=key, request=request, act=act)


HANDLERS: Final = (
    request_agreement,
    confirm_agreement,
    request_wallet_agreement,
    confirm_wallet_agreement,
    end_agreement,
)
