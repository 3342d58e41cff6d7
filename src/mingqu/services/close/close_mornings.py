"""A morning for a chunk of loans: in columns for those on the common path, one by one for the others.

What the domain's columns cannot speak for goes to the scalar reference; both write the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import numpy as np

from mingqu.domain.accrual import AccrualDelta
from mingqu.domain.batch import MorningOutcome, morning
from mingqu.domain.batch.columns import Flags, Integers
from mingqu.domain.batch.ids import dated_all, with_index
from mingqu.domain.batch.standing import after, for_the_reference
from mingqu.domain.funding import moved_by
from mingqu.domain.identifier import dated, derived
from mingqu.domain.ledger import AccountCode, Transfer
from mingqu.domain.loan import LoanTerms, Outcome, bring_up
from mingqu.services.close.follow_mornings import follow_mornings
from mingqu.services.funding.share_loan import share_transfers, shared_of
from mingqu.services.house import House
from mingqu.services.loans.follow_up import follow_up_all
from mingqu.services.loans.record_event import deltas_of, open_rare_accounts, transfers_of
from mingqu.store.days import close
from mingqu.store.days.close import ClosingLoans, TransferColumns
from mingqu.store.ledgers import accrual, ledger
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.server.database import Transaction

# Of a chunk so many at most are brought up one by one, which takes ten times as long.
SCALAR_SHARE: Final = 10
# A chunk looks at so many times as many lines as it wants loans, at most: nearly every loan that is billed is paid.
LINES_SHARE: Final = 2
MORNING: Final = "morning"
# Terms by their kind: the number is made of what the terms say, so it means the same in every book. Those of an earlier
# version stay beside the new ones until an event writes their loan.
_known: Final[dict[int, LoanTerms]] = {}


class PostingRefusedError(AssertionError):
    """The ledger refused what a morning posts: a bug, found before anything was committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkDone:
    """A stretch of a day's diary that was worked off: its lines, the loans that had an event, and the last line."""

    lines: int
    loans: int
    last: UUID


