"""What an order's end means to its loan: posted, witnessed and told in the very transaction that ends it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.evidence import LeafKind
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.loan import Cancelled, Disbursed, Intent, OverpaymentReturned, Receipt, Repaid, Stage, quote
from mingqu.domain.order import Order, OrderKind, OrderState
from mingqu.domain.word import Word
from mingqu.services.funding.want_no_more import want_no_more
from mingqu.services.house import DEDUCTING, ENTRUSTED, House
from mingqu.services.loans.follow_up import deduction_of, follow_up, give_back, notice_of, reserve_deductions
from mingqu.services.loans.record_event import record_event
from mingqu.services.loans.reserve_payout import give_holds_back, held_for
from mingqu.services.loans.withdraw_loan import meant_still
from mingqu.services.messages.tell_merchant import MerchantEvent, tell_of_loan, tell_of_refund
from mingqu.services.messages.tell_webhooks import Event, Told, tell, today
from mingqu.services.orders import keep_order
from mingqu.services.orders.drop_agreement import WITHDRAWN, drop_as_told
from mingqu.services.orders.keep_order import Heard
from mingqu.services.orders.return_order import returned_whole
from mingqu.services.purpose.bind_money import open_bound
from mingqu.services.revolving.settle_spend import settle_spend
from mingqu.store import evidence
from mingqu.store.ledgers import ledger
from mingqu.store.loans import loan, repayment
from mingqu.store.loans.loan import Loan
from mingqu.store.orders import order
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import NewWork

PAID_ALREADY: Final = "paid_already"
REVERSED: Final = "payment_reversed"
TAKING: Final = (Stage.ACTIVE, Stage.SETTLED, Stage.CHARGED_OFF)  # in which a loan takes money; else it is parked
RETURNS_MAX: Final = 3  # of one overpayment; after that the card is the trouble, and people ask the person
RETURN_AGAIN_AFTER: Final = timedelta(days=1)


def hear_word(tx: Transaction, house: House, *, order_id: UUID, word: Word, at: datetime) -> Order:
    """Store a word and post what it causes, whichever way it came; the caller commits. Errors: NotFound.

    Only the word that ends the order posts anything, and it does so under the cell's lock: of an answer and a notice
    that arrive together one settles and the other is a word that changes nothing.
    """
    return hear_whole(tx, house, order_id=order_id, word=word, at=at).after


def hear_whole(tx: Transaction, house: House, *, order_id: UUID, word: Word, at: datetime) -> Heard:
    """Do as `hear_word`, and return the order before and after with the conflict, if there is one. Errors: NotFound."""
    heard = keep_order.hear(tx, order_id=order_id, word=word, at=at)
    if heard.paid or heard.failed:
        settle(tx, house, ended=heard.after)
    return heard


def settle(tx: Transaction, house: House, *, ended: Order) -> None:
    """Post what an order's end means to its loan; in the very transaction that ends it."""
    if ended.loan_id is None:
        settle_spend(tx, house, ended=ended)
        _drop_if_over(tx, house, ended)
        return
    of = loan.get(tx, cell=tx.cell_of(ended.loan_id), loan_id=ended.loan_id)
    paid = ended.state is OrderState.PAID
    match ended.kind:
        case OrderKind.PAYOUT if paid:
            _paid_out(tx, house, of, ended)
        case OrderKind.PAYOUT:
            _not_paid_out(tx, house, of, ended)
        case OrderKind.COLLECTION if paid:
            _collected(tx, house, of, ended)
        case OrderKind.RETURN if paid:
            _returned(tx, house, of, ended)
        case OrderKind.RETURN:
            _not_returned(tx, house, of, ended)
        case _:  # a collection that failed moved nothing and held nothing
            _drop_if_over(tx, house, ended)


def _drop_if_over(tx: Transaction, house: House, ended: Order) -> None:
    """End the agreement of a deduction that was refused because the person ended it at the channel."""
    if ended.kind is OrderKind.COLLECTION and ended.refusal_code == WITHDRAWN:
        drop_as_told(tx, house, order_id=ended.order_id, person_id=ended.person_id)


def _paid_out(tx: Transaction, house: House, of: Loan, ended: Order) -> None:
    """The money arrived: the loan begins on the channel's date, holds become postings."""
    assert ended.value_date is not None
    after, outcome = record_event(
        tx,
        house,
        before=of,
        event=Disbursed(
            event_id=ended.order_id,
            value_date=ended.value_date,
            amount_fen=ended.amount_fen,
            tranche=of.state.disbursements + 1,
        ),
        pending=held_for(tx, of=of, order_id=ended.order_id),
    )
    _witness(tx, house, of, ended, LeafKind.DISBURSEMENT)
    open_bound(tx, house, of=after, ended=ended)
    _tell(tx, house, of, ended, Event.LOAN_DISBURSED)
    _tell_seller(tx, house, of, ended, MerchantEvent.PAID)
    follow_up(tx, house, of=after, outcome=outcome)


