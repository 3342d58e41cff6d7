"""Cut a book into another number of cells, offline: all of it and proved, or nothing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mingqu.services.evidence.verify_book import verify_as_it_stands
from mingqu.services.evidence.verify_loans import Progress
from mingqu.services.notices.send_notice import spread_rounds
from mingqu.services.revolving.remind_of_bills import spread_bill_rounds
from mingqu.store import evidence
from mingqu.store.books.recut import Recut as Recut
from mingqu.store.books.recut import RecutRefused, recut
from mingqu.store.server import work_aside
from mingqu.store.server.database import Database
from mingqu.store.server.keyring import Keyring


def recut_book(
    *,
    database: Database,
    keyring: Keyring,
    cells: int,
    recut_id: UUID,
    at: datetime,
    progress: Progress | None = None,
) -> Recut:
    """Cut the book into `cells` cells. Nobody else may be connected; the whole book is proved before it is committed.

    A checkpoint over all evidence comes before it, and one that names all logs after it. `progress` is that of the
    proof. Errors: BookMissing, CellsOutOfRange, RecutRefused; the book is as it was then.
    """
    database.run(lambda tx: evidence.publish_checkpoint(tx, keyring=keyring, at=at))
    try:
        with database.transaction() as tx:
            spread_rounds(tx)
            spread_bill_rounds(tx, now=at)
            work_aside.drop_all(tx)
            done = recut(tx, cells=cells, recut_id=recut_id, at=at)
            report = verify_as_it_stands(tx, keyring=keyring, progress=progress)
            broken = [sentence for found in report.findings.values() for sentence in found]
            if broken:
                raise RecutRefused(f"The book would not prove itself afterwards: {broken[0]}.", findings=len(broken))
            tx.commit()
    finally:
        database.forget_cells()
    database.run(lambda tx: evidence.publish_checkpoint(tx, keyring=keyring, at=at))
    return done
