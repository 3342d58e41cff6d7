"""A book of many loans in the middle of their lives, written straight through the store by COPY.

A few hundred lives are told by the domain itself (paid out, billed, repaid; some stopped paying); each loan is
one of them under ids of its own. Terms, snapshots, events, accounts, the transfers that explain every balance
and the accrual groups are all there, so invariants 1 to 4 of `mingqu verify` hold for the book.

Left out is what a close never reads: personal data, decisions, offers and contracts, credit limits, and the
channel orders and evidence leaves behind the payments of the past. Invariants 5 and 8 are therefore not asked.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import chain
from uuid import UUID

from mingqu.domain import identifier
from mingqu.domain.accrual import AccrualGroup
from mingqu.domain.decision.pack import Pack
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.loan import (
    Disbursed,
    Event,
    LoanState,
    LoanTerms,
    Outcome,
    Posting,
    Repaid,
    bring_up,
    interest_line,
    penalty_line,
    quote,
    record,
)
from mingqu.domain.moment import start_of
from mingqu.domain.money import MICRO_PER_FEN
from mingqu.domain.product import Product
from mingqu.services.make_offers import loan_terms
from mingqu.services.record_event import transfers_of
from mingqu.services.sign_contract import LOAN_ACCOUNTS
from mingqu.store import accrual, loan
from mingqu.store.database import Database, Transaction
from mingqu.store.ledger_proof import strict_side
from mingqu.store.loan import Loan

AGE_DAYS_MAX = 100
LIVES_OF_A_DAY = 4
RATES_PPM = (108_000, 144_000, 180_000)
# More people take their money, and so fall due, on these days of the month: the days after wages are paid.
PAYDAYS = {10: 4, 15: 4, 20: 8, 25: 4}
OVERDUE_SHARE = 0.03
# So many of ten borrowers let us deduct what falls due, which the close then has to prepare.
AGREED_OF_TEN = 8
_LIMIT_REASONS = (Reason.LIMIT_DRAW, Reason.LIMIT_RELEASE)
_NOBODY = identifier.fresh(milliseconds=0, slot=0, entropy=0)
ACCRUED = {
    accrual.INTEREST: (AccountCode.ACCRUED_INTEREST, AccountCode.INTEREST_INCOME, Reason.ACCRUE_INTEREST),
    accrual.PENALTY: (AccountCode.ACCRUED_PENALTY, AccountCode.PENALTY_INCOME, Reason.ACCRUE_PENALTY),
}
_GROUP_CODES = (AccountCode.ACCRUED_INTEREST, AccountCode.ACCRUED_PENALTY)
HOUSE_ACCOUNTS = (
    AccountCode.LENDER_CASH,
    AccountCode.LENDER_FUNDING,
    AccountCode.COLLECTION_CLEARING,
    AccountCode.INTEREST_INCOME,
    AccountCode.PENALTY_INCOME,
    AccountCode.ROUNDING_DIFFERENCE,
    *_GROUP_CODES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One cause in a life: a morning or an event, the day of it, and what was posted."""

    on: date
    event: Event | None
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What happened to a loan so far, told by the domain; many loans share it. `weight` is how many, relatively."""

    product: Product
    terms: LoanTerms
    state: LoanState
    moments: tuple[Moment, ...]
    weight: float

    def credited_fen(self, code: AccountCode) -> int:
        """What the life has credited to accounts of a code."""
        return sum(
            posting.amount_fen for moment in self.moments for posting in moment.postings if posting.credit is code
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """A loan with the life it leads and an id for each moment of it."""

    loan: Loan
    life: Life
    causes: tuple[UUID, ...]


def fill(database: Database, *, pack: Pack, opens_on: date, loans: int, seed: int = 1) -> None:
    """Put `loans` loans into an empty book whose first open day is `opens_on`."""
    chance = random.Random(seed)
    lives = _lives(pack, opens_on, chance)
    with database.transaction() as tx:
        living = [
            _living(tx, life, number, chance)
            for number, life in enumerate(chance.choices(lives, [life.weight for life in lives], k=loans))
        ]
        _write_people(tx, living, opens_on)
        loan.insert_many(tx, loans=[one.loan for one in living])
        loan.append_first_events(tx, rows=_events(living))
        _write_ledger(tx, living, opens_on)
        tx.script("ANALYZE")
        tx.commit()


def _lives(pack: Pack, opens_on: date, chance: random.Random) -> list[Life]:
    products = pack.offered(business_date=opens_on)
    lives = []
    for age_days in range(1, AGE_DAYS_MAX + 1):
        start = opens_on - timedelta(days=age_days)
        for _ in range(LIVES_OF_A_DAY):
            product = chance.choice(products)
            terms = loan_terms(
                product=product,
                rate_year_ppm=chance.choice(RATES_PPM),
                amount_fen=product.amount_step_fen * chance.randrange(20, 300),
                instalments=chance.choice(product.instalment_counts),
                method=chance.choice(product.methods),
            )
            weight = float(PAYDAYS.get(start.day, 1))
            lives.append(_life(product, terms, start, opens_on, weight * (1 - OVERDUE_SHARE), late=False))
            # Only lives with a due date behind them can be late; those of a month and less are a third.
            lives.append(_life(product, terms, start, opens_on, weight * OVERDUE_SHARE * 1.5, late=True))
    return [life for life in lives if life.moments]


def _life(product: Product, terms: LoanTerms, start: date, opens_on: date, weight: float, *, late: bool) -> Life:
    """Tell a loan's life up to the last closed day; whoever is late has not paid the last instalment."""
    moments: list[Moment] = []
    events: list[Event] = []
    state = LoanState()

    def note(outcome: Outcome, on: date, event: Event | None) -> None:
        nonlocal state
        state = outcome.state
        kept = tuple(posting for posting in outcome.postings if posting.reason not in _LIMIT_REASONS)
        moments.append(Moment(on=on, event=event, postings=kept))

    def happen(event: Event) -> None:
        on = event.value_date
        note(record(terms=terms, events=tuple(events), state=state, event=event, business_date=on), on, event)
        events.append(event)

    happen(Disbursed(event_id=_NOBODY, value_date=start, amount_fen=terms.principal_fen))
    last_closed_on = opens_on - timedelta(days=1)
    dues = [line.due for line in state.instalments if line.due <= last_closed_on]
    for number, due in enumerate(dues, start=1):
        note(bring_up(terms=terms, state=state, business_date=due), due, None)
        if not (late and due == dues[-1]):
            owed_fen = quote(terms=terms, state=state, on=due).due_fen
            happen(Repaid(event_id=identifier.derived(_NOBODY, number), value_date=due, amount_fen=owed_fen))
    if late and not dues:
        return Life(product=product, terms=terms, state=state, moments=(), weight=0.0)
    note(bring_up(terms=terms, state=state, business_date=last_closed_on), last_closed_on, None)
    return Life(product=product, terms=terms, state=state, moments=tuple(moments), weight=weight)


