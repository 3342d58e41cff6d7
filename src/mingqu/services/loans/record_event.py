"""An event meets its loan: domain decides, and state, transfers, accrual and consequences are written together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from mingqu.domain.accrual import AccrualDelta
from mingqu.domain.identifier import DERIVED_MAX, dated, derived
from mingqu.domain.ledger import Account, AccountCode, Balance, Reason, Transfer, TransferKind
from mingqu.domain.loan import Event, Outcome, Posting, record
from mingqu.services.funding.share_loan import share_transfers
from mingqu.services.house import House
from mingqu.store.ledgers import accrual, ledger, whole_batch
from mingqu.store.loans import loan, loan_at_hand, loan_event
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.loan_at_hand import AtHand
from mingqu.store.server.connection import Answer, Statement
from mingqu.store.server.database import Transaction

_LENDER: Final = frozenset(
    {
        AccountCode.LENDER_CASH,
        AccountCode.LENDER_FUNDING,
        AccountCode.COLLECTION_CLEARING,
        AccountCode.INTEREST_INCOME,
        AccountCode.PENALTY_INCOME,
        AccountCode.FEE_INCOME,
        AccountCode.CONCESSION,
        AccountCode.CREDIT_LOSS,
        AccountCode.ROUNDING_DIFFERENCE,
        AccountCode.MIGRATION_CLEARING,
    }
)
# Few loans ever meet these: they are opened when the first transfer needs them.
_RARE: Final = frozenset(
    {
        AccountCode.MIGRATION_CLEARING,
        AccountCode.INTEREST_SUSPENDED,
        AccountCode.GUARANTOR_CLAIM,
        AccountCode.GUARANTOR,
        AccountCode.DUE_TO_GUARANTOR,
        AccountCode.DUE_GUARANTEE_FEE,
        AccountCode.DUE_PREMIUM,
        AccountCode.PARTNER_FEE,
    }
)
# Signing opens these; of a loan that was taken over they are as rare.
_OWN: Final = frozenset(
    {
        AccountCode.LOAN_PENALTY_DUE,
        AccountCode.LOAN_FEE_DUE,
        AccountCode.OVERPAYMENT,
    }
)
_GROUP: Final = frozenset({AccountCode.ACCRUED_INTEREST, AccountCode.ACCRUED_PENALTY})
_LIMIT: Final = frozenset({AccountCode.LIMIT_GRANTED, AccountCode.LIMIT_AVAILABLE, AccountCode.LIMIT_DRAWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """An event worked out and not yet written: the loan after it, what happened, and the transfers it takes."""

    before: Loan
    after: Loan
    event: Event
    outcome: Outcome
    transfers: list[Transfer]


def record_event(
    tx: Transaction, house: House, *, before: Loan, event: Event, pending: Mapping[Reason, Sequence[UUID]] | None = None
) -> tuple[Loan, Outcome]:
    """Record an event of a loan and everything it causes; the caller holds the cell's lock and commits.

    `pending` names the held transfers that a posting of a reason takes, instead of moving the money anew.
    Errors: those of `mingqu.domain.loan.record`, and TransferRefused.
    """
    known, last_closed_on = loan_at_hand.with_history(tx, loan=before)
    today = house.booking_day(last_closed_on)
    recording = work_out(of=known, event=event, on=today, pending=pending)
    write_recordings(tx, cell=before.cell, recordings=[recording], on=today, at=house.clock.now())
    return recording.after, recording.outcome


def work_out(
    *, of: AtHand, event: Event, on: date, pending: Mapping[Reason, Sequence[UUID]] | None = None
) -> Recording:
    """Return what recording an event on the business date `on` comes to; nothing is read or written.

    Errors: those of `mingqu.domain.loan.record`.
    """
    before = of.loan
    outcome = record(terms=before.terms, events=of.events, state=before.state, event=event, business_date=on)
    after = before.with_state(outcome.state)
    postings = in_a_turn_that_holds(outcome.postings, due_fen=before.state.payable.principal_fen)
    transfers = transfers_of(after, postings, cause=event.event_id, on=on, pending=pending or {})
    transfers = with_over_limit(after, transfers, limits=of.limits, cause=event.event_id, on=on)
    if of.shared is not None:
        cause = event.event_id
        transfers += share_transfers(
            currency=after.currency, shared=of.shared, transfers=transfers, cause=cause, reference=cause, on=on
        )
    return Recording(before=before, after=after, event=event, outcome=outcome, transfers=transfers)


def write_recordings(
    tx: Transaction,
    *,
    cell: int,
    recordings: Sequence[Recording],
    on: date,
    at: datetime,
    beside: Sequence[Statement] = (),
    ends: bool = False,
) -> list[Answer]:
    """Write what events of different loans of one cell come to, in one round trip; the caller holds the cell's lock.

    `beside` are statements of the caller's that go along; their answers are returned. Where this `ends` the
    transaction, the round trip takes the COMMIT along: the loans were read in it, under the lock, so that they are
    there to be written, and whatever else may go wrong fails by itself.
    Errors: TransferRefused, for the first transfer that is not in the books; the transaction must not be committed,
    and was not.
    """
    afters = [recording.after for recording in recordings]
    assert len({after.loan_id for after in afters}) == len(afters), "a loan has one event at a time"
    transfers = [transfer for recording in recordings for transfer in recording.transfers]
    rare = rare_accounts(of=afters, transfers=transfers)
    deltas = [
        row
        for recording in recordings
        for row in deltas_of(recording.after, recording.outcome, cause=recording.event.event_id, on=on)
    ]
    told = [(recording.after.loan_id, recording.event) for recording in recordings]
    opening = [ledger.opened(cell=cell, accounts=rare)] if rare else []
    posted = whole_batch.posted if ends else ledger.posted
    posting = [posted(cell=cell, transfers=transfers)] if transfers else []
    statements = [
        *opening,
        *posting,
        *loan.saved(afters),
        loan_event.appended(cell=cell, events=told, posted_on=on, posted_at=at),
        *accrual.added(cell=cell, rows=deltas),
        *beside,
    ]
    if ends:
        with whole_batch.refusals(transfers=transfers):
            answers = tx.finish(statements)[len(opening) :]
    else:
        answers = tx.together(statements)[len(opening) :]
    if posting:
        ledger.require_posted(answers[0], transfers=transfers)
    loan.require_saved(answers[len(posting) :], loans=afters)
    return answers[len(answers) - len(beside) :]


def in_a_turn_that_holds(postings: Sequence[Posting], *, due_fen: int) -> list[Posting]:
    """Return postings of a loan such that no account of it or of its limits runs dry on the way; they net the same.

    `due_fen` is the principal now due. What is drawn of a limit comes before what is released. A bill of principal
    that moves to another day is taken back before it is booked anew, and if it was paid meanwhile, what paid it is
    taken back for as long: 0.13 billed on the 20th, paid, and now billed on the 15th is four lines.
    """
    ordered = sorted(postings, key=lambda posting: posting.debit is AccountCode.LIMIT_DRAWN)
    lacking_fen, held_fen = 0, due_fen
    for posting in ordered:
        held_fen += posting.amount_fen * (posting.debit is AccountCode.LOAN_PRINCIPAL_DUE)
        held_fen -= posting.amount_fen * (posting.credit is AccountCode.LOAN_PRINCIPAL_DUE)
        lacking_fen = max(lacking_fen, -held_fen)
    if not lacking_fen:
        return ordered
    paid_anew = Posting(
        debit=AccountCode.COLLECTION_CLEARING,
        credit=AccountCode.LOAN_PRINCIPAL_DUE,
        amount_fen=lacking_fen,
        reason=Reason.REPAY_PRINCIPAL,
        value_date=max(posting.value_date for posting in ordered),
    )
    return [replace(paid_anew, debit=paid_anew.credit, credit=paid_anew.debit), *ordered, paid_anew]


def open_rare_accounts(tx: Transaction, *, cell: int, of: Iterable[Loan], transfers: Sequence[Transfer]) -> None:
    """Open those accounts of transfers that few loans meet, unless they are open; `of` are the loans concerned."""
    rare = rare_accounts(of=of, transfers=transfers)
    if rare:
        ledger.open_accounts(tx, cell=cell, accounts=rare)


def rare_accounts(*, of: Iterable[Loan], transfers: Sequence[Transfer]) -> list[Account]:
    """Return the accounts that `open_rare_accounts` opens."""
    unsigned = {one.loan_id for one in of if not one.has_line}
    return [
        account
        for transfer in transfers
        for account in (transfer.debit, transfer.credit)
        if account.code in _RARE or (account.owner in unsigned and account.code in _OWN)
    ]


def transfers_of(
    of: Loan,
    postings: Sequence[Posting],
    *,
    cause: UUID,
    on: date,
    pending: Mapping[Reason, Sequence[UUID]],
) -> list[Transfer]:
    """Return the transfers of postings: accounts are named by whose they are, ids follow from the cause.

    A posting on limits moves two: the product's limit and the person's own; of a loan that was granted elsewhere, none.
    """
    held = {reason: list(ids) for reason, ids in pending.items()}
    transfers: list[Transfer] = []
    for posting in postings:
        for limit_owner in _limit_owners(of, posting):
            taken = held.get(posting.reason)
            pending_id = taken.pop(0) if taken else None
            transfers.append(
                Transfer(
                    id=_nth_id(cause, len(transfers) + 1, on),
                    kind=TransferKind.POSTED if pending_id is None else TransferKind.POST,
                    debit=_account(of, posting.debit, limit_owner),
                    credit=_account(of, posting.credit, limit_owner),
                    amount_fen=posting.amount_fen,
                    reason=posting.reason,
                    value_date=posting.value_date,
                    posted_on=on,
                    reference=cause,
                    pending_id=pending_id,
                )
            )
    assert not any(held.values()), "a hold is taken by a posting of its reason"
    return transfers


def _limit_owners(of: Loan, posting: Posting) -> tuple[UUID | None, ...]:
    if posting.debit not in _LIMIT:
        return (None,)
    return (of.facility_id, of.person_id) if of.has_line else ()


def with_over_limit(
    of: Loan, transfers: Sequence[Transfer], *, limits: Mapping[Account, Balance], cause: UUID, on: date
) -> list[Transfer]:
    """Return the transfers with what a limit lacks booked first, or what it was over taken back last.

    `limits` are the balances of the loan's limits as they stand before.

    A repayment that bounces draws its limit again, also when that was drawn otherwise meanwhile: the excess is
    legal with this cause only, stands on an account of its own, and goes first when principal comes in.
    """
    gains: Counter[UUID] = Counter()
    draws: Counter[UUID] = Counter()
    for transfer in transfers:
        if transfer.kind is TransferKind.POSTED and transfer.credit.code is AccountCode.LIMIT_AVAILABLE:
            gains[transfer.credit.owner] += transfer.amount_fen
        if transfer.kind is TransferKind.POSTED and transfer.debit.code is AccountCode.LIMIT_AVAILABLE:
            gains[transfer.debit.owner] -= transfer.amount_fen
            draws[transfer.debit.owner] += transfer.amount_fen
    first: list[Transfer] = []
    last: list[Transfer] = []
    for place, (owner, gain) in enumerate(gains.items()):
        available = Account(owner=owner, code=AccountCode.LIMIT_AVAILABLE, currency=of.currency)
        over = Account(owner=owner, code=AccountCode.LIMIT_OVER, currency=of.currency)
        free = limits[available].available_fen(available.code)
        lacking = max(0, draws[owner] - free)
        # What was lacking only on the way goes back at once; of a gain, so does what the limit was over before.
        ending = (
            min(lacking, free + lacking + gain) if gain < 0 else lacking + min(gain, limits[over].normal_fen(over.code))
        )
        begin_id, end_id = (_nth_id(cause, len(transfers) + 1 + place * 2 + step, on) for step in (0, 1))
        if lacking:
            first.append(_over(begin_id, over, available, lacking, cause, on))
        if ending:
            last.append(_over(end_id, available, over, ending, cause, on))
    return [*first, *transfers, *last]


def _over(transfer_id: UUID, debit: Account, credit: Account, amount_fen: int, cause: UUID, on: date) -> Transfer:
    begins = debit.code is AccountCode.LIMIT_OVER
    return Transfer(
        id=transfer_id,
        debit=debit,
        credit=credit,
        amount_fen=amount_fen,
        reason=Reason.OVER_LIMIT if begins else Reason.OVER_LIMIT_END,
        value_date=on,
        posted_on=on,
        reference=cause,
    )


def _nth_id(cause: UUID, place: int, on: date) -> UUID:
    """The id of the `place`-th transfer of a cause: derived from it, past 255 from ids derived by name."""
    block, index = divmod(place - 1, DERIVED_MAX)
    parent = cause if block == 0 else dated(cause, on=on, purpose=f"transfers {block}")
    return derived(parent, index + 1)


def _account(of: Loan, code: AccountCode, limit_owner: UUID | None) -> Account:
    if limit_owner is not None:
        owner = limit_owner
    elif code in _LENDER:
        owner = of.lender_id
    elif code in _GROUP:
        owner = of.group_id
    else:
        owner = of.loan_id
    return Account(owner=owner, code=code, currency=of.currency)


def deltas_of(of: Loan, outcome: Outcome, *, cause: UUID, on: date) -> list[tuple[UUID, UUID, str, AccrualDelta]]:
    """Return what a change of a loan adds to its accrual group, ready to store."""
    return [
        (
            cause,
            of.group_id,
            kind,
            AccrualDelta(
                on_date=on,
                slope_micro=gain.slope_micro,
                income_micro=gain.income_micro,
                rounding_micro=gain.rounding_micro,
            ),
        )
        for kind, gain in ((accrual.INTEREST, outcome.interest), (accrual.PENALTY, outcome.penalty))
    ]
