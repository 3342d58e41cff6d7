"""Decide a spend by its contract: the first clause that fits, then amounts, stages and evidence.

A contract is compiled once. Each value that a clause names is given the set of clauses it can fit, as the bits of a
whole number; a spend takes six look-ups and five "and", whatever the number of clauses and payees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from mingqu.domain.purpose.contract import Clause, Effect, FundsContract
from mingqu.domain.purpose.spend import CardState, Spend


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """The money may be held; `clause` is the one that allows it."""

    clause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The money stays. `clause` says no, for a `reason`; `remedy` is what helps, from day `from_on` if it is known."""

    clause: str
    reason: str
    remedy: str
    from_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    """The clauses that a value fits: those that name it, and those that name none."""

    named: Mapping[str | None, int]
    any: int

    def of(self, value: str | None) -> int:
        return self.named.get(value, self.any)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A contract ready to decide. Bit n of each number stands for clause n."""

    contract: FundsContract
    merchants: _Index
    categories: _Index
    channels: _Index
    devices: _Index
    places: _Index
    vins: _Index
    unlisted: int  # the clauses that fit a merchant who is no payee of the contract


def compiled(contract: FundsContract) -> Compiled:
    """Return a contract ready to decide."""
    clauses = contract.clauses
    unlisted = sum(1 << at for at, clause in enumerate(clauses) if not clause.listed_payee)
    return Compiled(
        contract=contract,
        merchants=_index(clause.merchants for clause in clauses),
        categories=_index(clause.categories for clause in clauses),
        channels=_index(clause.channels for clause in clauses),
        devices=_index(clause.devices for clause in clauses),
        places=_index(clause.places for clause in clauses),
        vins=_index(clause.vins for clause in clauses),
        unlisted=unlisted,
    )


def authorise(by: Compiled, *, state: CardState, spend: Spend) -> Approved | Declined:
    """Return whether a spend is allowed, and else which clause says no, why, and what helps.

    Example: 5,000 fen at a dealer on the list, of which 4,000 are left of the day's amount, is declined by `per_day`,
    with the next day as remedy.
    """
    contract, on = by.contract, spend.at.date()
    if state.frozen:
        return Declined(clause="card", reason="card_frozen", remedy="ask_to_unfreeze")
    if spend.currency != contract.currency:
        return Declined(clause="currency", reason="currency_differs", remedy="pay_in_contract_currency")
    if spend.amount_fen <= 0:
        return Declined(clause="amount", reason="amount_not_positive", remedy="correct_the_amount")
    if not contract.starts_on <= on < contract.ends_on:
        begins = contract.starts_on if on < contract.starts_on else None
        return Declined(clause="term", reason="outside_term", remedy="ask_for_new_contract", from_on=begins)
    clause = _first(by, spend)
    if clause.effect is Effect.DENY:
        return _by_clause(by, spend, clause)
    return _by_amount(contract, state, spend, on) or _by_evidence(contract, state, spend, on) or _yes(clause)


def overdue_evidence(*, contract: FundsContract, state: CardState, on: date) -> list[str]:
    """Return the kinds of evidence that were due before a day and are not on file, in the contract's order."""
    if state.first_captured_on is None:
        return []
    return [
        due.kind
        for due in contract.evidence
        if due.kind not in state.evidence and due.by(first_captured_on=state.first_captured_on) < on
    ]


def _yes(clause: Clause) -> Approved:
    return Approved(clause=clause.id)


def _by_clause(by: Compiled, spend: Spend, clause: Clause) -> Declined:
    """Say why a clause says no: where one change alone would let the spend through, that is the reason.

    Else a seller whom the contract does not name would be told to come back in the daytime, and one whom it names that
    it does not. Example: a dealer on no list at noon is declined by `payees`, at night by the clause about nights.
    """
    contract = by.contract
    if spend.merchant not in contract.payees and _first(by, spend, listed=True).effect is Effect.ALLOW:
        return Declined(clause="payees", reason="payee_not_in_contract", remedy="pay_a_listed_dealer")
    smaller = _first(by, replace(spend, amount_fen=1))
    if smaller.effect is Effect.ALLOW:
        return Declined(clause=smaller.id, reason="above_clause", remedy="pay_less")
    return Declined(clause=clause.id, reason=clause.reason, remedy=clause.remedy)


def _first(by: Compiled, spend: Spend, *, listed: bool = False) -> Clause:
    """Return the first clause that fits a spend, or that would fit it if its merchant were `listed`."""
    bits = (
        by.merchants.of(spend.merchant)
        & by.categories.of(spend.category)
        & by.channels.of(spend.channel)
        & by.devices.of(spend.device)
        & by.places.of(spend.place)
        & by.vins.of(spend.vin)
    )
    if not listed and spend.merchant not in by.contract.payees:
        bits &= by.unlisted
    minute = spend.at.hour * 60 + spend.at.minute
    while bits:
        lowest = bits & -bits
        clause = by.contract.clauses[lowest.bit_length() - 1]
        if clause.minute_from <= minute < clause.minute_to and (
            clause.amount_max_fen is None or spend.amount_fen <= clause.amount_max_fen
        ):
            return clause
        bits ^= lowest
    raise AssertionError("the last clause of a contract fits everything")


def _by_amount(contract: FundsContract, state: CardState, spend: Spend, on: date) -> Declined | None:
    if spend.amount_fen > contract.per_spend_fen:
        return Declined(clause="per_spend", reason="above_per_spend", remedy="ask_for_entrusted_payment")
    used_today_fen = state.day_used_fen if state.day == on else 0
    if used_today_fen + spend.amount_fen > contract.per_day_fen:
        return Declined(clause="per_day", reason="above_per_day", remedy="wait_for_next_day", from_on=_next(on))
    if state.used_fen + spend.amount_fen > min(state.limit_fen, contract.total_fen):
        return Declined(clause="total", reason="above_total", remedy="pay_the_rest_yourself")
    return None


def _by_evidence(contract: FundsContract, state: CardState, spend: Spend, on: date) -> Declined | None:
    late = overdue_evidence(contract=contract, state=state, on=on)
    if late:
        return Declined(clause=f"evidence_{late[0]}", reason="evidence_overdue", remedy=f"bring_{late[0]}")
    for stage in contract.stages:
        if state.used_fen + spend.amount_fen <= stage.up_to_fen:
            missing = sorted(stage.needs - state.evidence)
            if missing:
                return Declined(clause="stage", reason="stage_not_released", remedy=f"bring_{missing[0]}")
            return None
    return None


def _next(on: date) -> date:
    return date.fromordinal(on.toordinal() + 1)


def _index(sets: Iterable[frozenset[str] | None]) -> _Index:
    listed = list(sets)
    free = sum(1 << at for at, values in enumerate(listed) if values is None)
    named: dict[str | None, int] = {}
    for at, values in enumerate(listed):
        for value in values or ():
            named[value] = named.get(value, free) | 1 << at
    return _Index(named=named, any=free)
