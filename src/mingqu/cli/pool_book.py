"""A pool of the book on paper and as JSON: its last day's triggers and waterfall, what it holds, its static view."""

from __future__ import annotations

from typing import Any, Final

from mingqu.domain.money import format_fen
from mingqu.services.pools.read_pools import PoolView

_PPM_OF_A_PERCENT: Final = 10_000


def page(view: PoolView) -> str:
    """Return a pool as text."""
    day = view.day
    head = f"{view.terms.id} version {view.terms.version}, open since {view.pool.opened_on}: "
    head += "no day is drawn yet" if day is None else f"{day.phase} on {day.on_date}"
    if day is not None and day.causes:
        head += f" ({', '.join(day.causes)})"
    lines = [head, ""]
    lines += [
        f"  {one.cause.value:<24}{_percent(one.ppm):>12} of at most {_percent(one.most_ppm)}" for one in view.measured
    ]
    if day is not None:
        lines += [
            "",
            _line("received of the day", view.received_fen),
            *([_line("bought back by originator", view.returned_fen)] if view.returned_fen else []),
            _line("cash of earlier days", day.opening_cash_fen),
        ]
        lines += [
            _line(name.replace("_", " "), paid) + (f"  {format_fen(due - paid)} short" if due > paid else "")
            for name, due, paid in view.waterfall
        ]
        lines += ["", _line("senior notes left", day.senior_fen), _line("subordinate notes left", day.subordinate_fen)]
        lines += [f"  {day.bought:,} loans bought for {format_fen(day.spent_fen)}; left out: {_left_out(view)}"]
    lines += ["", "  on the trust's own accounts"]
    lines += [_line(code.name.lower().replace("_", " "), fen) for code, fen in view.trust.items()]
    lines += [
        "",
        f"  {view.loans:,} loans held, {format_fen(view.principal_fen)} of principal; {view.bought_ever:,} ever",
        "",
    ]
    lines.append(
        f"  {'bought in':<10}{'loans':>7}{'bought':>16}{'repaid':>16}{'late':>16}{'defaulted':>16}{'share':>12}"
    )
    lines += [
        f"  {one.month:%Y-%m}   {one.loans:>7,}{format_fen(one.bought_fen):>16}{format_fen(one.repaid_fen):>16}"
        f"{format_fen(one.delinquent_fen):>16}{format_fen(one.defaulted_fen):>16}{_percent(one.defaulted_ppm):>12}"
        for one in view.vintages
    ]
    return "\n".join(lines)


def written(view: PoolView) -> dict[str, Any]:
    """Return a pool as JSON has it."""
    day = view.day
    return {
        "pool": view.terms.id,
        "version": view.terms.version,
        "opened_on": view.pool.opened_on.isoformat(),
        "on": None if day is None else day.on_date.isoformat(),
        "phase": None if day is None else day.phase,
        "causes": [] if day is None else list(day.causes),
        "loans": view.loans,
        "principal_fen": view.principal_fen,
        "bought_ever": view.bought_ever,
        "received_fen": view.received_fen,
        "returned_fen": view.returned_fen,
        "opening_cash_fen": 0 if day is None else day.opening_cash_fen,
        "waterfall": [{"to": name, "due_fen": due, "paid_fen": paid} for name, due, paid in view.waterfall],
        "senior_fen": view.terms.senior_fen if day is None else day.senior_fen,
        "subordinate_fen": view.terms.subordinate_fen if day is None else day.subordinate_fen,
        "left_out": {} if day is None else dict(day.left_out),
        "accounts": {code.name.lower().removeprefix("trust_"): fen for code, fen in view.trust.items()},
        "triggers": [
            {"cause": one.cause.value, "ppm": one.ppm, "most_ppm": one.most_ppm, "hit": one.is_hit}
            for one in view.measured
        ],
        "static_view": [
            {
                "month": f"{one.month:%Y-%m}",
                "age": one.age,
                "loans": one.loans,
                "bought_fen": one.bought_fen,
                "repaid_fen": one.repaid_fen,
                "performing_fen": one.performing_fen,
                "delinquent_fen": one.delinquent_fen,
                "defaulted_fen": one.defaulted_fen,
                "unrecovered_fen": one.unrecovered_fen,
            }
            for one in view.vintages
        ],
    }


def _left_out(view: PoolView) -> str:
    reasons = {} if view.day is None else view.day.left_out
    return ", ".join(f"{loans:,} {reason}" for reason, loans in sorted(reasons.items())) or "none"


def _line(name: str, amount_fen: int) -> str:
    return f"  {name:<28}{format_fen(amount_fen):>20}"


def _percent(ppm: int) -> str:
    return f"{ppm // _PPM_OF_A_PERCENT}.{ppm % _PPM_OF_A_PERCENT:04d} %"
