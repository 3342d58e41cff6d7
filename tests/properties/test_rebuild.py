"""What being late takes from a band, over all histories: never early given back, and the path shown is real."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.policy_file import Document, PolicyFault, plain
from mingqu.domain.rebuild import RebuildTable, Spell, Stand, parse_rebuild_table, stand, usable_fen

BEGIN = date(2026, 1, 1)
FILE = Path(__file__).parents[2] / "policies" / "rebuilding" / "bands-1.toml"
BODY = tomllib.loads(FILE.read_text())


def table_of(**changed: object) -> RebuildTable:
    """Return the shipped table with some columns changed."""
    body = plain(BODY | changed, file="bands.toml")
    assert isinstance(body, dict)
    return parse_rebuild_table(document=Document(file="bands.toml", body=body))


TABLE = table_of()


@st.composite
def histories(draw: st.DrawFn) -> list[Spell]:
    """Draw amounts that were late, some of them still, over some two years."""
    found = []
    for _ in range(draw(st.integers(0, 6))):
        due = BEGIN + timedelta(days=draw(st.integers(0, 700)))
        days = draw(st.one_of(st.none(), st.integers(1, 120)))
        found.append(Spell(due=due, cured_on=None if days is None else due + timedelta(days=days)))
    return found


DAYS = st.integers(0, 900).map(lambda days: BEGIN + timedelta(days=days))


def at(spells: list[Spell], on: date) -> Stand:
    """Return how somebody stands."""
    return stand(table=TABLE, spells=spells, on=on)


def paid(spells: list[Spell], on: date) -> list[Spell]:
    """Return the same with everything paid that is due by a day, and nothing late behind it."""
    known = [one for one in spells if one.due < on]
    return [replace(one, cured_on=on) if one.cured_on is None or one.cured_on > on else one for one in known]


@given(spells=histories(), on=DAYS)
def test_whoever_follows_the_path_gets_what_it_shows_on_its_days_and_not_a_day_before(
    spells: list[Spell], on: date
) -> None:
    shown, followed = at(spells, on), paid(spells, on)
    lost = at(followed, on).lost
    assert lost == len(shown.rises), "the path leads all the way"
    for turn in shown.rises:
        assert at(followed, turn.on - timedelta(days=1)).lost == lost
        assert at(followed, turn.on).lost == turn.lost == lost - 1
        assert turn.usable_ppm == TABLE.usable_ppm[turn.lost]
        lost -= 1


@given(spells=histories(), on=DAYS)
def test_a_band_comes_back_only_after_its_days_in_order_and_goes_only_for_being_late(
    spells: list[Spell], on: date
) -> None:
    before, after = at(spells, on), at(spells, on + timedelta(days=1))
    if after.lost < before.lost:
        least = on + timedelta(days=1 - TABLE.rise_days[0])
        counted = [one for one in spells if one.due < on and one.days(on=on) >= TABLE.falls[0].late_days]
        assert counted
        assert all(one.cured_on is not None and one.cured_on <= least for one in counted), "thirty days behind the last"
        assert after.lost == before.lost - 1
    if after.lost > before.lost:
        assert after.late_days >= TABLE.falls[0].late_days
        assert (after.on, after.lost) in [(turn.on, turn.lost) for turn in before.falls] or before.late_days == 0


@given(spells=histories(), on=DAYS, later=st.integers(1, 60), which=st.integers(0, 5))
def test_paying_later_is_never_better(spells: list[Spell], on: date, later: int, which: int) -> None:
    if not spells:
        return
    place = which % len(spells)
    one = spells[place]
    if one.cured_on is None:
        return
    worse = [*spells[:place], replace(one, cured_on=one.cured_on + timedelta(days=later)), *spells[place + 1 :]]
    assert at(worse, on).lost >= at(spells, on).lost


@given(spells=histories(), on=DAYS)
def test_if_it_stays_unpaid_more_is_lost_on_the_days_that_are_named(spells: list[Spell], on: date) -> None:
    standing = [one for one in spells if one.due < on]
    unpaid = [replace(one, cured_on=None) if (one.cured_on or on) >= on else one for one in standing]
    shown = at(unpaid, on)
    lost = shown.lost
    for turn in shown.falls:
        assert at(unpaid, turn.on - timedelta(days=1)).lost == lost
        lost = at(unpaid, turn.on).lost
        assert lost == turn.lost
    assert at(unpaid, on + timedelta(days=400)).lost == lost or not any(one.cured_on is None for one in unpaid)


def test_the_days_of_one_lateness_to_the_day() -> None:
    late = [Spell(due=date(2027, 1, 15), cured_on=date(2027, 2, 1))]
    assert [at(late, date(2027, 1, day)).lost for day in (15, 16, 18, 19, 31)] == [0, 0, 0, 1, 1]
    assert at(late, date(2027, 1, 20)).late_days == 5
    assert [turn.on for turn in at(late, date(2027, 1, 20)).rises] == [date(2027, 2, 19)]
    assert [(turn.on, turn.lost) for turn in at(late, date(2027, 1, 20)).falls] == [
        (date(2027, 2, 14), 2), (date(2027, 3, 16), 3), (date(2027, 4, 15), 4),
    ]  # fmt: skip
    assert at(late, date(2027, 2, 1)).in_order_since == date(2027, 2, 1)
    assert [at(late, day).lost for day in (date(2027, 3, 2), date(2027, 3, 3))] == [1, 0]
    assert TABLE.band(assessed="B", lost=1) == "C"
    assert TABLE.band(assessed="D", lost=3) == "E"
    assert usable_fen(granted_fen=3_000_001, usable_ppm=500_000) == 1_500_000


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"rise_days": [30, 60]}, "rise_days"),
        ({"usable_ppm": [1_000_000, 500_000, 600_000, 0, 0]}, "usable_ppm"),
        ({"usable_ppm": [900_000, 500_000, 250_000, 0, 0]}, "usable_ppm"),
        ({"fall": [{"late_days": 30, "bands": 1}, {"late_days": 4, "bands": 2}]}, "fall"),
        ({"bands": ["A", "A", "B", "C", "D"]}, "bands"),
        ({"rise_days": [31, 60, 90, 180]}, "rises"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_table_that_contradicts_itself_or_its_cases_is_refused(changed: dict[str, object], column: str) -> None:
    with pytest.raises(PolicyFault) as fault:
        table_of(**changed)
    assert fault.value.column == column
