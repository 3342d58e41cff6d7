"""Whatever happens to a joint account: each funder's claim is its share, and the claims together are the account."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mingqu.domain.funding import Funding, Share, Totals, moved_by, share_moves
from mingqu.domain.ledger import Account, Reason, Transfer
from mingqu.domain.ledger import AccountCode as Code
from mingqu.domain.spend import SpendEvent, SpendKind, SpendOutcome, SpendPosting, SpendTerms
from tests.golden.spend_scenarios import terms_of
from tests.properties.test_spend import OPENED, STEPS, TERMS, drawn_back, histories, told, told_whole
from tests.soak import examples

PPM = 1_000_000
REVERSED = (SpendKind.REVERSED, SpendKind.REVERSED_INTEREST, SpendKind.REVERSED_FEE, SpendKind.REVERSED_PENALTY)
# No more is taken back than came, which histories drawn at random do not know: the one of every kind does.
COMING = tuple(kind for kind in STEPS if kind not in REVERSED)
DUES = (
    (Code.SPEND_INTEREST_DUE, Code.SPEND_INTEREST_INCOME, Code.SHARE_INTEREST, "interest_fen"),
    (Code.SPEND_FEE_DUE, Code.SPEND_FEE_INCOME, Code.SHARE_FEE, "fee_fen"),
    (Code.SPEND_PENALTY_DUE, Code.SPEND_PENALTY_INCOME, Code.SHARE_PENALTY, "penalty_fen"),
)


def transfer(posting: SpendPosting, on: date) -> Transfer:
    """A posting as the ledger would have it; whose the accounts are plays no part."""
    return Transfer(
        id=UUID(int=9), debit=Account(owner=UUID(int=3), code=posting.debit),
        credit=Account(owner=UUID(int=4), code=posting.credit), amount_fen=posting.amount_fen, reason=posting.reason,
        value_date=posting.value_date, posted_on=on, reference=UUID(int=5),
    )  # fmt: skip


class Plain:
    """What a joint account came to, told from its state alone: what was drawn, what is used, charged and still due."""

    def __init__(self) -> None:
        self.lent, self.charged = 0, Counter[Code]()

    def hears(self, outcome: SpendOutcome) -> None:
        self.lent += outcome.drawn_fen
        for posting in outcome.postings:
            for owed, income, _, _ in DUES:
                if (posting.debit, posting.credit) == (owed, income):
                    self.charged[owed] += posting.amount_fen
                if (posting.credit, posting.debit) == (owed, income):  # never owed
                    self.charged[owed] -= posting.amount_fen
            if (posting.debit, posting.reason) == (Code.LENDER_CASH, Reason.SPEND_DRAW):  # it came back: never lent
                self.lent -= posting.amount_fen

    def require(self, outcome: SpendOutcome, held: list[Counter[Code]], ppm: int) -> None:
        used = outcome.state.used_fen
        gone = self.lent - used
        assert [one[Code.SHARE_PRINCIPAL] for one in held] == split(self.lent, ppm, less=gone)
        assert sum(one[Code.SHARE_PRINCIPAL] for one in held) == used
        assert [-one[Code.SHARE_LENT] for one in held] == split(self.lent, ppm)
        received = split(gone, ppm)
        for owed, _, code, name in DUES:
            paid = split(self.charged[owed] - getattr(outcome.state, name), ppm)
            assert [-one[code] for one in held] == paid
            received = [before + part for before, part in zip(received, paid, strict=True)]
        assert [one[Code.SHARE_RECEIVED] for one in held] == received
        assert [one[Code.SHARE_LOST] for one in held] == [0, 0]


def split(fen: int, ppm: int, *, less: int = 0) -> list[int]:
    """The partner's part rounded down, the bank's the rest; of what is left the one less the other."""
    first = fen * ppm // PPM - less * ppm // PPM
    return [first, fen - less - first]


def of_every_kind() -> list[SpendEvent]:
    """A history of each movement: refunds before and after a bill, instalments, being late, too much, taken back."""

    def event(number: int, kind: SpendKind, days: int, amount_fen: int, target: int | None = None) -> SpendEvent:
        made = SpendEvent(
            event_id=UUID(int=number),
            kind=SpendKind.PURCHASED,
            on=OPENED + timedelta(days=days),
            amount_fen=amount_fen,
            target=None if target is None else UUID(int=target),
        )
        return replace(made, kind=kind, count=3 if kind is SpendKind.CONVERTED else None)

    return [
        event(1, SpendKind.PURCHASED, 1, 100_001),
        event(2, SpendKind.REFUNDED, 2, 1_002, 1),
        event(3, SpendKind.PURCHASED, 3, 90_007),
        event(4, SpendKind.CONVERTED, 4, 90_007, 3),
        event(5, SpendKind.REFUNDED, 40, 20_003, 1),
        event(6, SpendKind.REPAID, 50, 1_001),
        event(7, SpendKind.LIMITED, 51, 50_000),
        event(8, SpendKind.REPAID, 110, 200_000),
        event(9, SpendKind.PURCHASED, 111, 777),
        event(10, SpendKind.REVERSED_INTEREST, 112, 5, 8),  # of what came, so much did not come after all
        event(11, SpendKind.REVERSED_FEE, 112, 7, 8),
        event(12, SpendKind.REVERSED_PENALTY, 112, 3, 8),
        event(13, SpendKind.REVERSED, 112, 120_003, 8),
    ]


@given(
    terms=TERMS, events=histories(kinds=COMING) | drawn_back((*COMING, SpendKind.REVERSED)), ppm=st.integers(1, PPM - 1)
)
@example(terms=terms_of(), events=of_every_kind(), ppm=300_001)
@settings(max_examples=examples(180))
def test_each_claim_is_a_share_of_the_account_after_every_event(
    terms: SpendTerms, events: list[SpendEvent], ppm: int
) -> None:
    funding = Funding(shares=(Share(lender_id=UUID(int=1), ppm=ppm), Share(lender_id=UUID(int=2), ppm=PPM - ppm)))
    held = [Counter[Code](), Counter[Code]()]
    totals, plain = Totals(), Plain()
    back = any(one.kind is SpendKind.DRAW_RETURNED for one in events)
    outcomes = told_whole(terms, events)[1] if back else told(terms, events)[0]
    for outcome in outcomes:
        moved = moved_by(transfer(one, outcome.state.day) for one in outcome.postings)
        moves, totals = share_moves(funding=funding, before=totals, moved=moved)
        for one in moves:
            held[one.place][one.debit] += one.amount_fen
            held[one.place][one.credit] -= one.amount_fen
            assert all(each[Code.SHARE_PRINCIPAL] >= 0 for each in held), "a claim ran dry on the way"
        plain.hears(outcome)
        plain.require(outcome, held, ppm)
