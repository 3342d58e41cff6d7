"""What a pool's files may not say, and what `mingqu pool` prints of the month in the reference."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from mingqu import cli
from mingqu.domain.abs_pool import LeftOut, PoolFileMalformed, PoolUnknown, parse_pools, pool_on, unfit_for
from mingqu.domain.policy_file import Document, PolicyFault, plain
from mingqu.main import Wiring
from mingqu.services.pools.report_pool import report_pool
from mingqu.store.decisions.policy import policy_folder, read_document
from mingqu.store.funders.pool import load_pools
from tests.models.pool import offered

ROOT: Final = Path(__file__).resolve().parents[3]
MONTH: Final = ROOT / "docs" / "reference" / "pool-month.json"
POLICY: Final = read_document(policy_folder() / "pools" / "yuanqu-consumer-1.toml", file="pool.toml").body


def changed(body: Any, path: str, value: Any) -> Any:
    """Return a copy of plain data with one value changed, or taken away for `...`."""
    copy = json.loads(json.dumps(body))
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    inner = copy
    for step in steps:
        inner = inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("kind", "funding", "column kind"),
        ("senior_fen", ..., "column senior_fen: missing"),
        ("subordinate_fen", 4_210_526, "less than what must be kept"),
        ("buys_until", "2026-07-31", "before the pool begins"),
        ("day_count", "act/400", "column day_count"),
        ("fee.1.id", "trustee", "a fee stands twice"),
        ("fee.0.rate_ppm", 1_000_001, "row trustee, column rate_ppm"),
        ("limit.1.by", "borrower", "a limit stands twice"),
        ("limit.0.by", "age", "column by"),
        ("eligibility.rate_ppm_max", 71_999, "column rate_ppm_max"),
        ("eligibility.principal_fen_max", 49_999, "column principal_fen_max"),
        ("eligibility.age_min", 18, "column age_min: unknown column"),
        ("triggers.default_after_days", 30, "column default_after_days"),
    ],
)
def test_a_pool_that_is_not_understood_is_not_loaded(path: str, value: Any, said: str) -> None:
    body = plain(changed(POLICY, path, value), file="pool.toml")
    assert isinstance(body, dict)
    with pytest.raises(PolicyFault) as fault:
        parse_pools(documents=[Document(file="pool.toml", body=body)])
    assert said in fault.value.message


def test_the_least_that_must_be_kept_may_be_kept_and_a_version_stands_once() -> None:
    document = Document(file="pool.toml", body=changed(POLICY, "subordinate_fen", 4_210_527))
    assert parse_pools(documents=[document])[0].subordinate_fen == 4_210_527  # 5 % of 84,210,527 is 4,210,526.35
    with pytest.raises(PolicyFault, match="stands twice"):
        parse_pools(documents=[document, document])


def test_the_newest_version_in_force_is_asked() -> None:
    one, published = load_pools()
    two = replace(one, version=2, valid_from=date(2027, 1, 1))
    assert (one.originator_buys_back, published.originator_buys_back) == (False, True)
    found = [
        pool_on(pools=[two, one], pool_id=one.id, business_date=day).version
        for day in (date(2026, 12, 31), date(2027, 1, 1))
    ]
    assert found == [1, 2]
    with pytest.raises(PoolUnknown, match="yuanqu-consumer"):
        pool_on(pools=[one], pool_id=one.id, business_date=date(2026, 7, 31))


@pytest.mark.parametrize(
    ("at_bound", "beyond", "reason"),
    [
        ({"principal_fen": 50_000}, {"principal_fen": 49_999}, LeftOut.PRINCIPAL_TOO_SMALL),
        ({"principal_fen": 20_000_000}, {"principal_fen": 20_000_001}, LeftOut.PRINCIPAL_TOO_LARGE),
        ({"rate_ppm": 72_000}, {"rate_ppm": 71_999}, LeftOut.RATE_TOO_LOW),
        ({"rate_ppm": 240_000}, {"rate_ppm": 240_001}, LeftOut.RATE_TOO_HIGH),
        ({"paid_instalments": 1}, {"paid_instalments": 0}, LeftOut.TOO_FEW_PAID),
        ({"overdue_days": 0}, {"overdue_days": 1}, LeftOut.OVERDUE),
        ({"overdue_days_ever": 15}, {"overdue_days_ever": 16}, LeftOut.WAS_OVERDUE),
        ({"last_due": date(2029, 8, 1)}, {"last_due": date(2029, 8, 2)}, LeftOut.ENDS_TOO_LATE),
        ({"region": "CN-54"}, {"region": "CN-65"}, LeftOut.REGION_EXCLUDED),
        ({"product": "chengchuan-instalment"}, {"product": "tinglan-instalment"}, LeftOut.PRODUCT_NOT_ADMITTED),
    ],
)
def test_a_criterion_includes_its_bound(at_bound: dict[str, Any], beyond: dict[str, Any], reason: LeftOut) -> None:
    pool = load_pools()[0]
    assert unfit_for(eligibility=pool.eligibility, loan=offered(**at_bound)) == ()
    assert unfit_for(eligibility=pool.eligibility, loan=offered(**beyond)) == (reason,)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("loans.0.repaid_fen", 9_000_001, "row L01, column repaid_fen"),
        ("loans.0.opening_fen", 10_000_001, "row L01, column opening_fen"),
        ("loans.0.interest_fen", 1.5, "type float"),
        ("loans.0.interest_fen", True, "row L01, column interest_fen: not a whole number"),
        ("loans.0.bought_on", "2026-09-02", "row L01, column bought_on"),
        ("loans.0.defaulted_fen", 1, "less than what was left later"),
        ("loans.1.id", "L01", "loan 'L01' stands twice"),
        ("loans.0.name", "Chuan", "unknown column"),
        ("offered.1.id", "N1", "loan 'N1' stands twice"),
        ("offered.0.overdue_days", 4, "row N1, column overdue_days_ever"),
        ("offered", ..., "column offered: missing"),
        ("to", "2026-09-01", "column to"),
        ("to", "2027-09-03", "column to"),
        ("opening.senior_fen", 80_000_001, "more than the 80000000 issued"),
        ("opening.subordinate_fen", 20_000_001, "more than the 20000000 issued"),
        ("opening.fees_short_fen", {"lawyer": 1}, "no fee 'lawyer'"),
        ("opening.amortizing_since", "soon", "column amortizing_since: not a date"),
    ],
)
def test_a_month_that_cannot_be_is_refused_in_one_line(tmp_path: Path, path: str, value: Any, said: str) -> None:
    file = tmp_path / "month.json"
    file.write_text(json.dumps(changed(json.loads(MONTH.read_text()), path, value)))
    with pytest.raises(PoolFileMalformed) as refused:
        report_pool(path=file)
    assert said in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"pool": 1, "pool": 2}', "[" * 100_000, '"\udcff"', '{"a": 1e999}'],
    ids=["empty", "list", "cut", "twice", "deep", "bytes", "number"],
)  # fmt: skip
def test_a_file_that_is_no_month_ends_with_exit_code_2(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "month.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert cli.run(Wiring(), ["pool", str(file), "--json"]) == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out)["refused"]["code"] == "pool_file_malformed"
    assert printed.err.count("\n") == 1


def test_what_defaulted_before_bears_no_fee_and_is_not_news(tmp_path: Path) -> None:
    file = tmp_path / "month.json"
    file.write_text(json.dumps(changed(json.loads(MONTH.read_text()), "loans.9.defaulted_fen", 2_700_000)))
    before, now = report_pool(path=file), report_pool(path=MONTH)
    assert (before.defaulted_new_fen, now.defaulted_new_fen) == (0, 2_700_000)
    # 96,300,000 fen at 0.1 % for 30 of 365 days are 7,915.07, and 99,000,000 are 8,136.99.
    assert [one.distribution.fees[0].paid_fen for one in (before, now)] == [7_915, 8_137]


def test_a_pool_that_ends_early_exits_with_1_and_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "month.json"
    file.write_text(json.dumps(changed(json.loads(MONTH.read_text()), "loans.7.overdue_days", 31)))
    assert cli.run(Wiring(), ["pool", str(file)]) == 1
    said = capsys.readouterr().out
    assert "amortizing_early (delinquency)" in said
    assert "14.5011 % of at most 8.0000 %" in said  # 12,500,000 of 86,200,000
    assert "senior principal" in said
    assert "pool_buys_no_more" in said
