"""Limits in any order of deeds: hold, draw, give back, repay, bounce, raise, cut, refuse, cap, freeze, wait.

The model knows three numbers of each limit (how much, what of it waits until when, what is used) and asks nobody else.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mingqu.domain.cap import Cap
from mingqu.domain.decision import APPROVED, REFUSED, Decision, ProductPrice
from mingqu.domain.freeze import Freeze, FreezeCause
from mingqu.domain.instrument import Instrument
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer, TransferKind
from mingqu.domain.limit import Standing, valid_until
from mingqu.domain.moment import business_date_of
from mingqu.domain.refusal import Refusal
from mingqu.services.limits.cap_limit import used_fen
from mingqu.services.limits.check_drawing import lines_of
from mingqu.services.limits.freeze_drawing import require_not_stopped
from mingqu.services.limits.replace_limits import replace_limits
from mingqu.services.loans.record_event import with_over_limit
from mingqu.services.loans.reserve_payout import give_holds_back, held_for, reserve_payout
from mingqu.services.policies.replay_decision import replay
from mingqu.store.decisions import assessment, decision
from mingqu.store.decisions.decision import StoredApplication
from mingqu.store.ledgers import ledger
from mingqu.store.limits import cap, freeze
from mingqu.store.loans import loan
from mingqu.store.loans.loan import Loan
from mingqu.store.people import instrument
from mingqu.store.server.database import Transaction
from tests.journeys.reading import arrive, borrow
from tests.soak import SOAK
from tests.world import OpenWorld

UNIT = 100_000
FIRST = 30 * UNIT
PAUSE = timedelta(hours=24)
VALID_MONTHS = 1
DEEDS = ("hold", "hold", "draw", "void", "repay", "bounce", "replace", "replace", "refuse", "cap", "freeze", "wait")
CHANCES = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 45), st.integers(0, 45)), min_size=4, max_size=16)


@dataclass(slots=True)
class Modelled:
    """One limit as the model keeps it."""

    limit: int = FIRST
    standing: int = FIRST
    usable_at: datetime | None = None

    def of_use(self, now: datetime) -> int:
        return self.standing if self.usable_at is not None and now < self.usable_at else self.limit

    def become(self, limit: int, now: datetime) -> None:
        now_of_use = self.of_use(now)
        self.standing = min(now_of_use, limit)
        self.usable_at = now + PAUSE if limit > now_of_use else None
        self.limit = limit


@dataclass(slots=True)
class Model:
    """A person, one line of theirs, and what was said."""

    drawn: int
    own: Modelled = field(default_factory=Modelled)
    line: Modelled = field(default_factory=Modelled)
    held: dict[UUID, int] = field(default_factory=dict)
    repaid: int = 0
    cap: int | None = None
    frozen: bool = False
    ends: datetime | None = None

    @property
    def used(self) -> int:
        return self.drawn + sum(self.held.values())

    def free(self, now: datetime) -> int:
        room = [self.own.of_use(now) - self.used, self.line.of_use(now) - self.used]
        return max(0, min(room if self.cap is None else [*room, self.cap - self.used]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The real house: a person with one loan under a line, in a transaction that is never committed."""

    world: OpenWorld
    tx: Transaction
    of: Loan
    card: Instrument
    made: Decision

    def now(self) -> datetime:
        return self.world.house.clock.now()

    def hold(self, amount_fen: int) -> UUID | None:
        """Hold the whole of a loan of this amount and return the order, or None when it is refused."""
        whole = replace(self.of, terms=replace(self.of.terms, principal_fen=amount_fen))
        self.tx.execute("SAVEPOINT before")
        try:
            require_not_stopped(self.tx, person_id=self.of.person_id)
            return reserve_payout(
                self.tx, self.world.house, of=whole, card=self.card, amount_fen=amount_fen, payout_at=self.now()
            )
        except Refusal:
            self.tx.script("ROLLBACK TO SAVEPOINT before")  # by `execute` the driver would forget what it prepared
            return None

    def draw(self, order_id: UUID, amount_fen: int) -> None:
        held = held_for(self.tx, of=self.of, order_id=order_id)[Reason.LIMIT_DRAW]
        today = self.world.house.booking_date(self.tx, cell=self.of.cell)
        self._post(
            [
                replace(
                    self._line(owner, amount_fen, back=False, cause=order_id),
                    reason=Reason.LIMIT_DRAW,
                    kind=TransferKind.POST,
                    pending_id=pending_id,
                    value_date=today,
                )
                for pending_id, owner in zip(held, (self.of.facility_id, self.of.person_id), strict=True)
            ]
        )

    def void(self, order_id: UUID, amount_fen: int) -> None:
        give_holds_back(self.tx, self.world.house, of=self.of, order_id=order_id, amount_fen=amount_fen)

    def release(self, amount_fen: int, *, back: bool) -> None:
        """Give limits back what was repaid, or draw it again because the repayment bounced."""
        cause, owners = self.world.house.id_for(self.of.person_id), (self.of.facility_id, self.of.person_id)
        lines = [self._line(owner, amount_fen, back=back, cause=cause) for owner in owners]
        held = ledger.balances_of(self.tx, cell=self.of.cell, owners=owners)
        self._post(with_over_limit(self.of, lines, limits=held, cause=cause, on=lines[0].value_date))

    def assess(self, own_fen: int, line_fen: int) -> None:
        """Let an assessment decide anew: nothing for the person is a refusal, nothing for the line no price."""
        house, person_id = self.world.house, self.of.person_id
        decision_id, application_id = house.id_for(person_id), house.id_for(person_id)
        first = decision.latest_decision(self.tx, person_id=person_id)
        assert first is not None
        applied = StoredApplication(
            application_id=application_id, person_id=person_id, requested_amount_fen=UNIT, applied_at=self.now()
        )
        self.tx.together([decision.application_inserted(cell=self.tx.cell_of(applied.person_id), application=applied)])
        again = replace(first, decision_id=decision_id, application_id=application_id, decided_at=self.now())
        self.tx.together([decision.decision_inserted(cell=self.tx.cell_of(again.person_id), decision=again)])
        (price,) = (one for one in self.made.prices if one.product_id == self.of.product_id)
        prices: tuple[ProductPrice, ...] = (price._replace(limit_fen=line_fen),) if line_fen else ()
        made = self.made._replace(outcome=APPROVED if own_fen else REFUSED, limit_fen=own_fen, prices=prices)
        replace_limits(
            self.tx, house, person_id=person_id, decision_id=decision_id, made=made, cell=self.of.cell, pause=PAUSE
        )
        until = valid_until(decided_on=house.clock.business_date(), valid_months=VALID_MONTHS if own_fen else None)
        standing = Standing(decision_id=decision_id, person_id=person_id, decided_at=self.now(), valid_until=until)
        self.tx.together([assessment.inserted(cell=self.tx.cell_of(standing.person_id), standing=standing)])

    def cap(self, amount_fen: int | None) -> None:
        said = Cap(
            cap_id=self.world.house.id_for(self.of.person_id),
            person_id=self.of.person_id,
            amount_fen=amount_fen,
            set_at=self.now(),
            starts_at=self.now(),
            used_fen=used_fen(self.tx, person_id=self.of.person_id),
        )
        cap.insert(self.tx, cap=said)

    def freeze(self) -> None:
        person_id = self.of.person_id
        made = Freeze(
            freeze_id=self.world.house.id_for(person_id),
            person_id=person_id,
            cause=FreezeCause.WISH,
            reason="asked for",
            frozen_by=person_id,
            frozen_at=self.now(),
        )
        freeze.insert(self.tx, freeze=made)

    def _line(self, owner: UUID, amount_fen: int, *, back: bool, cause: UUID) -> Transfer:
        today = self.world.house.booking_date(self.tx, cell=self.of.cell)
        available, drawn = (
            Account(owner=owner, code=code, currency="CNY")
            for code in (AccountCode.LIMIT_AVAILABLE, AccountCode.LIMIT_DRAWN)
        )
        return Transfer(
            id=self.world.house.id_for(self.of.person_id),
            debit=drawn if back else available,
            credit=available if back else drawn,
            amount_fen=amount_fen,
            reason=Reason.LIMIT_RELEASE,
            value_date=today,
            posted_on=today,
            reference=cause,
        )

    def _post(self, transfers: list[Transfer]) -> None:
        ledger.post(self.tx, cell=self.of.cell, transfers=transfers)

    def agrees(self, model: Model) -> None:
        """Each account is what the model says, nothing free while something is above, and offers what is of use."""
        owners = {self.of.person_id: model.own, self.of.facility_id: model.line}
        found = ledger.balances_of(self.tx, cell=self.of.cell, owners=list(owners))
        for owner, kept in owners.items():
            granted, available, drawn, over = (
                found[Account(owner=owner, code=code, currency="CNY")]
                for code in (
                    AccountCode.LIMIT_GRANTED,
                    AccountCode.LIMIT_AVAILABLE,
                    AccountCode.LIMIT_DRAWN,
                    AccountCode.LIMIT_OVER,
                )
            )
            assert granted.posted_fen == kept.limit
            assert available.available_fen(AccountCode.LIMIT_AVAILABLE) == max(0, kept.limit - model.used)
            assert (-drawn.posted_fen, drawn.credits_pending_fen) == (model.drawn, sum(model.held.values()))
            assert over.posted_fen == max(0, model.used - kept.limit)
        offered = {
            line.facility_id: fen for line, fen in lines_of(self.tx, self.world.house, person_id=self.of.person_id)
        }
        assert offered[self.of.facility_id] == model.free(self.now())


