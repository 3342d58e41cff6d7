"""What a worker does in one round: take each due order one step, send each due notice, book what is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Final
from uuid import UUID

from mingqu.domain.order import ASK_DELAY_SECONDS_MAX
from mingqu.services.changes.follow_returned import follow_returned
from mingqu.services.changes.take_payout_back import PAYOUT_WAITS
from mingqu.services.changes.watch_card import watch_cards
from mingqu.services.checkout.end_checkouts import end_checkouts
from mingqu.services.checkout.open_checkout import CHECKOUT_ENDS
from mingqu.services.do_each import do_of_cell, named, resolve, set_aside
from mingqu.services.funding.want_no_more import CALL_OFF
from mingqu.services.house import House
from mingqu.services.ledger.cross_cells import CROSSING, finish_crossings
from mingqu.services.ledger.expire_holds import expire_holds
from mingqu.services.lenders import ask_lenders, call_off_funding, tell_expired
from mingqu.services.loans.follow_up import NOTICE
from mingqu.services.messages.deliver_webhooks import deliver_webhooks
from mingqu.services.messages.report_to_lender import REPORT, report_to_lenders
from mingqu.services.messages.tell_merchant import MERCHANT_DELIVERY
from mingqu.services.messages.tell_webhooks import DELIVERY
from mingqu.services.notices.remind_of_dues import REMIND, remind_of_dues
from mingqu.services.notices.send_notice import send_due_notices
from mingqu.services.orders import announce_deductions, find_announcement, keep_order
from mingqu.services.orders.drop_agreement import CANCEL_AGREEMENT
from mingqu.services.orders.end_agreement import tell_bank
from mingqu.services.orders.run_errand import run_errand
from mingqu.services.orders.seek_lost_order import seek_lost_order
from mingqu.services.orders.send_batch import send_batches
from mingqu.services.people.note_signals import PROMISED, note_promised
from mingqu.services.privacy.erase_person import erase_due
from mingqu.services.purpose.spend_card import WATCH
from mingqu.services.referrals import follow_referrals
from mingqu.services.repayment import agree_at_wallet
from mingqu.services.repayment.agree_at_wallet import ask_wallets
from mingqu.services.revolving.bill_spend import bill_cell
from mingqu.services.revolving.deduct_bills import DEDUCT, deduct_bills
from mingqu.services.revolving.pay_merchant import lapse_purchases
from mingqu.services.revolving.remind_of_bills import BILL_NOTICE, remind_of_bills
from mingqu.services.revolving.tell_account import ACCOUNT_NOTICE, tell_accounts
from mingqu.store.orders import order
from mingqu.store.parties.erasure import ERASE
from mingqu.store.server import work, work_aside
from mingqu.store.server.database import TROUBLE
from mingqu.store.server.ripe import ACCOUNT, HOLD, PURCHASE, ripe
from mingqu.store.server.work_aside import Aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round did."""

    orders: int
    notices: int
    booked: int  # holds that lapsed, money that arrived from another cell, revolving accounts with a morning
    stuck: tuple[tuple[UUID, str], ...] = ()  # orders that could not be taken further, with the refusal's code
    alerts: tuple[tuple[UUID, str], ...] = ()  # orders that a person must look at, with the reason
    aside: tuple[Aside, ...] = ()  # what failed as nobody had foreseen, and waits

    @property
    def idle(self) -> bool:
        """Whether nothing was due."""
        return self.orders == 0 and self.notices == 0 and self.booked == 0


ORDER: Final = "order"  # the kind under which an order is set aside
# Money that may be on its way is asked about as often as of a channel that says nothing.
ORDER_WAITS_MAX: Final = timedelta(seconds=ASK_DELAY_SECONDS_MAX)

