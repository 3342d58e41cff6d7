"""Loans for a car: what is on offer, a quote, and the card whose money the funds contract binds."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, HouseHere, KeyHere
from mingqu.api.link import LinkReason
from mingqu.api.offer import Offer, offer_of
from mingqu.api.operation import reads, writes
from mingqu.api.shape import PLAIN, Answer, Body, Fen, FenAsked, Hash, Method, Ppm, shaped
from mingqu.domain.decision.auto_loan import CarNotServed, DownPaymentTooSmall
from mingqu.domain.decision.field import DecisionInputInvalid
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.freeze import DrawingStopped
from mingqu.domain.limit import AssessmentExpired
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.product import ProductNotOffered, TermsNotOffered
from mingqu.services.limits.check_drawing import DrawingFrozen
from mingqu.services.offers.make_offers import NoLimit
from mingqu.services.offers.price_offer import CostAboveCap
from mingqu.services.purpose.bind_card import BindingView, CardWalletUnknown, ask_for_binding, bindings_of
from mingqu.services.purpose.open_card import EvidenceThere, EvidenceUnknown, bring_evidence
from mingqu.services.purpose.quote_car import (
    CarWish,
    DealerNotInContract,
    QuotesExhausted,
    car_products,
    dealers_of,
    quote_car,
)
from mingqu.services.purpose.read_card import CardView, card_view, card_views

TAG: Final = "Car loans"
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PLAIN, examples=["invoice"])]
PaperNumber = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PLAIN, examples=["FP-2026-000017"])]


class CarDealer(Answer, frozen=True, kw_only=True):
    """A company that a car loan's money may be sent to."""

    merchant: str
    name: str


class CarProduct(Answer, frozen=True, kw_only=True):
    """A car loan on offer: its money lies on a card, or goes to the dealer (`way`)."""

    product_id: str
    version: int
    name_zh: str
    name_en: str
    lender_id: UUID
    way: Annotated[str, msgspec.Meta(examples=["card"])]
    down_payment_ppm_min: Ppm
    amount_min_fen: Fen
    amount_max_fen: Fen
    instalment_counts: list[int]
    methods: list[str]
    funds_contract: str
    dealers: list[CarDealer]


class CarProducts(Answer, frozen=True, kw_only=True):
    """Every car loan on offer today."""

    products: list[CarProduct]


class NewPaper(Body, frozen=True, kw_only=True):
    """A paper that shows what money is spent on: invoice, registration or insurance, and its number."""

    kind: Word
    number: PaperNumber


class NewCarQuote(Body, frozen=True, kw_only=True):
    """A car: at which dealer, at which price, how much the buyer pays down, and the papers that are there already."""

    product_id: Word
    merchant: Word
    price_fen: FenAsked
    down_payment_fen: Fen
    instalments: Annotated[int, msgspec.Meta(ge=1, le=360, examples=[24])]
    method: Method
    papers: Annotated[list[NewPaper], msgspec.Meta(max_length=3)] = msgspec.field(default_factory=list)


class CarQuoted(Answer, frozen=True, kw_only=True):
    """A quote: an offer to read the costs of and sign, whom it pays, and the contract that is agreed with it."""

    offer: Offer
    rate_year_ppm: Ppm
    way: str
    payee_name: str
    funds_contract_hash: Hash


class CardStage(Answer, frozen=True, kw_only=True):
    """Up to how much is released, by which papers."""

    up_to_fen: Fen
    needs: list[str]
    released: bool


class CardPaper(Answer, frozen=True, kw_only=True):
    """A paper that is owed."""

    kind: str
    due_on: date | None
    brought: bool
    overdue: bool


class CardWord(Answer, frozen=True, kw_only=True):
    """What the network asked or said, and what was answered; a "no" names the clause, the reason and what helps."""

    kind: str
    at: datetime
    amount_fen: int
    merchant: str
    outcome: str
    clause: str
    reason: str
    remedy: str
    from_on: str | None


class PurposeCard(Answer, frozen=True, kw_only=True):
    """A card as it stands, with what its contract asks for."""

    card_id: UUID
    loan_id: UUID | None
    way: str
    contract_zh: str
    contract_en: str
    contract_hash: Hash
    payees: list[str]
    limit_fen: Fen
    used_fen: Fen
    held_fen: Fen
    left_fen: Fen
    left_today_fen: Fen
    frozen_for: str | None
    stages: list[CardStage]
    papers: list[CardPaper]
    words: list[CardWord]


class PurposeCards(Answer, frozen=True, kw_only=True):
    """The caller's cards."""

    cards: list[PurposeCard]


class BroughtPaper(Answer, frozen=True, kw_only=True):
    """A paper that is on file."""

    evidence_id: UUID


class NewWalletBinding(Body, frozen=True, kw_only=True):
    """A wallet, and what the card is to do there: repay or spend."""

    wallet: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PLAIN, examples=["wechat"])]
    use: Annotated[str, msgspec.Meta(min_length=1, max_length=16, pattern=PLAIN, examples=["repay"])]


class WalletBinding(Answer, frozen=True, kw_only=True):
    """A decision; limited means for repaying the loan only."""

    binding_id: UUID
    card_id: UUID
    wallet: str
    use: str
    outcome: Annotated[str, msgspec.Meta(examples=["limited"])]
    reasons: list[LinkReason]
    decided_at: datetime


