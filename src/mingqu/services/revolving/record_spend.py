"""An event meets its revolving account: domain decides; state, bills, transfers and leaf are written together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.evidence import LeafKind
from mingqu.domain.identifier import DERIVED_MAX, dated, derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer, TransferKind
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend import SpendEvent, SpendKind, SpendOutcome, advance, next_morning, step, take_draw_back
from mingqu.services.house import House
from mingqu.services.revolving.remind_of_bills import notices_of
from mingqu.services.revolving.reserve_deduction import spare_deductions
from mingqu.services.revolving.share_spend import Booked, shares_of
from mingqu.store import evidence
from mingqu.store.ledgers import ledger
from mingqu.store.revolving import returned_draw, spend
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction

_LENDERS: Final = frozenset(
    {
        AccountCode.LENDER_CASH,
        AccountCode.COLLECTION_CLEARING,
        AccountCode.SPEND_INTEREST_INCOME,
        AccountCode.SPEND_PENALTY_INCOME,
        AccountCode.SPEND_FEE_INCOME,
    }
)
# After which less of a bill is left.
_LESSENING: Final = (SpendKind.REPAID, SpendKind.CONVERTED, SpendKind.DRAW_RETURNED)
HOLD_PLACES: Final = (1, 2, 3)  # among the ids of what is held: principal, the account's limit, the person's
_VOID_PLACES: Final = (4, 5, 6)
_OVER_PLACES: Final = (7, 8)
EVENT_PLACES_FROM: Final = 16


class RepaymentUnderWay(Refusal):
    """A payment of this account is on its way, and whether its bill was paid in time depends on it. Try again soon."""

    code: ClassVar[str] = "repayment_under_way"
    status: ClassVar[int] = 409


def brought_up(tx: Transaction, house: House, *, account: SpendAccount, to: date) -> SpendAccount:
    """Let an account's mornings up to a day pass, and write what they bring; the caller holds the lock and commits.

    Errors: RepaymentUnderWay when a bill's due day would be judged while its payment is on its way.
    """
    if next_morning(account.state) > to:
        return account
    if spend.is_paying(tx, account_id=account.account_id):
        raise RepaymentUnderWay("A payment of yours is on its way; please try again in a moment.")
    return bring_up_all(tx, house, accounts=[account], to=to)[0]


def day_to_tell(tx: Transaction, *, account: SpendAccount, on: date) -> date:
    """Return the day of what is heard of an account on a day: the last before a morning that waits for a payment.

    So whoever paid in time is not judged late because something else is heard first.
    """
    waits_on = next_morning(account.state)
    if waits_on <= on and spend.is_paying(tx, account_id=account.account_id):
        return waits_on - timedelta(days=1)
    return max(on, account.state.day)


def bring_up_all(tx: Transaction, house: House, *, accounts: Sequence[SpendAccount], to: date) -> list[SpendAccount]:
    """Let the mornings of accounts of one cell pass up to a day, and write everything in a few statements."""
    if not accounts:
        return []
    cell = accounts[0].cell
    today = house.booking_date(tx, cell=cell)
    outcomes = [advance(terms=one.terms, state=one.state, to=to) for one in accounts]
    afters = [one.with_state(outcome.state) for one, outcome in zip(accounts, outcomes, strict=True)]
    transfers: list[Transfer] = []
    booked: list[Booked] = []
    for one, outcome in zip(accounts, outcomes, strict=True):
        if not (outcome.postings or outcome.released_fen):
            continue  # most of them
        cause = dated(one.account_id, on=to, purpose=f"mornings after {one.state.day}")
        own = transfers_of(one, outcome, cause=cause, reference=one.account_id, on=today)
        booked.append(Booked(account=one, cause=cause, reference=one.account_id, transfers=own))
        transfers += own
        transfers += _released(tx, one, outcome.released_fen, cause=cause, reference=one.account_id, on=today)
    transfers += shares_of(tx, booked=booked, on=today)
    bills = [
        (one.account_id, bill) for one, outcome in zip(accounts, outcomes, strict=True) for bill in outcome.statements
    ]
    # One round trip: what was posted is looked at before anything is committed.
    posting = [ledger.posted(cell=cell, transfers=transfers)] if transfers else []
    issuing = [spend.issued(cell=cell, bills=bills)] if bills else []
    telling = notices_of(cell=cell, bills=bills, now=house.clock.now())
    answers = tx.together([*posting, *issuing, *telling, spend.saved(afters)])
    if posting:
        ledger.require_posted(answers[0], transfers=transfers)
    return afters


def record_spend(
    tx: Transaction, house: House, *, account: SpendAccount, event: SpendEvent, holds: Sequence[UUID] = ()
) -> SpendAccount:
    """Record an event of an account that was brought up to its day; the caller holds the cell's lock and commits.

    `holds` are what a purchase or draw takes instead of moving the money anew: principal, the account's limit, the
    person's. Errors: those of `mingqu.domain.spend.step`.
    """
    today = house.booking_date(tx, cell=account.cell)
    assert next_morning(account.state) > event.on, "an account is brought up before something happens to it"
    outcome = _outcome(tx, account, event)
    after = account.with_state(outcome.state, events=1)
    cause = event.event_id
    transfers = transfers_of(account, outcome, cause=cause, reference=cause, on=today, holds=holds)
    booked = Booked(account=account, cause=cause, reference=cause, transfers=transfers)
    transfers += shares_of(tx, booked=[booked], on=today)
    ledger.post(tx, cell=account.cell, transfers=transfers)
    released = _released(tx, account, outcome.released_fen, cause=cause, reference=cause, on=today)
    ledger.post(tx, cell=account.cell, transfers=released)
    now = house.clock.now()
    spend.append_event(tx, account=account, event=event, at=now)
    spend.save_all(tx, accounts=[after])
    if outcome.corrected:
        returned_draw.correct_bills(tx, account=after, bills=outcome.corrected)
    if event.kind in _LESSENING:
        spare_deductions(tx, house, account=after)
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=account.cell,
        person_id=account.person_id,
        kind=LeafKind.SPEND,
        subject_id=event.event_id,
        at=now,
        facts={
            "account_id": account.account_id.hex,
            "event": event.kind.value,
            "on": event.on.isoformat(),
            "amount_fen": event.amount_fen,
            "target": None if event.target is None else event.target.hex,
            "count": event.count,
        },
    )
    return after


def _outcome(tx: Transaction, account: SpendAccount, event: SpendEvent) -> SpendOutcome:
    """Return what an event comes to; that a draw came back takes the account's whole history."""
    if event.kind is not SpendKind.DRAW_RETURNED:
        return step(terms=account.terms, state=account.state, event=event)
    return take_draw_back(
        terms=account.terms,
        opened_on=account.opened_on,
        limit_fen=account.granted_fen,
        events=spend.events_of(tx, account_id=account.account_id),
        event=event,
    )