def _living(tx: Transaction, life: Life, number: int, chance: random.Random) -> Living:
    slot = chance.randrange(identifier.SLOTS)

    def fresh(on: date) -> UUID:
        milliseconds = int(start_of(on).timestamp()) * 1000 + number
        return identifier.fresh(milliseconds=milliseconds, slot=slot, entropy=chance.getrandbits(56))

    person_id, contract_id, facility_id, loan_id = (fresh(life.moments[0].on) for _ in range(4))
    causes = tuple(fresh(moment.on) for moment in life.moments)
    told = [(cause, moment.event) for cause, moment in zip(causes, life.moments, strict=True) if moment.event]
    last_id, last_event = told[-1]
    product = life.product
    return Living(
        loan=Loan(
            cell=tx.cell_of(person_id),
            loan_id=loan_id,
            person_id=person_id,
            contract_id=contract_id,
            facility_id=facility_id,
            product_id=product.id,
            lender_id=product.lender_id,
            group_id=accrual.group_id(lender_id=product.lender_id, product_id=product.id, currency=life.terms.currency),
            currency=life.terms.currency,
            terms=life.terms,
            state=replace(life.state, last_key=(last_event.value_date, last_event.rank, last_id)),
        ),
        life=life,
        causes=causes,
    )


def _events(living: list[Living]) -> Iterator[tuple[Loan, Event, date, datetime]]:
    for one in living:
        for cause, moment in zip(one.causes, one.life.moments, strict=True):
            if moment.event is not None:
                yield one.loan, replace(moment.event, event_id=cause), moment.on, start_of(moment.on)


def _write_people(tx: Transaction, living: list[Living], opens_on: date) -> None:
    """People without anything personal; most have a card and an agreement to deduct from it."""
    at = start_of(opens_on - timedelta(days=AGE_DAYS_MAX))
    agreed = [one.loan for number, one in enumerate(living) if number % 10 < AGREED_OF_TEN]
    tx.copy(
        "COPY person (cell, person_id, identity_level, created_at) FROM STDIN",
        ((one.loan.cell, one.loan.person_id, 4, at) for one in living),
    )
    # Ids of cards and agreements are derived from that of the facility, which has no row here.
    tx.copy(
        """COPY instrument (cell, instrument_id, person_id, kind, issuer, number_hash, state, added_at, changed_at)
           FROM STDIN""",
        (
            (of.cell, _card(of), of.person_id, "debit_card", "bank", of.person_id.bytes * 2, "verified", at, at)
            for of in agreed
        ),
    )
    tx.copy(
        """COPY repayment_agreement (cell, agreement_id, person_id, instrument_id, state, changed_at) FROM STDIN""",
        ((of.cell, identifier.derived(of.facility_id, 2), of.person_id, _card(of), "active", at) for of in agreed),
    )


def _card(of: Loan) -> UUID:
    return identifier.derived(of.facility_id, 1)


