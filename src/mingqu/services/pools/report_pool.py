"""A month of a securitized pool, of a file: the terms of that day are looked up, and the file is held against them."""

from __future__ import annotations

from pathlib import Path

from mingqu.domain.abs_pool import PoolReport, check_against, pool_on, report_month
from mingqu.store.funders.pool import load_pools, read_pool_file


def report_pool(*, path: Path, folder: Path | None = None) -> PoolReport:
    """Return what the month of a file came to, by the terms in force on its payment day.

    Errors: PoolFileMalformed, PoolUnknown, PolicyFault; OSError when the file cannot be read.
    """
    file = read_pool_file(path)
    terms = pool_on(pools=load_pools(folder=folder), pool_id=file.month.pool_id, business_date=file.month.end)
    check_against(file=file, terms=terms)
    return report_month(terms=terms, month=file.month)
