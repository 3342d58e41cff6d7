"""The ledger on the real database agrees with a plain-Python model on any history, result by result."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from mingqu.domain import identifier
from mingqu.domain.ledger import ENDINGS, Account, AccountCode, Reason, Result, Side, Transfer, TransferKind
from mingqu.store.ledgers import ledger, statement
from mingqu.store.ledgers.ledger import Entry
from mingqu.store.ledgers.statement import DatedBy, Line
from mingqu.store.server.database import Database
from tests.models.ledger_model import LARGEST, LedgerModel

DAY = date(2026, 8, 15)
# Debit and credit accounts, strict and not, and one that may stand on either side.
CODES = [
    AccountCode.LENDER_CASH,
    AccountCode.COLLECTION_CLEARING,
    AccountCode.LIMIT_AVAILABLE,
    AccountCode.LENDER_FUNDING,
    AccountCode.CLEARING,
]
numbers = count(1)


def fresh_id() -> Any:
    return identifier.fresh(milliseconds=next(numbers), slot=0, entropy=0)


# Every account is given this much at the start: a small amount finds room, a middling one soon does not.
FUNDS_FEN = 100_000
amounts = st.one_of(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(FUNDS_FEN // 5, FUNDS_FEN + 1),
    st.sampled_from([0, -1, -(2**70), LARGEST, LARGEST + 1, 2**70, LARGEST // 2, LARGEST - 30]),
)


@st.composite
def bodies(draw: st.DrawFn, *, clean: bool) -> dict[str, Any]:
    """A transfer's body by index: owners and earlier transfers are looked up when it is sent."""
    sides = draw(st.permutations(range(len(CODES) * 2)))
    return {
        "debit": sides[0],
        "credit": sides[1] if clean or draw(st.integers(0, 15)) else sides[0],
        "currency": ("CNY", "CNY") if clean else draw(st.sampled_from([("CNY", "CNY")] * 9 + [("CNY", "USD")])),
        "stranger": False if clean else draw(st.integers(0, 15)) == 0,
        "amount_fen": draw(st.integers(1, 20)) if clean else draw(amounts),
        "kind": draw(st.sampled_from([TransferKind.POSTED, TransferKind.PENDING] if clean else list(TransferKind))),
        "pick": draw(st.integers(0, 50)),
        "odd": 9 if clean else draw(st.integers(0, 9)),
        "reason": draw(st.sampled_from(list(Reason))),
        "days": draw(st.integers(0, 3)),
        "posted": draw(st.integers(0, 3)),
        "lapses": draw(st.sampled_from([None, 1, 2] if clean else [None, None, None, None, -1, 0, 1, 2])),
        "linked": draw(st.integers(0, 3)) == 0,
    }


# One transfer that is not clean in a batch that otherwise could be posted all at once.
FLAWS: list[dict[str, Any]] = [
    {"stranger": True},
    {"currency": ("CNY", "USD")},
    {"currency": ("USD", "USD")},
    {"odd": 1},
    {"amount_fen": 0},
    {"amount_fen": -1},
    {"amount_fen": LARGEST + 1},
    {"amount_fen": LARGEST},
    {"amount_fen": FUNDS_FEN + 1},
    {"kind": TransferKind.POST, "odd": 0},
    {"kind": TransferKind.VOID, "odd": 3},
    {"kind": TransferKind.POST, "odd": 3},
    {"kind": TransferKind.POST, "odd": 8},
    {"kind": TransferKind.EXPIRE, "odd": 3},
    {"kind": TransferKind.PENDING, "lapses": 0},
    {"kind": TransferKind.POSTED, "lapses": 1, "odd": 2},
    {"credit": None},
]


