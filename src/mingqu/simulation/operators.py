"""What operators do: ask again, answer people, work the queues two by two, freeze and thaw, change loans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.freeze import FreezeCause
from mingqu.domain.loan import ChargedOff, ChargeOffUndone, Event, Paused, Receipt, Repaid, Stage
from mingqu.domain.operator import Operator, Permission
from mingqu.domain.order import OrderKind, OrderState, Verdict
from mingqu.domain.personal import Personal
from mingqu.domain.proposal import NEEDED, Deed, ProposalStale
from mingqu.domain.review import OUTCOMES
from mingqu.services.access.read_today import read_queues, read_today
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.appeals.answer_review import answer_review, take_review
from mingqu.services.changes.change_loan import change_loan
from mingqu.services.changes.decide_order import read_dispute
from mingqu.services.changes.place_receipt import candidates
from mingqu.services.changes.reverse_repayment import reverse_repayment
from mingqu.services.house import House
from mingqu.services.limits.freeze_drawing import freeze_drawing
from mingqu.services.orders.ask_again import ask_again
from mingqu.services.proposals.propose import approve, decline, propose
from mingqu.simulation.dice import Dice
from mingqu.simulation.people import IdleError
from mingqu.simulation.playhouse import Playhouse
from mingqu.store.decisions import review
from mingqu.store.limits import freeze
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.operators import proposal
from mingqu.store.orders import order, queue

_REASON: Final = "as the statement and the call have it"
_ANSWER: Final = "We have looked at it, and this is how it stands."
_CAME_BACK_PPM: Final = 600_000  # of the payouts in dispute that may be said to have come back
_SPAN_DAYS: Final = 6  # how far back what came by no channel is told


@dataclass(slots=True, kw_only=True)
class Desk:
    """The operators of a house, and what they have in their hands."""

    play: Playhouse
    dice: Dice
    operators: Sequence[Operator]
    keys: int = 0

    @property
    def house(self) -> House:
        """The house they work at."""
        return self.play.house

    def seat(self, permission: Permission) -> Seat:
        """Return somebody who may do something."""
        return self._seat([each for each in self.operators if each.may(permission)])

    def other(self, than: UUID, deed: Deed) -> Seat:
        """Return somebody else who may check a deed."""
        able = [each for each in self.operators if each.may(NEEDED[deed]) and each.operator_id != than]
        return self._seat(able)

    def new_key(self, what: str) -> str:
        """Return a key for a command that is meant anew."""
        self.keys += 1
        return f"{what} {self.keys}"

    def _seat(self, able: Sequence[Operator]) -> Seat:
        chosen = self.dice.one_of(able)
        return Seat(session_id=chosen.operator_id, operator=chosen)

    def loan(self, *stages: Stage) -> Loan:
        """Return some loan in one of some stages. Errors: IdleError."""
        with self.house.database.transaction() as tx:
            found = [
                one
                for cell in range(tx.cells)
                for one in loan.page(tx, cell=cell, after=UUID(int=0), limit=_LOANS_MAX)
                if one.state.stage in stages
            ]
        if not found:
            raise IdleError("There is no such loan.")
        return self.dice.one_of(found)


_LOANS_MAX: Final = 200  # of a cell: a history has some tens


def look(desk: Desk) -> None:
    """Read the desk's first page: figures and queues at one moment."""
    seat = desk.seat(Permission.QUEUE)
    with desk.house.reading() as then:
        read_today(then, seat=seat)
        read_queues(then, seat=seat)


def ask_channel(desk: Desk) -> None:
    """Ask about an order whose end is not known, before its turn."""
    with desk.house.database.transaction() as tx:
        waiting = queue.unknown_orders(tx)
    if not waiting:
        raise IdleError("No order waits.")
    ask_again(desk.house, seat=desk.seat(Permission.ASK_AGAIN), order_id=desk.dice.one_of(waiting).order_id)


