"""Verify loans: told again from their events, their snapshots, transfers and terms must come out the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import DERIVED_MAX, dated
from mingqu.domain.ledger import AccountCode, Reason, TransferKind
from mingqu.domain.loan import Event, Posting, Reversed, fold
from mingqu.domain.moment import business_date_of
from mingqu.domain.order import CLOCK_SKEW_MAX, parent_of_holds
from mingqu.domain.refusal import Refusal
from mingqu.store import proof
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.proof import LoanBooks, Moved
from mingqu.store.server.database import Transaction

PAGE: Final = 1_000  # loans replayed between two words of progress
FINDINGS_MAX: Final = 20
Progress = Callable[[int, int], None]

# What follows a limit being exceeded depends on other loans too, and invariant 6 adds it up; what a partner was paid
# depends on the day on which the house pays partners.
_OVER: Final = frozenset({Reason.OVER_LIMIT, Reason.OVER_LIMIT_END, Reason.PAY_PARTNER})
_LIMIT: Final = frozenset({AccountCode.LIMIT_AVAILABLE, AccountCode.LIMIT_DRAWN})
_OF_LENDER: Final = frozenset(
    {
        AccountCode.LENDER_CASH,
        AccountCode.COLLECTION_CLEARING,
        AccountCode.INTEREST_INCOME,
        AccountCode.PENALTY_INCOME,
        AccountCode.FEE_INCOME,
        AccountCode.CONCESSION,
        AccountCode.CREDIT_LOSS,
        AccountCode.MIGRATION_CLEARING,
    }
)
_OF_GROUP: Final = frozenset({AccountCode.ACCRUED_INTEREST, AccountCode.ACCRUED_PENALTY})
# (limit's owner or None, account with the smaller code, the other, reason, value date)
_Line = tuple[UUID | None, AccountCode, AccountCode, Reason, date]


def verify_loans(tx: Transaction, *, total: int, progress: Progress | None) -> list[str]:
    """Return a sentence for each break; `progress` is told (loans replayed, `total`)."""
    found: list[str] = []
    done = 0
    for batch in _batches(proof.all_loans(tx)):
        histories = loan.histories(tx, loans=batch)
        differing = set(loan.summary_differs(tx, loans=batch))
        books = proof.loan_books(tx, loans=batch)
        for one in batch:
            events = histories[one.loan_id]
            found += _replay(one, events, books[one.loan_id], summary_differs=one.loan_id in differing)
        found += proof.differing_terms(tx, loans=batch)
        done += len(batch)
        del found[FINDINGS_MAX:]
        if progress is not None:
            progress(done, total)
    return found


def _batches(loans: Iterable[Loan]) -> Iterable[list[Loan]]:
    """Loans in batches of one cell each."""
    walking = iter(loans)
    while batch := list(islice(walking, PAGE)):
        for cell in sorted({one.cell for one in batch}):
            yield [one for one in batch if one.cell == cell]


def _replay(one: Loan, events: Sequence[Event], books: LoanBooks, *, summary_differs: bool) -> Iterator[str]:
    """Tell one loan again and compare: snapshot, columns beside it, net postings, and when each was booked."""
    try:
        again, change = fold(terms=one.terms, events=events, as_of=one.state.as_of)
    except Refusal:
        yield f"loan {one.loan_id} has events that cannot follow each other"
        return
    if again != one.state or summary_differs or not _reversals_name_one_event_each(events):
        yield f"loan {one.loan_id} is not what its events make of it"
    if _told(one, change.postings) != _booked(books.moved):
        yield f"loan {one.loan_id} has other transfers than its events make"
    yield from (
        f"transfer {one.cell}/{moved.id} of loan {one.loan_id} has not the cause, day or owners it should have"
        for moved in books.moved
        if not (_has_owners(one, moved) and _has_cause(one, moved, books))
    )
    yield from (
        f"event {event.event_id} of loan {one.loan_id} is dated on a day it cannot be of"
        for event in events
        if not _is_dated(event, books)
    )


def _reversals_name_one_event_each(events: Sequence[Event]) -> bool:
    targets = [event.target for event in events if isinstance(event, Reversed)]
    others = {event.event_id for event in events if not isinstance(event, Reversed)}
    return len(targets) == len(set(targets)) and set(targets) <= others


def _told(one: Loan, postings: Sequence[Posting]) -> Counter[_Line]:
    """Net what the events post, by line; a posting on limits is one on the product's and one on the person's."""
    net: Counter[_Line] = Counter()
    for item in postings:
        on_limits = (one.facility_id, one.person_id) if one.has_line else ()
        owners: tuple[UUID | None, ...] = on_limits if item.debit in _LIMIT else (None,)
        for owner in owners:
            _add(net, owner, item.debit, item.credit, item.reason, item.value_date, item.amount_fen)
    return _without_zeros(net)


def _booked(moved: Sequence[Moved]) -> Counter[_Line]:
    """Net what the ledger moved, by line; what is only held has not moved."""
    net: Counter[_Line] = Counter()
    for item in moved:
        if item.kind in (TransferKind.POSTED, TransferKind.POST) and item.reason not in _OVER:
            owner = item.debit_owner if item.debit in _LIMIT else None
            _add(net, owner, item.debit, item.credit, item.reason, item.value_date, item.amount_fen)
    return _without_zeros(net)


def _add(
    net: Counter[_Line],
    owner: UUID | None,
    debit: AccountCode,
    credit: AccountCode,
    reason: Reason,
    on: date,
    amount_fen: int,
) -> None:
    """A line and its taking back are one line: the amount counts upwards when the smaller code is debited."""
    if debit < credit:
        net[owner, debit, credit, reason, on] += amount_fen
    else:
        net[owner, credit, debit, reason, on] -= amount_fen


def _without_zeros(net: Counter[_Line]) -> Counter[_Line]:
    return Counter({line: amount_fen for line, amount_fen in net.items() if amount_fen})


def _has_owners(one: Loan, moved: Moved) -> bool:
    """Whether both accounts belong to whom their codes say, in the loan's currency."""
    if moved.debit in _LIMIT or moved.credit in _LIMIT:
        return moved.debit_owner == moved.credit_owner and moved.currency == one.currency
    owners = [_owner(one, code) for code in (moved.debit, moved.credit)]
    return [moved.debit_owner, moved.credit_owner] == owners and moved.currency == one.currency


