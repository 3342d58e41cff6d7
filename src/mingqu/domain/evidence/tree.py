"""Hash trees of RFC 6962, section 2.1, over stored hashes of complete subtrees; proofs and their verification.

`Node(level, place)` is the subtree over the leaves from place × 2^level up to (place + 1) × 2^level.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
_LEAF, _NODE = b"\x00", b"\x01"

Hash: TypeAlias = bytes


class Node(NamedTuple):
    """A complete subtree of 2^level leaves, the place-th from the left; level 0 is a leaf."""

    level: int
    place: int

    def halves(self) -> tuple[Node, Node]:
        """Return the two subtrees that make up this one."""
        return Node(self.level - 1, 2 * self.place), Node(self.level - 1, 2 * self.place + 1)


def leaf_hash(body: bytes) -> Hash:
    """Return the hash of a leaf: SHA-256 of 0x00 and its bytes."""
    return hashlib.sha256(_LEAF + body).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """Return the hash over two subtrees: SHA-256 of 0x01 and both hashes."""
    return hashlib.sha256(_NODE + left + right).digest()


def peaks(size: int) -> tuple[Node, ...]:
    """Return the complete subtrees that make up a tree, from the left. Example: 5 → Node(2, 0), Node(0, 4)."""
    return _cover(0, size)


def _cover(start: int, end: int) -> tuple[Node, ...]:
    # `start` is a multiple of every subtree size used, as in all ranges that RFC 6962 splits off.
    found = []
    while start < end:  # at most one step for each bit of the size
        level = (end - start).bit_length() - 1
        assert start % (1 << level) == 0
        found.append(Node(level, start >> level))
        start += 1 << level
    return tuple(found)


def _range_hash(start: int, end: int, look_up: Callable[[Node], Hash]) -> Hash:
    hashes = [look_up(node) for node in _cover(start, end)]
    if not hashes:
        return EMPTY_ROOT
    whole = hashes.pop()
    while hashes:  # joined from the right, as the split at the largest power of two nests
        whole = node_hash(hashes.pop(), whole)
    return whole


def root(*, size: int, look_up: Callable[[Node], Hash]) -> Hash:
    """Return the root over the first `size` leaves, out of the hashes of complete subtrees."""
    return _range_hash(0, size, look_up)


def root_of(hashes: Sequence[Hash]) -> Hash:
    """Return the root over leaf hashes held in memory; for few leaves, such as the cell roots of a checkpoint."""
    return root(size=len(hashes), look_up=nodes_of(hashes))


def nodes_of(hashes: Sequence[Hash]) -> Callable[[Node], Hash]:
    """Return a look-up of complete subtrees over leaf hashes held in memory."""

    def look_up(node: Node) -> Hash:
        if node.level == 0:
            return hashes[node.place]
        left, right = node.halves()
        return node_hash(look_up(left), look_up(right))

    return look_up


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)  # the largest power of two below the size


def _inclusion_ranges(index: int, start: int, end: int) -> list[tuple[int, int]]:
    found = []
    while end - start > 1:  # halves at least the range each time
        middle = start + _split(end - start)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    return found[::-1]


def _consistency_ranges(older: int, size: int) -> list[tuple[int, int]]:
    found, start, end, whole = [], 0, size, True
    while older != end:  # shortens the range each time
        middle = start + _split(end - start)
        if older <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start, whole = middle, False
    return [*([] if whole else [(start, end)]), *found[::-1]]


def inclusion_nodes(*, index: int, size: int) -> tuple[Node, ...]:
    """Return the complete subtrees whose hashes an inclusion proof takes, to be fetched together."""
    assert 0 <= index < size
    return tuple(node for start, end in _inclusion_ranges(index, 0, size) for node in _cover(start, end))


def consistency_nodes(*, older: int, size: int) -> tuple[Node, ...]:
    """Return the complete subtrees whose hashes a consistency proof takes, to be fetched together."""
    assert 0 <= older <= size
    ranges = _consistency_ranges(older, size) if older else []
    return tuple(node for start, end in ranges for node in _cover(start, end))


def inclusion_path(*, index: int, size: int, look_up: Callable[[Node], Hash]) -> tuple[Hash, ...]:
    """Return the proof that a leaf is in the tree over the first `size` leaves (RFC 6962, section 2.1.1)."""
    assert 0 <= index < size
    return tuple(_range_hash(start, end, look_up) for start, end in _inclusion_ranges(index, 0, size))


def consistency_path(*, older: int, size: int, look_up: Callable[[Node], Hash]) -> tuple[Hash, ...]:
    """Return the proof that a tree of `size` leaves extends the one of `older` leaves (RFC 6962, section 2.1.2)."""
    assert 0 <= older <= size
    if older == 0:
        return ()  # every tree extends the empty one
    return tuple(_range_hash(start, end, look_up) for start, end in _consistency_ranges(older, size))


def verify_inclusion(*, leaf: Hash, index: int, size: int, path: Sequence[Hash], root: Hash) -> bool:
    """Return whether a path proves that the leaf hash is the index-th of `size` under the root."""
    if not 0 <= index < size:
        return False
    position, last, whole = index, size - 1, leaf
    for sibling in path:
        if last == 0 or len(sibling) != HASH_BYTES:
            return False
        if position & 1 or position == last:
            whole = node_hash(sibling, whole)
            while not position & 1 and position:  # levels where the last subtree had no sibling
                position, last = position >> 1, last >> 1
        else:
            whole = node_hash(whole, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and whole == root


def verify_consistency(*, older: int, older_root: Hash, size: int, root: Hash, path: Sequence[Hash]) -> bool:
    """Return whether a path proves that the tree of `size` leaves begins with just the `older` ones."""
    if not 0 <= older <= size or any(len(sibling) != HASH_BYTES for sibling in path):
        return False
    if older == 0:
        return older_root == EMPTY_ROOT and not path
    if older == size:
        return older_root == root and not path
    # A power of two is a complete subtree of the larger tree, so that its hash is known without the path.
    steps = [older_root, *path] if older & (older - 1) == 0 else list(path)
    if not steps:
        return False
    position, last = older - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    before = now = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            before, now = node_hash(sibling, before), node_hash(sibling, now)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            now = node_hash(now, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and before == older_root and now == root
