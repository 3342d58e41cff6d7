"""What holders of revolving accounts do: open, buy, draw, pay, agree to instalments and deductions, apply anew, go."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID

from mingqu.domain.spend import DeductedPart, PaymentWish
from mingqu.domain.spend.product import CASH_LINE, SPEND_LINE
from mingqu.services.decisions.assess import assess
from mingqu.services.privacy.erase_person import ask_to_be_erased
from mingqu.services.repayment.repay import PaymentPage
from mingqu.services.revolving.convert_spend import ConversionOffer, conversion_offers, convert_spend
from mingqu.services.revolving.open_spend import open_spend, spend_offers
from mingqu.services.revolving.read_spend import SpendView, spend_bills, spend_purchases, spend_view, spend_views
from mingqu.simulation import seller
from mingqu.simulation.borrower import earn_or_spend, pay
from mingqu.simulation.notebook import Act, Agreed, Cut
from mingqu.simulation.people import PAGES_OPEN_MAX, IdleError, Person
from mingqu.simulation.seller import do_act

_WANTED_FEN: Final = (900, 12_000, 45_000, 180_000, 900_000)
_TO_THE_LIMIT_PPM: Final = 150_000  # of what is bought or drawn: everything that is left, or a fen more
_INCOMES_PPM: Final = (0, 300_000, 700_000, 1_000_000)  # of what somebody earned, as they say it when they apply anew
_PPM: Final = 1_000_000


def go_on(person: Person) -> Callable[[Person], None]:
    """Draw what a holder, or one of their sellers, does next: what is in doubt is cleared up before anything else."""
    if person.notebook.doubts:
        return clear_up
    if person.pages and person.dice.happens(400_000):
        return pay
    return person.dice.drawn(DOINGS)


def clear_up(person: Person) -> None:
    """Send what was not answered once more, with its key. Errors: those of the command."""
    do_act(person, person.notebook.doubts[0])


def open_account(person: Person) -> None:
    """Open an account of a product that is offered, by the terms that are shown."""
    house = person.house
    offers = spend_offers(house, person_id=person.own_id)
    if not offers:
        raise IdleError("No account is offered.")
    offer = person.dice.one_of(offers)
    product_id, key = offer.product.id, person.new_key("open")
    act = seller.begun(
        person,
        "open account",
        lambda: open_spend(house, person_id=person.own_id, product_id=product_id, terms_hash=offer.terms_hash, key=key),
        lambda account_id: person.notebook.accounts.update({product_id: account_id}),
    )
    do_act(person, act)


def draw(person: Person) -> None:
    """Draw cash to one's card."""
    view, card_id = _account(person, CASH_LINE), person.instrument_id
    assert card_id is not None
    account_id, fen, key = view.account_id, _wanted_fen(person, view), person.new_key("draw")
    send = partial(
        person.play.desk.draw,
        person.house,
        person_id=person.own_id,
        account_id=account_id,
        card_id=card_id,
        fen=fen,
        key=key,
    )

    def note(order_id: UUID) -> None:
        person.notebook.draws[order_id] = account_id

    do_act(person, seller.begun(person, "draw", send, note, holds=account_id))


def repay(person: Person) -> None:
    """Ask for a page: for the least payment, the bill, everything, or an amount of one's own."""
    if len(person.pages) >= PAGES_OPEN_MAX:
        raise IdleError("There are pages open.")
    account_id = _any_account(person)
    wish = person.dice.one_of(list(PaymentWish))
    fen = person.dice.between(1, 200_000) if person.dice.happens(200_000) else None
    key = person.new_key("pay account")
    send = partial(
        person.play.desk.repay,
        person.house,
        person_id=person.own_id,
        account_id=account_id,
        wish=wish,
        fen=fen,
        key=key,
    )

    def note(page: PaymentPage) -> None:
        person.notebook.payments[page.order_id] = account_id
        person.pages.append(page.order_id)

    do_act(person, seller.begun(person, "repay account", send, note))


def cut_into_parts(person: Person) -> None:
    """Agree to instalments of the bill, or of a purchase that is not billed yet."""
    account_id, target = _any_account(person), None
    bought = [one.purchase_id for one in person.notebook.purchases if one.account_id == account_id and one.left_fen]
    if bought and person.dice.happens(600_000):
        target = person.dice.one_of(bought)
    found = conversion_offers(person.house, person_id=person.own_id, account_id=account_id, purchase_id=target)
    if not found.offers:
        raise IdleError("There are no instalments of this.")
    offer, key = person.dice.one_of(found.offers), person.new_key("instalments")
    do_act(person, _cutting(person, account_id, target, offer, key))


def _cutting(person: Person, account_id: UUID, target: UUID | None, offer: ConversionOffer, key: str) -> Act:
    send = partial(
        convert_spend,
        person.house,
        person_id=person.own_id,
        account_id=account_id,
        purchase_id=target,
        amount_fen=offer.amount_fen,
        count=offer.count,
        table_hash=offer.table_hash,
        key=key,
    )
    agreed = Cut(account_id=account_id, fen=offer.amount_fen, target=target, count=offer.count)

    def note(plan_id: UUID) -> None:
        person.notebook.cuts[plan_id] = agreed

    return seller.begun(person, "agree to instalments", send, note)


