"""The desk at which revolving accounts are used, each way the use case itself; a mistake is planted as another."""

from __future__ import annotations

from uuid import UUID

from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.spend import DeductedPart, PaymentWish
from mingqu.services.house import House
from mingqu.services.people.read_person import consents_of
from mingqu.services.privacy.give_consent import give_consent, withdraw_consent
from mingqu.services.repayment.choose_deduction import choose_deduction, stop_deduction
from mingqu.services.repayment.repay import PaymentPage
from mingqu.services.repayment.repay_spend import repay_spend
from mingqu.services.revolving.draw_cash import draw_cash
from mingqu.services.revolving.pay_merchant import (
    authorize_purchase,
    capture_purchase,
    refund_purchase,
    release_purchase,
)


class SpendDesk:
    """What people and sellers say to the house of revolving accounts."""

    def authorize(
        self, house: House, *, person_id: UUID, account_id: UUID, seller: str, number: str, fen: int, key: str
    ) -> UUID:
        """Hold an amount for a seller and return the purchase's id. Errors: those of `authorize_purchase`."""
        return authorize_purchase(
            house,
            person_id=person_id,
            account_id=account_id,
            merchant_id=seller,
            merchant_name=seller,
            number=number,
            amount_fen=fen,
            key=key,
        )

    def capture(self, house: House, *, purchase_id: UUID, fen: int) -> int:
        """Let a seller take an amount and return what it took. Errors: those of `capture_purchase`."""
        return capture_purchase(house, purchase_id=purchase_id, amount_fen=fen).captured_fen

    def release(self, house: House, *, purchase_id: UUID) -> None:
        """Let a seller give a hold up. Errors: those of `release_purchase`."""
        release_purchase(house, purchase_id=purchase_id)

    def refund(self, house: House, *, purchase_id: UUID, number: str, fen: int) -> None:
        """Let a seller give back. Errors: those of `refund_purchase`."""
        refund_purchase(house, purchase_id=purchase_id, number=number, amount_fen=fen)

    def draw(self, house: House, *, person_id: UUID, account_id: UUID, card_id: UUID, fen: int, key: str) -> UUID:
        """Draw cash to a card and return the order's id. Errors: those of `draw_cash`."""
        return draw_cash(
            house, person_id=person_id, account_id=account_id, instrument_id=card_id, amount_fen=fen, key=key
        )

    def repay(
        self, house: House, *, person_id: UUID, account_id: UUID, wish: PaymentWish, fen: int | None, key: str
    ) -> PaymentPage:
        """Ask for a page to pay on. Errors: those of `repay_spend`."""
        return repay_spend(house, person_id=person_id, account_id=account_id, wish=wish, amount_fen=fen, key=key)

    def choose(self, house: House, *, person_id: UUID, account_id: UUID, part: DeductedPart, key: str) -> UUID:
        """Consent to deductions of bills, choose a part, and return the choice. Errors: those of `choose_deduction`."""
        give_consent(
            house,
            person_id=person_id,
            purpose=ConsentPurpose.BILL_REPAYMENT,
            recipient=house.settings.operator_name,
            key=f"consent to {key}",
        )
        return choose_deduction(house, person_id=person_id, account_id=account_id, part=part, key=key)

    def stop(self, house: House, *, person_id: UUID, account_id: UUID) -> None:
        """Let nothing more of an account be deducted. Errors: NotFound."""
        stop_deduction(house, person_id=person_id, account_id=account_id)

    def withdraw(self, house: House, *, person_id: UUID) -> None:
        """Withdraw every consent to deductions of bills that stands."""
        for each in consents_of(house, person_id=person_id):
            if each.purpose is ConsentPurpose.BILL_REPAYMENT and each.withdrawn_at is None:
                withdraw_consent(house, person_id=person_id, consent_id=each.consent_id)
