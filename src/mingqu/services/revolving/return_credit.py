"""Pay what is its owner's own on a revolving account (溢缴款) to their card: it is spent or returned, never both.

With the order the money leaves the account's credit for an account of money on its way, so that no purchase, bill or
second order finds it any more. Paid, it leaves the house; refused for good, it is credit again; unheard, it stays on
its way and is asked about under the same number. Paid and come back (退汇), two people say so and it is credit again:
its owner names another card, or leaves it to the next purchase.

It is a debt of the house and no loan, so nothing that closes drawing is asked: neither what is overdue, nor a freeze, a
cap, a band, a link, the assessment, nor the black list, which decides what is lent. It goes only to a card or account
that was verified as the owner's own. Money that an authority orders to be held is no matter of these lists.
"""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.identifier import beside, derived
from mingqu.domain.instrument import require_payout
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.money import AmountOutOfRange
from mingqu.domain.order import Order, OrderKind, OrderState, reserve
from mingqu.domain.spend import SpendEvent, SpendKind, require_returnable
from mingqu.services.house import House
from mingqu.services.loans.reserve_payout import payout_channel
from mingqu.services.once import Response, once
from mingqu.services.revolving.record_spend import bring_up_all, brought_up, day_to_tell, record_spend
from mingqu.services.revolving.reserve_deduction import withdraw_unsent
from mingqu.services.revolving.tell_account import promise_notice
from mingqu.store.ledgers import ledger
from mingqu.store.orders import order
from mingqu.store.people import instrument
from mingqu.store.revolving import credit_return, spend
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction

RETURNED: Final = "spend.credit_returned"
NOT_RETURNED: Final = "spend.credit_not_returned"
CAME_BACK: Final = "spend.credit_came_back"
BOUNCED: Final = "payment_reversed"  # why an order is withdrawn whose money a bounced payment had brought
_PAID_PLACE: Final = 1  # among the ids that follow from the order


def return_credit(
    house: House, *, person_id: UUID, account_id: UUID, instrument_id: UUID, amount_fen: int, key: str
) -> UUID:
    """Order that so much of an account's credit is paid to its owner's own card, and return the order's id.

    Example: 300.00 of credit, nothing owed: 200.00 are ordered, 100.00 stay and pay the next purchase.
    Errors: NotFound, AmountOutOfRange, CreditExceeded, InstrumentNotVerified, CardNotSupported, RepaymentUnderWay, and
    those of the key.
    """
    if amount_fen < 1:
        raise AmountOutOfRange("What is paid back is of at least one fen.", least_fen=1)

    def work(tx: Transaction) -> Response:
        account = spend.get_for(tx, person_id=person_id, account_id=account_id)
        today = house.clock.business_date()
        account = brought_up(tx, house, account=account, to=today)
        card = instrument.load(tx, person_id=person_id, instrument_id=instrument_id)
        require_payout(instrument=card)
        require_returnable(account.state, amount_fen=amount_fen)
        way = Account(owner=account_id, code=AccountCode.SPEND_RETURNING, currency=account.currency)
        ledger.open_accounts(tx, cell=account.cell, accounts=[way])  # most accounts never have anything on its way
        order_id = house.id_for(person_id)
        order.insert(
            tx,
            order=reserve(
                order_id=order_id,
                kind=OrderKind.RETURN,
                person_id=person_id,
                loan_id=None,
                instrument_id=instrument_id,
                amount_fen=amount_fen,
                currency=account.currency,
                channel=payout_channel(house, to=card),
                run_at=house.clock.now(),
            ),
        )
        spend.insert_order(tx, account=account, order_id=order_id)
        on = max(today, account.state.day)
        event = SpendEvent(event_id=order_id, kind=SpendKind.SENT_BACK, on=on, amount_fen=amount_fen)
        record_spend(tx, house, account=account, event=event)
        return {"order_id": order_id.hex}

    request: dict[str, Canonical] = {
        "account_id": account_id.hex,
        "instrument_id": instrument_id.hex,
        "amount_fen": amount_fen,
    }
    answer = once(house, person_id=person_id, command="return_credit", key=key, request=request, work=work)
    return UUID(str(answer["order_id"]))


