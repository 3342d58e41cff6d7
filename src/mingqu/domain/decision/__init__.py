"""Decisions: typed tables, a points card and grids, compiled from data; the answer says why and what helps."""

from mingqu.domain.decision.card import Card, Factor, FeatureMissing, Scored, parse_card, score
from mingqu.domain.decision.decide import DecisionRecordMalformed, decide, decide_again, replay
from mingqu.domain.decision.field import DecisionInputInvalid, Field, Fields, Value, parse_fields
from mingqu.domain.decision.grid import Grid, GridCaseFailed, parse_grid
from mingqu.domain.decision.mapping import CellMalformed, ColumnMapping, ColumnMissing, parse_mapping
from mingqu.domain.decision.pack import Pack, parse_pack
from mingqu.domain.decision.record import APPROVED, REFUSED, Decision, ProductPrice, Reason
from mingqu.domain.decision.remedy import Change, Remedy, improvements, remedies
from mingqu.domain.decision.strategy import PolicyMissing, PriceAboveCap, Strategy
from mingqu.domain.decision.table import (
    FirstHitTable,
    PolicyCaseFailed,
    PolicyTable,
    parse_first_hit_table,
    parse_policy_table,
)

__all__ = [
    "APPROVED",
    "REFUSED",
    "Card",
    "CellMalformed",
    "Change",
    "ColumnMapping",
    "ColumnMissing",
    "Decision",
    "DecisionInputInvalid",
    "DecisionRecordMalformed",
    "Factor",
    "FeatureMissing",
    "Field",
    "Fields",
    "FirstHitTable",
    "Grid",
    "GridCaseFailed",
    "Pack",
    "PolicyCaseFailed",
    "PolicyMissing",
    "PolicyTable",
    "PriceAboveCap",
    "ProductPrice",
    "Reason",
    "Remedy",
    "Scored",
    "Strategy",
    "Value",
    "decide",
    "decide_again",
    "improvements",
    "parse_card",
    "parse_fields",
    "parse_first_hit_table",
    "parse_grid",
    "parse_mapping",
    "parse_pack",
    "parse_policy_table",
    "remedies",
    "replay",
    "score",
]