def _not_paid_out(tx: Transaction, house: House, of: Loan, ended: Order) -> None:
    """The channel said for good that it will not pay: everything held is free again.

    A loan of which nothing was paid out never was; one that runs goes on without this part. One whose payout came
    back waits for a card that takes it, however many do not.
    """
    give_holds_back(tx, house, of=of, order_id=ended.order_id, amount_fen=ended.amount_fen)
    _tell(tx, house, of, ended, Event.PAYOUT_FAILED)
    _tell_seller(tx, house, of, ended, MerchantEvent.FAILED)
    came_back = any(
        each.kind is OrderKind.PAYOUT and each.state is OrderState.PAID
        for each in order.orders_of_loan(tx, loan_id=of.loan_id)
    )
    if of.state.stage is Stage.PLANNED and not came_back:
        today = house.booking_date(tx, cell=of.cell)
        record_event(tx, house, before=of, event=Cancelled(event_id=ended.order_id, value_date=today))
        want_no_more(tx, house, of=of)


def _collected(tx: Transaction, house: House, of: Loan, ended: Order) -> None:
    """Money came in. It is never refused: what no loan can take is parked, for people to work on."""
    assert ended.value_date is not None
    if of.state.stage not in TAKING:
        today = house.booking_date(tx, cell=of.cell)
        parked = Account(owner=of.lender_id, code=AccountCode.UNMATCHED_RECEIPT, currency=of.currency)
        ledger.open_accounts(tx, cell=of.cell, accounts=[parked])
        transfer = Transfer(
            id=derived(ended.order_id, 1),
            debit=Account(owner=of.lender_id, code=AccountCode.COLLECTION_CLEARING, currency=of.currency),
            credit=parked,
            amount_fen=ended.amount_fen,
            reason=Reason.OVERPAY,
            value_date=ended.value_date,
            posted_on=today,
            reference=ended.order_id,
        )
        ledger.post(tx, cell=of.cell, transfers=[transfer])
        tell_of_refund(tx, house, order_id=ended.order_id)
        return
    meant = repayment.intent_of(tx, order_id=ended.order_id)
    meant = meant_still(tx, house, of=of, meant=meant, value_date=ended.value_date, order_id=ended.order_id)
    after, outcome = record_event(tx, house, before=of, event=repaid_by(of, ended, meant=meant))
    _witness(tx, house, of, ended, LeafKind.REPAYMENT)
    _tell(tx, house, of, ended, Event.PAYMENT_RECEIVED)
    follow_up(tx, house, of=after, outcome=outcome)
    if tell_of_refund(tx, house, order_id=ended.order_id):
        after = returned_whole(tx, house, of=after)
    spare_deductions(tx, house, of=after)


def repaid_by(of: Loan, ended: Order, *, meant: Intent | None) -> Repaid:
    """Return the event that a collection is which was paid; nothing said, it was meant for what is due."""
    assert ended.value_date is not None
    return Repaid(
        event_id=ended.order_id,
        value_date=ended.value_date,
        amount_fen=ended.amount_fen,
        intent=meant or Intent.DUE,
        receipt=receipt_of(of, on=ended.value_date),
    )


def receipt_of(of: Loan, *, on: date) -> Receipt:
    """Return what money from the borrower is that came on a day: once the lender has its own, the guarantor who had
    paid is served. Late news of a day before that is money for the lender.
    """
    state = of.state
    if state.stage is Stage.SETTLED and state.guarantor_claim_fen:
        assert state.settled_on is not None
        return Receipt.SUBROGATION if on >= state.settled_on else Receipt.REPAYMENT
    return Receipt.RECOVERY if state.stage is Stage.CHARGED_OFF else Receipt.REPAYMENT


def spare_deductions(tx: Transaction, house: House, *, of: Loan) -> None:
    """Let deductions that were not sent yet ask for what is still due and no more: nobody pays twice."""
    day = of.state.as_of
    assert day is not None
    due_fen = quote(terms=of.terms, state=of.state, on=day).due_fen
    spared = False
    for waiting in waiting_orders(tx, of, kind=OrderKind.COLLECTION):
        if waiting.channel in DEDUCTING and waiting.amount_fen != due_fen:
            keep_order.withdraw(tx, order_id=waiting.order_id, code=PAID_ALREADY, at=house.clock.now())
            spared = True
    agreements = repayment.active_agreements(tx, cell=of.cell, person_ids=[of.person_id])
    if spared and due_fen and of.person_id in agreements:
        rest = deduction_of(of, agreements[of.person_id], day=day)
        if rest is not None:
            reserve_deductions(tx, cell=of.cell, deductions={of.loan_id: (rest, agreements[of.person_id])})


