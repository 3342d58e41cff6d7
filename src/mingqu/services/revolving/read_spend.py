"""A revolving account as its person reads it: what is used and free, the bill, purchases, instalments to come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from mingqu.domain.funding import NamedLender
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend import DeductedPart, SpendState, Statement, accrued_fen, advance, next_morning
from mingqu.services.house import House
from mingqu.services.limits.left_to_use import Bounds, bounds_of
from mingqu.store.ledgers import ledger
from mingqu.store.revolving import bill_deduction, credit_return, purchase, returned_draw, spend, spend_funding
from mingqu.store.revolving.credit_return import CreditReturn
from mingqu.store.revolving.purchase import Purchase
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendView:
    """A revolving account today. `available_fen` is what is left of it by every limit: its own, the person's, their
    cap, their band and their links. `stopped` is the refusal that drawing would meet now, whatever is left.

    `accrued_fen` is what it has borne since the last bill; `minimum_left_fen` what keeps it in order; `deducts` which
    part of each bill is deducted on its due day, if its owner chose one; `joint` who lends it together, with shares.
    Of `credit_fen` its owner can have `returnable_fen` paid to their card; `returning_fen` is on its way there,
    and `was_returned` whether any ever was.
    """

    account_id: UUID
    product_id: str
    product_zh: str
    product_en: str
    kind: str
    lender_id: UUID
    lender_zh: str
    lender_en: str
    joint: tuple[NamedLender, ...]
    currency: str
    as_of: date
    limit_fen: int
    used_fen: int
    held_fen: int
    available_fen: int
    rate_day_ppm: int
    rate_year_ppm: int
    bill_day: int
    due_day: int
    next_bill_on: date
    bill: Statement | None
    bill_left_fen: int
    minimum_left_fen: int
    whole_fen: int
    accrued_fen: int
    credit_fen: int
    returnable_fen: int
    returning_fen: int
    was_returned: bool
    instalments_left_fen: int
    overdue_days: int
    overdue_fen: int
    opened_at: datetime
    deducts: DeductedPart | None
    stopped: Refusal | None
    state: SpendState


def spend_views(house: House, *, person_id: UUID) -> list[SpendView]:
    """Return a person's revolving accounts as they stand today, by product."""
    with house.database.transaction() as tx:
        accounts = spend.of_person(tx, person_id=person_id)
        if not accounts:
            return []
        bounds = bounds_of(tx, house, person_id=person_id)
        deducted = _deducted(tx, person_id)
        return [_view(tx, house, account, bounds, deducted.get(account.account_id)) for account in accounts]


