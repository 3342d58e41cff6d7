"""What a step does besides changing the state: postings for the ledger, happenings for people.

No handler posts anything. A step says what was paid out of which purse (`Flow`); the rest follows from the balances
before and after, so that the ledger's accounts and the loan's state cannot drift apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from operator import attrgetter
from typing import Final
from uuid import UUID

from mingqu.domain.changed import made
from mingqu.domain.ledger import FORWARD, AccountCode, Reason
from mingqu.domain.loan.event import Receipt
from mingqu.domain.loan.fee import FeeTaker
from mingqu.domain.loan.state import PARTNERS, Allocation, LoanState, Payable
from mingqu.domain.loan.terms import Component, by_component


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One transfer to be, between accounts named by code; the code says who owns it: loan, lender, group or limit."""

    debit: AccountCode
    credit: AccountCode
    amount_fen: int
    reason: Reason
    value_date: date


class Kind(Enum):
    """Happenings that somebody is told about or that start other work."""

    __hash__ = object.__hash__

    BILLED = "billed"
    OVERDUE = "overdue"
    CURED = "cured"
    SETTLED = "settled"
    OVERPAID = "overpaid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened while time passed or an event was applied; `amount_fen` as the kind says."""

    kind: Kind
    on: date
    instalment: int
    amount_fen: int


class Purse(Enum):
    """Where an amount comes from that pays part of a debt."""

    __hash__ = object.__hash__

    CASH = "cash"  # collected by a channel
    OVERPAYMENT = "overpayment"  # owed back to the payer, and needed after all
    CONCESSION = "concession"  # given up by the lender
    LOSS = "loss"  # written off


PURSE_OF: Final = {
    Receipt.GOODWILL: Purse.CONCESSION,
    Receipt.FEE_ADJUSTMENT: Purse.CONCESSION,
    Receipt.INTEREST_WAIVED: Purse.CONCESSION,
    Receipt.INTEREST_REFUND: Purse.CONCESSION,
}
_SOURCE: Final = {
    Purse.CASH: AccountCode.COLLECTION_CLEARING,
    Purse.OVERPAYMENT: AccountCode.OVERPAYMENT,
    Purse.CONCESSION: AccountCode.CONCESSION,
    Purse.LOSS: AccountCode.CREDIT_LOSS,
}
_DUE: Final = {
    Component.PRINCIPAL: (AccountCode.LOAN_PRINCIPAL_DUE, Reason.REPAY_PRINCIPAL),
    Component.INTEREST: (AccountCode.LOAN_INTEREST_DUE, Reason.REPAY_INTEREST),
    Component.PENALTY: (AccountCode.LOAN_PENALTY_DUE, Reason.REPAY_PENALTY),
    Component.FEE: (AccountCode.LOAN_FEE_DUE, Reason.REPAY_FEE),
}


# Whose a fee is that borrowers paid, and where it waits for them.
_OWED_TO: Final = {
    FeeTaker.GUARANTOR: AccountCode.DUE_GUARANTEE_FEE,
    FeeTaker.INSURER: AccountCode.DUE_PREMIUM,
}
_RELEASE: Final = (AccountCode.LIMIT_DRAWN, AccountCode.LIMIT_AVAILABLE)
_BACK: Final = AccountCode.COLLECTION_CLEARING
# Looking a member up costs more than most of what is done with it, and these are asked for with every event.
_FEE: Final = Component.FEE
_PRINCIPAL: Final = Component.PRINCIPAL
_LOSS: Final = Purse.LOSS
_NOTHING: Final = dict.fromkeys(Component, 0)
_GIVEN_UP: Final = {Purse.CONCESSION: Reason.CONCEDE, Purse.LOSS: Reason.WRITE_OFF}


@dataclass(slots=True, kw_only=True)  # not frozen: it lives for one step, and freezing is most of making it
class Flow:
    """What one purse paid of each component; below zero if it was taken back."""

    purse: Purse
    paid: dict[Component, int]
    overpaid_fen: int = 0  # what went from this purse to what is owed back
    returned_fen: int = 0  # what is owed back went to the payer
    claimed_fen: int = 0  # a guarantor paid so much of it, and may claim it from the borrower
    recovered_fen: int = 0  # went from this purse to the guarantor who had paid
    owed_again_fen: int = 0  # more went to the payer than was owed back: it is owed like a fee


