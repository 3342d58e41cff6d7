"""However a difference moves bills about, no account of the loan runs dry on the way, and the lines net the same."""

from __future__ import annotations

from collections import Counter
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.ledger import WAYS, AccountCode, Reason
from mingqu.domain.loan import Posting
from mingqu.services.loans.record_event import in_a_turn_that_holds

DUE, UNBILLED, CASH = AccountCode.LOAN_PRINCIPAL_DUE, AccountCode.LOAN_PRINCIPAL, AccountCode.COLLECTION_CLEARING
AVAILABLE, DRAWN = AccountCode.LIMIT_AVAILABLE, AccountCode.LIMIT_DRAWN
LINES = [
    (DUE, UNBILLED, Reason.BILL_PRINCIPAL),
    (UNBILLED, DUE, Reason.BILL_PRINCIPAL),
    (CASH, DUE, Reason.REPAY_PRINCIPAL),
    (DUE, CASH, Reason.REPAY_PRINCIPAL),
    (DRAWN, AVAILABLE, Reason.LIMIT_RELEASE),
    (AVAILABLE, DRAWN, Reason.LIMIT_RELEASE),
]
lines = st.builds(
    lambda line, amount_fen, on: Posting(
        debit=line[0], credit=line[1], amount_fen=amount_fen, reason=line[2], value_date=on
    ),
    st.sampled_from(LINES),
    st.integers(1, 1_000),
    st.dates(date(2026, 1, 1), date(2026, 1, 9)),
)


def net(postings: list[Posting]) -> Counter[tuple[AccountCode, AccountCode, Reason, date]]:
    """What postings come to, a line and its taking back under one name."""
    found: Counter[tuple[AccountCode, AccountCode, Reason, date]] = Counter()
    for one in postings:
        turned = one.debit > one.credit
        pair = (one.credit, one.debit) if turned else (one.debit, one.credit)
        found[(*pair, one.reason, one.value_date)] += -one.amount_fen if turned else one.amount_fen
    return Counter({line: fen for line, fen in found.items() if fen})


@given(postings=st.lists(lines, max_size=8), due_fen=st.integers(0, 2_000))
def test_what_is_due_never_runs_dry_and_draws_come_before_releases(postings: list[Posting], due_fen: int) -> None:
    change = sum(one.amount_fen * ((one.debit is DUE) - (one.credit is DUE)) for one in postings)
    if due_fen + change < 0:
        due_fen -= due_fen + change  # a true difference ends with nothing below zero
    ordered = in_a_turn_that_holds(postings, due_fen=due_fen)
    assert net(ordered) == net(postings)
    assert all((one.debit, one.credit, one.reason) in WAYS for one in ordered)
    held = due_fen
    for one in ordered:
        held += one.amount_fen * ((one.debit is DUE) - (one.credit is DUE))
        assert held >= 0
    on_limits = [one.debit for one in ordered if AVAILABLE in (one.debit, one.credit)]
    assert on_limits == sorted(on_limits)  # 9002, what is available, is drawn from before 9003 is released
