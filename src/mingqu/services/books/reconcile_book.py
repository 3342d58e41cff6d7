"""Reconcile: what a file says beside what the book then holds, sum by sum; the difference must be nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Final
from uuid import UUID

from mingqu.domain.accrual import AccrualDelta
from mingqu.domain.decision.pack import Pack
from mingqu.domain.identifier import dated
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.refusal import Refusal
from mingqu.domain.taking_over import BUCKETS, Totals
from mingqu.services.contracts.sign_contract import house_accounts_of
from mingqu.services.loans.like_lines import Like
from mingqu.store.loans import taking_over
from mingqu.store.server.database import Transaction

_Kind = tuple[str, UUID, str]  # product, lender, currency
# Which sum of a loan stands on which account, and on which side it grows.
_ACCOUNTS: Final = (
    ("principal_not_due_fen", AccountCode.LOAN_PRINCIPAL, 1),
    ("principal_due_fen", AccountCode.LOAN_PRINCIPAL_DUE, 1),
    ("interest_due_fen", AccountCode.LOAN_INTEREST_DUE, 1),
    ("penalty_due_fen", AccountCode.LOAN_PENALTY_DUE, 1),
    ("fee_due_fen", AccountCode.LOAN_FEE_DUE, 1),
    ("overpayment_fen", AccountCode.OVERPAYMENT, -1),
    ("accrued_interest_fen", AccountCode.ACCRUED_INTEREST, 1),
)


class BookNotReconciled(Refusal):
    """What the book would hold is not what the file says: nothing was taken over, and the program is at fault."""

    code: ClassVar[str] = "book_not_reconciled"
    status: ClassVar[int] = 500


@dataclass(slots=True, kw_only=True)
class Side:
    """The house's side of what was written into one cell."""

    accounts: list[Account] = field(default_factory=list)  # to be open
    sums: dict[Account, tuple[int, int]] = field(default_factory=dict)
    groups: dict[UUID, _Kind] = field(default_factory=dict)
    gains: dict[tuple[UUID, str], list[int]] = field(default_factory=dict)

    def deltas(self, *, on: date, import_id: UUID) -> list[tuple[UUID, UUID, str, AccrualDelta]]:
        """Return what the groups gain, ready to store: one line for all loans of a file in a group."""
        return [
            (
                dated(group_id, on=on, purpose=f"taken over {import_id.hex}"),
                group_id,
                kind,
                AccrualDelta(on_date=on, slope_micro=slope, income_micro=income, rounding_micro=rounding),
            )
            for (group_id, kind), (slope, income, rounding) in self.gains.items()
        ]


class Booked:
    """Counts the loans that were written, by cell and model, and adds up what they are worth."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, str]] = Counter()
        self._sides: dict[int, Side] = defaultdict(Side)
        self.said: dict[_Kind, Totals] = defaultdict(Totals)
        self.expected: dict[_Kind, Totals] = defaultdict(Totals)
        self.buckets: dict[_Kind, Counter[tuple[str, str]]] = defaultdict(Counter)
        self.said_accrued_fen = self.expected_accrued_fen = 0

    def count(self, written: Iterable[tuple[int, str]]) -> None:
        """Count loans, each given as (cell, model)."""
        self._counts.update(written)

    def add(self, likes: Mapping[str, Like]) -> None:
        """Add up all that was counted; `likes` are the models of it."""
        for (cell, model_id), loans in self._counts.items():
            self._add(self._sides[cell], likes[model_id], loans)
        self._counts.clear()

    @property
    def said_principal_fen(self) -> int:
        """The principal of all loans, as the file has it."""
        return sum(totals.principal_fen for totals in self.said.values())

    def by_cell(self) -> dict[int, Side]:
        """Return the house's side of each cell."""
        return self._sides

    def _add(self, side: Side, like: Like, loans: int) -> None:
        loan = like.loan
        if loan.group_id not in side.groups:
            side.groups[loan.group_id] = (loan.product_id, loan.lender_id, loan.currency)
            clearing = Account(owner=loan.lender_id, code=AccountCode.MIGRATION_CLEARING, currency=loan.currency)
            side.accounts += [*house_accounts_of(loan), clearing]
        for account, fen in like.accounts.items():
            before = side.sums.get(account, (0, 0))
            side.sums[account] = before[0] + loans * fen[0], before[1] + loans * fen[1]
        for kind, *amounts in like.gains:
            gained = side.gains.setdefault((loan.group_id, kind), [0, 0, 0])
            for place, micro in enumerate(amounts):
                gained[place] += loans * micro
        kind_of = (loan.product_id, loan.lender_id, loan.currency)
        self.said[kind_of].add(like.said, times=loans)
        self.expected[kind_of].add(like.expected, times=loans)
        self.buckets[kind_of][like.bucket, "loans"] += loans
        self.buckets[kind_of][like.bucket, "principal_fen"] += loans * like.said.principal_fen
        self.said_accrued_fen += loans * like.said_accrued_fen
        self.expected_accrued_fen += loans * like.expected_accrued_fen


