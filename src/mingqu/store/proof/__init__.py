"""The proofs across parts of the book, that `verify` puts together; each returns one sentence for each break.

`book` compares tables with each other, `group` what groups accrued with their loans, `transfer` asks what each transfer
means, `contract` holds loans against what was signed, `crossing` money between cells against its other half, `day` days
that were added up against what they were made of, `decision` limits against what was decided, `word` orders against
their words, `document` rows against their evidence, `proposal` what takes two people against the two, `policy` what
decides against who put it into force, `partner` what guarantors and insurers paid and were paid, `lender_money` what
lenders paid in for offers against what was signed, `buy_back` parts of joint loans that were bought back, `pool` what
pools hold against the loans, `trust` their trusts' accounts against their days, `taking_over` loans of other books
against the files that brought them, `milestone` stages that were paid against the two who released them, `called_off`
loans that ended unpaid against their money, `settlement` what was settled against its orders and their bills. What a
part proves of itself is in `ledger_proof`, `headroom` and `evidence`.
"""

from mingqu.store.proof.book import (
    EXPECTED_LEAVES,
    all_loans,
    counts,
    holds,
    limits,
    loans_and_ledger,
    orders_and_events,
    orders_and_ledger,
    payees,
)
from mingqu.store.proof.buy_back import bought_back
from mingqu.store.proof.called_off import called_off
from mingqu.store.proof.contract import contracts, differing_terms
from mingqu.store.proof.crossing import crossings
from mingqu.store.proof.day import day_balances, day_portfolios
from mingqu.store.proof.decision import decisions
from mingqu.store.proof.document import compared_leaves
from mingqu.store.proof.funding import fundings
from mingqu.store.proof.group import group_totals
from mingqu.store.proof.lender_money import lender_money
from mingqu.store.proof.milestone import milestones
from mingqu.store.proof.partner import partners
from mingqu.store.proof.policy import policies
from mingqu.store.proof.pool import pools
from mingqu.store.proof.proposal import proposals
from mingqu.store.proof.purpose import purposes
from mingqu.store.proof.settlement import settlements
from mingqu.store.proof.spend import spend_accounts
from mingqu.store.proof.taking_over import taken_over
from mingqu.store.proof.transfer import LoanBooks, Moved, group_days, loan_books, meanings
from mingqu.store.proof.trust import trusts
from mingqu.store.proof.word import words

__all__ = [
    "EXPECTED_LEAVES",
    "LoanBooks",
    "Moved",
    "all_loans",
    "bought_back",
    "called_off",
    "compared_leaves",
    "contracts",
    "counts",
    "crossings",
    "day_balances",
    "day_portfolios",
    "decisions",
    "differing_terms",
    "fundings",
    "group_days",
    "group_totals",
    "holds",
    "lender_money",
    "limits",
    "loan_books",
    "loans_and_ledger",
    "meanings",
    "milestones",
    "orders_and_events",
    "orders_and_ledger",
    "partners",
    "payees",
    "policies",
    "pools",
    "proposals",
    "purposes",
    "settlements",
    "spend_accounts",
    "taken_over",
    "trusts",
    "words",
]
