"""The trace of a decision: made again from its record, to the byte, with everything it rests on laid open.

What it read about the person is shown only to whom may see it and said why (`unmask`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from mingqu.domain.decision import Decision
from mingqu.domain.decision.card import Card, Variable
from mingqu.domain.decision.compare import Compared, compare
from mingqu.domain.decision.condition import Spans
from mingqu.domain.decision.grid import Grid
from mingqu.domain.money import format_fen
from mingqu.domain.operator import Permission
from mingqu.domain.policy_file import canonical
from mingqu.services.access.note_access import note_access
from mingqu.services.access.read_today import masked_names
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.store import evidence
from mingqu.store.decisions import decision
from mingqu.store.operators import access
from mingqu.store.people import vault

HIT, NEAR, PASSED = "hit", "near", "passed"
_FAR: Final = 10**12  # an end of a span that is no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLine:
    """One variable of the points card: what it gave, and what its best and worst bins give."""

    name: str
    words_zh: str
    words_en: str
    points: int
    points_max: int
    value: str  # empty where it is sealed to this operator


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLine:
    """One row of the policy table: its conditions in words, and whether it was hit, nearly hit or passed."""

    row: str
    conditions: tuple[tuple[str, str, str], ...]  # field, the value read ("" if sealed), what hits
    state: str
    distance: int | None
    text_zh: str
    text_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GridView:
    """A grid of one or two axes with the cell that was read; `unit` is fen or ppm_per_year."""

    id: str
    unit: str
    row_field: str
    column_field: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[int | None, ...], ...]
    at: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The decision made again: equal to the byte if the hashes are; else the first member that differs."""

    recorded_hash: str
    replayed_hash: str
    record_bytes: int
    first_difference: str

    @property
    def equal(self) -> bool:
        """Whether the same bytes came out."""
        return self.recorded_hash == self.replayed_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Everything about one decision that this operator may see."""

    decision_id: UUID
    person_id: UUID
    name: str | None
    application_id: UUID
    requested_fen: int
    decided_at: datetime
    made: Decision
    card: tuple[CardLine, ...]
    base_points: int
    table: tuple[TableLine, ...]
    grids: tuple[GridView, ...]
    inputs: tuple[tuple[str, str, str], ...] | None  # field, value, source; None while sealed
    may_unseal: bool
    unsealed_until: datetime | None
    replay: Replay
    compared: Compared
    leaf: tuple[int, int] | None

    @property
    def gained(self) -> int:
        """The points of all variables together."""
        return sum(line.points for line in self.card)


def read_decision(house: House, *, seat: Seat, decision_id: UUID) -> Trace:
    """Return the trace of a decision, and note that this operator looked.

    Errors: OperatorForbidden, DecisionNotFound, PersonErased.
    """
    seat.operator.require(Permission.DECISION)
    now = house.clock.now()
    with house.database.transaction() as tx:
        person_id = decision.owner_of(tx, decision_id=decision_id)
        stored = decision.load_decision(tx, person_id=person_id, decision_id=decision_id)
        asked = decision.load_application(tx, person_id=person_id, application_id=stored.application_id)
        sealed = vault.open_field(tx, keyring=house.keyring, person_id=person_id, field=stored.sealed.decode())
        until = access.unmasked_until(tx, person_id=person_id, session_id=seat.session_id, at=now)
        leaves = evidence.leaves_of(tx, person_id=person_id, subject_id=decision_id)
        note_access(tx, house, seat=seat, person_id=person_id, what=access.DECISION, subject_id=decision_id)
        name = masked_names(tx, house, person_ids=[person_id]).get(person_id)
        tx.commit()
    record = {"public": json.loads(stored.record), "sealed": json.loads(sealed.reveal())}
    compared = compare(record=record, pack=house.pack, business_date=house.clock.business_date())
    made = compared.then
    may_unseal = seat.operator.may(Permission.DECISION_INPUTS)
    open_now = may_unseal and (until is not None or not seat.operator.may(Permission.UNMASK))
    return Trace(
        decision_id=decision_id,
        person_id=person_id,
        name=name,
        application_id=stored.application_id,
        requested_fen=asked.requested_amount_fen,
        decided_at=stored.decided_at,
        made=made,
        card=tuple(_card(made, shown=open_now)),
        base_points=made.strategy.card.base_points,
        table=tuple(_table(made, shown=open_now)),
        grids=tuple(_grids(made)),
        inputs=tuple(_inputs(made)) if open_now else None,
        may_unseal=may_unseal,
        unsealed_until=until if open_now else None,
        replay=_compared(record, made, stored.record_hash),
        compared=compared,
        leaf=(leaves[-1].cell, leaves[-1].sequence) if leaves else None,
    )


def _compared(record: dict[str, object], made: Decision, recorded: bytes) -> Replay:
    again = made.record_bytes()
    first = ""
    if hashlib.sha256(again).digest() != recorded:
        anew = json.loads(again)
        first = next(
            (
                f"{part}.{name}"
                for part in ("public", "sealed")
                for name in sorted(anew[part])
                if anew[part][name] != _member(record, part).get(name)
            ),
            "record_hash",
        )
    return Replay(
        recorded_hash=recorded.hex(),
        replayed_hash=hashlib.sha256(again).hexdigest(),
        record_bytes=len(canonical(json.loads(again))),
        first_difference=first,
    )


def _member(record: dict[str, object], part: str) -> dict[str, object]:
    found = record[part]
    assert isinstance(found, dict)
    return found


def _card(made: Decision, *, shown: bool) -> list[CardLine]:
    """Return the card's lines, the one that gave most first."""
    card: Card = made.strategy.card
    values = dict(zip((one.name for one in made.strategy.fields.fields), made.numbers, strict=False))
    lines = [
        CardLine(
            name=variable.name,
            words_zh=variable.reason_zh,
            words_en=variable.reason_en,
            points=points,
            points_max=_best(variable),
            value=_written(values.get(variable.name), variable.name) if shown else "",
        )
        for variable, points in zip(card.variables, made.contributions, strict=True)
    ]
    return sorted(lines, key=lambda line: (line.points - line.points_max, line.name))


