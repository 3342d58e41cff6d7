"""What follows from what happened to loans: deductions of what fell due, money to give back, notices to send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import dated
from mingqu.domain.instrument import Instrument, InstrumentKind, InstrumentState
from mingqu.domain.loan import Happening, Kind, Outcome, quote
from mingqu.domain.moment import business_date_of, start_of
from mingqu.domain.order import Order, OrderKind, reserve
from mingqu.ports.collection import least_fen
from mingqu.services.house import DEDUCTING, TAKING_LESS, House, channel_to
from mingqu.services.messages.tell_webhooks import Event, Told, tell
from mingqu.store.loans import refund, repayment
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.refund import Refund
from mingqu.store.loans.repayment import Agreement
from mingqu.store.messages import webhook
from mingqu.store.messages.webhook import Subscription
from mingqu.store.orders import order
from mingqu.store.people import instrument
from mingqu.store.purposes import payee
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import NewWork

NOTICE: Final = "notice"
UNTOLD: Final = "untold"  # what a notice that is over says of itself where it reached nobody
# Deductions go out in the morning of the due date: wages are in, and there is a day left to pay by hand.
DEDUCTION_AT: Final = timedelta(hours=9)
NOTICE_AT: Final = timedelta(hours=9)
QUIET_UNTIL: Final = timedelta(hours=8)
QUIET_FROM: Final = timedelta(hours=22)
REFUND_WITHIN: Final = timedelta(days=360)  # wallets take a refund for a year; some days are left to ask again
DEDUCTION_MINUTE: Final = 60  # 09:00 in the market is 01:00 UTC: behind the morning in the order of ids
TOLD: Final = {
    Kind.BILLED: Event.BILL_DUE,
    Kind.OVERDUE: Event.LOAN_OVERDUE,
    Kind.SETTLED: Event.LOAN_SETTLED,
}
NOTIFIED: Final = {
    Kind.BILLED: "loan.due",
    Kind.OVERDUE: "loan.overdue",
    Kind.SETTLED: "loan.settled",
    Kind.OVERPAID: "loan.overpaid",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands around loans when something happens to them.

    Agreements by person, channels over which a loan is being collected by loan, and who listens.
    """

    agreements: Mapping[UUID, Agreement]
    collecting: Mapping[UUID, set[str]]
    listening: Sequence[Subscription]


def follow_up(tx: Transaction, house: House, *, of: Loan, outcome: Outcome) -> None:
    """Write the work that one loan's happenings cause. The caller holds the cell's lock and commits."""
    follow_up_all(tx, house, changes=[(of, outcome)], cell=of.cell)


def follow_up_all(
    tx: Transaction,
    house: House,
    *,
    changes: Sequence[tuple[Loan, Outcome]],
    cell: int,
    surroundings: Surroundings | None = None,
) -> None:
    """Write the work that several loans' happenings cause, reading what is needed for all of them at once.

    `surroundings` are what would be read, if the caller has read it under the cell's lock.
    """
    telling = [(of, outcome) for of, outcome in changes if outcome.happenings]
    if not telling:
        return
    known = surroundings or _surroundings(tx, cell=cell, loans=[of for of, _ in telling])
    agreements, collecting = known.agreements, known.collecting
    now = house.clock.now()
    deductions: dict[UUID, tuple[Order, Agreement]] = {}  # by loan: one a loan and day
    notices: list[NewWork] = []
    for of, outcome in telling:
        agreement = agreements.get(of.person_id)
        over = collecting.get(of.loan_id, set())
        for happening in outcome.happenings:
            # A page that somebody opened and left does not keep the deduction from going out; a payment on it does.
            if happening.kind in (Kind.BILLED, Kind.OVERDUE) and agreement is not None and not over & DEDUCTING:
                deduction = deduction_of(of, agreement, day=happening.on)
                if deduction is not None:
                    deductions[of.loan_id] = (deduction, agreement)
            elif happening.kind is Kind.OVERPAID:
                # A loan told again may name a surplus that a later event of it used up: what is left of it counts.
                surplus_fen = min(happening.amount_fen, of.state.overpayment_fen)
                if surplus_fen == 0:
                    continue
                give_back(tx, house, of, amount_fen=surplus_fen, at=now)
            # Nobody is told "overdue" while a collection may have succeeded unheard.
            if happening.kind in NOTIFIED and not (happening.kind is Kind.OVERDUE and over):
                notices.append(_notice(of, happening, now))
    reserve_deductions(tx, cell=cell, deductions=deductions)
    work.enqueue_many(tx, cell=cell, rows=notices)
    tell(
        tx,
        house,
        cell=cell,
        told=[
            told(loan_id=of.loan_id, person_id=of.person_id, currency=of.currency, happening=happening)
            for of, outcome in telling
            for happening in outcome.happenings
            if happening.kind in TOLD and not (happening.kind is Kind.OVERDUE and collecting.get(of.loan_id))
        ],
        listening=known.listening,
    )


