"""What a line means: the terms of the loan and the event of its taking over; and the line of a loan that is ours.

A file gives balances at the end of a day; the event has them on the morning after, when what falls due then is
billed. The difference is just the instalments of that morning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.changed import changed
from mingqu.domain.loan import LoanState, LoanTerms, MigratedIn, MigratedOtherwise, MigratedRow, Outcome, record
from mingqu.domain.loan.of_product import terms_of_product
from mingqu.domain.loan.plan import first_plan
from mingqu.domain.product import Lender, Product
from mingqu.domain.rate import Rate
from mingqu.domain.refusal import Refusal
from mingqu.domain.schedule import Method
from mingqu.domain.taking_over.content import Content, Fault

CURRENCY: Final = "CNY"
_AMOUNTS: Final = ("principal", "interest", "penalty", "fee")
# The order in which a row of a plan is written; what is zero at its end is left out.
_ROW: Final = (*(f"{name}_fen" for name in _AMOUNTS), *(f"{name}_paid_fen" for name in _AMOUNTS))
# The column in which a balance of the event stands.
_COLUMN_OF: Final = {
    "principal_unbilled_fen": "principal_not_due_fen",
    "disbursed_fen": "contract_fen",
    "rate": "rate_now_year_ppm",
    "lost_on": "charged_off_on",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """A loan as a line gives it: its product, its terms, the event, and what the event does to an empty loan."""

    content: Content
    product: Product
    terms: LoanTerms
    event: MigratedIn
    outcome: Outcome


def taken_over(
    *,
    content: Content,
    products: Mapping[tuple[str, int], Product],
    lenders: Sequence[Lender],
    as_of: date,
    event_id: UUID,
) -> TakenOver | list[Fault]:
    """Return the loan of a line, or what is wrong with it. `as_of` is the last day that the book here has closed."""
    faults = list(_unknown(content, products, lenders, as_of))
    if faults:
        return faults
    product = products[content.product, content.product_version]
    try:
        terms = _terms(content, product)
        event = _event(content, terms, event_id)
        outcome = record(terms=terms, events=(), state=LoanState(), event=event, business_date=event.value_date)
    except Refusal as refusal:
        balance = str(refusal.details.get("balance", "plan"))
        return [Fault(column=_COLUMN_OF.get(balance, balance), code=refusal.code, sentence=_sentence(refusal))]
    most = max(event.accrued_fen, _due_interest_fen(event))
    if not -_ahead_fen(event, since=event.value_date) <= content.accrued_interest_fen <= most:
        sentence = "No more has accrued than the instalment of the next morning asks for."
        return [Fault(column="accrued_interest_fen", code="migration_unsound", sentence=sentence)]
    return TakenOver(content=content, product=product, terms=terms, event=event, outcome=outcome)


def _sentence(refusal: Refusal) -> str:
    told = refusal.details.get("rows_fen")
    return refusal.message if told is None else f"{refusal.message} On the morning after `as_of` they give {told}."


def _unknown(
    content: Content, products: Mapping[tuple[str, int], Product], lenders: Sequence[Lender], as_of: date
) -> Iterable[Fault]:
    product = products.get((content.product, content.product_version))
    if product is None:
        yield Fault(column="product", code="product_unknown", sentence="The policies have no such product and version.")
    elif content.lender not in [lender.code for lender in lenders if lender.id == product.lender_id]:
        sentence = "The policies have no such lender of this product."
        yield Fault(column="lender", code="lender_unknown", sentence=sentence)
    if content.currency != CURRENCY:
        yield Fault(column="currency", code="currency_unknown", sentence=f"Loans here are in {CURRENCY}.")
    if content.method not in [method.value for method in Method]:
        known = ", ".join(method.value for method in Method)
        yield Fault(column="method", code="method_unknown", sentence=f"A loan is repaid by one of: {known}.")
    if content.as_of != as_of:
        sentence = f"Balances are those at the end of {as_of}, the last day that this book has closed."
        yield Fault(column="as_of", code="as_of_differs", sentence=sentence)
    if content.disbursed_on > content.as_of:
        sentence = "The money went out on the day of the balances or before."
        yield Fault(column="disbursed_on", code="value_out_of_range", sentence=sentence)
    if content.charged_off_on is not None and not content.plan:
        sentence = "A loan taken for lost tells its rows: which of them are billed no schedule says."
        yield Fault(column="plan", code="value_missing", sentence=sentence)


def _terms(content: Content, product: Product) -> LoanTerms:
    terms = terms_of_product(
        product=product,
        rate_year_ppm=content.rate_year_ppm,
        amount_fen=content.paid_out_fen if content.contract_fen is None else content.contract_fen,
        instalments=content.instalments,
        method=content.method,
    )
    if terms.due_dates(start=content.disbursed_on)[0] == content.first_due:
        return terms
    return replace(terms, first_due=content.first_due)


def _event(content: Content, terms: LoanTerms, event_id: UUID) -> MigratedIn:
    on = content.as_of + timedelta(days=1)
    rows = _told_rows(content.plan) if content.plan else _planned_rows(content, terms, on)
    morning = [row for row in rows if row.due == on and content.charged_off_on is None]
    left = {name: sum(_left(row, name) for row in morning) for name in _AMOUNTS}
    event = MigratedIn(
        event_id=event_id,
        value_date=on,
        disbursed_on=content.disbursed_on,
        disbursed_fen=content.paid_out_fen,
        rate=terms.rate if content.rate_now_year_ppm is None else Rate.per_year(ppm=content.rate_now_year_ppm),
        rows=tuple(rows),
        principal_unbilled_fen=content.principal_not_due_fen - left["principal"],
        principal_due_fen=content.principal_due_fen + left["principal"],
        interest_due_fen=content.interest_due_fen + left["interest"],
        penalty_due_fen=content.penalty_due_fen + left["penalty"],
        fee_due_fen=content.fee_due_fen + left["fee"],
        accrued_fen=content.accrued_interest_fen,
        overpayment_fen=content.overpayment_fen,
        overdue_since=content.overdue_since,
        disbursements=1 if content.disbursements is None else content.disbursements,
        suspended=content.non_accrual == 1,
        product_version=content.product_version,
        lost_on=content.charged_off_on,
        otherwise=_told_otherwise(content.otherwise) if content.otherwise else None,
    )
    if not morning:
        return event
    # What the instalment of the morning bore is billed by it; later ones may have been paid already.
    return changed(event, accrued_fen=0 if event.suspended else -_ahead_fen(event, since=on + timedelta(days=1)))


def _ahead_fen(event: MigratedIn, *, since: date) -> int:
    """Return the interest that was paid in rows due from a day on."""
    return sum(row.interest_paid_fen for row in event.rows if row.due >= since)


def _told_otherwise(text: str) -> MigratedOtherwise:
    """Return what `0:1 2026-07-15 2026-08-15:83334:10000` says: nothing is owed back, income stopped, and the rows."""
    said, _, plan = text.partition(" ")
    overpayment, suspended = said.split(":")
    return MigratedOtherwise(rows=tuple(_told_rows(plan)), overpayment_fen=int(overpayment), suspended=suspended == "1")


def _due_interest_fen(event: MigratedIn) -> int:
    return sum(row.interest_fen for row in event.rows if row.due == event.value_date)


def _left(row: MigratedRow, name: str) -> int:
    return int(getattr(row, f"{name}_fen")) - int(getattr(row, f"{name}_paid_fen"))


def _told_rows(plan: str) -> list[MigratedRow]:
    """Return the rows that a plan tells: `2026-07-15 2026-08-15:83334:10000 2026-09-15:…`, each from the one before.

    A first row that begins inside its period is told with both days: `2026-07-15/2026-07-20 2026-08-15:…`.
    """
    first, *told = plan.split(" ")
    period, _, begun = first.rpartition("/")
    start = date.fromisoformat(begun)
    period_start = date.fromisoformat(period) if period else None
    rows = []
    for one in told:
        day, *amounts = one.split(":")
        due = date.fromisoformat(day)
        said = dict(zip(_ROW, map(int, amounts), strict=False))
        rows.append(MigratedRow(start=start, due=due, period_start=period_start, **said))
        start, period_start = due, None
    return rows


def _planned_rows(content: Content, terms: LoanTerms, on: date) -> list[MigratedRow]:
    """Return what is left of the plan of the terms; what is not owed any more of it was paid in the oldest row."""
    left = first_plan(terms=terms, start=content.disbursed_on)[content.instalments_paid :]
    rows = [
        MigratedRow(start=line.start, due=line.due, principal_fen=line.principal_fen, interest_fen=line.interest_fen)
        for line in left
    ]
    if rows and rows[0].due < on:
        due = [row for row in rows if row.due < on]
        rows[0] = changed(
            rows[0],
            penalty_fen=content.penalty_due_fen,
            fee_fen=content.fee_due_fen,
            principal_paid_fen=max(0, sum(row.principal_fen for row in due) - content.principal_due_fen),
            interest_paid_fen=max(0, sum(row.interest_fen for row in due) - content.interest_due_fen),
        )
    return rows


def content_of(*, product: Product, lender: str, terms: LoanTerms, event: MigratedIn) -> Content | None:
    """Return what a line says of a loan that is told by its event, None if the columns cannot say its terms.

    The plan is left out where it follows from the other columns, so that there is one way to write a loan.
    """
    on = event.value_date
    morning = [row for row in event.rows if row.due == on and event.lost_on is None]
    left = {name: sum(_left(row, name) for row in morning) for name in _AMOUNTS}
    rate_year_ppm, rate_now_ppm = (rate.numerator * 1_000_000 // rate.denominator for rate in (terms.rate, event.rate))
    content = Content(
        product=product.id,
        product_version=event.product_version,
        lender=lender,
        currency=terms.currency,
        paid_out_fen=event.disbursed_fen,
        disbursed_on=event.disbursed_on,
        method=terms.method.value,
        instalments=terms.instalments,
        first_due=terms.due_dates(start=event.disbursed_on)[0],
        rate_year_ppm=rate_year_ppm,
        as_of=on - timedelta(days=1),
        instalments_paid=max(0, terms.instalments - len(event.rows)),
        principal_not_due_fen=event.principal_unbilled_fen + left["principal"],
        principal_due_fen=event.principal_due_fen - left["principal"],
        interest_due_fen=event.interest_due_fen - left["interest"],
        penalty_due_fen=event.penalty_due_fen - left["penalty"],
        fee_due_fen=event.fee_due_fen - left["fee"],
        accrued_interest_fen=event.accrued_fen + (0 if event.suspended else left["interest"]),
        overpayment_fen=event.overpayment_fen,
        overdue_since=event.overdue_since,
        non_accrual=int(event.suspended),
        plan="",
        contract_fen=terms.principal_fen if terms.principal_fen != event.disbursed_fen else None,
        disbursements=event.disbursements if event.disbursements > 1 else None,
        rate_now_year_ppm=rate_now_ppm if event.rate != terms.rate else None,
        charged_off_on=event.lost_on,
        otherwise="" if event.otherwise is None else _otherwise_text(event.otherwise),
    )
    rates = [Rate.per_year(ppm=rate_year_ppm), Rate.per_year(ppm=rate_now_ppm)]
    if rates != [terms.rate, event.rate] or _terms(content, product) != terms:
        return None
    if event.lost_on is None and _planned_rows(content, terms, on) == list(event.rows):
        return content
    return changed(content, plan=_plan_text(event.rows))


def _otherwise_text(other: MigratedOtherwise) -> str:
    return f"{other.overpayment_fen}:{int(other.suspended)} {_plan_text(other.rows)}"


def _plan_text(rows: Sequence[MigratedRow]) -> str:
    first = rows[0]
    begun = first.start.isoformat()
    if first.period_start is not None:
        begun = f"{first.period_start.isoformat()}/{begun}"
    return " ".join([begun, *map(_row_text, rows)])


def _row_text(row: MigratedRow) -> str:
    amounts = [int(getattr(row, name)) for name in _ROW]
    told = max([2, *(place for place, fen in enumerate(amounts, start=1) if fen)])
    return ":".join([row.due.isoformat(), *map(str, amounts[:told])])