def _best(variable: Variable) -> int:
    return max(*variable.points, variable.missing or 0)


def _table(made: Decision, *, shown: bool) -> list[TableLine]:
    """Return the table's rows, those hit first, then near misses by distance."""
    hit = {reason.row for reason in made.reasons}
    near = {miss.row: miss.distance for miss in made.near_misses}
    vector = made.inputs
    computed = {"band": made.band, "score": made.score, "probability_ppm": made.probability_ppm}
    lines = []
    for row in made.strategy.policy.rows:
        conditions = []
        for field, spans in row.box.items():
            # The card's own figures say nothing that the outcome does not; what was read about the person is sealed.
            value = computed.get(field, vector.get(field) if shown else "")
            conditions.append((field, _written(value, field), _spans(spans, made, field)))
        state = HIT if row.id in hit else NEAR if row.id in near else PASSED
        lines.append(
            TableLine(
                row=row.id,
                conditions=tuple(conditions),
                state=state,
                distance=near.get(row.id),
                text_zh=row.words.text_zh,
                text_en=row.words.text_en,
            )
        )
    order = {HIT: 0, NEAR: 1, PASSED: 2}
    return sorted(lines, key=lambda line: (order[line.state], line.distance or 0))


def _spans(spans: Spans, made: Decision, field: str) -> str:
    declared = made.strategy.fields.named(field)
    assert declared is not None
    parts = []
    for low, high in spans:
        if low == high:
            parts.append(_written(declared.written(low), field))
        elif low <= declared.least:
            parts.append(f"≤ {_written(high, field)}")
        elif high >= min(declared.most, _FAR):
            parts.append(f"≥ {_written(low, field)}")
        else:
            parts.append(f"{_written(low, field)} – {_written(high, field)}")
    return ", ".join(parts)


def _written(value: object, field: str) -> str:
    """Return a value as a person reads it: amounts in yuan, flags as words, what is missing as a dash."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return format_fen(value) if field.endswith("_fen") else f"{value:,}"
    return "–" if value is None else str(value)


def _inputs(made: Decision) -> list[tuple[str, str, str]]:
    return [
        (field.name, _written(made.inputs.get(field.name), field.name), field.source)
        for field in made.strategy.fields.fields[: made.strategy.fields.passed]
    ]


def _grids(made: Decision) -> list[GridView]:
    """Return the limit grid with its cell, and the price grid of each product with its own."""
    strategy = made.strategy
    vector = (*made.numbers, strategy.band_places[made.band], made.score, made.probability_ppm)
    grids = [strategy.limits, *(offer.prices for offer in strategy.offers)]
    return [_grid(grid, grid.place(vector=vector), made) for grid in grids]


def _grid(grid: Grid, place: int, made: Decision) -> GridView:
    """Lay a grid out in two axes; one with a single axis is one row."""
    if len(grid.axes) == 1:
        return GridView(
            id=grid.id,
            unit=grid.unit,
            row_field=grid.axes[0].field,
            column_field="",
            rows=("",),
            columns=_labels(grid, 0, made),
            cells=(grid.cells,),
            at=(0, place),
        )
    columns = grid.axes[-1]
    width = columns.size
    labels = _labels(grid, 0, made)
    height = len(grid.cells) // width
    if len(grid.axes) > 2:  # further axes are told apart by their number in the row
        labels = tuple(f"{labels[at * len(labels) // height]} · {at}" for at in range(height))
    return GridView(
        id=grid.id,
        unit=grid.unit,
        row_field=grid.axes[0].field,
        column_field=columns.field,
        rows=labels,
        columns=_labels(grid, len(grid.axes) - 1, made),
        cells=tuple(tuple(grid.cells[at * width : (at + 1) * width]) for at in range(height)),
        at=(place // width, place % width),
    )


def _labels(grid: Grid, number: int, made: Decision) -> tuple[str, ...]:
    axis = grid.axes[number]
    if not axis.cuts:
        declared = made.strategy.fields.named(axis.field)
        assert declared is not None
        return tuple(str(declared.written(at)) for at in range(axis.size))
    cuts = [_written(cut, axis.field) for cut in axis.cuts]
    between = [f"{low} –" for low in cuts[:-1]]
    return (f"< {cuts[0]}", *between, f"≥ {cuts[-1]}")