def answer(desk: Desk) -> None:
    """Take what somebody asked a person for, and answer it."""
    with desk.house.database.transaction() as tx:
        asked = review.waiting(tx)
    if not asked:
        raise IdleError("Nobody asked.")
    chosen, seat = desk.dice.one_of(asked), desk.seat(Permission.ANSWER)
    take_review(desk.house, seat=seat, request_id=chosen.request_id)
    outcome = desk.dice.one_of(OUTCOMES[chosen.wish])
    answer_review(desk.house, seat=seat, request_id=chosen.request_id, outcome=outcome.value, answer=Personal(_ANSWER))


def decide_disputes(desk: Desk) -> None:
    """Propose a verdict on an order in dispute: as it is booked, that a payout came back, or that nobody ever paid."""
    with desk.house.database.transaction() as tx:
        disputed = queue.disputed_orders(tx)
        now = desk.house.clock.now()
        free = [
            one
            for one in disputed
            if proposal.waits_for(tx, deed=Deed.DECIDE_ORDER, subject_id=one.order_id, at=now) is None
        ]
    if not free:
        raise IdleError("No order is in dispute.")
    order_id = desk.dice.one_of(free).order_id
    possible = read_dispute(desk.house, seat=desk.seat(Permission.QUEUE), order_id=order_id).verdicts
    came_back = Verdict.RETURNED in possible and desk.dice.happens(_CAME_BACK_PPM)
    verdict = Verdict.RETURNED if came_back else Verdict.AS_BOOKED
    if Verdict.NEVER_PAID in possible:  # no statement shows it
        verdict = Verdict.NEVER_PAID
    _propose(desk, Deed.DECIDE_ORDER, order_id, {"verdict": verdict.value})


def place_parked(desk: Desk) -> None:
    """Propose that parked money goes to a loan of whoever paid it."""
    with desk.house.database.transaction() as tx:
        now = desk.house.clock.now()
        parked = [
            (one.reference, candidates(tx, order_id=one.reference))
            for one in queue.parked_receipts(tx)
            if proposal.waits_for(tx, deed=Deed.ASSIGN_RECEIPT, subject_id=one.reference, at=now) is None
        ]
    able = [(order_id, loans) for order_id, loans in parked if loans]
    if not able:
        raise IdleError("No money is parked that a loan can take.")
    order_id, loans = desk.dice.one_of(able)
    asked = {"loan_id": desk.dice.one_of(loans).loan_id.hex, "intent": desk.dice.one_of(("due", "prepay"))}
    _propose(desk, Deed.ASSIGN_RECEIPT, order_id, asked)


def book_receipt(desk: Desk) -> None:
    """Propose that money which came by no channel is told to a loan, some days back."""
    of = desk.loan(Stage.ACTIVE, Stage.SETTLED, Stage.CHARGED_OFF)
    on = desk.house.clock.business_date() - timedelta(days=desk.dice.below(_SPAN_DAYS))
    asked: dict[str, str | int] = {
        "amount_fen": desk.dice.between(1, 150_000),
        "value_date": on.isoformat(),
        "intent": desk.dice.one_of(("due", "prepay")),
        "source": f"statement line {desk.new_key('L')}",
    }
    _propose(desk, Deed.BOOK_RECEIPT, of.loan_id, asked)


def check(desk: Desk) -> None:
    """Approve what somebody else proposed, or decline it."""
    with desk.house.database.transaction() as tx:
        open_ones = proposal.waiting(tx, at=desk.house.clock.now())
    if not open_ones:
        raise IdleError("Nothing waits to be checked.")
    chosen = desk.dice.one_of(open_ones)
    seat = desk.other(chosen.maker_id, chosen.deed)
    if desk.dice.happens(850_000):
        try:
            approve(desk.house, seat=seat, proposal_id=chosen.proposal_id)
            approve(desk.house, seat=seat, proposal_id=chosen.proposal_id)  # pressed twice
        except ProposalStale:
            pass  # the world went on: it is declined, and may be proposed anew
        else:
            return
    decline(desk.house, seat=seat, proposal_id=chosen.proposal_id, reason=_REASON)