def transfers_of(
    account: SpendAccount,
    outcome: SpendOutcome,
    *,
    cause: UUID,
    reference: UUID,
    on: date,
    holds: Sequence[UUID] = (),
) -> list[Transfer]:
    """Return the transfers of an outcome's postings; with `holds` the first is of what was held, with both limits."""
    found: list[Transfer] = []
    for place, posting in enumerate(outcome.postings):
        held = holds[0] if holds and posting.reason in (Reason.SPEND_PURCHASE, Reason.SPEND_DRAW) else None
        found.append(
            Transfer(
                id=_nth(cause, EVENT_PLACES_FROM + place, on),
                kind=TransferKind.POSTED if held is None else TransferKind.POST,
                debit=_named(account, posting.debit),
                credit=_named(account, posting.credit),
                amount_fen=posting.amount_fen,
                reason=posting.reason,
                value_date=posting.value_date,
                posted_on=on,
                reference=reference,
                pending_id=held,
            )
        )
    assert bool(outcome.drawn_fen) == bool(holds), "what is drawn was held before"
    for hold, owner in zip(holds[1:], limit_owners(account), strict=True) if holds else ():
        found.append(
            Transfer(
                id=_nth(cause, EVENT_PLACES_FROM + len(found), on),
                kind=TransferKind.POST,
                debit=_limit(account, owner, AccountCode.LIMIT_AVAILABLE),
                credit=_limit(account, owner, AccountCode.LIMIT_DRAWN),
                amount_fen=outcome.drawn_fen,
                reason=Reason.LIMIT_DRAW,
                value_date=outcome.state.day,
                posted_on=on,
                reference=reference,
                pending_id=hold,
            )
        )
    return found


def limit_owners(account: SpendAccount) -> tuple[UUID, UUID]:
    """Return whose limits an account draws on: its own, and its person's over all products."""
    return account.account_id, account.person_id


def holds_for(
    account: SpendAccount, *, parent: UUID, reference: UUID, amount_fen: int, reason: Reason, on: date
) -> list[Transfer]:
    """Return the pending transfers of a purchase or draw: principal out of the lender's cash, and both limits."""
    sides = [
        (_named(account, AccountCode.SPEND_PRINCIPAL), _named(account, AccountCode.LENDER_CASH), reason),
        *(
            (
                _limit(account, owner, AccountCode.LIMIT_AVAILABLE),
                _limit(account, owner, AccountCode.LIMIT_DRAWN),
                Reason.LIMIT_DRAW,
            )
            for owner in limit_owners(account)
        ),
    ]
    return [
        Transfer(
            id=derived(parent, place),
            kind=TransferKind.PENDING,
            debit=debit,
            credit=credit,
            amount_fen=amount_fen,
            reason=why,
            value_date=on,
            posted_on=on,
            reference=reference,
        )
        for place, (debit, credit, why) in zip(HOLD_PLACES, sides, strict=True)
    ]


