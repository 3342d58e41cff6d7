"""Reserve a payout: its order, and holds on the lender's cash and both limits, which its end posts or gives back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain import order as life
from mingqu.domain.identifier import derived
from mingqu.domain.instrument import CardNotSupported, Instrument
from mingqu.domain.ledger import Account, AccountCode, Reason, Result, Transfer, TransferKind
from mingqu.domain.order import OrderKind, parent_of_holds
from mingqu.domain.refusal import Refusal
from mingqu.services.funding.route_funding import FundingExhausted as FundingExhausted
from mingqu.services.funding.route_funding import release_payout, route_payout
from mingqu.services.house import BANK, CLEARING, ENTRUSTED, House, channel_to
from mingqu.services.limits.cap_limit import require_under_cap
from mingqu.services.limits.check_assessment import require_assessed, require_usable
from mingqu.services.limits.keep_to_link import require_within_links
from mingqu.services.limits.stand_in_band import require_in_band
from mingqu.services.policies.pass_rule_gates import require_payable
from mingqu.store.ledgers import ledger
from mingqu.store.loans.loan import Loan
from mingqu.store.orders import order
from mingqu.store.purposes import payee
from mingqu.store.server.database import Transaction

# Places of a payout's holds among the ids that are theirs; their voids come three further.
_PRINCIPAL: Final = 1
_LIMITS: Final = (2, 3)
_VOIDS_AFTER: Final = 3
_ENDS_FROM: Final = 7


class LimitExceeded(Refusal):
    """The limit, what is drawn and held of it taken together, does not cover the amount."""

    code: ClassVar[str] = "limit_exceeded"
    status: ClassVar[int] = 409


class PayeeNamed(Refusal):
    """The contract of this loan names a payee: its money goes there, and to no card of the borrower's."""

    code: ClassVar[str] = "payee_named"
    status: ClassVar[int] = 409


def reserve_payout(
    tx: Transaction, house: House, *, of: Loan, card: Instrument, amount_fen: int, payout_at: datetime
) -> UUID:
    """Store a payout order and hold lender's cash and the two limits for it; return the order's id.

    A card is paid by the bank, an account at Alipay by Alipay. The caller holds the cell's lock and commits.
    Errors: CardNotSupported, PayeeNamed, AssessmentExpired, LimitExceeded, RaisePauses, CapExceeded, BandLowered,
    LinkLimited, FundingExhausted, RuleBroken.
    """
    channel = open_channel(house, payout_channel(house, to=card), at=payout_at)
    if payee.is_named(tx, loan_id=of.loan_id):
        raise PayeeNamed("The contract says whom this money is paid to; it is paid to no card.")
    return reserve(
        tx,
        house,
        of=of,
        instrument_id=card.instrument_id,
        channel=channel,
        amount_fen=amount_fen,
        payout_at=payout_at,
    )


def reserve(
    tx: Transaction,
    house: House,
    *,
    of: Loan,
    instrument_id: UUID | None,
    channel: str,
    amount_fen: int,
    payout_at: datetime,
) -> UUID:
    """Store a payout order of a channel with its holds, whoever it pays; return the order's id.

    Errors: those of `reserve_payout` but the card's.
    """
    require_payable(
        house,
        of=of,
        amount_fen=amount_fen,
        to_borrower=channel != ENTRUSTED,
        payout_at=max(payout_at, house.clock.now()),
    )
    require_assessed(tx, house, person_id=of.person_id)
    require_under_cap(tx, house, person_id=of.person_id, amount_fen=amount_fen)
    require_in_band(tx, house, person_id=of.person_id, amount_fen=amount_fen)
    require_within_links(tx, person_id=of.person_id, account_id=of.facility_id, amount_fen=amount_fen)
    require_usable(tx, house, person_id=of.person_id, facility_id=of.facility_id, amount_fen=amount_fen)
    order_id, today = house.id_for(of.person_id), house.booking_date(tx, cell=of.cell)
    reserved = life.reserve(
        order_id=order_id,
        kind=OrderKind.PAYOUT,
        person_id=of.person_id,
        loan_id=of.loan_id,
        instrument_id=instrument_id,
        amount_fen=amount_fen,
        currency=of.currency,
        channel=channel,
        run_at=house.opens_at(channel, payout_at),
    )
    order.insert(tx, order=reserved)
    route_payout(tx, house, of=of, order_id=order_id, amount_fen=amount_fen)
    holds = _holds(of, order_id=order_id, amount_fen=amount_fen, on=today)
    results = ledger.post_batch(tx, cell=of.cell, transfers=holds)
    if Result.EXCEEDS_LIMIT_OF_DEBIT_ACCOUNT in results:
        raise LimitExceeded(
            "Your limit, less what is drawn and held, does not cover this amount: ask for less, or repay first."
        )
    if Result.EXCEEDS_LIMIT_OF_CREDIT_ACCOUNT in results:
        raise FundingExhausted(
            "The lender has no money left today; nothing was signed. Try tomorrow, or take another offer."
        )
    assert all(result is Result.OK for result in results), results
    return order_id


