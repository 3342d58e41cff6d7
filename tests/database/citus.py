"""What src/mingqu/store/citus.sql must say, derived from a database's catalogue; run as a module it writes the file.

`python -m tests.database.citus` makes a book in a folder that goes away, reads its catalogue and writes the file anew.
"""

from __future__ import annotations

import tempfile
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

from mingqu.store.server import catalogue, migration
from mingqu.store.server.database import Database, Transaction
from mingqu.store.server.postgres import open_server

FILE: Final = Path(__file__).resolve().parents[2] / "src" / "mingqu" / "store" / "citus.sql"
# Small and read with every row of a cell: a copy on each node. All other global tables stay on the coordinator.
REFERENCE: Final = ("book", "evidence_book", "operator", "policy_version", "pool", "recut")
# The functions that a caller names; what they call runs where they run.
ENTRIES: Final = ("claim_idempotency_key", "post_batch")
_HEAD: Final = """\
-- How a book is spread over a Citus cluster. Derived from the catalogue of a migrated database by
-- `python -m tests.database.citus`, and compared with it by a test: a table or function that is added must appear.
--
-- NOT RUN by any test of this project, which has no Citus at hand. Read docs/explanation/scale.md before you do.
-- On the coordinator, in the database of a migrated and still empty book:  psql -v ON_ERROR_STOP=1 -f citus.sql

-- Rows that must stay as they are say so by triggers, which look at their own row or statement and at nothing else;
-- those of `loan` add what a statement changed to `portfolio_delta` and `loan_turn` of the same cell.
SET citus.enable_unsafe_triggers TO on;
"""


def faults(tx: Transaction) -> list[str]:
    """Return what of the schema could not be spread by `cell`: the strays, and keys to tables that lie elsewhere."""
    rows = tx.execute(
        """SELECT k.conname, k.conrelid::regclass::text, k.confrelid::regclass::text FROM pg_constraint k
           JOIN pg_namespace n ON n.oid = k.connamespace WHERE n.nspname = 'public' AND k.contype = 'f' ORDER BY 1"""
    )
    local = set(catalogue.GLOBAL_TABLES) - set(REFERENCE)
    elsewhere = [
        f"foreign key {name} of {table} refers to {target}, which is on the coordinator alone"
        for name, table, target in rows
        if table not in local and target in local
    ]
    unique = [
        f"unique index {name} of {table} does not hold cell"
        for name, table in tx.execute(
            """SELECT i.relname, c.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
               JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'public' AND x.indisunique AND c.relname <> ALL (%s) AND NOT EXISTS (
                   SELECT FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attname = 'cell' AND a.attnum = ANY (x.indkey)) ORDER BY 1""",
            (list(catalogue.GLOBAL_TABLES),),
        )
    ]
    return catalogue.strays(tx) + elsewhere + unique


def text(tx: Transaction) -> str:
    """Return the file that the catalogue asks for."""
    local = sorted(set(catalogue.GLOBAL_TABLES) - set(REFERENCE))
    cells = _referenced_first(tx)
    lines = [_HEAD, "-- One copy on each node: small, and read with the rows of any cell."]
    lines += [f"SELECT create_reference_table('{name}');" for name in REFERENCE]
    lines += ["", "-- On the coordinator: asked before a cell is known, or about all cells together."]
    lines += [f"SELECT citus_add_local_table_to_metadata('{name}');" for name in local]
    lines += ["", "-- By cell, all alike, so that what belongs to a cell lies on one node."]
    lines += [f"SELECT create_distributed_table('{cells[0]}', 'cell', colocate_with := 'none');"]
    lines += [
        f"SELECT create_distributed_table('{name}', 'cell', colocate_with := '{cells[0]}');" for name in cells[1:]
    ]
    lines += ["", "-- Run where the cell is; the others are called by these, there."]
    for name, signature, first in tx.execute(
        """SELECT p.proname, p.oid::regprocedure::text, p.proargnames[1] FROM pg_proc p
           JOIN pg_namespace n ON n.oid = p.pronamespace
           WHERE n.nspname = 'public' AND p.prorettype <> 'trigger'::regtype ORDER BY 1, 2"""
    ):
        if name in ENTRIES:
            assert first == "p_cell", f"{name} is not told its cell first"
            lines += [
                f"SELECT create_distributed_function('{signature}', 'p_cell',",
                f"    colocate_with := '{cells[0]}', force_delegation := true);",
            ]
        else:
            lines += [f"SELECT create_distributed_function('{signature}');"]
    return "\n".join(lines) + "\n"


def _referenced_first(tx: Transaction) -> list[str]:
    """Return the tables with cells in an order in which each comes after those that it refers to."""
    tables = catalogue.cell_tables(tx)
    graph: dict[str, list[str]] = {name: [] for name in ["cell", *(name for name in tables if name != "cell")]}
    for table, target in tx.execute(
        """SELECT DISTINCT k.conrelid::regclass::text, k.confrelid::regclass::text FROM pg_constraint k
           JOIN pg_namespace n ON n.oid = k.connamespace
           WHERE n.nspname = 'public' AND k.contype = 'f' AND k.conrelid <> k.confrelid ORDER BY 1, 2"""
    ):
        if table in graph and target in graph:
            graph[table].append(target)
    order = list(TopologicalSorter(graph).static_order())
    return ["cell", *(name for name in order if name != "cell")]


def write() -> None:
    """Write the file from the catalogue of a fresh book."""
    with tempfile.TemporaryDirectory(prefix="mingqu-citus-") as folder:
        Path(folder).chmod(0o711)
        with open_server(data=Path(folder), own=True) as server, Database(server.url) as database:
            migration.migrate(database)
            with database.transaction() as tx:
                FILE.write_text(text(tx), encoding="utf-8")


if __name__ == "__main__":
    write()
