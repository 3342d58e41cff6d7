"""What an operator sees first: what waits, how far the close is, what is out, late, due and moved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.personal import mask_name
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.house import House
from mingqu.store.days import set_aside
from mingqu.store.days.set_aside import SetAside as SetAside
from mingqu.store.loans import overview
from mingqu.store.loans.overview import Bucket as Bucket
from mingqu.store.loans.overview import CellDay as CellDay
from mingqu.store.loans.overview import Flow as Flow
from mingqu.store.orders import queue
from mingqu.store.orders.queue import Parked as Parked
from mingqu.store.orders.queue import WaitingOrder
from mingqu.store.parties import party
from mingqu.store.people import vault
from mingqu.store.server import work_aside
from mingqu.store.server.database import Transaction
from mingqu.store.server.work_aside import Aside as Aside

FLOW_DAYS: Final = 30  # a month of bars fits a card and shows the rhythm of due dates


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A waiting order as a screen shows it: names masked, products and lenders in words."""

    order: WaitingOrder
    name: str | None
    product_zh: str
    product_en: str
    lender_zh: str
    lender_en: str
    waited: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """Everything that waits for a person."""

    unknown: tuple[Waiting, ...]
    unknown_count: int
    unknown_fen: int
    disputed: tuple[Waiting, ...]
    parked: tuple[Parked, ...]
    aside: tuple[Aside, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseProgress:
    """The close of the last day that is over, cell by cell, at a moment. `done` cells of all have closed it."""

    at: datetime
    day: date
    cells: tuple[CellDay, ...]
    done: int
    stuck: int
    set_aside: tuple[SetAside, ...] = ()

    @property
    def running(self) -> bool:
        """Whether a day that is over is being closed now, with something said of its pace."""
        return any(cell.last_closed_on < self.day and cell.time_left is not None for cell in self.cells)

    @property
    def complete(self) -> bool:
        """Whether every cell has closed the day."""
        return self.done == len(self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderLine:
    """What one lender has out, in words."""

    name_zh: str
    name_en: str
    loans: int
    principal_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """The figures of a business date. `ledger_fen` is None for a lender's own view, which is part of the book."""

    on: date
    now: datetime
    outstanding_fen: int
    ledger_fen: int | None
    buckets: tuple[Bucket, ...]
    lenders: tuple[LenderLine, ...]
    flows: tuple[Flow, ...]
    billed: int
    billed_fen: int
    decided: int
    approved: int

    @property
    def loans(self) -> int:
        """How many loans are running or charged off."""
        return sum(bucket.loans for bucket in self.buckets)

    @property
    def overdue_fen(self) -> int:
        """What is billed, late and unpaid."""
        return sum(bucket.overdue_fen for bucket in self.buckets)

    @property
    def moved_today(self) -> Flow:
        """What channels moved today."""
        return self.flows[-1]


def read_today(house: House, *, seat: Seat) -> Today:
    """Return the figures of today; a lender's operator sees those of their lender."""
    on, lender_id = house.clock.business_date(), seat.operator.lender_id
    with house.database.transaction() as tx:
        buckets = overview.buckets(tx, on=on, lender_id=lender_id)
        billed, billed_fen = overview.billed_on(tx, on=on, lender_id=lender_id)
        decided, approved = (0, 0) if lender_id is not None else overview.decided_on(tx, on=on)
        return Today(
            on=on,
            now=house.clock.now(),
            outstanding_fen=sum(bucket.principal_fen for bucket in buckets),
            ledger_fen=overview.ledger_principal_fen(tx) if lender_id is None else None,
            buckets=tuple(buckets),
            lenders=tuple(
                LenderLine(
                    name_zh=house.pack.lender(lender_id=one.lender_id).name_zh,
                    name_en=house.pack.lender(lender_id=one.lender_id).name_en,
                    loans=one.loans,
                    principal_fen=one.principal_fen,
                )
                for one in overview.lender_totals(tx, lender_id=lender_id)
            ),
            flows=tuple(overview.flows(tx, first=on - timedelta(days=FLOW_DAYS - 1), last=on, lender_id=lender_id)),
            billed=billed,
            billed_fen=billed_fen,
            decided=decided,
            approved=approved,
        )


def read_close(house: House) -> CloseProgress:
    """Return how far the close of the last day that is over has come."""
    day = house.clock.business_date() - timedelta(days=1)
    with house.database.transaction() as tx:
        cells = tuple(overview.cell_days(tx))
        left_out = tuple(set_aside.everything(tx)) if any(cell.stuck for cell in cells) else ()
    return CloseProgress(
        at=house.clock.now(),
        day=day,
        cells=cells,
        done=sum(cell.last_closed_on >= day for cell in cells),
        stuck=sum(cell.stuck for cell in cells),
        set_aside=left_out,
    )


def read_queues(house: House, *, seat: Seat) -> Queues:
    """Return what waits for a person; a lender's operator sees what concerns their loans."""
    lender_id = seat.operator.lender_id
    with house.database.transaction() as tx:
        totals = queue.unknown_totals(tx, lender_id=lender_id).values()
        unknown = queue.unknown_orders(tx, lender_id=lender_id)
        disputed = queue.disputed_orders(tx, lender_id=lender_id)
        names = masked_names(tx, house, person_ids=[one.person_id for one in (*unknown, *disputed)])
        return Queues(
            unknown=tuple(_waiting(house, one, names) for one in unknown),
            unknown_count=sum(count for count, _ in totals),
            unknown_fen=sum(amount_fen for _, amount_fen in totals),
            disputed=tuple(_waiting(house, one, names) for one in disputed),
            parked=tuple(queue.parked_receipts(tx, lender_id=lender_id)),
            aside=tuple(work_aside.everything(tx)) if lender_id is None else (),
        )


def masked_names(tx: Transaction, house: House, *, person_ids: list[UUID]) -> dict[UUID, str]:
    """Return the masked names of people; who was erased or never said theirs is left out."""
    found: dict[UUID, str] = {}
    by_cell: dict[int, list[UUID]] = {}
    for person_id in dict.fromkeys(person_ids):
        by_cell.setdefault(tx.cell_of(person_id), []).append(person_id)
    for cell, ids in by_cell.items():
        wanted = [(person_id, party.FIELD_NAME) for person_id in ids]
        opened = vault.open_many(tx, keyring=house.keyring, cell=cell, fields=wanted)
        found |= {person_id: mask_name(value) for (person_id, _), value in opened.items() if value is not None}
    return found


def _waiting(house: House, one: WaitingOrder, names: dict[UUID, str]) -> Waiting:
    product = next((each for each in house.pack.products if each.id == one.product_id), None)
    lender = house.pack.lender(lender_id=one.lender_id) if one.lender_id else None
    return Waiting(
        order=one,
        name=names.get(one.person_id),
        product_zh=product.name_zh if product else "–",
        product_en=product.name_en if product else "–",
        lender_zh=lender.name_zh if lender else "–",
        lender_en=lender.name_en if lender else "–",
        waited=house.clock.now() - (one.sent_at or house.clock.now()),
    )


def unknown_count(house: House, *, seat: Seat) -> int:
    """Return how many orders wait for a channel's word, for the mark beside the queue's name."""
    with house.database.transaction() as tx:
        return sum(count for count, _ in queue.unknown_totals(tx, lender_id=seat.operator.lender_id).values())
