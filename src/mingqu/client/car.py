"""The part of the client that speaks of loans for a car, and of the cards whose money they bind."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from mingqu.client.answers import Answer, Offer
from mingqu.client.connection import Connection, written
from mingqu.client.spend_answers import LinkReason


class CarDealer(Answer, frozen=True, kw_only=True):
    """A company that a car loan's money may be sent to."""

    merchant: str
    name: str


class CarProduct(Answer, frozen=True, kw_only=True):
    """A car loan on offer."""

    product_id: str
    version: int
    name_zh: str
    name_en: str
    lender_id: UUID
    way: str
    down_payment_ppm_min: int
    amount_min_fen: int
    amount_max_fen: int
    instalment_counts: list[int]
    methods: list[str]
    funds_contract: str
    dealers: list[CarDealer]


class CarProducts(Answer, frozen=True, kw_only=True):
    """Every car loan on offer."""

    products: list[CarProduct]


class CarQuoted(Answer, frozen=True, kw_only=True):
    """A quote."""

    offer: Offer
    rate_year_ppm: int
    way: str
    payee_name: str
    funds_contract_hash: str


class CardStage(Answer, frozen=True, kw_only=True):
    """Up to how much is released, by which papers."""

    up_to_fen: int
    needs: list[str]
    released: bool


class CardPaper(Answer, frozen=True, kw_only=True):
    """A paper that is owed."""

    kind: str
    due_on: date | None
    brought: bool
    overdue: bool


class CardWord(Answer, frozen=True, kw_only=True):
    """What the network asked or said, and what was answered."""

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
    """A card whose money is bound to a purpose."""

    card_id: UUID
    loan_id: UUID | None
    way: str
    contract_zh: str
    contract_en: str
    contract_hash: str
    payees: list[str]
    limit_fen: int
    used_fen: int
    held_fen: int
    left_fen: int
    left_today_fen: int
    frozen_for: str | None
    stages: list[CardStage]
    papers: list[CardPaper]
    words: list[CardWord]


class PurposeCards(Answer, frozen=True, kw_only=True):
    """The person's cards."""

    cards: list[PurposeCard]


class BroughtPaper(Answer, frozen=True, kw_only=True):
    """A paper that is on file."""

    evidence_id: UUID


class WalletBinding(Answer, frozen=True, kw_only=True):
    """Whether a card may be used in a wallet; limited means for repaying the loan only."""

    binding_id: UUID
    card_id: UUID
    wallet: str
    use: str
    outcome: str
    reasons: list[LinkReason]
    decided_at: datetime


class WalletBindings(Answer, frozen=True, kw_only=True):
    """What was decided."""

    bindings: list[WalletBinding]


class VersionPayee(Answer, frozen=True, kw_only=True):
    """A payee of a contract, its account by the last digits."""

    name: str
    bank: str
    tail: str


class ContractVersion(Answer, frozen=True, kw_only=True):
    """A version that corrects a payee's account; `hash` is what is agreed to."""

    version_id: UUID
    number: int
    hash: str
    body: dict[str, Any]
    state: str
    payee: VersionPayee
    published_at: datetime
    lapses_at: datetime
    answered_at: datetime | None
    order_id: UUID | None


class ContractVersions(Answer, frozen=True, kw_only=True):
    """What was signed of a loan's payee, and every version after it."""

    loan_id: UUID
    contract_id: UUID
    signed: VersionPayee
    versions: list[ContractVersion]


class AgreedVersion(Answer, frozen=True, kw_only=True):
    """The order that pays what came back; None where stages are released."""

    order_id: UUID | None


class NamedAccount(Answer, frozen=True, kw_only=True):
    """An account that waits for two people of the house."""

    wish_id: UUID


class DeclinedVersion(Answer, frozen=True, kw_only=True):
    """A version that was declined."""

    version_id: UUID


class CallOff(Answer, frozen=True, kw_only=True):
    """What calling a loan off would end whose payout came back."""

    loan_id: UUID
    contract_id: UUID
    amount_fen: int
    owed_fen: int
    returned_id: UUID
    waits_since: date
    closes_on: date
    to_payee: bool
    version_waits: bool


