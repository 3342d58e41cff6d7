"""A securitized pool (资产支持证券): what may enter, buying again, the waterfall, triggers, and its static view.

`terms` reads the policy, `read_month` a month's file, `month` puts the rest together: `trigger`, `waterfall`,
`purchase`, `static_view`; `books` says what a day moves on the trust's own accounts. The arithmetic in prose:
docs/algorithms/abs-pool.md.
"""

from mingqu.domain.abs_pool.books import TRUST_CODES, TrustMove, moves_of, trust_id
from mingqu.domain.abs_pool.loan import OfferedLoan, PooledLoan
from mingqu.domain.abs_pool.month import PoolMonth, PoolReport, Standing, report_month
from mingqu.domain.abs_pool.purchase import LeftOut, Proposal, propose, unfit_for
from mingqu.domain.abs_pool.read_month import PoolFile, PoolFileMalformed, check_against, read_month
from mingqu.domain.abs_pool.static_view import Vintage, by_month_of_purchase
from mingqu.domain.abs_pool.terms import Grouping, PoolTerms, PoolUnknown, parse_pools, pool_on
from mingqu.domain.abs_pool.trigger import Cause, Measured, Phase, Watched, watch
from mingqu.domain.abs_pool.waterfall import Claim, Distribution, Paid, borne_fen, distribute

__all__ = [
    "TRUST_CODES",
    "Cause",
    "Claim",
    "Distribution",
    "Grouping",
    "LeftOut",
    "Measured",
    "OfferedLoan",
    "Paid",
    "Phase",
    "PoolFile",
    "PoolFileMalformed",
    "PoolMonth",
    "PoolReport",
    "PoolTerms",
    "PoolUnknown",
    "PooledLoan",
    "Proposal",
    "Standing",
    "TrustMove",
    "Vintage",
    "Watched",
    "borne_fen",
    "by_month_of_purchase",
    "check_against",
    "distribute",
    "moves_of",
    "parse_pools",
    "pool_on",
    "propose",
    "read_month",
    "report_month",
    "trust_id",
    "unfit_for",
    "watch",
]