def open_channel(house: House, channel: str, *, at: datetime) -> str:
    """Return the bank's other protocol where it works sooner than the bank's own, or else the channel itself."""
    if channel == BANK and house.payout_of(CLEARING) is not None:
        sooner = house.opens_at(CLEARING, at) < house.opens_at(BANK, at)
        return CLEARING if sooner else channel
    return channel


def payout_channel(house: House, *, to: Instrument) -> str:
    """Return the channel by which money reaches a card or a wallet. Errors: CardNotSupported, if none is connected."""
    channel = channel_to(to)
    if house.payout_of(channel) is None:
        raise CardNotSupported("Money cannot be paid out to this account here: take a debit card.", kind=to.kind.value)
    return channel


def held_for(tx: Transaction, *, of: Loan, order_id: UUID) -> dict[Reason, list[UUID]]:
    """Return the holds of a payout, by the reason of the posting that takes them."""
    first = _first_hold(tx, of, order_id)
    return {
        Reason.DISBURSE: [_beside_hold(first, _PRINCIPAL)],
        Reason.LIMIT_DRAW: [_beside_hold(first, place) for place in _LIMITS],
    }


def give_holds_back(tx: Transaction, house: House, *, of: Loan, order_id: UUID, amount_fen: int) -> None:
    """Void what was held for a payout that will not happen; a limit that is exceeded takes it back, not the person."""
    today = house.booking_date(tx, cell=of.cell)
    release_payout(tx, house, of=of, amount_fen=amount_fen)
    first = _first_hold(tx, of, order_id)
    voids = [
        replace(
            held,
            id=_beside_hold(first, _VOIDS_AFTER + place),
            kind=TransferKind.VOID,
            posted_on=today,
            pending_id=_beside_hold(first, place),
        )
        for place, held in enumerate(_holds(of, order_id=order_id, amount_fen=amount_fen, on=today), start=1)
    ]
    ledger.post(tx, cell=of.cell, transfers=voids)
    code, owners = AccountCode.LIMIT_OVER, (of.facility_id, of.person_id)
    over = ledger.balances_of(tx, cell=of.cell, owners=owners)
    ends = [
        Transfer(
            id=derived(parent_of_holds(order_id), place),
            debit=Account(owner=owner, code=AccountCode.LIMIT_AVAILABLE, currency=of.currency),
            credit=Account(owner=owner, code=code, currency=of.currency),
            amount_fen=min(amount_fen, over[Account(owner=owner, code=code, currency=of.currency)].normal_fen(code)),
            reason=Reason.OVER_LIMIT_END,
            value_date=today,
            posted_on=today,
            reference=order_id,
        )
        for place, owner in enumerate(owners, start=_ENDS_FROM)
    ]
    ledger.post(tx, cell=of.cell, transfers=[one for one in ends if one.amount_fen])


def _first_hold(tx: Transaction, of: Loan, order_id: UUID) -> UUID:
    """The hold on the principal as it stands in the book: an older version made its id of something else."""
    return ledger.hold_of(tx, cell=of.cell, debit_owner=of.loan_id, reference=order_id)


def _beside_hold(first: UUID, place: int) -> UUID:
    return UUID(int=first.int - _PRINCIPAL + place)


def _holds(of: Loan, *, order_id: UUID, amount_fen: int, on: date) -> list[Transfer]:
    """Return the pending transfers of a payout: principal out of the lender's cash, and both limits drawn."""
    parent = parent_of_holds(order_id)

    def hold(place: int, debit: Account, credit: Account, reason: Reason) -> Transfer:
        return Transfer(
            id=derived(parent, place),
            kind=TransferKind.PENDING,
            debit=debit,
            credit=credit,
            amount_fen=amount_fen,
            reason=reason,
            value_date=on,
            posted_on=on,
            reference=order_id,
        )

    def account(owner: UUID, code: AccountCode) -> Account:
        return Account(owner=owner, code=code, currency=of.currency)

    return [
        hold(
            _PRINCIPAL,
            account(of.loan_id, AccountCode.LOAN_PRINCIPAL),
            account(of.lender_id, AccountCode.LENDER_CASH),
            Reason.DISBURSE,
        ),
        *(
            hold(
                place,
                account(owner, AccountCode.LIMIT_AVAILABLE),
                account(owner, AccountCode.LIMIT_DRAWN),
                Reason.LIMIT_DRAW,
            )
            for place, owner in zip(_LIMITS, (of.facility_id, of.person_id), strict=True)
        ),
    ]