def _owner(one: Loan, code: AccountCode) -> UUID:
    if code in _OF_LENDER:
        return one.lender_id
    return one.group_id if code in _OF_GROUP else one.loan_id


def _has_cause(one: Loan, moved: Moved, books: LoanBooks) -> bool:
    """Whether a transfer was booked with the event or on the morning that caused it, under an id that follows."""
    if moved.reason is Reason.PAY_PARTNER:
        return True
    if moved.kind in (TransferKind.PENDING, TransferKind.VOID):
        # Invariant 3 has the order. The holds of an older book hang on the contract.
        return _parent(moved.id) in (parent_of_holds(moved.reference), one.contract_id)
    booked = books.booked.get(moved.reference)
    if booked is None:
        is_cause = moved.reference == dated(one.loan_id, on=moved.posted_on, purpose="morning")
    else:
        is_cause = booked[0] == moved.posted_on
    return is_cause and _follows(moved, transfers=len(books.moved))


def _parent(transfer_id: UUID) -> UUID:
    return UUID(int=transfer_id.int & ~0xFF)


def _follows(moved: Moved, *, transfers: int) -> bool:
    """Whether a transfer's id is derived from its cause; past the 255th, from a name that the cause gives."""
    parent = _parent(moved.id)
    return parent == moved.reference or any(
        parent == dated(moved.reference, on=moved.posted_on, purpose=f"transfers {block}")
        for block in range(1, transfers // DERIVED_MAX + 1)
    )


def _is_dated(event: Event, books: LoanBooks) -> bool:
    """Whether an event was booked on the day it became known, or a later open one, and counts from none after that.

    A channel's clock may be ahead of ours by a little, so a success just after midnight may be heard before it.
    """
    posted_on, posted_at = books.booked[event.event_id]
    latest = max(posted_on, business_date_of(posted_at + CLOCK_SKEW_MAX))
    return event.value_date <= latest and posted_on >= business_date_of(posted_at - CLOCK_SKEW_MAX)