def give_back(
    tx: Transaction,
    house: House,
    *,
    account: SpendAccount,
    parent: UUID,
    reference: UUID,
    amount_fen: int,
    reason: Reason,
) -> None:
    """Void what was held; a limit that is exceeded takes it back, not the person."""
    today = house.booking_date(tx, cell=account.cell)
    held = holds_for(account, parent=parent, reference=reference, amount_fen=amount_fen, reason=reason, on=today)
    ledger.post(
        tx,
        cell=account.cell,
        transfers=[
            Transfer(
                id=derived(parent, place),
                kind=TransferKind.VOID,
                debit=one.debit,
                credit=one.credit,
                amount_fen=amount_fen,
                reason=one.reason,
                value_date=today,
                posted_on=today,
                reference=reference,
                pending_id=one.id,
            )
            for place, one in zip(_VOID_PLACES, held, strict=True)
        ],
    )
    end_over(tx, account=account, freed_fen=amount_fen, parent=parent, reference=reference, on=today)


def end_over(
    tx: Transaction, *, account: SpendAccount, freed_fen: int, parent: UUID, reference: UUID, on: date
) -> None:
    """Let what became free of limits that are exceeded end the excess first: nothing of it can be drawn anew."""
    ledger.post(
        tx,
        cell=account.cell,
        transfers=_ends(
            tx, account, freed_fen, ids=[derived(parent, place) for place in _OVER_PLACES], reference=reference, on=on
        ),
    )


def _released(
    tx: Transaction, account: SpendAccount, amount_fen: int, *, cause: UUID, reference: UUID, on: date
) -> list[Transfer]:
    """Return the transfers that free both limits of principal that is no longer owed, their excess first."""
    if amount_fen < 0:
        return _drawn_again(tx, account, -amount_fen, cause=cause, reference=reference, on=on)
    if not amount_fen:
        return []
    frees = [
        Transfer(
            id=_nth(cause, place, on),
            debit=_limit(account, owner, AccountCode.LIMIT_DRAWN),
            credit=_limit(account, owner, AccountCode.LIMIT_AVAILABLE),
            amount_fen=amount_fen,
            reason=Reason.LIMIT_RELEASE,
            value_date=on,
            posted_on=on,
            reference=reference,
        )
        for place, owner in enumerate(limit_owners(account), start=12)
    ]
    ends = _ends(
        tx, account, amount_fen, ids=[_nth(cause, place, on) for place in (14, 15)], reference=reference, on=on
    )
    return [*frees, *ends]


def _drawn_again(
    tx: Transaction, account: SpendAccount, amount_fen: int, *, cause: UUID, reference: UUID, on: date
) -> list[Transfer]:
    """Return the transfers by which principal is owed again: both limits are drawn, above them if nothing is free."""
    available, over = AccountCode.LIMIT_AVAILABLE, AccountCode.LIMIT_OVER
    owners = limit_owners(account)
    balances = ledger.balances_of(tx, cell=account.cell, owners=owners)
    found = []
    for place, owner in enumerate(owners):
        free = _limit(account, owner, available)
        lacking_fen = max(0, amount_fen - balances[free].available_fen(available))
        moves = (
            (_limit(account, owner, over), free, lacking_fen, Reason.OVER_LIMIT),
            (free, _limit(account, owner, AccountCode.LIMIT_DRAWN), amount_fen, Reason.LIMIT_DRAW),
        )
        found += [
            Transfer(
                id=_nth(cause, 12 + 2 * place + step, on),
                debit=debit,
                credit=credit,
                amount_fen=moved_fen,
                reason=reason,
                value_date=on,
                posted_on=on,
                reference=reference,
            )
            for step, (debit, credit, moved_fen, reason) in enumerate(moves)
            if moved_fen
        ]
    return found


def _ends(
    tx: Transaction, account: SpendAccount, freed_fen: int, *, ids: Sequence[UUID], reference: UUID, on: date
) -> list[Transfer]:
    code = AccountCode.LIMIT_OVER
    owners = limit_owners(account)
    over = ledger.balances_of(tx, cell=account.cell, owners=owners)
    found = [
        Transfer(
            id=transfer_id,
            debit=_limit(account, owner, AccountCode.LIMIT_AVAILABLE),
            credit=_limit(account, owner, code),
            amount_fen=min(freed_fen, over[_limit(account, owner, code)].normal_fen(code)),
            reason=Reason.OVER_LIMIT_END,
            value_date=on,
            posted_on=on,
            reference=reference,
        )
        for transfer_id, owner in zip(ids, owners, strict=True)
    ]
    return [one for one in found if one.amount_fen]


def _nth(cause: UUID, place: int, on: date) -> UUID:
    """The id of the `place`-th transfer of a cause: derived from it, past the last from ids derived by name."""
    block, index = divmod(place, DERIVED_MAX)
    return derived(cause if block == 0 else dated(cause, on=on, purpose=f"transfers {block}"), index or DERIVED_MAX)


def _named(account: SpendAccount, code: AccountCode) -> Account:
    owner = account.lender_id if code in _LENDERS else account.account_id
    return Account(owner=owner, code=code, currency=account.currency)


def _limit(account: SpendAccount, owner: UUID, code: AccountCode) -> Account:
    return Account(owner=owner, code=code, currency=account.currency)
