"""Hand a book over: every running or lost loan as a line of a file, as it stood when the last closed day ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.loan import Event, LoanState, LoanTerms, MigratedIn, Stage, fold
from mingqu.domain.loan.hand_over import NotHandedOver, hand_over, lost_on
from mingqu.domain.taking_over import HEADER, content_of
from mingqu.services.books.take_over_book import closed_to
from mingqu.services.house import House
from mingqu.store.loans import loan as loans_at_rest
from mingqu.store.loans import taking_over
from mingqu.store.loans.taking_over import Known
from mingqu.store.server.database import Transaction

# Loans that are alike are told once; of a book whose loans all differ this is a few megabytes that help nothing.
_REMEMBERED_MAX: Final = 8_192
# Whoever reads the report has seen enough by then; the count is of all.
LEFT_OUT_MAX: Final = 100
_OVER: Final = (Stage.SETTLED, Stage.CANCELLED, Stage.WRITTEN_OFF)


@dataclass(slots=True, kw_only=True)  # filled while lines are read
class HandedOver:
    """What became of the book's loans; `left_out` names some of those that no line can say, and why."""

    as_of: date | None = None
    loans: int = 0
    over: int = 0  # settled, cancelled or given up: nothing is left to hand over
    later: int = 0  # nothing had been paid out yet
    left_out_count: int = 0
    left_out: list[dict[str, str]] = field(default_factory=list)


def hand_over_book(house: House, *, report: HandedOver, progress: Callable[[int], None] | None = None) -> Iterator[str]:
    """Yield the lines of the book in order of the loans' references, the header first, in one view of it.

    What happened today is left out; a loan that began here is known by its id. `report` is filled on the way, and
    `progress` told how many loans were looked at. Errors: DaysNotClosed.
    """
    with house.database.transaction() as tx:
        tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        report.as_of = closed_to(tx, house)
        yield f"{HEADER}\n"
        told = _Told(house, on=report.as_of + timedelta(days=1))
        for number, known in enumerate(taking_over.all_loans(tx), start=1):
            text = told.line(tx, known, report)
            if text is not None:
                report.loans += 1
                yield f"{known.reference},{known.person_reference},{text}\n"
            if progress is not None:
                progress(number)


class _Told:
    """Tells loans as lines, those that are alike once."""

    def __init__(self, house: House, *, on: date) -> None:
        self._house, self._on = house, on
        self._remembered: dict[tuple[str, str, str, date | None, int, date | None], str] = {}

    def line(self, tx: Transaction, known: Known, report: HandedOver) -> str | None:
        alike = (known.product_id, known.terms, known.state, known.as_of, known.product_version, known.disbursed_on)
        text = self._remembered.get(alike)
        if text is not None:
            return text
        terms, state = known.decoded()
        lost = None
        if self._has_moved(state) or state.lost:
            before = self._told_before(tx, known)
            state, lost = fold(terms=terms, events=before, as_of=self._on)[0], lost_on(before)
        if state.stage is Stage.PLANNED:
            report.later += 1
            return None
        if state.stage in _OVER:
            report.over += 1
            return None
        try:
            text = self._text(known, terms, state, lost if state.stage is Stage.CHARGED_OFF else None)
        except NotHandedOver as refusal:
            report.left_out_count += 1
            if len(report.left_out) < LEFT_OUT_MAX:
                report.left_out.append({"loan_id": known.loan_id.hex, "why": refusal.message})
            return None
        if state.lost:  # since when says no snapshot, so what it says is not what others alike say
            return text
        if len(self._remembered) >= _REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[alike] = text
        return text

    def _has_moved(self, state: LoanState) -> bool:
        """Whether something happened on the open day: it is not part of how the last closed day ended."""
        return state.last_key is not None and state.last_key[0] >= self._on and state.last_key[1] != MigratedIn.rank

    def _told_before(self, tx: Transaction, known: Known) -> list[Event]:
        stored = loans_at_rest.get(tx, cell=known.cell, loan_id=known.loan_id)
        events = loans_at_rest.events(tx, loan=stored)
        return [one for one in events if one.value_date < self._on or isinstance(one, MigratedIn)]

    def _text(self, known: Known, terms: LoanTerms, state: LoanState, lost: date | None) -> str:
        product = self._house.pack.product_version(product_id=known.product_id, version=known.product_version)
        event = hand_over(
            terms=terms,
            state=state,
            on=self._on,
            event_id=UUID(int=0),
            product_version=known.product_version,
            disbursed_on=known.disbursed_on,
            lost=lost,
        )
        lender = self._house.pack.lender(lender_id=known.lender_id)
        content = content_of(product=product, lender=lender.code, terms=terms, event=event)
        if content is None:
            raise NotHandedOver("Its terms are not those of its product, and no column says how they differ.")
        return content.text()
