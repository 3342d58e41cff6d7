"""Questions put to lenders that decide by themselves, and their words. The caller holds the cell's lock to write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from mingqu.domain.evidence import LeafKind
from mingqu.domain.lender_answer import (
    LenderOffer,
    LenderQuestion,
    LenderReason,
    LenderWord,
    QuestionState,
    WordKind,
)
from mingqu.domain.ownership import NotFound
from mingqu.store import evidence
from mingqu.store.server import column
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

QUESTIONS_SHOWN_MAX: Final = 200  # of a person, or of the house on one page: the latest
_COLUMNS: Final = """question_id, person_id, facility_id, lender, product_id, amount_fen, currency, instalments, method,
    consent_id, asked_at, state, heard_at, rate_year_ppm, valid_until, reasons, parked,
    checkout_id, closes_at"""
_WORD: Final = "word_id, question_id, person_id, kind, number, said, rate_year_ppm, body, at"
_OF_LOANS: Final = """
    SELECT l.loan_id, o.question_id, q.amount_fen FROM loan l
    JOIN contract c ON c.cell = l.cell AND c.contract_id = l.contract_id
    JOIN lender_offer o ON o.cell = c.cell AND o.offer_id = c.offer_id
    JOIN lender_question q ON q.cell = o.cell AND q.question_id = o.question_id
    WHERE l.cell = $1::smallint AND l.loan_id = ANY ($2::uuid[])"""

Questions = dict[UUID, tuple[UUID, int]]  # by loan: the question, and what was lent, in fen


def insert(tx: Transaction, *, question: LenderQuestion) -> None:
    """Store a new question."""
    tx.execute(
        f"""INSERT INTO lender_question (cell, {_COLUMNS})
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",  # noqa: S608
        (
            tx.cell_of(question.person_id),
            question.question_id,
            question.person_id,
            question.facility_id,
            question.lender,
            question.product_id,
            question.amount_fen,
            question.currency,
            question.instalments,
            question.method,
            question.consent_id,
            question.asked_at,
            *_heard(question),
            question.checkout_id,
            question.closes_at,
        ),
    )


def update(tx: Transaction, *, question: LenderQuestion) -> None:
    """Store what was heard of a question."""
    tx.execute(
        """UPDATE lender_question SET state = %s, heard_at = %s, rate_year_ppm = %s, valid_until = %s, reasons = %s,
               parked = %s WHERE cell = %s AND question_id = %s""",
        (*_heard(question), tx.cell_of(question.person_id), question.question_id),
    )


def _heard(question: LenderQuestion) -> tuple[object, ...]:
    offer = question.offer
    return (
        question.state.value,
        question.heard_at,
        None if offer is None else offer.rate_year_ppm,
        None if offer is None else offer.valid_until,
        json.dumps([asdict(one) for one in question.reasons], ensure_ascii=False),
        question.parked,
    )


def load(tx: Transaction, *, question_id: UUID) -> LenderQuestion:
    """Return a question. Errors: NotFound."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM lender_question WHERE cell = %s AND question_id = %s",  # noqa: S608
        (tx.cell_of(question_id), question_id),
    ).fetchone()
    if row is None:
        raise NotFound
    return _question(row)


def of_person(tx: Transaction, *, person_id: UUID) -> list[LenderQuestion]:
    """Return a person's questions, the latest first, QUESTIONS_SHOWN_MAX at most."""
    rows = tx.execute(
        f"""SELECT {_COLUMNS} FROM lender_question WHERE cell = %s AND person_id = %s
            ORDER BY asked_at DESC, question_id LIMIT %s""",  # noqa: S608
        (tx.cell_of(person_id), person_id, QUESTIONS_SHOWN_MAX),
    )
    return [_question(row) for row in rows]


def latest(tx: Transaction) -> list[LenderQuestion]:
    """Return the latest questions of the whole book, those that are parked first."""
    rows = tx.execute(
        f"""SELECT {_COLUMNS} FROM lender_question
            ORDER BY state = 'parked' DESC, asked_at DESC, question_id LIMIT %s""",  # noqa: S608
        (QUESTIONS_SHOWN_MAX,),
    )
    return [_question(row) for row in rows]


