"""Whatever a pool's months bring: each fen goes to one place, nobody is paid before those above, no limit is passed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.abs_pool import (
    Cause,
    Claim,
    Grouping,
    LeftOut,
    OfferedLoan,
    Phase,
    PooledLoan,
    PoolMonth,
    PoolReport,
    Standing,
    distribute,
    moves_of,
    propose,
    report_month,
    unfit_for,
)
from mingqu.domain.calendar import add_months
from mingqu.domain.ledger import AccountCode as Code
from tests.models.pool import offered, pooled, terms
from tests.soak import examples

FIRST: Final = date(2026, 9, 1)
PPM: Final = 1_000_000
amounts: Final = st.integers(0, 2_000)
LIMITED: Final = (LeftOut.BORROWER_LIMIT, LeftOut.REGION_LIMIT, LeftOut.CASH_TOO_SHORT)


def handed_out_fen_by_fen(money: int, steps: list[tuple[str, int]]) -> Counter[str]:
    """Hand out one fen after the other, each to the first step that still lacks one: what a waterfall means."""
    got: Counter[str] = Counter()
    for _ in range(money):
        got[next((name for name, most in steps if got[name] < most), "excess")] += 1
    return got


@settings(max_examples=examples(100), deadline=None)
@given(
    money=amounts,
    fees=st.lists(st.tuples(amounts, amounts), min_size=1, max_size=3),
    interest=amounts,
    carried=amounts,
    senior=amounts,
    subordinate=amounts,
    performing=amounts,
    buys=st.booleans(),
)
def test_a_waterfall_hands_out_every_fen_once_and_the_first_come_first(
    money: int,
    fees: list[tuple[int, int]],
    interest: int,
    carried: int,
    senior: int,
    subordinate: int,
    performing: int,
    buys: bool,
) -> None:
    found = distribute(
        available_fen=money,
        fees=[Claim(id=f"fee{place}", new_fen=new, carried_fen=old) for place, (new, old) in enumerate(fees)],
        senior_interest=Claim(id="interest", new_fen=interest, carried_fen=carried),
        senior_fen=senior,
        subordinate_fen=subordinate,
        performing_fen=performing,
        buys=buys,
    )
    steps = [(f"fee{place}", new + old) for place, (new, old) in enumerate(fees)]
    steps.append(("interest", interest + carried))
    if buys:
        steps.append(("kept", senior + subordinate - performing))
    else:
        steps += [("senior", senior), ("subordinate", subordinate)]
    got = handed_out_fen_by_fen(money, steps)
    assert found.sum_fen == money
    assert [one.paid_fen for one in found.fees] == [got[f"fee{place}"] for place in range(len(fees))]
    assert found.senior_interest.paid_fen == got["interest"]
    assert found.kept_fen == got["kept"]
    assert (found.senior_principal_fen, found.subordinate_principal_fen) == (got["senior"], got["subordinate"])
    assert found.subordinate_excess_fen == got["excess"]


@st.composite
def offers(draw: st.DrawFn) -> list[OfferedLoan]:
    drawn = draw(
        st.lists(st.tuples(st.integers(1, 300), st.sampled_from("abc"), st.sampled_from("NSE"), st.integers(0, 1)))
    )
    return [
        offered(id=f"n{place}", principal_fen=fen, borrower=who, region=where, overdue_days=late)
        for place, (fen, who, where, late) in enumerate(drawn)
    ]


@st.composite
def holdings(draw: st.DrawFn) -> list[PooledLoan]:
    drawn = draw(
        st.lists(
            st.tuples(st.integers(1, 300), st.sampled_from("abc"), st.sampled_from("NSE"), st.sampled_from((0, 91))),
            max_size=8,
        )
    )
    return [
        pooled(id=f"p{place}", bought_fen=fen, opening_fen=fen, borrower=who, region=where, overdue_days=late)
        for place, (fen, who, where, late) in enumerate(drawn)
    ]


@settings(max_examples=examples(150), deadline=None)
@given(
    held=holdings(), given_loans=offers(), cash=st.integers(0, 1_500),
    borrower=st.integers(0, PPM), region=st.integers(0, PPM),
)  # fmt: skip
def test_a_proposal_breaks_no_limit_and_leaves_out_only_what_would(
    held: list[PooledLoan], given_loans: list[OfferedLoan], cash: int, borrower: int, region: int
) -> None:
    agreed = terms(borrower=borrower, region=region)
    found = propose(terms=agreed, held=held, offered=given_loans, cash_fen=cash, buys=True)
    good = [one for one in held if one.overdue_days <= 90]
    pool_after = [(one.borrower, one.region, one.principal_fen) for one in (*good, *found.bought)]
    whole = sum(one.principal_fen for one in good) + cash
    taken = sum(one.principal_fen for one in found.bought)
    assert taken == found.spent_fen == cash - found.cash_left_fen <= cash
    sums = {
        Grouping.BORROWER: Counter[str](),
        Grouping.REGION: Counter[str](),
    }
    for who, where, fen in pool_after:
        sums[Grouping.BORROWER][who] += fen
        sums[Grouping.REGION][where] += fen
    most = {Grouping.BORROWER: whole * borrower // PPM, Grouping.REGION: whole * region // PPM}
    for loan in found.bought:
        assert not unfit_for(eligibility=agreed.eligibility, loan=loan)
        assert all(sums[by][loan.group(by)] * PPM <= whole * share for by, share in
                   ((Grouping.BORROWER, borrower), (Grouping.REGION, region)))  # fmt: skip
    assert len(found.bought) + len(found.left_out) == len(given_loans)
    for one in found.left_out:
        fen, reasons = one.loan.principal_fen, one.reasons
        if one.loan.overdue_days:
            assert reasons == (LeftOut.OVERDUE,)
            continue
        assert reasons
        assert set(reasons) <= set(LIMITED)
        for by, reason in ((Grouping.BORROWER, LeftOut.BORROWER_LIMIT), (Grouping.REGION, LeftOut.REGION_LIMIT)):
            assert reason not in reasons or sums[by][one.loan.group(by)] + fen > most[by]
        assert LeftOut.CASH_TOO_SHORT not in reasons or fen > found.cash_left_fen


@st.composite
def lives(draw: st.DrawFn) -> list[list[tuple[int, int, int]]]:
    """Draw what each of four loans does in each of eight months: principal, interest, days late more than before.

    Interest below zero is a payment that bounced.
    """
    month = st.tuples(st.integers(0, 60_000), st.integers(-3_000, 3_000), st.sampled_from((0, 0, 0, 31)))
    return draw(st.lists(st.lists(month, min_size=4, max_size=4), min_size=1, max_size=8))


def lived(months: list[list[tuple[int, int, int]]]) -> list[PoolReport]:
    """Run a pool of four loans of 1,000.00 and 400,000 fen of notes; what is proposed is bought."""
    agreed = replace(terms(), senior_fen=320_000, subordinate_fen=80_000, buys_until=date(2027, 2, 1))
    loans = [pooled(id=f"p{place}") for place in range(4)]
    stands = Standing(
        senior_fen=320_000, subordinate_fen=80_000, cash_fen=0, fees_short_fen={}, senior_interest_short_fen=0,
        amortizing_since=None,
    )  # fmt: skip
    reports: list[PoolReport] = []
    for number, month in enumerate(months):
        start, end = add_months(day=FIRST, months=number), add_months(day=FIRST, months=number + 1)
        moved = [
            replace(loan, repaid_fen=min(loan.opening_fen, repaid), interest_fen=interest,
                    overdue_days=loan.overdue_days + late)
            for loan, (repaid, interest, late) in zip(loans, month * (len(loans) // 4 + 1), strict=False)
        ]  # fmt: skip
        fresh = offered(id=f"n{number}", principal_fen=20_000)
        made = report_month(
            terms=agreed,
            month=PoolMonth(
                pool_id=agreed.id, start=start, end=end, opening=stands, loans=tuple(moved), offered=(fresh,)
            ),
        )
        reports.append(made)
        loans = [
            replace(one, opening_fen=one.principal_fen, repaid_fen=0, interest_fen=0,
                    defaulted_fen=one.lost_fen(triggers=agreed.triggers))
            for one in moved
        ]  # fmt: skip
        loans += [
            pooled(id=one.id, bought_on=end, bought_fen=one.principal_fen, opening_fen=one.principal_fen)
            for one in made.proposal.bought
        ]
        stands = replace(made.closing, cash_fen=made.closing.cash_fen - made.proposal.spent_fen)
    return reports


@settings(max_examples=examples(60), deadline=None)
@given(months=lives())
def test_over_its_life_a_pool_loses_no_fen_and_pays_in_order(months: list[list[tuple[int, int, int]]]) -> None:
    reports = lived(months)
    came = sum(one.interest_fen + one.repaid_fen for one in reports)
    went = sum(one.distribution.sum_fen - one.distribution.kept_fen + one.proposal.spent_fen for one in reports)
    assert came == went + reports[-1].closing.cash_fen - reports[-1].proposal.spent_fen
    early = False
    for one in reports:
        parts, opening, closing = one.distribution, one.month.opening, one.closing
        assert parts.sum_fen == max(0, one.available_fen), "where more was taken back than there was, nobody has any"
        assert closing.cash_fen == parts.kept_fen + min(0, one.available_fen)
        assert min(closing.senior_fen, closing.subordinate_fen, parts.kept_fen, parts.subordinate_excess_fen) >= 0
        if parts.subordinate_principal_fen:
            assert closing.senior_fen == 0, "the subordinate holder waits for the senior"
        if parts.subordinate_excess_fen:
            assert not closing.senior_interest_short_fen
            assert not any(closing.fees_short_fen.values())
            covered = one.performing_fen + closing.cash_fen >= closing.senior_fen + closing.subordinate_fen
            assert covered or closing.senior_fen == closing.subordinate_fen == 0
        assert (closing.senior_fen < opening.senior_fen) <= (one.watched.phase is not Phase.BUYING)
        early = early or one.watched.phase is Phase.AMORTIZING_EARLY
        assert early == (closing.amortizing_since is not None), "once ended early, never again"
        bought = sum(each.bought_fen for each in one.vintages)
        assert bought == sum(each.repaid_fen + each.performing_fen + each.unrecovered_fen for each in one.vintages)
        assert bought == sum(each.bought_fen for each in one.month.loans)
        if one.watched.phase is not Phase.BUYING:
            assert not one.proposal.bought


@settings(max_examples=examples(40), deadline=None)
@given(months=lives(), lost=st.lists(st.integers(-500, 500), min_size=8, max_size=8))
def test_each_fen_that_came_in_lies_on_the_trusts_accounts(
    months: list[list[tuple[int, int, int]]], lost: list[int]
) -> None:
    reports = lived(months)
    held: Counter[Code] = Counter()
    for number, one in enumerate(reports):
        for move in moves_of(report=one, given_up_fen=lost[number], first=number == 0):
            held[move.debit] += move.fen
            held[move.credit] -= move.fen
    assert sum(held.values()) == 0
    first, last = reports[0].month.opening, reports[-1]
    issued = first.senior_fen + first.subordinate_fen
    came = sum(one.interest_fen + one.repaid_fen for one in reports)
    fees = sum(one.paid_fen for each in reports for one in each.distribution.fees)
    interest = sum(one.distribution.senior_interest.paid_fen for one in reports)
    excess = sum(one.distribution.subordinate_excess_fen for one in reports)
    assert (held[Code.TRUST_FEE], held[Code.TRUST_INTEREST], held[Code.TRUST_EXCESS]) == (fees, interest, excess)
    assert -held[Code.TRUST_SENIOR] == last.closing.senior_fen
    assert -held[Code.TRUST_SUBORDINATE] == last.closing.subordinate_fen
    notes_paid = issued - last.closing.senior_fen - last.closing.subordinate_fen
    spent = sum(one.proposal.spent_fen for one in reports)
    # What came in is what was paid out, spent on loans, and what is in reserve.
    assert issued + came == fees + interest + excess + notes_paid + spent + held[Code.TRUST_CASH]
    assert held[Code.TRUST_LOANS] == spent - sum(one.repaid_fen for one in reports) - held[Code.TRUST_LOST]
    assert held[Code.TRUST_LOST] == sum(lost[: len(reports)])


def test_a_default_stays_a_default_when_it_is_paid_and_what_is_paid_is_distributed() -> None:
    start = pooled(overdue_days=91, opening_fen=50_000)
    cured = replace(start, overdue_days=0, repaid_fen=20_000, defaulted_fen=50_000)
    triggers = terms().triggers
    assert (start.lost_fen(triggers=triggers), cured.lost_fen(triggers=triggers)) == (50_000, 50_000)
    assert replace(start, overdue_days=90).lost_fen(triggers=triggers) == 0
    assert (cured.principal_fen, cured.performing_fen(triggers=triggers)) == (30_000, 0)


def test_senior_interest_that_could_not_be_paid_is_carried_and_ends_buying_for_good() -> None:
    nothing = [[(0, 0, 0)] * 4, [(60_000, 3_000, 0)] * 4, [(0, 3_000, 0)] * 4]
    first, second, third = lived(nothing)
    assert first.watched.phase is Phase.BUYING
    short_fen = first.closing.senior_interest_short_fen
    assert short_fen == 947  # 320,000 fen at 3.6 % for 30 of 365 days: 946.8
    assert second.watched.causes == (Cause.SENIOR_INTEREST_UNPAID,)
    # 400,000 fen of loans at 0.1 % and 1 %: 32.9 and 328.8 for September, 34.0 and 339.7 for October.
    fees = [(one.claim.new_fen, one.claim.carried_fen) for one in second.distribution.fees]
    assert fees == [(34, 33), (340, 329)]
    assert second.distribution.senior_interest.claim.carried_fen == short_fen
    assert second.closing.senior_interest_short_fen == 0
    assert third.watched.causes == (Cause.EARLIER,)
    assert third.closing.amortizing_since == second.month.end