def _write_ledger(tx: Transaction, living: list[Living], opens_on: date) -> None:
    """Write the transfers of every life and of the house, and the accounts with what they add up to."""
    sums: dict[tuple[int, Account], list[int]] = defaultdict(lambda: [0, 0])
    house: list[tuple[int, Transfer]] = []
    for members in _groups(living).values():
        of = members[0].loan
        house += [(of.cell, transfer) for transfer in _group_transfers(tx, members, opens_on)]
        for code in HOUSE_ACCOUNTS:
            _ = sums[of.cell, _house_account(of, code)]
    for one in living:
        for code in LOAN_ACCOUNTS:
            _ = sums[one.loan.cell, Account(owner=one.loan.loan_id, code=code, currency=one.loan.currency)]
    tx.copy(
        """COPY transfer (cell, id, debit_owner, credit_owner, amount_fen, value_date, posted_on, debit_code,
                          credit_code, kind, reason, currency, reference) FROM STDIN""",
        _added(sums, chain(_transfers(living), house)),
    )
    tx.copy(
        "COPY account (cell, owner, code, currency, strict_side, debits_posted_fen, credits_posted_fen) FROM STDIN",
        (
            (cell, account.owner, int(account.code), account.currency, strict_side(account.code), *both)
            for (cell, account), both in sums.items()
        ),
    )


def _transfers(living: list[Living]) -> Iterator[tuple[int, Transfer]]:
    for one in living:
        for cause, moment in zip(one.causes, one.life.moments, strict=True):
            for transfer in transfers_of(one.loan, moment.postings, cause=cause, on=moment.on, pending={}):
                yield one.loan.cell, transfer


def _added(
    sums: dict[tuple[int, Account], list[int]], transfers: Iterable[tuple[int, Transfer]]
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of transfers, adding each to the sums of its two accounts."""
    for cell, each in transfers:
        sums[cell, each.debit][0] += each.amount_fen
        sums[cell, each.credit][1] += each.amount_fen
        yield (
            cell, each.id, each.debit.owner, each.credit.owner, each.amount_fen, each.value_date, each.posted_on,
            int(each.debit.code), int(each.credit.code), int(each.kind), int(each.reason), each.debit.currency,
            each.reference,
        )  # fmt: skip


def _groups(living: list[Living]) -> dict[tuple[int, UUID], list[Living]]:
    found: dict[tuple[int, UUID], list[Living]] = defaultdict(list)
    for one in living:
        found[one.loan.cell, one.loan.group_id].append(one)
    return found


def _group_transfers(tx: Transaction, members: list[Living], opens_on: date) -> Iterator[Transfer]:
    """Write a group's rows as its loans left them, and yield what funded its lender and what the group accrued."""
    of, on = members[0].loan, opens_on - timedelta(days=1)
    accrual.ensure(
        tx, cell=of.cell, group=of.group_id, lender_id=of.lender_id, product_id=of.product_id,
        currency=of.currency, accrued_to=on,
    )  # fmt: skip
    lent_fen = sum(one.life.terms.principal_fen for one in members)
    # Twice what was lent: a lender with nothing left is another story.
    yield _move(of, on, AccountCode.LENDER_CASH, AccountCode.LENDER_FUNDING, 2 * lent_fen, Reason.FUND_LENDER)
    for kind, (accrued, income, reason) in ACCRUED.items():
        line_of = interest_line if kind == accrual.INTEREST else penalty_line
        lines = [line for one in members if (line := line_of(one.life.state, one.life.terms))]
        unbilled_fen, carry_micro = divmod(sum(line.at(opens_on) for line in lines), MICRO_PER_FEN)
        billed_fen = sum(one.life.credited_fen(accrued) for one in members)
        group = AccrualGroup(
            group_id=of.group_id,
            kind=kind,
            lender_id=of.lender_id,
            currency=of.currency,
            slope_micro=sum(line.daily_micro for line in lines),
            income_carry_micro=carry_micro,
            rounding_carry_micro=0,
            accrued_to=on,
        )
        accrual.save(tx, cell=of.cell, group=group)
        if unbilled_fen + billed_fen:
            yield _move(of, on, accrued, income, unbilled_fen + billed_fen, reason)


def _move(of: Loan, on: date, debit: AccountCode, credit: AccountCode, fen: int, reason: Reason) -> Transfer:
    """Make one transfer between a cell's house accounts."""
    cause = identifier.dated(of.group_id, on=on, purpose=f"book {reason.name}")
    return Transfer(
        id=identifier.derived(cause, 1),
        debit=_house_account(of, debit),
        credit=_house_account(of, credit),
        amount_fen=fen,
        reason=reason,
        value_date=on,
        posted_on=on,
        reference=cause,
    )


def _house_account(of: Loan, code: AccountCode) -> Account:
    """Accrued figures belong to the group, everything else of the house to the lender."""
    return Account(owner=of.group_id if code in _GROUP_CODES else of.lender_id, code=code, currency=of.currency)
