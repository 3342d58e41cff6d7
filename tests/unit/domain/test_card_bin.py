"""An acquirer's file of card prefixes is read whole, or refused with row and column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.instrument import BinTableMalformed, CardNotSupported, InstrumentKind, find_bin
from mingqu.domain.personal import Personal
from mingqu.services.people.load_bins import read_bin_file

HEAD = "prefix,digits,issuer,name_zh,name_en,kind\n"
GOOD = "62000001,16,qinghe,清河银行,Qinghe Bank,debit_card\n"
PREFIXES = st.lists(
    st.tuples(st.text("0123", min_size=4, max_size=7), st.integers(16, 19)), min_size=1, max_size=12, unique=True
)


def row(prefix: str, digits: int) -> str:
    return f"{prefix},{digits},bank{prefix},银行,Bank,debit_card\n"


def test_the_length_of_a_number_is_part_of_its_prefix() -> None:
    bins = read_bin_file((HEAD + GOOD + GOOD.replace(",16,", ",19,").replace("debit", "credit")).encode())
    kinds = {digits: find_bin(number=Personal("62000001" + "0" * (digits - 8)), bins=bins).kind for digits in (16, 19)}
    assert kinds == {16: InstrumentKind.DEBIT_CARD, 19: InstrumentKind.CREDIT_CARD}
    with pytest.raises(CardNotSupported):
        find_bin(number=Personal("62000001" + "0" * 9), bins=bins)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        (GOOD, "prefix"),  # twice
        (GOOD.replace("62000001", "620000"), "prefix"),  # around another
        (GOOD.replace("62000001", "6200000123"), "prefix"),  # within another
        (GOOD.replace("62000001", "620"), "prefix"),
        (GOOD.replace("62000001", "٦٢٠٠٠٠٠٢"), "prefix"),
        (GOOD.replace(",16,", ",15,"), "digits"),
        (GOOD.replace(",16,", ",20,"), "digits"),
        (GOOD.replace(",16,", ",,"), "digits"),
        (GOOD.replace("qinghe", "Qing He"), "issuer"),
        (GOOD.replace("清河银行", ""), "name_zh"),
        (GOOD.replace("Qinghe Bank", " Qinghe"), "name_en"),
        (GOOD.replace("debit_card", "wallet"), "kind"),
        ("62000003,16,qinghe\n", None),
    ],
)
def test_what_is_wrong_is_named(line: str, column: str | None) -> None:
    with pytest.raises(BinTableMalformed) as refused:
        read_bin_file((HEAD + GOOD + line).encode())
    wrong = refused.value.details
    assert (wrong["row"], wrong.get("column")) in {(3, column), (2, column)}


@pytest.mark.parametrize("text", ["", HEAD, GOOD, "prefix;digits\n", HEAD + '"6200'])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(BinTableMalformed):
        read_bin_file(text.encode())


@given(PREFIXES)
def test_no_number_is_ever_of_two_rows(prefixes: list[tuple[str, int]]) -> None:
    overlap = any(
        (a, m) != (b, n) and m == n and (a.startswith(b) or b.startswith(a))
        for place, (a, m) in enumerate(prefixes)
        for b, n in prefixes[:place]
    )
    try:
        bins = read_bin_file((HEAD + "".join(row(prefix, digits) for prefix, digits in prefixes)).encode())
    except BinTableMalformed:
        assert overlap
        return
    assert not overlap
    assert [(one.prefix, one.digits) for one in bins] == prefixes
