"""Agreements to deduct what is due: from a card, with the bank's own code, or from a wallet, on its page."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import ends, reads, writes
from mingqu.api.shape import Answer, Body, Digits
from mingqu.domain.consent import ConsentMissing
from mingqu.domain.instrument import CardNotSupported, InstrumentNotVerified
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.services.house import ALIPAY_AGREEMENT
from mingqu.services.once import once_done
from mingqu.services.orders.end_agreement import stop_agreement
from mingqu.services.orders.run_errand import PaymentChannelUnknown
from mingqu.services.repayment.agree_at_wallet import agreement_state, begin_at_wallet
from mingqu.services.repayment.repay import AgreementCodeWrong, AgreementRefused, ChannelUnavailable
from mingqu.services.repayment.repay import confirm_agreement as confirm
from mingqu.services.repayment.repay import request_agreement as ask

TAG: Final = "Agreements"
# How the API names a wallet whose orders have another name here: `alipay` is the page that is paid on by hand.
_CHANNELS: Final = {"alipay": ALIPAY_AGREEMENT}


class NewAgreement(Body, frozen=True, kw_only=True):
    """The card to deduct from."""

    instrument_id: UUID


class Agreement(Answer, frozen=True, kw_only=True):
    """The agreement that the bank's code will confirm."""

    agreement_id: UUID


class NewWalletAgreement(Body, frozen=True, kw_only=True):
    """The wallet to deduct from, where there are several, and where its page leads the person back to."""

    wallet: Annotated[str, msgspec.Meta(min_length=1, max_length=32, examples=["wechat", "alipay"])] | None = None
    back: Annotated[str, msgspec.Meta(pattern="^https?://", max_length=512)]


class WalletPage(Answer, frozen=True, kw_only=True):
    """Where the person signs. Inside the wallet's own app there is no address, but what its script is handed."""

    agreement_id: UUID
    address: str | None
    handover: dict[str, str]


class AgreementState(Answer, frozen=True, kw_only=True):
    """Whether an agreement waits for its signature (pending), holds (active) or does not (ended)."""

    state: Annotated[str, msgspec.Meta(examples=["active"])]


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


@writes(
    "/wallet-agreements",
    tag=TAG,
    refuses=(NotFound, ConsentMissing, PaymentChannelUnknown, AgreementRefused, ChannelUnavailable),
)
def begin_wallet_agreement(
    data: JSONBody[NewWalletAgreement], key: KeyHere, house: HouseHere, caller: CallerHere
) -> WalletPage:
    """Begin an agreement that is signed on a wallet's page. Takes the consent `auto_repayment`.

    Under the same key it is the same agreement, with a page that is good again for ten minutes.
    """
    channel = _CHANNELS.get(data.wallet or "", data.wallet) or next(iter(house.wallets), "")
    begun = begin_at_wallet(house, person_id=caller.person_id, channel=channel, back=data.back, key=key)
    page = begun.page
    return WalletPage(agreement_id=begun.agreement_id, address=page.address or None, handover=dict(page.handover))


@reads("/agreements/{agreement_id:uuid}", tag=TAG)
def read_agreement(agreement_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> AgreementState:
    """Read whether an agreement holds. A signature at a wallet is heard within a minute or so."""
    return AgreementState(state=agreement_state(house, person_id=caller.person_id, agreement_id=agreement_id))


HANDLERS: Final = (request_agreement, confirm_agreement, begin_wallet_agreement, read_agreement, end_agreement)
