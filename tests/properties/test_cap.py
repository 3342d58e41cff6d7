"""A borrower's own cap, against a model that lives through every hour: lower at once, higher only after the pause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.cap import Cap, caps_at, starts

BEGIN = datetime(2026, 8, 15, 1, 0, tzinfo=UTC)
PAUSE = timedelta(hours=24)
NOBODY = UUID(int=0)


@given(words=st.lists(st.tuples(st.integers(1, 40), st.one_of(st.none(), st.integers(0, 5))), max_size=8))
def test_what_holds_each_hour_is_what_a_clerk_would_say(words: list[tuple[int, int | None]]) -> None:
    hour = 0
    waiting: tuple[int, int | None] | None = None
    holds: int | None = None
    said: list[Cap] = []
    for passed, amount in words:
        for _ in range(passed):
            hour += 1
            if waiting is not None and waiting[0] == hour:
                holds, waiting = waiting[1], None
            seen = caps_at(said=said, at=BEGIN + timedelta(hours=hour))
            assert seen.amount_fen == holds
            assert (seen.next_at is not None) == (waiting is not None)
        # The clerk: whoever asks for less gets it at once, and forgets what was to come; more comes a day later.
        now = BEGIN + timedelta(hours=hour)
        begins = starts(standing_fen=holds, amount_fen=amount, at=now, pause=PAUSE)
        if amount is not None and (holds is None or amount <= holds):
            holds, waiting = amount, None
            assert begins == now
        else:
            waiting = (hour + 24, amount)
            assert begins == now + PAUSE
        said.append(Cap(cap_id=NOBODY, person_id=NOBODY, amount_fen=amount, set_at=now, starts_at=begins, used_fen=0))
        assert caps_at(said=said, at=now).amount_fen == holds
