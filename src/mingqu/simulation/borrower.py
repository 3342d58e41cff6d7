"""What borrowers do: repay by hand, spend, earn, agree, withdraw, ask for a person, look, borrow more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from mingqu.domain.loan import Intent, Stage
from mingqu.domain.word import Refused
from mingqu.services.appeals.ask_for_person import ask_for_person
from mingqu.services.changes.take_payout_back import pay_out_again
from mingqu.services.loans.issue_certificate import issue_certificate
from mingqu.services.people.read_person import person_view
from mingqu.services.repayment.read_loans import LoanView, loans_of
from mingqu.services.repayment.repay import PaymentPage, open_page, repay_by_hand
from mingqu.simulation.agreement import begin, confirm, withdraw
from mingqu.simulation.arrival import CHOOSING
from mingqu.simulation.people import PAGES_OPEN_MAX, IdleError, Payment, Person, require_same
from mingqu.simulation.seller import begun, do_act
from mingqu.simulation.together import mean_together, owes_several, pay_together
from mingqu.store.server.database import DatabaseUnavailable

_WAGES_FEN: Final = (1_000, 30_000, 150_000, 900_000)
_AGAIN_PPM: Final = 100_000  # of the times that they look whether something came back
_INTENTS: Final = (Intent.DUE, Intent.DUE, Intent.PREPAY, Intent.PREPAY, Intent.PAYOFF)


def _loan(person: Person, *stages: Stage) -> LoanView:
    """Return one of somebody's loans that is in one of some stages. Errors: IdleError."""
    found = [one for one in loans_of(person.house, person_id=person.own_id) if one.stage in stages]
    if not found:
        raise IdleError("There is no such loan.")
    return person.dice.one_of(sorted(found, key=lambda one: one.loan_id))


def repay(person: Person) -> None:
    """Mean to repay, in part or all; the same payment until it is answered."""
    if len(person.pages) >= PAGES_OPEN_MAX:
        raise IdleError("There are pages open.")
    if person.payment is None:
        of = _loan(person, Stage.ACTIVE, Stage.CHARGED_OFF)
        intent = person.dice.one_of(_INTENTS)
        amount_fen = None
        if intent is Intent.PREPAY or person.dice.happens(300_000):
            amount_fen = person.dice.between(1, max(2, of.outstanding_fen))
        person.payment = Payment(loan_id=of.loan_id, intent=intent, amount_fen=amount_fen, key=person.new_key("repay"))
    try:
        page = _send(person, person.payment)
    except DatabaseUnavailable:
        raise
    except Exception:
        person.payment = None
        raise
    if person.asks_twice():
        require_same(page, _send(person, person.payment), what="a repayment")
    person.payment = None
    person.pages.append(page.order_id)


def _send(person: Person, payment: Payment) -> PaymentPage:
    return repay_by_hand(
        person.house,
        person_id=person.own_id,
        loan_id=payment.loan_id,
        intent=payment.intent,
        amount_fen=payment.amount_fen,
        key=payment.key,
    )


def pay(person: Person) -> None:
    """Open a page and pay on it, or look at it and go away. Errors: IdleError."""
    if not person.pages:
        raise IdleError("No page waits.")
    order_id = person.dice.one_of(person.pages)
    if person.dice.happens(100_000):
        person.pages.remove(order_id)  # forgotten
        raise IdleError("A page is forgotten.")
    try:
        open_page(person.house, person_id=person.own_id, order_id=order_id)
    except DatabaseUnavailable:
        raise
    except Exception as refusal:
        if getattr(refusal, "code", "") == "nothing_due":
            person.pages.remove(order_id)  # it ended meanwhile
        raise
    if person.dice.happens(200_000):
        raise IdleError("Looked at, for now.")
    answer = person.play.bank.pay_by_hand(order_number=order_id.hex, card_number=person.newcomer.card_number)
    if not (isinstance(answer, Refused) and answer.code == "insufficient_funds"):
        person.pages.remove(order_id)


def earn_or_spend(person: Person) -> None:
    """Put money on the card, or spend most of it."""
    world, newcomer = person.play.world, person.newcomer
    if person.dice.happens(600_000):
        world.deposit(newcomer, person.dice.one_of(_WAGES_FEN))
    else:
        world.deposit(newcomer, -(max(0, world.balance_fen(newcomer)) * person.dice.between(1, 10) // 10))


def ask(person: Person) -> None:
    """Ask a person about a loan."""
    of = _loan(person, Stage.ACTIVE)
    wish = person.dice.one_of(("defer", "respread", "talk"))
    key = person.new_key("ask")
    first = ask_for_person(person.house, person_id=person.own_id, wish=wish, loan_id=of.loan_id, key=key)
    again = ask_for_person(person.house, person_id=person.own_id, wish=wish, loan_id=of.loan_id, key=key)
    require_same(first, again, what="a wish")


def look(person: Person) -> None:
    """Read the pages of one's own: everything at one moment, as they do."""
    with person.house.reading() as then:
        person_view(then, person_id=person.own_id)
        loans_of(then, person_id=person.own_id)


def certify(person: Person) -> None:
    """Ask for the certificate of a loan that is settled."""
    of = _loan(person, Stage.SETTLED)
    first = issue_certificate(person.house, person_id=person.own_id, loan_id=of.loan_id)
    again = issue_certificate(person.house, person_id=person.own_id, loan_id=of.loan_id)
    require_same(first, again, what="a certificate")


def be_paid_again(person: Person) -> None:
    """Ask for a payout that came back once more: to a card, to an account at a wallet, or to the payee as before."""
    if person.notebook.doubts:
        raise IdleError("Something else waits for its answer.")
    of, key = _loan(person, Stage.PLANNED), person.new_key("again")
    to = person.dice.one_of((person.instrument_id, person.wallet_id, None))
    send = partial(pay_out_again, person.house, person_id=person.own_id, loan_id=of.loan_id, instrument_id=to, key=key)
    do_act(person, begun(person, "be paid again", send, lambda _: None))


def drawn(person: Person) -> Callable[[Person], None]:
    """Draw what somebody does next: whoever has a page before them mostly pays on it."""
    if person.together and person.dice.happens(850_000):
        return pay_together
    if person.pages and person.dice.happens(600_000):
        return pay
    if person.dice.happens(_AGAIN_PPM):
        return be_paid_again
    if person.dice.happens(400_000) and len(person.together) < PAGES_OPEN_MAX and owes_several(person):
        return mean_together
    return person.dice.drawn(DOINGS)


def borrow_more(person: Person) -> None:
    """Set out to borrow again: the second half of a newcomer's way."""
    person.step, person.tries, person.key = CHOOSING, 0, ""


# What borrowers do, and how often among a hundred doings.
DOINGS: Final[tuple[tuple[Callable[[Person], None], int], ...]] = (
    (repay, 26),
    (pay, 32),
    (mean_together, 3),
    (pay_together, 3),
    (earn_or_spend, 14),
    (begin, 6),
    (confirm, 8),
    (withdraw, 8),
    (ask, 4),
    (look, 6),
    (certify, 3),
    (borrow_more, 5),
)
