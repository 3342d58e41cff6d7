"""Take a lender's word that it has something to say: it is asked sooner. The notice itself decides nothing.

One that is refused, or comes when the question is over, is noted for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from mingqu.domain.identifier import MalformedIdentifier, beside, parse
from mingqu.domain.lender_answer import QuestionState
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.ports.lender import LenderNotice
from mingqu.ports.notice import NoticeRefused
from mingqu.services.access.note_refused import note_lender, note_notice
from mingqu.services.house import House
from mingqu.services.incoming.take_notice import NoticesNotTaken
from mingqu.services.lenders.ask_lenders import ASK
from mingqu.services.lenders.hear_lender import LATE
from mingqu.store.lenders import lender_question
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

PREFIX: Final = "lender-"  # of the source in the address of a notice; the lender's code follows


class LenderNoticeUnknown(Refusal):
    """A genuine notice tells of an application that its sender was never given."""

    code: ClassVar[str] = "lender_notice_unknown"
    status: ClassVar[int] = 404


def take_lender_notice(house: House, *, lender: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
    """Read a POST to `/notices/lender-CODE`, and let a worker ask that lender now; the same notice again is one.

    Errors: NoticesNotTaken, NoticeRefused and its kinds, LenderNoticeUnknown.
    """
    reader = house.lender_notices.get(lender)
    if reader is None:
        raise NoticesNotTaken("No notices are taken here of anybody of this name.")
    heard: LenderNotice | None = None
    try:
        heard = reader.read(target=target, headers=headers, body=body)
        _hasten(house, lender=lender, notice=heard)
    except (NoticeRefused, LenderNoticeUnknown) as refusal:
        note_notice(house, source=f"{PREFIX}{lender}", refusal=refusal, body=body, heard=heard)
        raise


def _hasten(house: House, *, lender: str, notice: LenderNotice) -> None:
    """Let a worker ask the lender now. Errors: LenderNoticeUnknown."""
    unknown = LenderNoticeUnknown("There is no application of this number with you.")
    try:
        question_id = parse(notice.application_number)
    except MalformedIdentifier:
        raise unknown from None

    def keep(tx: Transaction) -> None:
        try:
            known = lender_question.load(tx, question_id=question_id)
        except NotFound:
            raise unknown from None
        if known.lender != lender:
            raise unknown
        if known.state is QuestionState.EXPIRED:
            note_lender(tx, house, question=known, reason=LATE)
        work.enqueue(
            tx,
            cell=tx.cell_of(question_id),
            work_id=beside(question_id, purpose=f"{ASK} {notice.notice_id}"),
            kind=ASK,
            subject_id=question_id,
            run_at=house.clock.now(),
            payload={"tries": 0},
        )

    house.database.run(keep)
