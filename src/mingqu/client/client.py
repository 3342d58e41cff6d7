"""The client: a method for each operation of the API, in the order in which a borrower comes to need them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime
from types import TracebackType
from uuid import UUID

import httpx

from mingqu.client import answers, cash_advance_answers, lender_answers, loan_answers
from mingqu.client.car import Driving
from mingqu.client.checkout import Buying
from mingqu.client.connection import Connection, written
from mingqu.client.spending import Spending


class Client(Spending, Driving, Buying):
    """Speaks for one person, once `sign_in` was called or a token was given.

    A write without `key` gets one of its own. Pass one to be able to send the same write again later, after a crash.
    Methods raise `Problem` when the server refuses, and httpx.TransportError when nobody answers in the end.
    """

    def __init__(
        self,
        base_url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        token: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._at = Connection(base_url, transport=transport, token=token, sleep=sleep)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the session stays."""
        self._at.close()

    @property
    def token(self) -> str | None:
        """The token of the session, if there is one."""
        return self._at.token

    # Open to everybody

    def lenders(self) -> list[answers.Lender]:
        """Return who lends."""
        return self._at.read("/v1/lenders", answers.Lenders).lenders

    def products(self) -> list[answers.Product]:
        """Return what is on offer today."""
        return self._at.read("/v1/products", answers.Products).products

    def consent_text(self, *, purpose: str, recipient: str | None = None) -> answers.ConsentText:
        """Return the text that a person is asked to agree to."""
        return self._at.read(f"/v1/consent-texts/{purpose}", answers.ConsentText, recipient=recipient)

    def send_code(self, *, phone: str, purpose: str, key: str | None = None) -> None:
        """Have a code sent to a phone."""
        self._at.do("/v1/codes", key=key, body=written(phone=phone, purpose=purpose))

    def sign_in(self, *, phone: str, code: str, key: str | None = None) -> answers.Session:
        """Open a session; from now on this client speaks for its person."""
        opened = self._at.write("/v1/sessions", answers.Session, key=key, body=written(phone=phone, code=code))
        self._at.token = opened.token
        return opened

    def sign_in_with_wechat(self, *, code: str, key: str | None = None) -> answers.Session:
        """Open a session with the code that a mini-program got from WeChat."""
        opened = self._at.write("/v1/sessions/wechat", answers.Session, key=key, body=written(code=code))
        self._at.token = opened.token
        return opened

    def sign_out(self, *, key: str | None = None) -> None:
        """End the session."""
        self._at.end("/v1/sessions/current", key=key)
        self._at.token = None

    # The person

    def me(self) -> answers.Person:
        """Return who the token speaks for."""
        return self._at.read("/v1/me", answers.Person)

    def prove_identity(
        self, *, name: str, id_number: str, phone: str, card_number: str, code: str, key: str | None = None
    ) -> answers.Verification:
        """Prove name, ID number, card and phone, and bind the card."""
        body = written(name=name, id_number=id_number, phone=phone, card_number=card_number, code=code)
        return self._at.write("/v1/identity-verifications", answers.Verification, key=key, body=body)

    def state_business(self, *, name: str, uscc: str, use: str, key: str | None = None) -> answers.OwnBusiness:
        """State a business of one's own and what the money is for; return it as verified."""
        body = written(name=name, uscc=uscc, use=use)
        return self._at.write("/v1/businesses", answers.OwnBusiness, key=key, body=body)

    def business(self) -> answers.OwnBusiness:
        """Return the business that was verified last."""
        return self._at.read("/v1/businesses", answers.OwnBusiness)

    def consents(self) -> list[answers.Consent]:
        """Return every consent that was given."""
        return self._at.read("/v1/consents", answers.Consents).consents

    def give_consent(
        self, *, purpose: str, recipient: str | None = None, text_hash: str, key: str | None = None
    ) -> UUID:
        """Say yes to a purpose, by the hash of the text that was shown (`consent_text`); return the consent's id."""
        body = written(purpose=purpose, recipient=recipient, text_hash=text_hash)
        return self._at.write("/v1/consents", answers.GivenConsent, key=key, body=body).consent_id

    def withdraw_consent(self, *, consent_id: UUID, key: str | None = None) -> None:
        """Take a consent back."""
        self._at.do(f"/v1/consents/{consent_id}/withdrawal", key=key)

    # Credit

    def apply(self, *, requested_amount_fen: int, monthly_income_fen: int, key: str | None = None) -> answers.Decision:
        """Apply, and return the decision."""
        body = written(requested_amount_fen=requested_amount_fen, monthly_income_fen=monthly_income_fen)
        return self._at.write("/v1/applications", answers.Decision, key=key, body=body)

    def decision(self, *, decision_id: UUID | None = None) -> answers.Decision:
        """Return a decision, the newest unless one is named."""
        return self._at.read(f"/v1/decisions/{decision_id or 'latest'}", answers.Decision)

    def ask_for_review(self, *, decision_id: UUID, wish: str, key: str | None = None) -> answers.Review:
        """Ask that a person explains a decision, or looks at it again."""
        return self._at.write(f"/v1/decisions/{decision_id}/reviews", answers.Review, key=key, body=written(wish=wish))

    def limit(self) -> answers.Limit:
        """Return what may be borrowed."""
        return self._at.read("/v1/limit", answers.Limit)

    def band(self) -> answers.Band:
        """Return how the caller stands after having been late, and when what was lost comes back."""
        return self._at.read("/v1/limit/band", answers.Band)

    def set_cap(self, *, amount_fen: int | None, key: str | None = None) -> answers.Cap:
        """Set the caller's own cap, or lift it with None."""
        return self._at.write("/v1/limit/cap", answers.Cap, key=key, body={"amount_fen": amount_fen})

    # Offers and contracts

    def ask_for_offers(
        self, *, amount_fen: int, instalments: int, method: str, key: str | None = None
    ) -> list[answers.Offer]:
        """Return offers, the cheapest first."""
        body = written(amount_fen=amount_fen, instalments=instalments, method=method)
        return self._at.write("/v1/offers", answers.Offers, key=key, body=body).offers

    def try_offers(self, *, amount_fen: int, instalments: int, method: str) -> list[answers.Offer]:
        """Return what would be offered; nothing is kept."""
        body = written(amount_fen=amount_fen, instalments=instalments, method=method)
        return self._at.write("/v1/offers/preview", answers.Offers, key=None, body=body).offers

    def offer(self, *, offer_id: UUID) -> answers.Offer:
        """Return an offer that can still be taken."""
        return self._at.read(f"/v1/offers/{offer_id}", answers.Offer)

    def show_costs(self, *, offer_id: UUID, key: str | None = None) -> answers.CostTable:
        """Show the cost table of an offer."""
        return self._at.write(f"/v1/offers/{offer_id}/cost-table", answers.CostTable, key=key)

    def costs(self, *, disclosure_id: UUID) -> answers.CostTable:
        """Return a cost table as it was shown."""
        return self._at.read(f"/v1/cost-tables/{disclosure_id}", answers.CostTable)

    def confirm_costs(self, *, disclosure_id: UUID, key: str | None = None) -> answers.CostTable:
        """Say that the table was read."""
        return self._at.write(f"/v1/cost-tables/{disclosure_id}/confirmation", answers.CostTable, key=key)

    def send_signing_code(self, *, offer_id: UUID, key: str | None = None) -> None:
        """Let the code that signs an offer be sent to the person's phone."""
        self._at.do(f"/v1/offers/{offer_id}/signing-code", key=key)

    def sign_contract(
        self,
        *,
        offer_id: UUID,
        payee: dict[str, str] | None = None,
        code: str,
        instrument_id: UUID | None = None,
        payout_at: datetime | None = None,
        payout_fen: int | None = None,
        funds_contract_hash: str | None = None,
        key: str | None = None,
    ) -> answers.SignedContract:
        """Sign the contract of an offer with its code, to be paid to a card, a payee, or as its funds contract says."""
        body = written(
            offer_id=offer_id, instrument_id=instrument_id, code=code, payout_at=payout_at, payout_fen=payout_fen,
            funds_contract_hash=funds_contract_hash, payee=payee,
        )  # fmt: skip
        return self._at.write("/v1/contracts", answers.SignedContract, key=key, body=body)

    def contract(self, *, contract_id: UUID) -> answers.Contract:
        """Return a contract."""
        return self._at.read(f"/v1/contracts/{contract_id}", answers.Contract)

    def contract_pdf(self, *, contract_id: UUID) -> bytes:
        """Return a contract as PDF."""
        return self._at.read_bytes(f"/v1/contracts/{contract_id}/pdf")

    # Agreements and payments

    def request_agreement(self, *, instrument_id: UUID, key: str | None = None) -> UUID:
        """Begin an agreement to deduct from a card; return its id."""
        body = written(instrument_id=instrument_id)
        return self._at.write("/v1/agreements", loan_answers.Agreement, key=key, body=body).agreement_id

    def confirm_agreement(self, *, agreement_id: UUID, code: str, key: str | None = None) -> None:
        """Confirm an agreement with the bank's code."""
        self._at.do(f"/v1/agreements/{agreement_id}/confirmation", key=key, body=written(code=code))

    def begin_wallet_agreement(
        self, *, back: str, wallet: str | None = None, key: str | None = None
    ) -> loan_answers.WalletPage:
        """Begin an agreement that is signed on a wallet's page, and return where."""
        body = written(back=back, wallet=wallet)
        return self._at.write("/v1/wallet-agreements", loan_answers.WalletPage, key=key, body=body)

    def agreement_state(self, *, agreement_id: UUID) -> str:
        """Return how an agreement stands: pending, active or ended."""
        return self._at.read(f"/v1/agreements/{agreement_id}", loan_answers.AgreementState).state

    def end_agreement(self, *, agreement_id: UUID, key: str | None = None) -> None:
        """End an agreement."""
        self._at.end(f"/v1/agreements/{agreement_id}", key=key)

    def make_payment(
        self, *, loan_id: UUID, intent: str = "due", amount_fen: int | None = None, key: str | None = None
    ) -> loan_answers.PaymentOrder:
        """Make an order that the person pays by hand."""
        body = written(loan_id=loan_id, intent=intent, amount_fen=amount_fen)
        return self._at.write("/v1/payments", loan_answers.PaymentOrder, key=key, body=body)

    def open_payment_page(self, *, order_id: UUID, key: str | None = None) -> str:
        """Return the address at which the person pays."""
        return self._at.write(f"/v1/payments/{order_id}/page", loan_answers.PaymentPage, key=key).address

    def order(self, *, order_id: UUID) -> loan_answers.Order:
        """Return what became of an order."""
        return self._at.read(f"/v1/orders/{order_id}", loan_answers.Order)

    # Loans

    def loans(self) -> list[loan_answers.Loan]:
        """Return the person's loans."""
        return self._at.read("/v1/loans", loan_answers.Loans).loans

    def loan(self, *, loan_id: UUID, as_of: date | None = None) -> loan_answers.Loan:
        """Return a loan as it stands, or as it stood on a day."""
        return self._at.read(f"/v1/loans/{loan_id}", loan_answers.Loan, as_of=as_of)

    def schedule(self, *, loan_id: UUID, as_of: date | None = None) -> loan_answers.Schedule:
        """Return the lines of a loan."""
        return self._at.read(f"/v1/loans/{loan_id}/schedule", loan_answers.Schedule, as_of=as_of)

    def quote(self, *, loan_id: UUID) -> loan_answers.Owed:
        """Return what is owed today."""
        return self._at.read(f"/v1/loans/{loan_id}/quote", loan_answers.Owed)

    def try_repayment(self, *, loan_id: UUID, amount_fen: int, intent: str = "due") -> loan_answers.Preview:
        """Return what a payment today would be used for."""
        path = f"/v1/loans/{loan_id}/repayment-preview"
        return self._at.read(path, loan_answers.Preview, amount_fen=amount_fen, intent=intent)

    def ledger(self, *, loan_id: UUID) -> list[loan_answers.Entry]:
        """Return what the ledger says of a loan."""
        return self._at.read(f"/v1/loans/{loan_id}/ledger", loan_answers.Ledger).entries

    def orders(self, *, loan_id: UUID) -> list[loan_answers.Order]:
        """Return the orders of a loan."""
        return self._at.read(f"/v1/loans/{loan_id}/orders", loan_answers.Orders).orders

    def draw(
        self, *, loan_id: UUID, instrument_id: UUID, amount_fen: int, key: str | None = None
    ) -> loan_answers.PaymentOrder:
        """Draw more of a loan that is paid out in several parts."""
        body = written(instrument_id=instrument_id, amount_fen=amount_fen)
        return self._at.write(f"/v1/loans/{loan_id}/drawings", loan_answers.PaymentOrder, key=key, body=body)

    def stages(self, *, loan_id: UUID) -> loan_answers.Stages:
        """Return the stages of a loan that is paid out stage by stage."""
        return self._at.read(f"/v1/loans/{loan_id}/stages", loan_answers.Stages)

    def give_paper(
        self, *, loan_id: UUID, stage: str, kind: str, number: str, file_hash: str = "", key: str | None = None
    ) -> UUID:
        """Give a paper that a stage is due; return its id."""
        body = written(kind=kind, number=number, file_hash=file_hash)
        path = f"/v1/loans/{loan_id}/stages/{stage}/papers"
        return self._at.write(path, loan_answers.GivenPaper, key=key, body=body).paper_id

    def ask_about_loan(self, *, loan_id: UUID, wish: str, key: str | None = None) -> answers.Review:
        """Ask people about a loan."""
        return self._at.write(f"/v1/loans/{loan_id}/wishes", answers.Review, key=key, body=written(wish=wish))

    # Lenders that decide by themselves

    def ask_lenders(
        self, *, amount_fen: int, instalments: int, method: str, key: str | None = None
    ) -> lender_answers.LenderAnswers:
        """Put a wish to lenders that decide by themselves; return who was asked, and who was left out."""
        body = written(amount_fen=amount_fen, instalments=instalments, method=method)
        return self._at.write("/v1/lender-questions", lender_answers.LenderAnswers, key=key, body=body)

    def lender_answers(self) -> list[lender_answers.LenderAnswer]:
        """Return what lenders answered, the latest question first."""
        return self._at.read("/v1/lender-questions", lender_answers.LenderAnswers).answers

    # Cash out of one's own credit card

    def cash_advance_banks(self, *, search: str | None = None) -> cash_advance_answers.CashAdvanceBanks:
        """Return the banks whose card holders are sent to them, and what is read before."""
        return self._at.read("/v1/cash-advance/banks", cash_advance_answers.CashAdvanceBanks, search=search)

    def ask_for_referral(
        self,
        *,
        bank: str,
        instrument_id: UUID,
        amount_fen: int,
        repayment: str,
        months: int,
        guidance_hash: str,
        key: str | None = None,
    ) -> cash_advance_answers.LeftForBank:
        """Be referred to a bank; return the referral, and where to go."""
        body = written(
            bank=bank,
            instrument_id=instrument_id,
            amount_fen=amount_fen,
            repayment=repayment,
            months=months,
            guidance_hash=guidance_hash,
        )
        path = "/v1/cash-advance/referrals"
        return self._at.write(path, cash_advance_answers.LeftForBank, key=key, body=body)

    def referrals(self) -> list[cash_advance_answers.CashAdvanceReferral]:
        """Return the referrals."""
        return self._at.read("/v1/cash-advance/referrals", cash_advance_answers.CashAdvanceReferrals).referrals

    def referral(self, *, referral_id: UUID) -> cash_advance_answers.CashAdvanceReferral:
        """Return a referral."""
        path = f"/v1/cash-advance/referrals/{referral_id}"
        return self._at.read(path, cash_advance_answers.CashAdvanceReferral)

    def visit_bank(self, *, referral_id: UUID, key: str | None = None) -> cash_advance_answers.LeftForBank:
        """Return a fresh address of the bank's page."""
        path = f"/v1/cash-advance/referrals/{referral_id}/visit"
        return self._at.write(path, cash_advance_answers.LeftForBank, key=key)

    def bring_back(self, *, result: str, key: str | None = None) -> cash_advance_answers.CashAdvanceReferral:
        """Tell what the bank's page sent the browser back with."""
        path = "/v1/cash-advance/returns"
        return self._at.write(path, cash_advance_answers.CashAdvanceReferral, key=key, body=written(result=result))

    # Evidence

    def certify(self, *, loan_id: UUID, key: str | None = None) -> loan_answers.Certificate:
        """Get the certificate that a loan is settled."""
        return self._at.write(f"/v1/loans/{loan_id}/certificate", loan_answers.Certificate, key=key)

    def certificate(self, *, certificate_id: UUID) -> loan_answers.Certificate:
        """Return a certificate."""
        return self._at.read(f"/v1/certificates/{certificate_id}", loan_answers.Certificate)

    def certificate_pdf(self, *, certificate_id: UUID) -> bytes:
        """Return a certificate as PDF."""
        return self._at.read_bytes(f"/v1/certificates/{certificate_id}/pdf")

    def proof(self, *, subject_id: UUID) -> loan_answers.Proof:
        """Return the proof of what was written about something of the person's."""
        return self._at.read(f"/v1/evidence/{subject_id}", loan_answers.Proof)