class CalledOffLoan(Answer, frozen=True, kw_only=True):
    """The event by which a loan ended unpaid."""

    event_id: UUID


class Driving:
    """A method for each operation on loans for a car; a part of `Client`."""

    _at: Connection

    def car_products(self) -> list[CarProduct]:
        """Return what car loans are on offer."""
        return self._at.read("/v1/car-products", CarProducts).products

    def ask_car_quote(
        self,
        *,
        product_id: str,
        merchant: str,
        price_fen: int,
        down_payment_fen: int,
        instalments: int,
        method: str,
        papers: dict[str, str] | None = None,
        key: str | None = None,
    ) -> CarQuoted:
        """Ask what a loan for a car would cost; `papers` are numbers of those that are there, by their kind."""
        body = written(
            product_id=product_id,
            merchant=merchant,
            price_fen=price_fen,
            down_payment_fen=down_payment_fen,
            instalments=instalments,
            method=method,
            papers=[{"kind": kind, "number": number} for kind, number in (papers or {}).items()],
        )
        return self._at.write("/v1/car-quotes", CarQuoted, key=key, body=body)

    def purpose_cards(self) -> list[PurposeCard]:
        """Return the person's cards whose money is bound to a purpose."""
        return self._at.read("/v1/purpose-cards", PurposeCards).cards

    def purpose_card(self, *, card_id: UUID) -> PurposeCard:
        """Return a card as it stands."""
        return self._at.read(f"/v1/purpose-cards/{card_id}", PurposeCard)

    def bring_paper(self, *, card_id: UUID, kind: str, number: str, key: str | None = None) -> BroughtPaper:
        """Bring a paper that shows what the money was spent on."""
        body = written(kind=kind, number=number)
        return self._at.write(f"/v1/purpose-cards/{card_id}/papers", BroughtPaper, key=key, body=body)

    def ask_wallet_binding(self, *, card_id: UUID, wallet: str, use: str, key: str | None = None) -> WalletBinding:
        """Ask whether a card may be used in a wallet, to repay or to spend."""
        path = f"/v1/purpose-cards/{card_id}/wallets"
        return self._at.write(path, WalletBinding, key=key, body=written(wallet=wallet, use=use))

    def wallet_bindings(self, *, card_id: UUID) -> list[WalletBinding]:
        """Return what was decided about a card in wallets."""
        return self._at.read(f"/v1/purpose-cards/{card_id}/wallets", WalletBindings).bindings

    def contract_versions(self, *, loan_id: UUID) -> ContractVersions:
        """Return the payee that was signed, and the versions that correct its account."""
        return self._at.read(f"/v1/loans/{loan_id}/contract-versions", ContractVersions)

    def agree_contract_version(
        self, *, loan_id: UUID, version_id: UUID, agreed_hash: str, key: str | None = None
    ) -> UUID | None:
        """Agree to a version by its hash; return the order that pays what came back, None where stages are released."""
        path = f"/v1/loans/{loan_id}/contract-versions/{version_id}/agreement"
        return self._at.write(path, AgreedVersion, key=key, body=written(hash=agreed_hash)).order_id

    def decline_contract_version(self, *, loan_id: UUID, version_id: UUID, key: str | None = None) -> DeclinedVersion:
        """Decline a version: what was signed stays."""
        return self._at.write(f"/v1/loans/{loan_id}/contract-versions/{version_id}/refusal", DeclinedVersion, key=key)

    def name_payee_account(self, *, loan_id: UUID, account: str, bank: str, key: str | None = None) -> UUID:
        """Name the right account of the payee of a loan by stages, after a stage came back; return the wish's id."""
        path = f"/v1/loans/{loan_id}/payee-accounts"
        return self._at.write(path, NamedAccount, key=key, body=written(account=account, bank=bank)).wish_id

    def preview_call_off(self, *, loan_id: UUID) -> CallOff:
        """Return what calling off a loan would end whose payout came back; nothing is kept."""
        return self._at.read(f"/v1/loans/{loan_id}/call-off", CallOff)

    def call_off(self, *, loan_id: UUID, key: str | None = None) -> UUID:
        """End a loan unpaid whose payout came back; return the event's id."""
        return self._at.write(f"/v1/loans/{loan_id}/call-off", CalledOffLoan, key=key).event_id
