"""Say whether a lender's answer still counts: its question is open, in its time, its order neither paid nor over."""

from __future__ import annotations

from datetime import datetime

from mingqu.domain.lender_answer import OPEN, LenderQuestion
from mingqu.store.merchants import checkout
from mingqu.store.server.database import Transaction


def is_wanted(tx: Transaction, *, question: LenderQuestion, at: datetime) -> bool:
    """Return whether a lender is still to be asked at a moment, and what it says counts.

    An order that somebody signed another lender's offer for, or that its merchant was told to be over, wants nothing
    any more. Whoever writes what follows holds the lock of the person's cell, as whoever signs does.
    """
    if question.state not in OPEN or at >= question.open_until:
        return False
    if question.checkout_id is None:
        return True
    known = checkout.load(tx, checkout_id=question.checkout_id)
    return known is not None and not known.is_over(at=at) and not is_paid(tx, question=question)


def is_paid(tx: Transaction, *, question: LenderQuestion) -> bool:
    """Return whether a question is for an order that some lender's offer was signed for."""
    if question.checkout_id is None:
        return False
    return checkout.signed_of(tx, person_id=question.person_id, checkout_id=question.checkout_id) is not None