@dataclass(slots=True)
class Change:
    """What a step gathers on its way; the caller turns it into transfers, work and notices."""

    postings: list[Posting] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    allocations: list[Allocation] = field(default_factory=list)
    lapsed: list[UUID] = field(default_factory=list)  # agreements that had no room in the story
    flows: list[Flow] = field(default_factory=list)  # of the step now being done
    known: tuple[LoanState, Payable] | None = None  # the balances after one step are those before the next

    @property
    def marks(self) -> tuple[int, int, int]:
        """How much has been gathered."""
        return len(self.postings), len(self.happenings), len(self.allocations)

    def forget_since(self, marks: tuple[int, int, int]) -> None:
        """Drop what was gathered by a step that was refused."""
        del self.postings[marks[0] :]
        del self.happenings[marks[1] :]
        del self.allocations[marks[2] :]
        self.flows.clear()

    def payable_of(self, state: LoanState) -> Payable:
        """Return what is payable in a state, worked out once if it is asked for twice in a row."""
        if self.known is None or self.known[0] is not state:
            self.known = (state, state.payable)
        return self.known[1]

    def tell(self, kind: Kind, on: date, amount_fen: int, *, instalment: int = 0) -> None:
        """Add a happening."""
        self.happenings.append(made(Happening, kind, on, instalment, amount_fen))

    def post(self, debit: AccountCode, credit: AccountCode, amount_fen: int, reason: Reason, on: date) -> None:
        """Add a posting, turned about if it is below zero; zero amounts are no postings."""
        if amount_fen < 0:
            debit, credit, amount_fen = credit, debit, -amount_fen
        if amount_fen:
            self.postings.append(made(Posting, debit, credit, amount_fen, reason, on))  # the most made value of all


def settle(*, before: LoanState, after: LoanState, change: Change, on: date) -> None:
    """Post what a step did: money lent, components billed and paid, and what is owed back.

    What was billed is what a component's balance gained and what was paid of it: a repayment of 300.00 that leaves
    the balance 100.00 lower billed 200.00 on its way. Below zero, bills are taken back.
    """
    flows, change.flows = change.flows, []
    if (
        after.instalments is before.instalments
        and not flows
        and after.stage is before.stage
        and after.suspended is before.suspended
    ):
        return
    lent = after.disbursed_fen - before.disbursed_fen
    if lent:
        change.post(AccountCode.LOAN_PRINCIPAL, AccountCode.LENDER_CASH, lent, Reason.DISBURSE, on)
        change.post(AccountCode.LIMIT_AVAILABLE, AccountCode.LIMIT_DRAWN, lent, Reason.LIMIT_DRAW, on)
    paid = _NOTHING.copy()
    released = 0
    for flow in flows:
        for component, fen in flow.paid.items():
            paid[component] += fen
        paid[_FEE] -= flow.owed_again_fen
        if flow.purse is not _LOSS:
            released += flow.paid.get(_PRINCIPAL, 0)
    billed = _billed(before, after, paid, change)
    for (debit, credit, reason), amount in zip(_BILLS, billed, strict=True):
        if amount > 0:
            change.post(debit, credit, amount, reason, on)
    for flow in flows:
        _post_flow(flow, change, on)
    for (debit, credit, reason), amount in zip(_BILLS, billed, strict=True) if min(billed) < 0 else ():
        if amount < 0:
            change.post(debit, credit, amount, reason, on)
    if after.fees or before.fees:
        _pass_to_partners(before, after, flows, change, on)
    if released:
        change.post(*_RELEASE, released, Reason.LIMIT_RELEASE, on)
    if before.suspended or after.suspended:
        _suspend(before, after, flows, change, on)


def _suspend(before: LoanState, after: LoanState, flows: list[Flow], change: Change, on: date) -> None:
    """Take interest and penalty that a loan long overdue owes out of income, or let them be income again.

    What was paid of them is income at last; what was given up for lost never was, and is no loss either.
    """
    lost = [flow.paid for flow in flows if flow.purse is Purse.LOSS]
    old, new = suspended_fen(before, change), suspended_fen(after, change)
    for component, income in (
        (Component.INTEREST, AccountCode.INTEREST_INCOME),
        (Component.PENALTY, AccountCode.PENALTY_INCOME),
    ):
        given_up = min(old[component], sum(paid.get(component, 0) for paid in lost))
        change.post(AccountCode.INTEREST_SUSPENDED, AccountCode.CREDIT_LOSS, given_up, Reason.WRITE_OFF, on)
        grown = new[component] - old[component] + given_up
        change.post(income, AccountCode.INTEREST_SUSPENDED, grown, Reason.SUSPEND, on)


