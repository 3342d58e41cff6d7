"""Reports of what became of loans: vintages, roll rates, and how far applications came. By the day of posting.

A report of closed days is the same for ever, like those of `report_days`; rows are flat, amounts whole fen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

from mingqu.domain.cohort import looked_at, month_before, month_on_book, share_ppm
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.reports.report_days import Asked, Days, closed_days
from mingqu.store.loans.overview import BUCKETS
from mingqu.store.reports import cohort
from mingqu.store.reports.cohort import Late, Of

ENDED: Final = "ended"
WRITTEN_OFF: Final = "written_off"
CLASSES: Final = tuple(name for name, _, _ in BUCKETS)  # of running loans, by how late they are
OUTCOMES: Final = (*CLASSES, ENDED, WRITTEN_OFF)


class TurnsNotKept(Refusal):
    """The book is older than its record of loans becoming late: such reports begin where that record begins."""

    code: ClassVar[str] = "turns_not_kept"
    status: ClassVar[int] = 404


class ProductUnknown(Refusal):
    """There is no product with this id."""

    code: ClassVar[str] = "report_product_unknown"
    status: ClassVar[int] = 404


class FunnelOfLender(Refusal):
    """An application is to the house and not to one lender; how far it came is not one lender's to see."""

    code: ClassVar[str] = "funnel_of_lender"


@dataclass(frozen=True, slots=True, kw_only=True)
class VintageRow:
    """Loans paid out in one month (`YYYY-MM`), as a later month of their life ended; shares are of all of them."""

    vintage: str
    month_on_book: int
    on: date
    currency: str
    loans: int
    started_fen: int
    late_30_loans: int
    late_60_loans: int
    late_90_loans: int
    written_off_loans: int
    late_30_share_ppm: int
    late_60_share_ppm: int
    late_90_share_ppm: int
    late_30_principal_fen: int
    late_60_principal_fen: int
    late_90_principal_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RollRateRow:
    """Loans of one class of arrears as the first day ended, by what they had become; shares are of the class."""

    first: date
    as_of: date
    before: str
    after: str
    loans: int
    share_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelRow:
    """Applications made in one month (`YYYY-MM`), and how many of them had come how far when the day ended."""

    month: str
    as_of: date
    applied: int
    decided: int
    approved: int
    offered: int
    signed: int
    paid: int
    repaid: int


def report_vintage(house: House, *, asked: Asked) -> list[VintageRow]:
    """Return each month's loans by month of their life, up to `as_of`: how many were late by 30, 60 and 90 days.

    Month ends before the book kept turns are left out, as are months in which nothing began.
    Errors: DayNotClosed, DayBeforeBook, TurnsNotKept, LenderUnknown, ProductUnknown.
    """
    assert asked.first is None, "vintages begin with the book"
    days, of = _asked(house, asked)
    with house.database.transaction() as tx:
        began = cohort.started(tx, last=days.last, of=of)
        looked = looked_at(first=days.turns_from, last=days.last)
        found = {(one.month, one.currency, one.on): one for one in cohort.late(tx, days=looked, of=of)}
    rows: list[VintageRow] = []
    for one in began:
        for on in looked:
            if month_on_book(started=one.month, on=on) < 0:
                continue
            nothing = Late(
                month=one.month, currency=one.currency, on=on, loans=(0, 0, 0), principal_fen=(0, 0, 0), written_off=0
            )
            late = found.get((one.month, one.currency, on), nothing)
            rows.append(
                VintageRow(
                    vintage=f"{one.month:%Y-%m}",
                    month_on_book=month_on_book(started=one.month, on=on),
                    on=on,
                    currency=one.currency,
                    loans=one.loans,
                    started_fen=one.started_fen,
                    late_30_loans=late.loans[0],
                    late_60_loans=late.loans[1],
                    late_90_loans=late.loans[2],
                    written_off_loans=late.written_off,
                    late_30_share_ppm=share_ppm(part=late.loans[0], whole=one.loans),
                    late_60_share_ppm=share_ppm(part=late.loans[1], whole=one.loans),
                    late_90_share_ppm=share_ppm(part=late.loans[2], whole=one.loans),
                    late_30_principal_fen=late.principal_fen[0],
                    late_60_principal_fen=late.principal_fen[1],
                    late_90_principal_fen=late.principal_fen[2],
                )
            )
    return rows


def report_roll_rate(house: House, *, asked: Asked) -> list[RollRateRow]:
    """Return how the loans of each class of arrears moved from `first` (the last month's end) to `as_of`.

    Every class that had loans has a row for everything they can become, also where no loan did.
    Errors: DayNotClosed, DayBeforeBook, DaysOutOfOrder, TurnsNotKept, LenderUnknown, ProductUnknown.
    """
    days, of = _asked(house, asked)
    first = days.first if asked.first else max(month_before(on=days.last), days.turns_from)
    with house.database.transaction() as tx:
        found = {(one.before, one.after): one.loans for one in cohort.moved(tx, first=first, last=days.last, of=of)}
    whole = {before: sum(loans for (own, _), loans in found.items() if own == before) for before in CLASSES}
    return [
        RollRateRow(
            first=first,
            as_of=days.last,
            before=before,
            after=after,
            loans=found.get((before, after), 0),
            share_ppm=share_ppm(part=found.get((before, after), 0), whole=whole[before]),
        )
        for before in CLASSES
        if whole[before]
        for after in OUTCOMES
    ]


def report_funnel(house: House, *, asked: Asked) -> list[FunnelRow]:
    """Return how far the applications of each month had come when `as_of` ended; from `first` on where it is given.

    With a product, offers and contracts are those of it. Errors: DayNotClosed, DayBeforeBook, DaysOutOfOrder,
    FunnelOfLender, ProductUnknown.
    """
    if asked.lender is not None:
        raise FunnelOfLender("Ask for the funnel without a lender: people apply to all of them.")
    days, of = _asked(house, asked)
    with house.database.transaction() as tx:
        found = cohort.funnel(tx, last=days.last, of=of)
    since = asked.first.replace(day=1) if asked.first else date.min
    return [
        FunnelRow(
            month=f"{one.month:%Y-%m}",
            as_of=days.last,
            applied=one.applied,
            decided=one.decided,
            approved=one.approved,
            offered=one.offered,
            signed=one.signed,
            paid=one.paid,
            repaid=one.repaid,
        )
        for one in found
        if one.month >= since
    ]


def _asked(house: House, asked: Asked) -> tuple[Days, Of]:
    days = closed_days(house, asked=asked)
    if asked.product is not None and asked.product not in {product.id for product in house.pack.products}:
        raise ProductUnknown(f"There is no product {asked.product[:64]}.")
    if days.first < days.turns_from:
        raise TurnsNotKept(f"What becomes of loans is kept from {days.turns_from} on.")
    return days, Of(lender_id=days.lender_id, product_id=asked.product)
