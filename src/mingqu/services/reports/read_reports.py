"""Read reports for an operator: a lender's own people see their lender's part, and nobody asks past what they may."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from mingqu.domain.operator import Permission
from mingqu.domain.ownership import NotFound
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.services.reports.report_cohorts import (
    FunnelRow,
    RollRateRow,
    VintageRow,
    report_funnel,
    report_roll_rate,
    report_vintage,
)
from mingqu.services.reports.report_days import (
    Asked,
    IncomeRow,
    PortfolioRow,
    TrialBalanceRow,
    report_income,
    report_portfolio,
    report_trial_balance,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A kind of report: its rows, who makes them, whether it has a first day, and whether it has a lender's part."""

    kind: type[Any]
    make: Callable[..., Sequence[Any]]
    has_first: bool = False
    by_lender: bool = True
    by_product: bool = False


REPORTS: Final[Mapping[str, Report]] = MappingProxyType(
    {
        "portfolio": Report(kind=PortfolioRow, make=report_portfolio),
        "vintage": Report(kind=VintageRow, make=report_vintage, by_product=True),
        "roll-rate": Report(kind=RollRateRow, make=report_roll_rate, has_first=True, by_product=True),
        "funnel": Report(kind=FunnelRow, make=report_funnel, has_first=True, by_lender=False, by_product=True),
        "income": Report(kind=IncomeRow, make=report_income, has_first=True),
        "trial-balance": Report(kind=TrialBalanceRow, make=report_trial_balance, has_first=True),
    }
)


def reports_for(*, seat: Seat) -> tuple[str, ...]:
    """Return the names of the reports that an operator may read, in the order of the page."""
    own = seat.operator.lender_id is not None
    return tuple(name for name, report in REPORTS.items() if report.by_lender or not own)


def read_report(house: House, *, seat: Seat, name: str, asked: Asked) -> Sequence[Any]:
    """Return the rows of a report, of a lender's people only their lender's. What a report has no part of is left out.

    Errors: OperatorForbidden, NotFound (no such report for them), and those of the report.
    """
    seat.operator.require(Permission.REPORTS)
    if name not in reports_for(seat=seat):
        raise NotFound
    report = REPORTS[name]
    own = seat.operator.lender_id
    lender = asked.lender if own is None else str(own)
    return report.make(
        house,
        asked=replace(
            asked,
            first=asked.first if report.has_first else None,
            lender=lender if report.by_lender else None,
            product=asked.product if report.by_product else None,
        ),
    )
