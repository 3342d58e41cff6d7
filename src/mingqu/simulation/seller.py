"""What the sellers of a holder do, who hear of it only if they are answered: hold, capture, give up, give back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from mingqu.simulation.notebook import Act, Bought, Moved
from mingqu.simulation.people import IdleError, Person, require_same
from mingqu.store.server.database import DatabaseUnavailable

HOLD_DAYS: Final = 7  # of both products
_SENT_TWICE_PPM: Final = 400_000  # of what was answered: programs of sellers do so more often than people
_SELLERS: Final = ("corner shop", "dealer")


def begun(
    person: Person,
    name: str,
    send: Callable[[], object],
    note: Callable[[Any], None],
    *,
    holds: UUID | None = None,
) -> Act:
    """Return a command that somebody begins now; `holds` is the account whose limit it takes something of."""
    now = person.house.clock.now()
    act = Act(name=name, begun_on=person.house.clock.business_date(), begun_at=now, send=send, note=note)
    if holds is not None:

        def note_hold(answer: object) -> None:
            note(answer)
            person.notebook.held_last = holds if act.tries == 1 else None

        act.note = note_hold
    return act


def do_act(person: Person, act: Act) -> None:
    """Send a command, write down what was answered, and send some once more. It is in doubt until there is an answer.

    Errors: those of the command; BrokenError when it is answered otherwise the second time.
    """
    doubts = person.notebook.doubts
    if act not in doubts:
        doubts.append(act)
    act.tries += 1
    try:
        answer = act.send()
    except DatabaseUnavailable:
        raise
    except Exception:
        doubts.remove(act)
        raise
    doubts.remove(act)
    act.note(answer)
    if person.dice.happens(_SENT_TWICE_PPM):
        require_same(answer, act.send(), what=f"a command ({act.name})")


def hold(person: Person, *, account_id: UUID, fen: int) -> None:
    """Have an amount of an account held for a purchase."""
    name, number = person.dice.one_of(_SELLERS), person.new_key("sale")
    send = partial(
        person.play.desk.authorize,
        person.house,
        person_id=person.own_id,
        account_id=account_id,
        seller=name,
        number=number,
        fen=fen,
        key=f"hold {number}",
    )
    lapses_on = person.house.clock.business_date() + timedelta(days=HOLD_DAYS)

    def note(purchase_id: UUID) -> None:
        bought = Bought(
            account_id=account_id,
            purchase_id=purchase_id,
            seller=name,
            number=number,
            held_fen=fen,
            lapses_on=lapses_on,
        )
        person.notebook.purchases.append(bought)

    do_act(person, begun(person, "hold", send, note, holds=account_id))


def capture_or_release(person: Person) -> None:
    """Let a seller take what was held for it, or a part, or give it up."""
    waiting = [one for one in person.notebook.purchases if one.captured is None and not one.released]
    if not waiting:
        raise IdleError("No seller waits for money.")
    bought, desk, house = person.dice.one_of(waiting), person.play.desk, person.house
    if person.dice.happens(100_000):

        def note_release(_: object) -> None:
            bought.released = True

        send_release = partial(desk.release, house, purchase_id=bought.purchase_id)
        do_act(person, begun(person, "release", send_release, note_release))
        return
    fen = person.dice.between(1, bought.held_fen) if person.dice.happens(200_000) else bought.held_fen
    first = house.clock.business_date()

    def note(taken_fen: int) -> None:
        bought.captured = Moved(fen=taken_fen, first=first, last=house.clock.business_date())

    send = partial(desk.capture, house, purchase_id=bought.purchase_id, fen=fen)
    do_act(person, begun(person, "capture", send, note))


def refund(person: Person) -> None:
    """Let a seller give back a purchase, or a part of it."""
    able = [one for one in person.notebook.purchases if one.left_fen]
    if not able:
        raise IdleError("Nothing was bought that could come back.")
    bought, house = person.dice.one_of(able), person.house
    fen = person.dice.between(1, bought.left_fen) if person.dice.happens(500_000) else bought.left_fen
    number, first = person.new_key("back"), house.clock.business_date()

    def note(_: object) -> None:
        bought.refunds[number] = Moved(fen=fen, first=first, last=house.clock.business_date())

    send = partial(person.play.desk.refund, house, purchase_id=bought.purchase_id, number=number, fen=fen)
    do_act(person, begun(person, "refund", send, note))