# What does the work of each kind in a cell, in this order. An idle round asks one question for all of them.
_TELLS: Final[Mapping[str, Callable[..., int]]] = MappingProxyType(
    {
        PAYOUT_WAITS: follow_returned,
        REMIND: remind_of_dues,
        NOTICE: send_due_notices,
        BILL_NOTICE: remind_of_bills,
        ACCOUNT_NOTICE: tell_accounts,
        DEDUCT: deduct_bills,
        CANCEL_AGREEMENT: tell_bank,
        agree_at_wallet.ASK: ask_wallets,
        announce_deductions.PLAN: announce_deductions.plan_announcements,
        find_announcement.TELL: announce_deductions.tell_announcements,
        DELIVERY: deliver_webhooks,
        MERCHANT_DELIVERY: deliver_webhooks,
        PROMISED: note_promised,
        follow_referrals.ASK: follow_referrals.follow_referrals,
        ask_lenders.ASK: ask_lenders.follow_lenders,
        tell_expired.TELL: tell_expired.tell_expired,
        REPORT: report_to_lenders,
        CALL_OFF: call_off_funding.call_off_fundings,
        WATCH: watch_cards,
        ERASE: erase_due,
        CHECKOUT_ENDS: end_checkouts,
    }
)
_BOOKS: Final[Mapping[str, Callable[..., int]]] = MappingProxyType({CROSSING: finish_crossings})


def run_due_work(house: House) -> Round:
    """Take each order that is due one step, and send each notice that is due; several workers may do so at once."""
    with house.database.transaction() as tx:
        now = house.clock.now()
        house.policies.refresh(tx)
        due = [order_id for cell in range(tx.cells) for order_id in order.due_orders(tx, cell=cell, now=now)]
        aside = {one.work_id for one in work_aside.everything(tx) if one.kind == ORDER} if due else set()
    stuck, alerts = [], []
    together = send_batches(house, due=due)
    for order_id in due:
        if order_id in together:
            continue
        try:
            after, _ = run_errand(house, order_id=order_id)
            if keep_order.is_lost(after, now=now):
                after = seek_lost_order(house, order_id=order_id)
            if after.alerted_at is not None and after.alerted_at >= now:
                alerts.append((order_id, (after.disputed and after.conflict_code) or "order_open_too_long"))
            if order_id in aside:
                resolve(house, cell=house.database.cell_of(order_id), work_id=order_id, kind=ORDER)
        except TROUBLE:
            raise  # nothing else will work either; the caller tries again
        except Exception as error:  # noqa: BLE001 - kept with its reason, and tried again until somebody has mended it
            stuck.append((order_id, named(error)))  # one order in trouble does not keep the others waiting
            _set_order_aside(house, order_id=order_id, code=named(error))
    told = _work_through(house, _TELLS)
    booked = _work_through(house, _BOOKS) + _book_what_is_ripe(house)
    with house.database.transaction() as tx:
        failed = tuple(work_aside.everything(tx, tried_from=now))
    return Round(
        orders=len(due) - len(stuck),
        notices=told,
        booked=booked,
        stuck=tuple(stuck),
        alerts=tuple(alerts),
        aside=failed,
    )


def _work_through(house: House, steps: Mapping[str, Callable[..., int]]) -> int:
    """Do what is due of some kinds of work, each by its own step, and return how much it was."""
    with house.database.transaction() as tx:
        waiting = work.waiting(tx, kinds=steps, now=house.clock.now())
    return sum(
        do_of_cell(house, kind=kind, cell=cell, do=partial(step, house, cell=cell))
        for kind, step in steps.items()
        for cell, due in sorted(waiting)
        if due == kind
    )


def _book_what_is_ripe(house: House) -> int:
    """Book what the day alone makes due, in the cells where there is any; return how much it was."""
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        found = ripe(tx, on=today)
    steps: Mapping[str, Callable[..., int]] = {
        HOLD: expire_holds,
        PURCHASE: lapse_purchases,
        ACCOUNT: partial(bill_cell, to=today),
    }
    return sum(
        do_of_cell(house, kind=kind, cell=cell, do=partial(step, house, cell=cell))
        for kind, step in steps.items()
        for cell, due in sorted(found)
        if due == kind
    )


def _set_order_aside(house: House, *, order_id: UUID, code: str) -> None:
    """Let an order in trouble wait, a minute first and then longer, so that it is not always the first in the queue.

    Once it went well it is taken back, and what troubles it later waits a minute again.
    """
    cell = house.database.cell_of(order_id)
    set_aside(
        house,
        cell=cell,
        work_id=order_id,
        kind=ORDER,
        code=code,
        most=ORDER_WAITS_MAX,
        beside=lambda tx, until: keep_order.postpone(tx, order_id=order_id, until=until),
    )
