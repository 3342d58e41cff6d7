"""Take over a book: a file of another system's loans becomes loans here, all of it or nothing.

One file is one transaction, however long: nobody sees a loan of it before the last is in, and a process that dies in
the middle leaves nothing. What the others are waiting for, the cells' locks, it takes only at its end, for house
accounts, groups and the leaf; until then it writes rows that are nobody's yet. Memory is bounded: lines are read in
chunks, and loans that agree in all but whose they are share one telling of it (`store.loans.taking_over`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Any, ClassVar, Final
from uuid import UUID

from mingqu.domain import identifier
from mingqu.domain.evidence import LeafKind
from mingqu.domain.moment import milliseconds_of, start_of
from mingqu.domain.refusal import Refusal
from mingqu.domain.taking_over import HEADER, HEADERS
from mingqu.services.books.number_newcomers import Arrived, Numbering
from mingqu.services.books.reconcile_book import Booked, reconcile_book
from mingqu.services.house import House
from mingqu.services.loans.like_lines import Chunk, Faulty, Likes
from mingqu.services.people.keep_for_the_law import law_of
from mingqu.store import evidence
from mingqu.store.books import book
from mingqu.store.ledgers import accrual, ledger
from mingqu.store.loans import newcomer, taking_over
from mingqu.store.server.database import Transaction

# A chunk's lines, models and answers are in memory at once: some tens of megabytes when no two loans are alike.
CHUNK_LINES: Final = 10_000
# Enough to see what is wrong with a file; a wrong column is wrong in every line.
FAULTS_MAX: Final = 100
_EPOCH: Final = date(2020, 1, 1)  # only the place of the ids of files in the order of ids
Progress = Callable[[int], None]


class BookFileRefused(Refusal):
    """Lines of the file cannot be taken over, so none is; each is named with column and code, up to a hundred."""

    code: ClassVar[str] = "book_file_refused"

    def __init__(self, faults: Sequence[Faulty]) -> None:
        first = faults[0]
        count = f"{len(faults)} faults" if len(faults) < FAULTS_MAX else f"{FAULTS_MAX} faults and maybe more"
        super().__init__(
            f"{count}; the first, on line {first.line}, {first.column}: {first.code}. {first.sentence}",
            faults=len(faults),
        )
        self.faults = tuple(faults)


class ControlTotalsDiffer(Refusal):
    """The file has another number of loans, or another sum of principal, than was expected."""

    code: ClassVar[str] = "control_totals_differ"


class DaysNotClosed(Refusal):
    """Books are taken over and handed back on a morning: close the days before it first, in every cell."""

    code: ClassVar[str] = "days_not_closed"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Lines of a book, the header first, each with its end; `file_hash` if it is known before they are read."""

    lines: Iterable[str]
    file_hash: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Control totals that came with the file by another way; None where there is none."""

    count: int | None = None
    principal_fen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookTakenOver:
    """What came of it: the reconciliation, and whether the same file had been taken over before."""

    report: dict[str, Any]
    again: bool


def take_over_book(
    house: House,
    *,
    source: Source,
    expected: Expected | None = None,
    progress: Progress | None = None,
    chunk_lines: int = CHUNK_LINES,
) -> BookTakenOver:
    """Take over every loan of a file, or none; the same file again changes nothing and is answered as it was.

    Balances are those at the end of the last closed day, and are booked on the day after it. `progress` is told how
    many lines are done. Errors: BookFileRefused, ControlTotalsDiffer, DaysNotClosed, ImportRunning.
    """
    with house.database.transaction() as tx:
        taking_over.begin(tx)
        if source.file_hash is not None:
            before = taking_over.find(tx, import_id=_import_id(source.file_hash))
            if before is not None:
                return BookTakenOver(report=before, again=True)
        as_of = closed_to(tx, house)
        taking = _Taking(tx, house, as_of)
        file_hash = taking.read(source, progress, chunk_lines)
        taking.require_sound(expected or Expected())
        report = taking.finish(file_hash)
        tx.commit()
    return BookTakenOver(report=report, again=False)


def closed_to(tx: Transaction, house: House) -> date:
    """Return the last closed day, the same in every cell and yesterday. Errors: DaysNotClosed."""
    yesterday = house.clock.business_date() - timedelta(days=1)
    closed = {book.last_closed_on(tx, cell=cell) for cell in range(tx.cells)}
    if max(closed) > yesterday:
        raise DaysNotClosed(
            f"The book is closed up to {max(closed)} already, and the clock says {house.clock.business_date()}: "
            "wait for the morning after, or set the clock right.",
            closed_to=max(closed).isoformat(),
        )
    if closed != {yesterday}:
        raise DaysNotClosed(
            f"Close the days up to {yesterday} first, in every cell.", closed_to=min(closed).isoformat()
        )
    return yesterday


def _import_id(file_hash: bytes) -> UUID:
    """A file's id follows from its bytes, and with it the cell that keeps what is said of it."""
    return identifier.fresh(
        milliseconds=milliseconds_of(start_of(_EPOCH)),
        slot=int.from_bytes(file_hash[:2], "big") % identifier.SLOTS,
        entropy=int.from_bytes(file_hash[2:10], "big"),
    )