def withdraw_returns(tx: Transaction, house: House, *, of: Loan) -> None:
    """Withdraw what would have gone back and is not too much any more; a return on its way will be owed again."""
    for waiting in waiting_orders(tx, of, kind=OrderKind.RETURN):
        if of.state.overpayment_fen < waiting.amount_fen:
            keep_order.withdraw(tx, order_id=waiting.order_id, code=REVERSED, at=house.clock.now())


def waiting_orders(tx: Transaction, of: Loan, *, kind: OrderKind) -> list[Order]:
    """Return the orders of a loan of which nothing has been said to a channel yet."""
    return [
        each
        for each in order.orders_of_loan(tx, loan_id=of.loan_id)
        if each.kind is kind and each.state is OrderState.RESERVED
    ]


def _returned(tx: Transaction, house: House, of: Loan, ended: Order) -> None:
    assert ended.value_date is not None
    event = OverpaymentReturned(event_id=ended.order_id, value_date=ended.value_date, amount_fen=ended.amount_fen)
    record_event(tx, house, before=of, event=event)


def _not_returned(tx: Transaction, house: House, of: Loan, ended: Order) -> None:
    """The bank would not take the money back: it stays owed to the person and is tried again, a few days long."""
    refused = [
        each
        for each in order.orders_of_loan(tx, loan_id=of.loan_id)
        if each.kind is OrderKind.RETURN and each.state is OrderState.FAILED and each.refusal_code != REVERSED
    ]
    if len(refused) < RETURNS_MAX and of.state.overpayment_fen >= ended.amount_fen:
        again_at = house.clock.now() + RETURN_AGAIN_AFTER
        # What could not go back the way it came goes to the card.
        give_back(tx, house, of, amount_fen=ended.amount_fen, at=again_at, by_card=True)


def _witness(tx: Transaction, house: House, of: Loan, ended: Order, kind: LeafKind) -> None:
    draft = leaf_of(of, ended, kind=kind)
    evidence.append_all(tx, keyring=house.keyring, cell=of.cell, at=house.clock.now(), drafts=[draft])


def leaf_of(of: Loan, ended: Order, *, kind: LeafKind) -> evidence.Draft:
    """Return what the leaf of an order's end says."""
    return evidence.Draft(
        person_id=of.person_id,
        kind=kind,
        subject_id=ended.order_id,
        facts={
            "loan_id": of.loan_id.hex,
            "amount_fen": ended.amount_fen,
            "currency": ended.currency,
            "value_date": ended.value_date.isoformat() if ended.value_date else None,
        },
    )


def _tell(tx: Transaction, house: House, of: Loan, ended: Order, event: Event) -> None:
    """Tell whoever subscribed, and the borrower: the pages promise that they need not wait for the end of an order."""
    on = ended.value_date or today(house)
    tell(tx, house, cell=of.cell, told=[told_of(of, ended, event=event, on=on)])
    work.enqueue_many(tx, cell=of.cell, rows=[notice_of_end(of, ended, event=event, on=on, at=house.clock.now())])


def _tell_seller(tx: Transaction, house: House, of: Loan, ended: Order, event: MerchantEvent) -> None:
    """Tell a merchant what became of the money for its order; only an entrusted payment goes to one."""
    if ended.channel == ENTRUSTED:
        tell_of_loan(tx, house, loan_id=of.loan_id, event=event, cause=ended.order_id)


def told_of(of: Loan, ended: Order, *, event: Event, on: date) -> Told:
    """Return what programs of others are told of an order's end."""
    return Told(
        event=event,
        person_id=of.person_id,
        subject_id=ended.order_id,
        on=on,
        facts={
            "loan_id": str(of.loan_id),
            "order_id": str(ended.order_id),
            "amount_fen": ended.amount_fen,
            "currency": ended.currency,
            "value_date": ended.value_date.isoformat() if ended.value_date else None,
        },
    )


def notice_of_end(of: Loan, ended: Order, *, event: Event, on: date, at: datetime) -> NewWork:
    """Return the work of telling the borrower of an order's end."""
    mark, amount_fen = ended.order_id.hex, ended.amount_fen
    return notice_of(of, template=event.value, on=on, mark=mark, amount_fen=amount_fen, at=at)
