"""The two writers of canonical JSON, the general one and the quick one for plain data, write the same bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain import canonical, policy_file
from mingqu.domain.evidence import LeafKind, leaf_body, moment

keys = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-canonical.INTEGER_MAX, canonical.INTEGER_MAX), texts)
plain = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)


@given(value=plain)
def test_plain_data_is_written_the_same_by_both(value: object) -> None:
    assert policy_file.canonical(value) == canonical.canonical(value)  # type: ignore[arg-type]  # any plain value


@given(value=plain)
def test_what_is_written_reads_back_as_it_was(value: object) -> None:
    assert canonical.read(canonical.canonical(value)) == value  # type: ignore[arg-type]  # any plain value


@given(
    facts=st.dictionaries(keys, plain, max_size=8),
    commitments=st.dictionaries(keys, texts, max_size=3),
    kind=st.sampled_from(LeafKind),
    ids=st.tuples(st.uuids(), st.uuids()),
    sequence=st.integers(0, canonical.INTEGER_MAX),
)
def test_a_leaf_is_written_as_any_object_of_its_members(
    facts: dict[str, canonical.Canonical],
    commitments: dict[str, canonical.Canonical],
    kind: LeafKind,
    ids: tuple[UUID, UUID],
    sequence: int,
) -> None:
    at = datetime(2026, 8, 15, tzinfo=UTC)
    body = leaf_body(
        cell=2,
        sequence=sequence,
        person_id=ids[0],
        kind=kind,
        subject_id=ids[1],
        at=at,
        facts=facts,
        commitments=commitments,
    )
    members: dict[str, canonical.Canonical] = {
        "version": 1,
        "cell": 2,
        "sequence": sequence,
        "person": ids[0].hex,
        "kind": kind.value,
        "subject": ids[1].hex,
        "at": moment(at),
        "facts": facts,
        "commitments": commitments,
    }
    assert body == canonical.canonical(members)