def choose(person: Person) -> None:
    """Let a part of each bill be deducted."""
    account_id, part = _any_account(person), person.dice.one_of(list(DeductedPart))
    key, since = person.new_key("deduct"), person.house.clock.now()
    send = partial(
        person.play.desk.choose, person.house, person_id=person.own_id, account_id=account_id, part=part, key=key
    )
    said = Agreed(account_id=account_id, part=part, since=since)
    person.notebook.agreed.append(said)  # it may hold from the first moment, also where no answer comes

    def note(_: object) -> None:
        for before in person.notebook.agreed:
            if before.account_id == account_id and before is not said and before.until is None:
                before.until = person.house.clock.now()

    try:
        do_act(person, seller.begun(person, "choose deduction", send, note))
    except Exception:
        if not person.notebook.doubts:
            person.notebook.agreed.remove(said)
        raise


def stop(person: Person) -> None:
    """Let nothing more be deducted: of one account, or by withdrawing the consent."""
    standing = [one for one in person.notebook.agreed if one.until is None]
    if not standing:
        raise IdleError("Nothing is deducted.")
    desk, house, clock = person.play.desk, person.house, person.house.clock
    if person.dice.happens(500_000):
        of = person.dice.one_of(standing).account_id
        send = partial(desk.stop, house, person_id=person.own_id, account_id=of)
        note = lambda _: person.notebook.stops(at=clock.now(), account_id=of)  # noqa: E731
    else:
        send = partial(desk.withdraw, house, person_id=person.own_id)
        note = lambda _: person.notebook.stops(at=clock.now())  # noqa: E731
    do_act(person, seller.begun(person, "stop deductions", send, note))


def look(person: Person) -> None:
    """Read everything of one's accounts at one moment, as their pages do."""
    with person.house.reading() as then:
        for view in spend_views(then, person_id=person.own_id):
            spend_view(then, person_id=person.own_id, account_id=view.account_id)
            spend_bills(then, person_id=person.own_id, account_id=view.account_id)
            spend_purchases(then, person_id=person.own_id, account_id=view.account_id)


def apply_anew(person: Person) -> None:
    """Be assessed again with another income: limits are cut, or raised, or there are none any more."""
    if not person.notebook.accounts:
        raise IdleError("There is no account.")
    house, application_id = person.house, person.house.id_for(person.own_id)
    income_fen = person.newcomer.monthly_income_fen * person.dice.one_of(_INCOMES_PPM) // _PPM

    def send() -> int:
        made = assess(
            house,
            person_id=person.own_id,
            application_id=application_id,
            requested_amount_fen=500_000,
            monthly_income_fen=income_fen,
        )
        return made.decision.limit_fen if made.decision.approved else 0

    def note(ceiling_fen: int) -> None:
        person.notebook.ceiling_fen = ceiling_fen

    do_act(person, seller.begun(person, "apply anew", send, note))


def erase(person: Person) -> None:
    """Ask to be erased: refused while anything is open."""
    key = person.new_key("erase")
    send = partial(ask_to_be_erased, person.house, person_id=person.own_id, key=key)

    def note(_: object) -> None:
        person.notebook.stops(at=person.house.clock.now())
        person.gone = True

    do_act(person, seller.begun(person, "ask to be erased", send, note))


def _views(person: Person) -> list[SpendView]:
    return spend_views(person.house, person_id=person.own_id)


def _wanted_fen(person: Person, view: SpendView) -> int:
    if person.dice.happens(_TO_THE_LIMIT_PPM):
        return max(1, view.available_fen + person.dice.below(2))
    return person.dice.one_of(_WANTED_FEN)


def _account(person: Person, kind: str) -> SpendView:
    """Return the account of a kind. Errors: IdleError."""
    found = [one for one in _views(person) if one.kind == kind]
    if not found:
        raise IdleError("There is no such account.")
    return found[0]


def _any_account(person: Person) -> UUID:
    """Return some account, rather one with a bill. Errors: IdleError."""
    found = sorted(_views(person), key=lambda one: one.account_id)
    if not found:
        raise IdleError("There is no account.")
    billed = [one.account_id for one in found if one.bill_left_fen]
    if billed and person.dice.happens(700_000):
        return person.dice.one_of(billed)
    return person.dice.one_of(found).account_id


def buy(person: Person) -> None:
    """Have a seller hold an amount."""
    view = _account(person, SPEND_LINE)
    seller.hold(person, account_id=view.account_id, fen=_wanted_fen(person, view))


# What holders and their sellers do, and how often among a hundred doings.
DOINGS: Final[tuple[tuple[Callable[[Person], None], int], ...]] = (
    (open_account, 5),
    (buy, 16),
    (seller.capture_or_release, 16),
    (seller.refund, 9),
    (draw, 8),
    (repay, 14),
    (pay, 6),
    (cut_into_parts, 7),
    (choose, 6),
    (stop, 4),
    (earn_or_spend, 4),
    (look, 3),
    (apply_anew, 1),
    (erase, 1),
)