class _Taking:
    """One file on its way into the book; lives for one transaction."""

    def __init__(self, tx: Transaction, house: House, as_of: date) -> None:
        self._tx, self._house, self._as_of = tx, house, as_of
        self._on = as_of + timedelta(days=1)
        self._at = house.clock.now()
        self._law = law_of(house, on=self._on)
        self._likes = Likes(pack=house.pack, as_of=as_of)
        self._numbering = Numbering(house.identifiers, cells=tx.cells, at=self._at)
        self._booked = Booked()
        self._faults: list[Faulty] = []
        self._loans = self._people = 0

    def read(self, source: Source, progress: Progress | None, chunk_lines: int) -> bytes:
        """Write the loans of all lines and return the hash of the file; after the first faults only look for more."""
        lines, said = iter(source.lines), hashlib.sha256()
        header = next(lines, "")
        said.update(header.encode())
        if header.rstrip("\r\n") not in HEADERS:
            sentence = f"The first line names the columns, in this order: {HEADER}"
            self._faults.append(Faulty(line=1, column="line", code="columns_differ", sentence=sentence))
            return said.digest()
        written = 0
        for chunk, arrived in self._ahead(lines, None if source.file_hash else said, chunk_lines):
            self._write(chunk, arrived)
            written += chunk.lines
            if progress is not None:
                progress(written)
        return source.file_hash or said.digest()

    def _ahead(self, lines: Iterator[str], said: Any, chunk_lines: int) -> Iterator[tuple[Chunk, Arrived]]:
        """Yield each chunk with its ids; while one is written, the next is read and numbered.

        Persons of a chunk are stored before those of the next are looked for. After too many faults nothing is read.
        """

        def read() -> Chunk:
            taken = list(islice(lines, chunk_lines))
            if said is not None:
                said.update("".join(taken).encode())
            return self._likes.chunk(taken)

        with ThreadPoolExecutor(max_workers=1) as worker:
            coming, waiting = worker.submit(read), None
            while (chunk := coming.result()).lines and len(self._faults) < FAULTS_MAX:
                slots = self._numbering.slots(chunk.rows)
                wanted = self._numbering.wanted(slots)
                known = newcomer.people(self._tx, references=wanted)
                numbered = worker.submit(self._numbering.arrive, chunk.rows, slots=slots, known=known)
                coming = worker.submit(read)
                if waiting is not None:
                    yield waiting
                arrived = numbered.result()
                self._admit(chunk, arrived, wanted if known else [])
                waiting = chunk, arrived
            if waiting is not None:
                yield waiting

    def _admit(self, chunk: Chunk, arrived: Arrived, kept: list[tuple[int, str]]) -> None:
        """Store who is new and keep who is known; note what is wrong with the lines."""
        law, until = self._law
        if kept:
            newcomer.keep_people(self._tx, references=kept, law=law, until=until)
        newcomer.add_people(self._tx, rows=arrived.people, at=self._at, law=law, until=until)
        self._people += len(arrived.people)
        self._faults += chunk.faults
        for line in newcomer.refer(self._tx, rows=arrived.references):
            sentence = "This reference stands on an earlier line, or the book has it already."
            self._faults.append(Faulty(line=line, column="loan_reference", code="reference_taken", sentence=sentence))

    def _write(self, chunk: Chunk, arrived: Arrived) -> None:
        """Write the loans of a chunk, unless a line was faulty: then nothing will stay."""
        if chunk.forget:
            self._booked.add(self._likes.forgotten())
            taking_over.forget_models(self._tx)
        if self._faults:
            return
        newcomers = arrived.newcomers
        newcomer.come(self._tx, newcomers=newcomers)
        taking_over.add_models(self._tx, models=chunk.models)
        taking_over.write(self._tx, posted_on=self._on, posted_at=self._at)
        self._booked.count(zip(newcomers.cells, newcomers.model_ids, strict=True))
        self._loans += len(newcomers.cells)

    def require_sound(self, expected: Expected) -> None:
        """Refuse the file for what is wrong with its lines, or with its sums."""
        faults = sorted(self._faults, key=lambda fault: fault.line)[:FAULTS_MAX]
        if not self._loans and not faults:
            faults = [Faulty(line=1, column="line", code="value_missing", sentence="No loan follows the first line.")]
        if faults:
            raise BookFileRefused(faults)
        self._booked.add(self._likes.told())
        principal_fen = self._booked.said_principal_fen
        for name, wanted, found in (
            ("loans", expected.count, self._loans),
            ("principal_fen", expected.principal_fen, principal_fen),
        ):
            if wanted is not None and wanted != found:
                raise ControlTotalsDiffer(
                    f"The file's {name} are {found}, and {wanted} were expected.", **{name: found, "expected": wanted}
                )

    def finish(self, file_hash: bytes) -> dict[str, Any]:
        """Book the house's side, reconcile, bear witness; return the reconciliation."""
        tx, import_id = self._tx, _import_id(file_hash)
        for cell in range(tx.cells):  # ascending, as everybody does
            tx.lock_cell(cell)
        if {book.last_closed_on(tx, cell=cell) for cell in range(tx.cells)} != {self._as_of}:
            raise DaysNotClosed("A day was closed meanwhile: the balances are those of the day before it.")
        for cell, side in self._booked.by_cell().items():
            for group_id, (product_id, lender_id, currency) in side.groups.items():
                accrual.ensure(
                    tx, cell=cell, group=group_id, lender_id=lender_id, product_id=product_id, currency=currency,
                    accrued_to=self._as_of,
                )  # fmt: skip
            ledger.open_accounts(tx, cell=cell, accounts=side.accounts)
            taking_over.add_to_house_accounts(tx, cell=cell, sums=side.sums)
            accrual.add_deltas(tx, cell=cell, rows=side.deltas(on=self._on, import_id=import_id))
        facts: dict[str, Any] = {
            "file_hash": file_hash.hex(),
            "as_of": self._as_of.isoformat(),
            "loans": self._loans,
            "people": self._people,
        }
        report = facts | reconcile_book(tx, booked=self._booked, pack=self._house.pack, on=self._on)
        taking_over.insert_import(
            tx,
            import_id=import_id,
            file_hash=file_hash,
            as_of=self._as_of,
            at=self._at,
            loans=self._loans,
            people=self._people,
            report=report,
        )
        # The leaf speaks of no person: the file's own id stands in that place.
        evidence.append(
            tx,
            keyring=self._house.keyring,
            cell=tx.cell_of(import_id),
            person_id=import_id,
            kind=LeafKind.TAKING_OVER,
            subject_id=import_id,
            at=self._at,
            facts={**facts, "report": report},
        )
        return report