def spend_view(house: House, *, person_id: UUID, account_id: UUID) -> SpendView:
    """Return one of them. Errors: NotFound."""
    with house.database.transaction() as tx:
        account = spend.get_for(tx, person_id=person_id, account_id=account_id)
        deducted = _deducted(tx, person_id)
        return _view(tx, house, account, bounds_of(tx, house, person_id=person_id), deducted.get(account_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendBill:
    """A bill as it was issued, and as it stands: without draws that were in it and came back."""

    issued: Statement
    stands: Statement

    @property
    def corrected(self) -> bool:
        """Whether a draw that was in it came back."""
        return self.issued != self.stands


def spend_bills(house: House, *, person_id: UUID, account_id: UUID) -> list[SpendBill]:
    """Return the bills of an account, the newest first, one that its last morning brings included. Errors: NotFound."""
    with house.database.transaction() as tx:
        account = spend.get_for(tx, person_id=person_id, account_id=account_id)
        kept = spend.statements_of(tx, account_id=account_id)
        corrected = returned_draw.corrected_of(tx, account_id=account_id)
        state, on = account.state, _day(house, account)
        fresh = () if _waits(tx, account, on) else advance(terms=account.terms, state=state, to=on).statements
    return [SpendBill(issued=one, stands=corrected.get(one.number, one)) for one in (*reversed(fresh), *kept)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendDraw:
    """Cash that was drawn, and since when it is known that it came back, if it did."""

    order_id: UUID
    drawn_on: date
    amount_fen: int
    returned_on: date | None


def spend_draws(house: House, *, person_id: UUID, account_id: UUID) -> list[SpendDraw]:
    """Return the last draws of an account that were paid out, the newest first. Errors: NotFound."""
    with house.database.transaction() as tx:
        spend.get_for(tx, person_id=person_id, account_id=account_id)
        return [
            SpendDraw(order_id=one.event_id, drawn_on=one.on, amount_fen=one.amount_fen, returned_on=returned_on)
            for one, returned_on in returned_draw.draws_of(tx, account_id=account_id)
        ]


def spend_purchases(house: House, *, person_id: UUID, account_id: UUID) -> list[Purchase]:
    """Return the last purchases of an account, the newest first. Errors: NotFound."""
    with house.database.transaction() as tx:
        spend.get_for(tx, person_id=person_id, account_id=account_id)
        return purchase.of_account(tx, account_id=account_id)


def credit_returns(house: House, *, person_id: UUID, account_id: UUID) -> list[CreditReturn]:
    """Return the last orders that pay its credit to its owner, the newest first. Errors: NotFound."""
    with house.database.transaction() as tx:
        spend.get_for(tx, person_id=person_id, account_id=account_id)
        return credit_return.of_account(tx, account_id=account_id)


def _deducted(tx: Transaction, person_id: UUID) -> dict[UUID, DeductedPart]:
    return {one.account_id: one.part for one in bill_deduction.of_person(tx, person_id=person_id)}


def _joint(tx: Transaction, account: SpendAccount) -> tuple[NamedLender, ...]:
    """Return an account's joint lenders as they were named; none before its first use, or where one lender lends."""
    funding = spend_funding.of_account(tx, account_id=account.account_id) if account.named else None
    sources = {one.funding: one.lenders for one in account.named}
    return () if funding is None else sources.get(funding.funding, ())


def _waits(tx: Transaction, account: SpendAccount, on: date) -> bool:
    """Whether a payment on its way keeps a morning from being told."""
    return next_morning(account.state) <= on and spend.is_paying(tx, account_id=account.account_id)


def _day(house: House, account: SpendAccount) -> date:
    return max(house.clock.business_date(), account.state.day)


def _view(
    tx: Transaction, house: House, account: SpendAccount, bounds: Bounds, deducts: DeductedPart | None
) -> SpendView:
    on = _day(house, account)
    state = account.state
    if not _waits(tx, account, on):
        state = advance(terms=account.terms, state=state, to=on).state
    product = house.pack.spend_version(product_id=account.product_id, version=account.product_version)
    lender = house.pack.lender(lender_id=account.lender_id)
    code = AccountCode.LIMIT_AVAILABLE
    owners = (account.account_id, account.person_id)
    found = ledger.balances_of(tx, cell=account.cell, owners=owners)
    own = found[Account(owner=account.account_id, code=code, currency=account.currency)]
    way = Account(owner=account.account_id, code=AccountCode.SPEND_RETURNING, currency=account.currency)
    sent = found.get(way)  # it has one from its first return on
    return SpendView(
        account_id=account.account_id,
        product_id=product.id,
        product_zh=product.name_zh,
        product_en=product.name_en,
        kind=product.kind,
        lender_id=account.lender_id,
        lender_zh=lender.name_zh,
        lender_en=lender.name_en,
        joint=_joint(tx, account),
        currency=account.currency,
        as_of=on,
        limit_fen=state.limit_fen,
        used_fen=state.used_fen,
        held_fen=own.debits_pending_fen,
        available_fen=bounds.left_fen(owner=account.account_id, currency=account.currency, balances=found),
        rate_day_ppm=account.terms.rate.numerator * 1_000_000 // account.terms.rate.denominator,  # quoted in ppm: exact
        rate_year_ppm=account.terms.rate.yearly_ppm(rounding=account.terms.rounding),
        bill_day=account.terms.bill_day,
        due_day=account.terms.due_day,
        next_bill_on=state.next_bill_on,
        bill=state.bill,
        bill_left_fen=state.bill_left_fen,
        minimum_left_fen=max(state.minimum_left_fen, state.lacking_fen),
        whole_fen=max(0, state.whole_fen),
        accrued_fen=accrued_fen(terms=account.terms, state=state, on=on),
        credit_fen=state.credit_fen,
        returnable_fen=state.returnable_fen,
        was_returned=sent is not None,
        returning_fen=0 if sent is None else sent.normal_fen(AccountCode.SPEND_RETURNING),
        instalments_left_fen=sum(plan.principal_fen for plan in state.plans),
        overdue_days=state.overdue_days(on),
        overdue_fen=state.lacking_fen,
        opened_at=account.opened_at,
        deducts=deducts,
        stopped=bounds.stopped,
        state=state,
    )
