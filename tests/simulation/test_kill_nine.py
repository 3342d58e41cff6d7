"""kill -9 anywhere: of the process, of the database, of both; nothing is lost, nothing is paid twice, all is proved.

Each seed has a book of its own and several lives. The first dies at a named point, the second at any point or at any
moment, and after each death book and bank are compared as they were left. The last life is quiet and ends everything;
told once more it changes nothing, and every key is answered as it was. A failing seed is run alone with
`pytest tests/simulation/test_kill_nine.py -k 'seed17-'`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mingqu.store.server.database import DatabaseUnavailable
from tests.simulation.mortal import EVERYONE, Death, kill_server
from tests.simulation.mortal_house import Life, cluster_of, open_stage
from tests.simulation.mortal_stories import CONTRACTS, MANY, STARTS_AT, STORIES
from tests.simulation.mortal_theatre import ECONOMY, Play, Theatre, open_theatre
from tests.soak import SOAK

SEEDS = 200 if SOAK else 10  # every second one is a close
PAYOUT_SEEDS = SEEDS if SOAK else 6
# Where a process is most likely to have promised what it has not kept, or to have kept what it has not said.
POINTS = {
    "payout": (
        "payout.send: done",
        "BookOrders.hear: after post_batch",
        "BookOrders.announce: committed",
        "once: after INSERT INTO contract",
        "BookOrders.hear: before commit",
        "once: before commit",
        "payout.send: before",
        "BookOrders.hear: committed",
        "bank.ask: done",
        "BookOrders.announce: after UPDATE channel_order",
        "once: committed",
        "hosted.create: done",
        "BookOrders.hear: after UPDATE channel_order",
        "hear_paid: after post_batch",
        "hear_paid: after INSERT INTO loan_event",
        "hear_paid: before commit",
        "hear_paid: committed",
    ),
    "close": (
        "bring_up_day: after UPDATE loan",
        "bring_up_day: committed",
        "close_cell_day: after UPDATE accrual_group",
        "collection.deduct: done",
        "close_cell_day: committed",
        "bring_up_day: before commit",
        "hear_paid: after post_batch",
        "publish_evidence: before commit",
        "close_cell_day: before commit",
        "sms.send: done",
        "bring_up_day: after post_batch",
        "publish_evidence: committed",
        "BookOrders.announce: committed",
    ),
}
# Of these another stands beside each that is asked of one process always: in the middle, before a commit, behind one.
LIKE_THE_OTHERS = (
    "once: before commit",
    "BookOrders.announce: committed",
    "BookOrders.hear: after post_batch",
    "hear_paid: before commit",
)
# Every named point is passed so often in a life; fewer chunks than that have a loan with anything to do or to post.
NTH_MAX = 4
# Words that somebody paid are heard in one turn, if they come together.
NTH_RARE_MAX = {
    "bring_up_day: after UPDATE loan": 3,
    "bring_up_day: after post_batch": 2,
    "hear_paid: after post_batch": 1,
    "hear_paid: after INSERT INTO loan_event": 1,
    "hear_paid: before commit": 1,
    "hear_paid: committed": 1,
}
# From 300 to 500 points are passed in a life, which takes a few hundred milliseconds.
ANY_POINT_MAX = 300
ANY_MOMENT_MS_MAX = 400


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    """One server and driver for all seeds of a process."""
    with open_theatre() as opened:
        yield opened


@pytest.fixture(scope="module")
def undisturbed(theatre: Theatre) -> dict[str, str]:
    """What the close story comes to when nobody dies."""
    with theatre.play(story="close", seed=0) as play:
        assert play.live(replace(play.first, quiet=True)).status == 0
        return play.portrait(ECONOMY)


def first_life(seed: int, life: Life) -> Life:
    """Choose a life that dies at a named point, passed for one of the first times."""
    turn, points = seed // 2, POINTS[life.story]
    point = points[turn % len(points)]
    # Between transactions the death of the server alone takes nothing with it.
    mortals = EVERYONE if ": after" in point or point.endswith("before commit") else ("process", "both")
    nth = random.Random(seed).randint(1, NTH_RARE_MAX.get(point, NTH_MAX))
    return replace(life, death=Death(who=mortals[turn % len(mortals)], nth=nth, point=point))


def second_life(seed: int, life: Life) -> Life:
    """Choose a life that dies at any point, or that somebody else ends at any moment."""
    chance = random.Random(seed)
    life, who = replace(life, number=life.number + 1), chance.choice(EVERYONE)
    if chance.random() < 0.5:
        return replace(life, death=Death(who=who, nth=chance.randint(1, ANY_POINT_MAX)))
    return replace(life, death=None, killed=who, killed_after_ms=chance.randint(0, ANY_MOMENT_MS_MAX))


def end_quietly(play: Play, life: Life) -> None:
    """Let the last life end everything, and another find nothing left to do and every answer the same."""
    assert play.live(replace(life, quiet=True, faults=False)).status == 0
    assert play.wrong(over=True) == []
    before, answers = play.portrait(), play.answers()
    assert play.live(replace(life, number=life.number + 1, quiet=True, faults=False)).status == 0
    assert play.portrait() == before
    assert play.answers() == answers


@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed{seed}-") for seed in range(0, PAYOUT_SEEDS, 2)])
def test_a_death_in_the_middle_of_payouts_costs_and_doubles_nothing(theatre: Theatre, seed: int) -> None:
    with theatre.play(story="payout", seed=seed) as play:
        first = first_life(seed, replace(play.first, faults=True))
        assert play.live(first).died_at == first.death.point
        assert play.wrong(over=False) == []
        second = second_life(seed, first)
        play.live(second)
        assert play.wrong(over=False) == []
        end_quietly(play, replace(second, number=3, death=None, killed_after_ms=None))
        assert sum(key.startswith("sign") for key in play.answers()) == CONTRACTS


@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed{seed}-") for seed in range(1, SEEDS, 2)])
def test_a_death_in_the_middle_of_a_close_leaves_the_days_as_if_nothing_had_happened(
    theatre: Theatre, undisturbed: dict[str, str], seed: int
) -> None:
    faults = seed % 6 == 5  # a bank that misbehaves as well takes the days another way, which must be coherent too
    with theatre.play(story="close", seed=seed) as play:
        first = first_life(seed, replace(play.first, faults=faults))
        assert play.live(first).died_at == first.death.point
        assert play.wrong(over=False) == []
        second = second_life(seed, first)
        play.live(second)
        assert play.wrong(over=False) == []
        end_quietly(play, replace(second, number=3, death=None, killed_after_ms=None))
        assert faults or play.portrait(ECONOMY) == undisturbed


def test_a_close_killed_between_two_chunks_ends_as_one_that_nobody_disturbed(theatre: Theatre) -> None:
    deaths = (
        None,
        Death(who="process", point="bring_up_day: committed"),  # one chunk is done, five loans are not
        Death(who="server", point="bring_up_day: after INSERT INTO accrual_delta", nth=2),
        Death(who="both", point="bring_up_day: committed", nth=2),  # all chunks are done, the day is not marked
    )
    ends = []
    for seed, death in enumerate(deaths):
        with theatre.play(story="many", seed=seed) as play:
            if death is not None:
                assert play.live(replace(play.first, death=death)).died_at == death.point
                assert play.wrong(over=False) == []
            assert play.live(replace(play.first, number=1)).status == 0
            assert play.wrong(over=False) == []
            ends.append(play.portrait())
            with play.book() as database, database.transaction() as tx:
                deductions = tx.execute("SELECT count(*) FROM channel_order WHERE kind = 'collection'").fetchone()
            assert deductions == (MANY,)
    assert ends == [ends[0]] * len(ends)


@pytest.mark.parametrize(
    ("story", "point"),
    [
        ("payout", "once: after INSERT INTO contract"),
        ("payout", "BookOrders.hear: after UPDATE channel_order"),
        ("payout", "BookOrders.hear: after post_batch"),
        ("payout", "hear_paid: after UPDATE loan_snapshot"),
        ("close", "bring_up_day: after post_batch"),
        ("close", "close_cell_day: after UPDATE accrual_group"),
    ],
)
def test_a_transaction_torn_in_the_middle_would_be_seen(theatre: Theatre, story: str, point: str) -> None:
    with theatre.play(story=story, seed=0) as play:
        death = Death(who="process", point=point, torn=True)
        assert play.live(replace(play.first, death=death)).died_at == point
        assert play.wrong(over=False) != []


@pytest.mark.parametrize(
    "point",
    [
        "once: after INSERT INTO contract",
        "once: committed",
        "payout.send: done",
        "BookOrders.hear: before commit",
        "hear_paid: after post_batch",
        *(LIKE_THE_OTHERS if SOAK else ()),
    ],
)
def test_a_killed_server_comes_back_in_one_process_and_a_command_sent_again_is_answered_once(
    theatre: Theatre, point: str
) -> None:
    with theatre.play(story="payout", seed=0) as play:
        life = replace(play.first, death=Death(who="server", point=point), quiet=True)
        with open_stage(life, start=STARTS_AT) as stage:
            STORIES["payout"](stage)
            answers = dict(stage.answers)
        assert (life.place / f"died-{life.number}").read_text() == point
        assert play.wrong(over=True) == []
        assert sum(key.startswith("sign") for key in answers) == CONTRACTS


def test_a_server_that_dies_in_a_transaction_is_brought_back_before_anybody_waits_for_it(theatre: Theatre) -> None:
    with theatre.play(story="payout", seed=0) as play, play.book() as database:
        with database.transaction() as tx:
            tx.begin()
            kill_server(cluster_of(theatre.root))
            with pytest.raises(DatabaseUnavailable):
                tx.execute("SELECT 1")
        with database.transaction() as tx:
            assert tx.execute("SELECT 1").fetchone() == (1,)
        with database.transaction() as tx:  # nothing was said yet, so nobody need hear of it
            kill_server(cluster_of(theatre.root))
            assert tx.execute("SELECT 1").fetchone() == (1,)
        assert database._pool.get_stats().get("requests_errors", 0) == 0  # no wait for a connection was in vain
