"""One payment for what is due to several lenders: meant under one key, its page opened, paid on, left, or forgotten."""

from __future__ import annotations

from mingqu.domain.refusal import Refusal
from mingqu.domain.word import InProgress
from mingqu.services.repayment.repay_together import combined_payment, due_together, open_combined, repay_together
from mingqu.simulation.people import PAGES_OPEN_MAX, IdleError, Person, require_same
from mingqu.store.server.database import DatabaseUnavailable


def owes_several(person: Person) -> bool:
    """Return whether something is due to several lenders that can be paid at once."""
    return bool(due_together(person.house, person_id=person.own_id))


def mean_together(person: Person) -> None:
    """Mean to repay at once what is due to several lenders, the same payment until it is answered; mostly pay now."""
    if len(person.together) >= PAGES_OPEN_MAX:
        raise IdleError("There are pages open.")
    house, person_id = person.house, person.own_id
    key = person.together_key = person.together_key or person.new_key("together")
    try:
        made = repay_together(house, person_id=person_id, key=key)
    except DatabaseUnavailable:
        raise
    except Exception:
        person.together_key = ""
        raise
    if person.asks_twice():
        again = repay_together(house, person_id=person_id, key=key)
        require_same(made.combined_id, again.combined_id, what="a payment for several lenders")
    person.together_key = ""
    person.together.append(made.combined_id)
    if person.dice.happens(700_000):
        pay_together(person)


def pay_together(person: Person) -> None:
    """Open the page of a payment for several lenders and pay on it, or go away. Errors: IdleError."""
    if not person.together:
        raise IdleError("No page waits.")
    combined_id, house = person.dice.one_of(person.together), person.house
    if person.dice.happens(100_000):
        person.together.remove(combined_id)  # forgotten
        raise IdleError("A page is forgotten.")
    try:
        open_combined(house, person_id=person.own_id, combined_id=combined_id)
    except DatabaseUnavailable:
        raise
    except Refusal as refusal:
        if refusal.code == "nothing_due":
            person.together.remove(combined_id)  # a part of it ended meanwhile
        raise
    if person.dice.happens(150_000):
        raise IdleError("Looked at, for now.")
    parts = combined_payment(house, person_id=person.own_id, combined_id=combined_id).parts
    amounts_fen = {part.order_id.hex: part.amount_fen for part in parts}
    bank, till = person.play.bank, person.play.till
    if any(bank.told(number) != InProgress() for number in amounts_fen):
        person.together.remove(combined_id)  # paid, or over
        raise IdleError("The page is over.")
    if person.dice.happens(600_000):  # they put on the card what it takes
        lacks_fen = sum(amounts_fen.values()) - bank.balance_fen(card_number=person.newcomer.card_number)
        bank.deposit(card_number=person.newcomer.card_number, amount_fen=max(0, lacks_fen))
    if till.pay(amounts_fen, card_number=person.newcomer.card_number) == "paid":
        person.together.remove(combined_id)
