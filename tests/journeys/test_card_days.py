"""What counts of a card's day stands with the last spend of that day, whatever the network says in whatever order."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.purpose.follow import Following
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.ledger.expire_holds import expire_holds
from mingqu.services.purpose.spend_card import ADVISE, AUTHORISE, Word, hear_in
from mingqu.store.purposes import purpose
from mingqu.store.server import migration
from mingqu.store.server.database import Transaction
from tests.journeys.reading import assert_coherent
from tests.journeys.test_purpose_card import DEALER, Holder
from tests.soak import SOAK
from tests.world import OpenWorld

_FILE: Final = Path(migration.__file__).parents[1] / "migrations" / "0107_days_of_spends.sql"
STEPS: Final = 2_000 if SOAK else 160
SOME_FEN: Final = (-1, 0, 1, 100_000, 200_000, 300_000)
DAY: Final = timedelta(days=1)
_KEPT: Final = """
    SELECT DISTINCT ON (spent_on) spent_on, day_fen FROM purpose_spend WHERE card_id = %s
    ORDER BY spent_on, day_number DESC"""
_RECKONED: Final = """
    SELECT spent_on, sum(CASE state WHEN 'held' THEN amount_fen WHEN 'reversed' THEN 0 ELSE captured_fen END)
    FROM purpose_spend WHERE card_id = %s GROUP BY spent_on ORDER BY spent_on"""
_NUMBERED: Final = """
    SELECT count(*) FROM (SELECT max(day_number) AS last, count(*) AS many
                          FROM purpose_spend GROUP BY card_id, spent_on)
    WHERE last <> many"""


def rows(tx: Transaction, statement: Any, card: Holder) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in tx.execute(statement, (card.card_id,)).fetchall()]


def today(card: Holder) -> date:
    return card.house.clock.now().astimezone(MARKET_TIME).date()


def require_right_sums(card: Holder) -> int:
    """Check every day of a card, and what an authorisation would read of today, and return how many days there are."""
    with card.house.database.transaction() as tx:
        kept, reckoned = rows(tx, _KEPT, card), rows(tx, _RECKONED, card)
        assert kept == reckoned
        assert tx.execute(_NUMBERED).fetchall() == [(0,)]
        read = purpose.standing(tx, card_id=card.card_id, day=today(card))
        assert read is not None
        assert read.day_used_fen == dict(reckoned).get(today(card), 0)
    return len(kept)


class Hostile:
    """A network that asks, captures, releases, reverses and refunds as it likes, of today's spends and of old ones."""

    def __init__(self, world: OpenWorld, card: Holder, seed: int) -> None:
        self.world, self.card, self.dice, self.asked = world, card, random.Random(seed), list[str]()
        self.seen: set[tuple[str, object]] = set()

    def step(self, number: int) -> None:
        """Say one word or more, or let a day or an hour go by."""
        deed = self.dice.random()
        if deed < 0.1:
            self.world.go_to(self.card.house.clock.now() + self.dice.choice((timedelta(hours=1), DAY, DAY * 4)))
            if self.dice.random() < 0.5:
                expire_holds(self.card.house, cell=self.card.house.database.cell_of(self.card.card_id))
        elif deed < 0.5 or not self.asked:
            kind = self.dice.choice((AUTHORISE, AUTHORISE, ADVISE))
            answer = self.card.ask(f"a-{number}", self.dice.choice(SOME_FEN[2:]), kind=kind)
            self.asked.append(f"a-{number}")
            self.seen.add((kind, answer["outcome"]))
        else:
            says = self.dice.choice(list(Following)).value
            of = self.dice.choice(self.asked[-3:]) if self.dice.random() < 0.8 else self.dice.choice(self.asked)
            said: tuple[Any, ...] = (says, f"f-{number}", of, self.dice.choice(SOME_FEN))
            answer = self.card.say(*said)
            assert self.card.say(*said) == answer, "a word that comes again is answered as it was, and adds nothing"
            self.seen.add((says, answer["outcome"]))


def test_the_days_of_a_card_are_right_after_every_word_of_a_hostile_network(world: OpenWorld) -> None:
    card = Holder(world)
    network = Hostile(world, card, seed=3)
    for number in range(STEPS):
        network.step(number)
        days = require_right_sums(card)
    assert days > 3
    heard = {("authorise", "approved"), ("advise", "approved"), ("capture", "captured"), ("capture", "refused"),
             ("release", "released"), ("reverse", "reversed"), ("refund", "refunded")}  # fmt: skip
    assert heard <= network.seen
    assert_coherent(card.house)


