"""A table of card prefixes that was loaded decides which cards are taken, from its day on."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from mingqu.demo.journey import introduce
from mingqu.demo.people import XIA, ZHOU
from mingqu.domain.instrument import BinTableMalformed, CardNotSupported
from mingqu.services.people.load_bins import BinTableInThePast, load_bins
from mingqu.services.people.read_person import person_view
from tests.journeys.reading import rows_of
from tests.world import OpenWorld

HEAD = b"prefix,digits,issuer,name_zh,name_en,kind\n"


def table(card: str, *, kind: str = "debit_card") -> bytes:
    return HEAD + f"{card[:8]},{len(card)},newbank,新银行,New Bank,{kind}\n".encode()


def test_cards_are_taken_by_the_table_that_holds_on_the_day(world: OpenWorld) -> None:
    house, card = world.house, ZHOU.card_number.reveal()
    today = house.clock.business_date()
    before = rows_of(house)
    with pytest.raises(BinTableInThePast):
        load_bins(house, content=table(card), holds_from=today - timedelta(days=1))
    for wrong in (HEAD, b"\xff\xfe", table(card) * 2):
        with pytest.raises(BinTableMalformed):
            load_bins(house, content=wrong)
    assert rows_of(house) == before
    first = load_bins(house, content=table(card), holds_from=today + timedelta(days=1))
    assert (first.version, first.rows, first.new) == (1, 1, True)
    assert not load_bins(house, content=table(card), holds_from=today + timedelta(days=1)).new
    introduce(world, XIA, balance_fen=0)  # today the house's own table still holds
    world.go_to_date(today + timedelta(days=1))
    known = introduce(world, ZHOU, balance_fen=0)
    (view,) = person_view(house, person_id=known.person_id).cards
    assert (view.bank_zh, view.bank_en) == ("新银行", "New Bank")
    load_bins(house, content=table("6299999900000000"), holds_from=date(2026, 8, 17))
    world.go_to_date(date(2026, 8, 17))
    with pytest.raises(CardNotSupported):
        introduce(world, ZHOU, balance_fen=0)
