"""Versions of a contract that correct its payee's account: what was signed, what was published, and the answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import PLAIN, Answer, Body, Hash
from mingqu.domain.canonical import read
from mingqu.domain.cap import CapExceeded
from mingqu.domain.freeze import DrawingStopped
from mingqu.domain.gate import RuleBroken
from mingqu.domain.limit import AssessmentExpired, RaisePauses
from mingqu.domain.personal import Personal
from mingqu.domain.purpose.version import VersionDiffers, VersionOver
from mingqu.services.changes.answer_version import (
    VersionsView,
    VersionView,
    agree_version,
    decline_version,
    versions_view,
)
from mingqu.services.changes.correct_payee import PayeeNotBound, PayeeNotCorrected
from mingqu.services.changes.draw_more import PayoutWaiting
from mingqu.services.changes.name_account import name_account
from mingqu.services.changes.take_payout_back import NoPayoutReturned
from mingqu.services.limits.check_drawing import DrawingFrozen
from mingqu.services.limits.stand_in_band import BandLowered
from mingqu.services.loans.reserve_payout import FundingExhausted, LimitExceeded
from mingqu.services.orders.entrust_payment import EntrustedPaymentUnavailable, PayeeMalformed, PayeeView

TAG: Final = "Loans"


class VersionPayee(Answer, frozen=True, kw_only=True):
    """A payee: the company, the code of its bank, the last digits of its account."""

    name: str
    bank: Annotated[str, msgspec.Meta(examples=["QPBK"])]
    tail: Annotated[str, msgspec.Meta(examples=["0029"])]


class ContractVersion(Answer, frozen=True, kw_only=True):
    """A version as published; `hash` is over `body` in canonical JSON.

    `state` is open, agreed, declined, withdrawn or lapsed.
    """

    version_id: UUID
    number: int
    hash: Hash
    body: dict[str, Any]
    state: Annotated[str, msgspec.Meta(examples=["open"])]
    payee: VersionPayee
    published_at: datetime
    lapses_at: datetime
    answered_at: datetime | None
    order_id: UUID | None


class ContractVersions(Answer, frozen=True, kw_only=True):
    """What was signed of a loan's payee (version 1), and every version after it, the newest first."""

    loan_id: UUID
    contract_id: UUID
    signed: VersionPayee
    versions: list[ContractVersion]


class NewAgreement(Body, frozen=True, kw_only=True):
    """The hash of the text that is agreed to, as it was read."""

    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$", examples=["0" * 64])]


class AgreedVersion(Answer, frozen=True, kw_only=True):
    """The order that pays what came back; null where stages are released."""

    order_id: UUID | None


class NewAccount(Body, frozen=True, kw_only=True):
    """The right account of the payee that the contract names, and the code of its bank."""

    account: Annotated[
        str, msgspec.Meta(min_length=8, max_length=34, pattern="^[0-9A-Za-z]+$", examples=["6200009900000000994"])
    ]
    bank: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PLAIN, examples=["QPBK"])]


class NamedAccount(Answer, frozen=True, kw_only=True):
    """The id under which the account is kept until two people looked at it."""

    wish_id: UUID


class DeclinedVersion(Answer, frozen=True, kw_only=True):
    """The id of the version that was declined."""

    version_id: UUID


@reads("/loans/{loan_id:uuid}/contract-versions", tag=TAG)
def list_contract_versions(loan_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> ContractVersions:
    """Read which account of the payee was signed, and the versions that correct it, of a loan that pays a payee."""
    return _versions(versions_view(house, person_id=caller.person_id, loan_id=loan_id))


@writes(
    "/loans/{loan_id:uuid}/contract-versions/{version_id:uuid}/agreement",
    tag=TAG,
    refuses=(
        VersionOver,
        VersionDiffers,
        NoPayoutReturned,
        PayoutWaiting,
        EntrustedPaymentUnavailable,
        AssessmentExpired,
        DrawingFrozen,
        DrawingStopped,
        BandLowered,
        CapExceeded,
        RaisePauses,
        LimitExceeded,
        FundingExhausted,
        RuleBroken,
    ),
)
def agree_contract_version(
    loan_id: FromPath[UUID],
    version_id: FromPath[UUID],
    data: JSONBody[NewAgreement],
    key: KeyHere,
    house: HouseHere,
    caller: CallerHere,
) -> AgreedVersion:
    """Agree to a version that corrects the payee's account: what came back is then paid there, once.

    Of a loan by stages nothing is paid yet (`order_id` is null): two people release the stage that came back.
    """
    order_id = agree_version(
        house, person_id=caller.person_id, loan_id=loan_id, version_id=version_id, agreed_hash=data.hash, key=key
    )
    return AgreedVersion(order_id=order_id)


@writes(
    "/loans/{loan_id:uuid}/contract-versions/{version_id:uuid}/refusal", tag=TAG, body=False, refuses=(VersionOver,)
)
def decline_contract_version(
    loan_id: FromPath[UUID], version_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere
) -> DeclinedVersion:
    """Decline a version: what was signed stays, and the payee that was signed can be paid again."""
    decline_version(house, person_id=caller.person_id, loan_id=loan_id, version_id=version_id, key=key)
    return DeclinedVersion(version_id=version_id)


@writes(
    "/loans/{loan_id:uuid}/payee-accounts",
    tag=TAG,
    refuses=(PayeeNotBound, PayeeNotCorrected, PayeeMalformed, NoPayoutReturned, PayoutWaiting),
)
def name_payee_account(
    loan_id: FromPath[UUID], data: JSONBody[NewAccount], key: KeyHere, house: HouseHere, caller: CallerHere
) -> NamedAccount:
    """Name the right account of the payee of a loan by stages, after a stage came back; nothing changes by that yet.

    Two people of the house look at it and publish a version of the contract, which is then agreed to or not.
    """
    wish_id = name_account(
        house, person_id=caller.person_id, loan_id=loan_id, account=Personal(data.account), bank=data.bank, key=key
    )
    return NamedAccount(wish_id=wish_id)


def _versions(view: VersionsView) -> ContractVersions:
    return ContractVersions(
        loan_id=view.loan_id,
        contract_id=view.contract_id,
        signed=_payee(view.signed),
        versions=[_version(one) for one in view.versions],
    )


def _version(one: VersionView) -> ContractVersion:
    body = read(one.body)
    assert isinstance(body, dict)
    return ContractVersion(
        version_id=one.version_id,
        number=one.number,
        hash=one.hash,
        body=body,
        state=one.state.value,
        payee=_payee(one.payee),
        published_at=one.published_at,
        lapses_at=one.lapses_at,
        answered_at=one.answered_at,
        order_id=one.order_id,
    )


def _payee(payee: PayeeView) -> VersionPayee:
    return VersionPayee(name=payee.name, bank=payee.bank, tail=payee.tail)


HANDLERS: Final = (list_contract_versions, agree_contract_version, decline_contract_version, name_payee_account)
