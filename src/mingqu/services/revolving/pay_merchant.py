"""A purchase through the wallet: held when it is authorized, spent when the seller captures it, given back otherwise.

The borrower authorizes; whoever runs the wallet captures, releases and refunds. Each step is done once: the seller's
number makes one purchase of a request sent twice, and a step that was done answers as it did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.identifier import dated, derived
from mingqu.domain.ledger import Reason, Result
from mingqu.domain.money import AmountOutOfRange
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend import SpendEvent, SpendKind
from mingqu.domain.spend.product import SPEND_LINE
from mingqu.services.house import House
from mingqu.services.limits.cap_limit import require_under_cap
from mingqu.services.limits.check_assessment import require_usable
from mingqu.services.limits.check_drawing import require_drawing_open
from mingqu.services.limits.keep_to_link import require_within_links
from mingqu.services.limits.stand_in_band import require_in_band
from mingqu.services.loans.reserve_payout import FundingExhausted, LimitExceeded
from mingqu.services.once import Response, once
from mingqu.services.revolving.record_spend import (
    HOLD_PLACES,
    brought_up,
    end_over,
    give_back,
    holds_for,
    record_spend,
)
from mingqu.services.revolving.route_spend import release_spend, route_spend
from mingqu.store.ledgers import ledger
from mingqu.store.revolving import purchase, spend
from mingqu.store.revolving.purchase import Purchase
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction


class NotForSpending(Refusal):
    """This account pays no sellers; it pays out to its borrower's card."""

    code: ClassVar[str] = "not_for_spending"
    status: ClassVar[int] = 409


class PurchaseEnded(Refusal):
    """The purchase was captured or released already, or lapsed, in another way than is asked for now."""

    code: ClassVar[str] = "purchase_ended"
    status: ClassVar[int] = 409


class PurchaseExists(Refusal):
    """The seller's number is that of another purchase."""

    code: ClassVar[str] = "purchase_exists_with_different_body"
    status: ClassVar[int] = 409


class CaptureAboveHold(Refusal):
    """More is captured than was authorized."""

    code: ClassVar[str] = "capture_above_hold"
    status: ClassVar[int] = 409


class RefundAbovePurchase(Refusal):
    """More would come back than was paid."""

    code: ClassVar[str] = "refund_above_purchase"
    status: ClassVar[int] = 409


