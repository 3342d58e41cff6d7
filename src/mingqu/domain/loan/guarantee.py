"""A guarantor who pays bill by bill (分期代偿): what was agreed, and whose each bill is that it paid.

Of a bill it paid the guarantor is the creditor, in the range of what it paid; the rest of the loan stays the lender's.
Money from the borrower serves what is due to the lender first, then the guarantor's bills, the oldest first, and only
then what is not due yet: the guarantor's recourse must not be to the lender's harm.

Sources: 《民法典》 art. 691 (what a guarantee covers: principal, interest, penalty, costs), art. 700 (recourse in that
range, and not to the creditor's harm), art. 560 (what is due before what is not, the oldest first).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from mingqu.domain.changed import changed


@dataclass(frozen=True, slots=True, kw_only=True)
class BillGuarantee:
    """The guarantor pays each bill that is `after_days` late; behind `whole_after_bills` of them, all of the loan."""

    after_days: int
    whole_after_bills: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillClaim:
    """What a guarantor paid of the bill due on a day, what of it the borrower still owes, and when it was paid back."""

    due: date
    paid_fen: int
    left_fen: int
    back_on: date | None = None


def with_claim(claims: Sequence[BillClaim], *, due: date, amount_fen: int) -> tuple[BillClaim, ...]:
    """Return the claims with one more, ordered by the day on which their bills were due."""
    more = BillClaim(due=due, paid_fen=amount_fen, left_fen=amount_fen)
    return tuple(sorted((*claims, more), key=lambda one: one.due))


def recovered(claims: Sequence[BillClaim], *, amount_fen: int, on: date) -> tuple[BillClaim, ...]:
    """Return the claims after an amount was paid back, the oldest bill first.

    Example: 500.00 against 300.00 of March and 300.00 of April leaves nothing of March and 100.00 of April.
    """
    found = []
    for one in claims:
        part = min(one.left_fen, amount_fen)
        amount_fen -= part
        if part:
            left_fen = one.left_fen - part
            one = changed(one, left_fen=left_fen, back_on=None if left_fen else on)
        found.append(one)
    return tuple(found)


def owed_again(claims: Sequence[BillClaim], *, amount_fen: int) -> tuple[BillClaim, ...]:
    """Return the claims after an amount that had been paid back was taken back, the youngest bill first."""
    found = []
    for one in reversed(claims):
        part = min(one.paid_fen - one.left_fen, amount_fen)
        amount_fen -= part
        found.append(changed(one, left_fen=one.left_fen + part, back_on=None) if part else one)
    return tuple(reversed(found))
