"""Loan arithmetic for a whole book at once, in columns of 64-bit whole numbers, bit for bit that of one loan.

`build_all` makes schedules, `accrued` reads what lines have accrued, `morning` does the close's step. Whatever does not
fit goes to the scalar reference row by row; nothing wraps and nothing is a float.
"""

from mingqu.domain.batch.accrual import AccruedColumns, LineColumns, accrued, total
from mingqu.domain.batch.columns import LoansToSchedule, ScheduleColumns
from mingqu.domain.batch.morning import MorningColumns, morning
from mingqu.domain.batch.outcome import (
    KINDS,
    AccrualColumns,
    HappeningColumns,
    MorningOutcome,
    PostingColumns,
)
from mingqu.domain.batch.schedules import build_all
from mingqu.domain.batch.snapshot import line_columns, morning_columns
from mingqu.domain.batch.standing import Standing, StandingColumns, standing

__all__ = [
    "KINDS",
    "AccrualColumns",
    "AccruedColumns",
    "HappeningColumns",
    "LineColumns",
    "LoansToSchedule",
    "MorningColumns",
    "MorningOutcome",
    "PostingColumns",
    "ScheduleColumns",
    "Standing",
    "StandingColumns",
    "accrued",
    "build_all",
    "line_columns",
    "morning",
    "morning_columns",
    "standing",
    "total",
]
