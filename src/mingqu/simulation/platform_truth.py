"""What must hold on the platform at any moment: the eight invariants, and the bank's own book beside ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.consent import ConsentMissing, ConsentPurpose, require
from mingqu.domain.order import OrderKind, OrderState
from mingqu.domain.ownership import NotFound
from mingqu.domain.reconciliation import BreakState
from mingqu.services.changes.take_payout_back import PAYOUT_WAITS
from mingqu.services.close.close_day import what_stands
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.house import ALIPAY_ACCOUNT, BANK, ENTRUSTED
from mingqu.services.loans.read_loan import paid_orders
from mingqu.services.revolving.deduct_bills import DEDUCT
from mingqu.simulation.account_truth import AccountTruth
from mingqu.simulation.people import Person
from mingqu.simulation.playhouse import PAYEE, Playhouse
from mingqu.simulation.tally import BrokenError
from mingqu.store.bills import reconciliation
from mingqu.store.loans import loan, repayment
from mingqu.store.loans.loan import Loan
from mingqu.store.orders import order, queue
from mingqu.store.parties import consent
from mingqu.store.parties.erasure import ERASE
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

_DAYS_MAX: Final = 100  # of a history, and of the month before it
# Work that waits for the next bill, for the day a law lets go, for somebody who may want their payout again.
_STANDING: Final = frozenset({DEDUCT, ERASE, PAYOUT_WAITS})
_LOANS_MAX: Final = 200  # of a cell: a history has some tens


class PlatformTruth:
    """The proofs of one history."""

    def __init__(self, *, play: Playhouse, people: Sequence[Person] | None = None) -> None:
        self._play = play
        self.returned: set[str] = set()  # numbers of payouts that the bank did and took back
        self._notes = people is not None  # a story on the stage keeps none
        self._accounts = AccountTruth(play=play, people=people or (), returned=self.returned)

    def look(self) -> None:
        """Prove the book and compare it with the bank's. Errors: BrokenError, with every finding."""
        house = self._play.house
        report = verify_book(database=house.database, keyring=house.keyring)
        found = [f"invariant {number}: {sentence}" for number, said in report.findings.items() for sentence in said]
        with house.database.transaction() as tx:
            found += self._against_bank(tx) + self._against_rails(tx) + self._agreed(tx)
            found += self._accounts.found(tx) if self._notes else []
        stands = what_stands(house, done=())
        found += [f"a loan is set aside on {each.on}: {each.code}" for each in stands.set_aside]
        found += [f"cell {cell} on {on} is not proved" for cell, on in stands.unproved]
        if found:
            raise BrokenError("; ".join(found))

    def is_over(self) -> bool:
        """Return whether nothing is left to do: no open order, no work, nothing in dispute."""
        with self._play.house.database.transaction() as tx:
            waiting = [one for cell in range(tx.cells) for one in order.open_orders(tx, cell=cell)]
            left = work.pending(tx).keys() - _STANDING
            return not waiting and not left and not queue.disputed_orders(tx)

    def look_at_hold(self, *, person: Person) -> None:
        """Require that what was held a moment ago is within limits. Errors: BrokenError."""
        account_id, person.notebook.held_last = person.notebook.held_last, None
        if account_id is None:
            return
        with self._play.house.database.transaction() as tx:
            found = self._accounts.above_ceiling(tx, person=person, account_id=account_id)
        if found:
            raise BrokenError("; ".join(found))

    def days_with_breaks(self) -> list[date]:
        """Return the days of the bank whose breaks are left, the oldest first."""
        with self._play.house.database.transaction() as tx:
            return sorted(reconciliation.days_left(tx, source=BANK, limit=_DAYS_MAX))

    def require_no_break(self) -> None:
        """Require that no break is open but of payouts that were taken back. Errors: BrokenError."""
        with self._play.house.database.transaction() as tx:
            left = [one for one in reconciliation.left(tx) if one.state is BreakState.OPEN]
        strange = [one for one in left if one.order_number not in self.returned]
        if strange:
            raise BrokenError(f"all is well, and a break is left: {strange[0].kind.value} {strange[0].order_number}")

    def look_back(self) -> None:
        """Require that all that was paid was moved and the other way round. Errors: BrokenError."""
        house = self._play.house
        paid, moved = paid_orders(house), dict(self._play.bank.moved())
        if {number: fen for number, fen in paid.items() if number not in self.returned} != moved:
            raise BrokenError("all is over, and what the bank moved is not what the book paid")
        with house.database.transaction() as tx:
            if missing := self._accounts.missing(tx):
                raise BrokenError("; ".join(missing))

    def ends(self) -> Counter[str]:
        """Return how loans stand in the end, and how many orders were paid."""
        with self._play.house.database.transaction() as tx:
            found = Counter(f"loan {one.state.stage.value}" for one in self._loans(tx))
            found["order paid"] = len(order.paid_amounts(tx))
            found["order returned"] = len(self.returned)
            found.update(self._accounts.ends(tx))
            for order_id, _ in order.paid_amounts(tx):
                found[f"order paid by {order.load(tx, order_id=order_id).channel}"] += 1
        return found

    def _against_rails(self, tx: Transaction) -> list[str]:
        """Return what has not come, or has come besides, to the payee of contracts and to accounts at a wallet."""
        bank, fen = self._play.bank, Counter[str]()
        for number, amount_fen in bank.moved().items():
            with suppress(NotFound):  # said by whoever compares orders
                fen[order.load(tx, order_id=UUID(number)).channel] += amount_fen
        has = {
            ENTRUSTED: bank.balance_fen(card_number=PAYEE.account),
            ALIPAY_ACCOUNT: self._play.wallets.balance_fen(),
        }
        return [
            f"{has_fen} came by {channel}, and {fen[channel]} was sent that way"
            for channel, has_fen in has.items()
            if has_fen != fen[channel]
        ]

    def _agreed(self, tx: Transaction) -> list[str]:
        """Return the agreements that hold though the consent they rest on does not."""
        house = self._play.house
        people = {one.person_id for one in self._loans(tx)}
        found = []
        for cell in range(tx.cells):
            for person_id, agreement in repayment.active_agreements(tx, cell=cell, person_ids=sorted(people)).items():
                try:
                    require(
                        consents=consent.of_person(tx, person_id=person_id),
                        purpose=ConsentPurpose.AUTO_REPAYMENT,
                        recipient=house.settings.operator_name,
                        at=house.clock.now(),
                    )
                except ConsentMissing:
                    found.append(f"agreement {agreement.agreement_id} holds, and no consent to it does")
        return found

    def _paid_out_twice(self, tx: Transaction, moved: Mapping[str, int]) -> list[str]:
        """Return the loans of which the bank has paid out more than was lent; what came back is not among it."""
        return [
            f"{paid_fen} were paid out of loan {one.loan_id.hex}, which is of {one.terms.principal_fen}"
            for one in self._loans(tx)
            if (
                paid_fen := sum(
                    moved.get(each.number, 0)
                    for each in order.orders_of_loan(tx, loan_id=one.loan_id)
                    if each.kind is OrderKind.PAYOUT
                )
            )
            > one.terms.principal_fen
        ]

    def _loans(self, tx: Transaction) -> list[Loan]:
        return [
            one for cell in range(tx.cells) for one in loan.page(tx, cell=cell, after=UUID(int=0), limit=_LOANS_MAX)
        ]

    def _against_bank(self, tx: Transaction) -> list[str]:
        found = []
        moved = self._play.bank.moved()
        found += self._paid_out_twice(tx, moved)
        for number, amount_fen in moved.items():
            try:
                known = order.load(tx, order_id=UUID(number))
            except NotFound:
                found.append(f"the bank moved money under {number}, and no order is of that number")
                continue
            if known.sent_at is None:
                found.append(f"the bank moved money for order {number} before it was announced")
            if known.amount_fen != amount_fen or known.state is OrderState.FAILED:
                found.append(f"the bank moved {amount_fen} for order {number}, which is {known.state.value}")
            if known.disputed:
                found.append(f"order {number} is in dispute: {known.conflict_code}")
        found += [
            f"order {order_id.hex} is PAID, and the bank did not pay it"
            for order_id, _ in order.paid_amounts(tx)
            if order_id.hex not in moved and order_id.hex not in self.returned
        ]
        return found