def _month_after(now: datetime) -> date:
    day = business_date_of(now)
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _hold(book: Book, model: Model, amount_fen: int) -> None:
    now = book.now()
    ended = model.ends is not None and business_date_of(now) >= model.ends
    allowed = not model.frozen and not ended and amount_fen <= model.free(now)
    order_id = book.hold(amount_fen)
    assert (order_id is not None) == allowed
    if order_id is not None:
        model.held[order_id] = amount_fen


def _end_hold(book: Book, model: Model, deed: str, which: int) -> None:
    if not model.held:
        return
    order_id = sorted(model.held)[which % len(model.held)]
    amount_fen = model.held.pop(order_id)
    if deed == "draw":
        book.draw(order_id, amount_fen)
        model.drawn += amount_fen
    else:
        book.void(order_id, amount_fen)


def _replace(book: Book, model: Model, own_fen: int, line_fen: int) -> None:
    book.world.go_to(book.now() + timedelta(seconds=1))  # no person is assessed twice at one moment
    now = book.now()
    line_fen = min(own_fen, line_fen)
    book.assess(own_fen, line_fen)
    model.own.become(own_fen, now)
    model.line.become(line_fen, now)
    model.ends = _month_after(now) if own_fen else None


def live(book: Book, model: Model, deed: str, first: int, second: int) -> None:
    """Do one deed to the book and to the model."""
    amount_fen = first * UNIT // 3
    match deed:
        case "hold" if amount_fen:
            _hold(book, model, amount_fen)
        case "draw" | "void":
            _end_hold(book, model, deed, first)
        case "repay" if amount := min(amount_fen, model.drawn):
            book.release(amount, back=True)
            model.drawn, model.repaid = model.drawn - amount, model.repaid + amount
        case "bounce" if amount := min(amount_fen, model.repaid):
            book.release(amount, back=False)
            model.drawn, model.repaid = model.drawn + amount, model.repaid - amount
        case "replace":
            _replace(book, model, first * UNIT, second * UNIT)
        case "refuse":
            _replace(book, model, 0, 0)
        case "cap":
            model.cap = amount_fen if second % 3 else None
            book.cap(model.cap)
        case "freeze" if not model.frozen and first > 40:  # what is frozen stays so: rarely, or nothing happens
            book.freeze()
            model.frozen = True
        case "wait":
            book.world.go_to(book.now() + timedelta(hours=first))


