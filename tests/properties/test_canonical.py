"""The two writers of canonical JSON, the general one and the quick one for plain data, write the same bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain import canonical, policy_file

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
