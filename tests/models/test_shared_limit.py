"""One ceiling over spend account, cash line and loan, in any order of deeds, held against a model that asks nobody.

The model knows the three limits, what is used and held of each, what is overdue and whether somebody froze drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, cast
from uuid import UUID

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mingqu.domain.freeze import Freeze, FreezeCause
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.limit import Standing
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend import PaymentWish
from mingqu.domain.word import Failed, Paid
from mingqu.services.house import House
from mingqu.services.limits.replace_limits import replace_limits
from mingqu.services.loans.reserve_payout import reserve_payout
from mingqu.services.orders.keep_order import announce
from mingqu.services.orders.settle_order import hear_word
from mingqu.services.policies.replay_decision import replay
from mingqu.services.repayment.repay_spend import repay_spend
from mingqu.services.revolving.draw_cash import draw_cash
from mingqu.services.revolving.follow_limit import follow_limit
from mingqu.services.revolving.open_spend import open_spend, spend_offers
from mingqu.services.revolving.pay_merchant import (
    authorize_purchase,
    capture_purchase,
    refund_purchase,
    release_purchase,
)
from mingqu.store import proof
from mingqu.store.decisions import assessment, decision
from mingqu.store.decisions.decision import StoredApplication
from mingqu.store.ledgers import ledger
from mingqu.store.limits import freeze
from mingqu.store.loans import loan
from mingqu.store.people import instrument
from mingqu.store.revolving import spend, spend_funding
from mingqu.store.server.database import Database, Transaction
from tests.funding import joint_book, with_book
from tests.journeys.reading import arrive, borrow
from tests.soak import SOAK
from tests.world import OpenWorld

YUAN = 100
UNIT = 100_000
DEEDS = ("spend", "spend", "capture", "capture", "release", "refund", "draw", "draw", "paid", "failed", "lend", "repay",
         "repay", "assess", "freeze", "wait")  # fmt: skip
CHANCES = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(1, 30), st.integers(1, 30)), min_size=6, max_size=20)


class OneTransaction:
    """A database whose transactions are savepoints of one that is never committed."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx

    def run(self, work: Callable[[Transaction], Any], *, planned: bool = False) -> Any:
        assert not planned
        self.tx.execute("SAVEPOINT before")
        try:
            return work(self.tx)
        except Refusal:
            self.tx.script("ROLLBACK TO SAVEPOINT before")
            raise

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        yield self.tx


@dataclass(slots=True)
class Line:
    """What the model knows of one account."""

    limit: int
    share: int
    most: int
    used: int = 0
    held: dict[UUID, int] = field(default_factory=dict)
    captured: dict[UUID, int] = field(default_factory=dict)  # what can still come back of each purchase

    @property
    def busy(self) -> int:
        return self.used + sum(self.held.values())


