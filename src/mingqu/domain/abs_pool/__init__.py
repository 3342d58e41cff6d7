"""A securitized pool (资产支持证券): what may enter, buying again, the waterfall, triggers, and its static view.

`terms` reads the policy, `read_month` a month's file, `month` puts the rest together: `trigger`, `waterfall`,
`purchase`, `static_view`. The arithmetic in prose: docs/algorithms/abs-pool.md.
"""

from mingqu.domain.abs_pool.loan import OfferedLoan, PooledLoan
from mingqu.domain.abs_pool.month import PoolMonth, PoolReport, Standing, report_month
from mingqu.domain.abs_pool.purchase import LeftOut, Proposal, propose, unfit_for
from mingqu.domain.abs_pool.read_month import PoolFile, PoolFileMalformed, check_against, read_month
from mingqu.domain.abs_pool.static_view import Vintage, by_month_of_purchase
from mingqu.domain.abs_pool.terms import Grouping, PoolTerms, PoolUnknown, parse_pools, pool_on
from mingqu.domain.abs_pool.trigger import Cause, Measured, Phase, Watched, watch
from mingqu.domain.abs_pool.waterfall import Claim, Distribution, Paid, borne_fen, distribute

__all__ = [
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
    "Vintage",
    "Watched",
    "borne_fen",
    "by_month_of_purchase",
    "check_against",
    "distribute",
    "parse_pools",
    "pool_on",
    "propose",
    "read_month",
    "report_month",
    "unfit_for",
    "watch",
]