def insert_word(tx: Transaction, *, keyring: Keyring, word: LenderWord, lender: str) -> None:
    """Store a lender's word with its leaf of evidence."""
    cell = tx.cell_of(word.person_id)
    tx.execute(
        f"INSERT INTO lender_word (cell, {_WORD}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
        (
            cell,
            word.word_id,
            word.question_id,
            word.person_id,
            word.kind.value,
            word.number,
            word.said,
            word.rate_year_ppm,
            word.body,
            word.at,
        ),
    )
    evidence.append(
        tx,
        keyring=keyring,
        cell=cell,
        person_id=word.person_id,
        kind=LeafKind.LENDER_ANSWER,
        subject_id=word.word_id,
        at=word.at,
        facts={
            "question_id": word.question_id.hex,
            "lender": lender,
            "about": word.kind.value,
            "number": word.number,
            "said": word.said,
            "rate_year_ppm": word.rate_year_ppm,
            "answer_hash": hashlib.sha256(word.body).hexdigest(),
        },
    )


def words_of(tx: Transaction, *, question_id: UUID) -> list[LenderWord]:
    """Return what a lender said about a question, in order."""
    rows = tx.execute(
        f"SELECT {_WORD} FROM lender_word WHERE cell = %s AND question_id = %s ORDER BY at, word_id",  # noqa: S608
        (tx.cell_of(question_id), question_id),
    )
    return [
        LenderWord(
            word_id=row[0],
            question_id=row[1],
            person_id=row[2],
            kind=WordKind(row[3]),
            number=row[4],
            said=row[5],
            rate_year_ppm=row[6],
            body=bytes(row[7]),
            at=row[8],
        )
        for row in rows
    ]


def rest_on(tx: Transaction, *, offer_id: UUID, question: LenderQuestion) -> None:
    """Note that an offer rests on what a lender answered."""
    tx.execute(
        """INSERT INTO lender_offer (cell, offer_id, question_id, person_id) VALUES (%s, %s, %s, %s)
           ON CONFLICT (cell, offer_id) DO NOTHING""",
        (tx.cell_of(question.person_id), offer_id, question.question_id, question.person_id),
    )


def questions_of_offers(tx: Transaction, *, person_id: UUID, offer_ids: Sequence[UUID]) -> set[UUID]:
    """Return the ids of the questions that some of these offers of a person rest on."""
    rows = tx.execute(
        "SELECT question_id FROM lender_offer WHERE cell = %s AND person_id = %s AND offer_id = ANY (%s)",
        (tx.cell_of(person_id), person_id, list(offer_ids)),
    )
    return {row[0] for row in rows}


def question_of_offer(tx: Transaction, *, offer_id: UUID) -> LenderQuestion | None:
    """Return the question that an offer rests on, or None when the house made it by its own policy."""
    row = tx.execute(
        "SELECT question_id FROM lender_offer WHERE cell = %s AND offer_id = %s", (tx.cell_of(offer_id), offer_id)
    ).fetchone()
    return None if row is None else load(tx, question_id=row[0])


def questions_of_loans(tx: Transaction, *, cell: int, loan_ids: Sequence[UUID]) -> Questions:
    """Return, of loans of a cell that rest on a lender's own offer, the question and what was lent, in fen."""
    (answer,) = tx.together([of_loans(cell=cell, loan_ids=loan_ids)])
    return of_loans_in(answer)


def of_loans(*, cell: int, loan_ids: Sequence[UUID]) -> Statement:
    """Return the statement of `questions_of_loans`, whose answer `of_loans_in` reads."""
    return Statement(_OF_LOANS, (column.smallint(cell), column.of_uuids(loan_ids).packed))


def of_loans_in(answer: Answer) -> Questions:
    """Return the questions that the answer to `of_loans` holds."""
    return {loan_id: (question_id, amount_fen) for loan_id, question_id, amount_fen in answer}


def _question(row: Sequence[Any]) -> LenderQuestion:
    return LenderQuestion(
        question_id=row[0],
        person_id=row[1],
        facility_id=row[2],
        lender=row[3],
        product_id=row[4],
        amount_fen=row[5],
        currency=row[6],
        instalments=row[7],
        method=row[8],
        consent_id=row[9],
        asked_at=row[10],
        state=QuestionState(row[11]),
        heard_at=row[12],
        offer=None if row[13] is None else LenderOffer(rate_year_ppm=row[13], valid_until=row[14]),
        reasons=tuple(LenderReason(**one) for one in row[15]),
        parked=row[16],
        checkout_id=row[17],
        closes_at=row[18],
    )