def settle_return(tx: Transaction, house: House, *, account: SpendAccount, ended: Order) -> None:
    """Let a return that was paid leave the house, or be credit again where it will never be; its owner is told."""
    if ended.state is not OrderState.PAID:
        _have_again(tx, house, account=account, of=ended, kind=SpendKind.NOT_SENT_BACK)
        _tell(tx, house, account=account, of=ended, template=NOT_RETURNED)
        return
    assert ended.value_date is not None
    paid = Transfer(
        id=derived(ended.order_id, _PAID_PLACE),
        debit=Account(owner=account.account_id, code=AccountCode.SPEND_RETURNING, currency=account.currency),
        credit=Account(owner=account.lender_id, code=AccountCode.COLLECTION_CLEARING, currency=account.currency),
        amount_fen=ended.amount_fen,
        reason=Reason.SPEND_RETURN,
        value_date=ended.value_date,
        posted_on=house.booking_date(tx, cell=account.cell),
        reference=ended.order_id,
    )
    ledger.post(tx, cell=account.cell, transfers=[paid])
    _tell(tx, house, account=account, of=ended, template=RETURNED, on=ended.value_date)


def is_sent_back(tx: Transaction, *, order_id: UUID) -> bool:
    """Whether an order is a return of its revolving account that stands: not refused, and not come back before."""
    events = spend.events_of(tx, account_id=spend.account_of_order(tx, order_id=order_id).account_id)
    sent = any(one.kind is SpendKind.SENT_BACK and one.event_id == order_id for one in events)
    return sent and not any(one.target == order_id for one in events)


def take_credit_back(tx: Transaction, house: House, *, returned: Order) -> None:
    """Owe an account's owner again what was paid to their card and came back: it is credit, and they are told.

    The order stays PAID, for so it was. The caller holds the cell's lock, has looked that it stands, and commits.
    """
    account = spend.account_of_order(tx, order_id=returned.order_id)
    _have_again(tx, house, account=account, of=returned, kind=SpendKind.CAME_BACK)
    _tell(tx, house, account=account, of=returned, template=CAME_BACK)


def keep_unsent(tx: Transaction, house: House, *, account: SpendAccount, wanted_fen: int) -> SpendAccount:
    """Withdraw returns of which nothing was said to a channel, the newest first, until so much is credit again.

    For a payment that bounced: what it had brought beyond the debt was never the owner's. What is on its way already is
    owed again by its owner, as part of the next bill.
    """
    for waiting in credit_return.open_orders(tx, account_id=account.account_id):
        if account.state.credit_fen >= wanted_fen:
            break
        if waiting.state is OrderState.RESERVED:
            ended = withdraw_unsent(tx, waiting, code=BOUNCED, at=house.clock.now())
            settle_return(tx, house, account=account, ended=ended)
            account = spend.get(tx, account_id=account.account_id)
    return account


def _have_again(tx: Transaction, house: House, *, account: SpendAccount, of: Order, kind: SpendKind) -> None:
    on = day_to_tell(tx, account=account, on=house.clock.business_date())
    account = bring_up_all(tx, house, accounts=[account], to=on)[0]
    event = SpendEvent(
        event_id=beside(of.order_id, purpose=kind.value),
        kind=kind,
        on=on,
        amount_fen=of.amount_fen,
        target=of.order_id,
    )
    record_spend(tx, house, account=account, event=event)


def _tell(
    tx: Transaction, house: House, *, account: SpendAccount, of: Order, template: str, on: date | None = None
) -> None:
    mark = of.order_id.hex
    promise_notice(tx, house, account=account, template=template, amount_fen=of.amount_fen, on=on, mark=mark)
