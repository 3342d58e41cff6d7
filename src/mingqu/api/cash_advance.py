"""Cash out of one's own credit card at the bank that issued it: which banks, being sent there, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody, QueryParameter

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.operation import reads, writes
from mingqu.api.shape import PLAIN, Answer, Body, Fen, FenAsked, Hash, shaped
from mingqu.domain.cash_advance import (
    CashAdvanceAboveDay,
    CashAdvanceAboveInstalments,
    CashAdvanceTermsMalformed,
    CashAdvanceTooLong,
    GuidanceMissing,
    Referral,
    ReferralState,
    Repayment,
    Wish,
)
from mingqu.domain.consent import ConsentMissing
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.institution import (
    InstitutionNotConnected,
    InstitutionUnknown,
    PartnerNotListed,
    PilotExcludes,
    RegionNotServed,
)
from mingqu.domain.instrument import CardNotSupported, InstrumentNotVerified
from mingqu.domain.ownership import NotFound
from mingqu.services.once import once_done
from mingqu.services.referrals.follow_referrals import ReturnUnsigned, come_back
from mingqu.services.referrals.read_cash_advance import banks_for, guidance_of, referral_of, referrals_of
from mingqu.services.referrals.refer_cash_advance import (
    GuidanceNotRead,
    IdentityNotProved,
    ReferralOver,
    go_to_bank,
    refer_cash_advance,
)
from mingqu.services.repayment.repay import ChannelUnavailable

TAG: Final = "Cash advance"
Bank = Annotated[str, msgspec.Meta(pattern="^[a-z0-9_-]{1,64}$", examples=["qinghe"])]
Months = Annotated[int, msgspec.Meta(ge=1, le=360, description="1 when repaid at once.", examples=[1])]


class CashAdvanceBank(Answer, frozen=True, kw_only=True):
    """A bank of the directory. `closed` is the code of why the caller is not sent there now, or null."""

    code: Bank
    name_zh: str
    name_en: str
    status: Annotated[str, msgspec.Meta(examples=["connected"])]
    region: Annotated[str, msgspec.Meta(examples=["CN"])]
    closed: Annotated[str | None, msgspec.Meta(examples=["pilot_excludes"])]


class Guidance(Answer, frozen=True, kw_only=True):
    """What is read before leaving; `hash` comes back with the wish, as the word that it was."""

    title_zh: str
    title_en: str
    points_zh: list[str]
    points_en: list[str]
    hash: Hash


class CashAdvanceBanks(Answer, frozen=True, kw_only=True):
    """Every bank whose card holders can be sent to it, and what is read before."""

    banks: list[CashAdvanceBank]
    guidance: Guidance


class NewReferral(Body, frozen=True, kw_only=True):
    """A wish. The money would go to `instrument_id`, a verified debit card of the caller's own."""

    bank: Bank
    instrument_id: UUID
    amount_fen: FenAsked
    repayment: Repayment
    months: Months = 1
    guidance_hash: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PLAIN)]


class CashAdvanceReferral(Answer, frozen=True, kw_only=True):
    """How far a referral has come, as far as the bank said. `amount_paid_fen` is what the bank paid out."""

    referral_id: UUID
    bank: Bank
    amount_fen: Fen
    repayment: Repayment
    months: int
    state: ReferralState
    made_at: datetime
    heard_at: datetime
    amount_paid_fen: Fen | None
    refusal_code: str | None


class LeftForBank(Answer, frozen=True, kw_only=True):
    """A referral, and where to send the browser; null when the bank declined. The address is good for some minutes."""

    referral: CashAdvanceReferral
    address: str | None


class CashAdvanceReferrals(Answer, frozen=True, kw_only=True):
    """The caller's referrals, the latest first."""

    referrals: list[CashAdvanceReferral]


class BroughtBack(Body, frozen=True, kw_only=True):
    """What the bank's page sent the browser back with."""

    result: Annotated[str, msgspec.Meta(min_length=1, max_length=2048, pattern=PLAIN)]


_ROUTING: Final = (
    InstitutionNotConnected,
    PartnerNotListed,
    PilotExcludes,
    RegionNotServed,
    LendingSwitchedOff,
    IdentityNotProved,
)


