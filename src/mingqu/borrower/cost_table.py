"""What the page of a cost table shows: the stored table itself, in the person's language."""

from __future__ import annotations

from datetime import date
from typing import Any

from mingqu.borrower.door import Visit
from mingqu.services.offers.disclose_cost import RISK_WARNING
from mingqu.services.offers.read_cost_table import ShownTable


def table_values(visit: Visit, shown: ShownTable) -> dict[str, Any]:
    """Return a stored table's values for its page; the words of law stand in Chinese, as they were stored."""
    body: dict[str, Any] = dict(shown.body)
    lender = collector_of(visit, str(body["lender"]))
    payments = [(date.fromisoformat(day), int(fen)) for day, fen in body["payments"]]
    penalty = body["on_default"][0]
    return {
        "lender": lender,
        "principal_fen": body["principal_fen"],
        "items": [
            {
                "code": item["code"],
                "collector": collector_of(visit, item["collector"]),
                "standard": item["standard"],
                "fen": item["amount_fen"],
            }
            for item in body["items"]
        ],
        "has_fees": len(body["items"]) > 1,
        "cost_fen": body["cost_fen"],
        "simple_ppm": body["annual_simple_ppm"],
        "effective_ppm": body["annual_effective_ppm"],
        "payments": payments,
        "first_fen": payments[0][1],
        "last_fen": payments[-1][1],
        "total_fen": body["principal_fen"] + body["cost_fen"],
        "penalty_ppm": penalty["annual_ppm"],
        "penalty_collector": collector_of(visit, penalty["collector"]),
        "late": penalty["days_and_cost_fen"],
        "early_fee_ppm": body["early_repayment_fee_ppm"],
        "cooling_off_days": body.get("cooling_off_days", 0),
        "statement": body["statement"],
        "warning": body["risk_warning"] if body["risk_warning"] != RISK_WARNING else "",
        "method": body["method"],
        "hash": shown.body_hash.hex(),
    }


def collector_of(visit: Visit, name: str) -> str:
    """Return a collector's name in the page's language, if it is a lender or a partner; the stored name otherwise."""
    pack = visit.house.pack
    names = [(one.name_zh, one.name_en) for one in pack.lenders] + [(one.name_zh, one.name_en) for one in pack.partners]
    return next((visit.words.pick(*both) for both in names if both[0] == name), name)
