"""Who funds a loan: sources per product as data, the choice among them, limits, shares, claims, and a look ahead."""

from __future__ import annotations

from mingqu.domain.funding.buy_back import (
    BuyBackRule,
    BuyBackTerms,
    BuyerNotLicensed,
    Cause,
    LatenessNotGuaranteed,
    Price,
    PricePart,
    price_of,
    require_may_buy,
)
from mingqu.domain.funding.claim import SALE_CODES, SHARE_CODES, Totals, moved_by, share_moves
from mingqu.domain.funding.forecast import WEEKS, Point, forecast, week_of
from mingqu.domain.funding.limit import HARD_PPM, SOFT_PPM, Level, Limit, LimitKind, level_of, limits_of
from mingqu.domain.funding.named import JointSource, NamedLender
from mingqu.domain.funding.plan import (
    NO_FUNDING,
    Funder,
    FunderUnknown,
    FundingBook,
    FundingPlan,
    Source,
    SourceKind,
    parse_funding,
)
from mingqu.domain.funding.route import Route, Skip, Skipped, route
from mingqu.domain.funding.share import Funding, Share, SharesMalformed, split_lines, split_schedule

__all__ = [
    "HARD_PPM",
    "NO_FUNDING",
    "SALE_CODES",
    "SHARE_CODES",
    "SOFT_PPM",
    "WEEKS",
    "BuyBackRule",
    "BuyBackTerms",
    "BuyerNotLicensed",
    "Cause",
    "Funder",
    "FunderUnknown",
    "Funding",
    "FundingBook",
    "FundingPlan",
    "JointSource",
    "LatenessNotGuaranteed",
    "Level",
    "Limit",
    "LimitKind",
    "NamedLender",
    "Point",
    "Price",
    "PricePart",
    "Route",
    "Share",
    "SharesMalformed",
    "Skip",
    "Skipped",
    "Source",
    "SourceKind",
    "Totals",
    "forecast",
    "level_of",
    "limits_of",
    "moved_by",
    "parse_funding",
    "price_of",
    "require_may_buy",
    "route",
    "share_moves",
    "split_lines",
    "split_schedule",
    "week_of",
]
