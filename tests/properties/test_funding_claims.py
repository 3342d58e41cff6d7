"""Whatever happens to a joint loan: each funder's claim is its share, and the claims together are the loan."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.funding import Funding, Share, Totals, share_moves
from mingqu.domain.ledger import AccountCode, Reason
from tests.soak import examples

PPM = 1_000_000
DAY = date(2026, 8, 15)
GONE = (Reason.SHARE_REPAY, Reason.SHARE_LOSE)
EARNED = {
    Reason.SHARE_INTEREST_PAID: AccountCode.SHARE_INTEREST,
    Reason.SHARE_PENALTY_PAID: AccountCode.SHARE_PENALTY,
    Reason.SHARE_FEE_PAID: AccountCode.SHARE_FEE,
}


@st.composite
def histories(draw: st.DrawFn) -> list[dict[tuple[date, Reason], int]]:
    """What moves at each event; money that came may be taken back, never more than is there."""
    lent, gone, earned = 0, dict.fromkeys(GONE, 0), dict.fromkeys(EARNED, 0)
    history = []
    for number in range(draw(st.integers(1, 12))):
        moved: dict[tuple[date, Reason], int] = {}
        on = DAY + timedelta(days=number)
        if number == 0 or draw(st.booleans()):
            moved[on, Reason.SHARE_LEND] = fen = draw(st.integers(1, 500))
            lent += fen
        for reason in draw(st.sets(st.sampled_from(GONE), max_size=1)):
            fen = draw(st.integers(-gone[reason], lent - sum(gone.values())))
            gone[reason] += fen
            moved[on, reason] = fen
        for earning in draw(st.sets(st.sampled_from(sorted(EARNED)), max_size=2)):
            fen = draw(st.integers(-earned[earning], 50))
            earned[earning] += fen
            moved[on, earning] = fen
        history.append({line: fen for line, fen in moved.items() if fen})
    return history


@settings(max_examples=examples(150), deadline=None)
@given(ppm=st.integers(1, PPM - 1), history=histories())
def test_each_claim_is_a_share_and_all_claims_are_the_loan(
    ppm: int, history: list[dict[tuple[date, Reason], int]]
) -> None:
    funding = Funding(shares=(Share(lender_id=UUID(int=1), ppm=ppm), Share(lender_id=UUID(int=2), ppm=PPM - ppm)))
    held = [dict.fromkeys(AccountCode, 0) for _ in range(2)]
    totals, lent, gone, earned = Totals(), 0, 0, dict.fromkeys(EARNED, 0)
    for moved in history:
        moves, totals = share_moves(funding=funding, before=totals, moved=moved)
        for one in moves:
            assert one.amount_fen > 0
            held[one.place][one.debit] += one.amount_fen
            held[one.place][one.credit] -= one.amount_fen
            assert all(each[AccountCode.SHARE_PRINCIPAL] >= 0 for each in held), "a claim ran dry on the way"
        lent += sum(fen for (_, reason), fen in moved.items() if reason is Reason.SHARE_LEND)
        gone += sum(fen for (_, reason), fen in moved.items() if reason in GONE)
        for (_, reason), fen in moved.items():
            earned[reason] = earned.get(reason, 0) + fen
        # Worked out here from nothing but the sums: the partner's part rounded down, the bank's the rest.
        assert held[0][AccountCode.SHARE_PRINCIPAL] == lent * ppm // PPM - gone * ppm // PPM
        assert sum(each[AccountCode.SHARE_PRINCIPAL] for each in held) == lent - gone
        for earning, code in EARNED.items():
            assert -held[0][code] == earned[earning] * ppm // PPM
            assert -sum(each[code] for each in held) == earned[earning]
        assert all(sum(each.values()) == 0 for each in held)
