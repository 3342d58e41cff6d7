"""What a loan costs a year, found from its cash flows; who collects each part of it; what being late would cost."""

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
from mingqu.domain.cost.composition import DELAY_DAYS_SHOWN, AllInCost, all_in_cost
from mingqu.domain.cost.delay import DelayCost, DelayFee, DelayTerms, cost_of_delay
from mingqu.domain.cost.item import CostItem, CostItemMalformed
from mingqu.domain.cost.root import RateBeyondReach, RateNotUnique, RateUndefined

__all__ = [
    "DELAY_DAYS_SHOWN",
    "AllInCost",
    "AnnualCost",
    "CostItem",
    "CostItemMalformed",
    "DelayCost",
    "DelayFee",
    "DelayTerms",
    "RateBeyondReach",
    "RateNotUnique",
    "RateUndefined",
    "all_in_cost",
    "annual_cost",
    "cost_of_delay",
    "european_rate",
    "european_years",
    "extended_irr",
    "irr_period",
    "regulation_z_rate",
    "regulation_z_times",
]
