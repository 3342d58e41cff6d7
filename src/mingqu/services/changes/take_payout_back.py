"""A payout that was paid and came back (退汇): the loan is told again without it, and may be paid out anew.

The account was closed, or the bank could not credit it; days after "paid" the money stands on our account again. Two
people decide so (`decide_order`), on the channel's own word. The borrower never had the money, so nothing of it was
ever owed: principal, interest and penalty are taken back by the ledger's difference, and both limits are free again.
The order stays PAID, for so it was, and an event of its own takes it back. The loan then waits for another card, or, if
its contract names a payee, for its borrower to say that the same payee is to be paid again (a dealer whose bank could
not credit it that day), or to agree to a version with the payee's right account (`answer_version`). The money goes out
by a new order, never by the old number. Who does not want it any more calls the loan off (`call_off_loan`), and what
nobody asks for is closed in the end (`follow_returned`).
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.instrument import CardNotSupported, InstrumentState, require_payout
from mingqu.domain.loan import Disbursed, OverpaymentReturned, Reversed, Stage
from mingqu.domain.order import Order, OrderKind, OrderState
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.draw_more import PayoutWaiting
from mingqu.services.funding.route_funding import release_payout
from mingqu.services.house import House
from mingqu.services.limits.check_drawing import require_drawing_open
from mingqu.services.loans.follow_up import follow_up, give_back, notice_of
from mingqu.services.loans.record_event import record_event
from mingqu.services.loans.reserve_payout import PayeeNamed, reserve_payout
from mingqu.services.messages.tell_merchant import MerchantEvent, tell_of_loan
from mingqu.services.messages.tell_webhooks import Event, tell
from mingqu.services.once import Response, once
from mingqu.services.orders.entrust_payment import entrust_payment
from mingqu.services.orders.settle_order import told_of
from mingqu.services.purpose.bind_money import stop_bound
from mingqu.services.purpose.list_payees import require_listed
from mingqu.services.revolving.return_credit import is_sent_back
from mingqu.services.revolving.return_draw import is_drawn
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.orders import order
from mingqu.store.people import instrument
from mingqu.store.purposes import funds_version, payee
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import NewWork

RETURNED: Final = Event.PAYOUT_RETURNED
PAYOUT_WAITS: Final = "payout_waits"  # the work of looking after a loan until it is paid again, or called off


class NoPayoutReturned(Refusal):
    """This loan waits for no further payout: none of it came back, or it was paid out again already."""

    code: ClassVar[str] = "no_payout_returned"
    status: ClassVar[int] = 409


class VersionWaits(Refusal):
    """A new version of the contract names another account of the payee and waits for its borrower's answer first."""

    code: ClassVar[str] = "contract_version_waits"
    status: ClassVar[int] = 409


class PaidByStages(Refusal):
    """This loan is paid to its payee stage by stage: two people release the stage that came back."""

    code: ClassVar[str] = "paid_by_stages"
    status: ClassVar[int] = 409


def take_payout_back(tx: Transaction, house: House, *, returned: Order) -> UUID:
    """Tell a loan again without a payout that came back; return the reversal's id. The caller holds the lock, commits.

    Errors: NothingToReverse, when something rests on it that would be left hanging, as a repayment made meanwhile:
    that is placed elsewhere first.
    """
    of, today = _loan_of(tx, returned), house.booking_date(tx, cell=tx.cell_of(returned.order_id))
    event = Reversed(event_id=house.id_for(of.person_id), value_date=today, target=returned.order_id)
    after, outcome = record_event(tx, house, before=of, event=event)
    release_payout(tx, house, of=of, amount_fen=returned.amount_fen)
    stop_bound(tx, house, of=of, returned=returned)
    follow_up(tx, house, of=after, outcome=outcome)
    _tell(tx, house, of, returned, on=today)
    tell_of_loan(tx, house, loan_id=of.loan_id, event=MerchantEvent.FAILED, cause=event.event_id)
    _let_wait(tx, house, of=after, event=event)
    return event.event_id


def _let_wait(tx: Transaction, house: House, *, of: Loan, event: Reversed) -> None:
    """Write the work of looking after a loan that waits for a payout again; the first look is at once and says when.

    One that runs goes on without the part that came back.
    """
    if of.state.stage is not Stage.PLANNED:
        return
    waits = NewWork(
        work_id=event.event_id,
        kind=PAYOUT_WAITS,
        subject_id=of.loan_id,
        run_at=house.clock.now(),
        payload={"returned": event.target.hex},
    )
    work.enqueue_many(tx, cell=of.cell, rows=[waits])


def take_return_back(tx: Transaction, house: House, *, returned: Order) -> UUID:
    """Owe the borrower an overpayment again that was sent back and came back, and send it to another card of theirs.

    Without another card it stays owed to them, on the loan's account for it. Errors: NothingToReverse.
    """
    of, today = _loan_of(tx, returned), house.booking_date(tx, cell=tx.cell_of(returned.order_id))
    event = Reversed(event_id=house.id_for(of.person_id), value_date=today, target=returned.order_id)
    after, outcome = record_event(tx, house, before=of, event=event)
    follow_up(tx, house, of=after, outcome=outcome)
    others = [
        card
        for card in instrument.of_person(tx, person_id=of.person_id)
        if card.instrument_id != returned.instrument_id and card.state is InstrumentState.VERIFIED
    ]
    owed_fen = min(returned.amount_fen, after.state.overpayment_fen)
    if others and owed_fen:
        give_back(tx, house, after, amount_fen=owed_fen, at=house.clock.now(), to=others[-1])
    return event.event_id


