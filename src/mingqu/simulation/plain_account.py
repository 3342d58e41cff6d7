"""A revolving account told the long way: heaps of money owed, a night at a time. It shares no code with the house's.

It knows one way of charging, that of both products: what a due day finds unpaid bears from that day on, and nothing
else of a bill does. Each fen of a heap is somewhere: not billed, billed, paid, given back, paid by what was the owner's
already, or moved on into instalments; where it went is counted, and adds up.

A draw that came back never was: another account is told everything else anew (`plain_story`), with the bills that were
sent by then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import Enum
from fractions import Fraction
from typing import Final
from uuid import UUID

from mingqu.domain.spend import SpendEvent, SpendKind, SpendTerms

_DAY: Final = timedelta(days=1)
_HALF: Final = Fraction(1, 2)
_TENTH: Final = Fraction(1, 10)
_WHOLE_UP_TO_FEN: Final = 10_000  # a bill of so little principal asks for all of it
_BEYOND: Final = _HALF  # of the rate: what a penalty adds to it
_BOUNCED: Final = {
    SpendKind.REVERSED: "principal",
    SpendKind.REVERSED_INTEREST: "interest",
    SpendKind.REVERSED_FEE: "fee",
    SpendKind.REVERSED_PENALTY: "penalty",
}


class Went(Enum):
    """Where a fen of a purchase, of a draw or of instalments went that is not owed on its heap any more."""

    PAID = "paid"
    CAME_BACK = "came back"
    FROM_CREDIT = "paid from credit"
    INSTALMENTS = "instalments"


@dataclass(slots=True)
class Heap:
    """What is owed of one purchase, draw or instalment; `back_fen` of it came back and waits for the next bill."""

    of: UUID
    on: date
    fen: int
    billed: bool = False
    instalment: bool = False
    bears: bool = False
    back_fen: int = 0
    nights_fen: int = 0  # a fen for each night that it bore since the last bill


@dataclass(slots=True)
class Instalments:
    """What will be billed later, as (principal, fee)."""

    of: UUID
    sources: tuple[UUID, ...]
    parts: list[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainBill:
    """A bill as anyone would add it up."""

    number: int
    billed_on: date
    principal_fen: int
    interest_fen: int
    fee_fen: int
    penalty_fen: int
    instalment_fen: int
    overdue_fen: int
    over_limit_fen: int
    least_fen: int

    @property
    def total_fen(self) -> int:
        """Everything that it asks for."""
        asked = (self.principal_fen, self.interest_fen, self.fee_fen, self.penalty_fen, self.instalment_fen)
        return sum(asked) + self.overdue_fen + self.over_limit_fen


@dataclass(slots=True, kw_only=True)
class PlainAccount:
    """One account; tell it what happened, in order, and let days pass."""

    terms: SpendTerms
    opened_on: date
    day: date
    limit_fen: int
    heaps: list[Heap] = field(default_factory=list)
    plans: list[Instalments] = field(default_factory=list)
    due: Counter[str] = field(default_factory=Counter)  # interest, fee, penalty
    credit_fen: int = 0
    bills: list[PlainBill] = field(default_factory=list)  # as they stand now
    sent: list[PlainBill] = field(default_factory=list)  # as they were
    said: Mapping[date, PlainBill] = field(default_factory=dict)  # those that another telling of it sent
    is_open: bool = False  # whether it is not known yet if the last bill was paid
    paid_fen: int = 0  # of the last bill
    converted_fen: int = 0
    asked_fen: int = 0  # principal of its least payment that did not come yet
    overdue_fen: int = 0
    lacking_fen: int = 0
    late_since: date | None = None
    penalty_nights_fen: int = 0
    spent: Counter[UUID] = field(default_factory=Counter)
    went: dict[UUID, Counter[Went]] = field(default_factory=dict)
    paid_by: dict[UUID, Counter[str]] = field(default_factory=dict)  # what each payment paid of interest, fee, penalty

    @property
    def used_fen(self) -> int:
        """Principal that is owed, instalments to come included."""
        return sum(heap.fen for heap in self.heaps) + sum(fen for plan in self.plans for fen, _ in plan.parts)

    def pass_to(self, day: date) -> None:
        """Let evenings and nights pass up to the morning of a day."""
        while self.day < day:
            self._evening()
            self._night()
            self.day += _DAY

    def tell(self, event: SpendEvent) -> None:
        """Let something happen on its day."""
        self.pass_to(event.on)
        fen = event.amount_fen
        match event.kind:
            case SpendKind.PURCHASED | SpendKind.DRAWN:
                self.spent[event.event_id] += fen
                heap = Heap(event.event_id, event.on, fen, bears=not self.terms.free_period)
                self.heaps.append(heap)
                self._use_credit(heap)
            case SpendKind.REPAID:
                self._pay(event.event_id, fen)
            case SpendKind.REVERSED:
                self._owe_again(event.event_id, fen)
            case kind if kind in _BOUNCED:
                self.due[_BOUNCED[kind]] += fen
            case SpendKind.REFUNDED:
                assert event.target is not None
                self._give_back(event.target, fen)
            case SpendKind.CONVERTED:
                assert event.count is not None
                self._cut(event.event_id, event.target, fen, event.count)
            case SpendKind.LIMITED:
                self.limit_fen = fen
            case SpendKind.SENT_BACK:
                self._owe_again(event.event_id, fen)  # of nothing, unless it is told again without a draw
            case SpendKind.NOT_SENT_BACK | SpendKind.CAME_BACK:
                self.credit_fen += fen
            case other:
                raise AssertionError(f"nobody has told the plain account what {other} is")
        self.heaps = [heap for heap in self.heaps if heap.fen or heap.nights_fen]

    def tell_what_is_left(self, event: SpendEvent, events: Sequence[SpendEvent]) -> None:
        """Let something happen; of an amount that becomes instalments, as much as is there by then.

        What did not come after all is owed as it was paid here: fees, penalty and interest first, then the rest.
        """
        self.pass_to(event.on)
        if event.kind in _BOUNCED:
            alike = [one for one in events if one.kind in _BOUNCED and one.target == event.target]
            if event is alike[0] and event.target is not None:
                left_fen = sum(one.amount_fen for one in alike)
                for what in ("fee", "penalty", "interest"):
                    part_fen = min(left_fen, self.paid_by.get(event.target, Counter())[what])
                    self.due[what] += part_fen
                    left_fen -= part_fen
                ids = [one.event_id for one in alike if one.kind is SpendKind.REVERSED]
                self._owe_again((ids or [event.event_id])[0], left_fen)
            return
        if event.kind is SpendKind.CONVERTED:
            fen = min(event.amount_fen, self._most_fen(event.target))
            if self.lacking_fen or fen < self.terms.instalment_least_fen:
                return
            event = replace(event, amount_fen=fen)
        self.tell(event)

    def _most_fen(self, target: UUID | None) -> int:
        """Return what can become instalments: a purchase whole, of a bill what it does not ask at least."""
        if target is not None:
            return sum(heap.fen for heap in self.heaps if heap.of == target and not heap.billed)
        if not self.is_open:
            return 0
        parts_fen = sum(heap.fen for heap in self.heaps if heap.instalment)
        left_fen = sum(heap.fen - heap.back_fen for heap in self.heaps if heap.billed and not heap.instalment)
        return max(0, left_fen - max(0, self.asked_fen + self.overdue_fen - parts_fen))

    def lost(self) -> list[UUID]:
        """Return whose fen do not add up: those owed and those that went somewhere are not those that were spent."""
        owed = Counter[UUID]()
        for heap in self.heaps:
            owed[heap.of] += heap.fen
        for plan in self.plans:
            owed[plan.of] += sum(fen for fen, _ in plan.parts)
        return [of for of, fen in self.spent.items() if fen != owed[of] + sum(self.went.get(of, {}).values())]

    def _takes(self, heap: Heap, fen: int, went: Went) -> None:
        heap.fen -= fen
        self.went.setdefault(heap.of, Counter())[went] += fen
        if heap.back_fen > heap.fen:
            self.credit_fen += heap.back_fen - heap.fen
            heap.back_fen = heap.fen

    def _queue(self) -> list[Heap]:
        """Return heaps as money pays them: the billed before the rest, instalments before purchases, the oldest."""
        return sorted(self.heaps, key=lambda heap: (not heap.billed, not heap.instalment, heap.on, heap.of))

    def _use_credit(self, heap: Heap) -> None:
        fen = min(self.credit_fen, heap.fen - heap.back_fen)
        self.credit_fen -= fen
        self._takes(heap, fen, Went.FROM_CREDIT)

    def _owe_again(self, of: UUID, fen: int) -> None:
        own_fen = min(fen, self.credit_fen)
        self.credit_fen -= own_fen
        self.spent[of] += fen - own_fen
        self.heaps.append(Heap(of, self.day, fen - own_fen, bears=not self.terms.free_period))

    def _pay(self, of: UUID, fen: int) -> None:
        left_fen, self.paid_by[of] = fen, Counter()
        for what in ("fee", "penalty", "interest"):
            part_fen = min(left_fen, self.due[what])
            self.paid_by[of][what] = part_fen
            self.due[what] -= part_fen
            left_fen -= part_fen
        for heap in self._queue():
            part_fen = min(left_fen, heap.fen)
            self._takes(heap, part_fen, Went.PAID)
            left_fen -= part_fen
            if heap.billed:
                late_fen = min(part_fen, self.overdue_fen)
                self.overdue_fen -= late_fen
                self.asked_fen -= min(part_fen - late_fen, self.asked_fen)
        self.credit_fen += left_fen
        self.paid_fen += fen
        self.lacking_fen = max(0, self.lacking_fen - fen)
        if not self.lacking_fen:
            self.late_since = None

    def _give_back(self, target: UUID, fen: int) -> None:
        left_fen = fen
        for heap in self.heaps:
            if heap.of == target and not heap.instalment:
                part_fen = min(left_fen, heap.fen - heap.back_fen)
                left_fen -= part_fen
                if heap.billed:
                    heap.back_fen += part_fen
                else:
                    self._takes(heap, part_fen, Went.CAME_BACK)
        plan = next((one for one in self.plans if target in one.sources), None)
        while plan is not None and plan.parts and left_fen:
            principal_fen, fee_fen = plan.parts.pop()
            part_fen = min(left_fen, principal_fen)
            if part_fen < principal_fen:
                plan.parts.append((principal_fen - part_fen, fee_fen))
            left_fen -= part_fen
            self.went.setdefault(plan.of, Counter())[Went.CAME_BACK] += part_fen
        self.plans = [one for one in self.plans if one.parts]
        self.credit_fen += left_fen

    def _cut(self, plan_id: UUID, target: UUID | None, fen: int, count: int) -> None:
        chosen = [
            heap
            for heap in self._queue()
            if not heap.instalment and (heap.billed if target is None else heap.of == target and not heap.billed)
        ]
        left_fen, sources = fen, []
        for heap in chosen:
            part_fen = min(left_fen, heap.fen - heap.back_fen)
            if part_fen:
                self._takes(heap, part_fen, Went.INSTALMENTS)
                sources.append(heap.of)
                left_fen -= part_fen
        assert not left_fen, "more became instalments than was owed"
        fee_fen = _rounded(Fraction(fen * dict(self.terms.instalment_fees)[count], 1_000_000))
        parts = list(zip(_shares(fen, count), _shares(fee_fen, count), strict=True))
        self.plans.append(Instalments(plan_id, tuple(sources), parts))
        self.spent[plan_id] += fen
        self.converted_fen += fen if target is None else 0

    def _evening(self) -> None:
        """Let a due day, or a bill day, be over."""
        if self.is_open and self.day == self.terms.due_of(self.bills[-1].billed_on):
            self._judge()
        if self.day.day == self.terms.bill_day and self.day != self.opened_on:
            self._bill()

    def _night(self) -> None:
        for heap in self.heaps:
            heap.nights_fen += heap.fen - heap.back_fen if heap.bears else 0
        self.penalty_nights_fen += self.overdue_fen

    def _judge(self) -> None:
        bill, self.is_open = self.bills[-1], False
        whole = self.paid_fen + self.converted_fen >= bill.total_fen
        billed = [heap for heap in self.heaps if heap.billed]
        for heap in billed:
            heap.bears = heap.bears or not whole
        principal_fen = sum(heap.fen - heap.back_fen for heap in billed)
        owed_fen = principal_fen + self.due.total()
        self.lacking_fen = min(max(0, bill.least_fen - self.paid_fen), owed_fen)
        if self.lacking_fen:
            self.overdue_fen = min(self.overdue_fen + self.asked_fen, principal_fen)
            self.late_since = self.late_since or self.day + _DAY
        else:
            self.late_since = None
        self.asked_fen = 0

    def _bill(self) -> None:
        for heap in self.heaps:
            back_fen, heap.back_fen = heap.back_fen, 0
            self._takes(heap, back_fen, Went.CAME_BACK)
        rate = Fraction(*self.terms.fen_day())
        self.due["interest"] += _rounded(sum(heap.nights_fen for heap in self.heaps) * rate)
        self.due["penalty"] += _rounded(self.penalty_nights_fen * rate * _BEYOND)
        self.penalty_nights_fen = 0
        for plan in self.plans:
            principal_fen, fee_fen = plan.parts.pop(0)
            self.heaps.append(Heap(plan.of, self.day, principal_fen, billed=True, instalment=True))
            self.due["fee"] += fee_fen
        self.plans = [one for one in self.plans if one.parts]
        for heap in self._queue():
            heap.nights_fen = 0
            self._use_credit(heap)
        self.heaps = [heap for heap in self.heaps if heap.fen]
        for heap in self.heaps:
            heap.billed = True
        self._ask()

    def _ask(self) -> None:
        """Write the bill of what is owed now; where nothing is, there is none."""
        ordinary_fen = sum(heap.fen for heap in self.heaps if not heap.instalment)
        due_now_fen = sum(heap.fen for heap in self.heaps if heap.instalment and heap.on == self.day)
        due_before_fen = sum(heap.fen for heap in self.heaps if heap.instalment) - due_now_fen
        self.overdue_fen = min(self.overdue_fen, ordinary_fen + due_before_fen)
        late_parts_fen = min(self.overdue_fen, due_before_fen)
        self.lacking_fen = min(self.lacking_fen, self.overdue_fen + self.due.total())
        self.late_since = self.late_since if self.lacking_fen else None
        principal_fen = ordinary_fen - (self.overdue_fen - late_parts_fen)
        over_fen = min(principal_fen, max(0, self.used_fen - self.limit_fen))
        principal_fen -= over_fen
        parts_fen = due_now_fen + due_before_fen - late_parts_fen
        asked_fen = principal_fen if principal_fen <= _WHOLE_UP_TO_FEN else _rounded(principal_fen * _TENTH)
        asked_fen += parts_fen + over_fen
        least_fen = asked_fen + self.overdue_fen + self.due.total()
        said = self.said.get(self.day)
        if said is not None and said.least_fen < least_fen:  # whoever paid what it asked was in time
            asked_fen -= least_fen - said.least_fen
            least_fen = said.least_fen
        bill = PlainBill(
            number=self.bills[-1].number + 1 if self.bills else 1,
            billed_on=self.day,
            principal_fen=principal_fen,
            interest_fen=self.due["interest"],
            fee_fen=self.due["fee"],
            penalty_fen=self.due["penalty"],
            instalment_fen=parts_fen,
            overdue_fen=self.overdue_fen,
            over_limit_fen=over_fen,
            least_fen=least_fen,
        )
        self.paid_fen = self.converted_fen = 0
        self.asked_fen, self.is_open = asked_fen, bill.total_fen > 0
        if self.is_open or said is not None:
            self.bills.append(bill)
            self.sent.append(bill)


def _rounded(exact: Fraction | int) -> int:
    """Round half up: no amount of an account is below zero."""
    return int((Fraction(exact) + _HALF) // 1)


def _shares(fen: int, count: int) -> list[int]:
    """Cut an amount into as many parts, the last of which takes what does not divide."""
    return [fen // count] * (count - 1) + [fen - fen // count * (count - 1)]
