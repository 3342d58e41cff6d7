"""Signing, and the contract as content and as paper."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.offer import Table
from mingqu.api.operation import reads, writes
from mingqu.api.shape import PLAIN, Answer, Body, Digits, FenAsked, Hash, Moment
from mingqu.domain.canonical import Canonical
from mingqu.domain.cap import CapExceeded
from mingqu.domain.consent import ConsentMissing
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.freeze import DrawingStopped
from mingqu.domain.gate import RuleBroken
from mingqu.domain.institution import InstitutionNotConnected, PartnerNotListed, PilotExcludes
from mingqu.domain.instrument import CardNotSupported, InstrumentNotVerified
from mingqu.domain.limit import AssessmentExpired, RaisePauses
from mingqu.domain.loan.lend import DisbursementNotAllowed
from mingqu.domain.one_time_code import (
    CodeExpired,
    CodeMissing,
    CodeSendsExhausted,
    CodeTooSoon,
    CodeTriesExhausted,
    CodeUsed,
    CodeWrong,
)
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.services.checkout.open_checkout import CheckoutOver
from mingqu.services.checkout.take_checkout import CheckoutUsed, OrderNotAgreed
from mingqu.services.contracts.send_signing_code import send_signing_code as send_code
from mingqu.services.contracts.sign_contract import PayoutTimeOutOfRange
from mingqu.services.contracts.sign_contract import sign_contract as sign
from mingqu.services.customers.read_papers import contract_view, party_of
from mingqu.services.lenders.sign_with_lender import (
    LenderCalledOff,
    LenderNotConfirmed,
    LenderNotFunded,
    LenderNotSigned,
    PriceChanged,
)
from mingqu.services.limits.check_drawing import DrawingFrozen
from mingqu.services.limits.stand_in_band import BandLowered
from mingqu.services.loans.reserve_payout import FundingExhausted, LimitExceeded
from mingqu.services.offers.disclose_cost import CostTableNotRead, OfferStale
from mingqu.services.offers.price_offer import CostAboveCap
from mingqu.services.once import once_done
from mingqu.services.orders.entrust_payment import EntrustedPaymentUnavailable, Payee, PayeeMalformed, PayeeMissing
from mingqu.services.purpose.bind_money import FundsContractNotAgreed
from mingqu.services.repayment.repay import ChannelUnavailable
from mingqu.web.print_paper import contract_pdf

TAG: Final = "Contracts"


class NewPayee(Body, frozen=True, kw_only=True):
    """Whom the contract names to be paid in the borrower's place: account, its bank's code, name, and what for."""

    account: Annotated[str, msgspec.Meta(min_length=8, max_length=34, pattern="^[0-9A-Za-z]+$", examples=["62200001"])]
    name: Annotated[str, msgspec.Meta(min_length=2, max_length=120, pattern=PLAIN, examples=["河畔建筑有限公司"])]
    bank: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PLAIN, examples=["QPBK"])]
    purpose: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PLAIN, examples=["workshop"])]


class NewContract(Body, frozen=True, kw_only=True):
    """The offer to sign, the code that signs it, and the own verified card to pay to, or the payee paid instead.

    Without `payout_at` the money leaves at once, else then, up to a week ahead. `payout_fen` is the first part of a
    loan that is paid out in several. Money that is bound to a purpose goes to no card: `funds_contract_hash` agrees to
    what it may be used for, and the quote says whom it goes to; of an order at a merchant's it is the order's hash.
    """

    offer_id: UUID
    instrument_id: UUID | None = None
    payee: NewPayee | None = None
    code: Digits
    payout_at: Moment | None = None
    payout_fen: FenAsked | None = None
    funds_contract_hash: Hash | None = None


class SignedContract(Answer, frozen=True, kw_only=True):
    """What signing made: the contract, its loan, and the order by which the money is paid out."""

    contract_id: UUID
    loan_id: UUID
    payout_order_id: UUID


class Contract(Answer, frozen=True, kw_only=True):
    """A signed contract with the cost table that was read before it."""

    contract_id: UUID
    loan_id: UUID
    offer_id: UUID
    signed_at: datetime
    body: Annotated[
        dict[str, object],
        msgspec.Meta(
            description="The contract as it is hashed.", examples=[{"lender": "晴川消费金融", "product": "x"}]
        ),
    ]
    body_hash: Hash
    cost_table: Table
    cost_table_hash: Hash
    bank_zh: str
    bank_en: str
    card_tail: Annotated[str, msgspec.Meta(examples=["0018"])]


@writes(
    "/offers/{offer_id:uuid}/signing-code",
    tag=TAG,
    body=False,
    status=204,
    refuses=(
        OfferStale,
        CostTableNotRead,
        DrawingFrozen,
        DrawingStopped,
        AssessmentExpired,
        CostAboveCap,
        RuleBroken,
        CodeTooSoon,
        CodeSendsExhausted,
        PriceChanged,
        LenderNotSigned,
        InstitutionNotConnected,
        PartnerNotListed,
        PilotExcludes,
        ChannelUnavailable,
    ),
)
def send_signing_code(offer_id: FromPath[UUID], key: KeyHere, house: HouseHere, caller: CallerHere) -> None:
    """Send the code that signs an offer to the caller's own phone, with the lender and the amount it signs for.

    The cost table must be read by then. The code opens no other offer; a new one takes its place, at most one a minute.
    """

    def act() -> dict[str, object]:
        send_code(house, person_id=caller.person_id, offer_id=offer_id)
        return {}

    request: dict[str, Canonical] = {"offer_id": offer_id.hex}
    once_done(house, scope=caller.person_id, command="send_signing_code", key=key, request=request, act=act)


@writes(
    "/contracts",
    tag=TAG,
    refuses=(
        NotFound,
        FundsContractNotAgreed,
        OrderNotAgreed,
        CheckoutOver,
        CheckoutUsed,
        OfferStale,
        CostTableNotRead,
        ConsentMissing,
        InstrumentNotVerified,
        CardNotSupported,
        PayoutTimeOutOfRange,
        PayeeMissing,
        PayeeMalformed,
        EntrustedPaymentUnavailable,
        DisbursementNotAllowed,
        BandLowered,
        CapExceeded,
        RaisePauses,
        LendingSwitchedOff,
        LimitExceeded,
        FundingExhausted,
        DrawingFrozen,
        DrawingStopped,
        AssessmentExpired,
        CostAboveCap,
        RuleBroken,
        CodeMissing,
        CodeUsed,
        CodeExpired,
        CodeWrong,
        CodeTriesExhausted,
        LenderCalledOff,
        LenderNotConfirmed,
        LenderNotFunded,
        LenderNotSigned,
        InstitutionNotConnected,
        PartnerNotListed,
        PilotExcludes,
        ChannelUnavailable,
    ),
)
def sign_contract(data: JSONBody[NewContract], key: KeyHere, house: HouseHere, caller: CallerHere) -> SignedContract:
    """Sign the contract of an offer.

    Takes a cost table that was read and confirmed, the consent `pass_to_lender` that names the lender, and the code
    that was sent for this offer. A wrong code counts, and the same key may bring the right one.
    """
    signed = sign(
        house,
        person_id=caller.person_id,
        offer_id=data.offer_id,
        instrument_id=data.instrument_id,
        payee=None if data.payee is None else payee_of(data.payee),
        payout_at=data.payout_at,
        code=Personal(data.code),
        payout_fen=data.payout_fen,
        agreed_hash=data.funds_contract_hash,
        key=key,
    )
    return SignedContract(
        contract_id=signed.contract_id, loan_id=signed.loan_id, payout_order_id=signed.payout_order_id
    )


def payee_of(said: NewPayee) -> Payee:
    """Return a payee as the contract names it."""
    return Payee(account=Personal(said.account), name=Personal(said.name), bank=said.bank, purpose=said.purpose)


@reads("/contracts/{contract_id:uuid}", tag=TAG)
def read_contract(contract_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Contract:
    """Read a contract; its hash is the one in its leaf of the evidence log."""
    view = contract_view(house, person_id=caller.person_id, contract_id=contract_id)
    return Contract(
        contract_id=contract_id,
        loan_id=view.loan_id,
        offer_id=view.offer_id,
        signed_at=view.signed_at,
        body=dict(view.contract.body),
        body_hash=view.contract.body_hash.hex(),
        cost_table=dict(view.cost_table.body),
        cost_table_hash=view.cost_table.body_hash.hex(),
        bank_zh=view.bank_zh,
        bank_en=view.bank_en,
        card_tail=view.card_tail,
    )


@reads("/contracts/{contract_id:uuid}/pdf", tag=TAG, media_type="application/pdf")
def print_contract(contract_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Response[bytes]:
    """Read a contract as PDF, in both languages; the same bytes each time."""
    view = contract_view(house, person_id=caller.person_id, contract_id=contract_id)
    printed = contract_pdf(view, party=party_of(house, person_id=caller.person_id))
    return Response(printed, media_type="application/pdf")


HANDLERS: Final = (send_signing_code, sign_contract, read_contract, print_contract)