def _pass_to_partners(before: LoanState, after: LoanState, flows: list[Flow], change: Change, on: date) -> None:
    """Take what was billed of partners' fees out of the lender's income, and owe partners what borrowers paid of it.

    What was given up or is lost is owed to nobody: the lender neither earned nor lost it. Example: 30.00 of a
    guarantee fee is billed, and 20.00 of it paid: the lender's income is as before, 20.00 are the guarantor's.
    """
    (old_paid, old_unpaid), (new_paid, new_unpaid) = before.partner_fees(), after.partner_fees()
    gained = {taker: new_paid[taker] - old_paid[taker] for taker in PARTNERS}
    fee_of = {purse: sum(flow.paid.get(_FEE, 0) for flow in flows if flow.purse is purse) for purse in Purse}
    given_fen = fee_of[Purse.CONCESSION]
    in_cash_fen = fee_of[Purse.CASH] + fee_of[Purse.OVERPAYMENT]
    lost_fen = min(fee_of[_LOSS], sum(fee.unpaid_fen for fee in before.fees if fee.taker in PARTNERS))
    billed_fen = new_unpaid - old_unpaid + sum(gained.values()) + lost_fen
    change.post(AccountCode.FEE_INCOME, AccountCode.PARTNER_FEE, billed_fen, Reason.OWE_PARTNER, on)
    change.post(AccountCode.PARTNER_FEE, AccountCode.CREDIT_LOSS, lost_fen, Reason.WRITE_OFF, on)
    for taker, account in _OWED_TO.items():
        conceded = gained[taker] if given_fen and not in_cash_fen else min(gained[taker], given_fen) if given_fen else 0
        given_fen -= conceded
        change.post(AccountCode.PARTNER_FEE, AccountCode.CONCESSION, conceded, Reason.CONCEDE, on)
        change.post(AccountCode.PARTNER_FEE, account, gained[taker] - conceded, Reason.OWE_PARTNER, on)


def suspended_fen(state: LoanState, change: Change) -> dict[Component, int]:
    """Return what a loan owes of interest and penalty that is no income, in fen."""
    payable = change.payable_of(state)
    if not state.suspended:
        return _NOTHING
    return {Component.INTEREST: payable.interest_fen, Component.PENALTY: payable.penalty_fen}


def post_opening(*, state: LoanState, accrued_fen: int, change: Change, on: date) -> None:
    """Post every balance that a loan brings from another book against migration clearing.

    What has accrued comes in as if it were billed, and the bill is taken back at once, so that each line is the loan's.
    Interest that was paid before it was borne is billed first, and goes out again.
    """
    code, payable = AccountCode, state.payable
    other = code.MIGRATION_CLEARING
    accrued = (code.ACCRUED_INTEREST, code.LOAN_INTEREST_DUE, accrued_fen, Reason.BILL_INTEREST, on)
    if accrued_fen < 0:
        change.post(*accrued)
    for account, fen in (
        (code.LOAN_PRINCIPAL, state.principal_unbilled_fen),
        (code.LOAN_PRINCIPAL_DUE, payable.principal_fen),
        (code.LOAN_INTEREST_DUE, payable.interest_fen + accrued_fen),
        (code.LOAN_PENALTY_DUE, payable.penalty_fen),
        (code.LOAN_FEE_DUE, payable.fee_fen),
    ):
        change.post(account, other, fen, Reason.MIGRATE, on)
    if accrued_fen > 0:
        change.post(*accrued)
    change.post(other, code.OVERPAYMENT, state.overpayment_fen, Reason.MIGRATE, on)
    change.post(other, code.INTEREST_SUSPENDED, sum(suspended_fen(state, change).values()), Reason.MIGRATE, on)
    change.post(code.LIMIT_AVAILABLE, code.LIMIT_DRAWN, state.principal_outstanding_fen, Reason.LIMIT_DRAW, on)


# What is billed goes from what is not due, or is income, to what is due.
_BILLS: Final = (
    (AccountCode.LOAN_PRINCIPAL_DUE, AccountCode.LOAN_PRINCIPAL, Reason.BILL_PRINCIPAL),
    (AccountCode.LOAN_INTEREST_DUE, AccountCode.ACCRUED_INTEREST, Reason.BILL_INTEREST),
    (AccountCode.LOAN_PENALTY_DUE, AccountCode.ACCRUED_PENALTY, Reason.BILL_PENALTY),
    (AccountCode.LOAN_PENALTY_DUE, AccountCode.PENALTY_INCOME, Reason.BILL_FEE),  # a penalty that is a fee by its rule
    (AccountCode.LOAN_FEE_DUE, AccountCode.FEE_INCOME, Reason.BILL_FEE),
)


