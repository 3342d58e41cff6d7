"""What a channel says of orders is heard, with the money it moves: alone, or with what others hear at the same moment.

Nearly every word that matters says that a collection was paid. Those that come to a cell while it is written to are
heard in one transaction (`take_turns`): all orders, loans, histories and limits are read in one round trip under the
cell's lock, each repayment is worked out by itself, and everything is written in one more. Whatever is not that plain
(a conflict, an order that has ended, money that no loan can take, a refusal) is left for its caller to hear alone by
`settle_order.hear_word`, which has the same effect on the same rows; nothing of it was done before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from mingqu.domain import order as life
from mingqu.domain.evidence import LeafKind
from mingqu.domain.loan import Intent
from mingqu.domain.order import Action, Order, OrderKind, OrderState
from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Paid, Word
from mingqu.services.house import House
from mingqu.services.loans.follow_up import Surroundings, follow_up_all
from mingqu.services.loans.record_event import Recording, work_out, write_recordings
from mingqu.services.messages.tell_webhooks import Event, deliveries_of, report
from mingqu.services.orders import keep_order
from mingqu.services.orders.settle_order import (
    TAKING,
    hear_word,
    leaf_of,
    notice_of_end,
    repaid_by,
    spare_deductions,
    told_of,
)
from mingqu.services.take_turns import Not
from mingqu.store import evidence
from mingqu.store.lenders import lender_question
from mingqu.store.lenders.lender_question import Questions
from mingqu.store.loans import loan_at_hand, repayment
from mingqu.store.loans.loan_at_hand import CellAtHand
from mingqu.store.loans.repayment import OpenCollection
from mingqu.store.messages import webhook
from mingqu.store.orders import paid_order
from mingqu.store.orders.paid_order import Ended
from mingqu.store.server import idempotency, work
from mingqu.store.server.database import Transaction
from mingqu.store.server.idempotency import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOrders:
    """Implements `Orders` of `chase_order` on the book: each method is one transaction."""

    house: House

    def announce(self, *, order_id: UUID, now: datetime, resend_is_safe: bool) -> tuple[Order, Action]:
        """Decide the next action under the cell's lock, store the order as announced, return both."""
        return self.house.database.run(
            lambda tx: keep_order.announce(tx, order_id=order_id, now=now, resend_is_safe=resend_is_safe)
        )

    def hear(self, *, order_id: UUID, word: Word, at: datetime) -> Order:
        """Store the word, apply it (or mark the conflict), post what it causes, return the order."""
        if isinstance(word, Paid):
            heard = hear_paid(self.house, said=Said(order_id=order_id, word=word, at=at))
            if heard is not None:
                return heard
        return self.house.database.run(lambda tx: hear_word(tx, self.house, order_id=order_id, word=word, at=at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A channel said, heard at `at`, that an order was paid; of a notice also its key, and of which channels it may."""

    order_id: UUID
    word: Paid
    at: datetime
    claim: Claim | None = None
    channels: frozenset[str] | None = None  # None: whoever was asked answered


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What one word comes to, worked out and not yet written."""

    claim: Claim | None
    ended: Ended
    recording: Recording


def hear_paid(house: House, *, said: Said) -> Order | None:
    """Hear with others that a collection was paid and return the order once that is durable; None: hear it alone."""
    cell = house.database.cell_of(said.order_id)

    def turn(listed: Sequence[Said]) -> list[Order | Not]:
        return house.database.run(lambda tx: hear_all(tx, house, cell=cell, said=listed), planned=True)

    return house.turns.take(("paid", cell), said, turn=turn)


def hear_all(tx: Transaction, house: House, *, cell: int, said: Sequence[Said]) -> list[Order | Not]:
    """Hear words in a transaction and answer each: with its order, or that it is heard alone or later.

    What is heard is the last of the transaction: mostly it is committed here, in the round trip in which it is written.
    """
    listed = said
    assert all(tx.cell_of(each.order_id) == cell for each in listed), "the book was recut meanwhile"
    (found,) = tx.together([paid_order.found(cell=cell, order_ids=list({said.order_id for said in listed}))])
    known = {order_id: order for order_id, (order, _) in paid_order.orders_in(found).items()}
    answers = _turn_of_each(listed, known)
    chosen = [place for place, answer in enumerate(answers) if answer is None]
    plain: list[Order | Not] = [Not.ALONE if answer is None else answer for answer in answers]
    if chosen:
        _hear_chosen(tx, house, cell, listed, chosen, known, plain)
    return plain


def _turn_of_each(listed: Sequence[Said], known: Mapping[UUID, Order]) -> list[Not | None]:
    """Return which words are heard in this turn (None), which alone, and which later: one of each person and key."""
    answers: list[Not | None] = []
    people: set[UUID] = set()
    keys: set[tuple[str, str]] = set()
    for said in listed:
        order, claim = known.get(said.order_id), said.claim
        key = None if claim is None else (claim.caller, claim.key)
        if order is None or not _is_plain(order, said):
            answers.append(Not.ALONE)
        elif order.person_id in people or key in keys:
            answers.append(Not.YET)
        else:
            answers.append(None)
            people.add(order.person_id)
            keys |= {key} if key is not None else set()
    return answers


def _is_plain(order: Order, said: Said) -> bool:
    if said.claim is not None and not idempotency.is_well_formed(said.claim.key):
        return False
    ours = said.channels is None or order.channel in said.channels
    return ours and order.open and order.kind is OrderKind.COLLECTION and order.loan_id is not None


def _hear_chosen(
    tx: Transaction,
    house: House,
    cell: int,
    listed: Sequence[Said],
    chosen: Sequence[int],
    known: Mapping[UUID, Order],
    answers: list[Order | Not],
) -> None:
    """Hear the words at the chosen places and set their answers."""
    order_ids = [listed[place].order_id for place in chosen]
    loan_ids = [loan_id for order_id in order_ids if (loan_id := known[order_id].loan_id) is not None]
    people = [known[order_id].person_id for order_id in order_ids]
    claiming = sorted(place for place in chosen if listed[place].claim is not None)
    claims = [claim for place in claiming if (claim := listed[place].claim) is not None]
    at_hand, others = loan_at_hand.locked(
        tx,
        cell=cell,
        loan_ids=loan_ids,
        first=[idempotency.claimed(cell=cell, claims=claims)] if claims else [],
        beside=[
            paid_order.found(cell=cell, order_ids=order_ids),
            repayment.agreed(cell=cell, person_ids=people),
            repayment.opened(cell=cell, loan_ids=loan_ids),
            webhook.asked(),
            *([lender_question.of_loans(cell=cell, loan_ids=loan_ids)] if house.lenders else []),
        ],
    )
    before, others = others[: bool(claims)], others[bool(claims) :]
    orders, others_open = paid_order.orders_in(others[0]), _without(repayment.opened_in(others[2]), order_ids)
    around = Surroundings(
        agreements=repayment.agreed_in(others[1]),
        collecting=_channels_of(others_open),
        listening=webhook.active_in(others[3]),
    )
    questions = lender_question.of_loans_in(others[4]) if house.lenders else {}
    told_before: set[int] = set()
    for place, is_new in zip(claiming, idempotency.news_in(before[0]) if claims else (), strict=True):
        if not is_new:
            told_before.add(place)
            # As it stands under the lock: whoever told it before may have ended it while this turn waited.
            answers[place] = Not.ALONE if is_new is None else orders[listed[place].order_id][0]
    on = house.booking_day(at_hand.last_closed_on)
    heard = []
    for place in chosen:
        if place not in told_before:
            one = _worked_out(listed[place], *orders[listed[place].order_id], at_hand=at_hand, on=on)
            if one is not None:
                heard.append(one)
                answers[place] = one.ended.after
            elif (claim := listed[place].claim) is not None:
                idempotency.forget(tx, cell=cell, caller=claim.caller, key=claim.key)
    if heard:
        waiting = {each.loan_id for each in others_open if each.state is OrderState.RESERVED}
        _write(tx, house, at_hand, heard, on, around, waiting, questions)


def _without(collections: Sequence[OpenCollection], order_ids: Sequence[UUID]) -> list[OpenCollection]:
    return [each for each in collections if each.order_id not in order_ids]


def _channels_of(collections: Sequence[OpenCollection]) -> dict[UUID, set[str]]:
    channels: dict[UUID, set[str]] = {}
    for each in collections:
        channels.setdefault(each.loan_id, set()).add(each.channel)
    return channels


def _worked_out(said: Said, order: Order, meant: Intent | None, *, at_hand: CellAtHand, on: date) -> _Heard | None:
    """Return what a word comes to, under the lock; None if it is not the plain case. Nothing is written."""
    of = at_hand.loans.get(order.loan_id) if order.loan_id is not None else None
    if not order.open or of is None or of.loan.state.stage not in TAKING:
        return None
    if meant is Intent.WITHDRAW:  # whether it came in time is looked up
        return None
    try:
        after = life.apply(order, said.word, at=said.at)
        recording = work_out(of=of, event=repaid_by(of.loan, after, meant=meant), on=on)
    except Refusal:  # an order's conflict among them: whoever hears it alone writes down what is to be written
        return None
    ended = Ended(before=order, after=after, word=said.word, at=said.at)
    return _Heard(claim=said.claim, ended=ended, recording=recording)


def _write(
    tx: Transaction,
    house: House,
    at_hand: CellAtHand,
    heard: Sequence[_Heard],
    on: date,
    around: Surroundings,
    waiting: set[UUID],
    questions: Questions,
) -> None:
    """Write what words come to, with all that follows; the caller commits, unless nothing follows.

    `waiting` are loans with unsent orders, `questions` those of loans whose lender decides by itself.
    """
    cell, now = at_hand.cell, house.clock.now()
    ended = [each.ended for each in heard]
    recordings = [each.recording for each in heard]
    afters = [(each.recording.after, each.ended.after, _date_of(each.ended.after)) for each in heard]
    drafts = [leaf_of(of, order, kind=LeafKind.REPAYMENT) for of, order, _ in afters]
    notices = [notice_of_end(of, order, event=Event.PAYMENT_RECEIVED, on=day, at=now) for of, order, day in afters]
    told = [told_of(of, order, event=Event.PAYMENT_RECEIVED, on=day) for of, order, day in afters]
    notices += deliveries_of(told, listening=around.listening, now=now)
    answered = [(each.claim, response_of(each.ended.after)) for each in heard if each.claim is not None]
    beside = [
        *paid_order.ended(cell=cell, orders=ended),
        *evidence.appended(cell=cell, first=at_hand.leaf_count, at=now, drafts=drafts),
        work.enqueued(cell=cell, rows=notices),
    ]
    if answered:
        claims, responses = zip(*answered, strict=True)
        beside.append(idempotency.finished(cell=cell, claims=claims, responses=responses))
    changes = [(each.after, each.outcome) for each in recordings]
    follows = questions or any(outcome.happenings or after.loan_id in waiting for after, outcome in changes)
    answers = write_recordings(tx, cell=cell, recordings=recordings, on=on, at=now, beside=beside, ends=not follows)
    paid_order.require_ended(answers, orders=ended)
    evidence.require_appended(answers[2:], drafts=drafts)
    assert not answered or answers[-1].rowcount == len(answered), "only who claimed a key finishes it, once"
    if not follows:
        return
    report(tx, house, cell=cell, told=told, known=questions)
    follow_up_all(tx, house, changes=changes, cell=cell, surroundings=around)
    for after, _ in changes:
        if after.loan_id in waiting:  # a deduction that just followed asks for what is due already
            spare_deductions(tx, house, of=after)


def response_of(order: Order) -> dict[str, object]:
    """Return what is kept as the answer to a notice."""
    return {"order_id": order.order_id.hex, "state": order.state.value}


def _date_of(order: Order) -> date:
    assert order.value_date is not None
    return order.value_date
