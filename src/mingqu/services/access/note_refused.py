"""Note what was refused or parked of what came from outside, for people: who said it, and why it was not taken.

A refusal changes nothing else, and noting it decides nothing. A process that dies before the note is committed has not
answered either: whoever means it says it again.
"""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import canonical
from mingqu.domain.identifier import dated
from mingqu.domain.lender_answer import LenderQuestion, WordKind
from mingqu.domain.order import OrderConflict
from mingqu.domain.proposal import HOUSE
from mingqu.domain.refusal import Refusal
from mingqu.domain.refused_word import Facts, RefusedKind, RefusedWord
from mingqu.domain.word import Failed, Paid, name_of
from mingqu.ports.lender import LenderNotice
from mingqu.ports.notice import AgreementNotice, CombinedNotice, Notice
from mingqu.services.house import House
from mingqu.store.orders import refused_word
from mingqu.store.server.database import Transaction

IDENTITY: Final = "identity"  # the source of what is said of cards
FACT_LENGTH_MAX: Final = 128  # the longest number that any document of a channel allows
Genuine = Notice | AgreementNotice | CombinedNotice | LenderNotice


def note_refused(
    tx: Transaction,
    house: House,
    *,
    kind: RefusedKind,
    source: str,
    reason: str,
    facts: Facts,
    subject_id: UUID | None = None,
    digest: bytes | None = None,
) -> None:
    """Note what was refused, in the transaction of whoever commits; the same of one day is one row with its count.

    Told apart by its subject and facts, or by `digest`, SHA-256 of what came, where it could not be read. No fact may
    be personal.
    """
    now, on = house.clock.now(), house.clock.business_date()
    facts = {name: _clean(value) for name, value in facts.items()}
    told = canonical(facts).decode() if facts or digest is None else digest.hex()
    about = f"{kind.value} {source} {reason}"
    parent = subject_id or HOUSE
    made = RefusedWord(
        word_id=dated(parent, on=on, purpose=f"refused {about} {told}"),
        kind=kind,
        source=source,
        reason=reason,
        on=on,
        subject_id=subject_id,
        facts=facts,
        digest=digest,
        times=1,
        first_at=now,
        last_at=now,
    )
    refused_word.note(tx, word=made, others_id=dated(parent, on=on, purpose=f"refused {about}, others"))


def note_notice(house: House, *, source: str, refusal: Refusal, body: bytes, heard: Genuine | None) -> None:
    """Note a callback that was refused, in a transaction of its own; `heard` is what it says, if it is genuine."""
    said: dict[str, str | int] = {name: value for name, value in refusal.details.items() if value is not None}
    if heard is not None:
        said |= facts_of(heard)
    digest = hashlib.sha256(body).digest()

    def note(tx: Transaction) -> None:
        note_refused(tx, house, kind=RefusedKind.NOTICE, source=source, reason=refusal.code, facts=said, digest=digest)

    house.database.run(note)


def note_conflict(
    tx: Transaction, house: House, *, source: str, notice: Notice, order_id: UUID, conflict: OrderConflict
) -> None:
    """Note a callback that contradicts its order, which is in dispute now; with what it says."""
    note_refused(
        tx,
        house,
        kind=RefusedKind.NOTICE,
        source=source,
        reason=conflict.code,
        facts=facts_of(notice),
        subject_id=order_id,
    )


def note_lender(
    tx: Transaction, house: House, *, question: LenderQuestion, reason: str, about: WordKind = WordKind.ASSESS
) -> None:
    """Note that a lender's word could not be taken, or did not come; `reason` is a kind of silence or a refusal."""
    note_refused(
        tx,
        house,
        kind=RefusedKind.LENDER,
        source=f"lender-{question.lender}",
        reason=reason,
        facts={"about": about.value, "application_number": question.number},
        subject_id=question.question_id,
    )


def note_card(house: House, *, person_id: UUID, refusal: Refusal) -> None:
    """Note that a card was not taken for a person's own; which card it was is nowhere kept."""

    def note(tx: Transaction) -> None:
        note_refused(
            tx, house, kind=RefusedKind.CARD, source=IDENTITY, reason=refusal.code, facts={}, subject_id=person_id
        )

    house.database.run(note)


def note_bill(tx: Transaction, house: House, *, source: str, reason: str, on: date, where: Facts) -> None:
    """Note that a bill could not be taken; `where` names row, column or orders where that is known."""
    facts = {"bill_on": on.isoformat(), **where}
    note_refused(tx, house, kind=RefusedKind.BILL, source=source, reason=reason, facts=facts)


def facts_of(heard: Genuine) -> Facts:
    """Return what a genuine callback says, without what is anybody's own."""
    match heard:
        case AgreementNotice():
            return {
                "agreement_number": heard.agreement_number,
                "word": "ended" if isinstance(heard.word, Failed) else "agreed",
            }
        case CombinedNotice():
            return {"order_number": heard.order_numbers[0], "orders": len(heard.order_numbers)}
        case LenderNotice():
            return {"application_number": heard.application_number, "notice_id": heard.notice_id}
        case Notice(word=Paid() as paid):
            return {
                "order_number": heard.order_number,
                "notice_id": heard.notice_id,
                "word": name_of(paid),
                "amount_fen": paid.amount_fen,
                "currency": paid.currency,
                "reference": paid.reference,
            }
        case Notice():
            return {"order_number": heard.order_number, "notice_id": heard.notice_id, "word": name_of(heard.word)}


def _clean(value: str | int) -> str | int:
    """Return what a row and a page can hold of a fact; a genuine sender may say anything for a number or a name."""
    return value if isinstance(value, int) else "".join(each for each in value if each.isprintable())[:FACT_LENGTH_MAX]