def _surroundings(tx: Transaction, *, cell: int, loans: Sequence[Loan]) -> Surroundings:
    agreements, collecting, listening = tx.together(
        [
            repayment.agreed(cell=cell, person_ids=list({of.person_id for of in loans})),
            repayment.collecting(cell=cell, loan_ids=[of.loan_id for of in loans]),
            webhook.asked(),
        ]
    )
    return Surroundings(
        agreements=repayment.agreed_in(agreements),
        collecting=repayment.collecting_in(collecting),
        listening=webhook.active_in(listening),
    )


def reserve_deductions(tx: Transaction, *, cell: int, deductions: Mapping[UUID, tuple[Order, Agreement]]) -> None:
    """Store deductions by loan, and the agreement on which those that are new rest."""
    new = order.insert_many(tx, orders=[each for each, _ in deductions.values()])
    rest = [
        (each.order_id, loan_id, agreement.agreement_id)
        for loan_id, (each, agreement) in deductions.items()
        if each.order_id in new
    ]
    repayment.insert_deductions(tx, cell=cell, rows=rest)


def deduction_of(of: Loan, agreement: Agreement, *, day: date) -> Order | None:
    """Return the deduction of what is due on a day of the loan's, the same each time; None when nothing is."""
    as_of = of.state.as_of
    assert as_of is not None
    day = max(day, as_of)
    amount_fen = quote(terms=of.terms, state=of.state, on=day).due_fen
    if amount_fen == 0:
        return None
    purpose = deduction_purpose(amount_fen=amount_fen, agreement=agreement.agreement_id.hex)
    return reserve(
        order_id=dated(of.loan_id, on=day, purpose=purpose, minute=DEDUCTION_MINUTE),
        kind=OrderKind.COLLECTION,
        person_id=of.person_id,
        loan_id=of.loan_id,
        instrument_id=agreement.instrument_id,
        amount_fen=amount_fen,
        currency=of.currency,
        channel=agreement.channel,
        least_fen=least_fen(amount_fen) if agreement.channel in TAKING_LESS else None,
        run_at=start_of(day) + DEDUCTION_AT,  # in the past it is due at once; the body follows from the id alone
    )


def deduction_purpose(*, amount_fen: int, agreement: str) -> str:
    """Return what names a deduction beside its loan and day: another amount or agreement, in hex, is another order."""
    return f"deduct {amount_fen} {agreement}"


def give_back(
    tx: Transaction,
    house: House,
    of: Loan,
    *,
    amount_fen: int,
    at: datetime,
    to: Instrument | None = None,
    by_card: bool = False,
) -> None:
    """Reserve the return of what was paid too much, at `at` or later.

    It goes back on the payment it came with, where its channel gives back (Alipay, within a year), unless `by_card`;
    else to where the loan was paid out, or `to` a card that is named. What a seller was paid for the person goes to the
    person's own debit card, the one that was bound last.
    """
    if to is None and not by_card and _refund(tx, house, of, amount_fen=amount_fen, at=at):
        return
    if to is None:
        paid_to = repayment.payout_instrument(tx, cell=of.cell, loan_id=of.loan_id)
        to = (
            _own_card(tx, of) if paid_to is None else instrument.load(tx, person_id=of.person_id, instrument_id=paid_to)
        )
        if to is None:
            return  # a loan taken over from elsewhere, of somebody without a card here: people return it
    order.insert(
        tx,
        order=reserve(
            # Each overpayment has its own return, also of the same amount on the same day.
            order_id=house.id_for(of.person_id),
            kind=OrderKind.RETURN,
            person_id=of.person_id,
            loan_id=of.loan_id,
            instrument_id=to.instrument_id,
            amount_fen=amount_fen,
            currency=of.currency,
            channel=channel_to(to),
            run_at=at,
        ),
    )


