"""A lender in memory that decides by itself; what it answers is said by whoever plays it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from mingqu.domain.lender_answer import LenderOffer
from mingqu.ports.lender import (
    Confirmed,
    Declined,
    Funded,
    Later,
    LenderApplication,
    LenderFunding,
    LenderReport,
    LenderReturn,
    LenderSignature,
    NeverFunded,
    NotKnown,
    NotSigned,
    PriceMoved,
    Returned,
)
from mingqu.ports.silence import ChannelSilent

Answer = LenderOffer | Declined | Later


@dataclass(slots=True)
class FakeLender:
    """Implements `LenderChannel`. `answers` are taken in turn by new questions, the last by all that follow.

    A `Later` becomes the next answer when it is asked again. `silences` are reasons of silence that come first.
    """

    answers: deque[Answer]
    silences: deque[str] = field(default_factory=deque)
    moves_to: LenderOffer | None = None  # the price at the next new signature
    applications: dict[str, LenderApplication] = field(default_factory=dict)
    said: dict[str, Answer] = field(default_factory=dict)
    signed: dict[str, tuple[LenderSignature, Confirmed | PriceMoved | NotSigned]] = field(default_factory=dict)
    funded: dict[str, LenderFunding] = field(default_factory=dict)
    returned: dict[str, tuple[LenderReturn, Returned | NeverFunded]] = field(default_factory=dict)
    reports: dict[str, LenderReport] = field(default_factory=dict)

    def assess(self, application: LenderApplication) -> LenderOffer | Declined | Later:
        """Put an application to the lender. Errors: ChannelSilent."""
        self._speak()
        if self.applications.setdefault(application.number, application) != application:
            raise ChannelSilent(reason="rejected")
        return self._answer(application.number)

    def ask(self, *, number: str) -> LenderOffer | Declined | Later | NotKnown:
        """Tell what became of an application. Errors: ChannelSilent."""
        self._speak()
        return self._answer(number) if number in self.applications else NotKnown()

    def sign(self, signature: LenderSignature) -> Confirmed | PriceMoved | NotSigned:
        """Ask the lender to sign at a price. Errors: ChannelSilent."""
        self._speak()
        if signature.number not in self.signed:
            self.signed[signature.number] = (signature, self._signs(signature))
        known, word = self.signed[signature.number]
        if known != signature:
            raise ChannelSilent(reason="rejected")
        return word

    def fund(self, funding: LenderFunding) -> Funded | Later | NotSigned:
        """Ask for the money of a signature. Errors: ChannelSilent."""
        self._speak()
        if funding.number not in self.funded and self._is_called_off(funding.number):
            return NotSigned(code="called_off")
        if self.funded.setdefault(funding.number, funding) != funding:
            raise ChannelSilent(reason="rejected")
        return Funded(reference=f"F{funding.number[:12]}")

    def take_back(self, message: LenderReturn) -> Returned | NeverFunded:
        """Tell that the money of a funding is called off. Errors: ChannelSilent."""
        self._speak()
        if message.number not in self.returned:
            known = self.funded.get(message.funding_number)
            if known is not None and (known.amount_fen, known.currency) != (message.amount_fen, message.currency):
                raise ChannelSilent(reason="rejected")
            word = NeverFunded() if known is None else Returned(reference=f"R{message.number[:12]}")
            self.returned[message.number] = (message, word)
        before, word = self.returned[message.number]
        if before != message:
            raise ChannelSilent(reason="rejected")
        return word

    def report(self, report: LenderReport) -> None:
        """Tell what happened to a loan. Errors: ChannelSilent."""
        self._speak()
        self.reports[report.number] = report

    def _is_called_off(self, number: str) -> bool:
        return any(message.funding_number == number for message, _ in self.returned.values())

    def _answer(self, number: str) -> Answer:
        if isinstance(self.said.get(number, Later()), Later):
            self.said[number] = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        return self.said[number]

    def _signs(self, signature: LenderSignature) -> Confirmed | PriceMoved | NotSigned:
        offered = self.said.get(signature.application_number)
        if not isinstance(offered, LenderOffer):
            return NotSigned(code="not_offered")
        if self.moves_to is not None:
            offered, self.moves_to = self.moves_to, None
            self.said[signature.application_number] = offered
        if offered.rate_year_ppm != signature.rate_year_ppm:
            return PriceMoved(offer=offered)
        return Confirmed(reference=f"S{signature.number[:12]}")

    def _speak(self) -> None:
        if self.silences:
            raise ChannelSilent(reason=self.silences.popleft())
