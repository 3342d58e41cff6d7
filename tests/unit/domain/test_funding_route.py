"""Who funds a loan: the order of the plan, why not the others, what each limit comes to, and what lies ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from mingqu.domain.funding import (
    Funder,
    Funding,
    FundingPlan,
    Level,
    LimitKind,
    Skip,
    Source,
    forecast,
    level_of,
    limits_of,
    parse_funding,
    route,
)
from mingqu.domain.funding.route import Wanted
from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.store.decisions import policy
from mingqu.store.funders import funding_folder
from tests.world import the_pack

ON = date(2026, 11, 29)
BOOK = funding_folder.load_funding(policy.policy_folder())
FUNDERS = BOOK.funders_on(ON)
RULES = the_pack().rules


def plan_of(product_id: str = "chengchuan-instalment") -> FundingPlan:
    plan = BOOK.plan_of(product_id=product_id, business_date=ON)
    assert plan is not None
    return plan


def chosen(
    amount_fen: int, free: dict[str, int] | None = None, plan: FundingPlan | None = None
) -> tuple[str | None, list[tuple[str, Skip, LimitKind | None]]]:
    plan = plan or plan_of()
    ids = {
        one.name: one.id
        for source in plan.sources
        for one in limits_of(plan=plan, source=source, funders=FUNDERS, rules=RULES, business_date=ON)
    }
    made = route(
        plan=plan,
        wanted=Wanted(amount_fen=amount_fen, principal_fen=amount_fen, instalments=12),
        free_fen={ids[name]: fen for name, fen in (free or {}).items()},
        funders=FUNDERS,
        rules=RULES,
        business_date=ON,
    )
    return made.source.id if made.source else None, [(one.source_id, one.why, one.limit) for one in made.skipped]


def test_the_first_source_that_is_meant_for_a_loan_and_has_room_funds_it() -> None:
    assert chosen(600_000) == ("own", [])
    assert chosen(6_000_000) == ("joint-qinghe", [("own", Skip.AMOUNT_TOO_LARGE, None)])
    full = {"line chengchuan-instalment/own": 599_999, "concentration qinghe/chengchuan": 419_999}
    assert chosen(600_000, full) == (
        "line-qinghe",
        [("own", Skip.NO_ROOM, LimitKind.LINE), ("joint-qinghe", Skip.NO_ROOM, LimitKind.CONCENTRATION)],
    )
    # Of a joint loan only the bank's 70 % count against what it may do with one partner: to the fen.
    assert chosen(600_000, full | {"concentration qinghe/chengchuan": 420_000})[0] == "joint-qinghe"
    nothing = {f"line chengchuan-instalment/{one.id}": 0 for one in plan_of().sources}
    assert chosen(600_000, nothing)[0] is None


def test_each_funders_own_limits_close_what_it_has_a_part_of() -> None:
    for name in ("capital chengchuan", "leverage chengchuan"):
        assert chosen(6_000_000, {name: 1_799_999})[0] is None  # 30 % of a joint loan, all of others
    for name in ("capital qinghe", "leverage qinghe", "concentration qinghe/chengchuan", "joint_total qinghe"):
        kind = LimitKind(name.split()[0])
        found, skipped = chosen(6_000_000, {name: 4_199_999})
        assert (found, skipped[1:]) == ("line-qinghe", [("joint-qinghe", Skip.NO_ROOM, kind)])
        assert chosen(6_000_000, {name: 4_200_000})[0] == "joint-qinghe"


def test_who_has_no_figures_lends_nothing() -> None:
    plan = plan_of()
    bank_id = plan.source(source_id="joint-qinghe").funder_id
    without = {one: funder for one, funder in FUNDERS.items() if one != bank_id}

    def routed(funders: Mapping[UUID, Funder], only: str | None = None) -> tuple[str | None, list[tuple[str, Skip]]]:
        wanted = Wanted(amount_fen=6_000_000, principal_fen=6_000_000, instalments=12)
        made = route(plan=plan, wanted=wanted, free_fen={}, funders=funders, rules=RULES, business_date=ON, only=only)
        return made.source.id if made.source else None, [(one.source_id, one.why) for one in made.skipped]

    found, skipped = routed(without)
    assert (found, skipped[1]) == ("line-qinghe", ("joint-qinghe", Skip.FIGURES_MISSING))
    assert routed(without, only="joint-qinghe") == (None, [("joint-qinghe", Skip.FIGURES_MISSING)])
    assert routed({})[0] is None
    # A bank that states no capital has none to lend: what a rule asks for and nobody wrote down is no room.
    unstated = FUNDERS | {bank_id: replace(FUNDERS[bank_id], net_capital_fen=0)}
    assert routed(unstated)[1][1] == ("joint-qinghe", Skip.NO_ROOM)


def test_a_partner_below_thirty_per_cent_is_passed_over_from_the_day_of_the_rule() -> None:
    def thin(source: Source) -> Source:
        if not source.is_joint:
            return source
        partner, bank = source.funding.shares
        shares = (replace(partner, ppm=299_999), replace(bank, ppm=700_001))
        return replace(source, funding=replace(source.funding, shares=shares))

    plan = replace(plan_of(), sources=tuple(thin(one) for one in plan_of().sources))
    assert ("joint-qinghe", Skip.PARTNER_SHARE_TOO_SMALL, None) in chosen(6_000_000, plan=plan)[1]


def test_a_joint_source_funds_only_what_its_lenders_were_named_for() -> None:
    plan = BOOK.plan_of(product_id="chengchuan-cash", business_date=date(2027, 1, 1))
    assert plan is not None
    joint = plan.source(source_id="joint-qinghe").funding
    other = replace(joint, shares=tuple(reversed(joint.shares)))
    for named, source_id, skipped in (
        (None, "joint-qinghe", []),
        (frozenset({joint}), "joint-qinghe", []),
        (frozenset({other}), "line-qinghe", [("joint-qinghe", Skip.LENDER_NOT_NAMED)]),
        (frozenset[Funding](), "line-qinghe", [("joint-qinghe", Skip.LENDER_NOT_NAMED)]),
    ):
        made = route(
            plan=plan,
            wanted=Wanted(amount_fen=10_000, principal_fen=10_000, instalments=1, named=named),
            free_fen={},
            funders=FUNDERS,
            rules=RULES,
            business_date=date(2027, 1, 1),
        )
        assert made.source is not None
        assert (made.source.id, [(one.source_id, one.why) for one in made.skipped]) == (source_id, skipped)


def test_limits_follow_from_the_figures_and_the_rules() -> None:
    def limits(product_id: str, source_id: str) -> dict[str, int]:
        plan = plan_of(product_id)
        found = limits_of(
            plan=plan, source=plan.source(source_id=source_id), funders=FUNDERS, rules=RULES, business_date=ON
        )
        assert [one.id for one in found] == sorted(one.id for one in found)
        return {one.name: one.limit_fen for one in found}

    joint = limits("chengchuan-instalment", "joint-qinghe")
    # (5 000 million / 10.5 % - 40 000 million) / 75 %; 4 500 million / 4 % - 90 000 million.
    assert joint["capital chengchuan"] == 1_015_873_015_872
    assert joint["leverage chengchuan"] == 2_250_000_000_000
    # (90 000 million / 10.5 % - 700 000 million) / 75 %; 70 000 million / 4 % - 1 200 000 million.
    assert joint["capital qinghe"] == 20_952_380_952_380
    assert joint["leverage qinghe"] == 55_000_000_000_000
    # A quarter of 70 000 million with one partner; half of 600 000 million less 260 000 million with all others.
    assert joint["concentration qinghe/chengchuan"] == 1_750_000_000_000
    assert joint["joint_total qinghe"] == 4_000_000_000_000
    # 1 + 4: once the net assets of 1 000 million, 600 million of which are borrowed elsewhere.
    assert limits("tinglan-instalment", "line-qinghe")["non_standard tinglan"] == 40_000_000_000


def test_nine_tenths_are_said_and_the_whole_is_the_end() -> None:
    assert [level_of(used_fen=fen, limit_fen=100) for fen in (0, 89, 90, 99, 100, 101)] == [
        *(Level.OPEN, Level.OPEN, Level.SOFT, Level.SOFT, Level.HARD, Level.HARD)
    ]
    assert level_of(used_fen=0, limit_fen=0) is Level.HARD


def test_room_ahead_is_what_comes_by_the_schedules_less_what_is_offered() -> None:
    sunday, monday = date(2026, 11, 29), date(2026, 11, 30)
    points = forecast(
        limit_fen=100,
        used_fen=80,
        today=sunday,
        comes={date(2026, 11, 28): 50, monday: 20, date(2026, 12, 6): 10, date(2026, 12, 7): 5},
        goes={sunday: 40},
    )
    assert [(one.on, one.used_fen, one.room_fen, one.level) for one in points[:3]] == [
        (date(2026, 11, 23), 120, 0, Level.HARD),
        (monday, 90, 10, Level.SOFT),
        (date(2026, 12, 7), 85, 15, Level.OPEN),
    ]


def test_a_plan_names_known_funders_and_each_source_once() -> None:
    def parsed(**changed: object) -> None:
        source = {
            "id": "own", "source_kind": "own", "name_zh": "自有", "name_en": "Own", "funder": "tinglan",
            "line_fen": 1, "amount_min_fen": 1, "amount_max_fen": 1, "instalments_max": 1, **changed,
        }  # fmt: skip
        body = {"kind": "funding", "id": "p", "version": 1, "valid_from": "2026-08-01", "lender": "tinglan",
                "source": [source]}  # fmt: skip
        funder = {"kind": "funder", "id": "tinglan", "version": 1, "valid_from": "2026-08-01",
                  "funder_id": str(UUID(int=(7 << 76) + (2 << 62))), "name_zh": "听澜", "name_en": "Tinglan",
                  "licence": "microlender"}  # fmt: skip
        parse_funding(
            documents=[Document(file="a", body=funder), Document(file="b", body=body)]  # type: ignore[arg-type]
        )

    parsed()
    for fault in (
        {"funder": "nobody"},
        {"partner_share_ppm": 300_000},
        {"source_kind": "joint", "partner_share_ppm": 300_000},
        {"amount_max_fen": 0},
        {"lines": 1},
    ):
        with pytest.raises(PolicyFault):
            parsed(**fault)