def freeze_or_thaw(desk: Desk) -> None:
    """Stop somebody's drawing, or propose that it goes on."""
    of = desk.loan(Stage.ACTIVE)
    with desk.house.database.transaction() as tx:
        standing = freeze.standing(tx, person_id=of.person_id)
    if standing is not None:
        _propose(desk, Deed.THAW_DRAWING, standing.freeze_id, {})
        return
    freeze_drawing(
        desk.house,
        seat=desk.seat(Permission.FREEZE),
        person_id=of.person_id,
        cause=desk.dice.one_of(list(FreezeCause)).value,
        reason=_REASON,
        key=desk.new_key("freeze"),
    )


def change(desk: Desk) -> None:
    """Change a loan: something is given up, it is paused, taken for lost, or lost no longer; told late or today."""
    of = desk.loan(Stage.ACTIVE, Stage.CHARGED_OFF)
    today = desk.house.clock.business_date()
    back = today - timedelta(days=desk.dice.below(_SPAN_DAYS))
    event_id = desk.house.id_for(of.person_id)
    event: Event
    match desk.dice.below(4):
        case _ if of.state.stage is Stage.CHARGED_OFF:
            event = ChargeOffUndone(event_id=event_id, value_date=today)
        case 0:
            until = today + timedelta(days=desk.dice.between(1, 9))
            event = Paused(event_id=event_id, value_date=today, since=today, until=until)
        case 1:
            event = ChargedOff(event_id=event_id, value_date=today)
        case 2:
            amount_fen = desk.dice.between(1, 20_000)
            event = Repaid(event_id=event_id, value_date=back, amount_fen=amount_fen, receipt=Receipt.GOODWILL)
        case _:
            amount_fen = desk.dice.between(1, 2_000)
            event = Repaid(event_id=event_id, value_date=back, amount_fen=amount_fen, receipt=Receipt.INTEREST_WAIVED)
    change_loan(desk.house, loan_id=of.loan_id, event=event, key=desk.new_key("change"))


def reverse(desk: Desk) -> None:
    """Take a repayment back that bounced."""
    of = desk.loan(Stage.ACTIVE, Stage.SETTLED)
    with desk.house.database.transaction() as tx:
        told = loan.events(tx, loan=of)
        undone = {getattr(event, "target", None) for event in told}
        by_order = {
            one.order_id
            for one in order.orders_of_loan(tx, loan_id=of.loan_id)
            if one.kind is OrderKind.COLLECTION and one.state is OrderState.PAID
        }
    bounced = [
        event.event_id
        for event in told
        if isinstance(event, Repaid) and event.event_id in by_order and event.event_id not in undone
    ]
    if not bounced:
        raise IdleError("There is no repayment to take back.")
    key = desk.new_key("reverse")
    reverse_repayment(desk.house, loan_id=of.loan_id, repayment_id=desk.dice.one_of(bounced), key=key)


def _propose(desk: Desk, deed: Deed, subject_id: UUID, asked: dict[str, str | int] | dict[str, str]) -> None:
    propose(
        desk.house,
        seat=desk.seat(NEEDED[deed]),
        deed=deed,
        subject_id=subject_id,
        asked=dict(asked),
        reason=_REASON,
        key=desk.new_key(deed.value),
    )


# What operators do, and how often among a hundred doings.
DOINGS: Final[tuple[tuple[Callable[[Desk], None], int], ...]] = (
    (look, 8),
    (ask_channel, 14),
    (answer, 10),
    (decide_disputes, 10),
    (place_parked, 10),
    (book_receipt, 10),
    (check, 22),
    (freeze_or_thaw, 4),
    (change, 8),
    (reverse, 4),
)
ROWS_MAX: Final = 40  # of a queue in one round: more than a history makes
# What they do until nothing waits for them, once all is well.
CLEARING: Final = (answer, decide_disputes, place_parked, check)
