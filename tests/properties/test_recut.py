"""What the cells of a recut book share out adds up: no fen and no micro-fen is made or lost, no cell is left short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.money import MICRO_PER_FEN
from mingqu.domain.recut import share_cash, share_group

MICRO = st.integers(-(10**15), 10**15)
FEN = st.integers(-(10**12), 10**12)
CARRY = st.integers(0, 8 * MICRO_PER_FEN)


@given(st.lists(MICRO, min_size=1, max_size=9), FEN, CARRY, CARRY)
def test_a_group_is_the_sum_of_its_loans_in_each_cell_and_of_what_it_was_in_all(
    missing: list[int], left_fen: int, income: int, rounding: int
) -> None:
    missing[0] += left_fen * MICRO_PER_FEN + income + rounding - sum(missing)  # as a book that proves itself has it
    shares = share_group(missing_micro=missing, left_fen=left_fen, income_micro=income, rounding_micro=rounding)
    assert shares is not None
    for share, lacking in zip(shares, missing, strict=True):
        assert share.fen * MICRO_PER_FEN + share.income_carry_micro + share.rounding_carry_micro == lacking
        assert abs(share.income_carry_micro) <= (8 + len(missing)) * MICRO_PER_FEN  # the next close posts it
    assert sum(share.fen for share in shares) == left_fen
    assert sum(share.income_carry_micro for share in shares) == income
    assert sum(share.rounding_carry_micro for share in shares) == rounding


@given(st.lists(MICRO, min_size=1, max_size=9), FEN, CARRY, CARRY, st.integers(1, 10**9))
def test_a_group_that_is_not_the_sum_of_its_loans_is_not_shared_out(
    missing: list[int], left_fen: int, income: int, rounding: int, off: int
) -> None:
    missing[0] += left_fen * MICRO_PER_FEN + income + rounding - sum(missing) + off
    assert share_group(missing_micro=missing, left_fen=left_fen, income_micro=income, rounding_micro=rounding) is None


@given(st.lists(st.tuples(FEN, st.integers(1, 1024)), min_size=1, max_size=9), st.integers(0, 10**12))
def test_free_cash_lies_by_the_number_of_slots_and_is_nowhere_below_zero(
    cells: list[tuple[int, int]], left_fen: int
) -> None:
    free, slots = [fen for fen, _ in cells], [size for _, size in cells]
    free[0] -= min(0, sum(free) + left_fen)  # a lender has lent no more than it put in
    total = sum(free) + left_fen
    after = [
        fen + gets for fen, gets in zip(free, share_cash(free_fen=free, left_fen=left_fen, slots=slots), strict=True)
    ]
    assert sum(after) == total
    for fen, size in zip(after, slots, strict=True):
        assert 0 <= fen - total * size // sum(slots) < len(cells)
