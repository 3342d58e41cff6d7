"""Call off what a lender was asked to pay in for an offer that nobody signed: another was signed, or it ran out.

The same happens to what it paid in for a loan that was signed and ended unpaid (`want_no_more`).

That it is asked is noted before it is, with the work of looking what became of it, so a death in between leaves no
lender's money behind. Calling off is decided under the lock under which offers are signed: nothing is signed on an
offer that was called off, and what was paid in under it is booked back in the same transaction. The lender is told
until it says that it has its money, or that it paid nothing in under that number, and then never will.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import beside
from mingqu.domain.lender_answer import WordKind
from mingqu.domain.loan import Stage
from mingqu.ports.lender import LenderReturn, NeverFunded, Returned
from mingqu.ports.silence import ChannelSilent
from mingqu.services.do_each import do_each
from mingqu.services.funding.fund_lender import is_funded, return_funding
from mingqu.services.funding.want_no_more import CALL_OFF
from mingqu.services.house import House
from mingqu.services.lenders.hear_lender import keep_word, note_trouble
from mingqu.store.lenders import lender_funding, lender_question
from mingqu.store.lenders.lender_funding import AskedFunding
from mingqu.store.loans import loan, offer
from mingqu.store.loans.offer import Offer
from mingqu.store.merchants import checkout
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import Work

BATCH: Final = 20  # of a cell and round: a lender that hangs must not keep orders waiting for long
LEASE_SECONDS: Final = 600  # a whole batch of lenders that hang
ORDER_LOOKS: Final = timedelta(minutes=1)  # of an order's offers one is signed, and the others' money is waited for
# A lender that is away over a weekend hears on Monday; the last wait goes on until it does.
WAITS: Final = tuple(timedelta(minutes=each) for each in (1, 10, 60, 360))


def note_asked(tx: Transaction, house: House, *, asked: AskedFunding, expires_at: datetime) -> None:
    """Note that a lender is about to be asked for its money, with the work of looking whether its offer was signed.

    The caller holds the lock of the person's cell and commits before it asks.
    """
    lender_funding.insert(tx, asked=asked)
    work.enqueue(
        tx,
        cell=tx.cell_of(asked.offer_id),
        work_id=beside(asked.offer_id, purpose=CALL_OFF),
        kind=CALL_OFF,
        subject_id=asked.offer_id,
        run_at=_next_look(tx, offer_id=asked.offer_id, expires_at=expires_at, now=house.clock.now()),
        payload={"tries": 0},
    )


def is_called_off(tx: Transaction, *, offer_id: UUID) -> bool:
    """Return whether the money for an offer was called off: then nothing is signed on it any more."""
    asked = lender_funding.of_offer(tx, offer_id=offer_id)
    return asked is not None and asked.called_off_at is not None


def call_off_fundings(house: House, *, cell: int) -> int:
    """Look at what lenders of a cell were asked to pay in, as far as it is due, and return how much was looked at."""
    if not house.lenders:
        return 0
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[CALL_OFF], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    return do_each(house, leased, lambda piece: _look(house, piece))


def _look(house: House, piece: Work) -> None:
    asked = house.database.run(lambda tx: _called_off(tx, house, piece))
    if asked is None:
        return
    with house.database.transaction() as tx:
        question = lender_question.load(tx, question_id=asked.question_id)
        was_funded = is_funded(tx, reference=asked.reference)
    message = LenderReturn(
        number=beside(asked.offer_id, purpose="lender funding back").hex,
        funding_number=asked.reference.hex,
        amount_fen=asked.amount_fen,
        currency=asked.currency,
    )
    channel = house.lenders.get(question.lender)
    word: Returned | NeverFunded | None = None
    if channel is not None:
        try:
            word = channel.take_back(message)
        except ChannelSilent as silent:
            note_trouble(house, question_id=question.question_id, reason=silent.reason, about=WordKind.RETURN)
        if isinstance(word, NeverFunded) and was_funded:
            # It said before that it had paid in: a word that contradicts it is none, and people see it.
            note_trouble(house, question_id=question.question_id, reason="rejected", about=WordKind.RETURN)
            word = None

    def hear(tx: Transaction) -> None:
        tx.lock_cell(piece.cell)
        now, tries = house.clock.now(), int(str(piece.payload.get("tries", 0))) + 1
        if word is None:
            run_at = now + WAITS[min(tries, len(WAITS)) - 1]
            work.reschedule(tx, work=piece, run_at=run_at, payload={"tries": tries})
            return
        keep_word(tx, house, question=question, kind=WordKind.RETURN, number=message.number, word=word)
        lender_funding.hear(tx, offer_id=asked.offer_id, at=now)
        work.complete(tx, work=piece, now=now)

    house.database.run(hear)


def _called_off(tx: Transaction, house: House, piece: Work) -> AskedFunding | None:
    """Return what its lender is to be told is called off; None where it was signed, or may be yet."""
    tx.lock_cell(piece.cell)
    now = house.clock.now()
    asked = lender_funding.of_offer(tx, offer_id=piece.subject_id)
    assert asked is not None, "what is asked for is noted with the work"
    if asked.heard_at is not None:
        work.complete(tx, work=piece, now=now)
        return None
    if asked.called_off_at is not None:
        return asked
    stored = offer.load_offer(tx, person_id=asked.person_id, offer_id=asked.offer_id)
    if stored.loan_id is not None:
        if loan.get(tx, cell=piece.cell, loan_id=stored.loan_id).state.stage is not Stage.CANCELLED:
            work.complete(tx, work=piece, now=now)
            return None
    elif not _is_over(tx, stored=stored, now=now):
        run_at = _next_look(tx, offer_id=stored.offer_id, expires_at=stored.expires_at, now=now)
        work.reschedule(tx, work=piece, run_at=run_at)
        return None
    if is_funded(tx, reference=asked.reference):
        return_funding(tx, house, lender_id=asked.lender_id, amount=asked.money, reference=asked.reference)
    lender_funding.call_off(tx, offer_id=asked.offer_id, at=now)
    return asked


def _is_over(tx: Transaction, *, stored: Offer, now: datetime) -> bool:
    """Return whether nothing is signed on an offer any more: its time is over, or its order is paid by another."""
    if now >= stored.expires_at:
        return True
    bought = checkout.of_offer(tx, offer_id=stored.offer_id)
    return (
        bought is not None
        and checkout.signed_of(tx, person_id=stored.person_id, checkout_id=bought.checkout_id) is not None
    )


def _next_look(tx: Transaction, *, offer_id: UUID, expires_at: datetime, now: datetime) -> datetime:
    return expires_at if checkout.of_offer(tx, offer_id=offer_id) is None else min(expires_at, now + ORDER_LOOKS)
