"""The worked tables of a securitized pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mingqu.domain.abs_pool import (
    Claim,
    PooledLoan,
    borne_fen,
    by_month_of_purchase,
    distribute,
    propose,
    watch,
)
from mingqu.domain.calendar import DayCount
from mingqu.domain.money import Rounding, format_fen
from tests.docs.table import Line, day, fen, rate, share_ppm, yuan
from tests.models.pool import BOUGHT_ON, offered, pooled, terms

NONE: Final = "—"


def _fees(line: Line) -> Line:
    borne = borne_fen(
        base_fen=fen(line["on"]),
        rate_ppm=rate(line["rate"]).yearly_ppm(rounding=Rounding.HALF_UP),
        start=day(line["from"]),
        end=day(line["to"]),
        day_count=DayCount(line["day count"]),
    )
    return {"comes to": yuan(borne)}


def _triggers(line: Line) -> Line:
    bought, defaulted = fen(line["bought"]), fen(line["defaulted"])
    performing, late = fen(line["not in default"]), fen(line["late"])
    parts = [
        pooled(bought_fen=bought - performing, opening_fen=defaulted, overdue_days=91 if defaulted else 0),
        pooled(bought_fen=late, opening_fen=late, overdue_days=31),
        pooled(bought_fen=performing - late, opening_fen=performing - late, overdue_days=30),
    ]
    since = line["early since"]
    found = watch(
        terms=terms(),
        loans=parts,
        on=day(line["on"]),
        amortizing_since=None if since == NONE else day(since),
        interest_short_fen=fen(line["interest short"]),
    )
    return {"phase": found.phase.value, "causes": " + ".join(found.causes) or NONE}


def _waterfall(line: Line) -> Line:
    found = distribute(
        available_fen=fen(line["money"]),
        fees=[
            Claim(id=str(place), new_fen=fen(one), carried_fen=0) for place, one in enumerate(line["fees"].split(" + "))
        ],
        senior_interest=Claim(id="senior_interest", new_fen=fen(line["senior interest"]), carried_fen=0),
        senior_fen=fen(line["senior"]),
        subordinate_fen=fen(line["subordinate"]),
        performing_fen=fen(line["not in default"]),
        buys=line["phase"] == "buying",
    )
    return {
        "to fees": yuan(*(one.paid_fen for one in found.fees)),
        "to interest": yuan(found.senior_interest.paid_fen),
        "short": yuan(sum(one.short_fen for one in (*found.fees, found.senior_interest))),
        "kept": yuan(found.kept_fen),
        "to senior": yuan(found.senior_principal_fen),
        "to subordinate": yuan(found.subordinate_principal_fen),
        "excess": yuan(found.subordinate_excess_fen),
    }


def _named(text: str) -> list[tuple[str, str, int]]:
    """Read "x: b 7.00 + y: c 1.00" as loan, borrower and principal in fen."""
    loans = [] if text == NONE else text.split(" + ")
    return [(one.split(": ")[0], one.split(" ")[1], fen(one.split(" ")[2])) for one in loans]


def _purchase(line: Line) -> Line:
    held: list[PooledLoan] = [
        pooled(id=name, borrower=who, bought_fen=amount, opening_fen=amount)
        for name, who, amount in _named(line["in the pool"])
    ]
    found = propose(
        terms=terms(borrower=share_ppm(line["limit"])),
        held=held,
        offered=[offered(id=name, borrower=who, principal_fen=amount) for name, who, amount in _named(line["offered"])],
        cash_fen=fen(line["cash"]),
        buys=True,
    )
    return {
        "proposed": " + ".join(one.id for one in found.bought) or NONE,
        "left out": " + ".join(f"{one.loan.id} {' & '.join(one.reasons)}" for one in found.left_out) or NONE,
        "cash left": yuan(found.cash_left_fen),
    }


def _static(line: Line) -> Line:
    bought, lost, left = fen(line["bought"]), fen(line["left at default"]), fen(line["left now"])
    loan = pooled(bought_fen=bought, opening_fen=lost, repaid_fen=lost - left, defaulted_fen=lost)
    (found,) = by_month_of_purchase(loans=[loan], triggers=terms().triggers, on=BOUGHT_ON)
    percent = f"{found.defaulted_ppm // 10_000}.{found.defaulted_ppm % 10_000:04d}".rstrip("0").rstrip(".")
    return {
        "repaid": format_fen(found.repaid_fen),
        "not recovered": format_fen(found.unrecovered_fen),
        "share in default": f"{percent} %",
    }


POOL_TABLES: Final[dict[str, Callable[[Line], Line]]] = {
    "pool-fees": _fees,
    "pool-triggers": _triggers,
    "pool-waterfall": _waterfall,
    "pool-purchase": _purchase,
    "pool-static": _static,
}