def _shaped(referral: Referral) -> CashAdvanceReferral:
    wish = referral.wish
    return shaped(
        referral, CashAdvanceReferral, amount_fen=wish.amount_fen, repayment=wish.repayment, months=wish.months
    )


@reads("/cash-advance/banks", tag=TAG, refuses=(GuidanceMissing,))
def list_cash_advance_banks(
    house: HouseHere,
    caller: CallerHere,
    search: Annotated[str, QueryParameter(max_length=100, pattern=PLAIN, description="Part of a name.")] = "",
) -> CashAdvanceBanks:
    """List the banks whose card holders can be sent to it, and what is read before."""
    found, guidance = banks_for(house, person_id=caller.person_id, search=search), guidance_of(house)
    return CashAdvanceBanks(banks=[shaped(one, CashAdvanceBank) for one in found], guidance=shaped(guidance, Guidance))


@writes(
    "/cash-advance/referrals",
    tag=TAG,
    refuses=(
        *_ROUTING,
        InstitutionUnknown,
        NotFound,
        InstrumentNotVerified,
        CardNotSupported,
        GuidanceNotRead,
        ConsentMissing,
        CashAdvanceTermsMalformed,
        CashAdvanceAboveDay,
        CashAdvanceAboveInstalments,
        CashAdvanceTooLong,
        ChannelUnavailable,
        ReferralOver,
    ),
)
def ask_for_referral(data: JSONBody[NewReferral], key: KeyHere, house: HouseHere, caller: CallerHere) -> LeftForBank:
    """Be referred to a bank with a wish; the bank decides on its own pages, and nothing is charged here."""
    left = refer_cash_advance(
        house,
        person_id=caller.person_id,
        bank=data.bank,
        instrument_id=data.instrument_id,
        wish=Wish(amount_fen=data.amount_fen, repayment=data.repayment, months=data.months),
        guidance_hash=data.guidance_hash,
        key=key,
    )
    return LeftForBank(referral=_shaped(left.referral), address=left.address)


@reads("/cash-advance/referrals", tag=TAG)
def list_referrals(house: HouseHere, caller: CallerHere) -> CashAdvanceReferrals:
    """List the caller's referrals."""
    return CashAdvanceReferrals(referrals=[_shaped(one) for one in referrals_of(house, person_id=caller.person_id)])


@reads("/cash-advance/referrals/{referral_id:uuid}", tag=TAG)
def read_referral(referral_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> CashAdvanceReferral:
    """Read how far a referral has come."""
    return _shaped(referral_of(house, person_id=caller.person_id, referral_id=referral_id))


@writes(
    "/cash-advance/referrals/{referral_id:uuid}/visit",
    tag=TAG,
    body=False,
    refuses=(ReferralOver, InstitutionNotConnected, ConsentMissing, ChannelUnavailable),
)
def visit_bank(referral_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> LeftForBank:
    """Have a fresh address of the bank's page, while the referral is open."""

    def act() -> dict[str, object]:
        return {"address": go_to_bank(house, person_id=caller.person_id, referral_id=referral_id)}

    request = {"referral_id": referral_id.hex}
    said = once_done(house, scope=caller.person_id, command="visit_bank", key=key, request=request, act=act)
    known = referral_of(house, person_id=caller.person_id, referral_id=referral_id)
    return LeftForBank(referral=_shaped(known), address=str(said["address"]))


@writes("/cash-advance/returns", tag=TAG, refuses=(ReturnUnsigned, NotFound))
def bring_back(data: JSONBody[BroughtBack], key: KeyHere, house: HouseHere, caller: CallerHere) -> CashAdvanceReferral:
    """Tell what the bank's page sent the browser back with; the bank signed it, so it counts as its word."""

    def act() -> dict[str, object]:
        known = come_back(house, person_id=caller.person_id, result=data.result)
        return {"referral_id": known.referral_id.hex}

    request = {"result": data.result}
    said = once_done(house, scope=caller.person_id, command="bring_back", key=key, request=request, act=act)
    return _shaped(referral_of(house, person_id=caller.person_id, referral_id=UUID(str(said["referral_id"]))))


HANDLERS: Final = (
    list_cash_advance_banks, ask_for_referral, list_referrals, read_referral, visit_bank, bring_back,
)  # fmt: skip
