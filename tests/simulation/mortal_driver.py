"""A process whose children live and die: `python -m tests.simulation.mortal_driver`.

Each line of standard input is a life (see `Life`). For each a child is forked, which opens the house and plays its
story; forking saves every life the time of starting Python. The answer is one line of JSON: how the child ended,
and at which point it killed itself, if it did.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from tests.simulation.mortal import strike
from tests.simulation.mortal_house import Life, cluster_of, open_stage, the_pack
from tests.simulation.mortal_stories import STARTS_AT, STORIES

LIFE_SECONDS_MAX: Final = 120  # a life takes one; beyond this it hangs
_POLL_SECONDS: Final = 0.005


def main() -> None:
    """Play life after life until standard input ends."""
    the_pack()  # read once, for all children
    for line in sys.stdin:
        life = Life.from_json(line)
        child = os.fork()
        if child == 0:
            _live(life)
        print(json.dumps(_wait(child, life)), flush=True)


def _live(life: Life) -> None:
    """Play a life and end the process, without going through what belongs to the parent."""
    code = 1
    try:
        with open_stage(life, start=STARTS_AT) as stage:
            STORIES[life.story](stage)
        code = 0
    except BaseException:  # noqa: BLE001 (the process ends here, whatever it was)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int, life: Life) -> dict[str, object]:
    """Wait for a child's end, and strike at the moment that was chosen."""
    began = time.monotonic()
    strike_after_ms = life.killed_after_ms
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        lived = time.monotonic() - began
        if strike_after_ms is not None and lived * 1_000 >= strike_after_ms:
            strike_after_ms = None
            strike(who=life.killed, process=child, cluster=cluster_of(life.root))  # type: ignore[arg-type]  # from JSON
        if lived > LIFE_SECONDS_MAX:
            os.kill(child, signal.SIGABRT)
        time.sleep(_POLL_SECONDS)
    record = life.place / f"died-{life.number}"
    return {"status": os.waitstatus_to_exitcode(status), "died_at": _read(record)}


def _read(record: Path) -> str | None:
    return record.read_text() if record.exists() else None


if __name__ == "__main__":
    main()