def _own_card(tx: Transaction, of: Loan) -> Instrument | None:
    """Return the debit card that a loan's borrower bound last, if its money went to a payee of its contract."""
    if not payee.is_named(tx, loan_id=of.loan_id):
        return None
    held = instrument.of_person(tx, person_id=of.person_id)
    own = [one for one in held if one.kind is InstrumentKind.DEBIT_CARD and one.state is InstrumentState.VERIFIED]
    return max(own, key=lambda one: one.instrument_id, default=None)


def _refund(tx: Transaction, house: House, of: Loan, *, amount_fen: int, at: datetime) -> bool:
    """Reserve a refund on the newest payment that covers the amount; return whether there is one."""
    if not house.refunds:
        return False
    paid = refund.newest_payment(
        tx, loan_id=of.loan_id, channels=sorted(house.refunds), since=at - REFUND_WITHIN, amount_fen=amount_fen
    )
    if paid is None:
        return False
    paid_by, channel, total_fen = paid
    back = reserve(
        order_id=house.id_for(of.person_id),
        kind=OrderKind.RETURN,
        person_id=of.person_id,
        loan_id=of.loan_id,
        instrument_id=None,
        amount_fen=amount_fen,
        currency=of.currency,
        channel=channel,
        run_at=at,
    )
    order.insert(tx, order=back)
    refund.insert(tx, refund=Refund(order_id=back.order_id, paid_by=paid_by, total_fen=total_fen))
    return True


def told(*, loan_id: UUID, person_id: UUID, currency: str, happening: Happening) -> Told:
    """Return what programs of others are told of something that happened to a loan."""
    return Told(
        event=TOLD[happening.kind],
        person_id=person_id,
        subject_id=loan_id,
        on=happening.on,
        mark=str(happening.instalment),
        facts={
            "loan_id": str(loan_id),
            "on": happening.on.isoformat(),
            "instalment": happening.instalment,
            "amount_fen": happening.amount_fen,
            "currency": currency,
        },
    )


def _notice(of: Loan, happening: Happening, now: datetime) -> NewWork:
    return notice_of(
        of,
        template=NOTIFIED[happening.kind],
        on=happening.on,
        mark=str(happening.instalment),
        amount_fen=happening.amount_fen,
        at=max(now, start_of(happening.on) + NOTICE_AT),
    )


def notice_of(of: Loan, *, template: str, on: date, mark: str, amount_fen: int, at: datetime) -> NewWork:
    """Return the work of telling a borrower something once: by the loan, the day, what it is and its `mark`."""
    return NewWork(
        work_id=dated(of.loan_id, on=on, purpose=notice_purpose(template=template, mark=mark)),
        kind=NOTICE,
        subject_id=of.loan_id,
        run_at=awake(at),
        payload={"template": template, "on": on.isoformat(), "amount_fen": amount_fen},
    )


def notice_purpose(*, template: str, mark: str) -> str:
    """Return what names a notice beside its loan and day."""
    return f"{template} {mark}"


def awake(moment: datetime) -> datetime:
    """Return the moment itself if it lies between 08:00 and 22:00 in the market, or else the next 09:00.

    When notices are planned is the house's choice. What the law allows is said by the rules of the day when they are
    sent (`domain.contact`).
    Example: 23:11 on the 15th becomes 09:00 on the 16th.
    """
    midnight = start_of(business_date_of(moment))
    if moment - midnight < QUIET_UNTIL:
        return midnight + NOTICE_AT
    if moment - midnight >= QUIET_FROM:
        return start_of(business_date_of(moment) + timedelta(days=1)) + NOTICE_AT
    return moment
