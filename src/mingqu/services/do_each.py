"""Do leased work piece by piece: one that fails unforeseen is set aside with the reason, and keeps no other waiting.

A refusal that a piece knows what to do about never comes here. What does is a bug, or something nobody thought of: it
is said as an error in the log, shown to operators, and tried again after a wait that grows, until somebody has mended
it. Trouble of the server is no piece's fault: it sets nothing aside and ends the round, as it always did.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from mingqu.domain.identifier import SLOTS, fresh
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.store.server import work, work_aside
from mingqu.store.server.database import TROUBLE, Transaction
from mingqu.store.server.work import LeaseLost, Work
from mingqu.store.server.work_aside import WAIT_MAX

log = logging.getLogger("mingqu.work")

# Whoever carries a statement to the server is not where it went wrong.
_CARRIERS: Final = frozenset({"transaction.py", "connection.py", "database.py", "rows.py"})


def do_each(house: House, pieces: Sequence[Work], do: Callable[[Work], object]) -> int:
    """Do leased pieces of one cell and return how many were done; one that another worker has by now is passed over.

    Errors: whatever the server is in trouble with.
    """
    if not pieces:
        return 0
    aside: dict[str, set[UUID]] = {}
    with house.database.transaction() as tx:
        for kind in {piece.kind for piece in pieces}:
            ids = [piece.work_id for piece in pieces if piece.kind == kind]
            aside[kind] = set(work_aside.among(tx, cell=pieces[0].cell, kind=kind, work_ids=ids))
    done = 0
    for piece in pieces:
        try:
            do(piece)
        except LeaseLost:
            continue
        except TROUBLE:
            raise
        except Exception as error:  # noqa: BLE001 - kept with its reason, and tried again until somebody has mended it
            _set_piece_aside(house, piece, named(error))
            continue
        if piece.work_id in aside[piece.kind]:
            resolve(house, cell=piece.cell, work_id=piece.work_id, kind=piece.kind)
        done += 1
    return done


def do_of_cell(house: House, *, kind: str, cell: int, do: Callable[[], int]) -> int:
    """Do all that is due of a kind in a cell, unless it failed as a whole and still waits; return how much it was.

    Errors: whatever the server is in trouble with.
    """
    with house.database.transaction() as tx:
        work_id = _id_of(cell, cells=tx.cells)
        until = work_aside.among(tx, cell=cell, kind=kind, work_ids=[work_id]).get(work_id)
    if until is not None and until > house.clock.now():
        return 0
    try:
        done = do()
    except TROUBLE:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        set_aside(house, cell=cell, work_id=work_id, kind=kind, code=named(error))
        return 0
    if until is not None:
        resolve(house, cell=cell, work_id=work_id, kind=kind)
    return done


def set_aside(
    house: House,
    *,
    cell: int,
    work_id: UUID,
    kind: str,
    code: str,
    most: timedelta = WAIT_MAX,
    beside: Callable[[Transaction, datetime], object] | None = None,
) -> None:
    """Keep that something is set aside, with the reason, and say so in the log.

    It waits longer with each try, `most` at most; `beside` writes in the same commit until when.
    """
    now = house.clock.now()

    def put(tx: Transaction) -> None:
        until = work_aside.put(
            tx, cell=cell, work_id=work_id, kind=kind, subject_id=work_id, code=code, at=now, most=most
        )
        if beside is not None:
            beside(tx, until)

    house.database.run(put)
    _say(cell=cell, work_id=work_id, kind=kind, code=code)


def resolve(house: House, *, cell: int, work_id: UUID, kind: str) -> None:
    """Take something back that was set aside: it went through."""
    house.database.run(lambda tx: work_aside.resolve(tx, cell=cell, work_id=work_id, kind=kind))


def say_failed(piece: Work, error: Exception) -> None:
    """Say in the log that a piece of a round failed, which goes on by itself."""
    _say(cell=piece.cell, work_id=piece.work_id, kind=piece.kind, code=named(error))


def named(error: Exception) -> str:
    """Return a refusal's code, or a bug's kind and the step it showed in: its words may carry data.

    Example: "CheckViolation in close.save", where the server refused what `store/days/close.py` wrote in `save`.
    """
    if isinstance(error, Refusal):
        return error.code
    steps = [
        f"{path.stem}.{frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "mingqu" in (path := Path(frame.filename)).parts and path.name not in _CARRIERS
    ]
    return f"{type(error).__name__} in {steps[-1]}" if steps else type(error).__name__


def _set_piece_aside(house: House, piece: Work, code: str) -> None:
    """Let a piece wait for its next try, in the commit that keeps the reason; one that is done or lost stays so."""
    now = house.clock.now()

    def put(tx: Transaction) -> None:
        until = work_aside.put(
            tx,
            cell=piece.cell,
            work_id=piece.work_id,
            kind=piece.kind,
            subject_id=piece.subject_id,
            code=code,
            at=now,
        )
        work.reschedule(tx, work=piece, run_at=until)

    with suppress(LeaseLost):  # it had ended, or another worker has it: what failed was behind that
        house.database.run(put)
    _say(cell=piece.cell, work_id=piece.work_id, kind=piece.kind, code=code)


def _say(*, cell: int, work_id: UUID, kind: str, code: str) -> None:
    fields = {"cell": cell, "kind": kind, "work_id": work_id.hex, "code": code}
    log.error("work.set_aside", extra={"fields": fields})  # with each try, until somebody has mended it


def _id_of(cell: int, *, cells: int) -> UUID:
    """Return the id that stands for a cell as a whole: in its first slot, rounded up."""
    return fresh(milliseconds=0, slot=-(-cell * SLOTS // cells), entropy=0)
