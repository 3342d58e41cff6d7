"""Call off a loan whose payout came back and that its borrower does not want any more: it ends unpaid.

Nothing of it was ever owed: the money was taken back before (`take_payout_back`), with both limits and the source's
room. What is left is a contract that waits for a payout, and that ends here: no principal, no interest, no fee. A card
whose money came back stays stopped, a version that waits for an answer is declined, whoever sold is told, and the
contract that was signed stays readable. A loan of which anything was paid out and is still out cannot be called off:
that is given back (`withdraw_loan`) or repaid. After a time of the
house's own, reminded before, the house calls off what nobody asked for (`follow_returned`). Source: 《民法典》 art. 557
and 562 (what is agreed to end, ends; nothing is left to be performed).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.loan import Cancelled, Reversed
from mingqu.domain.moment import business_date_of
from mingqu.domain.order import Order, OrderKind
from mingqu.domain.purpose.version import VersionState
from mingqu.services.changes.answer_version import end_waiting
from mingqu.services.changes.take_payout_back import returned_payout
from mingqu.services.funding.want_no_more import want_no_more
from mingqu.services.house import House
from mingqu.services.loans.follow_up import notice_of
from mingqu.services.loans.record_event import record_event
from mingqu.services.messages.tell_merchant import MerchantEvent, tell_of_loan
from mingqu.services.messages.tell_webhooks import Event, tell
from mingqu.services.once import Response, once
from mingqu.services.orders.settle_order import told_of
from mingqu.services.policies.pass_rule_gates import case_of
from mingqu.store import evidence
from mingqu.store.loans import called_off, loan
from mingqu.store.loans.called_off import CalledOff, Cause
from mingqu.store.loans.loan import Loan
from mingqu.store.orders import order
from mingqu.store.purposes import funds_version, payee
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

REMINDED_AFTER: Final = "payout_again_reminded_days"
CLOSED_AFTER: Final = "payout_again_closed_days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A loan that waits for its payout again: since when, and the first days of being reminded and of being closed."""

    returned: Order
    since: date
    remind_on: date
    closes_on: date

    @property
    def notice(self) -> timedelta:
        """How long lies between the reminder and the end, also where the reminder came late."""
        return self.closes_on - self.remind_on


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffView:
    """What calling a loan off would end: `amount_fen` is not paid out, `owed_fen` is owed for it, which is nothing.

    `closes_on` is the day from which the house does it by itself; `to_payee` whether the contract names whom it pays,
    `version_waits` whether a version of it waits for an answer, which is declined with it.
    """

    loan_id: UUID
    contract_id: UUID
    amount_fen: int
    owed_fen: int
    returned_id: UUID
    waits_since: date
    closes_on: date
    to_payee: bool
    version_waits: bool


def call_off_view(house: House, *, person_id: UUID, loan_id: UUID) -> CallOffView:
    """Return what calling a person's own loan off would end; nothing is kept.

    Errors: NotFound, NoPayoutReturned, PayoutWaiting.
    """
    with house.database.transaction() as tx:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        waits = waiting_of(tx, house, of=of)
        return CallOffView(
            loan_id=of.loan_id,
            contract_id=of.contract_id,
            amount_fen=waits.returned.amount_fen,
            owed_fen=of.state.disbursed_fen,
            returned_id=waits.returned.order_id,
            waits_since=waits.since,
            closes_on=_announced(tx, of=of, waits=waits),
            to_payee=payee.is_named(tx, loan_id=loan_id),
            version_waits=funds_version.waiting(tx, loan_id=loan_id, at=house.clock.now()) is not None,
        )


def call_off(house: House, *, person_id: UUID, loan_id: UUID, key: str) -> UUID:
    """End a person's own loan unpaid whose payout came back; return the id of the loan's event of that.

    Errors: NotFound, NoPayoutReturned (it is paid out, was called off, or nothing of it came back), PayoutWaiting, and
    those of the idempotency key; nothing has then changed.
    """

    def ended(tx: Transaction) -> Response:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        event_id = call_off_in(tx, house, of=of, returned=returned_payout(tx, of=of), cause=Cause.BORROWER)
        return {"event_id": event_id.hex}

    request: dict[str, Canonical] = {"loan_id": loan_id.hex}
    answer = once(house, person_id=person_id, command="call_off", key=key, request=request, work=ended)
    return UUID(str(answer["event_id"]))


