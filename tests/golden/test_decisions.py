"""Decisions as the first format of records wrote them: each is made again to the byte by the code of today."""

from __future__ import annotations

import json
from pathlib import Path

from mingqu.domain.decision import decide_again, replay
from mingqu.store.decisions.policy import load_pack

RECORDS = (Path(__file__).parent / "decisions" / "format-1.jsonl").read_bytes().splitlines()


def test_records_of_the_first_format_replay_to_the_byte() -> None:
    pack = load_pack()
    outcomes = set()
    for written in RECORDS:
        record = json.loads(written)
        assert record["public"]["format"] == 1
        assert replay(record=record, pack=pack) == written
        outcomes.add(record["public"]["outcome"])
    assert outcomes == {"approved", "refused"}


def test_an_old_record_reads_like_a_new_one() -> None:
    made = decide_again(record=json.loads(RECORDS[3]), pack=load_pack())
    assert [miss.field for miss in made.near_misses] == ["overdue_days_max", "lenders_count", "total_exposure_fen"]
    assert (made.variant, dict(made.switches), dict(made.read_under)) == ("", {}, {})