def test_limits_are_what_the_model_says_in_any_order_of_deeds(world: OpenWorld) -> None:
    world.go_to_date(date(2026, 9, 2))
    taken = borrow(world, arrive(world), amount_fen=UNIT)
    person_id, loan_id = taken.known.person_id, taken.signed.loan_id

    @settings(max_examples=600 if SOAK else 30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @example(deeds=[("hold", 45, 0), ("replace", 10, 10), ("void", 0, 0), ("repay", 3, 0), ("hold", 3, 0)])
    @example(
        deeds=[("replace", 40, 40), ("hold", 45, 0), ("hold", 45, 0), ("hold", 3, 0), ("wait", 24, 0), ("hold", 9, 0)]
    )
    @example(deeds=[("replace", 45, 20), *[("wait", 45, 0)] * 18, ("hold", 3, 0), ("replace", 30, 30), ("hold", 3, 0)])
    @given(deeds=CHANCES)
    def lived(deeds: list[tuple[str, int, int]]) -> None:
        with world.house.database.transaction() as tx:  # never committed: each history begins anew
            tx.lock_cell(tx.cell_of(person_id))
            stored = decision.latest_decision(tx, person_id=person_id)
            assert stored is not None
            book = Book(
                world=world,
                tx=tx,
                of=loan.get_for(tx, person_id=person_id, loan_id=loan_id),
                card=instrument.load(tx, person_id=person_id, instrument_id=taken.known.instrument_id),
                made=replay(tx, world.house, stored=stored),
            )
            model = Model(drawn=UNIT)
            for deed, first, second in deeds:
                live(book, model, deed, first, second)
                book.agrees(model)

    lived()
