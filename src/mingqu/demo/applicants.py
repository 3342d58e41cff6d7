"""Real applicants from a CSV through the same path, and ninety days of what becomes of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mingqu.demo.applicant_file import ApplicantRow
from mingqu.demo.journey import Borrowed, be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import applicant
from mingqu.demo.report import DemoReport, PersonReport, as_fraction, written_reasons
from mingqu.demo.story import fund_lenders, live
from mingqu.demo.tell import Teller
from mingqu.demo.world import World
from mingqu.domain.money import Money, Rounding, divide, format_fen
from mingqu.domain.rate import format_percent
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.loans.read_loan import loan_state, order_states
from mingqu.services.offers.make_offers import NoLimit

DAYS: Final = 90
INSTALMENTS: Final = 6
BAD_DAYS: Final = 30  # overdue for longer than this counts as bad
WANTED_FEN: Final = 500_000  # each asks for 5,000.00, or for what the limit allows
STEP_FEN: Final = 10_000
ENOUGH_FEN: Final = 50_000_000  # on the card of somebody who pays


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One applicant: what was decided, and the loan if there is one."""

    band: str
    approved: bool
    borrowed: Borrowed | None


def run_applicants(world: World, tell: Teller, *, rows: Sequence[ApplicantRow]) -> DemoReport:
    """Let the rows of a file apply, live ninety days, and report funnel, bad rate by band, portfolio.

    Behaviour, stated: whoever the data calls bad has no money on the card; everybody else always has, and due
    amounts are deducted by agreement.
    """
    # Each lender could lend to all of them in any one cell, so that money is never what decides.
    fund_lenders(world, amount=Money(len(rows) * WANTED_FEN, "CNY"))
    report = DemoReport()
    applied: list[Applied] = []
    with tell.progress("applying", len(rows)) as step:
        for number, row in enumerate(rows, start=1):
            applied.append(_apply(world, number, row, report))
            step(f"{number}")
    work_until_idle(world)
    start = world.house.clock.business_date()
    report.days_closed = live(world, tell, until=start + timedelta(days=DAYS - 1), acts={})
    _outcomes(world, tell, applied, report)
    report.evidence_root = publish_evidence(world.house).root.hex()
    return report


def _apply(world: World, number: int, row: ApplicantRow, report: DemoReport) -> Applied:
    newcomer = applicant(
        number=number,
        age_years=row.inputs["age_years"],
        on=world.house.clock.business_date(),
        features=_known_to_bureau(row.inputs),
        monthly_income_fen=row.inputs["monthly_income_fen"],
    )
    known = introduce(world, newcomer, balance_fen=0 if row.known_bad else ENOUGH_FEN)
    decision = be_assessed(world, known, amount_fen=WANTED_FEN).decision
    person = PersonReport(name=newcomer.alias)
    report.people.append(person)
    borrowed = None
    if decision.approved:
        amount = min(WANTED_FEN, max(price.limit_fen for price in decision.prices)) // STEP_FEN * STEP_FEN
        try:
            borrowed = take_loan(world, known, amount_fen=amount, instalments=INSTALMENTS, method="equal_instalment")
            work_until_idle(world)
            if row.known_bad:
                world.deposit(newcomer, -world.balance_fen(newcomer))  # the loan itself is spent at once
            person.apr_effective = as_fraction(borrowed.offered.cost.annual.effective_ppm)
        except NoLimit:
            borrowed = None
    else:
        person.outcome, person.reasons = "refused", written_reasons(decision.reasons)
    return Applied(band=decision.band, approved=decision.approved, borrowed=borrowed)


# What the person says or we know ourselves; the rest of a row is what a bureau would tell.
_NOT_FROM_BUREAU: Final = frozenset(
    {"identity_level", "age_years", "consents_given", "monthly_income_fen", "requested_amount_fen"}
)


def _known_to_bureau(inputs: Mapping[str, int]) -> dict[str, int]:
    return {name: value for name, value in inputs.items() if name not in _NOT_FROM_BUREAU}


def _outcomes(world: World, tell: Teller, applied: list[Applied], report: DemoReport) -> None:
    """Count what became of everybody, print it, and put it into the report."""
    house, today = world.house, world.house.clock.business_date()
    bands: dict[str, Counter[str]] = defaultdict(Counter)
    portfolio: Counter[str] = Counter()
    for person, one in zip(report.people, applied, strict=True):
        band = bands[one.band]
        band["applied"] += 1
        band["approved"] += one.approved
        if one.borrowed is None:
            continue
        state = loan_state(house, person_id=one.borrowed.known.person_id, loan_id=one.borrowed.signed.loan_id)
        person.loan_state = state.stage.value
        person.outcome = "settled" if state.stage.value == "settled" else "active"
        person.disbursement_states = order_states(house, order_id=one.borrowed.signed.payout_order_id)
        overdue = state.overdue_days(today)
        band["loans"] += 1
        band["bad"] += overdue > BAD_DAYS
        portfolio["loans"] += 1
        portfolio["principal_outstanding_fen"] += state.principal_outstanding_fen
        portfolio["overdue_loans"] += overdue > 0
        portfolio["bad_loans"] += overdue > BAD_DAYS
    funnel = {
        "applied": len(applied),
        "approved": sum(one.approved for one in applied),
        "signed": sum(one.borrowed is not None for one in applied),
        "paid_out": sum(person.disbursement_states[-1:] == ["PAID"] for person in report.people),
    }
    by_band = {name: dict(bands[name]) for name in sorted(bands)}
    report.portfolio = {"funnel": funnel, "bands": by_band, "portfolio": dict(portfolio), "days": DAYS}
    _print(tell, funnel, by_band, portfolio)


def _print(
    tell: Teller, funnel: Mapping[str, int], bands: Mapping[str, Mapping[str, int]], portfolio: Mapping[str, int]
) -> None:
    tell.chapter("A", "Funnel · 漏斗")
    tell.note(" → ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in funnel.items()))
    tell.chapter("B", f"After {DAYS} days, by score band (bad: more than {BAD_DAYS} days overdue)")
    tell.table(
        ("band", "applied", "approved", "approval", "loans", "bad", "bad rate"),
        [
            (
                name,
                f"{band['applied']:,}",
                f"{band['approved']:,}",
                _share(band["approved"], band["applied"]),
                f"{band.get('loans', 0):,}",
                f"{band.get('bad', 0):,}",
                _share(band.get("bad", 0), band.get("loans", 0)),
            )
            for name, band in bands.items()
        ],
        numbers=6,
    )
    tell.note(
        f"Portfolio: {portfolio['loans']:,} loans, {format_fen(portfolio['principal_outstanding_fen'])} outstanding, "
        f"{portfolio['overdue_loans']:,} overdue, {portfolio['bad_loans']:,} of them bad."
    )


def _share(part: int, whole: int) -> str:
    """A share in per cent; of nothing, a dash."""
    if not whole:
        return "–"
    return format_percent(divide(part * 1_000_000, whole, Rounding.HALF_UP))
