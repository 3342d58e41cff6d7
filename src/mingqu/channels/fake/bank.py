"""A bank in memory that pays out, collects by agreement, and offers a page to pay by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from mingqu.channels.fake.bank_agreements import BankAgreements
from mingqu.channels.fake.bank_book import BankBook, BookOrder, digest, no_holder
from mingqu.channels.fake.faults import Faults
from mingqu.domain.moment import business_date_of
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, Failed, InProgress, NotFound, NumberTaken, Paid, Refused
from mingqu.ports.clock import Clock
from mingqu.ports.collection import (
    Agreed,
    AgreementRequest,
    CodeSent,
    CodeWrong,
    DeductionRequest,
    HostedPage,
    HostedPaymentRequest,
)
from mingqu.ports.entrusted import EntrustedRequest
from mingqu.ports.payout import Direction, PayoutRequest, StatementLine
from mingqu.ports.sms import SmsChannel


class FakeBank:
    """Implements `PayoutChannel`, `CollectionChannel` and `HostedPaymentChannel` with a book of its own.

    An order's end is decided when the bank takes it and becomes visible `processing` later. Names of its calls
    for `Faults.plan`: "payout.send", "collection.deduct", "hosted.create", "bank.ask", "bank.statement",
    "agreement.request", "agreement.confirm", "agreement.cancel".
    """

    def __init__(
        self,
        *,
        clock: Clock,
        sms: SmsChannel,
        faults: Faults | None = None,
        journal: Path | None = None,
        processing: timedelta = timedelta(0),
    ) -> None:
        self._clock = clock
        self.faults = faults or Faults()
        self._book = BankBook(path=journal)
        self._agreements = BankAgreements(book=self._book, clock=clock, sms=sms)
        self._processing = processing
        self._noticed: set[tuple[str, type[Paid | Failed]]] = set()

    @property
    def resend_is_safe(self) -> bool:
        """The bank knows its numbers for ever."""
        return True

    @property
    def unopened_page_ends(self) -> bool:
        """Return False: the payment is made when its page is."""
        return False

    # What the world does with the bank.

    def open_card(
        self,
        *,
        card_number: Personal[str],
        holder_name: Personal[str],
        id_number: Personal[str],
        phone: Personal[str],
        balance_fen: int = 0,
    ) -> None:
        """Give a person a debit card with some money on it; a card that is open already stays as it is."""
        holder = {
            "name": digest(holder_name.reveal()),
            "id_number": digest(id_number.reveal()),
            "phone": digest(phone.reveal()),
        }
        card = digest(card_number.reveal())
        with self._book.opened() as book:
            if card not in book.cards:
                book.write(what="card", card=card, holder=holder, balance_fen=balance_fen)

    def deposit(self, *, card_number: Personal[str], amount_fen: int) -> None:
        """Put money on a card (wages), or take some off it with a negative amount (rent)."""
        with self._book.opened() as book:
            book.write(what="money", card=digest(card_number.reveal()), amount_fen=amount_fen)

    def balance_fen(self, *, card_number: Personal[str]) -> int:
        """Return what is on a card."""
        with self._book.opened() as book:
            return book.cards[digest(card_number.reveal())]

    def pay_by_hand(self, *, order_number: str, card_number: Personal[str]) -> Paid | Refused:
        """Let the person pay on the page made by `create`; paying twice is paying once."""
        card, now = digest(card_number.reveal()), self._clock.now()
        with self._book.opened() as book:
            order = book.orders[order_number]
            assert order.expires_at is not None, "only a hosted page is paid by hand"
            if order.ends_at is None:
                if now >= order.expires_at:
                    return Refused(code="expired")
                if book.cards[card] < order.amount_fen:
                    return Refused(code="insufficient_funds")
                book.write(what="paid_by_hand", number=order_number, card=card, ends_at=now.isoformat())
            return _paid(order)

    def return_payout(self, *, order_number: str) -> bool:
        """Take back a payout that was done, as a bank does whose card was closed meanwhile; whether there was one."""
        with self._book.opened() as book:
            order = book.orders.get(order_number)
            if order is None or order.way != "out" or not isinstance(_word(order, self._clock.now()), Paid):
                return False
            book.write(what="returned", number=order_number)
            return True

    def moved(self) -> dict[str, int]:
        """Return the amount in fen, by order number, of every order that moves money: the truth to compare with."""
        with self._book.opened() as book:
            return {
                order.number: order.amount_fen
                for order in book.orders.values()
                if order.code is None and order.ends_at is not None
            }

    def agreement_states(self) -> list[str]:
        """Return the state of each agreement: asked, agreed, dead, canceled."""
        with self._book.opened() as book:
            return [agreement.state for agreement in book.agreements.values()]

    def notices(self) -> list[tuple[str, Paid | Failed]]:
        """Return a notice for each order that ended since the last call, as a bank's callback would bring it."""
        now = self._clock.now()
        with self._book.opened() as book:
            found: list[tuple[str, Paid | Failed]] = []
            for order in book.orders.values():
                word = _word(order, now)
                if isinstance(word, Paid | Failed) and (order.number, type(word)) not in self._noticed:
                    self._noticed.add((order.number, type(word)))
                    found.append((order.number, word))
            return found

    def close(self) -> None:
        """Close the journal."""
        self._book.close()

    # The payout port.

    def send(self, request: PayoutRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Pay out to a card; refused with "card_unknown" or "holder_mismatch"."""
        return self.faults.carry(
            "payout.send",
            do=lambda: self.take_payout(request, refusal=None),
            refuse=lambda: self.take_payout(request, refusal="refused_by_bank"),
        )

    def ask(self, order_number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell what became of an order of any kind."""
        return self.faults.carry("bank.ask", do=lambda: self.told(order_number), miss=NotFound)

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        """Return the lines of a business date by time."""
        return self.faults.carry("bank.statement", do=lambda: self._statement(business_date))

    # The collection ports.

    def request_agreement(self, request: AgreementRequest) -> CodeSent | Refused | NumberTaken:
        """Send a code to the card's phone; refused with "card_unknown" or "elements_mismatch"."""
        return self.faults.carry("agreement.request", do=lambda: self._agreements.request(request))

    def confirm_agreement(self, *, agreement_number: str, code: Personal[str]) -> Agreed | CodeWrong | Refused:
        """Compare the code; refused with "agreement_unknown", "code_expired" or "agreement_dead"."""
        return self.faults.carry("agreement.confirm", do=lambda: self._agreements.confirm(agreement_number, code))

    def cancel_agreement(self, *, agreement_token: Personal[str]) -> Accepted | Refused:
        """End an agreement."""
        return self.faults.carry("agreement.cancel", do=lambda: self._agreements.cancel(agreement_token))

    def deduct(self, request: DeductionRequest) -> Accepted | Paid | Refused | NumberTaken:
        """Take money from the agreed card; it ends with "insufficient_funds" if there is not enough."""
        return self.faults.carry(
            "collection.deduct",
            do=lambda: self.take_deduction(request, refusal=None),
            refuse=lambda: self.take_deduction(request, refusal="refused_by_bank"),
        )

    def create(self, request: HostedPaymentRequest) -> HostedPage | Refused | NumberTaken:
        """Make a page to pay on."""
        return self.faults.carry("hosted.create", do=lambda: self.take_page(request))

    def close_page(self, order_number: str) -> None:
        """Do nothing: a page of this bank closes by itself when it expires."""

    # What the bank does when a request has arrived.

    def take_payout(self, request: PayoutRequest, *, refusal: str | None) -> Accepted | Paid | Refused | NumberTaken:
        """Take a payout that has arrived, in whichever message."""
        card, name = digest(request.card_number.reveal()), digest(request.holder_name.reveal())
        body = digest("out", card, name, str(request.amount_fen), request.currency)
        with self._book.opened() as book:
            refusal = refusal or no_holder(book, card, name)
            return self._take(request.order_number, "out", body, card, request.amount_fen, request.currency, refusal)

    def take_entrusted(
        self, request: EntrustedRequest, *, refusal: str | None
    ) -> Accepted | Paid | Refused | NumberTaken:
        """Take a payment to a merchant that has arrived."""
        account, name = digest(request.payee_account.reveal()), digest(request.payee_name.reveal())
        amount = (str(request.amount_fen), request.currency)
        body = digest("to", account, name, *amount, request.payee_bank, request.contract_number, request.purpose)
        with self._book.opened() as book:
            refusal = refusal or no_holder(book, account, name)
            return self._take(request.order_number, "out", body, account, request.amount_fen, request.currency, refusal)

    def take_deduction(
        self, request: DeductionRequest, *, refusal: str | None
    ) -> Accepted | Paid | Refused | NumberTaken:
        """Take a deduction that has arrived, in whichever message; or what is there, where that is enough."""
        token, amount_fen = request.agreement_token.reveal(), request.amount_fen
        body = digest("in", token, str(request.amount_fen), request.currency)
        with self._book.opened() as book:
            agreement = book.tokens.get(token)
            card = "" if agreement is None else agreement.card
            if agreement is None or agreement.state != "agreed":
                refusal = refusal or "agreement_unknown"
            elif book.cards[card] < (request.amount_fen_min or amount_fen):
                refusal = refusal or "insufficient_funds"
            amount_fen = amount_fen if refusal else min(amount_fen, book.cards[card])
            return self._take(request.order_number, "in", body, card, amount_fen, request.currency, refusal)

    def _take(
        self, number: str, way: str, body: str, card: str, amount_fen: int, currency: str, refusal: str | None
    ) -> Accepted | Paid | Refused | NumberTaken:
        """Take an order, or recognize it. A refusal is remembered under the number like a success."""
        book, now = self._book, self._clock.now()
        known = book.orders.get(number)
        if known is None:
            book.write(
                what="order",
                number=number,
                way=way,
                body=body,
                card=card,
                amount_fen=amount_fen,
                currency=currency,
                reference=digest("reference", number),
                ends_at=(now + self._processing).isoformat(),
                code=refusal,
                expires_at=None,
            )
            known = book.orders[number]
        elif known.body != body:
            return NumberTaken()
        match _word(known, now):
            case Paid() as paid:
                return paid
            case Failed(code=code):
                return Refused(code=code)
            case InProgress():
                return Accepted(reference=known.reference)

    def told(self, number: str) -> Paid | Failed | InProgress | NotFound:
        """Tell of an order, past every fault."""
        with self._book.opened() as book:
            order = book.orders.get(number)
            return NotFound() if order is None else _word(order, self._clock.now())

    def _statement(self, business_date: date) -> Sequence[StatementLine]:
        now = self._clock.now()
        with self._book.opened() as book:
            lines = [
                StatementLine(
                    order_number=order.number,
                    direction=Direction(order.way),
                    amount_fen=order.amount_fen,
                    currency=order.currency,
                    succeeded_at=order.ends_at,
                    reference=order.reference,
                )
                for order in book.orders.values()
                if order.code is None
                and order.ends_at is not None
                and order.ends_at <= now
                and business_date_of(order.ends_at) == business_date
            ]
        return sorted(lines, key=lambda line: (line.succeeded_at, line.order_number))

    def take_page(self, request: HostedPaymentRequest) -> HostedPage | Refused | NumberTaken:
        """Take a request for a page that has arrived."""
        body = digest("page", str(request.amount_fen), request.currency, request.expires_at.isoformat())
        with self._book.opened() as book:
            known = book.orders.get(request.order_number)
            if known is None:
                book.write(
                    what="order",
                    number=request.order_number,
                    way="in",
                    body=body,
                    card="",
                    amount_fen=request.amount_fen,
                    currency=request.currency,
                    reference=digest("reference", request.order_number),
                    ends_at=None,
                    code=None,
                    expires_at=request.expires_at.isoformat(),
                )
            elif known.body != body:
                return NumberTaken()
        return HostedPage(address=f"fake-bank:pay/{request.order_number}")


def _word(order: BookOrder, now: datetime) -> Paid | Failed | InProgress:
    """Return what the bank says of an order it knows."""
    if order.ends_at is None:
        assert order.expires_at is not None
        return Failed(code="expired") if now >= order.expires_at else InProgress()
    if now < order.ends_at:
        return InProgress()
    return _paid(order) if order.code is None else Failed(code=order.code)


def _paid(order: BookOrder) -> Paid:
    assert order.ends_at is not None
    return Paid(at=order.ends_at, amount_fen=order.amount_fen, currency=order.currency, reference=order.reference)
