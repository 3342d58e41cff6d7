"""The mornings of many revolving accounts at once: a bill, or the day that judges one, as `spend.advance` has them.

Accounts come as the book keeps them (`domain/spend/packed.py`), all of the same terms and with the same morning. For
every account of the common path the result is, to the byte, what the scalar reference makes of it; the others are named
in a column and go there: with instalments, refunds that wait or money of their own when a bill is made; with a late fee
or the end of a lateness when it is judged; or with amounts beyond FEN_MAX.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import gcd
from typing import Final

import numpy as np

from mingqu.domain.batch.columns import INT64_MAX, Flags, Integers
from mingqu.domain.batch.morning import FEN_MAX
from mingqu.domain.batch.quotient import divided, fraction_terms
from mingqu.domain.batch.revolving_columns import RevolvingColumns, Rows, offsets
from mingqu.domain.money import Rounding
from mingqu.domain.rate import PPM
from mingqu.domain.revolving import UnpaidBill
from mingqu.domain.spend import packed
from mingqu.domain.spend.terms import SpendTerms

_AMOUNTS: Final = (
    "limit", "interest", "fee", "penalty", "asked", "overdue", "paid", "converted", "bill_minimum", "bill_total",
)  # fmt: skip
# Nothing here bears longer between two bills: FEN_MAX in so many days is at most _AREA_MAX. Of so many lots the sum of
# what they bore, twice _AREA_MAX each, is below 2^62.
_DAYS_MAX: Final = 2**10
_AREA_MAX: Final = 2**52
_LOTS_MAX: Final = 2**8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RevolvingOutcome:
    """Accounts after a morning. `scalar`: bool [n], the accounts of which the other columns say nothing.

    `issued`: bool [n], a bill was made, which stands in the head. `interest_fen`, `penalty_fen`: int64 [n], what is
    owed since then, and posted. `next_morning`: int64 [n], days counted from 2000-01-01.
    """

    accounts: RevolvingColumns
    scalar: Flags
    issued: Flags
    interest_fen: Integers
    penalty_fen: Integers
    next_morning: Integers


def issue(*, accounts: RevolvingColumns, terms: SpendTerms, on: date, to: date) -> RevolvingOutcome:
    """Return accounts whose next morning is that of the bill of `on`, after the morning of `to`.

    Example: 1,000.00 bought and nothing owed before: a bill of 1,000.00, of which 100.00 is asked at least, nothing
    posted, and the due day's morning is next.
    """
    head, lot, starts = accounts.head.copy(), accounts.lot.copy(), accounts.lot_from
    day = packed.number_of(on)
    bears, principal = lot["flags"] & packed.BEARS != 0, _wide(lot["principal"])
    odd = (lot["flags"] & packed.INSTALMENT != 0) | (lot["refunded"] != 0) | ~_lots_fit(lot, day)
    scalar = (head["plans"] > 0) | (head["credit"] != 0) | (_sums(odd.astype(np.int64), starts) > 0) | ~_fit(head, day)
    owed = _sums(principal, starts)
    borne = _sums(np.where(bears, _wide(lot["area"]) + principal * np.maximum(day - _wide(lot["since"]), 0), 0), starts)
    beyond = _grown_penalty(head, day)
    numerator, denominator = terms.fen_day()
    interest, interest_fits = _quotient(borne, numerator, denominator, terms.rounding)
    more = terms.penalty_multiple_ppm - PPM
    penalty, penalty_fits = _quotient(beyond, numerator * more, denominator * PPM, terms.rounding)
    scalar |= ~interest_fits | ~penalty_fits | (owed > FEN_MAX)
    lot["area"][bears] = 0
    lot["since"][bears] = np.maximum(lot["since"][bears], day)
    if terms.unpaid_bill is UnpaidBill.UNPAID_PART:
        lot["since"][~bears] = day
    unbilled = lot["billed_on"] == packed.NO_DAY
    lot["billed_on"][unbilled] = day
    head["penalty_area"] = 0
    head["penalty_since"] = np.where(
        head["penalty_since"] == packed.NO_DAY, packed.NO_DAY, np.maximum(head["penalty_since"], day)
    )
    head["interest"] += interest
    head["penalty"] += penalty
    fits = _write_bill(head, owed, terms=terms, on=on)
    head["day"] = np.maximum(head["day"], packed.number_of(to))
    next_morning = _next_morning(head)
    scalar |= ~fits | (next_morning <= packed.number_of(to))
    return RevolvingOutcome(
        accounts=_kept(accounts, head, lot),
        scalar=scalar,
        issued=(head["flags"] & packed.DUE_OPEN != 0) & ~scalar,
        interest_fen=np.where(scalar, 0, interest),
        penalty_fen=np.where(scalar, 0, penalty),
        next_morning=next_morning,
    )


def judge(*, accounts: RevolvingColumns, terms: SpendTerms, on: date, to: date) -> RevolvingOutcome:
    """Return accounts whose next morning is that on which their bill due on `on` is judged, after the one of `to`.

    Example: 1,000.00 asked, 100.00 at least, nothing paid: 100.00 is overdue and lacking, and all of it bears.
    """
    head, lot, starts = accounts.head.copy(), accounts.lot.copy(), accounts.lot_from
    day = packed.number_of(on)
    paid = _wide(head["paid"])
    whole = _wide(head["bill_total"]) <= paid + _wide(head["converted"])
    scalar = ~_fit(head, day) | (_sums((~_lots_fit(lot, day)).astype(np.int64), starts) > 0)
    billed = lot["billed_on"] != packed.NO_DAY
    net = np.where(billed, _wide(lot["principal"]) - _wide(lot["refunded"]), 0)
    changes = billed & (lot["flags"] & packed.BEARS == 0)
    of_whole = np.repeat(whole, np.diff(starts))
    anew = changes & of_whole
    if terms.unpaid_bill is UnpaidBill.UNPAID_PART:
        anew = changes
    else:
        anew |= changes & (lot["flags"] & packed.INSTALMENT != 0)
    lot["area"][anew] = 0
    lot["since"][anew] = day
    lot["flags"][changes & ~of_whole] |= packed.BEARS
    principal = _sums(net, starts)
    owed = principal + _wide(head["interest"]) + _wide(head["fee"]) + _wide(head["penalty"])
    lacking = np.minimum(np.maximum(_wide(head["bill_minimum"]) - paid, 0), owed)
    late = lacking > 0
    scalar |= ~late & (head["overdue_since"] != packed.NO_DAY)
    if terms.late_fee is not None:
        scalar |= late
    _write_lateness(head, late, day=day, principal=principal)
    head["asked"] = 0
    head["lacking"] = lacking
    head["flags"] &= ~np.uint8(packed.DUE_OPEN)
    head["day"] = np.maximum(head["day"], packed.number_of(to))
    next_morning = _next_morning(head)
    nothing = np.zeros(len(head), dtype=np.int64)
    return RevolvingOutcome(
        accounts=_kept(accounts, head, lot),
        scalar=scalar | (next_morning <= packed.number_of(to)),
        issued=np.zeros(len(head), dtype=np.bool_),
        interest_fen=nothing,
        penalty_fen=nothing,
        next_morning=next_morning,
    )


def _write_bill(head: Rows, owed: Integers, *, terms: SpendTerms, on: date) -> Flags:
    """Write what a bill asks, of principal `owed` and dues that stand in the head; return where it fits."""
    overdue = np.minimum(_wide(head["overdue"]), owed)
    over = np.minimum(owed - overdue, np.maximum(owed - _wide(head["limit"]), 0))
    principal = owed - overdue - over
    interest, fee, penalty = _wide(head["interest"]), _wide(head["fee"]), _wide(head["penalty"])
    in_full = interest + fee + penalty + overdue + over
    total = principal + in_full
    share, fits = _quotient(principal, terms.minimum.share_ppm, PPM, terms.minimum.rounding)
    minimum = np.where(principal <= terms.minimum.whole_up_to_fen, total, share + in_full)
    asked = total > 0
    for name, column in (
        ("bill_principal", principal), ("bill_interest", interest), ("bill_fee", fee), ("bill_penalty", penalty),
        ("bill_overdue", overdue), ("bill_over_limit", over), ("bill_minimum", minimum), ("bill_total", total),
    ):  # fmt: skip
        head[name][asked] = column[asked]
    head["bill_instalment"][asked] = 0
    head["number"][asked] += 1
    head["billed_on"][asked] = packed.number_of(on)
    head["due"][asked] = packed.number_of(terms.due_of(on))
    head["flags"][asked] |= packed.DUE_OPEN | packed.BILLED
    head["overdue"] = overdue
    head["asked"] = minimum - interest - fee - penalty - overdue
    head["paid"] = head["converted"] = 0
    head["next_bill_on"] = packed.number_of(terms.bill_after(on))
    return fits


def _write_lateness(head: Rows, late: Flags, *, day: int, principal: Integers) -> None:
    """Write that a least payment was not paid by a day: what of it is overdue now, and since when."""
    since = head["penalty_since"]
    head["penalty_area"] = np.where(late, _grown_penalty(head, day), head["penalty_area"])
    overdue = np.minimum(_wide(head["overdue"]) + _wide(head["asked"]), principal)
    begins = np.where((since == packed.NO_DAY) & (overdue > 0), day, since)
    head["penalty_since"] = np.where(late, np.where(since == packed.NO_DAY, begins, np.maximum(since, day)), since)
    head["overdue"] = np.where(late, overdue, head["overdue"])
    head["overdue_since"] = np.where(late & (head["overdue_since"] == packed.NO_DAY), day + 1, head["overdue_since"])


def _grown_penalty(head: Rows, day: int) -> Integers:
    """Return what overdue principal bore up to a day, as fen times days."""
    since = _wide(head["penalty_since"])
    days = np.where(since == packed.NO_DAY, 0, np.maximum(day - since, 0))
    grown: Integers = _wide(head["penalty_area"]) + _wide(head["overdue"]) * days
    return grown


def _next_morning(head: Rows) -> Integers:
    waits = head["flags"] & packed.DUE_OPEN != 0
    next_morning: Integers = np.where(waits, _wide(head["due"]), _wide(head["next_bill_on"])) + 1
    return next_morning


def _kept(before: RevolvingColumns, head: Rows, lot: Rows) -> RevolvingColumns:
    """Return accounts without the lots of which nothing is owed, and which bore nothing."""
    kept = (lot["principal"] != 0) | (lot["area"] != 0)
    counts = _sums(kept.astype(np.int64), before.lot_from)
    head["lots"] = counts
    return RevolvingColumns(
        head=head, lot=lot[kept], lot_from=offsets(counts), rest=before.rest, rest_from=before.rest_from
    )


def _fit(head: Rows, day: int) -> Flags:
    """Say of which accounts no sum here leaves 64 bits: amounts of FEN_MAX, days and lots of a known number."""
    fits = head["lots"] <= _LOTS_MAX
    for name in _AMOUNTS:
        fits &= (head[name] >= 0) & (head[name] <= FEN_MAX)
    since = _wide(head["penalty_since"])
    fits &= (since == packed.NO_DAY) | (np.abs(day - since) < _DAYS_MAX)
    return fits & (head["penalty_area"] >= 0) & (head["penalty_area"] < _AREA_MAX)


def _lots_fit(lot: Rows, day: int) -> Flags:
    fits: Flags = (np.abs(day - _wide(lot["since"])) < _DAYS_MAX) & (lot["area"] >= 0) & (lot["area"] < _AREA_MAX)
    return fits & (lot["principal"] >= 0) & (lot["principal"] <= FEN_MAX)


def _quotient(amount: Integers, numerator: int, denominator: int, rounding: Rounding) -> tuple[Integers, Flags]:
    """Return amounts times a fraction, rounded once, and where that fits 64 bits."""
    divisor = gcd(numerator, denominator)
    a, c, d = fraction_terms((numerator // divisor, denominator // divisor), rounding)
    limit = (INT64_MAX - c) // max(a, 1) if max(a, c, d) <= INT64_MAX else -1
    fits = (amount >= 0) & (amount <= limit)
    if limit < 0:
        return np.zeros_like(amount), fits
    terms = (np.int64(a), np.int64(c), np.int64(d))
    return divided(np.where(fits, amount, 0), *terms, ties_to_even=rounding is Rounding.HALF_EVEN), fits


def _sums(values: Integers, starts: Integers) -> Integers:
    """Return the sum of each account's stretch of a column of lots."""
    running = offsets(values)
    sums: Integers = running[starts[1:]] - running[starts[:-1]]
    return sums


def _wide(column: Rows) -> Integers:
    return column.astype(np.int64)
