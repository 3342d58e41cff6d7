"""What being late takes from a person's band, and how it comes back: a function of dated lateness and of one table.

Nothing is stored. A band as it stands on a day follows from the band that was assessed, from when amounts were due and
when they were paid, and from the table then in force; so late news corrects it like everything else, and a path that is
shown is the same function asked about later days. Repaying never asks here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from mingqu.domain.money import Rounding, divide
from mingqu.domain.policy_file import Document, PolicyFault, Reader
from mingqu.domain.rate import PPM

LATE_DAYS_MAX: Final = 3_660  # ten years: no table tells longer ones apart
BANDS_MAX: Final = 26  # a letter each


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """An amount that was due on a day and not paid on it; `cured_on` is when it was, None while it is not."""

    due: date
    cured_on: date | None = None

    def days(self, *, on: date) -> int:
        """Return for how many days it was late when `on` began. Example: due on the 15th, on the 19th: 4."""
        end = on if self.cured_on is None or self.cured_on > on else self.cured_on
        return max(0, (end - self.due).days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """How many bands one lateness takes once its longest amount is so many days late."""

    late_days: int
    bands: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildTable:
    """The rule: falls in rising order, days in order for each band to come back, and the share of the limit in ppm
    that is of use with so many bands lost, from none to all."""

    version: int
    bands: tuple[str, ...]
    falls: tuple[Fall, ...]
    rise_days: tuple[int, ...]
    usable_ppm: tuple[int, ...]

    @property
    def lost_max(self) -> int:
        """As many bands as can be lost."""
        return len(self.bands) - 1

    def taken(self, *, late_days: int) -> int:
        """Return how many bands a lateness of so many days takes. Example: of 17 days, with rows 4: 1, 30: 2: one."""
        return max((row.bands for row in self.falls if row.late_days <= late_days), default=0)

    def band(self, *, assessed: str, lost: int) -> str:
        """Return the band as it stands, never below the last one."""
        return self.bands[min(self.bands.index(assessed) + lost, self.lost_max)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A day on which the number of bands lost becomes another one, and the share of the limit that is of use then."""

    on: date
    lost: int
    usable_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """How many bands are lost on a day, and what would change that.

    `late_days` is how late the longest unpaid amount is. `rises` are the days on which bands come back if what is
    overdue is paid today and nothing is late from then on; `falls` those on which more is lost if it is not paid.
    """

    on: date
    lost: int
    usable_ppm: int
    late_days: int
    in_order_since: date | None
    rises: tuple[Turn, ...]
    falls: tuple[Turn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Episode:
    """Spells that overlap, as one: from its first due day to its last cure, None while it lasts; and the longest."""

    due: date
    cured_on: date | None
    late_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lost:
    """Bands lost on the day since which everything that counted is paid; `since` is None while something is not."""

    bands: int
    since: date | None

    def rise_days(self, table: RebuildTable) -> list[date]:
        """Return the days on which they come back, each behind the one before."""
        if self.since is None:
            return []
        since = self.since
        return [since + timedelta(days=sum(table.rise_days[: place + 1])) for place in range(self.bands)]

    def on(self, day: date, table: RebuildTable) -> int:
        """Return how many are still lost on a day."""
        return self.bands - sum(back <= day for back in self.rise_days(table))


def stand(*, table: RebuildTable, spells: Iterable[Spell], on: date) -> Stand:
    """Return how many bands are lost on a day, and the days on which that changes.

    What became due or was paid after the day is left out. A lateness never lowers by less than one that was shorter,
    does not add to one before it, and lets the days in order begin anew; one that takes no band counts for nothing.
    Worked example, with rises after 30 and 60 days: due 2027-01-15, paid 2027-03-01 (45 days, two bands); due
    2027-03-15, paid 2027-03-20 (one, so two stay lost). They come back on 2027-04-19 and 2027-06-18.
    """
    settled = [one for one in spells if one.due < on and one.cured_on is not None and one.cured_on <= on]
    unpaid = [Spell(due=one.due) for one in spells if one.due < on and (one.cured_on is None or one.cured_on > on)]
    now = _lost(table, [*settled, *unpaid], on)
    paid = _lost(table, [*settled, *(replace(one, cured_on=on) for one in unpaid)], on)
    coming = [day for day in paid.rise_days(table) if day > on]
    rises = [_turn(table, day, len(coming) - place) for place, day in enumerate(coming, start=1)]
    oldest = min((one.due for one in unpaid), default=on)
    lost = now.on(on, table)
    falls: list[Turn] = []
    for row in table.falls if unpaid else ():
        day = oldest + timedelta(days=row.late_days)
        then = _lost(table, [*settled, *unpaid], day).on(day, table)
        if day > on and then > (falls[-1].lost if falls else lost):
            falls.append(_turn(table, day, then))
    return Stand(
        on=on,
        lost=lost,
        usable_ppm=table.usable_ppm[lost],
        late_days=(on - oldest).days,
        in_order_since=now.since if lost and not unpaid else None,
        rises=tuple(rises),
        falls=tuple(falls),
    )


def usable_fen(*, granted_fen: int, usable_ppm: int) -> int:
    """Return how much of a limit is of use, rounded down to the fen. Example: a half of 30,000.01 is 15,000.00."""
    return divide(granted_fen * usable_ppm, PPM, Rounding.FLOOR)


def _turn(table: RebuildTable, on: date, lost: int) -> Turn:
    return Turn(on=on, lost=lost, usable_ppm=table.usable_ppm[lost])


def _lost(table: RebuildTable, spells: Sequence[Spell], on: date) -> _Lost:
    """Return what lateness up to a day took when the last that counted ended, or takes while it lasts."""
    found = _Lost(bands=0, since=on)
    for episode in _episodes(spells, on):
        taken = table.taken(late_days=episode.late_days)
        if taken:
            found = _Lost(bands=max(taken, found.on(episode.due, table)), since=episode.cured_on)
    return found


def _episodes(spells: Sequence[Spell], on: date) -> list[_Episode]:
    """Return spells up to a day in order, those that overlap or touch as one."""
    found: list[_Episode] = []
    for one in sorted(spells, key=lambda spell: spell.due):
        if one.due >= on:
            continue
        cured = one.cured_on if one.cured_on is not None and one.cured_on <= on else None
        made = _Episode(due=one.due, cured_on=cured, late_days=one.days(on=on))
        last = found[-1] if found else None
        if last is None or (last.cured_on is not None and last.cured_on < one.due):
            found.append(made)
            continue
        ended = None if last.cured_on is None or cured is None else max(last.cured_on, cured)
        found[-1] = _Episode(due=last.due, cured_on=ended, late_days=max(last.late_days, made.late_days))
    return found


def parse_rebuild_table(*, document: Document) -> RebuildTable:
    """Return the table of a file whose cases come out as they say. Errors: PolicyFault."""
    reader = document.reader()
    reader.only(("kind", "id", "version", "valid_from", "valid_to", "note", "about", "bands", "fall", "rise_days",
                 "usable_ppm", "case"))  # fmt: skip
    bands = _texts(reader, "bands")
    most = len(bands) - 1
    falls = tuple(_fall(row, most=most) for row in reader.tables("fall", label="late_days"))
    if any(b.late_days <= a.late_days or b.bands <= a.bands for a, b in itertools.pairwise(falls)):
        raise reader.fault("fall", "the rows do not rise.", "Later rows are later and take more.")
    table = RebuildTable(
        version=reader.integer("version", least=1, most=10**6),
        bands=bands,
        falls=falls,
        rise_days=_numbers(reader, "rise_days", least=1, most=LATE_DAYS_MAX),
        usable_ppm=_numbers(reader, "usable_ppm", least=0, most=PPM),
    )
    if len(table.rise_days) != most:
        raise reader.fault("rise_days", "not one for each band that can be lost.", f"Write {most} numbers.")
    shares = table.usable_ppm
    if len(shares) != len(bands) or shares[0] != PPM or any(b > a for a, b in itertools.pairwise(shares)):
        raise reader.fault("usable_ppm", "not falling from the whole.", f"Write {len(bands)} numbers from {PPM} down.")
    for case in reader.tables("case", label="name"):
        _check_case(case, table)
    return table


def _fall(row: Reader, *, most: int) -> Fall:
    row.only(("late_days", "bands"))
    late_days = row.integer("late_days", least=1, most=LATE_DAYS_MAX)
    return Fall(late_days=late_days, bands=row.integer("bands", least=1, most=most))


def _check_case(case: Reader, table: RebuildTable) -> None:
    case.only(("name", "late", "on", "lost", "rises"))
    spells = [_spell(row) for row in case.tables("late", label="due")]
    found = stand(table=table, spells=spells, on=case.day("on"))
    if found.lost != case.integer("lost", least=0, most=table.lost_max):
        raise case.fault("lost", f"it comes out as {found.lost}.", "Correct the table or the case.")
    rises = [turn.on.isoformat() for turn in found.rises]
    if case.has("rises") and rises != case.items("rises"):
        raise case.fault("rises", f"they come out as {', '.join(rises)}.", "Correct the table or the case.")


def _spell(row: Reader) -> Spell:
    row.only(("due", "cured"))
    return Spell(due=row.day("due"), cured_on=row.day("cured") if row.has("cured") else None)


def _texts(reader: Reader, column: str) -> tuple[str, ...]:
    found = tuple(str(one) for one in reader.items(column))
    if not 2 <= len(found) <= BANDS_MAX or len(set(found)) != len(found):
        raise reader.fault(column, "not different bands.", "Name at least two, the best first.")
    return found


def _numbers(reader: Reader, column: str, *, least: int, most: int) -> tuple[int, ...]:
    return tuple(_number(reader, column, value, least=least, most=most) for value in reader.items(column))


def _number(reader: Reader, column: str, value: object, *, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        fault: PolicyFault = reader.fault(column, "a number is out of range.", f"Write numbers from {least} to {most}.")
        raise fault
    return value
