"""Verify: the eight invariants of the house, over the whole book, in one view of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mingqu.services.evidence.verify_loans import Progress, verify_loans
from mingqu.store import evidence, proof
from mingqu.store.ledgers import ledger_proof
from mingqu.store.limits import headroom
from mingqu.store.orders import order_proof
from mingqu.store.server.database import Database, Transaction
from mingqu.store.server.keyring import Keyring

FINDINGS_MAX: Final = 20

MEANING: Final = {
    1: "debits equal credits, and every balance is the sum of its transfers",
    2: "no account breaks its normal side",
    3: "holds are just the open reservations",
    4: "loans, their accounts, their replay and their accrual groups agree",
    5: "what channels say they paid and collected is what was posted",
    6: "drawn and held stay within limits, and limits within each other",
    7: "money only ever reached a payee it was meant for",
    8: "everything that must have evidence has it, and every checkpoint stands",
}
PROOFS: Final = {"ledger": (1, 2, 3), "loans": (4, 6), "channels": (5, 7), "evidence": (8,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found: one list of sentences for each invariant, empty where it holds; and the book's size."""

    findings: dict[int, list[str]]
    counts: dict[str, int]

    @property
    def holds(self) -> dict[int, bool]:
        """Whether each invariant holds."""
        return {number: not found for number, found in self.findings.items()}

    @property
    def proofs(self) -> dict[str, bool]:
        """The invariants in four words."""
        return {name: all(self.holds[number] for number in numbers) for name, numbers in PROOFS.items()}

    @property
    def all_hold(self) -> bool:
        """Whether the book is coherent."""
        return all(self.holds.values())


def verify_book(*, database: Database, keyring: Keyring, progress: Progress | None = None) -> Report:
    """Return what the whole book proves; reading only. `progress` is told (loans replayed, loans in the book)."""
    with database.transaction() as tx:
        # One view of the book for all checks, however long they take and whatever is written meanwhile.
        tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return verify_as_it_stands(tx, keyring=keyring, progress=progress)


def verify_as_it_stands(tx: Transaction, *, keyring: Keyring, progress: Progress | None = None) -> Report:
    """Return what the whole book proves as a transaction sees it, what it has written itself included."""
    counts = proof.counts(tx)
    findings = {
        1: ledger_proof.prove_balances(tx) + proof.meanings(tx) + proof.crossings(tx) + proof.day_balances(tx),
        2: ledger_proof.prove_sides(tx),
        3: ledger_proof.prove_holds(tx) + proof.holds(tx),
        4: proof.loans_and_ledger(tx)
        + proof.contracts(tx)
        + proof.taken_over(tx)
        + verify_loans(tx, total=counts["loans"], progress=progress)
        + _groups(tx)
        + proof.group_days(tx)
        + proof.day_portfolios(tx)
        + proof.spend_accounts(tx)
        + proof.fundings(tx)
        + proof.bought_back(tx)
        + proof.pools(tx)
        + proof.trusts(tx),
        5: order_proof.prove(tx)
        + order_proof.prove_belonging(tx)
        + proof.words(tx)
        + proof.orders_and_ledger(tx)
        + proof.orders_and_events(tx)
        + proof.settlements(tx)
        + proof.lender_money(tx)
        + proof.partners(tx)
        + proof.called_off(tx)
        + proof.proposals(tx)
        + proof.policies(tx),
        6: proof.limits(tx) + proof.decisions(tx, keyring=keyring) + headroom.prove(tx),
        7: proof.payees(tx) + proof.purposes(tx) + proof.milestones(tx),
        8: evidence.prove(
            tx,
            keyring=keyring,
            expected=proof.EXPECTED_LEAVES,
            compared=proof.compared_leaves(keyring=keyring),
        ),
    }
    return Report(findings=findings, counts=counts)


def _groups(tx: Transaction) -> list[str]:
    return [
        f"accrual group {total.group_id} of cell {total.cell} ({total.kind}) is not the sum of its loans"
        for total in proof.group_totals(tx)
        if not total.agrees
    ][:FINDINGS_MAX]
