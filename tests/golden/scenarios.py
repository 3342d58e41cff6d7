"""The schedules whose golden files an accountant can read, and how they are written down."""

from __future__ import annotations

from datetime import date

from mingqu.domain.calendar import DayCount
from mingqu.domain.money import Money, format_fen
from mingqu.domain.rate import Rate
from mingqu.domain.schedule import InterestBasis, Method, Schedule, Smoothing, Terms, build, rebuild

SPRING = date(2026, 1, 15)
EQUAL_INSTALMENT = Terms(
    principal=Money(1_000_000),
    method=Method.EQUAL_INSTALMENT,
    rate=Rate.per_year(ppm=180_000),
    start=SPRING,
    instalments=12,
    day_count=DayCount.ACT_360,
)


def _daily_principal(*, fen: int, ppm: int, instalments: int) -> Terms:
    return Terms(
        principal=Money(fen),
        method=Method.EQUAL_PRINCIPAL,
        rate=Rate.per_day(ppm=ppm),
        start=SPRING,
        instalments=instalments,
        day_count=DayCount.ACT_365,
        basis=InterestBasis.DAILY,
    )


def _interest_only(day_count: DayCount) -> Terms:
    return Terms(
        principal=Money(5_000_000),
        method=Method.INTEREST_ONLY,
        rate=Rate.per_year(ppm=108_000),
        start=date(2026, 3, 10),
        instalments=12,
        day_count=day_count,
        basis=InterestBasis.DAILY,
    )


def _flat(ppm_a_month: int) -> Terms:
    return Terms(
        principal=Money(1_200_000),
        method=Method.FLAT,
        rate=Rate.per_month(ppm=ppm_a_month),
        start=SPRING,
        instalments=12,
        day_count=DayCount.ACT_365,
    )


SINGLE_PAYMENT = Terms(
    principal=Money(2_000_000),
    method=Method.SINGLE_PAYMENT,
    rate=Rate.per_year(ppm=90_000),
    start=date(2026, 8, 31),
    instalments=6,
    day_count=DayCount.ACT_360,
    basis=InterestBasis.DAILY,
)
ODD_FIRST_PERIOD = Terms(
    principal=Money(3_000_000),
    method=Method.EQUAL_INSTALMENT,
    rate=Rate.per_year(ppm=146_000),
    start=date(2026, 8, 15),
    first_due=date(2026, 10, 5),
    instalments=6,
    day_count=DayCount.ACT_365,
)
EVENED_OUT = Terms(
    principal=Money(200_000),
    method=Method.EQUAL_INSTALMENT,
    rate=Rate.per_year(ppm=360_000),
    start=SPRING,
    instalments=24,
    day_count=DayCount.ACT_365,
    smoothing=Smoothing.EVEN_OUT,
)

BUILT = {
    "equal-instalment": ("10,000.00 at 18 % a year, twelve months, a twelfth of the rate each.", EQUAL_INSTALMENT),
    "equal-principal-daily": (
        "10,000.00 at 0.045 % a day, ten months, interest for actual days on what is left.",
        _daily_principal(fen=1_000_000, ppm=450, instalments=10),
    ),
    "interest-only-360": ("50,000.00 at 10.8 % a year, actual days over 360.", _interest_only(DayCount.ACT_360)),
    "interest-only-365": ("50,000.00 at 10.8 % a year, actual days over 365.", _interest_only(DayCount.ACT_365)),
    "flat": ("12,000.00 at a flat 1 % a month of the first principal, twelve months.", _flat(10_000)),
    "single-payment": ("20,000.00 at 9 % a year, all at the end of six months, actual days over 360.", SINGLE_PAYMENT),
    "odd-first-period": ("30,000.00 at 14.6 % a year, first due on 5 October, 51 days of interest.", ODD_FIRST_PERIOD),
    "evened-out": ("2,000.00 at 36 % a year, 24 months, the last instalment evened out.", EVENED_OUT),
}
# A public worked example of a well-known product: 2,500.00 at 0.05 % a day in months of 31, 30, 31, 31 and 30 days.
PUBLISHED_EQUAL_PRINCIPAL = Terms(
    principal=Money(250_000),
    method=Method.EQUAL_PRINCIPAL,
    rate=Rate.per_day(ppm=500),
    start=date(2026, 5, 15),
    instalments=5,
    day_count=DayCount.ACT_365,
    basis=InterestBasis.DAILY,
)


def after_prepayment(*, instalment_fen: int | None) -> Schedule:
    """Return what is left of the equal instalments when 2,000.00 more is repaid on the third due date."""
    rows = build(terms=EQUAL_INSTALMENT).rows
    return rebuild(
        terms=EQUAL_INSTALMENT,
        principal_fen=rows[2].closing_fen - 200_000,
        start=rows[2].due,
        dues=[row.due for row in rows[3:]],
        instalment_fen=instalment_fen,
        first_number=4,
    )


def all_schedules() -> dict[str, tuple[str, Schedule]]:
    """Return every golden schedule with the sentence above it."""
    schedules = {name: (sentence, build(terms=terms)) for name, (sentence, terms) in BUILT.items()}
    schedules["prepaid-smaller-instalment"] = (
        "2,000.00 repaid early on the third due date of equal-instalment: the instalment falls.",
        after_prepayment(instalment_fen=None),
    )
    schedules["prepaid-shorter-term"] = (
        "2,000.00 repaid early on the third due date of equal-instalment: the term shortens.",
        after_prepayment(instalment_fen=91_680),
    )
    return schedules


def written(sentence: str, schedule: Schedule) -> str:
    """Return a schedule as the text of its golden file."""
    lines = [sentence, "", f"{'no':>3}  {'due':10}  {'days':>4}  {'before':>12}  {'principal':>12}"]
    lines[-1] += f"  {'interest':>10}  {'payment':>12}  {'after':>12}"
    for row in schedule.rows:
        amounts = (row.opening_fen, row.principal_fen, row.interest_fen, row.payment_fen, row.closing_fen)
        before, principal, interest, payment, after = (format_fen(fen) for fen in amounts)
        lines.append(
            f"{row.number:>3}  {row.due}  {row.days:>4}  {before:>12}  {principal:>12}"
            f"  {interest:>10}  {payment:>12}  {after:>12}"
        )
    sums = (schedule.principal_fen, schedule.interest_fen, schedule.payment_fen)
    principal, interest, payment = (format_fen(fen) for fen in sums)
    lines.append(f"{'sum':>3}  {'':10}  {'':>4}  {'':>12}  {principal:>12}  {interest:>10}  {payment:>12}")
    return "\n".join(line.rstrip() for line in lines) + "\n"
