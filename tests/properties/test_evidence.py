"""Proofs of every size verify, and no proof verifies after any change; against a naive tree of a few lines."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.canonical import NotCanonical, canonical, read
from mingqu.domain.evidence import (
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from mingqu.domain.evidence.tree import consistency_nodes, inclusion_nodes, nodes_of

SIZE_MAX = 70
HASHES = [leaf_hash(bytes([number])) for number in range(SIZE_MAX)]
LOOK_UP = nodes_of(HASHES)


def naive_root(hashes: list[bytes]) -> bytes:
    """Return MTH of RFC 6962, section 2.1, word for word."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while 2 * split < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + naive_root(hashes[:split]) + naive_root(hashes[split:])).digest()


def naive_path(index: int, hashes: list[bytes]) -> list[bytes]:
    """Return PATH of RFC 6962, section 2.1.1, word for word."""
    if len(hashes) == 1:
        return []
    split = 1
    while 2 * split < len(hashes):
        split *= 2
    if index < split:
        return [*naive_path(index, hashes[:split]), naive_root(hashes[split:])]
    return [*naive_path(index - split, hashes[split:]), naive_root(hashes[:split])]


def naive_proof(older: int, hashes: list[bytes], *, whole: bool = True) -> list[bytes]:
    """Return SUBPROOF of RFC 6962, section 2.1.2, word for word."""
    if older == len(hashes):
        return [] if whole else [naive_root(hashes)]
    split = 1
    while 2 * split < len(hashes):
        split *= 2
    if older <= split:
        return [*naive_proof(older, hashes[:split], whole=whole), naive_root(hashes[split:])]
    return [*naive_proof(older - split, hashes[split:], whole=False), naive_root(hashes[:split])]


@pytest.mark.parametrize("size", range(1, SIZE_MAX + 1))
def test_every_leaf_of_every_size_proves(size: int) -> None:
    root = naive_root(HASHES[:size])
    assert root_of(HASHES[:size]) == root
    for index in range(size):
        path = inclusion_path(index=index, size=size, look_up=LOOK_UP)
        assert list(path) == naive_path(index, HASHES[:size])
        assert verify_inclusion(leaf=HASHES[index], index=index, size=size, path=path, root=root)
        other = (index + 1) % size
        assert size == 1 or not verify_inclusion(leaf=HASHES[index], index=other, size=size, path=path, root=root)


@pytest.mark.parametrize("size", range(1, SIZE_MAX + 1))
def test_every_older_size_is_proven_to_be_a_beginning(size: int) -> None:
    root = naive_root(HASHES[:size])
    for older in range(1, size + 1):
        older_root = naive_root(HASHES[:older])
        path = consistency_path(older=older, size=size, look_up=LOOK_UP)
        assert list(path) == naive_proof(older, HASHES[:size])
        assert verify_consistency(older=older, older_root=older_root, size=size, root=root, path=path)
        forged = naive_root([b"x" * 32, *HASHES[1:older]])
        assert not verify_consistency(older=older, older_root=forged, size=size, root=root, path=path)


def flipped(data: bytes, bit: int) -> bytes:
    """Return the bytes with one bit turned."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


places = st.integers(1, SIZE_MAX).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size)))


@given(places, st.data())
def test_no_inclusion_proof_survives_a_flipped_bit(place: tuple[int, int], data: st.DataObject) -> None:
    index, size = place
    parts = [HASHES[index], naive_root(HASHES[:size]), *naive_path(index, HASHES[:size])]
    which = data.draw(st.integers(0, len(parts) - 1))
    parts[which] = flipped(parts[which], data.draw(st.integers(0, 255)))
    leaf, root, *path = parts
    assert not verify_inclusion(leaf=leaf, index=index, size=size, path=path, root=root)


@given(places, st.data())
def test_no_inclusion_proof_survives_a_changed_path_or_size(place: tuple[int, int], data: st.DataObject) -> None:
    index, size = place
    path, root = naive_path(index, HASHES[:size]), naive_root(HASHES[:size])
    cut = data.draw(st.integers(0, len(path)))
    wrong = [path[:cut] + path[cut + 1 :], [*path, bytes(32)], [*path[:cut], b"short", *path[cut + 1 :]]]
    for changed in wrong:
        if changed != path:
            assert not verify_inclusion(leaf=HASHES[index], index=index, size=size, path=changed, root=root)
    for outside in (-1, size):
        assert not verify_inclusion(leaf=HASHES[index], index=outside, size=size, path=path, root=root)


@given(places, st.data())
def test_no_consistency_proof_survives_a_flipped_bit(place: tuple[int, int], data: st.DataObject) -> None:
    older, size = place[0] + 1, place[1]
    parts = [naive_root(HASHES[:older]), naive_root(HASHES[:size]), *naive_proof(older, HASHES[:size])]
    which = data.draw(st.integers(0, len(parts) - 1))
    parts[which] = flipped(parts[which], data.draw(st.integers(0, 255)))
    older_root, root, *path = parts
    assert not verify_consistency(older=older, older_root=older_root, size=size, root=root, path=path)


@given(st.integers(2, SIZE_MAX), st.integers(1, SIZE_MAX))
def test_a_hash_above_the_leaves_does_not_pass_for_a_leaf(size: int, older: int) -> None:
    root = naive_root(HASHES[:size])
    index = older % size
    steps = naive_path(index, HASHES[:size])
    assert not verify_inclusion(leaf=root, index=index, size=size, path=[], root=root)
    sides = (HASHES[index ^ 1], HASHES[index]) if index % 2 else (HASHES[index], HASHES[index ^ 1])
    if index ^ 1 < size:  # the pair's hash in place of the leaf, with the rest of its path
        pair = hashlib.sha256(b"\x01" + b"".join(sides)).digest()
        assert not verify_inclusion(leaf=pair, index=index, size=size, path=steps[1:], root=root)
    if older < size:
        assert not verify_consistency(older=older, older_root=root, size=size, root=root, path=[])


def test_a_proof_reads_few_nodes_of_a_large_tree() -> None:
    size = 10_000_000
    for index in (0, 1, 6_543_210, size - 1):
        assert len(inclusion_nodes(index=index, size=size)) <= 2 * size.bit_length()
        assert len(consistency_nodes(older=index + 1, size=size)) <= 2 * size.bit_length()


values = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(values)
def test_canonical_bytes_are_json_and_read_back_as_the_same_value(value: object) -> None:
    written = canonical(value)  # type: ignore[arg-type]  # Hypothesis does not know the recursive type
    assert json.loads(written) == value
    assert read(written) == value


@given(st.binary(max_size=40))
def test_bytes_either_are_canonical_or_are_refused(data: bytes) -> None:
    try:
        value = read(data)
    except NotCanonical:
        return
    assert canonical(value) == data
