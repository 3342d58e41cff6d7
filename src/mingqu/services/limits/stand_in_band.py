"""How a person stands after having been late: bands lost, what of the limit is of use, and the way back.

Read from the loans and revolving accounts themselves and from the table in force; nothing of it is stored. Whoever
draws asks here under the cell's lock; whoever repays never does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from uuid import UUID

from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.loan import LoanState, Stage
from mingqu.domain.rebuild import RebuildTable, Spell, Stand, stand, usable_fen
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend import advance, next_morning
from mingqu.services.house import House
from mingqu.services.limits.cap_limit import CURRENCY, used_fen
from mingqu.services.policies.replay_decision import replay_decision
from mingqu.store.decisions import assessment
from mingqu.store.ledgers import ledger
from mingqu.store.loans import loan, offer
from mingqu.store.revolving import spend
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction


class BandLowered(Refusal):
    """Having been late lowered the band, and so much of the limit is not of use; `rises_on` is when more will be."""

    code: ClassVar[str] = "band_lowered"
    status: ClassVar[int] = 409


class BandUnknown(Refusal):
    """The person has no limits, so no band stands."""

    code: ClassVar[str] = "band_unknown"
    status: ClassVar[int] = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnView:
    """A day on which the band becomes another one, and how much of the limit is of use then, in fen."""

    on: date
    band: str
    usable_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BandView:
    """A person's band as it was assessed and as it stands, what of the limit is of use, and what would change it.

    `frozen` says that nothing can be drawn now because something is `late_days` late. `rises` hold if what is overdue
    is paid today and nothing is late from then on, `falls` if it is not paid. `table` is the rule they follow from.
    """

    on: date
    assessed: str
    band: str
    granted_fen: int
    usable_fen: int
    late_days: int
    frozen: bool
    in_order_since: date | None
    rises: tuple[TurnView, ...]
    falls: tuple[TurnView, ...]
    table: RebuildTable


def stand_of(tx: Transaction, house: House, *, person_id: UUID) -> Stand | None:
    """Return how a person stands today; None where no table says what being late takes."""
    today = house.clock.business_date()
    spells = spells_of(tx, person_id=person_id, today=today)
    table = house.pack.rebuild_table(business_date=today)
    return None if table is None else stand(table=table, spells=spells, on=today)


def left_in_band(tx: Transaction, house: House, *, person_id: UUID) -> int | None:
    """Return how much the band, as it stands, leaves to draw, never below zero; None while no band is lost."""
    found = stand_of(tx, house, person_id=person_id)
    return None if found is None or not found.lost else _left_fen(tx, found, person_id=person_id)


def require_in_band(tx: Transaction, house: House, *, person_id: UUID, amount_fen: int) -> None:
    """Return when the band, as it stands, covers a further amount; the caller holds the cell's lock.

    Errors: BandLowered.
    """
    found = stand_of(tx, house, person_id=person_id)
    if found is None or not found.lost:
        return
    left_fen = _left_fen(tx, found, person_id=person_id)
    if amount_fen > left_fen:
        raise BandLowered(
            "Having been late lowered your band, and this is beyond what is of use of your limit for now.",
            left_fen=left_fen,
            rises_on=found.rises[0].on.isoformat(),
        )


def band_view(house: House, *, person_id: UUID) -> BandView | None:
    """Return how a person stands, with the bands; None without limits, or without a table.

    Errors: those of `replay_decision`, if the record of the assessment does not open.
    """
    with house.database.transaction() as tx:
        lines = offer.facilities(tx, person_id=person_id)
        today = house.clock.business_date()
        table = house.pack.rebuild_table(business_date=today)
        if not lines or table is None:
            return None
        found = stand(table=table, spells=spells_of(tx, person_id=person_id, today=today), on=today)
        granted_fen = granted(tx, person_id=person_id)
        standing = assessment.standing_of(tx, person_id=person_id)
        decision_id = lines[0].decision_id if standing is None else standing.decision_id
        assessed = replay_decision(tx, house, person_id=person_id, decision_id=decision_id).band
    return _view(found, table=table, assessed=assessed, granted_fen=granted_fen)


def granted(tx: Transaction, *, person_id: UUID) -> int:
    """Return the limit that a person was granted over all products, in fen."""
    code = AccountCode.LIMIT_GRANTED
    balances = ledger.balances_of(tx, cell=tx.cell_of(person_id), owners=[person_id])
    return balances[Account(owner=person_id, code=code, currency=CURRENCY)].normal_fen(code)


def spells_of(tx: Transaction, *, person_id: UUID, today: date) -> list[Spell]:
    """Return what a person paid late, or has not paid, over all loans and revolving accounts."""
    found = [spell for state in loan.states_of_person(tx, person_id=person_id) for spell in _of_loan(state)]
    for account in spend.of_person(tx, person_id=person_id):
        found += _of_account(tx, account, today)
    return found


def _of_loan(state: LoanState) -> Iterator[Spell]:
    """Yield what of a loan was paid behind its due day, or is not paid. A claim that was given up ends that day.

    What a guarantor paid, a bill or all of the loan, is late until the guarantor has it back.
    """
    claimed_on = state.settled_on if state.guarantor_claim_fen else None
    given_up = state.last_key[0] if state.stage is Stage.WRITTEN_OFF and state.last_key is not None else None
    for line in state.instalments:
        if not line.billed:
            continue
        if line.paid_on is not None:
            if line.paid_on > line.due:
                yield Spell(due=line.due, cured_on=None if line.paid_on == claimed_on else line.paid_on)
        elif line.unpaid_fen > 0:
            yield Spell(due=line.due, cured_on=given_up)
    for claim in state.bill_claims:
        yield Spell(due=claim.due, cured_on=claim.back_on)


def _of_account(tx: Transaction, account: SpendAccount, today: date) -> Iterator[Spell]:
    """Yield what of a revolving account was late, also when its morning is not booked yet.

    While a payment of it is on its way, what is booked counts.
    """
    state = account.state
    if next_morning(state) <= today and not spend.is_paying(tx, account_id=account.account_id):
        state = advance(terms=account.terms, state=state, to=today).state
    for due, cured_on in state.lates:
        yield Spell(due=due, cured_on=cured_on)
    if state.overdue_since is not None:
        yield Spell(due=date.fromordinal(state.overdue_since.toordinal() - 1))


def _left_fen(tx: Transaction, found: Stand, *, person_id: UUID) -> int:
    most_fen = usable_fen(granted_fen=granted(tx, person_id=person_id), usable_ppm=found.usable_ppm)
    return max(0, most_fen - used_fen(tx, person_id=person_id))


def _view(found: Stand, *, table: RebuildTable, assessed: str, granted_fen: int) -> BandView:
    def turns(of: Stand, *, rising: bool) -> tuple[TurnView, ...]:
        return tuple(
            TurnView(
                on=turn.on,
                band=table.band(assessed=assessed, lost=turn.lost),
                usable_fen=usable_fen(granted_fen=granted_fen, usable_ppm=turn.usable_ppm),
            )
            for turn in (of.rises if rising else of.falls)
        )

    return BandView(
        on=found.on,
        assessed=assessed,
        band=table.band(assessed=assessed, lost=found.lost),
        granted_fen=granted_fen,
        usable_fen=usable_fen(granted_fen=granted_fen, usable_ppm=found.usable_ppm),
        late_days=found.late_days,
        frozen=found.late_days > 0,
        in_order_since=found.in_order_since,
        rises=turns(found, rising=True),
        falls=turns(found, rising=False),
        table=table,
    )