def words(card: Holder) -> dict[str, Callable[[], object]]:
    """Return what can be said of a spend of 2,000,000 that is not the last of its day, by what it does to the day."""
    return {
        "a hold": lambda: card.ask("x", 500_000),
        "less captured than held": lambda: card.say("capture", "x", "a-1", 1_500_000),
        "all captured": lambda: card.say("capture", "x", "a-1", 2_000_000),
        "more captured than held": lambda: card.say("capture", "x", "a-1", 2_000_001),
        "released": lambda: card.say("release", "x", "a-1"),
        "reversed while held": lambda: card.say("reverse", "x", "a-1"),
        "refunded": lambda: (card.say("capture", "x", "a-1", 2_000_000), card.say("refund", "y", "a-1", 300_000)),
        "reversed when captured": lambda: (card.say("capture", "x", "a-1", 9), card.say("reverse", "y", "a-1")),
    }


COMES_TO: Final = {
    "a hold": 3_500_000, "less captured than held": 2_500_000, "all captured": 3_000_000,
    "more captured than held": 3_000_000, "released": 1_000_000, "reversed while held": 1_000_000,
    "refunded": 3_000_000, "reversed when captured": 1_000_000,
}  # fmt: skip


def test_each_kind_of_word_leaves_its_day_what_counts_of_it_on_the_day_and_the_day_after(world: OpenWorld) -> None:
    card = Holder(world)
    for name, comes_to in COMES_TO.items():
        for later in (False, True):
            card.card_id = card.open(f"{name} {later}")
            card.ask("a-1", 2_000_000)
            card.ask("a-2", 1_000_000)
            if later:
                world.go_to(card.house.clock.now() + DAY)
            words(card)[name]()
            require_right_sums(card)
            with card.house.database.transaction() as tx:
                days = [fen for _, fen in rows(tx, _KEPT, card)]
            assert days == ([3_000_000, 500_000] if later and name == "a hold" else [comes_to]), (name, later)
    assert_coherent(card.house)


def test_words_of_several_cards_in_one_turn_change_each_its_own_day(world: OpenWorld) -> None:
    card = Holder(world)
    first, second = card.card_id, card.open("second")
    house, cell = card.house, card.house.database.cell_of(card.card_id)

    def turn(*said: Word) -> None:
        heard = house.database.run(lambda tx: hear_in(tx, house, cell=cell, listed=said, ends=True))
        assert all(isinstance(one, dict) and one["outcome"] != "refused" for one in heard)

    for reference, fen in (("a-1", 1_000), ("a-2", 20_000)):
        turn(*(Word(card_id=of, kind=AUTHORISE, reference=reference, amount_fen=fen, asked=DEALER)
               for of in (first, second)))  # fmt: skip
    turn(
        Word(card_id=first, kind="capture", reference="c-1", amount_fen=400, of="a-1"),
        Word(card_id=second, kind="reverse", reference="r-2", amount_fen=0, of="a-2"),
    )
    for of, comes_to in ((first, 20_400), (second, 1_000)):
        card.card_id = of
        require_right_sums(card)
        with house.database.transaction() as tx:
            assert [fen for _, fen in rows(tx, _KEPT, card)] == [comes_to]


def test_spends_of_before_are_numbered_and_their_days_added_up(world: OpenWorld) -> None:
    card = Holder(world)
    for says in (("capture", "c-0", "first", 100_000), ("reverse", "r-0", "first")):
        card.ask("first", 200_000)
        assert card.say(*says)["outcome"] in ("captured", "reversed")
    network = Hostile(world, card, seed=2)
    for number in range(40):
        network.step(number)
    with card.house.database.transaction() as tx:
        tx.script("ALTER TABLE purpose_spend DROP COLUMN day_number, DROP COLUMN day_fen")
        tx.script("CREATE INDEX purpose_spend_card ON purpose_spend (cell, card_id, spent_on)")
        tx.script(_FILE.read_text())
        tx.commit()
    assert require_right_sums(card) > 1
    card.ask("later", 1)
    require_right_sums(card)
    assert_coherent(card.house)


@pytest.mark.parametrize("by_fen", [-1, 1])
def test_verify_names_a_day_that_comes_to_another_sum(world: OpenWorld, by_fen: int) -> None:
    card = Holder(world)
    for reference in ("a-1", "a-2"):
        card.ask(reference, 1_000_000)
    with card.house.database.transaction() as tx:
        tx.execute("UPDATE purpose_spend SET day_fen = day_fen + %s WHERE day_number = 2", (by_fen,))
        tx.commit()
    found = verify_book(database=card.house.database, keyring=card.house.keyring).findings[7]
    assert [one for one in found if "another sum" in one] == [
        f"card {card.card_id} spent another sum on {today(card)} than is kept of that day"
    ]