def is_told(tx: Transaction, known: Order) -> bool:
    """Whether a paid payout or return is an event of its loan, or a draw or return one of its account, that stands."""
    if known.loan_id is None:
        stands = is_drawn if known.kind is OrderKind.PAYOUT else is_sent_back
        return stands(tx, order_id=known.order_id)
    told = loan.events(tx, loan=_loan_of(tx, known))
    undone = {event.target for event in told if isinstance(event, Reversed)}
    return known.order_id not in undone and any(
        isinstance(event, Disbursed | OverpaymentReturned) and event.event_id == known.order_id for event in told
    )


def pay_out_again(house: House, *, person_id: UUID, loan_id: UUID, instrument_id: UUID | None, key: str) -> UUID:
    """Reserve the payout of a person's loan anew, of the same amount, to another card of theirs; return its order's id.

    Where the contract names a payee there is no card: the money goes to that payee again, and to no other account, as
    long as the list in force names it (`require_listed`).
    What was signed stands: the contract names amount, price and plan, and the days count from the day on which the
    money arrives. Errors: NotFound, NoPayoutReturned, PayoutWaiting, DrawingFrozen, DrawingStopped, PaidByStages,
    VersionWaits, PayeeNotListed, InstrumentNotVerified, CardNotSupported, those of `reserve_payout`, and those of the
    idempotency key.
    """

    def again(tx: Transaction) -> Response:
        of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        amount_fen = returned_payout(tx, of=of).amount_fen
        require_drawing_open(tx, house, person_id=person_id)
        if payee.is_named(tx, loan_id=loan_id):
            order_id = _to_payee_again(tx, house, of=of, instrument_id=instrument_id, amount_fen=amount_fen)
        else:
            order_id = _to_card_again(tx, house, of=of, instrument_id=instrument_id, amount_fen=amount_fen)
        return {"order_id": order_id.hex}

    said = "" if instrument_id is None else instrument_id.hex
    request: dict[str, Canonical] = {"loan_id": loan_id.hex, "instrument_id": said}
    answer = once(house, person_id=person_id, command="pay_out_again", key=key, request=request, work=again)
    return UUID(str(answer["order_id"]))


def _to_payee_again(tx: Transaction, house: House, *, of: Loan, instrument_id: UUID | None, amount_fen: int) -> UUID:
    if instrument_id is not None:
        raise PayeeNamed("The contract says whom this money is paid to; it is paid to no card.")
    if of.terms.disbursements_max > 1:
        raise PaidByStages("The stage that came back is released again by two people of the house.")
    if funds_version.waiting(tx, loan_id=of.loan_id, at=house.clock.now()) is not None:
        raise VersionWaits("Answer the new version of the contract first: it names another account of the payee.")
    require_listed(tx, house, of=of)
    return entrust_payment(tx, house, of=of, amount_fen=amount_fen, payout_at=house.clock.now())


def _to_card_again(tx: Transaction, house: House, *, of: Loan, instrument_id: UUID | None, amount_fen: int) -> UUID:
    if instrument_id is None:
        raise CardNotSupported("Choose the card that the money goes to.")
    card = instrument.load(tx, person_id=of.person_id, instrument_id=instrument_id)
    require_payout(instrument=card)
    return reserve_payout(tx, house, of=of, card=card, amount_fen=amount_fen, payout_at=house.clock.now())


def returned_payout(tx: Transaction, *, of: Loan) -> Order:
    """Return the last payout that a planned loan had and that came back. Errors: NoPayoutReturned, PayoutWaiting."""
    payouts = [each for each in order.orders_of_loan(tx, loan_id=of.loan_id) if each.kind is OrderKind.PAYOUT]
    if any(each.open or each.disputed for each in payouts):
        raise PayoutWaiting("The payout of this loan is on its way; please wait for its end.")
    paid = [each for each in payouts if each.state is OrderState.PAID]
    if of.state.stage is not Stage.PLANNED or not paid:
        raise NoPayoutReturned("No payout of this loan came back.")
    return paid[-1]


def _loan_of(tx: Transaction, known: Order) -> Loan:
    assert known.loan_id is not None
    return loan.get(tx, cell=tx.cell_of(known.loan_id), loan_id=known.loan_id)


def _tell(tx: Transaction, house: House, of: Loan, returned: Order, *, on: date) -> None:
    """Tell whoever subscribed, and the borrower: they are asked for another card, or to have the payee paid again."""
    tell(tx, house, cell=of.cell, told=[told_of(of, returned, event=RETURNED, on=on)])
    notice = notice_of(
        of,
        template=RETURNED.value,
        on=on,
        mark=returned.order_id.hex,
        amount_fen=returned.amount_fen,
        at=house.clock.now(),
    )
    work.enqueue_many(tx, cell=of.cell, rows=[notice])
