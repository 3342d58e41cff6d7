"""Limits of the whole book in slices: never more than the limit, whoever reserves, gives back or cuts at once."""

from __future__ import annotations

import random
import threading
from uuid import UUID

import pytest

from mingqu.domain.money import AmountOutOfRange
from mingqu.services.funding.keep_headroom import HeadroomExhausted, even_out, set_headroom, use_headroom
from mingqu.services.house import House
from mingqu.store.limits import headroom
from mingqu.store.limits.headroom import HeadroomUnknown
from tests.world import OpenWorld

CAPITAL = UUID("0199a000-0000-7000-8000-000000000c00")
CELLS = 4


def use(house: House, *, cell: int, use_id: int, amount_fen: int) -> bool:
    def reserve(tx: object) -> None:
        assert isinstance(tx, headroom.Transaction)
        tx.lock_cell(cell)
        use_headroom(tx, cell=cell, headroom_id=CAPITAL, use_id=UUID(int=use_id), amount_fen=amount_fen)

    try:
        house.database.run(reserve)
    except HeadroomExhausted:
        return False
    return True


def state(house: House) -> tuple[headroom.Headroom, list[headroom.Slice]]:
    with house.database.transaction() as tx:
        assert headroom.prove(tx) == []
        slices = [headroom.slice_of(tx, cell=cell, headroom_id=CAPITAL) for cell in range(CELLS)]
        return headroom.lock(tx, headroom_id=CAPITAL), slices


def test_a_slice_is_used_without_the_global_row_until_it_runs_low(world: OpenWorld) -> None:
    house = world.house
    assert set_headroom(house, headroom_id=CAPITAL, name="capital", limit_fen=800) == 800
    assert use(house, cell=0, use_id=1, amount_fen=10)
    first, slices = state(house)
    assert (first.handed_out_fen, slices[0]) == (100, headroom.Slice(slice_fen=100, used_fen=10))
    with house.database.transaction() as blocking:
        headroom.lock(blocking, headroom_id=CAPITAL)  # nobody else gets at the global row
        assert use(house, cell=0, use_id=2, amount_fen=90)
        assert use(house, cell=0, use_id=1, amount_fen=0)
        assert use(house, cell=0, use_id=3, amount_fen=10)
    for _ in range(2):
        assert use(house, cell=0, use_id=4, amount_fen=700)  # the rest; the same again is the same
    assert not use(house, cell=1, use_id=5, amount_fen=1)
    assert state(house)[0].handed_out_fen == 800
    assert use(house, cell=0, use_id=4, amount_fen=100)
    assert not use(house, cell=1, use_id=5, amount_fen=1)  # still in the slice of cell 0
    even_out(house, headroom_id=CAPITAL)
    assert use(house, cell=1, use_id=5, amount_fen=600)
    assert not use(house, cell=1, use_id=5, amount_fen=601)


def test_a_limit_that_is_cut_sinks_as_far_as_it_is_free_and_then_with_each_use_that_ends(world: OpenWorld) -> None:
    house = world.house
    set_headroom(house, headroom_id=CAPITAL, name="capital", limit_fen=1_000)
    assert use(house, cell=0, use_id=1, amount_fen=300)
    assert use(house, cell=3, use_id=2, amount_fen=200)
    assert set_headroom(house, headroom_id=CAPITAL, name="capital", limit_fen=400) == 500
    assert not use(house, cell=0, use_id=3, amount_fen=1)
    assert use(house, cell=0, use_id=1, amount_fen=150)
    assert even_out(house, headroom_id=CAPITAL) == 400
    assert use(house, cell=2, use_id=4, amount_fen=50)
    assert not use(house, cell=2, use_id=4, amount_fen=51)
    assert set_headroom(house, headroom_id=CAPITAL, name="capital", limit_fen=0) == 400
    assert set_headroom(house, headroom_id=CAPITAL, name="capital", limit_fen=2_000) == 2_000
    assert use(house, cell=2, use_id=4, amount_fen=1_650)


def test_what_is_no_limit_is_refused(world: OpenWorld) -> None:
    for amount_fen in (-1, 2**63):
        with pytest.raises(AmountOutOfRange):
            set_headroom(world.house, headroom_id=CAPITAL, name="capital", limit_fen=amount_fen)
    with pytest.raises(HeadroomUnknown):
        use(world.house, cell=0, use_id=1, amount_fen=0)
    with pytest.raises(HeadroomUnknown):
        even_out(world.house, headroom_id=CAPITAL)


def test_cells_that_reserve_give_back_and_are_cut_at_once_never_pass_the_limit(world: OpenWorld) -> None:
    house = world.house
    set_headroom(house, headroom_id=CAPITAL, name="capital", limit_fen=1_000)
    granted: list[dict[int, int]] = [{} for _ in range(CELLS)]

    def cell(number: int) -> None:
        chance = random.Random(number)
        for at in range(40):
            use_id, amount_fen = number * 100 + at % 7, chance.choice((0, 20, 90, 300))
            if use(house, cell=number, use_id=use_id, amount_fen=amount_fen):
                granted[number][use_id] = amount_fen

    def cutter() -> None:
        for limit_fen in (700, 1_000, 400, 900, 1_000, 600):
            assert set_headroom(house, headroom_id=CAPITAL, name="capital", limit_fen=limit_fen) >= limit_fen

    threads = [threading.Thread(target=cell, args=(number,)) for number in range(CELLS)]
    threads.append(threading.Thread(target=cutter))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    of, slices = state(house)
    assert [part.used_fen for part in slices] == [sum(uses.values()) for uses in granted]
    assert sum(part.slice_fen for part in slices) == of.handed_out_fen <= of.limit_fen
    assert of.wanted_fen == 600
    for number, uses in enumerate(granted):
        for use_id in uses:
            assert use(house, cell=number, use_id=use_id, amount_fen=0)
    assert even_out(house, headroom_id=CAPITAL) == 600


def test_after_a_recut_each_slice_is_what_its_uses_need_and_the_rest_is_there_for_all(world: OpenWorld) -> None:
    house = world.house
    set_headroom(house, headroom_id=CAPITAL, name="capital", limit_fen=800)
    for cell, amount_fen in enumerate((10, 20, 0, 300)):
        assert use(house, cell=cell, use_id=cell + 1, amount_fen=amount_fen)
    with house.database.transaction() as tx:
        tx.execute("SET LOCAL session_replication_role = replica")  # as a recut does while rows move
        tx.execute("UPDATE headroom_use SET cell = 1 WHERE cell = 0")
        headroom.recut(tx)
        assert headroom.prove(tx) == []
        assert headroom.slices_of(tx, cell=1, headroom_ids=[CAPITAL]) == {CAPITAL: 0}
        assert headroom.slice_of(tx, cell=1, headroom_id=CAPITAL) == headroom.Slice(slice_fen=30, used_fen=30)
        assert headroom.left_of(tx, headroom_ids=[CAPITAL]) == {CAPITAL: 470}
