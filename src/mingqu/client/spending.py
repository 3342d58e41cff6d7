"""The part of the client that speaks of revolving accounts."""

from __future__ import annotations

from uuid import UUID

from mingqu.client import loan_answers, spend_answers
from mingqu.client.connection import Connection, written


class Spending:
    """A method for each operation on revolving accounts; a part of `Client`."""

    _at: Connection

    def spend_products(self) -> list[spend_answers.SpendProduct]:
        """Return what can be opened under the person's limit."""
        return self._at.read("/v1/spend-products", spend_answers.SpendProducts).products

    def open_spend_account(
        self, *, product_id: str, terms_hash: str, key: str | None = None
    ) -> spend_answers.OpenedSpendAccount:
        """Open a revolving account by the terms that were shown."""
        body = written(product_id=product_id, terms_hash=terms_hash)
        return self._at.write("/v1/spend-accounts", spend_answers.OpenedSpendAccount, key=key, body=body)

    def spend_accounts(self) -> list[spend_answers.SpendAccount]:
        """Return the person's revolving accounts."""
        return self._at.read("/v1/spend-accounts", spend_answers.SpendAccounts).accounts

    def spend_account(self, *, account_id: UUID) -> spend_answers.SpendAccount:
        """Return a revolving account as it stands."""
        return self._at.read(f"/v1/spend-accounts/{account_id}", spend_answers.SpendAccount)

    def spend_statements(self, *, account_id: UUID) -> list[spend_answers.IssuedStatement]:
        """Return the bills of a revolving account."""
        path = f"/v1/spend-accounts/{account_id}/statements"
        return self._at.read(path, spend_answers.SpendStatements).statements

    def draws(self, *, account_id: UUID) -> list[spend_answers.SpendDraw]:
        """Return the last draws from a line of cash."""
        return self._at.read(f"/v1/spend-accounts/{account_id}/draws", spend_answers.SpendDraws).draws

    def purchases(self, *, account_id: UUID) -> list[spend_answers.Purchase]:
        """Return the last purchases from a revolving account."""
        return self._at.read(f"/v1/spend-accounts/{account_id}/purchases", spend_answers.Purchases).purchases

    def authorize(
        self,
        *,
        account_id: UUID,
        merchant_id: str,
        merchant_name: str,
        number: str,
        amount_fen: int,
        key: str | None = None,
    ) -> spend_answers.AuthorizedPurchase:
        """Pay a seller from a revolving account."""
        body = written(merchant_id=merchant_id, merchant_name=merchant_name, number=number, amount_fen=amount_fen)
        path = f"/v1/spend-accounts/{account_id}/purchases"
        return self._at.write(path, spend_answers.AuthorizedPurchase, key=key, body=body)

    def draw_from_line(
        self, *, account_id: UUID, instrument_id: UUID, amount_fen: int, key: str | None = None
    ) -> loan_answers.PaymentOrder:
        """Draw cash from a line to the person's own card."""
        body = written(instrument_id=instrument_id, amount_fen=amount_fen)
        return self._at.write(f"/v1/spend-accounts/{account_id}/draws", loan_answers.PaymentOrder, key=key, body=body)

    def return_credit(
        self, *, account_id: UUID, instrument_id: UUID, amount_fen: int, key: str | None = None
    ) -> loan_answers.PaymentOrder:
        """Have credit of a revolving account paid to the person's own card."""
        body = written(instrument_id=instrument_id, amount_fen=amount_fen)
        path = f"/v1/spend-accounts/{account_id}/credit-returns"
        return self._at.write(path, loan_answers.PaymentOrder, key=key, body=body)

    def credit_returns(self, *, account_id: UUID) -> list[spend_answers.CreditReturn]:
        """Return the last orders that pay credit to a card."""
        path = f"/v1/spend-accounts/{account_id}/credit-returns"
        return self._at.read(path, spend_answers.CreditReturns).returns

    def pay_spend_account(
        self, *, account_id: UUID, wish: str, amount_fen: int | None = None, key: str | None = None
    ) -> loan_answers.PaymentOrder:
        """Make an order that pays a revolving account by hand."""
        body = written(wish=wish, amount_fen=amount_fen)
        path = f"/v1/spend-accounts/{account_id}/payments"
        return self._at.write(path, loan_answers.PaymentOrder, key=key, body=body)

    def instalment_offers(
        self, *, account_id: UUID, purchase_id: UUID | None = None, amount_fen: int | None = None
    ) -> spend_answers.InstalmentOffers:
        """Return what paying the bill, or a purchase, in instalments would cost."""
        return self._at.read(
            f"/v1/spend-accounts/{account_id}/instalment-offers",
            spend_answers.InstalmentOffers,
            purchase_id=purchase_id,
            amount_fen=amount_fen,
        )

    def agree_to_instalments(
        self,
        *,
        account_id: UUID,
        amount_fen: int,
        count: int,
        table_hash: str,
        purchase_id: UUID | None = None,
        key: str | None = None,
    ) -> spend_answers.AgreedInstalments:
        """Agree to pay in instalments by the table that was shown."""
        body = written(amount_fen=amount_fen, count=count, table_hash=table_hash, purchase_id=purchase_id)
        path = f"/v1/spend-accounts/{account_id}/instalments"
        return self._at.write(path, spend_answers.AgreedInstalments, key=key, body=body)

    def choose_deduction(self, *, account_id: UUID, part: str, key: str | None = None) -> spend_answers.BillDeduction:
        """Let a part of each bill be deducted on its due day: `minimum` or `bill`."""
        path = f"/v1/spend-accounts/{account_id}/deduction"
        return self._at.write(path, spend_answers.BillDeduction, key=key, body=written(part=part))

    def stop_deducting(self, *, account_id: UUID, key: str | None = None) -> None:
        """Let nothing more of an account's bills be deducted."""
        self._at.end(f"/v1/spend-accounts/{account_id}/deduction", key=key)

    def ask_for_link(
        self, *, first_id: UUID, second_id: UUID, purpose: str, key: str | None = None
    ) -> spend_answers.Link:
        """Ask whether two accounts may be linked."""
        body = written(first_id=first_id, second_id=second_id, purpose=purpose)
        return self._at.write("/v1/links", spend_answers.Link, key=key, body=body)

    def links(self) -> list[spend_answers.Link]:
        """Return what was decided on links."""
        return self._at.read("/v1/links", spend_answers.Links).links