@dataclass(slots=True)
class Model:
    """A person's lines, the loan beside them, and the ceiling over all."""

    limit: int
    spend: Line
    cash: Line
    loan: int
    lent: int = 0
    frozen: bool = False
    numbers: int = 0

    @property
    def busy(self) -> int:
        return self.spend.busy + self.cash.busy + self.loan + self.lent

    def allows(self, line: Line, amount_fen: int) -> bool:
        return not self.frozen and amount_fen <= min(line.limit - line.busy, self.limit - self.busy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The real house in one transaction."""

    world: OpenWorld
    house: House
    tx: Transaction
    person_id: UUID
    card_id: UUID
    loan_id: UUID
    spend_id: UUID
    cash_id: UUID

    def lives(self, deed: str, model: Model, first: int, second: int) -> None:
        amount_fen = first * UNIT // 2
        model.numbers += 1
        number = f"n{model.numbers}"
        match deed:
            case "spend":
                self._try(model, model.spend, amount_fen, lambda: self._authorize(number, amount_fen))
            case "draw":
                self._try(model, model.cash, amount_fen, lambda: self._draw(number, amount_fen))
            case "capture" | "release" if model.spend.held:
                self._end_purchase(deed, model, first, second)
            case "paid" | "failed" if model.cash.held:
                self._end_draw(deed, model, first)
            case "refund" if model.spend.captured:
                self._refund(model, number, first, second)
            case "repay":
                line = model.spend if second % 2 else model.cash
                self._repay(number, model, line, amount_fen)
            case "lend":
                self._lend(model, amount_fen)
            case "assess":
                self._assess(model, first * UNIT)
            case "freeze" if first > 28:
                self._freeze(model)
            case _:
                pass

    def _try(self, model: Model, line: Line, amount_fen: int, act: Callable[[], UUID]) -> None:
        allowed = model.allows(line, amount_fen)
        try:
            made = act()
        except Refusal:
            assert not allowed
            return
        assert allowed
        line.held[made] = amount_fen

    def _authorize(self, number: str, amount_fen: int) -> UUID:
        return authorize_purchase(
            self.house,
            person_id=self.person_id,
            account_id=self.spend_id,
            merchant_id="m",
            merchant_name="M",
            number=number,
            amount_fen=amount_fen,
            key=number,
        )

    def _draw(self, number: str, amount_fen: int) -> UUID:
        return draw_cash(
            self.house,
            person_id=self.person_id,
            account_id=self.cash_id,
            instrument_id=self.card_id,
            amount_fen=amount_fen,
            key=number,
        )

    def _end_purchase(self, deed: str, model: Model, first: int, second: int) -> None:
        purchase_id = sorted(model.spend.held)[first % len(model.spend.held)]
        held_fen = model.spend.held.pop(purchase_id)
        if deed == "release":
            for _ in range(2):  # done twice it is done once
                release_purchase(self.house, purchase_id=purchase_id)
            return
        taken_fen = max(1, held_fen * min(second, 20) // 20)
        for _ in range(2):
            capture_purchase(self.house, purchase_id=purchase_id, amount_fen=taken_fen)
        model.spend.captured[purchase_id] = taken_fen
        self._used_again(model.spend, self.spend_id, at_least=model.spend.used, at_most=model.spend.used + taken_fen)

    def _end_draw(self, deed: str, model: Model, first: int) -> None:
        order_id = sorted(model.cash.held)[first % len(model.cash.held)]
        amount_fen, now = model.cash.held.pop(order_id), self.house.clock.now()
        announce(self.tx, order_id=order_id, now=now, resend_is_safe=True)
        word = (
            Paid(at=now, amount_fen=amount_fen, currency="CNY", reference=f"r{order_id.hex}")
            if deed == "paid"
            else Failed(code="closed")
        )
        hear_word(self.tx, self.house, order_id=order_id, word=word, at=now)
        used = model.cash.used
        self._used_again(model.cash, self.cash_id, at_least=used, at_most=used + amount_fen * (deed == "paid"))

    def _refund(self, model: Model, number: str, first: int, second: int) -> None:
        purchase_id = sorted(model.spend.captured)[first % len(model.spend.captured)]
        left_fen = model.spend.captured[purchase_id]
        amount_fen = max(1, left_fen * min(second, 20) // 20) if left_fen else 1
        used = model.spend.used
        try:
            for _ in range(2):
                refund_purchase(self.house, purchase_id=purchase_id, number=number, amount_fen=amount_fen)
        except Refusal:
            assert amount_fen > left_fen
            return
        assert amount_fen <= left_fen
        model.spend.captured[purchase_id] = left_fen - amount_fen
        self._used_again(model.spend, self.spend_id, at_least=used - amount_fen, at_most=used)

    def _repay(self, number: str, model: Model, line: Line, amount_fen: int) -> None:
        """Paying is never refused while something is owed, whatever is frozen or cut."""
        account_id, now = self.spend_id if line is model.spend else self.cash_id, self.house.clock.now()
        if not spend.get(self.tx, account_id=account_id).state.whole_fen > 0:
            return
        page = repay_spend(
            self.house,
            person_id=self.person_id,
            account_id=account_id,
            wish=PaymentWish.ALL,
            amount_fen=amount_fen,
            key=number,
        )
        announce(self.tx, order_id=page.order_id, now=now, resend_is_safe=True)
        word = Paid(at=now, amount_fen=amount_fen, currency="CNY", reference=f"r{page.order_id.hex}")
        hear_word(self.tx, self.house, order_id=page.order_id, word=word, at=now)
        self._used_again(line, account_id, at_least=max(0, line.used - amount_fen), at_most=line.used)

    def _used_again(self, line: Line, account_id: UUID, *, at_least: int, at_most: int) -> None:
        """What is used is the account's own arithmetic, tested elsewhere; here it is what the ceiling is counted by."""
        line.used = spend.get(self.tx, account_id=account_id).state.used_fen
        assert at_least <= line.used <= at_most

    def _lend(self, model: Model, amount_fen: int) -> None:
        of = loan.get_for(self.tx, person_id=self.person_id, loan_id=self.loan_id)
        card = instrument.load(self.tx, person_id=self.person_id, instrument_id=self.card_id)
        room = min(model.limit - model.busy, model.limit - model.loan - model.lent)

        def work(tx: Transaction) -> UUID:
            return reserve_payout(
                tx, self.house, of=of, card=card, amount_fen=amount_fen, payout_at=self.house.clock.now()
            )

        try:
            self.house.database.run(work)
        except Refusal:
            assert amount_fen > room
            return
        assert amount_fen <= room
        model.lent += amount_fen

    def _assess(self, model: Model, own_fen: int) -> None:
        """Let an assessment decide anew, with the loan's product priced for all of it."""
        self.world.go_to(self.house.clock.now() + timedelta(seconds=1))  # nobody is assessed twice at one moment
        person_id, now = self.person_id, self.house.clock.now()
        decision_id, application_id = self.house.id_for(person_id), self.house.id_for(person_id)
        first = decision.latest_decision(self.tx, person_id=person_id)
        assert first is not None
        cell = self.tx.cell_of(person_id)
        applied = StoredApplication(
            application_id=application_id, person_id=person_id, requested_amount_fen=UNIT, applied_at=now
        )
        again = replace(first, decision_id=decision_id, application_id=application_id, decided_at=now)
        self.tx.together(
            [
                decision.application_inserted(cell=cell, application=applied),
                decision.decision_inserted(cell=cell, decision=again),
            ]
        )
        made = replay(self.tx, self.house, stored=first)
        prices = tuple(price._replace(limit_fen=own_fen) for price in made.prices)
        made = made._replace(limit_fen=own_fen, prices=prices)
        replace_limits(
            self.tx, self.house, person_id=person_id, decision_id=decision_id, made=made, cell=cell, pause=timedelta(0)
        )
        follow_limit(self.tx, self.house, person_id=person_id, decision_id=decision_id, person_fen=own_fen)
        standing = Standing(decision_id=decision_id, person_id=person_id, decided_at=now, valid_until=None)
        self.tx.together([assessment.inserted(cell=cell, standing=standing)])
        model.limit = own_fen
        for line in (model.spend, model.cash):
            share_fen = min(own_fen * line.share // 100, line.most)
            line.limit = share_fen - share_fen % YUAN if share_fen >= 10_000 else 0

    def _freeze(self, model: Model) -> None:
        if not model.frozen:
            made = Freeze(
                freeze_id=self.house.id_for(self.person_id),
                person_id=self.person_id,
                cause=FreezeCause.WISH,
                reason="asked for",
                frozen_by=self.person_id,
                frozen_at=self.house.clock.now(),
            )
            freeze.insert(self.tx, freeze=made)
            model.frozen = True

    def agrees(self, model: Model) -> None:
        """Each limit's four accounts are what the model says: used and held, the rest free, or what is above it."""
        lines = {self.spend_id: model.spend, self.cash_id: model.cash}
        owners = [self.person_id, *lines]
        found = ledger.balances_of(self.tx, cell=self.tx.cell_of(self.person_id), owners=owners)
        loans_fen = model.loan + model.lent
        for owner in owners:
            line = lines.get(owner)
            limit_fen = model.limit if line is None else line.limit
            busy_fen = model.spend.busy + model.cash.busy + loans_fen if line is None else line.busy
            granted, available, over = (
                found[Account(owner=owner, code=code)]
                for code in (AccountCode.LIMIT_GRANTED, AccountCode.LIMIT_AVAILABLE, AccountCode.LIMIT_OVER)
            )
            assert granted.posted_fen == limit_fen
            assert available.available_fen(AccountCode.LIMIT_AVAILABLE) == max(0, limit_fen - busy_fen)
            assert over.posted_fen == max(0, busy_fen - limit_fen)
        self._is_shared(lines)

    def _is_shared(self, lines: Mapping[UUID, Line]) -> None:
        """Each account is joint: two claims on it are what is used, the partner's less than a fen off 30 %."""
        for owner, line in lines.items():
            funding = spend_funding.of_account(self.tx, account_id=owner)
            slices = () if funding is None else funding.slices
            held = ledger.balances_of(self.tx, cell=self.tx.cell_of(owner), owners=slices)
            parts = [held[Account(owner=one, code=AccountCode.SHARE_PRINCIPAL)].posted_fen for one in slices]
            assert sum(parts) == line.used
            assert not parts or abs(10 * parts[0] - 3 * line.used) < 10


def test_the_shared_limit_holds_in_any_order_of_deeds(world: OpenWorld) -> None:
    world = with_book(world, joint_book())
    world.go_to_date(date(2026, 9, 2))
    taken = borrow(world, arrive(world), amount_fen=UNIT)
    person_id = taken.known.person_id
    opened = {
        offer.product.id: open_spend(
            world.house,
            person_id=person_id,
            product_id=offer.product.id,
            terms_hash=offer.terms_hash,
            key=offer.product.id,
        )
        for offer in spend_offers(world.house, person_id=person_id)
    }

    @settings(max_examples=400 if SOAK else 12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @example(deeds=[("spend", 20, 0), ("assess", 5, 0), ("release", 0, 0), ("spend", 6, 0), ("spend", 2, 0)])
    @example(deeds=[("draw", 30, 0), ("paid", 0, 0), ("spend", 30, 0), ("repay", 30, 2), ("lend", 9, 0)])
    @example(deeds=[("spend", 20, 0), ("capture", 0, 10), ("assess", 6, 0), ("refund", 0, 10), ("freeze", 29, 0),
                    ("spend", 1, 0), ("repay", 9, 1)])  # fmt: skip
    @given(deeds=CHANCES)
    def lived(deeds: list[tuple[str, int, int]]) -> None:
        with world.house.database.transaction() as tx:  # never committed: each history begins anew
            tx.lock_cell(tx.cell_of(person_id))
            book = Book(
                world=world,
                house=replace(world.house, database=cast("Database", OneTransaction(tx))),
                tx=tx,
                person_id=person_id,
                card_id=taken.known.instrument_id,
                loan_id=taken.signed.loan_id,
                spend_id=opened["chengchuan-spend"],
                cash_id=opened["chengchuan-cash"],
            )
            spend_line = Line(limit=1_800_000, share=60, most=5_000_000)
            model = Model(
                limit=3_000_000, spend=spend_line, cash=Line(limit=2_400_000, share=80, most=10_000_000), loan=UNIT
            )
            for deed, first, second in deeds:
                book.lives(deed, model, first, second)
                book.agrees(model)
            assert proof.spend_accounts(tx) == []
            assert proof.fundings(tx) == []
            assert proof.limits(tx) == []

    lived()