def authorize_purchase(
    house: House,
    *,
    person_id: UUID,
    account_id: UUID,
    merchant_id: str,
    merchant_name: str,
    number: str,
    amount_fen: int,
    key: str,
) -> UUID:
    """Hold an amount for a seller and return the purchase's id. Nothing is owed before the seller captures it.

    Errors: NotFound, NotForSpending, AmountOutOfRange, DrawingFrozen, DrawingStopped, AssessmentExpired, CapExceeded,
    BandLowered, RaisePauses, LimitExceeded, FundingExhausted, PurchaseExists, RepaymentUnderWay, and those of the key.
    """

    def work(tx: Transaction) -> Response:
        account = spend.get_for(tx, person_id=person_id, account_id=account_id)
        known = purchase.numbered(tx, account_id=account_id, merchant_id=merchant_id, number=number)
        if known is not None:
            if known.held_fen != amount_fen:
                raise PurchaseExists("The seller's number is that of another purchase.")
            return {"purchase_id": known.purchase_id.hex}
        wanted = _Wanted(merchant_id=merchant_id, merchant_name=merchant_name, number=number, amount_fen=amount_fen)
        return {"purchase_id": _hold(tx, house, account, wanted).hex}

    request: dict[str, Canonical] = {
        "account_id": account_id.hex,
        "merchant_id": merchant_id,
        "merchant_name": merchant_name,
        "number": number,
        "amount_fen": amount_fen,
    }
    answer = once(house, person_id=person_id, command="authorize_purchase", key=key, request=request, work=work)
    return UUID(str(answer["purchase_id"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is to be paid to whom; `number` is the seller's own for it."""

    merchant_id: str
    merchant_name: str
    number: str
    amount_fen: int


def _hold(tx: Transaction, house: House, account: SpendAccount, wanted: _Wanted) -> UUID:
    """Store a purchase and hold principal and both limits for it; the caller holds the lock and commits."""
    person_id, amount_fen = account.person_id, wanted.amount_fen
    product = house.pack.spend_version(product_id=account.product_id, version=account.product_version)
    if product.kind != SPEND_LINE:
        raise NotForSpending("This account pays no sellers.")
    if amount_fen < product.draw_min_fen:
        raise AmountOutOfRange("The amount is too small.", least_fen=product.draw_min_fen)
    today = house.clock.business_date()
    account = brought_up(tx, house, account=account, to=today)
    require_drawing_open(tx, house, person_id=person_id)
    require_under_cap(tx, house, person_id=person_id, amount_fen=amount_fen)
    require_in_band(tx, house, person_id=person_id, amount_fen=amount_fen)
    require_within_links(tx, person_id=person_id, account_id=account.account_id, amount_fen=amount_fen)
    require_usable(tx, house, person_id=person_id, facility_id=account.account_id, amount_fen=amount_fen)
    made = Purchase(
        purchase_id=house.id_for(person_id),
        account_id=account.account_id,
        merchant_id=wanted.merchant_id,
        merchant_name=wanted.merchant_name,
        number=wanted.number,
        state=purchase.HELD,
        held_fen=amount_fen,
        captured_fen=0,
        refunded_fen=0,
        lapses_on=today + timedelta(days=product.hold_days),
        authorized_at=house.clock.now(),
        captured_on=None,
    )
    purchase.insert(tx, purchase=made)
    route_spend(tx, house, account=account, cause=made.purchase_id, amount_fen=amount_fen)
    held = holds_for(
        account,
        parent=made.purchase_id,
        reference=made.purchase_id,
        amount_fen=amount_fen,
        reason=Reason.SPEND_PURCHASE,
        on=house.booking_date(tx, cell=account.cell),
    )
    require_held(ledger.post_batch(tx, cell=account.cell, transfers=held))
    return made.purchase_id


def require_held(results: list[Result]) -> None:
    """Return when what was to be held is. Errors: LimitExceeded, FundingExhausted."""
    if Result.EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT in results:
        raise LimitExceeded(
            "Your limit, less what is used and held, does not cover this amount: ask for less, or repay first."
        )
    if Result.EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT in results:
        raise FundingExhausted("The lender has no money left for this today: try again tomorrow, or ask for less.")
    assert all(result is Result.OK for result in results), results


def capture_purchase(house: House, *, purchase_id: UUID, amount_fen: int | None = None) -> Purchase:
    """Let the seller take what was held, or part of it, the rest of which is free again; done twice it is done once.

    Captured late, a hold that has lapsed is gone. Errors: NotFound, AmountOutOfRange, CaptureAboveHold, PurchaseEnded,
    RepaymentUnderWay.
    """

    def work(tx: Transaction) -> Purchase:
        tx.lock_cell(tx.cell_of(purchase_id))
        known = purchase.load(tx, purchase_id=purchase_id)
        taken_fen = known.held_fen if amount_fen is None else amount_fen
        if taken_fen < 1:
            raise AmountOutOfRange("A capture is of at least one fen.")
        if known.state == purchase.CAPTURED and known.captured_fen == taken_fen:
            return known
        if known.state != purchase.HELD:
            raise PurchaseEnded(
                "This purchase has ended: refund what was captured, or authorize anew.", state=known.state
            )
        if taken_fen > known.held_fen:
            raise CaptureAboveHold("More is captured than is held: take at most that.", held_fen=known.held_fen)
        today = house.clock.business_date()
        account = brought_up(tx, house, account=spend.get(tx, account_id=known.account_id), to=today)
        event = SpendEvent(
            event_id=purchase_id, kind=SpendKind.PURCHASED, on=max(today, account.state.day), amount_fen=taken_fen
        )
        after = replace(known, state=purchase.CAPTURED, captured_fen=taken_fen, captured_on=event.on)
        purchase.save(tx, purchase=after)
        holds = [derived(purchase_id, place) for place in HOLD_PLACES]
        account = record_spend(tx, house, account=account, event=event, holds=holds)
        if taken_fen < known.held_fen:
            release_spend(tx, house, account=account, amount_fen=known.held_fen - taken_fen)
            end_over(
                tx,
                account=account,
                freed_fen=known.held_fen - taken_fen,
                parent=purchase_id,
                reference=purchase_id,
                on=house.booking_date(tx, cell=account.cell),
            )
        return after

    return house.database.run(work)


def release_purchase(house: House, *, purchase_id: UUID) -> Purchase:
    """Give what was held back, because the seller will not capture it; done twice it is done once.

    Errors: NotFound, PurchaseEnded.
    """

    def work(tx: Transaction) -> Purchase:
        tx.lock_cell(tx.cell_of(purchase_id))
        known = purchase.load(tx, purchase_id=purchase_id)
        return known if known.state == purchase.RELEASED else _release(tx, house, known)

    return house.database.run(work)


def lapse_purchases(house: House, *, cell: int) -> int:
    """Release what no seller captured in time, and return how many."""

    def work(tx: Transaction) -> int:
        tx.lock_cell(cell)
        found = purchase.lapsing(tx, cell=cell, on=house.clock.business_date())
        for one in found:
            _release(tx, house, one)
        return len(found)

    with house.database.transaction() as tx:
        if not purchase.lapsing(tx, cell=cell, on=house.clock.business_date()):
            return 0  # nearly always, and without the lock
    return house.database.run(work)


def refund_purchase(house: House, *, purchase_id: UUID, number: str, amount_fen: int) -> Purchase:
    """Let a seller give back part or all of a purchase; the seller's `number` makes one refund of two requests.

    Errors: NotFound, AmountOutOfRange, PurchaseEnded when it was never captured, RefundAbovePurchase, PurchaseExists
    when the number is that of a refund of another amount, RepaymentUnderWay.
    """
    if amount_fen < 1:
        raise AmountOutOfRange("A refund is of at least one fen.")

    def work(tx: Transaction) -> Purchase:
        tx.lock_cell(tx.cell_of(purchase_id))
        known = purchase.load(tx, purchase_id=purchase_id)
        if known.state != purchase.CAPTURED or known.captured_on is None:
            raise PurchaseEnded("Nothing was captured that could come back.", state=known.state)
        account = spend.get(tx, account_id=known.account_id)
        event_id = dated(purchase_id, on=known.captured_on, purpose=f"refund {number}")
        before = next(
            (one for one in spend.events_of(tx, account_id=account.account_id) if one.event_id == event_id), None
        )
        if before is not None:
            if before.amount_fen != amount_fen:
                raise PurchaseExists("The seller's number is that of another refund.")
            return known
        if known.refunded_fen + amount_fen > known.captured_fen:
            left_fen = known.captured_fen - known.refunded_fen
            raise RefundAbovePurchase(
                "More would come back than was paid: refund at most what is left.", left_fen=left_fen
            )
        today = house.clock.business_date()
        account = brought_up(tx, house, account=account, to=today)
        event = SpendEvent(
            event_id=event_id,
            kind=SpendKind.REFUNDED,
            on=max(today, account.state.day),
            amount_fen=amount_fen,
            target=purchase_id,
        )
        after = replace(known, refunded_fen=known.refunded_fen + amount_fen)
        purchase.save(tx, purchase=after)
        record_spend(tx, house, account=account, event=event)
        return after

    return house.database.run(work)


def _release(tx: Transaction, house: House, known: Purchase) -> Purchase:
    if known.state != purchase.HELD:
        raise PurchaseEnded("This purchase has ended: refund what was captured, or authorize anew.", state=known.state)
    after = replace(known, state=purchase.RELEASED)
    purchase.save(tx, purchase=after)
    account = spend.get(tx, account_id=known.account_id)
    release_spend(tx, house, account=account, amount_fen=known.held_fen)
    give_back(
        tx,
        house,
        account=account,
        parent=known.purchase_id,
        reference=known.purchase_id,
        amount_fen=known.held_fen,
        reason=Reason.SPEND_PURCHASE,
    )
    return after