def closed(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last transfer of a batch is not linked to one that does not come."""
    return [*batch[:-1], batch[-1] | {"linked": False}]


@st.composite
def flawed(draw: st.DrawFn) -> list[dict[str, Any]]:
    batch = closed(draw(st.lists(bodies(clean=True), min_size=6, max_size=10)))
    at = draw(st.integers(0, len(batch) - 1))
    flaw = draw(st.sampled_from(FLAWS))
    batch[at] = batch[at] | ({"credit": batch[at]["debit"]} if "credit" in flaw else flaw)
    return batch


batches = st.one_of(
    st.lists(bodies(clean=True), min_size=5, max_size=12).map(closed),
    st.lists(bodies(clean=False), min_size=1, max_size=12),
)


class LedgerMachine(RuleBasedStateMachine):
    database: Database  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.model = LedgerModel()
        owners = [fresh_id(), fresh_id()]
        self.stranger = fresh_id()
        self.accounts = [Account(owner=owner, code=code) for owner in owners for code in CODES]
        self.cell = 0
        opened = [*self.accounts, *(replace(account, currency="USD") for account in self.accounts[:4])]
        with self.database.transaction() as tx:
            ledger.open_accounts(tx, cell=self.cell, accounts=opened)
            tx.commit()
        self.model.opened.update(opened)
        # What strict accounts can give. The clearing accounts and those in dollars stay empty and can be closed.
        self.send(
            [
                self.transfer_of(*sides, FUNDS_FEN)
                for first in (0, len(CODES))
                for sides in ((first, first + 3), (first + 1, first + 2))
            ]
        )

    def transfer_of(self, debit: int, credit: int, amount_fen: int) -> Transfer:
        return Transfer(
            id=fresh_id(),
            debit=self.accounts[debit],
            credit=self.accounts[credit],
            amount_fen=amount_fen,
            reason=Reason.CORRECT,
            value_date=DAY,
            posted_on=DAY,
            reference=self.stranger,
        )

    def transfer(self, body: dict[str, Any]) -> Transfer:
        debit, credit = self.accounts[body["debit"]], self.accounts[body["credit"]]
        debit = replace(debit, currency=body["currency"][0])
        credit = replace(credit, currency=body["currency"][1])
        if body["stranger"]:
            credit = replace(credit, owner=self.stranger)
        made = Transfer(
            id=fresh_id(),
            kind=body["kind"],
            debit=debit,
            credit=credit,
            amount_fen=body["amount_fen"],
            reason=body["reason"],
            value_date=DAY - timedelta(days=body["days"]),
            posted_on=DAY + timedelta(days=body["posted"]),
            reference=self.accounts[0].owner,
            linked=body["linked"],
        )
        # A hold may lapse; that anything else does is a flaw now and then.
        if body["lapses"] is not None and (body["kind"] is TransferKind.PENDING or body["odd"] in (2, 4)):
            made = replace(made, expires_on=made.posted_on + timedelta(days=body["lapses"]))
        if body["kind"] in ENDINGS and body["odd"] != 0:
            made = self.ending(made, body)
        elif body["odd"] == 1:
            made = replace(made, pending_id=fresh_id())
        return made

    def ending(self, made: Transfer, body: dict[str, Any]) -> Transfer:
        held = [earlier for earlier in self.model.accepted if earlier.kind is TransferKind.PENDING]
        if not held or body["odd"] == 1:
            return replace(made, pending_id=fresh_id())
        pending = held[body["pick"] % len(held)]
        made = replace(made, pending_id=pending.id)
        if body["odd"] != 2:
            made = replace(made, debit=pending.debit, credit=pending.credit)
        if body["odd"] in (3, 4, 5, 6):
            made = replace(made, amount_fen=pending.amount_fen)
        elif body["odd"] in (7, 8):
            made = replace(made, amount_fen=max(1, pending.amount_fen + (1 if body["odd"] == 8 else -1)))
        return made

    def send(self, batch: list[Transfer]) -> list[Result]:
        with self.database.transaction() as tx:
            got = ledger.post_batch(tx, cell=self.cell, transfers=batch)
            tx.commit()
        assert got == self.model.post_batch(batch)
        return got

    @rule(batch=batches)
    def a_batch_is_answered_as_the_model_says_and_its_replay_exists(self, batch: list[dict[str, Any]]) -> None:
        transfers = [self.transfer(body) for body in batch]
        results = self.send(transfers)
        done = [
            replace(transfer, linked=False)
            for transfer, result in zip(transfers, results, strict=True)
            if result is Result.OK
        ]
        assert self.send(done) == [Result.EXISTS] * len(done)

    @rule(batch=flawed())
    def one_flaw_in_a_batch_is_found_and_the_rest_goes_on(self, batch: list[dict[str, Any]]) -> None:
        self.send([self.transfer(body) for body in batch])

    @rule(batch=batches, pick=st.integers(0, 50), times=st.integers(1, 2))
    def a_known_transfer_among_new_ones_is_a_replay(self, batch: list[dict[str, Any]], pick: int, times: int) -> None:
        transfers = [self.transfer(body) for body in batch]
        known = self.model.accepted[pick % len(self.model.accepted)]
        self.send([*transfers, *[known] * times, transfers[0]])  # also as members of a chain

    @rule(ours=st.lists(batches, min_size=1, max_size=3), theirs=st.lists(batches, min_size=1, max_size=3))
    def two_writers_at_once_are_answered_as_one_after_the_other(
        self, ours: list[list[dict[str, Any]]], theirs: list[list[dict[str, Any]]]
    ) -> None:
        sent = [[[self.transfer(body) for body in batch] for batch in side] for side in (ours, theirs)]
        # Each also sends what the other does, in the other order: every replay races with its original.
        sent[0], sent[1] = sent[0] + sent[1][::-1], sent[1] + sent[0][::-1]
        turns, begin = count(), threading.Barrier(2)
        heard: list[tuple[int, list[Transfer], list[Result]]] = []

        def writer(batches_: list[list[Transfer]]) -> None:
            begin.wait()
            for batch in batches_:
                with self.database.transaction() as tx:
                    results = ledger.post_batch(tx, cell=self.cell, transfers=batch)
                    # Still under the cell's lock: the turns are in the order in which the batches came about.
                    heard.append((next(turns), batch, results))
                    tx.commit()

        writers = [threading.Thread(target=writer, args=(side,)) for side in sent]
        for one in writers:
            one.start()
        for one in writers:
            one.join()
        assert len(heard) == 2 * (len(ours) + len(theirs))
        for _, batch, results in sorted(heard, key=lambda said: said[0]):
            assert results == self.model.post_batch(batch)

    @rule(pick=st.integers(0, 3), over=st.integers(-1, 1), pieces=st.sampled_from([1, 6]), held=st.booleans())
    def a_strict_account_gives_its_last_fen_and_no_more_whatever_is_held(
        self, pick: int, over: int, pieces: int, held: bool
    ) -> None:
        """All but the edge is left to chance elsewhere; here it is looked for."""
        at = pick // 2 * len(CODES) + pick % 2 * 2  # the cash or the limit of one of the owners
        strict = self.accounts[at]
        sides = (1, at) if strict.code is AccountCode.LENDER_CASH else (at, 3)
        kind = TransferKind.PENDING if held else TransferKind.POSTED

        def give(amount_fen: int) -> Transfer:
            return replace(self.transfer_of(*sides, amount_fen), kind=kind)

        left = self.model.balance(strict).available_fen(strict.code)
        if left > 20:
            self.send([give(left - 20)])
            left = 20
        sizes = [1] * (pieces - 1) + [max(1, left + over - (pieces - 1))]
        self.send([give(size) for size in sizes])

    @rule(pick=st.integers(0, 50), field=st.sampled_from(list(range(10))))
    def the_same_id_with_another_body_is_refused_by_field(self, pick: int, field: int) -> None:
        known = self.model.accepted[pick % len(self.model.accepted)]
        kind = TransferKind(known.kind % 4 + 1)
        changes: list[dict[str, Any]] = [
            {"kind": kind},
            {"debit": replace(known.debit, owner=self.stranger)},
            {"credit": replace(known.credit, code=AccountCode.FEE_INCOME)},
            {"amount_fen": known.amount_fen + 1},
            {"reason": Reason.ROUNDING if known.reason is not Reason.ROUNDING else Reason.CORRECT},
            {"value_date": known.value_date + timedelta(days=9)},
            {"posted_on": known.posted_on + timedelta(days=9)},
            {"reference": fresh_id()},
            {"pending_id": fresh_id()},
            {"expires_on": DAY + timedelta(days=99)},
        ]
        (result,) = self.send([replace(known, **changes[field])])
        assert result is Result(int(Result.EXISTS_WITH_DIFFERENT_KIND) + field)

    @precondition(lambda self: len(self.model.closed) < 3)
    @rule(pick=st.integers(0, 13))
    def an_account_is_closed_only_when_it_is_empty(self, pick: int) -> None:
        account = sorted(self.model.opened, key=repr)[pick]
        with self.database.transaction() as tx:
            try:
                ledger.close_account(tx, cell=self.cell, account=account, on=DAY)
            except ledger.AccountNotEmpty:
                assert not self.model.is_empty(account)
            else:
                assert self.model.is_empty(account)
                self.model.closed.add(account)
            tx.commit()
        other = replace(self.accounts[1 if account != self.accounts[1] else 3], currency=account.currency)
        small = self.transfer_of(0, 1, 1)
        for sides in ({"debit": other, "credit": account}, {"debit": account, "credit": other}):
            self.send([replace(small, id=fresh_id(), debit=sides["debit"], credit=sides["credit"])])

    @invariant()
    def every_balance_is_the_sum_of_what_was_accepted(self) -> None:
        with self.database.transaction() as tx:
            for owner in {account.owner for account in self.model.opened}:
                for account, held in ledger.balances(tx, cell=self.cell, owner=owner).items():
                    assert held == self.model.balance(account), account

    @rule(valued=st.integers(-4, 4), posted=st.integers(-1, 4))
    def any_moment_is_the_sum_of_what_counted_by_then(self, valued: int, posted: int) -> None:
        to = {"valued_to": DAY + timedelta(days=valued), "posted_to": DAY + timedelta(days=posted)}
        with self.database.transaction() as tx:
            for owner in {account.owner for account in self.model.opened}:
                for account, held in statement.balances_at(tx, cell=self.cell, owner=owner, **to).items():
                    assert held == self.model.balance(account, **to), (account, to)

    @rule(pick=st.integers(0, 13), first=st.integers(-3, 3), days=st.integers(0, 4), by=st.sampled_from(DatedBy))
    def a_statement_leads_from_its_opening_balance_to_its_closing_one(
        self, pick: int, first: int, days: int, by: DatedBy
    ) -> None:
        account = sorted(self.model.opened, key=repr)[pick]
        first_on = DAY + timedelta(days=first)
        last_on = first_on + timedelta(days=days)

        def dated(one: Transfer | Entry) -> date:
            return one.value_date if by is DatedBy.VALUE else one.posted_on

        expected = sorted(
            (dated(one), one.id, one.debit == account, one.amount_fen, one.kind)
            for one in self.model.accepted
            if account in (one.debit, one.credit) and first_on <= dated(one) <= last_on
        )
        lines: list[Line] = []
        after: str | None = None
        with self.database.transaction() as tx:
            while not lines or after:
                page = statement.statement(
                    tx, cell=self.cell, account=account, by=by, first_on=first_on, last_on=last_on, after=after,
                    lines_max=3,
                )  # fmt: skip
                lines += page.lines
                after = page.next
                if not page.lines:
                    break
        said = [line.entry for line in lines]
        assert expected == [
            (dated(entry), entry.transfer_id, entry.side is Side.DEBIT, entry.amount_fen, entry.kind) for entry in said
        ]
        balance = page.opening.posted_fen
        for line in lines:
            if line.entry.kind in (TransferKind.POSTED, TransferKind.POST):
                balance += line.entry.amount_fen if line.entry.side is Side.DEBIT else -line.entry.amount_fen
            assert line.balance_fen == balance
        assert balance == page.closing.posted_fen

    def teardown(self) -> None:
        with self.database.transaction() as tx:
            assert ledger.prove(tx) == []
            for owner in {account.owner for account in self.model.opened}:
                lines = {
                    (line.transfer_id, line.side.value) for line in ledger.entries(tx, cell=self.cell, owner=owner)
                }
                assert lines == {
                    (transfer.id, side)
                    for transfer in self.model.accepted
                    for side in ("debit", "credit")
                    if getattr(transfer, side).owner == owner
                }


def test_the_ledger_agrees_with_the_model_on_any_history(database: Database) -> None:
    soak = bool(os.environ.get("MINGQU_SOAK"))
    LedgerMachine.database = database
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=1_000 if soak else 30,
            stateful_step_count=40 if soak else 12,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