def _billed(before: LoanState, after: LoanState, paid: dict[Component, int], change: Change) -> tuple[int, ...]:
    """Return how much of each of `_BILLS` was billed, below zero if it was taken back."""
    old, new = change.payable_of(before), change.payable_of(after)
    charged = after.penalty_charged_fen - before.penalty_charged_fen
    principal, interest, fee, penalty = by_component(paid)
    return (
        new.principal_fen - old.principal_fen + principal,
        new.interest_fen - old.interest_fen + interest,
        new.penalty_fen - old.penalty_fen + penalty - charged,
        charged,
        new.fee_fen - old.fee_fen + fee,
    )


def _post_flow(flow: Flow, change: Change, on: date) -> None:
    source = _SOURCE[flow.purse]
    given_up = _GIVEN_UP.get(flow.purse)
    for component, fen in flow.paid.items():
        if fen:
            account, reason = _DUE[component]
            change.post(source, account, fen, given_up or reason, on)
    if flow.overpaid_fen:
        change.post(source, AccountCode.OVERPAYMENT, flow.overpaid_fen, Reason.OVERPAY, on)
    if flow.returned_fen:
        change.post(AccountCode.OVERPAYMENT, _BACK, flow.returned_fen, Reason.RETURN_OVERPAYMENT, on)
    if flow.claimed_fen:
        change.post(AccountCode.GUARANTOR_CLAIM, AccountCode.GUARANTOR, flow.claimed_fen, Reason.COMPENSATE, on)
    if flow.recovered_fen:
        change.post(source, AccountCode.DUE_TO_GUARANTOR, flow.recovered_fen, Reason.RECOVER_CLAIM, on)
        change.post(AccountCode.GUARANTOR, AccountCode.GUARANTOR_CLAIM, flow.recovered_fen, Reason.RECOVER_CLAIM, on)
    if flow.owed_again_fen:
        change.post(AccountCode.LOAN_FEE_DUE, _BACK, flow.owed_again_fen, Reason.RETURN_OVERPAYMENT, on)


_way_of: Final = attrgetter("debit", "credit", "reason", "value_date")


def difference(*, before: Iterable[Posting], after: Iterable[Posting]) -> list[Posting]:
    """Return the postings that turn the first history's books into the second's.

    Amounts are netted for each (debit, credit, reason, value date); what the second history no longer
    has is posted the other way round. Example: interest 100.00 before and 90.00 after is one posting
    of 10.00 with debit and credit exchanged.
    """
    moved: defaultdict[tuple[AccountCode, AccountCode, Reason, date], int] = defaultdict(int)
    for posting in before:
        moved[_way_of(posting)] -= posting.amount_fen
    for posting in after:
        moved[_way_of(posting)] += posting.amount_fen
    net: defaultdict[tuple[AccountCode, AccountCode, Reason, date], int] = defaultdict(int)
    for (debit, credit, reason, on), amount in moved.items():
        if (credit, debit, reason) in FORWARD:  # a correction and what it corrects meet under one name
            net[credit, debit, reason, on] -= amount
        else:
            net[debit, credit, reason, on] += amount
    ordered = sorted(
        net.items(), key=lambda item: (_turn(item[0][2], taken_back=item[1] < 0), item[0][3], item[0][2], item[0][0])
    )
    return [
        Posting(debit=debit, credit=credit, amount_fen=amount, reason=reason, value_date=on)
        if amount > 0
        else Posting(debit=credit, credit=debit, amount_fen=-amount, reason=reason, value_date=on)
        for (debit, credit, reason, on), amount in ordered
        if amount
    ]


_BILLED: Final = frozenset({Reason.BILL_INTEREST, Reason.BILL_PENALTY, Reason.BILL_FEE})
_REPAID: Final = frozenset(
    {
        Reason.REPAY_PRINCIPAL,
        Reason.REPAY_INTEREST,
        Reason.REPAY_PENALTY,
        Reason.REPAY_FEE,
        Reason.CONCEDE,
        Reason.WRITE_OFF,
    }
)


def _turn(reason: Reason, *, taken_back: bool) -> int:
    """Return when a line of a difference has its turn, so that each account holds what a later line takes out of it.

    Money flows from principal not due to what is due, and from there out by repayments. So repayments are taken
    back first; then principal flows back from due and out again, and other bills the other way about, for
    they have no account to come from that could run dry; new repayments find it all there.
    """
    if reason in _REPAID:
        return 1 if taken_back else 4
    if reason is Reason.BILL_PRINCIPAL:
        return 2 if taken_back else 3
    if reason in _BILLED:
        return 3 if taken_back else 2
    return 5 if taken_back else 0