def bring_up_chunk(
    tx: Transaction, house: House, *, cell: int, on: date, behind: ChunkDone | None = None
) -> ChunkDone | None:
    """Bring the next chunk of a day's loans, those behind the chunk before, over its morning; None: no loan is left."""
    close.by_keys(tx)
    loans_max = house.settings.close_chunk_loans
    chunk = close.next_chunk(
        tx,
        cell=cell,
        on=on,
        after=None if behind is None else behind.last,
        lines_max=lines_of_chunk(loans_max=loans_max, behind=behind),
        scalar_max=max(1, loans_max // SCALAR_SHARE),
    )
    if chunk is None:
        return None
    loans = close.waiting(tx, chunk=chunk)
    one_by_one: list[Loan] = []
    if len(loans) < len(chunk):  # the others have no plan, or no event that day any more
        one_by_one = loan.without_plan(tx, cell=cell, on=on, loan_ids=chunk.without(loans))
    close.done(tx, chunk=chunk)
    if len(loans):
        one_by_one += _in_columns(tx, house, cell=cell, on=on, loans=loans)
    if one_by_one:
        bring_up_loans(tx, house, cell=cell, on=on, loans=one_by_one)
    return ChunkDone(lines=len(chunk), loans=len(loans) + len(one_by_one), last=chunk.last)


def lines_of_chunk(*, loans_max: int, behind: ChunkDone | None) -> int:
    """Return how many lines of a day's diary to look at for a chunk of `loans_max` loans.

    Who paid has left a line behind on which nothing happens any more, so of the lines of the chunk before only some
    had an event, and this one has about as many. Never more than LINES_SHARE times as many lines as loans are
    wanted: if all of them have an event, that is how long the cell is held.

    Example: 500 loans are wanted, and of 500 lines 400 had an event: 625 lines.
    """
    if behind is None:
        return loans_max
    return min(LINES_SHARE * loans_max, max(loans_max, loans_max * behind.lines // max(1, behind.loans)))


def ids_of_chunk(tx: Transaction, house: House, *, cell: int, on: date, after: UUID | None = None) -> list[UUID]:
    """Return the loans of the next chunk of a day's diary behind `after`; an empty list when none is left."""
    return close.noted(tx, cell=cell, on=on, after=after, loans_max=house.settings.close_chunk_loans)


def bring_up_one(tx: Transaction, house: House, *, cell: int, on: date, loan_id: UUID) -> bool:
    """Bring one loan over a morning by the scalar reference, if its next event is on that day; strike the diary.

    Return whether it was.
    """
    close.strike(tx, cell=cell, on=on, loan_id=loan_id)
    due = close.is_due(tx, cell=cell, on=on, loan_id=loan_id)
    if due:
        bring_up_loans(tx, house, cell=cell, on=on, loans=loan.some(tx, cell=cell, loan_ids=[loan_id]))
    return due


def _in_columns(tx: Transaction, house: House, *, cell: int, on: date, loans: ClosingLoans) -> list[Loan]:
    """Bring loans over a morning in columns; return those that the columns cannot speak for, as they were."""
    terms, template = _terms(tx, cell=cell, loans=loans)
    made = morning(loans=loans.standing.morning(terms=terms, template=template), on=on)
    scalar = for_the_reference(before=loans.standing, outcome=made)
    if not scalar.all():
        _write(tx, house, cell=cell, on=on, loans=loans, made=made, scalar=scalar, terms=terms, template=template)
    ids = [UUID(bytes=loans.loan_id[place].tobytes()) for place in np.flatnonzero(scalar)]
    return loan.some(tx, cell=cell, loan_ids=ids)


def bring_up_loans(tx: Transaction, house: House, *, cell: int, on: date, loans: Sequence[Loan]) -> None:
    """Bring loans of a cell over a morning by the scalar reference, with everything that follows."""
    changes: list[tuple[Loan, Outcome]] = []
    transfers: list[Transfer] = []
    deltas = []
    for before in loans:
        assert before.state.next_event(before.terms) == on, "a snapshot says what the columns beside it say"
        outcome = bring_up(terms=before.terms, state=before.state, business_date=on)
        changed = before.with_state(outcome.state)
        cause = dated(before.loan_id, on=on, purpose=MORNING)
        own = transfers_of(changed, outcome.postings, cause=cause, on=on, pending={})
        if moved_by(own) and (shared := shared_of(tx, cell=cell, loan_ids=[before.loan_id]).get(before.loan_id)):
            own += share_transfers(
                currency=changed.currency, shared=shared, transfers=own, cause=cause, reference=cause, on=on
            )
        transfers += own
        deltas += deltas_of(changed, outcome, cause=cause, on=on)
        changes.append((changed, outcome))
    if transfers:
        open_rare_accounts(tx, cell=cell, of=[changed for changed, _ in changes], transfers=transfers)
        ledger.post(tx, cell=cell, transfers=transfers)
    loan.save(tx, loans=[changed for changed, _ in changes])
    accrual.add_deltas(tx, cell=cell, rows=deltas)
    follow_up_all(tx, house, changes=changes, cell=cell)


def _terms(tx: Transaction, *, cell: int, loans: ClosingLoans) -> tuple[tuple[LoanTerms, ...], Integers]:
    """Return the different terms among the loans, and which of them each loan has."""
    kinds, first, template = np.unique(loans.kind, return_index=True, return_inverse=True)
    for kind, place in zip(kinds.tolist(), first.tolist(), strict=True):
        if kind not in _known:
            loan_id = UUID(bytes=loans.loan_id[place].tobytes())
            _known[kind] = loan.terms_of(tx, cell=cell, loan_id=loan_id)
    return tuple(_known[kind] for kind in kinds.tolist()), template.astype(np.int64)


def _write(
    tx: Transaction,
    house: House,
    *,
    cell: int,
    on: date,
    loans: ClosingLoans,
    made: MorningOutcome,
    scalar: Flags,
    terms: tuple[LoanTerms, ...],
    template: Integers,
) -> None:
    """Write what a morning made of the loans that are not `scalar`."""
    chosen = np.flatnonzero(~scalar)
    suspends = np.array([each.suspends_income for each in terms], dtype=np.bool_)[template]
    stands = after(before=loans.standing, outcome=made, suspends_income=suspends, chosen=chosen)
    causes = dated_all(parents=loans.loan_id, on=on, purpose=MORNING)
    transfers = _transfers(loans, made, causes=causes, scalar=scalar)
    if not close.post(tx, cell=cell, transfers=transfers, on=on):
        raise PostingRefusedError("the ledger refused a posting of a morning")
    close.save(
        tx, cell=cell, loan_id=loans.loan_id[chosen], as_of=on, next_event=made.next_event[chosen], standing=stands
    )
    accrual.add_deltas(tx, cell=cell, rows=_deltas(loans, made, chosen=chosen, causes=causes, on=on))
    follow_mornings(
        tx, house, cell=cell, loans=loans, terms=terms, template=template, made=made, chosen=chosen, stands=stands
    )


def _transfers(loans: ClosingLoans, made: MorningOutcome, *, causes: close.Ids, scalar: Flags) -> TransferColumns:
    """Return the postings as transfers: bills debit the loan, and credit it or what its group accrued."""
    posted = made.postings
    kept = ~scalar[posted.loan]
    place = posted.loan[kept]
    # The first of each loan has index 1, the next one of the same loan 2.
    index = 1 + (np.arange(len(place)) - np.searchsorted(place, place))
    credit_code = posted.credit[kept]
    of_group = credit_code == int(AccountCode.ACCRUED_INTEREST)
    return TransferColumns(
        transfer_id=with_index(parents=causes[place], index=index),
        cause=causes[place],
        debit=loans.loan_id[place],
        debit_code=posted.debit[kept],
        credit=np.where(of_group[:, None], loans.group_id[place], loans.loan_id[place]),
        credit_code=credit_code,
        amount_fen=posted.amount_fen[kept],
        reason=posted.reason[kept],
        currency=[loans.currency[at] for at in place.tolist()],
    )


def _deltas(
    loans: ClosingLoans, made: MorningOutcome, *, chosen: Integers, causes: close.Ids, on: date
) -> list[tuple[UUID, UUID, str, AccrualDelta]]:
    """Return what the chunk adds to each group, in one row a group and kind, named by the first loan's cause."""
    groups, first, which = np.unique(
        loans.group_id[chosen].view("V16").reshape(-1), return_index=True, return_inverse=True
    )
    rows = []
    for number, group in enumerate(groups.tolist()):
        members = chosen[which == number]
        # Another id than that of a single loan's morning: a row of many.
        delta_id = derived(UUID(bytes=causes[chosen[first[number]]].tobytes()), 255)
        for kind, gain in ((accrual.INTEREST, made.interest), (accrual.PENALTY, made.penalty)):
            # Python's whole numbers have no end; the sum of a chunk of int64 may be beyond int64.
            slope, income, rounding = (
                sum(column[members].tolist()) for column in (gain.slope_micro, gain.income_micro, gain.rounding_micro)
            )
            rows.append(
                (
                    delta_id,
                    UUID(bytes=group),
                    kind,
                    AccrualDelta(on_date=on, slope_micro=slope, income_micro=income, rounding_micro=rounding),
                )
            )
    return rows
