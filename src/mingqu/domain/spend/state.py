"""How a revolving account stands: what of each purchase is owed, plans of instalments, the bill that waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from mingqu.domain.ledger import AccountCode, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What is owed of one purchase, draw or instalment that is due.

    `refunded_fen` came back after the bill: it bears nothing and waits for the next bill. `area_fen_days` is what the
    balance bore, as fen times days, since it was posted (before it `bears`) or since the last bill.
    """

    lot_id: UUID
    posted_on: date
    principal_fen: int
    since: date
    refunded_fen: int = 0
    area_fen_days: int = 0
    bears: bool = False
    billed_on: date | None = None
    instalment: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Instalments that are still to be billed, as (principal, fee) in fen; `sources` are the purchases they are of."""

    plan_id: UUID
    converted_on: date
    sources: tuple[UUID, ...]
    count: int
    parts: tuple[tuple[int, int], ...]

    @property
    def principal_fen(self) -> int:
        """What of its principal is not billed yet."""
        return sum(principal for principal, _ in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A bill as it was issued, in fen. What was asked never changes; what came in stands in the state.

    `principal_fen` may be carried on beyond its share of the least payment, everything else is asked in full.
    """

    number: int
    billed_on: date
    due: date
    principal_fen: int
    interest_fen: int
    fee_fen: int
    penalty_fen: int
    instalment_fen: int
    overdue_fen: int
    over_limit_fen: int
    minimum_fen: int
    total_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendState:
    """A revolving account on the morning of `day`, with everything of it up to there.

    `bill` is the last one, `paid_fen` and `converted_fen` what came in and what became instalments since. Of the
    least payment `asked_fen` is principal that is still asked; what was not paid in time is `overdue_fen` of principal
    and `lacking_fen` in all. `due_open` until it is known whether the bill was paid.
    """

    day: date
    next_bill_on: date
    limit_fen: int
    lots: tuple[Lot, ...] = ()
    plans: tuple[Plan, ...] = ()
    interest_fen: int = 0
    fee_fen: int = 0
    penalty_fen: int = 0
    credit_fen: int = 0
    bill: Statement | None = None
    due_open: bool = False
    paid_fen: int = 0
    converted_fen: int = 0
    asked_fen: int = 0
    overdue_fen: int = 0
    lacking_fen: int = 0
    overdue_since: date | None = None
    penalty_since: date | None = None
    penalty_area_fen_days: int = 0
    lates: tuple[tuple[date, date], ...] = ()  # each lateness that ended: the due day, and the day it was paid

    @property
    def used_fen(self) -> int:
        """Principal owed, instalments to come included: what is used of the limit."""
        return sum(lot.principal_fen for lot in self.lots) + sum(plan.principal_fen for plan in self.plans)

    @property
    def bill_left_fen(self) -> int:
        """What is left to pay of the last bill."""
        if self.bill is None:
            return 0
        return max(0, self.bill.total_fen - self.paid_fen - self.converted_fen)

    @property
    def minimum_left_fen(self) -> int:
        """What is left to pay of its least payment."""
        return 0 if self.bill is None else max(0, min(self.bill.minimum_fen - self.paid_fen, self.bill_left_fen))

    @property
    def whole_fen(self) -> int:
        """What paying everything now takes, instalments to come not counted."""
        return (
            sum(lot.principal_fen for lot in self.lots)
            + self.interest_fen
            + self.fee_fen
            + self.penalty_fen
            - self.credit_fen
        )

    @property
    def returnable_fen(self) -> int:
        """What of the credit its owner can have paid to their card: what is more than the account itself is owed.

        Instalments to come are not owed yet; a refund that waits for the next bill lowers what is owed already. What is
        due on other accounts or loans of theirs plays no part: a set-off takes a notice of its own (民法典 art. 568),
        and no terms here agree to one.
        Example: 300.00 of credit, 120.00 of purchases that are not billed yet: 180.00.
        """
        owed_fen = sum(lot.principal_fen - lot.refunded_fen for lot in self.lots)
        return max(0, self.credit_fen - owed_fen - self.interest_fen - self.fee_fen - self.penalty_fen)

    def overdue_days(self, day: date) -> int:
        """Return for how many days a least payment has been lacking."""
        return 0 if self.overdue_since is None else max(0, (day - self.overdue_since).days + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendPosting:
    """One line of the ledger that an event, or a morning, brings."""

    debit: AccountCode
    credit: AccountCode
    amount_fen: int
    reason: Reason
    value_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendOutcome:
    """An account after an event or some mornings: what the ledger gets, what of the limit is drawn and then released
    (below zero: drawn again, by a repayment that did not come), and the bills that were issued on the way. `corrected`
    are bills issued before as they stand now, where a draw that was in them came back."""

    state: SpendState
    postings: tuple[SpendPosting, ...]
    drawn_fen: int
    released_fen: int
    statements: tuple[Statement, ...]
    corrected: tuple[Statement, ...] = ()
