"""Tell a lender that decides by itself what happened to its loan: written with the deed, told by the worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import beside, dated
from mingqu.ports.lender import LenderReport
from mingqu.ports.silence import ChannelSilent
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.store.lenders import lender_question
from mingqu.store.lenders.lender_question import Questions
from mingqu.store.loans.offer import Offer
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import NewWork, Work

REPORT: Final = "report_lender"
BATCH: Final = 20  # of a cell and round: a lender that hangs must not keep orders waiting for long
LEASE_SECONDS: Final = 600  # a whole batch of lenders that hang
# A lender that is away over a weekend hears on Monday; the last wait goes on until it does.
WAITS: Final = tuple(timedelta(minutes=each) for each in (1, 10, 60, 360))
SIGNED: Final = "signed"
FUNDED: Final = "funded"  # the money reached the borrower
REPAID: Final = "repaid"
OVERDUE: Final = "overdue"
CLOSED: Final = "closed"


def promise_report(tx: Transaction, house: House, *, stored: Offer) -> None:
    """Write the work of telling a lender that its offer was signed; nothing for an offer of the house's own."""
    question = lender_question.question_of_offer(tx, offer_id=stored.offer_id)
    if question is None:
        return
    report_id = beside(stored.offer_id, purpose=REPORT)
    work.enqueue(
        tx,
        cell=tx.cell_of(stored.person_id),
        work_id=report_id,
        kind=REPORT,
        subject_id=question.question_id,
        run_at=house.clock.now(),
        payload={
            "number": report_id.hex,
            "event": SIGNED,
            "on": house.clock.business_date().isoformat(),
            "amount_fen": stored.terms.principal_fen,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something that happened to a loan; the same event of the same subject, day and mark is reported once."""

    event: str
    loan_id: UUID
    subject_id: UUID
    on: date
    mark: str
    amount_fen: int


def promise_reports(
    tx: Transaction, house: House, *, cell: int, happened: Sequence[Happened], known: Questions | None = None
) -> None:
    """Write the work of telling lenders what happened to loans that rest on their own offers; of others nothing.

    That a loan has closed is told with the amount that was lent. The caller commits. `known` are the loans' questions,
    if the caller has asked for them.
    """
    if not house.lenders or not happened:
        return
    if known is None:
        known = lender_question.questions_of_loans(tx, cell=cell, loan_ids=[one.loan_id for one in happened])
    rows = []
    for one in happened:
        if one.loan_id in known:
            question_id, lent_fen = known[one.loan_id]
            report_id = dated(one.subject_id, on=one.on, purpose=f"{REPORT} {one.event} {one.mark}")
            said = {
                "number": report_id.hex,
                "event": one.event,
                "on": one.on.isoformat(),
                "amount_fen": lent_fen if one.event == CLOSED else one.amount_fen,
            }
            rows.append(
                NewWork(work_id=report_id, kind=REPORT, subject_id=question_id, run_at=house.clock.now(), payload=said)
            )
    work.enqueue_many(tx, cell=cell, rows=rows)


def report_to_lenders(house: House, *, cell: int) -> int:
    """Tell lenders of a cell what is due to be told, and return how much was; what is not heard is told again."""
    if not house.lenders:
        return 0
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[REPORT], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    return do_each(house, leased, lambda piece: _report(house, piece))


def _report(house: House, piece: Work) -> None:
    said = piece.payload
    with house.database.transaction() as tx:
        question = lender_question.load(tx, question_id=UUID(str(piece.subject_id)))
    channel = house.lenders.get(question.lender)
    report = LenderReport(
        number=str(said["number"]),
        application_number=question.number,
        amount_fen=int(str(said["amount_fen"])),
        currency=question.currency,
        on=_day(said["on"]),
        event=str(said["event"]),
    )
    heard = channel is not None
    if channel is not None:
        try:
            channel.report(report)
        except ChannelSilent:
            heard = False
    tries = int(str(said.get("tries", 0))) + 1
    with house.database.transaction() as tx:
        if heard:
            work.complete(tx, work=piece, now=house.clock.now())
        else:
            wait = WAITS[min(tries, len(WAITS)) - 1]
            work.reschedule(tx, work=piece, run_at=house.clock.now() + wait, payload={**said, "tries": tries})
        tx.commit()


def _day(text: object) -> date:
    return date.fromisoformat(str(text))
