"""Reports of closed days: a table, a drawing where a shape says more than a number, and the rows as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any, ClassVar, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from mingqu.console import desk as at
from mingqu.console.desk import HOME, Desk
from mingqu.console.desk import Asked as Request
from mingqu.console.plot import Bars, Lines, draw_bars, draw_lines
from mingqu.console.route import page
from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound
from mingqu.domain.refusal import Refusal
from mingqu.services.reports.read_reports import REPORTS, read_report, reports_for
from mingqu.services.reports.report_cohorts import CLASSES, OUTCOMES
from mingqu.services.reports.report_days import Asked
from mingqu.services.write_rows import FORMATS

ROOT: Final = f"{HOME}/reports"
ROWS_SHOWN_MAX: Final = 300  # a screen that still scrolls; the file has them all
LINE_LOANS_MIN: Final = 30  # one loan of fewer is more than three per cent: no line, and the page says so
LINES_MAX: Final = 12  # a year of months; more lines cannot be told apart
ONE_PERCENT_PPM: Final = 10_000
MARKS: Final = ("30", "60", "90")
_FILES: Final = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
_REACHED: Final = ("applied", "decided", "approved", "offered", "signed", "paid", "repaid")


class ReportDayMalformed(Refusal):
    """A day of a report is not written as a date."""

    code: ClassVar[str] = "report_day_malformed"


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of reports."""

    @page("/reports", needs=Permission.REPORTS)
    def first(request: Request) -> Response[Any]:
        return at.go(f"{ROOT}/{reports_for(seat=at.signed_in(request))[0]}")

    @page("/reports/{name:str}", needs=Permission.REPORTS)
    def report(
        request: Request, name: FromPath[str], as_of: FromQuery[str] = "", since: FromQuery[str] = "",
        lender: FromQuery[str] = "", product: FromQuery[str] = "", mark: FromQuery[str] = MARKS[0],
    ) -> Response[Any]:  # fmt: skip
        seat = at.signed_in(request)
        if name not in reports_for(seat=seat):
            raise NotFound
        given = {"as_of": as_of, "since": since, "lender": lender, "product": product}
        rows: Sequence[Any] = ()
        refusal: Refusal | None = None
        try:
            rows = read_report(desk.house, seat=seat, name=name, asked=_asked(given))
        except Refusal as refused:
            refusal = refused
        kind = REPORTS[name]
        chosen = mark if mark in MARKS else MARKS[0]
        return desk.show(
            request,
            "report.html",
            status=refusal.status if refusal else 200,
            code=refusal.code if refusal else "",
            said=refusal.message if refusal else "",
            name=name,
            names=reports_for(seat=seat),
            report=kind,
            given=given,
            question="&".join(f"{key}={value}" for key, value in _safe(given).items()),
            columns=[field.name for field in fields(kind.kind)],
            rows=rows[:ROWS_SHOWN_MAX],
            count=len(rows),
            lenders=() if seat.operator.lender_id else tuple(one.code for one in desk.house.pack.lenders),
            products=tuple(sorted(product.id for product in desk.house.pack.products)),
            names_of={one.code: one for one in desk.house.pack.lenders}
            | {one.id: one for one in desk.house.pack.products},
            marks=MARKS,
            mark=chosen,
            **_drawing(name, rows, mark=chosen),
        )

    @page("/reports/{name:str}/{form:str}", needs=Permission.REPORTS)
    def file(
        request: Request, name: FromPath[str], form: FromPath[str], as_of: FromQuery[str] = "",
        since: FromQuery[str] = "", lender: FromQuery[str] = "", product: FromQuery[str] = "",
    ) -> Response[Any]:  # fmt: skip
        if form not in _FILES:
            raise NotFound
        given = {"as_of": as_of, "since": since, "lender": lender, "product": product}
        rows = read_report(desk.house, seat=at.signed_in(request), name=name, asked=_asked(given))
        content = FORMATS[form](REPORTS[name].kind, rows)
        headers = {"content-disposition": f'attachment; filename="{name}.{form}"'}
        return Response(content, media_type=_FILES[form], headers=headers)

    return [first, report, file]


def _asked(given: Mapping[str, str]) -> Asked:
    return Asked(
        as_of=_day(given["as_of"]),
        first=_day(given["since"]),
        lender=given["lender"].strip() or None,
        product=given["product"].strip() or None,
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise ReportDayMalformed("A day is written like 2026-10-01.") from None


def _safe(given: Mapping[str, str]) -> dict[str, str]:
    """Return what was asked as far as an address can hold it as it is."""
    return {key: text for key, text in given.items() if text and all(one.isalnum() or one in "-_." for one in text)}


def _drawing(name: str, rows: Sequence[Any], *, mark: str) -> dict[str, Any]:
    """Return what is drawn of a report: lines, bars, a matrix, or nothing."""
    lines: Lines | None = None
    bars: Bars | None = None
    matrix: dict[tuple[str, str], Any] = {}
    if name == "vintage":
        lines = draw_lines(series=_vintages(rows, mark=mark), reach=ONE_PERCENT_PPM)
    elif name == "roll-rate":
        matrix = {(row.before, row.after): row for row in rows}
    elif name == "funnel":
        bars = draw_bars(rows=[(step, [(step, sum(getattr(row, step) for row in rows))]) for step in _REACHED])
    elif name == "portfolio":
        bars = draw_bars(rows=_portfolio(rows))
    return {
        "lines": lines,
        "line_loans_min": LINE_LOANS_MIN,
        "bars": bars,
        "matrix": matrix,
        "classes": [one for one in CLASSES if (one, CLASSES[0]) in matrix],
        "outcomes": OUTCOMES,
        "arrears": CLASSES,
    }


def _vintages(rows: Sequence[Any], *, mark: str) -> list[tuple[str, dict[int, int]]]:
    """Return the share that is late by month on book, of the latest months with loans enough for a line."""
    found: dict[str, dict[int, int]] = {}
    for row in rows:
        if row.loans >= LINE_LOANS_MIN:
            found.setdefault(row.vintage, {})[row.month_on_book] = getattr(row, f"late_{mark}_share_ppm")
    return sorted(found.items())[-LINES_MAX:]


def _portfolio(rows: Sequence[Any]) -> list[tuple[str, list[tuple[str, int]]]]:
    """Return the principal of each product by how late its loans are."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        parts = found.setdefault(row.product, dict.fromkeys(CLASSES, 0))
        parts[row.arrears] += row.principal_fen
    return [(product, list(parts.items())) for product, parts in sorted(found.items())]
