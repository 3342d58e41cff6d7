"""Several transactions look up what decides: each gets what it sees, and none turns the others back."""

from __future__ import annotations

from typing import Any, cast

import pytest

from mingqu.store.decisions import current_policies
from mingqu.store.decisions.current_policies import CurrentPolicies
from mingqu.store.server.database import Transaction


class Sees:
    """A transaction that sees the book at one generation."""

    def __init__(self, generation: int) -> None:
        self.generation = generation


def test_an_older_snapshot_reads_its_own_and_turns_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def at(tx: Any) -> Any:
        return f"at {tx.generation}"

    monkeypatch.setattr(current_policies.publication, "generation", lambda tx: tx.generation)
    monkeypatch.setattr(current_policies, "_load", at)
    monkeypatch.setattr(current_policies.switch, "standing", lambda tx: (at(tx),))
    policies = CurrentPolicies(cast(Any, "files"))
    page, decision = cast(Transaction, Sees(5)), cast(Transaction, Sees(6))
    newest = policies.current(decision)
    assert (newest.pack, newest.off) == ("at 6", ("at 6",))
    older = policies.current(page)
    assert (older.pack, older.off) == ("at 5", ("at 5",)), "a page is of one moment"
    assert (policies.pack, policies.switched_off()) == ("at 6", ("at 6",)), "and turns nothing back"
    assert policies.current(decision) is newest
    assert policies.refresh(cast(Transaction, Sees(7))) == policies.pack == "at 7"
