"""Cell trees: the stored hashes of complete subtrees, and any other hash out of at most eight of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from mingqu.domain.evidence.tree import Hash, Node, node_hash, nodes_of, peaks, root
from mingqu.store.server.database import Transaction

# Every fourth level is stored: a fifteenth of the rows, and a level in between takes two to eight of them.
STEP: Final = 4
WIDTH: Final = 1 << STEP
# One round of building reads this many hashes of 32 bytes; a multiple of the width.
LEAVES_PER_ROUND_MAX: Final = 65_536


def build(tx: Transaction, *, cell: int, size: int, leaves_per_round_max: int = LEAVES_PER_ROUND_MAX) -> None:
    """Store the nodes that the first `size` leaves of a cell complete; what was built before is not read again."""
    row = tx.execute("SELECT built FROM evidence_tree WHERE cell = %s", (cell,)).fetchone()
    built = 0 if row is None else row[0]
    while built < size:  # each round moves on by up to leaves_per_round_max leaves
        upto = min(size, built + leaves_per_round_max)
        nodes = _completed(tx, cell=cell, built=built, size=upto)
        tx.execute(
            """
            INSERT INTO evidence_node (cell, level, place, hash)
            SELECT %s, level, place, hash FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])
                AS given (level, place, hash)
            """,
            (cell, [node.level for node in nodes], [node.place for node in nodes], list(nodes.values())),
        )
        built = upto
    tx.execute(
        """
        INSERT INTO evidence_tree (cell, built) VALUES (%s, %s)
        ON CONFLICT (cell) DO UPDATE SET built = EXCLUDED.built WHERE evidence_tree.built < EXCLUDED.built
        """,
        (cell, built),
    )


def cell_root(tx: Transaction, *, cell: int, size: int) -> Hash:
    """Return the root over the first `size` leaves of a cell, which are built."""
    return root(size=size, look_up=look_up_of(tx, cell=cell, nodes=peaks(size)))


def look_up_of(tx: Transaction, *, cell: int, nodes: Iterable[Node]) -> Callable[[Node], Hash]:
    """Return a look-up of these nodes of a cell's tree, all fetched in two round trips."""
    wanted = {stored for node in nodes for stored in _stored_below(node)}
    found = _fetched(tx, cell=cell, nodes=wanted)

    def look_up(node: Node) -> Hash:
        if node.level % STEP == 0:
            return found[node]
        left, right = node.halves()
        return node_hash(look_up(left), look_up(right))

    return look_up


def fold(hashes: Sequence[Hash]) -> Hash:
    """Return the hash over sixteen neighbors, four levels up."""
    assert len(hashes) == WIDTH
    return nodes_of(hashes)(Node(STEP, 0))


def _stored_below(node: Node) -> list[Node]:
    rest = node.level % STEP
    return [Node(node.level - rest, (node.place << rest) + offset) for offset in range(1 << rest)]


def _fetched(tx: Transaction, *, cell: int, nodes: Iterable[Node]) -> dict[Node, Hash]:
    leaves = sorted(node.place for node in nodes if node.level == 0)
    inner = sorted(node for node in nodes if node.level > 0)
    found: dict[Node, Hash] = {}
    if leaves:
        rows = tx.execute(
            "SELECT sequence, hash FROM evidence_leaf WHERE cell = %s AND sequence = ANY (%s)", (cell, leaves)
        )
        found |= {Node(0, sequence): bytes(hash_) for sequence, hash_ in rows}
    if inner:
        rows = tx.execute(
            """
            SELECT level, place, hash FROM unnest(%s::smallint[], %s::bigint[]) AS wanted (level, place)
            JOIN evidence_node USING (level, place) WHERE cell = %s
            """,
            ([node.level for node in inner], [node.place for node in inner], cell),
        )
        found |= {Node(level, place): bytes(hash_) for level, place, hash_ in rows}
    return found


def _completed(tx: Transaction, *, cell: int, built: int, size: int) -> dict[Node, Hash]:
    # From the leaves up: of each stored level the row of sixteen that was unfinished, and what is new.
    rows = tx.execute(
        "SELECT hash FROM evidence_leaf WHERE cell = %s AND sequence >= %s AND sequence < %s ORDER BY sequence",
        (cell, built // WIDTH * WIDTH, size),
    )
    fresh = [bytes(hash_) for (hash_,) in rows]
    assert len(fresh) == size - built // WIDTH * WIDTH, "a leaf is missing: `mingqu verify` says which"
    nodes: dict[Node, Hash] = {}
    level = 0
    while len(fresh) >= WIDTH:  # a level is at most a sixteenth of the one below, and a row of sixteen
        level, built, size = level + STEP, built // WIDTH, size // WIDTH
        made = [fold(fresh[place : place + WIDTH]) for place in range(0, (len(fresh) // WIDTH) * WIDTH, WIDTH)]
        assert len(made) == size - built
        nodes |= {Node(level, built + place): hash_ for place, hash_ in enumerate(made)}
        before = [Node(level, place) for place in range(built // WIDTH * WIDTH, built)]
        stored = _fetched(tx, cell=cell, nodes=before)
        fresh = [*(stored[node] for node in before), *made]
    return nodes