def waiting_of(tx: Transaction, house: House, *, of: Loan) -> Waiting:
    """Return since when a loan waits for a payout again, and until when. Errors: NoPayoutReturned, PayoutWaiting.

    The days count from the last of these: the money was taken back, another payout was tried, a version of the contract
    was answered or lapsed. The rows of that day hold. Example: taken back on 2026-08-20, rows of 30 and 60 days: the
    borrower is reminded on 2026-09-19 and the loan is closed on 2026-10-19.
    """
    returned = returned_payout(tx, of=of)
    taken_back = [
        one.value_date
        for one in loan.events(tx, loan=of)
        if isinstance(one, Reversed) and one.target == returned.order_id
    ]
    tries = [one for one in order.orders_of_loan(tx, loan_id=of.loan_id) if one.kind is OrderKind.PAYOUT]
    answers = [one.answered_at or one.lapses_at for one in funds_version.of_loan(tx, loan_id=of.loan_id)]
    since = max([*taken_back, *(business_date_of(at) for at in (*(one.run_at for one in tries), *answers))])
    case = case_of(house, lender_id=of.lender_id, product_id=of.product_id, on=since)

    def days(rule_id: str) -> timedelta:
        found = house.pack.rules.value(
            rule_id=rule_id, lender_type=case.lender_type, product_kind=case.product_kind, business_date=since
        )
        return timedelta(days=found)

    return Waiting(
        returned=returned, since=since, remind_on=since + days(REMINDED_AFTER), closes_on=since + days(CLOSED_AFTER)
    )


def call_off_in(tx: Transaction, house: House, *, of: Loan, returned: Order, cause: Cause) -> UUID:
    """End a loan whose payout came back, with everything that hangs on it; return the event's id.

    The caller holds the cell's lock, has asked `returned_payout` under it, and commits.
    """
    on, now, event_id = house.booking_date(tx, cell=of.cell), house.clock.now(), house.id_for(of.person_id)
    record_event(tx, house, before=of, event=Cancelled(event_id=event_id, value_date=on))
    made = CalledOff(
        event_id=event_id,
        loan_id=of.loan_id,
        person_id=of.person_id,
        returned_id=returned.order_id,
        cause=cause,
        called_off_at=now,
    )
    called_off.insert(tx, made=made)
    want_no_more(tx, house, of=of)
    answer = VersionState.DECLINED if cause is Cause.BORROWER else VersionState.WITHDRAWN
    end_waiting(tx, house, loan_id=of.loan_id, answer=answer)
    _witness(tx, house, made, cell=of.cell, amount_fen=returned.amount_fen)
    tell(tx, house, cell=of.cell, told=[told_of(of, returned, event=Event.CALLED_OFF, on=on)])
    tell_of_loan(
        tx, house, loan_id=of.loan_id, event=MerchantEvent.FAILED, cause=event_id, facts={"reason": "called_off"}
    )
    notice = notice_of(
        of, template=Event.CALLED_OFF.value, on=on, mark=event_id.hex, amount_fen=returned.amount_fen, at=now
    )
    work.enqueue_many(tx, cell=of.cell, rows=[notice])
    return event_id


def _announced(tx: Transaction, *, of: Loan, waits: Waiting) -> date:
    """Return the day of the end as the last reminder said it, or as the rows have it where none was sent."""
    told = [one for one in loan.events(tx, loan=of) if isinstance(one, Reversed)]
    found = next((one for one in told if one.target == waits.returned.order_id), None)
    said = None if found is None else work.payload_of(tx, cell=of.cell, work_id=found.event_id)
    on = None if said is None else said.get("closes_on")
    return waits.closes_on if on is None else max(waits.closes_on, date.fromisoformat(str(on)))


def _witness(tx: Transaction, house: House, made: CalledOff, *, cell: int, amount_fen: int) -> None:
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=cell,
        person_id=made.person_id,
        kind=LeafKind.CALLED_OFF,
        subject_id=made.event_id,
        at=made.called_off_at,
        facts={
            "loan_id": made.loan_id.hex,
            "returned": made.returned_id.hex,
            "amount_fen": amount_fen,
            "cause": made.cause.value,
        },
    )
