"""Canonical bytes, commitments, known hashes of RFC 6962 trees, and the chain of checkpoints."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from mingqu.domain.canonical import NotCanonical, canonical, read
from mingqu.domain.evidence import (
    EMPTY_ROOT,
    CellRoot,
    Checkpoint,
    LeafKind,
    breaks_between,
    cells_root,
    commit,
    leaf_body,
    leaf_hash,
    moment,
    root_of,
)
from mingqu.domain.evidence.tree import Node, peaks
from mingqu.domain.personal import Personal

AT = datetime(2026, 8, 15, 1, 2, 3, tzinfo=UTC)
BOOK = UUID("01900000-0000-7000-8000-000000000001")

# Leaves that logs of RFC 6962 are commonly tested with, and the known roots over the first n of them.
LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243")]
LEAVES += [bytes(range(0x50, 0x58)), bytes(range(0x60, 0x70))]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("size", ROOTS)
def test_the_root_over_known_leaves_is_the_known_one(size: int) -> None:
    assert root_of([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size]


def test_a_tree_is_cut_into_complete_subtrees() -> None:
    assert peaks(0) == ()
    assert peaks(5) == (Node(2, 0), Node(0, 4))
    assert peaks(70) == (Node(6, 0), Node(2, 16), Node(1, 34))


def test_canonical_bytes_are_those_of_the_specification() -> None:
    value = {"b": 1, "a": [True, None, "é"], "": {}, "z": []}
    assert canonical(value) == '{"":{},"a":[true,null,"é"],"b":1,"z":[]}'.encode()
    assert canonical('\b\t\n\f\r"\\/\x00\x1f\x7f\u2028') == b'"\\b\\t\\n\\f\\r\\"\\\\/\\u0000\\u001f\x7f\xe2\x80\xa8"'
    assert canonical([2**53 - 1, 1 - 2**53]) == b"[9007199254740991,-9007199254740991]"
    assert canonical([2**53, -(2**63)]) == b'["9007199254740992","-9223372036854775808"]'


def test_keys_are_in_the_order_of_their_utf_16_units() -> None:
    # The example of RFC 8785, section 3.2.3: a character beyond the base plane sorts before U+FB33.
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    written = canonical(dict.fromkeys(keys, 0)).decode()
    order = ["\\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert written == "{" + ",".join(f'"{key}":0' for key in order) + "}"


@pytest.mark.parametrize("value", [1.0, "\ud800", {1: 2}, {"a": AT}, AT.date(), Personal("林"), b"x", {1, 2}])
def test_what_has_no_canonical_form_is_a_bug(value: object) -> None:
    with pytest.raises(AssertionError):
        canonical(value)  # type: ignore[arg-type]  # on purpose


def test_a_hostile_nesting_is_no_canonical_value() -> None:
    with pytest.raises(NotCanonical):
        read(b"[" * 100_000 + b"]" * 100_000)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1,"a":1}', b'{"a":01}', b" 1"),
        *(b"1.0", b"1e2", b"-0", b"9007199254740992", b"NaN"),
        *(b'"\\u0041"', b'"\\ud800"', b"\xff", b"\xef\xbb\xbf1"),
    ],
)
def test_bytes_in_another_way_are_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        read(data)


def test_canonical_bytes_read_back() -> None:
    value = {"a": [1, "2", None, {"b": False}]}
    assert read(canonical(value)) == value


def test_a_commitment_is_a_plain_hash_of_salt_and_bytes() -> None:
    salt = bytes(range(32))
    expected = hashlib.sha256(b"\x02" + salt + '"林知夏"'.encode()).digest()
    assert commit(salt=salt, value="林知夏") == expected
    assert commit(salt=bytes(32), value="林知夏") != expected


def test_a_moment_is_written_in_utc() -> None:
    shanghai = timezone(timedelta(hours=8))
    assert moment(AT) == moment(AT.astimezone(shanghai)) == "2026-08-15T01:02:03.000000Z"
    assert moment(AT.replace(microsecond=7)) == "2026-08-15T01:02:03.000007Z"
    with pytest.raises(AssertionError):
        moment(AT.replace(tzinfo=None))


def test_a_leaf_has_the_bytes_of_the_specification() -> None:
    body = leaf_body(
        cell=2,
        sequence=5,
        person_id=UUID(int=1),
        kind=LeafKind.CONSENT,
        subject_id=UUID(int=2),
        at=AT,
        facts={"version": 1, "text": "pass-to-lender"},
        commitments={},
    )
    assert body == (
        b'{"at":"2026-08-15T01:02:03.000000Z","cell":2,"commitments":{},'
        b'"facts":{"text":"pass-to-lender","version":1},"kind":"consent",'
        b'"person":"00000000000000000000000000000001","sequence":5,'
        b'"subject":"00000000000000000000000000000002","version":1}'
    )


def checkpoint(*, number: int, sizes: tuple[int, ...], previous: Checkpoint | None) -> Checkpoint:
    cells = tuple(
        CellRoot(cell=cell, size=size, root=hashlib.sha256(bytes([cell, size])).digest())
        for cell, size in enumerate(sizes)
    )
    return Checkpoint(
        book_id=BOOK,
        number=number,
        at=AT + timedelta(hours=number),
        cells=cells,
        root=cells_root(cells),
        previous=EMPTY_ROOT if previous is None else previous.hash(),
        key_id="k",
        signature=bytes(64),
    )


def test_a_checkpoint_has_the_bytes_of_the_specification() -> None:
    first = checkpoint(number=1, sizes=(3, 0), previous=None)
    assert (
        first.body()
        == (
            f'{{"at":"2026-08-15T02:02:03.000000Z","book":"{BOOK.hex}","cells":2,"leaves":3,"number":1,'
            f'"previous":"{ROOTS[0]}","root":"{first.root.hex()}","version":1}}'
        ).encode()
    )


def test_a_checkpoint_that_follows_has_no_breaks() -> None:
    first = checkpoint(number=1, sizes=(3, 0), previous=None)
    second = checkpoint(number=2, sizes=(3, 4), previous=first)
    assert breaks_between(None, first) == []
    assert breaks_between(first, second) == []


def test_every_way_not_to_follow_is_told() -> None:
    first = checkpoint(number=1, sizes=(3, 1), previous=None)
    second = checkpoint(number=2, sizes=(4, 1), previous=first)
    assert breaks_between(None, second) == [
        "checkpoint 2 stands where 1 should",
        "checkpoint 2 does not name the one before it",
    ]
    assert breaks_between(first, checkpoint(number=2, sizes=(2, 1), previous=first)) == [
        "checkpoint 2 has lost leaves of cell 0"
    ]
    assert breaks_between(first, replace(second, at=AT)) == ["checkpoint 2 is earlier than the one before it"]
    assert breaks_between(first, replace(second, root=bytes(32))) == ["checkpoint 2 has another root than its cells"]
    assert breaks_between(first, replace(second, book_id=UUID(int=7))) == ["checkpoint 2 is of another book"]
    assert breaks_between(first, checkpoint(number=2, sizes=(4,), previous=first)) == ["checkpoint 2 has lost cells"]
