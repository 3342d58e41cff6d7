"""An account's whole story, and the same story without a draw that came back (退汇).

Days after a draw was paid the bank may say that its money came back. Its owner never had it, so nothing of it was ever
owed, and no day of it was late: the account is told again from its first day without it, and the ledger gets the
difference. Every other event keeps its place and its amount:

- What was paid meanwhile pays what else was owed by then, and what is too much is the owner's (溢缴款).
- A repayment that bounced is owed again as what it had paid in the story without the draw.
- Instalments are agreed of what was left to agree on; where that is too little for any, the agreement lapses.
- A bill that was issued keeps its number and asks no more at least than it said: whoever paid that was in time. A bill
  of which nothing is left stands with nothing, so that no number is given twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.ledger import Reason
from mingqu.domain.refusal import Refusal
from mingqu.domain.spend.event import REVERSING, SpendEvent, SpendKind
from mingqu.domain.spend.state import SpendOutcome, SpendPosting, SpendState, Statement
from mingqu.domain.spend.step import advance, convertible_bill_fen, convertible_purchase_fen, open_account, step
from mingqu.domain.spend.terms import SpendTerms
from mingqu.domain.spend.working import NOTHING_SAID, Said

Way = tuple[Code, Code, Reason]
_OWED: Final = frozenset({Code.SPEND_PRINCIPAL, Code.SPEND_INTEREST_DUE, Code.SPEND_FEE_DUE, Code.SPEND_PENALTY_DUE})
# Which event takes back what was paid into which account, in the order in which they happen.
TAKES_BACK: Final = {
    Code.SPEND_FEE_DUE: SpendKind.REVERSED_FEE,
    Code.SPEND_PENALTY_DUE: SpendKind.REVERSED_PENALTY,
    Code.SPEND_INTEREST_DUE: SpendKind.REVERSED_INTEREST,
    Code.SPEND_PRINCIPAL: SpendKind.REVERSED,
    Code.SPEND_CREDIT: SpendKind.REVERSED,
}
_BACK: Final = frozenset({SpendKind.REVERSED, *REVERSING})


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendStory:
    """What a history comes to: the account, the bills as they were issued and as they stand now (by their days), what
    moved each way in the ledger, and what each repayment paid, by the kind of event that would take it back."""

    state: SpendState
    issued: tuple[Statement, ...]
    bills: dict[date, Statement]
    moved: Counter[Way]
    paid: dict[UUID, Counter[SpendKind]]


def tell(*, terms: SpendTerms, opened_on: date, limit_fen: int, events: Iterable[SpendEvent], to: date) -> SpendStory:
    """Return the story of a history up to the morning of a day. Errors: those of `step`."""
    telling = _Telling(terms=terms, opened_on=opened_on, limit_fen=limit_fen)
    for event in events:
        telling.tell(event)
    telling.pass_to(to)
    return telling.story()


def fold(*, terms: SpendTerms, opened_on: date, limit_fen: int, events: Iterable[SpendEvent], to: date) -> SpendState:
    """Return the account that a history makes on the morning of a day. Errors: those of `step`."""
    return tell(terms=terms, opened_on=opened_on, limit_fen=limit_fen, events=events, to=to).state


def take_draw_back(
    *, terms: SpendTerms, opened_on: date, limit_fen: int, events: Iterable[SpendEvent], event: SpendEvent
) -> SpendOutcome:
    """Return what it comes to that a draw of a history came back: the account told again, and the ledger's difference.

    `released_fen` is what less of the limits is used; below zero, should more be. Example: 5,000.00 drawn on 1 August
    at 0.04 % a day and billed on 1 September with 62.00; back on the 5th, 5,000.00 and 62.00 are owed no more, and if
    562.00 were paid by then, they are the owner's. Errors: those of `step`.
    """
    telling = _Telling(terms=terms, opened_on=opened_on, limit_fen=limit_fen)
    for each in events:
        telling.tell(each)
    telling.pass_to(event.on)
    before = telling.story()
    telling.tell(event)
    after = telling.story()
    return SpendOutcome(
        state=after.state,
        postings=_difference(before.moved, after.moved, on=event.on),
        drawn_fen=0,
        released_fen=before.state.used_fen - after.state.used_fen,
        statements=(),
        corrected=tuple(bill for on, bill in after.bills.items() if bill != before.bills[on]),
    )


def undoing(paid: Counter[SpendKind], *, amount_fen: int) -> Counter[SpendKind]:
    """Return by which events so much of a repayment is taken back, in their order: first what it had paid of fees,
    penalty and interest, then principal and what was more than owed."""
    found: Counter[SpendKind] = Counter()
    left_fen = amount_fen
    for kind in dict.fromkeys(TAKES_BACK.values()):
        part_fen = left_fen if kind is SpendKind.REVERSED else min(left_fen, paid[kind])
        if part_fen:
            found[kind] = part_fen
            left_fen -= part_fen
    return found


class _Telling:
    """A story under way, event by event."""

    def __init__(self, *, terms: SpendTerms, opened_on: date, limit_fen: int, said: Said = NOTHING_SAID) -> None:
        self._terms, self._opened_on, self._limit_fen, self._said = terms, opened_on, limit_fen, said
        self._state = open_account(terms=terms, on=opened_on, limit_fen=limit_fen)
        self._events: list[SpendEvent] = []
        self._issued: list[Statement] = []
        self._bills: dict[date, Statement] = {}
        self._moved: Counter[Way] = Counter()
        self._paid: dict[UUID, Counter[SpendKind]] = {}

    def story(self) -> SpendStory:
        return SpendStory(
            state=self._state,
            issued=tuple(self._issued),
            bills=dict(self._bills),
            moved=Counter(self._moved),
            paid=dict(self._paid),
        )

    def pass_to(self, day: date) -> None:
        self._hear(advance(terms=self._terms, state=self._state, to=day, said=self._said))

    def tell(self, event: SpendEvent) -> None:
        self._events.append(event)
        if event.kind is SpendKind.DRAW_RETURNED:
            self._tell_again(event)
            return
        outcome = step(terms=self._terms, state=self._state, event=event, said=self._said)
        self._hear(outcome)
        if event.kind is SpendKind.REPAID:
            self._paid[event.event_id] = Counter()
            for one in outcome.postings:
                if one.debit is Code.COLLECTION_CLEARING:
                    self._paid[event.event_id][TAKES_BACK[one.credit]] += one.amount_fen

    def _hear(self, outcome: SpendOutcome) -> None:
        self._state = outcome.state
        self._issued += outcome.statements
        self._bills |= {bill.billed_on: bill for bill in outcome.statements}
        for one in outcome.postings:
            self._moved[one.debit, one.credit, one.reason] += one.amount_fen

    def _tell_again(self, event: SpendEvent) -> None:
        self.pass_to(event.on)
        other = _Telling(
            terms=self._terms, opened_on=self._opened_on, limit_fen=self._limit_fen, said=dict(self._bills)
        )
        other._without(self._events, to=event.on)
        self._state, self._moved, self._paid = other._state, other._moved, other._paid
        self._bills |= other._bills

    def _without(self, events: Sequence[SpendEvent], *, to: date) -> None:
        """Tell events but for draws that came back."""
        gone = {event.target for event in events if event.kind is SpendKind.DRAW_RETURNED}
        for event in events:
            if event.kind is not SpendKind.DRAW_RETURNED and event.event_id not in gone:
                for fitting in self._fitting(event, events):
                    self.tell(fitting)
        self.pass_to(to)

    def _fitting(self, event: SpendEvent, events: Sequence[SpendEvent]) -> Iterator[SpendEvent]:
        """Yield an event as it is without those draws."""
        if event.kind in _BACK:
            yield from self._taken_back(event, events)
        elif event.kind is SpendKind.CONVERTED:
            yield from self._agreed(event)
        else:
            yield event

    def _taken_back(self, event: SpendEvent, events: Sequence[SpendEvent]) -> Iterator[SpendEvent]:
        """Yield what takes a repayment back, with the first of its events: what it paid in this story."""
        assert event.target is not None
        alike = [one for one in events if one.kind in _BACK and one.target == event.target]
        if event is not alike[0]:
            return
        ids = {one.kind: one.event_id for one in reversed(alike)}
        parts = undoing(self._paid.get(event.target, Counter()), amount_fen=sum(one.amount_fen for one in alike))
        for kind, amount_fen in parts.items():
            yield replace(event, event_id=ids.get(kind, event.event_id), kind=kind, amount_fen=amount_fen)

    def _agreed(self, event: SpendEvent) -> Iterator[SpendEvent]:
        """Yield instalments of what can be paid in them in this story; none where that is refused."""
        self.pass_to(event.on)
        most_fen = (
            convertible_bill_fen(self._state, on=event.on)
            if event.target is None
            else convertible_purchase_fen(self._state, purchase_id=event.target)
        )
        if not most_fen:
            return
        fitting = replace(event, amount_fen=min(event.amount_fen, most_fen))
        try:
            step(terms=self._terms, state=self._state, event=fitting, said=self._said)
        except Refusal:
            return  # too little is left for any
        yield fitting


def _difference(before: Counter[Way], after: Counter[Way], *, on: date) -> tuple[SpendPosting, ...]:
    """Return the lines that make of one ledger the other, a way each, turned about where less moved.

    What raises a balance of the account goes before what lowers one, so that none runs dry on the way.
    """
    lines = []
    for way in sorted(before.keys() | after.keys(), key=_place):
        more_fen = after[way] - before[way]
        if more_fen:
            debit, credit = way[:2] if more_fen > 0 else (way[1], way[0])
            lines.append(
                SpendPosting(debit=debit, credit=credit, amount_fen=abs(more_fen), reason=way[2], value_date=on)
            )
    return tuple(sorted(lines, key=_lowers))


def _place(way: Way) -> tuple[int, int, int]:
    debit, credit, reason = way
    return int(reason), int(debit), int(credit)


def _lowers(line: SpendPosting) -> bool:
    return line.credit in _OWED or line.debit is Code.SPEND_CREDIT
