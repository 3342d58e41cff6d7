"""Fees of a guarantor and an insurer: charged as shown, owed for days that ran, and no income of the lender's."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain import identifier, schedule
from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.loan import Accelerated, Disbursed, Event, Intent, LoanNotActive, Receipt, Repaid, Stage, fold, quote
from mingqu.domain.loan.charge import planned_fees
from mingqu.domain.loan.event import WrittenOff
from mingqu.domain.loan.fee import FeeBasis, FeeDue, FeeRule, FeeTaker
from mingqu.domain.loan.state import LoanState
from mingqu.domain.loan.terms import LoanTerms
from mingqu.domain.schedule import Method
from tests.models.loan_terms import monthly_terms
from tests.soak import examples

START = date(2026, 12, 1)
PRINCIPAL = 1_000_000


def an_id(number: int) -> UUID:
    return identifier.fresh(milliseconds=1_800_000_000_000 + number, slot=3, entropy=number)


def fee(taker: FeeTaker, year_ppm: int) -> FeeRule:
    return FeeRule(
        due=FeeDue.INSTALMENT, basis=FeeBasis.BALANCE, share_ppm=year_ppm // 12, taker=taker, partner=taker.value
    )


FEES = (fee(FeeTaker.GUARANTOR, 36_000), fee(FeeTaker.INSURER, 24_000))
TERMS = replace(monthly_terms(principal_fen=PRINCIPAL), fees=FEES)
LENT = Disbursed(event_id=an_id(1), value_date=START, amount_fen=PRINCIPAL)


@given(
    principal_fen=st.integers(1_000, 20_000_000),
    method=st.sampled_from([Method.EQUAL_INSTALMENT, Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY]),
    instalments=st.sampled_from([1, 3, 12, 24]),
)
@settings(max_examples=examples(30))
def test_what_is_shown_before_is_what_is_charged(principal_fen: int, method: Method, instalments: int) -> None:
    terms = replace(TERMS, principal_fen=principal_fen, method=method, instalments=instalments)
    state, _ = fold(terms=terms, events=[replace(LENT, amount_fen=principal_fen)], as_of=START)
    rows = schedule.build(terms=terms.schedule_terms(start=START)).rows
    for rule in FEES:
        shown = planned_fees(rule=rule, rows=rows, rounding=terms.rounding)
        charged = [(part.line_due, part.amount_fen) for part in state.fees if part.taker is rule.taker]
        assert charged == list(shown)
        assert shown[0][1] == (principal_fen * rule.share_ppm * 2 + 1_000_000) // 2_000_000  # half up, of the whole


def test_a_fee_ends_with_the_days_that_ran() -> None:
    """10,000.00 is repaid after ten of the 31 days of December: 30.00 and 20.00 a month become 9.68 and 6.45."""
    on = START + timedelta(days=10)
    before, _ = fold(terms=TERMS, events=[LENT], as_of=on)
    owed = quote(terms=TERMS, state=before, on=on)
    assert owed.fees_unbilled_fen == 968 + 645
    paid = Repaid(event_id=an_id(2), value_date=on, amount_fen=owed.payoff_fen, intent=Intent.PAYOFF)
    state, change = fold(terms=TERMS, events=[LENT, paid], as_of=on)
    assert state.stage is Stage.SETTLED
    assert state.overpayment_fen == 0
    books = accounts(change.postings)
    assert (books[Code.DUE_GUARANTEE_FEE], books[Code.DUE_PREMIUM], books[Code.FEE_INCOME]) == (-968, -645, 0)


def test_half_repaid_early_asks_for_half_of_the_fee_from_then_on() -> None:
    on = START + timedelta(days=10)
    paid = Repaid(event_id=an_id(2), value_date=on, amount_fen=500_000, intent=Intent.PREPAY)
    state, _ = fold(terms=TERMS, events=[LENT, paid], as_of=on)
    left_fen = state.principal_unbilled_fen
    running, following = [line for line in state.instalments if not line.billed][:2]
    whole = (left_fen * 3_000 + 500_000) // 1_000_000
    assert guaranteed(state, running.due) == (whole * 21 * 2 + 31) // 62  # 21 days of 31 are left
    assert guaranteed(state, following.due) == ((left_fen - running.principal_fen) * 3_000 + 500_000) // 1_000_000


def guaranteed(state: LoanState, due: date) -> int:
    return sum(part.amount_fen for part in state.fees if part.taker is FeeTaker.GUARANTOR and part.line_due == due)


happenings = st.lists(
    st.tuples(
        st.integers(0, 430),
        st.integers(1, 1_200_000),
        st.sampled_from([*Intent, Receipt.GOODWILL, Receipt.COMPENSATION, Accelerated, WrittenOff]),
    ),
    max_size=6,
)


@given(told=happenings, as_of=st.integers(0, 450))
@settings(max_examples=examples(150))
def test_partners_get_what_borrowers_paid_and_the_lender_earns_nothing_by_it(
    told: list[tuple[int, int, object]], as_of: int
) -> None:
    events: list[Event] = [LENT]
    for number, (day, amount_fen, what) in enumerate(told, start=2):
        events.append(event(number, START + timedelta(days=day), amount_fen, what))
    last = max([START + timedelta(days=as_of), *(one.value_date for one in events)])
    try:
        state, change = fold(terms=TERMS, events=events, as_of=last)
    except LoanNotActive:
        return
    books, payable = accounts(change.postings), state.payable
    assert books[Code.LOAN_FEE_DUE] == payable.fee_fen
    assert books[Code.PARTNER_FEE] == -payable.fee_fen, "every fee here is a partner's"
    assert books[Code.FEE_INCOME] == 0
    kept = {taker: sum(part.paid_fen for part in state.fees if part.taker is taker) for taker in FeeTaker}
    assert -books[Code.DUE_GUARANTEE_FEE] <= kept[FeeTaker.GUARANTOR]
    assert -books[Code.DUE_PREMIUM] <= kept[FeeTaker.INSURER]
    assert books[Code.DUE_GUARANTEE_FEE] <= 0 >= books[Code.DUE_PREMIUM]
    if not any(isinstance(what, Receipt) and what is Receipt.GOODWILL for _, _, what in told) and not any(
        what is Intent.WITHDRAW for _, _, what in told
    ):
        assert (-books[Code.DUE_GUARANTEE_FEE], -books[Code.DUE_PREMIUM]) == (
            kept[FeeTaker.GUARANTOR],
            kept[FeeTaker.INSURER],
        )
    lines = sum(line.fee_fen - line.fee_paid_fen for line in state.instalments)
    assert lines == sum(part.unpaid_fen for part in state.fees), "each fen of a fee has one whose it is"


def event(number: int, on: date, amount_fen: int, what: object) -> Event:
    if what is Accelerated:
        return Accelerated(event_id=an_id(number), value_date=on)
    if what is WrittenOff:
        return WrittenOff(event_id=an_id(number), value_date=on)
    if isinstance(what, Receipt):
        return Repaid(event_id=an_id(number), value_date=on, amount_fen=amount_fen, receipt=what)
    assert isinstance(what, Intent)
    return Repaid(event_id=an_id(number), value_date=on, amount_fen=amount_fen, intent=what)


def accounts(postings: list[object]) -> Counter[Code]:
    """Return every account's debits less its credits, in fen."""
    found: Counter[Code] = Counter()
    for one in postings:
        found[one.debit] += one.amount_fen  # type: ignore[attr-defined]
        found[one.credit] -= one.amount_fen  # type: ignore[attr-defined]
    return found


def terms_of(**changes: object) -> LoanTerms:
    return replace(TERMS, **changes)  # type: ignore[arg-type]
