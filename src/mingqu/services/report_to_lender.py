"""Tell a lender that decides by itself what happened to its loan: written with the deed, told by the worker."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import beside
from mingqu.ports.lender import LenderReport
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.store import lender_question, work
from mingqu.store.database import Transaction
from mingqu.store.offer import Offer
from mingqu.store.work import Work

REPORT: Final = "report_lender"
BATCH: Final = 20  # of a cell and round: a lender that hangs must not keep orders waiting for long
LEASE_SECONDS: Final = 600  # a whole batch of lenders that hang
# A lender that is away over a weekend hears on Monday; the last wait goes on until it does.
WAITS: Final = tuple(timedelta(minutes=each) for each in (1, 10, 60, 360))
SIGNED: Final = "signed"


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


def report_to_lenders(house: House, *, cell: int) -> int:
    """Tell lenders of a cell what is due to be told, and return how much was; what is not heard is told again."""
    if not house.lenders:
        return 0
    with house.database.transaction() as tx:
        leased = work.lease(
            tx, cell=cell, kinds=[REPORT], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH
        )
        tx.commit()
    for piece in leased:
        try:
            _report(house, piece)
        except work.LeaseLost:
            continue  # it took too long, and somebody else has it now
    return len(leased)


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
