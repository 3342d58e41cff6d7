"""What is published decides on each day: a version that ends ends its policy, and never brings back the one before."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from mingqu.domain.decision import Pack, parse_pack
from mingqu.domain.decision.draft import PublicationNotInForce, joined
from mingqu.domain.decision.publication import Publication, key_of
from mingqu.domain.decision.strategy import PolicyMissing
from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.services.decisions.keep_assessment import way_of
from mingqu.store.decisions.current_policies import Current
from mingqu.store.decisions.policy import read_documents

OCTOBER = date(2026, 10, 1)
MIDDLE = date(2026, 10, 15)
ALL = sorted(read_documents(), key=lambda one: int(str(one.body["version"])))
# What had begun on the days of these tests: a version that is yet to come would be one more that a change has to fit.
SHIPPED = [one for one in ALL if str(one.body.get("valid_from", "")) <= MIDDLE.isoformat()]
NEW_YEAR = date(2027, 1, 1)


def said_of(document: Document, sequence: int, from_date: date | None = None) -> Publication:
    reader = document.reader()
    own = reader.day("valid_from") if reader.has("valid_from") else date.min
    kind, name, version = str(document.body["kind"]), str(document.body["id"]), int(str(document.body["version"]))
    return Publication(sequence=sequence, kind=kind, name=name, version=version, from_date=from_date or own)


@pytest.fixture(scope="module")
def book() -> Pack:
    """The shipped files as an opened book publishes them."""
    return parse_pack(documents=SHIPPED, publications=[said_of(one, at) for at, one in enumerate(SHIPPED, 1)])


def changed(kind: str, name: str, **columns: Any) -> Document:
    """Return the newest version of a policy that has begun, with another number and some other columns."""
    newest = [one.body for one in SHIPPED if (one.body["kind"], one.body["id"]) == (kind, name)][-1]
    version = int(str(newest["version"])) + 1
    return Document(file=f"{name}-{version}.json", body={**newest, "version": version, **columns})


def experiment(*, version: int = 1, **columns: Any) -> Document:
    body = {
        "kind": "experiment",
        "id": "trial",
        "version": version,
        "valid_from": "2026-10-01",
        "mode": "challenge",
        "share_ppm": 500_000,
        "instead": [{"policy": "grid/limit-total", "version": 2}],
    }
    return Document(file="trial.json", body={**body, **columns})


def offered(pack: Pack, day: date) -> dict[str, int]:
    return {one.id: one.version for one in pack.offered(business_date=day)}


def test_a_product_that_runs_out_is_not_sold_at_the_terms_before(book: Pack) -> None:
    ends = changed("product", "tinglan-instalment", valid_from="2026-10-01", valid_to="2026-10-15")
    after = joined(pack=book, document=ends, from_date=OCTOBER)
    assert offered(after, date(2026, 10, 14))["tinglan-instalment"] == ends.body["version"]
    assert set(offered(after, MIDDLE)) == {"chengchuan-instalment"}
    assert "tinglan-instalment" in offered(after, date(2026, 9, 30)), "until then it is sold as before"


def test_files_alone_end_the_same_way_and_a_later_version_waits_for_its_day() -> None:
    ends = changed("product", "tinglan-instalment", valid_from="2026-10-01", valid_to="2026-10-15")
    pack = parse_pack(documents=[*SHIPPED, ends])
    assert offered(pack, date(2026, 9, 30))["tinglan-instalment"] == int(str(ends.body["version"])) - 1
    assert "tinglan-instalment" not in offered(pack, MIDDLE)


def test_a_table_that_would_run_out_with_nothing_after_it_is_refused(book: Pack) -> None:
    ends = changed("grid", "limit-total", valid_from="2026-10-01", valid_to="2026-10-15")
    with pytest.raises(PolicyMissing) as refusal:
        parse_pack(documents=[*SHIPPED, ends]).on(business_date=MIDDLE, product_ids=("chengchuan-instalment",))
    assert "limit-total" in str(refusal.value)
    with pytest.raises(Exception, match="2026-10-15"):
        joined(pack=book, document=ends, from_date=OCTOBER)


def test_an_experiment_or_a_product_is_ended_by_a_version_that_has_run_out(book: Pack) -> None:
    tried = joined(pack=book, document=changed("grid", "limit-total"), from_date=None)
    running = joined(pack=tried, document=experiment(), from_date=OCTOBER)
    assert [one.id for one in running.experiments(business_date=MIDDLE)] == ["trial"]
    over = experiment(version=2, valid_to="2026-10-05")
    after = joined(pack=running, document=over, from_date=MIDDLE)
    assert after.experiments(business_date=MIDDLE) == ()
    assert [one.version for one in after.experiments(business_date=date(2026, 10, 14))] == [1], "what was stays"
    sold_out = changed("product", "tinglan-instalment", valid_to="2026-10-02")
    assert set(offered(joined(pack=book, document=sold_out, from_date=MIDDLE), MIDDLE)) == {"chengchuan-instalment"}


def test_what_decides_about_everybody_is_not_ended_by_a_version_that_has_run_out(book: Pack) -> None:
    with pytest.raises(PublicationNotInForce):
        joined(pack=book, document=changed("grid", "limit-total", valid_to="2026-10-05"), from_date=MIDDLE)
    with pytest.raises(PublicationNotInForce):
        joined(pack=book, document=experiment(valid_from="2026-11-01"), from_date=MIDDLE)


def without_field(name: str, **columns: Any) -> Document:
    """Return the next version of the shipped fields with one field less."""
    fields = changed("fields", "applicant", **columns)
    left = [one for one in fields.body["field"] if one["name"] != name]  # type: ignore[union-attr,index,call-overload]
    assert len(left) < len(fields.body["field"])  # type: ignore[arg-type]
    return Document(file=fields.file, body={**fields.body, "field": left})


def test_the_fields_can_lose_a_field_once_no_table_that_decides_reads_it(book: Pack) -> None:
    name = "applications_address_1h"
    fewer = without_field(name)
    with pytest.raises(PolicyFault):
        joined(pack=book, document=fewer, from_date=OCTOBER)
    without_rows = book
    for kind, policy, lists in (
        ("policy", "instalment-policy", ("row", "case")),
        ("remedies", "applicant", ("ageing",)),
    ):
        table = changed(kind, policy)
        left = {each: [one for one in table.body[each] if name not in str(one)] for each in lists}  # type: ignore[union-attr]
        if kind == "policy":
            left["example"] = {key: value for key, value in table.body["example"].items() if key != name}  # type: ignore[union-attr,assignment]
        lesser = Document(file=table.file, body={**table.body, **left})  # type: ignore[dict-item]
        without_rows = joined(pack=without_rows, document=lesser, from_date=OCTOBER)
    after = joined(pack=without_rows, document=fewer, from_date=MIDDLE)
    standing = {key_of(one): one.body["version"] for one in after.in_force(business_date=MIDDLE)}
    assert standing["fields/applicant"] == fewer.body["version"]
    older = book.version(kind="policy", name="instalment-policy", version=2)
    with pytest.raises(PolicyFault):
        joined(pack=after, document=older, from_date=MIDDLE)
    former = book.version(kind="fields", name="applicant", version=int(str(fewer.body["version"])) - 1)
    joined(pack=after, document=former, from_date=MIDDLE)


def test_an_experiment_is_checked_on_every_day_of_its_life_and_not_the_first_alone(book: Pack) -> None:
    short = changed("grid", "limit-total", valid_from="2026-10-01", valid_to="2026-10-15")
    tried = joined(pack=book, document=short, from_date=None)
    with pytest.raises(PolicyFault, match="2026-10-15"):
        joined(pack=tried, document=experiment(valid_to="2026-12-31"), from_date=OCTOBER)
    for fits in (
        experiment(valid_to="2026-10-15"),
        experiment(mode="shadow", valid_to="2026-12-31"),
        experiment(share_ppm=0, valid_to="2026-12-31"),
    ):
        joined(pack=tried, document=fits, from_date=OCTOBER)


def test_nobody_is_refused_because_what_is_tried_has_run_out(book: Pack) -> None:
    short = changed("grid", "limit-total", valid_from="2026-10-01", valid_to="2026-10-15")
    tried = joined(pack=book, document=short, from_date=None)
    trial = experiment(share_ppm=1_000_000)
    said = [one for each in tried.spoken.values() for one in each]
    pack = parse_pack(documents=[*tried.documents, trial], publications=[*said, said_of(trial, 999)])
    current = Current(generation=1, pack=pack, off=())
    way = {day: way_of(current, person_id=UUID(int=7), today=day).variant for day in (OCTOBER, MIDDLE)}
    assert (way[OCTOBER].name, way[OCTOBER].instead) == ("challenger:trial", trial_of(trial))
    assert (way[MIDDLE].name, way[MIDDLE].instead) == ("champion_for_challenger:trial", {})


def trial_of(document: Document) -> dict[str, int]:
    return {one["policy"]: one["version"] for one in document.body["instead"]}  # type: ignore[union-attr,index,call-overload,misc]


def test_a_card_whose_bands_stand_in_another_order_is_refused(book: Pack) -> None:
    card = next(one for one in SHIPPED if one.kind == "card")
    bands: Any = card.body["bands"]
    names = [one["name"] for one in reversed(bands)]
    turned = [{**one, "name": name} for one, name in zip(bands, names, strict=True)]
    other = changed("card", str(card.body["id"]), bands=turned)
    with pytest.raises(PolicyFault, match="other bands"):
        joined(pack=book, document=other, from_date=OCTOBER)


def test_a_version_that_is_shipped_for_a_later_day_decides_from_that_day_on() -> None:
    files = parse_pack(documents=ALL)
    opened = parse_pack(documents=ALL, publications=[said_of(one, at) for at, one in enumerate(ALL, 1)])
    for pack in (files, opened):
        for day, version in ((date(2026, 12, 31), 2), (NEW_YEAR, 3)):
            held = {key_of(one): one.body["version"] for one in pack.in_force(business_date=day)}
            assert (held["policy/instalment-policy"], held["strategy/instalment"]) == (version, version)


def test_the_rules_of_2027_differ_from_those_before_in_their_marks_alone() -> None:
    marks = str.maketrans("，；（）", ",;()")
    for kind, name in (("policy", "instalment-policy"), ("strategy", "instalment")):
        before, after = (
            next(one.body for one in ALL if (one.kind, one.body["id"], one.body["version"]) == (kind, name, version))
            for version in (2, 3)
        )
        own = {"version": 0, "valid_from": ""}
        assert json.loads(json.dumps({**after, **own}, ensure_ascii=False).translate(marks)) == {**before, **own}
