"""Hear what a lender that decides by itself says: every word is kept with its evidence, a question as the last left it.

The answer is the decision of record. What may not be shown (an answer nobody can read, or that costs more than the law
allows this kind of lender on this date) is parked with its reason, and people see it in the console.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.evidence import moment
from mingqu.domain.lender_answer import (
    OPEN,
    LenderOffer,
    LenderQuestion,
    LenderWord,
    QuestionState,
    WordKind,
)
from mingqu.domain.refusal import Refusal
from mingqu.ports.lender import Confirmed, Declined, Funded, Later, NeverFunded, NotSigned, PriceMoved, Returned
from mingqu.services.access.note_refused import note_lender
from mingqu.services.house import House
from mingqu.services.lenders.want_answer import is_wanted
from mingqu.services.offers.price_offer import require_within_cap
from mingqu.store.lenders import lender_question
from mingqu.store.loans import offer
from mingqu.store.server.database import Transaction

Word = LenderOffer | Declined | Later | Confirmed | PriceMoved | NotSigned | Funded | Returned | NeverFunded
# These kinds of silence are an answer that is none: it came, and cannot be taken for what it claims to be.
GARBAGE: Final = frozenset({"unreadable", "unsigned", "rejected"})
LATE: Final = "lender_answered_late"


def hear_answer(house: House, *, question_id: UUID, word: LenderOffer | Declined | Later) -> LenderQuestion:
    """Keep a lender's answer to an application, and return the question as it stands then.

    An answer to a question that is answered already changes it only where it is still open: what was offered holds
    until its moment, a refusal is final. The same word again is kept once. One that comes when it is not wanted any
    more (`is_wanted`) changes nothing and is noted.
    """

    def keep(tx: Transaction) -> LenderQuestion:
        tx.lock_cell(tx.cell_of(question_id))
        known = lender_question.load(tx, question_id=question_id)
        now = house.clock.now()
        if not is_wanted(tx, question=known, at=now):
            if known.state in OPEN and not isinstance(word, Later):
                note_lender(tx, house, question=known, reason=LATE)
            return known
        heard = _after(tx, house, known=known, word=word, now=now)
        if not isinstance(word, Later):
            keep_word(tx, house, question=known, kind=WordKind.ASSESS, number=known.number, word=word)
        lender_question.update(tx, question=heard)
        if heard.state is QuestionState.PARKED:
            note_lender(tx, house, question=known, reason=str(heard.parked))
        return heard

    return house.database.run(keep)


def note_trouble(house: House, *, question_id: UUID, reason: str, about: WordKind = WordKind.ASSESS) -> None:
    """Keep that a lender gave no usable answer; garbage parks an open question, silence is only noted."""

    def keep(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(question_id))
        known = lender_question.load(tx, question_id=question_id)
        if known.state in OPEN:
            state = QuestionState.PARKED if reason in GARBAGE else known.state
            noted = replace(known, state=state, parked=reason, heard_at=house.clock.now())
            lender_question.update(tx, question=noted)
        note_lender(tx, house, question=known, reason=reason, about=about)

    house.database.run(keep)


def keep_word(
    tx: Transaction, house: House, *, question: LenderQuestion, kind: WordKind, number: str, word: Word
) -> None:
    """Store a word with its evidence, once for each number and word. The caller holds the cell's lock and commits."""
    said, rate_year_ppm, body = _told(word)
    written = canonical(body)
    for known in lender_question.words_of(tx, question_id=question.question_id):
        if (known.kind, known.number, known.body) == (kind, number, written):
            return
    made = LenderWord(
        word_id=house.id_for(question.person_id),
        question_id=question.question_id,
        person_id=question.person_id,
        kind=kind,
        number=number,
        said=said,
        rate_year_ppm=rate_year_ppm,
        body=written,
        at=house.clock.now(),
    )
    lender_question.insert_word(tx, keyring=house.keyring, word=made, lender=question.lender)


def reprice(tx: Transaction, house: House, *, question: LenderQuestion, to: LenderOffer) -> LenderQuestion:
    """Return and store a question with the price that its lender says now. Errors: CostAboveCap, and nothing is kept.

    The caller holds the cell's lock and commits.
    """
    _require_lawful(tx, house, question=question, rate_year_ppm=to.rate_year_ppm)
    heard = replace(question, state=QuestionState.OFFERED, offer=to, heard_at=house.clock.now(), parked=None)
    lender_question.update(tx, question=heard)
    return heard


def _after(
    tx: Transaction, house: House, *, known: LenderQuestion, word: LenderOffer | Declined | Later, now: datetime
) -> LenderQuestion:
    match word:
        case LenderOffer():
            if word.valid_until <= now:
                return replace(known, state=QuestionState.PARKED, parked="offer_over", heard_at=now)
            try:
                _require_lawful(tx, house, question=known, rate_year_ppm=word.rate_year_ppm)
            except Refusal as refusal:
                return replace(known, state=QuestionState.PARKED, parked=refusal.code, heard_at=now)
            return replace(known, state=QuestionState.OFFERED, offer=word, parked=None, heard_at=now)
        case Declined():
            return replace(
                known, state=QuestionState.REFUSED, offer=None, reasons=word.reasons, parked=None, heard_at=now
            )
        case Later():
            return replace(known, state=QuestionState.LATER, parked=None, heard_at=now)


def _require_lawful(tx: Transaction, house: House, *, question: LenderQuestion, rate_year_ppm: int) -> None:
    """Return when the whole cost at a rate is within what the law allows. Errors: CostAboveCap, TermsNotOffered."""
    lines = offer.facilities(tx, person_id=question.person_id)
    line = next(one for one in lines if one.facility_id == question.facility_id)
    require_within_cap(
        house,
        facility=line,
        rate_year_ppm=rate_year_ppm,
        amount_fen=question.amount_fen,
        instalments=question.instalments,
        method=question.method,
        stepped=question.checkout_id is None,
    )


def _told(word: Word) -> tuple[str, int | None, dict[str, Canonical]]:
    """Return a word in one word, with its price if it names one, and whole."""
    match word:
        case LenderOffer() | PriceMoved():
            said = "offer" if isinstance(word, LenderOffer) else "price_changed"
            price = word if isinstance(word, LenderOffer) else word.offer
            until = moment(price.valid_until)
            return (
                said,
                price.rate_year_ppm,
                {
                    "state": said,
                    "rate_year_ppm": price.rate_year_ppm,
                    "valid_until": until,
                },
            )
        case Declined():
            return "refused", None, {"state": "refused", "reasons": [dict(asdict(one)) for one in word.reasons]}
        case NotSigned():
            return "refused", None, {"state": "refused", "code": word.code}
        case Confirmed():
            return "confirmed", None, {"state": "confirmed", "reference": word.reference}
        case Funded():
            return "funded", None, {"state": "funded", "reference": word.reference}
        case Returned():
            return "returned", None, {"state": "returned", "reference": word.reference}
        case NeverFunded():
            return "nothing", None, {"state": "nothing"}
        case Later():
            return "later", None, {"state": "later"}
