"""What a loan costs a year, found from its cash flows; and who collects each part of it."""

from mingqu.domain.cost.annual import (
    AnnualCost,
    annual_cost,
    european_rate,
    european_years,
    extended_irr,
    irr_period,
    regulation_z_rate,
    regulation_z_times,
)
from mingqu.domain.cost.composition import AllInCost, CostItem, all_in_cost
from mingqu.domain.cost.root import RateBeyondReach, RateNotUnique, RateUndefined

__all__ = [
    "AllInCost",
    "AnnualCost",
    "CostItem",
    "RateBeyondReach",
    "RateNotUnique",
    "RateUndefined",
    "all_in_cost",
    "annual_cost",
    "european_rate",
    "european_years",
    "extended_irr",
    "irr_period",
    "regulation_z_rate",
    "regulation_z_times",
]
