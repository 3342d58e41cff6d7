"""Somebody who knows which name, ID number, card and phone belong together, and whose a business is."""

from __future__ import annotations

from mingqu.channels.fake.faults import Faults
from mingqu.domain.business import BusinessAnswer
from mingqu.domain.instrument import ElementsAnswer
from mingqu.domain.personal import Personal
from mingqu.ports.identity import BusinessElements, FourElements


class FakeIdentity:
    """Implements `IdentityChannel`. Its calls are named "identity.check" and "identity.business" for `Faults.plan`."""

    def __init__(self, *, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._cards: dict[Personal[str], tuple[Personal[str], Personal[str], Personal[str]]] = {}
        self._closed: set[Personal[str]] = set()
        self._unsupported: set[Personal[str]] = set()
        self._answered: dict[str, ElementsAnswer] = {}
        self._businesses: dict[Personal[str], tuple[Personal[str], Personal[str], Personal[str]]] = {}
        self._said: dict[str, BusinessAnswer] = {}

    def know(
        self, *, name: Personal[str], id_number: Personal[str], card_number: Personal[str], phone: Personal[str]
    ) -> None:
        """Learn that these four belong together."""
        self._cards[card_number] = (name, id_number, phone)

    def know_business(
        self, *, uscc: Personal[str], business_name: Personal[str], name: Personal[str], id_number: Personal[str]
    ) -> None:
        """Learn of a business and its legal person."""
        self._businesses[uscc] = (business_name, name, id_number)

    def close_card(self, *, card_number: Personal[str]) -> None:
        """Learn that a card was closed."""
        self._closed.add(card_number)

    def leave_out(self, *, card_number: Personal[str]) -> None:
        """Learn that the card's bank does not take part."""
        self._unsupported.add(card_number)

    @property
    def billed(self) -> int:
        """How many checks were done: as many as there were request numbers."""
        return len(self._answered) + len(self._said)

    def check(self, elements: FourElements) -> ElementsAnswer:
        """Compare the four elements with what is known."""
        return self.faults.carry(
            "identity.check",
            do=lambda: self._check(elements),
            refuse=lambda: ElementsAnswer.NOT_SUPPORTED,
        )

    def _check(self, elements: FourElements) -> ElementsAnswer:
        return self._answered.setdefault(elements.request_number, self._compare(elements))

    def _compare(self, elements: FourElements) -> ElementsAnswer:
        if elements.card_number in self._unsupported:
            return ElementsAnswer.NOT_SUPPORTED
        if elements.card_number in self._closed:
            return ElementsAnswer.CARD_CLOSED
        known = self._cards.get(elements.card_number)
        same = known == (elements.name, elements.id_number, elements.phone)
        return ElementsAnswer.MATCH if same else ElementsAnswer.MISMATCH

    def check_business(self, elements: BusinessElements) -> BusinessAnswer:
        """Compare a business with what is known."""
        return self.faults.carry(
            "identity.business",
            do=lambda: self._said.setdefault(elements.request_number, self._look_up(elements)),
            refuse=lambda: BusinessAnswer.UNKNOWN,
        )

    def _look_up(self, elements: BusinessElements) -> BusinessAnswer:
        known = self._businesses.get(elements.uscc)
        if known is None or known[0] != elements.business_name:
            return BusinessAnswer.UNKNOWN
        own = known[1:] == (elements.name, elements.id_number)
        return BusinessAnswer.MATCH if own else BusinessAnswer.NOT_LEGAL_PERSON
