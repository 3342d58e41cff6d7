"""However a joint loan lives, and whenever the bank's part of it is bought back: each fen has one creditor.

The model knows no engine and no accounts: a list of what came and went by day, and on which day whose the part became.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from mingqu.domain.funding import Funding, Price, PricePart, Share, Totals, price_of, share_moves
from mingqu.domain.ledger import AccountCode, Reason
from mingqu.domain.loan import Payable, Quote
from mingqu.domain.moment import MARKET_TIME
from mingqu.store.funders import funder_statement
from mingqu.store.loans import loan_buy_back, loan_funding
from mingqu.store.loans.loan_buy_back import BuyBack
from mingqu.store.loans.loan_funding import LoanFunding
from mingqu.store.server.database import Database, Transaction
from tests.soak import examples

PPM: Final = 1_000_000
DAY: Final = date(2026, 8, 15)
PARTNER, BANK, GUARANTOR = UUID(int=1), UUID(int=2), UUID(int=3)
LOAN: Final = UUID("01a00326-ab48-7f90-a045-ca885faacb00")
PROPOSAL: Final = UUID("01a00326-ab48-7f90-a045-ca885faacb01")
GONE: Final = (Reason.SHARE_REPAY, Reason.SHARE_LOSE)
EARNED: Final = {
    Reason.SHARE_INTEREST_PAID: "interest_fen",
    Reason.SHARE_PENALTY_PAID: "penalty_fen",
    Reason.SHARE_FEE_PAID: "fee_fen",
}
Line = dict[Reason, int]


@dataclass(frozen=True, kw_only=True)
class Life:
    """What moved of a loan on each day, in turn; on the `bought` th the bank's part is somebody else's first."""

    ppm: int
    days: list[Line]
    bought: int
    buyer: UUID
    price_other: tuple[int, int]

    @property
    def funding(self) -> Funding:
        """Thirty and seventy, or whatever it is."""
        return Funding(shares=(Share(lender_id=PARTNER, ppm=self.ppm), Share(lender_id=BANK, ppm=PPM - self.ppm)))


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """A loan that is paid, bounces, is lost in part and earns, in any order; bought back while something is owed."""
    lent, gone, earned = draw(st.integers(2, 500)), dict.fromkeys(GONE, 0), dict.fromkeys(EARNED, 0)
    days: list[Line] = [{Reason.SHARE_LEND: lent}]
    owed = [lent]
    for _ in range(draw(st.integers(1, 9))):
        line: Line = {}
        for reason in draw(st.sets(st.sampled_from(GONE), max_size=1)):
            line[reason] = draw(st.integers(-gone[reason], lent - sum(gone.values())))
            gone[reason] += line[reason]
        for earning in draw(st.sets(st.sampled_from(sorted(EARNED)), max_size=3)):
            line[earning] = draw(st.integers(-earned[earning], 50))
            earned[earning] += line[earning]
        days.append({reason: fen for reason, fen in line.items() if fen})
        owed.append(lent - sum(gone.values()))
    ppm = draw(st.integers(1, PPM - 1))
    # A part is bought on a day before which the bank was still owed something; on it and behind it all goes on.
    meant = [day for day in range(1, len(days)) if lent - lent * ppm // PPM - _bank(lent - owed[day - 1], ppm) > 0]
    return Life(
        ppm=ppm,
        days=days,
        bought=draw(st.sampled_from(meant)) if meant else 0,
        buyer=draw(st.sampled_from((PARTNER, GUARANTOR))),
        price_other=(draw(st.integers(0, 40)), draw(st.integers(0, 40))),
    )


def _bank(total: int, ppm: int) -> int:
    """The bank's part of a running total: what the partner's, rounded down, leaves."""
    return total - total * ppm // PPM


def told(life: Life, *, who: UUID, first: int, last: int) -> dict[str, int]:
    """Return what somebody's statement of some days must say, by nothing but the list of what came and went."""
    names = ("opening", "lent", "bought", "repaid", "lost", "sold", "interest", "penalty", "fee", "price")
    found = dict.fromkeys((f"{name}_fen" for name in names), 0)
    sums = dict.fromkeys((Reason.SHARE_LEND, "gone", *EARNED), 0)
    sold_fen = 0

    def note(day: int, column: str, fen: int, claim: int) -> None:
        if day < first:
            found["opening_fen"] += claim * fen
        elif day <= last:
            found[column] += fen

    for day, line in enumerate(life.days):
        if day == life.bought > 0:
            sold_fen = _bank(sums[Reason.SHARE_LEND], life.ppm) - _bank(sums["gone"], life.ppm)
            price_fen = sold_fen + sum(life.price_other)
            for column, party, claim in (("sold_fen", BANK, -1), ("bought_fen", life.buyer, 1)):
                if who == party:
                    note(day, column, sold_fen, claim)
                    note(day, "price_fen", -claim * price_fen, 0)
        for reason, fen in line.items():
            name = "gone" if reason in GONE else reason
            before, after = sums[name], sums[name] + fen
            sums[name] = after
            parts = {PARTNER: after * life.ppm // PPM - before * life.ppm // PPM}
            holder = life.buyer if 0 < life.bought <= day else BANK
            parts[holder] = parts.get(holder, 0) + _bank(after, life.ppm) - _bank(before, life.ppm)
            column = {Reason.SHARE_LEND: "lent_fen", GONE[0]: "repaid_fen", GONE[1]: "lost_fen", **EARNED}[reason]
            note(day, column, parts.get(who, 0), 0 if reason in EARNED else 1 if reason is Reason.SHARE_LEND else -1)
    return found


def book(tx: Transaction, life: Life) -> None:
    """Write what the loan's funders have of each day as the house does, and the buy-back."""
    routed = LoanFunding(
        loan_id=LOAN, product_id="p", plan_version=1, source_id="s", funding=life.funding,
        routed_at=datetime(2026, 8, 15, tzinfo=MARKET_TIME),
    )  # fmt: skip
    cell = tx.cell_of(LOAN)
    loan_funding.insert(tx, cell=cell, funding=routed)
    totals, rows = Totals(), []
    for day, line in enumerate(life.days):
        on = DAY + timedelta(days=day)
        if day == life.bought > 0:
            principal_fen = life.funding.split(totals.lent_fen)[1] - life.funding.split(totals.gone_fen)[1]
            interest_fen, penalty_fen = life.price_other
            loan_buy_back.insert(
                tx,
                cell=cell,
                bought=BuyBack(
                    loan_id=LOAN, proposal_id=PROPOSAL, slice=routed.slices[1], seller=BANK, buyer=life.buyer,
                    buyer_code="b", terms_id="t", terms_version=1, cause="fraud", overdue_days=0,
                    price=Price(principal_fen=principal_fen, interest_fen=interest_fen, penalty_fen=penalty_fen),
                    bought_on=on, bought_at=datetime(2026, 8, 15, tzinfo=MARKET_TIME),
                ),
            )  # fmt: skip
        # News is of any day before: by value a line may lie weeks back, and is whose the part is when it is booked.
        moved = {(on - timedelta(days=(day * 7) % 5), reason): fen for reason, fen in line.items()}
        moves, totals = share_moves(funding=life.funding, before=totals, moved=moved)
        rows += [(routed.slices[one.place], one, on) for one in moves]
    tx.executemany(
        """INSERT INTO transfer (cell, id, debit_owner, credit_owner, amount_fen, value_date, posted_on, debit_code,
               credit_code, kind, reason, currency, reference)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s, 'CNY', %s)""",
        [
            (cell, UUID(int=number + 1), owner, owner, one.amount_fen, one.value_date, on, int(one.debit),
             int(one.credit), int(one.reason), LOAN)
            for number, (owner, one, on) in enumerate(rows)
        ],
    )  # fmt: skip


def test_statements_give_each_fen_to_whoever_has_the_part_when_it_is_booked(database: Database) -> None:
    @settings(max_examples=examples(150), deadline=None)
    @given(life=lives(), cut=st.tuples(st.integers(0, 9), st.integers(0, 9)))
    def holds(life: Life, cut: tuple[int, int]) -> None:
        first, last = sorted(cut)
        stated: dict[UUID, dict[str, int]] = {}
        with database.transaction() as tx:  # nothing of it stays: there is no commit
            tx.execute("SET LOCAL session_replication_role = replica")
            book(tx, life)
            for who in (PARTNER, BANK, GUARANTOR):
                days = [DAY + timedelta(days=day) for day in (first, last)]
                lines = funder_statement.of_funder(tx, funder_id=who, first=days[0], last=days[1])
                assert len(lines) <= 1
                expected = told(life, who=who, first=first, last=last)
                stated[who] = {name: getattr(lines[0], name) if lines else 0 for name in expected}
                assert stated[who] == expected, who
                closing = expected["opening_fen"] + expected["lent_fen"] + expected["bought_fen"]
                closing -= expected["repaid_fen"] + expected["lost_fen"] + expected["sold_fen"]
                assert (lines[0].closing_fen if lines else 0) == closing >= 0
        seen = life.days[first : last + 1]
        for reason, name in {**EARNED, GONE[0]: "repaid_fen", GONE[1]: "lost_fen"}.items():
            assert sum(each[name] for each in stated.values()) == sum(line.get(reason, 0) for line in seen)
        assert sum(each["price_fen"] for each in stated.values()) == 0

    holds()


@given(life=lives(), owed=st.tuples(st.integers(0, 300), st.integers(0, 60), st.integers(0, 60)))
def test_a_price_is_what_the_seller_would_have_if_all_were_paid_now(life: Life, owed: tuple[int, int, int]) -> None:
    totals = Totals()
    for day, line in enumerate(life.days):
        on = DAY + timedelta(days=day)
        _, totals = share_moves(
            funding=life.funding, before=totals, moved={(on, reason): fen for reason, fen in line.items()}
        )
    due_fen, early_fen, penalty_fen = owed
    price = price_of(
        funding=life.funding,
        place=1,
        totals=totals,
        owed=Quote(
            on=DAY,
            due=Payable(principal_fen=0, interest_fen=due_fen, penalty_fen=penalty_fen, fee_fen=9),
            early_interest_fen=early_fen,
            principal_unbilled_fen=0,
        ),
        parts=tuple(PricePart),
    )
    everything = {
        (DAY, Reason.SHARE_REPAY): totals.lent_fen - totals.gone_fen,
        (DAY, Reason.SHARE_INTEREST_PAID): due_fen + early_fen,
        (DAY, Reason.SHARE_PENALTY_PAID): penalty_fen,
    }
    moves, _ = share_moves(
        funding=life.funding, before=totals, moved={line: fen for line, fen in everything.items() if fen}
    )
    came = dict.fromkeys((AccountCode.SHARE_PRINCIPAL, AccountCode.SHARE_INTEREST, AccountCode.SHARE_PENALTY), 0)
    for one in moves:
        if one.place == 1:
            came[one.credit] += one.amount_fen
    assert [price.principal_fen, price.interest_fen, price.penalty_fen] == list(came.values())
