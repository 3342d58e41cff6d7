"""What the tables are: global ones are named here; all others begin every key and index with `cell`.

A book of many cells can then be spread over machines by that one column. `strays` reads the
database's own catalogue; a test fails when it finds a table, a key or an index that forgot the cell.
"""

from __future__ import annotations

from typing import Final

from mingqu.store.server.database import Transaction

# Tables that exist once per book, each with the reason why it cannot belong to a cell.
GLOBAL_TABLES: Final[dict[str, str]] = {
    "migration": "which files made the schema",
    "repeatable": "which repeatable functions are in place",
    "book": "what was chosen when the book was created",
    "recut": "each time the book was cut into another number of cells",
    "card_bin_table": "an acquirer's card prefixes are the same for everybody",
    "card_bin": "a row of such a table",
    "bill": "is what a channel's file says of a day of the whole book",
    "reconciliation_break": "is worked for the whole book, and may be of nobody in it",
    "directory": "finds the person, and so the cell, behind a keyed hash of a login, phone, card or ID number",
    "evidence_book": "names the book in each of its checkpoints",
    "checkpoint": "signs the roots of all cells together",
    "policy_version": "policies are published for the whole book",
    "policy_draft": "as the versions they would become",
    "policy_generation": "counts what was published and switched for the whole book",
    "policy_publication": "says which version holds for the whole book",
    "policy_switch": "switches off for the whole book",
    "list_entry": "is asked with keyed hashes before it is known whose they are",
    "purpose_contract": "is published for the whole book, and cards of all cells are agreed on it",
    "webhook_subscription": "the operator's programs are told of all cells",
    "operator": "works for the whole book",
    "operator_session": "is an operator's",
    "pool": "buys loans of all cells",
    "pool_day": "adds up what loans of all cells brought",
    "headroom": "a limit of the whole book, of which each cell has a slice",
    "operator_attempt": "counts wrong passwords of names that may be nobody's",
}


def strays(tx: Transaction) -> list[str]:
    """Return one sentence per table, key or index outside the rule; an empty list is right."""
    known = list(GLOBAL_TABLES)
    found = [
        f"table {name} is neither global nor does its primary key begin with cell"
        for (name,) in tx.execute(
            """
            SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
              AND c.relname <> ALL (%s)
              AND NOT EXISTS (
                  SELECT FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
                  WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attname = 'cell')
            ORDER BY c.relname
            """,
            (known,),
        )
    ]
    found += [
        f"foreign key {constraint} of {name} does not begin with cell on both sides"
        for name, constraint in tx.execute(
            """
            SELECT c.relname, k.conname FROM pg_constraint k
            JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_class target ON target.oid = k.confrelid
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
            JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]
            WHERE n.nspname = 'public' AND k.contype = 'f' AND c.relname <> ALL (%s)
              AND target.relname <> ALL (%s) AND (a.attname <> 'cell' OR b.attname <> 'cell')
            ORDER BY 1, 2
            """,
            (known, known),
        )
    ]
    found += [
        f"index {index} of {name} does not begin with cell"
        for name, index in tx.execute(
            """
            SELECT c.relname, i.relname FROM pg_index x
            JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0]
            WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname <> ALL (%s)
              AND a.attname IS DISTINCT FROM 'cell'
            ORDER BY 1, 2
            """,
            (known,),
        )
    ]
    missing = tx.execute(
        "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass('public.' || name) IS NULL ORDER BY name",
        (known,),
    )
    return found + [f"global table {name} does not exist" for (name,) in missing]


def cell_tables(tx: Transaction) -> list[str]:
    """Return every table of the schema that has cells: all but the global ones."""
    rows = tx.execute(
        """SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL (%s)
           ORDER BY 1""",
        (list(GLOBAL_TABLES),),
    )
    return [name for (name,) in rows]


def broken_references(tx: Transaction) -> list[str]:
    """Ask every foreign key anew, also where the server was told not to; return those that are broken."""
    tx.execute("CREATE TEMPORARY TABLE broken_reference (name text) ON COMMIT DROP")
    for name, table, target, columns, targets in tx.execute(
        """
        SELECT k.conname, k.conrelid::regclass::text, k.confrelid::regclass::text,
               (SELECT array_agg(quote_ident(a.attname) ORDER BY n) FROM unnest(k.conkey) WITH ORDINALITY AS u (num, n)
                JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num),
               (SELECT array_agg(quote_ident(a.attname) ORDER BY n) FROM unnest(k.confkey) WITH ORDINALITY AS u (num, n)
                JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num)
        FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
        WHERE n.nspname = 'public' AND k.contype = 'f' ORDER BY 1
        """
    ).fetchall():
        same = " AND ".join(f"t.{there} = r.{here}" for here, there in zip(columns, targets, strict=True))
        known = " AND ".join(f"r.{here} IS NOT NULL" for here in columns)
        # Names of our own schema, as its catalogue quotes them.
        tx.script(
            f"INSERT INTO broken_reference SELECT '{name}' FROM {table} r"  # noqa: S608
            f" WHERE {known} AND NOT EXISTS (SELECT FROM {target} t WHERE {same}) LIMIT 1"
        )
    return [name for (name,) in tx.execute("SELECT name FROM broken_reference ORDER BY 1").fetchall()]
