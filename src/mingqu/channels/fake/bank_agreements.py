"""The agreements of the bank in memory: a code to the card's phone, a few tries at it, and a token to deduct with."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Final

from mingqu.channels.fake.bank_book import BankBook, BookAgreement, digest
from mingqu.domain.personal import Personal
from mingqu.domain.word import Accepted, NumberTaken, Refused
from mingqu.ports.clock import Clock
from mingqu.ports.collection import Agreed, AgreementRequest, CodeSent, CodeWrong
from mingqu.ports.silence import ChannelSilent
from mingqu.ports.sms import Message, MessageKind, SmsChannel

CODE_TRIES_MAX: Final = 5  # one in 200,000 guesses succeeds
CODE_LIFE: Final = timedelta(seconds=300)


class BankAgreements:
    """Agreements in the bank's book, past every fault; what is refused and why, `FakeBank` says."""

    def __init__(self, *, book: BankBook, clock: Clock, sms: SmsChannel) -> None:
        self._book = book
        self._clock = clock
        self._sms = sms

    def request(self, request: AgreementRequest) -> CodeSent | Refused | NumberTaken:
        """Send a code to the card's phone, the same each time it is asked for."""
        card = digest(request.card_number.reveal())
        elements = {
            "name": digest(request.holder_name.reveal()),
            "id_number": digest(request.id_number.reveal()),
            "phone": digest(request.phone.reveal()),
        }
        body = digest("agreement", card, *elements.values())
        number = request.agreement_number
        with self._book.opened() as book:
            known = book.agreements.get(number)
            if known is not None and known.body != body:
                return NumberTaken()
            if card not in book.cards:
                return Refused(code="card_unknown")
            if book.holders[card] != elements:
                return Refused(code="elements_mismatch")
            if known is None:
                asked_at = self._clock.now().isoformat()
                token = digest("token", number)
                book.write(what="agreement", number=number, body=body, card=card, token=token, asked_at=asked_at)
        with contextlib.suppress(ChannelSilent):  # a message that is lost is asked for again by whoever waits for it
            self._sms.send(
                Message(
                    message_number=digest("message", number),
                    kind=MessageKind.CODE,
                    phone=request.phone,
                    template="bank_agreement_code",
                    values={"code": Personal(_code(number))},
                )
            )
        return CodeSent()

    def confirm(self, number: str, code: Personal[str]) -> Agreed | CodeWrong | Refused:
        """Compare the code; too many wrong ones end the agreement."""
        with self._book.opened() as book:
            agreement = book.agreements.get(number)
            if agreement is None:
                return Refused(code="agreement_unknown")
            right = code.reveal() == _code(number)
            if agreement.state == "agreed" and right:
                return Agreed(token=Personal(agreement.token))
            if agreement.state != "asked":
                return Refused(code="agreement_dead")
            if self._clock.now() - agreement.asked_at > CODE_LIFE:
                return Refused(code="code_expired")
            if right:
                self._set_state(agreement, "agreed", agreement.tries)
                return Agreed(token=Personal(agreement.token))
            tries = agreement.tries + 1
            self._set_state(agreement, "dead" if tries == CODE_TRIES_MAX else "asked", tries)
            return CodeWrong(tries_left=CODE_TRIES_MAX - tries)

    def cancel(self, token: Personal[str]) -> Accepted | Refused:
        """End an agreement by its token; done again it has ended."""
        with self._book.opened() as book:
            agreement = book.tokens.get(token.reveal())
            if agreement is None or agreement.state not in ("agreed", "canceled"):
                return Refused(code="agreement_unknown")
            if agreement.state == "agreed":
                self._set_state(agreement, "canceled", agreement.tries)
            return Accepted()

    def _set_state(self, agreement: BookAgreement, state: str, tries: int) -> None:
        self._book.write(what="agreement_state", number=agreement.number, state=state, tries=tries)


def _code(agreement_number: str) -> str:
    """Return the six digits sent for an agreement: made from its number, so they are the same in every run."""
    return f"{int(digest('code', agreement_number), 16) % 1_000_000:06d}"