class WalletBindings(Answer, frozen=True, kw_only=True):
    """What was decided, the newest first."""

    bindings: list[WalletBinding]


@reads("/car-products", tag=TAG, public=True)
def list_car_products(house: HouseHere) -> CarProducts:
    """List what car loans are on offer today, and which dealers they pay."""
    found = []
    for one in car_products(house):
        payees = dealers_of(house, of=one)
        dealers = [
            CarDealer(merchant=each.merchant, name=each.name)
            for each in payees.values()
            if each.merchant != one.card_account
        ]
        found.append(
            shaped(
                one.product,
                CarProduct,
                product_id=one.product.id,
                way=one.way,
                down_payment_ppm_min=one.down_payment_ppm_min,
                funds_contract=one.funds_contract[0],
                dealers=dealers,
            )
        )
    return CarProducts(products=found)


@writes(
    "/car-quotes",
    tag=TAG,
    refuses=(
        ProductNotOffered,
        DownPaymentTooSmall,
        CarNotServed,
        DealerNotInContract,
        EvidenceUnknown,
        NoLimit,
        DrawingFrozen,
        DrawingStopped,
        AssessmentExpired,
        LendingSwitchedOff,
        TermsNotOffered,
        CostAboveCap,
        QuotesExhausted,
    ),
)
def ask_car_quote(data: JSONBody[NewCarQuote], key: KeyHere, house: HouseHere, caller: CallerHere) -> CarQuoted:
    """Quote a loan for a car by the assessment that holds; more paid down, and papers brought, cost less.

    Read the costs of the offer, then sign it with the contract's hash as `funds_contract_hash`.
    """
    made = quote_car(
        house,
        person_id=caller.person_id,
        wish=CarWish(
            product_id=data.product_id,
            merchant=data.merchant,
            price_fen=data.price_fen,
            down_payment_fen=data.down_payment_fen,
            instalments=data.instalments,
            method=data.method,
            papers={one.kind: Personal(one.number) for one in data.papers},
        ),
        key=key,
    )
    return CarQuoted(
        offer=offer_of(made.offered),
        rate_year_ppm=made.quoted.rate_year_ppm,
        way=made.quoted.way,
        payee_name=made.payee_name,
        funds_contract_hash=made.quoted.contract_hash,
    )


@reads("/purpose-cards", tag=TAG)
def list_purpose_cards(house: HouseHere, caller: CallerHere) -> PurposeCards:
    """List the caller's cards whose money is bound to a purpose, the newest first."""
    return PurposeCards(cards=[_card(one) for one in card_views(house, person_id=caller.person_id)])


@reads("/purpose-cards/{card_id:uuid}", tag=TAG)
def read_purpose_card(card_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> PurposeCard:
    """Read a card: what is left, what is owed as proof, and what was answered to the network."""
    return _card(card_view(house, person_id=caller.person_id, card_id=card_id))


@writes("/purpose-cards/{card_id:uuid}/papers", tag=TAG, refuses=(NotFound, EvidenceUnknown, EvidenceThere))
def bring_paper(
    card_id: FromPath[UUID], data: JSONBody[NewPaper], key: KeyHere, house: HouseHere, caller: CallerHere
) -> BroughtPaper:
    """Bring a paper that shows what the money was spent on; only a keyed hash of its number is looked up by."""
    brought = bring_evidence(
        house,
        person_id=caller.person_id,
        card_id=card_id,
        kind=data.kind,
        number=Personal(data.number),
        key=key,
    )
    return BroughtPaper(evidence_id=brought)


@writes("/purpose-cards/{card_id:uuid}/wallets", tag=TAG, refuses=(NotFound, CardWalletUnknown, DecisionInputInvalid))
def ask_wallet_binding(
    card_id: FromPath[UUID], data: JSONBody[NewWalletBinding], key: KeyHere, house: HouseHere, caller: CallerHere
) -> WalletBinding:
    """Ask whether a card may be used in a wallet; every reason is told, with what helps and from when."""
    made = ask_for_binding(
        house, person_id=caller.person_id, card_id=card_id, wallet=data.wallet, use=data.use, key=key
    )
    return _binding(made)


@reads("/purpose-cards/{card_id:uuid}/wallets", tag=TAG)
def list_wallet_bindings(card_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> WalletBindings:
    """List what was decided about a card in wallets, the newest first."""
    found = bindings_of(house, person_id=caller.person_id, card_id=card_id)
    return WalletBindings(bindings=[_binding(one) for one in found])


def _binding(view: BindingView) -> WalletBinding:
    return shaped(view, WalletBinding, reasons=[shaped(one, LinkReason) for one in view.reasons])


def _card(view: CardView) -> PurposeCard:
    return shaped(
        view,
        PurposeCard,
        contract_zh=view.contract.name_zh,
        contract_en=view.contract.name_en,
        contract_hash=view.contract.hash,
        payees=sorted(view.contract.payees),
        stages=[shaped(one, CardStage) for one in view.stages],
        papers=[shaped(one, CardPaper) for one in view.papers],
        words=[shaped(one, CardWord) for one in view.words],
    )


HANDLERS: Final = (
    list_car_products,
    ask_car_quote,
    list_purpose_cards,
    read_purpose_card,
    bring_paper,
    ask_wallet_binding,
    list_wallet_bindings,
)