def reconcile_book(tx: Transaction, *, booked: Booked, pack: Pack, on: date) -> dict[str, Any]:
    """Return the sums of the file beside those of the loans and transfers that this transaction wrote.

    `morning` is what is billed on the morning on which the book takes over, so that file and morning are the book.
    Errors: BookNotReconciled.
    """
    found: dict[_Kind, Totals] = defaultdict(Totals)
    late: dict[_Kind, Counter[tuple[str, str]]] = defaultdict(Counter)
    for product_id, lender_id, currency, bucket, loans, *sums in taking_over.loans_written(tx, on=on):
        names = [name for name, _, _ in _ACCOUNTS[:-1]]
        one = Totals(loans=loans, **dict(zip(names, sums, strict=True)))
        kind = (product_id, lender_id, currency)
        found[kind].add(one)
        late[kind][BUCKETS[bucket], "loans"] += loans
        late[kind][BUCKETS[bucket], "principal_fen"] += one.principal_fen
    books = [_book(pack, kind, booked, found[kind], late[kind]) for kind in sorted({*booked.said, *found})]
    ledger = _ledger(booked, taking_over.transfers_written(tx))
    lines = [*ledger, *(one for book in books for one in (*book["totals"], *book["buckets"]))]
    wrong = next((one for one in lines if one["difference"]), None)
    if wrong is not None:
        raise BookNotReconciled("The book would not hold what the file says.", **wrong)
    return {"books": books, "ledger": ledger}


def _book(pack: Pack, kind: _Kind, booked: Booked, found: Totals, late: Counter[tuple[str, str]]) -> dict[str, Any]:
    product_id, lender_id, currency = kind
    said, expected, held = (totals.written() for totals in (booked.said[kind], booked.expected[kind], found))
    buckets = booked.buckets[kind]
    return {
        "product": product_id,
        "lender": pack.lender(lender_id=lender_id).code,
        "currency": currency,
        "totals": [_line(name, said[name], expected[name] - said[name], held[name]) for name in said],
        "buckets": [
            _line(f"{bucket} {name}", buckets[bucket, name], 0, late[bucket, name])
            for bucket in BUCKETS
            for name in ("loans", "principal_fen")
        ],
    }


def _ledger(booked: Booked, moved: Mapping[tuple[int, int, str], int]) -> list[dict[str, Any]]:
    said, expected = Totals(), Totals()
    for totals in booked.said.values():
        said.add(totals)
    for totals in booked.expected.values():
        expected.add(totals)
    file = {**said.written(), "accrued_interest_fen": booked.said_accrued_fen}
    book = {**expected.written(), "accrued_interest_fen": booked.expected_accrued_fen}
    net: Counter[int] = Counter()
    for (debit, credit, _), fen in moved.items():
        net[debit] += fen
        net[credit] -= fen
    return [_line(name, file[name], book[name] - file[name], side * net[code]) for name, code, side in _ACCOUNTS]


def _line(name: str, file: int, morning: int, book: int) -> dict[str, Any]:
    return {"name": name, "file": file, "morning": morning, "book": book, "difference": book - file - morning}
